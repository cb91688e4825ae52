"""Opening a log for whatever is made of it: labels joined, the verdict settled, each column's part known."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..errors import ColumnNotFound, Misuse, UnusableInput
from .binary import of_predicted
from .compared import settled
from .finding import candidates, found_by_spelling, require_sense
from .joined import joined
from .matrices import highest
from .roles import NEEDED, Roles, roles_of
from .sources import Source, open_source
from .told import told_by_answers, with_told

__all__ = ["labelled", "open_log"]


def labelled(log: Any, named: Mapping[str, Any]) -> Source:
    """The log, with the labels of a second file where `named` has `labels`, joined `on` what it names.

    A source is taken as it is: it was opened before.
    """
    if isinstance(log, Source):
        return log
    labels = named.get("labels")
    if labels is None and named.get("on"):
        raise Misuse(
            f"--on {named['on']} joins the file that --labels names, and none is named: add --labels FILE."
        )
    source = open_source(log)
    return source if labels is None else joined(source, labels, named.get("on"))


def open_log(
    log: Any,
    by: Sequence[str],
    named: Mapping[str, Any],
    *,
    apart: str | None = None,
    needed: Collection[str] = NEEDED,
) -> tuple[Source, Roles, list[str]]:
    """The source of a log, its columns by their parts, and what is to be said of that; as `roles_of` says.

    `named` may also hold `labels`, a second file, and `on`, the columns that it is joined on. Raises as `roles_of`,
    and `UnusableInput` where it is in doubt what the verdict is.
    """
    source = with_told(labelled(log, named), named.get("confidence"))
    source, told, derived = highest(source, named, needed)
    told, spelt = found_by_spelling(source, told, needed)
    source, told, said = settled(source, told, needed)
    source, told, turned = of_predicted(source, told, needed)
    source, told, answered = told_by_answers(source, told, needed)
    try:
        roles, notes = roles_of(source, by, told, apart=apart, needed=needed)
    except ColumnNotFound as error:
        if named.get(error.role) is not None or error.role not in NEEDED:
            raise
        if len(source.columns) == 1 and re.search(r"\w[^\w.]+\w", source.columns[0]):
            raise UnusableInput(
                f"{source.name} has one column only, called {source.columns[0]!r}. Where that is several, write them "
                "with commas, semicolons, tabs or bars between."
            ) from error
        raise error.offering(
            candidates(source, error.role, [one for one in told.values() if isinstance(one, str)])
        ) from error
    if "correct" in needed:
        require_sense(source, roles.correct, roles.words)
    return source, roles, [*notes, *turned, *answered, *derived, *spelt, *said]
