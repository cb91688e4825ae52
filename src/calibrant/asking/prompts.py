"""Prompts from files: what `calibrant refine` found, or a system message of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ..arguments import filled
from ..dialogue.prompts import Prompt
from ..dialogue.untrusted import context_of
from ..errors import UnusableInput
from ..types import Question

__all__ = ["check_evidence", "put_by", "read_prompt", "whole_reply"]


def read_prompt(path: str | Path) -> Prompt:
    """The prompt in a file: JSON as `calibrant refine -o FOLDER` writes it, or any other text, a system message.

    Raises `UnusableInput` where there is no such file, or none of this form.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"Expected a prompt in {file}, as text in UTF-8: {error}.") from error
    if not text:
        raise UnusableInput(
            f"{file} is empty. Expected a system message, or prompt.json of `calibrant refine`."
        )
    if file.suffix.lower() != ".json":
        return Prompt(name=file.stem, system=text, origin="file")
    try:
        told = json.loads(text)
    except ValueError as error:
        raise UnusableInput(
            f"{file} is no JSON: {error}. Write it anew with `calibrant refine -o`."
        ) from error
    if not isinstance(told, dict):
        raise UnusableInput(f"Expected {file} to be a JSON object; got {type(told).__name__}.")
    return filled(Prompt, told, str(file))


def whole_reply(path: str | Path) -> Prompt:
    """As `read_prompt`, of which the whole reply is the answer; raises `UnusableInput` for one that reasons first."""
    prompt = read_prompt(path)
    if prompt.reasoning:
        raise UnusableInput(
            f"The prompt {prompt.name} in {path} reasons before it answers in a last line, which elicit and refine "
            "read and this command does not. Set its reasoning to 0 and word it so that the answer is all that is said."
        )
    return prompt


def check_evidence(prompt: Prompt, questions: Iterable[Question]) -> None:
    """Raise `UnusableInput` where a prompt shows evidence and no question has any."""
    if prompt.with_evidence and not any(context_of(one).strip() for one in questions):
        raise UnusableInput(
            f"The prompt {prompt.name} shows evidence, and no question has any: add a column context, or --documents."
        )


def put_by(prompt: Prompt, questions: Iterable[Question]) -> list[Question]:
    """The questions as the prompt puts them; raises as `check_evidence`."""
    asked = list(questions)
    check_evidence(prompt, asked)
    return [prompt.around(one) for one in asked]
