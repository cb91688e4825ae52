"""What was planned: thresholds, cascades, ensembles, costs, fronts and chains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calibrant.metrics.intervals import Estimate
from calibrant.phrasing.numbers import (
    UNKNOWN,
    fixed,
    give_or_take,
    interval,
    percent,
    percent_interval,
    points,
    span,
)
from calibrant.planning.cascades import PlannedCascade
from calibrant.planning.chains import ChainPlan
from calibrant.planning.costs import CostPlan
from calibrant.planning.ensembles import EnsemblePlan
from calibrant.planning.holding import Checked, ThresholdCheck
from calibrant.planning.pareto import ParetoFront
from calibrant.planning.thresholds import ThresholdPlan
from calibrant.plans.certificates import Certificate

from ..terminal import print_aside, print_read, say, table

__all__ = [
    "print_cascade", "print_chain", "print_check", "print_costs", "print_ensemble", "print_front", "print_thresholds",
]  # fmt: skip


def print_thresholds(made: ThresholdPlan) -> None:
    """What each certificate promises."""
    for one, carried in made.told():
        say(_promise(one) + (_carried(one) if carried else ""))
    print_read(made.rows.rows, made.rows.used, made.rows.unusable, made.notes)


def print_check(done: ThresholdCheck) -> None:
    """Which promises hold still."""
    for group in done.groups:
        say(_checked(group))
    print_read(done.rows.rows, done.rows.used, done.rows.unusable, done.notes)


def _promise(one: Certificate) -> str:
    """What a certificate promises, or why there is none."""
    name = _certified(one)
    if not one.certified or one.threshold is None:
        return f"{name}: cannot certify at most {one.max_error:g} wrong; {one.reason}."
    sent = f"{percent(one.coverage.value, 1)} of the answers ({span(one.coverage, 1, scale=100)})"
    what = (
        f"at most {one.max_error:g} of them are wrong"
        if one.risk == "selective"
        else f"at most {one.max_error:g} of all answers are sent and wrong (joint risk)"
    )
    bound = "" if one.threshold_p is None else f", which is a probability of {one.threshold_p:.4g}"
    return (
        f"{name}: act on scores >= {one.threshold:.6g}{bound}. That sends {sent}, and with probability "
        f"{1 - one.level:.4g} {what}{one.counted}; {one.wrong:,} of {one.accepted:,} tested were."
    )


def _carried(one: Certificate) -> str:
    """What is said of a certificate that no label of this log bears on."""
    state = "It holds as before" if one.valid else "It was revoked" if one.revoked else "It is as before"
    return f" No usable row of it here, so its certificate{_issue(one)} is carried over. {state}."


def _issue(one: Certificate) -> str:
    return "" if one.issue is None else f" (issue {one.issue} of its series)"


def _checked(group: Checked) -> str:
    name = _certified(group.certificate)
    if group.watch is None:
        return f"{name}: not looked at, {group.reason}."
    if group.certificate.revoked:
        return f"{name}: REVOKED. {group.certificate.revoked}; at most {group.certificate.max_error:g} were promised."
    error = (
        "no answer was sent"
        if group.error is None
        else f"{percent(group.error, 1) if group.error else 'none'} of {group.sent:,} wrong"
    )
    return f"{name}: not refuted. {error}, e-value {group.watch.e_value:.3g}."


def _certified(one: Certificate) -> str:
    return ", ".join(f"{k} {v}" for k, v in one.by.items()) or "All answers"


def print_cascade(made: PlannedCascade) -> None:
    """Each model alone, what the plan is worth, and the point that was chosen."""
    told = made.to_dict()
    names, chosen = told["models"], told["chosen"]
    hope, came, unit = chosen["predicted"], chosen["realised"], told["costs"]["unit"]
    after = " and ".join([*names["stages"], names["large"]])
    say(
        f"{names['small']} alone: {_percent(told, 'small_accuracy')} right; {after} "
        f"{'behind it' if names['stages'] else 'alone'}: {_percent(told, 'large_accuracy')}. "
        f"Measured on {made.test_rows:,} items; {made.fit_rows:,} others were fitted on."
    )
    if told["apgr"] is None:
        say(told["apgr_reason"])
    else:
        say(
            f"APGR {_number(told, 'apgr')}; random order {fixed(told['random'])}. Half of the gap takes "
            f"{_percent(told, 'cpt50')} of {'calls to them' if names['stages'] else 'large calls'}, 80 % of it "
            f"{_percent(told, 'cpt80')}." + (f" {told['apgr_reason']}" if "apgr_reason" in told else "")
        )
    say(
        f"Chosen: {_rule_of([*names['stages'], names['large']][0], chosen['threshold'])} ({chosen['rule']}). "
        f"Expected: {percent(hope['small_stays'], 1)} stay with the first model, {_percent(hope, 'accuracy')} right, "
        f"{hope['cost']:.4g} {unit} an answer."
    )
    say(
        f"Seen on the other items: {percent(came['small_stays'], 1)} stayed, {_percent(came, 'accuracy')} right, "
        f"{came['cost']:.4g} {unit} an answer."
    )
    if names["stages"]:
        say(_stages(told))
    if told["latency"]:
        say(_latency(told["latency"]))
    for one in told["specialists"]:
        place = "/".join(filter(None, (one["task"], one["domain"]))) or "Everything"
        say(
            f"{place} goes to {one['model']} first: {points(one['edge'], 1, signed=True)} there "
            f"(measured {fixed(100 * one['measured'], 1, signed=True)} on {one['rows']:,})."
        )
    print_aside(told["unusable"], told["notes"])


def _stages(told: Mapping[str, Any]) -> str:
    """From which gain each stage goes on, and how many answers each model was asked for."""
    names = [*told["models"]["stages"], told["models"]["large"]]
    rules = [
        f"{one['model']}, and {_rule_of(then, one['threshold'])}"
        for one, then in zip(told["stages"], names[1:], strict=True)
    ]
    shares = ", ".join(f"{name} {percent(told['asked'][name], 1)}" for name in names)
    return f"Then {'; '.join(rules)}. Asked for of all answers: {shares}."


def _latency(told: Mapping[str, Any]) -> str:
    """Seconds an answer: at the chosen point, where calls follow one another, and of each model."""
    shown = {"at the chosen point": told["chosen"], **told["models"]}
    parts = [
        f"{name} {'unknown' if one['mean'] is None else format(one['mean'], '.3g')}"
        + ("" if one["p95"] is None else f" ({one['p95']:.3g})")
        for name, one in shown.items()
    ]
    return f"Seconds an answer, mean (and 95 % within): {', '.join(parts)}."


def _rule_of(large: str, threshold: float) -> str:
    """A threshold in words; the ends of the curve, 2 and -1, are no gains."""
    if threshold > 1:
        return f"never ask {large}"
    if threshold <= -1:
        return f"always ask {large} again"
    return f"ask {large} again where the gain is at least {fixed(threshold)}"


def _percent(told: Mapping[str, Any], name: str) -> str:
    value, e = _estimate(told, name)
    return percent_interval(e, 1) if e else "unknown" if value is None else percent(value, 1)


def _number(told: Mapping[str, Any], name: str) -> str:
    value, e = _estimate(told, name)
    return interval(e) if e else "unknown" if value is None else fixed(value)


def _estimate(told: Mapping[str, Any], name: str) -> tuple[float | None, Estimate | None]:
    value, ends = told[name], told.get(f"{name}_interval")
    return value, None if value is None or not ends else Estimate(value, *ends)


def print_ensemble(found: EnsemblePlan) -> None:
    """The pool next to other ways of answering, how far it can be trusted, and what each model is worth to it."""
    told = found.to_dict()
    pooled = Estimate(told["pooled"], *told["intervals"]["pooled"])
    say(
        f"Pooled, {len(found.models)} models are right in {percent_interval(pooled, 1)} of "
        f"{told['test_rows']:,} items that nothing was fitted on."
    )
    others = {
        "majority": "a majority", "best_single": f"the best model, {found.best_single}",
        "averaging": "averaged confidences",
    }  # fmt: skip
    for way, words in others.items():
        gap = found.difference("pooled", way)
        verdict = "better" if gap.low > 0 else "worse" if gap.high < 0 else "no clear difference"
        say(
            f"  {percent(told[way], 1)} by {words}: {points(gap.value, 1, signed=True)} for the pool "
            f"({span(gap, 1, scale=100, signed=True)}), {verdict}."
        )
    hindsight = told["hindsight"]
    if hindsight["model"] != found.best_single:
        say(
            f"  In hindsight {hindsight['model']} was the best one, with {percent(hindsight['accuracy'], 1)}."
        )
    noise = told["ece_noise"]
    say(
        f"Its confidence is off by {fixed(told['ece'])} (ECE; chance alone gives {fixed(noise['floor'])} on these "
        f"rows, and up to {fixed(noise['high'])} with {told['fit_rows']:,} rows to learn from); "
        f"Brier {fixed(told['brier'])}."
    )
    for name, worth in told["voters"].items():
        say(
            f"  {name}: right in {percent(worth['accuracy'], 1)} of its answers; weight {fixed(worth['weight'], 2)}, "
            f"vote {fixed(worth['vote'], 2, signed=True)}"
        )
    print_aside(found.unusable, found.notes)


def print_costs(found: CostPlan) -> None:
    """What to expect of each group."""
    for group in found.groups:
        say(group.sentence())
        if group.larger_pays_above is not None:
            say(
                f"  A larger model pays where it is right on more than {percent(group.larger_pays_above)} of the "
                "answers that people would see."
            )
    print_read(found.log.rows, found.log.used, found.log.unusable, found.notes)


def print_front(found: ParetoFront, calibration: str) -> None:
    """Who is on the front, and a line for each candidate."""
    for one in found.candidates:
        error = getattr(one, calibration)
        if one.on_front and one.accuracy is not None:
            where = (
                "On the front" if one.front == "on" else "On the front here, not to be told apart from noise"
            )
            say(
                f"{where}: {one.name}, right on {percent(one.accuracy.value, 1)} with {WORDS[calibration]} of "
                f"{fixed(error.value)}; in {percent(one.front_share)} of the resamples."
            )
    unclear = [one.name for one in found.candidates if one.front == "unclear" and not one.on_front]
    if unclear:
        say(f"Off it here, not to be told apart from noise: {'; '.join(unclear)}.")
    dollars = [">dollars"] if "cost" in found.axes else []
    heads = ("candidate", ">n", ">right, %", ">smooth ECE", ">Brier*", *dollars, ">on front")
    table(heads, _candidates(found))
    say("* after calibration, by maps that had not seen the rows")
    same = f"the same {found.items:,} items" if found.paired else "items of their own"
    say(f"Compared on {same}; {found.used:,} of {found.rows:,} rows used.")
    print_aside(found.unusable, found.notes)
    for one in found.candidates:
        if one.reason:
            say(f"  {one.name}: {one.reason}")


def _candidates(found: ParetoFront) -> Iterator[tuple[str, ...]]:
    for one in found.candidates:
        shown = (
            give_or_take(one.accuracy, 1, scale=100),
            give_or_take(one.smooth_ece),
            give_or_take(one.brier),
        )
        cost = UNKNOWN if one.cost is None else f"{one.cost.value:.3g}"
        dollars = (cost,) if "cost" in found.axes else ()
        yield one.name, f"{one.n:,}", *shown, *dollars, percent(one.front_share)


WORDS = {
    "smooth_ece": "a smooth ECE", "brier": "a Brier score after calibration", "gap": "a gap",
}  # fmt: skip


def print_chain(found: ChainPlan) -> None:
    """What was found, what was left out, and a line for each way of putting steps together."""
    for sentence in found.sentences():
        say(sentence)
    read = found.log
    say(f"{read.used:,} of {read.rows:,} rows used.")
    for counts, what in (
        (read.unusable, "rows"),
        (read.unreadable, "values"),
        (read.ungraded, "trajectories"),
    ):
        for why, n in counts.most_common():
            say(f"  {n:,} {what} left out: {why}")
    rows = [
        (
            one.method + ("" if one.n == len(read.graded) else f" (n {one.n:,})"),
            f"{fixed(one.ece)} ({fixed(one.ece_floor)})", interval(one.brier), interval(one.auroc),
        )
        for one in sorted(found.methods, key=lambda one: one.brier.value)
    ]  # fmt: skip
    table(("method", ">ECE (floor)", ">Brier (95 %)", ">AUROC (95 %)"), rows)
