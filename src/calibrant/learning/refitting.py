"""Maps fitted anew on a store's verdicts, as challengers of those in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import UnusableInput
from ..fits.forgetting import ForgettingPlatt
from ..fits.groups import LabelledGroups, fit_groups
from ..fitted import FOLDS, cross_fitted, scores_of
from ..maps.calibration import CalibrationMap
from ..maps.track_record import TrackRecord
from ..monitors.calibration import Monitor
from ..monitors.shifts import Kind, kind_of
from ..phrasing.numbers import several
from ..plugins import find, names
from ..protocols import Store
from ..releases.release import Release
from ..tally import Floats, Tally
from ..types import Event, Fingerprint, digest
from ..types.asked import merged
from .labels import Label, labelled, none_of
from .places import Place, placed, stated_of
from .proposals import LEAST_OF, PROPOSAL, Proposal, Way
from .testing import ALPHA, largest

__all__ = ["LEAST", "Refit", "RefitGroup", "refit"]

LEAST = 20
"""Labels without which nothing is proposed."""

FEW_AUDITS = 10
"""Labels drawn from all answers alike below which it is said that little could contradict a map."""

FORGETTING, LOWEST = "forgetting_platt", "least"
_NOT_ALONE = ("blend", "temperature")


@dataclass(frozen=True, kw_only=True)
class RefitGroup:
    """The labels of a place, and what was proposed for it; or `why` nothing was. `notes` are sentences."""

    place: Place
    labels: int
    audits: int
    shift: Kind = "unknown"
    alarm: bool = False
    proposals: tuple[Proposal, ...] = ()
    why: str | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "place": str(self.place), "task": self.place.way, "group": self.place.group, "labels": self.labels,
            "audits": self.audits, "shift": self.shift, "alarm": self.alarm,
            "proposals": [one.told() for one in self.proposals], "why": self.why, "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Refit:
    """What came of fitting anew: by place, and the judged answers that taught nothing, by the reason."""

    release: str
    through: int
    groups: tuple[RefitGroup, ...]
    left: Mapping[str, int]

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """Those of all places."""
        return tuple(one for group in self.groups for one in group.proposals)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "release": self.release, "through": self.through, "left": dict(self.left),
            "groups": [group.to_dict() for group in self.groups],
        }  # fmt: skip


def refit(
    store: Store,
    release: Release,
    *,
    task: str | None = None,
    domain: str | None = None,
    alpha: float = ALPHA,
) -> Refit:
    """Fit the maps of a release anew on the labels of a store, each verdict counting 1 / propensity.

    For each place up to three challengers come of it: the calibrator of the map in force on all labels, Platt scaling
    that forgets, and, where the monitor finds that the map's claims have ceased to be true, the calibrator on the
    labels since. They share `alpha`. A place where no answer was drawn from all alike gets none: nothing could
    contradict a map there. Only those of a `task` or a `domain`, where given, are proposed; the others' labels are
    still borrowed from, where the calibrator does so.

    Nothing is written: add `proposal.event(time)` of those that are to stand for promotion to the store.

    Raises `StoreError`, and `UnusableInput` where the store holds no label at all.
    """
    labels, left, through = labelled(store)
    if not labels:
        told = "; ".join(f"{n:,} x {why}" for why, n in left.items()) or "nobody has judged an answer"
        raise UnusableInput(
            f"The store holds no verdict that a map could be fitted on: {told}. Have answers drawn and judged: "
            "calibrant learn queue STORE, or the page /review of calibrant serve. Where whoever judges sees all, "
            "or a known share of them, say so in the configuration: [feedback.sources.NAME] propensity = 1.0, and send "
            '"source": "NAME" with a key whose role is reviewer.'
        )
    counted, known = Counter(left), _fitted_until(store)
    places: dict[Place, _Rows] = {}
    for label in labels:
        found = placed(release, label.answer)
        if isinstance(found, str):
            counted[found] += 1
            continue
        place, champion = found
        until = (
            None
            if champion is None
            else max((known[id] for id in _parts_of(champion) if id in known), default=None)
        )
        places.setdefault(place, _Rows(place, champion, until)).labels.append(label)
    wanted = [rows for rows in places.values() if any(_is_of(one, task, domain) for one in rows.labels)]
    if not wanted:
        raise UnusableInput(none_of(labels, task, domain, counted))
    fitting = _Fitting(release, tuple(places.values()), through, alpha)
    return Refit(
        release=release.release_id, through=through, left=dict(counted),
        groups=tuple(sorted((fitting.group(rows) for rows in wanted), key=lambda one: str(one.place))),
    )  # fmt: skip


def _is_of(label: Label, task: str | None, domain: str | None) -> bool:
    return task in (None, label.answer.task) and domain in (None, label.answer.domain)


@dataclass
class _Rows:
    """The labels of a place in the order in which they came, and the map in force there.

    `until` is the time of the last verdict that this was fitted on, None where it does not come from this store.
    """

    place: Place
    champion: CalibrationMap | None
    until: float | None
    labels: list[Label] = field(default_factory=list)

    @cached_property
    def scores(self) -> Floats:
        return np.array([float(one.answer.score or 0.0) for one in self.labels])

    @cached_property
    def grades(self) -> Floats:
        return np.array([one.verdict.grade for one in self.labels])

    @cached_property
    def weights(self) -> Floats:
        return np.array([one.weight for one in self.labels])

    @cached_property
    def items(self) -> Any:
        return np.array([one.answer.item for one in self.labels])

    @cached_property
    def claims(self) -> Floats:
        """What the map in force says of each, the score itself where there is none."""
        return self.scores if self.champion is None else self.champion(self.scores)

    @property
    def audits(self) -> int:
        return sum(one.audit for one in self.labels)

    def tally(self, since: int = 0) -> Tally:
        rows = slice(since, None)
        return Tally.of(self.scores[rows], self.grades[rows], self.weights[rows], self.items[rows])

    @cached_property
    def constants(self) -> dict[str, str]:
        """What all of them state alike."""
        told = [stated_of(one.answer) for one in self.labels]
        alike = {n: v for n, v in told[0].items() if v is not None and all(one.get(n) == v for one in told)}
        asked = merged({one.answer.asked_with for one in self.labels})
        return {n: v for n, v in alike.items() if n != "asked_with"} | (
            {"asked_with": asked} if asked else {}
        )

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """That of the map in force, bound to the place's own group; else what the answers state alike."""
        own = {n: v for n, v in self.place.group.items() if n in Fingerprint.__slots__}
        if self.champion is None:
            return Fingerprint.of({**self.constants, **own})
        return Fingerprint.of({**self.champion.fingerprint.stated, **own})

    @cached_property
    def changed(self) -> tuple[bool, int | None, Kind]:
        """Whether the claims have ceased to be true, since which label, and what has changed."""
        if self.champion is None:
            return False, None, "unknown"
        monitor, seen, first = Monitor(), set[str](), list[int]()
        for i, (p, y, item) in enumerate(
            zip(self.claims.tolist(), self.grades.tolist(), self.items, strict=True)
        ):
            if item not in seen:
                seen.add(item)
                first.append(i)
                monitor.update(p, y)
        change = monitor.change_point
        kind = kind_of(self.claims[first], self.grades[first], change)
        return monitor.alarm, None if change is None else first[min(change, len(first) - 1)], kind


