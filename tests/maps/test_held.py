"""Maps of numbers that a person wrote down: what each gives, says of itself and refuses, to the last digit.

What is expected lies in `expected/`. That fitted maps are right is tested in `tests/calibrators`.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from calibrant.errors import UnusableInput
from calibrant.maps import blends, curves, groups, matching, units
from calibrant.maps.behind import behind
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.maps.evidence import Evidence, line_of, told_of
from calibrant.maps.logits import TemperatureMap
from calibrant.maps.track_record import TrackRecord
from calibrant.tally import Tally
from calibrant.types import Fingerprint, Reading

from ..holding import hold, said

HELD = Path(__file__).parent / "expected"

NARROW = ((0.02, 0.001, 0.002), (0.001, 0.03, -0.004), (0.002, -0.004, 0.05))
LOGISTIC = curves.Logistic(a=1.2, b=0.7, k=-0.3, covariance=NARROW, inside=(0.01, 0.98))
ATOMS = replace(
    LOGISTIC, at_zero=curves.Atom(p=0.2, low=0.1, high=0.3), at_one=curves.Atom(p=0.9, low=0.8, high=0.97)
)
FALLING = replace(LOGISTIC, covariance=((-1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
STEPS = curves.Steps(
    score=(0.1, 0.4, 0.8), p=(0.15, 0.5, 0.9), low=(0.1, 0.35, 0.8), high=(0.3, 0.6, 0.95), linear=False
)
LINE = replace(STEPS, linear=True)
POINT = curves.Steps(score=(0.5,), p=(0.6,), low=(0.5,), high=(0.7,), linear=True)
PAIR = curves.Pair(score=(0.3, 0.6, 0.9), p0=(0.1, 0.45, 0.8), p1=(0.2, 0.55, 0.95))
CURVES: dict[str, curves.Curve] = {
    "logistic": LOGISTIC, "with atoms": ATOMS, "no spread": FALLING, "steps": STEPS, "line": LINE, "point": POINT,
    "held point": replace(POINT, linear=False), "pair": PAIR,
    "mixture": curves.Mixture(weights=(0.25, 0.75), parts=(PAIR, LINE), bands=(STEPS, LINE)),
    "least": curves.Least(parts=(LINE, LOGISTIC, STEPS)),
}  # fmt: skip
GRID = [
    0.0, 1e-13, 1e-9, 0.005, 0.01, 0.05, 0.1, 0.1 - 1e-14, 0.1 + 1e-9, 0.25, 0.3, 0.3 * (1 + 1e-13),
    0.4 * (1 - 1e-13),
    0.4, 0.5, 0.6, 0.7, 0.8, 0.8 - 1e-6, 0.9, 0.9 * (1 - 1e-13), 0.95, 0.99, 1 - 1e-9, 1 - 1e-13, 1.0,
]  # fmt: skip


@pytest.mark.parametrize("name", CURVES)
def test_curves(name: str) -> None:
    curve, at = CURVES[name], np.array(GRID)
    alone = [curve.at(one) for one in GRID]
    hold(
        HELD / "curves.json", name, {"p": curve(at), "interval": curve.interval(at), "dict": curve.to_dict()}
    )
    assert np.allclose(alone, np.array([curve(at), *curve.interval(at)]).T, rtol=0, atol=1e-12)
    again = curves.curve_from_dict(json.loads(json.dumps(curve.to_dict())))
    assert again == curve
    assert type(again) is type(curve)


def test_a_curve_of_another_kind_is_refused() -> None:
    for kind, shown in (("spline", "'spline'"), (None, "None")):
        with pytest.raises(UnusableInput) as refused:
            curves.curve_from_dict({"kind": kind, "score": [0.1]})
        assert str(refused.value) == f"This map has a curve of kind {shown}, unknown here. Upgrade calibrant."


def test_a_step_holds_up_to_the_next_knot_and_a_line_goes_straight() -> None:
    for score, held, line in (
        (0.0, 0.15, 0.15), (0.1, 0.15, 0.15), (0.25, 0.15, 0.325), (0.4, 0.5, 0.5), (0.6, 0.5, 0.7), (1.0, 0.9, 0.9)
    ):  # fmt: skip
        for curve, value in ((STEPS, held), (LINE, line)):
            assert curve.at(score)[0] == pytest.approx(value)
            assert curve(np.array([score]))[0] == pytest.approx(value)


def test_rates() -> None:
    for hits, rows, level in ((0, 10, 0.95), (3, 10, 0.95), (10, 10, 0.9), (7.5, 20.5, 0.99), (30, 100, 0.5)):
        low, high = curves.rate_interval(np.array([hits]), np.array([rows]), level)
        tail = (1 - level) / 2
        assert low[0] == (0.0 if hits == 0 else pytest.approx(beta.ppf(tail, hits, rows - hits + 1)))
        assert high[0] == (1.0 if hits == rows else pytest.approx(beta.ppf(1 - tail, hits + 1, rows - hits)))
    low, high = curves.rate_interval(np.array([1e-10, 2.0, 5.0]), np.array([4, 2 + 1e-10, 4]))
    assert (low[0], high[1], high[2]) == (0.0, 1.0, 1.0)


EVIDENCE = Evidence(
    rows=1200, n_eff=800.4, accuracy=0.655, mean_confidence=0.814, distinct=30, digest="00ff" * 4
)


def test_evidence() -> None:
    some = [
        EVIDENCE, replace(EVIDENCE, n_eff=1140.0), replace(EVIDENCE, n_eff=1139.9), replace(EVIDENCE, rows=1,
        n_eff=1.0),
        replace(EVIDENCE, rows=2, n_eff=2.0), replace(EVIDENCE, unseen=0.1),
    ]  # fmt: skip
    tally = replace(Tally.of([0.9, 0.9, 0.4], [1, 0, 0], [1.0, 2.0, 1.0]), unseen=1.0, unseen_score=0.5)
    found = {
        "said": [str(one) for one in some],
        "dicts": [one.to_dict() for one in some[-2:]],
        "holding": [one.holding(0.2, 0.7) for one in some[-2:]],
        "of a tally": Evidence.of(tally),
    }
    hold(HELD / "evidence.json", "evidence", found)


def a_map(
    name: str = "platt", curve: curves.Curve = LOGISTIC, rows: int = 1200, statistics: Any = None, **mark: Any
) -> CalibrationMap:
    return CalibrationMap(
        calibrator=name, curve=curve, evidence=replace(EVIDENCE, rows=rows, n_eff=float(rows)),
        fingerprint=Fingerprint(**mark), statistics=statistics or {},
    )  # fmt: skip


MEASURED = {"before": {"brier": 0.21}, "after": {"brier": 0.17}}
LAW = a_map(model="m", domain="law", statistics=MEASURED)
ART = a_map("isotonic", STEPS, 80, model="m", domain="art")
SUMS = a_map("beta", ATOMS, 1, model="m", task="sums", signal="stated")
ANY = a_map("pooled", LINE, 3000, model="m", statistics={"after": {"brier": 0.2}, "unanswered": 4})
UNSEEN = replace(LAW, evidence=replace(EVIDENCE, unseen=0.2), fingerprint=Fingerprint(model="m"))
WILD = a_map(
    "wild", curves.Steps(score=(0.2, 0.9), p=(-0.2, 1.3), low=(-0.5, 1.1), high=(0.4, 1.6), linear=True)
)
CROSSED = a_map("crossed", curves.Steps(score=(0.2,), p=(0.5,), low=(0.7,), high=(0.4,), linear=False))
MAPS = {"law": LAW, "art": ART, "sums": SUMS, "any": ANY, "unseen": UNSEEN, "wild": WILD, "crossed": CROSSED}


@pytest.mark.parametrize("name", MAPS)
def test_maps(name: str) -> None:
    one = MAPS[name]
    bad = [[0.5, 1.5], [-0.1], [math.nan, 0.5, 2.0], [1 + 1e-9], [1.0, 0.0]]
    rows = one._rows()
    found = {
        "repr": repr(one), "rows": [rows[0], rows[1], rows[50], rows[-1], len(rows)],
        "json": json.loads(one.to_json()),
        "estimates": one.estimates([[0.0, 0.33, 0.5], [0.7, 0.93, 1.0]]),
        "refused": [said(lambda b=b: one(b)) for b in bad],
        "one": [said(lambda s=s: one.estimate(s)) for s in (0.0, 0.33, 1.0, -1e-9, 1 + 1e-9, math.nan)],
        "told": told_of({"domain": name, "task": None}, one),
        "line": [line_of(told_of(by, one)) for by in ({"domain": name, "task": None}, {}, {"a": "1", "b": "2"})],
        "other": said(lambda: one([0.5], Fingerprint(model="n", domain="law"))),
        "anyway": one([0.5], Fingerprint(model="n"), anyway=True),
    }  # fmt: skip
    hold(HELD / "maps.json", name, found)
    assert one.interval([0.33])[0] == one.estimates([0.33])[1]
    assert one([]).shape == (0,)
    assert CalibrationMap.from_json(one.to_json()) == one


def test_a_map_takes_on_a_mark_a_unit_and_statistics() -> None:
    unit = units.Unit(scale="percent", column="sure", whole=True)
    made = LAW.with_fingerprint(Fingerprint(model="x"), further=1).with_unit(unit)
    assert (made.fingerprint, made.unit) == (Fingerprint(model="x"), unit)
    assert made.statistics == {**MEASURED, "further": 1}
    assert CalibrationMap.from_json(made.to_json()).unit == unit
    assert LAW.unit is None
    assert "unit" not in LAW.to_dict()


def a_blend(*names: str, domain: str | None = None, prompts: bool = False) -> blends.BlendMap:
    signals = tuple(
        blends.BlendedSignal(
            name=name, curve=(LOGISTIC, LINE, STEPS)[at], weight=(0.8, 0.5, 0.3)[at], when_missing=(-0.1, 0.2,
            0.0)[at],
            missing=(0.0, 0.25, 0.5)[at], mean=(0.3, -0.2, 0.1)[at], rows=300 - 100 * at, alone=0.2 + at / 100,
            saves=0.01 * at, prompt=f"p{at}" if prompts else None, parameters=f"s{at}" if prompts else None,
        )
        for at, name in enumerate(names)
    )  # fmt: skip
    k = len(names)
    spread = np.array([[1.0, 0.6, 0.4], [0.6, 1.2, 0.5], [0.4, 0.5, 0.9]])[:k, :k]
    wide = 0.01 * np.eye(1 + 2 * k) + 0.002
    return blends.BlendMap(
        signals=signals, base=0.4, intercept=-0.05, covariance=tuple(map(tuple, wide.tolist())),
        spread=tuple(map(tuple, spread.tolist())), evidence=EVIDENCE, dropped={"length": "it has no weight"},
        fingerprint=Fingerprint(model="m", domain=domain, asked_with="system none; max_tokens 64"),
        units={"said": units.Unit(scale="percent", column="sure")},
    )  # fmt: skip


CERTAIN = replace(LINE, high=(1.0, 1.0, 1.0), low=(0.0, 0.0, 0.0))


def a_certain_blend() -> blends.BlendMap:
    """One signal's interval is all there may be, of which one in a thousand at either end is left out."""
    made = a_blend("said", "tokens")
    return replace(made, signals=(made.signals[0], replace(made.signals[1], curve=CERTAIN)))


