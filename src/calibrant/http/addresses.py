"""Addresses of a model server's paths, and how a key is shown there. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["below", "key_headers"]

VERSIONED = "api-version="
"""What a query of Azure's holds, whose older addresses take a key under another name."""


def below(url: str, path: str, query: str = "") -> str:
    """The address of a path below a base URL, which keeps its query.

    >>> below("http://localhost:8000/v1/", "chat/completions")
    'http://localhost:8000/v1/chat/completions'
    >>> below("https://a.openai.azure.com/openai/deployments/d?api-version=2024-10-21", "chat/completions")
    'https://a.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21'
    """
    base, _, own = url.partition("?")
    asked = "&".join([one for one in (own, query) if one])
    return f"{base.rstrip('/')}/{path}{'?' + asked if asked else ''}"


def key_headers(url: str, api_key: str | None) -> Mapping[str, str]:
    """How a key is shown to a server of the chat format: as a bearer token, to Azure as `api-key`.

    >>> key_headers("http://localhost:8000/v1", "k"), key_headers("https://a.example/openai?api-version=1", "k")
    ({'Authorization': 'Bearer k'}, {'api-key': 'k'})
    """
    if not api_key:
        return {}
    return (
        {"api-key": api_key} if VERSIONED in url.partition("?")[2] else {"Authorization": f"Bearer {api_key}"}
    )
