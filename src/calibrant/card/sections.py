"""What a card says: twelve sections made of its twin alone, told once for the page and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..metrics.findings import FEW
from ..metrics.intervals import Estimate
from ..overview.people import agreement_said, caught_said
from ..overview.telling import ago, count_word, day, minute, name_of, named, segment_name
from ..phrasing.numbers import dollars, fixed, interval, of_100, percent, several
from ..reviewing.enough import SENT
from ..reviewing.readers import Agreement, Caught
from ..types import FEW as ENOUGH
from .conclusions import limits_of

__all__ = ["NATURE", "Facts", "Section", "Table", "sections"]

Twin = Mapping[str, Any]

NATURE = "Evidence: what was measured, on what, and when. Not a conformity assessment."

NONE = "none"
"""For what is not known; never a number, never a bare dash."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; a head that begins with ">" stands over numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A section: its number, title, the rules that it answers, and what stands in it, in this order."""

    number: int
    title: str
    rules: str
    facts: Facts | None = None
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()
    chart: bool = False
    items: Sequence[str] = field(default=())


def sections(twin: Twin) -> list[Section]:
    """All twelve."""
    return [
        _identity(twin), _performance(twin), _labels(twin), _method(twin), _results(twin), _risk(twin),
        _oversight(twin), _monitoring(twin), _changes(twin), _logging(twin), _robustness(twin), _end(twin),
    ]  # fmt: skip


def _identity(twin: Twin) -> Section:
    one, said = twin["identity"], twin["declared"]
    domains = [f"{segment_name(name or None)} ({n:,})" for name, n in one["domains"].items()]
    models = dict.fromkeys(_model(group) for group in one["models"])
    maps = dict.fromkeys(group["map"] for group in one["models"] if group["map"])
    return Section(
        number=1, title="What it is", rules="Art. 11, 13(3)(a–b); MAP",
        facts=Facts([
            ("Purpose", said.get("purpose", "not stated")),
            ("Not for", "; ".join(said.get("not_for", ())) or "not stated"),
            ("Task", f"{name_of(twin['task'])}, {several(one['answers'], 'answer')} in all"),
            ("Domains", named(domains, 8) or NONE),
            ("Answers now", "; ".join(models) or NONE),
            ("Release", one["release"] or "none: answers of a configuration without one"),
            ("Maps", ", ".join(maps) or NONE),
            ("Policy", one["policy"] or NONE),
        ]),
    )  # fmt: skip


def _model(group: Twin) -> str:
    served = f", served as {group['served']}" if group["served"] else ""
    return f"{group['model'] or 'no model'}{served}"


def _performance(twin: Twin) -> Section:
    found = twin["performance"]
    until = f"all answers, {_span(twin)}"
    rows = [
        ("Right", *_two(found["right"]), _n(found["n"], found["n_eff"]), until),
        ("Gap: claimed − right", *_two(found["gap"], signed=True), _n(found["n"], found["n_eff"]), until),
        ("Wrong among sent", *_two(found["sent_wrong"]), _n(found["sent_n"], found["sent_n_eff"]),
         f"sent without a person, {_span(twin)}"),
        ("Sent alone", NONE if found["automatic"] is None else fixed(found["automatic"]), "counted",
         f"{found['recent_answers']:,}", f"all answers, 7 days to {day(twin['at'])}"),
    ]  # fmt: skip
    return Section(
        number=2, title="Declared performance", rules="Art. 13(3)(b)(ii), 15(3); MEASURE 2.3",
        tables=[Table(["", ">Value", ">95 %", ">Labels (effective)", "Population"], rows)],
    )  # fmt: skip


def _span(twin: Twin) -> str:
    return (
        f"to {day(twin['matured'])}"
        if twin["since"] is None
        else f"{day(twin['since'])} to {day(twin['matured'])}"
    )


