"""A server for assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrant.errors import Misuse

from .options import command


@command("mcp")
def mcp_command(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="A gateway's file, whose models are asked.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Ask a running gateway instead, such as http://localhost:8080/v1.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="env:NAME: where the key of that gateway is.")] = None,
    model: Annotated[str, typer.Option(help="What is asked of that gateway.")] = "calibrant",
    logs: Annotated[Path, typer.Option(help="Folder of the logs that may be audited.")] = Path("."),
) -> None:
    """Let an assistant ask with confidence and audit logs, by the Model Context Protocol on standard input and output.

    Takes the extra `mcp`. Without a file and a gateway it only audits.
    """
    import asyncio

    from calibrant.assembly.config import secret
    from calibrant.integrations.mcp import serve

    if config is not None and url is not None:
        raise Misuse(
            "Expected a gateway's file or --url, not both: the models of the file, or a running gateway."
        )
    if url is None and api_key is not None:
        raise Misuse("--api-key is for the gateway at --url, which is not given.")
    if not logs.is_dir():
        raise Misuse(f"Expected --logs a folder, got {logs}.")
    asyncio.run(serve(config, logs, url=url, key=secret(api_key, "--api-key"), model=model))
