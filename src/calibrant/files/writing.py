"""Files that are there whole or not at all: a crash or a full disk leaves what was there before."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from itertools import combinations
from pathlib import Path
from uuid import uuid4

from ..errors import Misuse, UnusableInput

__all__ = ["check_apart", "check_writable", "replacing", "write", "writing"]


def write(path: str | Path, content: str | bytes) -> None:
    """Write a whole file, text as UTF-8; on the disk when this returns.

    Raises `UnusableInput`, which names the path, where it cannot be written; what was there stays.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/maps.json", "{}")
    ...     Path(folder, "maps.json").read_text()
    '{}'
    """
    data = content if isinstance(content, bytes) else content.encode()
    with writing(path) as part:
        part.write_bytes(data)


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """As `replacing`; what the system says of the file, or without naming one, is `UnusableInput` with the path."""
    part: Path | None = None
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        ours = error.filename is None or part is None or Path(os.fsdecode(error.filename)).name == part.name
        if not ours:  # of a file that the block reads
            raise
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UnusableInput(f"Cannot write {path}: {why}. Free space, or name another file.") from error


def check_apart(writes: Mapping[str, str | Path], reads: Collection[str | Path] = ()) -> None:
    """Raise `Misuse` where a file would be written over one that is read, or two would be written to one place.

    A file is itself by any name: a relative one, a link to it, a pattern that holds it, the address of a SQLite file.
    What is no file, such as a pipe, is never in the way.

    Parameters
    ----------
    writes : the path of each output, by what its user calls it, such as "--out"
    reads : paths and patterns of what is read; texts that name no file are passed over

    >>> check_apart({"--report": "a.html", "--markdown": "./a.html"})
    Traceback (most recent call last):
    calibrant.errors.Misuse: --report and --markdown are one file, ./a.html. Name two.
    """
    made = {name: file for name, path in writes.items() if (file := _made(path)) is not None}
    for (first, one), (second, other) in combinations(made.items(), 2):
        if _same(one, other):
            raise Misuse(f"{first} and {second} are one file, {writes[second]}. Name two.")
    for text in map(str, reads):
        for file in _read(text):
            for name, target in made.items():
                if _same(target, file):
                    also = "" if text == str(writes[name]) else f" by the name {text}"
                    raise Misuse(
                        f"{name} {writes[name]} is a file that is read here{also}, and would be written over. "
                        "Name another file."
                    )


def _made(path: str | Path) -> Path | None:
    """The file at a path or the address of a SQLite file; None for what is none, such as a pipe."""
    path = _of_address(str(path))
    return None if not path or (os.path.exists(path) and not os.path.isfile(path)) else Path(path)


def _read(text: str) -> list[Path]:
    """The files that are there at a path, a pattern or the address of a SQLite file."""
    path = _of_address(text)
    return [
        Path(one)
        for one in ([path] if os.path.exists(path) else glob(path, recursive=True))
        if os.path.isfile(one)
    ]


def _of_address(text: str) -> str:
    """The path in an address; no text where it leads to no file.

    >>> _of_address("a.db"), _of_address("sqlite:////runs/a.db?mode=ro"), _of_address("postgresql://db/log")
    ('a.db', '/runs/a.db', '')
    """
    kind, stands, rest = text.partition("://")
    if not stands:
        return text
    return rest.removeprefix("/").partition("?")[0] if kind.startswith("sqlite") else ""


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one is still to be made
        return os.path.realpath(one) == os.path.realpath(other)


def check_writable(path: str | Path) -> None:
    """Raise `UnusableInput` where `write` would, as far as that can be known beforehand; leaves nothing behind.

    >>> check_writable("no/such/folder/maps.json")
    Traceback (most recent call last):
    calibrant.errors.UnusableInput: Cannot write no/such/folder/maps.json: there is no folder no/such/folder. Make it,
    or name another file.
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise UnusableInput(f"Cannot write {path}: it is a folder. Name a file in it.")
    if target.exists() and not target.is_file():
        return
    if not target.parent.is_dir():
        raise UnusableInput(
            f"Cannot write {path}: there is no folder {Path(path).parent}. Make it, or name another file."
        )
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        why = error.strerror or str(error)
        raise UnusableInput(f"Cannot write {path}: {why}. Free space, or name another file.") from error


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """The path of a file that takes the place of `path` when the block ends; an error leaves nothing of it.

    Where the block makes no file, what is there stays. A link goes on leading where it does, a file keeps its rights,
    and what is no file, such as a pipe, is written to as it is. Raises `OSError`.
    """
    target = Path(path).resolve()  # where a link leads, so that it stays one
    if target.exists() and not target.is_file():
        yield target
        return
    part = target.with_name(f".{uuid4().hex[:8]}.{target.name}")
    try:
        yield part
        if not part.exists():
            return
        if target.exists():
            shutil.copymode(target, part)
        _settle(part)
        os.replace(part, target)
        _settle(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Wait until a file, or the names in a folder where the system can, are on the disk."""
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return
    there = os.open(path, os.O_RDONLY)
    try:
        os.fsync(there)
    finally:
        os.close(there)
