"""The policy that answers by certificates, and the commands that issue and check them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant import CertificateSet, certify
from calibrant.assembly.config import parse
from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.logs.rows import read_rows
from calibrant.maps.calibration import MapSet
from calibrant.metrics.intervals import Estimate
from calibrant.planning.holding import check_certificates
from calibrant.planning.thresholds import plan_thresholds
from calibrant.plans.certificates import Certificate
from calibrant.plugins import find
from calibrant.policies.risk_control import RiskControl
from calibrant.releases.live import made
from calibrant.types import Action, Confidence, Decision, Fingerprint, Probability

FIELDS = {
    "by", "certified", "threshold", "coverage", "max_error", "delta", "labels_used", "labels_needed", "method",
}  # fmt: skip


def frame(n: int, seed: int, power: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    c = np.round(rng.beta(6, 1.2, n) * 20) / 20
    task = rng.choice(["law", "art"], n)
    p = np.where(task == "law", c**0.7, c**3) ** power
    return pd.DataFrame(
        {
            "confidence": c,
            "correct": (rng.random(n) < p).astype(int),
            "task": task,
            "model": "m1",
            "time": np.arange(n),
        }
    )


Said = Callable[..., subprocess.CompletedProcess[str]]


def strict(text: str) -> dict:
    return json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is not JSON"))


@pytest.fixture(scope="module")
def maps() -> MapSet:
    from calibrant.fitting import fit_log

    return fit_log(frame(3000, 1), ["task"]).maps


@pytest.fixture(scope="module")
def issued(maps: MapSet) -> CertificateSet:
    return plan_thresholds(frame(3000, 2), max_error=0.15, delta=0.1, by=["task"], maps=maps).certificates


def sure(issued: CertificateSet, task: str, p: float, **more: object) -> Confidence:
    found = issued.find([task])
    mark = Fingerprint(model="m1", task=task)
    return Confidence(**{"p": Probability(p), "map_id": found and found.map_id, "fingerprint": mark, **more})  # type: ignore[arg-type]


def test_the_policy_answers_at_the_threshold_of_the_task_and_not_below(issued: CertificateSet) -> None:
    policy = find("policies", "risk_control")(certificates=issued)
    for task in ("law", "art"):
        found = issued.find([task])
        assert found is not None and found.threshold_p is not None
        assert policy.decide(sure(issued, task, found.threshold_p)).action is Action.ANSWER
        below = policy.decide(sure(issued, task, np.nextafter(found.threshold_p, 0)))
        assert below.action is Action.REVIEW and below.threshold == found.threshold_p
    assert issued.find(["law"]).threshold_p < issued.find(["art"]).threshold_p  # type: ignore[union-attr]
    stern = find("policies", "risk_control")(certificates=issued, below="hand_off")
    assert stern.decide(sure(issued, "law", 0.01)).action is Action.HAND_OFF
    assert len(repr(policy)) < 200


def test_the_policy_is_careful_without_a_certificate_that_fits(issued: CertificateSet) -> None:
    policy = find("policies", "risk_control")(certificates=issued)
    revoked = replace(issued, certificates=tuple(c.revoke("error 40 %") for c in issued.certificates))
    refused = certify([0.9] * 50, [0] * 50, max_error=0.1, delta=0.1)
    raw = certify([0.9] * 50, [1] * 50, max_error=0.1, delta=0.1)
    cases = [
        (
            policy,
            sure(issued, "art", 1.0, fingerprint=Fingerprint(model="m2", task="art")),
            "No certificate was issued",
        ),
        (policy, sure(issued, "art", 1.0, fingerprint=None), "No certificate was issued"),
        (policy, sure(issued, "art", 1.0, map_id="another"), "bound to the map"),
        (policy, Confidence(p=None, reason="no reading"), "no reading"),
        (find("policies", "risk_control")(certificates=revoked), sure(issued, "art", 1.0), "revoked"),
        (_policy(refused), sure(issued, "art", 1.0), "none was granted"),
        (_policy(raw), sure(issued, "art", 1.0), "scale of the raw score"),
    ]
    for policy, confidence, says in cases:
        decided = policy.decide(confidence)
        assert decided.action is Action.HAND_OFF and decided.threshold is None
        assert says in decided.why


def _policy(one: Certificate) -> object:
    return find("policies", "risk_control")(certificates=CertificateSet(by=(), certificates=(one,)))


def stated(**more: object) -> Certificate:
    """A certificate of a probability's threshold, written down by hand."""
    given = {
        "by": {}, "certified": True, "threshold": 0.8, "coverage": Estimate(0.5, 0.4, 0.6), "max_error": 0.125,
        "delta": 0.05, "labels_used": 100, "labels_needed": None, "method": "by hand", "scale": "probability",
    }  # fmt: skip
    return Certificate(**{**given, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "p", "action", "threshold", "why"),
    [
        (
            {}, 0.8, Action.ANSWER, 0.8,
            "The calibrated probability of being right, 0.8000, reaches the threshold 0.8000 above which at most 12.5% "
            "are wrong (certificate ID, confidence 95%): answer.",
        ),
        (
            {"risk": "joint", "threshold_p": 0.75, "scale": "score"}, 0.76, Action.ANSWER, 0.75,
            "The calibrated probability of being right, 0.7600, reaches the threshold 0.7500 that keeps answers both "
            "sent and wrong at most 12.5% (certificate ID, confidence 95%): answer.",
        ),
        (
            {}, 0.79, Action.REVIEW, 0.8,
            "The calibrated probability of being right, 0.7900, is below the threshold 0.8000 above which at most "
            "12.5% are wrong (certificate ID, confidence 95%): a person reviews it before it is sent.",
        ),
        (
            {"certified": False, "reason": "too few"}, 0.9, Action.HAND_OFF, None,
            "Certificate ID does not cover this answer: none was granted (too few): handed to a person.",
        ),
        (
            {"threshold": None, "reason": "too few"}, 0.9, Action.HAND_OFF, None,
            "Certificate ID does not cover this answer: none was granted (too few): handed to a person.",
        ),
        (
            {"revoked": "40 % wrong"}, 0.9, Action.HAND_OFF, None,
            "Certificate ID does not cover this answer: it was revoked (40 % wrong): handed to a person.",
        ),
        (
            {"map_id": "0123"}, 0.9, Action.HAND_OFF, None,
            "Certificate ID does not cover this answer: it is bound to the map 0123, and 4567 calibrated the answer: "
            "handed to a person.",
        ),
        (
            {"scale": "score"}, 0.9, Action.HAND_OFF, None,
            "Certificate ID does not cover this answer: its threshold is on the scale of the raw score, and what is at "
            "hand is a probability. Issue it with `calibrant plan thresholds LOG --maps MAPS`: handed to a person.",
        ),
    ],
)  # fmt: skip
def test_each_decision_tells_its_threshold_and_why(
    more: dict, p: float, action: Action, threshold: float | None, why: str, tmp_path: Path
) -> None:
    one = stated(**more)
    CertificateSet(by=(), certificates=(one,)).save(tmp_path / "certs.json")
    policy = RiskControl(certificates=str(tmp_path / "certs.json"))
    decided = policy.decide(Confidence(p=Probability(p), map_id="4567"))
    assert decided == Decision(
        action=action, threshold=threshold, why=why.replace("ID", one.certificate_id, 1)
    )