BLENDS = {
    "certain": a_certain_blend(),
    "one": a_blend("said"),
    "two": a_blend("said", "tokens"),
    "three": a_blend("said", "tokens", "drawn", prompts=True),
}
GIVEN = {
    "said": [0.9, 0.9, 0.2, math.nan, math.nan, 0.5, math.nan, 0.0, 1.0],
    "tokens": [0.8, math.nan, 0.3, 0.7, math.nan, 0.5, math.nan, 0.0, 1.0],
    "drawn": [0.6, math.nan, math.nan, 0.9, 0.4, math.nan, math.nan, 0.0, 1.0],
}


@pytest.mark.parametrize("name", BLENDS)
def test_blends(name: str) -> None:
    one = BLENDS[name]
    found = {
        "repr": repr(one), "names": one.names, "rows": one._rows(), "json": json.loads(one.to_json()),
        "estimates": one.estimates(GIVEN),
        "some given": one.estimates({"said": GIVEN["said"], "other": [7.0]}),
        "nothing": [one({}).shape, one({"said": []}).shape],
        "refused": [
            said(lambda: one({"said": [0.5, 1.1, -0.2]})), said(lambda: one({"said": [0.5], "tokens": [0.5, 0.5]})),
            said(lambda: one({"said": [[0.5]]})), one({"said": [0.0, 1.0]}),
        ],
        "told": told_of({}, one),
    }  # fmt: skip
    hold(HELD / "blends.json", name, found)
    again = blends.BlendMap.from_json(one.to_json())
    assert again == one
    assert (again.dropped, again.units, again.signals) == (one.dropped, one.units, one.signals)


