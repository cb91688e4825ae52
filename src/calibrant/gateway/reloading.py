"""The configuration read again while the gateway serves: when its file changes, or on SIGHUP."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from calibrant.asking.upstream import Serving
from calibrant.assembly.building import built
from calibrant.assembly.config import Config, load
from calibrant.errors import CalibrantError, UnusableInput
from calibrant.pipeline import Pipeline
from calibrant.protocols import Model
from calibrant.releases.promoting import promoted, promotions, release_in
from calibrant.releases.release import Release
from calibrant.types import Event

__all__ = ["Reloader", "of_store"]

LOG = logging.getLogger("calibrant.gateway")

EVERY = 1.0
"""Seconds between two looks at the file."""

Seen = dict[Path, tuple[int, int, int] | None]


class Reloader:
    """Deploys what the file says now, between two requests and whole; what cannot be deployed leaves all as it was.

    A file counts once it was the same at two looks, so that one that is still being written is not read. Models whose
    sections say the same keep their connections; one that is replaced is closed when nothing can be under way on it any
    more. The files that it names (maps, certificates, prompts) are looked at as well; SIGHUP has all of it read now.

    Parameters
    ----------
    path : the file
    config : what it said at the start
    pipeline : what answers; its models are those of `config`
    models : those, by their names
    apply : is given each new configuration once it answers
    promoted : the release that the store says is to answer, in place of those of the file; None where it says nothing
    knows : whether the store was asked that; else `catch_up` does
    every : seconds between two looks
    """

    def __init__(
        self,
        path: Path,
        config: Config,
        pipeline: Pipeline,
        models: Mapping[str, Model],
        apply: Callable[[Config], None],
        *,
        promoted: Release | None = None,
        knows: bool = True,
        every: float = EVERY,
    ) -> None:
        self.config, self._promoted, self.knows = config, promoted, knows
        self._one_by_one, self._closing = asyncio.Lock(), set[asyncio.Task[None]]()
        self._path, self._pipeline, self._apply, self._every = path, pipeline, apply, every
        self._models = dict(models)
        self._read = self._seen()
        self._asked = asyncio.Event()

    async def watch(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        except (AttributeError, NotImplementedError, RuntimeError, ValueError):
            LOG.info("Here SIGHUP is not listened to; a change of the file is seen.")
        last = self._read
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), self._every)
            except TimeoutError:
                now = self._seen()
                if now[self._path] is not None and now == last and _changed(self._read, now):
                    await self.reload()
                last = now
            else:
                self._asked.clear()
                await self.reload()

    async def reload(self) -> bool:
        """Deploy what the file says; False, with a line in the log that says why, where that cannot be."""
        async with self._one_by_one:
            self._read = self._seen()
            try:
                # Off the loop, since maps may be large; requests are answered meanwhile.
                config = of_store(await asyncio.to_thread(load, self._path), self._promoted)
                await self._deploy(*self._kept(config))
                self._read = self._seen() | self._read  # what is named only now was read just now
            except (CalibrantError, OSError) as error:
                LOG.error(
                    "%s was changed and cannot be served; what was deployed stays: %s", self._path, error
                )
                return False
            return True

    async def promote(self, event: Event) -> None:
        """Deploy the release of a promotion; where this gateway cannot serve it, what was deployed stays."""
        try:
            release = await asyncio.to_thread(release_in, event)
        except CalibrantError as error:
            LOG.error("Release %s was promoted and cannot be served here: %s", event.about, error)
        else:
            await self._promote(release)

    async def catch_up(self) -> int:
        """Deploy what the store says is to answer, which was away when this process began; the promotion's position."""
        store = self._pipeline.store
        try:
            position, release = await asyncio.to_thread(promoted, store)
        except UnusableInput as error:
            LOG.error("What was promoted cannot be served here: %s", error)
            return await asyncio.to_thread(lambda: next(promotions(store)).position)
        if release is None:
            self.knows = True
        else:
            await self._promote(release)
        return position

    async def _promote(self, release: Release) -> None:
        async with self._one_by_one:
            try:
                self._promoted = release
                await self._deploy(replace(self.config, release=release), self._models)
                self.knows = True
            except CalibrantError as error:
                LOG.error("Release %s was promoted and cannot be served here: %s", release.release_id, error)

    async def _deploy(self, config: Config, at_hand: Mapping[str, Model]) -> None:
        live, models, notes = await asyncio.to_thread(built, config, at_hand)
        for note in notes:
            LOG.warning(note)
        before, seconds = self.config.release.release_id, self._longest()
        replaced = [one for name, one in self._models.items() if models.get(name) is not one]
        self._pipeline.promote(live, models, live.names)
        self._models, self.config = dict(models), config
        self._apply(config)
        self._retire(replaced, seconds)
        LOG.info("Release %s answers (before: %s)", config.release.release_id, before)

    def _longest(self) -> float:
        """Seconds for which a request may still be under way."""
        return max(self.config.server.request_seconds, self.config.server.stream_seconds)

    def _retire(self, models: list[Model], seconds: float) -> None:
        if models:
            task = asyncio.create_task(self._closed(models, seconds))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _closed(self, models: list[Model], seconds: float) -> None:
        await asyncio.sleep(seconds)
        for model in models:
            await self._pipeline.let_go(model)

    def _kept(self, config: Config) -> tuple[Config, dict[str, Model]]:
        """What is to be deployed, without what takes a restart, and the models that stay as they are."""
        old = self.config
        where = {"host": (old.server.host, config.server.host), "port": (old.server.port, config.server.port)}
        changed = [f"[server] {name}" for name, (was, now) in where.items() if was != now]
        changed += [
            f"[{name}]"
            for name, was, now in (
                ("store", (old.store, old.storing), (config.store, config.storing)),
                ("observing", old.observing, config.observing),
                ("pages", old.pages, config.pages),
            )
            if was != now
        ]
        if changed:
            LOG.warning("%s takes a restart: what was at the start stays.", " and ".join(changed))
        server = replace(config.server, host=old.server.host, port=old.server.port)
        kept = replace(
            config,
            server=server,
            store=old.store,
            storing=old.storing,
            observing=old.observing,
            pages=old.pages,
        )
        at_hand = {
            name: self._models[name]
            for name, part in kept.models.items()
            if part == old.models.get(name) and _asked_alike(kept.serving[name], old.serving[name])
        }
        return kept, at_hand

    def _seen(self) -> Seen:
        """What tells one state of the file, and of those that it names, from another; None for what is not there."""
        return {path: _state(path) for path in (self._path, *self.config.files)}


def _changed(read: Seen, now: Seen) -> bool:
    return any(state != read[path] for path, state in now.items() if path in read)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def of_store(config: Config, promoted: Release | None) -> Config:
    """The configuration with the release that the store hands on, where there is one."""
    if promoted is None:
        return config
    if promoted.release_id != config.release.release_id:
        LOG.warning(
            "The file says release %s; %s, promoted in the store, answers. To have the file's: calibrant releases "
            "promote FILE.",
            config.release.release_id,
            promoted.release_id,
        )
    return replace(config, release=promoted)


def _asked_alike(one: Serving, other: Serving) -> bool:
    return replace(one, aliases=()) == replace(other, aliases=())
