"""Thresholds with a promise for the groups of a log, and whether those promises still hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import UnusableInput
from ..guarantees.certifying import certify
from ..guarantees.revoking import RiskWatch
from ..logs.doubts import tells_the_verdict
from ..logs.keys import Key
from ..logs.rows import GroupRows, Rows, read_rows
from ..maps.calibration import CalibrationMap, MapSet
from ..phrasing.numbers import percent
from ..plans.certificates import Certificate, CertificateSet, Risk
from ..shown import Shown
from ..tally import Tally
from ..types import Fingerprint

__all__ = ["Checked", "ThresholdCheck", "ThresholdPlan", "check_certificates", "plan_thresholds"]


@dataclass(frozen=True, kw_only=True, repr=False)
class ThresholdPlan(Shown):
    """The certificates of a log's groups, what was read of it, and each group's tally for a chart.

    `carried` are groups of a series without a usable row here: their certificates are those of before, unchanged.
    """

    rows: Rows
    certificates: CertificateSet
    tallies: Mapping[Key, Tally]
    notes: tuple[str, ...]
    carried: frozenset[Key] = frozenset()

    def _told(self) -> Sequence[str]:
        return self.certificates._told()

    def _rows(self) -> list[dict[str, Any]]:
        return [row | {"carried": c} for one, c in self.told() for row in one._rows()]

    def told(self) -> list[tuple[Certificate, bool]]:
        """The certificates in the order of their groups, and whether each was carried over."""
        made = self.certificates
        return [(one, made.key(one) in self.carried) for one in made.certificates]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "source": self.rows.source, "rows": self.rows.rows, "used": self.rows.used,
            "unusable": self.rows.unusable, "notes": list(self.notes),
            "groups": [{**one.to_dict(), "carried": carried} for one, carried in self.told()],
        }  # fmt: skip


def plan_thresholds(
    source: Any,
    *,
    max_error: float,
    delta: float,
    by: str | Sequence[str] = (),
    risk: Risk = "selective",
    simultaneous: bool = False,
    renewable: bool = False,
    previous: CertificateSet | None = None,
    maps: MapSet | None = None,
    ordered: bool = True,
    seed: int = 0,
    **named: str | None,
) -> ThresholdPlan:
    """Certify a threshold for each group of a log.

    Parameters
    ----------
    source, by, named : as for `read_log`
    max_error, delta, risk, ordered, seed : as for `certify`
    simultaneous : bool
        Part `delta` evenly among the groups, so that all promises hold together; else each holds on its own.
    renewable : bool
        The first of a series of certificates that is to hold together, whatever its length.
    previous : CertificateSet, optional
        The certificates that these replace; each takes the next place in its series. Those of groups without a usable
        row are carried over as they are, and groups that are new begin at the first place.
    maps : MapSet, optional
        Fitted on EARLIER labels; see `certify`.

    Raises
    ------
    ColumnNotFound, UnusableInput
        As `read_rows`; previous certificates of other columns, or of another `max_error`, `delta` or risk; a map that
        was fitted on these labels.
    """
    read, maps = read_rows(source, by=by, **named), getattr(maps, "maps", maps)
    by = read.roles.by
    _refuse_given_away(read)
    if previous is not None and previous.by != by:
        raise UnusableInput(
            f"The previous certificates are by {', '.join(previous.by) or 'nothing'}, not by "
            f"{', '.join(by) or 'nothing'}. Give the same --by."
        )
    before = {} if previous is None else {previous.key(one): one for one in previous.certificates}
    keys = sorted({*read.groups, *read.empty, *before}, key=str)
    share = delta / len(keys) if simultaneous else delta
    if previous is not None:
        _check_terms(before, keys, by, max_error=max_error, delta=delta, share=share, risk=risk)
    notes, made, tallies, carried = [*read.notes], [], {}, set()
    for key in keys:
        last, group = before.get(key), read.groups.get(key)
        if last is not None and group is None:
            made.append(last)
            carried.add(key)
            continue
        issue, lack = _place(key, last, series=renewable or previous is not None)
        notes += [lack] if lack else []
        settings: dict[str, Any] = {
            "max_error": max_error, "delta": share, "risk": risk, "ordered": ordered, "issue": issue, "seed": seed,
        }  # fmt: skip
        if group is None:
            made.append(_unlabelled(read, key, settings))
            continue
        found, lack = (None, None) if maps is None else _map_for(maps, by, key, group)
        notes += [lack] if lack else []
        made.append(_certified(read, key, group, found, settings))
        tallies[key] = Tally.of(group.scores, group.grades, group.weights)
    if len(made) > 1:
        notes.append(_together(len(made), delta, share, simultaneous=simultaneous))
    return ThresholdPlan(
        rows=read, certificates=CertificateSet(by=by, certificates=tuple(made)), tallies=tallies,
        notes=tuple(dict.fromkeys(notes)), carried=frozenset(carried),
    )  # fmt: skip


def _refuse_given_away(read: Rows) -> None:
    """Refuse to promise anything of a score that is the grader's own, on rows enough for that to be no chance."""
    for key, group in read.groups.items():
        tally = Tally.of(group.scores, group.grades, group.weights)
        why = tells_the_verdict(tally)
        if why and (tally.rows >= 100 or tally.rows >= 5 * len(tally.score)):
            where = f" of {', '.join(map(str, key))}" if key else ""
            raise UnusableInput(
                f"The scores{where} in {read.roles.confidence!r} tell right from wrong without one mistake: {why}. "
                "They look like the grader's own, and a threshold on them would promise nothing of new answers. Name "
                "what the model was sure of with --confidence, or the verdict with --correct."
            )