def test_what_else_a_decision_tells() -> None:
    one = stated(by={"task": "law"})
    policy = RiskControl(certificates=CertificateSet(by=("task",), certificates=(one,)), below="hand_off")
    below = policy.decide(Confidence(p=Probability(0.7), fingerprint=Fingerprint(task="law")))
    assert (below.action, below.threshold) == (Action.HAND_OFF, 0.8)
    assert below.why == (
        "The calibrated probability of being right, 0.7000, is below the threshold 0.8000 above which at most 12.5% "
        f"are wrong (certificate {one.certificate_id}, confidence 95%): handed to a person."
    )
    unread = policy.decide(Confidence(p=None, reason="no map"))
    assert unread.why == "No calibrated probability (no map): handed to a person."
    other = policy.decide(Confidence(p=Probability(0.7), fingerprint=Fingerprint(task="art")))
    assert other.why.startswith("No certificate was issued for this answer: no certificate for ")
    assert other.why.endswith(": handed to a person.") and "task art" in other.why
    with pytest.raises(ValueError) as refused:
        RiskControl(certificates=CertificateSet(by=(), certificates=()), below="answer")  # type: ignore[arg-type]
    assert str(refused.value) == "Below the threshold an answer goes to 'review' or 'hand_off', not 'answer'."


