"""What keys spent outlives a restart, and is one sum for all replicas."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.keys import Key, hash_of
from calibrant.errors import StoreError
from calibrant.gateway.callers import Keyring
from calibrant.gateway.errors import TurnedAway
from calibrant.gateway.ledger import Ledger
from calibrant.stores.sql import SqlStore

KEYS = [
    Key(name="team", hash=hash_of("q8Zr-51xw-Kd0e-77ab"), budget=10.0),
    Key(name="free", hash=hash_of("q8Zr-51xw-Kd0e-77ac")),
]


def test_money_is_summed_over_restarts_and_replicas(tmp_path: Path) -> None:
    now = [86400.0 * 20_000]
    store = SqlStore(str(tmp_path / "a.db"))

    def replica() -> tuple[Keyring, Ledger]:
        ring = Keyring(KEYS, wall=lambda: now[0])
        return ring, Ledger(store, ring, wall=lambda: now[0])

    async def days() -> None:
        (one, here), (other, there) = replica(), replica()
        one.callers[0].used(0, 0, 4.0)
        other.callers[0].used(0, 0, 3.0)
        for ledger in (here, there, here, here):
            await ledger.settle()
        assert one.callers[0].spent_today == other.callers[0].spent_today == 7.0
        other.callers[0].used(0, 0, 3.5)
        await there.settle()
        again, ledger = replica()
        await ledger.settle()
        assert again.callers[0].spent_today == 10.5
        with pytest.raises(TurnedAway):
            again.callers[0].enter()
        again.callers[1].enter()
        now[0] += 86400
        for ledger_ in (ledger, here):
            await ledger_.settle()
        again.callers[0].enter()
        one.callers[0].used(0, 0, 1.0)
        await here.settle()
        await ledger.settle()
        assert again.callers[0].spent_today == 1.0

    asyncio.run(days())
    assert store.state("spent")[1] == {"day": 20_001, "dollars": {"team": 1.0}}
    store.close()


def test_a_store_that_is_away_costs_no_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqlStore(str(tmp_path / "a.db"))
    ring = Keyring(KEYS)

    def away(_: str) -> None:
        raise StoreError("away")

    async def later() -> None:
        ring.callers[0].used(0, 0, 4.0)
        with monkeypatch.context() as patch:
            patch.setattr(store, "state", away)
            await Ledger(store, ring).settle()
        assert ring.callers[0].spent_today == 4.0
        watching = asyncio.create_task(Ledger(store, ring, every=60).watch())
        await asyncio.sleep(0.1)
        ring.callers[0].used(0, 0, 1.0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(later())
    assert store.state("spent")[1]["dollars"] == {"team": 5.0}
    store.close()


def test_what_was_spent_before_midnight_is_not_counted_into_the_new_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [86400.0 * 20_001 - 1]
    store = SqlStore(str(tmp_path / "a.db"))
    ring = Keyring(KEYS, wall=lambda: now[0])
    ledger = Ledger(store, ring, wall=lambda: now[0])
    ring.callers[0].used(0, 0, 4.0)
    read = store.state

    def slowly(name: str) -> Any:
        now[0] += 2
        return read(name)

    with monkeypatch.context() as patch:
        patch.setattr(store, "state", slowly)
        asyncio.run(ledger.settle())
    assert ring.callers[0].spent_today == 0.0
    asyncio.run(ledger.settle())
    assert ring.callers[0].spent_today == 0.0
    ring.callers[0].used(0, 0, 1.0)
    asyncio.run(ledger.settle())
    assert store.state("spent")[1] == {"day": 20_001, "dollars": {"team": 1.0}}
    now[0] -= 10  # a clock that is behind
    asyncio.run(ledger.settle())
    assert store.state("spent")[1] == {"day": 20_001, "dollars": {"team": 1.0}}
    store.close()
