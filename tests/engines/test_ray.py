"""Batches of questions on Ray Data: the rows of the local engine, and nothing paid twice."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from calibrant.asking.batches import Elicitor
from calibrant.cli import app
from calibrant.graders.exact import Exact
from calibrant.models.scripted import Scripted
from calibrant.plugins import find
from calibrant.records.plain import question_to_dict
from calibrant.types import Message, Question

from ..upstream import Upstream

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)
"""Of Ray, which warns of itself."""

QUESTIONS = [
    Question(id=f"q{i}", messages=(Message("user", f"{i} + {i}?"),), references=(str(2 * i),))
    for i in range(2_000)
]
ANSWERS = {f"{i} + {i}?": str(2 * i + (i % 5 == 0)) for i in range(2_000)}


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A node of its own, which tells nobody of itself; four processors in name, since two would wait for each other."""
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    found = pytest.importorskip("ray", reason="Ray is absent: pip install 'calibrant[ray]'")
    folder = tempfile.mkdtemp(prefix="ray")  # sockets have short names
    found.init(
        num_cpus=4, include_dashboard=False, object_store_memory=100 * 2**20, _node_ip_address="127.0.0.1",
        log_to_driver=False, logging_level=logging.ERROR, _temp_dir=folder,
    )  # fmt: skip
    found.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    context = found.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    yield found
    found.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def on_ray(ray: Any, elicitor: Elicitor) -> list[dict[str, Any]]:
    asked = ray.data.from_items([question_to_dict(one) for one in QUESTIONS], override_num_blocks=10)
    rows = asked.map_batches(
        lambda table: {"row": [json.dumps(row) for row in elicitor(table.to_pylist())]},
        batch_format="pyarrow", batch_size=200, compute=ray.data.TaskPoolStrategy(size=2),
    )  # fmt: skip
    return [json.loads(one["row"]) for one in rows.take_all()]


def plain(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row | {"latency": None}, sort_keys=True) for row in rows)


def test_two_workers_give_the_rows_of_the_local_engine(ray: Any, tmp_path: Path) -> None:
    elicitor = Elicitor(
        model=partial(Scripted, ANSWERS), signals={"mean_logprob": find("signals", "mean_logprob")()},
        grader=Exact(), clock=float, calls=tmp_path,
    )  # fmt: skip
    local = elicitor(QUESTIONS)
    spread = on_ray(ray, elicitor)
    assert len(spread) == len(QUESTIONS)
    assert plain(spread) == plain(local)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert plain(on_ray(ray, elicitor)) == plain(local)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept, (
        "asked again for what was there"
    )


def test_on_the_command_line_batches_are_spread_and_resumed(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Upstream().start()
    asked = tmp_path / "questions.jsonl"
    asked.write_text("".join(json.dumps({"id": f"q{i}", "question": f"{i}?"}) + "\n" for i in range(30)))
    monkeypatch.setattr("calibrant.asking.spread.BATCH", 10)
    command = [
        "elicit",
        str(asked),
        "--url",
        served.url,
        "--model",
        "m",
        "--signals",
        "mean_logprob",
        "--json",
    ]

    def run(log: str, *more: str) -> dict[str, Any]:
        ended = CliRunner().invoke(app, [*command, "-o", str(tmp_path / log), *more])
        assert ended.exit_code == 0, ended.output
        told: dict[str, Any] = json.loads(ended.stdout)
        return told

    local, spread = run("local.jsonl"), run("spread.jsonl", "--ray", "2")
    assert (spread["recorded"], spread["skipped"]) == (local["recorded"], 0) == (30, 0)
    rows = [[json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
            for name in ("local.jsonl", "spread.jsonl")]  # fmt: skip
    assert plain([row | {"time": 0} for row in rows[0]]) == plain([row | {"time": 0} for row in rows[1]])
    before = len(served.bodies)
    assert run("spread.jsonl", "--ray", "2")["skipped"] == 30
    (tmp_path / "spread.jsonl").write_text(
        "".join((tmp_path / "spread.jsonl").read_text().splitlines(True)[:12])
    )
    assert run("spread.jsonl", "--ray", "2")["recorded"] == 18
    assert len(served.bodies) == before  # the answered calls were kept
    served.stop()
