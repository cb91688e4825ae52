"""Questions from a file: JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from ..answers.kinds import KINDS
from ..dialogue.forms import BY_KIND, FORMATS, formed, shows_letters
from ..errors import ColumnNotFound, UnusableInput
from ..plugins import require
from ..records.plain import GOLD_SEPARATOR
from ..types import Message, Question, Sampling, canonical, digest

__all__ = ["read_questions"]

NAMES = {
    "question": ("question", "prompt", "query", "input"),
    "gold": ("gold", "references", "reference", "answer", "target"),
    "item": ("item_id", "id"),
    "task": ("task",),
    "domain": ("domain",),
    "options": ("options", "choices"),
}
"""What each column may be called, the first that is there counts; only the question is needed."""

SETTINGS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "max_tokens": (lambda value: _whole(value) and value >= 1, "a whole number from 1 on"),
    "temperature": (
        lambda value: type(value) in (int, float) and 0 <= value < math.inf,
        "a number from 0 on",
    ),
    "seed": (lambda value: _whole(value), "a whole number"),
    "stop": (lambda value: all(isinstance(one, str) for one in _listed(value)), "a text or a list of texts"),
    "extra": (lambda value: _canonical(value) is not None, "a JSON object"),
}
"""What a row may say of how its question is asked, in `ask` of its metadata: the fields of `Sampling`, each checked."""

Row = dict[str, Any]


def read_questions(
    path: str | Path, *, format: str | None = BY_KIND, unusable: Counter[str] | None = None
) -> Iterator[Question]:
    """The questions of a file, one after the other, so that a file of any length can be read.

    Several acceptable answers are a list, or stand in one text with " | " between. A question without
    an id gets a digest of its text, task and domain. Blank lines do not count.

    These columns go to the question's metadata where they say something: `metadata` (an object, or JSON
    text of one), `kind` (text, number, choice, date or long), `context` (evidence to answer from),
    `options` or `choices`, and `aliases`. Options are a list, JSON text of one, or "A|B" text; unless the
    question already shows them, they are put below it, lettered from A. Aliases are groups of names that
    mean the same, or a plain list of further names of the answer; an object with the lists "correct" and
    "incorrect" gives further acceptable answers, and `metadata["incorrect"]`.

    An object `ask` in the metadata says how this question is asked: `max_tokens`, `temperature`, `seed`,
    `stop` (a text or a list of texts), `extra` (an object of further fields of the request) and `format`.

    Parameters
    ----------
    path : a file that ends in ``.jsonl``, ``.csv`` or ``.parquet``
    format : the form that answers are asked for in, of questions that state none in their `ask`: by their kind, or one
        of `calibrant.dialogue.forms.FORMATS`; "free" or None asks for nothing
    unusable : counts the rows that cannot be used, by reason; without it the first such row raises

    Raises `UnusableInput` with the number of the row, `ColumnNotFound` when no column holds the
    question, and `MissingExtra` for Parquet without pyarrow.
    """
    file = Path(path)
    if not file.is_file():
        raise UnusableInput(f"Expected a file of questions at {file}; there is none. Check the path.")
    for number, row in _reader(file)(file):
        if number == 1 and isinstance(row, dict) and not {"messages", *NAMES["question"]} & row.keys():
            raise ColumnNotFound("question", NAMES["question"], row, option=False)
        made = _question(row)
        if isinstance(made, Question):
            yield formed(made, format)
        elif unusable is None:
            raise UnusableInput(f"{file}, row {number}: {made}. Mend the row or remove it.")
        else:
            unusable[made] += 1


def _reader(file: Path) -> Callable[[Path], Iterator[tuple[int, Any]]]:
    readers = {".jsonl": _json_rows, ".ndjson": _json_rows, ".csv": _csv_rows, ".parquet": _parquet_rows}
    if file.suffix.lower() not in readers:
        raise UnusableInput(f"Expected a file that ends in {', '.join(readers)}; got {file.name!r}.")
    return readers[file.suffix.lower()]


def _json_rows(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open("rb") as lines:
        for number, line in enumerate((line for line in lines if line.strip()), start=1):
            try:
                yield number, json.loads(line)
            except ValueError:
                yield number, None


def _csv_rows(file: Path) -> Iterator[tuple[int, Any]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            yield from enumerate(csv.DictReader(lines), start=1)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(
            f"{file} cannot be read as CSV in UTF-8: {error}. Save it anew in that form."
        ) from error


def _parquet_rows(file: Path) -> Iterator[tuple[int, Any]]:
    parquet = require("pyarrow.parquet", "Reading Parquet", "files")
    try:
        batches = parquet.ParquetFile(file).iter_batches()
        yield from enumerate((row for batch in batches for row in batch.to_pylist()), start=1)
    except (OSError, ValueError) as error:  # pyarrow's own errors are kinds of these
        raise UnusableInput(f"{file} cannot be read as Parquet: {error}") from error


def _value(row: Row, role: str) -> Any:
    return next((row[name] for name in NAMES[role] if name in row), None)


def _question(row: Any) -> Question | str:
    """The question, or why the row is none."""
    if not isinstance(row, dict):
        return "not a JSON object"
    metadata = _metadata(row)
    if isinstance(metadata, str):
        return metadata
    stated = _parsed(metadata.pop("ask", None))
    form = stated.get("format") if isinstance(stated, Mapping) else None
    if form not in (None, *FORMATS):
        return f"metadata.ask.format is none of {', '.join(FORMATS)}"
    settings = _settings(stated)
    if isinstance(settings, str):
        return settings
    messages = _lettered(_messages(row), metadata.get("options", ()))
    if not messages:
        return "no question in it"
    task, domain, item = (_plain(row, role) for role in ("task", "domain", "item"))
    said = [[message.role, message.content] for message in messages]
    return Question(
        id=item or digest([said, task, domain]),
        messages=messages,
        task=task,
        domain=domain,
        references=tuple(dict.fromkeys((*_references(row), *_also_correct(row)))),
        metadata=metadata,
        settings=settings,
        format=form,
    )


def _messages(row: Row) -> tuple[Message, ...]:
    turns = row.get("messages")
    if isinstance(turns, list):
        if all(isinstance(turn, Mapping) and isinstance(turn.get("content"), str) for turn in turns):
            return tuple(Message(str(turn.get("role", "user")), turn["content"]) for turn in turns)
        return ()
    text = _plain(row, "question")
    return (Message("user", text),) if text else ()


def _plain(row: Row, role: str) -> str | None:
    value = _value(row, role)
    return str(value).strip() or None if value is not None else None


def _references(row: Row) -> tuple[str, ...]:
    value = _value(row, "gold")
    if value is None:
        return ()
    several = value if isinstance(value, list) else str(value).split(GOLD_SEPARATOR)
    return tuple(text for text in (str(one).strip() for one in several) if text)


def _metadata(row: Row) -> dict[str, Any] | str:
    """What the row says beyond the question, or why it cannot be read."""
    stated = _parsed(row.get("metadata"))
    if stated is not None and not isinstance(stated, Mapping):
        return "metadata is not a JSON object"
    metadata = dict(stated or {})
    for name in ("kind", "context"):
        if row.get(name) is not None and (text := str(row[name]).strip()):
            metadata[name] = text
    options = _options(_value(row, "options")) or _options(metadata.pop("options", None))
    if options:
        metadata["options"] = options
    if metadata.get("kind", "text") not in KINDS:
        return f"kind is none of {', '.join(KINDS)}"
    if metadata.get("kind") == "choice" and not options:
        return "kind is choice, and there are no options"
    aliases = _aliases(metadata.pop("aliases", None))
    return metadata | aliases | _aliases(row.get("aliases"))


def _settings(stated: Any) -> Sampling | str:
    """How the question is asked, or why that cannot be used."""
    if not isinstance(stated, Mapping):
        return Sampling() if stated is None else "metadata.ask is not a JSON object"
    given = {str(name): value for name, value in stated.items() if value is not None and name != "format"}
    for name, value in given.items():
        if name not in SETTINGS:
            return (
                f"metadata.ask has an unknown setting {name[:40]!r}; known are {', '.join(SETTINGS)}, format"
            )
        fits, wanted = SETTINGS[name]
        if not fits(value):
            return f"metadata.ask.{name} is not {wanted}"
    if "stop" in given:
        given["stop"] = tuple(_listed(given["stop"]))
    if "extra" in given:
        given["extra"] = _canonical(given["extra"])
    return Sampling(**given)


def _whole(value: Any) -> bool:
    return type(value) is int  # and no boolean


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _canonical(value: Any) -> str | None:
    """Canonical JSON of an object, or of the text of one; None for anything else."""
    fields = _parsed(value)
    try:
        return canonical(fields) if isinstance(fields, dict) else None
    except ValueError:  # not a number, which JSON cannot carry
        return None


def _parsed(value: Any) -> Any:
    """The value of JSON text; other text and other values as they are, blank text as None."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError):
        return value


