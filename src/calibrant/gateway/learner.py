"""Fits maps anew while the gateway serves, proposes them, and puts in force what verdicts prefer, if it is to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from calibrant.assembly.sections import Learning
from calibrant.errors import CalibrantError, StoreError
from calibrant.learning.contests import STATE, Contests
from calibrant.learning.deployed import certificates_of, deployed, started
from calibrant.past.folding import Folding
from calibrant.past.reading import Past
from calibrant.pipeline import Pipeline
from calibrant.releases.promoting import promoted
from calibrant.releases.release import Release

if TYPE_CHECKING:
    from calibrant.learning.contests import Contest

__all__ = ["Learner"]

LOG = logging.getLogger("calibrant.gateway")

EVERY = 20.0
"""Seconds between two looks."""

SELDOM = 50
"""Labels after which certificates are looked at that wait for no number of them."""

STALE = 5
"""Times `refit_after` labels after which challengers that nothing has decided are made anew."""


class Learner:
    """Looks every twenty seconds, in the process that leads, how challengers stand, and whether new ones are due.

    They are due after `refit_after` labels where none is open, after five times as many in any case, and at an alarm.
    Whatever is written follows from the store's past, so that it does no harm where another process does the same.

    Parameters
    ----------
    pipeline : whose store is followed
    release : gives the release that answers in this process
    settings : when, and whether challengers are put in force by the test
    leads : whether this process does it
    every : seconds between two looks
    past : of that store, where others of this process follow it as well
    """

    def __init__(
        self,
        pipeline: Pipeline,
        release: Callable[[], Release],
        settings: Learning,
        leads: Callable[[], bool] = lambda: True,
        *,
        every: float = EVERY,
        past: Past | None = None,
    ) -> None:
        self._pipeline, self._release, self.settings, self._leads = pipeline, release, settings, leads
        self._every = every
        self._fold = Contests()
        self._folding = Folding(past or pipeline.store, [self._fold], kept=STATE)
        self._noted: str | None = None
        self._tried = (0, 0)
        self._certify_at: tuple[str, int] = ("", 0)

    async def watch(self) -> None:
        """Look until cancelled; a moment after the start at first, which has other things to do."""
        while True:
            await asyncio.sleep(self._every)
            if not self._leads():
                continue
            try:
                await asyncio.to_thread(self.look)
            except StoreError as error:
                LOG.debug("Challengers were not brought up to date: %s", error)
            except CalibrantError as error:
                LOG.warning("The maps were not fitted anew: %s", error)

    def look(self) -> None:
        """Follow the store, promote what is to be, propose what is due, and keep certificates up.

        Raises `CalibrantError`.
        """
        self._note()
        self._folding.go_on()
        try:
            if self.settings.promotion == "by_test" and self._fold.open:
                self._promote()
            if self._due():
                self._refit()
        finally:  # an alarm takes certificates out of force whatever else cannot be done
            self._certify()

    def _note(self) -> None:
        """Say in the store by which release this process answers, where none was promoted."""
        release = self._release()
        if release.release_id == self._noted:
            return
        if promoted(self._pipeline.store)[1] is None:
            self._pipeline.store.add([started(release, self._pipeline.clock())])
        self._noted = release.release_id

    def _due(self) -> bool:
        fold, after = self._fold, self.settings.refit_after
        if fold.labels < self._tried[0] or fold.alarms < self._tried[1]:
            self._tried = (0, 0)  # something was proposed since
        labels, alarms = fold.labels - self._tried[0], fold.alarms - self._tried[1]
        undecided = any(not contest.lost for contest in fold.open.values())
        return labels >= (STALE * after if undecided else after) or (alarms > 0 and fold.labels > 0)

    def _refit(self) -> None:
        from calibrant.learning.refitting import refit

        store, now = self._pipeline.store, self._pipeline.clock()
        self._tried = (self._fold.labels, self._fold.alarms)
        found = refit(store, deployed(store) or self._release())
        store.add([one.event(now) for one in found.proposals])
        for one in found.proposals:
            LOG.info("Proposed %s (%s) for %s, on %d labels", one.id, one.way, one.place, one.labels)
        self._folding.go_on()

    def _certify(self) -> None:
        """Heed alarms at each look, and labels once enough have come that one may be due."""
        release = deployed(self._pipeline.store) or self._release()
        if not any(True for _ in certificates_of(release)):
            return
        from calibrant.learning.renewing import renew

        look = release.release_id != self._certify_at[0] or self._fold.seen >= self._certify_at[1]
        found = renew(self._pipeline.store, release, look=look)
        if look:
            self._certify_at = found.release.release_id, self._fold.seen + (found.missing or SELDOM)
        for one in found.issued:
            LOG.info(one.sentence)
        for told, ones in (("out of force", found.suspended), ("in force again", found.restored)):
            for certificate in ones:
                LOG.warning("Certificate %s is %s", certificate.certificate_id, told)

    def _promote(self) -> None:
        from calibrant.learning.promoting import best, to_be_careful_about, why_ready

        release = deployed(self._pipeline.store) or self._release()
        if ready := best(self._fold):
            self._put(release, ready, why_ready(ready))
        elif lower := to_be_careful_about(self._fold, release):
            self._put(release, lower, "the lower of both while an alarm is open", careful=True)

    def _put(self, release: Release, chosen: Sequence[Contest], note: str, *, careful: bool = False) -> None:
        from calibrant.learning.promoting import put_in_force

        # The time of what decided it, not of now: another process that does the same makes the same release
        time = max(contest.until or contest.proposal.last for contest in chosen)
        step = put_in_force(
            self._pipeline.store,
            release,
            chosen,
            note=note,
            time=time,
            careful=careful,
        )
        LOG.info("Release %s was promoted: %s", step.release.release_id, note)
        for issued in step.reissued:
            LOG.info(issued.sentence)
        self._folding.go_on()
