"""What is given as a log, before anything is known of it: where it lies and how it begins."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import Any

from ..engines._relation import parted, shown
from ..errors import UnusableInput
from .unpacking import HEAD, unpacked

__all__ = ["Claim", "Given"]

ENTIRE = 1 << 29
"""Bytes of the largest file that is one JSON object."""

SAMPLE = "sample"
"""The name of the log that comes with the package, where no file is called so."""
BUNDLED = Path(__file__).with_name("sample.csv")
OF_SAMPLE = (
    "The sample: what SmolLM2-135M-Instruct, a small model, answers to 300 questions about countries and cities; its "
    "confidence is how likely the words of its answer were to it."
)


class Claim(IntEnum):
    """How surely a format knows a log as its own: not at all, by its name, by how it is written, by what it says."""

    NONE = 0
    NAME = 1
    SYNTAX = 2
    CONTENT = 3


@dataclass(frozen=True)
class Given:
    """What was given as a log, and how it begins, for formats to look into.

    `text` is the path or the address, "" for an object in memory; `head` the first 1 MiB of the file, or of the
    first that a pattern such as `logs/*.csv` stands for, empty where there is none. A file that is compressed, or text
    that is not UTF-8, is written aside as a plain one: `text` then says where, and `name` what it was called.
    `part` is what stands after a `#`: a sheet, or a list of objects, of a file that has several.
    """

    value: Any
    text: str = ""
    head: bytes = b""
    name: str = ""
    part: str = ""
    notes: tuple[str, ...] = ()
    kept: Any = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, value: Any) -> Given:
        """Look at it; raises `UnusableInput` where there is no such file, or nothing in it."""
        if not isinstance(value, str | Path):
            return cls(value)
        text = str(value)
        if parted(text) and not Path(text).exists():
            return cls(value, text, name=shown(text))
        if "://" in text:
            return cls(value, text, name=text)
        if text == SAMPLE and not Path(SAMPLE).exists():
            return replace(cls.of(BUNDLED), name=SAMPLE, notes=(OF_SAMPLE,), kept=BUNDLED)
        path, part = _file(text)
        plain = unpacked(path)
        if not plain.head.strip():
            raise UnusableInput(f"{path} is empty. Expected a header line and one row per answer.")
        aside = plain.path != path
        where = str(plain.path) if aside or part else text
        return cls(value, where, plain.head, text, part, plain.notes, plain.kept)

    @property
    def ending(self) -> str:
        """The ending of its name in small letters, such as ".csv"."""
        return Path(self.text).suffix.lower()

    @cached_property
    def beginning(self) -> str:
        """`head` as text."""
        return self.head.decode("utf-8-sig", errors="replace")

    @cached_property
    def record(self) -> Mapping[str, Any] | None:
        """The JSON object that it begins with, by itself or as the first of a list; None where there is none.

        >>> Given("a.jsonl", "a.jsonl", b'{"id": 1}\\n{"id": 2}\\n').record
        {'id': 1}
        """
        return self._object[0]

    @property
    def on_a_line(self) -> bool:
        """Whether that object has the first line for itself."""
        return self._object[1]

    @property
    def alone(self) -> bool:
        """Whether that object is all that the file holds."""
        return self._object[2]

    @cached_property
    def _object(self) -> tuple[Mapping[str, Any] | None, bool, bool]:
        """The object, whether it has the first line for itself, and whether it is all."""
        opened = re.match(r"\s*(\[?)\s*(?=\{)", self.beginning)
        if opened is None:
            return None, False, False
        text, whole = self.beginning, len(self.head) < HEAD
        if (read := _decoded(text, opened.end())) is None and not whole:
            text, whole = self._entire, True
            read = _decoded(text, opened.end())
        if read is None:
            return None, False, False
        found, end = read
        written, after = text[opened.end() : end], text[end:]
        on_a_line = not opened[1] and "\n" not in written and not after.partition("\n")[0].strip()
        return found, on_a_line, whole and not opened[1] and not after.strip()

    @property
    def _entire(self) -> str:
        """The whole file, where its first object is longer than `head`."""
        path = Path(self.text)
        if not path.is_file() or path.stat().st_size > ENTIRE:
            return ""
        return path.read_text(encoding="utf-8-sig", errors="replace")


def _decoded(text: str, at: int) -> tuple[Any, int] | None:
    try:
        return json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None


def _file(text: str) -> tuple[Path, str]:
    """The file, or the first that a pattern stands for, and the part of it that is meant."""
    if Path(text).exists():
        path, part = Path(text), ""
    elif matching := glob(text, recursive=True):
        path, part = Path(min(matching)), ""
    else:
        before, _, part = text.rpartition("#")
        path = Path(before) if before and part and Path(before).is_file() else Path(text)
    if path.is_dir():
        held = sorted(one.suffix for one in path.iterdir() if one.is_file() and one.suffix)
        ending = max(held, key=held.count, default=".jsonl")
        raise UnusableInput(
            f"{path} is a folder. Name a file in it, or several by a pattern in quotes: '{path}/*{ending}'."
        )
    if not path.is_file():  # a pipe can be read but once
        raise UnusableInput(
            f"There is no file {text}. `sample` in its place is a log to try things on; `calibrant elicit`, `ask` "
            "and `serve` write one."
        )
    return path, part
