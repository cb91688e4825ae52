"""Members of ZIP files, also of the method that Python's own reader does not know before 3.14."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from ..errors import UnusableInput
from ..plugins import require

__all__ = ["member", "member_names"]

DEFLATED, ZSTANDARD = 8, 93
LOCAL = 30
"""Bytes of the header before a member's data, without its name and extra field."""


def member_names(path: Path) -> list[str]:
    """The members of a ZIP file, none where it is no such file or is cut off."""
    try:
        with zipfile.ZipFile(path) as opened:
            return opened.namelist()
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        NotImplementedError,
    ):  # the last: of a later version of ZIP
        return []


def member(path: Path, name: str) -> bytes:
    """What a member holds, stored, deflated or compressed with Zstandard; raises `UnusableInput` where it is broken."""
    try:
        with zipfile.ZipFile(path) as opened:
            about = opened.getinfo(name)
        with path.open("rb") as file:
            file.seek(about.header_offset)
            head = file.read(LOCAL)
            file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
            data = file.read(about.compress_size)
        found = _inflated(path, data, about.compress_type)
    except (zipfile.BadZipFile, zlib.error, OSError, KeyError, EOFError, ValueError) as error:
        raise UnusableInput(f"{path} cannot be read: its member {name} is broken ({error}).") from error
    if zlib.crc32(found) != about.CRC:
        raise UnusableInput(f"{path} cannot be read: its member {name} is broken (its checksum differs).")
    return found


def _inflated(path: Path, data: bytes, method: int) -> bytes:
    if method == ZSTANDARD:
        arrow = require("pyarrow", f"Reading {path}", "files")
        with arrow.CompressedInputStream(arrow.BufferReader(data), "zstd") as stream:
            return bytes(stream.read())
    if method == DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data)
    if method == 0:
        return data
    raise ValueError(f"compression method {method} is not known")
