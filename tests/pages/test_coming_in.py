"""Who may see pages: keys, sessions, forms from elsewhere, and what browsers are told to refuse."""

from __future__ import annotations

import base64
import json
import re
import threading
import time

import pytest

from calibrant.assembly.config import parse
from calibrant.assembly.sections import Server
from calibrant.errors import StoreError
from calibrant.reviewing.desk import Desk as ReviewDesk

from .conftest import BOSS, KEYS, Maker, put

MODEL = {"model": {"kind": "openai_compatible", "url": "http://host/v1", "model": "m"}}


def test_a_key_is_entered_once_and_leads_to_the_page_that_was_asked_for(desk: Maker) -> None:
    at = desk()
    ana = at.person()
    assert (ana.get("/?a=1"), ana.to) == (303, "/login?next=%2F%3Fa%3D1")
    assert ana.get(ana.to) == 200
    assert 'name="next" value="/?a=1"' in ana.page
    assert (ana.enter("ana-key", next="/?a=1"), ana.to) == (303, "/?a=1")
    assert "ana-key" not in ana.cookie
    assert re.search("HttpOnly.*SameSite=strict", ana.headers["set-cookie"])
    assert ana.get("/") == 200


@pytest.mark.parametrize(
    ("key", "status", "told"),
    [
        ("nobody-key", 401, "no key of this gateway"),
        ("shop-key", 403, "reviewers and admins"),
        ("", 401, "no key"),
    ],
)
def test_who_has_no_key_for_pages_stays_outside(desk: Maker, key: str, status: int, told: str) -> None:
    person = desk().person()
    assert person.enter(key) == status
    assert told in person.page
    assert (person.get("/"), person.cookie) == (303, "")
    assert person.to.startswith("/login")


@pytest.mark.parametrize("to", ["https://elsewhere.org", "//elsewhere.org", "/\\elsewhere.org", "/a\nb"])
def test_nobody_is_led_elsewhere(desk: Maker, to: str) -> None:
    person = desk().person()
    assert (person.enter("ana-key", next=to), person.to) == (303, "/")


def test_a_key_that_is_taken_away_takes_its_sessions_along(desk: Maker) -> None:
    at = desk()
    ana = at.person("ana")
    boss = at.person("boss")
    at.admission.apply((BOSS,), Server())
    assert (ana.get("/"), boss.get("/")) == (303, 200)
    at.admission.apply(KEYS, Server())
    assert ana.get("/") == 200


def test_a_changed_cookie_is_nobodys(desk: Maker) -> None:
    ana = desk().person("ana")
    name, _, value = ana.cookie.partition("=")
    body, _, signature = value.partition(".")
    read = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = base64.urlsafe_b64encode(json.dumps(read | {"key": "boss", "hash": BOSS.hash}).encode()).decode()
    for forged in (
        f"{other.rstrip('=')}.{signature}",
        f"{body}.",
        body,
        "",
        ".",
        f"{body}.{signature[:-2]}é",
    ):
        ana.get("/", cookie=f"{name}={forged}".encode().decode("latin-1"))
        assert ana.to.startswith("/login"), forged


def test_a_session_ends(desk: Maker) -> None:
    now = [1000.0]
    ana = desk(clock=lambda: now[0]).person("ana")
    now[0] += 12 * 3600 - 1
    assert ana.get("/") == 200
    now[0] += 1
    ana.get("/")
    assert ana.to.startswith("/login")


def test_sessions_hold_at_all_replicas_and_after_a_restart(desk: Maker) -> None:
    one, other = desk(), desk()
    ana = one.person("ana")
    ana.url = other.url
    assert ana.get("/") == 200


def test_forms_of_other_pages_are_refused(desk: Maker) -> None:
    at = desk()
    ana, bob = at.person("ana"), at.person("bob")
    assert (ana.get("/nowhere"), ana.get("/static/nothing.css")) == (401, 404)
    ana.send("POST", "/logout", {})
    assert "not from a page of this session" in ana.page
    token = ana.token
    assert token
    assert bob.send("POST", "/logout", {"token": token}) == 403
    for site in ("cross-site", "same-site"):
        assert ana.send("POST", "/logout", {"token": token}, sec_fetch_site=site) == 403
    assert ana.send("POST", "/logout", json.dumps({"token": token}), content_type="application/json") == 415
    assert ana.send("POST", "/logout", {"token": token}, sec_fetch_site="same-origin") == 303
    assert ana.to == "/login"
    assert ana.get("/") == 303
    assert ana.to.startswith("/login")
    assert at.person().send("POST", "/login", {"key": "ana-key"}, sec_fetch_site="cross-site") == 403


