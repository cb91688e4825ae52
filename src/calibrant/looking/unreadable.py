"""What the bytes of a file are that nothing could read, in words; it reads the first of them and never fails."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PLAIN", "bytes_told"]

HEAD = 4096
SIGNS = (
    (b"%PDF", "a PDF document"), (b"\x89PNG", "a picture (PNG)"), (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"), (b"PAR1", "Parquet"), (b"ARROW1", "Arrow"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"PK\x03\x04", "a ZIP archive, as .xlsx, .docx and .eval are too"), (b"\x1f\x8b", "packed with gzip"),
    (b"\x28\xb5\x2f\xfd", "packed with zstandard"), (b"BZh", "packed with bzip2"), (b"\xfd7zXZ", "packed with xz"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (.xls, .doc)"),
    (b"\x89HDF", "HDF5"), (b"\x93NUMPY", "a NumPy array"), (b"\x80\x04\x95", "a Python pickle, which is not opened"),
    (b"\x80\x05\x95", "a Python pickle, which is not opened"), (b"GGUF", "a language model (GGUF)"),
    (b"\x7fELF", "a program"), (b"<!DOCTYPE", "a web page"), (b"<html", "a web page"), (b"<?xml", "XML"),
    (b"{", "JSON"), (b"[", "JSON"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file itself with `git lfs pull`"),
)  # fmt: skip
"""How files begin, and what they then are."""


ABSENT, FOLDER, EMPTY = "no file", "a folder", "an empty file"
PLAIN = (ABSENT, FOLDER, EMPTY)
"""What a refusal has said already."""


def bytes_told(path: str) -> str:
    """What a path leads to, and if that is a file how large it is and what it seems to hold.

    >>> bytes_told("/no/such/file.csv"), bytes_told("/")
    ('no file', 'a folder')
    """
    try:
        where = Path(path)
        if not where.exists():
            return ABSENT
        if not where.is_file():
            return FOLDER if where.is_dir() else "no ordinary file"
        size, head = where.stat().st_size, b""
        with where.open("rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError) as error:
        return f"a file that cannot be read: {getattr(error, 'strerror', None) or error}"
    if not size:
        return EMPTY
    return f"{size:,} bytes, {_sort(head)}"


def _sort(head: bytes) -> str:
    bare = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for sign, what in SIGNS:
        if bare.lower().startswith(sign.lower()):
            return what
    if not head.strip(b"\0"):
        return "nothing but zeros at the begin: a copy that was cut off, perhaps"
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD else "ignore")
    except UnicodeDecodeError:
        text = ""
    printable = sum(one.isprintable() or one in "\r\n\t" for one in text)
    if text and printable > 0.95 * len(text):
        line = text.strip().splitlines()[0] if text.strip() else ""
        return f"text, whose first line is {line[:60]!r}"
    return f"no text: it begins with the bytes {head[:8].hex(' ')}"
