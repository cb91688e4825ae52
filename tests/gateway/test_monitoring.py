"""Monitors while serving: alarms become events once, whoever leads; a channel and Prometheus are told."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from calibrant.assembly.config import parse
from calibrant.assembly.deployed import ByTask
from calibrant.assembly.sections import Alerts, Watch
from calibrant.cli import app
from calibrant.gateway.alerts import Alerting, sentence_of
from calibrant.gateway.app import create_app
from calibrant.gateway.monitoring import MOST, Monitoring
from calibrant.gateway.observing.rules import RULES
from calibrant.types import (
    Assignment,
    Completion,
    Confidence,
    Event,
    Fact,
    Message,
    Probability,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
)

from .test_webhooks import Receiver, delivered, in_loop, pipeline, until, watched


def facts(task: str = "law", rows: int = 150, drop: float = 0.4) -> list[Fact]:
    """Answers of the last minutes that are right less often than they say, each judged at once."""
    rng, made, now = np.random.default_rng(0), [], time.time() - rows
    for n in range(rows):
        question = Question(id=f"q{n}", messages=(Message("user", f"Question {n} of Ann?"),), task=task)
        made.append(
            Record(
                id=f"{task}{n}", time=now + n, question=question, completion=Completion(text="Ann", model="m"),
                readings=(Reading(signal="verbalized", score=Score(0.8)),),
                confidence=Confidence(p=Probability(0.8), low=0.7, high=0.9, map_id="map1"),
            )
        )  # fmt: skip
        made.append(
            Assignment(id=f"a{task}{n}", record_id=f"{task}{n}", propensity=0.5, reason="audit", time=now + n)
        )
        grade = float(rng.random() < 0.8 - drop)
        made.append(
            Verdict(
                id=f"v{task}{n}",
                record_id=f"{task}{n}",
                grade=grade,
                judge="ann",
                time=now + n,
                assignment=f"a{task}{n}",
            )
        )
    return made


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def alarms(store):
    return [entry.fact for entry in store.events("alarm")]


@in_loop
async def test_an_alarm_becomes_one_event_and_is_told_once_in_a_sentence(receiver, tmp_path):
    made = pipeline(str(tmp_path / "log.db"))
    made.store.add(facts("<!here> & law"))
    settings = Watch(every=0.05)
    first, second = (Monitoring(made, settings, lambda: True) for _ in range(2))
    receiver.statuses = [500]
    alerting = Alerting(made, ByTask(Alerts(slack=f"{receiver.url}/hook")), lambda: True, first=0.02)
    with watched(first.watch, second.watch, alerting.watch):
        await until(lambda: len(receiver.taken) == 1)
        await until(lambda: len(delivered(made.store)) == 1)
        await asyncio.sleep(0.3)
    (event,) = alarms(made.store)
    assert event.data["task"] == "<!here> & law" and event.data["log10_evidence"] > 1.3
    (told,) = receiver.taken
    assert set(told) == {"text"} and told["text"].startswith("&lt;!here&gt; &amp; law, m: ALARM.")
    assert event.id in told["text"] and "Ann" not in told["text"]
    assert [status for status, *_ in receiver.seen] == [500, 200]
    with watched(Alerting(made, ByTask(Alerts(slack=f"{receiver.url}/hook")), lambda: True).watch):
        await asyncio.sleep(0.7)
    assert len(receiver.taken) == 1, "another process does not tell it again"
    await made.close()


def test_who_leads_later_goes_on_and_who_does_not_lead_says_nothing(tmp_path):
    made = pipeline(str(tmp_path / "log.db"))
    made.store.add(facts(rows=60, drop=0.0))
    first, second = (Monitoring(made, Watch(), lambda: True) for _ in range(2))
    first.go_on()
    assert "calibrant_watch_alarm" in "\n".join(first.lines()) and not list(second.lines())
    made.store.add(facts("shop"))
    second.go_on()
    first.go_on()  # held up meanwhile: takes over what the second kept
    assert [event.data["task"] for event in alarms(made.store)] == ["shop"]
    lines = "\n".join(first.lines())
    assert 'calibrant_watch_alarm{task="shop",domain="",model="m",map="map1"} 1' in lines
    assert 'calibrant_watch_alarm{task="law",domain="",model="m",map="map1"} 0' in lines
    made.store.close()


def test_series_are_bounded_and_begin_with_alarms(tmp_path):
    made = pipeline(str(tmp_path / "log.db"))
    made.store.add([fact for n in range(MOST + 20) for fact in facts(f"t{n}", rows=3)])
    made.store.add(facts("zebra"))
    monitoring = Monitoring(made, Watch(), lambda: True)
    monitoring.go_on()
    lines = [line for line in monitoring.lines() if line.startswith("calibrant_watch_alarm{")]
    assert len(lines) == MOST and lines[0].startswith('calibrant_watch_alarm{task="zebra"')
    made.store.close()


def test_the_metrics_have_them(tmp_path):
    from starlette.testclient import TestClient

    made = pipeline(str(tmp_path / "log.db"))
    made.store.add(facts(rows=60))
    monitoring = Monitoring(made, Watch(), lambda: True)
    monitoring.go_on()
    with TestClient(create_app(made, told=monitoring.lines)) as client:
        text = client.get("/metrics").text
    assert "# TYPE calibrant_watch_gap gauge" in text and "calibrant_watch_seen_timestamp_seconds" in text


def test_the_configuration_says_how_it_is_watched_and_who_is_told():
    table = {
        "model": {"kind": "openai_compatible", "url": "http://host/v1", "model": "m"},
        "watch": {"alpha": 0.01, "every": 2.0}, "alerts": {"slack": "env:SLACK"},
        "task": {"law": {"alerts": {"slack": "https://hooks.example.org/law"}}},
    }  # fmt: skip
    config = parse(table, {"SLACK": "https://hooks.example.org/s3cret"})
    assert (config.watch.alpha, config.watch.tolerance, config.watch.every) == (0.01, 0.02, 2.0)
    assert config.alerts.of(None).url.endswith("/s3cret") and config.alerts.of("law").url.endswith("/law")
    assert "s3cret" not in repr(config.alerts)
    for wrong in ({"alpha": 2}, {"tolerance": 0.7}, {"every": 0}, {"often": 1}):
        with pytest.raises(Exception, match=r"\[watch\]"):
            parse({**table, "watch": wrong}, {"SLACK": "https://h/x"})


def test_what_ends_an_alarm_and_what_changed_have_sentences_too():
    ended = Event(id="e", kind="resolved", time=0.0, about="alarm-1", data={"why": "a bad batch"})
    assert sentence_of(ended) == "alarm-1 is resolved: a bad batch"
    share = {"task": None, "what": "answers cut off", "before": 0.0, "after": 0.3, "time": 0.0}
    assert "30 of 100" in sentence_of(Event(id="c", kind="change", time=0.0, data=share))


def test_the_rules_name_metrics_that_there_are(tmp_path):
    printed = CliRunner().invoke(app, ["watch", "--rules"])
    assert printed.exit_code == 0 and printed.stdout == RULES
    (group,) = yaml.safe_load(RULES)["groups"]
    assert all(set(rule) <= {"alert", "expr", "for", "labels", "annotations"} for rule in group["rules"])
    source = "".join(
        path.read_text() for path in Path("src/calibrant/gateway").rglob("*.py") if path.name != "rules.py"
    )
    import re

    for name in re.findall(r"calibrant_\w+", " ".join(rule["expr"] for rule in group["rules"])):
        assert name in source, name
    if (promtool := shutil.which("promtool") or os.environ.get("PROMTOOL")) is None:
        pytest.skip("promtool is not here: apt-get install prometheus")
    (tmp_path / "rules.yml").write_text(RULES)
    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.dumps(done.stdout)
