"""Does a second look help? The self-correction loop on a real model, with what it mends, spoils and costs.

    python benchmarks/self_correction.py --folder FOLDER [--model FILE.gguf] [--per-domain 50] [--threads 1]
    python benchmarks/self_correction.py --quick

The embedded model (or any GGUF file) answers the questions of `world_facts`; every answer is looked at again, so that
any rule can be judged. The questions are parted in halves by country. One half fits the map of first answers,
chooses the margin and fits the map of accepted revisions (all cross-fitted within it); the other half reports; then
they change places, and both reports are put together. At last the route itself answers each half with the
maps of the other. Every call is kept in FOLDER/calls, so that a run goes on where it was stopped; the figures go to
FOLDER/self_correction.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calibrant import Tally, metrics
from calibrant.asking.asker import Asker
from calibrant.asking.assessing import Assessor, fingerprint
from calibrant.dialogue.asks import answer_ask, carrying, sample_ask
from calibrant.maps.calibration import MapSet
from calibrant.models.embedded import Embedded
from calibrant.plugins import find
from calibrant.records.calls import CallLog
from calibrant.releases.parts import signals_named
from calibrant.routes.self_correction import Candidate, SelfCorrection, Tried
from calibrant.routing.corrections import Attempt, Rule, choose_margin, fit_revised, outcome
from calibrant.types import Ask, Question, Replies
from made import made_model

SIGNALS = "mean_logprob,self_consistency:samples=8"
SAMPLES = 8
NO_MAPS = MapSet(by=(), groups=())
FOLDS = 5


class Counted(Asker):
    """An asker that counts what its answers took, those from the call log too."""

    calls = tokens = 0

    async def ask(self, ask: Ask) -> Replies:
        replies = await super().ask(ask)
        self.calls += 1
        self.tokens += sum(c.usage.prompt_tokens + c.usage.completion_tokens for c in replies.completions)
        return replies


@dataclass
class Seen:
    """A question, its first answer, the second look, and what each took."""

    question: Question
    first: Candidate
    tried: Tried
    grade: float
    again: float | None
    base: tuple[int, int]
    extra: tuple[int, int]

    @property
    def cluster(self) -> str:
        return self.question.id.partition("-")[2]


async def look(question: Question, model: Any, log: Any, grader: Any) -> Seen | None:
    """Answer and look again, through an asker of the question's own in front of the common log."""
    asker = Counted(model, concurrency=4, call_log=log)
    assessor = Assessor(model=model, signals=signals_named(SIGNALS), maps=NO_MAPS)
    route = SelfCorrection(model=model, assessor=assessor, alternatives=SAMPLES, asker=asker)
    ask = carrying(answer_ask(question, assessor.signals.values()), frozenset({"logprobs"}))
    first, _ = await route.first(question, ask, asker)
    # The samples are asked for by the signal and as alternatives, and drawn once.
    drawn = await Asker.ask(asker, sample_ask(question, SAMPLES, temperature=1.0, logprobs=True))
    shared = sum(c.usage.prompt_tokens + c.usage.completion_tokens for c in drawn.completions)
    base = (asker.calls - 1, asker.tokens - shared)
    asker.calls = asker.tokens = 0
    tried = await route.look_again(question, ask, first, asker)
    again = None if tried.again is None else grader.grade(question, tried.again)
    extra = (2, asker.tokens - shared * (1 + len(tried.candidates)))
    return Seen(question, first, tried, grader.grade(question, first.completion), again, base, extra)


async def collect(asked: list[Question], model: Any, calls: Path, grader: Any) -> list[Seen]:
    log, gate, done, began = CallLog(calls), asyncio.Semaphore(3), 0, time.time()

    async def one(question: Question) -> Seen | None:
        nonlocal done
        async with gate:
            seen = await look(question, model, log, grader)
        done += 1
        if done % 10 == 0:
            left = (time.time() - began) / done * (len(asked) - done) / 60
            print(f"{done} of {len(asked)}, about {left:.0f} min left", file=sys.stderr, flush=True)
        return seen

    return [seen for seen in await asyncio.gather(*map(one, asked)) if seen is not None]


