"""Do two versions of the code give the same numbers on the same logs?

    python benchmarks/same_numbers.py OLD_SRC NEW_SRC --data DIR [--only TEXT] [--cache DIR]
    python benchmarks/same_numbers.py --quick

OLD_SRC and NEW_SRC are folders with `calibrant` in them, DIR holds `logs/*.parquet`. Each version runs the same
commands with --json, in processes of its own, on the logs and on inputs made of them (slices, weights, grades, messy
text in three formats, steps); then the JSON and the written files are compared value by value. What is meant to
differ stands in `RENAMED`, `EXPLAINED` and `MENDED`, each with its reason; all else is printed, and the exit status
is 1.

What a version gave is kept in the cache under a digest of its code, so that a rerun asks only what has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from time import perf_counter
from typing import Any

RENAMED = (("apply", r"^file\.calibrated(?=_|\.|$)", "file.p", "a calibrated probability is p in a log"),)
"""Command, pattern of an old path, what replaces it, why. Paths are names and places with dots between."""

EXPLAINED = (
    (
        ".*",
        r"\b(map|plan|pool|model)_id\b|\bevidence\.digest\b",
        None,
        "an identity is a digest of content, whose changes stand beside it",
    ),
    (
        "apply .*",
        r"\buncalibrated\b|^file\.why\.",
        None,
        "one rule finds a map, and says in one way why there is none",
    ),
    ("(fit|apply|plan) .*", ".*", 1e-6, "one Newton solver for all fits ends each by the same rule"),
    ("plan (cascade|ensemble|chain) .*", ".*", 5e-3, "that solver goes on until gains and votes are settled"),
    ("plan ensemble .*", "ece_noise", 5e-2, "draws of a simulation follow every digit of the pool"),
)
"""Command, pattern of a path (as it is now), relative change allowed (None for any), why."""

KNOT = "Venn-Abers reads a score that is a knot but for rounding at the knot"
MENDED = (
    (
        "maps/curves.py",
        'knots, scores, side="right")], p1',
        'knots, scores * (1 + 1e-12), side="right")], p1',
        KNOT,
    ),
    ("maps/curves.py", 'knots, scores, side="left")', 'knots, scores * (1 - 1e-12), side="left")', KNOT),
)
"""Faults that are mended: file, text, text in its place, why. The old version is run without them, so that no other
difference hides behind theirs."""

SLICES = {
    "boolq.parquet": "from lifeeval where task = 'boolq_valid' and signal = 'verbalized'",
    "sciq.parquet": "from lifeeval where task = 'sciq_test' and signal = 'verbalized'",
    "two_signals.parquet": "select * exclude (weight) from lifeeval "
    "where model in ('gpt-4o', 'Meta-Llama-3.1-8B-Instruct')",
    "graded.parquet": "select * exclude (correct), 0.25 + correct / 2 + (hash(item_id) % 100) / 400 as correct "
    "from lifeeval where task = 'sciq_test' and signal = 'verbalized'",
    "weighted.parquet": "select * exclude (weight), 1 + hash(item_id) % 4 as weight "
    "from lifeeval where task = 'sciq_test'",
    "judged.parquet": "select *, case when hash(item_id || model) % 8 = 0 then 1 - correct else correct end as judge, "
    "case when hash(item_id) % 5 = 0 then correct end as person, 0.2 as shown "
    "from lifeeval where task = 'sciq_test' and model = 'gpt-4o'",
    "arc.parquet": "from bplaut_mcq where task = 'arc'",
    "many_groups.parquet": "from bplaut_mcq where model = 'Mixtral'",
    "physics.parquet": "from linwei_mmlu_pro where domain in ('physics', 'law') and signal = 'verbalized'",
    "waimai.parquet": "from frugalml_api2020 where task = 'waimai'",
    "digit.parquet": "from frugalml_api2020 where task = 'digit'",
    "first_half.parquet": "from lifeeval where hash(item_id) % 2 = 0 and signal = 'verbalized'",
    "second_half.parquet": "from lifeeval where hash(item_id) % 2 = 1 and signal = 'verbalized'",
    "percent.csv": "select item_id, model, round(100 * confidence) as confidence, correct = 1 as correct "
    "from lifeeval where task = 'sciq_test'",
    "steps.jsonl": "select item_id as trajectory_id, row_number() over (partition by item_id order by model) as step, "
    "confidence, max(correct) over (partition by item_id) as correct, 20 + hash(item_id || model) % 50 as tokens, "
    "hash(model || item_id) % 9 = 0 as tool_error from arc where hash(item_id) % 3 = 0 and model not like 'Yi%'",
}
"""Inputs made of the logs, by the name of the file, in DuckDB's SQL; a later one may read an earlier one."""

