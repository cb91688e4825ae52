"""Whether the promises of certificates still hold on later verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..guarantees.revoking import RiskWatch
from ..logs.rows import GroupRows, Rows, read_rows
from ..phrasing.numbers import percent
from ..plans.certificates import Certificate, CertificateSet
from ..shown import Shown
from ..tally import Floats
from .thresholds import mixed

__all__ = ["Checked", "ThresholdCheck", "check_certificates"]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What later verdicts say of a certificate: the watch after them, or None and the reason why none was made.

    `error` is the share wrong of the `sent` answers; the watch counts each cluster once.
    """

    certificate: Certificate
    watch: RiskWatch | None
    error: float | None
    sent: int = 0
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        watch = self.watch
        return {
            "by": dict(self.certificate.by), "certificate_id": self.certificate.certificate_id,
            "threshold": self.certificate.threshold, "max_error": self.certificate.max_error,
            "revoked": self.certificate.revoked is not None, "why": self.certificate.revoked,
            "accepted": self.sent, "error": self.error,
            "e_value": None if watch is None else watch.e_value, "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, repr=False)
class ThresholdCheck(Shown):
    """The certificates after later verdicts, those that are refuted revoked."""

    rows: Rows
    groups: tuple[Checked, ...]
    notes: tuple[str, ...]
    certificates: CertificateSet

    def _told(self) -> Sequence[str]:
        return self.certificates._told()

    def _rows(self) -> list[dict[str, Any]]:
        return [row | {"error": one.error} for one in self.groups for row in one.certificate._rows()]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "source": self.rows.source, "rows": self.rows.rows, "used": self.rows.used,
            "unusable": self.rows.unusable, "notes": list(self.notes),
            "groups": [g.to_dict() for g in self.groups],
        }  # fmt: skip


def check_certificates(
    certificates: CertificateSet, source: Any, *, alpha: float = 0.05, **named: Any
) -> ThresholdCheck:
    """Run the revocation test on labelled rows that came after the certificates.

    Give all of them each time: `alpha` bounds false revocations over one growing log, not over logs that start anew.
    Rows count in the order of their column of times where there is one (see `calibrant.logs.times`), or of one named by
    `time`, and then the
    evidence may cross 1 / `alpha` at any time; without one their order is taken to mean nothing, and only the evidence
    after all rows counts.
    """
    read = read_rows(source, by=certificates.by, **named)
    if read.disordered:
        raise UnusableInput(
            f"{read.disordered}. A promise is judged on answers in the order in which they came. Write the times in "
            "one of these ways, or take rows without an order, so that only the evidence after all of them counts: "
            "--time none."
        )
    notes = [*read.notes]
    if not all(group.ordered for group in read.groups.values()):
        notes.append("Without a usable column of times only the evidence after all rows counts.")
    done = tuple(
        _checked(one, read.groups.get(certificates.key(one)), alpha) for one in certificates.certificates
    )
    known = {certificates.key(one) for one in certificates.certificates}
    for key in sorted(set(read.groups) - known, key=str):
        notes.append(f"No certificate for {', '.join(map(str, key))}: its rows say nothing here.")
    return ThresholdCheck(
        rows=read, groups=done, notes=tuple(notes),
        certificates=CertificateSet(by=certificates.by, certificates=tuple(g.certificate for g in done)),
    )  # fmt: skip


def _checked(one: Certificate, group: GroupRows | None, alpha: float) -> Checked:
    lack = _unwatched(one, group)
    if lack or group is None or one.threshold is None:
        return Checked(certificate=one, watch=None, error=None, reason=lack)
    reached = group.scores >= one.threshold
    sent = np.flatnonzero(reached | (one.risk == "joint"))
    if group.ordered and group.time is not None:
        sent = sent[np.argsort(group.time[sent], kind="stable")]
    right = np.where(reached[sent], group.grades[sent], 1.0)  # what is kept back is not sent and wrong
    weight = None if group.weights is None else group.weights[sent]
    clusters = None if group.clusters is None else group.clusters[sent]
    if clusters is not None and one.over == "answers":
        units = _units(right, weight, clusters)
        cap = max(one.max_weight, float(units[1].max(initial=1.0)))
        watch = RiskWatch(max_error=one.max_error, alpha=alpha, max_weight=cap).after(*units)
    else:
        cap = max(one.max_weight, 1.0 if weight is None else float(weight.max(initial=1.0)))
        watch = RiskWatch(max_error=one.max_error, alpha=alpha, max_weight=cap).after(right, weight, clusters)
    refuted = watch.revoked if group.ordered else watch.e_value >= 1 / alpha
    error = float(np.average(1 - right, weights=weight)) if len(right) else None
    why = (
        f"e-value {watch.e_value:.3g} on {len(right)} later answers, {percent(error or 0.0, 1)} of them wrong"
    )
    return Checked(certificate=one.revoke(why) if refuted else one, watch=watch, error=error, sent=len(right))


def _units(right: Floats, weight: Floats | None, clusters: NDArray[Any]) -> tuple[Floats, Floats]:
    """Each cluster as one answer, in the order of their first: its mean grade, and the sum of its weights."""
    _, first, code = np.unique(clusters.astype(str), return_index=True, return_inverse=True)
    each = np.ones(len(right)) if weight is None else weight
    total: Floats = np.bincount(code, each).astype(np.float64)
    order = np.argsort(first)
    return (np.bincount(code, each * right) / total)[order], total[order]


def _unwatched(one: Certificate, group: GroupRows | None) -> str | None:
    if not one.certified:
        return "nothing was certified"
    if one.revoked:
        return "revoked before"
    if group is None:
        return "no usable row of its group in the log"
    if several := mixed(one.fingerprint, group):
        return f"issued {several}"
    differences = one.fingerprint.differences(group.constants)
    return f"issued for other scores: {'; '.join(differences)}" if differences else None
