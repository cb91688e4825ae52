"""Thresholds with a promise for the groups of a log."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import UnusableInput
from ..guarantees.certifying import certify
from ..guarantees.jointly import jointly
from ..logs.doubts import tells_the_verdict
from ..logs.keys import Key
from ..logs.rows import GroupRows, Rows, read_rows
from ..maps.calibration import CalibrationMap, MapSet
from ..plans.certificates import Certificate, CertificateSet, Over, Risk
from ..shown import Shown
from ..tally import Tally
from ..types import Fingerprint

__all__ = ["ThresholdPlan", "mixed", "plan_thresholds"]


@dataclass(frozen=True, kw_only=True, repr=False)
class ThresholdPlan(Shown):
    """The certificates of a log's groups, what was read of it, and each group's tally for a chart.

    `carried` are groups of a series without a usable row here: their certificates are those of before, unchanged.
    `simultaneous`: all promises hold together with probability 1 - `delta`; else each does on its own.
    """

    rows: Rows
    certificates: CertificateSet
    tallies: Mapping[Key, Tally]
    notes: tuple[str, ...]
    carried: frozenset[Key] = frozenset()
    delta: float
    simultaneous: bool = False

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
            "together": {
                "jointly": self.simultaneous, "groups": len(self.certificates.certificates), "delta": self.delta,
            },
            "groups": [{**one.to_dict(), "carried": carried} for one, carried in self.told()],
        }  # fmt: skip


def plan_thresholds(
    source: Any,
    *,
    max_error: float,
    delta: float,
    by: str | Sequence[str] = (),
    risk: Risk = "selective",
    over: Over = "answers",
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
    max_error, delta, risk, over, ordered, seed : as for `certify`
    simultaneous : bool
        All promises hold together: `delta` is parted among the groups by Holm's rule (`jointly`), in a series evenly.
        Else each holds on its own.
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
    read = read_rows(source, by=by, counted=ordered, seed=seed, **named)
    maps = getattr(maps, "maps", maps)
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
    series = renewable or previous is not None
    terms = {"max_error": max_error, "risk": risk, "over": over, "ordered": ordered, "seed": seed}
    notes, tallies, carried = [*read.notes], {}, set()
    kept: dict[Key, Certificate] = {}
    asked: dict[Key, Callable[[float], Certificate]] = {}
    for key in keys:
        last, group = before.get(key), read.groups.get(key)
        if last is not None and group is None:
            kept[key] = last
            carried.add(key)
            continue
        issue, lack = _place(key, last, series=series)
        settings = {**terms, "issue": issue, "start_delta": share}
        found, other = (None, None) if maps is None or group is None else _map_for(maps, by, key, group)
        notes += [said for said in (lack, other) if said]
        asked[key] = partial(_issued, read, key, group, found, settings)
        if group is not None:
            tallies[key] = group.tally
    if simultaneous and not series:
        done = jointly(asked, delta)
    else:
        done = {key: one(share) for key, one in asked.items()}
    together = len(keys) if simultaneous else 1
    made = [kept[key] if key in kept else replace(done[key], together=together) for key in keys]
    notes += [said for key, group in read.groups.items() if (said := _thinned(key, group, done[key]))]
    if len(made) > 1:
        notes.append(_together(len(made), delta, simultaneous=simultaneous))
    return ThresholdPlan(
        rows=read, certificates=CertificateSet(by=by, certificates=tuple(made)), tallies=tallies,
        notes=tuple(dict.fromkeys(notes)), carried=frozenset(carried), delta=delta, simultaneous=simultaneous,
    )  # fmt: skip


def _refuse_given_away(read: Rows) -> None:
    """Refuse to promise anything of a score that is the grader's own, on rows enough for that to be no chance."""
    for key, group in read.groups.items():
        tally = group.tally
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
        parts = (
            one.issue is None and 1 < (one.together or 1) == len(keys) and share < delta
        )  # Holm's rule parts unevenly
        if one.max_error == max_error and one.risk == risk and (parts or math.isclose(one.delta, share)):
            continue
        parted = "" if share == delta else f" parted among {len(keys)} groups"
        groups = f" --by {','.join(by)}" if by else ""
        joint = " --risk joint" if risk == "joint" else ""
        raise UnusableInput(
            f"The previous certificate{_of(key)} promises at most {one.max_error:g} wrong ({one.risk} risk) with delta "
            f"{one.delta:.4g}; asked is {max_error:g} ({risk} risk) with delta {delta:g}{parted}. A series keeps its "
            "terms and, with --joint, its groups: give the same, or start a new one with `calibrant plan "
            f"thresholds LOG --max-error {max_error:g} --delta {delta:g}{joint}{groups}"
            f"{'' if share == delta else ' --joint'} --renewable --out CERTS.json`."
        )