def scores(candidates: list[Candidate]) -> dict[str, np.ndarray]:
    names = [reading.signal for reading in candidates[0].readings]
    return {
        name: np.array([np.nan if (s := c.readings[i].score) is None else s for c in candidates], float)
        for i, name in enumerate(names)
    }


def blend(seen: list[Seen]) -> Any:
    """The map of first answers, bound to how the signals were asked."""
    made = find("calibrators", "blend")().fit_rows(
        scores([s.first for s in seen]), [s.grade for s in seen], None, [s.cluster for s in seen]
    )
    one = seen[0]
    marks = {r.signal: fingerprint(one.question, one.first.completion, r) for r in one.first.readings}
    mark = replace(next(iter(marks.values())), signal=None, prompt=None, parameters=None, domain=None)
    return made.bound_to(mark, marks)


def attempts(seen: list[Seen], made: Any, grader: Any, only_again: bool = False) -> list[Attempt]:
    """The rows that rules are judged on, by a map that had not seen them."""
    rows = []
    firsts = made(scores([s.first for s in seen]))
    for s, p in zip(seen, firsts, strict=True):
        others = list(s.tried.candidates)
        if only_again:
            others = [c for c in others if s.tried.again and c.completion.text == s.tried.again.text]
        claimed = made(scores(others)) if others else np.zeros(0)
        best = int(np.nanargmax(claimed)) if len(claimed) and not np.isnan(claimed).all() else None
        rows.append(
            Attempt(
                item=s.question.id,
                first=None if np.isnan(p) else float(p),
                grade=s.grade,
                revised=None if best is None else float(claimed[best]),
                revised_grade=None if best is None else grader.grade(s.question, others[best].completion),
                again=s.again,
                calls=s.extra[0],
                tokens=s.extra[1],
                cluster=s.cluster,
            )
        )
    return rows


def cross_fitted(seen: list[Seen], grader: Any, only_again: bool = False) -> list[Attempt]:
    codes = np.unique([s.cluster for s in seen], return_inverse=True)[1]
    fold = (np.random.default_rng(1).permutation(codes.max() + 1) % FOLDS)[codes]
    rows: list[Attempt] = []
    for f in range(FOLDS):
        made = blend([s for s, at in zip(seen, fold, strict=True) if at != f])
        rows += attempts([s for s, at in zip(seen, fold, strict=True) if at == f], made, grader, only_again)
    return rows


def calibration(p: list[float], grade: list[float], cluster: list[str]) -> dict[str, Any]:
    tally = Tally.of(p, grade, None, cluster)
    gap = metrics.gap(tally)
    return {
        "n": tally.rows, "right": tally.accuracy, "claimed": tally.mean_confidence,
        "gap": [gap.value, gap.low, gap.high], "ece": metrics.ece(tally, 10), "floor": metrics.noise_floor(tally, 10),
        "brier": metrics.brier(tally), "auroc": metrics.auroc(tally),
    }  # fmt: skip


async def live(half: list[Seen], calls: Any, model: Any, grader: Any, route_of: Any) -> list[dict[str, Any]]:
    """The route itself on a reporting half, its calls from the log."""
    rows = []
    for s in half:
        route = route_of(Counted(model, concurrency=4, call_log=calls))
        ask = answer_ask(s.question, route.assessor.signals.values())
        got = await route.answer(s.question, ask, frozenset())
        names = [step.name for step in got.steps]
        rows.append(
            {
                "p": got.confidence.p, "grade": grader.grade(s.question, got.completion), "was": s.grade,
                "cluster": s.cluster,
                "kind": "accepted" if "accept" in names else "kept" if "revise" in names else "sure",
            }
        )  # fmt: skip
    return rows


def summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    parts = {"all": rows} | {k: [r for r in rows if r["kind"] == k] for k in ("accepted", "kept", "sure")}
    return {
        "mended": sum(r["grade"] > r["was"] for r in rows), "spoiled": sum(r["grade"] < r["was"] for r in rows),
        "calibration": {
            name: calibration([r["p"] for r in part], [r["grade"] for r in part], [r["cluster"] for r in part])
            for name, part in parts.items()
            if len(part) > 1
        },
    }  # fmt: skip


def voted(seen: list[Seen], grader: Any) -> list[Attempt]:
    """What the samples alone would answer: the answer said most often among the first and its samples."""
    rows = []
    for s in seen:
        detail = next(r.detail for r in s.first.readings if r.signal == "self_consistency")
        said = replace(s.first.completion, text=str(detail.get("best", s.first.completion.text)))
        again = grader.grade(s.question, said)
        rows.append(
            Attempt(item=s.question.id, first=0.0, grade=s.grade, revised=1.0, revised_grade=again, again=again,
                    cluster=s.cluster)
        )  # fmt: skip
    return rows


def held_to(rows: list[Attempt], threshold: float, margin: float) -> list[Attempt]:
    """The attempts with the revisions that a margin refuses left out, so that sides with margins of their own pool."""
    return [
        a if outcome([a], threshold=threshold, margin=margin).taken else replace(a, revised=None)
        for a in rows
    ]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--per-domain", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--threshold", type=float, default=0.6)
    parser.add_argument("--quick", action="store_true", help="six questions a domain to a made-up model")
    return parser


def main() -> None:
    parser = options()
    given = parser.parse_args()
    if given.folder is None and not given.quick:
        parser.error("name a --folder for what is asked")
    with tempfile.TemporaryDirectory() as kept:
        if given.quick:
            given.folder, given.per_domain = Path(kept), 6
        given.folder.mkdir(parents=True, exist_ok=True)
        measure(given)


def measure(given: argparse.Namespace) -> None:
    asked = list(find("datasets", "world_facts")(per_domain=given.per_domain).questions())
    model: Any = made_model(asked) if given.quick else Embedded(given.model, threads=given.threads)
    grader = find("graders", "by_kind")()
    seen = asyncio.run(collect(asked, model, given.folder / "calls", grader))
    found = report(seen, model, CallLog(given.folder / "calls"), grader, given.threshold)
    (given.folder / "self_correction.json").write_text(json.dumps(found, indent=1, allow_nan=False))
    show(found)


RULES: dict[str, tuple[Rule, bool]] = {
    "always revise": ("always", False),
    "accept every revision": ("every", False),
    "guard, margin 0": ("guard", False),
    "guard, chosen margin": ("guard", True),
}


