"""Whole outputs, held against those that lie in a file beside the tests.

`CALIBRANT_HOLD=1 pytest ...` writes the file anew; every line that changes is to be read, and to be right, before it
is kept.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.errors import CalibrantError

NEAR = 1e-6
"""Relative: what a bisection or a fixed draw of another machine may differ by, and no change of the code does."""


def hold(file: Path, name: str, found: object) -> None:
    """Compare what was found under a name with what lies in the file, to the last text, `NEAR` of a number."""
    told = plain(found)
    if os.environ.get("CALIBRANT_HOLD"):
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        kept[name] = told
        lines = (f" {json.dumps(n)}: {_written(kept[n])}" for n in sorted(kept))
        file.parent.mkdir(exist_ok=True)
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        _kept.cache_clear()
    _same(told, _kept(file)[name], name)


def names(file: Path, every: Iterable[str]) -> set[str]:
    """What is held in a file; where it is written anew, every name there is."""
    return set(every) if os.environ.get("CALIBRANT_HOLD") else set(_kept(file))


@lru_cache
def _kept(file: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return kept


def _written(one: Any) -> str:
    """A line for each part of what is held under one name."""
    if not isinstance(one, dict):
        return json.dumps(one, ensure_ascii=False)
    parts = (f"  {json.dumps(n)}: {json.dumps(v, ensure_ascii=False)}" for n, v in one.items())
    return "{\n" + ",\n".join(parts) + "\n }"


def _same(found: Any, kept: Any, where: str) -> None:
    if isinstance(kept, float) and isinstance(found, float):
        assert found == pytest.approx(kept, rel=NEAR, abs=1e-9), where
    elif isinstance(kept, dict) and isinstance(found, dict):
        assert list(found) == list(kept), where
        for name, value in kept.items():
            _same(found[name], value, f"{where}, {name}")
    elif isinstance(kept, list) and isinstance(found, list):
        assert len(found) == len(kept), where
        for at, value in enumerate(kept):
            _same(found[at], value, f"{where}, {at}")
    else:
        assert type(found) is type(kept), where
        assert found == kept, where


def plain(one: Any) -> Any:
    """What a value is in JSON, floats to twelve digits; a dataclass by its fields."""
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        return {field.name: plain(getattr(one, field.name)) for field in dataclasses.fields(one)}
    if isinstance(one, np.generic | np.ndarray):
        one = one.tolist()
    if isinstance(one, float):
        return float(f"{one:.12g}") if np.isfinite(one) else str(one)
    if isinstance(one, Mapping):
        return {name if isinstance(name, str) else repr(name): plain(value) for name, value in one.items()}
    if isinstance(one, list | tuple):
        return [plain(value) for value in one]
    return one if isinstance(one, str | int | bool | None) else repr(one)


def said(call: Any) -> Any:
    """What a call gives, or the kind and the words of its refusal."""
    try:
        return call()
    except CalibrantError as error:
        return f"{type(error).__name__}: {error}"
