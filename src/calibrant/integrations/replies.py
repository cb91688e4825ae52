"""The confidence of a reply that came through the gateway, wherever a framework keeps what it does not know."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from calibrant.errors import Misuse, UnusableInput
from calibrant.types import Json

__all__ = ["confidence_of"]

HINT = (
    "ChatOpenAI of LangChain keeps it with logprobs=True, Pydantic AI with "
    "settings={'openai_include_unmapped_response_data': True}. Where a framework keeps an id alone, as the OpenAI "
    "Agents SDK does, give gateway='http://localhost:8080/v1' and key=..., and it is asked for."
)
SECONDS = 10.0


def confidence_of(reply: Any, *, gateway: str | None = None, key: str | None = None) -> Json:
    """What the gateway told with a reply: `p`, its interval `low` and `high`, `action`, `phrase` and the rest.

    Takes whatever a framework hands on, whole or the last piece of a stream: replies of OpenAI's and Anthropic's
    clients and of LiteLLM, messages of LangChain and LangGraph (also a state with `messages`), runs and responses of
    Pydantic AI, completions of LlamaIndex, a language model of DSPy or its `history`, results of the OpenAI Agents SDK,
    the JSON itself. No framework is imported.

    Parameters
    ----------
    reply : any
        A reply, or what holds one.
    gateway, key : text
        Address of the gateway, ending in /v1, and a key of it: the answer is looked up by its id where the reply holds
        no more, at the cost of one request.

    Raises `Misuse` where nothing is there, with what to set, and `UnusableInput` where the gateway does not know it.

    >>> confidence_of({"choices": [], "confidence": {"p": 0.87, "low": 0.8, "high": 0.92}})["p"]
    0.87
    """
    for at in _inside(reply):
        told = _field(at, "confidence")
        if isinstance(told, Mapping) and "p" in told:
            return dict(told)
    id = _id_of(reply)
    if id is not None and gateway is not None:
        return _asked(id, gateway, key)
    raise Misuse(
        f"No confidence in this {type(reply).__name__}{'' if id is None else f', only the id {id}'}. {HINT}"
    )


def _inside(reply: Any, deep: int = 6) -> Iterator[Any]:
    """The reply, and what frameworks keep of one within, the likeliest first."""
    yield reply
    for way in WAYS if deep else ():
        found = way(reply)
        if found is not None and found is not reply:
            yield from _inside(found, deep - 1)


def _field(one: Any, *names: str | int) -> Any:
    """What lies under names, of mappings, lists or objects; None where there is none."""
    for name in names:
        if isinstance(name, int):
            one = one[name] if isinstance(one, Sequence) and not isinstance(one, str) and one else None
        elif isinstance(one, Mapping):
            one = one.get(name)
        else:
            one = getattr(one, name, None)
        if one is None:
            return None
    return one


def _pydantic_ai(run: Any) -> Any:
    """Of a response, or of a run that has one; of a stream the last chunk."""
    kept = _field(run, "provider_details", "unmapped")
    return _field(kept, "response") or _field(kept, "chunks", -1) or None


WAYS: tuple[Callable[[Any], Any], ...] = (
    lambda one: _field(one, "response_metadata", "logprobs"),  # LangChain, with logprobs=True
    lambda one: _field(one, "response_metadata"),  # LangChain with Anthropic
    _pydantic_ai,
    lambda one: _field(one, "raw"),  # LlamaIndex
    lambda one: _field(one, "provider_data"),  # DSPy
    lambda one: _field(one, "history", -1),  # DSPy's language model
    lambda one: _field(one, "raw_responses", -1),  # OpenAI Agents SDK
    lambda one: _field(one, "output", -1) if _field(one, "response_id") is None else None,
    lambda one: _field(one, "messages", -1) if isinstance(one, Mapping) else None,  # a state of LangGraph
    lambda one: _field(one, "response") if not callable(_field(one, "response")) else None,
)
"""What holds a reply, by framework. Each is tried in turn, and in what it gives each again."""


def _id_of(reply: Any) -> str | None:
    """The record's, which headers name; else the response's; else the first, which may be a framework's own."""
    for names in (("headers", "x-calibrant-record-id"), ("response_id",), ("id",)):
        for at in _inside(reply):
            found = _field(at, *names)
            if isinstance(found, str) and found:
                return found
    return None


def _asked(id: str, gateway: str, key: str | None) -> Json:
    """The answer's confidence from the gateway."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    address = f"{gateway.rstrip('/')}/answers/{quote(id, safe='')}"
    try:
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:
            told: Json = json.load(reply)["confidence"]
    except HTTPError as error:
        raise UnusableInput(
            f"The gateway at {gateway} does not tell of the answer {id}: {error.code} {error.reason}. "
            "Expected the id of an answer that it gave, and a key of who asked."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableInput(
            f"{gateway} did not tell of the answer {id} ({error}). Expected the address of a gateway that runs, "
            "ending in /v1."
        ) from error
    return told
