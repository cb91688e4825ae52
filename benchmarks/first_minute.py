"""A newcomer's way, timed and weighed: clone, an empty environment, the installation, a CSV, its report.

    python benchmarks/first_minute.py [REPOSITORY] [--quick]    # without one, of the checkout that it lies in

Seconds on the clock, and seconds of computing, which other work on the machine changes less. Megabytes of all that is
in the clone and the environment once the CSV is audited: pip, and the bytecode that Python wrote on the way, included.
No question is asked on the way.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ANSWERS = "confidence,correct,task\n" + "".join(
    f"0.{9 - i % 3},{int(i % 10 < 6)},{('law', 'maths')[i % 2]}\n" for i in range(200)
)


def timed(what: str, *command: str | Path) -> float:
    """Run it, and say how long it took."""
    start, before = time.perf_counter(), _computing()
    done = subprocess.run(
        [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )  # fmt: skip
    took = time.perf_counter() - start
    print(f"{what:<35} {took:6.1f} s, of which computing {_computing() - before:5.1f} s", flush=True)
    for line in done.stdout.splitlines()[:2] if "audit" in what else ():
        print(f"    {line[:150]}")
    return took


def _computing() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repository", nargs="?", default=str(ROOT))
    parser.add_argument("--quick", action="store_true", help="the audits alone, by what is installed here")
    return parser


def main() -> None:
    given = options().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        answers = folder / "answers.csv"
        answers.write_text(ANSWERS)
        if given.quick:
            looked_at(answers, folder / "audit.html", sys.executable, "-m", "calibrant")
        else:
            from_clone(folder, answers, given.repository)


def looked_at(answers: Path, report: Path, *tool: str | Path) -> None:
    """The log that comes along, with its report."""
    timed("audit answers.csv, again", *tool, "audit", answers, "--by", "task")
    timed("audit sample --report", *tool, "audit", "sample", "--by", "domain", "--report", report)
    print(f"The report has {report.stat().st_size:,} bytes.")


def from_clone(folder: Path, answers: Path, repository: str) -> None:
    """Take each step of the README in an environment of its own."""
    clone, made = folder / "calibrant", folder / "venv"
    pip = (made / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
    took = timed("git clone", "git", "clone", "--quiet", repository, clone)
    took += timed("an empty environment", sys.executable, "-m", "venv", made)
    took += timed("pip install --no-compile '.[cli]'", *pip, f"{clone}[cli]")
    tool = made / "bin" / "calibrant"
    took += timed("audit answers.csv", tool, "audit", answers, "--by", "task")
    print(
        f"From clone to the first audited CSV: {took:.0f} s. Installed: {_weight(made):.0f} MB, of which "
        f"{_weight(made, 'pip*', 'setuptools*', 'pkg_resources*'):.0f} are pip and setuptools and "
        f"{_weight(made, '**/__pycache__'):.0f} bytecode; the clone: {_weight(clone):.0f} MB."
    )
    timed("pip install ... '.[cli,report]'", *pip, f"{clone}[cli,report]")
    looked_at(answers, folder / "audit.html", tool)
    print(f"Installed: {_weight(made):.0f} MB.")


def _weight(folder: Path, *parts: str) -> float:
    """Megabytes of files; of some packages or folders alone where patterns of them are given."""
    inside = [one for part in parts for one in folder.glob(f"lib/python*/site-packages/{part}")] or [folder]
    files = (path for one in inside for path in one.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


if __name__ == "__main__":
    main()
