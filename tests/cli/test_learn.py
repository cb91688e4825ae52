"""`calibrant learn`: refit, promote, rollback, diff as people and machines call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.errors import CalibrantError
from calibrant.guarantees.certifying import certify
from calibrant.maps.calibration import MapSet
from calibrant.plans.certificates import CertificateSet
from calibrant.records.opening import without_password
from calibrant.releases.promoting import promote
from calibrant.releases.release import Part
from calibrant.stores.sql import SqlStore
from calibrant.types import Event

from ..judged_store import desk, identity, judged, release_with


@pytest.fixture
def store(tmp_path: Path) -> str:
    release = release_with(identity())
    made = desk(tmp_path / "log.db", judged(300, shift=lambda _: 1.0, made=identity(), release=release))
    promote(made, release, note="first", time=0.0)
    made.close()
    return str(tmp_path / "log.db")


def run(*words: str, status: int = 0) -> Any:
    done = CliRunner().invoke(app, ["learn", *words])
    assert done.exit_code == status, f"{done.output}\n{done.exception!r}"
    return json.loads(done.output) if "--json" in words else done.output


def refused(*words: str) -> str:
    done = CliRunner().invoke(app, ["learn", *words])
    assert isinstance(done.exception, CalibrantError)
    return str(done.exception)


def test_from_refit_to_rollback(store: str, tmp_path: Path) -> None:
    dry = run("refit", store, "--dry-run", "--json")
    assert "Nothing is proposed" in run("promote", store, status=3)
    found = run("refit", store, "-o", str(tmp_path / "maps.json"), "--json")
    assert found["groups"][0]["proposals"][0]["map_id"] == dry["groups"][0]["proposals"][0]["map_id"]
    (group,) = found["groups"]
    assert (group["labels"], group["audits"], group["alarm"]) == (300, 300, True)
    told = group["proposals"][0]
    assert told["parents"] == [identity().map_id] and told["data"] and told["from"] < told["to"]
    assert MapSet.load(tmp_path / "maps.json").groups[0][1].map_id == told["map_id"]

    waiting = run("promote", store, "--json", status=3)
    assert waiting["promoted"] is None and {one["ready"] for one in waiting["contests"]} == {False}
    lower = run("promote", store, "--careful", "--json")["promoted"]
    assert lower["lowest"] and len(lower["proposals"]) == 1

    opened = SqlStore(store)
    opened.add(judged(400, seed=3, first=300, shift=lambda _: 1.8, made=identity()))
    opened.close()
    said = run("promote", store)
    assert "found better at label" in said and "answers from now on" in said
    now = json.loads(CliRunner().invoke(app, ["releases", "list", store, "--json"]).output)["promotions"]
    assert [one["note"] for one in now] == [
        "found better on later labels", "the lower of both while an alarm is open", "first",
    ]  # fmt: skip

    parts = run("diff", now[2]["release"], now[0]["release"], "--store", store, "--json")["parts"]
    assert [one["part"] for one in parts if not one["same"]] == ["map of all answers"]
    assert "probabilities differ by up to" in run(
        "diff", now[2]["release"], now[0]["release"], "--store", store
    )
    back = run("rollback", store, "--to", now[2]["release"], "--why", "a test", "--json")
    assert back == {"release": now[2]["release"], "before": now[0]["release"]}


def test_by_hand_takes_a_name_and_a_reason(store: str) -> None:
    id = run("refit", store, "--json")["groups"][0]["proposals"][0]["proposal"]
    assert "--by-hand takes" in refused("promote", store, id, "--by-hand")
    assert "--by-hand takes" in refused("promote", store, "--by-hand", "--why", "x")
    done = run("promote", store, id[:8], "--by-hand", "--why", "the model was replaced", "--json")["promoted"]
    assert done["proposals"] == [id]
    assert "it was promoted" in refused("promote", store, id)
    assert "Say why" in refused("rollback", store)


def release_file(folder: Path) -> str:
    release_with(None).save(folder / "release.json")
    return str(folder / "release.json")


def test_a_store_that_does_not_say_what_answers_takes_the_release_by_name(tmp_path: Path) -> None:
    path = str(tmp_path / "log.db")
    desk(tmp_path / "log.db", judged(60)).close()
    assert "--release calibrant.toml" in refused("promote", path)
    assert "Nothing was proposed in the store" in run("refit", path, "-o", str(tmp_path / "maps.json"))
    assert MapSet.load(tmp_path / "maps.json").by == ("task", "domain", "model", "signal")
    assert "Nothing is proposed" in run("promote", path, "--release", release_file(tmp_path), status=3)
    found = run("refit", path, "--release", str(tmp_path / "release.json"), "--json")
    assert found["groups"][0]["proposals"][0]["parents"] == []
    assert "first map here" in run("refit", path, "--release", str(tmp_path / "release.json"))
    assert run("promote", path, "--release", str(tmp_path / "release.json"), "--json")["promoted"]
    assert not (tmp_path / "no.db").exists() and refused("refit", str(tmp_path / "no.db"))
    assert not (tmp_path / "no.db").exists()


@pytest.mark.parametrize("endless", ["inf", "nan", "-inf"])
def test_a_day_takes_a_finite_number(store: str, endless: str) -> None:
    done = CliRunner().invoke(app, ["learn", "queue", store, "--per-day", endless])
    assert done.exit_code == 2 and "per-day" in done.output


def test_a_password_is_not_shown(store: str) -> None:
    for words in (["rollback", "--why", "x"], ["refit"], ["promote"], ["queue"]):
        for url in ("postgresql://ann:secret@127.0.0.1:1/x", "postgresql://ann:secret@host:secret/x"):
            said = refused(words[0], url, *words[1:])
            assert "secret" not in said and "store" in said
    shown = without_password("postgresql://ann:se/c@ret@db/log?sslpassword=secret&x=1")
    assert shown == "postgresql://ann@db/log?sslpassword=&x=1"


def test_a_task_that_is_not_there_is_told_with_those_that_are(store: str) -> None:
    assert "labels of: 'support'" in refused("refit", store, "--task", "nope")
    assert "labels of: None" in refused("refit", store, "--domain", "nope")
    assert "answers of: 'support'" in refused(
        "export", store, "--task", "nope", "--to", "sft", "-o", f"{store}.jsonl"
    )
    before = len(list(SqlStore(store).since()))
    assert "knows 'support'" in refused("queue", store, "--task", "support", "--task", "nope")
    assert len(list(SqlStore(store).since())) == before  # nothing is drawn for a slip of the pen


def test_certificates_are_issued_by_command(tmp_path: Path) -> None:
    lacking = certify([0.9] * 4, [1] * 4, max_error=0.15, delta=0.1, prior_map=identity(), issue=1)
    files = {"certificates": CertificateSet(by=(), certificates=(lacking,))}
    release = release_with(identity(), policy=Part(kind="risk_control", files=files))
    path = str(tmp_path / "log.db")
    made = desk(tmp_path / "log.db", [])
    promote(made, release, note="first", time=0.0)
    assert "cannot certify" in run("certify", path, status=3)
    made.add(judged(300, made=identity()))
    dry = run("certify", path, "--dry-run", "--json")
    assert not dry["changed"] and dry["certificates"][0]["in_force"]
    done = run("certify", path, "--json")
    assert done["changed"] and done["release"] == dry["release"] and done["issued"][0]["in_force"]
    assert "looked again at 576" in run("certify", path)
    made.add([Event(id="alarm-1", kind="alarm", time=1e6, about=identity().map_id, data={"task": "support"})])
    assert "not in force, an alarm is open: alarm-1" in run("certify", path, status=3)
    assert "No certificate is for the task 'nope'" in refused("certify", path, "--task", "nope")
    made.close()
