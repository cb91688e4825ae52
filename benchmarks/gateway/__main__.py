"""CPU, latency, start and memory of the gateway, beside a bare proxy and LiteLLM's in the same run.

    python -m benchmarks.gateway [--quick] [--rounds 7] [--json FILE]

Upstream and servers are processes of their own on loopback, all there at the same time and loaded in turn; CPU time is
the server process's own, figures are medians over the rounds. On a machine with other work trust the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .load import CHAT, EMBEDDINGS, STREAM, Request, ask, keep_asking
from .processes import Server, ended_by_signals
from .served import bare, gateway, litellm, upstream

DELAY = 0.020
"""Seconds after which the slow upstream begins to answer."""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="where the figures are to be written")
    parser.add_argument("--quick", action="store_true", help="short rounds, without LiteLLM")
    return parser


def main() -> None:
    given = options().parse_args()
    ended_by_signals()
    rounds, seconds = (1, 0.3) if given.quick else (given.rounds, 1.5)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = asyncio.run(measured(stack, folder, rounds, seconds, quick=given.quick))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


async def measured(
    stack: ExitStack, folder: Path, rounds: int, seconds: float, *, quick: bool
) -> dict[str, Any]:
    fast, slow = stack.enter_context(upstream()), stack.enter_context(upstream(DELAY))
    least = stack.enter_context(bare(fast))
    plain = stack.enter_context(gateway(fast, folder / "plain", signals=False))
    whole = stack.enter_context(gateway(fast, folder / "whole"))
    found: dict[str, Any] = {"start_s": whole.start}
    kinds: list[tuple[str, Server, Request]] = [
        ("bare proxy", least, CHAT),
        ("gateway: no signal, recorded", plain, CHAT),
        ("gateway: whole path", whole, CHAT),
        ("bare proxy, streamed", least, STREAM),
        ("gateway: whole path, streamed", whole, STREAM),
    ]
    if (await ask(whole.port, EMBEDDINGS))[0] == 200:
        kinds[1:1] = [
            ("bare proxy, embeddings", least, EMBEDDINGS),
            ("gateway: embeddings", whole, EMBEDDINGS),
        ]
    if other := None if quick else rival(stack, fast, folder):
        kinds += [("LiteLLM", other, CHAT), ("LiteLLM, streamed", other, STREAM)]
    found["cpu"] = await cpu(kinds, rounds, seconds)
    found["memory_mb"] = {"gateway": whole.memory(), **({"LiteLLM": other.memory()} if other else {})}
    paced: list[tuple[str, Server]] = [
        ("upstream itself", slow),
        ("bare proxy", stack.enter_context(bare(slow))),
        ("gateway: whole path", stack.enter_context(gateway(slow, folder / "slow"))),
    ]
    found["latency"] = await latency(paced, rounds, seconds)
    print(f"start {whole.start:.2f} s, memory {found['memory_mb']['gateway']:.0f} MB after the load")
    return found


def rival(stack: ExitStack, fast: Server, folder: Path) -> Server | None:
    try:
        return stack.enter_context(litellm(fast, folder))
    except (OSError, SystemExit) as error:
        print(f"LiteLLM's proxy is left out: {error}")
        return None


async def cpu(
    kinds: list[tuple[str, Server, Request]], rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU per request, and how many times what the bare proxy used in the same round."""
    used: dict[str, list[float]] = {name: [] for name, _, _ in kinds}
    for _, server, request in kinds:
        await keep_asking(server.port, request, 0.3)
    for _ in range(rounds):
        for name, server, request in kinds:
            before = server.cpu()
            load = await keep_asking(server.port, request, seconds)
            used[name].append((server.cpu() - before) / len(load.whole) * 1e3)
    print(f"{'CPU per request':34} {'ms':>7} {'least':>7} {'x bare':>8}")
    found = {}
    for name, values in used.items():
        kind = f", {name.rpartition(' ')[2]}" if name.endswith(("streamed", "embeddings")) else ""
        least = used[f"bare proxy{kind}"]
        ratio = statistics.median(value / base for value, base in zip(values, least, strict=True))
        found[name] = {"ms": statistics.median(values), "least_ms": min(values), "times_bare": ratio}
        print(f"{name:34} {found[name]['ms']:7.3f} {min(values):7.3f} {ratio:8.2f}", flush=True)
    if "LiteLLM" in used:
        times = [a / b for a, b in zip(used["LiteLLM"], used["gateway: whole path"], strict=True)]
        found["LiteLLM"]["times_gateway"] = statistics.median(times)
        print(f"LiteLLM uses {statistics.median(times):.1f} times what the whole path does")
    return found


async def latency(paced: list[tuple[str, Server]], rounds: int, seconds: float) -> dict[str, Any]:
    """Milliseconds, p50 at 16 connections with pauses, so that none waits for the processor: whole, first token."""
    times: dict[str, dict[str, list[float]]] = {name: {"whole": [], "first": []} for name, _ in paced}
    for _ in range(rounds):
        for name, server in paced:
            times[name]["whole"] += (await keep_asking(server.port, CHAT, seconds, pace=0.1)).whole
            times[name]["first"] += (await keep_asking(server.port, STREAM, seconds, pace=0.2)).first
    print(f"{'p50 at an upstream of 20 ms':34} {'whole':>10} {'first streamed token':>22}   ms")
    found = {
        name: {kind: statistics.median(values) * 1e3 for kind, values in of.items()}
        for name, of in times.items()
    }
    for name, of in found.items():
        print(f"{name:34} {of['whole']:10.1f} {of['first']:22.1f}", flush=True)
    return found


if __name__ == "__main__":
    main()
