"""Reports of garak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.logs.foreign import (
    beginning_keys,
    lines_in,
    listed,
    mapping,
    mappings,
    paths_of,
    saying,
    tool_source,
)
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import HOW, stated_in

__all__ = ["Garak"]

HIT = {"attempt_id", "attempt_seq", "probe", "detector", "score"}
"""Fields of a line of a hit log."""
EVALUATED = 2
"""The status of an attempt that detectors have looked at; before that it stands in the report without them."""
PASSED = "passed"
NO_CONFIDENCE = (
    "Outputs of a target say none unless it is told to: have it end its answers with 'Confidence: 80%', or name a "
    "column with --confidence COLUMN. The confidence of a line that sums up a probe is the level of its interval."
)


class Garak:
    """Reports of garak (`report.jsonl`): a row for each output, which passed where no detector found a failure."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the setup of a run, or by an attempt or a hit."""
        first = log.record or {}
        setup = str(first.get("entry_type", "")).startswith("start_run")
        attempt = first.get("entry_type") == "attempt" and "probe_classname" in first
        return Claim.CONTENT if setup or attempt or beginning_keys(log) >= HIT else Claim.NONE

    def open(self, log: Given) -> Source:
        """Attempts that detectors have looked at; a score from the run's threshold on is a failure."""
        if (log.record or {}).keys() >= HIT:
            raise UnusableInput(
                f"{log.name or log.text} is a hit log of garak, which holds failures alone, so that nothing can be "
                "said of how often outputs pass. Expected the report of the same run: name garak.<id>.report.jsonl."
            )
        rows = [row for path in paths_of(log) for row in _rows(mappings(list(lines_in(path))))]
        named = saying(name for row in rows for name in row if name != "stated")
        stated = [] if named or not any("stated" in row for row in rows) else [HOW["stated"]]
        return tool_source(
            log.text, "a report of garak", rows,
            {
                "correct": PASSED, "confidence": named or "stated", "item": "attempt", "model": "model",
                "answer": "output", "task": "probe",
            },
            lacking={
                "confidence": NO_CONFIDENCE,
                "correct": "It holds no attempt that detectors have looked at: let the run come to its end.",
            },
            notes=["Right is an output in which no detector of its probe found a failure.", *stated],
        )  # fmt: skip


def _rows(entries: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    threshold, model = 0.5, None
    for entry in entries:
        if str(entry.get("entry_type", "")).startswith("start_run"):
            given = entry.get("run.eval_threshold")
            threshold = float(given) if isinstance(given, int | float) else threshold
            model = entry.get("plugins.target_name") or entry.get("plugins.model_name") or model
        elif entry.get("entry_type") == "attempt" and entry.get("status") == EVALUATED:
            yield from _outputs(entry, threshold, model)


def _outputs(attempt: Mapping[str, Any], threshold: float, model: Any) -> Iterator[dict[str, Any]]:
    scores = mapping(attempt.get("detector_results"))
    notes = {
        name: value
        for name, value in mapping(attempt.get("notes")).items()
        if not isinstance(value, dict | list)
    }
    for i, output in enumerate(listed(attempt.get("outputs"))):
        text = output.get("text") if isinstance(output, Mapping) else output
        found = {name: _score(each, i) for name, each in scores.items()}
        told = [score for score in found.values() if score is not None]
        row = {
            "attempt": attempt.get("uuid"), "output_index": i, "probe": attempt.get("probe_classname"), "model": model,
            "goal": attempt.get("goal"), "output": text, **notes, PASSED: max(told) < threshold if told else None,
            **{f"{PASSED}.{name}": None if score is None else score < threshold for name, score in found.items()},
        }  # fmt: skip
        stated = stated_in(text)
        yield row if stated is None else {**row, "stated": stated}


def _score(scores: Any, at: int) -> float | None:
    """The score that a detector gave an output; None where it gave none."""
    found = listed(scores)[at : at + 1]
    return float(found[0]) if found and isinstance(found[0], int | float) else None
