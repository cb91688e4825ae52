"""The two options of a judgement, worded so that neither can be taken for the answer that is judged."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["SENTENCES", "WORDED", "verdicts"]

WORDS = ("True", "False")
SENTENCES = ("The answer is right", "The answer is wrong")
TRUTH = re.compile(r"\W*(?:yes|no|true|false)\b", re.IGNORECASE)
WORDED = (*WORDS, *SENTENCES, TRUTH.pattern)
"""All that decides how the options are worded, for fingerprints."""


def verdicts(answer: str) -> tuple[tuple[str, str, Mapping[str, bool]], ...]:
    """Options A and B in both orders, and what each word of a reply means under each.

    "True" and "False", as in the literature. An answer that begins with yes, no, true or false is judged by
    sentences, and by the letters alone: small models take False for an echo of the answer "No", so that
    "No" scores lower than "Yes" whichever is right.

    >>> verdicts("Paris")[1]
    ('False', 'True', {'a': False, 'b': True, 'true': True, 'false': False})
    >>> verdicts("No, it sinks.")[0]
    ('The answer is right', 'The answer is wrong', {'a': True, 'b': False})
    """
    truth = TRUTH.match(answer) is not None
    right, wrong = SENTENCES if truth else WORDS
    named = {} if truth else {"true": True, "false": False}
    return (right, wrong, {"a": True, "b": False, **named}), (wrong, right, {"a": False, "b": True, **named})