def _labels(twin: Twin) -> Section:
    one = twin["labels"]
    if not one["all"]:
        lines = ["No answer has been judged yet by somebody who was asked with a known chance."]
    else:
        people = "1 person" if one["reviewers"] == 1 else f"{one['reviewers']:,} people"
        least, most = (fixed(one[end], 3) for end in ("least_chance", "most_chance"))
        chance = f"a chance of {least}" if least == most else f"a chance from {least} to {most}"
        reasons = ", ".join(
            f"{n:,} by {'a stated chance' if why == 'stated' else why}" for why, n in one["reasons"].items()
        )
        lines = [
            f"{several(one['all'], 'label')} on {several(one['questions'], 'question')}: {reasons}. Each was asked for "
            f"with {chance}, kept with the request, and counts 1 / chance.",
            f"{percent(one['sent_share'])} of them are of answers that were sent without a person.",
            f"Labels take up to {ago(twin['delay'])} (98 % of the slower of right and wrong), so "
            f"{several(one['young'], 'label')} of younger answers wait. {people} judged, the busiest "
            f"{one['most_by_one']:,} times.",
        ]  # fmt: skip
    lines.append(agreement_said(_agreement(twin["agreement"])))
    if one["volunteers"]:
        lines.append(f"{several(one['volunteers'], 'verdict')} came unasked and count for nothing here.")
    if one["older"]:
        lines.append(f"{several(one['older'], 'older label')} are not used: the newest 20,000 are.")
    return Section(number=3, title="Data and labels", rules="Art. 10; MEASURE 2.1", lines=lines)


def _method(twin: Twin) -> Section:
    lines = [
        "Labels count where they are of what answers now: the models, what is served behind them, and the maps. Of "
        "answers to one question the labels are one cluster, which widens intervals.",
        f"The map in force stood on {several(twin['identity']['map_labels'], 'label')} when it answered last. "
        f"Of fewer than {FEW:.0f} effective labels no number is given, and with fewer than {ENOUGH}, or than {SENT} on "
        "answers that were sent, nothing is said to hold. Agreement is Krippendorff's α over answers that were drawn "
        "for a second reader, by the jackknife.",
        "Intervals hold at 95 % each: the gap by Student with pseudo-rows, shares by Clopper and Pearson, L2 and "
        "smooth ECE by methods of their own. The curve is isotonic (CORP), its band where nine in ten curves of a "
        "calibrated model run.",
    ]  # fmt: skip
    return Section(number=4, title="Method", rules="MEASURE 1.1; TRIPOD+AI", lines=lines)


def _results(twin: Twin) -> Section:
    found = twin["results"]
    common: dict[str, Any] = {"number": 5, "title": "Results", "rules": "Art. 10(2)(f), 15(1); MEASURE 2.11"}
    if found is None:
        return Section(**common, lines=["Too few labels for any result."])
    bins = [
        (f"{100 * one['low']:.0f} to {100 * one['high']:.0f}", f"{one['n_eff']:,.0f}",
         *(("too few", "") if one["n_eff"] < 10 else
           (of_100(one["right"]), f"{of_100(one['right_low'])} to {of_100(one['right_high'])}")))
        for one in found["reliability"]["bins"]
    ]  # fmt: skip
    parts = [
        (segment_name(one["domain"]), f"{one['answers']:,}", _n(one["n"], one["n_eff"]), *_two(one["gap"], signed=True),
         fixed(one["log10_evidence"], 1), "marked" if one["marked"] else "")
        for one in found["segments"]
    ]  # fmt: skip
    marked = sum(one["marked"] for one in found["segments"])
    ends = [interval(_estimate(found[end]), 2) for end in ("intercept", "slope") if found[end]]
    line = ", ".join(ends) or "none: too few of one kind"
    brier = f"{fixed(found['brier'])} = {fixed(found['mcb'])} − {fixed(found['dsc'])} + {fixed(found['unc'])}"
    return Section(
        **common, chart=True,
        tables=[
            Table([">Claimed", ">Labels", ">Right", ">95 %"], bins),
            Table(["Segment", ">Answers", ">Labels", ">Gap", ">95 %", ">Evidence, 10^", "e-BH at 5 %"], parts),
        ],
        facts=Facts([
            ("L2 error", interval(_estimate(found["l2"]))),
            ("Smooth ECE", interval(_estimate(found["smooth_ece"]))),
            ("ECE", f"{fixed(found['ece'])}; a perfect map would show {fixed(found['ece_floor'])} here"),
            ("Brier = MCB − DSC + UNC", brier),
            ("Log loss", fixed(found["log_loss"])),
            ("Intercept, slope", line),
            ("AUROC", interval(_estimate(found["auroc_interval"]), 2) if found["auroc_interval"] else NONE),
        ]),
        lines=[f"A gap is marked in {count_word(marked)} of {several(len(parts), 'segment')}."],
    )  # fmt: skip


