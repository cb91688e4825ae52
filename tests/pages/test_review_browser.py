"""Review in a real browser: the keyboard alone, lost connections, and what is read aloud."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from calibrant.types import ToolCall

from .conftest import Desk, Maker, Window, put

Opener = Callable[..., Window]
LONG = "\n\n".join(f"## Part {n}\n{'The notice is three months. ' * 15}" for n in range(5))
CALL = ToolCall("c1", "book", json.dumps({"number": "2026-04", "net": 222.5, "lines": [{"n": 1}]}))


def grades(at: Desk, count: int) -> list[list[float]]:
    return [[one.grade for one in at.store.verdicts(f"r{n}")] for n in range(count)]


def test_ten_items_by_keyboard_alone(desk: Maker, window: Opener) -> None:
    at = desk(review={"undo_seconds": 0.3, "per_day": 10.0})
    for n in range(10):
        put(at, f"r{n}", "Hidden." if n == 1 else f"Answer {n}.", reason="audit" if n == 1 else "doubt")
    ana = window(at)
    for done in range(10):
        ana.until("document.querySelector('.review-bar strong').textContent", str(done))
        ana.press("Enter")  # without a verdict: nothing
        if ana.page.query_selector("#own"):
            ana.sees("Write a line first")
            ana.press("Tab", "Escape", "n")
            ana.page.wait_for_selector("#verdict")
        else:
            ana.sees("Nothing stored")
        ana.press("1", "3", "3", "2", "2")  # sets, and never toggles
        if done == 4:
            ana.press("c")
            ana.page.keyboard.type("1 u s ? is what it should have said")  # no key while typing
            ana.press("Control+Enter")
        else:
            ana.press("Enter")
    ana.sees("Nothing more to judge")
    ana.page.wait_for_timeout(400)
    ana.press("Enter")
    ana.until("document.querySelector('#main').ariaBusy", None)
    assert grades(at, 10) == [[0.5]] * 10
    corrections = [one.correction for n in range(10) for one in at.store.verdicts(f"r{n}") if one.correction]
    assert corrections == ["1 u s ? is what it should have said"]


def test_undo_skip_and_letters_that_can_be_switched_off(desk: Maker, window: Opener) -> None:
    at = desk(review={"undo_seconds": 30.0})
    for n in range(3):
        put(at, f"r{n}", f"Answer {n}.")
    ana = window(at)
    first = ana.page.text_content(".asked").strip()
    ana.press("3", "Enter")
    ana.sees("calibrant had said: somewhat likely right (about 65 %)")
    assert ana.page.text_content(".asked").strip() != first
    ana.press("u")
    ana.sees("Undone")
    assert ana.page.text_content(".asked").strip() == first
    assert ana.page.is_checked("[name=grade][value='0']")  # as it was
    ana.press("s", "2")
    ana.sees("Skipped")
    ana.press("?")
    ana.page.uncheck("#letters")
    ana.press("Escape", "1", "s", "u")
    assert not ana.page.query_selector("dialog[open]")
    assert not ana.page.query_selector("[name=grade]:checked")
    ana.page.reload()
    ana.press("2")
    assert not ana.page.query_selector("[name=grade]:checked")
    ana.page.click(".choice >> text=Right")
    assert ana.page.is_checked("[name=grade][value='1']")


def test_verdicts_wait_on_the_device_for_the_connection_and_go_out_once(desk: Maker, window: Opener) -> None:
    at = desk(review={"undo_seconds": 0.0})
    put(at, "r0", "Answer.")
    ana = window(at)
    ana.context.set_offline(True)
    ana.press("3", "c")
    ana.page.keyboard.type("Better.")
    ana.press("Control+Enter")
    ana.sees("1 verdict is kept on this device.")
    assert grades(at, 1) == [[]]
    ana.page.close()
    ana.context.set_offline(False)
    ana.page = ana.open()
    ana.page.goto("/review")
    ana.sees("Nothing more to judge")
    assert [(one.grade, one.correction) for one in at.store.verdicts("r0")] == [(0.0, "Better.")]
    assert ana.page.evaluate("Object.keys(localStorage).filter(name => name.includes('unsent')).length") == 0
    ana.wrong = [said for said in ana.wrong if "ERR_INTERNET_DISCONNECTED" not in said]


def test_what_is_typed_survives_and_a_lost_item_can_be_taken_again(desk: Maker, window: Opener) -> None:
    at = desk(review={"lease_minutes": 0.03})
    put(at, "r0", "Answer.")
    ana = window(at, None)
    ana.context.route(
        "**/review",
        lambda route: route.abort() if "do=renew" in (route.request.post_data or "") else route.continue_(),
    )
    ana.key = "ana"
    ana.page = ana.open()
    ana.press("2", "c")
    ana.page.keyboard.type("Half of it")
    ana.page.wait_for_selector("#lost:not([hidden])")
    assert ana.page.get_attribute("#lost .note", "role") == "alert"
    ana.press("Enter")
    ana.page.wait_for_selector("#lost", state="hidden")
    assert ana.page.input_value("#correction") == "Half of it"
    ana.wrong = [said for said in ana.wrong if "ERR_FAILED" not in said]


def test_an_item_stays_whose_reviewer_is_there(desk: Maker, window: Opener) -> None:
    at = desk(review={"lease_minutes": 0.25})
    put(at, "r0", "Answer.")
    ana = window(at)
    first = float(ana.page.get_attribute("[data-until]", "data-until"))
    with ana.page.expect_response(lambda one: "do=renew" in (one.request.post_data or "")) as renewed:
        pass
    assert renewed.value.json()["until"] > first
    assert ana.page.is_hidden("#lost")
    bob = window(at, "bob")
    bob.sees("Nothing to judge")


def test_a_waiting_client_gets_its_held_answer_when_it_is_judged(desk: Maker, window: Opener) -> None:
    at = desk(review={"undo_seconds": 0.2})
    ana = window(at)
    ana.sees("Nothing to judge")
    put(at, "r0", "It is 4.", reason="held")
    ana.sees("One answer waits.")
    told: list[Any] = []

    def client() -> None:
        person = at.person()
        person.get("/v1/answers/r0?wait=20", authorization="Bearer server-key")
        told.append(json.loads(person.page))

    waiting = threading.Thread(target=client)
    waiting.start()
    ana.press("Enter")
    ana.page.wait_for_selector("#verdict")
    ana.press("1", "Enter")
    ana.sees("Saved: right.")
    ana.page.wait_for_timeout(300)
    ana.page.goto("/review")
    waiting.join(20)
    assert told[0]["status"] == "released"
    assert told[0]["message"]["content"] == "It is 4."


SCREENS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "color_scheme": "dark",
    },
}


def serious(page: Any, within: str | None = None) -> list[str]:
    """What axe-core finds that keeps somebody from using a page, or what stands at a selector on it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip(
            "The wheel axe-playwright-python is absent: pages are not checked for who cannot see them."
        )
    page.wait_for_timeout(200)  # colours move for a moment
    page.evaluate(Path(found.origin).with_name("axe.min.js").read_text())
    rules = {"resultTypes": ["violations"]}
    result = page.evaluate("([at, rules]) => axe.run(at ?? document, rules)", [within, rules])
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary'][:300]}"
        for one in result["violations"]
        if one["impact"] in ("serious", "critical", "moderate")
    ]


