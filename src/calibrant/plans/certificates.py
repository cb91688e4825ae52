"""What is promised of a threshold, as a value: plain JSON, bound to what it was issued for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ..errors import UnusableInput
from ..files.sealed import Kind, Sealed
from ..files.writing import write
from ..maps.matching import Key, Match, Stated, matched
from ..metrics.intervals import Estimate
from ..shown import Shown, flat
from ..types import Fingerprint

__all__ = ["Certificate", "CertificateSet", "Over", "Risk"]

Risk = Literal["selective", "joint"]
"""What is kept low: P(wrong | sent), or P(wrong and sent)."""
Over = Literal["answers", "clusters"]
"""What a share is a share of: all answers, or one answer of each cluster."""

_SET_FORMAT = "calibrant/certificates"
_VERSION = 1
_SHOWN = (
    "certified", "threshold", "threshold_p", "coverage", "max_error", "delta", "risk", "labels_used", "labels_needed",
    "accepted", "wrong", "over", "together", "reason", "revoked",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Certificate(Shown, Sealed):
    """A threshold with a promise, or None with the reason why none can be given.

    The promise, for `risk="selective"`: with probability at least 1 - `delta` over the labelled answers, at most
    `max_error` of the answers with a score >= `threshold` are wrong. For `risk="joint"`: at most `max_error` of
    all answers are wrong and have a score >= `threshold`, which is another and a weaker promise. Where rows are tied
    into clusters, `over="answers"` counts every answer, `over="clusters"` one answer of each cluster, drawn at random.

    Attributes
    ----------
    by : the group that it is for, column and value
    threshold : on the scale of the scores that were given; act when score >= threshold
    threshold_p : the same threshold as a probability of the map `map_id`; None without a map
    coverage : share of answers that reach the threshold; the interval (95 %) holds whichever threshold was chosen
    labels_used : labelled answers that were given
    labels_needed : about how many more would do, or at least so many where the labels look too bad and are too few to
        exclude a threshold; None when certified, or when the labels exclude one
    reason : why it is not certified, or None
    tested, accepted, wrong : independent answers that the test used, those that reach the threshold, wrong ones of them
    issue, level : which of a series it is (None: the only one), and the part of `delta` that it spent
    scale : "score" or "probability", what `threshold` is a value of
    max_weight : the largest weight of a labelled answer; over answers in clusters, the largest total of a cluster
    over : "answers", or "clusters": what the shares are shares of; None in files of earlier versions, which counted one
        answer of each cluster
    together : groups whose promises were made to hold all at once; 1: this one holds on its own; None as above
    evidence : digest of the labelled answers
    revoked : why it holds no longer, or None

    >>> import calibrant
    >>> one = calibrant.certify([0.9] * 60 + [0.6] * 60, [True] * 60 + [True, False] * 30, max_error=0.1, delta=0.1)
    >>> one
    <Certificate: at most 0.1 wrong with a score >= 0.9, with probability 0.9; that sends 50.0 %>
    >>> calibrant.certify([0.9] * 5, [True] * 5, max_error=0.1, delta=0.1).labels_needed
    17
    """

    by: Mapping[str, str | None]
    certified: bool
    threshold: float | None
    coverage: Estimate
    max_error: float
    delta: float
    labels_used: int
    labels_needed: int | None
    method: str
    reason: str | None = None
    risk: Risk = "selective"
    scale: str = "score"
    threshold_p: float | None = None
    map_id: str | None = None
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    issue: int | None = None
    level: float = 0.0
    tested: int = 0
    accepted: int = 0
    wrong: int = 0
    start: int = 0
    max_weight: float = 1.0
    evidence: str = ""
    seed: int = 0
    over: Over | None = None
    together: int | None = None
    revoked: str | None = None

    later = ("over", "together")
    kind = Kind(
        noun="a certificate", format="calibrant/certificate", mark="certificate_id",
        made_by="Issue one with `calibrant plan thresholds LOG --max-error R --delta D --out CERTS.json`.",
    )  # fmt: skip

    @property
    def certificate_id(self) -> str:
        """16 hex digits that stand for everything in the certificate."""
        return self.content_id

    def _told(self) -> list[str]:
        name = ", ".join(f"{k} {v}" for k, v in self.by.items())
        return [f"{name}: {self._promised()}" if name else self._promised()]

    def _promised(self) -> str:
        of = "of all answers sent and wrong" if self.risk == "joint" else "wrong"
        what = f"at most {self.max_error:g} {of}"
        if not self.certified or self.threshold is None:
            return f"cannot certify {what}; {self.reason}"
        state = f"REVOKED, {self.revoked}: " if self.revoked else ""
        return (
            f"{state}{what} with a score >= {self.threshold:.6g}{self.counted}, with probability {1 - self.level:.4g}; "
            f"that sends {100 * self.coverage.value:.1f} %"
        )

    def _rows(self) -> list[dict[str, Any]]:
        told = {name: getattr(self, name) for name in _SHOWN}
        return [flat({"by": self.by, **told, "coverage": asdict(self.coverage)})]

    @property
    def counted(self) -> str:
        """How answers are counted where not every one counts for itself, as a clause; empty where each does."""
        clustered = self.over == "clusters" or (self.over is None and self.tested < self.labels_used)
        return ", one answer of each cluster counted" if clustered else ""

    @property
    def valid(self) -> bool:
        """Certified and not revoked."""
        return self.certified and self.revoked is None

    def revoke(self, why: str) -> Certificate:
        """The same certificate, holding no longer."""
        return replace(self, revoked=why)

    def bound_to(self, by: Mapping[str, str | None], fingerprint: Fingerprint) -> Certificate:
        """The same certificate for a group and what its scores are scores of."""
        return replace(self, by=dict(by), fingerprint=fingerprint)

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> Certificate:
        known = {one.name for one in fields(cls)}
        return cls(
            **{name: value for name, value in data.items() if name in known}
            | {"coverage": Estimate(**data["coverage"]), "fingerprint": Fingerprint(**data["fingerprint"])}
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class CertificateSet(Shown):
    """The certificates of a file: one per group of the columns `by`.

    >>> import calibrant
    >>> one = calibrant.certify([0.9] * 100, [True] * 100, max_error=0.1, delta=0.1, by={"task": "law"})
    >>> kept = CertificateSet(by=("task",), certificates=(one,))
    >>> CertificateSet.from_json(kept.to_json()) == kept, kept.certificates[0].threshold
    (True, 0.9)
    """

    by: tuple[str, ...]
    certificates: tuple[Certificate, ...]

    @cached_property
    def _index(self) -> dict[Key, Certificate]:
        return {self.key(c): c for c in self.certificates}

    def _told(self) -> list[str]:
        parted = f" by {', '.join(self.by)}" if self.by else ""
        valid = sum(one.valid for one in self.certificates)
        return [
            f"{valid} of {len(self.certificates)} thresholds certified{parted}",
            *(line for one in self.certificates for line in one._told()),
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [row for one in self.certificates for row in one._rows()]

    def key(self, one: Certificate) -> Key:
        """The values of a certificate's group, in the order of the columns `by`."""
        return tuple(one.by.get(name) for name in self.by)

    def find(self, values: Iterable[Any]) -> Certificate | None:
        """The certificate of a group, by the values of the columns `by`."""
        return self._index.get(tuple(None if v is None else str(v) for v in values))

    def match(self, stated: Stated) -> Match[Certificate]:
        """The certificate for such scores, by the rule by which maps are found; or None and why there is none."""
        return matched(
            "certificate", self.by, self._index, stated, lambda one: one.fingerprint.differences(stated)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "format": _SET_FORMAT, "version": _VERSION, "by": list(self.by),
            "certificates": [c.to_dict() for c in self.certificates],
        }  # fmt: skip

    def to_json(self) -> str:
        """The set as JSON text; `from_json` gives an equal one."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | Mapping[str, Any]) -> CertificateSet:
        """Read JSON text, or what was decoded; a single certificate is a set of one."""
        data = json.loads(text) if isinstance(text, str) else text
        if data.get("format") == Certificate.kind.format:
            one = Certificate.from_json(data)
            return cls(by=tuple(one.by), certificates=(one,))
        if data.get("format") != _SET_FORMAT or data.get("version") != _VERSION:
            raise UnusableInput(
                "Expected a file written by `calibrant plan thresholds LOG --out CERTS.json`."
            )
        return cls(
            by=tuple(data["by"]),
            certificates=tuple(Certificate.from_json(entry) for entry in data["certificates"]),
        )

    @classmethod
    def load(cls, path: str | Path) -> CertificateSet:
        """Read a file of certificates."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, UnusableInput):
                raise
            raise UnusableInput(
                f"{path} cannot be read as certificates ({error}). Make one with "
                f"`calibrant plan thresholds LOG --max-error R --delta D --out {path}`."
            ) from error

    def save(self, path: str | Path) -> None:
        """Write the set to a file."""
        write(path, self.to_json() + "\n")
