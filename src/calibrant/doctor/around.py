"""What is around the models: the store, its spool, keys, and who may reach the gateway."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..assembly.config import Config
from ..assembly.sections import is_loopback
from ..errors import CalibrantError
from ..protocols import Store
from ..releases.live import Parts, made
from .checks import Check
from .ways import tasks_of

__all__ = ["checks_of_keys", "checks_of_store"]

LOOKED_AT = 100_000
"""Rows of the store in which labels are counted."""


def checks_of_store(config: Config, labels: Counter[tuple[str | None, str | None]]) -> Iterator[Check]:
    """Whether records can be kept; the labelled answers that are there are counted into `labels`."""
    url = str(config.store.settings.get("url", ""))
    path = None if "://" in url else config.folder / url
    if path is not None and not path.exists():
        yield _folder(path.parent, "[store]", f"{path} will be made.")
    else:
        yield from _there(config, labels)
    if config.storing.spool is not None:
        spool = config.folder / config.storing.spool
        there = spool if spool.exists() else spool.parent
        yield _folder(there, "[store] spool", f"Records can be kept in {spool} while the database is away.")
    elif "://" in url:
        yield Check(
            "warn", "[store]", "While the database is away no answer leaves, since its record could not be kept.",
            'Add spool = "FOLDER" for keeping records on this machine meanwhile.',
        )  # fmt: skip


def _there(config: Config, labels: Counter[tuple[str | None, str | None]]) -> Iterator[Check]:
    try:
        store: Store = made("stores", config.store, "[store]", Parts(folder=config.folder))
    except CalibrantError as error:
        yield Check("fail", "[store]", str(error), "Mend url there, or start the database.")
        return
    try:
        store.ready()
        yield Check("ok", "[store]", "It can be written.")
        verified = store.verify()
        if verified.broken is not None:
            broken = f"Its chain breaks at entry {verified.broken.position}: {verified.broken.why}"
            yield Check("fail", "[store]", broken, "Look closer: calibrant verify STORE.")
        elif verified.head is not None:
            head = f"entry {verified.head.position}, {verified.head.chain[:16]}"
            yield Check("ok", "[store]", f"Its chain holds: {verified.entries:,} entries, head {head}.")
        seen = {
            (row["record_id"], row["task"], row["model"])
            for row in islice(store.rows(), LOOKED_AT)
            if row.get("correct") is not None
        }
        labels.update((task, model) for _, task, model in seen)
    except CalibrantError as error:
        yield Check("fail", "[store]", f"{error}", "Free the disk, or let this user write there.")
    finally:
        store.close()


def _folder(folder: Path, about: str, says: str) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check("ok", about, says)
    except OSError as error:
        return Check(
            "fail",
            about,
            f"{folder} cannot be written: {os.strerror(error.errno or 0)}.",
            "Make it, or name another.",
        )


def checks_of_keys(config: Config) -> Iterator[Check]:
    """Who may ask, and for what."""
    server = config.server
    if not config.keys:
        yield Check(
            "ok",
            "[server]",
            f"Without keys: who reaches {server.host} may ask, also through a proxy here.",
        )
    else:
        yield Check(
            "ok", "[keys]", f"{len(config.keys)} key{'s' if len(config.keys) > 1 else ''}, none of them weak."
        )
    if not is_loopback(server.host):
        yield Check(
            "warn", "[server]", f"{server.host}, port {server.port}, is reached by other machines, and unencrypted.",
            "Put a proxy that speaks TLS in front.",
        )  # fmt: skip
    by_task = "task" in config.release.default.maps.by
    lone = [key.name for key in config.keys if key.task is None and len(key.tasks) != 1]
    if server.task is None and by_task and (lone or not config.keys):
        yield Check(
            "warn", "[server]", "Maps are for tasks, and requests that state none have none: p is null.",
            'Say task = "..." here or with a key, or have clients send metadata.task.',
        )  # fmt: skip
    if "*" in server.cors and not config.keys:
        yield Check(
            "warn", "[server] cors", "Any web page that is open on this machine may ask.", "Name the pages."
        )
    known = {task for task in tasks_of(config) if task in config.release.tasks}
    for key in config.keys:
        strange = [task for task in (*key.tasks, *([key.task] if key.task else [])) if task not in known]
        if strange and config.release.tasks:
            yield Check(
                "warn",
                f"[keys.{key.name}]",
                f"There is no section [task.{strange[0]}]; it goes the way of all tasks.",
            )
