"""The documentation as a site: whole, nothing fetched from elsewhere, and read on a laptop, a phone and in the dark."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from .pages.test_review_browser import serious
from .serving import served

ROOT = Path(__file__).parents[1]
LOADED = re.compile(r"<(?:script|img|iframe|link|source|video|audio|embed|object)\b[^>]*>", re.IGNORECASE)
ELSEWHERE = re.compile(r"""\b(?:src|href|srcset|data)\s*=\s*["']?\s*(?:https?:)?//""", re.IGNORECASE)
STYLED = re.compile(r"""(?:url\(|@import)\s*["']?\s*(?:https?:)?//""", re.IGNORECASE)
SCREENS: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 900}},
    "phone in the dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
KINDS = ("", "cli/", "numbers/", "reports/")
LOOKED_AT = ("", "reports/")  # of a page with hundreds of rows it takes a quarter of a minute

MENUS = "landmark-unique"  # the theme's button to copy a block stands in a menu without a name


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` builds it: a page that no menu lists and a link to nowhere end it."""
    if importlib.util.find_spec("material") is None:
        pytest.skip("The group docs is not installed: pip install --group docs.")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    app = Starlette()
    app.mount("/", StaticFiles(directory=site, html=True))
    with served(app) as url:
        yield url


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    found = {
        str(page.relative_to(site)): tag
        for page in pages
        for tag in LOADED.findall(page.read_text())
        if ELSEWHERE.search(tag) and 'rel="canonical"' not in tag
    }
    assert not found
    assert not [style for style in site.rglob("*.css") if STYLED.search(style.read_text())]


@pytest.mark.parametrize("screen", SCREENS)
def test_pages_fit_the_screen_and_keep_nobody_out(chromium: Any, address: str, screen: str) -> None:
    outside: list[str] = []

    def only_here(route: Any) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context = chromium.new_context(**SCREENS[screen], reduced_motion="reduce")
    context.route("**/*", only_here)
    page = context.new_page()
    wide: dict[str, int] = {}
    barred: dict[str, list[str]] = {}
    for kind in KINDS:
        page.goto(f"{address}/{kind}", wait_until="load")
        page.wait_for_selector(".md-typeset h1")
        wide[kind] = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if screen == "laptop":  # a phone moves a wide table within its own box
            wide[kind] += page.evaluate(
                "[...document.querySelectorAll('.md-typeset__scrollwrap')]"
                ".filter(box => box.scrollWidth > box.clientWidth + 1).length"
            )
        if kind in LOOKED_AT:
            found = serious(page, ".md-content")
            barred[kind] = [why for why in found if not why.startswith(MENUS)]
    context.close()
    assert not {kind: by for kind, by in wide.items() if by}
    assert not {kind: why for kind, why in barred.items() if why}
    assert not outside


def test_what_is_searched_is_found(chromium: Any, address: str) -> None:
    page = chromium.new_page()
    page.goto(f"{address}/", wait_until="load")
    page.click("input.md-search__input")
    page.keyboard.type("Holm")
    page.wait_for_selector(".md-search-result__item a[href*='guarantees']", timeout=15_000)
    page.close()