MESSY = """
select item_id, case when n % 41 = 0 then '' when n % 43 = 0 then null else task end as task, model, signal,
  case when n % 31 = 0 then '' when n % 37 = 0 then 'no idea' when n % 29 = 0 then '1.7' when n % 23 = 0 then null
       when n % 5 = 0 then round(100 * confidence)::varchar || ' %' when n % 7 = 0 then 'very likely'
       when n % 11 = 0 then 'almost certain' else confidence::varchar end as confidence,
  case when n % 47 = 0 then '' when n % 53 = 0 then 'perhaps' when n % 59 = 0 then '0.5' when n % 2 = 0
       then case when correct = 1 then 'yes' else 'no' end when n % 3 = 0 then correct::varchar
       else case when correct = 1 then 'TRUE' else 'False' end end as correct,
  case when n % 61 = 0 then '' when n % 67 = 0 then '-1' when n % 71 = 0 then '1e9' else (1 + n % 3)::varchar end
       as weight
from (select *, row_number() over (order by model, item_id, signal) as n from lifeeval where task = 'sciq_test')
"""
SLICES |= {f"messy.{ending}": MESSY for ending in ("parquet", "csv", "jsonl")}

GROUPS = {
    "bbh_code_davinci_002": "task,model", "bplaut_mcq": "task,model", "consistency_forecasting": "model",
    "factscore_bios": "model", "frugalml_api2020": "task,model", "lifeeval": "task,model,signal",
    "linwei_mmlu_pro": "model,signal", "livecodebench": "task,model", "llmbar_judges": "task,model",
    "llmdrift_2023": "model", "mirage_medqa": "task,model", "openai_gsm8k_solutions": "model",
    "routellm": "model", "taubench_airline": "task",
}  # fmt: skip
"""Columns by which each log is parted."""

BARE = {
    "bbh_code_davinci_002", "factscore_bios", "livecodebench", "llmdrift_2023", "mirage_medqa",
    "openai_gsm8k_solutions", "routellm", "taubench_airline",
}  # fmt: skip
"""Logs without a confidence, which are refused."""
LARGE = {"linwei_mmlu_pro", "bplaut_mcq"}

CALIBRATORS = (
    "beta", "histogram", "isotonic", "multicalibrated", "platt", "pooled", "temperature", "venn_abers",
)  # fmt: skip
COSTS = "--wrong 10 --review 1 --hand-off 3 --reviewer-error 0.1"
LLAMAS = "Llama-7b,Llama-70b,gpt-4-turbo"


