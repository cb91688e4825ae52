"""Published figures, on recorded logs. They are found through CALIBRANT_DATA; without it these tests skip."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

import calibrant
from calibrant import Tally, metrics
from calibrant.errors import UnusableInput

DATA = Path(os.environ.get("CALIBRANT_DATA", ""))
pytestmark = pytest.mark.skipif(
    "CALIBRANT_DATA" not in os.environ,
    reason="set CALIBRANT_DATA to the folder of the recorded logs to run these",
)


def catalogue() -> dict[str, dict[str, str]]:
    with (DATA / "catalog.csv").open() as file:
        return {row["log_id"]: row for row in csv.DictReader(file)}


def test_every_catalogued_figure_is_reproduced() -> None:
    """184 logs: ECE (15 bins, closed on the right), AUROC, Brier, to the four digits given."""
    known = catalogue()
    seen = 0
    for path in sorted((DATA / "logs").glob("*.parquet")):
        try:
            found = calibrant.audit(path, ["log_id"])
        except UnusableInput as error:
            assert "confidence missing" in str(error)  # logs without a confidence are refused, with the count
            continue
        for group in found.groups:
            row, m = known[str(group.by["log_id"])], group.measures
            apart = m.get("unusable", {}).get("no answer", 0)
            assert m["n"] + apart == int(row["n_conf"])
            if apart:
                continue  # what was catalogued counts rows without an answer
            assert m["ece"]["right_closed"] == pytest.approx(float(row["ece15"]), abs=5.1e-5)
            assert m["brier"] == pytest.approx(float(row["brier"]), abs=5.1e-5)
            if m["auroc"] is not None and row["auroc"]:
                assert m["auroc"] == pytest.approx(float(row["auroc"]), abs=5.1e-5)
            seen += 1
    assert 120 < seen < sum(bool(row["ece15"]) for row in known.values())


def test_the_published_temperature_of_resnet110() -> None:
    """Guo et al. 2017 and its reproductions: ECE 4.75 % becomes 1.13 % at T = 2.39."""
    data = np.load(DATA / "logits" / "cifar10_resnet110_logits.npz")
    logits, labels = data["test_logits"].astype(float), data["test_labels"].ravel()
    fitted = calibrant.fit(data["val_logits"], data["val_labels"].ravel(), calibrator="temperature")
    assert fitted.map.temperature == pytest.approx(2.395, abs=0.01)
    raw = np.exp(logits - logits.max(axis=1, keepdims=True))
    before = metrics.top_label(raw / raw.sum(axis=1, keepdims=True), labels)
    after = metrics.top_label(fitted(logits), labels)
    assert metrics.ece(before) == pytest.approx(0.0475, abs=2e-4)
    assert metrics.ece(after) == pytest.approx(0.0113, abs=4e-4)


def test_catalogued_errors_after_calibration() -> None:
    """ECE on a random half after Platt and isotonic fits on the other, over the logs of 2,000 rows and more."""
    import duckdb

    known = catalogue()
    rng = np.random.default_rng(0)
    left: dict[str, list[float]] = {"platt": [], "isotonic": [], "auto": []}
    listed: dict[str, list[float]] = {"platt": [], "isotonic": []}
    for source in ("lifeeval", "linwei_mmlu_pro"):
        frame = duckdb.sql(
            f"SELECT log_id, confidence, correct FROM '{DATA}/logs/{source}.parquet' WHERE confidence IS NOT NULL"
        ).df()
        for log_id, log in frame.groupby("log_id"):
            c, y = log["confidence"].to_numpy(float), log["correct"].to_numpy(float)
            row = known[str(log_id)]
            if len(c) < 2000 or not row["ece_test_platt"]:
                continue
            half = rng.permutation(len(c)) < len(c) // 2
            for name in left:
                p = calibrant.fit(c[half], y[half], calibrator=name)(c[~half])
                left[name].append(metrics.ece(Tally.of(p, y[~half])))
            for name in listed:
                listed[name].append(float(row[f"ece_test_{name}"]))
    assert len(left["auto"]) > 50
    for name in listed:
        assert np.mean(left[name]) < np.mean(listed[name]) + 0.002
    assert np.mean(left["auto"]) < np.mean(left["isotonic"]) + 0.001
