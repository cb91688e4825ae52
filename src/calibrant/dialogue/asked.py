"""How an answer is asked for, beside the question: written down for fingerprints and logs (`calibrant.types.asked`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..types import Ask, Completion, Message, digest
from ..types.asked import parts_of
from .forms import SHAPING

__all__ = ["asked_with", "ended_with"]

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
PASSING = re.compile(
    rf"\b\d{{4}}-\d\d?-\d\d?(?:[T ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b"
    rf"|\b\d{{1,4}}[./]\d\d?[./]\d{{2,4}}\b|\b\d\d?:\d\d(?::\d\d)?(?: ?[ap]\.?m\b\.?)?"
    rf"|\b\d\d?(?:st|nd|rd|th)?(?: of)? {MONTH},? \d{{4}}\b|\b{MONTH} \d\d?(?:st|nd|rd|th)?,? \d{{4}}\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    re.I,
)
"""Dates, times of day and ids, which change from call to call in a system prompt that stays the same."""

PLAIN = {"type": "text"}
"""A response format that asks for none."""

NONE = "none"
LONG = 16_384
"""Characters of system prompts that are not kept, so that memory stays bounded."""

SYSTEM = ("system", "developer")
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "n_predict")
SAMPLING = (
    "top_p", "top_k", "min_p", "typical_p", "frequency_penalty", "presence_penalty", "repetition_penalty",
    "repeat_penalty", "logit_bias", "stop", "reasoning", "reasoning_effort", "thinking", "chat_template_kwargs",
)  # fmt: skip
"""Further fields of a request that change how an answer is drawn."""


def asked_with(ask: Ask) -> str:
    """How an Ask puts its question: system prompt, earlier turns, form, temperature, sampling, limit of tokens.

    Dates, times and ids in a system prompt are not looked at, nor is the seed. None of a temperature or a limit is
    "server", whose they are then.

    >>> one, other = (Message("system", f"Today is {day}. Be brief.") for day in ("2026-01-05", "2026-03-09"))
    >>> asked_with(Ask(messages=(one,))) == asked_with(Ask(messages=(other,)))
    True
    >>> asked_with(Ask(messages=(Message("user", "2 + 2?"),), temperature=None, max_tokens=8))
    'system none; turns none; form none; temperature server; sampling none; max_tokens 8'
    """
    extra: Mapping[str, Any] = json.loads(ask.extra) if ask.extra else {}
    limit = next((extra[name] for name in LIMITS if isinstance(extra.get(name), int)), ask.max_tokens)
    temperature = ask.temperature
    system = tuple([one.content for one in ask.messages if one.role in SYSTEM])
    form = {n: v for n, v in extra.items() if (n in SHAPING or n.startswith("guided_")) and v and v != PLAIN}
    sampling = {name: extra[name] for name in SAMPLING if name in extra}
    sampling |= {"stop": list(ask.stop)} if ask.stop else {}
    told = {
        "system": (_known if sum(map(len, system)) < LONG else _lasting)(system) if system else NONE,
        "turns": _short(_turns(ask.messages)),
        "form": _short(form),
        "temperature": "server" if temperature is None else f"{temperature:g}",
        "sampling": _short(sampling),
        "max_tokens": "server" if limit is None else str(limit),
    }
    return "; ".join(f"{name} {value}" for name, value in told.items())


def ended_with(asked: str | None, completion: Completion) -> str | None:
    """The same, with what is to be known of the answer's end: where it was cut off, or up to how many tokens it has.

    Tokens are told as the next power of two, so that a log does not hold as many texts as answers.

    >>> ended_with("system none; max_tokens 8", Completion(text="1, 2", model="m", finish_reason="length"))
    'system none; max_tokens 8; cut_at 8'
    """
    parts = parts_of(asked)
    if not parts:
        return asked
    limit = parts["max_tokens"]
    if completion.finish_reason == "length":
        return f"{asked}; cut_at {limit}"
    tokens = completion.usage.completion_tokens or len(completion.tokens or ())
    if not tokens:
        return asked
    upto = 1 << (tokens - 1).bit_length()
    return f"{asked}; tokens {min(upto, int(limit)) if limit.isdigit() and tokens <= int(limit) else upto}"


def _lasting(prompts: tuple[str, ...]) -> str:
    return _short([PASSING.sub("<>", " ".join(text.split())) for text in prompts])


_known = lru_cache(256)(_lasting)
"""A deployment has a few system prompts, and looks each of them through for every answer."""


def _turns(messages: tuple[Message, ...]) -> list[list[Any]]:
    """What stands before the last user turn, but system prompts."""
    last = max((i for i, one in enumerate(messages) if one.role == "user"), default=0)
    return [[one.role, one.content] for one in messages[:last] if one.role not in SYSTEM]


def _short(value: Any) -> str:
    return digest(value)[:8] if value else NONE