def runs() -> Iterator[tuple[str, list[str]]]:
    """Inputs with the commands on each; the later of them read what the earlier of them wrote."""
    for name, by in GROUPS.items():
        log = f"{name}.parquet"
        both = [f"audit {log}", f"audit {log} --by {by} --cluster task,item_id"]
        if name in BARE:
            yield log, both
            continue
        yield (
            log,
            [
                *both,
                f"fit {log} --by {by.split(',')[0]} --calibrator platt -o maps.json",
                *([] if name in LARGE else [f"apply maps.json {log} -o out.parquet"]),
                f"plan pareto {log} --of {by} --resamples 20 --calibrator platt",
                f"plan costs {log} {COSTS} --by {by.split(',')[0]} --calibrator platt",
                f"plan thresholds {log} --max-error 0.1 --by {by.split(',')[0]}",
            ],
        )
    yield (
        "boolq.parquet",
        [
            "fit boolq.parquet --by model -o maps.json",
            "apply maps.json boolq.parquet -o out.csv",
            "apply maps.json boolq.parquet -o out.jsonl --use low",
            "plan cascade boolq.parquet --models Meta-Llama-3.1-8B-Instruct,gpt-4o --prices "
            "Meta-Llama-3.1-8B-Instruct=0.1,gpt-4o=2.5 -o plan.json",
            "plan cascade boolq.parquet --models claude-3-haiku-20240307,gpt-4o,deepseek-r1 --peers gemini-2.5-flash "
            "--target-accuracy 0.8 --prices claude-3-haiku-20240307=1,gpt-4o=9,deepseek-r1=2,gemini-2.5-flash=1",
            "plan ensemble boolq.parquet --models claude-3-haiku-20240307,gpt-4o,deepseek-r1 -o pool.json",
            "plan pareto boolq.parquet --of model --calibration brier --resamples 50",
        ],
    )
    yield (
        "sciq.parquet",
        [
            "audit sciq.parquet --by model --bins 10 --cluster item_id",
            *(f"fit sciq.parquet --by model --calibrator {name} -o {name}.json" for name in CALIBRATORS),
            "apply venn_abers.json sciq.parquet -o out.parquet",
            "apply pooled.json boolq.parquet -o unseen.parquet",
            "apply multicalibrated.json sciq.parquet -o multi.parquet",
            "plan thresholds sciq.parquet --max-error 0.05 --by model --simultaneous",
            "plan thresholds sciq.parquet --max-error 0.05 --risk joint --cluster item_id",
        ],
    )
    yield (
        "two_signals.parquet",
        [
            "audit two_signals.parquet --by model,signal",
            "fit two_signals.parquet --by model --calibrator blend -o blend.json",
            "apply blend.json two_signals.parquet -o out.parquet",
            "fit two_signals.parquet --by task,model,signal --calibrator pooled -o pooled.json",
            "apply pooled.json two_signals.parquet -o pooled.parquet",
        ],
    )
    for log in (
        "graded.parquet",
        "weighted.parquet",
        "percent.csv",
        "messy.parquet",
        "messy.csv",
        "messy.jsonl",
    ):
        by = "model" if log.startswith("percent") else "model,signal"
        yield (
            log,
            [
                f"audit {log} --by {by}",
                f"audit {log} --by model --cluster item_id",
                f"fit {log} --by {by} --calibrator beta -o maps.json",
                f"apply maps.json {log} -o out.jsonl",
                f"plan thresholds {log} --max-error 0.2 --by {by}",
                f"plan costs {log} {COSTS} --by model --calibrator platt",
                f"plan pareto {log} --of {by} --resamples 50",
            ],
        )
    yield (
        "messy.csv",
        [
            "audit messy.csv --by task",
            "audit messy.csv --by signal --weight weight --confidence confidence --correct correct",
            "fit messy.csv --by model --calibrator blend -o blend.json",
            "apply blend.json messy.csv -o out.csv",
            "audit messy.csv --confidence nothing",
        ],
    )
    yield (
        "judged.parquet",
        [
            "audit judged.parquet --by signal --correct judge --human person --human-propensity shown",
            "audit judged.parquet --correct judge --human person",
        ],
    )
    yield (
        "arc.parquet",
        [
            f"plan cascade arc.parquet --models {LLAMAS} --target-accuracy 0.8 "
            "--prices Llama-7b=0.1,Llama-70b=1,gpt-4-turbo=9",
            f"plan ensemble arc.parquet --models {LLAMAS}",  # refused: the log has no answers
        ],
    )
    yield (
        "waimai.parquet",
        [
            "plan cascade waimai.parquet --models GitHub(Bixin),Baidu,Amazon --budget 0.0002 -o plan.json",
            "plan ensemble waimai.parquet --models GitHub(Bixin),Google,Baidu,Amazon -o pool.json",
            "plan ensemble waimai.parquet --models Google,Baidu --by task --fit-rows 500 --seed 3",
        ],
    )
    yield (
        "digit.parquet",
        [
            "plan cascade digit.parquet --models GitHub(DeepSpeech),Google,IBM --fit-rows 800 --seed 2",
            "plan ensemble digit.parquet --models GitHub(DeepSpeech),Google,IBM,Microsoft",
            "plan pareto digit.parquet --of model --calibration gap --calibrator isotonic --cluster item_id",
        ],
    )
    yield (
        "many_groups.parquet",
        [
            "audit many_groups.parquet --by task,domain",
            "fit many_groups.parquet --by task,domain -o maps.json",
        ],
    )
    yield (
        "first_half.parquet",
        [
            "fit first_half.parquet --by model -o maps.json",
            "apply maps.json second_half.parquet -o out.parquet",
            "plan thresholds second_half.parquet --max-error 0.1 --by model --maps maps.json -o certs.json",
            "plan check certs.json first_half.parquet",
            "plan thresholds first_half.parquet --max-error 0.1 --by task --renewable -o first.json",
            "plan thresholds second_half.parquet --max-error 0.1 --by task --previous first.json",
            f"plan costs first_half.parquet {COSTS} --by task --use low --disclaim-saves 0.3 --disclaim 0.1 --larger 2 "
            "--larger-right 0.7",
        ],
    )
    yield (
        "steps.jsonl",
        ["plan chain steps.jsonl -o map.json", "plan chain steps.jsonl --cluster trajectory_id --seed 3"],
    )
    yield (
        "physics.parquet",
        ["fit physics.parquet --by domain -o m.json", "apply m.json physics.parquet -o o.csv"],
    )
    yield "linwei_mmlu_pro.parquet", ["fit linwei_mmlu_pro.parquet --by domain,signal --calibrator beta"]
    yield (
        "bplaut_mcq.parquet",
        ["fit bplaut_mcq.parquet --by model -o m.json", "apply m.json bplaut_mcq.parquet -o o.parquet"],
    )