def _check_terms(
    before: Mapping[Key, Certificate], keys: Sequence[Key], by: Sequence[str], *, max_error: float, delta: float,
    share: float, risk: Risk,
) -> None:  # fmt: skip
    """Refuse to go on with a series on other terms: its parts would not add up to one delta."""
    for key, one in before.items():
        if one.max_error == max_error and one.risk == risk and math.isclose(one.delta, share):
            continue
        parted = "" if share == delta else f" parted among {len(keys)} groups"
        groups = f" --by {','.join(by)}" if by else ""
        joint = " --risk joint" if risk == "joint" else ""
        raise UnusableInput(
            f"The previous certificate{_of(key)} promises at most {one.max_error:g} wrong ({one.risk} risk) with delta "
            f"{one.delta:.4g}; asked is {max_error:g} ({risk} risk) with delta {delta:g}{parted}. A series keeps its "
            "terms and, with --simultaneous, its groups: give the same, or start a new one with `calibrant plan "
            f"thresholds LOG --max-error {max_error:g} --delta {delta:g}{joint}{groups}"
            f"{'' if share == delta else ' --simultaneous'} --renewable --out CERTS.json`."
        )


def _place(key: Key, last: Certificate | None, *, series: bool) -> tuple[int | None, str | None]:
    """The next place of a group in its series (None: it is none), and what must be said of it."""
    if last is None:
        return (1 if series else None), None
    if not last.tested:  # nothing was tested, so nothing was spent
        return last.issue or 1, None
    return (last.issue or 1) + 1, None if last.issue is not None else _alone(key)


def _unlabelled(read: Rows, key: Key, settings: Mapping[str, Any]) -> Certificate:
    """What is said of a group of which no row can be used."""
    rows = GroupRows(
        scores=np.zeros(0), grades=np.zeros(0), weights=None, clusters=None, time=None, constants={}
    )
    made = _certified(read, key, rows, None, settings)
    why = "; ".join(f"{n:,} x {reason}" for reason, n in read.empty[key].items())
    return replace(made, reason=f"{made.reason} (no row can be used: {why})")


def _certified(
    read: Rows, key: Key, group: GroupRows, found: CalibrationMap | None, settings: Mapping[str, Any]
) -> Certificate:
    group_by = dict(zip(read.roles.by, key, strict=True))
    mark = Fingerprint.of({**group.constants, **group_by})
    made = certify(
        group.scores, group.grades, weight=group.weights, cluster=group.clusters, prior_map=found,
        by=group_by, fingerprint=None, **settings,
    )  # fmt: skip
    made = made.bound_to(group_by, mark)
    map_id = group.constants.get("map_id")
    if found is None and (read.roles.confidence == "calibrated" or (read.roles.confidence == "p" and map_id)):
        made = replace(made, scale="probability", map_id=map_id)  # of the map that `apply` took
    return made


