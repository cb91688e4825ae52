"""Replies of models: the output of a batch, and chat completions, responses and completions as servers send them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import log
from typing import Any

from calibrant.formats.chat.replies import text_from, tokens_in
from calibrant.formats.logprobs import tokens_from
from calibrant.logs.foreign import mapping, mappings, paths_of, records_in, tool_source
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import chosen_way, sure_of
from calibrant.types import Token

__all__ = ["OpenaiReplies", "replies_in"]

NO_VERDICT = "Replies are not graded: join verdicts from a file with that column, by --labels FILE --on {0}."
NO_CONFIDENCE = (
    "The replies state none and came without log-probabilities: ask with logprobs and top_logprobs, or ask for one in "
    'the answer ({"answer": ..., "confidence": 85}).'
)


class OpenaiReplies:
    """Replies of models: a batch's output, chat completions, responses, completions (also of vLLM and llama.cpp)."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By a reply, or by a batch's request with its response."""
        first = log.record or {}
        batch = {"custom_id", "response"} <= first.keys()
        return Claim.CONTENT if batch or _is_reply(first) else Claim.NONE

    def open(self, log: Given) -> Source:
        """A row for each choice; a request that failed is a row without an answer. There is no verdict."""
        rows = list[dict[str, Any]]()
        for record in (one for path in paths_of(log) for one in records_in(path, on_lines=log.on_a_line)):
            about, body = _batch(record) if "custom_id" in record else ({"id": record.get("id")}, record)
            rows += [about | row for row in replies_in(body)] or [about]
        on = "custom_id" if any("custom_id" in row for row in rows) else "id"
        _, derived, said = chosen_way(row.pop("\0sure", sure_of("", ())) for row in rows)
        if said:
            rows = [{**row, "confidence": value} for row, value in zip(rows, derived, strict=True)]
        failed = sum("answer" not in row for row in rows)
        return tool_source(
            log.text, "replies of a model", rows,
            {"confidence": "confidence", "item": on, "model": "model", "answer": "answer", "time": "created"},
            lacking={"correct": NO_VERDICT.format(on), "confidence": NO_CONFIDENCE},
            notes=[*said, *([f"{failed} of {len(rows)} requests failed and have no answer."] if failed else [])],
        )  # fmt: skip


def _batch(record: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    response = mapping(record.get("response"))
    error, body, status = record.get("error"), mapping(response.get("body")), response.get("status_code")
    if not error and isinstance(status, int) and status >= 400:
        error = body.get("error") or status
    about = {"custom_id": record["custom_id"], "id": record.get("id")}
    return (about | {"error": json.dumps(error)}, {}) if error else (about, body)


def _is_reply(first: Mapping[str, Any]) -> bool:
    choice = next(iter(mappings(first.get("choices"))), {})
    chat = isinstance(choice.get("message"), Mapping) or ("text" in choice and "logprobs" in choice)
    response = first.get("object") == "response" and isinstance(first.get("output"), list)
    return bool(chat or response or isinstance(first.get("completion_probabilities"), list))


def replies_in(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each answer in a reply, with what says how sure it is under "\\0sure"."""
    about = {name: body.get(name) for name in ("model", "created") if body.get(name) is not None}
    for index, (text, tokens, ended) in enumerate(_answers(body)):
        yield about | {
            "index": index,
            "answer": text,
            "finish_reason": ended,
            "\0sure": sure_of(text, tokens),
        }


def _answers(body: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Token, ...], Any]]:
    if isinstance(body.get("output"), list):
        pieces = [
            part for item in mappings(body["output"]) if item.get("type", "message") == "message"
            for part in mappings(item.get("content")) if "text" in part
        ]  # fmt: skip
        tokens = [token for part in pieces for token in tokens_from(part.get("logprobs"))]
        yield "".join(str(part["text"]) for part in pieces), tuple(tokens), body.get("status")
    elif "completion_probabilities" in body:
        yield (
            str(body.get("content") or ""),
            tokens_from(_llama_entry(one) for one in mappings(body["completion_probabilities"])),
            body.get("stop_type"),
        )
    for choice in mappings(body.get("choices")):
        message = choice.get("message")
        said = message.get("content") if isinstance(message, Mapping) else choice.get("text")
        text = text_from(said if isinstance(said, str | list) else None)
        yield text, tokens_in(choice), choice.get("finish_reason")


def _llama_entry(one: Mapping[str, Any]) -> dict[str, Any]:
    """llama.cpp's own: log-probabilities, or probabilities after sampling, or the lists of old builds."""
    tops = one.get("top_logprobs") or one.get("top_probs") or one.get("probs")
    others = [_weighed(top) for top in mappings(tops)]
    own = _weighed(one)
    if own["logprob"] is None:
        own["logprob"] = next((top["logprob"] for top in others if top["token"] == own["token"]), None)
    return own | {"top_logprobs": others}


def _weighed(one: Mapping[str, Any]) -> dict[str, Any]:
    share, likely = one.get("prob"), one.get("logprob")
    if likely is None and isinstance(share, int | float):
        likely = log(share) if share > 0 else None
    return {"token": one.get("token", one.get("tok_str", one.get("content", ""))), "logprob": likely}
