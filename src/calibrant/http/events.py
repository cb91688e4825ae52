"""Server-sent events, as bytes come: what their fields of data hold. No I/O."""

from __future__ import annotations

__all__ = ["Lines", "data_in"]

BOM = b"\xef\xbb\xbf"


class Lines:
    r"""Puts lines together from blocks that end anywhere.

    A line ends as in server-sent events: by CR, LF, or both; a mark of the order of bytes before the first counts as
    nothing. `size` is how many bytes wait for the end of theirs.

    >>> lines = Lines()
    >>> lines.feed(b"data: 1\r"), lines.feed(b"\n\rda"), lines.feed(b"ta: 2\n"), lines.rest()
    ([b'data: 1'], [b''], [b'data: 2'], b'')
    """

    def __init__(self) -> None:
        self._held, self.size = list[bytes](), 0
        self._begun = self._after_cr = False

    def feed(self, block: bytes) -> list[bytes]:
        """The lines that end in a block."""
        if self._after_cr or b"\r" in block:
            block = self._with_lf(block)
        *lines, rest = block.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._held, lines[0]])
            self._held, self.size = [], 0
            if not self._begun:
                self._begun, lines[0] = True, lines[0].removeprefix(BOM)
        self._held.append(rest)
        self.size += len(rest)
        return lines

    def rest(self) -> bytes:
        """What has come of a line whose end has not."""
        line = b"".join(self._held)
        return line if self._begun else line.removeprefix(BOM)

    def _with_lf(self, block: bytes) -> bytes:
        """The block with its lines ended by LF; one that begins behind a CR may begin with the rest of an end."""
        if self._after_cr and block:
            block = block.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = block.endswith(b"\r") or (self._after_cr and not block)
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def data_in(line: bytes) -> bytes | None:
    """What a line says as data; None for one that says something else, such as a comment.

    >>> data_in(b"data:1"), data_in(b": waiting"), data_in(b"event: done")
    (b'1', None, None)
    """
    return line[5:].strip() if line.startswith(b"data:") else None
