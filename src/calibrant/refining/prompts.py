"""Candidate prompts: what can be put around a question without changing what is asked."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace

from ..answers.kinds import inert
from ..dialogue.prompts import Prompt
from ..types import Ask, Message

__all__ = ["LONGEST_PROMPT", "TEMPLATES", "mutations", "rewrite_ask", "rewrites"]

LONGEST = 400


TEMPLATES = (
    Prompt(name="careful", system="You are careful. You answer only what you know, and briefly."),
    Prompt(name="expert", system="You are an expert in the subject of the question."),
    Prompt(name="plain", suffix="Answer with the answer alone."),
    Prompt(
        name="steps", reasoning=192,
        suffix='Think of what must be true first. End with one line that begins with "Answer:".',
    ),
    Prompt(name="true_first", system="Before you answer, consider what must be true for the answer to be right."),
    Prompt(name="doubts_first", system="Before you answer, consider what you are unsure of."),
    Prompt(name="no_guess", system="Do not guess. Where two answers seem possible, choose the likelier one."),
    Prompt(name="examiner", system="Your answer will be checked against a reference work."),
    Prompt(name="evidence", with_evidence=True),
    Prompt(
        name="evidence_only", with_evidence=True, system="Rely on the evidence where it answers the question."
    ),
    Prompt(
        name="list_doubts", reasoning=192,
        suffix='List what you are unsure of first. End with one line that begins with "Answer:".',
    ),
)  # fmt: skip
"""Prompts to begin with. Those with evidence suit only questions that have some."""

LONGEST_PROMPT = Prompt(
    name="longest", system="x" * LONGEST, suffix=max((p.suffix or "" for p in TEMPLATES), key=len),
    with_evidence=True, reasoning=max(p.reasoning for p in TEMPLATES),
)  # fmt: skip
"""No prompt, but as long as one can be, to say what a run costs at the most."""


def mutations(best: Sequence[Prompt], count: int, rng: random.Random) -> list[Prompt]:
    """New prompts from sentences of the best ones: two joined, one sentence left out, or two in other order.

    Fewer than `count` where there are no more. Reasoning and evidence stay as they are in the first parent.
    """
    parents = [p for p in best if p.system]
    made: dict[str, Prompt] = {}
    for first in parents:
        own = _sentences(first.system)
        changed = [own[:i] + own[i + 1 :] for i in range(len(own)) if len(own) > 1]
        changed += [own[::-1]] if len(own) > 1 else []
        changed += [
            [*own, *(s for s in _sentences(p.system) if s not in own)] for p in best if p is not first
        ]
        for sentences in changed:
            system = " ".join(sentences)
            prompt = replace(first, system=system, origin="mutation")
            if len(system) <= LONGEST and prompt.digest != first.digest:
                made[prompt.digest] = replace(prompt, name=f"mutation_{prompt.digest[:6]}")
    known = {p.digest for p in best}
    fresh = [prompt for key, prompt in sorted(made.items()) if key not in known]
    return rng.sample(fresh, min(count, len(fresh)))


def _sentences(text: str | None) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part] if text else []


def rewrite_ask(prompt: Prompt, count: int) -> Ask:
    """Ask the model for other wordings of a prompt's instruction."""
    text = (
        f"<instruction>{inert(prompt.system or prompt.suffix or 'Answer the question.')}</instruction>\n"
        f"Write {count} other wordings of this instruction to an assistant that answers questions. Keep the "
        "meaning and keep each to one or two sentences. "
        "Reply with a JSON list of strings and nothing else."
    )
    return Ask(messages=(Message("user", text),), temperature=0.7, max_tokens=120 * count, seed=0)


def rewrites(prompt: Prompt, reply: str, count: int) -> tuple[list[Prompt], int]:
    """The usable wordings in a reply, and how many were not: not text, too long, or with markup.

    >>> made, unusable = rewrites(TEMPLATES[0], '["Answer with care.", "", 3]', 2)
    >>> [one.system for one in made], unusable
    (['Answer with care.'], 2)
    """
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", reply, re.DOTALL)
    try:
        body = json.loads(fenced[1] if fenced else reply)
    except ValueError:
        return [], count
    if not isinstance(body, list):
        return [], count
    texts = [text.strip() for text in body if isinstance(text, str) and _usable(text.strip())]
    made = []
    for text in dict.fromkeys(texts):
        prompted = replace(prompt, origin="rewrite")
        if prompt.system or not prompt.suffix:
            prompted = replace(prompted, system=text)
        else:
            prompted = replace(prompted, suffix=text)
        if prompted.digest != prompt.digest:
            made.append(replace(prompted, name=f"rewrite_{prompted.digest[:6]}"))
    return made[:count], len(body) - len(texts)


def _usable(text: str) -> bool:
    return 8 <= len(text) <= LONGEST and not re.search(r"[<>{}\x00-\x1f]", text)
