"""Whether rows are of one item: epochs, samples and copies repeat its id, and such rows are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tally import Floats
from .headings import TOTALS, sums_up
from .keys import absent
from .roles import Roles
from .sources import Block, Source
from .spellings import by_spelling

__all__ = [
    "Repeats",
    "has_epochs",
    "item_columns",
    "repeats_told",
    "summing_columns",
    "tied_together",
    "totals",
]

ITEMS = (
    "item_id", "question_id", "example_id", "doc_id", "custom_id", "sample_id", "prompt_id", "problem_id", 
    "instance_id", "query_id", "case_id", "test_id", "qid", "testidx", "id", "task_id", "uid", "uuid", "item",
    "question_hash", "doc_hash", "prompt_hash", "question_idx", "question_index", "example_idx", "idx", "answer_id",
    "response_id", "completion_id", "trace_id",
)  # fmt: skip
"""Columns that name an item, the first that is there, however it is spelt."""
SCOPES = (
    "task",
    "task_name",
    "dataset",
    "benchmark",
    "subset",
    "subject",
    "config",
    "eval",
    "filter",
    "category",
)
"""Columns within which items may be numbered anew."""
TEXTS = ("question", "query", "problem", "input", "user_input", "prompt", "instruction")
"""Columns whose text tells an item where no id repeats."""
CONTEXTS = (
    "context", "contexts", "passage", "document", "article", "text", "choices", "options", "image", "file",
    "retrieved_contexts",
)  # fmt: skip
"""What a question may be about: the same words about another passage are another question."""
FEW_TEXTS = 20
"""Different texts below which they may be instructions, or the choices of a form, unless few rows share each."""
EPOCHS = ("epoch", "sample", "run", "repeat", "trial", "seed", "attempt", "iteration", "rep")
"""With one of these an item may be told by its text."""


def item_columns(source: Source, roles: Roles) -> tuple[tuple[str, ...], ...]:
    """The columns that name an item together, an id's before those of texts; none where there are no such columns.

    >>> from .sources import rows_source
    >>> item_columns(rows_source("log", ["Task", "id", "question", "p"], lambda: []), Roles())
    (('Task', 'id'), ('Task', 'question'))
    """
    lower = by_spelling(source.columns)
    played = {roles.confidence, roles.correct, roles.weight, *roles.by}

    def here(names: Sequence[str]) -> list[str]:
        return [lower[name] for name in names if name in lower and lower[name] not in played]

    texts, ids = here(TEXTS), here(ITEMS)
    known = source.roles.get("item")
    first = [known] if known in source.columns else [*ids, *(texts if has_epochs(source) else [])][:1]
    scopes, about = here(SCOPES), here(CONTEXTS)
    found = [(*(scope for scope in scopes if scope != item), str(item)) for item in first]
    said = [(*scopes, *about, text) for text in texts if text not in (*first, *about)]
    return (*found, *(names for names in said if len(names) == len(set(names))))


def has_epochs(source: Source) -> bool:
    """Whether a column counts the samples of one item, so that few texts may be items."""
    return any(name in by_spelling(source.columns) for name in EPOCHS)


class Repeats:
    """Counts rows that name an item which the group had before, and among them those that are equal in all that counts.

    Eight bytes a row are kept.

    >>> repeats = Repeats(("id",))
    >>> repeats.see({"id": np.array([1.0, 2.0, 1.0])}, np.zeros(3), np.array([0.5, 0.5, 0.5]), np.ones(3))
    >>> repeats.rows, repeats.items, repeats.copies
    (1, 2, 1)
    """

    def __init__(self, columns: Sequence[str], *, epochs: bool = False) -> None:
        self.columns = tuple(columns)
        self.epochs = epochs
        self.told_by_text = columns[-1].lower() in TEXTS
        self._items: list[NDArray[np.uint64]] = []
        self._whole: list[NDArray[np.uint64]] = []

    def see(self, block: Block, group: NDArray[Any], score: Floats, grade: Floats) -> None:
        """Take the rows of a block, each with its group, score and grade."""
        told = ~_lacking(block[self.columns[-1]])
        item = _mixed([group, *(block[name] for name in self.columns)])[told]
        self._items.append(item)
        self._whole.append(_mixed([item, score[told], grade[told]]))

    @property
    def seen(self) -> int:
        """Rows that name an item."""
        return sum(map(len, self._items))

    @property
    def items(self) -> int:
        """Items of groups."""
        return _distinct(self._items)

    @property
    def rows(self) -> int:
        """Rows that name an item which their group had before."""
        return self.seen - self.items

    @property
    def copies(self) -> int:
        """Rows that have also the confidence and the verdict of an earlier row of their item."""
        return self.seen - _distinct(self._whole)


def _distinct(parts: Sequence[NDArray[np.uint64]]) -> int:
    """How many different numbers there are; a sort of a million takes a tenth of what `numpy.unique` does."""
    if not parts:
        return 0
    ordered = np.sort(np.concatenate(parts))
    return min(len(ordered), 1) + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def repeats_told(several: Sequence[Repeats], roles: Roles) -> tuple[list[str], tuple[str, ...]]:
    """What is to be said of repeated items, and the columns by which their rows are to be tied together, if any."""
    repeats = next((one for one in several if _repeating(one)), None)
    if repeats is None:
        return [], ()
    items, name, copies = repeats.items, ",".join(repeats.columns), repeats.copies
    alike = (
        f" {copies:,} of them are copies of another row: same {name}, confidence and verdict."
        if copies
        else ""
    )
    lead = f"{repeats.seen - items:,} of {repeats.seen:,} rows repeat the {name} of another row ({items:,} items)"
    if roles.untied:
        return [f"{lead} and count as independent, as --cluster none says.{alike}"], ()
    said = f"{lead}, so rows of one item are tied together (--cluster {quote(name)}); --cluster none takes them apart."
    return [said + alike], repeats.columns


def _repeating(repeats: Repeats) -> bool:
    """Whether items repeat; of texts, whether so many differ that each is an item, and no instruction."""
    items, seen = repeats.items, repeats.seen
    few = items < FEW_TEXTS and (items < 5 or seen > 5 * items)
    return items < seen and not (repeats.told_by_text and few and not repeats.epochs)


def tied_together(roles: Roles, columns: tuple[str, ...]) -> Roles:
    """The roles where rows of equal values in these columns belong together."""
    return replace(roles, tied=columns, cluster=",".join(columns))


def _mixed(columns: Sequence[NDArray[Any]]) -> NDArray[np.uint64]:
    """One number for the values of a row, equal for equal rows and as good as never for others."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for values in columns:
        if values.dtype.kind in "iub" or (values.dtype.kind == "f" and (values % 1 == 0).all()):
            one = values.astype(np.int64).view(
                np.uint64
            )  # as Python's hash has whole numbers, whatever the block holds
        elif values.dtype.kind == "f":
            one = values.astype(np.float64).view(np.uint64)
        else:
            one = _hashes(values.tolist()).view(np.uint64)
        mixed = (mixed ^ one) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _hashes(values: list[Any]) -> NDArray[np.int64]:
    try:
        return np.fromiter(map(hash, values), np.int64, len(values))
    except TypeError:  # lists, dicts
        return np.fromiter((hash(str(value)) for value in values), np.int64, len(values))