@dataclass(frozen=True)
class _Fitting:
    """All places of a release whose maps are fitted anew together."""

    release: Release
    places: tuple[_Rows, ...]
    through: int
    alpha: float

    def group(self, rows: _Rows) -> RefitGroup:
        """What is proposed for a place, and what is to be said of it."""
        alarm, change, shift = rows.changed
        told: dict[str, Any] = {
            "place": rows.place, "labels": len(rows.labels), "audits": rows.audits, "shift": shift, "alarm": alarm,
        }  # fmt: skip
        if (why := _lack(rows)) is not None:
            return RefitGroup(**told, why=why)
        made: dict[Way, tuple[CalibrationMap, int]] = {"refit": (self._refitted(rows), 0)}
        made["forgetting"] = (_forgetting(rows, _calibrator_of(rows.champion)), 0)
        if change and len(rows.labels) - change >= LEAST:
            calibrator = _calibrator_of(rows.champion)
            made["since_change"] = (_fitted_alone(rows, calibrator, change), change)
        kept = {way: pair for way, pair in made.items() if not _same(pair[0], rows.champion)}
        proposals = tuple(self._proposal(rows, way, *pair, of=len(kept)) for way, pair in kept.items())
        why = None if proposals else "what is fitted anew is the map in force"
        return RefitGroup(**told, proposals=proposals, why=why, notes=tuple(_notes(rows, made)))

    def _refitted(self, rows: _Rows) -> CalibrationMap:
        """By the calibrator in force, with the other places of its way where it fits groups together."""
        calibrator = _calibrator_of(rows.champion, together=len(rows.place.by) > 0)
        kind = find("calibrators", calibrator)()
        beside = [
            one for one in self.places if (one.place.way, one.place.by) == (rows.place.way, rows.place.by)
        ]
        if not hasattr(kind, "fit_groups") or len(beside) < 2:
            return _fitted_alone(rows, calibrator)
        together = LabelledGroups(
            by=rows.place.by, tallies={one.place.key: one.tally() for one in beside},
            constants={one.place.key: one.constants for one in beside},
        )  # fmt: skip
        made = fit_groups(together, kind).maps[rows.place.key]
        return _bound(rows, made, cross_fitted(rows.tally(), "auto", _parts(rows)), rows.tally())

    def _proposal(self, rows: _Rows, way: Way, made: CalibrationMap, since: int, *, of: int) -> Proposal:
        labels, tally = rows.labels[since:], rows.tally(since)
        alarm, change, shift = rows.changed
        before = rows.claims
        loss, gain = largest(before, made(rows.scores), 1 / rows.weights)
        told = [
            [one.verdict.id, float(one.answer.score or 0.0), one.verdict.grade, one.weight] for one in labels
        ]
        times = [one.verdict.time for one in labels]
        return Proposal(
            place=rows.place, way=way, champion=rows.champion, challenger=made, release=self.release.release_id,
            others=tuple(sorted(self.release.tasks)), labels=len(labels), n_eff=tally.n_eff,
            audits=sum(one.audit for one in labels), first=min(times), last=max(times), through=self.through,
            data=digest(told)[:16], shift=shift, alarm=alarm,
            since=None if change is None else rows.labels[change].answer.time, loss=loss, gain=gain,
            alpha=self.alpha / of,
        )  # fmt: skip


