"""What only one format can say, carried along in the chat format's terms. No I/O.

Requests and answers of all formats are kept as the chat format has them. What that cannot say stands in a member of its
own, named after the format that can: this one puts it back, and all others leave it out.
"""

from __future__ import annotations

from typing import Any

from ..types import Json

__all__ = ["MESSAGES", "RESPONSES", "kind_of", "others_left_out"]

RESPONSES, MESSAGES = "of_responses", "of_messages"


def others_left_out(members: Json, own: str | None = None) -> dict[str, Any]:
    """The members without those of other formats than `own`.

    >>> others_left_out({"top_k": 3, "of_messages": {}, "of_responses": {}}, RESPONSES)
    {'top_k': 3, 'of_responses': {}}
    """
    return {name: value for name, value in members.items() if name == own or name not in FOREIGN}


FOREIGN = frozenset((RESPONSES, MESSAGES))


def kind_of(part: Any) -> str:
    """The type that an item, a part or a block states; "" where it states none.

    >>> kind_of({"type": "text"}), kind_of({"type": []}), kind_of(7)
    ('text', '', '')
    """
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else ""