@pytest.mark.parametrize(("issued", "more"), [(2, ""), (8, ""), (9, " and 1 more"), (11, " and 3 more")])
def test_a_policy_shows_eight_certificates_by_their_ids_and_how_many_more(issued: int, more: str) -> None:
    made = tuple(stated(by={"task": str(at)}) for at in range(issued))
    ids = ", ".join(one.certificate_id for one in made[:8])
    shown = repr(RiskControl(certificates=CertificateSet(by=("task",), certificates=made)))
    assert shown == f"RiskControl(below='review', certificates: {ids}{more})"


def test_what_the_policy_sends_keeps_the_promise(maps: MapSet, issued: CertificateSet) -> None:
    policy, later = find("policies", "risk_control")(certificates=issued), frame(20_000, 3)
    for task, rows in later.groupby("task"):
        made = maps.find([task])
        assert made is not None
        sent = [
            policy.decide(sure(issued, str(task), float(p))).action is Action.ANSWER
            for p in made(rows.confidence)
        ]
        assert sum(sent) > 1000
        assert 1 - rows.correct[sent].mean() <= 0.15 + 0.015


def test_the_configuration_finds_the_file_beside_itself(issued: CertificateSet, tmp_path: Path) -> None:
    issued.save(tmp_path / "certs.json")
    table = {
        "model": {"kind": "openai_compatible", "url": "http://host/v1", "model": "m"},
        "policy": {"kind": "risk_control", "certificates": "certs.json", "below": "hand_off"},
    }
    part = parse(table, {}, tmp_path).release.default.policy
    assert made("policies", part, "[policy]").decide(sure(issued, "law", 0.999)).action is Action.ANSWER
    with pytest.raises(UnusableInput, match="plan thresholds"):
        find("policies", "risk_control")(certificates=str(tmp_path / "none.json"))
    with pytest.raises(UnusableInput, match="below"):
        parse({**table, "policy": {**table["policy"], "below": "answer"}}, {}, tmp_path)


def test_the_command_gives_each_group_the_fixed_fields(inside: Said, tmp_path: Path) -> None:
    log = frame(1200, 4)
    log.loc[0, "confidence"], log.loc[1, "correct"] = 1.7, np.nan
    log.to_csv(tmp_path / "log.csv", index=False)
    out = tmp_path / "certs.json"
    command = (
        "plan",
        "thresholds",
        tmp_path / "log.csv",
        "--max-error",
        0.15,
        "--delta",
        0.1,
        "--by",
        "task",
    )
    got = strict(inside(*command, "--json", "--out", out, "--chart", tmp_path / "c.svg").stdout)
    assert (got["rows"], got["used"]) == (1200, 1198)
    assert got["unusable"] == {"confidence above 1": 1, "verdict missing": 1}
    for group in got["groups"]:
        assert set(group) >= FIELDS
        assert set(group["coverage"]) == {"value", "low", "high"}
        mine = log[(log.task == group["by"]["task"]) & (log.confidence <= 1) & log.correct.notna()]
        assert group["labels_used"] == len(mine)
        sent = mine.confidence >= group["threshold"]
        assert group["coverage"]["value"] == pytest.approx(sent.mean())
        assert group["certified"] and 1 - mine.correct[sent].mean() < 0.15
    assert {c.by["task"] for c in CertificateSet.load(out).certificates} == {"law", "art"}
    assert "cannot certify" not in inside(*command).stdout
    assert (tmp_path / "c.svg").read_text().startswith("<svg")
    everything = inside(*command[:-2], "--joint", "--previous", out, status=1)
    assert "previous certificates are by task" in everything.stderr


