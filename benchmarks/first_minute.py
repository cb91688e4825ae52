"""A newcomer's first minute, timed: an empty environment, the installation, the log that comes along, its report.

python benchmarks/first_minute.py [WHEEL]    # without one it builds one, which does not count

Seconds on the clock, and seconds of computing, which other work on the machine changes less.
"""

from __future__ import annotations

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


def main(folder: Path, wheel: Path | None) -> None:
    """Take each step of the README in an environment of its own."""
    made, report = folder / "venv", folder / "audit.html"
    if wheel is None:
        pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
        subprocess.run([str(part) for part in pip], check=True)
        wheel = next(folder.glob("*.whl"))
    tool = made / "bin" / "calibrant"
    install = timed("an empty environment", sys.executable, "-m", "venv", made)
    install += timed(
        "pip install 'calibrant[cli,report]'", made / "bin/pip", "install", "--quiet", f"{wheel}[cli,report]"
    )
    picture = timed(
        "audit sample --report, first time", tool, "audit", "sample", "--by", "domain", "--report", report
    )
    timed("audit sample", tool, "audit", "sample")
    print(
        f"{'installed and looked at':<35} {install + picture:6.1f} s; the report has {report.stat().st_size:,} bytes"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as given:
        main(Path(given), Path(sys.argv[1]) if sys.argv[1:] else None)
