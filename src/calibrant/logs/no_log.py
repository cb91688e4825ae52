"""Files that hold data and are no logs as they are: what they are instead, and the command that makes a log of them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from shlex import quote

__all__ = ["no_log", "several_in"]

PAGE = re.compile(r"\s*(?:<!doctype\s+html|<html|<table|<meta|<head)\b", re.I)
PICKLED = re.compile(rb"\x80[\x02-\x05]|\([ld]p\d+\r?\n|c(?:copy_reg|__main__)\r?\n")
_PICKLE = "import pandas, sys; pandas.DataFrame(pandas.read_pickle(sys.argv[1])).to_parquet(sys.argv[2])"
_NUMPY = (
    "import numpy, pandas, sys; pandas.DataFrame(numpy.load(sys.argv[1])).to_csv(sys.argv[2], index=False)"
)
_ARRAYS = "import numpy, pandas, sys; pandas.DataFrame(dict(numpy.load(sys.argv[1]))).to_csv(sys.argv[2], index=False)"
_PAGE = "import pandas, sys; pandas.read_html(sys.argv[1])[0].to_csv(sys.argv[2], index=False)"
_HDF = "import pandas, sys; pandas.read_hdf(sys.argv[1]).to_parquet(sys.argv[2])"
RUNS = "which runs what its writer put into it when it is opened, and is not opened here."
SHOWN = 3


def no_log(head: bytes, path: str) -> str | None:
    """Why a file that begins so is not read, and what to do; None for any other.

    A pickle is never opened, for it runs what its writer put into it.

    >>> (no_log(b"\\x80\\x04\\x95", "run.pkl") or "").partition(". ")[0]
    'run.pkl is a pickle, which runs what its writer put into it when it is opened, and is not opened here'
    >>> no_log(b"a,b", "a.csv") is None
    True
    """
    if PICKLED.match(head):
        return (
            f"{path} is a pickle, {RUNS} Where you trust who wrote it, make a table of it: "
            f"{_made(_PICKLE, path, 'parquet')}"
        )
    if head.startswith(b"\x93NUMPY"):
        made = _made(_NUMPY, path, "csv")
        return f"{path} is an array of NumPy, whose columns have no names. Make a table of it: {made}"
    if head.startswith(b"\x89HDF"):
        return f"{path} is HDF5. Make a table of it: {_made(_HDF, path, 'parquet')}"
    if (
        PAGE.match(head[:1024].decode("utf-8", errors="replace").lstrip("\ufeff"))
        and b"<table" in head.lower()
    ):
        called = (
            ", as some programs write it and call it a workbook" if path.endswith(("xls", "xlsx")) else ""
        )
        made = _made(_PAGE, path, "csv")
        return f"{path} is a web page{called}. Save its table as CSV, or: {made} (pip install pandas lxml)"
    return None


def several_in(head: bytes, path: str) -> str | None:
    """What is in an archive that holds several files, and what to do; None for what is none."""
    if not head.startswith(b"PK\x03\x04") or not Path(path).is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MAC")
            ]
    except (zipfile.BadZipFile, OSError):
        return f"{path} is an archive that cannot be opened. Fetch it again."
    if names and all(name.endswith(".npy") for name in names):
        return f"{path} holds arrays of NumPy. Make a table of them: {_made(_ARRAYS, path, 'csv')}"
    if any(name.endswith(".pkl") for name in names):
        return f"{path} holds a pickle, {RUNS}"
    shown = ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
    return (
        f"{path} holds {len(names)} files: {shown}. Unpack it (unzip {quote(path)}), and name one of them, or several "
        "by a pattern in quotes."
    )


def _made(code: str, path: str, ending: str) -> str:
    return f"python3 -c {quote(code)} {quote(path)} {quote(Path(path).stem)}.{ending}"
