"""`calibrant serve` with a configuration, and LiteLLM's proxy, in front of the same upstream."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import calibrant
from calibrant.maps.calibration import MapSet
from calibrant.types import Fingerprint

from .processes import Server, free_port, started

__all__ = ["bare", "gateway", "litellm", "upstream"]

HERE = Path(__file__).parent
VENV = HERE.parents[1] / ".benchmarks" / "litellm"


@contextmanager
def upstream(delay: float = 0.0) -> Iterator[Server]:
    port = free_port()
    with started([sys.executable, HERE / "upstream.py", port, delay], port) as server:
        yield server


@contextmanager
def bare(upstream: Server) -> Iterator[Server]:
    port = free_port()
    with started([sys.executable, HERE / "bare.py", port, upstream.url], port) as server:
        yield server


@contextmanager
def gateway(
    upstream: Server, folder: Path, *, signals: bool = True, store: str | None = None, further: str = ""
) -> Iterator[Server]:
    """The gateway as it is deployed; with `signals` its answers are calibrated by a fitted map and decided upon."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    read = ["mean_logprob"] if signals else []
    if signals:
        fitted_map(folder / "maps.json")
    (folder / "calibrant.toml").write_text(
        f"""
[server]
port = {port}
[model]
kind = "openai_compatible"
url = "{upstream.url}/v1"
model = "tiny"
[confidence]
signals = {read}
{'maps = "maps.json"' if signals else ""}
[policy]
kind = "bands"
answer = 0.2
disclaim = 0.1
review = 0.05
[store]
url = "{store or "log.db"}"
{further}
"""
    )
    with (
        (folder / "gateway.log").open("ab") as log,
        started(
            [sys.executable, "-m", "calibrant", "serve", folder / "calibrant.toml"], port, log=log
        ) as server,
    ):
        yield server


def fitted_map(path: Path) -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.3, 1.0, 400)
    mark = Fingerprint(model="tiny", signal="mean_logprob")
    fitted = calibrant.fit(scores, rng.uniform(size=400) < scores**2, fingerprint=mark)
    MapSet(by=(), groups=(((), fitted.map),)).save(path)


@contextmanager
def litellm(upstream: Server, folder: Path) -> Iterator[Server]:
    """LiteLLM's proxy with one worker and nothing switched on; raises `OSError` where it cannot be installed."""
    command = VENV / "bin" / "litellm"
    if not command.exists():
        print("installing LiteLLM's proxy ...", flush=True)
        for step in (
            [sys.executable, "-m", "venv", VENV],
            [VENV / "bin" / "pip", "install", "--quiet", "litellm[proxy]"],
        ):
            if subprocess.run([str(part) for part in step], check=False).returncode:
                raise OSError("pip could not install litellm[proxy]")
    port = free_port()
    settings = folder / "litellm.yaml"
    settings.write_text(
        f"""
model_list:
  - model_name: tiny
    litellm_params: {{model: openai/tiny, api_base: "{upstream.url}/v1", api_key: none}}
litellm_settings: {{telemetry: false}}
"""
    )
    arguments = [command, "--config", settings, "--host", "127.0.0.1", "--port", port, "--num_workers", 1]
    env = {
        "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }  # fmt: skip
    with (
        (folder / "litellm.log").open("wb") as log,
        started(arguments, port, patience=180.0, env=env, log=log) as server,
    ):
        yield server
