"""Held answers: what their clients get, who may see and release them, and verdicts by role, source and propensity."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.keys import Key, hash_of
from calibrant.assembly.sections import FeedbackSource
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app
from calibrant.gateway.given import HELD_TEXT
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.records.content import Keeping
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Completion, Event, Message, Question, Record, Token, Which

from ..serving import served

SAID = Completion(text="It is 4.", model="m", tokens=(Token("It is", -0.1), Token(" 4.", -0.1)))
CLIENT, OTHER = Key(name="shop", hash=hash_of("shop-key")), Key(name="search", hash=hash_of("search-key"))
ANA, BOB = (Key(name=name, hash=hash_of(f"{name}-key"), roles=("reviewer",)) for name in ("ana", "bob"))
LAWYER = Key(name="lawyer", hash=hash_of("lawyer-key"), roles=("reviewer",), tasks=("law",))
KEYS = (CLIENT, OTHER, ANA, BOB, LAWYER)


class Client:
    """Speaks to a gateway by the key of a name; "" for none."""

    def __init__(self, url: str, store: SqlStore, pipeline: Pipeline) -> None:
        self.url, self.store, self.pipeline = url, store, pipeline

    def send(self, method: str, path: str, body: Any = None, key: str = "shop") -> tuple[int, Any, Any]:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        shown = {"authorization": f"Bearer {key}-key"} if key else {}
        connection.request(
            method,
            path,
            None if body is None else json.dumps(body),
            {"content-type": "application/json"} | shown,
        )
        response = connection.getresponse()
        text = response.read()
        connection.close()
        plain = response.headers["content-type"].startswith("application/json")
        return response.status, json.loads(text) if plain else text.decode(), response.headers

    def ask(self, text: str = "2 + 2?", task: str | None = None, **other: Any) -> tuple[Any, Any]:
        metadata = {"metadata": {"task": task}} if task else {}
        body = {"model": "calibrant", "messages": [{"role": "user", "content": text}]} | metadata | other
        status, said, headers = self.send("POST", "/v1/chat/completions", body)
        assert status == 200, said
        return said, headers

    def held(self, **other: Any) -> str:
        """The id of an answer that was just held."""
        said, _ = self.ask(**other)
        assert said["confidence"]["held"]
        return str(said["confidence"]["record_id"])


Maker = Callable[..., Client]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Maker]:
    with ExitStack() as stack:

        def make(gate: Any = "hold", path: str | None = None, keys: Any = KEYS, **settings: Any) -> Client:
            way = Way(gate=gate, policy=Part(kind="bands"))
            store = SqlStore(path or str(tmp_path / "log.db"))
            pipeline = Pipeline(Release(default=way), store, {"model": Scripted(lambda _: SAID, name="m")})
            url = stack.enter_context(served(create_app(pipeline, admission=Admission(keys), **settings)))
            return Client(url, store, pipeline)

        yield make


def events(store: SqlStore, kind: str) -> list[Event]:
    return [entry.fact for entry in store.events(kind) if isinstance(entry.fact, Event)]


# ------------------------------------------------------------------ what the client gets


@pytest.mark.parametrize("stream", [False, True])
def test_a_held_answer_says_so_and_where_to_ask_for_it(gateway: Maker, stream: bool) -> None:
    made = gateway()
    said, headers = made.ask(stream=stream)
    if stream:
        assert "It is 4" not in said
        said = json.loads(said.split("data: ")[-2])
    confidence = said["confidence"]
    assert (confidence["held"], confidence["poll"]) == (True, f"/v1/answers/{confidence['record_id']}")
    assert headers["x-calibrant-held"] == "true"
    status, told, _ = made.send("GET", confidence["poll"])
    assert (status, told["status"], told["message"]) == (200, "held", None)
    assert "It is 4" not in json.dumps(told)
    (event,) = events(made.store, "held")
    assert (event.about, event.data["action"], event.data["asked_by"]) == (told["id"], "hand_off", "shop")
    assert made.store.verify().broken is None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": "2 + 2?"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "2 + 2?"}], "max_tokens": 50}),
        ("/v1/completions", {"prompt": "2 + 2 ="}),
    ],
)
def test_every_format_says_that_an_answer_is_held_and_takes_its_id(
    gateway: Maker, path: str, body: Any, stream: bool
) -> None:
    made = gateway()
    status, said, headers = made.send("POST", path, {"model": "calibrant", "stream": stream} | body)
    assert (status, headers["x-calibrant-held"]) == (200, "true")
    text = said if stream else json.dumps(said)
    assert "It is 4" not in text
    assert re.search(r'"held": ?true', text)
    polls = set(re.findall(r'"poll": ?"(/v1/answers/[^"]+)"', text))
    assert len(polls) == 1
    id = re.search(r'"id": ?"((?:resp|msg|cmpl)[_-][^"]+)"', text)
    assert id is not None
    assert made.send("POST", f"/v1/answers/{id[1]}", {"release": True}, "ana")[1]["status"] == "released"
    assert made.send("GET", polls.pop())[1]["message"]["content"] == "It is 4."
    assert made.send("POST", "/v1/feedback", {"id": id[1], "correct": True})[0] == 200


def test_an_answer_that_was_sent_is_none_that_waits(gateway: Maker) -> None:
    made = gateway(gate="trail")
    said, headers = made.ask()
    assert (said["confidence"]["held"], "poll" in said["confidence"], headers["x-calibrant-held"]) == (
        False,
        False,
        None,
    )
    status, told, _ = made.send("GET", f"/v1/answers/{said['id']}")
    assert (status, told["status"], told["message"]["content"]) == (200, "answered", "It is 4.")
    status, told, _ = made.send("POST", f"/v1/answers/{said['id']}", {"release": True}, "ana")
    assert (status, told["error"]["code"]) == (409, "not_held")
    assert events(made.store, "held") == []


def test_of_several_choices_each_waits_by_itself(gateway: Maker) -> None:
    made = gateway()
    said, _ = made.ask(n=3)
    ids = [choice["confidence"]["record_id"] for choice in said["choices"]]
    assert ids == [ids[0], f"{ids[0]}-1", f"{ids[0]}-2"]
    status, told, _ = made.send("POST", f"/v1/answers/{said['id']}", {"release": True, "choice": 2}, "ana")
    assert (status, told["id"]) == (200, ids[2])
    found = [made.send("GET", f"/v1/answers/{said['id']}?choice={i}")[1]["status"] for i in range(3)]
    assert found == ["held", "held", "released"]


# ------------------------------------------------------------------ what reviewers do


@pytest.mark.parametrize(
    ("decision", "status", "text", "grade"),
    [
        ({"release": True, "note": "fine"}, "released", "It is 4.", 1.0),
        ({"release": False}, "refused", None, 0.0),
        ({"correction": "It is four.", "judge": "Ana B."}, "corrected", "It is four.", 0.0),
        ({"release": True, "grade": 0.5}, "released", "It is 4.", 0.5),
    ],
)
def test_a_reviewer_decides(
    gateway: Maker, decision: Any, status: str, text: str | None, grade: float
) -> None:
    made = gateway()
    id = made.held()
    code, told, _ = made.send("POST", f"/v1/answers/{id}", decision, "ana")
    assert (code, told["status"]) == (200, status)
    code, told, _ = made.send("GET", f"/v1/answers/{id}")
    assert (code, told["status"], told["message"] and told["message"]["content"]) == (200, status, text)
    assert told["reviewed"]["judge"] == decision.get("judge", "ana")
    (verdict,) = made.store.verdicts(id)
    assert (verdict.grade, verdict.source, verdict.correction) == (
        grade,
        "reviewer",
        decision.get("correction"),
    )
    assert verdict.propensity is None, "a held answer was not drawn"
    assert made.send("POST", f"/v1/answers/{id}", decision, "ana")[0] == 200, "the same again changes nothing"
    code, said, _ = made.send("POST", f"/v1/answers/{id}", {"release": status == "refused"}, "bob")
    assert (code, said["error"]["code"]) == (409, "already_reviewed")
    assert status in said["error"]["message"]
    assert len(events(made.store, "reviewed")) == len(made.store.verdicts(id)) == 1
    assert made.store.verify().broken is None


def test_of_two_reviewers_at_two_replicas_the_first_decides_and_both_tell_it(
    gateway: Maker, store_url: str
) -> None:
    one, other = gateway(path=store_url), gateway(path=store_url)
    for _ in range(3):
        id = one.held()
        told: dict[str, tuple[int, Any, Any]] = {}

        def decide(at: Client, key: str, body: Any, id: str = id, told: Any = told) -> None:
            told[key] = at.send("POST", f"/v1/answers/{id}", body, key)

        both = [
            threading.Thread(target=decide, args=(one, "ana", {"release": True})),
            threading.Thread(target=decide, args=(other, "bob", {"release": False})),
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert sorted(status for status, _, _ in told.values()) == [200, 409]
        first = next(body["status"] for status, body, _ in told.values() if status == 200)
        assert [at.send("GET", f"/v1/answers/{id}")[1]["status"] for at in (one, other)] == [first, first]


def test_who_waits_is_told_within_a_second_wherever_it_was_decided(gateway: Maker, store_url: str) -> None:
    one, other = gateway(path=store_url), gateway(path=store_url)
    id = one.held()
    began = time.monotonic()
    assert other.send("GET", f"/v1/answers/{id}?wait=0.3")[1]["status"] == "held"
    assert 0.25 < time.monotonic() - began < 3
    found: list[Any] = []

    def wait(at: Client) -> None:
        found.append((at.send("GET", f"/v1/answers/{id}?wait=20")[1]["status"], time.monotonic()))

    waiting = [threading.Thread(target=wait, args=(at,)) for at in (one, other)]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    one.send("POST", f"/v1/answers/{id}", {"release": True}, "ana")
    decided = time.monotonic()
    for thread in waiting:
        thread.join(10)
    assert [status for status, _ in found] == ["released", "released"]
    assert max(at for _, at in found) - decided < 2


def test_held_answers_are_listed_oldest_first_page_by_page(gateway: Maker) -> None:
    made = gateway()
    ids = [made.held(text=f"{n} + 2?", task="law" if n == 3 else "sums") for n in range(5)]
    made.send("POST", f"/v1/answers/{ids[1]}", {"release": False}, "ana")
    seen, after = [], 0
    while True:
        code, page, _ = made.send("GET", f"/v1/answers?held=true&limit=2&after={after}", key="ana")
        assert code == 200
        seen += page["data"]
        after = page["next"]
        if not page["has_more"]:
            break
    assert [one["id"] for one in seen] == [ids[0], *ids[2:]]
    assert seen[0]["message"]["content"] == "It is 4."
    assert seen[0]["question"][-1]["content"] == "0 + 2?"
    _, mine, _ = made.send("GET", "/v1/answers", key="lawyer")
    assert [one["id"] for one in mine["data"]] == [ids[3]]
    assert made.send("GET", f"/v1/answers/{ids[0]}", key="lawyer")[0] == 404
    assert made.send("POST", f"/v1/answers/{ids[0]}", {"release": True}, "lawyer")[0] == 404


def test_nobody_sees_or_releases_what_is_not_theirs(gateway: Maker) -> None:
    made = gateway()
    id = made.held()
    for id_, key in ((id, "search"), ("absent", "shop"), (f"{id}-1", "shop"), ("a%00b", "shop")):
        code, told, _ = made.send("GET", f"/v1/answers/{id_}?wait=5", key=key)
        assert code == (400 if "%00" in id_ else 404), told
    for method, path, body in (
        ("POST", f"/v1/answers/{id}", {"release": True}),
        ("GET", "/v1/answers?held=true", None),
    ):
        code, told, _ = made.send(method, path, body, "shop")
        assert (code, told["error"]["code"]) == (403, "role_not_allowed")
    assert made.send("GET", f"/v1/answers/{id}", key="ana")[1]["status"] == "held"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"release": "yes"}, {"release": False, "correction": "5"}, {"release": True, "grade": 2},
        {"correction": 5}, {"release": True, "choice": -1}, {"release": True, "note": "x" * 10_001},
    ],
)  # fmt: skip
def test_a_decision_that_makes_no_sense_is_refused(gateway: Maker, body: Any) -> None:
    made = gateway()
    assert made.send("POST", f"/v1/answers/{made.held()}", body, "ana")[0] == 400


@pytest.mark.parametrize("query", ["wait=x", "wait=-1", "wait=nan", "choice=-2"])
def test_a_question_that_makes_no_sense_is_refused(gateway: Maker, query: str) -> None:
    made = gateway()
    assert made.send("GET", f"/v1/answers/{made.held()}?{query}")[0] == 400


def test_what_is_not_kept_cannot_be_released_and_says_so(gateway: Maker) -> None:
    made = gateway()
    made.pipeline.writer.keeping = lambda _: Keeping(content="left_out")
    id = made.held()
    assert made.send("GET", f"/v1/answers/{id}")[1]["status"] == "held", "also its key is known"
    code, told, _ = made.send("POST", f"/v1/answers/{id}", {"release": True}, "ana")
    assert (code, told["error"]["code"]) == (409, "content_not_kept")
    assert made.send("POST", f"/v1/answers/{id}", {"correction": "It is 4."}, "ana")[0] == 200
    assert made.send("GET", f"/v1/answers/{id}")[1]["message"]["content"] == "It is 4."


def test_what_was_erased_is_gone_corrections_too(gateway: Maker) -> None:
    made = gateway()
    id, other = made.held(), made.held()
    made.send("POST", f"/v1/answers/{id}", {"correction": "Four, Ann."}, "ana")
    made.store.erase(Which(records=(id, other)), time=1.0, new_id=lambda: "e", why="asked for")
    told = made.send("GET", f"/v1/answers/{id}")[1]
    assert (told["status"], told["message"], told["content"]) == ("corrected", None, "erased")
    assert made.send("GET", f"/v1/answers/{other}?wait=20")[1]["status"] == "erased", "nobody waits for it"
    assert made.send("GET", "/v1/answers", key="ana")[1]["data"] == []
    assert "Ann" not in json.dumps([told, *(repr(one) for one in made.store.verdicts(id))])
    code, said, _ = made.send("POST", f"/v1/answers/{other}", {"release": True}, "ana")
    assert (code, said["error"]["code"]) == (410, "record_erased")
    assert made.store.verify().broken is None


# ------------------------------------------------------------------ feedback


def test_the_source_follows_from_the_key(gateway: Maker) -> None:
    made = gateway(gate="trail")
    id = made.ask()[0]["id"]
    told = {"id": id, "correct": True}
    for key, more, wanted in (
        ("shop", {}, ("shop", "user")),
        ("shop", {"judge": "visitor 7"}, ("visitor 7", "user")),
        ("ana", {}, ("ana", "reviewer")),
        ("ana", {"source": "user"}, ("ana", "user")),
    ):
        code, body, _ = made.send("POST", "/v1/feedback", told | more, key)
        assert (code, body["judge"], body["source"]) == (200, *wanted)
    code, body, _ = made.send("POST", "/v1/feedback", told | {"source": "reviewer"}, "shop")
    assert (code, body["error"]["code"]) == (403, "role_not_allowed")
    assert made.send("POST", "/v1/feedback", told, "search")[0] == 404, "another key's answer"


def test_a_propensity_is_believed_of_assignments_and_declared_sources_alone(gateway: Maker) -> None:
    made = gateway(gate="trail", sources={"audit": FeedbackSource(propensity=0.25)})
    id = made.ask()[0]["confidence"]["record_id"]
    made.store.add([Assignment(id="a1", record_id=id, propensity=0.05, reason="audit", time=1.0)])
    told = {"record_id": id, "correct": True}
    for more, key, status, known in (
        ({"propensity": 0.5}, "shop", 400, "propensity_not_taken"),
        ({"propensity": 1.0}, "ana", 400, "propensity_not_taken"),
        ({"source": "audit"}, "ana", 200, 0.25),
        ({"source": "audit", "propensity": 0.25}, "ana", 200, 0.25),
        ({"source": "audit", "propensity": 1.0}, "ana", 400, "propensity_not_taken"),
        ({"source": "audit"}, "shop", 403, "role_not_allowed"),
        ({"source": "survey"}, "ana", 400, "invalid_request"),
        ({"assignment": "a1"}, "shop", 200, 0.05),
        ({"assignment": "a1", "source": "audit"}, "ana", 200, 0.05),
        ({"assignment": "a1", "propensity": 0.5}, "ana", 409, "wrong_assignment"),
    ):
        code, body, _ = made.send("POST", "/v1/feedback", told | more, key)
        assert (code, body["propensity"] if code == 200 else body["error"]["code"]) == (status, known), more


def test_a_correction_says_that_the_answer_was_wrong_and_is_kept(gateway: Maker) -> None:
    made = gateway(gate="trail")
    said, _ = made.ask(n=2)
    told = {"id": said["id"], "choice": 1, "correction": "It is 5.", "idempotency_key": "k"}
    code, body, _ = made.send("POST", "/v1/feedback", told)
    assert (code, body["record_id"], body["grade"]) == (
        200,
        said["choices"][1]["confidence"]["record_id"],
        0.0,
    )
    assert made.send("POST", "/v1/feedback", told)[1] == body
    assert made.send("POST", "/v1/feedback", told | {"correction": "6"})[0] == 409
    assert made.send("POST", "/v1/feedback", told | {"correct": True})[0] == 400
    assert made.send("POST", "/v1/feedback", told | {"choice": 9})[0] == 404
    (verdict,) = made.store.verdicts(body["record_id"])
    assert verdict.correction == "It is 5."


def test_feedback_on_what_was_erased_is_refused_unless_it_came_before(gateway: Maker) -> None:
    made = gateway(gate="trail")
    id = made.ask()[0]["confidence"]["record_id"]
    told = {"record_id": id, "correct": True, "idempotency_key": "k"}
    first = made.send("POST", "/v1/feedback", told)[1]
    made.store.erase(Which(records=(id,)), time=1.0, new_id=lambda: "e", why="asked for")
    assert made.send("POST", "/v1/feedback", told)[:2] == (200, first)
    code, body, _ = made.send("POST", "/v1/feedback", told | {"idempotency_key": "later"})
    assert (code, body["error"]["code"]) == (410, "record_erased")


def test_without_keys_everybody_on_the_machine_may_do_all(gateway: Maker) -> None:
    made = gateway(keys=())
    said = made.send(
        "POST", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "?"}]}, ""
    )
    id = said[1]["confidence"]["record_id"]
    assert [one["id"] for one in made.send("GET", "/v1/answers", key="")[1]["data"]] == [id]
    assert made.send("POST", f"/v1/answers/{id}", {"release": True}, "")[1]["status"] == "released"
    record = made.store.record(id)
    assert record is not None
    assert record.question.asked_by is None


# ------------------------------------------------------------------ as the turn before


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        ({"release": True}, "It is 4."),
        ({"correction": "It is four."}, "It is four."),
        ({"release": False}, HELD_TEXT),
        (None, HELD_TEXT),
    ],
)
def test_the_next_turn_knows_what_the_client_was_given_in_the_end(
    gateway: Maker, decision: Any, told: str
) -> None:
    made = gateway()
    _, first, _ = made.send("POST", "/v1/responses", {"model": "calibrant", "input": "2 + 2?"})
    named = first["confidence"]["record_id"]
    if decision is not None:
        assert made.send("POST", f"/v1/answers/{named}", decision, key="ana")[0] == 200
    for items in (
        {"input": "Sure?", "previous_response_id": first["id"]},
        {"input": [{"type": "item_reference", "id": first["output"][0]["id"]}]},
    ):
        _, second, _ = made.send("POST", "/v1/responses", {"model": "calibrant", **items})
        record = made.store.record(second["confidence"]["record_id"])
        assert record is not None
        assert [one.content for one in record.question.messages if one.role == "assistant"] == [told]


def test_what_was_held_stays_so_as_the_turn_before_where_the_gate_was_opened(gateway: Maker) -> None:
    made = gateway()
    _, first, _ = made.send("POST", "/v1/responses", {"model": "calibrant", "input": "2 + 2?"})
    made.pipeline.promote(Release(default=Way(gate="trail")))
    asked = {"model": "calibrant", "input": "Sure?", "previous_response_id": first["id"]}
    _, second, _ = made.send("POST", "/v1/responses", asked)
    record = made.store.record(second["confidence"]["record_id"])
    assert record is not None
    assert "It is 4." not in [one.content for one in record.question.messages]


@pytest.mark.parametrize(
    ("decision", "status"),
    [(None, 409), ({"release": False}, 409), ({"correction": "four"}, 409), ({"release": True}, 200)],
)
def test_users_judge_no_answer_that_they_have_not_seen(gateway: Maker, decision: Any, status: int) -> None:
    made = gateway()
    id = made.held()
    if decision is not None:
        made.send("POST", f"/v1/answers/{id}", decision, key="ana")
    code, body, _ = made.send("POST", "/v1/feedback", {"record_id": id, "correct": True})
    assert code == status, body
    if status == 409:
        assert (body["error"]["code"], f"/v1/answers/{id}" in body["error"]["message"]) == (
            "answer_held",
            True,
        )
        told = {"record_id": id, "correct": True, "source": "reviewer"}
        assert made.send("POST", "/v1/feedback", told, "ana")[0] == 200


@pytest.mark.parametrize("said", [None, Completion(text="It i", model="m", finish_reason="cut_off")])
def test_what_broke_off_is_no_turn_before(gateway: Maker, said: Completion | None) -> None:
    made = gateway()
    question = Question(id="q", messages=(Message("user", "2 + 2?"),), asked_by="shop")
    made.store.add([Record(id="b1", time=1.0, question=question, completion=said, error="The client left.")])
    for asked in (
        {"input": [{"type": "item_reference", "id": "msg_b1"}]},
        {"input": "?", "previous_response_id": "resp_b1"},
    ):
        status, body, _ = made.send("POST", "/v1/responses", {"model": "calibrant", **asked})
        assert (status, body["error"]["type"]) == (400, "invalid_request_error"), body