def test_a_blend_is_the_sum_that_it_says() -> None:
    one = BLENDS["two"]
    said_, tokens = 0.9, 0.3
    p = [
        float(signal.curve(np.array([s]))[0]) for signal, s in zip(one.signals, (said_, tokens), strict=True)
    ]
    z = [math.log(q / (1 - q)) - one.base for q in p]
    whole = one.base + one.intercept + 0.8 * z[0] + 0.5 * z[1]
    assert one({"said": [said_], "tokens": [tokens]})[0] == pytest.approx(1 / (1 + math.exp(-whole)))
    # tokens missing: of the two, said leads one to expect -0.2 + 0.6 / 1.0 * (z - 0.3) of it
    lone = one.base + one.intercept + 0.8 * z[0] + 0.5 * (-0.2 + 0.6 * (z[0] - 0.3)) + 0.2
    assert one({"said": [said_]})[0] == pytest.approx(1 / (1 + math.exp(-lone)))


def test_evidence_in_log_odds_ends_at_six() -> None:
    certain = curves.Steps(
        score=(0.0, 0.5, 1.0), p=(0.0, 0.5, 1.0), low=(0.0,) * 3, high=(1.0,) * 3, linear=False
    )
    z = blends.evidence_of(certain, np.array([0.0, math.nan, 0.5, 1.0]), 0.5)
    assert z[[0, 2, 3]].tolist() == [-6.0, -0.5, 6.0]
    assert math.isnan(z[1])


