"""What an answer says, for signals that read it or have it judged: its words, or its calls of tools."""

from __future__ import annotations

import json

from ..errors import NoScore
from ..types import Completion, ToolCall, canonical

__all__ = ["answer_in", "calls_in", "told", "words_in"]


def told(completion: Completion) -> Completion:
    """The answer; raises `NoScore` for one that is empty, or was refused or withheld: nothing is to be said of it."""
    if completion.refusal or completion.finish_reason == "content_filter":
        raise NoScore("The answer was refused or withheld, so there is none to be sure of.")
    if not completion.text.strip() and not completion.tool_calls:
        raise NoScore("The answer is empty, so there is nothing to be sure of.")
    return completion


def answer_in(completion: Completion) -> str:
    """The answer as text to judge, each call of a tool on a line of its own; raises `NoScore` as `told` does.

    >>> call = ToolCall("1", "look", '{"q":"Paris"}')
    >>> answer_in(Completion(text="", model="m", tool_calls=(call,)))
    'look({"q":"Paris"})'
    """
    told(completion)
    if not completion.tool_calls:
        return completion.text
    said = [completion.text.strip()] if completion.text.strip() else []
    return "\n".join([*said, *[f"{call.name}({call.arguments.strip()})" for call in completion.tool_calls]])


def words_in(completion: Completion) -> str:
    """The answer's words; raises `NoScore` as `told` does, and for calls of tools, which are no words."""
    if told(completion).tool_calls:
        raise NoScore(
            "The answer calls tools, and this signal reads words alone. self_consistency compares tool calls, "
            "and verbalized asks about them."
        )
    return completion.text


def calls_in(completion: Completion) -> str:
    """The calls of tools in one form: neither their order nor the spacing and order within their arguments counts.

    >>> one, other = ToolCall("1", "look", '{"a": 1, "b": 2}'), ToolCall("2", "look", '{"b":2,"a":1}')
    >>> len({calls_in(Completion(text="", model="m", tool_calls=(call,))) for call in (one, other)})
    1
    """
    return "\n".join(sorted(f"{call.name}({_arguments(call)})" for call in completion.tool_calls))


def _arguments(call: ToolCall) -> str:
    try:
        return canonical(json.loads(call.arguments or "{}"))
    except (ValueError, RecursionError):
        return call.arguments.strip()
