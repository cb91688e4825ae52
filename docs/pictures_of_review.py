"""Make the pictures of the pages on which people judge: light, dark and on a phone.

    python docs/pictures_of_review.py [PATH OF CHROMIUM]

What is asked and answered is made up and the time is fixed, so that the same code and the same browser make the same
files. It needs `pip install playwright`.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from calibrant.assembly.keys import Key, hash_of
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app
from calibrant.gateway.bodies import read_bytes
from calibrant.models.scripted import Scripted
from calibrant.pages.context import Context
from calibrant.pages.routes import routes
from calibrant.pipeline import Pipeline
from calibrant.releases.release import Part, Release, Way
from calibrant.reviewing.desk import Desk
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
    ToolCall,
    Verdict,
)

IMAGES = Path(__file__).parent / "pictures"
BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")
NOW = 1_795_946_400.0
"""A Sunday in November 2026, 10:00 UTC."""
KEY = "a-key-for-pictures-7Zr51xw"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

PASSAGES = (
    "Returns in shops, France. Goods bought in a shop may be returned within 30 days with the receipt. Hygiene goods "
    "(in-ear, cosmetics) are excluded once unsealed. Over-ear headphones are not hygiene goods.",
    "Distance sales, EU. "
    + "Goods bought at a distance may be returned within 14 days without a reason. " * 10,
)
INVOICE = """Read the fields of the attached invoice and book it.

Rechnung Nr. 2026-0418         Datum 12.11.2026
Pos 1  Filter HX-40     12 x 18,50      222,00
Pos 2  Versand                            9,90
Zwischensumme                           231,90
MwSt 19 %                                44,06
Gesamt EUR                              275,96     zahlbar bis 26.11.2026"""
FIELDS = {
    "number": "2026-0418", "date": "2026-11-12", "due": "2026-11-26", "net": 231.0, "tax": 44.06, "total": 275.96
}  # fmt: skip
NOTICE = (
    "For a lease without term the notice is three months in the first five years, and grows by three months for each "
    "five years after that. It begins with the month after the letter. "
)
ITEMS: dict[str, dict[str, Any]] = {
    "held": {
        "task": "Support-EU", "domain": "returns, fr", "held": True, "passages": PASSAGES,
        "asked": "I bought the over-ear headphones in your shop in Lyon three weeks ago, opened them and wore them "
        "twice. Can I still bring them back and get my money? I have the receipt.",
        "answer": "I'm sorry, but opened headphones can only be returned within 14 days, and headphones count as "
        "hygiene goods once the seal is broken. Since you bought them three weeks ago, a refund isn't possible. You "
        "may still use the two-year warranty if they are faulty.",
    },
    "audit": {
        "task": "Contracts", "domain": "law",
        "asked": "A fixed-term lease of two years ends on 31 March and says nothing about renewal. The tenant stays on "
        "in April and pays the rent, which the landlord accepts. Is there still a lease?",
        "answer": "Yes. By accepting rent after the term the landlord has tacitly renewed the lease.",
    },
    "call": {
        "task": "Invoice fields", "domain": "scanned, de", "asked": INVOICE, "answer": "",
        "calls": (ToolCall("c1", "book_invoice", json.dumps(FIELDS)),),
    },
    "long": {
        "task": "Contracts", "domain": "law", "asked": "What notice must I give, and what does it cost me?",
        "answer": "\n\n".join(
            f"## {title}\n{NOTICE * 3}"
            for title in ("Short answer", "Notice periods", "Exceptions", "Costs", "What to do")
        ),
    },
}  # fmt: skip


def facts_of(id: str, item: dict[str, Any], place: int) -> list[Fact]:
    """An answer, and that somebody is to judge it."""
    held = item.get("held", False)
    metadata = {"context": list(item["passages"])} if "passages" in item else {}
    question = Question(
        id=f"q-{id}", messages=(Message("user", item["asked"]),), task=item["task"], domain=item["domain"],
        metadata=metadata,
    )  # fmt: skip
    record = Record(
        id=id, time=NOW - 7800, question=question, held=held,
        completion=Completion(text=item["answer"], model="m-2026-10", tool_calls=item.get("calls", ())),
        confidence=Confidence(p=Probability(0.65), low=0.6, high=0.7, verdicts=400),
        decision=Decision(action=Action.REVIEW if held else Action.ANSWER, threshold=0.8, why="below"),
    )  # fmt: skip
    reason = "held" if held else "audit" if id == "audit" else "doubt"
    assignment = Assignment(
        id=f"draw-{id}",
        record_id=id,
        propensity=1.0 if held else 0.11,
        reason=reason,
        time=NOW - 7000 + place,
    )
    told = [Event(id=f"held-{id}", kind="held", time=NOW - 7800, about=id)] if held else []
    return [record, assignment, *told]


def filled(path: Path) -> SqlStore:
    """Some that wait, and some that were judged today."""
    store = SqlStore(str(path))
    for place, (id, item) in enumerate(ITEMS.items()):
        for fact in facts_of(id, item, place):
            store.add([fact])
    for n in range(19):
        for fact in facts_of(f"done-{n}", {**ITEMS["long"], "answer": f"Answer {n}."}, 100 + n):
            store.add([fact])
        store.add(
            [
                Verdict(
                    id=f"v-{n}", record_id=f"done-{n}", grade=1.0, judge="r1", time=NOW - 3600, source="reviewer",
                    assignment=f"draw-done-{n}",
                )
            ]
        )  # fmt: skip
    return store


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The pages, and where they are."""
    store = filled(folder / "pictures.db")
    pipeline = Pipeline(
        Release(default=Way(policy=Part(kind="bands"))), store, {"model": Scripted(lambda _: "4", name="m")}
    )
    admission = Admission([Key(name="r1", hash=hash_of(KEY), roles=("reviewer", "admin"))])
    context = Context(
        store=store, keys=admission.keyring, read=read_bytes, desk=Desk(store, Reviewing(), lambda: NOW),
        book=lambda task: pipeline.way(task).book, title="desk-eu, production", clock=lambda: NOW,
    )  # fmt: skip
    app = create_app(pipeline, admission=admission, routes=routes(context))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


