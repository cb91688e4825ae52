"""Which column maps read: the one that they were fitted on, or another whose unit is known to be the same."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from ..errors import UnusableInput
from ..maps.calibration import MapSet
from ..maps.units import SCALES
from .events import APPLIED
from .scales import units_of
from .sources import Source

__all__ = ["fitted_on", "of_another", "require_parts"]


def fitted_on(source: Source, column: str | None) -> str | None:
    """The column that the maps were fitted on, in capitals or not; None where the log has none."""
    if column is None or column in source.columns:
        return column
    return next((name for name in source.columns if name.lower() == column.lower()), None)


def of_another(source: Source, column: str, maps: MapSet, named: str | None, scale: str | None) -> list[str]:
    """Notes on what the maps are of: chances of an event, or a column of another name.

    The latter is refused unless the units are known to agree.

    What a number means goes with its column: a confidence that is read as an uncertainty turns the order round, and
    no value lies out of range.
    """
    events = [APPLIED] if any(unit.chances for unit in maps.units) else []
    if maps.column is None or column.lower() == maps.column.lower():
        return events
    fitted = dict.fromkeys(unit.scale for unit in maps.units)
    told = ", ".join(SCALES[name].told for name in fitted)
    if scale is None:
        try:
            units = units_of(source, column, maps.by)
        except UnusableInput:  # the numbers alone do not tell: the person who named the column has looked
            own = set(fitted) if named and not {"uncertainty", "unbounded"} & set(fitted) else set()
        else:
            own = {unit.scale for unit in units.groups.values()} or {units.default.scale}
        if not own or not own <= set(fitted):
            read = " and ".join(SCALES[name].told for name in sorted(own)) or "something that cannot be told"
            options = " or ".join(
                n for n in dict.fromkeys([*sorted(own), "fraction", "percent", "uncertainty"])
            )
            raise UnusableInput(
                f"The maps were fitted on the column {maps.column!r} ({told}). {source.name} "
                f"{'has it too, and' if maps.column in source.columns else 'has no such column;'} {column!r} reads as "
                f"{read}. Name the column and its unit: --confidence {quote(column)} --scale {options}."
            )
    if named:
        return events
    return [
        *events,
        f"The maps were fitted on the column {maps.column!r}, which {source.name} does not have; {column!r} was "
        f"read in its place, as {told if scale is None else SCALES[scale].told}. --confidence names another.",
    ]


def require_parts(source: Source, by: Sequence[str]) -> None:
    """Raise `UnusableInput` where a log lacks columns by which the maps are parted."""
    if lacking := [name for name in by if name not in source.columns]:
        raise UnusableInput(
            f"The maps are parted by {', '.join(by)}, and {source.name} has no column {', '.join(lacking)}; it has "
            f"{', '.join(source.columns)}. Name its columns as the log was named that the maps were fitted on."
        )