def test_how_signals_of_a_blend_differ() -> None:
    one = BLENDS["three"]
    fitting = {
        "model": "m",
        "prompt": "p0",
        "parameters": "s0",
        "asked_with": "system none; max_tokens 64; tokens 9",
    }
    given = {
        "fit": {"said": fitting},
        "unknown": {"said": {}},
        "of none": {"other": {"model": "z"}},
        "model": {"said": {**fitting, "model": "n"}, "tokens": {"model": "n", "prompt": "p0"}},
        "prompt": {"said": {**fitting, "prompt": "p9", "parameters": None}},
        "asked": {name: {"asked_with": "system 0a1b; max_tokens 64; tokens 9"} for name in one.names},
    }  # fmt: skip
    found = {
        name: [one.differences(stated, asked_any=whatever) for whatever in (False, True)] for name,
        stated in given.items()
    }  # fmt: skip
    found["default"] = one.differences(given["asked"])
    bound = one.bound_to(
        Fingerprint(model="k"),
        {"said": Fingerprint(prompt="q", parameters="r")},
        {"said": units.Unit(scale="1-5")},
        n=3,
    )
    unbound = one.bound_to(Fingerprint(model="k"), {})
    found["bound"] = [
        (b.fingerprint, b.units, b.statistics, [(s.prompt, s.parameters) for s in b.signals])
        for b in (bound, unbound)
    ]
    hold(HELD / "blends.json", "differences", found)


