"""The result of a red team as a table for a page: what attacks do, what is missing, and what the map leaves of it.

python benchmarks/redteam_table.py redteam/redteam.json
python benchmarks/redteam_table.py --quick
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from calibrant.asking.asker import Asker
from calibrant.metrics import Estimate
from calibrant.phrasing.numbers import fixed, interval
from calibrant.plugins import find
from calibrant.redteaming.trial import redteam
from made import made_model

HARM = {"inflate": ("success", "wrong let through"), "deflate": ("held_back", "right held back")}


def estimate(told: dict[str, Any] | None) -> Estimate | None:
    """The estimate that a field of the result holds."""
    return None if told is None else Estimate(**told)


def share(told: dict[str, Any] | None) -> str:
    """A share in percent with its interval."""
    return interval(estimate(told), 0, scale=100)


def value(told: dict[str, Any] | None, *, scale: float = 1, digits: int = 2) -> str:
    """A value without its interval."""
    return fixed(None if told is None else scale * told["value"], digits)


def attacks(found: dict[str, Any], direction: str) -> None:
    """A row for each signal and attack of a direction, beside what it comes to behind the map."""
    measure, harm = HARM[direction]
    behind = {
        (one["signal"], one["attack"], one["kind"], one["direction"]): one[f"{measure}_attacked"]
        for one in found["findings"]
        if one["defence"] == "map"
    }
    print(
        f"\n| signal | attack | n | unread before / with / compared | change | {harm} % | with attack | map |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for one in found["findings"]:
        if one["defence"] != "none" or one["direction"] not in (direction, "either"):
            continue
        name = f"{one['attack']}{' by chance' if one['kind'] == 'chance' else ''}"
        unread = f"{one['missing_clean']} / {one['missing']} / {one['paired']}"
        print(
            f"| `{one['signal']}` | {name} | {one['n']} | {unread} | {value(one['change'])} | "
            f"{value(one[f'{measure}_clean'], scale=100, digits=0)} | {share(one[f'{measure}_attacked'])} | "
            f"{share(behind.get((one['signal'], one['attack'], one['kind'], one['direction'])))} |"
        )


def searches(found: dict[str, Any]) -> None:
    """A row for each search: its own best, what it comes to when measured anew, and what lies beyond chance."""
    print(
        "\n| search | pushes | answers looked at | lost meaning | its own best | measured anew | beyond chance |"
    )
    print("|---|---|---|---|---|---|---|")
    for one in found["searches"]:
        again, beyond = (interval(estimate(one[name]), 2) for name in ("again", "beyond_chance"))
        looked = f"{one['budget']} x {one['questions']}"
        print(
            f"| {one['attack']} | {one['direction']} | {looked} | {one['distorted']} | {fixed(one['own'], 2)} | "
            f"{again} | {beyond} |"
        )


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("result", nargs="?", type=Path, metavar="redteam.json")
    parser.add_argument("--quick", action="store_true", help="of twenty questions to a made-up model")
    return parser


async def made_result() -> dict[str, Any]:
    """What a red team finds at a made-up model."""
    questions = list(find("datasets", "world_facts")(per_domain=4).questions())[:20]
    asker = Asker(made_model(questions))
    signals = {"mean_logprob": find("signals", "mean_logprob")()}
    found = await redteam(
        questions, asker, signals, attacks=["authority_hint", "inflate_question"],
        grader=find("graders", "by_kind")(), judge="by_kind", budget=0,
    )  # fmt: skip
    await asker.close()
    return found.to_dict()


def main() -> None:
    """Print all tables that the result has rows for."""
    parser = options()
    given = parser.parse_args()
    if given.result is None and not given.quick:
        parser.error("name the redteam.json of a red team")
    found = json.loads(given.result.read_text()) if given.result else asyncio.run(made_result())
    right = "-" if found["accuracy"] is None else f"{100 * found['accuracy']:.0f} %"
    print(f"{found['model']}: right on {right}, {found['ungraded']} not graded, {found['cut']} cut off.")
    for direction in HARM:
        if any(one["direction"] in (direction, "either") for one in found["findings"]):
            attacks(found, direction)
    if found["searches"]:
        searches(found)


if __name__ == "__main__":
    main()