def test_without_keys_pages_are_open_to_this_machine_and_to_no_name_that_leads_there(desk: Maker) -> None:
    at = desk(keys=(), local=True)
    somebody = at.person()
    assert somebody.get("/") == 200
    assert somebody.cookie
    assert somebody.get("/", host="evil.example.org") == 403
    assert somebody.send("POST", "/logout", {}) == 403  # by a page elsewhere, which knows no token
    ana = at.person()
    assert ana.send("POST", "/login", {"who": "  Ana \n Maria "}) == 303
    ana.send("POST", "/logout", {})
    assert "Ana Maria" in ana.page


def test_browsers_are_told_to_run_and_frame_nothing_else(desk: Maker) -> None:
    person = desk().person()
    person.get("/login")
    policy = person.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert person.headers["cache-control"] == "no-store"
    assert person.headers["x-frame-options"] == "DENY"
    assert not re.search(r"\bstyle=|<style|\bon\w+=|<script>", person.page)
    css = re.search(r'href="(/static/pages\.[0-9a-f]{12}\.css)"', person.page)
    assert css
    assert person.get(css[1]) == 200
    assert "immutable" in person.headers["cache-control"]
    assert person.headers["content-type"] == "text/css; charset=utf-8"


def test_while_the_store_is_away_pages_say_so_and_nobody_is_sent_out(
    desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk()
    ana = at.person("ana")

    def away(*_: object) -> None:
        raise StoreError("The store is away.")

    monkeypatch.setattr(at.store, "state", away)
    fresh = at.person()
    assert ana.get("/") == 503  # what sessions are signed by is known already
    assert "No verdict is lost" in ana.page
    assert fresh.enter("ana-key") == 303
    other = desk()
    monkeypatch.setattr(other.store, "state", away)
    ana.url = other.url
    assert ana.get("/") == 503
    assert "No verdict is lost" in ana.page


def test_pages_let_people_in_when_clients_fill_the_gateway(desk: Maker) -> None:
    at = desk()
    at.admission.apply((*KEYS,), Server(at_once=1))
    at.admission.requests = 1
    ana = at.person("ana")
    assert ana.get("/") == 200
    assert at.admission.requests == 1
    assert ana.get("/v1/models", authorization="Bearer ana-key") == 503
    assert ana.get("/v1/models") == 401  # a session is none of the interface for clients
    at.admission.requests = 0


def test_a_reviewer_is_known_by_the_key(desk: Maker) -> None:
    at = desk()
    ana = at.person()
    ana.enter("ana-key", who="Somebody Else")
    ana.send("POST", "/logout", {})
    assert "<span>ana</span>" in ana.page
    shared = at.person()
    shared.enter("server-key", who="Dora")
    shared.send("POST", "/logout", {})
    assert "<span>Dora</span>" in shared.page
    assert at.person().enter("server-key", who="ana") == 403  # who shares a key takes nobody's name
    assert at.person().enter("ana-key", who="bob") == 303


def test_the_section_of_pages() -> None:
    assert parse(MODEL, {}).pages.enabled
    assert parse({**MODEL, "pages": {"enabled": False}}, {}).pages.title is None
    with pytest.raises(Exception, match="pages"):
        parse({**MODEL, "pages": {"colour": "green"}}, {})


def test_a_page_does_not_wait_for_a_number_in_the_bar(desk: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    at = desk()
    put(at, "r0")
    ana = at.person("ana")
    ana.get("/review/skip")
    for _ in range(50):  # a busy machine may take longer than the page waits
        if '<span class="count">1' in ana.page:
            break
        time.sleep(0.1)
        ana.get("/review/skip")
    slow, overview = threading.Event(), ReviewDesk.overview

    def slowly(review: ReviewDesk) -> object:
        slow.wait(20)
        return overview(review)

    monkeypatch.setattr(ReviewDesk, "overview", slowly)
    start = time.monotonic()
    ana.get("/review/skip")
    assert time.monotonic() - start < 10
    assert '<span class="count">1' in ana.page  # as it was last
    monkeypatch.undo()
    slow.set()
