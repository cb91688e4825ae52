"""Tables that lie in an engine: DuckDB, whatever Ibis reaches, Spark."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from calibrant.engines._relation import ENGINES, parted, shown
from calibrant.errors import UnusableInput
from calibrant.logs.sources import Claim, Given, Source, plain_source
from calibrant.logs.tables import attached_source, objects_source, relation_source, table_source

__all__ = ["Engine"]


class Engine:
    """A table where it lies, by the address of an engine (`duckdb:`, `ibis:`, `spark:`) or as an object of one."""

    def claim(self, log: Given) -> Claim:
        """By what its address begins with, or by its type; no engine is imported for another's object."""
        if log.text:
            return Claim.CONTENT if not log.head and parted(log.text) else Claim.NONE
        return Claim.CONTENT if _native(log.value) is not None else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its columns as the engine has them, and what lies in structures by dotted paths."""
        if not log.text:
            return relation_source(_native(log.value))
        engine, address, table = parted(log.text) or ("", "", "")
        if engine == "duckdb":
            return _in_duckdb(address, table)
        return relation_source(_engine(engine).open(address, table))


def _engine(name: str) -> Any:
    module = import_module(f"calibrant.engines.{name}")
    return getattr(module, module.__all__[0])()


def _native(value: Any) -> Any:
    package = type(value).__module__.partition(".")[0]
    for name in ENGINES:
        if package in (name, f"py{name}") and name != "duckdb":
            return _engine(name).native(value)
    return None


def _in_duckdb(address: str, table: str) -> Source:
    """Files by the rules of files, wherever they are; a table of a database, its own or an attached one."""
    if address.startswith(("postgres:", "postgresql:")):
        if not table:
            raise UnusableInput(f"Name the table behind a #: 'duckdb:{shown(address)}#answers'.")
        return attached_source(address, table)
    if "://" not in address:
        return plain_source(f"{address}#{table}" if table else address)
    ending = Path(address.rstrip("*")).suffix.lower()
    if ending in (".jsonl", ".ndjson", ".json"):
        return objects_source(address, "read_ndjson_objects" if ending != ".json" else "read_json_objects")
    if ending in (".csv", ".tsv", ".txt"):
        return table_source(address, "read_csv({path}, all_varchar = true, union_by_name = true)")
    return table_source(address, "read_parquet({path}, union_by_name = true)")
