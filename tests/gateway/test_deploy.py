"""The examples in deploy/: their commands, files and probes as processes: there may be no containers here."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..upstream import Upstream

yaml = pytest.importorskip("yaml", reason="PyYAML, which mkdocs brings, is absent: no YAML is read here.")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KEY = "q8Zr-51xw-Kd0e-77ab"


def compose() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return made


def kubernetes() -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


def container() -> dict[str, Any]:
    (found,) = kubernetes()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Containerfile").read_text())
    return [
        (line.split()[0], line.split(maxsplit=1)[1])
        for line in text.splitlines()
        if re.match("[A-Z]+ ", line)
    ]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream().start()
    yield made
    made.stop()


def get(port: int, path: str, body: Any = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection.request("GET" if body is None else "POST", path, body and json.dumps(body), sent)
    status = connection.getresponse().status
    connection.close()
    return status


ASK = {"model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}]}


@pytest.mark.parametrize("which", ["compose", "kubernetes"])
def test_what_is_deployed_serves_is_ready_and_stops(
    which: str, upstream: Upstream, postgres: str, tmp_path: Path
) -> None:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA deploy_{which}".encode())
    known = {
        "CALIBRANT_KEY": KEY,
        "MODEL_KEY": "none",
        "MODEL_URL": upstream.url,
        "MODEL_NAME": "tiny",
        "STORE_URL": f"{postgres}&options=-csearch_path%3Ddeploy_{which}",
    }
    if which == "compose":
        service = compose()["services"]["gateway"]
        arguments, stated, text = (
            service["command"],
            set(service["environment"]),
            (DEPLOY / "calibrant.toml").read_text(),
        )
        probes = [re.findall(r":8080(/\w+)", service["healthcheck"]["test"][-1])[0]]
        seconds = float(service["stop_grace_period"].removesuffix("s"))
    else:
        one, data = container(), kubernetes()["ConfigMap"]["data"]
        told = re.findall(r"from-literal=(\w+)=", (DEPLOY / "kubernetes.yaml").read_text())
        arguments, stated, text = (
            one["args"],
            {e["name"] for e in one["env"]} | set(told),
            data["calibrant.toml"],
        )
        probes = [one[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")]
        seconds = kubernetes()["StatefulSet"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert stated == set(known) == set(re.findall(r"env:(\w+)", text)), "what the file wants is given"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "calibrant.toml"
    file.write_text(
        text.replace("port = 8080", f"port = {port}").replace("/var/spool/calibrant", str(tmp_path / "spool"))
    )
    command = [file if part == "/etc/calibrant/calibrant.toml" else part for part in arguments]
    process = subprocess.Popen(
        [sys.executable, "-m", "calibrant", *map(str, command)],
        env={**os.environ, **known},
        stderr=subprocess.PIPE,
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                assert get(port, "/healthz") == 200
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end, process.communicate()
                time.sleep(0.05)
        assert get(port, "/v1/chat/completions", ASK) == 200
        assert [get(port, path) for path in probes] == [200] * len(probes)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=seconds)
    assert process.returncode in (0, -signal.SIGTERM)


def test_both_examples_serve_the_same_file() -> None:
    file = tomllib.loads((DEPLOY / "calibrant.toml").read_text())
    assert tomllib.loads(kubernetes()["ConfigMap"]["data"]["calibrant.toml"]) == file


def test_the_image_has_what_the_examples_use() -> None:
    made = dict(instructions())
    assert json.loads(made["ENTRYPOINT"]) + json.loads(made["CMD"]) == [
        "calibrant",
        *compose()["services"]["gateway"]["command"],
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = next(what for name, what in instructions() if name == "RUN" and "[cli" in what)
    extras = re.search(r"\.whl\)\[([\w,]+)\]", installed)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    spec = kubernetes()["StatefulSet"]["spec"]["template"]["spec"]
    assert int(made["USER"]) == spec["securityContext"]["runAsUser"]
    mounted = {one["mountPath"] for one in container()["volumeMounts"]}
    assert mounted == {"/etc/calibrant", *json.loads(made["VOLUME"])}
    for name, what in instructions():
        if name == "COPY":
            for source in what.split()[:-1]:
                assert (ROOT / source).exists(), source


def test_names_in_the_cluster_fit_together() -> None:
    found = kubernetes()
    workload, service = found["StatefulSet"]["spec"], found["Service"]
    labels = workload["template"]["metadata"]["labels"]
    assert workload["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert workload["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["ports"][0]["targetPort"] == container()["ports"][0]["containerPort"] == 8080
    volumes = {one["name"] for one in workload["template"]["spec"]["volumes"]}
    claimed = {one["metadata"]["name"] for one in workload["volumeClaimTemplates"]}
    assert {one["name"] for one in container()["volumeMounts"]} == volumes | claimed
    named = {e["valueFrom"]["configMapKeyRef"]["key"] for e in container()["env"]}
    assert named <= set(found["ConfigMap"]["data"])


@pytest.mark.skipif(shutil.which("docker") is None, reason="No docker here to read the compose file.")
def test_compose_reads_its_file() -> None:
    known = dict.fromkeys(("CALIBRANT_KEY", "MODEL_URL", "MODEL_NAME", "POSTGRES_PASSWORD"), "x")
    command = ["docker", "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    version = subprocess.run(["docker", "compose", "version"], capture_output=True)
    if version.returncode:
        pytest.skip("This docker has no compose.")
    done = subprocess.run(command, env={**os.environ, **known}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
