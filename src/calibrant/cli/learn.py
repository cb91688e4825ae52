"""What verdicts teach: maps fitted anew, held against those in force, put in their place, taken back, and exported."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from calibrant.errors import Misuse
from calibrant.records.opening import without_password

from .options import AsJson, app, command
from .terminal import print_json, say

if TYPE_CHECKING:
    from calibrant.protocols import Store
    from calibrant.releases.release import Release

__all__ = ["learn"]

learn = typer.Typer(
    name="learn", help="What people's verdicts teach: refits, promotions, exports.", no_args_is_help=True
)
app.add_typer(learn)

StoreUrl = Annotated[
    str, typer.Argument(metavar="STORE", help="File of a store, or postgresql://user@host/name.")
]
OfTask = Annotated[str | None, typer.Option(help="Only this task.")]
ReleaseFile = Annotated[
    str | None,
    typer.Option(
        "--release",
        help="What answers now, where the store does not say: a gateway's TOML file, or a release's JSON.",
    ),
]
Why = Annotated[str, typer.Option(help="The reason, for the list of releases.")]


@command("refit", learn)
def refit_command(
    store: StoreUrl,
    task: OfTask = None,
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    release: ReleaseFile = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File for the maps that were fitted.")
    ] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Propose nothing in the store.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fit the maps anew on a store's verdicts, and propose them as challengers of those in force.

    Each verdict counts 1 / its propensity. A challenger takes no map's place before later verdicts prefer it, or
    somebody says so: calibrant learn promote.
    """
    from calibrant.learning.refitting import refit
    from calibrant.learning.telling import maps_in, sentences_of
    from calibrant.releases.release import Release, Way

    opened = _opened(store, readonly=dry)
    try:
        answering = _answering(opened, release)
        dry = dry or answering is None
        found = refit(opened, answering or Release(default=Way()), task=task, domain=domain)
        if not dry:
            now = time.time()
            opened.add([one.event(now) for one in found.proposals])
    finally:
        opened.close()
    if out is not None:
        maps_in(found).save(out)
    if as_json:
        print_json(found.to_dict() | {"proposed": not dry})
        return
    for line in sentences_of(found, proposed=not dry):
        say(line)
    if answering is None:
        say(f"Nothing was proposed in the store, for {UNKNOWN} Put the maps in its file: [confidence] maps.")
    if out is not None:
        say(f"Written: {out}.")


@command("promote", learn)
def promote_command(
    store: StoreUrl,
    proposal: Annotated[
        str | None, typer.Argument(help="Id of a proposal, or its beginning; all that are ready if left out.")
    ] = None,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Promote the one named, whatever the test says. Takes --why.")
    ] = False,
    careful: Annotated[
        bool,
        typer.Option(
            "--careful",
            help="Where an alarm is open and nothing is ready, put the lower of both maps in force.",
        ),
    ] = False,
    why: Why = "",
    release: ReleaseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put challengers in force that later verdicts found better; else say how many labels more it takes.

    The test may be looked at after every label, and finds a challenger better that is not with a chance of at most 5 %.
    Ends with status 3 where nothing was promoted.
    """
    from calibrant.learning.contests import contests
    from calibrant.learning.promoting import best, checked, put_in_force, to_be_careful_about

    from .options import FOUND

    if by_hand and not (proposal and why):
        raise Misuse(
            '--by-hand takes a proposal and the reason: calibrant learn promote STORE ID --by-hand --why "..."'
        )
    opened = _opened(store)
    try:
        fold, answering = contests(opened), _release(opened, store, release)
        asked = checked(fold, proposal)
        if by_hand:
            chosen = asked
        else:
            chosen = [one for one in best(fold) if one in asked]
        lower = careful and not chosen
        if lower:
            chosen = [one for one in to_be_careful_about(fold, answering) if one in asked]
        step = None
        if chosen:
            note = why or (
                "the lower of both while an alarm is open" if lower else "found better on later labels"
            )
            step = put_in_force(opened, answering, chosen, note=note, time=time.time(), careful=lower)
    finally:
        opened.close()
    if as_json:
        print_json(
            {"promoted": step and step.to_dict(), "contests": [one.to_dict() for one in fold.open.values()]}
        )
    else:
        for one in asked:
            say(one.sentence)
        if step is not None:
            say(f"Release {step.release.release_id} answers from now on: {note}.")
            for issued in step.reissued:
                say(issued.sentence)
        else:
            say("Nothing was promoted." if asked else "Nothing is proposed: calibrant learn refit STORE.")
    if step is None:
        raise typer.Exit(FOUND)


@command("certify", learn)
def certify_command(
    store: StoreUrl,
    task: OfTask = None,
    release: ReleaseFile = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Change nothing in the store.")] = False,
    as_json: AsJson = False,
) -> None:
    """Issue certificates anew where enough labels have come, and say how each stands and when it is looked at again.

    All that are ever issued for a group hold together with probability 1 - delta. While an alarm is open a certificate
    is out of force. A gateway does the same while it serves. Ends with status 3 where one is not in force.
    """
    from calibrant.learning.renewing import renew

    from .options import FOUND

    opened = _opened(store, readonly=dry)
    try:
        answering = _release(opened, store, release)
        found = renew(opened, answering, task=task, dry=dry)
    finally:
        opened.close()
    if as_json:
        print_json({**found.to_dict(), "changed": not dry and found.release is not answering})
    else:
        for line in found.sentences:
            say(line)
        if found.release is not answering:
            told = "would answer" if dry else "answers from now on"
            say(f"Release {found.release.release_id} {told}: {found.release.note}.")
    if not all(one.in_force for one in found.standings):
        raise typer.Exit(FOUND)


@command("rollback", learn)
def rollback_command(
    store: StoreUrl,
    to: Annotated[
        str | None, typer.Option(help="Id of a release that answered before; the one before if left out.")
    ] = None,
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Have the release answer again that did before, with its maps, thresholds and certificates as they were."""
    from calibrant.learning.deployed import roll_back

    if not why:
        raise Misuse('Say why, for those who look later: --why "..."')
    opened = _opened(store)
    try:
        before, now = roll_back(opened, to, why=why, time=time.time())
    finally:
        opened.close()
    if as_json:
        print_json({"release": now, "before": before})
    else:
        say(f"Release {now} answers from now on (before: {before}).")


