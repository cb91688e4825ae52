"""Several gateways on one store: a promotion reaches them all, and none answers by two releases."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.building import deployed
from calibrant.assembly.config import Config, load
from calibrant.errors import StoreAway, StoreError
from calibrant.gateway.following import Following
from calibrant.gateway.reloading import Reloader, of_store
from calibrant.releases.promoting import PROMOTION, promote, promoted
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Event

from .test_gateway import SERVE

FILE = """
[server]
port = {port}
[model]
kind = "scripted"
name = "m"
script = {{ "2 + 2?" = "4" }}
[store]
url = "{url}"
"""


def release(answer: float) -> Release:
    return Release(
        default=Way(policy=Part(kind="bands", settings={"answer": answer}), gate="hold"), note=f"at {answer}"
    )


# ------------------------------------------------------------------ processes


@dataclass
class Replica:
    file: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-W", "error", "-c", SERVE, str(self.file)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE)

    def wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self.process is not None and self.process.poll() is None, self.process.stderr.read()  # type: ignore[union-attr]
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                if self.asked()[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the gateway did not come up")

    def asked(self) -> tuple[int, str, dict[str, Any]]:
        """The status of an answer, the release that its headers name, and its confidence object."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        body = json.dumps({"model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}]})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        response = connection.getresponse()
        told = json.loads(response.read())
        connection.close()
        return response.status, response.headers.get("x-calibrant-release", ""), told.get("confidence", {})

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        if self.process is not None and self.process.stderr is not None:
            self.process.stderr.close()


@contextmanager
def replicas(folder: Path, url: str, many: int) -> Iterator[list[Replica]]:
    found = []
    for number in range(many):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        file = folder / f"{number}.toml"
        file.write_text(FILE.format(port=port, url=url))
        found.append(Replica(file, port))
    try:
        for one in found:
            one.start()
        for one in found:
            one.wait()
        yield found
    finally:
        for one in found:
            one.stop()


def test_three_replicas_switch_within_two_seconds_in_the_middle_of_load(
    postgres: str, tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA replicas")
    url = f"{postgres}&options=-csearch_path%3Dreplicas"
    second = release(0.95)
    second.save(tmp_path / "release.json")
    stop = threading.Event()
    with replicas(tmp_path, url, 3) as found, ThreadPoolExecutor(6) as pool:
        first = load(found[0].file).release.release_id
        told: list[list[tuple[float, float, int, str, dict[str, Any]]]] = [[] for _ in found]

        def load_on(number: int) -> None:
            while not stop.is_set():
                began = time.monotonic()
                status, release_id, confidence = found[number].asked()
                told[number].append((began, time.monotonic(), status, release_id, confidence))
                time.sleep(0.01)

        clients = [pool.submit(load_on, number) for number in (0, 1, 2, 0, 1, 2)]
        try:
            time.sleep(0.5)
            status, said = run("releases", "promote", tmp_path / "release.json", "--store", url)
            at = time.monotonic()
            assert (status, second.release_id in said) == (0, True)
            while not all(any(a[3] == second.release_id for a in answers) for answers in told):
                assert time.monotonic() < at + 3
                time.sleep(0.05)
            time.sleep(0.7)
            found[1].stop()  # one that comes back answers by what was promoted, whatever its file says
        finally:
            stop.set()
            for client in clients:
                client.exception()
        for answers in told:
            assert {answer[3] for answer in answers} == {first, second.release_id}
            assert {answer[2] for answer in answers} == {200}
            new = [answer for answer in answers if answer[3] == second.release_id]
            print(f"switched {min(a[1] for a in new) - at:.2f} s after the promotion")
            assert min(a[1] for a in new) - at < 2.0
            switched = min(a[1] for a in new)
            assert all(a[3] == second.release_id for a in answers if a[0] > switched), "none goes back"
            for *_, release_id, confidence in answers:
                assert (confidence["release"], confidence["held"]) == (
                    release_id,
                    release_id == second.release_id,
                )
        found[1].start()
        found[1].wait()
        assert found[1].asked()[1] == second.release_id
    store = SqlStore(url)
    ids = [answer[4]["record_id"] for answers in told for answer in answers]
    kept = {id: store.record(id) for id in ids}
    assert all(kept[answer[4]["record_id"]].release == answer[3] for answers in told for answer in answers)  # type: ignore[union-attr]
    assert store.verify().broken is None
    store.close()


# ------------------------------------------------------------------ one gateway


async def until(done: Callable[[], bool]) -> None:
    for _ in range(500):
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to pass")


def test_what_was_promoted_outlasts_changes_of_the_file_and_what_cannot_be_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "calibrant.toml"
    file.write_text(FILE.format(port=8080, url=tmp_path / "log.db"))

    async def followed() -> None:
        config = load(file)
        pipeline, models = deployed(config)
        applied = list[Config]()
        reloader = Reloader(file, config, pipeline, models, applied.append)
        following = asyncio.create_task(
            Following(pipeline.store, {PROMOTION: reloader.promote}, every=0.02).watch()
        )
        await asyncio.sleep(0.1)

        def promoted_(one: Release) -> None:
            promote(pipeline.store, one, note="", time=1.0)

        first = release(0.9)
        promoted_(first)
        await until(lambda: pipeline.way(None).release == first.release_id)
        file.write_text(file.read_text() + '[policy]\nkind = "bands"\nanswer = 0.7\n')
        assert await reloader.reload()
        assert pipeline.way(None).release == first.release_id
        assert "promoted in the store, answers" in caplog.text
        lacking = Release(default=Way(models=(("model", "other"),)))
        promoted_(lacking)
        await until(lambda: "cannot be served here" in caplog.text)
        assert pipeline.way(None).release == first.release_id
        broken = {"release": first.to_dict() | {"note": "edited"}}
        pipeline.store.add([Event(id="x", kind=PROMOTION, time=2.0, about="x", data=broken)])
        last = release(0.8)
        promoted_(last)
        await until(lambda: pipeline.way(None).release == last.release_id)
        assert await reloader.reload()
        assert pipeline.way(None).release == last.release_id
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await pipeline.close()

    asyncio.run(followed())
    store = SqlStore(str(tmp_path / "log.db"))
    position, found = promoted(store)
    assert found is not None
    assert of_store(load(file), found).release.release_id == release(0.8).release_id
    assert position > 0
    store.close()


# ------------------------------------------------------------------ commands


def test_promotions_are_listed_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[int, str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "calibrant.toml"
    file.write_text(FILE.format(port=8080, url="log.db"))
    own, other = load(file).release.release_id, release(0.9)
    other.save(tmp_path / "release.json")
    assert run("releases", "promote", file, "--note", "as it was") == (
        0,
        f"Release {own} answers from now on.",
    )
    store = str(tmp_path / "log.db")
    assert run("releases", "promote", tmp_path / "release.json", "--store", store)[0] == 0
    assert "answers already" in run("releases", "promote", "release.json", "--store", store)[1]
    _, said = run("releases", "list", store)
    assert said.startswith(other.release_id)
    assert said.count("answers now") == 1
    assert said.index("answers now") < said.index(own) < said.index("as it was")
    assert run("releases", "promote", own, "--store", store)[0] == 0, "back to the one before, by its id"
    told = json.loads(run("releases", "list", store, "--json")[1])
    assert [one["release"] for one in told["promotions"]] == [own, other.release_id, own]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("0" * 16, "--store", "log.db"), 1, "no release of that id was promoted"),
        (("release.json",), 2, "Say which store"),
        (("release.json", "--store", "nothing.db"), 2, "There is no store"),
        (("edited.json", "--store", "log.db"), 1, "edited"),
    ],
)
def test_what_cannot_be_promoted_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., tuple[int, str]],
    arguments: Any,
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    SqlStore("log.db").close()
    release(0.9).save("release.json")
    Path("edited.json").write_text(Path("release.json").read_text().replace("0.9", "0.5"))
    found, told = run("releases", "promote", *arguments)
    assert found == status, told
    assert said in " ".join(told.split())


