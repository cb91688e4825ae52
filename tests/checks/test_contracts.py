"""Every extension that is installed keeps what its family promises. No name of one stands here."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import calibrant
from calibrant import checks
from calibrant.asking.asker import Asker
from calibrant.checks.models import ASK
from calibrant.checks.stores import FACTS
from calibrant.errors import MissingExtra, UnusableInput
from calibrant.guarantees.certifying import certify
from calibrant.logs.sources import Given, plain_source
from calibrant.models.scripted import Scripted
from calibrant.plans.cascades import CascadePlan
from calibrant.plans.certificates import CertificateSet
from calibrant.plugins import find, names
from calibrant.releases.live import GIVEN, Parts, made
from calibrant.releases.parts import roles_of
from calibrant.releases.release import Part
from calibrant.stores.sql import SqlStore

from ..routes.test_cascade_route import GAINS
from ..test_house import bare
from ..upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    server = Upstream().start()
    yield server
    server.stop()


def kept(family: str, extension: Callable[..., Any], **given: Any) -> None:
    try:
        checks.check(family, extension, **given)
    except MissingExtra as error:
        pytest.skip(str(error))


def needed(kind: Callable[..., Any]) -> list[str]:
    return [name for name, one in inspect.signature(kind).parameters.items() if one.default is one.empty]


def with_arguments(kind: Callable[..., Any], known: dict[str, Any]) -> Callable[[], Any]:
    """What makes one, its needed arguments by their names; a class that needs others says which are unknown."""
    assert not (unknown := set(needed(kind)) - set(known)), (
        f"What is {kind.__name__} to be given as {unknown}?"
    )
    return partial(kind, **{name: known[name] for name in needed(kind)})


@pytest.mark.parametrize("name", names("signals"))
def test_signals(name: str) -> None:
    kept("signals", find("signals", name))


@pytest.mark.parametrize("name", names("calibrators"))
def test_calibrators(name: str) -> None:
    kept("calibrators", find("calibrators", name))


@pytest.mark.parametrize("name", names("policies"))
def test_policies(name: str) -> None:
    fitted = calibrant.fit([0.6, 0.9] * 200, ([0, 1] * 9 + [0, 0] + [1, 1] * 10) * 10, "platt").map
    granted = certify([0.6, 0.9] * 300, [0, 1] * 300, max_error=0.1, delta=0.1, prior_map=fitted)
    known = {
        "wrong": 10.0,
        "review": 1.0,
        "certificates": CertificateSet(by=(), certificates=(granted,)),
    }
    kept("policies", with_arguments(find("policies", name), known))


@pytest.mark.parametrize("name", names("graders"))
def test_graders(name: str) -> None:
    kept("graders", find("graders", name))


@pytest.mark.parametrize("name", names("datasets"))
def test_datasets(name: str) -> None:
    kept("datasets", find("datasets", name))


@pytest.mark.parametrize("name", names("attacks"))
def test_attacks(name: str) -> None:
    kept("attacks", find("attacks", name))


@pytest.mark.parametrize("name", names("models"))
def test_models(name: str, upstream: Upstream, tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"

    async def recorded() -> None:
        asker = Asker(Scripted(lambda _: "4", name="tiny"), call_log=calls)
        await asker.ask(replace(ASK, samples=3))
        await asker.close()

    asyncio.run(recorded())
    known = {"url": upstream.url, "model": "tiny", "script": lambda _: "4", "path": calls}
    kept("models", with_arguments(find("models", name), known))


@pytest.mark.parametrize("name", names("routes"))
def test_routes(name: str) -> None:
    """Each is made as a release makes it, of models that all say 4."""
    kind = find("routes", name)
    known: dict[Any, Any] = {
        "plan": ["Name what is known.", "Answer."]
    }  # settings by their names, files by types
    known[CascadePlan] = CascadePlan(small="small", large="large", gains={"small": GAINS}, threshold=0.2)
    files = {setting: known[one] for setting, one in getattr(kind, "files", {}).items() if one in known}
    settings = {n: known[n] for n in needed(kind) if n not in {*files, *GIVEN["routes"]}}
    roles = roles_of(name, settings)
    models = {
        role: Scripted(lambda _: "4", name=role)
        for role in (("model",) if roles is None else roles or ("one", "two"))
    }
    parts = Parts(models=models, signals={"verbalized": find("signals", "verbalized")()})
    kept("routes", partial(made, "routes", Part(kind=name, settings=settings, files=files), "[route]", parts))


@pytest.mark.parametrize("name", names("stores"))
def test_stores(name: str, new_store_url: Callable[[], str]) -> None:
    kept("stores", lambda: with_arguments(find("stores", name), {"url": new_store_url()})())


REFUSED = ("lm_eval_results",)
"""Means in place of samples."""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The same rows in every form that a log may have."""
    folder = tmp_path_factory.mktemp("logs")
    frame = pd.DataFrame({"id": ["a", "b", "c"], "score": [0.9, 0.8, 0.3], "correct": [1, 1, 0]})
    frame.to_csv(folder / "log.csv", index=False)
    frame.to_csv(folder / "log.tsv", index=False, sep="\t")
    frame.to_json(folder / "log.jsonl", orient="records", lines=True)
    frame.to_json(folder / "log.json", orient="records")
    pq.write_table(pa.table(frame), folder / "log.parquet")
    feather.write_feather(pa.table(frame), folder / "log.arrow")
    with closing(sqlite3.connect(folder / "log.sqlite")) as database:
        frame.to_sql("answers", database, index=False)
    with duckdb.connect(folder / "log.duckdb") as database:
        database.execute("CREATE TABLE answers AS FROM frame")
    store = SqlStore(str(folder / "log.db"))
    store.add(FACTS)
    store.close()
    written = Path(__file__).parents[1] / "logs" / "files"
    return [
        frame,
        frame.to_dict("records"),
        *sorted(folder.iterdir()),
        f"duckdb:{folder / 'log.parquet'}",
        written / "answers.xlsx",
        *(p for p in sorted((written / "tools").iterdir()) if p.stem not in REFUSED),
    ]