SET = MapSet(
    by=("domain",), groups=((("law",), LAW), (("art",), ART), ((None,), SUMS)),
    blends=((("law",), a_blend("said", "tokens", domain="law")), (("art",), a_blend("said"))),
    fallbacks=(((), ANY), ((("task", "sums"),), SUMS)),
)  # fmt: skip
TWO = MapSet(
    by=("task", "domain"), groups=((("a", "law"), LAW),), fallbacks=(((), ANY), ((("task", "a"),), UNSEEN))
)
OTHERWISE = {"domain": "law", "asked_with": "system 0a1b; max_tokens 64; tokens 3"}
ASKED = a_map(model="m", domain="law", asked_with="system none; max_tokens 64")
SETS = {
    "asked": MapSet(by=("domain",), groups=((("law",), ASKED),)),
    "asked, any": MapSet(by=("domain",), groups=((("law",), ASKED),), asked_with="any"),
    "all": SET, "two columns": TWO, "one": MapSet(groups=(((), LAW),)), "none": MapSet(),
    "any prompt": replace(SET, asked_with="any", fallbacks=()),
    "units": MapSet(groups=(((), LAW.with_unit(units.Unit(scale="1-5", column="sure"))),)),
    "other": MapSet(by=("task",), groups=((("a",), LAW), (("b",), a_map(model="n", task="b", domain="art")))),
}  # fmt: skip
STATED = [
    {}, {"domain": "law"}, {"domain": "law", "model": "m"}, {"domain": "law", "model": "n"}, {"domain": "geo"},
    {"domain": None}, {"domain": "geo", "task": "sums"}, {"domain": "geo", "model": "n"}, {"task": "a",
    "domain": "geo"},
    {"task": "a", "domain": "law"}, {"task": "b", "domain": None}, {"task": None, "domain": None, "model": "m"},
    {"task": "c"}, {"task": "b", "model": "x", "domain": "art"},
]  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_sets(name: str) -> None:
    one = SETS[name]
    found = {
        "repr": repr(one), "rows": one._rows(), "json": json.loads(one.to_json()), "units": one.units,
        "apart": one.set_unanswered_apart, "column": one.column,
        "matches": [short(said(lambda s=s: one.match(s))) for s in STATED],
        "units of": [one.unit(s).to_dict() for s in STATED],
        "blends": [short(said(lambda s=s: one.match_blend({"said": s}))) for s in STATED],
        "other signals": [short(one.match_blend({"drawn": s})) for s in STATED[:3]],
        "asked otherwise": [short(one.match(OTHERWISE)), short(one.match_blend({"said": OTHERWISE}))],
    }  # fmt: skip
    hold(HELD / "sets.json", name, found)
    assert one.to_json().startswith('{\n "format": "calibrant/maps",\n "version": ')
    assert MapSet.from_json(one.to_json()) == one
    assert MapSet.from_json(json.loads(one.to_json())) == one


def short(match: Any) -> Any:
    """A match, with the id of what was found."""
    if not isinstance(match, matching.Match):
        return match
    return {
        "found": match.found and match.found.content_id, "scope": match.scope, "stand_in": match.stand_in,
        "reason": match.reason, "refused": match.refused,
    }  # fmt: skip


def test_the_stand_in_that_states_most_goes_first() -> None:
    wide, close = ((("task", "z"),), ANY), ((("domain", "a"), ("task", "z")), UNSEEN)
    for several in ((wide, close), (close, wide)):
        match = MapSet(by=("task", "domain", "model"), fallbacks=several).match(
            {"task": "z", "domain": "a", "model": "m"}
        )
        assert (match.found, match.scope) == (UNSEEN, close[0])
        assert match.stand_in == "task z, domain a, any model"


def test_found_by_values() -> None:
    assert SET.find(["law"]) is LAW
    assert SET.find([None]) is SUMS
    assert SET.find(["geo"]) is ANY
    assert TWO.find(["a", "geo"]) is UNSEEN
    assert SETS["other"].find(["c"]) is None
    assert MapSet(by=("n",), groups=((("3",), LAW),)).find([3]) is LAW
    with pytest.raises(ValueError, match="zip"):
        SET.find(["law", "art"])


