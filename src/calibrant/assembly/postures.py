"""Whether a configured posture does what it asks for, by what was measured of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import UnusableInput
from ..metrics.intervals import Estimate
from ..phrasing.numbers import points, span
from ..plans.postures import MeasuredLevel, MeasuredPostures
from ..protocols import Model
from ..releases.live import signals_made
from ..releases.release import Release, Way

__all__ = ["loaded_postures", "posture_notes"]

WORST = ("reversed", "does not steer", "steers", None)
"""Of several measurements, such as on several kinds of questions, the first of these decides."""


def loaded_postures(paths: str | Sequence[str], folder: Path) -> tuple[MeasuredPostures, ...]:
    """The measurements that a configuration names; their paths start at `folder`. Raises `UnusableInput`."""
    return tuple(
        MeasuredPostures.load(folder / one) for one in ([paths] if isinstance(paths, str) else paths)
    )


def posture_notes(
    release: Release, models: Mapping[str, Model], measured: Sequence[MeasuredPostures]
) -> list[str]:
    """What is to be said of the postures of a release: which do not steer, and which were not measured.

    A measurement counts for the model, the signal and the level that it was made of, with the same prompts and
    settings. Raises `UnusableInput` for a posture that was measured as reversed.
    """
    ways = {"[confidence]": release.default} | {f"[task.{task}]": way for task, way in release.tasks.items()}
    return [note for where, way in ways.items() for note in _notes(where, way, models, measured)]


def _notes(
    where: str, way: Way, models: Mapping[str, Model], measured: Sequence[MeasuredPostures]
) -> Iterator[str]:
    made = signals_made(way.signals)
    for part in way.signals:
        level = part.settings.get("posture", "neutral")
        for model in dict.fromkeys(models[name].name for _, name in way.models) if level != "neutral" else ():
            what = f"posture {level!r} of {part.kind} with the model {model!r}"
            told = _told(measured, model, part.kind, level, made[part.kind].fingerprint)
            if isinstance(told, str):
                yield f"{where}: {what} was not measured{told}. Measure it with `calibrant posture --out FILE`."
                continue
            whole, own = told
            if "reversed" in (whole.verdict, own.verdict):
                raise UnusableInput(
                    f"{where}: {what} does the reverse of what it asks for: {_moved(whole, own)}. Leave the posture "
                    "out, or take another signal or model."
                )
            if "does not steer" in (whole.verdict, own.verdict):
                yield f"{where}: {what} does not steer it: {_moved(whole, own)}."


def _told(
    measured: Sequence[MeasuredPostures], model: str, signal: str, level: str, mark: tuple[str, str]
) -> tuple[MeasuredPostures, MeasuredLevel] | str:
    """The worst measurement and its level, or, with what else was measured, why there is none."""
    found, why = [], ""
    for whole in measured:
        own = whole.of(level)
        if (whole.model, whole.signal) != (model, signal) or own is None:
            continue
        if (own.prompt, own.parameters) != mark:
            why = " with these prompts and settings"
        elif whole.verdict is None:
            why = f" on enough answers ({whole.answers})"
        else:
            found.append((whole, own))
    return (
        min(found, key=lambda pair: min(map(WORST.index, (pair[0].verdict, pair[1].verdict))))
        if found
        else why
    )


def _moved(whole: MeasuredPostures, own: MeasuredLevel) -> str:
    first, last = whole.levels[0].level, whole.levels[-1].level
    return (
        f"measured on {whole.answers} answers, {own.level} moves it by {_by(own.shift)} from neutral, and {last} by "
        f"{_by(whole.shift)} from {first}"
    )


def _by(shift: Estimate | None) -> str:
    if shift is None:
        return "an unknown amount"
    return f"{points(shift.value, 1, signed=True)} (95 % interval {span(shift, 1, scale=100, signed=True)})"
