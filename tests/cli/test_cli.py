"""The command line as its users call it: its output, its exit status, and where it matters a real process."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

GROUP = {
    "by", "n", "n_eff", "accuracy", "mean_confidence", "gap", "ece", "ece_equal_mass", "l2", "smooth_ece", "brier",
    "mcb", "dsc", "unc", "log_loss", "auroc", "auroc_interval", "aurc", "verdict", "fall",
}  # fmt: skip


def calibrant(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "calibrant", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr + done.stdout
    return done


Said = Callable[..., subprocess.CompletedProcess[str]]


def strict(text: str) -> dict:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    c = np.round(rng.beta(6, 1.2, 900) * 20) / 20
    frame = pd.DataFrame(
        {"Confidence": c, "is_correct": rng.random(900) < c**2, "task": rng.choice(["law", "art"], 900)}
    )
    frame.loc[0, "Confidence"] = 1.7
    path = tmp_path_factory.mktemp("logs") / "answers.csv"
    frame.to_csv(path, index=False)
    return path


def test_audit_says_a_sentence_before_any_table(log: Path) -> None:
    out = calibrant("audit", log, "--by", "task").stdout
    first = out.splitlines()[0]
    assert "claims" in first
    assert "Over-confident." in out.partition("smooth ECE")[0]
    assert "1 not usable: confidence above 1" in out


def test_audit_json_has_the_fixed_fields(inside: Said, log: Path) -> None:
    got = strict(inside("audit", log, "--by", "task", "--bins", 10, "--json").stdout)
    assert (got["rows"], got["used"]) == (900, 899)
    assert got["unusable"] == {"confidence above 1": 1}
    assert {g["by"]["task"] for g in got["groups"]} == {"law", "art"}
    for group in got["groups"]:
        assert set(group) >= GROUP
        assert group["ece"]["bins"] == 10
        assert 0 < group["ece"]["noise_floor"] < 0.1
        for name in ("gap", "l2", "smooth_ece"):
            assert group[name]["low"] <= group[name]["value"] <= group[name]["high"]
        assert group["brier"] == pytest.approx(group["mcb"] - group["dsc"] + group["unc"])


def test_one_class_and_one_row_are_strict_json(inside: Said, tmp_path: Path) -> None:
    for rows in (1, 40):
        path = tmp_path / f"log{rows}.csv"
        pd.DataFrame({"confidence": [0.9] * rows, "correct": [1] * rows}).to_csv(path, index=False)
        group = strict(inside("audit", path, "--json").stdout)["groups"][0]
        assert group["auroc"] is None


def test_reports_are_written(inside: Said, log: Path, tmp_path: Path) -> None:
    page, text = tmp_path / "audit.html", tmp_path / "audit.md"
    inside("audit", log, "--report", page, "--markdown", text)
    assert page.read_text().lstrip().lower().startswith("<!doctype html>")
    assert "claims" in text.read_text()


def test_fit_apply_and_audit_again(log: Path, tmp_path: Path) -> None:
    maps, out = tmp_path / "maps.json", tmp_path / "out.csv"
    fitted = strict(calibrant("fit", log, "--by", "task", "-o", maps, "--json").stdout)
    for group in fitted["groups"]:
        assert set(group["before"]) == set(group["after"]) == {"ece", "l2", "smooth_ece", "brier", "log_loss"}
        assert group["after"]["brier"] < group["before"]["brier"]
        assert group["calibrator"] == "auto"
        assert len(group["map_id"]) == 16
    done = strict(calibrant("apply", maps, log, "-o", out, "--json").stdout)
    assert (done["rows"], done["calibrated"]) == (900, 899)
    assert sum(done["actions"].values()) == 900
    again = strict(calibrant("audit", out, "--confidence", "p", "--json").stdout)
    assert again["groups"][0]["verdict"] == "no miscalibration shown"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["audit", "nowhere.csv"], 1, "no file nowhere.csv"),
        (["fit", "LOG", "--calibrator", "plat"], 2, "Did you mean 'platt'"),
        (["audit", "LOG", "--by", "country"], 2, "--by COLUMN"),
        (["audit", "LOG", "--confidence", "sure"], 2, "sure"),
        (["apply", "LOG", "LOG", "-o", "out.csv"], 1, "calibrant fit"),
        (["elicit", "nowhere.jsonl", "-o", "log.jsonl"], 1, "nowhere.jsonl"),
        (["ask", "2 + 2?", "--model", "gpt"], 2, "--url"),
        (["plan", "thresholds", "LOG", "--max-error", "2"], 2, "between 0 and 1"),
        (["audit", "LOG", "--colour", "red"], 2, "No such option"),
        (["audit", "LOG", "--bins", "0"], 2, "--bins"),
    ],
)
def test_errors_are_a_sentence_with_advice(
    inside: Said, log: Path, arguments: list[str], status: int, says: str
) -> None:
    done = inside(*(str(log) if a == "LOG" else a for a in arguments), status=status)
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_errors_of_a_process_are_a_sentence_too(log: Path) -> None:
    done = calibrant("audit", log, "--by", "country", status=2)
    assert "--by COLUMN" in " ".join(done.stderr.split())
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)


def test_version_and_help() -> None:
    assert calibrant("--version").stdout.strip() == "0.1.0"
    assert "audit" in calibrant("--help").stdout


def test_help_imports_nothing_that_works() -> None:
    code = (
        "import sys\nfrom calibrant.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print('loaded', sorted({'numpy', 'scipy', 'duckdb', 'pyarrow', 'aiohttp', 'asyncio'} & set(sys.modules)))\n"
    )
    for asked in (["--help"], ["plan", "--help"], ["refine", "--help"], ["apply", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *asked], capture_output=True, text=True, timeout=120
        )
        assert done.stdout.splitlines()[-1] == "loaded []", (asked, done.stdout[-200:], done.stderr)


def test_lines_in_a_pipe_are_not_broken(log: Path) -> None:
    for line in calibrant("signals").stdout.splitlines()[1:20]:
        assert line[0] not in " │"  # a continued cell would leave the first column empty
    said = calibrant("audit", log, "--by", "task").stdout
    assert "1 not usable: confidence above 1" in said
    assert "law    " in said and all(
        len(line.split()) != 1 for line in said.splitlines() if line not in ("", "Next:")
    )


def test_what_a_fit_says_afterwards_does_not_depend_on_the_order_of_rows(
    inside: Said, log: Path, tmp_path: Path
) -> None:
    pd.read_csv(log).sample(frac=1, random_state=1).to_csv(tmp_path / "other.csv", index=False)
    one, other = (strict(inside("fit", path, "--json").stdout) for path in (log, tmp_path / "other.csv"))
    assert one["groups"] == other["groups"]


SAYS = 'scripted:script={"2 + 2?" = "4", "2 + 2?\\n\\nStep by step." = "four"}'


def test_ask_takes_any_model_route_and_policy_by_name(inside: Said, tmp_path: Path) -> None:
    asked = ("ask", "2 + 2?", "--model", SAYS, "--free-form", "--store", tmp_path / "a.db", "--json")
    plain = strict(inside(*asked).stdout)
    assert (plain["completion"]["text"], plain["policy"]) == (
        "4",
        "Bands(answer=0.85, disclaim=0.6, review=0.4, use='auto')",
    )
    other = ("--policy", "expected_cost:wrong=10:review=1", "--route", 'chain:plan=["Step by step."]')
    told = strict(inside(*asked, *other).stdout)
    assert (told["completion"]["text"], [step["outcome"] for step in told["steps"]]) == ("four", ["four"])
    assert told["policy"].startswith("ExpectedCost(wrong=10.0, review=1.0")
    assert told["release"] not in (None, plain["release"])
    done = inside(*asked, "--policy", "bands:anser=1", status=2)
    assert "the policy bands has an unknown key 'anser'. Did you mean 'answer'" in " ".join(
        done.stderr.split()
    )
    done = inside(*asked[:2], "--model", "m", "--url", "http://127.0.0.1:9/v1", "--api", "chatt", status=2)
    assert "Expected --api to be one of" in " ".join(done.stderr.split())
