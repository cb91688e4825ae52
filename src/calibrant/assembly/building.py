"""From what a configuration or a command says to the pipeline it describes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..asking.prompts import whole_reply
from ..asking.upstream import Serving, Upstream
from ..asking.writing import Writer
from ..errors import StoreAway, UnusableInput
from ..maps.calibration import MapSet
from ..pipeline import Pipeline
from ..protocols import Model, Store
from ..records.awaited import awaited
from ..records.spool import Spool
from ..releases.live import Live, Parts, made
from ..releases.parts import comparing, kept, named, signal_parts
from ..releases.release import Part, Release, Way
from .config import Config
from .deployed import names_of
from .postures import posture_notes

__all__ = ["build", "built", "deployed", "one_way"]

LOG = logging.getLogger("calibrant.assembly")


def build(config: Config) -> Pipeline:
    """The pipeline that a configuration describes; the caller closes it.

    Which postures do not steer, and which were not measured, goes to the log `calibrant.assembly`. Raises
    `UnusableInput`, also for a posture that was measured as reversed.
    """
    return deployed(config)[0]


def deployed(config: Config) -> tuple[Pipeline, dict[str, Model]]:
    """The same, with its models by the names of the configuration.

    Where the store is away and there is a spool, records go there, and the store is opened once it is back.
    """
    live, models, notes = built(config)  # before the store, which makes a file
    for note in notes:
        LOG.warning(note)
    away: StoreAway | None = None

    def opened() -> Store:
        store: Store = made("stores", config.store, "[store]", Parts(folder=config.folder))
        return store

    try:
        store = opened()
    except StoreAway as error:
        if config.storing.spool is None:
            raise
        store, away = awaited(opened, error), error
    spool = None if config.storing.spool is None else Spool(config.folder / config.storing.spool)
    writer = Writer(
        store, keeping=config.keeping.of, relaxed=config.storing.durability == "relaxed", spool=spool, away=away,
    )  # fmt: skip
    return Pipeline(live, store, models, live.names, writer=writer), models


def built(
    config: Config, at_hand: Mapping[str, Model] | None = None
) -> tuple[Live, dict[str, Model], list[str]]:
    """What answers, its models, and what is to be said of its postures. Makes no file and asks nothing.

    The models `at_hand` are taken as they are, by their names.
    """
    parts = Parts(folder=config.folder)
    models = {
        name: (at_hand or {}).get(name)
        or _asked(made("models", part, f"the model {name!r}", parts), part, config.serving[name])
        for name, part in config.models.items()
    }
    notes = posture_notes(config.release, models, config.postures)
    names = names_of(models, config.serving, {name: model.name for name, model in models.items()})
    return Live.of(config.release, models, names), models, notes


def _asked(model: Model, part: Part, serving: Serving) -> Model:
    """The model as the file says that it is to be asked; itself where nothing is said."""
    if replace(serving, aliases=()) == Serving():
        return model
    seconds = part.settings.get("timeout")
    return Upstream(model, serving, **({} if seconds is None else {"seconds": seconds}))


def one_way(
    *,
    signals: str = "mean_logprob",
    posture: str | None = None,
    maps: Path | None = None,
    policy: str = "bands",
    route: str = "single",
    same: str | None = None,
    format: str | None = None,
    prompt: Path | None = None,
) -> Release:
    """The release of a command: the same for all tasks, of one model ("model"). All as the options say it.

    >>> one_way(policy="bands:answer=0.9").default.policy.settings["answer"]
    0.9
    """
    if same in ("peer", "judge"):
        raise UnusableInput(
            f"One model is asked here, so only it can compare answers: --same model, not {same}."
        )
    return Release(
        default=Way(
            signals=signal_parts(signals, posture, same),
            maps=MapSet.load(maps) if maps else MapSet(),
            policy=kept("policies", named("policies", policy)),
            route=kept("routes", comparing(named("routes", route), same)),
            format=format,
            prompt=whole_reply(prompt) if prompt else None,
        )
    )
