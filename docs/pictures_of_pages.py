"""Make the pictures of the pages of monitoring and of a card: light, dark and on a phone.

    python docs/pictures_of_pages.py [PATH OF CHROMIUM]

The desk is made up and the time is fixed, so that the same code and the same browser make the same files. It needs
`pip install playwright`.
"""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import sync_playwright

from calibrant.card.numbers import numbers, read_store
from calibrant.card.rendering import html
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app
from calibrant.gateway.bodies import read_bytes
from calibrant.learning.refitting import refit
from calibrant.models.scripted import Scripted
from calibrant.pages.context import Context
from calibrant.pages.routes import routes
from calibrant.pipeline import Pipeline
from calibrant.releases.promoting import promote
from calibrant.releases.release import Release, Way
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import Completion

IMAGES = Path(__file__).parent / "pictures"
BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")
PAGES = {
    "today": "/", "task": "/tasks/support-eu", "record": "/records/support-eu-2999",
    "records": "/records?task=support-eu", "cards": "/cards",
}  # fmt: skip
SCREENS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
WHOLE = ("today", "task")
"""Pages of which all is shown on a wide screen."""


@contextmanager
def served(store: SqlStore, now: float) -> Iterator[str]:
    """A gateway on this machine, with its pages at that time."""
    pipeline = Pipeline(
        Release(default=Way()),
        store,
        {"model": Scripted(lambda _: Completion(text="4", model="m"), name="m")},
    )
    admission = Admission((), local=True)
    context = Context(
        store=store, keys=admission.keyring, read=read_bytes, title="desk-eu", clock=lambda: now,
        desk=Desk(store, Reviewing(promise_minutes=120), lambda: now), book=lambda task: pipeline.way(task).book,
    )  # fmt: skip
    app = create_app(pipeline, admission=admission, routes=routes(context))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def proposed(folder: Path) -> SqlStore:
    """A store in which later verdicts prefer another map."""
    judged_store: Any = import_module("judged_store")
    made = judged_store.identity()
    release = judged_store.release_with(made)

    def drifted(n: int, **named: Any) -> Any:
        return judged_store.judged(n, shift=lambda _: 2.5, made=made, **named)

    store: SqlStore = judged_store.desk(folder / "releases.db", drifted(300, release=release))
    promote(store, release, note="maps of spring", time=0.0)
    store.add([one.event(1e6) for one in refit(store, release).proposals])
    store.add(drifted(250, seed=5, first=300))
    return store


def main(path: str | None) -> None:
    """Write all pictures."""
    path = path or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit(
            f"Expected one of {', '.join(BROWSERS)} on the path, or the path of one as argument."
        )
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    made_up = import_module("four_tasks")
    now = made_up.START + 70 * made_up.DAY
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(f"{folder}/calibrant.db")
        store.add(made_up.desk(priced=True))
        card = Path(folder) / "card.html"
        card.write_text(
            html(numbers(read_store(store), "invoice fields", now) | {"declared": {}}), encoding="utf-8"
        )
        other = proposed(Path(folder))
        with served(store, now) as url, served(other, 2e6) as url_of_releases, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=path)
            for screen, options in SCREENS.items():
                context = browser.new_context(timezone_id="UTC", locale="en-GB", **options)
                page = context.new_page()
                page.set_default_timeout(180_000)
                for _ in range(60):
                    page.goto(url)
                    if page.get_by_text("trusted today").count():
                        break
                    page.wait_for_timeout(1_000)
                for name, address in PAGES.items():
                    page.goto(url + address, wait_until="networkidle")
                    while page.get_by_text("still being read").count():
                        page.wait_for_timeout(1_000)
                        page.reload(wait_until="networkidle")
                    whole = name in WHOLE and screen != "phone"
                    page.screenshot(path=IMAGES / f"{name}-{screen}.png", full_page=whole)
                page.goto(f"{url_of_releases}/releases")
                while page.get_by_text("still being read").count():
                    page.wait_for_timeout(1_000)
                    page.reload()
                page.screenshot(path=IMAGES / f"releases-{screen}.png")
                page.goto(card.as_uri())
                page.screenshot(path=IMAGES / f"card-{screen}.png")
                context.close()
            browser.close()


if __name__ == "__main__":
    main(next(iter(sys.argv[1:]), None))
