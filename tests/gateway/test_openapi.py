"""The OpenAPI document says what is served."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

from calibrant.gateway.app import SERVED
from calibrant.gateway.openapi import document

from .faults import house


def test_the_document_is_served_and_names_every_format(tmp_path: Path) -> None:
    with house(tmp_path, "http://127.0.0.1:9/v1") as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
        connection.request("GET", "/openapi.json")
        told = json.loads(connection.getresponse().read())
        connection.close()
    assert told == document()
    assert set(SERVED) <= told["paths"].keys()
    assert all(kind in told["components"]["schemas"] for kind in ("Confidence", "Error"))
