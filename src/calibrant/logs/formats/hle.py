"""Judged answers to Humanity's Last Exam, `judged_hle_<model>.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.logs.foreign import json_in, mapping, paths_of, tool_source
from calibrant.logs.sources import Claim, Given, Source

__all__ = ["Hle"]


class Hle:
    """Judged answers to Humanity's Last Exam: one object, from a question's id to its response and the judge's."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the object `judge_response` within the first of its objects."""
        if log.record is not None:
            first = mapping(next(iter(log.record.values()), None))
            return Claim.CONTENT if _judged(first) else Claim.NONE
        start = log.beginning[:65_536]
        found = start.lstrip().startswith("{") and '"judge_response"' in start and '"model_answer"' in start
        return Claim.CONTENT if found else Claim.NONE

    def open(self, log: Given) -> Source:
        """The judge says yes or no, and repeats the confidence, in percent, that the response states."""
        rows = list[dict[str, Any]]()
        for path in paths_of(log):
            judged = json_in(path)
            if not isinstance(judged, Mapping):
                raise UnusableInput(f"{path} cannot be read: expected an object of judged answers by id.")
            rows += [_row(key, value) for key, value in judged.items() if isinstance(value, Mapping)]
        return tool_source(
            log.text, "judged answers to Humanity's Last Exam", rows,
            {
                "confidence": "confidence", "correct": "correct", "item": "id", "model": "model",
                "answer": "model_answer", "reference": "correct_answer",
            },
            scales={"confidence": "percent"},
            notes=["The verdict is the judge's; the confidence is what it read in the response, in percent."],
        )  # fmt: skip


def _judged(value: Mapping[str, Any]) -> bool:
    return {"correct", "confidence"} <= mapping(value.get("judge_response")).keys()


def _row(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """A response that the judge said nothing of has no verdict."""
    judge = mapping(value.get("judge_response"))
    said = {name: judge.get(name) for name in ("model_answer", "correct_answer", "correct", "confidence")}
    return {"id": key, "model": value.get("model")} | said
