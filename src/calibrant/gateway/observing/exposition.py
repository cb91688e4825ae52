"""Counters and histograms, and the text in which Prometheus reads them (exposition format 0.0.4). No I/O.

Written here, since it stands in the way of every answer: one that is counted costs well below a microsecond.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

__all__ = ["CONTENT_TYPE", "Counter", "Histogram", "gauge"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]
Stated = TypeVar("Stated", bound=Labels)


class Counter:
    """Counts by the values of labels; its name ends in ``_total``.

    >>> asked = Counter("asked_total", "Questions.", "task")
    >>> asked.add(("law",)); asked.add(("law",), 2)
    >>> print("\\n".join(asked.lines()))
    # HELP asked_total Questions.
    # TYPE asked_total counter
    asked_total{task="law"} 3
    """

    def __init__(self, name: str, help: str, *labels: str) -> None:
        self.name, self.help, self.labels = name, help, labels
        self.values: dict[Labels, float] = {}

    def add(self, values: Labels, by: float = 1) -> None:
        """Count one, or so many."""
        self.values[values] = self.values.get(values, 0) + by

    def lines(self) -> Iterator[str]:
        """Its part of the text."""
        yield from _head(self.name, self.help, "counter")
        for values, value in self.values.items():
            yield f"{self.name}{_labelled(self.labels, values)} {_number(value)}"


class Histogram:
    """How many values lie at or below each of `bounds`, by the values of labels."""

    def __init__(self, name: str, help: str, bounds: Iterable[float], *labels: str) -> None:
        self.name, self.help, self.labels = name, help, labels
        self.bounds = tuple(bounds)
        self.counts: dict[Labels, list[int]] = {}
        self.sums: dict[Labels, float] = {}

    def observe(self, values: Labels, value: float) -> None:
        """Count a value."""
        counts = self.counts.get(values)
        if counts is None:
            counts = self.counts[values] = [0] * (len(self.bounds) + 1)
            self.sums[values] = 0.0
        counts[bisect_left(self.bounds, value)] += 1
        self.sums[values] += value

    def lines(self) -> Iterator[str]:
        """Its part of the text."""
        yield from _head(self.name, self.help, "histogram")
        for values, counts in self.counts.items():
            so_far = 0
            for bound, count in zip((*map(_number, self.bounds), "+Inf"), counts, strict=True):
                so_far += count
                yield f"{self.name}_bucket{_labelled((*self.labels, 'le'), (*values, bound))} {so_far}"
            told = _labelled(self.labels, values)
            yield f"{self.name}_sum{told} {_number(self.sums[values])}"
            yield f"{self.name}_count{told} {so_far}"


def gauge(
    name: str, help: str, labels: Labels, values: Mapping[Stated, float], kind: str = "gauge"
) -> Iterator[str]:
    """What is looked up when it is asked for: the part of the text of one metric, by the values of its labels."""
    yield from _head(name, help, kind)
    for stated, value in values.items():
        yield f"{name}{_labelled(labels, stated)} {_number(value)}"


def _head(name: str, help: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {help}", f"# TYPE {name} {kind}"


def _labelled(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    return (
        "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)) + "}"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
