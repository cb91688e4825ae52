"""A server of the Model Context Protocol: an assistant asks with confidence, and audits logs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant.errors import CalibrantError, Misuse, ModelError, UnusableInput
from calibrant.plugins import require

if TYPE_CHECKING:
    from calibrant.pipeline import Pipeline

__all__ = ["Asks", "by_gateway", "by_pipeline", "found_in", "serve", "server_of"]

Asks = Callable[[str, str | None, str | None], Awaitable[dict[str, Any]]]
"""Takes a question, its task and its domain; gives the answer, as far as it may be given, and its confidence."""

TOLD = """calibrant says how likely an answer of a language model is right. `ask` answers a question; act on \
`confidence.action`: "answer" may be used as it is, "disclaim" with `confidence.said` beside it, "review" and \
"hand_off" need a person first. A probability of null means that nothing is known, for the reason given. `audit` \
measures a log of answers that have a confidence and a verdict."""

PATIENCE = 600.0
"""Seconds after which a gateway's answer is waited for no longer."""


def server_of(asks: Asks | None, logs: Path) -> Any:
    """The server, an `mcp.server.MCPServer`: with a tool "ask" where somebody `asks`, and "audit" of what is in `logs`.

    What goes wrong on purpose reaches the assistant as the sentence that it is; of anything else it learns nothing.
    """
    kind = require("mcp.server", "An MCP server", "mcp").MCPServer
    failed = require("mcp.server.mcpserver.exceptions", "An MCP server", "mcp").ToolError
    made = kind("calibrant", instructions=TOLD, log_level="WARNING")

    async def ask(question: str, task: str | None = None, domain: str | None = None) -> dict[str, Any]:
        """Ask the model a question.

        Gives the answer with its calibrated probability of being right (confidence.p, between low and high) and what
        to do with it (confidence.action, confidence.why). `task` and `domain` say what kind of question it is.
        """
        try:
            assert asks is not None
            return await asks(question, task or None, domain or None)
        except CalibrantError as error:
            raise failed(str(error)) from error

    async def audit(
        log: str, by: list[str] | None = None, fail_if: list[str] | None = None
    ) -> dict[str, Any]:
        """Measure how far the confidence in a log can be trusted.

        `log` is a CSV, Parquet or JSONL file with a column of confidences and one of right or wrong; `by` names columns
        to part it by; `fail_if` holds conditions such as "abs(gap)>0.05", each found, not shown or ruled out by its
        interval. Gives sentences for people, and all measures of each group with intervals.
        """
        try:
            return await asyncio.to_thread(_audited, found_in(logs, log), by or [], fail_if or [])
        except (CalibrantError, OSError) as error:
            raise failed(str(error)) from error

    if asks is not None:
        made.tool()(ask)
    made.tool()(audit)
    return made


def found_in(folder: Path, log: str) -> str:
    """The path of a log in a folder; raises `Misuse` for what lies elsewhere, since an assistant chooses it.

    >>> found_in(Path("."), "../secrets.csv")
    Traceback (most recent call last):
    calibrant.errors.Misuse: Expected a log in ..., got '../secrets.csv'. Start `calibrant mcp --logs FOLDER` ...
    """
    root = folder.resolve()
    name, mark, part = log.partition("#")
    whole = root / name
    there = list(root.glob(name)) if "*" in name and not Path(name).is_absolute() else []
    inside = all(one.resolve().is_relative_to(root) for one in (*there, whole))
    if "://" in log or ".." in Path(name).parts or not inside:
        raise Misuse(
            f"Expected a log in {root}, got {log!r}. Start `calibrant mcp --logs FOLDER` for those of another folder."
        )
    return f"{whole}{mark}{part}" if whole.exists() or there or log != "sample" else log


def _audited(log: str, by: list[str], fail_if: list[str]) -> dict[str, Any]:
    from calibrant.auditing import audit

    found = audit(log, by)
    said = [one.to_dict() for one in found.judged(fail_if)]
    sentences = [*([found.many_told] if found.many_told else []), *(group.sentence for group in found.groups)]
    return {"says": sentences, **found.to_dict(), **({"conditions": said} if said else {})}


def by_gateway(url: str, key: str | None = None, model: str = "calibrant") -> Asks:
    """Asks the gateway at a URL such as http://localhost:8080/v1; what it holds stays held."""
    http = require("aiohttp", "Asking a gateway", "mcp")
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    async def asks(question: str, task: str | None, domain: str | None) -> dict[str, Any]:
        known = {name: value for name, value in (("task", task), ("domain", domain)) if value}
        body = {"model": model, "messages": [{"role": "user", "content": question}], "metadata": known}
        timeout = http.ClientTimeout(total=PATIENCE)
        try:
            async with (
                http.ClientSession(headers=headers, timeout=timeout) as session,
                session.post(f"{url.rstrip('/')}/chat/completions", json=body) as response,
            ):
                said = await response.json(content_type=None)
        except (http.ClientError, ValueError, TimeoutError) as error:
            raise ModelError(
                f"No gateway answers at {url} ({type(error).__name__}). Start it: calibrant serve CONFIG"
            ) from error
        if not isinstance(said, dict) or "confidence" not in said:
            told = said.get("error", {}) if isinstance(said, dict) else {}
            raise ModelError(
                str(told.get("message") or f"What answers at {url} is no gateway: it gave no confidence.")
            )
        return {"answer": said["choices"][0]["message"]["content"], "confidence": said["confidence"]}

    return asks


def by_pipeline(pipeline: Pipeline, usual: Mapping[str, str | None]) -> Asks:
    """Asks the models of a configuration in this process; each answer has its record in the store.

    `usual` are the task and domain of questions that state none.
    """
    from calibrant.gateway.asking import asked_of
    from calibrant.gateway.given import given
    from calibrant.types import Ask, Message

    async def asks(question: str, task: str | None, domain: str | None) -> dict[str, Any]:
        if not question.strip():
            raise UnusableInput("The question is blank. Expected something to ask.")
        known = {"task": task or usual["task"], "domain": domain or usual["domain"]}
        put, ask = asked_of(Ask(messages=(Message("user", question),)), known, {})
        way = pipeline.way(put.task)
        told = given(await pipeline.answer(put, ask, way=way), hold=way.hold, book=way.book)
        return {"answer": told.completion.text, "confidence": told.confidence}

    return asks


@asynccontextmanager
async def _asking(
    config: Path | None, url: str | None, key: str | None, model: str
) -> AsyncIterator[Asks | None]:
    """Whoever is asked, for as long as the server runs."""
    if config is None:
        yield None if url is None else by_gateway(url, key, model)
        return
    from calibrant.assembly.building import build
    from calibrant.assembly.config import load

    read = load(config)
    pipeline = build(read)
    try:
        yield by_pipeline(pipeline, {"task": read.server.task, "domain": read.server.domain})
    finally:
        await pipeline.close()


async def serve(
    config: Path | None,
    logs: Path,
    *,
    url: str | None = None,
    key: str | None = None,
    model: str = "calibrant",
) -> None:
    """Serve on standard input and output until the client leaves.

    Asked is the gateway at `url`, or the models of a configuration; with neither there is only the tool "audit".
    """
    async with _asking(config, url, key, model) as asks:
        await server_of(asks, logs).run_stdio_async()
