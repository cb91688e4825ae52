"""Stores by their address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..plugins import find, names

if TYPE_CHECKING:
    from ..protocols import Store

__all__ = ["open_store", "store_kind", "without_password"]


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


def without_password(url: str) -> str:
    """The address as it may be shown and kept: a password, before the host or among the options, is left out.

    >>> without_password("postgresql://ann:secret@db:5432/log"), without_password("runs/log.db")
    ('postgresql://ann@db:5432/log', 'runs/log.db')
    """
    if "://" not in url:
        return url
    return re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", r"\1", re.sub(r"(://[^:/@?]*):[^?]*@", r"\1@", url))