def _map_for(
    maps: MapSet, by: Sequence[str], key: Key, group: GroupRows
) -> tuple[CalibrationMap | None, str | None]:
    """The map for a group's scores, or None and a note; only what the log states is compared."""
    values = {**group.constants, **dict(zip(by, key, strict=True))}
    absent = [name for name in maps.by if name not in values]
    where = ", ".join(str(v) for v in key) or "the log"
    if absent:
        raise UnusableInput(
            f"The maps are by {', '.join(maps.by)}, and {where} holds no single {', '.join(absent)}. Part the log "
            f"with --by {','.join(dict.fromkeys([*by, *absent]))}."
        )
    match = maps.match(values)
    if match.refused:
        raise UnusableInput(f"The scores of {where} are not what their map was fitted on: {match.reason}.")
    if match.found is None:
        return None, f"No map for {where}: certified on the scores as they are, without a map."
    if several := _mixed(match.found.fingerprint, group):
        raise UnusableInput(f"Map {match.found.map_id} does not fit {where}: it is {several}.")
    if match.stand_in:
        return match.found, f"There is no map for exactly {where}; the one for {match.stand_in} stood in."
    return match.found, None


def _mixed(fingerprint: Fingerprint, group: GroupRows) -> str | None:
    """What is stated on this side alone and the log mixes."""
    for name in sorted(group.mixed):
        if (only := getattr(fingerprint, name, None)) is not None:
            return f"for the {name} {only} alone, and the log mixes several: keep its rows only"
    return None


def _of(key: Key) -> str:
    return f" of {', '.join(str(v) for v in key)}" if key else ""


def _alone(key: Key) -> str:
    where = ", ".join(str(v) for v in key) or "the log"
    return (
        f"The first certificate for {where} was issued alone, with all of delta: the series from it on holds "
        "together with 1 - 1.40 delta. Issue the first with --renewable to keep the whole series within delta."
    )


def _together(groups: int, delta: float, share: float, *, simultaneous: bool) -> str:
    if simultaneous:
        return f"All {groups} promises hold together with probability {1 - delta:g}: each was given delta {share:.4g}."
    return (
        f"Each of the {groups} promises holds on its own with probability {1 - delta:g}; that all hold together is "
        "not promised. Use --simultaneous for that."
    )


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What later verdicts say of a certificate: the watch after them, or None and the reason why none was made."""

    certificate: Certificate
    watch: RiskWatch | None
    error: float | None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        watch = self.watch
        return {
            "by": dict(self.certificate.by), "certificate_id": self.certificate.certificate_id,
            "threshold": self.certificate.threshold, "max_error": self.certificate.max_error,
            "revoked": self.certificate.revoked is not None, "why": self.certificate.revoked,
            "accepted": 0 if watch is None else watch.answers, "error": self.error,
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
    certificates: CertificateSet, source: Any, *, alpha: float = 0.05, **named: str | None
) -> ThresholdCheck:
    """Run the revocation test on labelled rows that came after the certificates.

    Give all of them each time: `alpha` bounds false revocations over one growing log, not over logs that start anew.
    Rows count in the order of their column `time` where there is one (see `calibrant.logs.times`), and then the
    evidence may cross 1 / `alpha` at any time; without one their order is taken to mean nothing, and only the evidence
    after all rows counts.
    """
    read = read_rows(source, by=certificates.by, **named)
    if read.disordered:
        raise UnusableInput(
            f"{read.disordered}. A promise is judged on answers in the order in which they came. Write the times in "
            "one of these ways, or leave that column out of the log: then only the evidence after all rows counts."
        )
    notes = [*read.notes]
    if any(group.time is None for group in read.groups.values()):
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
    if group.time is not None:
        sent = sent[np.argsort(group.time[sent], kind="stable")]
    right = np.where(reached[sent], group.grades[sent], 1.0)  # what is kept back is not sent and wrong
    weight = None if group.weights is None else group.weights[sent]
    cap = max(one.max_weight, 1.0 if weight is None else float(weight.max(initial=1.0)))
    watch = RiskWatch(max_error=one.max_error, alpha=alpha, max_weight=cap)
    watch = watch.after(right, weight, None if group.clusters is None else group.clusters[sent])
    refuted = watch.revoked if group.time is not None else watch.e_value >= 1 / alpha
    error = float(np.average(1 - right, weights=weight)) if len(right) else None
    why = (
        f"e-value {watch.e_value:.3g} on {len(right)} later answers, {percent(error or 0.0, 1)} of them wrong"
    )
    return Checked(certificate=one.revoke(why) if refuted else one, watch=watch, error=error)


def _unwatched(one: Certificate, group: GroupRows | None) -> str | None:
    if not one.certified:
        return "nothing was certified"
    if one.revoked:
        return "revoked before"
    if group is None:
        return "no usable row of its group in the log"
    if several := _mixed(one.fingerprint, group):
        return f"issued {several}"
    differences = one.fingerprint.differences(group.constants)
    return f"issued for other scores: {'; '.join(differences)}" if differences else None
