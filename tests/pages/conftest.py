"""A gateway with pages, and people who come in by a plain HTTP client."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from calibrant.assembly.keys import Key, hash_of
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app
from calibrant.gateway.bodies import read_bytes
from calibrant.models.scripted import Scripted
from calibrant.pages.context import Context
from calibrant.pages.routes import routes
from calibrant.pipeline import Pipeline
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Completion, Token

from ..serving import served

SAID = Completion(text="It is 4.", model="m", tokens=(Token("It is", -0.1), Token(" 4.", -0.1)))
SHOP = Key(name="shop", hash=hash_of("shop-key"))
ANA, BOB = (Key(name=name, hash=hash_of(f"{name}-key"), roles=("reviewer",)) for name in ("ana", "bob"))
BOSS = Key(name="boss", hash=hash_of("boss-key"), roles=("admin",))
SERVER = Key(name="server", hash=hash_of("server-key"), roles=("client", "reviewer", "admin"))
KEYS = (SHOP, ANA, BOB, BOSS, SERVER)


@dataclass
class Person:
    """One at a browser without JavaScript: keeps its cookie, sends the token of the last page with forms."""

    url: str
    cookie: str = ""
    page: str = ""
    headers: Any = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        sent = {"cookie": self.cookie} | {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body, sent = urlencode(body), {"content-type": "application/x-www-form-urlencoded"} | sent
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        self.page, self.headers = response.read().decode(), response.headers
        connection.close()
        if made := response.headers.get("set-cookie"):
            self.cookie = made.partition(";")[0]
        return response.status

    def get(self, path: str, **headers: str) -> int:
        return self.send("GET", path, **headers)

    def post(self, path: str, **fields: Any) -> int:
        return self.send("POST", path, {"token": self.token} | fields)

    def enter(self, key: str, **fields: Any) -> int:
        return self.send("POST", "/login", {"key": key} | fields)

    @property
    def token(self) -> str:
        found = re.search(r'data-token="([^"]+)"', self.page)
        return found[1] if found else ""

    @property
    def to(self) -> str:
        """Where the last reply leads."""
        return str(self.headers["location"])


@dataclass
class Desk:
    """A served gateway with its pages."""

    url: str
    store: SqlStore
    pipeline: Pipeline
    admission: Admission

    def person(self, key: str | None = None) -> Person:
        """Somebody who has come in by a key, or stands in front of the door."""
        made = Person(self.url)
        if key is not None:
            assert made.enter(f"{key}-key") == 303, made.page
        return made


Maker = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Maker]:
    """Makes served gateways, on one store or on several."""
    with ExitStack() as stack:

        def make(keys: Any = KEYS, path: str | None = None, local: bool = False, **settings: Any) -> Desk:
            store = SqlStore(path or str(tmp_path / "calibrant.db"))
            way = Way(gate="hold", policy=Part(kind="bands"))
            pipeline = Pipeline(Release(default=way), store, {"model": Scripted(lambda _: SAID, name="m")})
            admission = Admission(keys, local=local)
            context = Context(store=store, keys=admission.keyring, read=read_bytes, **settings)
            app = create_app(pipeline, admission=admission, routes=routes(context))
            return Desk(stack.enter_context(served(app)), store, pipeline, admission)

        yield make
