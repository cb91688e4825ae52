"""A conversation as the tokens that a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..types import Message

__all__ = ["batched", "rendered"]

PLAIN = "{turns}\n\nAnswer:\n"
"""How a model without a template of conversations is asked."""


def rendered(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The conversation up to where the reply begins, by the tokenizer's own template, as servers put it.

    A template that takes no system message gets it at the head of the first turn.
    """
    turns = [{"role": one.role, "content": one.content} for one in messages]
    if not getattr(tokenizer, "chat_template", None):
        return PLAIN.format(turns="\n\n".join(turn["content"] for turn in turns))
    try:
        return _templated(tokenizer, turns)
    except Exception:  # templates raise errors of Jinja for a role that they do not know
        first, *rest = turns
        if first["role"] != "system" or not rest:
            raise
        rest[0] = {**rest[0], "content": f"{first['content']}\n\n{rest[0]['content']}"}
        return _templated(tokenizer, rest)


def _templated(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    made: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return made


def batched(torch: Any, rows: Sequence[Sequence[int]], device: Any) -> dict[str, Any]:
    """Token lists of different lengths as one batch: padded on the left, so that all end together.

    The side that the tokenizer pads on does not matter: places are counted from the first real token, and what stands
    before it is not looked at.
    """
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, longest - len(row) :] = torch.tensor(row, dtype=torch.long)
        mask[i, longest - len(row) :] = 1
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device), "position_ids": places.to(device)}
