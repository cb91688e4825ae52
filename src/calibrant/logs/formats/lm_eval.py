"""Sample logs of lm-evaluation-harness (`--log_samples`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, fsum, isfinite
from pathlib import Path
from typing import Any

from calibrant.answers.same import sameness
from calibrant.errors import UnusableInput
from calibrant.logs.foreign import (
    beginning_keys,
    graded,
    json_in,
    listed,
    nested_rows,
    paths_of,
    records_in,
    tool_source,
)
from calibrant.logs.sources import Claim, Given, Source
from calibrant.types import Message, Question

__all__ = ["LmEval"]

KIND = "a sample log of lm-evaluation-harness"
FILE = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)$")
NESTED = ("doc", "arguments", "resps", "filtered_resps", "metrics", "prompt_hash", "target_hash")
LENGTHS: Mapping[str, Callable[[str], int]] = {"acc_norm": len, "acc_bytes": lambda text: len(text.encode())}
"""What these metrics divide an option's log-likelihood by; their argmax is another, and so is its confidence."""

SHARE = (
    "The confidence is the softmax over the options' log-likelihoods at the option that is chosen: the share of the "
    "probability of all options."
)
NORMED = "For {0} the log-likelihoods are divided by the options' lengths first, as {0} does: column {1!r}."
AGREED = "The confidence is the share of the responses to a doc that say the same as its filtered answer."
APART = "The verdict of {0} and the option with the largest share disagree in {1} of {2} rows."
NO_CONFIDENCE = (
    "A choice has one from its options' log-likelihoods, a generation from several responses to a doc: run the task "
    "with `repeats` above 1, or name a column with --confidence COLUMN."
)

NO_VERDICT = "None of its metrics gives a verdict for each sample: name one with --correct COLUMN."


class LmEval:
    """Sample logs of lm-evaluation-harness, with the results file beside them: a row for each doc and filter."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the fields of a sample; also its results, which hold no samples, so that they are told apart."""
        return Claim.CONTENT if _is_samples(log.record or {}) or _is_results(log) else Claim.NONE

    def open(self, log: Given) -> Source:
        """The metrics are verdicts, `target` is the gold answer; task and model come from the files' names."""
        if not _is_samples(log.record or {}):
            raise UnusableInput(
                f"{log.text} holds the results of lm-evaluation-harness, which are means. Expected the samples: run it "
                "with --log_samples, and name samples_<task>_<time>.jsonl."
            )
        rows, told = list[dict[str, Any]](), list[Mapping[str, Any]]()
        for path in paths_of(log):
            about, results = _about(path)
            told.append(results)
            rows += [_row(one, about) for one in records_in(path, on_lines=log.on_a_line)]
        return _source(log.text, rows, told)

    def knows(self, columns: Sequence[str]) -> bool:
        """By the fields of a sample."""
        return _is_samples(columns)

    def read(self, source: Source) -> Source:
        """A frame or a table of samples."""
        return _source(source.name, [_row(one, {}) for one in nested_rows(source)], [])


def _is_samples(keys: Iterable[str]) -> bool:
    return {"doc_id", "resps", "filtered_resps"} <= set(keys)


def _is_results(log: Given) -> bool:
    return {"results", "configs", "n-shot"} <= beginning_keys(log)


def _about(path: Path) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The task and the model of a file of samples, and what the results say of the task."""
    named = FILE.search(path.stem)
    if named is None:
        return {}, {}
    task, beside = named["task"], path.with_name(f"results_{named['time']}.json")
    results = json_in(beside) if beside.is_file() else {}
    model = results.get("model_name") or (
        path.parent.name.replace("__", "/", 1) if "__" in path.parent.name else None
    )
    about = {"task": task} | ({"model": model} if model else {})
    return about, {
        part: (results.get(part) or {}).get(task) or {} for part in ("configs", "higher_is_better")
    }


def _row(sample: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """A sample's own flat fields, and what is derived of it under names that begin with a mark, which no field has."""
    flat = {
        key: value for key, value in sample.items()
        if key not in NESTED and (value is None or isinstance(value, str | bool | int | float))
    }  # fmt: skip
    metrics = [str(one) for one in listed(sample.get("metrics"))]
    answer, shares = _chosen(sample, metrics)
    row = {**about, **flat, "\0metrics": metrics}
    if answer is not None:
        row["answer"] = answer
    return row | {f"\0{name}": value for name, value in shares.items()}


