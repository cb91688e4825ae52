"""Releases of the gateways that share a store: which one answers, and another in its place."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.errors import Misuse

from .options import AsJson, app, command
from .terminal import print_json, say

if TYPE_CHECKING:
    from calibrant.protocols import Store
    from calibrant.releases.release import Release

__all__ = ["releases"]

releases = typer.Typer(
    name="releases",
    help="What the gateways on one store answer by, and promoting another.",
    no_args_is_help=True,
)
app.add_typer(releases)


@command("promote", releases)
def promote_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A gateway's TOML file, a release's JSON, or the id of one that answered before.",
        ),
    ],
    store: Annotated[
        str | None,
        typer.Option(help="File of the store, or postgresql://user@host/name; of a TOML file its own."),
    ] = None,
    note: Annotated[str, typer.Option(help="Why, for the list.")] = "",
    as_json: AsJson = False,
) -> None:
    """Have all gateways on a store answer by a release, within two seconds and without a restart.

    A request is answered by one release, whole. From then on the release in the store goes before what the gateways'
    own files say of signals, maps, policies, routes and gates.
    """
    from calibrant.releases.promoting import promote

    release, opened = _named(file, store)
    try:
        done = promote(opened, release, note=note, time=time.time())
    finally:
        opened.close()
    id = done.release_id if done else release if isinstance(release, str) else release.release_id
    if as_json:
        print_json({"release": id, "promoted": done is not None})
    elif done is None:
        say(f"Release {id} answers already; nothing was changed.")
    else:
        say(f"Release {id} answers from now on.")


@command("list", releases)
def list_command(
    store: Annotated[
        str, typer.Argument(metavar="STORE", help="File of a store, or postgresql://user@host/name.")
    ],
    as_json: AsJson = False,
) -> None:
    """List the releases that were promoted in a store, the one that answers now first."""
    from calibrant.records.opening import open_store
    from calibrant.releases.promoting import promotions

    opened = open_store(store, readonly=True)
    try:
        found = list(promotions(opened))
    finally:
        opened.close()
    if as_json:
        told = [{"release": one.release_id, "time": one.time, "note": one.note} for one in found]
        print_json({"promotions": told})
        return
    if not found:
        say("No release was promoted here: each gateway answers by its own file.")
    for one in found:
        at = datetime.fromtimestamp(one.time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        now = "  answers now" if one is found[0] else ""
        say(f"{one.release_id}  {at}{now}{f'  {one.note}' if one.note else ''}")


def _named(file: str, store: str | None) -> tuple[Release | str, Store]:
    """The release, or the id of one, and the store, opened."""
    from calibrant.assembly.building import built
    from calibrant.assembly.config import load
    from calibrant.records.opening import open_store
    from calibrant.releases.live import Parts, made
    from calibrant.releases.release import Release

    if file.endswith(".toml"):
        config = load(file)
        built(config)  # so that what cannot be served is not promoted
        parts = Parts(folder=config.folder)
        return config.release, open_store(store) if store else made("stores", config.store, "[store]", parts)
    if store is None:
        raise Misuse("Say which store the gateways share: --store FILE, or --store postgresql://...")
    if not Path(store).exists() and "://" not in store:
        raise Misuse(f"There is no store {store}. Name the one that the gateways share.")
    return Release.load(file) if Path(file).exists() else file, open_store(store)
