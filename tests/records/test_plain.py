"""Records as JSON values, both ways."""

from __future__ import annotations

import json
from dataclasses import replace

from calibrant.records.plain import record_from_dict, record_to_dict
from calibrant.types import Message, Question, Record

RECORD = Record(
    id="r", time=1.0, question=Question(id="q", messages=(Message("user", "2 + 2?"),)), completion=None
)


def test_a_record_names_its_release_and_an_older_one_names_none() -> None:
    named = replace(RECORD, release="0123456789abcdef")
    assert record_from_dict(json.loads(json.dumps(record_to_dict(named)))) == named
    assert record_from_dict(record_to_dict(RECORD)).release is None
    assert "release" not in record_to_dict(RECORD), "or adding an older record again would be another content"
