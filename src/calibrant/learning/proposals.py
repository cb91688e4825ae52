"""A challenger as it is proposed: the map, where it would stand, what it was fitted on, and what it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import UnusableInput
from ..maps.calibration import CalibrationMap
from ..types import Event, Json, digest
from .places import Place

if TYPE_CHECKING:
    from ..monitors.shifts import Kind

__all__ = ["LEAST_OF", "PROPOSAL", "Proposal", "Way", "proposal_in"]

PROPOSAL = "proposal"
"""The kind of event."""

LEAST_OF = "least_of"
"""Under which a map says of which maps it is the lowest."""

Way = Literal["refit", "forgetting", "since_change"]
"""How a challenger was made: by the calibrator of the map in force on all labels, by Platt scaling that forgets, or by
that calibrator on the labels since the claims ceased to be true."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A challenger of the map at a place.

    Attributes
    ----------
    champion : the map that it is held against; None where the place has none yet
    release : id of the release that the champion answers in
    others : tasks that have ways of their own, whose answers do not belong to the way of all others
    labels, n_eff, audits : labels that it was fitted on, how many independent ones that comes to, and how many of them
        were drawn from all answers alike
    first, last : times of the first and the last of these verdicts, in seconds since the epoch
    through : the position in the store up to which it was read
    data : digest of the labels: their verdicts, scores, grades and weights
    shift, alarm : what has changed since the champion's claims ceased to be true, and whether they have
    since : the time of the first answer after that, None where there is no alarm
    loss, gain : what one answer could say against it and for it at the most, as far as the labels before tell
    alpha : the most that the chance may be of finding it better where it is not
    """

    place: Place
    way: Way
    champion: CalibrationMap | None
    challenger: CalibrationMap
    release: str
    others: tuple[str, ...]
    labels: int
    n_eff: float
    audits: int
    first: float
    last: float
    through: int
    data: str
    shift: Kind
    alarm: bool
    since: float | None
    loss: float
    gain: float
    alpha: float

    @property
    def id(self) -> str:
        """16 hex digits that follow from the maps, the place and the labels: the same labels propose the same."""
        champion = self.champion and self.champion.map_id
        return digest([champion, self.challenger.map_id, self.place.to_dict(), self.data, self.through])[:16]

    def event(self, time: float) -> Event:
        """The event that proposes it."""
        told: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        data = {
            **told, "place": self.place.to_dict(), "others": list(self.others),
            "champion": self.champion and self.champion.to_dict(), "challenger": self.challenger.to_dict(),
        }  # fmt: skip
        return Event(id=f"{PROPOSAL}-{self.id}", kind=PROPOSAL, time=time, about=self.id, data=data)

    def told(self) -> Json:
        """What is to be known of it, without the numbers of its maps."""
        return {
            "proposal": self.id, "place": str(self.place), "task": self.place.way, "group": self.place.group,
            "kind": self.way, "map_id": self.challenger.map_id, "calibrator": self.challenger.calibrator,
            "parents": [] if self.champion is None else [self.champion.map_id], "release": self.release,
            "labels": self.labels, "n_eff": round(self.n_eff, 2), "audits": self.audits, "from": self.first,
            "to": self.last, "through": self.through, "data": self.data, "shift": self.shift, "alarm": self.alarm,
            "since": self.since, "alpha": self.alpha,
        }  # fmt: skip


_PLAIN = (
    "way", "release", "labels", "n_eff", "audits", "first", "last", "through", "data", "shift", "alarm", "since",
    "loss", "gain", "alpha",
)  # fmt: skip


def proposal_in(data: Mapping[str, Any]) -> Proposal:
    """The proposal of an event's data; raises `UnusableInput` where it was edited, or a later calibrant made it."""
    champion = data.get("champion")
    try:
        return Proposal(
            **{name: data[name] for name in _PLAIN}, place=Place.from_dict(data["place"]), others=tuple(data["others"]),
            champion=None if champion is None else CalibrationMap.from_json(champion),
            challenger=CalibrationMap.from_json(data["challenger"]),
        )  # fmt: skip
    except (KeyError, TypeError, AssertionError) as error:
        raise UnusableInput(
            f"A proposal in this store cannot be read ({error!r}). Upgrade calibrant, or propose anew: calibrant learn "
            "refit STORE."
        ) from error
