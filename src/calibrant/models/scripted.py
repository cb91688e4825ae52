"""A model that answers from a script: for tests, examples and dry runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from calibrant.errors import ModelError, ModelRefused
from calibrant.types import Ask, Completion, Delta

__all__ = ["Scripted"]

Answer = str | Completion | ModelError
Script = Callable[[Ask], Answer | Sequence[Answer]] | Mapping[str, Answer]


class Scripted:
    """Answers from a function of the Ask, or from a mapping of the last message's text to an answer.

    An answer is a text, a whole `Completion`, or a `ModelError` to raise. `calls` counts the calls, and
    `asked` those of each Ask, so that a test can tell what was asked twice. A function may give a list or
    tuple of answers, one for each sample; too few are a `ModelRefused`.

    Parameters
    ----------
    script : the answers
    name : the name that fingerprints carry
    delay : seconds that each call takes
    failures : errors that the first calls raise, one each, before the script is followed
    gives_logprobs : what the model says of itself; None for not known

    >>> model = Scripted({"2 + 2?": "4"})
    >>> from calibrant.types import Message
    >>> ask = Ask(messages=(Message("user", "2 + 2?"),))
    >>> [completion.text for completion in asyncio.run(model.complete(ask))], model.calls
    (['4'], 1)
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        delay: float = 0.0,
        failures: tuple[ModelError, ...] = (),
        gives_logprobs: bool | None = None,
    ) -> None:
        self.gives_logprobs = gives_logprobs
        self.name = name
        self.calls = 0
        self.asked: Counter[Ask] = Counter()
        self._script, self._delay, self._failures = script, delay, failures

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """The scripted answer, as often as samples are wanted."""
        self.calls += 1
        self.asked[ask] += 1
        turn = self.calls
        await asyncio.sleep(self._delay)
        if turn <= len(self._failures):
            raise self._failures[turn - 1]
        first = self._answer(ask)
        if isinstance(first, (list, tuple)):
            if len(first) < ask.samples:
                raise ModelRefused(
                    f"The script of {self.name!r} gave {len(first)} answers where {ask.samples} are wanted."
                )
            answers = list(first[: ask.samples])
        else:
            answers = [first, *(self._answer(ask) for _ in range(ask.samples - 1))]
        return tuple(self._completion(answer) for answer in answers)

    async def stream(self, ask: Ask) -> AsyncGenerator[Delta, None]:
        """The scripted answer, word by word."""
        (completion,) = await self.complete(replace(ask, samples=1))
        for index, word in enumerate(completion.text.split(" ")):
            yield Delta(f" {word}" if index else word)
        yield Delta(completion=completion)

    async def close(self) -> None:
        """Nothing to give back."""

    def _answer(self, ask: Ask) -> Any:
        return self._script(ask) if callable(self._script) else self._looked_up(self._script, ask)

    def _completion(self, answer: Answer) -> Completion:
        if isinstance(answer, ModelError):
            raise answer
        return answer if isinstance(answer, Completion) else Completion(text=answer, model=self.name)

    def _looked_up(self, script: Mapping[str, Answer], ask: Ask) -> Answer:
        text = ask.messages[-1].content
        if text not in script:
            raise ModelRefused(
                f"The script of {self.name!r} has no answer to {text!r}. Add one, or pass a function."
            )
        return script[text]
