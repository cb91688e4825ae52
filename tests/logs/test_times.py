"""One reading of when a row was, whatever wrote it; or the reason why there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.times import seconds_of
from calibrant.planning.holding import check_certificates
from calibrant.planning.thresholds import plan_thresholds

START = datetime(2026, 9, 28, 22, 30, tzinfo=UTC)
WHEN = [START + timedelta(hours=7 * i) for i in range(40)]
"""Across days, a month with a day beyond 12, noon and midnight."""

ZONES = (timezone(timedelta(hours=14)), timezone(timedelta(hours=-11)))

FORMS = {
    "ISO": [one.isoformat() for one in WHEN],
    "ISO with Z and fractions": [f"{one:%Y-%m-%dT%H:%M:%S}.123456789Z" for one in WHEN],
    "ISO in zones that change": [one.astimezone(ZONES[i % 2]).isoformat() for i, one in enumerate(WHEN)],
    "ISO with a space and a zone": [f"{one:%Y-%m-%d %H:%M:%S} +0000" for one in WHEN],
    "ISO, said to be UTC": [f"{one:%Y-%m-%d %H:%M:%S} UTC" for one in WHEN],
    "HTTP": [format_datetime(one, usegmt=True) for one in WHEN],
    "asctime": [one.strftime("%a %b %d %H:%M:%S %Y") for one in WHEN],
    "US": [one.strftime("%m/%d/%Y %I:%M:%S %p") for one in WHEN],
    "US without zeros": [f"{one.month}/{one.day}/{one:%y} {one:%I:%M %p}" for one in WHEN],
    "European": [one.strftime("%d/%m/%Y %H:%M:%S") for one in WHEN],
    "German": [one.strftime("%d.%m.%Y %H:%M") for one in WHEN],
    "Japanese": [one.strftime("%Y/%m/%d %H:%M") for one in WHEN],
    "words": [one.strftime("%b %d, %Y %I:%M %p") for one in WHEN],
    "seconds": [one.timestamp() for one in WHEN],
    "seconds as text": [str(int(one.timestamp())) for one in WHEN],
    "milliseconds": [int(one.timestamp() * 1e3) for one in WHEN],
    "nanoseconds as text": [str(int(one.timestamp()) * 10**9) for one in WHEN],
    "seconds, later milliseconds": [one.timestamp() * (1 if i < 20 else 1e3) for i, one in enumerate(WHEN)],
    "datetimes": WHEN,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_time(form: str) -> None:
    found = seconds_of(np.array(FORMS[form], object))
    assert not isinstance(found, str), found
    np.testing.assert_allclose(np.diff(found), 7 * 3600, atol=1e-3)
    missing = seconds_of(np.array([*FORMS[form], None, ""], object))
    assert not isinstance(missing, str) and np.isnan(missing[-2:]).all()


def test_arrays_of_times_and_numbers_out_of_order() -> None:
    stamps = np.array([one.replace(tzinfo=None) for one in WHEN], "datetime64[ms]")
    found = seconds_of(stamps)
    assert not isinstance(found, str)
    np.testing.assert_allclose(found, [one.timestamp() for one in WHEN])
    text = seconds_of(np.array([str(i) for i in range(1, 6401)], object))
    assert not isinstance(text, str) and text.tolist() == list(range(1, 6401))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["01/02/2026", "05/06/2026"], "may be US .* or European"),
        (["13/02/2026", "05/16/2026"], "some days say one and some the other"),
        (["12:30:01", "12:31:01"], "'12:30:01' is no time that is known here"),
        (["3rd of May", "4th of May"], "'3rd of May' is no time"),
        (["2026-01-01T00:00:00", "2026-01-01T00:00:00Z"], "others, such as '2026-01-01T00:00:00', have none"),
        ([1.7e9, 17.0], "others are not, such as 17"),
        (
            ["2026-01-13", "Tue, 13 Jan 2026 08:00:00 GMT"],
            "mixed, such as '2026-01-13' and 'Tue, 13 Jan 2026",
        ),
        (["31/02/2026", "30/02/2026"], "'31/02/2026' is no time"),
        ([True, False], "is no time"),
    ],
)
def test_what_cannot_be_put_in_order_is_said(values: list[Any], said: str) -> None:
    found = seconds_of(np.array(values, object))
    assert isinstance(found, str)
    with pytest.raises(UnusableInput, match=said):
        raise UnusableInput(found)


ROWS = 1600


@pytest.fixture(scope="module")
def promised() -> Any:
    good = pd.DataFrame({"confidence": np.tile([0.96, 0.98], 1500), "correct": np.tile([1] * 24 + [0], 120)})
    made = plan_thresholds(good, max_error=0.06, delta=0.1).certificates
    assert made.certificates[0].certified
    return made


@pytest.fixture(scope="module")
def later() -> pd.DataFrame:
    """A bad beginning, and so good an end that only the order refutes the promise; shuffled."""
    wrong = np.zeros(ROWS, bool)
    wrong[:240:4] = True
    frame = pd.DataFrame(
        {"time": np.arange(1, ROWS + 1), "confidence": 0.97, "correct": (~wrong).astype(int)}
    )
    return frame.sample(frac=1, random_state=0)


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl", "xlsx as text"])
def test_a_promise_is_judged_alike_from_every_file(
    promised: Any, later: pd.DataFrame, tmp_path: Path, form: str
) -> None:
    path: Any = tmp_path / f"log.{form}"
    match form:
        case "parquet":
            later.to_parquet(path)
        case "csv":
            later.to_csv(path, index=False)
        case "jsonl":
            later.to_json(path, orient="records", lines=True)
        case _:
            path = later.astype({"time": str})
    by_number = check_certificates(promised, later).groups[0]
    assert by_number.certificate.revoked
    assert check_certificates(promised, path).groups[0].certificate.revoked == by_number.certificate.revoked
    assert not check_certificates(promised, later.drop(columns="time")).groups[0].certificate.revoked


def test_times_that_leave_a_doubt_are_refused_where_the_order_counts(
    promised: Any, later: pd.DataFrame
) -> None:
    doubtful = later.assign(time="01/02/2026")
    with pytest.raises(UnusableInput, match=r"'time'.*US .* or European.*order in which they came"):
        check_certificates(promised, doubtful)
    assert plan_thresholds(doubtful, max_error=0.2, delta=0.1).certificates  # which needs no order
