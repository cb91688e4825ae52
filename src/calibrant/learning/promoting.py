"""Other maps put in force: a new release, with what was certified on the scale of the old ones issued anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import Misuse, UnusableInput
from ..maps.calibration import CalibrationMap
from ..maps.curves import Least
from ..maps.evidence import Evidence
from ..plans.certificates import Certificate
from ..protocols import Store
from ..releases.promoting import promote, promotions
from ..releases.release import Release
from ..types import Json
from .certificates import Issued, Issuing, with_certificates
from .contests import Contest, Contests
from .deployed import certificates_of
from .labels import Label
from .places import Place, placed, put, stated_of
from .proposals import LEAST_OF, Proposal
from .refitting import LOWEST

__all__ = [
    "Step",
    "best",
    "checked",
    "lowest",
    "put_in_force",
    "to_be_careful_about",
]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is put in force: the release, the proposals that it follows, and the certificates that were issued anew."""

    release: Release
    proposals: tuple[Proposal, ...]
    careful: bool
    reissued: tuple[Issued, ...] = ()

    def to_dict(self) -> Json:
        """Plain values."""
        return {
            "release": self.release.release_id, "parents": list(self.release.parents),
            "proposals": [one.id for one in self.proposals], "lowest": self.careful,
            "maps": {str(one.place): one.challenger.map_id for one in self.proposals},
            "certificates": [one.told() for one in self.reissued],
        }  # fmt: skip


def lowest(champion: CalibrationMap, challenger: CalibrationMap) -> CalibrationMap:
    """At each score the lower of both: what can be in force at once while it is open which of them holds.

    >>> import calibrant
    >>> made = [calibrant.fit([0.9, 0.6] * 40, right, "platt").map for right in ([1, 0] * 40, [1, 1, 0, 0] * 20)]
    >>> bool((lowest(*made)([0.6, 0.9]) == [min(one([s])[0] for one in made) for s in (0.6, 0.9)]).all())
    True
    """
    held = champion.evidence
    both = Evidence(
        rows=min(held.rows, challenger.evidence.rows), n_eff=min(held.n_eff, challenger.evidence.n_eff),
        accuracy=challenger.evidence.accuracy, mean_confidence=challenger.evidence.mean_confidence,
        distinct=challenger.evidence.distinct, digest=challenger.evidence.digest,
    )  # fmt: skip
    return CalibrationMap(
        calibrator=LOWEST, curve=Least(parts=(champion.curve, challenger.curve)), evidence=both,
        fingerprint=challenger.fingerprint, unit=challenger.unit,
        statistics={
            LEAST_OF: [champion.map_id, challenger.map_id],
            "refit_as": champion.statistics.get("refit_as", champion.calibrator),
        },
    )  # fmt: skip


def put_in_force(
    store: Store,
    release: Release,
    chosen: Sequence[Contest],
    *,
    note: str,
    time: float,
    careful: bool = False,
    made_at: float | None = None,
) -> Step:
    """Promote a release with the challengers of these contests; with `careful` with the lower of both maps in each.

    What was certified on the scale of a map that goes is issued anew on the labels that came after the challenger's,
    which it was not fitted on; the k-th issue for a group spends 6 / (pi k)^2 of its delta. Where that cannot be, the
    certificate says so and the policy takes the careful way. The lower of both is below the map that goes at every
    score, and for it too a certificate is issued anew. `made_at` stands in the release: two processes that
    do the same with one make one release.

    Raises `Misuse` for two challengers of one place, and where a map that is to go answers no more, and
    `UnusableInput` where somebody else promoted another release meanwhile.
    """
    proposals = tuple(one.proposal for one in chosen)
    if len({one.place for one in proposals}) < len(proposals):
        raise Misuse("Of several challengers for one place one can be promoted. Name it.")
    made, replaced = release, list[_Replaced]()
    for one in proposals:
        fitted = one.challenger
        if careful:
            if one.champion is None:
                raise Misuse(
                    f"{one.id} has no map beside it, of which the lower could be taken. Promote it: --by-hand."
                )
            fitted = lowest(one.champion, one.challenger)
        goes = _goes(release, one)
        if goes is not None:
            replaced.append(_Replaced(goes.map_id, one, fitted))
        made = put(made, one.place, fitted)
    made, reissued = _reissued(store, made, replaced) if replaced else (made, ())
    made = replace(
        made, parents=(release.release_id,), made_at=time if made_at is None else made_at, note=note,
        labels=(min(one.first for one in proposals), max(one.last for one in proposals)),
    )  # fmt: skip
    events = [one.event(made.release_id, time) for one in reissued]
    last = next(promotions(store), None)
    if last is not None and last.release_id not in (release.release_id, made.release_id):
        raise _overtaken(last.release_id)
    store.add(events)
    done = promote(store, made, note=note, time=time, after="" if last is None else last.release_id)
    if done is None and (now := next(promotions(store)).release_id) != made.release_id:
        raise _overtaken(now)
    return Step(release=made, proposals=proposals, careful=careful, reissued=reissued)


