"""The end of the demonstration: a store with a past up to last midnight, and a file that serves its pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibrant.assembly.building import deployed
from calibrant.assembly.config import load
from calibrant.demo import year as module
from calibrant.demo.year import year
from calibrant.releases.promoting import promoted
from calibrant.stores.sql import SqlStore
from calibrant.types import Record, Verdict

NOW = 1_796_000_000.0


def test_it_leaves_a_store_with_a_past_and_a_file_that_serves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DAYS", 12)
    monkeypatch.chdir(tmp_path)
    folder = Path("demo")  # as --out demo gives it: the file is read from wherever one stands
    folder.mkdir()
    for _ in range(2):  # in place of the one that is there
        told = year(folder, now=NOW, progress=lambda *_: None)
    assert told.answers == 12 * 20 and 0 < told.verdicts < told.answers
    store = SqlStore(str(told.store))
    facts = [entry.fact for entry in store.since()]
    times = [fact.time for fact in facts if isinstance(fact, Record)]
    assert len(times) == told.answers and NOW - 2 * 86400 < max(times) < NOW
    assert sum(isinstance(fact, Verdict) for fact in facts) >= told.verdicts
    assert promoted(store)[1] is not None
    store.close()
    config = load(told.config)
    served, _ = deployed(config)
    assert served.store.record(next(fact.id for fact in facts if isinstance(fact, Record))) is not None
    served.store.close()
    assert config.pages.title == "Support desk (made up)"
    assert set(told.to_dict()) == {"store", "config", "answers", "verdicts", "happened"}
