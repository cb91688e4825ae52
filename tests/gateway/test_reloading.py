"""A file that is changed while it is served."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.building import deployed
from calibrant.assembly.config import Config, load
from calibrant.assembly.keys import hash_of
from calibrant.gateway.reloading import Reloader
from calibrant.maps.calibration import MapSet

from ..upstream import Upstream

MODEL = '[model]\nkind = "scripted"\nscript = {}\nname = "m"\n'
KEYS = [hash_of(f"q8Zr-51xw-Kd0e-77a{n}") for n in range(2)]


class Deployment:
    """A file and what is deployed of it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "calibrant.toml"
        self.file.write_text(text)
        self.applied = list[Config]()

    async def __aenter__(self) -> Deployment:
        config = load(self.file)
        self.pipeline, models = deployed(config)
        self.reloader = Reloader(self.file, config, self.pipeline, models, self.applied.append, every=0.02)
        self.task = asyncio.create_task(self.reloader.watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.pipeline.close()

    async def becomes(self, release: str | None) -> bool:
        """Whether the way of all tasks comes to be of another release within two seconds."""
        for _ in range(200):
            if self.pipeline.way(None).release != release:
                return True
            await asyncio.sleep(0.01)
        return False


def test_a_changed_file_is_deployed_and_models_that_stay_are_kept(tmp_path: Path) -> None:
    async def changed() -> None:
        text = MODEL + '[models.b]\nkind = "scripted"\nscript = {}\nname = "b"\nretries = 1\n'
        async with Deployment(tmp_path, text) as one:
            before = one.pipeline.way(None)
            kept = one.pipeline.way(None, "b").model
            one.file.write_text(
                text.replace('name = "m"', 'name = "other"').replace("retries", 'aliases = ["c"]\nretries')
                + f'[stream]\ngate = "hold"\n[keys.a]\nhash = "{KEYS[0]}"\n'
            )
            assert await one.becomes(before.release)
            way = one.pipeline.way(None)
            assert (way.hold, way.model.name, before.hold) == (True, "other", False)
            assert one.pipeline.way(None, "c").model is kept is one.pipeline.way(None, "b").model
            assert [key.name for key in one.applied[-1].keys] == ["a"]

    asyncio.run(changed())


def test_a_file_that_cannot_be_served_changes_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        async with Deployment(tmp_path, MODEL) as one:
            release = one.pipeline.way(None).release
            for text in ("[model", MODEL + "[polcy]\n", MODEL + '[confidence]\nmaps = "none.json"\n', ""):
                caplog.clear()
                one.file.write_text(text)
                for _ in range(300):
                    if caplog.messages:
                        break
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)  # for it to be said again, if it were
                assert one.pipeline.way(None).release == release
                (said,) = caplog.messages
                assert "cannot be served; what was deployed stays:" in said
            one.file.unlink()
            await asyncio.sleep(0.05)
            one.file.write_text(MODEL + '[stream]\ngate = "hold"\n')
            assert await one.becomes(release), "it goes on looking"
            assert not one.applied[:-1]

    asyncio.run(broken())


