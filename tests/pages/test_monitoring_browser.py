"""The pages of monitoring in a real browser: nobody is kept out, nothing is refused by the page's own policy."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from calibrant.card.numbers import numbers, read_store
from calibrant.card.rendering import html
from calibrant.stores.sql import SqlStore

from .. import four_tasks as made_up
from .conftest import Maker
from .test_monitoring import END, until
from .test_review_browser import Opener, serious

PAGES = (
    "/", "/tasks", "/tasks/support-eu", "/tasks/contracts", "/records", "/records/support-eu-3", "/releases", "/cards",
)  # fmt: skip
SCREENS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("desk") / "calibrant.db"
    store = SqlStore(str(path))
    store.add(made_up.desk(260, audit=0.8))
    store.close()
    return path


@pytest.mark.parametrize("screen", SCREENS)
def test_nobody_is_kept_out_of_monitoring(
    desk: Maker, window: Opener, filled: Path, tmp_path: Path, screen: str
) -> None:
    path = str(shutil.copy(filled, tmp_path / "calibrant.db"))
    at = desk(path=path, local=True, keys=(), clock=lambda: END)
    until(at.person(), "/", "trusted today")
    somebody = window(at, None, **SCREENS[screen])
    found = {}
    for address in PAGES:
        somebody.page.route(
            "**/charts/*", lambda route: route.fulfill(body=SVG, content_type="image/svg+xml")
        )
        somebody.page.goto(address, wait_until="load")
        found[address] = serious(somebody.page)
        wide = somebody.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{address} is {wide} pixels wider than the screen"
    assert not {address: said for address, said in found.items() if said}


def test_a_card_prints_on_paper(chromium: Any, filled: Path, tmp_path: Path) -> None:
    store = SqlStore(str(filled), readonly=True)
    twin = numbers(read_store(store), "support-eu", END) | {"declared": {}}
    store.close()
    card = tmp_path / "card.html"
    card.write_text(html(twin), encoding="utf-8")
    page = chromium.new_page()
    page.goto(card.as_uri())
    assert not serious(page)
    printed = page.pdf(prefer_css_page_size=True)
    page.close()
    assert printed.startswith(b"%PDF")
    assert 2 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") <= 6


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"></svg>'
