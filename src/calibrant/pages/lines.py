"""The row of each task on the first page: its word, its sentence, its gap, its actions, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from calibrant.metrics.intervals import Estimate
from calibrant.overview.standing import Standing
from calibrant.overview.tallying import Happened
from calibrant.overview.telling import answer_line, count_word, gap_said, name_of, named, segment_name, word
from calibrant.phrasing.numbers import percent

from .charts import place_of
from .known import Seen

__all__ = ["Bar", "Row", "Strip", "address_of", "bars", "headline", "rows", "strip"]

AXIS = (-10.0, 20.0)
"""Points of the gap from end to end of the strips, which all rows share; what lies beyond has an arrow."""

WIDTH, INSET = 150.0, 6.0


@dataclass(frozen=True, slots=True)
class Strip:
    """Where the gap, its interval and zero stand in a strip, in its units; `beyond` says on which side it goes on."""

    zero: float
    low: float
    high: float
    at: float
    beyond: str
    told: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of the bar of actions."""

    action: str
    start: float
    width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What the first page says of a task."""

    name: str
    href: str
    word: str
    mark: str
    bad: bool
    line: str
    why: str
    strip: Strip | None
    have: int
    need: int
    bars: tuple[Bar, ...]
    shares: str
    todo: str
    to: str
    go: bool


def address_of(task: str) -> str:
    """The page of a task.

    >>> address_of("law/eu"), address_of("")
    ('/tasks/law/eu', '/tasks/')
    """
    return f"/tasks/{quote(task)}"


def rows(seen: Seen) -> list[Row]:
    """Of each task, the most urgent first."""
    return [_row(one, seen) for one in seen.tasks]


def headline(seen: Seen, late: int, held: int) -> str:
    """How many tasks can be trusted today, and how many things need somebody; a `late` answer is one of the `held`."""
    total, trusted = len(seen.tasks), sum(one.trusted for one in seen.tasks)
    if seen.behind and seen.position:
        return f"What came is still being read: {seen.position:,} entries so far."
    if not total:
        return "Nothing has been answered yet."
    if total == 1:
        said = "The task can be trusted today." if trusted else "The task cannot be trusted today."
    else:
        some = count_word(trusted).capitalize() if trusted else "None"
        said = f"{some} of {count_word(total)} tasks can be trusted today."
    needs = sum(not one.trusted for one in seen.tasks) + (late > 0)
    if not needs and held:
        return f"{said} {'An answer waits' if held == 1 else 'Held answers wait'} for a person."
    if not needs:
        return f"{said} Nothing needs you."
    return f"{said} {count_word(needs).capitalize()} {'things need' if needs > 1 else 'thing needs'} you."


def strip(gap: Estimate | None) -> Strip | None:
    """A gap on the shared axis; None where there are too few labels."""
    if gap is None:
        return None
    value, low, high = (_place(100 * end) for end in (gap.value, gap.low, gap.high))
    beyond = "right" if 100 * gap.high > AXIS[1] else "left" if 100 * gap.low < AXIS[0] else ""
    return Strip(_place(0.0), low, high, value, beyond, gap_said(gap))


def _place(points: float) -> float:
    share = (min(max(points, AXIS[0]), AXIS[1]) - AXIS[0]) / (AXIS[1] - AXIS[0])
    return round(INSET + share * (WIDTH - 2 * INSET), 1)


def bars(one: Standing, width: float = 190.0) -> tuple[tuple[Bar, ...], str]:
    """The actions of the last days as parts of one bar, and in words."""
    counts, at, found, told = one.recent, 0.0, list[Bar](), list[str]()
    total = counts.answers
    for action in ("answer", "disclaim", "review", "hand_off", "none"):
        n = getattr(counts, action)
        if n and total:
            size = n / total * (width - 6)
            found.append(Bar(action, round(at, 1), round(max(size, 1.5), 1)))
            at += size + 1.5
            told.append(f"{action.replace('_', ' ')} {percent(n / total)}")
    if len(told) == 1:
        return tuple(found), f"all: {found[0].action.replace('_', ' ')}"
    return tuple(found), ", ".join(told) or "no answer in the last 7 days"


def _row(one: Standing, seen: Seen) -> Row:
    called = word(one)
    drawn, told = bars(one)
    todo, to, go = _todo(one, seen)
    have = int(one.enough.effective)
    return Row(
        name=name_of(one.task), href=address_of(one.task), word=called.text, mark=called.mark, bad=called.bad,
        line=answer_line(one, seen.rules[one.task]), why=why(one), strip=strip(one.gap),
        have=have, need=have + one.enough.missing,
        bars=drawn, shares=told, todo=todo, to=to, go=go,
    )  # fmt: skip


def why(one: Standing) -> str:
    """What else is to be known: since when, what was done by itself, what is missing."""
    if one.state == "none":
        if one.enough.missing:
            return f"{one.enough.why} Then a first map can be fitted.{_volunteers(one)}"
        return "There are labels enough for a first map: calibrant fit STORE --by task -o maps.json."
    if one.state == "few":
        return f"{one.enough.why}{_where(one)}{_volunteers(one)}"
    if one.state == "unchecked":
        return (
            "Hardly any answer that was sent without a person has been judged: those could be wrong unseen. "
            f"{one.enough.why}"
        )
    if one.state == "stale":
        return "No label has come for a month: what is known speaks of then."
    change = one.changes[-1] if one.changes else None
    if one.alarm is not None:
        kind = str(one.alarm.data.get("kind", "unknown"))
        since = f" Last change: {change[1]}." if change else ""
        return f"{_KINDS.get(kind, _KINDS['unknown'])}{since}"
    return ""


def _volunteers(one: Standing) -> str:
    n = one.past.volunteers
    if not n:
        return ""
    came = f"{n:,} more came unasked and count" if n > 1 else "One more came unasked and counts"
    return (
        f" {came} for nothing, since nobody knows of which answers they come: where all are judged, "
        "[feedback.sources.NAME] says so."
    )


_KINDS = {
    "concept": "Answers of the same confidence are right at another rate than before: a new map is needed.",
    "covariate": "Other answers come than before, where the map was wrong and it did not show.",
    "unknown": "What has changed cannot be told yet.",
}


def _where(one: Standing) -> str:
    """Which domains have no number of their own."""
    domains = [
        segment_name(segment.domain) for segment in one.segments if segment.gap is None and segment.domain
    ]
    return f" Too few for a number of their own: {named(domains, 2)}." if 0 < len(domains) < 4 else ""


def _todo(one: Standing, seen: Seen) -> tuple[str, str, bool]:
    """What to do: its words, where, and whether it is the first thing to be done in its row."""
    if one.state in ("alarm", "over", "bent"):
        proposal = _proposal(one, seen)
        if proposal is not None:
            return "Compare releases", "/releases", True
        return "See what changed", f"{address_of(one.task)}#timeline", one.state == "alarm"
    if one.state in ("none", "few", "unchecked", "stale"):
        return "Judge answers", "/review", False
    return "", "", False


def _proposal(one: Standing, seen: Seen) -> Happened | None:
    """A release that was proposed for the task, or for all, since the last promotion."""
    found = None
    for event in seen.overview.events:
        if event.kind == "promotion":
            found = None
        elif event.kind == "proposal" and place_of(event).get("task") in (None, one.task):
            found = event
    return found