def _place(key: Key, last: Certificate | None, *, series: bool) -> tuple[int | None, str | None]:
    """The next place of a group in its series (None: it is none), and what must be said of it."""
    if last is None:
        return (1 if series else None), None
    if not last.tested:  # nothing was tested, so nothing was spent
        return last.issue or 1, None
    return (last.issue or 1) + 1, None if last.issue is not None else _alone(key)


def _issued(
    read: Rows,
    key: Key,
    group: GroupRows | None,
    found: CalibrationMap | None,
    settings: Mapping[str, Any],
    delta: float,
) -> Certificate:
    """The certificate of a group; where no row of it can be used, one that says so."""
    if group is not None:
        return _certified(read, key, group, found, {**settings, "delta": delta})
    rows = GroupRows(
        scores=np.zeros(0), grades=np.zeros(0), weights=None, clusters=None, time=None, constants={}
    )
    made = _certified(read, key, rows, None, {**settings, "delta": delta})
    why = "; ".join(f"{n:,} x {reason}" for reason, n in read.empty[key].items())
    return replace(made, reason=f"{made.reason} (no row can be used: {why})")


def _thinned(key: Key, group: GroupRows, made: Certificate) -> str | None:
    """That most clusters could not be tested, where they are of uneven size and the promise is over answers."""
    if made.over == "clusters":
        return None
    if group.clusters is not None:
        sizes = np.unique(group.clusters.astype(str), return_counts=True)[1]
        clusters, largest = len(sizes), int(sizes.max())
    elif group.picked is not None:
        clusters, largest = group.picked.clusters, group.picked.largest
    else:
        return None
    if 2 * made.tested >= clusters:
        return None
    return (
        f"{', '.join(map(str, key)) or 'All answers'}: {made.tested:,} of {clusters:,} clusters were tested. The "
        f"promise is over answers, so each is drawn by its size, and the largest holds {largest:,} of "
        f"{made.labels_used:,} answers. --over clusters tests all, and promises one answer of each cluster only."
    )


def _certified(
    read: Rows, key: Key, group: GroupRows, found: CalibrationMap | None, settings: Mapping[str, Any]
) -> Certificate:
    group_by = dict(zip(read.roles.by, key, strict=True))
    mark = Fingerprint.of({**group.constants, **group_by})
    made = certify(
        group.scores, group.grades, weight=group.weights, cluster=group.clusters, count=group.count,
        picked=group.picked, prior_map=found, by=group_by, fingerprint=None, largest=group.largest, **settings,
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
    if several := mixed(match.found.fingerprint, group):
        raise UnusableInput(f"Map {match.found.map_id} does not fit {where}: it is {several}.")
    if match.stand_in:
        return match.found, f"There is no map for exactly {where}; the one for {match.stand_in} stood in."
    return match.found, None


def mixed(fingerprint: Fingerprint, group: GroupRows) -> str | None:
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


def _together(groups: int, delta: float, *, simultaneous: bool) -> str:
    if simultaneous:
        return f"All {groups} promises hold together with probability {1 - delta:g}."
    return (
        f"Each of the {groups} promises holds on its own with probability {1 - delta:g}; that all hold together is "
        f"not promised: up to {groups * delta:.2g} of them may be expected to fail. Use --joint for that."
    )
