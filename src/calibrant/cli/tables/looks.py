"""What a look at a file found."""

from __future__ import annotations

from calibrant.looking import Look
from calibrant.looking.seen import Use

from ..terminal import print_next, say, table

__all__ = ["print_look"]

MOST = 40
"""Columns that are listed."""


def print_look(found: Look) -> None:
    """What it is, its columns and groups, what it supports, and what comes next."""
    if found.files:
        for one in found.files:
            say(_line(one))
        return
    _print_kind(found)
    if found.columns:
        _print_columns(found)
    if found.unit:
        say(f"The confidence: {found.unit}" + ("" if found.unit.endswith(".") else "."))
    for group in found.groups:
        shown = ", ".join(f"{name} {n:,}" for name, n in list(group.counts.items())[:5])
        more = f" and {len(group.counts) - 5:,} more" if len(group.counts) > 5 else ""
        say(f"Parts: --by {group.column} ({shown}{more})")
    for note in found.notes:
        say(f"Note: {note}")
    if found.refusal:
        say("")
        say(f"In the way: {found.refusal}")
    if found.uses:
        say("")
        table(("use", "today", ">labels", ">cost", "what"), map(_used, found.uses))
    print_next(found.next)


def _line(one: Look) -> str:
    """A file in one line."""
    rows = f", {one.rows:,} rows" if one.rows else ""
    if not one.readable:
        return f"{one.source}: {one.kind}. {one.refusal}"
    if one.refusal:
        return f"{one.source}: {one.kind}{rows}. In the way: {one.refusal}"
    return f"{one.source}: {one.kind}{rows}. Next: {one.next[0].command}"


def _print_kind(found: Look) -> None:
    say(f"{found.source}: {found.kind}.")
    if not found.readable:
        return
    if found.rows is None:
        say(f"The first {found.looked_at:,} rows were looked at; there are more.")
    elif found.looked_at < found.rows:
        say(f"{found.rows:,} rows, of which the first {found.looked_at:,} were looked at.")
    else:
        say(f"{found.rows:,} rows.")


def _print_columns(found: Look) -> None:
    rows = []
    for one in found.columns[:MOST]:
        part = f"{one.part} ({one.why})" if one.part else ""
        rows.append(
            (one.name, part, one.kind, f"{one.missing:,}", f"{one.different:,}", "; ".join(one.examples))
        )
    table(("column", "is", "holds", ">missing", ">different", "such as"), rows)
    if len(found.columns) > MOST:
        say(f"  and {len(found.columns) - MOST:,} more columns.")


def _used(use: Use) -> tuple[str, ...]:
    labels = f"{use.labels:,}" if use.labels else ""
    return (
        use.name,
        "yes" if use.ready else "not yet",
        labels,
        "" if use.cost is None else f"{use.cost:,.2f}",
        use.says,
    )
