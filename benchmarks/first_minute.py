"""A newcomer's first minute, timed: an empty environment, the installation, the log that comes along, its report.

    python benchmarks/first_minute.py [WHEEL] [--quick]    # without one it builds one, which does not count

Seconds on the clock, and seconds of computing, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def timed(what: str, *command: str | Path) -> float:
    """Run it, and say how long it took."""
    start, before = time.perf_counter(), _computing()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - start
    print(f"{what:<35} {took:6.1f} s, of which computing {_computing() - before:5.1f} s", flush=True)
    return took


def _computing() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", nargs="?", type=Path)
    parser.add_argument("--quick", action="store_true", help="the report alone, by what is installed here")
    return parser


def main() -> None:
    given = options().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, report = Path(name), Path(name) / "audit.html"
        if given.quick:
            looked_at(report, sys.executable, "-m", "calibrant")
        else:
            minute(folder, report, given.wheel)


def looked_at(report: Path, *tool: str | Path) -> float:
    """The first report, and the log a second time."""
    took = timed(
        "audit sample --report, first time", *tool, "audit", "sample", "--by", "domain", "--report", report
    )
    timed("audit sample", *tool, "audit", "sample")
    return took


def minute(folder: Path, report: Path, wheel: Path | None) -> None:
    """Take each step of the README in an environment of its own."""
    made = folder / "venv"
    if wheel is None:
        pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
        subprocess.run([str(part) for part in pip], check=True)
        wheel = next(folder.glob("*.whl"))
    tool = made / "bin" / "calibrant"
    install = timed("an empty environment", sys.executable, "-m", "venv", made)
    install += timed(
        "pip install 'calibrant[cli,report]'", made / "bin/pip", "install", "--quiet", f"{wheel}[cli,report]"
    )
    picture = looked_at(report, tool)
    print(
        f"{'installed and looked at':<35} {install + picture:6.1f} s; the report has {report.stat().st_size:,} bytes"
    )


if __name__ == "__main__":
    main()
