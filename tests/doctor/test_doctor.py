"""A configuration is proved against a real server, which can lack what it should have."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from calibrant.assembly.config import parse
from calibrant.assembly.keys import hash_of
from calibrant.doctor.checks import Check, Diagnosis
from calibrant.doctor.diagnosing import diagnose
from calibrant.errors import ModelUnavailable
from calibrant.http.hello import hello
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.plans.certificates import CertificateSet
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Completion, Fingerprint, Message, Question, Record, Verdict, scored

from ..serving import served

KEY = "sk-upstream-5f1d9c2b7a"
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


class Server:
    """Of the chat format; `lacks` names what it does not do."""

    def __init__(self) -> None:
        self.lacks: set[str] = set()
        self.bodies: list[dict[str, Any]] = []
        self.url = ""

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
            ]
        )

    async def models(self, _: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "tiny"}, {"id": "spare"}]})

    async def chat(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.bodies.append(body)
        if "access" in self.lacks:
            said = f"Incorrect API key provided: {request.headers['authorization'].partition(' ')[2]}."
            return JSONResponse({"error": {"message": said}}, 401)
        tools = "tools" in body
        if tools and "tools" in self.lacks:
            return JSONResponse({"error": {"message": "tools are not supported"}}, 400)
        called = tools and "calls" not in self.lacks
        text = 'weather{"city": "Paris"}' if called else "Paris"
        message = (
            {"role": "assistant", "content": None, "tool_calls": [CALL]} if called else {"content": "Paris"}
        )
        choice: dict[str, Any] = {
            "index": 0,
            "message": message,
            "finish_reason": "tool_calls" if called else "stop",
        }
        if (
            body.get("logprobs")
            and "logprobs" not in self.lacks
            and not (called and "call logprobs" in self.lacks)
        ):
            choice["logprobs"] = {"content": [{"token": text, "logprob": -0.1, "top_logprobs": []}]}
        return JSONResponse({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    made = Server()
    with served(made.app) as url:
        made.url = f"{url}/v1"
        yield made


@pytest.fixture
def server(running: Server) -> Server:
    running.lacks, running.bodies = set(), []
    return running


def maps(folder: Path, rows: int = 100, name: str = "maps.json", **mark: Any) -> str:
    curve = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    evidence = Evidence(
        rows=rows, n_eff=float(rows), accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0"
    )
    prompt, parameters = MeanLogprob().fingerprint
    known = {"signal": "mean_logprob", "prompt": prompt, "parameters": parameters} | mark
    made = CalibrationMap(
        calibrator="steps", curve=curve, evidence=evidence, fingerprint=Fingerprint(**known)
    )
    by = tuple(column for column in ("task", "domain") if column in mark)
    MapSet(by=by, groups=((tuple(mark[column] for column in by), made),)).save(folder / name)
    return name


def table(server: Server, /, **more: Any) -> dict[str, Any]:
    model = {"kind": "openai_compatible", "url": server.url, "model": "tiny", "api_key": KEY}
    return {"model": model | {"price": {"prompt": 1.0, "completion": 4.0}}} | more


def seen(table: dict[str, Any], folder: Path, environment: dict[str, str] | None = None) -> Diagnosis:
    return asyncio.run(diagnose(parse(table, environment or {}, folder)))


def said(found: Diagnosis, *levels: str) -> list[str]:
    return [
        f"{one.about}: {one.says} {one.do}"
        for one in found.checks
        if one.level in (levels or ("warn", "fail"))
    ]


def test_what_works_is_said_to_work_and_nothing_else_is_told(server: Server, tmp_path: Path) -> None:
    found = seen(table(server, confidence={"maps": maps(tmp_path, model="tiny")}), tmp_path)
    assert said(found) == []
    assert found.worst == "ok"
    told = " ".join(said(found, "ok"))
    for part in (
        "tiny answers",
        "can be read off its answers",
        "Calls of tools can be read too",
        "will be made",
        "100 labelled",
    ):
        assert part in told
    assert len(server.bodies) == 2, "two short questions"
    assert not (tmp_path / "calibrant.db").exists(), "nothing is made"


def test_calls_without_log_probabilities_are_told_with_what_reads_them(
    server: Server, tmp_path: Path
) -> None:
    server.lacks = {"call logprobs"}
    found = seen(
        table(server, confidence={"maps": maps(tmp_path, model="tiny")}, stream={"gate": "hold"}), tmp_path
    )
    (one,) = said(found)
    assert "every call is without a confidence and held" in one and 'gate = "trail"' in one


def test_a_gate_that_would_hold_everything_fails(server: Server, tmp_path: Path) -> None:
    server.lacks = {"logprobs"}
    confidence = {"maps": maps(tmp_path, model="tiny")}
    held = seen(table(server, confidence=confidence, stream={"gate": "hold"}), tmp_path)
    assert any(
        "No score can be read off its answers" in one and "holds every answer" in one
        for one in said(held, "fail")
    )
    assert seen(table(server, confidence=confidence), tmp_path).worst == "warn"
    both = confidence | {"signals": ["mean_logprob", "verbalized"]}
    assert seen(table(server, confidence=both, stream={"gate": "hold"}), tmp_path).worst == "warn", (
        "another decides"
    )
    without_map = seen(table(server, stream={"gate": "hold"}), tmp_path)
    assert any(
        "There is no map" in one and "every answer is held" in one for one in said(without_map, "fail")
    )


@pytest.mark.parametrize(
    ("lacks", "told"), [("tools", "It takes no tools"), ("calls", "It did not call the tool")]
)
def test_a_server_without_tools_is_no_failure(server: Server, lacks: str, told: str, tmp_path: Path) -> None:
    server.lacks = {lacks}
    (one,) = said(seen(table(server, confidence={"maps": maps(tmp_path, model="tiny")}), tmp_path), "warn")
    assert told in one


def test_a_model_that_is_not_reached_or_denies_fails_and_no_key_is_shown(
    server: Server, tmp_path: Path
) -> None:
    server.lacks = {"access"}
    away = {"kind": "openai_compatible", "url": "http://127.0.0.1:9/v1", "model": "m"}
    found = seen(table(server, models={"away": away}), tmp_path)
    denied, lost = said(found, "fail")
    assert denied.startswith("[model]: The server answered 401: Incorrect API key provided: ....")
    assert lost.startswith("[models.away]: http://127.0.0.1:9/v1 is not reached")
    assert KEY not in json.dumps(found.to_dict())


def test_a_name_that_its_server_does_not_list_and_a_missing_price_are_told(
    server: Server, tmp_path: Path
) -> None:
    other = table(server, confidence={"maps": maps(tmp_path, model="other")})
    other["model"] |= {"model": "other"}
    del other["model"]["price"]
    found = seen(other, tmp_path)
    unlisted, unpriced = said(found)
    assert "does not list 'other' among its 2 models" in unlisted and "It has no price" in unpriced
    assert found.ways[0].dollars is None


def test_which_task_has_no_map_for_which_model_and_how_many_labels_are_missing(
    server: Server, tmp_path: Path
) -> None:
    store = SqlStore(str(tmp_path / "calibrant.db"))
    for n in range(7):
        question = Question(id=f"q{n}", messages=(Message("user", "?"),), task="law")
        said_so = Completion(text="x", model="spare")
        store.add(
            [
                Record(
                    id=f"r{n}", time=float(n), question=question, completion=said_so, readings=(scored(0.5),)
                ),
                Assignment(id=f"a{n}", record_id=f"r{n}", propensity=0.5, reason="audit", time=1.0),
                Verdict(id=f"v{n}", record_id=f"r{n}", grade=1.0, judge="ann", time=2.0, assignment=f"a{n}"),
            ]
        )
    store.close()
    spare = table(server)["model"] | {"model": "spare"}
    config = table(
        server, models={"spare": spare}, task={"law": {"gate": "trail"}},
        confidence={"maps": maps(tmp_path, rows=20, model="tiny", task="law")}, server={"task": "law"},
    )  # fmt: skip
    config["model"] |= {"fallbacks": ["spare"]}
    found = seen(config, tmp_path)
    told = said(found, "warn")
    law = [one for one in told if one.startswith("task law")]
    assert any(one.startswith("task law, tiny: Its map") and "Have 30 more judged" in one for one in law)
    (lacking,) = [one for one in law if one.startswith("task law, spare")]
    assert (
        "model is 'spare', not 'tiny'" in lacking
        and "7 labelled answers of it are in the store, and 43 more" in lacking
    )
    assert any("Its chain holds: 21 entries, head entry 21" in one for one in said(found, "ok"))


def test_requests_without_a_task_or_domain_are_thought_of(server: Server, tmp_path: Path) -> None:
    confidence = {"maps": maps(tmp_path, model="tiny", task="law", domain="tax")}
    told = said(seen(table(server, confidence=confidence), tmp_path), "warn")
    assert any("Maps are for tasks, and requests that state none have none" in one for one in told)
    assert any(
        one.startswith("task law") and "for the domains tax and none for requests" in one for one in told
    )
    stated = table(server, confidence=confidence, server={"task": "law", "domain": "tax"})
    assert not any("domain" in one for one in said(seen(stated, tmp_path)))


def test_another_prompt_or_form_than_a_map_was_fitted_with_is_told(server: Server, tmp_path: Path) -> None:
    confidence = {"maps": maps(tmp_path, model="tiny"), "format": "short"}
    (one,) = said(seen(table(server, confidence=confidence), tmp_path))
    assert "parameters is" in one and "p is null" in one


def test_a_policy_without_a_certificate_lets_nothing_out(server: Server, tmp_path: Path) -> None:
    CertificateSet(by=(), certificates=()).save(tmp_path / "certs.json")
    policy = {"kind": "risk_control", "certificates": "certs.json"}
    config = table(server, confidence={"maps": maps(tmp_path, model="tiny")}, policy=policy)
    (one,) = said(seen(config, tmp_path), "warn")
    assert (
        "Even an answer that is surely right is not let out: No certificate" in one
        and "plan thresholds" in one
    )
    assert seen(config | {"stream": {"gate": "hold"}}, tmp_path).worst == "fail"


@pytest.mark.parametrize("content", ["hashed", "left_out"])
def test_a_shut_gate_over_content_that_is_not_kept_is_told(
    server: Server, tmp_path: Path, content: str
) -> None:
    known = {"confidence": {"maps": maps(tmp_path, model="tiny")}}
    own = {"law": {"gate": "hold", "records": {"content": content}}}
    (one,) = said(seen(table(server, task=own, **known), tmp_path), "warn")
    assert one.startswith(f"task law: Its gate is shut, and its content is {content}: nobody can look at")
    assert "[task.law.records]" in one
    usual = {"records": {"content": content}, "stream": {"gate": "hold"}}
    (one,) = said(seen(table(server, **usual, **known), tmp_path), "warn")
    assert one.startswith("all tasks: Its gate is shut")
    kept = {"law": {"records": {"content": "stored"}}, "chat": {"gate": "trail"}}
    assert len(said(seen(table(server, task=kept, **usual, **known), tmp_path), "warn")) == 1
    assert not said(
        seen(table(server, task={"law": {"records": {"content": content}}}, **known), tmp_path), "warn"
    )


def test_a_store_that_cannot_be_written_fails(server: Server, tmp_path: Path) -> None:
    for url in ("none/log.db", "postgresql://nobody@127.0.0.1:9/none"):
        found = seen(table(server, store={"url": url}), tmp_path)
        assert any(one.startswith("[store]") for one in said(found, "fail")), said(found)
    (tmp_path / "text.db").write_text("no database, but long enough to be taken for one" * 20)
    assert any(
        "[store]" in one for one in said(seen(table(server, store={"url": "text.db"}), tmp_path), "fail")
    )
    spool = seen(table(server, store={"spool": "none/spool"}), tmp_path)
    assert any(one.startswith("[store] spool") for one in said(spool, "fail"))


def test_who_reaches_it_is_told(server: Server, tmp_path: Path) -> None:
    keys = {"a": {"hash": hash_of("q8Zr-51xw-Kd0e-77ab"), "tasks": ["shop"]}}
    config = table(
        server, server={"host": "0.0.0.0"}, keys=keys, task={"law": {"gate": "trail"}},
        confidence={"maps": maps(tmp_path, model="tiny")},
    )  # fmt: skip
    told = said(seen(config, tmp_path), "warn")
    assert any("reached by other machines, and unencrypted" in one for one in told)
    assert any("[keys.a]: There is no section [task.shop]" in one for one in told)


def test_what_an_answer_takes_is_counted_by_task(server: Server, tmp_path: Path) -> None:
    asking = {"law": {"signals": ["verbalized", "self_consistency:samples=3"], "gate": "hold"}}
    usual, law = seen(table(server, task=asking), tmp_path).ways
    assert (usual.task, usual.calls, usual.samples, usual.prompt_tokens, usual.completion_tokens) == (
        None,
        0,
        0,
        100,
        256,
    )
    assert usual.dollars == pytest.approx((100 * 1.0 + 256 * 4.0) / 1e6)
    assert (law.task, law.gate, law.samples) == ("law", "hold", 3)
    assert law.calls >= 2 and law.dollars is not None and law.dollars > 3 * usual.dollars


def test_clocks_are_compared(server: Server) -> None:
    here = time.time()
    for ahead in (0.0, 90.0, -90.0):
        found = asyncio.run(hello(server.url, clock=lambda ahead=ahead: here - ahead))  # type: ignore[misc]
        assert found.ahead == pytest.approx(ahead, abs=3.0)
    assert found.models == ("tiny", "spare")
    with pytest.raises(ModelUnavailable, match="is not reached"):
        asyncio.run(hello("http://127.0.0.1:9/v1"))


def test_the_command_ends_with_what_it_found(
    server: Server, tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    file = tmp_path / "calibrant.toml"
    maps(tmp_path, model="tiny")
    text = f'[model]\nkind = "openai_compatible"\nurl = "{server.url}"\nmodel = "tiny"\n'
    text += '[confidence]\nmaps = "maps.json"\n'
    file.write_text(text)
    status, told = run("doctor", file)
    assert status == 0 and "calibrant serve" in told and "warn [model]" in told and "unknown" in told
    file.write_text(
        text + '[stream]\ngate = "hold"\n[task.law]\nmaps = "maps.json"\nsignals = ["verbalized"]\n'
    )
    status, told = run("doctor", file, "--json")
    found = json.loads(told)
    assert status == 3 and found["worst"] == "fail"
    assert {one["level"] for one in found["checks"]} == {"ok", "warn", "fail"}
    assert [way["task"] for way in found["ways"]] == [None, "law"]
    file.write_text("[model]\nkind = 7\n")
    assert run("doctor", file)[0] == 1
    file.write_text(text + "[polcy]\n")
    assert run("doctor", file)[0] == 2


def test_levels_are_ranked() -> None:
    assert Diagnosis(checks=(), ways=()).worst == "ok"
    assert Diagnosis(checks=(Check("fail", "a", "b"), Check("warn", "a", "b")), ways=()).worst == "fail"
