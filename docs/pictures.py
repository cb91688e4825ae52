"""Make the pictures of the documentation: the terminal and the report of an audit.

    python docs/pictures.py [PATH OF CHROMIUM]

The log is simulated with a seed and the date is fixed, so that the same code and the same browser make the same files.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

import calibrant
from calibrant.auditing import Audit
from calibrant.cli import terminal
from calibrant.cli.tables.measured import print_audit
from calibrant.looking.asked import Asked
from calibrant.looking.following import after_audit
from calibrant.report import html

IMAGES = Path(__file__).parent / "pictures"
BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")
DARK, LIGHT = 0, 1
"""What a page is told of the reader's screen."""
SHOTS = {
    "report-light": (1100, 1500, LIGHT),
    "report-dark": (1100, 1500, DARK),
    "report-phone": (390, 1500, LIGHT),
}
"""Of each picture of the report its width, its height and the screen."""


def log() -> pd.DataFrame:
    """Three kinds of questions: one answered too boldly, one about right, one with too few answers."""
    rng = np.random.default_rng(7)
    parts = []
    for task, rows, shift in (("law", 412, 0.16), ("history", 380, 0.02), ("chemistry", 18, 0.1)):
        claimed = rng.beta(6, 1.2, rows).round(2)
        right = rng.random(rows) < np.clip(claimed - shift, 0, 1)
        parts.append(pd.DataFrame({"task": task, "confidence": claimed, "correct": right.astype(int)}))
    return pd.concat(parts)


def terminal_svg(found: Audit) -> str:
    """What the command prints, as a picture that loads nothing."""
    console = Console(record=True, width=132, highlight=False, markup=False, file=io.StringIO())
    console.print("$ calibrant audit answers.csv --by task", style="bold")
    terminal.out = console
    print_audit(found)
    drawn = console.export_svg(title="calibrant", unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.S)


def shoot(browser: str, page: Path, to: Path, width: int, height: int, screen: int) -> None:
    """A picture of the top of a page."""
    subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--blink-settings=preferredColorScheme={screen}", f"--window-size={width},{height}",
            f"--screenshot={to}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip


def main(browser: str | None) -> None:
    """Write all pictures."""
    browser = browser or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(
            f"Expected one of {', '.join(BROWSERS)} on the path, or the path of one as argument."
        )
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        log().to_csv("answers.csv", index=False)
        found = calibrant.audit("answers.csv", by=["task"])
        (IMAGES / "terminal.svg").write_text(terminal_svg(found), encoding="utf-8")
        steps = after_audit([group.finding for group in found.groups], Asked(log="answers.csv", by=("task",)))
        page = Path(folder) / "report.html"
        page.write_text(html(found, steps=steps, made=date(2026, 11, 29)), encoding="utf-8")
        for name, (width, height, screen) in SHOTS.items():
            shoot(browser, page, IMAGES / f"{name}.png", width, height, screen)


if __name__ == "__main__":
    main(next(iter(sys.argv[1:]), None))
