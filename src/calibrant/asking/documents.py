"""Documents beside questions: read from a folder or a file, and the passages that suit each question put into it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..dialogue.passages import passages_of, pieces, ranked
from ..errors import UnusableInput
from ..types import Question

__all__ = ["MOST_PASSAGES", "read_documents", "with_documents", "with_passages"]

MOST_PASSAGES = 4
"""Passages that a question is given."""
TEXTS = (".txt", ".md")


def read_documents(path: str | Path) -> tuple[str, ...]:
    """The passages of a file, or of all files of a folder and the folders in it, by name.

    Files are plain text (``.txt``, ``.md``), parted at blank lines, or ``.jsonl`` with a `text` in each line and, where
    there is one, a `title`. Raises `UnusableInput` for anything else in a file that was named, and where nothing is
    found.
    """
    given = Path(path)
    if not given.exists():
        raise UnusableInput(f"Expected documents in {given}; there is no such file or folder.")
    files = [given] if given.is_file() else sorted(one for one in given.rglob("*") if _known(one))
    found = tuple(dict.fromkeys(piece for file in files for text in _texts(file) for piece in pieces(text)))
    if not found:
        raise UnusableInput(
            f"{given} holds no documents. Expected text in .txt or .md, or .jsonl with a field text."
        )
    return found


def with_passages(
    questions: Iterable[Question], documents: Sequence[str], most: int = MOST_PASSAGES
) -> list[Question]:
    """The questions, each that has no passages of its own with the best of the documents as its `context` (BM25).

    One that shares no word with any document is left without.

    >>> from calibrant.types import Message
    >>> asked = Question(id="q", messages=(Message("user", "Who founded Canberra?"),))
    >>> with_passages([asked], ["Koalas sleep.", "Canberra was founded by the Commonwealth."])[0].metadata
    {'context': ['Canberra was founded by the Commonwealth.']}
    """
    made = []
    for question in questions:
        if not passages_of(question) and (best := ranked(question.text, documents)[:most]):
            context = [documents[i] for i in best]
            question = replace(question, metadata={**question.metadata, "context": context})
        made.append(question)
    return made


def with_documents(questions: Iterable[Question], documents: Sequence[str]) -> list[Question]:
    """The questions, each that has none of its own with all documents as its `documents`, the best first (BM25).

    For the route `retrieval`, which reads them one by one, and no more than it needs. Those that share no word with the
    question come last.

    >>> from calibrant.types import Message
    >>> asked = Question(id="q", messages=(Message("user", "Who founded Canberra?"),))
    >>> with_documents([asked], ["Koalas sleep.", "Canberra was founded."])[0].metadata["documents"]
    ['Canberra was founded.', 'Koalas sleep.']
    """
    made = []
    for question in questions:
        if not question.metadata.get("documents"):
            best = list(ranked(question.text, documents))
            order = [*best, *(i for i in range(len(documents)) if i not in best)]
            question = replace(
                question, metadata={**question.metadata, "documents": [documents[i] for i in order]}
            )
        made.append(question)
    return made


def _known(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in (*TEXTS, ".jsonl")


def _texts(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{file} cannot be read as text in UTF-8: {error}.") from error
    if file.suffix.lower() in TEXTS:
        yield text
        return
    if file.suffix.lower() != ".jsonl":
        raise UnusableInput(f"Expected documents that end in .txt, .md or .jsonl; got {file.name!r}.")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield _told(file, number, line)


def _told(file: Path, number: int, line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    said = row.get("text") if isinstance(row, dict) else None
    if not isinstance(said, str):
        raise UnusableInput(f"{file}, line {number}: no JSON object with a text in the field text.")
    title = row.get("title")
    return f"{title}: {said}" if isinstance(title, str) and title.strip() else said
