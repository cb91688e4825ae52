"""The server of the Model Context Protocol, by the client of its SDK, over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import calibrant
from calibrant.errors import Misuse
from calibrant.integrations.mcp import found_in

from ..clients.conftest import House, _maps
from ..clients.scripted import P

SOURCE = str(Path(calibrant.__file__).parents[1])


def talk(folder: Path, *arguments: str, work: Callable[[Any], Awaitable[Any]], **env: str) -> Any:
    """What `work` makes of a client of `calibrant mcp`, started in a folder as an assistant's program does."""
    mcp = pytest.importorskip("mcp", reason="mcp is not installed: make clients")
    command = ["-W", "error", "-m", "calibrant", "mcp", *arguments]
    server = mcp.StdioServerParameters(
        command=sys.executable, args=command, cwd=folder, env=os.environ | {"PYTHONPATH": SOURCE} | env
    )

    async def run() -> Any:
        async with mcp.Client(server) as client:
            return await work(client)

    return asyncio.run(asyncio.wait_for(run(), 120))


def read(result: Any) -> dict[str, Any]:
    assert not result.is_error, result.content[0].text
    assert json.loads(result.content[0].text) == result.structured_content
    found: dict[str, Any] = result.structured_content
    return found


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    rows = [f"0.9,{int(i % 2 == 0)},{'law' if i < 100 else 'art'}" for i in range(200)]
    (folder / "log.csv").write_text("\n".join(["confidence,correct,task", *rows]))
    (tmp_path / "secret.csv").write_text("confidence,correct\n0.9,1\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "up").symlink_to(tmp_path)
    return folder


@pytest.mark.parametrize(
    "log", ["../secret.csv", "/etc/passwd", "link.csv", "link.csv#1", "up/secret.csv", "up/*.csv", "*.csv", "l*.csv",
            "postgresql://localhost/records", "file:///etc/passwd", "~/x/../../log.csv", "up"],
)  # fmt: skip
def test_an_assistant_reads_no_log_elsewhere(logs: Path, log: str) -> None:
    with pytest.raises(Misuse, match="--logs FOLDER"):
        found_in(logs, log)


def test_it_finds_what_is_in_its_folder(logs: Path) -> None:
    assert found_in(logs, "log.csv") == str(logs / "log.csv")
    assert found_in(logs, str(logs / "log.csv")) == str(logs / "log.csv")
    assert found_in(logs, "sample") == "sample" and found_in(logs, "book.xlsx#2") == str(logs / "book.xlsx#2")


def test_an_assistant_asks_a_gateway_and_audits_a_log(house: House, logs: Path) -> None:
    async def work(client: Any) -> Any:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        calls = [
            ("ask", {"question": "2 + 2?"}),
            ("ask", {"question": "2 + 2?", "task": "held"}),
            ("ask", {"question": "too fast"}),
            ("audit", {"log": "log.csv", "by": ["task"], "fail_if": ["gap>0.1"]}),
            ("audit", {"log": "../secret.csv"}),
            ("audit", {"log": "none.csv"}),
        ]
        return tools, [await client.call_tool(*call) for call in calls]

    told = ("--url", f"{house.url}/v1", "--api-key", "env:GATEWAY_KEY", "--logs", str(logs))
    tools, (sure, held, limited, audited, outside, absent) = talk(
        logs.parent, *told, work=work, GATEWAY_KEY=house.key
    )
    assert set(tools) == {"ask", "audit"} and tools["ask"].input_schema["required"] == ["question"]
    assert read(sure)["answer"] == "The answer is 4." and read(sure)["confidence"]["action"] == "answer"
    assert read(sure)["confidence"]["p"] == pytest.approx(P, abs=1e-4)
    assert read(held)["confidence"]["held"] and "The answer is 4." not in json.dumps(read(held))
    assert limited.is_error and "Rate limit" in limited.content[0].text
    assert {one["says"] for one in read(audited)["conditions"]} == {"found"} and len(
        read(audited)["groups"]
    ) == 2
    assert any("claims 90 of 100, is right 50 of 100" in line for line in read(audited)["says"])
    assert outside.is_error and "--logs FOLDER" in outside.content[0].text
    assert absent.is_error and "none.csv" in absent.content[0].text


FILE = """
[model]
kind = "openai_compatible"
url = "{url}"
model = "tiny"
[store]
url = "records.db"
[confidence]
signals = ["mean_logprob"]
maps = "maps.json"
[task.held]
gate = "hold"
policy = {{ kind = "bands", answer = 0.99, disclaim = 0.98, review = 0.4 }}
"""


def test_the_models_of_a_file_are_asked_and_each_answer_has_its_record(house: House, tmp_path: Path) -> None:
    (tmp_path / "calibrant.toml").write_text(FILE.format(url=house.upstream.url))
    _maps().save(tmp_path / "maps.json")

    async def work(client: Any) -> Any:
        asked = [{"question": "2 + 2?"}, {"question": "2 + 2?", "task": "held"}, {"question": " "}]
        return [await client.call_tool("ask", one) for one in asked]

    sure, held, blank = talk(tmp_path, "calibrant.toml", work=work)
    assert read(sure)["confidence"]["p"] == pytest.approx(P, abs=1e-4)
    assert "The answer is 4." not in json.dumps(read(held)) and read(held)["confidence"]["held"]
    assert blank.is_error and "blank" in blank.content[0].text
    from calibrant.records.opening import open_store

    store = open_store(str(tmp_path / "records.db"))
    kept = store.record(read(held)["confidence"]["record_id"])
    store.close()
    assert kept is not None and kept.completion is not None and kept.completion.text == "The answer is 4."


def test_who_is_no_gateway_or_away_is_told(house: House, tmp_path: Path) -> None:
    async def work(client: Any) -> Any:
        return await client.call_tool("ask", {"question": "2 + 2?"})

    away = talk(tmp_path, "--url", "http://127.0.0.1:9/v1", work=work)
    assert away.is_error and "calibrant serve CONFIG" in away.content[0].text
    other = talk(tmp_path, "--url", house.upstream.url, work=work)
    assert other.is_error and "no gateway" in other.content[0].text


def test_what_cannot_be_meant_is_refused(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    assert run("mcp", "a.toml", "--url", "http://localhost/v1")[0] == 2
    assert run("mcp", "--api-key", "env:KEY")[0] == 2
    assert run("mcp", "--logs", tmp_path / "none")[0] == 2
