"""Before a gateway serves: its file, its keys, and whether all of it works."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from calibrant.errors import Misuse, ModelError, UnusableInput

from .options import FOUND, AsJson, command
from .terminal import err, print_json, say

FILE = "calibrant.toml"


@command("init")
def init_command(
    file: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write; one that is there stays.")
    ] = Path(FILE),
    url: Annotated[
        str | None, typer.Option(help="Base URL of the model's server, or embedded.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model's name on that server.", show_default=False)
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="Where records are kept: a file, or postgresql://...", show_default=False),
    ] = None,
    key_env: Annotated[
        str | None, typer.Option(help="The environment variable that holds the key of the model's server.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is usual.")] = False,
) -> None:
    """Write a first configuration of the gateway: three questions, or none with the options."""
    from calibrant.assembly.config import is_set, secret
    from calibrant.assembly.initial import EMBEDDED, Wishes, address_of, initial, usual_key

    if file.exists():
        raise UnusableInput(
            f"{file} is there already, and stays as it is. Name another: calibrant init -o FILE."
        )
    asks = not yes and None in (url, model, store)
    if asks and not sys.stdin.isatty():
        raise Misuse(
            "Nobody is there to be asked. Say --url, --model and --store, or --yes for what is usual."
        )
    at = address_of(
        url or (_answer("Where is the model? A URL, or embedded", "http://localhost:8000/v1", asks))
    )
    usual = usual_key(at)
    key_env = key_env or (usual if usual and is_set(usual) else None)
    if at == EMBEDDED:
        model = model or EMBEDDED
    if model is None:
        key = secret(f"env:{key_env}", "--key-env") if key_env and is_set(key_env) else None
        model = _model_at(at, key, asks)
    store = store or _answer("Where are records kept?", "calibrant.db", asks)
    text = initial(Wishes(url=at, model=model, store=store, key_env=key_env))
    _write_new(file, text)
    say(f"{file} is written. Its comments say what else can stand there.")
    if usual and not key_env:
        err.print(
            f'{at} probably wants a key: export {usual}=..., and say api_key = "env:{usual}" under [model].'
        )
    elif key_env and not is_set(key_env):
        err.print(f"{key_env} is not set yet: export {key_env}=...")
    say("")
    say("Next:")
    say(f"  calibrant doctor {quote(str(file))}")
    say(f"  calibrant serve {quote(str(file))}")


def _answer(question: str, usual: str, asks: bool) -> str:
    return str(typer.prompt(question, default=usual, err=True)) if asks else usual


def _model_at(url: str, key: str | None, asks: bool) -> str:
    """The model that is named, or the only one that the server has."""
    import asyncio

    from calibrant.http.hello import hello

    try:
        listed = asyncio.run(hello(url, key)).models
    except ModelError as error:
        listed = ()
        err.print(f"{error}")
    if not asks:
        if len(listed) == 1:
            return listed[0]
        has = f"It has {', '.join(listed[:10])}." if listed else "It lists none."
        raise Misuse(f"Which model of {url}? {has} Say --model NAME.")
    if listed:
        err.print(f"{url} has {', '.join(listed[:20])}{' and more' if len(listed) > 20 else ''}.")
    given: str = typer.prompt("Which model?", default=listed[0] if listed else None, err=True)
    return given


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(text)
    except FileExistsError as error:
        raise UnusableInput(f"{file} is there already, and stays as it is.") from error


@command("key")
def key_command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Whose key it is: a team, a program.")
    ] = "client",
) -> None:
    """Make a random key for clients of the gateway. It is shown once; the configuration holds its hash."""
    import json
    import re

    from calibrant.assembly.keys import hash_of, new_key

    key = new_key()
    shown = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    say(f"{key}")
    err.print("This is shown once: give it to whoever asks, as their API key. In the configuration stands:")
    say("")
    say(f"[keys.{shown}]")
    say(f'hash = "{hash_of(key)}"')
    say('roles = ["client"]  # or "reviewer", "admin"')


@command("doctor")
def doctor_command(
    config: Annotated[Path, typer.Argument(metavar="FILE", help="The gateway's TOML file.")],
    as_json: AsJson = False,
) -> None:
    """Prove a gateway's file: ask every model, write to the store, hold maps against both, and say what answers cost.

    Ends with status 3 where something would not work.
    """
    import asyncio

    from calibrant.assembly.config import load
    from calibrant.doctor.diagnosing import diagnose

    found = asyncio.run(diagnose(load(config)))
    if as_json:
        print_json(found.to_dict())
    else:
        from .tables.doctor import print_diagnosis

        print_diagnosis(found, config)
    if found.worst == "fail":
        raise typer.Exit(FOUND)
