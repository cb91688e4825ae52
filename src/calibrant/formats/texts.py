"""The older completions format, of a text that answers a text: read as a chat request, and written. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import BadRequest
from ..types import Ask, Completion, Delta, Json, Token, Usage
from .chat.replies import frame, named_members, usage_body
from .fields import field_of

__all__ = ["Texts", "chat_body", "reply_body"]

KIND = "text_completion"

MOST_LOGPROBS = 5
"""The format's own limit."""

ELSEWHERE = {
    "echo": "The prompt is not given back, and its tokens have no probabilities here",
    "suffix": "Text is not filled in here",
    "best_of": "Answers are not chosen here; ask for n, each with its confidence",
}
"""What cannot be asked for, and why."""


def chat_body(body: Json) -> dict[str, Any]:
    """A request as a chat request says the same: the prompt is what the user says; raises `BadRequest`.

    >>> chat_body({"model": "m", "prompt": ["2 + 2?"], "logprobs": 1})["messages"]
    [{'role': 'user', 'content': '2 + 2?'}]
    """
    said = {name: value for name, value in body.items() if value is not None}
    for name, why in ELSEWHERE.items():
        value = said.pop(name, None)
        if value is True or value not in (None, False, "", 1):
            raise BadRequest(
                f"{name} is not served here. {why}. Leave it out, or ask the model's server itself.",
                name,
                code="unsupported_parameter",
            )
    prompt = said.pop("prompt", None)
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise BadRequest(
            f"Expected prompt, a text or a list of one, got {prompt!r:.100}. Send each prompt as a request of its own, "
            "and text in place of tokens.",
            "prompt",
        )
    if isinstance(shown := said.pop("logprobs", None), int) and not isinstance(shown, bool):
        if not 0 <= shown <= MOST_LOGPROBS:
            raise BadRequest(f"Expected logprobs from 0 to {MOST_LOGPROBS}, got {shown}.", "logprobs")
        said |= {"logprobs": True, "top_logprobs": shown}
    elif shown is not None:
        field_of({"logprobs": shown}, "logprobs", int, None)
    if "messages" in said:
        raise BadRequest("Expected prompt, not messages. Post those to /v1/chat/completions.", "messages")
    return said | {"messages": [{"role": "user", "content": prompt}]}


def reply_body(done: Sequence[Completion], ask: Ask, *, id: str, time: float) -> dict[str, Any]:
    """The body of a reply with a choice for each, with log-probabilities where the Ask is for them.

    >>> reply_body([Completion(text="4", model="m")], Ask(messages=()), id="cmpl-1", time=0.0)["choices"][0]["text"]
    '4'
    """
    first, usage = done[0], done[0].usage if len(done) == 1 else sum([one.usage for one in done], Usage())
    choices = [
        _choice(index, one.text, logprobs_body(one.tokens or (), ask), one.finish_reason)
        for index, one in enumerate(done)
    ]
    made = frame(KIND, first.model, id=id, time=time) | {"choices": choices, "usage": usage_body(usage)}
    return made | named_members(first)


def _choice(index: int, text: str, logprobs: Any, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish_reason}


def logprobs_body(tokens: Iterable[Token], ask: Ask, offset: int = 0) -> dict[str, Any] | None:
    """Lists side by side of tokens, log-probabilities, alternatives, and where in the text each begins."""
    shown = tuple(tokens) if ask.logprobs else ()
    if not shown:
        return None
    made: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for token in shown:
        made["tokens"].append(token.text)
        made["token_logprobs"].append(token.logprob)
        made["top_logprobs"].append(dict(token.top[: ask.top_logprobs]))
        made["text_offset"].append(offset)
        offset += len(token.text)
    return made


class Texts:
    """Makes the pieces of streamed answers; `time` in seconds.

    >>> texts = Texts(Ask(messages=()), "m", id="cmpl-1", time=0.0)
    >>> [chunk["choices"][0]["text"] for chunk in texts.piece(Delta("Par"))]
    ['Par']
    """

    def __init__(self, ask: Ask, model: str, *, id: str, time: float) -> None:
        self._ask, self._frame = ask, frame(KIND, model, id=id, time=time)
        self._offsets: dict[int, int] = {}

    def piece(self, delta: Delta) -> list[Json]:
        """What a piece says, if anything."""
        text, offset = delta.text or delta.refusal, self._offsets.get(delta.index, 0)
        logprobs = logprobs_body(delta.tokens, self._ask, offset)
        self._offsets[delta.index] = offset + len(text)
        if not text and logprobs is None:
            return []
        return [self._frame | {"choices": [_choice(delta.index, text, logprobs, None)]}]

    def end(self, done: Completion, index: int, further: Mapping[str, Any]) -> list[Json]:
        """The end of an answer, with `further` members beside the choices and in its choice."""
        last = _choice(index, "", None, done.finish_reason) | dict(further)
        return [self._frame | named_members(done) | {"choices": [last]} | dict(further)]

    def usage(self, usage: Usage) -> list[Json]:
        """What was used, after all answers."""
        return [self._frame | {"choices": [], "usage": usage_body(usage)}]