def test_a_gateway_starts_while_its_store_is_away_and_catches_up_once_it_is_back(tmp_path: Path) -> None:
    """It answers by its file meanwhile, says that it is not ready, and loses nothing."""
    folder, gone = tmp_path / "disk", tmp_path / "gone"
    folder.mkdir()
    store = SqlStore(f"{folder}/log.db")
    second = release(0.95)
    promote(store, second, note="", time=1.0)
    store.close()
    folder.rename(gone)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "calibrant.toml"
    spool = f'spool = "{tmp_path / "spool"}"\n'
    file.write_text(FILE.format(port=port, url=folder / "log.db") + spool)
    one = Replica(file, port)
    one.start()
    try:
        one.wait()
        status, first, told = one.asked()
        assert (status, first) == (200, load(file).release.release_id)
        ready, body = asked(port, "/readyz")
        assert (ready, body["status"], body["release"]["ok"]) == (503, "not_ready", False)
        assert body["store"] == {"ok": True, "why": "away; records wait in the spool"}
        assert asked(port, f"/v1/answers/{told['record_id']}")[0] == 503, "not that there is none"
        gone.rename(folder)
        end = time.monotonic() + 30
        while asked(port, "/readyz")[0] != 200 and time.monotonic() < end:
            time.sleep(0.1)
        assert asked(port, "/readyz")[1]["release"] == {"ok": True}
        assert one.asked()[:2] == (200, second.release_id)
        while asked(port, f"/v1/answers/{told['record_id']}")[0] != 200 and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        one.stop()
    store = SqlStore(f"{folder}/log.db")
    kept = store.record(told["record_id"])
    assert kept is not None
    assert kept.release == first
    assert store.verify().broken is None
    store.close()
    assert not list((tmp_path / "spool").glob("*.jsonl*"))


def asked(port: int, path: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    told = response.status, json.loads(response.read())
    connection.close()
    return told


def test_without_a_spool_a_gateway_does_not_start_where_its_store_is_away(tmp_path: Path) -> None:
    file = tmp_path / "calibrant.toml"
    file.write_text(FILE.format(port=8080, url=tmp_path / "gone" / "log.db"))
    with pytest.raises(StoreAway, match="unable to open"):
        deployed(load(file))
    (tmp_path / "log.db").write_text("no database, but long enough to be taken for one" * 20)
    file.write_text(FILE.format(port=8080, url=tmp_path / "log.db") + f'spool = "{tmp_path}"\n')
    with pytest.raises(StoreError, match="not a database"):  # which waiting does not mend
        deployed(load(file))