def _parts_of(champion: CalibrationMap) -> tuple[str, ...]:
    """Its id, and of the lowest of maps theirs."""
    return champion.map_id, *champion.statistics.get(LEAST_OF, ())


def _fitted_until(store: Store) -> dict[str, float]:
    """Of the maps that were proposed in a store the time of the last verdict that they were fitted on."""
    found: dict[str, float] = {}
    for entry in store.events(PROPOSAL):
        if isinstance(entry.fact, Event):
            made, last = entry.fact.data.get("challenger", {}), entry.fact.data.get("last")
            if isinstance(last, int | float):
                found[str(made.get("map_id"))] = float(last)
    return found


def _lack(rows: _Rows) -> str | None:
    if not rows.audits:
        return (
            "no answer here was drawn from all alike (an audit), so that nothing could contradict a map: those that no "
            "rule doubts are never judged. Draw some: [review] audit_share, or calibrant learn queue STORE"
        )
    if len(rows.labels) < LEAST:
        return f"{several(LEAST - len(rows.labels), 'more label')} needed, {LEAST} are the least for a map"
    return None


def _notes(rows: _Rows, made: Mapping[Way, Any]) -> list[str]:
    alarm, change, shift = rows.changed
    told = []
    if rows.audits < FEW_AUDITS:
        told.append(
            f"Only {several(rows.audits, 'label')} of {len(rows.labels)} were drawn from all answers alike: little "
            "could contradict a map where no rule doubts."
        )
    since = "" if change is None else f" since label {change:,}"
    if shift == "concept":
        more = ", one of them on the labels since" if "since_change" in made else ""
        told.append(
            f"Concept shift{since}: answers of the same confidence are right at another rate than before. Challengers "
            f"were fitted{more}; until one is found better the lower of both can be put in force."
        )
    elif shift == "covariate" and alarm:
        told.append(
            f"Covariate shift{since}: other answers come, and the map in force was wrong there before. Challengers "
            "were fitted on all labels, which now reach there."
        )
    elif shift == "covariate":
        told.append(
            "Covariate shift: other answers come, of which each confidence means what it meant. The map in force need "
            "not be replaced; the challengers are its refits."
        )
    elif alarm:
        told.append(f"The claims have ceased to be true{since}; too few labels to tell what has changed.")
    return told


