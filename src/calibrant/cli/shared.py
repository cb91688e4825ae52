"""What the commands share: the application, the options that several take, and how they are read."""

from __future__ import annotations

import csv
import inspect
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from calibrant.asking.elicit import JsonlLog, StoreSink
from calibrant.asking.questions import read_questions
from calibrant.assembly.named import Api
from calibrant.dialogue.asks import ANSWER_TOKENS, limited
from calibrant.errors import UnusableInput
from calibrant.plugins import about, find, names
from calibrant.records.opening import open_store
from calibrant.types import Question, digest

app = typer.Typer(
    help="Gives every answer of a language model an honest probability of being right, and acts on it.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
By = Annotated[str, typer.Option(help="Columns to part the log by, with commas: task,domain,model.")]
Confidence = Annotated[str | None, typer.Option(help="Column of the stated confidence.")]
GraderName = Annotated[str, typer.Option(help=f"One of: {', '.join(names('graders'))}.")]
LogPath = Annotated[str, typer.Argument(metavar="LOG", help="Parquet, CSV, JSONL, .db, or a store URL.")]
ModelName = Annotated[
    str, typer.Option("--model", help="embedded, a .gguf file, or a model name with --url.")
]
Url = Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server.")]
ApiKey = Annotated[str | None, typer.Option(help="env:NAME: where the key of that server is.")]

ApiFormat = Annotated[Api, typer.Option(help="What the server at --url speaks.")]
Questions = Annotated[
    str, typer.Argument(metavar="QUESTIONS", help="JSONL, CSV, Parquet, or a data set's name.")
]
SignalNames = Annotated[
    str,
    typer.Option(help="Signals, with commas; settings after colons: vpd:samples=3. See `calibrant signals`."),
]
PolicyName = Annotated[
    str,
    typer.Option(
        "--policy",
        help="What decides, with settings after colons: bands:answer=0.9, expected_cost:wrong=10:review=1.",
    ),
]
AnswerTokens = Annotated[
    int,
    typer.Option(
        min=1, help="Tokens an answer may have, unless the question's metadata.ask.max_tokens says otherwise."
    ),
]
Posture = Annotated[
    str | None,
    typer.Option(help="very_cautious, cautious, neutral, bold or very_bold, for signals that take it."),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """Which columns of a log hold what, where they are not called as usual."""

    confidence: Confidence = None
    correct: Annotated[
        str | None, typer.Option(help="Column of the verdict: right or wrong, or a grade.")
    ] = None
    weight: Annotated[
        str | None, typer.Option(help="Column of 1 / the probability of having been labelled.")
    ] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Clustered(Labels):
    """The same, and which rows belong together."""

    cluster: Annotated[
        str | None, typer.Option(help="Column that ties rows together, such as item_id, or task,item_id.")
    ] = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer is to see it: in place of an argument that is a dataclass, each of its fields an option."""
    shown, groups = list[inspect.Parameter](), dict[str, Any]()
    kinds = get_type_hints(command, include_extras=True)
    for name, given in inspect.signature(command).parameters.items():
        kind = kinds[name]
        if is_dataclass(kind):
            groups[name], hints = kind, get_type_hints(kind, include_extras=True)
            shown += [_option(one.name, hints[one.name], one.default) for one in fields(kind)]
        else:
            shown.append(_option(name, kind, given.default))

    @wraps(command)
    def parted(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{one.name: given.pop(one.name) for one in fields(kind)})
        command(**given)

    parted.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    parted.__annotations__ = {one.name: one.annotation for one in shown}
    return parted


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def columns(text: str) -> list[str]:
    """Names that stand in one text with commas between; one that holds a comma itself stands in double quotes.

    >>> columns('small, "acme/l,2"')
    ['small', 'acme/l,2']
    """
    read = next(csv.reader([text], skipinitialspace=True), [])
    return [name.strip() for name in read if name.strip()]


def sink_of(log: str) -> JsonlLog | StoreSink:
    """Where records go: a file of JSON lines, or a store."""
    if log.endswith(".jsonl"):
        return JsonlLog(log)
    if "://" in log or Path(log).suffix in (".db", ".sqlite", ".sqlite3"):
        return StoreSink(open_store(log))
    raise UnusableInput(f"Records cannot go to {log}: expected an ending .jsonl or .db, or a store URL.")


def finite(value: float | None) -> float | None:
    """The value of an option; refused where it is no finite number, which no limit can be."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"Expected a finite number, got {value}.")
    return value


def questions_of(source: str, limit: int | None, answer_tokens: int = ANSWER_TOKENS) -> list[Question]:
    """The questions of a data set or a file, at most `limit`, and what their answers may be long."""
    found = find("datasets", source)().questions() if source in names("datasets") else read_questions(source)
    asked = list(found)
    if not asked:
        raise UnusableInput(
            f"{source} holds no questions. Expected a column question and one row a question."
        )
    asked = asked[:limit] if limit else asked
    return asked if answer_tokens == ANSWER_TOKENS else [limited(one, answer_tokens) for one in asked]


def calls_beside(log: str) -> str:
    """The file that keeps answered calls, so that none is paid for twice."""
    return f"{digest(log)}.calls" if "://" in log else f"{log}.calls"


def signal_row(name: str) -> dict[str, Any]:
    """A signal as `calibrant signals` shows it: what it needs, what it costs, what it is."""
    signal = find("signals", name)()
    return {
        "name": name,
        "needs": sorted(signal.needs),
        **asdict(signal.cost),
        "about": about("signals", name),
        "settings": {one.name: getattr(signal, one.name) for one in fields(signal)},
    }
