"""A model server that answers at once, or after a while: `python upstream.py PORT SECONDS`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, ClassVar

TOKENS = 60


class Upstream(asyncio.Protocol):
    """Answers every request the same; knows just enough HTTP."""

    answers: ClassVar[dict[tuple[bool, bool], list[bytes]]] = {}
    embedding: ClassVar[bytes] = b""
    delay: ClassVar[float] = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if not end or len(body) < int(length or 0):
            return
        self.buffer = b""
        streamed = b'"stream":true' in body.replace(b" ", b"")
        told = self.answers[streamed, b'"logprobs":true' in body.replace(b" ", b"")]
        if b"/embeddings" in head:
            told = [self.embedding]
        if not self.delay:
            self.transport.write(b"".join(told))
            return
        for number, part in enumerate(told):
            asyncio.get_running_loop().call_later(self.delay * (1 + number / 20), self._write, part)

    def _write(self, part: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(part)


def answer(stream: bool, detail: bool) -> list[bytes]:
    """The bytes of a reply, piece by piece, with log-probabilities where there is detail."""
    tokens = [
        {"token": f" w{i}", "logprob": -0.0123456 * i, "bytes": [32, 119, 49], "top_logprobs": []}
        for i in range(TOKENS)
    ]
    usage = {"usage": {"prompt_tokens": 12, "completion_tokens": TOKENS, "total_tokens": 12 + TOKENS}}
    if not stream:
        text = "".join(str(token["token"]) for token in tokens)
        return [whole(choice("message", text, tokens if detail else None, "stop") | usage)]
    pieces = [choice("delta", str(one["token"]), [one] if detail else None, None) for one in tokens]
    pieces.append(choice("delta", "", None, "stop") | usage)
    events = [b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces] + [b"data: [DONE]\n\n"]
    length = sum(map(len, events))
    return [head("text/event-stream", length) + events[0], *events[1:]]


def choice(part: str, text: str, tokens: Any, finish_reason: str | None) -> dict[str, Any]:
    made = {"index": 0, part: {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "tiny",
        "choices": [made | ({"logprobs": {"content": tokens}} if tokens else {})],
    }  # fmt: skip


def whole(value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode()
    return head("application/json", len(body)) + body


def head(kind: str, length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode()


async def serve(port: int, delay: float) -> None:
    Upstream.delay = delay
    Upstream.answers = {(s, detail): answer(s, detail) for s in (False, True) for detail in (False, True)}
    vector = {"object": "embedding", "index": 0, "embedding": [0.0123456] * 256}
    listed = {"object": "list", "data": [vector], "model": "tiny"}
    Upstream.embedding = whole(listed | {"usage": {"prompt_tokens": 5, "total_tokens": 5}})
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
