"""The plug-in of `llm` as its users meet it: commands, prompts, streams, programs, and the log that it keeps."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from calibrant.logs.rows import read_rows

from .conftest import House
from .scripted import P

pytestmark = pytest.mark.filterwarnings("ignore")  # of what llm leaves open
LINE = "[calibrant] likely right (about 80 %)"

Run = Callable[..., str]


@pytest.fixture
def run(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`llm` with a folder of its own, in which the gateway is a model."""
    pytest.importorskip("llm", reason="llm is not installed: make clients")
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    monkeypatch.setenv("CALIBRANT_KEY", house.key)
    from click.testing import CliRunner
    from llm.plugins import load_plugins, pm

    from calibrant.integrations import llm as plugin

    load_plugins()
    if not pm.is_registered(plugin):  # where calibrant is on the path, but not installed
        pm.register(plugin, "calibrant")
    from llm.cli import cli

    def made(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
        assert done.exit_code == status, done.output
        return str(done.output).strip()

    assert "llm -m calibrant" in made("calibrant", "add", f"{house.url}/v1/")
    yield made
    gc.collect()  # while what llm leaves open may be warned of


def logged(run: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run("logs", "--json", "-n", "0"))
    return rows


@pytest.mark.parametrize("stream", [(), ("--no-stream",)])
def test_an_answer_is_logged_with_its_confidence_and_shown_with_it_where_asked(
    run: Run, stream: tuple[str, ...]
) -> None:
    assert run("-m", "calibrant", "2 + 2?", *stream) == "The answer is 4."
    assert run("-m", "calibrant", "2 + 2?", "-o", "phrase", "1", *stream) == f"The answer is 4.\n\n{LINE}"
    for row in logged(run):
        assert row["response_json"]["confidence"]["p"] == pytest.approx(P, abs=1e-4)


def test_the_log_is_audited_once_somebody_judged(run: Run, tmp_path: Path) -> None:
    for option in ("0", "1"):
        run("-m", "calibrant", "2 + 2?", "-o", "phrase", option)
    printed = tmp_path / "printed.json"
    printed.write_text(run("logs", "--json", "-n", "0"))
    labels = tmp_path / "labels.csv"
    labels.write_text("id,correct\n" + "".join(f"{row['id']},1\n" for row in logged(run)))
    for log in (printed, tmp_path / "logs.db"):
        [group] = read_rows(log, labels=str(labels), on="id").groups.values()
        assert group.scores.tolist() == pytest.approx([P, P], abs=1e-4)


def test_a_conversation_goes_on_without_what_was_said_of_its_answers(run: Run, house: House) -> None:
    run("-m", "calibrant", "2 + 2?", "-o", "phrase", "1")
    run("-c", "And 3 + 3?", "-o", "phrase", "1")
    sent = house.upstream.bodies[-1]["messages"]
    assert [one["content"] for one in sent] == ["2 + 2?", "The answer is 4.", "And 3 + 3?"]


def test_programs_get_it_too(run: Run) -> None:
    import llm

    model: Any = llm.get_model("calibrant")
    response = model.prompt("2 + 2?", phrase=True)
    assert response.text() == f"The answer is 4.\n\n{LINE}"
    assert response.response_json["confidence"]["action"] == "answer"

    async def awaited(**options: Any) -> tuple[str, Any]:
        made = llm.get_async_model("calibrant").prompt("2 + 2?", phrase=True, **options)
        return await made.text(), made.response_json["confidence"]["p"]

    for options in ({}, {"stream": False}):
        assert asyncio.run(awaited(**options)) == (f"The answer is 4.\n\n{LINE}", pytest.approx(P, abs=1e-4))


def test_no_line_spoils_what_is_to_fit_a_schema(run: Run) -> None:
    said = run("-m", "calibrant", "Where?", "--schema", "city str", "-o", "phrase", "1")
    assert json.loads(said)
    assert logged(run)[0]["response_json"]["confidence"]["p"] is not None


def test_gateways_have_names_and_are_forgotten(run: Run, house: House) -> None:
    run("calibrant", "add", f"{house.url}/v1", "--name", "desk", "--model", "calibrant")
    assert run("calibrant", "list").splitlines() == [
        f"calibrant: calibrant at {house.url}/v1", f"desk: calibrant at {house.url}/v1",
    ]  # fmt: skip
    assert run("-m", "desk", "2 + 2?") == "The answer is 4."
    run("calibrant", "remove", "desk")
    assert "Unknown model: desk" in run("-m", "desk", "2 + 2?", status=1)
    assert "llm calibrant list" in run("calibrant", "remove", "desk", status=1)


@pytest.mark.parametrize("broken", ["", "[]", "{", '{"a": 1}', '{"a": {"url": "http://a/v1"}}'])
def test_a_broken_file_of_gateways_leaves_llm_alone(
    run: Run, house: House, tmp_path: Path, broken: str
) -> None:
    (tmp_path / "calibrant.json").write_text(broken)
    assert run("models", "default")
    assert "llm calibrant add URL writes it anew" in run("calibrant", "list")
    run("calibrant", "add", f"{house.url}/v1")
    assert run("-m", "calibrant", "2 + 2?") == "The answer is 4."


@pytest.mark.parametrize(
    "url", ["localhost:8080/v1", "http://localhost:8080", "http://localhost:8080/v1/models"]
)
def test_an_address_that_is_none_is_refused_with_one_that_is(run: Run, url: str) -> None:
    assert "ending in /v1, such as http://localhost:8080/v1" in run("calibrant", "add", url, status=1)


def test_another_s_key_is_refused_as_the_gateway_says(run: Run) -> None:
    assert "Expected a key of this gateway" in run("-m", "calibrant", "2 + 2?", "--key", "wrong", status=1)
