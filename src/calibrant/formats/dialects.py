"""What only one format can say, carried along in the chat format's terms. No I/O.

Requests and answers of all formats are kept as the chat format has them. What that cannot say stands in a member of its
own, named after the format that can: this one puts it back, and all others leave it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ModelRefused
from ..types import Json

__all__ = ["MESSAGES", "RESPONSES", "kind_of", "others_left_out", "saying"]

RESPONSES, MESSAGES = "of_responses", "of_messages"


def others_left_out(members: Json, own: str | None = None) -> dict[str, Any]:
    """The members without those of other formats than `own`.

    >>> others_left_out({"top_k": 3, "of_messages": {}, "of_responses": {}}, RESPONSES)
    {'top_k': 3, 'of_responses': {}}
    """
    return {name: value for name, value in members.items() if name == own or name not in FOREIGN}


FOREIGN = frozenset((RESPONSES, MESSAGES))


@contextmanager
def saying(format: str) -> Iterator[None]:
    """While a request is written in a format: what it cannot say, since a part is not as it should be, is refused.

    >>> with saying("messages"):
    ...     {"type": "image_url"}["image_url"]
    Traceback (most recent call last):
    calibrant.errors.ModelRefused: Expected parts, tools and choices as the chat format has them, to say them in the
        format of messages; got KeyError: 'image_url'.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        said = (
            "Expected parts, tools and choices as the chat format has them, to say them in the format of "
            f"{format}; got {type(error).__name__}: {error}."
        )
        raise ModelRefused(said, status=400, said=said) from error


def kind_of(part: Any) -> str:
    """The type that an item, a part or a block states; "" where it states none.

    >>> kind_of({"type": "text"}), kind_of({"type": []}), kind_of(7)
    ('text', '', '')
    """
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else ""