def test_confidences() -> None:
    marks = [
        Fingerprint(model="m", domain="law", signal="said"), Fingerprint(model="n", domain="law"),
        Fingerprint(model="m", domain="geo", task="t"), Fingerprint(model="m"), Fingerprint(domain="art",
        asked_with="system none"),
    ]  # fmt: skip
    readings = [Reading(signal="said", score=0.7), Reading(signal="said", reason="it said nothing")]
    asked = Fingerprint(
        model="m", domain="law", prompt="p", parameters="s", asked_with="system none; max_tokens 64; tokens 3"
    )  # fmt: skip
    both = [(Reading(signal=name, score=s), asked) for name, s in (("said", 0.9), ("tokens", 0.4))]
    gone = [
        (Reading(signal="said", reason="it said nothing"), asked),
        (Reading(signal="tokens", reason="none"), asked),
    ]
    match = SET.match({"domain": "geo"})
    blend = SET.match_blend({"said": asked.stated})
    found = {
        "by reading": [SET.confidence(one, mark) for one in readings for mark in marks],
        "of many": list(SET.confidences(match, [0.2, 0.9], {"domain": "geo"})),
        "blended": [
            SET.blended(both),
            SET.blended(both[:1]),
            SET.blended(both[1:]),
            SET.blended(gone),
            SET.blended([]),
        ],
        "mixed": SET.blended([both[0], (both[1][0], Fingerprint(model="m", domain="art"))]),
        "of another": SET.blended([(both[0][0], Fingerprint(model="n", domain="law"))]),
        "without": MapSet().blended(both),
        "blends": list(SET.blend_confidences(blend, {"said": [0.2, math.nan]}, {"said": asked.stated})),
    }
    hold(HELD / "confidences.json", "confidences", found)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "maps.json"
    SET.save(path)
    assert MapSet.load(path) == SET
    assert path.read_text(encoding="utf-8") == SET.to_json()
    assert MapSet.from_json(LAW.to_json()) == MapSet(groups=(((), LAW),))
    alone = a_blend("said")
    assert MapSet.from_json(alone.to_json()) == MapSet(blends=(((), alone),))
    plain = SET.to_dict()
    texts = {
        "no maps": "{}", "of another": '{"format": "calibrant/policy"}',
        "later": json.dumps({**plain, "version": 3}), "unversioned": json.dumps({**plain, "version": None}),
        "no json": "{", "no column": json.dumps({n: v for n, v in plain.items() if n != "by"}), "a list": "[]",
        "edited": SET.to_json().replace("0.655", "0.656"), "a word": '"law"',
        "a number": json.dumps({**plain, "maps": 3}),
    }  # fmt: skip
    found = {}
    for name, text in texts.items():
        path.write_text(text, encoding="utf-8")
        found[name] = str(said(lambda: MapSet.load(path))).replace(str(path), "maps.json")
    found["absent"] = str(said(lambda: MapSet.load(tmp_path / "none.json"))).replace(str(tmp_path), "")
    hold(HELD / "files.json", "files", found)
    older = {**plain, "version": 1}
    del older["fallbacks"], older["blends"]
    assert MapSet.from_json(older) == replace(SET, fallbacks=(), blends=())


def test_pooled_maps() -> None:
    made = groups.PooledMaps({("a", "law"): LAW, ("a", None): ART, (): SUMS}, {(): ANY, ("a",): UNSEEN})
    assert repr(made) == (
        f"<PooledMaps: maps of 3 groups, fitted together\n  a, law: {LAW.evidence}\n  a, None: {ART.evidence}\n"
        f"  All rows: {SUMS.evidence}>"
    )
    assert [row["group"] for row in made._rows()] == ["a, law", "a, None", ""]
    assert [row["labels"] for row in made._rows()] == [1200, 80, 1]
    assert made["a", "law"] is LAW
    assert list(made) == [("a", "law"), ("a", None), ()]
    assert [made.find(key) for key in (("a", None), ("a", "geo"), ("b", "law"), "a", "b")] == [
        ART,
        UNSEEN,
        ANY,
        UNSEEN,
        ANY,
    ]
    with pytest.raises(KeyError):
        made["b", "law"]


def test_temperatures() -> None:
    one = TemperatureMap(
        temperature=2.34567, rows=1500, log_loss=0.4, statistics={"a": 1}, fingerprint=Fingerprint(model="m")
    )
    logits = [[0.0, 2.0, -1.0], [5.0, 5.0, 0.0]]
    found = {
        "repr": repr(one), "rows": one._rows(), "json": one.to_dict(), "p": one(logits), "raw": one.raw(logits),
        "edited": said(lambda: TemperatureMap.from_json(one.to_json().replace("1500", "1501"))),
    }  # fmt: skip
    hold(HELD / "temperatures.json", "temperatures", found)
    again = TemperatureMap.from_json(one.to_json())
    assert again == one
    assert (again.rows, again.statistics, again.fingerprint) == (1500, {"a": 1}, Fingerprint(model="m"))


