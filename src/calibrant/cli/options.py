"""The application, and the options that several of its commands take, each declared once.

Nothing here imports what the commands work with, so that the help and the version come at once.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

import typer

from calibrant.errors import UnusableInput
from calibrant.files.writing import check_apart, check_writable
from calibrant.plugins import names

from .examples import epilog
from .refusals import note_what_works
from .terminal import counting

if TYPE_CHECKING:
    from calibrant.looking.asked import Asked

app = typer.Typer(
    help="Gives every answer of a language model an honest probability of being right, and acts on it.",
    no_args_is_help=True, pretty_exceptions_enable=False,
)  # fmt: skip

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
By = Annotated[str, typer.Option(help="Columns to part the log by, with commas: task,domain,model.")]
Confidence = Annotated[str | None, typer.Option(help="Column of the stated confidence.")]
GraderName = Annotated[str, typer.Option(help=f"One of: {', '.join(names('graders'))}.")]
LogPath = Annotated[
    str, typer.Argument(metavar="LOG", help="Parquet, CSV, JSONL, .db, a store URL, or `sample`.")
]
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
Documents = Annotated[
    Path | None,
    typer.Option(
        help="Folder or file of documents (.txt, .md, .jsonl): the best passages become each question's context."
    ),
]
PromptFile = Annotated[
    Path | None,
    typer.Option(
        "--prompt", help="What to put around the question: prompt.json of `refine`, or a text file."
    ),
]
Posture = Annotated[
    str | None,
    typer.Option(help="very_cautious, cautious, neutral, bold or very_bold, for signals that take it."),
]


def put_to(questions: str, given: OneModel) -> Asked:
    """Questions and the model that they were put to, for the commands that come next."""
    from calibrant.looking.asked import Asked

    named = {one.name: getattr(given, one.name) for one in fields(given)}
    usual = {one.name: one.default for one in fields(given)}
    return Asked(log=questions, named={name: of for name, of in named.items() if of != usual[name]})


def asked_of(log: str, by: str, labels: Any, **further: str | None) -> Asked:
    """A log and how it was said to be read, for the commands that come next."""
    from calibrant.looking.asked import Asked

    named = labels.named() if hasattr(labels, "named") else asdict(labels)
    return Asked(log=log, by=tuple(columns(by)), named={**named, **further})


def finite(value: float | None) -> float | None:
    """The value of an option; refused where it is no finite number, which no limit can be."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"Expected a finite number, got {value}.")
    return value


def option(about: str, default: Any = None, *flags: str, **checks: Any) -> Any:
    """A field of a group that is an option of every command which takes the group; one to be given if `MISSING`."""
    return field(default=default, metadata={"option": typer.Option(*flags, help=about, **checks)})