def _chosen(sample: Mapping[str, Any], metrics: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """The answer, and the confidences that a sample has, by the metric that each goes with ("" for most)."""
    likely = _likelihoods(sample)
    if likely is None:
        return _generated(sample)
    options = _options(sample)
    if "acc_mutual_info" in metrics:  # the second half are the options without their question
        likely, options = likely[: len(likely) // 2], options[: len(likely) // 2]
    if len(likely) < 2:  # the likelihood of the gold answer says nothing of the model's own
        return None, {}
    best = max(range(len(likely)), key=likely.__getitem__)
    found: dict[str, Any] = {"": _share(likely), "best": str(best)}
    for metric, length in LENGTHS.items():
        if metric in metrics and len(options) == len(likely) and all(options):
            found[metric] = _share([one / length(text) for one, text in zip(likely, options, strict=True)])
    return options[best] if len(options) == len(likely) else best, found


def _share(likely: Sequence[float]) -> float:
    top = max(likely)
    return 1 / fsum(exp(one - top) for one in likely)


def _likelihoods(sample: Mapping[str, Any]) -> list[float] | None:
    """The options' log-likelihoods, where each response is one, with whether it is the greedy one."""
    found = list[float]()
    for one in listed(sample.get("filtered_resps")):
        if len(listed(one)) != 2 or str(one[1]) not in ("True", "False"):
            return None
        try:
            found.append(float(one[0]))
        except (TypeError, ValueError):
            return None
    return found if found and all(isfinite(one) for one in found) else None


def _options(sample: Mapping[str, Any]) -> list[str]:
    """The texts that were scored, without the space that parts them from the question."""
    asked = sample.get("arguments")
    each = asked.values() if isinstance(asked, Mapping) else listed(asked)
    said = [list(one.values() if isinstance(one, Mapping) else listed(one)) for one in each]
    return [str(one[-1] if one else "").removeprefix(" ") for one in said]


def _generated(sample: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    answer = _first(_first(sample.get("filtered_resps")))
    each = listed(_first(sample.get("resps")))
    if not isinstance(answer, str) or len(each) < 2:
        return answer if isinstance(answer, str) else None, {}
    equal = sameness(Question(id="", messages=(Message("user", ""),)))
    agree = [_plain(one) == _plain(answer) or equal(answer, str(one)) is True for one in each]
    return answer, {"agreed": sum(agree) / len(agree)}


def _first(value: Any) -> Any:
    """The first of a list, None of an empty one; what is no list is itself."""
    return next(iter(value), None) if isinstance(value, list | tuple) else value


def _plain(text: Any) -> str:
    return " ".join(str(text).split()).casefold()


def _source(name: str, rows: list[dict[str, Any]], told: Sequence[Mapping[str, Any]]) -> Source:
    metrics = _metrics(rows, told)
    own = any("confidence" in row for row in rows)  # somebody has added one: it is theirs
    made, beside, notes = _confidences(rows, metrics) if not own else ({}, {}, [])
    flat = [
        {k: v for k, v in row.items() if not k.startswith("\0")}
        | {name: row[key] for key, name in made.items() if key in row}
        for row in rows
    ]
    several = len({row.get("task") for row in flat}) > 1
    for row in flat:
        if several:
            row["item"] = f"{row.get('task')} {row.get('doc_id')}"
    return tool_source(
        name, KIND, flat,
        {
            "correct": metrics, "confidence": "confidence", "item": "item" if several else "doc_id", "task": "task",
            "model": "model", "answer": "answer", "reference": "target",
        },
        lacking={"confidence": NO_CONFIDENCE, "correct": NO_VERDICT}, beside=beside, apart=["filter"], notes=notes,
    )  # fmt: skip


def _metrics(rows: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those that give each sample a verdict of which more is better."""
    named = dict.fromkeys(one for row in rows for one in row["\0metrics"])
    worse = {
        one
        for results in told
        for one, better in results.get("higher_is_better", {}).items()
        if better is False
    }
    return [
        one for one in named if one not in worse | {"brier_score"} and graded(row.get(one) for row in rows)
    ]


def _confidences(
    rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """What becomes which column, which column goes with which metric, and notes."""
    there = {key for row in rows for key in row if key.startswith("\0")} - {"\0metrics", "\0best"}
    if "\0agreed" in there:
        return {"\0agreed": "confidence"}, {}, [AGREED]
    if "\0" not in there:
        return {}, {}, []
    made, beside, notes = {"\0": "confidence"}, {}, [SHARE]
    for metric in (one for one in LENGTHS if f"\0{one}" in there):
        made[f"\0{metric}"] = beside[metric] = f"confidence_{metric.removeprefix('acc_')}"
        notes.append(NORMED.format(metric, beside[metric]))
    judged = [
        row for row in rows
        if "acc" in metrics and row.get("acc") is not None and row.get("\0best") and str(row.get("target")).isdigit()
    ]  # fmt: skip
    wrong = sum((row["\0best"] == str(row["target"])) != (float(row["acc"]) == 1) for row in judged)
    if wrong:
        notes.append(APART.format("acc", wrong, len(judged)))
    return made, beside, notes
