"""Audits and maps in MLflow: measures as metrics; report, numbers and maps as artifacts of a run."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from calibrant.errors import MissingExtra
from calibrant.plugins import require

if TYPE_CHECKING:
    from calibrant.auditing import Audit
    from calibrant.fitted import Fitted
    from calibrant.maps.calibration import MapSet

__all__ = ["load_maps", "log_audit", "log_maps", "metrics_of"]

FOLDER = "calibrant"
"""The folder of a run's artifacts."""

_UNUSABLE = re.compile(r"[^\w\-. /]")


def metrics_of(found: Audit) -> dict[str, float]:
    """The measures of an audit by name, one group after another: "gap", "gap_low", or of a group "law/gap".

    What is not known is left out. A character that no name of a metric may have becomes "_", and names that are the
    same then get a number.

    >>> import calibrant
    >>> rows = [{"confidence": 0.9, "correct": i % 2, "task": "law & art"} for i in range(60)]
    >>> found = calibrant.audit(rows, by="task")
    >>> metrics_of(found)["law _ art/accuracy"], metrics_of(found)["law _ art/n"]
    (0.5, 60.0)
    """
    made: dict[str, float] = {}
    taken: dict[str, int] = {}
    for group in found.groups:
        name = _UNUSABLE.sub(
            "_", "/".join("none" if v is None else v.strip("/. ") or "_" for v in group.by.values())
        )
        taken[name] = taken.get(name, 0) + 1
        whole = f"{name} {taken[name]}" if taken[name] > 1 else name
        for row in group._rows():
            for measure, value in row.items():
                if measure in group.by or isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                made[f"{whole}/{measure}" if whole else measure] = float(value)
    return made


def log_audit(found: Audit, *, run_id: str | None = None, step: int | None = None) -> dict[str, float]:
    """Log an audit to a run of MLflow, the active one where none is named; the metrics that were logged.

    Artifacts, in the folder "calibrant": `audit.json`, all numbers; `audit.txt`, the sentences; with the extra
    `report` also `audit.html`, the report with its reliability charts, and `audit.vl.json`, the chart as Vega-Lite.
    """
    mlflow = _mlflow()
    made = metrics_of(found)
    mlflow.log_metrics(made, step=step, run_id=run_id)
    mlflow.log_dict(found.to_dict(), f"{FOLDER}/audit.json", run_id=run_id)
    mlflow.log_text(f"{found!r}\n", f"{FOLDER}/audit.txt", run_id=run_id)
    with suppress(MissingExtra):
        mlflow.log_text(found.to_html(), f"{FOLDER}/audit.html", run_id=run_id)
        mlflow.log_text(found.plot().to_json(), f"{FOLDER}/audit.vl.json", run_id=run_id)
    return made


def log_maps(maps: MapSet | Fitted, *, run_id: str | None = None) -> None:
    """Log maps as the artifact `calibrant/maps.json`, which `load_maps`, `calibrant apply` and the gateway read."""
    from calibrant.applying import maps_of

    _mlflow().log_text(maps_of(maps).to_json(), f"{FOLDER}/maps.json", run_id=run_id)


def load_maps(run_id: str) -> MapSet:
    """The maps that `log_maps` logged to a run."""
    from calibrant.maps.calibration import MapSet

    return MapSet.from_json(_mlflow().artifacts.load_text(f"runs:/{run_id}/{FOLDER}/maps.json"))


def _mlflow() -> Any:
    return require("mlflow", "Logging to MLflow", "mlflow")