@command("diff", learn)
def diff_command(
    first: Annotated[
        str, typer.Argument(help="Id of a release, a release's JSON, or a gateway's TOML file.")
    ],
    second: Annotated[str, typer.Argument(help="The other.")],
    store: Annotated[
        str | None, typer.Option(help="The store that knows the ids: a file, or postgresql://user@host/name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two releases part by part, maps, thresholds, policy, signals and prompts; equal parts are named too."""
    from calibrant.learning.differences import differences

    one, other = _named(first, store), _named(second, store)
    found = differences(one, other)
    if as_json:
        told = [part.to_dict() for part in found]
        print_json({"first": one.release_id, "second": other.release_id, "parts": told})
        return
    for part in found:
        if not part.same:
            say(part.sentence)
    same = [part.sentence.removesuffix(": the same") for part in found if part.same]
    say(f"The same: {'; '.join(same) or 'nothing'}.")


@command("export", learn)
def export_command(
    store: StoreUrl,
    to: Annotated[
        Literal["sft", "dpo", "kto", "conftuner", "table"], typer.Option(help="For what the rows are.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="File: .jsonl, of a table also .csv or .parquet.")],
    task: OfTask = None,
    split: Annotated[
        float | None,
        typer.Option(
            help="Share of the items for OUT.train; the others go to OUT.test, and none is in both."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write the answers that people judged as data to tune a model on, or as a table, with where each comes from.

    The same question, or one nearly the same, is never on both sides of a split. What waits for a person, was erased,
    or was judged by a user or a model alone is left out, and counted.
    """
    from calibrant.files.writing import check_writable, writing
    from calibrant.learning.exporting import COLUMNS, export
    from calibrant.logs.written import RowsFile

    kinds = (".jsonl", ".csv", ".parquet") if to == "table" else (".jsonl",)
    if out.suffix not in kinds:
        raise Misuse(f"Expected --out with one of {', '.join(kinds)} for {to}; got {out}.")
    files = {"all": out}
    if split is not None:
        files = {side: out.with_suffix(f".{side}{out.suffix}") for side in ("train", "test")}
    for path in files.values():
        check_writable(path)
    opened = _opened(store, readonly=True)
    try:
        found = export(opened, to, task=task, split=split, seed=seed)
    finally:
        opened.close()
    for side, path in files.items():
        with writing(path) as part, closing(RowsFile(part, COLUMNS, texts=TEXTS, numbers=NUMBERS)) as written:
            written.write(found.rows[side])
    if as_json:
        told = {side: {"file": str(path), "rows": found.counts[side]} for side, path in files.items()}
        print_json({"to": to, "files": told, "left": dict(found.left)})
        return
    for side, path in files.items():
        say(f"{found.counts[side]:,} rows for {to}: {path}")
    for why, n in found.left.items():
        say(f"  {n:,} left out: {why}.")


TEXTS = (
    "record_id", "verdict_id", "item", "task", "domain", "model", "question", "answer", "correction", "judge", "source",
    "reason", "release", "hash", "split",
)  # fmt: skip
NUMBERS = ("correct", "score", "p", "propensity", "weight", "time", "judged_at")


def _opened(store: str, *, readonly: bool = False) -> Store:
    from calibrant.records.opening import open_store

    open_store(store, readonly=True).close()  # it must be one, so that none is made by a slip of the pen
    return open_store(store, readonly=readonly)


UNKNOWN = "it does not say which release answers: no gateway has started on it, and none was promoted."


def _answering(opened: Store, named: str | None) -> Release | None:
    """What answers: as named, else as the store says; None where it does not."""
    from calibrant.learning.deployed import deployed

    return _of_file(named) if named is not None else deployed(opened)


def _release(opened: Store, store: str, named: str | None) -> Release:
    """What answers; raises `Misuse` where nobody says."""
    found = _answering(opened, named)
    if found is None:
        raise Misuse(f"Of the store {without_password(store)}: {UNKNOWN} Name it: --release calibrant.toml.")
    return found


def _of_file(name: str) -> Release:
    from calibrant.assembly.config import load
    from calibrant.releases.release import Release

    return load(name).release if name.endswith(".toml") else Release.load(name)


def _named(name: str, store: str | None) -> Release:
    from calibrant.learning.differences import release_of

    if name.endswith(".toml") or Path(name).exists():
        return _of_file(name)
    if store is None:
        raise Misuse(
            f"There is no file {name}. For the id of a release say which store knows it: --store FILE."
        )
    opened = _opened(store, readonly=True)
    try:
        found = release_of(opened, name)
    finally:
        opened.close()
    if found is None:
        shown = without_password(store)
        raise Misuse(f"{shown} knows no one release {name}. List them: calibrant releases list {shown}")
    return found
