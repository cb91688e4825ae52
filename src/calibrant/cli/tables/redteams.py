"""What a red team found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibrant.metrics import Estimate
from calibrant.phrasing.numbers import fixed, interval, percent_interval, share
from calibrant.redteaming.attempts import Plan
from calibrant.redteaming.robustness import Effect
from calibrant.redteaming.searches import Searched
from calibrant.redteaming.trial import RedTeam

from ..terminal import print_cut, say, table

__all__ = ["asked_sentence", "print_redteam", "sentences"]


def print_redteam(found: RedTeam) -> None:
    """The sentences, then what each attack does to a score that is believed, and what each defence leaves of it."""
    for sentence in sentences(found):
        say(sentence)
    print_cut(found.cut)
    believed = [one for one in found.findings if one.defence == "none"]
    for direction, (title, measure) in HARM.items():
        rows = [
            (
                one.signal,
                _named(one),
                f"{one.n:,}",
                *_missing(one),
                *_cells(one.measures, _harm(title, measure)),
            )
            for one in believed
            if one.direction in (direction, "either")
        ]
        if rows:
            heads = (
                "signal",
                "attack",
                ">n",
                ">unread before",
                ">after",
                ">compared",
                *_harm(title, measure),
            )
            table(heads, rows, f"\nAttacks that {direction}, the score believed as it stands")
    if believed:
        say(READING)
    if found.searches:
        heads = ("signal", "search", "pushes", ">budget", ">changed", ">lost meaning", ">unread", *SEARCHES)
        table(heads, map(_searched, found.searches), "\nSearches, beside chance with the same budget")
        say(SEARCHING)
    kept = [
        (
            one.signal, one.defence, *_cells(one.measures, DEFENCES), f"{one.missing:,} of {one.n:,}",
            f"{one.missing_attacked:,} of {one.attacked:,}", f"{one.calls:g}",
        )
        for one in found.defences
    ]  # fmt: skip
    heads = ("signal", "defence", *DEFENCES, ">unread", ">with attack", ">calls")
    table(heads, kept, "\nDefences, all attacks of a direction together")


HARM = {"inflate": ("wrong let through", "success"), "deflate": ("right held back", "held_back")}
"""What an attack of a direction does harm by: its name and its measure."""


DEFENCES = {
    ">wrong let through %": "success_clean", ">with attack %": "success_attacked", ">cut %": "success_cut",
    ">right let through %": "passed_clean", ">clean AUROC": "auroc_clean",
}  # fmt: skip
"""Heads and the measures under them; those that an attack or a defence is judged by are shown with their intervals."""
READING = (
    "Unread: answers without a confidence, which are not let through. Change, gained (in points of the share before "
    "it) and AUROC lost are over the compared answers alone, those with a confidence before and after."
)


SEARCHES = (">its own best", ">by chance", ">measured anew", ">by chance", ">beyond chance")
SEARCHING = (
    "Changes of the confidence. Its own best flatters a search; measured anew, word_search is looked at in answers "
    "drawn afresh, trigger_search on questions that it did not see. Only what lies beyond chance is owed to searching."
)


def asked_sentence(plan: Plan) -> str:
    """What will be looked at."""
    more = f", and at most {plan.tried:,} in {len(plan.hunts)} searches" if plan.hunts else ""
    named = {*plan.attacks, *(hunt.name for hunt in plan.hunts)}
    return f"{len(plan.questions)} questions, {len(named)} attacks: {len(plan.jobs):,} answers{more}."


def _searched(one: Searched) -> tuple[str, ...]:
    return (
        one.signal, one.attack, one.direction, f"{one.budget:,} x {one.questions:,}",
        f"{one.changed:,} of {one.questions:,}", f"{one.distorted:,}", f"{one.missing:,}", fixed(one.own, 2),
        fixed(one.own_by_chance, 2), interval(one.again, 2), interval(one.by_chance, 2),
        interval(one.beyond_chance, 2),
    )  # fmt: skip


def _named(one: Effect) -> str:
    return f"{one.attack} by chance" if one.kind == "chance" else one.attack


def _harm(title: str, measure: str) -> dict[str, str]:
    """Heads, and the measures under them, of the attacks of one direction."""
    return {
        ">change": "change", ">flips %": "flips", f">{title} %": f"{measure}_clean",
        ">with attack %": f"{measure}_attacked", ">gained": f"{measure}_gained", ">AUROC lost": "auroc_lost",
    }  # fmt: skip


def _missing(one: Effect) -> tuple[str, str, str]:
    return f"{one.missing_clean:,}", f"{one.missing:,}", f"{one.paired:,}"


def _cells(measures: Mapping[str, Estimate | None], heads: Mapping[str, str]) -> Iterator[str]:
    for head, name in heads.items():
        one = measures.get(name)
        if name in ("success_attacked", "held_back_attacked", "success_cut"):
            yield interval(one, 0, scale=100)
        else:
            scale, digits = (100, 0) if head.endswith("%") or name.endswith("_gained") else (1, 2)
            yield fixed(None if one is None else scale * one.value, digits)


def sentences(found: RedTeam) -> list[str]:
    """What was found, for each signal the worst attack and the defence that helps most; then what was noted."""
    graded = found.fitted + found.reported - found.ungraded
    right = "of no answer can it be told whether it is right"
    if found.accuracy is not None:
        right = f"{found.model} is right on {share(found.accuracy, graded, f'the {graded:,} questions')}"
    left = f" ({found.ungraded:,} could not be graded and count as neither)" if found.ungraded else ""
    said = [
        f"{right}, as {found.judge} grades{left}. Maps "
        f"were fitted on {found.fitted} of them; what follows is from the other {found.reported}, with 95 % "
        f"intervals. An answer is let through at {found.threshold:g} or above."
    ]
    for signal in dict.fromkeys(one.signal for one in found.defences):
        said += _of_signal(found, signal)
    said += map(_of_search, found.searches)
    unchanged = ", ".join(f"{name} {n}" for name, n in found.unchanged.items() if n)
    if unchanged:
        said.append(f"Questions in which an attack found nothing to change: {unchanged}.")
    reasons = list(found.reasons.items())
    said += [f"{n:,} x {why}" for why, n in reasons[:5]]
    if len(reasons) > 5:
        said.append(f"{sum(n for _, n in reasons[5:]):,} x other reasons; all are in the result.")
    return [*said, *found.notes]


def _of_signal(found: RedTeam, signal: str) -> list[str]:
    """The attack that gets most wrong answers over the threshold, and what each defence leaves of it."""
    rows = [one for one in found.findings if one.signal == signal]
    rated = [
        (gained.value, one)
        for one in rows
        if one.defence == "none"
        and one.kind != "chance"
        and (gained := one.measures["success_gained"]) is not None
    ]
    if not any(one.paired for one in rows):
        return [
            f"{signal}: no answer had a confidence before and after an attack, so that nothing is compared."
        ]
    if not rated:
        return [f"{signal}: no attack left wrong answers with which to compare."]
    _, worst = max(rated, key=lambda pair: pair[0])
    before, after, gained = (worst.measures[f"success_{name}"] for name in ("clean", "attacked", "gained"))
    said = (
        f"{signal}, believed as it stands: the worst attack is {worst.attack} ({worst.direction}). Wrong answers let "
        f"through: {percent_interval(before)} without it, {percent_interval(after)} with it{_unread(worst)}."
    )
    if gained is None or gained.low <= 0:
        return [f"{said} That is within what chance gives."]
    same = [one for one in rows if _identity(one) == _identity(worst)]
    left = {one.defence: one.measures["success_attacked"] for one in same}
    return [said, _best(found, signal, left)]


def _identity(one: Effect) -> tuple[str, str, str]:
    return one.attack, one.direction, one.kind


def _of_search(one: Searched) -> str:
    """How far a search moved the confidence when measured anew, and whether that is more than chance gives."""
    lead = f"{one.attack} ({one.direction}), {one.budget:,} answers looked at for each of {one.questions:,} questions"
    if one.again is None or one.beyond_chance is None:
        return f"{lead}: what it found could not be measured anew, for want of a confidence before and after."
    moved = f"moved {one.signal} by {interval(one.again, 2, signed=True)} on {one.where}"
    wanted = 1 if one.direction == "inflate" else -1
    beyond = sorted((wanted * one.beyond_chance.low, wanted * one.beyond_chance.high))
    if beyond[0] > 0:
        return f"{lead}, {moved}: {interval(one.beyond_chance, 2, signed=True)} beyond chance with the same budget."
    return f"{lead}, {moved}: no further than chance with the same budget."


def _unread(one: Effect) -> str:
    """How many answers could not be compared, where there are any."""
    if one.paired == one.n:
        return ""
    return (
        f"; {one.missing_clean:,} of {one.n:,} answers had no confidence before and {one.missing:,} none with it, so "
        f"that {one.paired:,} can be compared"
    )


def _best(found: RedTeam, signal: str, left: dict[str, Estimate | None]) -> str:
    """The defence that lets fewest wrong answers through; of equal ones the one that costs fewest right ones."""
    costs = {one.defence: one for one in found.defences if one.signal == signal}
    none = costs["none"].measures

    def rank(name: str) -> tuple[float, float, float]:
        through, passed = left[name], costs[name].measures["passed_clean"]
        return through.value if through else 1.0, -passed.value if passed else 0.0, costs[name].calls

    best = min((name for name in left if name != "none"), key=rank)
    m, passed = costs[best].measures, costs[best].measures["passed_clean"]
    closed = passed is not None and passed.value == 0
    end = " No right answer gets through either: it closes the door rather than guards it." if closed else ""
    through, undefended = (percent_interval(one) for one in (passed, none["passed_clean"]))
    return (
        f"{signal}: {best} leaves least of that, {percent_interval(left[best])}. Without an attack it lets {through} "
        f"of the right answers through, {undefended} undefended; it loses {interval(m['auroc_lost'], 2)} of AUROC and "
        f"takes {costs[best].calls:g} further calls an answer.{end}"
    )
