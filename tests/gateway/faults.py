"""What a model's server can do wrong, byte by byte, and what a client of the gateway then sees.

`python -m tests.gateway.faults` writes the table into docs/gateway.md.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import itertools
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from calibrant.assembly.building import build
from calibrant.assembly.config import parse
from calibrant.gateway import answering
from calibrant.gateway.app import create_app
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.types import Fingerprint

from ..serving import served
from ..upstream import WORDS, token, whole

PAGE = Path(__file__).parents[2] / "docs" / "gateway.md"
BEGIN, END = "<!-- python -m tests.gateway.faults -->", "<!-- end -->"

SECRET = "sk-live-4f9d8c7b6a5e"
"""What the server knows and no client may."""

SECONDS, LONG = 0.6, 30.0
"""For which the gateway waits for its model: where that does not answer, and where it does, on a busy machine too."""

Writer = asyncio.StreamWriter
Fault = Callable[[Writer, bool], Coroutine[Any, Any, None]]
"""Answers a request on its connection, streamed or not; the connection is closed behind it."""


def reply(
    body: bytes,
    status: str = "200 OK",
    kind: str = "application/json",
    length: int | None = None,
    **headers: str,
) -> bytes:
    """An HTTP reply; `length` is what it says of its length, right or not."""
    told = {"Content-Type": kind, "Content-Length": str(len(body) if length is None else length)}
    told |= {"Connection": "close", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def saying(*parts: bytes | float) -> Fault:
    """Writes bytes, and waits seconds."""

    async def fault(writer: Writer, _: bool) -> None:
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)

    return fault


def error(status: str, **said: Any) -> Fault:
    told = {
        "message": f"At http://10.0.0.7:8000/v1 with {SECRET}.",
        "type": "server_error",
        "code": None,
        **said,
    }
    return saying(reply(json.dumps({"error": told}).encode(), status, Retry_After="0.01"))


GOOD = whole({"logprobs": True}, "2 + 2?")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
PIECES = [
    b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": word[0]},
    "logprobs": {"content": [token(*word)]}, "finish_reason": None}]}).encode() + b"\n\n"
    for word in WORDS
]  # fmt: skip
LAST = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
ALL = b"".join([*PIECES, LAST, b"data: [DONE]\n\n"])


def either(asked_whole: bytes, asked_streamed: bytes) -> Fault:
    async def fault(writer: Writer, stream: bool) -> None:
        writer.write(asked_streamed if stream else asked_whole)

    return fault


def body(**changed: Any) -> bytes:
    return json.dumps(GOOD | changed).encode()


def choice(**changed: Any) -> bytes:
    return body(choices=[GOOD["choices"][0] | changed])


def event(text: bytes) -> bytes:
    return HEAD + b"".join(PIECES[:2]) + b"data: " + text + b"\n\n" + LAST


def dripping(size: int, step: float) -> Fault:
    async def fault(writer: Writer, stream: bool) -> None:
        data = HEAD + ALL if stream else reply(body())
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
            await writer.drain()
            await asyncio.sleep(step)

    return fault


def stalling() -> Fault:
    """Slower than the gateway waits: for all of a reply, between two pieces of a stream."""
    whole_drips, half_a_stream = dripping(4, 0.1), saying(HEAD + b"".join(PIECES[:2]), 9.0)

    async def fault(writer: Writer, stream: bool) -> None:
        await (half_a_stream if stream else whole_drips)(writer, stream)

    return fault


def endless() -> Fault:
    async def fault(writer: Writer, stream: bool) -> None:
        writer.write(HEAD if stream else reply(b"", length=2**40))
        for _ in range(80):
            writer.write(b" " * 2**20)
            await writer.drain()

    return fault


def surely(logprob: Any) -> Fault:
    """Log-probabilities that are none, in either way."""
    told = {"content": [{"token": word, "logprob": logprob, "top_logprobs": []} for word, _ in WORDS]}
    text = json.dumps(GOOD | {"choices": [GOOD["choices"][0] | {"logprobs": told}]}).encode()
    pieces = [
        {"choices": [{"index": 0, "delta": {"content": one["token"]}, "logprobs": {"content": [one]}}]}
        for one in told["content"]
    ]
    streamed = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces)
    return either(reply(text), HEAD + streamed + LAST)


DEEP = b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

FAULTS: dict[str, Fault] = {
    "429, asks to wait": error("429 Too Many Requests", type="requests", code="rate_limit_exceeded"),
    "400, context length": error("400 Bad Request", type="invalid_request_error", code="context_length_exceeded"),
    "401, does not take the gateway's key": error("401 Unauthorized", type="invalid_request_error"),
    "500": error("500 Internal Server Error"),
    "503, overloaded": error("503 Service Unavailable"),
    "an HTML page that says 502": saying(reply(b"<html>nginx</html>", "502 Bad Gateway", "text/html")),
    "an HTML page that says 200": saying(reply(b"<html>Sign in</html>", kind="text/html")),
    "an error that says 200": error("200 OK", type="overloaded_error"),
    "no byte": saying(9.0),
    "a head, then nothing": either(reply(b"", length=99), HEAD),
    "a head, then nothing, and does not hang up": saying(HEAD, 9.0),
    "hangs up at once": saying(),
    "hangs up in the middle": either(reply(body()[:60], length=999), HEAD + b"".join(PIECES[:2])),
    "half a reply, then hangs": saying(reply(body()[:60], length=999), 9.0),
    "a few bytes at a time, too slowly": stalling(),
    "whitespace without end": endless(),
    "an empty body": saying(reply(b"")),
    "204": saying(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "bytes that are no HTTP": saying(b"\x00\x16\x03\x01 garbage\r\n\r\n"),
    "bytes that are no JSON": either(reply(b'{"choices": [{]}'), event(b'{"choices": [{]}')),
    "bytes that are no text": either(reply(b"\xff\xfe\x00"), event(b"\xff\xfe\x00")),
    "a list": either(reply(b"[1]"), event(b"[1]")),
    "JSON a hundred thousand deep": either(reply(DEEP), event(DEEP)),
    "no choices": either(reply(body(choices=[])), HEAD + b'data: {"choices": []}\n\ndata: [DONE]\n\n'),
    "choices that are null": either(reply(body(choices=None)), HEAD + b"data: [DONE]\n\n"),
    "a message that is null": either(reply(choice(message=None)), event(b'{"choices": [null]}')),
    "content that is a number": either(
        reply(choice(message={"role": "assistant", "content": 4})), event(b'{"choices": [{"delta": {"content": 4}}]}')
    ),
    "an error within the stream": either(
        reply(b'{"error": {"message": "overloaded"}}'), event(b'{"error": {"message": "overloaded"}}')
    ),
    "an answer that it ends with `error`": either(
        reply(choice(finish_reason="error")), HEAD + b"".join(PIECES) + LAST.replace(b"stop", b"error")
    ),
    "an error in a list": saying(reply(b'[{"error": {"code": 503, "message": "overloaded"}}]', "503 Unavailable")),
    "another address (302)": saying(reply(b"", "302 Found", Location="http://127.0.0.1:9/v1/chat/completions")),
    "another address (307)": saying(reply(b"", "307 Temporary Redirect", Location="http://127.0.0.1:9/v1")),
    "gzip that is none": saying(reply(b"not gzip", Content_Encoding="gzip")),
    "an unknown encoding": saying(reply(b"\x00\x01", Content_Encoding="zz")),
    "a header of 100 kB": saying(reply(body(), X_Much="a" * 100_000)),
    "chunks of wrong lengths": saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n"),
    "log-probabilities above 0": surely(0.5),
    "log-probabilities that are texts": surely("high"),
    "log-probabilities that are NaN": surely(float("nan")),
}  # fmt: skip
"""What goes wrong, in the order of the table."""

HANGING = frozenset((
    "no byte", "a head, then nothing, and does not hang up", "half a reply, then hangs",
    "a few bytes at a time, too slowly",
))  # fmt: skip
"""What is over only when the gateway gives up."""

HARMLESS: dict[str, Fault] = {
    "a few bytes at a time, within the time": dripping(100, 0.01),
    "gzip": either(reply(gzip.compress(body()), Content_Encoding="gzip"), HEAD + ALL),
    "JSON called text": either(reply(body(), kind="text/plain"), HEAD + ALL),
    "a whole reply where a stream was asked for": saying(reply(body())),
    "a whole reply where a stream was asked for, of another kind of JSON": saying(
        reply(body(), kind="text/json")
    ),
    "a whole reply as the one event of a stream": either(reply(body()), HEAD + b"data: " + body() + b"\n\n"),
    "a mark of the order of bytes": either(reply(b"\xef\xbb\xbf" + body()), HEAD + b"\xef\xbb\xbf" + ALL),
    "lines that end with CR": either(reply(body()), HEAD + ALL.replace(b"\n", b"\r")),
    "lines that end with CR and LF": either(reply(body()), HEAD + ALL.replace(b"\n", b"\r\n")),
    "events over several lines": either(
        reply(json.dumps(GOOD, indent=1).encode()), HEAD + ALL.replace(b'"choices": ', b'"choices":\ndata: ')
    ),
    "a last line without an end": either(reply(body()), HEAD + b"".join([*PIECES, LAST.rstrip()])),
    "why it ended in words of its own": either(
        reply(choice(finish_reason="STOP")), HEAD + b"".join(PIECES) + LAST.replace(b"stop", b"eos_token")
    ),
    "a stream without [DONE]": either(reply(body()), HEAD + b"".join([*PIECES, LAST])),
}
"""What servers do that keeps no answer from the client."""


class Faulty:
    """A server that does as `fault` says."""

    def __init__(self) -> None:
        self.fault: Fault = saying()
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Faulty:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _answer(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            asked = json.loads(await reader.readexactly(length))
            await self.fault(writer, bool(asked.get("stream")))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a client saw: the status, everything that was sent, and of it the last error and confidence."""

    status: int
    text: str
    said: str
    error: dict[str, Any] | None
    confidence: dict[str, Any] | None
    ended: bool

    @property
    def told(self) -> str:
        """The cell of the table."""
        code = f"`{self.error['code']}`" if self.error else ""
        if self.status != 200:
            return f"{self.status} {code}"
        if self.error:
            return f"200, {'text, ' if self.said else ''}`error` event {code}"
        sure = self.confidence and self.confidence["p"]
        return "the answer" + ("" if sure else ", `p` null")


