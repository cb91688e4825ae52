"""All that can be known of a configuration before it serves."""

from __future__ import annotations

import asyncio
from collections import Counter

from ..assembly.building import built
from ..assembly.config import Config
from .around import checks_of_keys, checks_of_store
from .checks import Check, Diagnosis
from .probing import checks_of, probed
from .ways import checks_of_ways, told_of_ways

__all__ = ["diagnose"]


async def diagnose(config: Config) -> Diagnosis:
    """Ask every model two short questions, write to the store, and hold maps and certificates against what came.

    Raises `UnusableInput` where the configuration cannot be served at all.
    """
    live, models, notes = built(config)
    checks = [Check("warn", "[confidence]", note) for note in notes]
    labels = Counter[tuple[str | None, str | None]]()
    try:
        places = {
            name: f"[{name}]" if name in ("model", "peer", "judge") else f"[models.{name}]" for name in models
        }
        probes = await asyncio.gather(
            *(probed(name, places[name], model, config.models[name]) for name, model in models.items())
        )
        for probe in probes:
            checks += checks_of(probe, config.models[probe.name].settings)
        checks += await asyncio.to_thread(lambda: list(checks_of_store(config, labels)))
        checks += checks_of_keys(config)
        checks += await checks_of_ways(config, live, {probe.name: probe for probe in probes}, labels)
    finally:
        for model in models.values():
            await model.close()
    return Diagnosis(checks=tuple(checks), ways=tuple(told_of_ways(config, live)))
