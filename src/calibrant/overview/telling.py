"""How the standing of a task is said: a word, a sentence, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ..metrics.intervals import Estimate
from ..phrasing.numbers import fixed, half_up, of_100, percent, several
from .rules import Rule
from .standing import Standing, State

__all__ = [
    "Word",
    "ago",
    "answer_line",
    "count_word",
    "day",
    "gap_said",
    "minute",
    "name_of",
    "named",
    "segment_name",
    "strength",
    "word",
]


class Word(NamedTuple):
    """What a task is called, and the mark that goes with it: "over", "under", "few", "late", "holds"."""

    text: str
    mark: str

    @property
    def bad(self) -> bool:
        """Whether something is wrong."""
        return self.mark in ("over", "bent")


_WORDS: Mapping[State, Word] = {
    "over": Word("Over-confident", "over"),
    "under": Word("Under-confident", "under"),
    "bent": Word("Miscalibrated", "bent"),
    "unchecked": Word("Confident answers unchecked", "few"),
    "stale": Word("Not checked lately", "few"),
    "few": Word("Too few labels", "few"),
    "none": Word("No probability yet", "few"),
    "holds": Word("Holds so far", "holds"),
}


def word(one: Standing) -> Word:
    """What a task is called."""
    if one.alarm is None:
        return _WORDS[one.state]
    low = one.gap is not None and one.gap.value < 0
    return Word(f"{'Under' if low else 'Over'}-confident, alarm since {day(one.alarm.time)}", "over")


def name_of(task: str) -> str:
    """A task as people read it."""
    return task or "(no task)"


def segment_name(domain: str | None) -> str:
    """A domain as people read it."""
    return "(no domain)" if domain is None else domain


def answer_line(one: Standing, rule: Rule) -> str:
    """What a task claims and is right in, up to when, and what goes by itself."""
    automatic = _automatic(one, rule)
    if one.state == "none":
        labels = several(len(one.past.labels), "label")
        return f"No probability is told yet: there is no map for its answers. {labels} so far. {automatic}".strip()
    if one.finding is None or one.right is None or one.finding.too_few:
        since = f" since {day(one.since)}" if one.since is not None else ""
        young = f", {several(one.young, 'label')} too young to count" if one.young else ""
        have = f"{one.tally.n_eff:.0f} effective labels of what answers now{since}{young}"
        return f"{have}: too few to say how often it is right. {automatic}".strip()
    return f"{claim(one)} {automatic}".strip()


def claim(one: Standing) -> str:
    """Claims 87 of 100, is right 79 of 100 (75 to 83; 412 labels, n_eff 388, matured to 18 Nov)."""
    assert one.right is not None and one.finding is not None
    right, n_eff = (
        one.right,
        f", n_eff {one.tally.n_eff:,.0f}" if one.tally.n_eff < 0.98 * one.tally.rows else "",
    )
    digits = _digits(one)
    return (
        f"Claims {of_100(one.finding.mean_confidence, digits)} of 100, is right {of_100(right.value, digits)} of 100 "
        f"({between(right, digits)}; {several(one.tally.rows, 'label')}{n_eff}, matured to {day(one.matured)})."
    )


def between(one: Estimate, digits: int = 0) -> str:
    """The ends of a share's interval, of 100.

    >>> between(Estimate(0.98, 0.75, 1.0))
    '75 to over 99'
    """
    return f"{of_100(one.low, digits)} to {of_100(one.high, digits)}"


def shares(one: Estimate) -> str:
    """A share with its interval, of 100: 79 (58 to 93).

    >>> shares(Estimate(0.79, 0.58, 0.93))
    '79 (58 to 93)'
    """
    return f"{of_100(one.value)} ({between(one)})"


def _digits(one: Standing) -> int:
    """One more where many labels say more."""
    return 1 if one.tally.n_eff >= 5_000 else 0


def _automatic(one: Standing, rule: Rule) -> str:
    share = one.automatic
    if share is None:
        return "No answer in the last 7 days."
    if not one.recent.automatic:
        return "Every answer goes to a person."
    if rule.threshold is None:
        return f"{percent(share)} automatic."
    kind = "Safe threshold" if rule.certified else "Threshold (not certified)"
    return f"{kind} {fixed(rule.threshold, 2)} → {percent(share)} automatic."


def gap_said(found: Estimate) -> str:
    """The gap in points with its interval: +8 (4 to 12).

    >>> gap_said(Estimate(-0.004, -0.02, 0.01))
    '0 (−2 to 1)'
    """
    value, low, high = (
        fixed(100 * end, 0, signed=i == 0) for i, end in enumerate((found.value, found.low, found.high))
    )
    value = "0" if value in ("+0", "-0") else value
    return f"{value} ({low} to {high})".replace("-", "−")


def day(time: float) -> str:
    """A day, in UTC.

    >>> day(1_790_000_000.0)
    '21 Sep'
    """
    when = datetime.fromtimestamp(time, UTC)
    return f"{when.day} {when:%b}"


def minute(time: float) -> str:
    """A day with year and time, in UTC.

    >>> minute(1_790_000_000.0)
    '21 Sep 2026, 14:13 UTC'
    """
    when = datetime.fromtimestamp(time, UTC)
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def ago(seconds: float) -> str:
    """A span of time in its largest unit, or two.

    >>> ago(30), ago(7_800), ago(200_000)
    ('30 s', '2 h 10 min', '2 days 7 h')
    """
    seconds = max(int(seconds), 0)
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours < 2:
        return f"{minutes} min"
    if days < 2:
        rest = minutes - 60 * hours
        return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours} h"
    return f"{days} days {hours - 24 * days} h" if days < 7 and hours % 24 else f"{days} days"


_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def count_word(n: int) -> str:
    """A small count as a word.

    >>> count_word(2), count_word(31)
    ('two', '31')
    """
    return _NUMBERS[n] if n < len(_NUMBERS) else f"{n:,}"


def strength(log10: float) -> str:
    """Evidence, given in powers of ten, as the number that it is: how many times its stake a bet has won.

    >>> strength(-0.01), strength(1.3), strength(4.0), strength(14.2)
    ('0.98', '20', '10,000', '1.6e14')
    """
    if log10 < 1:
        return fixed(10.0**log10, 2)
    return f"{half_up(10.0**log10):,.0f}" if log10 < 6 else f"{10 ** (log10 % 1):.1f}e{int(log10)}"


def named(names: Sequence[str], most: int = 3) -> str:
    """Names in a row, of many the first ones.

    >>> named(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