RECORDS = {
    "plain": Tally.of(
        [0.82] * 40 + [0.3] * 10 + [0.5] * 9 + [1.0] * 12 + [0.95] * 3,
        [1] * 33 + [0] * 7 + [0] * 10 + [1] * 9 + [1] * 14 + [0],
    ),
    "weighted": Tally.of([0.75] * 40, [1, 0] * 20, [3.0] * 20 + [1.5] * 20),
    "lightly weighted": Tally.of([0.75] * 40, [1, 0] * 20, [1.2] * 40),
    "graded": Tally.of([0.75] * 40, [1, 0.5] * 20),
    "clustered": Tally.of([0.75] * 40, [1, 1, 0, 0] * 10, cluster=np.repeat(np.arange(20), 2)),
    "none": Tally.of([], []),
}


@pytest.mark.parametrize("name", RECORDS)
def test_track_records(name: str) -> None:
    record = TrackRecord.of(RECORDS[name])
    found = {
        "record": record, "bands": record.bands, "plain": [band and band.to_dict() for band in record.bands],
        "dict": record.to_dict(), "sum": record + TrackRecord.of(RECORDS["clustered"]),
        "at": [record.band(p) and record.band(p).low for p in (0.0, 0.3, 0.29999, 0.7, 0.8, 0.9, 0.99, 1.0)],
    }  # fmt: skip
    hold(HELD / "track_records.json", name, found)
    assert TrackRecord.from_dict(json.loads(json.dumps(record.to_dict()))).to_dict() == record.to_dict()
    assert TrackRecord.from_dict(None) is None


def test_what_is_no_track_record() -> None:
    plain = TrackRecord.of(RECORDS["plain"]).to_dict()
    wrong = {
        "short": {**plain, "hits": [1.0]}, "text": {**plain, "hits": "no"}, "empty": {}, "rows": {**plain,
        "rows": None},
        "effect": {**plain, "design_effect": "x"}, "list": [1],
    }  # fmt: skip
    hold(
        HELD / "track_records.json",
        "refused",
        {n: said(lambda v=v: TrackRecord.from_dict(v)) for n, v in wrong.items()},
    )
    assert TrackRecord.from_dict({**plain, "rows": 7.0, "design_effect": 2}).rows == 7
    with pytest.raises(TypeError):
        TrackRecord.of(RECORDS["plain"]) + 1


def test_units() -> None:
    values = np.array(
        [
            -math.inf,
            -3.0,
            -1e-7,
            0.0,
            1e-7,
            0.4,
            0.9999995,
            1.0,
            1.0000005,
            5.0,
            10.0,
            10.1,
            100.0,
            101.0,
            1000.0,
            1001.0,
            math.inf,
            math.nan,
        ]
    )
    found = {}
    for name, scale in units.SCALES.items():
        unit = units.Unit(scale=name)
        with np.errstate(all="ignore"):
            found[name] = {
                "scale": (scale.low, scale.high, scale.told), "outside": scale.outside(values),
                "scores": unit.scores(values),
                "claims": unit.claims, "of": unit.of is scale,
            }  # fmt: skip
    whole = units.Unit(scale="percent", column="sure", whole=True)
    found["strays"] = [whole.strays(values), replace(whole, whole=False).strays(values)]
    found["dicts"] = [whole.to_dict(), units.Unit().to_dict(), units.Unit(column="c").to_dict()]
    hold(HELD / "units.json", "units", found)


def test_behind() -> None:
    rng = np.random.default_rng(2)
    score = np.round(rng.random(400), 3)
    tally = Tally.of(score, rng.random(400) < score**2)
    few = Tally.of([0.2, 0.6, 0.6, 0.9], [0, 1, 0, 1], [1.0, 4.0, 1.0, 2.0])
    found = {
        "many": behind(tally, lambda c: c), "few": behind(few, lambda c: c), "sure": behind(few, lambda c: 0 * c + 1),
        "one": [one.to_dict() for one in behind(Tally.of([0.5], [1]), lambda c: c)],
    }  # fmt: skip
    hold(HELD / "behind.json", "behind", found)
    # three standard errors and half a row: 20 of 25 rows at .5 are 7.5 off, and 7.5 + .5 is allowed
    for right, off in ((20, False), (21, True), (5, False), (4, True)):
        assert behind(Tally.of([0.5] * 25, [1] * right + [0] * (25 - right)), lambda c: c)[0].off is off
