"""Files that are there whole or not at all: a crash or a full disk leaves what was there before."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from ..errors import UnusableInput

__all__ = ["check_writable", "replacing", "write"]


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
    try:
        with replacing(path) as part:
            part.write_bytes(data)
    except OSError as error:
        why = error.strerror or str(error)
        raise UnusableInput(f"Cannot write {path}: {why}. Free space, or name another file.") from error


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
