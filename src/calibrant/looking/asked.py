"""Commands that can be pasted: the log and the options that a person gave, for whichever command comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Any

from ..engines._relation import shown
from ..logs.vocabulary import words_of

__all__ = ["TAKES", "Asked", "Step", "as_path"]

WORDS = ("right", "partly", "wrong")
COLUMNS = ("confidence", "correct", "weight", "scale", *WORDS, "labels", "on")
CLUSTERED = (*COLUMNS, "cluster")

TAKES: Mapping[str, tuple[str, ...]] = {
    "audit": ("by", *CLUSTERED),
    "look": ("by", *CLUSTERED),
    "fit": ("by", *CLUSTERED),
    "apply": ("confidence", "scale"),
    "compare": ("by", *CLUSTERED),
    "signals": ("by", *CLUSTERED),
    "plan thresholds": ("by", *CLUSTERED),
    "plan check": (*CLUSTERED, "time"),
    "plan costs": ("by", *CLUSTERED),
    "plan cascade": COLUMNS,
    "plan ensemble": COLUMNS,
    "plan pareto": CLUSTERED,
    "plan chain": CLUSTERED,
    "plan correction": ("weight", "cluster", *WORDS, "labels", "on"),
    "plan retrieval": CLUSTERED,
    "elicit": ("model", "url", "api", "api_key", "price", "timeout", "free_form", "same"),
}
"""Which of the options that say how a log is read, or which model is asked, each command takes."""

PRICED = ("plan costs", "plan correction")
"""Commands whose --wrong is a price; words that mean wrong have another option there."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command that can be pasted, and why; `later` where something must be there first, in capital letters."""

    command: str
    why: str
    later: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"command": self.command, "why": self.why, "later": self.later}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A log and how a person said that it is to be read: columns to part it by, and options by name.

    >>> asked = Asked(log="my log.csv", by=("task",), named={"correct": "ok", "wrong": "I,N", "scale": None})
    >>> asked.line("audit")
    "calibrant audit 'my log.csv' --by task --correct ok --wrong I,N"
    >>> asked.line("plan costs", "--wrong", "10", "--review", "1")
    "calibrant plan costs 'my log.csv' --by task --correct ok --wrong-words I,N --wrong 10 --review 1"
    >>> asked.line("apply", "-o", "out.csv", before=["maps.json"])
    "calibrant apply maps.json 'my log.csv' -o out.csv"
    >>> Asked(log="ibis:postgresql://ann:secret@host/db#answers").line("audit")  # which people paste elsewhere
    "calibrant audit 'ibis:postgresql://ann:***@host/db#answers'"
    """

    log: str
    by: tuple[str, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)

    def line(self, command: str, *further: str, before: Sequence[str] = (), by: bool = True) -> str:
        """The command on this log, with those of the options that it takes, and further ones."""
        takes = TAKES[command]
        told = ["calibrant", *command.split(), *map(as_path, (*before, shown(self.log)))]
        if by and self.by and "by" in takes:
            told += ["--by", ",".join(_listed(name) for name in self.by)]
        for name, value in self.named.items():
            if value is not None and value is not False and name in takes:
                flag = "wrong-words" if name == "wrong" and command in PRICED else name.replace("_", "-")
                told.append(f"--{flag}")
                if value is not True:  # a switch has no value
                    told.append(words_of(value) if name in WORDS else str(value))
        return " ".join(map(quote, [*told, *further]))

    def of(self, log: str) -> Asked:
        """The same of another log."""
        return replace(self, log=log)

    def also(self, by: Sequence[str] = (), **named: Any) -> Asked:
        """With further columns to part by, and with options in place of those of the same name."""
        kept = dict.fromkeys((*self.by, *by))
        return replace(self, by=tuple(kept), named={**self.named, **named})


def as_path(text: str) -> str:
    """The name of a file, so that it is not taken for an option.

    >>> as_path("-x.csv"), as_path("logs/-x.csv")
    ('./-x.csv', 'logs/-x.csv')
    """
    return f"./{text}" if text.startswith("-") else text


def _listed(name: str) -> str:
    """A name in a list with commas between."""
    return f'"{name}"' if "," in name else name