ScaleName = Literal[
    "fraction", "percent", "1-5", "1-10", "0-10", "logprob", "logit", "permille", "odds", "nll", "perplexity",
    "uncertainty",
    "levels", "event",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Which columns of a log hold what, where they are not called as usual, and which words mean right."""

    confidence: str | None = option("Column of the stated confidence.")
    correct: str | None = option("Column of the verdict: right or wrong, or a grade.")
    weight: str | None = option("Column of 1 / the probability of having been labelled.")
    scale: ScaleName | None = option("Unit of the confidence, where the log leaves doubt.")  # noqa: RUF009
    right: str | None = option(
        "Words of the verdict that mean right, with commas: C,CORRECT or '\"Yes, fully\",OK'."
    )
    partly: str | None = option("Words of the verdict that count as half right.")
    labels: str | None = option("A second file that has the verdicts, joined by --on.")
    on: str | None = option("Columns to join --labels on: id, or task,id, or custom_id=id.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels(Columns):
    """The same, and which words mean wrong."""

    wrong: str | None = option("Words of the verdict that mean wrong, with commas: I,N.")


TIES = "Column that ties rows together, such as item_id, or task,item_id; none for independent rows."


@dataclass(frozen=True, kw_only=True, slots=True)
class Clustered(Labels):
    """The same, and which rows belong together."""

    cluster: str | None = option(TIES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed(Clustered):
    """The same, and when they were."""

    time: str | None = option("Column of the times that put rows in order; none for rows as they stand.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced(Columns):
    """The columns of a command whose --wrong is a price, so that words of wrong have an option of another name."""

    cluster: str | None = option(TIES)
    wrong_words: str | None = option("Words of the verdict that mean wrong, with commas: I,N.")

    def named(self) -> dict[str, str | None]:
        """By role, as the readers of logs take them."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**told, "wrong": told.pop("wrong_words")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Where more about people's verdicts, and about how a judge errs, is."""

    human_propensity: str | None = option("Column of the probability with which a person was shown the row.")
    covariates: str | None = option(
        "Columns, with commas, that may tell how the judge errs; none for none. Else those of usual names."
    )

    def __call__(self) -> dict[str, Any]:
        """The arguments that they are."""
        named = None if self.covariates is None else columns(self.covariates)
        named = [] if named == ["none"] else named
        return {"human_propensity": self.human_propensity, "covariates": named}


@dataclass(frozen=True, kw_only=True, slots=True)
class People(Known):
    """The same, and how sure one wants to be."""

    width: float | None = option(
        "Say how many of people's verdicts an interval so wide takes, such as 0.04.", min=0.0, max=1.0
    )

    def __call__(self) -> dict[str, Any]:
        """The arguments that they are."""
        return {**Known.__call__(self), "width": self.width}


KEY = "env:NAME: where the key of that server is."


@dataclass(frozen=True, kw_only=True, slots=True)
class OneModel:
    """A model, as a command names it, and whether it is asked for answers of a form that can be read."""

    model: str = option("embedded, a .gguf file, or a model name with --url.", "embedded")
    url: str | None = option("Base URL of an OpenAI-compatible server.")
    api: str = option("What the server at --url speaks: chat, responses, anthropic.", "chat")
    api_key: str | None = option(KEY)
    price: str | None = option("PROMPT,COMPLETION: US dollars per million tokens, with --url.")
    timeout: float = option("Seconds to wait for an answer.", 60.0, min=0.1, callback=finite)
    free_form: bool = option(
        "Ask for no form of answer; else a line asks for what the question's kind can be read as.",
        False,
        "--free-form",
    )
    same: Literal["model", "peer", "judge"] | None = option(
        "Who is asked whether two answers say the same, where the texts alone do not tell."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ManyCalls(OneModel):
    """Many calls within limits, and further models."""

    peer: str | None = option("A second model, for peer_agreement: like --model, or NAME@URL.")
    peer_api: str = option("What the server of --peer speaks.", "chat")
    peer_api_key: str | None = option(KEY)
    peer_price: str | None = option("As --price, of --peer.")
    judge: str | None = option("A model for --grader judge and --same judge: like --model, or NAME@URL.")
    judge_api: str = option("What the server of --judge speaks.", "chat")
    judge_api_key: str | None = option(KEY)
    judge_price: str | None = option("As --price, of --judge.")
    concurrency: int = option("Calls under way at once.", 8, min=1)
    requests_per_minute: float | None = option("No more calls than this.", min=0.01, callback=finite)
    tokens_per_minute: float | None = option("No more tokens than this.", min=1, callback=finite)
    max_calls: int | None = option("Stop after so many calls.", min=0)
    max_tokens: int | None = option("Stop after so many tokens, read and written, of all calls.", min=0)
    max_dollars: float | None = option("Stop after spending so much.", min=0, callback=finite)
    estimate_only: bool = option("Say what it would cost at the most, and ask nothing.", False, "--estimate")


FOUND = 3
"""Exit status of a command that found what it was to look for; `calibrant.cli.run` has the others."""

WRITES = ("--out", "--report", "--markdown", "--chart", "--store", "--calls")
"""The options whose value is what a command writes; what another option or argument names is read."""


def command(
    name: str, of: typer.Typer = app, *, makes: Sequence[str] = ()
) -> Callable[[Callable[..., None]], object]:
    """Make a command of a function; in place of an argument that is a dataclass Typer sees each of its fields.

    Nothing is done where an output would be written over what the command reads, or over another output. `makes` are
    the files that it makes in the folder --out. One that asks no model is ended as well, before its work, where a file
    cannot be written; the others say so themselves, once they know that they are to ask (`Session.begin`).
    """
    whole = name if of is app else f"{of.info.name or 'plan'} {name}"
    return lambda work: of.command(name, epilog=epilog(whole))(_parted(work, makes, whole))


def _parted(work: Callable[..., None], makes: Sequence[str], command: str) -> Callable[..., None]:
    shown, groups = list[Parameter](), dict[str, Any]()
    kinds = get_type_hints(work, include_extras=True)
    for name, given in signature(work).parameters.items():
        kind = kinds[name]
        if is_dataclass(kind):
            groups[name], hints = kind, get_type_hints(kind)
            for one in fields(kind):
                default = Parameter.empty if one.default is MISSING else one.default
                annotation: Any = Annotated[hints[one.name], one.metadata["option"]]
                shown.append(
                    Parameter(one.name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
                )
        else:
            shown.append(given.replace(kind=Parameter.KEYWORD_ONLY, annotation=kind))

    writes = {one.name: flag for one in shown if (flag := _flag(one)) in WRITES}
    asks = any(issubclass(kind, OneModel) for kind in groups.values())

    @wraps(work)
    def parted(**given: Any) -> None:
        made = {flag: given[name] for name, flag in writes.items() if given[name]}
        if makes and (folder := made.pop("--out", None)):
            made |= {f"--out, its {one},": Path(folder, one) for one in makes}
        check_apart(made, [v for n, v in given.items() if n not in writes and isinstance(v, str | Path)])
        for path in () if asks or makes else made.values():
            if "://" not in str(path):
                check_writable(path)
        told = dict(given)
        for name, kind in groups.items():
            given[name] = kind(**{one.name: given.pop(one.name) for one in fields(kind)})
        try:
            with counting(quiet=bool(given.get("as_json"))):
                work(**given)
        except UnusableInput as error:
            note_what_works(error, command, told)
            raise

    parted.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    parted.__annotations__ = {one.name: one.annotation for one in shown}
    return parted


def _flag(one: Parameter) -> str:
    """How the option is written: as it was declared, else by its parameter's name."""
    told = [info for info in get_args(one.annotation)[1:] if hasattr(info, "param_decls")]
    declared = [
        flag for info in told for flag in (info.default, *(info.param_decls or ())) if isinstance(flag, str)
    ]
    return next((flag for flag in declared if flag.startswith("--")), f"--{one.name.replace('_', '-')}")


def columns(text: str) -> list[str]:
    """Names that stand in one text with commas between; one that holds a comma itself stands in double quotes.

    >>> columns('small, "acme/l,2"')
    ['small', 'acme/l,2']
    """
    read = next(csv.reader([text], skipinitialspace=True), [])
    return [name.strip() for name in read if name.strip()]
