"""What can go wrong. Every error says what was expected, what came, and what to do.

CalibrantError
  UnusableInput          a log, a file or an array that cannot be used as it is
    Misuse               options or arguments that cannot be meant, whatever the log holds
    ColumnNotFound       no column is called as is usual
      NoSuchColumn       a column that somebody named is not there, which is a Misuse as well
    NotEnoughLabels
    BadRequest           a client's request that cannot be served as it is
  UnknownName            no extension of that name
  MissingExtra           an optional package is not installed
  WrongFingerprint       a map was asked to calibrate scores it was not fitted for
  ModelError             a model call failed
    ModelRefused         the server understood and will not (4xx)
    ModelUnavailable     overloaded, down, timed out or cut off: worth another try
  BudgetSpent            a limit that the caller set was reached
  NeedsPerson            a gated function's answer may not be used before a person has seen it
  NoScore                a signal says why it has no score; ends as a reading
  BrokenPromise          an extension does not keep the contract of its family
  StoreError             records cannot be written or read
    StoreRefused         what was given cannot be kept: another try gives the same
      UnknownRecord      a verdict on a record that is not there
      UnknownAssignment  a verdict cites an assignment that is not there
      WrongAssignment    the assignment it cites says otherwise
      DifferentContent   the id is taken by something that says otherwise
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class CalibrantError(Exception):
    """Root of everything calibrant raises on purpose. `code` is stable and machine-readable.

    >>> import calibrant
    >>> try:
    ...     calibrant.fit([1.7], [True])
    ... except calibrant.CalibrantError as error:
    ...     error.code
    'unusable_input'
    """

    code = "calibrant_error"


class UnusableInput(CalibrantError, ValueError):
    """Data that cannot be used as it is."""

    code = "unusable_input"


class Misuse(UnusableInput):
    """Options or arguments that cannot be meant so, whatever the files hold; the command line ends with status 2."""

    code = "misuse"


SHOWN = 30
"""Columns named in a message."""


class ColumnNotFound(UnusableInput):
    """A column was named, or guessed at, and is not there. Some can only be renamed: no option names them."""

    code = "column_not_found"

    def __init__(
        self, role: str, wanted: Iterable[str], available: Iterable[str], *, option: bool = True
    ) -> None:
        self.role, self.wanted, self.available = role, tuple(wanted), tuple(available)
        looked = ", ".join(self.wanted)
        advice = (
            f"Name it with --{role.replace('_', '-')} COLUMN."
            if option
            else f"Rename the column that holds it to {role}."
        )
        more = f" and {len(self.available) - SHOWN} more" if len(self.available) > SHOWN else ""
        has = ", ".join(self.available[:SHOWN]) + more if self.available else "none"
        super().__init__(f"No column for {role!r}: looked for {looked}; the log has {has}. {advice}")

    def offering(self, options: Iterable[str]) -> ColumnNotFound:
        """The same error, which also names options of columns whose values may be meant."""
        shown = " or ".join(options)
        return self.adding(f"By its values it may be: {shown}.") if shown else self

    def adding(self, advice: str) -> ColumnNotFound:
        """The same error, with further advice."""
        self.args = (f"{self} {advice}",)
        return self


class NoSuchColumn(ColumnNotFound, Misuse):
    """A column that somebody named is not there; the command line ends with status 2.

    >>> str(NoSuchColumn("by", ["tasks"], ["task", "p"]))
    "No column for 'by': looked for tasks; the log has task, p. Name it with --by COLUMN. Did you mean 'task'?"
    """

    def __init__(
        self, role: str, wanted: Iterable[str], available: Iterable[str], *, option: bool = True
    ) -> None:
        super().__init__(role, wanted, available, option=option)
        lower = {name.lower(): name for name in self.available}
        near = [get_close_matches(one.lower(), lower, n=1) for one in self.wanted]
        if meant := " and ".join(repr(lower[found[0]]) for found in near if found):
            self.args = (f"{self} Did you mean {meant}?",)


class NotEnoughLabels(UnusableInput):
    """An estimate was asked for that needs more labelled rows than there are."""

    code = "not_enough_labels"

    def __init__(self, what: str, needed: int, got: int, left_out: Mapping[str, int] | None = None) -> None:
        self.needed, self.got = needed, got
        why = "; ".join(f"{n:,} x {reason}" for reason, n in (left_out or {}).items())
        super().__init__(
            f"{what} needs at least {needed} labelled row{'' if needed == 1 else 's'} with a usable confidence, "
            f"but got {got}. "
            + (f"Left out: {why}. " if why else "")
            + "Label more answers, or run `calibrant audit LOG` to see which rows were unusable and why."
        )


class BadRequest(UnusableInput):
    """A client's request that cannot be served as it is: `status` for HTTP, `param` for the field at fault."""

    def __init__(
        self, message: str, param: str | None = None, status: int = 400, code: str = "invalid_request"
    ) -> None:
        super().__init__(message)
        self.param, self.status, self.code = param, status, code


