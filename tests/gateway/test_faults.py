"""Faults of a model's server: none of them makes an answer that is sure of itself, and clients are told of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import faults
from .faults import FAULTS, HARMLESS, PAGE, SECRET, Seen, ask, house, table

Rows = dict[str, tuple[Seen, Seen]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """What clients saw, whole and streamed."""
    return faults.run()


def test_nothing_that_goes_wrong_is_sure_of_itself(rows: Rows) -> None:
    for name in FAULTS:
        for seen in rows[name]:
            assert seen.confidence is None or seen.confidence["p"] is None, name
            if seen.status == 200 and seen.error is None:
                assert seen.said == "The answer is 4.", f"{name}: an empty answer that says 200"
            else:
                assert seen.error is not None, f"{name}: {seen.text}"
                assert not seen.ended, f"{name}: a stream that broke off must not seem whole"


def test_what_does_no_harm_keeps_its_answer_and_its_number(rows: Rows) -> None:
    for name in HARMLESS:
        for seen in rows[name]:
            assert (seen.status, seen.said) == (200, "The answer is 4."), name
            assert seen.confidence is not None
            assert seen.confidence["p"] == pytest.approx(2.718281828**-0.2), name


def test_no_client_is_told_a_key_an_address_or_what_could_not_be_read(rows: Rows) -> None:
    for name, both in rows.items():
        for seen in both:
            for private in (SECRET, "127.0.0.1", "10.0.0.7", "nginx", "Sign in", "aiohttp", "Traceback"):
                assert private not in seen.text, f"{name}: {private}"


def test_the_page_says_what_clients_saw(rows: Rows) -> None:
    page = PAGE.read_text().splitlines()
    lost = [line for line in table(rows).splitlines() if line not in page]
    assert not lost, "Write it again: python -m tests.gateway.faults"


HELD = ("hangs up in the middle", "bytes that are no JSON", "an error within the stream", "a list")


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[faults.Faulty, str]]:
    with faults.Faulty() as faulty, house(tmp_path_factory.mktemp("held"), faulty.url) as url:
        yield faulty, url


@pytest.mark.parametrize("name", HELD)
def test_of_what_is_held_nothing_leaves_when_it_breaks_off(
    name: str, held: tuple[faults.Faulty, str]
) -> None:
    held[0].fault = FAULTS[name]
    for stream in (False, True):
        seen = ask(held[1], stream=stream, task="held")
        assert seen.status == 502
        assert "answer" not in seen.said
        assert "The answer" not in seen.text
