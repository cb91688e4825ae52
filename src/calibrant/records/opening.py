"""Stores by their address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plugins import find, names

if TYPE_CHECKING:
    from ..protocols import Store

__all__ = ["open_store", "store_kind"]


def store_kind(url: str) -> str:
    """The store for an address: the one that is named like its scheme, else the one of files and databases.

    >>> store_kind("runs/log.db"), store_kind("postgresql://db/log")
    ('sql', 'sql')
    """
    scheme = url.partition("://")[0]
    return scheme if "://" in url and scheme in names("stores") else "sql"


def open_store(url: str, *, readonly: bool = False) -> Store:
    """The store at a path or another address; `readonly` creates and changes nothing. Raises `StoreError`."""
    settings = {"readonly": True} if readonly else {}
    made: Store = find("stores", store_kind(url))(url, **settings)
    return made
