"""Logs of `llm`: its database, and what `llm logs --json` prints."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.formats.chat.replies import tokens_in
from calibrant.logs.foreign import cell, mapping, mappings, nested_rows, tells_itself, tool_source
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.sureness import Sure, chosen_way, sure_of

__all__ = ["Llm"]

MARK = b"SQLite format 3\0"
OF_LLM = {"_llm_migrations", "responses"}
COLUMNS = {
    "id",
    "model",
    "prompt",
    "response",
    "response_json",
    "conversation_id",
    "datetime_utc",
    "duration_ms",
}
EARLIER = "SELECT id, conversation_id, model, datetime_utc, prompt, response, response_json FROM responses"
TURNS = (
    "SELECT t.id, t.thread_id AS conversation_id, t.model, t.datetime_utc, s.prompt, s.response, {reply} AS "
    "response_json FROM turns t LEFT JOIN turn_search s ON s.turn_id = t.id"
)
"""What later releases write; what earlier ones wrote stays where it was."""
BEHIND = "\n\n[calibrant] "
"""What the plug-in puts between an answer and the line that says how sure it is."""


class Llm:
    """Logs of `llm`: a row for each answer, with a gateway's confidence where it gave one; there is no verdict."""

    def claim(self, log: Given) -> Claim:
        """By the mark of SQLite, and the tables of its database, unless one is named."""
        if log.part or not log.head.startswith(MARK):
            return Claim.NONE
        try:
            with closing(_opened(log.text)) as database:
                return Claim.CONTENT if _tables(database) >= OF_LLM else Claim.NONE
        except sqlite3.Error:
            return Claim.NONE

    def open(self, log: Given) -> Source:
        """Answers of all releases, the earliest first; the database is opened to read only."""
        name = log.name or log.text
        try:
            with closing(_opened(log.text)) as database:
                database.row_factory = sqlite3.Row
                rows = [dict(row) for row in database.execute(_query(database))]
        except sqlite3.Error as error:
            raise UnusableInput(
                f"{name} cannot be read: {error}. Where another program has it open, copy it first: "
                f"sqlite3 {name} '.backup copy.db'"
            ) from error
        return _source(log.text, ({**row, "response_json": cell(row["response_json"])} for row in rows))

    def knows(self, columns: Sequence[str]) -> bool:
        """By what `llm logs --json` says of each answer."""
        return set(columns) >= COLUMNS and not tells_itself(columns)

    def read(self, source: Source) -> Source:
        """What was printed, the latest last."""
        return _source(source.name, nested_rows(source))


def _opened(path: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)


def _tables(database: sqlite3.Connection) -> set[str]:
    return {str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _query(database: sqlite3.Connection) -> str:
    if not _tables(database) >= {"turns", "turn_search"}:
        return f"{EARLIER} ORDER BY id"
    columns = {str(row[1]) for row in database.execute("PRAGMA table_info(turns)")}
    turns = TURNS.format(reply="t.response_json" if "response_json" in columns else "NULL")
    return f"{EARLIER} WHERE id NOT IN (SELECT id FROM turns) UNION ALL {turns} ORDER BY id"


def _source(name: str, logged: Iterable[Mapping[str, Any]]) -> Source:
    rows, sures = list[dict[str, Any]](), list[Sure]()
    for one in logged:
        reply = mapping(one.get("response_json"))
        text = str(one.get("response") or "").partition(BEHIND)[0]
        told = mapping(reply.get("confidence"))
        choice = next(iter(mappings(reply.get("choices"))), {})
        sures.append(sure_of(text, tokens_in(choice)))
        rows.append(
            {
                "id": one.get("id"), "conversation_id": one.get("conversation_id"), "model": one.get("model"),
                "datetime_utc": one.get("datetime_utc"), "prompt": one.get("prompt"), "answer": text or None,
                "action": told.get("action"), "confidence": told.get("p"),
            }
        )  # fmt: skip
    notes = ["The confidence is the one that the gateway told."]
    if all(row["confidence"] is None for row in rows):
        _, derived, notes = chosen_way(sures)
        rows = (
            [{**row, "confidence": value} for row, value in zip(rows, derived, strict=True)]
            if notes
            else rows
        )
    if not notes:
        rows = [{key: value for key, value in row.items() if key != "confidence"} for row in rows]
    return tool_source(
        name, "a log of llm", rows,
        {"confidence": "confidence", "item": "id", "model": "model", "answer": "answer", "time": "datetime_utc"},
        lacking={
            "correct": "Answers are not graded there: join verdicts with --labels FILE --on id.",
            "confidence": (
                "No answer states one, and llm keeps no log-probabilities of a chat: ask through a gateway "
                "(llm calibrant add URL), or for a confidence in the prompt."
            ),
        },
        notes=notes,
    )  # fmt: skip
