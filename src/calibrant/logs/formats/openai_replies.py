"""Replies of models: the output of a batch, and chat completions, responses and completions as servers send them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from math import log
from typing import Any

from calibrant.formats.chat.replies import text_from, tokens_in
from calibrant.formats.logprobs import tokens_from
from calibrant.logs.foreign import paths_of, records_in, tool_source
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
    response = record.get("response") or {}
    error, body = record.get("error"), response.get("body") or {}
    if not error and (response.get("status_code") or 200) >= 400:
        error = body.get("error") or response.get("status_code")
    about = {"custom_id": record["custom_id"], "id": record.get("id")}
    return (about | {"error": json.dumps(error)}, {}) if error else (about, body)


def _is_reply(first: Mapping[str, Any]) -> bool:
    choices = first.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
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
            part for item in body["output"] if isinstance(item, Mapping) and item.get("type", "message") == "message"
            for part in item.get("content") or () if isinstance(part, Mapping) and "text" in part
        ]  # fmt: skip
        tokens = [token for part in pieces for token in tokens_from(part.get("logprobs"))]
        yield "".join(str(part["text"]) for part in pieces), tuple(tokens), body.get("status")
    elif "completion_probabilities" in body:
        yield (
            str(body.get("content") or ""),
            _llama(body["completion_probabilities"] or ()),
            body.get("stop_type"),
        )
    for choice in body.get("choices") or ():
        message = choice.get("message")
        if isinstance(message, Mapping):
            yield text_from(message.get("content")), tokens_in(choice), choice.get("finish_reason")
        else:
            yield (
                str(choice.get("text") or ""),
                _legacy(choice.get("logprobs") or {}),
                choice.get("finish_reason"),
            )


def _legacy(said: Mapping[str, Any]) -> tuple[Token, ...]:
    """Lists side by side, of tokens, of their log-probabilities, and of the alternatives to each."""
    if "content" in said:
        return tokens_from(said["content"])
    likely = said.get("token_logprobs") or ()
    tops = said.get("top_logprobs") or [None] * len(likely)
    return tokens_from(
        {
            "token": token,
            "logprob": logprob,
            "top_logprobs": [{"token": t, "logprob": p} for t, p in (top or {}).items()],
        }
        for token, logprob, top in zip(said.get("tokens") or (), likely, tops, strict=False)
    )


def _llama(entries: Iterable[Mapping[str, Any]]) -> tuple[Token, ...]:
    """llama.cpp's own: log-probabilities, or probabilities after sampling, or the lists of old builds."""
    return tokens_from(_llama_entry(one) for one in entries)


def _llama_entry(one: Mapping[str, Any]) -> dict[str, Any]:
    tops = one.get("top_logprobs") or one.get("top_probs") or one.get("probs") or ()
    others = [_weighed(top) for top in tops]
    own = _weighed(one)
    if own["logprob"] is None:
        own["logprob"] = next((top["logprob"] for top in others if top["token"] == own["token"]), None)
    return own | {"top_logprobs": others}


def _weighed(one: Mapping[str, Any]) -> dict[str, Any]:
    share, likely = one.get("prob"), one.get("logprob")
    if likely is None and share is not None:
        likely = log(share) if share > 0 else None
    return {"token": one.get("token", one.get("tok_str", one.get("content", ""))), "logprob": likely}
