"""A few hundred hostile requests: no 500, nothing private, no number above the map's."""

from __future__ import annotations

from .hostile import run


def test_hostile_requests_are_refused_in_order() -> None:
    seen, wrong = run(300, seed=1)
    assert not wrong, wrong[:3]
    assert seen[200] and seen[400]
