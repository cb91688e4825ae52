"""Releases that are promoted while the gateway answers: each request is answered by one of them, whole."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from calibrant.gateway.app import create_app
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Ask, Completion, Delta, Fingerprint, Record, Token

from ..serving import served

BODY: dict[str, Any] = {"model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}]}
SAID = Completion(text="4 it is", model="m", tokens=(Token("4", -0.1), Token(" it is", -0.3)))


class Slow(Scripted):
    """Streams word by word, so that a promotion meets streams on their way."""

    def __init__(self) -> None:
        super().__init__(lambda _: SAID, name="m", delay=0.002)
        self.closed = 0

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        async for delta in super().stream(ask):
            await asyncio.sleep(0.002)
            yield delta

    async def close(self) -> None:
        self.closed += 1


def release(p: float, answer: float, law: float, gate: Any) -> Release:
    """One whose map gives this probability whatever the score, and whose bands are its own; others for the law."""

    def way(p: float) -> Way:
        curve = Steps(
            score=(0.0, 1.0), p=(p, p), low=(p - 0.1, p - 0.1), high=(p + 0.1, p + 0.1), linear=True
        )
        evidence = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
        made = CalibrationMap(
            calibrator="steps", curve=curve, evidence=evidence, fingerprint=Fingerprint(model="m")
        )
        policy = Part(kind="bands", settings={"answer": answer})
        return Way(maps=MapSet(groups=(((), made),)), policy=policy, gate=gate)

    return Release(default=way(p), tasks={"law": way(law)}, note=f"{p}")


def told(address: str, stream: bool, task: str) -> dict[str, Any]:
    """The confidence object of an answer, with the release that its headers name."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
    body = json.dumps(BODY | {"stream": stream, "metadata": {"task": task}})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200, text
    if stream:
        assert text.endswith("data: [DONE]\n\n")
        text = text.split("data: ")[-2]
    found: dict[str, Any] = json.loads(text)["confidence"]
    return found | {"header": response.headers["x-calibrant-release"]}


def check(record: Record, release: Release) -> None:
    """All that the record tells follows from the release that it names, and from none other."""
    way = release.way(record.question.task)
    (known,) = (one for _, one in way.maps.groups)
    confidence = record.confidence
    assert confidence is not None
    assert (confidence.map_id, confidence.p) == (known.map_id, pytest.approx(float(known([0.5])[0])))
    answer = way.policy.settings["answer"]
    assert record.policy is not None
    assert f"answer={answer}" in record.policy
    assert record.decision is not None
    assert (record.decision.action == "answer") == (float(known([0.5])[0]) > answer)


@pytest.mark.parametrize("gate", ["trail", "hold"])
def test_two_releases_swapped_a_hundred_times_under_load_never_mix(gate: str, tmp_path: Path) -> None:
    path, model = str(tmp_path / "log.db"), Slow()
    sure, unsure = release(0.9, 0.8, 0.85, gate), release(0.3, 0.95, 0.35, gate)
    known = {one.release_id: one for one in (sure, unsure)}
    pipeline = Pipeline(sure, SqlStore(path), {"model": model})
    stop = threading.Event()

    def ask(number: int) -> list[dict[str, Any]]:
        asked = []
        while not stop.is_set():
            asked.append(told(address, number % 2 == 0, "law" if number % 3 == 0 else "sums"))
        return asked

    with served(create_app(pipeline)) as address, ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(ask, number) for number in range(8)]
        try:
            for turn in range(100):
                time.sleep(0.02)
                pipeline.promote(unsure if turn % 2 == 0 else sure)
        finally:
            stop.set()
        answers = [answer for client in clients for answer in client.result()]
    store = SqlStore(path)
    records = {answer["record_id"]: store.record(answer["record_id"]) for answer in answers}
    store.close()
    for answer in answers:
        record = records[answer["record_id"]]
        assert record is not None
        assert answer["release"] == answer["header"] == record.release
        assert record.confidence is not None
        assert (answer["p"], answer["map_id"]) == (record.confidence.p, record.confidence.map_id)
        check(record, known[answer["release"]])
    counts = Counter(record.release for record in records.values() if record)
    assert set(counts) == set(known), "both answered, or nothing was tested"
    assert model.closed == 1, "the connections of a model survive every promotion, and are given back once"
