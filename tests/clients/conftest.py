"""A gateway as its users start it, before a model server that does what it is told."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.types import Fingerprint

from ..upstream import Upstream
from .scripted import script

MODULES = Path(os.environ.get("CALIBRANT_NODE", Path(__file__).with_name("node_modules")))
"""Where Node's packages are: `make clients` puts them there."""

KEY = "q8Zr-51xw-Kd0e-77clients"

FILE = """
[server]
port = {port}
key = "{key}"

[model]
kind = "openai_compatible"
url = "{url}"
model = "tiny"
api_key = "sk-upstream-0123456789abcdef"
retries = 0

[store]
url = "records.db"

[confidence]
signals = ["mean_logprob"]
maps = "maps.json"

[policy]
kind = "bands"
answer = 0.7
disclaim = 0.6
review = 0.4

[task.held]
gate = "hold"
policy = {{ kind = "bands", answer = 0.99, disclaim = 0.98, review = 0.4 }}
"""


@dataclass(frozen=True)
class House:
    """Where the gateway is, whose key opens it, and what stands behind it."""

    url: str
    key: str
    upstream: Upstream


def _maps() -> MapSet:
    """Calibrates each score to itself, give or take 0.1."""
    curve = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    evidence = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
    fingerprint = Fingerprint(model="tiny", signal="mean_logprob")
    made = CalibrationMap(calibrator="steps", curve=curve, evidence=evidence, fingerprint=fingerprint)
    return MapSet(by=(), groups=(((), made),))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """`calibrant serve`, as a process, started once."""
    folder = tmp_path_factory.mktemp("house")
    upstream = Upstream().start()
    upstream.script = script
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _maps().save(folder / "maps.json")
    file = folder / "calibrant.toml"
    file.write_text(FILE.format(port=port, key=KEY, url=upstream.url))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "calibrant", "serve", str(file)], stdout=log, stderr=log, cwd=folder, env=os.environ
        )  # fmt: skip
    try:
        _wait(port, process, folder / "log")
        yield House(f"http://127.0.0.1:{port}", KEY, upstream)
    finally:
        process.terminate()
        process.wait(20)
        upstream.stop()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())