def _lacking(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where nothing is there."""
    if values.dtype.kind in "iub":
        return np.zeros(len(values), bool)
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    listed = values.tolist()
    if set(map(type, listed)) == {str}:
        return np.fromiter(map("".__eq__, listed), bool, len(listed))
    return np.fromiter(map(absent, listed), bool, len(listed))


def summing_columns(source: Source, roles: Roles) -> tuple[str, ...]:
    """The columns in which a row may say that it sums up others: the first, and those that name an item."""
    items = [names[-1] for names in item_columns(source, roles)[:1]]
    played = {roles.confidence, roles.correct, roles.weight}
    return tuple(name for name in dict.fromkeys([*items, *source.columns[:1]]) if name not in played)


def totals(values: NDArray[Any], grade: Floats, rows: int = 3) -> NDArray[np.bool_]:
    """Which of a block's rows sum others up, by what they call themselves.

    That is one of the last; or where a few rows call themselves so, and most of them have a grade between right and
    wrong, which hardly any other row has.

    >>> totals(np.array(["q1", "q2", " TOTAL"], object), np.ones(3)).tolist()
    [False, False, True]
    >>> grade = np.array([*[1, 0] * 4, 0.48, *[1, 0] * 4])
    >>> totals(np.array([*["q"] * 8, "S0 subtotal", *["q"] * 8], object), grade).nonzero()[0].tolist()
    [8]
    """
    found = np.zeros(len(values), bool)
    if values.dtype.kind != "O":
        return found
    last = max(0, len(values) - rows)
    ends = [
        i
        for i, value in enumerate(values[last:].tolist(), start=last)
        if isinstance(value, str) and value.strip(" :.").lower() in TOTALS
    ]
    if ends:
        before = set(map(str, values[:last].tolist()))  # what stands there too is a task or a topic
        found[[i for i in ends if values[i] not in before]] = True
    between = (grade > 0) & (grade < 1) & (grade != 0.5)
    if not _summing(
        values[between]
    ).any():  # hardly any row: few calls of what is slow, for a log of a million
        return found
    summing = _summing(values)
    if 5 * summing.sum() <= len(values) and 10 * between[~summing].sum() <= (~summing).sum():
        found |= summing & (2 * between[summing].sum() > summing.sum())
    return found


def _summing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a text says of its row that it sums others up; each text is looked at once."""
    listed = values.tolist()
    told = {one: sums_up(one) for one in {value for value in listed if isinstance(value, str)}}
    return np.fromiter((isinstance(value, str) and told[value] for value in listed), bool, len(listed))
