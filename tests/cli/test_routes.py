"""Routes by name: from the command line, from a configuration; and the commands that plan them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from calibrant.assembly.building import build
from calibrant.assembly.config import load
from calibrant.records.opening import open_store
from calibrant.types import Ask, Message, Question, Record

Said = Callable[..., subprocess.CompletedProcess[str]]


def replied(body: dict[str, Any]) -> str:
    """Says Canberra where a document says it; at the second step of a chain it says yes."""
    said = body["messages"][-1]["content"]
    if "<document>" in said:
        return "Canberra" if "Canberra" in said else "NOT IN THE DOCUMENTS"
    return "yes" if "yes or no" in said else "Sydney"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    loop, ready, stop, found = asyncio.new_event_loop(), threading.Event(), asyncio.Event(), list[str]()

    async def chat(request: web.Request) -> web.Response:
        body = await request.json()
        text = replied(body)
        tokens = {"content": [{"token": text, "logprob": -0.1, "top_logprobs": []}]}
        message = {"role": "assistant", "content": text}
        choice = {
            "message": message,
            "finish_reason": "stop",
            "logprobs": tokens if body.get("logprobs") else None,
        }
        return web.json_response({"choices": [choice], "model": "m"})

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.append(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def test_ask_answers_from_documents(inside: Said, url: str, tmp_path: Path) -> None:
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "a.txt").write_text("Koalas sleep.")
    (tmp_path / "shelf" / "b.txt").write_text("Canberra is the capital.")
    store = tmp_path / "log.db"
    asked = ("ask", "The capital of Australia?", "--model", "m", "--url", url, "--store", store, "--json")
    documents = ("--documents", tmp_path / "shelf")
    got = json.loads(inside(*asked, *documents, "--route", "retrieval:batch=2:batches=1").stdout)
    told = got["steps"][-1]["detail"]
    assert got["completion"]["text"] == "Canberra" and told["documents"] == 2 and told["answering"] == 0.5
    assert told["sure"] == pytest.approx(0.905, abs=0.001)  # of a server of which nothing was known
    first = json.loads(inside(*asked, *documents, "--route", "retrieval:batch=1:batches=1").stdout)
    assert first["steps"][0]["outcome"] == "says: Canberra"  # the best document is read first
    kept = open_store(str(store), readonly=True)
    assert {row["answering"] for row in kept.rows()} == {0.5, 1.0}
    kept.close()


def test_ask_follows_a_chain(inside: Said, url: str, tmp_path: Path) -> None:
    route = 'chain:plan=["Look for a factor.", "Answer yes or no."]'
    asked = ("ask", "Is 91 prime?", "--model", "m", "--url", url, "--store", tmp_path / "log.db", "--json")
    got = json.loads(inside(*asked, "--route", route).stdout)
    assert got["completion"]["text"] == "yes" and [step["name"] for step in got["steps"]] == [
        "step 1",
        "step 2",
    ]


def configured(text: str, tmp_path: Path, question: Question) -> Record:
    (tmp_path / "calibrant.toml").write_text(text)

    async def work() -> Record:
        pipeline = build(load(tmp_path / "calibrant.toml"))
        try:
            return await pipeline.answer(question, Ask(messages=question.messages))
        finally:
            await pipeline.close()

    return asyncio.run(work())


TOML = """
[model]
kind = "openai_compatible"
url = "{url}"
model = "m"

[store]
kind = "sql"
url = "log.db"

[route]
"""


def test_retrieval_chain_and_a_plan_stand_in_a_configuration(inside: Said, url: str, tmp_path: Path) -> None:
    messages = (Message("user", "The capital of Australia?"),)
    shelf = Question(
        id="q", messages=messages, metadata={"documents": ["Canberra is the capital.", "Koalas sleep."]}
    )
    rows = [
        {"sure": 0.1 + 0.8 * (i % 2), "answering": 0.5 + 0.5 * (i % 2), "correct": i % 2, "held": i % 2}
        for i in range(40)
    ]
    (tmp_path / "documents.jsonl").write_text("\n".join(map(json.dumps, rows)))
    inside("plan", "retrieval", tmp_path / "documents.jsonl", "-o", tmp_path / "documents.json")
    head = TOML.format(url=url)
    record = configured(f'{head}kind = "retrieval"\nfitted = "documents.json"\nbatches = 1', tmp_path, shelf)
    assert record.completion is not None and record.completion.text == "Canberra"
    assert (
        record.confidence is not None and record.confidence.p is not None and record.confidence.verdicts == 40
    )
    steps = 'kind = "chain"\nplan = ["Look for a factor.", "Answer yes or no."]'
    chained = configured(f"{head}{steps}", tmp_path, Question(id="q", messages=messages))
    assert [step.name for step in chained.steps] == ["step 1", "step 2"]


def test_plan_correction_says_what_another_try_is_worth(inside: Said, url: str, tmp_path: Path) -> None:
    rows = [
        {
            "item_id": f"q{i}",
            "first_p": 0.2 + 0.6 * (i % 2),
            "first_correct": i % 2,
            "second_p": 0.7,
            "second_correct": 1,
        }
        for i in range(100)
    ]
    log, plan = tmp_path / "looks.jsonl", tmp_path / "plan.json"
    log.write_text("\n".join(map(json.dumps, rows)))
    out = inside("plan", "correction", log, "-o", plan).stdout
    assert (
        "Another try pays" in out and "try again below" in out and "100 questions used, of 100 rows." in out
    )
    got = json.loads(inside("plan", "correction", log, "--json").stdout)
    assert got["verdict"] == "pays" and got["found"]["mended"] == 50 and got["out"] is None
    text = f'{TOML.format(url=url)}kind = "self_correction"\nplan = "plan.json"'
    (tmp_path / "calibrant.toml").write_text(text)
    route = build(load(tmp_path / "calibrant.toml")).live.default.route
    assert route.threshold == got["threshold"] > 0.2  # type: ignore[attr-defined]
    bare = tmp_path / "bare.jsonl"
    bare.write_text("\n".join(json.dumps({k: v for k, v in row.items() if k != "second_p"}) for row in rows))
    assert "--second-p" in inside("plan", "correction", bare, "-o", plan, status=1).stderr


def test_plan_retrieval_says_what_tells_the_causes_apart(inside: Said, tmp_path: Path) -> None:
    rows = [
        {"item_id": i, "sure": 0.3 + 0.004 * i * (i % 2), "correct": int(i % 4 > 1), "held": i % 2}
        for i in range(120)
    ]
    log = tmp_path / "documents.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))
    out = inside("plan", "retrieval", log).stdout
    assert "tells bad retrieval from bad generation" in out and "retrieve more" in out
    got = json.loads(inside("plan", "retrieval", log, "--json").stdout)
    assert (got["right"], got["bad_retrieval"], got["bad_generation"]) == (60, 30, 30)
    assert [one["name"] for one in got["features"]] == ["sure"] and got["map_id"]
    assert "held" in inside("plan", "retrieval", log, "--held", "nothing", status=2).stderr
