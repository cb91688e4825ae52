"""What must be there before facts are added: the records that they are about, the assignments that they cite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from calibrant.errors import UnknownAssignment, UnknownRecord, WrongAssignment
from calibrant.plugins import require

from ._tables import ASSIGNMENTS, RECORDS

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["check_records", "issue", "rows_by_id"]

sa = require("sqlalchemy", "A store of records", "store")

Row = dict[str, Any]


def rows_by_id(connection: Connection, of: Any, ids: Iterable[str]) -> Any:
    """Rows of a table by their ids."""
    return connection.execute(sa.select(of).where(of.c.id.in_(ids))).mappings()


def check_records(connection: Connection, record_ids: set[str]) -> None:
    """Raise `UnknownRecord` where one is not there."""
    there = connection.execute(sa.select(RECORDS.c.id).where(RECORDS.c.id.in_(record_ids))).scalars()
    if unknown := record_ids.difference(there):
        raise UnknownRecord(min(unknown))


def issue(connection: Connection, verdicts: list[Row]) -> None:
    """Give the verdicts the propensities of the assignments they cite."""
    citing = [row for row in verdicts if row["assignment"] is not None]
    cited = {row["assignment"] for row in citing}
    issued = {row["id"]: row for row in rows_by_id(connection, ASSIGNMENTS, cited)} if cited else {}
    for row in citing:
        assignment = issued.get(row["assignment"])
        if assignment is None:
            raise UnknownAssignment(row["assignment"])
        if assignment["record_id"] != row["record_id"]:
            raise WrongAssignment(row["assignment"], "another record")
        if row["propensity"] not in (None, assignment["propensity"]):
            raise WrongAssignment(row["assignment"], f"a propensity other than {row['propensity']!r}")
        row["propensity"] = assignment["propensity"]