def come_in(page: Page, url: str) -> None:
    """By the key, to the first item."""
    page.goto(f"{url}/login?next=/review")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")


def shoot(page: Page, name: str) -> None:
    """What is on the screen, once nothing moves any more."""
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{name}.png")


def walk(page: Page, screen: str) -> None:
    """From one kind of item to the next."""
    press = page.keyboard.press
    press("3")
    shoot(page, f"review-{screen}")
    press("Enter")
    page.wait_for_selector("#own")
    shoot(page, f"review-blind-{screen}")
    press("n")
    page.wait_for_selector("#verdict")
    press("1")
    press("Enter")
    page.wait_for_selector("text=book_invoice")
    if screen == "light":
        press("?")
        shoot(page, "review-keys-light")
        press("Escape")
    page.evaluate("document.querySelector('#toast').replaceChildren()")
    shoot(page, f"review-call-{screen}")
    press("2")
    press("Enter")
    page.wait_for_selector(".parts")
    shoot(page, f"review-long-{screen}")
    press("1")
    press("Enter")
    page.wait_for_selector("#empty")
    shoot(page, f"review-empty-{screen}")


def main(path: str | None) -> None:
    """Write all pictures."""
    path = path or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit(
            f"Expected one of {', '.join(BROWSERS)} on the path, or the path of one as argument."
        )
    IMAGES.mkdir(exist_ok=True)
    screens: dict[str, dict[str, Any]] = {
        "light": {"viewport": WIDE},
        "dark": {"viewport": WIDE, "color_scheme": "dark"},
        "phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
    }
    with sync_playwright() as driver:
        browser: Browser = driver.chromium.launch(executable_path=path)
        for screen, options in screens.items():
            with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as url:
                context = browser.new_context(timezone_id="UTC", locale="en-GB", **options)
                context.clock.set_fixed_time(datetime.fromtimestamp(NOW, UTC))
                page = context.new_page()
                if screen == "light":
                    page.goto(f"{url}/login")
                    shoot(page, "sign-in-light")
                come_in(page, url)
                walk(page, screen)
                context.close()
        browser.close()


if __name__ == "__main__":
    main(next(iter(sys.argv[1:]), None))
