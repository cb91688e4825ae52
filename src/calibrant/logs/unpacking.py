"""Files as plain as formats can read them: decompressed, and text as UTF-8 with ordinary line ends.

A file that is plain already is read where it lies. Any other is written out once, aside, for as long as it is used.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from ..errors import UnusableInput
from ..plugins import require
from .encodings import CALLED, encoding_of

__all__ = ["HEAD", "Unpacked", "unpacked"]

HEAD = 1 << 20
"""Bytes that formats may look at."""
DEEPEST = 3
"""Packings in one another that are opened: a `.csv.gz` in a `.zip` is two."""

PACKINGS = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}  # fmt: skip
BINARY = (
    b"PAR1", b"ARROW1", b"FEA1", b"SQLite format 3\0", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xff\xff\xff",
    b"%PDF",
)  # fmt: skip
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
ROWS = (".csv", ".tsv", ".txt", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx")
PLAIN, RETURNS = "utf-8", "utf-8 with carriage returns"


@dataclass(frozen=True)
class Unpacked:
    """A plain file: where it lies, how it begins, and what is to be said of how it was read.

    `kept` holds the folder of a file that was written aside, which goes when nothing refers to it.
    """

    path: Path
    head: bytes
    notes: tuple[str, ...] = ()
    kept: Any = field(default=None, repr=False, compare=False)


def unpacked(path: Path) -> Unpacked:
    """The file as a plain one. Raises `UnusableInput` where it cannot be read, or is cut off within its packing.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     packed = Path(folder) / "log.csv.gz"
    ...     _ = packed.write_bytes(gzip.compress("a,b\\n".encode("utf-16")))
    ...     found = unpacked(packed)
    ...     found.path.name, found.head
    ('log.csv', b'a,b\\n')
    """
    with _readable(path):
        found = Unpacked(path, _head(path))
        for _ in range(DEEPEST):
            if (packing := _packing(found)) is None:
                break
            found = _written(found, found.path.with_suffix("").name, _unpacker(found, packing))
        if found.head[257:262] == b"ustar":
            raise UnusableInput(
                f"{path} holds an archive of files. Unpack it (`tar -xf {path}`), and name the log."
            )
        return _as_utf8(found)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise UnusableInput(
            f"{path} cannot be unpacked: {error}. It may be cut off; copy or download it again."
        ) from error
    except NotImplementedError as error:  # zipfile raises it of a method that it does not know
        raise UnusableInput(
            f"{path} is packed in a way that cannot be opened ({error}): unpack it first."
        ) from error
    except OSError as error:
        raise UnusableInput(f"{path} cannot be read: {error.strerror or error}.") from error


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _packing(found: Unpacked) -> str | None:
    if found.head.startswith(b"PK\x03\x04"):
        return "zip" if _only_member(found.path) else None
    return next((name for mark, name in PACKINGS.items() if found.head.startswith(mark)), None)


def _only_member(path: Path) -> str | None:
    """The log in a .zip that holds nothing else."""
    with zipfile.ZipFile(path) as archive:
        names = [
            name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MAC")
        ]
    return names[0] if len(names) == 1 and Path(names[0]).suffix.lower() in ROWS else None


def _stream(found: Unpacked, packing: str) -> Any:
    match packing:
        case "gzip":
            return gzip.open(found.path)
        case "bzip2":
            return bz2.open(found.path)
        case "xz":
            return lzma.open(found.path)
        case "zip":
            return zipfile.ZipFile(found.path).open(str(_only_member(found.path)))
    arrow = require("pyarrow", f"Unpacking {found.path}", "files")
    return arrow.input_stream(str(found.path), compression=packing)


def _unpacker(found: Unpacked, packing: str) -> Callable[[IO[bytes]], None]:
    def write(out: IO[bytes]) -> None:
        with _stream(found, packing) as source:
            shutil.copyfileobj(source, out, HEAD)

    return write


class _Folder:
    """A folder that lasts as long as this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="calibrant-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _written(found: Unpacked, name: str, write: Callable[[IO[bytes]], None]) -> Unpacked:
    kept = _Folder()
    path = kept.path / name
    with path.open("wb") as out:
        write(out)
    return replace(found, path=path, head=_head(path), kept=kept)


def _as_utf8(found: Unpacked) -> Unpacked:
    if found.head.startswith(BINARY) or found.head[8:12] == b"DUCK":
        return found
    encoding, note = _encoding(found)
    if encoding == PLAIN and not note:
        return found
    plain = _written(found, found.path.name, lambda out: _transcoded(found.path, encoding, out))
    return replace(plain, notes=(note,) if note else ())


def _encoding(found: Unpacked) -> tuple[str, str]:
    """In what a text is written, and what there is to say of it; what holds zeros and is no UTF-16 is no text."""
    head = found.head
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding, ""
    if b"\0" in head:
        zeros = [head[start::2].count(0) / max(len(head) // 2, 1) for start in (0, 1)]
        if max(zeros) > 0.3 and min(zeros) < 0.05:
            return ("utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"), ""
        return PLAIN, ""
    if (broken := _not_utf8(found.path)) is not None:
        return broken
    return (RETURNS if b"\r" in head and b"\n" not in head else PLAIN), ""


def _not_utf8(path: Path) -> tuple[str, str] | None:
    """None for UTF-8. Else the encoding of its letters, or UTF-8 with replacements where most of them are UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(HEAD):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(0)
            data = file.read()
            text = data.decode("utf-8", errors="replace")
            broken, whole = text.count("\ufffd"), sum(c > "\x7f" for c in text)
            if whole - broken > broken:
                several = "characters are" if broken > 1 else "character is"
                return PLAIN, f"{broken} {several} not UTF-8; � stands in place of each."
            found = encoding_of(data[:HEAD])
            return (
                found,
                f"The file is not UTF-8; it was read as {CALLED[found]}, in which other letters may differ.",
            )
    return None


def _transcoded(path: Path, encoding: str, out: IO[bytes]) -> None:
    """As UTF-8; where a carriage return ends each line, a line feed."""
    source, returns = "utf-8" if encoding == RETURNS else encoding, False
    with path.open(encoding=source, errors="replace", newline="") as text:
        while chunk := text.read(HEAD):
            returns = returns or ("\r" in chunk and "\n" not in chunk)
            out.write((chunk.replace("\r", "\n") if returns else chunk).encode())