def report(seen: list[Seen], model: Any, calls: Any, grader: Any, at: float) -> dict[str, Any]:
    clusters = sorted({s.cluster for s in seen})
    chosen = set(np.random.default_rng(0).permutation(clusters)[: len(clusters) // 2])
    halves = [s for s in seen if s.cluster in chosen], [s for s in seen if s.cluster not in chosen]
    rows: dict[str, list[Attempt]] = {}
    lived: dict[str, list[dict[str, Any]]] = {}
    margins: dict[str, list[float]] = {}
    for fitted, half in (halves, halves[::-1]):
        made = blend(fitted)
        for who, only in (("the new answer", True), ("any other answer", False)):
            train, test = cross_fitted(fitted, grader, only), attempts(half, made, grader, only)
            margin, _ = choose_margin(train, threshold=at)
            margins.setdefault(who, []).append(margin)
            for rule, (kind, guarded) in RULES.items():
                kept = held_to(test, at, margin if guarded else 0.0) if kind == "guard" else test
                rows.setdefault(f"{rule}: {who}" if kind == "guard" else rule, []).extend(kept)
        train = cross_fitted(fitted, grader)
        margin, _ = choose_margin(train, threshold=at)
        maps = MapSet(by=(), groups=(), blends=(((), made),))
        assessor = Assessor(model=model, signals=signals_named(SIGNALS), maps=maps)
        for m, how in ((margin, "chosen margin"), (0.0, "margin 0")):
            revised = fit_revised(train, threshold=at, margin=m)
            for name, r, trust in (
                ("claim believed", None, 1.0), ("half the rise", None, 0.5), ("mapped", revised, 0.5),
            ):  # fmt: skip
                route_of = _route(model, assessor, at, m, r, trust)
                lived.setdefault(f"{how}, {name}", []).extend(
                    asyncio.run(live(half, calls, model, grader, route_of))
                )
    unique = [a for a in _once(rows["always revise"]) if a.first is not None]
    return {
        "model": model.name, "questions": len(seen), "halves": [len(h) for h in halves], "threshold": at,
        "margins": margins, "base_calls": float(np.mean([s.base[0] for s in seen])),
        "base_tokens": float(np.mean([s.base[1] for s in seen])),
        "first": calibration([a.first for a in unique], [a.grade for a in unique], [a.cluster for a in unique]),
        "rules": {
            name: outcome(_once(found), threshold=at, margin=0.0, rule=RULES[name.partition(":")[0]][0]).to_dict()
            for name, found in rows.items()
        } | {"vote of the samples": outcome(voted(seen, grader), threshold=1, margin=0, rule="always").to_dict()},
        "live": {name: summed(found) for name, found in lived.items()},
    }  # fmt: skip


def _route(model: Any, assessor: Assessor, at: float, margin: float, revised: Any, trust: float) -> Any:
    return lambda asker: SelfCorrection(
        model=model, assessor=assessor, threshold=at, margin=margin, revised=revised, trust=trust,
        alternatives=SAMPLES, asker=asker,
    )  # fmt: skip


def _once(rows: list[Attempt]) -> list[Attempt]:
    return list({a.item: a for a in rows}.values())


def _taken(value: float | None, digits: int) -> str:
    """What a rule takes; nothing is known of a vote of samples that are there anyway."""
    return "-" if value is None else f"{value:.{digits}f}"


def show(found: dict[str, Any]) -> None:
    print(f"{found['model']}: {found['questions']} questions in halves of {found['halves']}; looked at again below "
          f"{found['threshold']}. Margins chosen: {found['margins']}.\n")  # fmt: skip
    print(
        "| rule | doubted | taken | mended | spoiled | right before | after | net gain (95 %) | calls | tokens |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, row in found["rules"].items():
        gain = row["gain"]
        print(f"| {name} | {row['doubted']} | {row['taken']} | {row['mended']} | {row['spoiled']} | "
              f"{row['before']:.3f} | {row['after']:.3f} | {gain['value']:+.3f} ({gain['low']:+.3f} to "
              f"{gain['high']:+.3f}) | {_taken(row['calls'], 2)} | {_taken(row['tokens'], 0)} |")  # fmt: skip
    print(
        f"\nWithout a second look: {found['base_calls']:.2f} calls, {found['base_tokens']:.0f} tokens an answer.\n"
    )
    print("| confidence of the route | answers | n | right | claimed | gap (95 %) | ECE (floor) | Brier |")
    print("|---|---|---|---|---|---|---|---|")
    rows = [("first answers", "all", found["first"])]
    for name, one in found["live"].items():
        rows += [(name, k, c) for k, c in one["calibration"].items()]
    for name, kind, c in rows:
        gap = c["gap"]
        print(f"| {name} | {kind} | {c['n']} | {c['right']:.3f} | {c['claimed']:.3f} | {gap[0]:+.3f} ({gap[1]:+.3f} to "
              f"{gap[2]:+.3f}) | {c['ece']:.3f} ({c['floor']:.3f}) | {c['brier']:.3f} |")  # fmt: skip


if __name__ == "__main__":
    main()
