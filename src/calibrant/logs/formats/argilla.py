"""Records of Argilla."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from calibrant.logs.annotated import Asked, annotated_source, one_of
from calibrant.logs.foreign import flattened, nested_rows
from calibrant.logs.sources import Source

__all__ = ["Argilla"]

RESPONSES, SUGGESTION = ".responses", ".suggestion"


class Argilla:
    """Records of Argilla (`to_json`, `to_list`, datasets, and those of Argilla 1): a row for each person's response."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By fields with responses and suggestions, or by a question's responses with their users."""
        there = set(columns)
        return {"fields", "responses", "suggestions"} <= there or bool(_flat(columns))

    def read(self, source: Source) -> Source:
        """A response that was discarded, or is a draft, is no verdict; a suggestion may have a score."""
        records = nested_rows(source)
        flat = _flat(source.columns)
        rows = [row for one in records for row in (_of_flat(one, flat) if flat else _nested(one))]
        names = dict.fromkeys(key for row in rows for key in row.pop("\0questions"))
        return annotated_source(
            source.name, "records of Argilla", rows,
            [Asked(f"{n}.response", f"{n}{SUGGESTION}", f"{n}{SUGGESTION}.score") for n in names],
            {"item": "id"},
        )  # fmt: skip


def _flat(columns: Sequence[str]) -> list[str]:
    """The questions of a flattened export."""
    told = [name.removesuffix(RESPONSES) for name in columns if name.endswith(RESPONSES)]
    return [name for name in told if f"{name}{RESPONSES}.users" in columns]


def _of_flat(record: Mapping[str, Any], questions: Sequence[str]) -> Iterator[dict[str, Any]]:
    about = {key: value for key, value in record.items() if not _of_question(key, questions)}
    people: dict[str, dict[str, Any]] = {}
    for name in questions:
        values = _list(record.get(f"{name}{RESPONSES}"))
        users, states = (_list(record.get(f"{name}{RESPONSES}.{part}")) for part in ("users", "status"))
        for i, (value, user, state) in enumerate(zip_longest(values, users, states)):
            if i < len(values):
                who = f"person {i}" if user is None else str(user)
                people.setdefault(who, {})[name] = value if _counts(state) else None
    suggested = {key: value for key, value in record.items() if f"{SUGGESTION}" in key and key not in about}
    yield from _each(about, people, suggested, questions)


def _of_question(key: str, questions: Sequence[str]) -> bool:
    return any(key.startswith((f"{name}{RESPONSES}", f"{name}{SUGGESTION}")) for name in questions)


def _nested(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    about = {
        key: record[key]
        for key in ("id", "_server_id", "external_id", "status")
        if record.get(key) is not None
    }
    for part in ("fields", "metadata"):
        about |= flattened(record[part], part) if isinstance(record.get(part), Mapping) else {}
    people, suggested = dict[str, dict[str, Any]](), dict[str, Any]()
    for i, user, name, value in _responses(record.get("responses")):
        people.setdefault(user if user is not None else f"person {i}", {})[name] = value
    for name, one in _suggestions(record.get("suggestions")):
        suggested |= {f"{name}{SUGGESTION}": one.get("value"), f"{name}{SUGGESTION}.score": one.get("score")}
    yield from _each(
        about, people, suggested, list(dict.fromkeys(q for said in people.values() for q in said))
    )


def _responses(told: Any) -> Iterator[tuple[int, str | None, str, Any]]:
    """Who said what to which question: lists by question, or of Argilla 1 a list of what each person said."""
    if isinstance(told, Mapping):
        for name, listed in told.items():
            for i, one in enumerate(_list(listed)):
                if isinstance(one, Mapping):
                    user = one.get("user_id")
                    value = one.get("value") if _counts(one.get("status")) else None
                    yield i, None if user is None else str(user), str(name), value
    for i, one in enumerate(told if isinstance(told, list) else ()):
        if isinstance(one, Mapping) and isinstance(one.get("values"), Mapping):
            user = one.get("user_id")
            for name, said in one["values"].items():
                value = said.get("value") if isinstance(said, Mapping) else said
                who = None if user is None else str(user)
                yield i, who, str(name), value if _counts(one.get("status")) else None


def _suggestions(told: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(told, Mapping):
        yield from ((str(name), one) for name, one in told.items() if isinstance(one, Mapping))
    for one in told if isinstance(told, list) else ():
        if isinstance(one, Mapping) and one.get("question_name") is not None:
            yield str(one["question_name"]), one


def _each(
    about: Mapping[str, Any], people: Mapping[str, Mapping[str, Any]], suggested: Mapping[str, Any],
    questions: Sequence[str],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """A row for each person, or one without a verdict."""
    model = {key: one_of(value) for key, value in suggested.items()}
    for user, said in people.items() or [(None, {})]:
        told = {f"{name}.response": one_of(value) for name, value in said.items()}
        yield {**about, "user_id": user, **told, **model, "\0questions": list(questions)}


def _counts(status: Any) -> bool:
    return str(getattr(status, "value", status) or "submitted").lower() == "submitted"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None or value != value else [value]
