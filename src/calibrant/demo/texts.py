"""What customers of the made-up desk ask, and what they are told, rightly and wrongly."""

from __future__ import annotations

__all__ = ["exchange"]

_TEXTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "billing": (
        ("Why was I charged twice for order {n}?", "One of them is a reservation and lapses.", "You ordered twice."),
        ("Can I pay invoice {n} by card?", "Yes, until the day it is due.", "No, only by transfer."),
        ("Where is the VAT on invoice {n}?", "On page 2, in the last line.", "There is none on it."),
        ("When will {n} be refunded?", "Within 10 days, to the card that paid.", "It was refunded yesterday."),
    ),
    "delivery": (
        ("Where is parcel {n}?", "It left the depot this morning and comes tomorrow.", "It was delivered last week."),
        ("Can parcel {n} go to my neighbour?", "Yes: say so by 8 the evening before.", "No, that cannot be."),
        ("Is parcel {n} insured?", "Up to 500 euros.", "No."),
        ("Why did {n} go back?", "Nobody was there twice, and no neighbour took it.", "The address was wrong."),
    ),
    "returns": (
        ("Can I send {n} back after 40 days?", "Yes, within 60 days, if it is as new.", "No, only within 14 days."),
        ("Who pays for the return of {n}?", "We do, with the label in the parcel.", "You do."),
        ("Can I exchange {n} for another size?", "Yes, once, at no cost.", "No, only money back."),
    ),
}  # fmt: skip


def exchange(domain: str, right: bool, number: int) -> tuple[str, str]:
    """A question and an answer; another number asks about something else.

    >>> exchange("delivery", True, 8)
    ('Where is parcel 100808?', 'It left the depot this morning and comes tomorrow.')
    """
    texts = _TEXTS[domain]
    asked, rightly, wrongly = texts[number % len(texts)]
    return asked.format(n=100_800 + number), rightly if right else wrongly