def _options(value: Any) -> list[str]:
    listed = _parsed(value)
    if isinstance(listed, Mapping):  # {"A": "Paris", "B": "Lyon"}
        listed = [listed[letter] for letter in sorted(listed)]
    if not isinstance(listed, list):
        listed = [] if listed is None else str(value).split("|")
    options = [str(one).strip() for one in listed]
    return options if any(options) else []


def _aliases(value: Any) -> dict[str, Any]:
    listed = _parsed(value)
    if isinstance(listed, Mapping):
        return {"incorrect": texts} if (texts := _texts(listed.get("incorrect"))) else {}
    if isinstance(listed, list):
        groups = [_texts(one) if isinstance(one, list) else str(one).strip() for one in listed]
    else:
        groups = [] if listed is None else [name.strip() for name in str(value).split("|")]
    return {"aliases": kept} if (kept := [one for one in groups if one]) else {}


def _also_correct(row: Row) -> list[str]:
    listed = _parsed(row.get("aliases"))
    return _texts(listed.get("correct")) if isinstance(listed, Mapping) else []


def _texts(value: Any) -> list[str]:
    return [text for one in value if (text := str(one).strip())] if isinstance(value, list) else []


def _lettered(messages: tuple[Message, ...], options: Sequence[str]) -> tuple[Message, ...]:
    """The messages with the options below the last user turn, unless it shows them already."""
    last = max((i for i, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None or not options or len(options) > len(ascii_uppercase):
        return messages
    text = messages[last].content
    if _yes_no(options) or shows_letters(text, len(options)):
        return messages
    shown = "\n".join(f"{letter}) {option}" for letter, option in zip(ascii_uppercase, options, strict=False))
    asked = messages[last].saying(f"{text}\n{shown}")
    return (*messages[:last], asked, *messages[last + 1 :])


def _yes_no(options: Sequence[str]) -> bool:
    """Options that need no letters, for the question itself asks for them."""
    return {option.casefold() for option in options} <= {"yes", "no", "true", "false", "maybe"}
