"""Every deployment that the documentation shows is one that can be made."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.assembly.building import build
from calibrant.assembly.config import parse
from calibrant.maps.calibration import MapSet
from calibrant.plans.ballots import Ballots
from calibrant.plans.cascades import CascadePlan
from calibrant.plans.certificates import CertificateSet
from calibrant.plans.first_answers import FirstAnswers
from calibrant.plans.postures import MeasuredPostures
from calibrant.plans.steps import StepSeen, Trajectory
from calibrant.releases.fallbacks import Fallbacks
from calibrant.routing.documents import fit_documents
from calibrant.routing.gains import fit_gains
from calibrant.routing.trajectories import fit_trajectories
from calibrant.routing.votes import fit_votes

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTIONS = {"model", "models", "route", "policy", "confidence", "task"}
FILES = [
    (page.stem, table)
    for page in sorted(DOCS.glob("*.md"))
    for table in map(tomllib.loads, BLOCK.findall(page.read_text()))
    if SECTIONS & set(table)
]
MODEL = {"kind": "scripted", "script": {}}
KEYS = {
    "CALIBRANT_KEY": "a-key-of-some-length", "MODEL_KEY": "k", "LARGE_KEY": "k",
    "SLACK_URL": "https://hooks.example.org/desk", "LAW_CHANNEL": "https://hooks.example.org/law",
    "HOOK_SECRET": "a-secret-of-some-length",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the files of the documentation name."""
    folder, rng = tmp_path_factory.mktemp("documented"), np.random.default_rng(0)
    for name in ("maps.json", "law.json"):
        MapSet().save(folder / name)
    for name in ("certs.json", "law-certificates.json"):
        CertificateSet(by=(), certificates=()).save(folder / name)
    MeasuredPostures(
        model="scripted", signal="verbalized", answers=0, verdict=None, shift=None, levels=()
    ).save(folder / "posture.json")
    fit_documents({"agreement": rng.random(40), "sure": rng.random(40)}, rng.random(40)).save(
        folder / "documents.json"
    )
    steps = [(StepSeen(confidence=x), StepSeen(confidence=x * x)) for x in rng.random(60)]
    fit_trajectories(
        [Trajectory(steps=one, id=str(i), correct=float(i % 2)) for i, one in enumerate(steps)]
    ).save(folder / "chain-map.json")
    (folder / "prompt.json").write_text('{"name": "brief", "system": "Be brief."}')
    score, peers = rng.random(300), ("gpt-4.1-nano",)
    answers = FirstAnswers.of(
        300, scores={"mean_logprob": score}, agreement={peers[0]: (rng.random(300) < 0.5).astype(float)}
    )
    gains = fit_gains(answers, rng.random(300) < score, rng.random(300) < 0.9)
    CascadePlan(small="s", large="l", peers=peers, gains={"s": gains}, threshold=0.2).save(
        folder / "cascade.json"
    )
    votes = [["A", "B", "A", "B"] * 20, ["A", "B", "A", "A"] * 20]
    right = np.array([[1, 1, 1, 0] * 20, [1, 1, 1, 1] * 20], float)
    fit_votes(Ballots.of(["large", "small"], votes), right).save(folder / "pool.json")
    return folder


@pytest.mark.parametrize(("page", "table"), FILES, ids=[page for page, _ in FILES])
def test_a_documented_file_makes_a_pipeline(page: str, table: dict[str, Any], folder: Path) -> None:
    if page == "extending":
        pytest.skip("its extensions are those of the lesson, which is followed elsewhere")
    if "models" not in table:
        table = {"model": MODEL} | table
    for name, model in table.get("models", {}).items():
        if model["kind"] == "embedded":  # its weights may not be installed
            table["models"][name] = MODEL | {"name": "small"}
    for part in {"model", "peer"} & table.keys():
        if table[part].get("kind") == "embedded" and "path" in table[part]:  # weights that the reader made
            table[part] = MODEL | {"name": part}
    config = parse(table, KEYS, folder)
    pipeline = build(config)
    asyncio.run(pipeline.close())
    assert pipeline.way(None).release == config.release.release_id
    route: Any = pipeline.way(None).route
    route = route.first.route if isinstance(route, Fallbacks) else route
    assert type(route).__name__.lower() == config.release.default.route.kind.replace("_", "")
