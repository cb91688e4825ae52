"""Errors, refusals and agents in the words of each framework: the same as straight at the server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from .conftest import MODULES, House
from .scripted import P

PLACE, VECTOR = "city='Paris'", "[0.25, -0.5, 1.0]"
ANSWER = "The answer is 4."

EXPECTED = {
    "langchain_openai": {
        "too fast": "OpenAIRateLimitError", "refuse": "I will not.", "structured": PLACE, "embedding": VECTOR
    },
    "langchain": {"streamed": ANSWER, "structured": PLACE},
    "pydantic_ai": {"refuse": "ContentFilterError", "structured": PLACE},
    "litellm": {
        "too long": "ContextWindowExceededError", "too fast": "RateLimitError", "agent": ANSWER, "streamed": ANSWER,
        "structured": '{"city": "Paris"}', "embedding": VECTOR,
    },
    "instructor": {"structured": f"Place({PLACE}), Place({PLACE})"},
    "llama_index": {"agent": ANSWER, "structured": PLACE, "embedding": VECTOR},
    "dspy": {"structured": "Paris", "embedding": "[[0.25, -0.5, 1.0]]"},
    "agents": {"agent": ANSWER, "streamed": ANSWER, "structured": PLACE},
    "autogen_ext": {"structured": '{"city": "Paris"}'},
}  # fmt: skip
"""Some of what is to come; all else is to be as without a gateway."""


@pytest.mark.parametrize("name", EXPECTED)
def test_a_framework_sees_what_it_would_see_without_a_gateway(house: House, name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: make clients")
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONWARNINGS": "ignore"}
    file = Path(__file__).with_name("frameworks.py")
    _compare(house, [sys.executable, str(file), name], os.environ | quiet, EXPECTED[name])


NODE = {"agent": ANSWER, "streamed": ANSWER, "structured": '{"city":"Paris"}', "embedding": "[0.25,-0.5,1]"}


@pytest.mark.parametrize("name", ["openai", "ai"])
def test_a_client_of_node_sees_what_it_would_see_without_a_gateway(
    house: House, name: str, tmp_path: Path
) -> None:
    node = shutil.which("node")
    if node is None or not MODULES.exists():
        pytest.skip("Node or its packages are not at hand: make clients")
    (tmp_path / "node_modules").symlink_to(MODULES)
    file = shutil.copy(Path(__file__).with_name("frameworks.mjs"), tmp_path)
    _compare(house, [node, str(file), name], dict(os.environ), NODE)


def _compare(house: House, command: list[str], env: dict[str, str], expected: dict[str, str]) -> None:
    """Run what prints what it sees at each place, and hold the two against each other."""
    places = [house.upstream.url, "none", f"{house.url}/v1", house.key]
    done = subprocess.run([*command, *places], capture_output=True, text=True, timeout=240, env=env)
    assert done.returncode == 0, done.stderr
    straight, through = (_parted(one) for one in json.loads(done.stdout.splitlines()[-1]))
    assert through[0] == straight[0]
    assert through[0] | expected == through[0]
    for kind, said in through[1].items():
        if kind.startswith("p"):
            assert float(said) == pytest.approx(P, abs=1e-4), kind
        elif kind == "id":
            assert _told(house, said) == pytest.approx(P, abs=1e-4)
        else:
            assert said.startswith(ANSWER), kind


def _parted(told: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What there is without a gateway, and what only with one: confidence, ids, and the format of responses."""
    ours = {name for name in told if name.startswith("p") or name == "id" or name.endswith("responses")}
    return {n: s for n, s in told.items() if n not in ours}, {n: s for n, s in told.items() if n in ours}


def _told(house: House, id: str) -> float:
    """The probability that is told of an id."""
    asked = Request(f"{house.url}/v1/answers/{id}", headers={"Authorization": f"Bearer {house.key}"})
    with urlopen(asked) as response:
        return float(json.load(response)["confidence"]["p"])