def _calibrator_of(champion: CalibrationMap | None, *, together: bool = False) -> str:
    """The name by which a map is fitted again: its own, or the one that it took the place of."""
    if champion is None:
        return "pooled" if together else "auto"
    name = str(champion.statistics.get("refit_as", champion.calibrator))
    return name if name in names("calibrators") and name not in _NOT_ALONE else "auto"


def _fitted_alone(rows: _Rows, calibrator: str, since: int = 0) -> CalibrationMap:
    tally = rows.tally(since)
    made: CalibrationMap = find("calibrators", calibrator)().fit(tally)
    return _bound(rows, made, cross_fitted(tally, calibrator, _parts(rows, since)), tally)


def _forgetting(rows: _Rows, refit_as: str) -> CalibrationMap:
    """By one pass over the labels; its track record is of each label before it was learnt from."""
    line, ahead = ForgettingPlatt(), np.empty(len(rows.scores))
    even = rows.weights / rows.weights.mean()
    for i, (score, grade, weight) in enumerate(
        zip(rows.scores.tolist(), rows.grades.tolist(), even.tolist(), strict=True)
    ):
        ahead[i] = line(score)
        line.update(score, grade, weight)
    tally = rows.tally()
    made = CalibrationMap.of(
        FORGETTING, line.curve(len(rows.scores) / tally.n_eff), tally, lam=line.lam, refit_as=refit_as
    )
    late = slice(len(ahead) // 5, None)  # the first fifth finds the line
    return _bound(
        rows, made, Tally.of(ahead[late], rows.grades[late], rows.weights[late], rows.items[late]), tally
    )


def _bound(rows: _Rows, made: CalibrationMap, after: Tally | None, tally: Tally) -> CalibrationMap:
    told = {
        "before": scores_of(tally),
        "after": after and scores_of(after),
        "track_record": after and TrackRecord.of(after).to_dict(),
    }
    bound = made.with_fingerprint(rows.fingerprint, **told)
    unit = None if rows.champion is None else rows.champion.unit
    return bound if unit is None else bound.with_unit(unit)


def _parts(rows: _Rows, since: int = 0) -> Sequence[Tally]:
    """The labels in five parts, answers to one item kept together."""
    code = np.unique(rows.items[since:], return_inverse=True)[1].ravel()
    fold = (np.random.default_rng(0).permutation(int(code.max(initial=0)) + 1) % FOLDS)[code]
    c, y, w, ids = (v[since:] for v in (rows.scores, rows.grades, rows.weights, rows.items))
    return [Tally.of(c[fold == f], y[fold == f], w[fold == f], ids[fold == f]) for f in np.unique(fold)]


def _same(made: CalibrationMap, champion: CalibrationMap | None) -> bool:
    """Whether it says what the map in force says of every score."""
    grid = np.linspace(0, 1, 101)
    return champion is not None and bool(np.array_equal(made(grid), champion(grid)))
