"""The gateway and the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.plugins import require

from .options import AsJson, command
from .terminal import print_json, print_next, progress, say

if TYPE_CHECKING:
    from calibrant.assembly.config import Config


@command("serve")
def serve_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file; see the documentation.")],
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only say whether the file can be served, and what is to be known of it."
        ),
    ] = False,
) -> None:
    """Serve an OpenAI-compatible endpoint whose answers carry their calibrated confidence.

    What the file says later on is served from then on, without a request being dropped.
    """
    if check:
        from calibrant.assembly.config import load

        _check(load(config))
        return
    require("starlette", "The gateway", "gateway")
    from calibrant.gateway.server import serve

    serve(config)


def _check(config: Config) -> None:
    from calibrant.assembly.building import built

    for note in built(config)[2]:
        say(note)
    say(f"The configuration can be served; its release is {config.release.release_id}.")


@command("demo", makes=("answers.jsonl", "maps.json", "report.html", "desk.toml"))
def demo_command(
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the log, the maps and the report.")
    ] = Path("demo"),
    limit: Annotated[int, typer.Option(min=40, max=300, help="Ask so many of the 300 questions.")] = 240,
    as_json: AsJson = False,
) -> None:
    """Ask the embedded model a few hundred facts, calibrate on half and show the other; then a made-up desk's year."""
    import time

    for module in (
        "sqlalchemy",
        "xllamacpp",
        "altair",
        "starlette",
    ):  # one error that names all that it needs
        require(module, "The demonstration", "cli,embedded,report,gateway")
    from calibrant.demo import demo
    from calibrant.demo.year import year
    from calibrant.looking.following import after_demo

    from .tables.demonstrations import print_demo, print_first, print_year

    with progress(as_json) as bar:
        task = bar.add_task("asking the embedded model", total=None)
        found = demo(
            folder, limit=limit, progress=lambda n, of: bar.update(task, completed=n, total=of),
            first=lambda _: None if as_json else print_first(_),
        )  # fmt: skip
    steps = after_demo(str(found.log))
    if not as_json:
        print_demo(found)
    with progress(as_json) as bar:
        task = bar.add_task("a year of a made-up support desk", total=None)
        desk = year(folder, now=time.time(), progress=lambda n, of: bar.update(task, completed=n, total=of))
    if as_json:
        print_json({**found.to_dict(), "desk": desk.to_dict(), "next": [step.to_dict() for step in steps]})
        return
    print_year(desk)
    print_next(steps)