def _risk(twin: Twin) -> Section:
    one = twin["risk"]
    if one["threshold"] is None:
        lines = ["No answer goes without a person by a threshold."]
    elif one["certified"]:
        lines = [
            f"Answers went without a person from {fixed(one['threshold'], 4)} on, which a certificate covers."
            if any(mine["state"] != "in force" for mine in one.get("certificates", ()))
            else f"Answers go without a person from {fixed(one['threshold'], 4)} on, which a certificate covers."
        ]
    else:
        lines = [
            f"Answers go without a person from {fixed(one['threshold'], 2)} on, a number that somebody set. To have "
            "one that is promised: calibrant plan thresholds STORE --max-error R --delta D."
        ]
    lines.append(
        f"Policy: {one['policy'] or NONE}. Without a probability, and where nothing is certified, a person comes first."
    )
    lines += [f"{mine['name']}: {mine['sentence']}." for mine in one.get("certificates", ())]
    if one["money"]:
        m = one["money"]
        lines.append(
            f"Over 30 days {m['sent']:,} of {m['answers']:,} answers went alone; at {dollars(one['review'])} a review "
            f"and {dollars(one['wrong'])} a wrong answer that saved {dollars(m['saved'])} ({dollars(m['least'])} to "
            f"{dollars(m['most'])})."
        )
    return Section(number=6, title="Risk control", rules="Art. 9; MANAGE", lines=lines)


def _oversight(twin: Twin) -> Section:
    one = twin["oversight"]
    done = ", ".join(f"{n:,} {what}" for what, n in one["outcomes"].items()) or "none yet"
    oldest = f", the oldest for {ago(one['oldest_held'])}" if one["oldest_held"] is not None else ""
    mean = f"; mean wait {ago(one['mean_wait'])}" if one["mean_wait"] is not None else ""
    overridden = one["outcomes"].get("corrected", 0) + one["outcomes"].get("refused", 0)
    total = sum(one["outcomes"].values())
    lines = [
        f"Held answers decided by a person: {done}{mean}."
        + (f" Overridden: {overridden:,} of {total:,}." if total else ""),
        f"Waiting at {minute(twin['at'])}: {several(one['waiting'], 'answer')}, {one['held']:,} of them held{oldest}.",
        caught_said(_caught(one["known"]))
        + (" These are of all tasks." if one["known"]["reviewers"] else ""),
    ]
    return Section(number=7, title="Human oversight", rules="Art. 14", lines=lines)


def _monitoring(twin: Twin) -> Section:
    one = twin["monitoring"]
    crossed = (
        f"It passed 1 / α with the answers of {day(one['crossed'])}."
        if one["crossed"] is not None
        else "It has not passed 1 / α."
    )
    now = (
        "no label yet"
        if one["now"] is None
        else f"10^{fixed(one['now'], 1)} now, 10^{fixed(one['highest'], 1)} at its highest"
    )
    lines = [
        f"A change-point e-process with α = {one['alpha']:g} and tolerance {one['tolerance']:g} over "
        f"{several(one['labels'], 'label')}, the whole task together: evidence {now}. {crossed} A calibrated task "
        "passes it with a chance of at most α, however often one looks.",
    ]  # fmt: skip
    alarms = [f"{day(a['time'])} ({a['kind'] or 'kind not known'})" for a in one["alarms"]]
    lines.append(f"Alarms: {named(alarms, 6) or 'none'}.")
    if one["claimed_28_days"] is not None:
        before = one["claimed_28_days_before"]
        lines.append(
            f"Without labels: the last 28 days' answers claim {of_100(one['claimed_28_days'])} of 100 on average"
            + (f", the 28 days before {of_100(before)}" if before is not None else "")
            + ". That is a guess at how many are right only if being sure still means what it meant."
        )
    return Section(number=8, title="Monitoring", rules="Art. 72; MEASURE 2.4, 3", lines=lines)