def test_a_file_that_is_still_being_written_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of a file may be one that can be served, without its keys."""

    async def slow() -> None:
        async with Deployment(tmp_path, MODEL) as one:
            release = one.pipeline.way(None).release
            text = MODEL + '[policy]\nanswer = 0.9\n[stream]\ngate = "hold"\n'
            with one.file.open("w") as file:
                for letter in text:
                    file.write(letter)
                    file.flush()
                    await asyncio.sleep(0.006)
            assert await one.becomes(release)
            assert one.pipeline.way(None).hold
            assert len(one.applied) == 1 and not caplog.messages

    asyncio.run(slow())


def test_what_takes_a_restart_is_said_and_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def moved() -> None:
        async with Deployment(tmp_path, MODEL) as one:
            release = one.pipeline.way(None).release
            one.file.write_text(
                MODEL + '[server]\nport = 9\n[store]\nurl = "other.db"\n[observing]\nlog = "json"\n'
                '[stream]\ngate = "hold"\n'
            )
            assert await one.becomes(release)
            assert "[server] port and [store] and [observing] takes a restart" in caplog.text
            assert one.applied[-1].server.port == 8080
            assert not (tmp_path / "other.db").exists()

    asyncio.run(moved())


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream().start()
    yield made
    made.stop()


def test_no_request_is_dropped_by_a_process_that_reads_its_file_again(
    tmp_path: Path, upstream: Upstream
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    MapSet().save(tmp_path / "maps.json")
    file = tmp_path / "calibrant.toml"

    def write(answer: float, tail: str = "") -> None:
        file.write_text(
            f'[server]\nport = {port}\n[model]\nkind = "openai_compatible"\nurl = "{upstream.url}"\nmodel = "tiny"\n'
            f'[confidence]\nmaps = "maps.json"\n[policy]\nanswer = {answer}\n{tail}'
        )

    def ask(stream: bool = False) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        body: dict[str, Any] = {
            "model": "tiny",
            "messages": [{"role": "user", "content": "2 + 2?"}],
            "stream": stream,
        }
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"}
        )
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert not stream or text.endswith(b"data: [DONE]\n\n")
        return response.status, response.headers["x-calibrant-release"]

    write(0.8)
    command = [sys.executable, "-m", "calibrant", "serve", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(400):
            try:
                first = ask()[1]
                break
            except OSError:
                time.sleep(0.05)
        stop = threading.Event()

        def load_it(number: int) -> list[tuple[int, str | None]]:
            seen = []
            while not stop.is_set():
                seen.append(ask(number % 2 == 0))
            return seen

        def until_another(than: str | None) -> str | None:
            for _ in range(100):
                if (now := ask()[1]) != than:
                    return now
                time.sleep(0.05)
            raise AssertionError("It was not read again.")

        with ThreadPoolExecutor(2) as pool:
            clients = [pool.submit(load_it, number) for number in range(2)]
            try:
                write(0.9)
                second = until_another(first)
                file.write_text("[policy")
                time.sleep(2.2)
                assert ask()[1] == second
                write(0.9)
                MapSet(by=("task",)).save(tmp_path / "maps.json")
                os.kill(process.pid, signal.SIGHUP)
                until_another(second)
            finally:
                stop.set()
        statuses = Counter(status for client in clients for status, _ in client.result())
        assert set(statuses) == {200}
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)
        assert "cannot be served; what was deployed stays" in told
    finally:
        process.kill()
        process.wait(10)


def test_a_port_that_is_taken_is_said_before_a_store_is_made(tmp_path: Path, run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = tmp_path / "calibrant.toml"
        file.write_text(f"[server]\nport = {taken.getsockname()[1]}\n{MODEL}")
        status, told = run("serve", file)
    assert status == 1
    assert "cannot listen on 127.0.0.1" in told and "take another port" in told
    assert [one.name for one in tmp_path.iterdir()] == ["calibrant.toml"]


def test_maps_that_change_by_themselves_are_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fitted anew and put in their place, without a change of the file that names them."""
    caplog.set_level(logging.INFO)

    async def refitted() -> None:
        for name in ("maps", "law"):
            MapSet().save(tmp_path / f"{name}.json")
        text = MODEL + '[confidence]\nmaps = "maps.json"\n[task.law]\nmaps = "law.json"\n'
        async with Deployment(tmp_path, text) as one:
            assert {path.name for path in one.reloader.config.files} == {"maps.json", "law.json"}
            for name in ("maps", "law"):
                before = one.pipeline.way(None).release
                MapSet(by=("task",)).save(tmp_path / "new.json")
                (tmp_path / "new.json").replace(tmp_path / f"{name}.json")
                assert await one.becomes(before), name
            before = one.pipeline.way(None).release
            (tmp_path / "law.json").write_text("{")
            for _ in range(300):
                if any("cannot be served" in said for said in caplog.messages):
                    break
                await asyncio.sleep(0.01)
            assert one.pipeline.way(None).release == before
            deployed_so_far = sum("answers (before" in said for said in caplog.messages)
            await asyncio.sleep(0.2)
            assert deployed_so_far == 2 == sum("answers (before" in said for said in caplog.messages), (
                "each once"
            )

    asyncio.run(refitted())


def test_a_file_that_is_named_only_later_is_looked_at_from_then_on(tmp_path: Path) -> None:
    async def named() -> None:
        async with Deployment(tmp_path, MODEL) as one:
            before = one.pipeline.way(None).release
            MapSet().save(tmp_path / "maps.json")
            one.file.write_text(
                MODEL + '[confidence]\nmaps = "maps.json"\n[policy]\nkind = "bands"\nanswer = 0.9\n'
            )
            assert await one.becomes(before)
            before = one.pipeline.way(None).release
            MapSet(by=("task",)).save(tmp_path / "maps.json")
            assert await one.becomes(before)

    asyncio.run(named())


def test_a_model_that_was_replaced_is_closed_when_nothing_can_be_under_way_on_it(tmp_path: Path) -> None:
    async def replaced() -> None:
        server = "[server]\nrequest_seconds = 0.3\nstream_seconds = 0.3\n"
        other = '[models.b]\nkind = "scripted"\nscript = {}\nname = "b"\n'
        async with Deployment(tmp_path, MODEL + server + other) as one:
            closed = list[str]()
            for model in one.pipeline.models.values():
                model.close = partial(_closed, closed, model.name)  # type: ignore[method-assign]
            before = one.pipeline.way(None).release
            one.file.write_text(
                MODEL.replace('name = "m"', 'name = "n"')
                + server
                + '[policy]\nkind = "bands"\nanswer = 0.9\n'
            )
            assert await one.becomes(before)
            assert closed == []
            for _ in range(300):
                if len(closed) == 2:
                    break
                await asyncio.sleep(0.01)
            assert sorted(closed) == ["b", "m"]
            assert sorted(one.pipeline.models) == ["model"]
        assert sorted(closed) == ["b", "m"], "not closed again at the end"

    asyncio.run(replaced())


async def _closed(closed: list[str], name: str) -> None:
    closed.append(name)
