"""Lines of server-sent events, from blocks that end anywhere."""

from __future__ import annotations

import pytest

from calibrant.http.events import Lines, data_in

SAID = 'data: {"é": "😀"}\n\n: idle\nevent: x\ndata:2\n\n'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_are_the_same_wherever_blocks_end(end: str, mark: str) -> None:
    sent = (mark + SAID).replace("\n", end).encode()
    for size in range(1, len(sent) + 1):
        lines = Lines()
        found = [line for at in range(0, len(sent), size) for line in lines.feed(sent[at : at + size])]
        assert [line.decode() for line in found] == SAID.split("\n")[:-1], size
        assert (lines.rest(), lines.size) == (b"", 0)


def test_what_has_no_end_yet_waits() -> None:
    lines = Lines()
    assert lines.feed(b"\xef\xbb") == lines.feed(b"\xbfdata: 1") == []
    assert (data_in(lines.rest()), lines.size) == (b"1", 10)