def test_a_series_and_groups_share_delta() -> None:
    log = frame(1500, 5)
    first = plan_thresholds(log, max_error=0.15, delta=0.1, by=["task"], renewable=True, simultaneous=True)
    second = plan_thresholds(
        log, max_error=0.15, delta=0.1, by=["task"], previous=first.certificates, simultaneous=True
    )
    alone = plan_thresholds(log, max_error=0.15, delta=0.1, by=["task"])
    after = plan_thresholds(log, max_error=0.15, delta=0.1, by=["task"], previous=alone.certificates)
    levels = [[c.level for c in p.certificates.certificates] for p in (first, second, alone)]
    assert levels[0] == pytest.approx([0.05 * 6 / np.pi**2] * 2)
    assert levels[1] == pytest.approx([0.05 * 6 / np.pi**2 / 4] * 2)
    assert levels[2] == [0.1, 0.1]
    assert any("Each of the 2 promises holds on its own" in n for n in alone.notes)
    assert any("issued alone" in n for n in after.notes)


def test_a_plan_says_whether_its_promises_hold_together() -> None:
    log = frame(1500, 5)
    alone = plan_thresholds(log, max_error=0.15, delta=0.1, by=["task"])
    joint = plan_thresholds(log, max_error=0.15, delta=0.1, by=["task"], simultaneous=True)
    assert alone.to_dict()["together"] == {"jointly": False, "groups": 2, "delta": 0.1}
    assert joint.to_dict()["together"] == {"jointly": True, "groups": 2, "delta": 0.1}
    assert [{g["together"] for g in p.to_dict()["groups"]} for p in (alone, joint)] == [{1}, {2}]
    assert "All 2 promises hold together with probability 0.9." in joint.notes
    assert {c.level for c in joint.certificates.certificates} <= {0.05, 0.1}
    series = plan_thresholds(
        log, max_error=0.15, delta=0.1, by=["task"], previous=joint.certificates, simultaneous=True
    )
    assert [c.issue for c in series.certificates.certificates] == [2, 2]


def test_rows_tied_by_default_are_promised_over_answers_and_it_is_said() -> None:
    rng = np.random.default_rng(6)
    item = np.repeat(np.arange(400), np.where(np.arange(400) % 10 == 0, 20, 1))
    log = pd.DataFrame({"item_id": item, "confidence": np.round(rng.random(len(item)), 2)})
    log["correct"] = (rng.random(len(item)) < 0.6 + 0.4 * log.confidence).astype(int)
    made = plan_thresholds(log, max_error=0.3, delta=0.1)
    (one,) = made.certificates.certificates
    assert one.over == "answers" and one.tested < 100
    assert any("of 400 clusters were tested" in n and "--over clusters" in n for n in made.notes)
    other = plan_thresholds(log, max_error=0.3, delta=0.1, over="clusters")
    assert other.certificates.certificates[0].tested == 400
    assert not any("clusters were tested" in n for n in other.notes)
    later = check_certificates(other.certificates, log)
    assert (
        later.to_dict()["groups"][0]["accepted"]
        == (log.confidence >= other.certificates.certificates[0].threshold).sum()
    )


def test_a_check_counts_large_clusters_as_the_promise_does() -> None:
    """Small clusters are right, large ones wrong: refuted over answers, kept for one answer a cluster."""
    item = np.r_[np.arange(500), np.repeat(np.arange(500, 520), 30)]
    right = np.r_[np.ones(500), np.zeros(600)]
    log = pd.DataFrame({"item_id": item, "confidence": 0.9, "correct": right.astype(int)})
    for over, revoked in (("answers", True), ("clusters", False)):
        one = certify(
            np.full(900, 0.9), np.ones(900), max_error=0.2, delta=0.1, cluster=np.arange(900) // 3, over=over,  # type: ignore[arg-type]
        )  # fmt: skip
        done = check_certificates(CertificateSet(by=(), certificates=(one,)), log)
        assert done.groups[0].to_dict()["revoked"] is revoked
        assert done.groups[0].sent == 1100


