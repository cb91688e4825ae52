"""What other tools wrote, with each field of it taken away, null or of another kind: what their formats make of that.

Held is what differs from the reading of the whole. What is expected lies in `expected/`, a line for each field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calibrant.logs.sources import Claim, Given, Source, rows_source
from calibrant.plugins import find

from ..holding import hold, plain, said
from .test_held_logs import HELD, lines, opened
from .tool_records import FILES, TABLES

Place = tuple[str | int, ...]
GONE = object()


def fields(tree: Any, at: Place = ()) -> Iterator[Place]:
    """Where each value of a document lies; of what is alike in a list, the first."""
    inner = dict(tree) if isinstance(tree, dict) else {}
    if isinstance(tree, list):
        first = {json.dumps([alike(one)]): i for i, one in reversed(list(enumerate(tree)))}
        inner = {i: tree[i] for i in sorted(first.values())}
    for key, value in inner.items():
        yield (*at, key)
        yield from fields(value, (*at, key))


def alike(one: Any) -> Any:
    """What things in a list have in common: their keys and their kind."""
    return [list(one), one.get("type")] if isinstance(one, dict) else type(one).__name__


def changed(tree: Any, path: Place, new: Any, *, every: bool) -> Any:
    """The document with a new value there, or without any; in every object of the lists on the way, or the first."""
    key, *rest = path
    if isinstance(tree, dict):
        kept = {k: v for k, v in tree.items() if k != key or rest or new is not GONE}
        if key in kept:
            kept[key] = changed(kept[key], tuple(rest), new, every=every) if rest else new
        return kept
    if not isinstance(tree, list):
        return tree
    if not rest:
        return [*tree[:key], *([] if new is GONE else [new]), *tree[key + 1 :]]
    return [
        changed(one, tuple(rest), new, every=every) if every or i == key else one
        for i, one in enumerate(tree)
    ]


def variants(tree: Any) -> Iterator[tuple[str, str, Any]]:
    for path in fields(tree):
        name = ".".join(map(str, path))
        value = tree
        for key in path:
            value = value[key]
        odd = 7 if isinstance(value, str) else "odd"
        for how, new in (("gone", GONE), ("null", None), ("odd", odd)):
            yield name, how, changed(tree, path, new, every=False)
        if any(isinstance(key, int) for key in path[:-1]):
            yield name, "gone from all", changed(tree, path, GONE, every=True)


def differing(found: Any, whole: Any) -> Any:
    """The parts of a reading that are not those of the whole file; of columns and rows what went and what came."""
    if isinstance(found, dict) and isinstance(whole, dict):
        gone = {f"-{name}": None for name in whole if name not in found}
        came = {n: differing(v, whole.get(n)) for n, v in found.items() if n not in whole or v != whole[n]}
        return gone | came
    if (
        isinstance(found, list)
        and isinstance(whole, list)
        and all(isinstance(one, str) for one in found + whole)
    ):
        return [f"-{n}" for n in whole if n not in found] + [f"+{n}" for n in found if n not in whole]
    if isinstance(found, list) and isinstance(whole, list):
        return [differing(one, was) for one, was in zip(found, [*whole, *[None] * len(found)], strict=False)]
    return found


def collected(readings: Iterator[tuple[str, str, Any]]) -> dict[str, Any]:
    """Readings by field; ways to change a field that come to the same stand together."""
    by_field: dict[str, dict[str, list[str]]] = {}
    for field, how, found in readings:
        by_field.setdefault(field, {}).setdefault(json.dumps(found), []).append(how)
    return {
        f"{field} {', '.join(hows)}": json.loads(found)
        for field, several in by_field.items()
        for found, hows in several.items()
    }


def of_file(name: str, file: str, document: Any) -> Any:
    text = lines(*document) if file.endswith("l") else json.dumps(document)
    with open(file, "r+b" if Path(file).exists() else "wb") as held:  # anew it takes much longer
        held.write(text.encode())
        held.truncate()
    one, given = find("log_formats", name)(), said(lambda: Given.of(file))
    if not isinstance(given, Given) or one.claim(given) != Claim.CONTENT:
        return "not its own"
    return whole(lambda: one.open(given))


def of_table(name: str, rows: Any) -> Any:
    told = [row for row in rows if isinstance(row, dict)]
    columns = list(dict.fromkeys(key for row in told for key in row))
    one = find("log_formats", name)()
    if not one.knows(columns):
        return "not its own"
    return whole(lambda: one.read(rows_source("log", columns, lambda: told)))


def whole(read: Any) -> Any:
    source = said(read)
    return plain(opened(source)) if isinstance(source, Source) else source


@pytest.mark.parametrize("name", FILES)
def test_a_field_of_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kind, file, document = FILES[name]
    usual = of_file(kind, file, document)
    found = collected(
        (field, how, differing(of_file(kind, file, one), usual)) for field, how, one in variants(document)
    )
    hold(HELD / "fields.json", name, {"whole": usual, **found})


@pytest.mark.parametrize("name", TABLES)
def test_a_field_of_a_table(name: str) -> None:
    kind, rows = TABLES[name]
    usual = of_table(kind, rows)
    found = collected(
        (field, how, differing(of_table(kind, one), usual)) for field, how, one in variants(rows)
    )
    hold(HELD / "fields.json", name, {"whole": usual, **found})
