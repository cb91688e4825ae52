"""The layers below those that are tuned: what they give of an example never changes, so it is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from .weights import layers_of

__all__ = ["Below"]

Tensor = Any


class _Reached(Exception):  # it ends a pass early, and is no fault
    """A pass has come to the first layer that is tuned."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


class Below:
    """Keeps what comes into the last `top` layers of a model, for each example, and lets only those be computed.

    An epoch costs top / layers of one in which all are computed, at 4 bytes x tokens x width of memory an example; of
    the last layer only attention is computed where no logits are asked for. Results are those of the whole model but
    for rounding.

    Parameters
    ----------
    model : as `weights.adapted` makes it, of which no layer below is tuned
    batch : makes the inputs of some examples, padded on the left
    kept : what was computed before, by the place of its example, and what will be
    """

    def __init__(
        self,
        torch: Any,
        model: Any,
        top: int,
        batch: Callable[[Sequence[int]], dict[str, Any]],
        kept: dict[int, Tensor],
    ) -> None:
        self._torch, self._model, self._batch, self._kept = torch, model, batch, kept
        layers = layers_of(model)
        self._first, self._under = layers[-top], layers[:-top]
        self._last = getattr(layers[-1], "mlp", None)
        self._embedding = model.get_input_embeddings()

    @contextmanager
    def passed(self, rows: Sequence[int], keep: int) -> Iterator[None]:
        """Within, the model begins with what is kept of these examples, whatever tokens it is given.

        Only the last `keep` positions have right logits, or all if 0.
        """
        if lacking := [i for i in rows if i not in self._kept]:
            self._keep(lacking)
        kept = [self._kept[i] for i in rows]
        longest = max(map(len, kept))
        states = self._torch.stack([
            self._torch.nn.functional.pad(one, (0, 0, longest - len(one), 0)) for one in kept
        ])  # fmt: skip
        self._embedding.forward = lambda *_, **__: states
        for layer in self._under:
            layer.forward = lambda hidden, *_, **__: hidden
        changed = [self._embedding, *self._under]
        if keep and self._last is not None:
            self._last.forward = partial(_at_end, self._torch, self._last.forward, keep)
            changed.append(self._last)
        try:
            yield
        finally:
            for module in changed:
                del module.forward  # the method of its class again

    def _keep(self, rows: Sequence[int]) -> None:
        """One pass up to the first layer that is tuned."""
        training = self._model.training
        hook = self._first.register_forward_pre_hook(_reached, with_kwargs=True)
        self._model.eval()
        try:
            with self._torch.no_grad():
                batch = self._batch(rows)
                self._model(**batch, use_cache=False)
        except _Reached as found:
            for i, states, mask in zip(rows, found.states, batch["attention_mask"], strict=True):
                self._kept[i] = states[len(mask) - int(mask.sum()) :].clone()
        finally:
            hook.remove()
            self._model.train(training)


def _at_end(torch: Any, forward: Callable[[Tensor], Any], keep: int, states: Tensor) -> Any:
    """What a layer adds by itself, position by position, at the last ones alone; a router's choices go with it."""
    made = forward(states[:, -keep:])
    added, *more = made if isinstance(made, tuple) else (made,)
    whole = torch.nn.functional.pad(added, (0, 0, max(states.shape[1] - keep, 0), 0))
    return (whole, *more) if more else whole


def _reached(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    raise _Reached(given[0] if given else named["hidden_states"])
