"""`confidence_of` finds in each framework's reply what the page of clients finds by hand, in the same process."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from .conftest import House
from .test_pages import at, blocks

FOUND = {
    "client.chat.completions.create(": ("openai", "answer"),
    "client.messages.create(": ("anthropic", "client.messages.create(**asked)"),
    "for chunk in model.stream": ("langchain_openai", "whole"),
    "from langchain.agents": ("langchain", "agent.invoke(said)"),
    "use_responses_api=True": ("langchain_openai", "message"),
    "include_response_headers=True": ("langchain_openai", "model.invoke('2 + 2?')"),
    "from pydantic_ai": ("pydantic_ai", "answer"),
    "p = litellm.completion(": ("litellm", "chunk"),
    "from llama_index": ("llama_index", "piece"),
    "import dspy": ("dspy", "model"),
    "from agents import": ("agents", "answer"),
}
"""What tells a block of the page, the package without which it does not run, and its reply, whole or streamed."""


@pytest.mark.parametrize("mark", FOUND)
def test_it_finds_what_the_page_of_clients_finds(house: House, mark: str) -> None:
    package, reply = FOUND[mark]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: make clients")
    block = next(text for text in blocks("py") if mark in text)
    asked = (
        "\nfrom calibrant.integrations.replies import confidence_of"
        f"\nfound = confidence_of({reply}, gateway='http://localhost:8080/v1', key='KEY')"
        "\nassert abs(found['p'] - p) < 1e-4 and found['action'] in ('answer', 'disclaim'), (found, p)"
    )
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", at(house, block + asked)],
        capture_output=True, text=True, timeout=120, env=os.environ | quiet,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