# A version at work: one process, many commands -----------------------------------------------------------------------


def work() -> None:
    """Run each line of standard input, a folder and a command; answer each with a line of JSON."""
    from calibrant.cli import app

    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        folder, words = json.loads(line)
        Path(folder).mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        print(json.dumps(done(app, words)), file=answers, flush=True)


def done(app: Any, words: list[str]) -> dict[str, Any]:
    """What one command printed as JSON, or the sentence of the error that ended it."""
    said, began = StringIO(), perf_counter()
    try:
        with redirect_stdout(said), redirect_stderr(StringIO()):
            app([*words, "--json"], standalone_mode=False)
        found: dict[str, Any] = {"json": json.loads(said.getvalue())}
    except Exception as error:  # noqa: BLE001 any way to fail is to be compared
        found = {"error": f"{type(error).__name__}: {error}"}
    return found | {"seconds": round(perf_counter() - began, 2)}


class Version:
    """A checkout at work: what its commands gave, from the cache or from one of its processes."""

    def __init__(self, source: Path, cache: Path) -> None:
        files = sorted(p for p in source.rglob("*") if p.is_file() and p.suffix in (".py", ".json", ".toml"))
        code = hashlib.sha256(b"".join(str(p.relative_to(source)).encode() + p.read_bytes() for p in files))
        self.source, self.folder = source, cache / code.hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)

    def results(self, group: int, commands: list[list[str]], worker: Worker) -> list[dict[str, Any]]:
        """Of the commands on one input, in their order."""
        kept = self.folder / f"{digest([group, *commands])}.json"
        if not kept.exists():
            there = kept.with_suffix("")
            found = [worker.ask(there, words) for words in commands]
            part = kept.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(found))
            part.rename(kept)
        read: list[dict[str, Any]] = json.loads(kept.read_text())
        return read

    def written(self, group: int, commands: list[list[str]], name: str) -> Path:
        """A file that a command wrote."""
        return self.folder / digest([group, *commands]) / name


