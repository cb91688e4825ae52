"""Audits and maps in a real MLflow, on a database of its own."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import calibrant
from calibrant.integrations.mlflow import load_maps, log_audit, log_maps, metrics_of

ROWS = [
    {"confidence": (0.6, 0.9)[i % 2], "correct": i % 3 > 0, "task": ("law", "a: b?", "a; b?", None)[i % 4]}
    for i in range(400)
]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("mlflow", reason="mlflow is not installed: make clients")
        folder = tmp_path_factory.mktemp("mlflow")
        library.set_tracking_uri(f"sqlite:///{folder}/runs.db")
        library.set_experiment(experiment_id=library.create_experiment("audits", (folder / "kept").as_uri()))
        yield library


def test_groups_keep_their_measures_apart() -> None:
    made = metrics_of(calibrant.audit(ROWS, by="task"))
    assert {name.partition("/")[0] for name in made} == {"law", "a_ b_", "a_ b_ 2", "none"}
    whole = metrics_of(calibrant.audit(ROWS))
    assert whole["n"] == 400 and whole["accuracy"] == pytest.approx(0.665, abs=0.01)
    assert whole["gap_low"] < whole["gap"] < whole["gap_high"]


@pytest.mark.filterwarnings("ignore")
def test_an_audit_and_its_maps_are_there_again(mlflow: Any) -> None:
    found, fitted = calibrant.audit(ROWS, by="task"), calibrant.fit(_frame(), by="task")
    with mlflow.start_run() as run:
        logged = log_audit(found, step=3)
        log_maps(fitted)
    kept = mlflow.get_run(run.info.run_id).data.metrics
    assert kept == pytest.approx(logged) and kept["law/n"] == 100
    assert json.loads(
        mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/calibrant/audit.json")
    ) == json.loads(json.dumps(found.to_dict()))
    assert load_maps(run.info.run_id) == fitted.maps


@pytest.mark.filterwarnings("ignore")
def test_another_run_than_the_active_one(mlflow: Any) -> None:
    with mlflow.start_run() as first:
        pass
    log_audit(calibrant.audit(ROWS), run_id=first.info.run_id)
    assert mlflow.active_run() is None
    assert mlflow.get_run(first.info.run_id).data.metrics["n"] == 400


@pytest.mark.filterwarnings("ignore")
def test_the_lines_of_the_page(mlflow: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text()
    (text,) = re.findall(
        r"^```py\n(import calibrant\nimport mlflow\n.*?)^```", page, re.MULTILINE | re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(compile(text, "integrations.md", "exec"), names)
    kept = {one.path for one in mlflow.MlflowClient().list_artifacts(names["run"].info.run_id, "calibrant")}
    assert kept >= {f"calibrant/{name}" for name in ("audit.json", "audit.txt", "maps.json")}
    assert len(names["maps"].groups) == 1


def _frame() -> Any:
    import pandas as pd

    return pd.DataFrame(ROWS)
