"""Who is in front of the browser: a signed cookie, and tokens that show that a form is one of ours. No I/O."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from calibrant.assembly.keys import Key
from calibrant.types import Json

__all__ = ["COOKIE", "LASTS", "Session", "Signing"]

COOKIE = "calibrant_session"

LASTS = 12 * 3600.0
"""Seconds for which whoever came in stays in: a working day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One person at one browser.

    Attributes
    ----------
    id : random; it tells one browser from another
    key, hash : the name of the key that was shown, and the hash that stood for it; with another the session is over
    who : what the person is called in verdicts
    until : seconds since the epoch
    """

    id: str
    key: str
    hash: str
    who: str
    until: float

    @classmethod
    def of(cls, key: Key, who: str, now: float) -> Session:
        """A new one."""
        return cls(id=secrets.token_urlsafe(12), key=key.name, hash=key.hash, who=who, until=now + LASTS)


@dataclass(frozen=True, slots=True)
class Signing:
    """Makes and reads what leaves for a browser, by a `secret` that all replicas share.

    >>> signing = Signing(b"of the store")
    >>> session = Session(id="b1", key="ann", hash="sha256:0", who="ann", until=60.0)
    >>> signing.session(signing.cookie(session), now=59.0) == session
    True
    >>> signing.session(signing.cookie(session), now=60.0), signing.session("e30.AAAA", now=0.0)
    (None, None)
    >>> signing.is_token(session, signing.token(session)), signing.is_token(session, "")
    (True, False)
    """

    secret: bytes

    def cookie(self, session: Session) -> str:
        """The value of its cookie."""
        return self.sealed("session", asdict(session))

    def session(self, cookie: str, *, now: float) -> Session | None:
        """That of a cookie; None where it was not signed here, or is over."""
        told = self.opened("session", cookie)
        made = None if told is None else Session(**told)
        return made if made is not None and made.until > now else None

    def sealed(self, what: str, told: Json) -> str:
        """Something that a browser keeps and cannot change; `what` it is, so that it is taken for nothing else."""
        body = _text(json.dumps(told, separators=(",", ":")).encode())
        return f"{body}.{self._sign(what, body)}"

    def opened(self, what: str, sealed: str) -> dict[str, Any] | None:
        """What was sealed here as that; None for anything else."""
        body, _, signature = sealed.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(what, body).encode()):
            return None
        told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return told

    def token(self, session: Session) -> str:
        """What stands in the forms of a session, and in those of no page elsewhere."""
        return self._sign("form", session.id)

    def is_token(self, session: Session, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.token(session).encode(), token.encode())

    def _sign(self, what: str, text: str) -> str:
        return _text(hmac.digest(self.secret, f"{what}:{text}".encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
