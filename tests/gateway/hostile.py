"""Requests that no client sends: well-formed ones of every format, with parts replaced by what does not belong there.

`python -m tests.gateway.hostile 10000` sends so many and says what came back.
"""

from __future__ import annotations

import copy
import http.client
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..upstream import Upstream
from .faults import SECRET, house

USER = [{"role": "user", "content": "2 + 2?"}]
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "model": "tiny",
        "stream": False,
        "n": 1,
        "temperature": 0.5,
        "max_tokens": 9,
        "logprobs": True,
        "top_logprobs": 2,
        "stop": ["x"],
        "seed": 1,
        "tools": [TOOL],
        "response_format": {"type": "json_object"},
        "metadata": {"task": "a"},
        "stream_options": {"include_usage": True},
        "messages": [
            *USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "4"}]},
            *USER,
        ],
    },
    "/v1/responses": {
        "model": "tiny",
        "stream": False,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "2 + 2?"}]}],
        "instructions": "Be brief.",
        "max_output_tokens": 99,
        "tools": [{"type": "function", "name": "f", "parameters": {}}],
        "metadata": {"task": "a"},
        "text": {"format": {"type": "text"}},
        "previous_response_id": None,
    },
    "/v1/messages": {
        "model": "tiny",
        "stream": False,
        "max_tokens": 99,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "2 + 2?"}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "metadata": {"user_id": "a"},
        "stop_sequences": ["x"],
    },
    "/v1/completions": {
        "model": "tiny",
        "prompt": "2 + 2?",
        "stream": False,
        "n": 1,
        "logprobs": 2,
        "max_tokens": 9,
    },
    "/v1/decisions": {"model": "tiny", "messages": USER, "options": ["yes", "no"], "metadata": {"task": "a"}},
    "/v1/embeddings": {"model": "tiny", "input": ["2 + 2?"]},
    "/v1/feedback": {"record_id": "r", "correct": True, "judge": "anna", "grade": 0.5},
}
"""A request of each format that is in order."""

JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("-inf"),
    "",
    "\ud800",
    "\x00",
    "a" * 100_000,
    "'; --",
    "calibrant/../x",
    "{{7*7}}",
    "\u202e",
    [],
    {},
    [[]],
    {"": ""},
    [None],
    [1, "a", {}],
    {"role": "user"},
    {"type": None},
    [{"type": "text"}],
    [{"type": "image_url"}],
    [{"function": None}],
    {"content": {"content": []}},
    ["x"] * 2000,
)
"""What is put where it does not belong."""


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a body: what holds it, and by which name or number."""
    for name in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield value, name
        yield from places(value[name])


def deep(rng: random.Random) -> Any:
    made: Any = "x"
    for _ in range(rng.choice((20, 90, 200, 3000))):
        made = [made] if rng.random() < 0.5 else {"a": made}
    return made


def request(rng: random.Random) -> tuple[str, bytes]:
    """A path and a body."""
    path = rng.choice(list(BODIES))
    body = copy.deepcopy(BODIES[path])
    if "stream" in body:
        body["stream"] = rng.random() < 0.3
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        holder, name = rng.choice(list(places(body)))
        if rng.random() < 0.15:
            del holder[name]
        else:
            holder[name] = deep(rng) if rng.random() < 0.05 else copy.deepcopy(rng.choice(JUNK))
        if not body:
            break
    sys.setrecursionlimit(20_000)
    data = json.dumps(body).encode()
    if rng.random() < 0.1:
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice((b"", b"\xff", b"\x00", b"}", b'"')) + data[at + rng.randrange(3) :]
    return path, data


def send(url: str, path: str, data: bytes) -> tuple[int, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request("POST", path, data, {"content-type": "application/json"})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


MOST = 0.82
"""The map gives no answer of the server behind more than this."""


def faults_of(status: int, text: str, private: tuple[str, ...]) -> str | None:
    """What is wrong with a reply, or None."""
    if status == 500:
        return "500"
    if leaked := [one for one in private if one in text]:
        return f"leaks {leaked[0]}"
    lines = [line[6:] for line in text.split("\n") if line.startswith("data: {")] or [text]
    told = [json.loads(line) for line in lines]
    sure = [one["confidence"]["p"] for one in told if isinstance(one, dict) and one.get("confidence")]
    return "too sure" if any(p is not None and p > MOST for p in sure) else None


def run(number: int, seed: int = 0) -> tuple[Counter[int], list[tuple[str, str, bytes, str]]]:
    """How often each status came, and what was wrong: why, path, body, reply."""
    rng, seen, wrong = random.Random(seed), Counter[int](), []
    upstream = Upstream().start()
    try:
        with tempfile.TemporaryDirectory() as folder, house(Path(folder), upstream.url) as url:
            private = (SECRET, upstream.url.split("/")[2], "Traceback")
            for _ in range(number):
                path, data = request(rng)
                status, text = send(url, path, data)
                seen[status] += 1
                if (why := faults_of(status, text, private)) is not None:
                    wrong.append((why, path, data, text))
    finally:
        upstream.stop()
    return seen, wrong


if __name__ == "__main__":
    seen, wrong = run(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(dict(seen.most_common()))
    for why, path, data, text in wrong[:20]:
        print(why, path, data[:300], text[:300])
    sys.exit(bool(wrong))
