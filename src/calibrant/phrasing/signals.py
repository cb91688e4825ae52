"""How it is said which signal works where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..metrics.findings import SMALLEST_GAIN
from .numbers import fixed, span

if TYPE_CHECKING:
    from ..comparing.signals import Compared, SignalTable

__all__ = ["sentences"]

ASKED = ("dinco", "linguistic", "p_true", "self_evaluation", "self_probing", "steerconf", "verbal", "vpd")
"""How signals begin for which a model is asked about itself."""

_SAID = (
    "It ranks without a gain",
    "It is not shown to rank, and has no gain to speak of",
    "It is not shown to rank, and is worse than {over}",
    "It is of no use",
    "Too few answers to tell",
)
"""What is said where it does not help, in the order of `_kind`."""

_MOST = 6
_By = Mapping[str, str | None]


def sentences(found: SignalTable) -> tuple[str, ...]:
    """Where self-evaluation works and where it fails, group by group where there are any."""
    told = list[str]()
    for top in found.tops:
        of = [one for one in found.signals if top.items() <= one.by.items()]
        whole = [one for one in of if one.by == top]
        parts = [one for one in of if one.by != top]
        lines = (*_best(whole), *_asked(whole, parts, top), *_reversed(of, top))
        told += [f"{', '.join(map(str, top.values()))}: {' '.join(lines)}"] if top else lines
    return tuple(told)


def _best(whole: Sequence[Compared]) -> list[str]:
    ranked = [one for one in whole if one.auroc is not None and one.verdict != "too few"]
    if not ranked:
        return ["No signal has answers enough to say anything."]
    most = max(one.n for one in ranked)  # one that few answers have may have the easy ones
    best = next(one for one in ranked if 2 * one.n >= most)
    assert best.auroc is not None
    calls = "" if best.calls is None else f", {_calls(best.calls)}"
    return [f"{best.signal} has the highest AUROC, {fixed(best.auroc.value)} ({span(best.auroc)}){calls}."]


def _calls(calls: float) -> str:
    said = fixed(calls, 1).removesuffix(".0")
    return "at no further call" if said == "0" else f"{said} call{'' if said == '1' else 's'} an answer"


def _asked(whole: Sequence[Compared], parts: Sequence[Compared], top: _By) -> list[str]:
    """What is said of the signals for which the model is asked about itself, on the whole and group by group."""
    whole, parts = ([one for one in of if _about_itself(one)] for of in (whole, parts))
    if not whole:
        return ["The log holds no signal for which the model is asked about itself."]
    over, behind = _against(whole), _against(whole, worse=True)
    helps, *others = _sorted_out({one.signal: [one] for one in whole})
    told = f"helps beyond {over}: {_listed(helps)}" if helps else f"is not shown to help beyond {over}"
    lines = [f"Asking the model about itself {told}."]
    lines += [
        f"{said.format(over=behind)}: {_listed(o)}." for said, o in zip(_SAID, others, strict=True) if o
    ]
    if not parts:
        return lines
    groups: dict[str, list[Compared]] = {}
    for one in parts:
        groups.setdefault(_group(one.by, top), []).append(one)
    helps, *others = _sorted_out(groups)
    where = [
        f"{name} ({', '.join(o.signal for o in groups[name] if o.verdict == 'helps')})" for name in helps
    ]
    count = f"{len(helps):,} of {len(groups):,} groups"
    lines.append(
        f"Group by group it helps in {count}: {_listed(where)}." if helps else f"It helps in {count}."
    )
    behind = _against(parts, worse=True)
    lines += [
        f"{said.format(over=behind)} in {_listed(o)}." for said, o in zip(_SAID, others, strict=True) if o
    ]
    return lines


def _against(signals: Iterable[Compared], *, worse: bool = False) -> str:
    """What they are held against; of those only that are worse than it, where that is wanted."""
    names = dict.fromkeys(one.against for one in signals if not worse or _kind(one) == 3)
    return " or ".join(names).replace("base rate", "the base rate")


def _group(by: _By, top: _By) -> str:
    """A group by what sets it apart within its top."""
    return ", ".join(
        f"no {name}" if value is None else value for name, value in by.items() if name not in top
    )


def _about_itself(one: Compared) -> bool:
    return bool(one.asked) and one.signal.lower().startswith(ASKED)


def _sorted_out(held: Mapping[str, Sequence[Compared]]) -> list[list[str]]:
    """Names by the best that is said of any signal there, see `_kind`; where some are reversed and none ranks, none."""
    found: list[list[str]] = [[] for _ in range(1 + len(_SAID))]
    for name, signals in held.items():
        kinds = [_kind(one) for one in signals if one.verdict != "reversed"]
        best = min(kinds, default=len(_SAID))
        if len(kinds) == len(signals) or best < 2:
            found[best].append(name)
    return found


def _kind(one: Compared) -> int:
    """Helps 0, ranks 1, is not shown to rank and has no gain 2 or is surely worse 3, is useless 4, has too few 5."""
    if one.verdict.startswith("no better"):
        assert one.auroc is not None and one.gain is not None
        ranks = one.auroc.low > 0.5 or one.gain.high >= SMALLEST_GAIN  # else the gain is ruled out
        return 1 if ranks else 3 if one.gain.high < 0 else 2
    return {"helps": 0, "useless": 4}.get(one.verdict, 5)


def _reversed(of: Sequence[Compared], top: _By) -> list[str]:
    where = [
        f"{_placed(one, top)} (AUROC {fixed(one.auroc.value)}, {span(one.auroc)})"
        for one in of
        if one.verdict == "reversed" and one.auroc is not None
    ]
    if not where:
        return []
    return [f"REVERSED, a higher score means wrong more often: {_listed(where)}. Do not act on it as it is."]


def _placed(one: Compared, top: _By) -> str:
    return one.signal if one.by == top else f"{one.signal} in {_group(one.by, top)}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST:,} more" if len(every) > _MOST else ""
    return "; ".join(every[:_MOST]) + more
