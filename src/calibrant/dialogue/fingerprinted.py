"""What follows from a signal's settings and prompts, so that no signal writes it itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from ..types import Cost, digest

__all__ = ["Fingerprinted"]


class _Once:
    """Room for what is worked out once; no field, so that it is no setting."""

    __slots__ = ("_fingerprint",)
    _fingerprint: tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprinted(_Once):
    """A signal that is told apart by its `prompts`, as they stand in the class, and by its fields, its settings.

    As it is it needs nothing and costs nothing; one that asks states its own `cost`, and one whose settings
    change what it asks states the prompts as they are `put`.

    >>> class Length(Fingerprinted): ...
    >>> Length().cost, Length().fingerprint[0] == digest([])
    (Cost(calls=0, samples=0, read=0, written=0), True)
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    prompts: ClassVar[tuple[Any, ...]] = ()

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost()

    @property
    def put(self) -> tuple[Any, ...]:
        """The prompts under these settings."""
        return self.prompts

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompts and of the settings."""
        try:
            return self._fingerprint
        except AttributeError:
            object.__setattr__(self, "_fingerprint", (digest(self.put), digest(asdict(self))))
        return self._fingerprint