def _goes(release: Release, one: Proposal) -> CalibrationMap | None:
    """The map whose place a challenger takes: the one that it was held against, or the lowest of that and others."""
    goes = dict(release.way(one.place.way).maps.groups).get(one.place.key, one.champion)
    if goes is not None and goes.map_id == one.challenger.map_id:
        raise UnusableInput(
            f"{one.id} answers already, in release {release.release_id}: nothing was changed."
        )
    against = one.champion and one.champion.map_id
    there = (None,) if goes is None else (goes.map_id, *goes.statistics.get(LEAST_OF, ()))
    if against not in there:
        raise Misuse(
            f"{one.id} was held against {f'the map {against}' if against else 'no map'}, and for {one.place} the map "
            f"{there[0]} answers now. Propose anew: calibrant learn refit STORE."
        )
    return goes


def _overtaken(release_id: str) -> UnusableInput:
    return UnusableInput(
        f"Release {release_id} was promoted meanwhile, and nothing was changed. Look again: calibrant releases list."
    )


def best(fold: Contests) -> list[Contest]:
    """Of each place the ready contest with the most evidence."""
    found: dict[Place, Contest] = {}
    for contest in fold.open.values():
        if contest.ready:
            other = found.get(contest.proposal.place)
            if other is None or _evidence(contest) > _evidence(other):
                found[contest.proposal.place] = contest
    return list(found.values())


def why_ready(chosen: Sequence[Contest]) -> str:
    """Why contests are ready, for the list of releases."""
    first = all(contest.test is None for contest in chosen)
    return "the first map" if first else "found better on later labels"


def to_be_careful_about(fold: Contests, release: Release) -> list[Contest]:
    """Of each place with an alarm whose map is still in force, the challenger that is furthest, unless one is ready."""
    found: dict[Place, Contest] = {}
    ready = {contest.proposal.place for contest in best(fold)}
    for contest in fold.open.values():
        one = contest.proposal
        in_force = dict(release.way(one.place.way).maps.groups).get(one.place.key)
        if (
            not one.alarm
            or one.champion is None
            or contest.lost
            or one.place in ready
            or in_force != one.champion
        ):
            continue
        other = found.get(one.place)
        if other is None or (_order(contest), _evidence(contest)) > (_order(other), _evidence(other)):
            found[one.place] = contest
    return list(found.values())


def _evidence(contest: Contest) -> float:
    return contest.proposal.n_eff if contest.test is None else contest.test.log10_evidence


def _order(contest: Contest) -> int:
    """What was fitted since the change goes first, then what forgets."""
    return ("refit", "forgetting", "since_change").index(contest.proposal.way)


@dataclass(frozen=True, slots=True)
class _Replaced:
    """A map that goes, by its id, and the one that takes its place."""

    goes: str
    proposal: Proposal
    made: CalibrationMap

    def stood(self, way: str | None, one: Certificate) -> bool:
        """Whether a certificate of a way stands on the map that goes."""
        place = self.proposal.place
        alike = all(place.group.get(name, value) == value for name, value in one.by.items())
        return one.map_id == self.goes and place.way == way and alike


def _reissued(
    store: Store, release: Release, replaced: Sequence[_Replaced]
) -> tuple[Release, tuple[Issued, ...]]:
    """The release with every certificate issued anew that stands on a map which goes."""
    done = list[Issued]()
    issuing: Issuing | None = None
    for name, one in certificates_of(release):
        found = next((by for by in replaced if by.stood(name, one)), None)
        if found is not None:
            issuing = issuing or Issuing.of(store)
            later = [label for label in issuing.labels if _is_for(label, release, one, found)]
            done.append(issuing.look(name, one, found.made, later))
    changed = {(one.way, one.before.certificate_id): one.after for one in done}
    return with_certificates(release, changed), tuple(done)


def _is_for(label: Label, release: Release, one: Certificate, by: _Replaced) -> bool:
    place, stated = placed(release, label.answer), stated_of(label.answer)
    return (
        not isinstance(place, str)
        and place[0] == by.proposal.place
        and label.verdict.time > by.proposal.last
        and not by.made.fingerprint.differences(stated)
        and all(stated.get(name, value) == value for name, value in one.by.items())
    )


def checked(fold: Contests, wanted: str | None) -> list[Contest]:
    """The open contests of a proposal's id or the beginning of one, all where none is named; raises `UnusableInput`."""
    if wanted is None:
        return list(fold.open.values())
    found = [contest for id, contest in fold.open.items() if id.startswith(wanted)]
    if len(found) == 1:
        return found
    outcome = fold.closed.get(wanted)
    if outcome is not None:
        raise UnusableInput(f"The proposal {wanted} is no longer open: it was {outcome}.")
    known = ", ".join(fold.open) or "none: calibrant learn refit STORE makes some"
    raise UnusableInput(
        f"{'Several' if found else 'No'} open proposals are called {wanted}. Open are {known}."
    )