@pytest.mark.parametrize("screen", SCREENS)
def test_nobody_is_kept_out(desk: Maker, window: Opener, screen: str) -> None:
    """All states in one light; what has colours of its own, or is laid out otherwise, on each screen."""
    at = desk(review={"undo_seconds": 60.0}, title="desk-eu")
    put(at, "r0", reason="held", answer="Held.", task="Support-EU")
    put(at, "r1", reason="audit", answer="Hidden.")
    put(at, "r2", answer="", question="Net 222,50 for 2026-04", calls=(CALL,))
    put(at, "r3", answer=LONG)
    ana = window(at, None, **SCREENS[screen])
    page, found = ana.page, {}

    def look(state: str, *, everywhere: bool = False) -> None:
        wide, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen, state
        if everywhere or screen == "light":
            found[state] = serious(page)

    page.goto("/login")
    look("login")
    ana.key = "ana"
    ana.page = page = ana.open()
    for state in ("first", "second", "third", "fourth"):
        if page.query_selector("#own"):
            look("blind", everywhere=True)
            ana.press("n")
            page.wait_for_selector("#verdict")
        look(state)
        before = page.get_attribute("#item", "data-id")
        ana.press("3")
        if state == "first":
            look("chosen", everywhere=True)
            ana.press("?")
            look("keys")
            ana.press("Escape", "s")
            look("skip")
            ana.press("Escape")
        ana.press("Enter")
        ana.until(f"document.querySelector('#item')?.dataset.id !== '{before}'", True)
    ana.sees("Nothing more to judge")
    look("empty, with a toast", everywhere=True)
    page.goto("/review?item=a-r1")
    look("stopped")
    assert not {state: what for state, what in found.items() if what}
    ana.wrong = [said for said in ana.wrong if "409" not in said]  # the browser's own note of a status


@pytest.mark.parametrize("path", ["/review", "/login", "/review/skip?item=a-r0"])
def test_fingers_find_what_they_press(desk: Maker, window: Opener, path: str) -> None:
    at = desk()
    put(at, "r0")
    ana = window(at, **SCREENS["phone"])
    ana.page.goto(path, wait_until="load")
    small = ana.page.evaluate(
        """() => [...document.querySelectorAll("a, button, summary, textarea, .choice, input[type=text]")]
        .filter(one => one.offsetParent && !one.matches(".skip, p a"))
        .map(one => [one.outerHTML.slice(0, 80), one.getBoundingClientRect().height])
        .filter(([, height]) => height < 43.5)"""
    )
    assert not small
