"""Tells a channel what is wrong, in a sentence: alarms and changes, to an address that takes what Slack takes."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from calibrant.assembly.deployed import ByTask
from calibrant.assembly.sections import Alerts
from calibrant.pipeline import Pipeline
from calibrant.types import Event

from .webhooks import FIRST, Deliveries

__all__ = ["Alerting", "sentence_of"]


def sentence_of(event: Event) -> str:
    """What is told of an alarm, its end, or a change: names and numbers, and nothing of question or answer.

    What clients may name, a task or a domain, is written so that it addresses nobody and links nowhere.

    >>> change = {"task": "<!channel>", "what": "model", "before": "m", "after": "n", "time": 0.0}
    >>> sentence_of(Event(id="e", kind="change", time=0.0, data=change))
    '&lt;!channel&gt;: another model since 1970-01-01 00:00 UTC: n, not m.'
    """
    from calibrant.watching.found import alarm_sentence, change_sentence

    if event.kind == "alarm":
        told = f"{alarm_sentence(event.data)} ({event.id})"
    elif event.kind == "resolved":
        told = f"{event.about} is resolved: {event.data.get('why', '')}"
    else:
        told = change_sentence(event.data)
    return told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Alerting(Deliveries[Alerts]):
    """Posts `{"text": ...}`, tried again until it is taken as webhooks are, and remembered apart from them."""

    state, kinds, mark = "alerts", ("alarm", "resolved", "change"), "alert-"

    def __init__(
        self,
        pipeline: Pipeline,
        alerts: ByTask[Alerts | None],
        leads: Callable[[], bool],
        *,
        first: float = FIRST,
    ) -> None:
        super().__init__(pipeline, alerts, leads, first=first)

    def body(self, event: Event) -> bytes:
        """As Slack, Mattermost, Rocket.Chat and others take it."""
        return orjson.dumps({"text": sentence_of(event)})

    def headers(self, hook: Alerts, body: bytes) -> dict[str, str]:  # noqa: ARG002
        """Nothing signs it: the address is the secret."""
        return {}