def mended(source: Path, cache: Path) -> Path:
    """The code without the faults of `MENDED`, in a copy where it has one."""
    found = [one for one in MENDED if one[1] in (source / "calibrant" / one[0]).read_text()]
    if not found:
        return source
    copy = cache / "mended" / digest([str(source), *MENDED])
    shutil.copytree(source, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name, fault, mend, why in found:
        file = copy / "calibrant" / name
        file.write_text(file.read_text().replace(fault, mend))
        print(f"Mended in the old version: {why}.")
    return copy


class Worker:
    """A process of one version, begun when it is first asked."""

    def __init__(self, source: Path) -> None:
        self.source, self.process = source, None

    def ask(self, folder: Path, words: list[str]) -> dict[str, Any]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--work"], env=os.environ | {"PYTHONPATH": str(self.source)},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        self.process.stdin.write(json.dumps([str(folder), words]) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def close(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def gathered(versions: list[Version], groups: list[list[list[str]]], jobs: int) -> None:
    """Have both versions do all groups, several at once."""
    waiting: queue.Queue[tuple[Version, int]] = queue.Queue()
    for at in range(len(groups)):
        for version in versions:
            waiting.put((version, at))

    def drain() -> None:
        workers = {version.source: Worker(version.source) for version in versions}
        while True:
            try:
                version, at = waiting.get_nowait()
            except queue.Empty:
                break
            version.results(at, groups[at], workers[version.source])
        for worker in workers.values():
            worker.close()

    threads = [threading.Thread(target=drain) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Inputs and comparison -----------------------------------------------------------------------------------------------


def made(data: Path, folder: Path) -> dict[str, str]:
    """The path of each input by its name; slices are made once."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    logs = {path.name: str(path) for path in sorted((data / "logs").glob("*.parquet"))}
    connection = duckdb.connect()
    for name, path in logs.items():
        connection.execute(f"create view {name.removesuffix('.parquet')} as from '{path}'")
    for name, query in SLICES.items():
        path = folder / f"{digest(query)}-{name}"
        if not path.exists():
            form = {"parquet": "parquet", "csv": "csv, header", "jsonl": "json"}[name.rpartition(".")[2]]
            part = path.with_suffix(".part")
            connection.execute(f"copy (select * from ({query}) order by all) to '{part}' (format {form})")
            part.rename(path)
        logs[name] = str(path)
        if name == "arc.parquet":
            connection.execute(f"create view arc as from '{path}'")
    return logs


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value with its path; an empty list or object is one too."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{place}")
    else:
        yield path, value


def same(old: Any, new: Any, tolerance: float) -> bool:
    """Whether two plain values are one; numbers, also in text, are where they are close."""
    if type(old) is type(new) and old == new:
        return True
    if isinstance(old, bool) or isinstance(new, bool) or old is None or new is None:
        return False
    try:
        a, b = float(old), float(new)
    except (TypeError, ValueError):
        return False
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(a) and math.isnan(b))


def columns_of(path: Path) -> dict[str, Any]:
    """A written file as plain values: JSON as it is, a table by its columns."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    import duckdb

    read = "auto_detect=true, all_varchar=true" if path.suffix == ".csv" else ""
    kind = {".csv": "read_csv", ".jsonl": "read_json", ".parquet": "read_parquet"}[path.suffix]
    table = duckdb.sql(f"from {kind}('{path}'{', ' if read else ''}{read})").to_arrow_table()
    return {name: table[name].to_pylist() for name in table.column_names}


def compared(words: list[str], old: Any, new: Any, tolerance: float) -> Iterator[tuple[str, str, str]]:
    """Each difference as its path, what it is, and its reason, empty where nothing explains it."""
    command = " ".join(words)
    if "file" in old:
        old["file"] = {
            renamed(command, f"file.{name}")[0][5:]: column for name, column in old["file"].items()
        }
    for name in old.get("file", {}).keys() & new.get("file", {}).keys():  # equal columns at once
        if str(old["file"][name]) == str(new["file"][name]):
            old["file"][name] = new["file"][name] = "equal"
    before, after, there = dict(leaves(old)), dict(leaves(new)), set()
    for path in before:
        to, reason = renamed(command, path)
        there.add(to)
        if to not in after:
            yield path, f"gone, was {before[path]!r}", explained(command, to)
        elif not same(before[path], after[to], tolerance):
            yield to, f"{before[path]!r} -> {after[to]!r}", explained(command, to, before[path], after[to])
        elif to != path:
            yield path, f"now {to}", reason
    for path in after.keys() - there:
        yield path, f"new, {after[path]!r}", explained(command, path) or "fields may be added"


def renamed(command: str, path: str) -> tuple[str, str]:
    """What a path of the old version is called now, and why."""
    reason = ""
    for which, pattern, with_, why in RENAMED:
        if re.match(which, command) and re.search(pattern, path):
            path, reason = re.sub(pattern, with_, path), why
    return path, reason


def explained(command: str, path: str, *values: Any) -> str:
    """Why a path may differ, or why its values may differ as they do."""
    for which, pattern, change, why in EXPLAINED:
        allowed = change is None or (values and same(*values, change))
        if allowed and re.fullmatch(which, command) and re.search(pattern, path):
            return why
    return ""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("old", nargs="?", type=Path)
    parser.add_argument("new", nargs="?", type=Path)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CALIBRANT_DATA"), help="or CALIBRANT_DATA"
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "same_numbers")
    parser.add_argument("--tolerance", type=float, default=1e-9, help="relative")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="only inputs with this in the name")
    parser.add_argument("--show", type=int, default=8, help="differences to print for each command")
    parser.add_argument("--quick", action="store_true", help="this version with itself, on a made-up log")
    return parser


