"""Errors, refusals and agents in the words of each framework: the same as straight at the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import House

EXPECTED = {
    "langchain_openai": {"too fast": "OpenAIRateLimitError", "refuse": "I will not."},
    "pydantic_ai": {"refuse": "ContentFilterError"},
    "litellm": {"too long": "ContextWindowExceededError", "too fast": "RateLimitError"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_framework_sees_what_it_would_see_without_a_gateway(house: House, name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: make clients")
    places = [house.upstream.url, "none", f"{house.url}/v1", house.key]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("frameworks.py")), name, *places],
        capture_output=True, text=True, timeout=120, env=os.environ | quiet,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    straight, through = json.loads(done.stdout.splitlines()[-1])
    served = through.pop("agent, responses", None)  # the server behind has no such format of its own
    straight.pop("agent, responses", None)
    assert through == straight
    assert through | EXPECTED[name] == through
    assert served is None or served.startswith("The answer is 4.")
