"""The timeline of a task: what is drawn for its events."""

from __future__ import annotations

import json
import re
from typing import Any

from calibrant.report.timelines import timeline_chart

DAY = 86400.0


def letters(days: list[float], *, length: float = 180) -> list[str]:
    """The letters that stand in the chart."""
    values: dict[str, Any] = {
        "start": 0.0, "end": length * DAY, "matured": length * DAY, "alpha": 0.05, "tolerance": 0.05, "weeks": [],
        "days": [], "free": [], "labels": [], "changes": [], "crossed": None,
        "events": [{"time": at * DAY, "letter": chr(65 + i)} for i, at in enumerate(days)],
    }  # fmt: skip
    return sorted(set(re.findall(r'letter\\": \\"(.)', json.dumps(timeline_chart(values).to_dict()))))


def test_of_events_too_near_to_each_other_the_first_stands_for_all() -> None:
    assert letters([10, 40, 90]) == ["A", "B", "C"]
    assert letters([10, 10, 11, 90, 91]) == ["A", "D"]
    assert letters([90, 10, 91]) == ["A", "B"]