@cache
def _columns(path: Path) -> tuple[str, ...]:
    """Those of a table, none of what cannot be read as one."""
    try:
        return tuple(plain_source(path).columns)
    except UnusableInput:
        return ()


@pytest.mark.parametrize("name", names("log_formats"))
def test_log_formats(name: str, logs: list[Any]) -> None:
    formats = {known: find("log_formats", known)() for known in names("log_formats")}
    claiming = {known: one for known, one in formats.items() if hasattr(one, "claim")}
    claims = [{known: one.claim(Given.of(log)) for known, one in claiming.items()} for log in logs]
    own = [log for log, told in zip(logs, claims, strict=True) if told.get(name) == max(told.values()) > 0]
    if hasattr(formats[name], "knows"):
        own += [
            log for log in logs
            if isinstance(log, Path) and not any(log is one for one in own) and formats[name].knows(_columns(log))
        ]  # fmt: skip
    assert own, "Add a log of this format to the samples."
    kept("log_formats", find("log_formats", name), logs=own)


def test_engines(tmp_path: Path) -> None:
    """Those that need no other package; `tests/engines` has the rest."""

    def put(table: Any) -> tuple[str, str]:
        path = tmp_path / "log.duckdb"
        with duckdb.connect(str(path)) as made:
            made.register("given", table)
            made.execute("CREATE OR REPLACE TABLE answers AS SELECT * FROM given")
        return str(path), "answers"

    kept("engines", find("engines", "duckdb"), holds=put)


def test_the_checks_ship_and_need_no_test_package() -> None:
    out = bare(
        "sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "from calibrant import checks\n"
        "from calibrant.plugins import find\n"
        "checks.signal(find('signals', 'mean_logprob')), checks.calibrator(find('calibrators', 'platt'))\n"
        "print('kept')\n"
    )
    assert out == "kept\n"
