"""Tables that lie in an engine: DuckDB, whatever Ibis reaches, Spark, and those of other packages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calibrant.engines._relation import Engine as Engines
from calibrant.engines._relation import parted, shown
from calibrant.engines.duckdb import ending
from calibrant.logs.sources import Claim, Given, Source, plain_source
from calibrant.logs.tables import objects_source, relation_source
from calibrant.plugins import find, names

__all__ = ["Engine"]


class Engine:
    """A table where it lies, by the address of an engine, such as `duckdb:` or `ibis:`, or as an object of one."""

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
        return relation_source(find("engines", engine)().open(address, table))


def _native(value: Any) -> Any:
    """A table of an engine whose object this is."""
    package = type(value).__module__.partition(".")[0]
    for name in names("engines"):
        engine: Engines = find("engines", name)()
        if package == engine.package and (found := engine.native(value)) is not None:
            return found
    return None


def _in_duckdb(address: str, table: str) -> Source:
    """Files by the rules of files, wherever they are; a table of a database, its own or an attached one."""
    if "://" not in address:
        return plain_source(f"{address}#{table}" if table else address)
    if not table and ending(address) in (".jsonl", ".ndjson", ".json"):
        found = objects_source(address, f"read_{'' if ending(address) == '.json' else 'nd'}json_objects")
        return replace(found, name=shown(address))
    return relation_source(find("engines", "duckdb")().open(address, table))
