"""The lesson of docs/extending.md to the letter: its file becomes a package beside calibrant, which finds it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ..upstream import Upstream

LESSON = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
FAMILIES = ("signals", "calibrators", "log_formats", "routes", "engines")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", LESSON, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip would install it, and a log of each kind to use it on."""
    folder = tmp_path_factory.mktemp("site")
    parts = [block for block in blocks("python") if block.startswith("# toy.py\n")]
    (folder / "toy.py").write_text("\n\n".join(parts))
    groups = tomllib.loads("\n".join(blocks("toml")[:1]))["project"]["entry-points"]
    assert set(groups) == {f"calibrant.{family}" for family in FAMILIES}
    listed = [
        f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in points.items())
        for group, points in groups.items()
    ]
    info = folder / "toy-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("\n".join(listed))
    rows = ["0.9 +", "0.8 +", "0.8 -", "0.3 -"] * 20
    (folder / "answers.toy").write_text("%toy\n" + "".join(f"{row}\n" for row in rows))
    (folder / "log.csv").write_text(
        "model,signal,score,correct\n"
        + "".join(f"my-model,terse,{row[:3]},{int('+' in row)}\n" for row in rows)
    )
    return folder


@pytest.fixture
def run(folder: Path) -> Callable[..., str]:
    """Run Python in that folder, with the package on its path."""

    def run(*arguments: str) -> str:
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def calibrant(run: Callable[..., str]) -> Callable[..., Any]:
    def calibrant(*arguments: str) -> Any:
        return json.loads(run("-m", "calibrant", *arguments, "--json"))

    return calibrant


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    server = Upstream().start()
    yield server
    server.stop()


def test_what_is_found_by_its_entry_point_keeps_its_promises(run: Callable[..., str]) -> None:
    code = (
        "from functools import partial\n"
        "from calibrant import checks\n"
        "from calibrant.models.scripted import Scripted\n"
        "from calibrant.plugins import find\n"
        "checks.signal(find('signals', 'terse')), checks.signal(find('signals', 'bet'))\n"
        "checks.calibrator(find('calibrators', 'tenths'))\n"
        "checks.log_format(find('log_formats', 'toy'), logs=['answers.toy'])\n"
        "checks.route(partial(find('routes', 'shorter'), model=Scripted(lambda ask: '4')))\n"
        "print('kept')\n"
    )
    assert run("-c", code) == "kept\n"


def test_its_tables_are_read_by_their_address(calibrant: Callable[..., Any], folder: Path) -> None:
    (folder / "warehouse" / "2026").mkdir(parents=True)
    table = pa.table({"confidence": [0.9] * 80, "correct": [True] * 60 + [False] * 20})
    pq.write_table(table, folder / "warehouse" / "2026" / "november.parquet")
    (group,) = calibrant("audit", "lake:warehouse")["groups"]
    assert (group["n"], group["accuracy"]) == (80, 0.75)
    assert calibrant("look", "lake:warehouse")["kind"] == "a table in lake"


def test_the_command_line_lists_them_with_their_package(calibrant: Callable[..., Any]) -> None:
    rows = calibrant("extensions")["extensions"]
    ours = {(row["family"], row["name"], row["about"]) for row in rows if row["package"] == "toy"}
    assert {family for family, _, _ in ours} == set(FAMILIES)
    assert ("signals", "terse", "The shorter an answer the surer: one half at `half` characters.") in ours
    assert [row["name"] for row in calibrant("extensions", "routes")["extensions"] if row["package"] == "toy"]
    (terse,) = [row for row in calibrant("signals")["signals"] if row["name"] == "terse"]
    assert (terse["needs"], terse["calls"], terse["settings"]) == ([], 0, {"half": 40})


def test_they_are_used_by_name_where_ours_are(
    run: Callable[..., str], calibrant: Callable[..., Any], folder: Path
) -> None:
    audited = calibrant("audit", "answers.toy")
    assert (audited["used"], audited["groups"][0]["accuracy"]) == (80, pytest.approx(0.5))
    assert "tenths" in run("-m", "calibrant", "fit", "--help")
    calibrant("fit", "log.csv", "--calibrator", "tenths", "-o", "maps.json")
    assert '"calibrator": "tenths"' in (folder / "maps.json").read_text()
    calibrant("apply", "maps.json", "answers.toy", "-o", "applied.csv")
    assert (folder / "applied.csv").read_text().count("\n") == 81


def test_a_deployment_names_them_in_its_file(
    run: Callable[..., str], calibrant: Callable[..., Any], folder: Path, upstream: Upstream
) -> None:
    calibrant("fit", "log.csv", "--calibrator", "tenths", "-o", "maps.json")
    text = (
        blocks("toml")[1].replace("http://localhost:8000/v1", upstream.url).replace("most = 100", "most = 10")
    )
    assert upstream.url in text and "most = 10\n" in text
    (folder / "calibrant.toml").write_text(text)
    code = (
        "import asyncio\n"
        "from calibrant.assembly.building import build\n"
        "from calibrant.assembly.config import load\n"
        "from calibrant.records.plain import record_to_dict\n"
        "from calibrant.types import Ask, Message, Question\n"
        "async def main():\n"
        "    pipeline = build(load('calibrant.toml'))\n"
        "    turns = (Message('user', '2 + 2?'),)\n"
        "    try:\n"
        "        return await pipeline.answer(Question(id='q', messages=turns), Ask(messages=turns))\n"
        "    finally:\n"
        "        await pipeline.close()\n"
        "import json\n"
        "print(json.dumps(record_to_dict(asyncio.run(main()))))\n"
    )
    record = json.loads(run("-c", code))
    said = "The answer is 4."
    assert record["completion"]["text"] == said
    terse, bet = record["readings"]
    assert (terse["signal"], terse["score"]) == ("terse", pytest.approx(40 / (40 + len(said))))
    assert (bet["signal"], bet["score"]) == ("bet", None) and "the model said 'The answer is 4.'" in bet[
        "reason"
    ]
    assert 0.0 < record["confidence"]["p"] < 1.0 and record["decision"]["why"]
    asked = [body["messages"][-1]["content"] for body in upstream.bodies]
    assert "Say it in fewer words." in asked  # by the route, since the answer is longer than 10 characters


def test_a_command_names_them(calibrant: Callable[..., Any], upstream: Upstream) -> None:
    told = calibrant(
        "ask", "2 + 2?", "--url", upstream.url, "--model", "my-model", "--signals", "terse:half=16"
    )
    (reading,) = told["readings"]
    assert reading["score"] == pytest.approx(0.5)
