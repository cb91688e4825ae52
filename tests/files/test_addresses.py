"""Canonical JSON is what `json` writes, whether or not the quick package is there: stores hold digests of it."""

import dataclasses
import datetime
import enum
import json
import math
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.files import addresses
from calibrant.files.addresses import canonical

PLAIN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.integers(-(2**65), 2**65)
WORDS = st.text() | st.sampled_from(
    ['1e-7,"', "\\", '\\"2e5', "[3e9]", "é\u2028\x7f\x00", "null", "\U0001f600"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


class Kind(enum.StrEnum):
    ONE = "one"


@dataclasses.dataclass
class Point:
    x: int


@given(VALUES)
def test_any_value_is_written_as_json_has_it(value):
    assert canonical(value) == PLAIN(value)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=20, max_size=40))
def test_numbers(values):
    assert canonical(values) == PLAIN(values)


@given(st.integers(-330, 308), st.integers(1, 10**17))
def test_numbers_of_all_sizes(power, digits):
    value = float(f"{digits}e{power - 17}")
    assert math.isinf(value) or canonical([value, -value]) == PLAIN([value, -value])


@pytest.mark.parametrize(
    "value",
    [
        (1, 2), {"a": (1e-9, "1e-9")}, {3: "c", 1: "a"}, {None: 1}, Kind.ONE, {Kind.ONE: [Kind.ONE]}, np.float64(1e-7),
        "half \ud83d", 2**70, True, [1.0, 1, True], {"b": {"z": 1, "é": 2, "Z": 3}}, "\ufffe\U00010000",
    ],
)  # fmt: skip
def test_what_json_takes_is_taken(value):
    assert canonical(value) == PLAIN(value)


@pytest.mark.parametrize(
    "value",
    [
        math.nan, [1.0, math.inf], {"a": {"b": -math.inf}}, uuid.uuid4(), Point(1), datetime.datetime(2026, 1, 1),
        datetime.date(2026, 1, 1), b"x", {1, 2}, np.array([1.0]), np.int64(3),
    ],
)  # fmt: skip
def test_what_json_refuses_is_refused(value):
    with pytest.raises((ValueError, TypeError)):
        canonical({"value": [value]})


def test_without_the_quick_package_it_is_the_same(monkeypatch):
    value = {"tokens": [["1e-7", -1.1920929e-07, []]], "b": [1e16, 1e22, 0.1]}
    assert addresses._quick is not None
    told = canonical(value)
    monkeypatch.setattr(addresses, "_quick", None)
    assert canonical(value) == told