def identity() -> MapSet:
    """Calibrates each score to itself, give or take 0.1."""
    curve = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    evidence = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
    fingerprint = Fingerprint(model="tiny", signal="mean_logprob")
    made = CalibrationMap(calibrator="steps", curve=curve, evidence=evidence, fingerprint=fingerprint)
    return MapSet(by=(), groups=(((), made),))


@contextmanager
def house(folder: Path, upstream: str, seconds: float = SECONDS) -> Iterator[str]:
    """The URL of a gateway before that server, which tries once and waits so long."""
    identity().save(folder / "maps.json")
    model = {"kind": "openai_compatible", "url": upstream, "model": "tiny", "timeout": seconds, "retries": 0}
    table = {
        "model": model | {"api_key": SECRET},
        "confidence": {"signals": ["mean_logprob"], "maps": "maps.json"},
        "task": {"held": {"gate": "hold"}},
    }
    with served(create_app(build(parse(table, {}, folder)))) as url:
        yield url


def ask(url: str, *, stream: bool, task: str = "") -> Seen:
    """Ask as a plain HTTP client, and read all of it."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    asked = {"model": "tiny", "messages": [{"role": "user", "content": "2 + 2?"}], "stream": stream}
    sent = {"content-type": "application/json"} | ({"x-calibrant-task": task} if task else {})
    connection.request("POST", "/v1/chat/completions", json.dumps(asked).encode(), sent)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    events = response.headers["content-type"].startswith("text/event-stream")
    found = (
        [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: {")]
        if events
        else [json.loads(text)]
    )
    parts = [
        one.get("delta") or one.get("message") or {} for each in found for one in each.get("choices", ())
    ]
    errors = [each["error"] for each in found if "error" in each]
    sure = [each["confidence"] for each in found if "confidence" in each]
    return Seen(
        status=response.status, text=text, said="".join(part.get("content") or "" for part in parts),
        error=errors[-1] if errors else None, confidence=sure[-1] if sure else None,
        ended="data: [DONE]" in text,
    )  # fmt: skip


def table(rows: dict[str, tuple[Seen, Seen]]) -> str:
    """What clients saw, as Markdown."""
    lines = ["| the model's server sends | the client gets | where it asked for a stream |", "|---|---|---|"]
    return "\n".join(
        [*lines, *(f"| {name} | {one.told} | {two.told} |" for name, (one, two) in rows.items())]
    )


def run() -> dict[str, tuple[Seen, Seen]]:
    """All of them, one after the other. Headers of a stream wait for its first piece however busy the machine is."""
    seen = {}
    with (
        patch.object(answering, "GRACE", LONG), Faulty() as faulty, tempfile.TemporaryDirectory() as folder,
        house(Path(folder), faulty.url) as hasty, house(Path(folder), faulty.url, LONG) as patient,
    ):  # fmt: skip
        for name, faulty.fault in itertools.chain(FAULTS.items(), HARMLESS.items()):
            url = hasty if name in HANGING else patient
            seen[name] = ask(url, stream=False), ask(url, stream=True)
            print(name, "|", seen[name][0].told, "|", seen[name][1].told, file=sys.stderr)
    return seen


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    behind = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(run())}\n{END}{behind}")
