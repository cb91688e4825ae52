"""What may be seen and done by whoever asks."""

from __future__ import annotations

from starlette.requests import Request

from calibrant.assembly.keys import Key, Role
from calibrant.types import Record

from .callers import ANYBODY
from .errors import TurnedAway
from .visits import visit_of

__all__ = ["asker_of", "check_role", "may_see"]


def asker_of(request: Request) -> Key:
    """The key by which a request came in."""
    caller = visit_of(request).caller
    return ANYBODY if caller is None else caller.key


def check_role(asker: Key, role: Role) -> None:
    """Raise `TurnedAway` where the key has not the role."""
    if role not in asker.roles:
        raise TurnedAway(
            f"This is for keys with the role {role}; this one has {', '.join(asker.roles)}.",
            status=403,
            code="role_not_allowed",
        )


def may_see(asker: Key, record: Record) -> bool:
    """Whether a record is one's own, or of the tasks that one reviews."""
    if "reviewer" in asker.roles:
        return not asker.tasks or record.question.task in asker.tasks
    return record.question.asked_by == asker.name