def test_a_group_that_is_missing_once_goes_on_where_it_was() -> None:
    """However a series runs, what its groups spend adds up to delta; what no label bears on stays as it was."""
    both = frame(3000, 21)
    law = both[both.task == "law"]
    unread = both.assign(confidence=both.confidence.where(both.task == "law", np.nan))
    sea = law.assign(task="sea")
    certs, levels, places = None, {}, []
    for log in (law, both, law, unread, both, pd.concat([law, sea]), both):
        series = {"renewable": True} if certs is None else {"previous": certs}
        made = plan_thresholds(log, max_error=0.2, delta=0.1, by=["task"], **series)  # type: ignore[arg-type]
        for one, carried in made.told():
            if carried:
                assert certs is not None and one == certs.find([one.by["task"]])
            else:
                levels.setdefault(one.by["task"], []).append(one.level)
        certs = made.certificates
        places.append({c.by["task"]: c.issue for c in certs.certificates})
        held = {g["by"]["task"]: g["carried"] for g in made.to_dict()["groups"]}
        assert held.get("art", False) == (len(places) in (3, 4, 6)) and not held["law"]
    assert places[-1] == {"law": 7, "art": 3, "sea": 1}
    for spent in levels.values():
        assert sum(spent) < 0.1
        assert spent == pytest.approx([0.1 * 6 / (np.pi * k) ** 2 for k in range(1, len(spent) + 1)])


def test_what_is_carried_over_decides_and_is_checked_as_before(maps: MapSet) -> None:
    first = plan_thresholds(
        frame(3000, 22), max_error=0.15, delta=0.1, by=["task"], maps=maps, renewable=True
    ).certificates
    law = frame(3000, 23).query("task == 'law'")
    second = plan_thresholds(
        law, max_error=0.15, delta=0.1, by=["task"], maps=maps, previous=first
    ).certificates
    kept, gone = second.find(["art"]), first.find(["art"])
    assert kept is not None and gone is not None and kept == gone and kept.valid
    policy = find("policies", "risk_control")(certificates=second)
    assert policy.decide(sure(first, "art", kept.threshold_p)).action is Action.ANSWER
    told = {g.certificate.by["task"]: g for g in check_certificates(second, law).groups}
    assert told["art"].watch is None and "no usable row" in str(told["art"].reason)
    assert told["law"].watch is not None
    broken = check_certificates(second, frame(2000, 6, power=4)).certificates
    third = plan_thresholds(law, max_error=0.15, delta=0.1, by=["task"], maps=maps, previous=broken)
    art = third.certificates.find(["art"])
    assert art is not None and art.revoked and not art.valid


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"delta": 0.2}, "delta 0.1; asked is 0.15 (selective risk) with delta 0.2"),
        ({"max_error": 0.1}, "--max-error 0.1 --delta 0.1 --by task --renewable"),
        ({"risk": "joint"}, "--risk joint --by task --renewable"),
        ({"simultaneous": True}, "delta 0.1 parted among 2 groups"),
    ],
)
def test_a_series_keeps_its_terms(changed: dict, says: str) -> None:
    log, terms = frame(400, 24), {"max_error": 0.15, "delta": 0.1, "by": ["task"]}
    first = plan_thresholds(log, **terms, renewable=True).certificates  # type: ignore[arg-type]
    with pytest.raises(UnusableInput) as refused:
        plan_thresholds(log, **{**terms, **changed}, previous=first)  # type: ignore[arg-type]
    assert says in str(refused.value) and "start a new one" in str(refused.value)


def test_a_new_group_has_no_part_of_a_delta_that_is_parted() -> None:
    log = frame(600, 25)
    first = plan_thresholds(
        log, max_error=0.15, delta=0.1, by=["task"], simultaneous=True, renewable=True
    ).certificates
    more = pd.concat([log, log.assign(task="sea")])
    with pytest.raises(UnusableInput, match="parted among 3 groups"):
        plan_thresholds(more, max_error=0.15, delta=0.1, by=["task"], simultaneous=True, previous=first)


