"""The OpenAPI document says what is served."""

from __future__ import annotations

import http.client
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from calibrant.gateway.app import SERVED
from calibrant.gateway.openapi import document

from .described import run
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


@pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed: make setup")
def test_what_the_document_describes_and_what_not_is_answered_as_it_says() -> None:
    well, said, sent = run(3)
    assert well, said
    assert sent > 50