class UnknownName(CalibrantError, KeyError):
    """No extension of that name exists in the family."""

    code = "unknown_name"

    def __init__(self, family: str, name: str, known: Iterable[str]) -> None:
        self.family, self.name, self.known = family, name, tuple(known)
        close = get_close_matches(name, self.known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        self.message = f"No {family} named {name!r}.{hint} Known: {', '.join(self.known)}."
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class MissingExtra(CalibrantError, ImportError):
    """Something was used whose optional package is not installed."""

    code = "missing_extra"

    def __init__(self, what: str, package: str, install: str) -> None:
        self.package, self.install = package, install
        super().__init__(f"{what} needs {package!r}, which is not installed. Install it with: {install}")


class WrongFingerprint(CalibrantError):
    """A calibration map met scores of another model, prompt, signal, task or domain."""

    code = "wrong_fingerprint"

    def __init__(self, map_id: str, differences: Iterable[str]) -> None:
        self.map_id, self.differences = map_id, tuple(differences)
        super().__init__(
            f"Calibration map {map_id} was fitted on other scores: {'; '.join(self.differences)}. "
            "Fit one for these with `calibrant fit LOG -o MAPS`, or pass anyway=True to use it unverified."
        )


class ModelError(CalibrantError):
    """A model call failed.

    Of what the server stated: the `status` of its answer, `retry_after`, its own wish in seconds, and of an error body
    the words in `said`, `kind` (its type), `param` (the field at fault) and its code, which then is this error's.
    """

    code = "model_error"

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        status: int | None = None,
        *,
        said: str | None = None,
        code: str | None = None,
        kind: str | None = None,
        param: str | None = None,
    ) -> None:
        self.retry_after, self.status = retry_after, status
        self.said, self.kind, self.param = said, kind, param
        if code is not None:
            self.code = code
        super().__init__(message)


class ModelRefused(ModelError):
    """The server understood the request and will not serve it; another try gives the same."""

    code = "model_refused"


class ModelDenied(ModelRefused):
    """The key, the model's name or the account is wrong: no call is served until the caller mends it."""

    code = "model_denied"


class ModelUnavailable(ModelError):
    """Overloaded, down, timed out, or the reply was cut off: worth another try."""

    code = "model_unavailable"


class BudgetSpent(CalibrantError):
    """A limit on calls, tokens, dollars or time that the caller set was reached."""

    code = "budget_spent"


class NeedsPerson(CalibrantError):
    """An answer was held back; `gated` holds it for the person who comes first, and the message does not quote it.

    >>> import calibrant
    >>> @calibrant.gated(calibrant.fit([0.9, 0.5] * 100, [1, 0, 1, 1] * 50))
    ... def capital(country: str) -> tuple[str, float]:
    ...     return "Sydney", 0.5
    >>> try:
    ...     capital("Australia")
    ... except calibrant.NeedsPerson as held:
    ...     held.gated.answer, held.gated.action
    ('Sydney', <Action.REVIEW: 'review'>)
    """

    code = "needs_person"

    def __init__(self, why: str, gated: Any) -> None:
        self.gated = gated
        super().__init__(why)


class NoScore(CalibrantError):
    """Why a signal has no score, in a sentence. Raised within its `read`, it ends as a reading with the `detail`.

    >>> raise NoScore("The answer is empty.")
    Traceback (most recent call last):
    ...
    calibrant.errors.NoScore: The answer is empty.
    """

    code = "no_score"

    def __init__(self, reason: str, **detail: Any) -> None:
        self.detail = detail
        super().__init__(reason)


class BrokenPromise(CalibrantError, AssertionError):
    """An extension does not keep what its family promises; `broken` lists each promise and how it is broken."""

    code = "broken_promise"

    def __init__(self, family: str, name: str, broken: Iterable[tuple[str, str]]) -> None:
        self.broken = tuple(broken)
        listed = "".join(f"\n  {promise.replace('_', ' ')}: {says}." for promise, says in self.broken)
        super().__init__(f"{name} breaks what {family} promise, {len(self.broken)} time(s):{listed}")


class StoreError(CalibrantError):
    """Records cannot be written or read."""

    code = "store_error"


class StoreAway(StoreError):
    """The database is not reached, locked or full, which may be over at another try."""


class StoreRefused(StoreError):
    """The store is well and will not keep what it was given; another try gives the same."""

    code = "store_refused"


class UnknownRecord(StoreRefused):
    """A verdict was given on a record that is not in the store."""

    code = "unknown_record"

    def __init__(self, record_id: str) -> None:
        self.record_id = record_id
        super().__init__(
            f"No record {record_id!r} in this store, so nothing to judge. Use the record id that came with "
            "the answer (confidence.record_id, or the header x-calibrant-record-id)."
        )


class UnknownAssignment(StoreRefused):
    """A verdict cites an assignment that is not in the store."""

    code = "unknown_assignment"

    def __init__(self, assignment: str) -> None:
        self.assignment = assignment
        super().__init__(
            f"No assignment {assignment!r} in this store. Use the id with which the record was given out to be "
            "judged, or leave it away where nobody gave it out."
        )


class WrongAssignment(StoreRefused):
    """A verdict cites an assignment that is of another record, or has another propensity."""

    code = "wrong_assignment"

    def __init__(self, assignment: str, differs: str) -> None:
        super().__init__(
            f"Assignment {assignment!r} is of {differs}, unlike the verdict that cites it. Cite the one with which "
            "this record was given out, and leave the propensity away: it is the assignment's."
        )


class DifferentContent(StoreRefused):
    """The same id was used for something else; what was written first stays."""

    code = "different_content"

    def __init__(self, where: str, id: str) -> None:
        self.id = id
        super().__init__(
            f"Id {id!r} is already in {where} and says something else there. What is written is never changed: "
            "give the new one an id of its own."
        )
