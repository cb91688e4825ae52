"""What an installation weighs: an empty environment for each extra, and all that pip puts into it.

    python benchmarks/sizes.py [EXTRA ...] [--quick]    # makes the wheel that it installs; "" is the package alone

Megabytes of files, bytecode included, pip itself left out. Fine-tuning, Spark and Ray are left out unless named: they
are gigabytes.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = "(packages)"
LARGE = ("training", "spark", "ray")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("extras", nargs="*", metavar="EXTRA")
    parser.add_argument("--quick", action="store_true", help="what is installed here, without an environment")
    return parser


def main() -> None:
    given = options().parse_args()
    if given.quick:
        print(row("here", weighed(Path(sys.prefix))))
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = given.extras or ["", *(one for one in project["optional-dependencies"] if one not in LARGE)]
    print(f"Measured on {datetime.date.today()}, Python {sys.version.split()[0]}.\n")
    print("| installed | MB | packages | the largest of them, in MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip("wheel", "--no-deps", "--wheel-dir", folder, ROOT)
        wheel = next(folder.glob("*.whl"))
        for extra in extras:
            print(
                row(f"calibrant[{extra}]" if extra else "calibrant", installed(folder, wheel, extra)),
                flush=True,
            )


def pip(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", *map(str, words), "--quiet"], check=True)


def installed(folder: Path, wheel: Path, extra: str) -> Counter[str]:
    """The weight of each package in an environment of its own, which is gone afterwards."""
    made = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(made)], check=True)
    pip("--python", made / "bin" / "python", "install", f"{wheel}[{extra}]" if extra else wheel)
    return weighed(made)


def weighed(environment: Path) -> Counter[str]:
    """Bytes by the name of what lies in site-packages; libraries and metadata count with what they belong to."""
    found: Counter[str] = Counter()
    for site in environment.glob("lib/python*/site-packages"):
        for path in site.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found[re.split(r"[.-]", path.relative_to(site).parts[0].lstrip("_"))[0]] += (
                    path.stat().st_size
                )
        found[PACKAGES] = sum(1 for _ in site.glob("*.dist-info"))
    return found


def row(name: str, sizes: Counter[str]) -> str:
    packages = sizes.pop(PACKAGES, 0)
    largest = ", ".join(f"{one} {size / 1e6:.0f}" for one, size in sizes.most_common(4))
    return f"| `{name}` | {sum(sizes.values()) / 1e6:.0f} | {packages} | {largest} |"


if __name__ == "__main__":
    main()
