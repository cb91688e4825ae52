"""A gateway with pages, and people who come in by a plain HTTP client."""

from __future__ import annotations

import http.client
import re
import time
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
from calibrant.reviewing.desk import Desk as ReviewDesk
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Action,
    Assignment,
    Completion,
    Confidence,
    Decision,
    Event,
    Fact,
    Message,
    Probability,
    Question,
    Record,
    Token,
    ToolCall,
)  # fmt: skip

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
    cookies: dict[str, str] = field(default_factory=dict)
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
        for made in response.headers.get_all("set-cookie") or ():
            name, _, value = made.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "max-age=0" in made.lower():
                del self.cookies[name]
        return response.status

    def get(self, path: str, **headers: str) -> int:
        return self.send("GET", path, **headers)

    def post(self, path: str, **fields: Any) -> int:
        return self.send("POST", path, {"token": self.token} | fields)

    def enter(self, key: str, **fields: Any) -> int:
        return self.send("POST", "/login", {"key": key} | fields)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

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

        def make(
            keys: Any = KEYS,
            path: str | None = None,
            local: bool = False,
            review: Any = None,
            **settings: Any,
        ) -> Desk:
            store = SqlStore(path or str(tmp_path / "calibrant.db"))
            way = Way(gate="hold", policy=Part(kind="bands"))
            pipeline = Pipeline(Release(default=way), store, {"model": Scripted(lambda _: SAID, name="m")})
            admission = Admission(keys, local=local)
            made = {
                "clock": pipeline.clock, "book": lambda task: pipeline.way(task).book, "keys": admission.keyring,
                "desk": ReviewDesk(store, Reviewing(**(review or {})), settings.get("clock", pipeline.clock)),
            }  # fmt: skip
            context = Context(store=store, read=read_bytes, **(made | settings))
            app = create_app(pipeline, admission=admission, routes=routes(context))
            return Desk(stack.enter_context(served(app)), store, pipeline, admission)

        yield make


def put(
    at: Desk, id: str, answer: str = "Answer.", *, question: str = "", reason: str = "doubt", task: str | None = None,
    p: float = 0.65, calls: tuple[ToolCall, ...] = (),
) -> None:  # fmt: skip
    """An answer that somebody is to judge; "held" where it waits for that."""
    asked = Question(id=f"q-{id}", messages=(Message("user", question or f"Question {id}?"),), task=task)
    held = reason == "held"
    record = Record(
        id=id, time=time.time() - 600, question=asked,
        completion=Completion(text=answer, model="m-2026", tool_calls=calls),
        confidence=Confidence(p=Probability(p), low=p - 0.05, high=p + 0.05, verdicts=400), held=held,
        decision=Decision(action=Action.REVIEW if held else Action.ANSWER, threshold=0.8, why="It is unsure."),
    )  # fmt: skip
    assignment = Assignment(
        id=f"a-{id}", record_id=id, propensity=1.0 if held else 0.1, reason=reason, time=time.time() - 500
    )
    facts: list[Fact] = [assignment]
    if held:
        facts.append(Event(id=f"held-{id}", kind="held", time=record.time, about=id))
    at.store.add([record])
    at.store.add(facts)


class Window:
    """One browser of somebody, which notes what goes wrong in it."""

    def __init__(self, chromium: Any, at: Desk, key: str | None, **options: Any) -> None:
        self.context = chromium.new_context(
            base_url=at.url, **({"viewport": {"width": 1280, "height": 900}} | options)
        )
        self.wrong: list[str] = []
        self.key = key
        self.page = self.open()

    def open(self) -> Any:
        page = self.context.new_page()
        page.set_default_timeout(15_000)
        page.on(
            "console",
            lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        if self.key is not None and not self.context.cookies():
            page.goto("/login?next=/review")
            page.fill("#key", f"{self.key}-key")
            page.keyboard.press("Enter")
            page.wait_for_selector("#verdict, #own, #empty")
            page.wait_for_load_state()  # keys are heard once the script has run
        return page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def until(self, script: str, value: Any) -> None:
        """Wait until a script gives a value; the page's policy lets none be evaluated inside."""
        for _ in range(300):
            if self.page.evaluate(script) == value:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{script} gives {self.page.evaluate(script)!r}, not {value!r}")


@pytest.fixture
def window(chromium: Any) -> Iterator[Callable[..., Window]]:
    """Opens browsers; at the end nothing may have gone wrong in any, refused by the page's policy or thrown."""
    opened: list[Window] = []

    def open(at: Desk, key: str | None = "ana", **options: Any) -> Window:
        opened.append(Window(chromium, at, key, **options))
        return opened[-1]

    yield open
    for one in opened:
        one.context.close()
    assert not [said for one in opened for said in one.wrong]
