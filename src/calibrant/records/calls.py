"""The samples that models gave: kept in bounded memory, and in a file from which they are taken again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from ..files.jsonlines import JsonLines
from ..types import Completion
from .plain import completion_from_dict, completion_to_dict

__all__ = ["CallLog", "Sample", "SampleCache", "Samples"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A completion and the `depth` at which it was asked for, which a server need not have followed."""

    completion: Completion
    depth: int

    @property
    def weight(self) -> int:
        """About what it takes in memory: the texts and numbers in it."""
        tokens = self.completion.tokens
        return 1 + len(tokens) * (1 + len(tokens[0].top)) if tokens else 1


class Samples(dict[int, Sample]):
    """The samples of one address by their index."""

    __slots__ = ("__weakref__",)

    def lacking(self, samples: int, depth: int) -> list[int]:
        """The indexes below `samples` of which there is no sample asked for at that depth or more."""
        return [i for i in range(samples) if i not in self or self[i].depth < depth]

    def first(self, samples: int) -> tuple[Completion, ...]:
        """The completions of the first so many."""
        return tuple([self[i].completion for i in range(samples)])

    def put(self, first: int, depth: int, completions: Iterable[Completion]) -> None:
        """Completions from that index on, in place of what is there, unless that was asked for more deeply."""
        for index, completion in enumerate(completions, start=first):
            if index not in self or self[index].depth <= depth:
                self[index] = Sample(completion, depth)


class CallLog:
    """A file of answered calls, one line each, found by model and address.

    A line is ``{"model", "address", "first", "logprobs", "top_logprobs", "completions"}``: the completions
    are the samples of that `Ask.address` from index `first` on. A later line stands in place of an
    earlier one that was not asked for more deeply. In memory is one position for each line. One process at a
    time may write.
    """

    def __init__(self, path: str | Path) -> None:
        self._lines = JsonLines(path, has=("model", "address", "first", "completions"))
        self._places: dict[int, int | tuple[int, ...]] = {}
        self.models: set[str] = set()
        for position, line in self._lines.placed():
            self._index(line["model"], line["address"], position)

    def samples(self, model: str, address: str) -> Samples:
        """What the model gave at that address, as far as it is in the file."""
        found = Samples()
        places = self._places.get(_key(model, address), ())
        for position in (places,) if isinstance(places, int) else places:
            line = self._lines.at(position)
            if (line["model"], line["address"]) == (model, address):
                known = 1 + line["top_logprobs"] if line["logprobs"] else 0
                found.put(line["first"], known, map(completion_from_dict, line["completions"]))
        return found

    def add(
        self, model: str, address: str, first: int, depth: int, completions: Iterable[Completion]
    ) -> None:
        """Add an answered call: in the file when this returns, and on the disk soon after (`JsonLines.note`)."""
        line = {
            "model": model,
            "address": address,
            "first": first,
            "logprobs": depth > 0,
            "top_logprobs": max(0, depth - 1),
            "completions": [completion_to_dict(completion) for completion in completions],
        }
        (position,) = self._lines.note([line])
        self._index(model, address, position)

    async def settled(self) -> None:
        """Return when every call is on the disk."""
        await self._lines.settled()

    def _index(self, model: str, address: str, position: int) -> None:
        self.models.add(model)
        key = _key(model, address)
        there = self._places.get(key)
        if there is None:
            self._places[key] = position
        else:
            self._places[key] = (*((there,) if isinstance(there, int) else there), position)


def _key(model: str, address: str) -> int:
    """Eight bytes; should two calls share them, their lines tell them apart."""
    return hash((model, address))


class SampleCache:
    """Samples in memory, those used last, in front of a log of calls where there is one.

    What somebody still holds is found whatever the limit, so that nothing is asked for again meanwhile.
    `limit` bounds the sum of `Sample.weight`.
    """

    def __init__(self, model: str, log: CallLog | None, limit: int) -> None:
        self._model, self._log, self._limit = model, log, limit
        self._used: OrderedDict[str, tuple[Samples, int]] = OrderedDict()
        self._held: WeakValueDictionary[str, Samples] = WeakValueDictionary()
        self._weight = 0

    def at(self, address: str) -> Samples:
        """The samples of an address: the same object for as long as anybody holds it."""
        found = self._held.get(address)
        if found is None:
            found = Samples() if self._log is None else self._log.samples(self._model, address)
            self._held[address] = found
            if found:
                self._weigh(address, found)
        elif address in self._used:
            self._used.move_to_end(address)
        return found

    def add(
        self, address: str, samples: Samples, first: int, depth: int, completions: tuple[Completion, ...]
    ) -> None:
        """Keep the samples of a call, also in the log where there is one."""
        samples.put(first, depth, completions)
        self._weigh(address, samples)
        if self._log is not None:
            self._log.add(self._model, address, first, depth, completions)

    async def settled(self) -> None:
        """Return when the log, where there is one, is on the disk."""
        if self._log is not None:
            await self._log.settled()

    def _weigh(self, address: str, samples: Samples) -> None:
        _, before = self._used.pop(address, (None, 0))
        weight = sum(sample.weight for sample in samples.values())
        self._used[address] = samples, weight
        self._weight += weight - before
        while self._weight > self._limit:
            _, (_, gone) = self._used.popitem(last=False)
            self._weight -= gone