def _changes(twin: Twin) -> Section:
    rows = [
        (minute(one["time"]), one["kind"], one["about"] or "", one["by"] or "", one["note"])
        for one in twin["changes"][-20:]
    ]
    lines = (
        [] if rows else ["Nothing was promoted through the store: what answers is as its configuration says."]
    )
    lines.append(
        "A promotion is an event with the whole release in it, and so is a rollback: calibrant releases list STORE."
    )
    heads = ["When", "What", "Release", "By", "Why"]
    return Section(
        number=9, title="Change control", rules="Art. 15(4); PCCP", lines=lines,
        tables=[Table(heads, rows)] if rows else [],
    )  # fmt: skip


def _logging(twin: Twin) -> Section:
    one = twin["logging"]
    return Section(
        number=10, title="Logging", rules="Art. 12, 19",
        facts=Facts([
            ("Entries", f"{one['entries']:,}, each linked to the one before"),
            ("Answers", NONE if one["first_day"] is None else f"{day(one['first_day'])} to {day(one['last_day'])}"),
            ("Head", one["head"]),
        ]),
        lines=["A chain alone does not protect against its operator; a head that is kept elsewhere does."],
    )  # fmt: skip


def _robustness(twin: Twin) -> Section:
    served = [f"{day(one['time'])}: {one['what']}" for one in twin["monitoring"]["served"]]
    lines = [
        f"Changes behind the same name: {named(served, 6) or 'none seen'}.",
        "How far a question can push its confidence is measured by calibrant redteam, on models and not on a store.",
    ]
    return Section(number=11, title="Robustness", rules="Art. 15(4–5); MEASURE 2.7", lines=lines)


def _end(twin: Twin) -> Section:
    said = twin["declared"]
    return Section(
        number=12, title="Limits, contact, sign-off", rules="Art. 13(3)(d–f)",
        items=[*limits_of(twin), *said.get("limits", ())],
        facts=Facts([
            ("Contact", said.get("contact", "not stated")),
            ("Signed by", said.get("signed_by", "nobody")),
            ("Speaks of", minute(twin["at"])),
            ("Verify", "calibrant verify CARD STORE"),
        ]),
    )  # fmt: skip


def _agreement(one: Twin) -> Agreement:
    return Agreement(
        task=one["task"], pairs=one["pairs"], agree=one["agree"], nominal=_estimate(one["nominal"]),
        ordinal=_estimate(one["ordinal"]), why_none=one["why_none"],
    )  # fmt: skip


def _caught(one: Twin) -> Caught:
    return Caught(
        reviewer=None, wrong=one["wrong"], caught=_estimate(one["caught"]), right=one["right"],
        false_alarms=_estimate(one["false_alarms"]),
    )  # fmt: skip


def _estimate(one: Mapping[str, float] | None) -> Estimate | None:
    return None if one is None else Estimate(one["value"], one["low"], one["high"])


def _two(one: Mapping[str, float] | None, *, signed: bool = False) -> tuple[str, str]:
    if one is None:
        return "too few", ""
    return fixed(
        one["value"], signed=signed
    ), f"{fixed(one['low'], signed=signed)} to {fixed(one['high'], signed=signed)}"


def _n(rows: float, effective: float) -> str:
    return f"{rows:,} ({effective:,.0f})"
