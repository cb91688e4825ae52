"""Fine-tuning: a model that knows what it knows, and its weights to serve."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import AsJson, app, command, option
from .terminal import print_json, progress, say

if TYPE_CHECKING:
    from calibrant.training.runs import Run
    from calibrant.training.settings import Method

__all__ = ["train"]

train = typer.Typer(
    name="train",
    help="Teach a model to know what it knows. Takes the extra `training`.",
    no_args_is_help=True,
)
app.add_typer(train)

MADE = ("card.json", "run.json")

Model = Annotated[str, typer.Option(help="Folder, GGUF file, or name on the Hugging Face hub.")]
OutFolder = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for adapter, curve and card; a run in it is gone on with.")
]
JudgedLog = Annotated[
    str,
    typer.Option(
        "--log", help="Judged answers: a log with question, answer and verdict, or of `learn export`."
    ),
]
QuestionFile = Annotated[
    Path,
    typer.Option(
        "--log",
        help="Questions with options and the right one (JSONL, CSV, Parquet), or of `learn export --to sft`.",
    ),
]
Elsewhere = Annotated[
    str | None, typer.Option(help="A second one, of another task: it is measured on, and never trained on.")
]
HeldOut = Annotated[
    float,
    typer.Option(
        min=0.01, max=0.9, help="Share of the questions that is measured on; half as many choose the weights."
    ),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """What a run may be told beside its defaults, which are those of `calibrant.training.settings`."""

    epochs: int | None = option("How often each example is seen.")
    learning_rate: float | None = option("Of AdamW.")
    batch: int | None = option("Examples of a step, of all processes together.")
    at_once: int | None = option("Of them those computed together: less memory, and the same result.")
    rank: int | None = option("Of LoRA.")
    layers: str | None = option("Modules that LoRA changes, with commas, or all-linear.")
    top: int | None = option("The last layers, which alone are tuned: far less to compute on processors.")
    patience: int | None = option("Looks without a better one after which it stops.")
    seed: int = option("Of the split, the order and the first weights.", 0)


@command("conftuner", train, makes=MADE)
def conftuner_command(
    model: Model,
    log: JudgedLog,
    out: OutFolder,
    tuning: Tuning,
    elsewhere: Elsewhere = None,
    held_out: HeldOut = 0.2,
    scale: Annotated[
        Literal["percent", "digits", "words"] | None,
        typer.Option(help="Tokens to say; the finest that the tokenizer has if left out."),
    ] = None,
    soft: Annotated[
        bool, typer.Option("--soft", help="Spread targets in place of the Brier score, for few answers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Teach a model to say how sure it is, in one token, by the Brier score on its own judged answers.

    Or those of another model, which it then scores as a surrogate. What it is worth is measured on questions that were
    held out, before and after, raw and with Platt scaling fitted on other questions. Stopped with Ctrl-C, the same
    command goes on where it stopped.
    """
    _run(
        "conftuner",
        tuning,
        as_json,
        model=model,
        log=log,
        out=out,
        elsewhere=elsewhere,
        held_out=held_out,
        scale=scale,
        soft=soft,
    )


@command("cft", train, makes=MADE)
def cft_command(
    model: Model,
    log: QuestionFile,
    out: OutFolder,
    tuning: Tuning,
    elsewhere: Elsewhere = None,
    held_out: HeldOut = 0.2,
    as_json: AsJson = False,
) -> None:
    """Restore the calibration of a model on choices: calibrated fine-tuning, on the right letter alone."""
    _run("cft", tuning, as_json, model=model, log=str(log), out=out, elsewhere=elsewhere, held_out=held_out)


@command("rcft", train, makes=MADE)
def rcft_command(
    model: Model,
    log: QuestionFile,
    out: OutFolder,
    tuning: Tuning,
    elsewhere: Elsewhere = None,
    held_out: HeldOut = 0.2,
    weight: Annotated[
        float, typer.Option(min=0.0, help="Of the distance between confidence and accuracy.")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """The same beyond the accuracy up to which a model is calibrated: question and letter, and confidence pulled to
    the accuracy of its bin, which is found anew in each epoch."""
    _run(
        "rcft",
        tuning,
        as_json,
        model=model,
        log=str(log),
        out=out,
        elsewhere=elsewhere,
        held_out=held_out,
        weight=weight,
    )


@command("merge", train)
def merge_command(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for safetensors, or a file that ends in .gguf.")
    ],
    like: Annotated[
        Path | None,
        typer.Option(help="GGUF file of the same base model, whose vocabulary and settings are taken."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Merge what was learnt into the model's own weights, to be served: a folder of safetensors, or a GGUF file.

    A GGUF file takes all but its weights from one of the same base model; each tensor is held against the one there,
    so that none is put in a wrong place.
    """
    from calibrant.training.merging import merged

    made = merged(run, out, like=like)
    if as_json:
        print_json(made)
        return
    say(f"Written: {made['file']}, {made['tensors']} tensors, of {made['method']} on {made['model']}.")
    if made["method"] != "conftuner":
        return
    say("Serve it as the model that answers, or as a surrogate that scores another's answers:")
    say(
        f'  [peer]  kind = "embedded"  path = "{made["file"]}"'
        if out.suffix == ".gguf"
        else "  [peer]  url = ..."
    )
    say(f'  [confidence]  signals = ["confidence_token:scale={made["scale"]}:by=peer"]')


def _run(method: Method, tuning: Tuning, as_json: bool, *, out: Path, **asked: Any) -> None:
    from calibrant.training.runs import Asked, train
    from calibrant.training.settings import DEFAULTS

    stated = {one.name: value for one in fields(tuning) if (value := getattr(tuning, one.name)) is not None}
    wanted = Asked(method=method, settings=replace(DEFAULTS[method], **stated), **asked)
    with progress(as_json) as bar:
        task = bar.add_task("Training", total=None)

        def told(done: int, total: int, look: dict[str, Any] | None) -> None:
            bar.update(task, completed=done, total=total)
            if look is not None and not as_json:
                bar.console.print(f"step {done}: chosen by, loss {look['loss']:.4f}, ECE {look['ece']:.3f}")

        found: Run = train(wanted, out, told)
    if as_json:
        print_json(found.card)
        return
    for line in found.sentences:
        say(line)
    say(
        f"Written: {out / 'card.json'}, {out / 'adapter'}. Serve it: calibrant train merge {out} -o {out / 'merged'}"
    )