def main() -> int:
    parser = options()
    args = parser.parse_args()
    if args.quick:
        from made import recorded  # not in the workers, which may be of a version without it

        with tempfile.TemporaryDirectory() as cache:
            args.old = args.new = Path(__file__).parents[1] / "src"
            args.data, args.cache, args.only = recorded(quick=True), Path(cache), args.only or "percent"
            return compare(args)
    if args.new is None or args.data is None:
        parser.error("name the folders of both versions, and where the logs are: --data DIR")
    return compare(args)


def compare(args: argparse.Namespace) -> int:
    """Run both, print what differs, and give the status."""
    began, paths = perf_counter(), made(args.data, args.cache / "inputs")
    groups = [
        [[paths.get(word, word) for word in command.split()] for command in commands]
        for log, commands in runs()
        if args.only in log
    ]
    before, after = mended(args.old.resolve(), args.cache), args.new.resolve()
    old, new = Version(before, args.cache), Version(after, args.cache)
    gathered(list({one.folder: one for one in (old, new)}.values()), groups, args.jobs)
    short, counts, unexplained = {path: name for name, path in paths.items()}, Counter[str](), 0
    for at, commands in enumerate(groups):
        worker = Worker(Path())  # all is in the cache
        both = (old.results(at, commands, worker), new.results(at, commands, worker))
        for words, before, after in zip(commands, *both, strict=True):
            if "-o" in words and "json" in before and "json" in after:
                name = words[words.index("-o") + 1]
                before["file"] = columns_of(old.written(at, commands, name))
                after["file"] = columns_of(new.written(at, commands, name))
            took = f"{before.pop('seconds'):6.2f} s {after.pop('seconds'):6.2f} s"
            said = [short.get(word, word) for word in words]
            found = list(compared(said, before, after, args.tolerance))
            open_ = sum(not why for *_, why in found)
            verdict = "different" if open_ else "explained" if found else "equal"
            counts[verdict] += 1
            unexplained += open_
            print(f"{verdict:9} {took}  {' '.join(said)}{'  (refused)' if 'error' in before else ''}")
            told(found, args.show)
    took = perf_counter() - began
    print(f"\n{dict(counts)} in {took:.0f} s; {unexplained} values differ without an explanation.")
    return 1 if unexplained else 0


def told(found: list[tuple[str, str, str]], show: int) -> None:
    """Print the differences of one command: the first that are open, then how many each reason explains."""
    open_ = [f"{path}: {what[:200]}" for path, what, why in found if not why]
    for line in open_[:show] + ([f"... {len(open_) - show} more"] if len(open_) > show else []):
        print(f"    {line}")
    for reason, n in Counter(why for *_, why in found if why).items():
        first = next(path for path, _, why in found if why == reason)
        print(f"    {n} explained, {reason}: {first} ...")


if __name__ == "__main__":
    if "--work" in sys.argv:
        work()
    else:
        sys.exit(main())