def test_a_group_without_a_usable_row_is_named_with_the_reason(inside: Said, tmp_path: Path) -> None:
    log = frame(1200, 26).astype({"confidence": object})
    log.loc[log.task == "art", "confidence"] = "about 80%"
    log.to_csv(tmp_path / "log.csv", index=False)
    command = ("plan", "thresholds", tmp_path / "log.csv", "--max-error", 0.2, "--by", "task")
    art, law = strict(
        inside(*command, "--json", "--chart", tmp_path / "c.svg").stdout
    )["groups"]  # fmt: skip
    assert (art["by"], art["certified"], art["threshold"]) == ({"task": "art"}, False, None)
    assert (art["labels_used"], art["labels_needed"], art["carried"]) == (0, 11, False)
    assert f"{(log.task == 'art').sum()} x confidence" in art["reason"] and law["labels_used"] > 500
    assert "task art: cannot certify at most 0.2 wrong; no labelled answers" in inside(*command).stdout


def test_later_verdicts_revoke_what_does_not_hold(
    inside: Said, issued: CertificateSet, tmp_path: Path
) -> None:
    kept = check_certificates(issued, frame(2000, 6))
    broken = check_certificates(issued, frame(2000, 6, power=4))
    assert not any(c.revoked for c in kept.certificates.certificates)
    assert all(c.revoked for c in broken.certificates.certificates)
    assert {g.to_dict()["revoked"] for g in broken.groups} == {True}
    another = check_certificates(issued, frame(500, 6).assign(model="m2"))
    assert all("issued for other scores" in str(g.reason) for g in another.groups)
    mixed = check_certificates(issued, pd.concat([frame(500, 6), frame(500, 7).assign(model="m2")]))
    assert all("mixes several" in str(g.reason) and g.watch is None for g in mixed.groups)
    issued.save(tmp_path / "certs.json")
    frame(2000, 6, power=4).to_csv(tmp_path / "later.csv", index=False)
    said = inside(
        "plan", "check", tmp_path / "certs.json", tmp_path / "later.csv", "--out", tmp_path / "r.json",
        status=3,
    )  # fmt: skip
    assert said.stdout.count("REVOKED") == 2
    assert all(c.revoked for c in CertificateSet.load(tmp_path / "r.json").certificates)


def test_without_times_the_order_of_later_rows_does_not_matter(issued: CertificateSet) -> None:
    log = frame(800, 7, power=1.5).drop(columns="time")
    one, two = (check_certificates(issued, rows) for rows in (log, log.sample(frac=1, random_state=0)))
    assert [g.watch and g.watch.e_value for g in one.groups] == pytest.approx(
        [g.watch and g.watch.e_value for g in two.groups]
    )
    assert any("times" in n for n in one.notes)


def test_signals_are_never_pooled() -> None:
    log = pd.concat([frame(200, 8).assign(signal="a"), frame(200, 9).assign(signal="b")])
    with pytest.raises(UnusableInput, match="--by signal"):
        plan_thresholds(log, max_error=0.2, delta=0.1)
    assert len(plan_thresholds(log, max_error=0.2, delta=0.1, by=["signal"]).certificates.certificates) == 2


