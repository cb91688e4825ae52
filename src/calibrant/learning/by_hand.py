"""What somebody does about releases by hand: looks at proposals, promotes one, goes back to another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..errors import Misuse
from ..past.folding import Folding
from ..protocols import Store
from ..types import Json
from .contests import STATE, Contest, Contests
from .deployed import deployed, roll_back
from .differences import differences
from .places import put
from .promoting import checked, put_in_force

__all__ = ["ByHand"]

POINTS = 120
"""About so many points of the evidence are told."""


class ByHand:
    """Proposals of a store as they stand, told in plain values; any thread may ask.

    A reason is kept with whatever is done, and who did it. Raises `Misuse` and `UnusableInput` for what cannot be done.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._fold = Contests()
        self._folding = Folding(store, [self._fold], kept=STATE)
        self._lock = threading.Lock()

    def proposals(self) -> list[Json]:
        """The open ones, those with the most evidence first: what is known of each, and what it would change."""
        with self._lock:
            self._folding.go_on()
            found = sorted(self._fold.open.values(), key=_order)
            return [self._told(one) for one in found]

    def promote(self, proposal: str, why: str, who: str) -> list[str]:
        """Put a proposal in force, whatever its test says; gives what was done, in sentences."""
        with self._lock:
            self._folding.go_on()
            chosen, release = checked(self._fold, proposal), deployed(self._store)
            if release is None:
                raise Misuse("The store does not know what answers, so nothing can take its place yet.")
            step = put_in_force(self._store, release, chosen, note=f"{why} ({who})", time=self._clock())
        return [
            f"Release {step.release.release_id} answers from now on.",
            *(one.sentence for one in step.reissued),
        ]

    def roll_back(self, to: str, why: str, who: str) -> list[str]:
        """Have a release answer again that did before."""
        before, now = roll_back(self._store, to, why=f"{why} ({who})", time=self._clock())
        return [f"Release {now} answers from now on, as it did before {before}."]

    def _told(self, one: Contest) -> dict[str, Any]:
        release = deployed(self._store)
        changes = (
            []
            if release is None
            else differences(release, put(release, one.proposal.place, one.proposal.challenger))
        )
        enough = None if one.test is None else one.test.log10_enough
        return {
            **one.to_dict(), "log10_enough": enough, "path": _path(one), "since": one.since, "until": one.until,
            "changes": [found.to_dict() for found in changes if not found.same],
            "equal": sum(found.same for found in changes),
        }  # fmt: skip


def _path(one: Contest) -> list[list[float]]:
    """Labels and the evidence after them: some points, with the highest, the first that was enough, and the last."""
    if one.test is None:
        return []
    path, enough = one.test.path(), one.test.log10_enough
    if not path:
        return []
    highest = max(range(len(path)), key=path.__getitem__)
    first = next((i for i, value in enumerate(path) if value >= enough), highest)
    kept = {*range(0, len(path), len(path) // POINTS + 1), highest, first, len(path) - 1}
    return [[i + 1, path[i]] for i in sorted(kept)]


def _order(one: Contest) -> tuple[bool, bool, float, str]:
    evidence = one.proposal.n_eff if one.test is None else one.test.log10_evidence
    return not one.ready, one.lost, -evidence, one.proposal.id
