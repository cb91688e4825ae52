"""Templates, and files that browsers keep: their names change with what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from calibrant.plugins import require

__all__ = ["STATIC", "address", "rendered", "static"]

HERE = Path(__file__).parent

STATIC = "/static/"

KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

FOREVER = "public, max-age=31536000, immutable"


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """What is served, by its name with the digest: its kind and its bytes."""
    found = {}
    for path in sorted((HERE / "static").iterdir()):
        if path.suffix in KINDS:
            body = path.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            found[f"{path.stem}.{digest}{path.suffix}"] = (KINDS[path.suffix], body)
    return found


@cache
def address(name: str) -> str:
    """Where a file of `static` is served.

    >>> address("pages.css").rpartition(".")[2]
    'css'
    """
    stem, _, suffix = name.rpartition(".")
    return next(
        f"{STATIC}{one}" for one in _files() if one.partition(".")[0] == stem and one.endswith(f".{suffix}")
    )


async def static(request: Request) -> Response:
    """One of the files, which may be kept for ever."""
    kind, body = _files().get(request.path_params["name"], ("", b""))
    if not kind:
        return Response("There is no such file.", 404, media_type="text/plain")
    headers = {"cache-control": FOREVER, "x-content-type-options": "nosniff", "content-type": kind}
    return Response(body, headers=headers)


@cache
def _templates() -> Any:
    jinja2 = require("jinja2", "Pages", "gateway")
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = address
    return made


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """The text of a page."""
    return str(_templates().get_template(f"{template}.html.jinja").render(values))