def test_items_of_different_tasks_are_different_items() -> None:
    """Tasks number their items alike: nothing repeats, and what is advised ties no task to another."""
    from calibrant.logs.tallies import read_log

    log = frame(40, 11).assign(task=["a", "b"] * 20, item_id=[i // 2 for i in range(40)])
    assert not any("repeat" in n for n in read_rows(log).notes)
    twice = pd.concat([log, log.assign(confidence=0.5)])
    assert (
        read_rows(twice)
        .notes[0]
        .startswith("40 of 80 rows repeat the task,item_id of another row (40 items)")
    )
    assert read_rows(twice).roles.cluster == "task,item_id"
    ids = read_rows(twice, cluster="task,item_id").groups[()].clusters
    assert ids is not None and len(set(ids)) == 40
    assert read_log(twice, cluster="task,item_id").groups[()].clusters == 40
    alone = read_rows(log.drop(columns="task")).notes
    assert any(n.startswith("20 of 40 rows repeat the item_id of another row") for n in alone)
    with pytest.raises(ColumnNotFound, match="task,nothing"):
        read_rows(log, cluster="task,nothing")


def test_rows_are_read_as_the_rest_of_the_house_reads_them() -> None:
    log = frame(40, 10).assign(item_id=[i // 2 for i in range(40)])
    log["confidence"] = [f"{100 * c:.0f}%" for c in log.confidence]
    log["propensity"] = 0.5
    read = read_rows(log)
    (group,) = read.groups.values()
    tally = calibrant.Tally.of(group.scores, group.grades, group.weights, group.clusters)
    from calibrant.logs.tallies import read_log

    assert tally == read_log(log).groups[()]
    assert group.weights is not None and set(group.weights) == {2.0}
    assert any("repeat the task,item_id" in n for n in read.notes)
    apart = read_rows(log, cluster="none")
    assert apart.groups[()].clusters is None
    assert any("count as independent, as --cluster none says" in n for n in apart.notes)
    assert len(set(read_rows(log, cluster="item_id").groups[()].clusters)) == 20  # type: ignore[arg-type]
    with pytest.raises(ColumnNotFound, match="country"):
        read_rows(log, by=["country"])
    with pytest.raises(UnusableInput, match="None of the 40 rows"):
        read_rows(log.assign(correct=None))


@pytest.mark.parametrize("column", ["p", "calibrated"])
def test_a_log_of_probabilities_is_bound_to_its_map(column: str) -> None:
    log = frame(1500, 11).assign(map_id="0123456789abcdef").rename(columns={"confidence": column})
    (one,) = plan_thresholds(log, max_error=0.2, delta=0.1, confidence=column).certificates.certificates
    assert (one.scale, one.map_id) == ("probability", "0123456789abcdef")
    mark = Fingerprint(model="m1")
    policy = _policy(one)
    assert policy.decide(  # type: ignore[attr-defined]
        Confidence(p=Probability(1.0), map_id="0123456789abcdef", fingerprint=mark)
    ).action is Action.ANSWER  # fmt: skip
    assert (
        "bound to the map" in policy.decide(Confidence(p=Probability(1.0), map_id="x", fingerprint=mark)).why
    )  # type: ignore[attr-defined]


def test_a_p_of_no_map_is_a_score() -> None:
    log = frame(1500, 11).rename(columns={"confidence": "p"})
    (one,) = plan_thresholds(log, max_error=0.2, delta=0.1).certificates.certificates
    assert (one.scale, one.map_id) == ("score", None)


def test_maps_must_fit_the_groups(maps: MapSet) -> None:
    log = frame(600, 12)
    with pytest.raises(UnusableInput, match="--by task"):
        plan_thresholds(log, max_error=0.2, delta=0.1, maps=maps)
    with pytest.raises(UnusableInput, match="other scores"):
        plan_thresholds(log.assign(model="m2"), max_error=0.2, delta=0.1, by=["task"], maps=maps)
    mixed = log.assign(model=np.where(np.arange(len(log)) % 2, "m1", "m2"))
    with pytest.raises(UnusableInput, match="for the model m1 alone, and the log mixes several"):
        plan_thresholds(mixed, max_error=0.2, delta=0.1, by=["task"], maps=maps)
    wide = replace(maps, groups=(), fallbacks=(((), maps.groups[0][1].with_fingerprint(Fingerprint())),))
    stood = plan_thresholds(log, max_error=0.2, delta=0.1, by=["task"], maps=wide)
    assert any("the one for any task stood in" in n for n in stood.notes)
    new = plan_thresholds(log.assign(task="physics"), max_error=0.2, delta=0.1, by=["task"], maps=maps)
    assert any("No map for physics" in n for n in new.notes)
    assert new.certificates.certificates[0].map_id is None
