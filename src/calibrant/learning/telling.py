"""What came of fitting anew, in sentences and as a file of maps."""

from __future__ import annotations

from collections.abc import Iterator

from ..maps.calibration import MapSet
from .refitting import Refit, RefitGroup

__all__ = ["maps_in", "sentences_of"]


def sentences_of(found: Refit, *, proposed: bool = True) -> Iterator[str]:
    """A line for each place, its proposals and what is to be known of it, then what was left aside."""
    for group in found.groups:
        yield f"{group.place}: {group.labels:,} labels, {group.audits:,} of them drawn from all answers alike."
        for note in group.notes:
            yield f"  {note}"
        if group.why is not None:
            yield f"  Nothing proposed: {group.why}."
        yield from _of(group, "Proposed" if proposed else "Fitted")
    for why, n in found.left.items():
        yield f"  {n:,} judged answers left aside: {why}."
    if any(group.proposals for group in found.groups) and proposed:
        yield "Verdicts that come from now on are held against them: calibrant learn promote STORE says how they stand."


def _of(group: RefitGroup, done: str) -> Iterator[str]:
    for one in group.proposals:
        held = one.challenger.evidence
        champion = "the first map here" if one.champion is None else f"against {one.champion.map_id}"
        yield f"  {done} {one.id}, {one.way.replace('_', ' ')}: {one.challenger.calibrator} on {held}, {champion}."


def maps_in(found: Refit) -> MapSet:
    """The maps of all places that were fitted anew, of each the refit of its kind; parted as the first place is."""
    groups, by = {}, None
    for group in found.groups:
        for one in group.proposals:
            by = group.place.by if by is None else by
            if one.way == "refit" and group.place.by == by:
                groups[group.place.key] = one.challenger
    return MapSet(by=by or (), groups=tuple(groups.items()))
