"""How often a second look takes an answer that is no likelier than the first, and how often one that is.

    python benchmarks/second_looks.py [--looks 1000] [--quick]
    python benchmarks/second_looks.py --log FILE.jsonl [--url URL --model NAME] [--questions 32]

With `--log` a real model (the embedded one without a url) answers questions of `world_facts`, and each is looked at
again: a row each, of which `calibrant plan correction FILE.jsonl` says whether that pays. Confidences are raw shares of
four samples. Calls are kept in FILE.jsonl.calls.

Else the route `self_correction` itself, by `self_consistency`, on a made-up model: its answers are drawn from a known
distribution, so which of two is likelier is known. Three ways of reading an alternative are compared on the same
worlds: by samples of which one is its own ("its own vote"), by as many others, among which the first answer stands in
the place of its own ("exchanged": `chance=1`), and with fresh samples to bear out the one that was picked
(`chance=0.1`, as the route does). Shares are of the answers that were looked at again, with exact 95 % intervals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import calibrant
from calibrant.asking.asker import Asker
from calibrant.asking.assessing import Assessor
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.maps.curves import rate_interval
from calibrant.models.embedded import Embedded
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.models.scripted import Scripted
from calibrant.planning.corrections import look as look_at
from calibrant.plans.corrections import accepted
from calibrant.plugins import find
from calibrant.routes.self_correction import SelfCorrection
from calibrant.types import Ask, Message, Question
from made import made_model

MARGIN, CHANCE = 0.1, 0.1
NAMES = [
    "Almaty",
    "Astana",
    "Shymkent",
    "Karaganda",
    "Taraz",
    "Pavlodar",
    "Aktobe",
    "Oral",
    "Semey",
    "Kokshetau",
]
MESSAGES = (Message("user", "The capital of Kazakhstan?"),)


@dataclass(frozen=True)
class World:
    """What the model says: `often` are the probabilities of its answers, the first of them the first answer.

    Where `drawn`, the first answer is drawn like the others, so that nothing tells it apart from them.
    """

    name: str
    often: tuple[float, ...]
    drawn: bool = False

    @property
    def null(self) -> bool:
        """Whether no answer is likelier than the first."""
        return self.drawn or max(self.often) <= self.often[0]


WORLDS = (
    World("ten names, all as likely", (0.1,) * 10, drawn=True),
    World("three names, all as likely", (1 / 3,) * 3, drawn=True),
    World("two names, both as likely", (0.5, 0.5), drawn=True),
    World("the first is the likeliest", (0.4, 0.2, 0.2, 0.2)),
    World("another is twice as likely", (0.2, 0.4, 0.2, 0.2)),
    World("another is likelier by far", (0.1, 0.8, 0.1)),
)


@dataclass
class Speaker:
    """The made-up model."""

    world: World
    rng: np.random.Generator
    samples: list[str] = field(default_factory=list)

    def __call__(self, ask: Ask) -> str | list[str]:
        if ask.samples > 1 or ask.temperature:
            drawn = [self.draw() for _ in range(ask.samples)]
            self.samples = self.samples or drawn
            return drawn
        if ask.messages[0].content.startswith("You judge"):
            return "Was it moved?"
        again = len(ask.messages) > 1
        return self.draw() if again or self.world.drawn else NAMES[0]

    def draw(self) -> str:
        return NAMES[self.rng.choice(len(self.world.often), p=self.world.often)]


def assessor_of(model: Any, samples: int, fitted: CalibrationMap) -> Assessor:
    signals = {"self_consistency": find("signals", "self_consistency")(samples=samples)}
    return Assessor(model=model, signals=signals, maps=MapSet(by=(), groups=(((), fitted),)))


def look(world: World, samples: int, chance: float, fitted: CalibrationMap, seed: int) -> dict[str, Any]:
    """One question: whether it was looked at again, what was taken, and what the samples were."""
    speaker = Speaker(world, np.random.default_rng(seed))
    model = Scripted(speaker)
    route = SelfCorrection(
        model=model,
        assessor=assessor_of(model, samples, fitted),
        margin=MARGIN,
        chance=chance,
        alternatives=samples,
    )
    got = asyncio.run(route.answer(Question(id="q", messages=MESSAGES), Ask(messages=MESSAGES), frozenset()))
    names = [step.name for step in got.steps]
    first = got.steps[0].detail["first_answer"]
    return {
        "looked": "doubt" in names, "taken": "accept" in names, "samples": speaker.samples[:samples],
        "first": first, "answer": got.completion.text, "calls": model.calls,
    }  # fmt: skip


def own_vote(seen: dict[str, Any], fitted: CalibrationMap) -> str | None:
    """What would be taken were an alternative read by samples of which one is its own."""
    said, n = Counter(seen["samples"]), len(seen["samples"])
    before = float(fitted([said[seen["first"]] / n])[0])
    others = {name: float(fitted([k / n])[0]) for name, k in said.items() if name != seen["first"]}
    best = max(others, key=lambda name: (others[name], name), default=None)
    return best if best is not None and accepted(before, others[best], MARGIN) else None


def counts(world: World, took: str | None, first: str) -> bool:
    """Whether what was taken counts: any other answer where none is likelier, else the likeliest."""
    return took not in (None, first) if world.null else took == NAMES[1]


def share(part: int, whole: int) -> str:
    low, high = rate_interval(np.array([float(part)]), np.array([float(whole)]))
    return f"{part / whole:.3f} ({low[0]:.3f} to {high[0]:.3f})" if whole else "none looked at"


def rows(looks: int, fitted: CalibrationMap) -> list[list[str]]:
    found = []
    for world in WORLDS:
        for samples in (4, 8):
            exchanged, fresh = (
                [look(world, samples, chance, fitted, seed) for seed in range(looks)]
                for chance in (1.0, CHANCE)
            )
            looked = [one for one in exchanged if one["looked"]]
            voted = sum(counts(world, own_vote(one, fitted), one["first"]) for one in looked)
            taken = [
                sum(one["taken"] and counts(world, one["answer"], one["first"]) for one in way)
                for way in (exchanged, fresh)
            ]
            calls = np.mean([one["calls"] for one in fresh]) - np.mean([one["calls"] for one in exchanged])
            what = "no likelier one" if world.null else "the likeliest one"
            found.append([
                world.name, str(samples), what, *(share(n, len(looked)) for n in (voted, *taken)), f"{calls:+.2f}",
            ])  # fmt: skip
    return found


async def logged(given: argparse.Namespace, fitted: CalibrationMap) -> None:
    """Answer questions, look at each again, and write what came of both."""
    server = given.url and OpenAICompatible(given.url, given.model, timeout=600.0)
    questions = list(find("datasets", "world_facts")().questions())
    model: Any = server or (made_model(questions) if given.quick else Embedded(threads=1))
    asker = Asker(model, concurrency=2, call_log=f"{given.log}.calls")
    route = SelfCorrection(model=model, assessor=assessor_of(model, 4, fitted), asker=asker, seconds=1e9)
    chosen = np.random.default_rng(0).permutation(len(questions))[: given.questions]
    rows, grader = [], find("graders", "by_kind")()
    try:
        for i in chosen:
            one = await look_at(questions[i], route, grader)
            if isinstance(one, str):
                print(f"{questions[i].id}: {one}", file=sys.stderr)
                continue
            rows.append({
                "item_id": one.item, "first_p": one.first, "first_correct": one.grade, "second_p": one.revised,
                "second_correct": one.revised_grade, "accepted": 0, "again_correct": one.again,
                "second_calls": one.calls, "second_tokens": one.tokens,
            })  # fmt: skip
            print(f"{len(rows)} of {len(chosen)}", file=sys.stderr, flush=True)
    finally:
        await asker.close()
        await model.close()
    Path(given.log).write_text("".join(json.dumps(row) + "\n" for row in rows))
    used = asker.spending
    print(f"{len(rows)} questions; {used.calls} calls and {used.tokens} tokens in this run.")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--looks", type=int, default=1000)
    parser.add_argument("--log")
    parser.add_argument("--url")
    parser.add_argument("--model", default="model")
    parser.add_argument("--questions", type=int, default=32)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="ten looks in each world, eight questions to a made-up model",
    )
    return parser


def main() -> None:
    given = options().parse_args()
    scores = np.repeat(np.linspace(0, 1, 9), 400)
    right = (np.tile(np.arange(400), 9) / 400 < scores).astype(float)
    fitted = calibrant.fit(scores, right, calibrator="isotonic").map
    if given.quick:
        given.looks, given.questions = 10, 8
        with tempfile.TemporaryDirectory() as folder:
            given.log = f"{folder}/looks.jsonl"
            asyncio.run(logged(given, fitted))
    elif given.log:
        asyncio.run(logged(given, fitted))
        return
    print("| the model says | samples | taken | its own vote | exchanged | and fresh samples | calls more |")
    print("|---|---|---|---|---|---|---|")
    for row in rows(given.looks, fitted):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
