"""What a text that looks like JSON is instead, and the command that makes JSON of it."""

from __future__ import annotations

import json
import re
from shlex import quote

__all__ = ["fault_in", "no_json"]

_KEY = r"\s*\[?\s*\{\s*"
_PYTHON = re.compile(_KEY + r"(?:'[^'\n]*'\s*:|\"[^\"\n]*\"\s*:\s*(?:'|(?:True|False|None)\b))")
_COMMENTS = re.compile(r"\s*(?:(?://|#)[^\n]*\n\s*|/\*.*?\*/\s*)+(?=[\[{])", re.S)
_BARE = re.compile(_KEY + r"[A-Za-z_]\w*\s*:")
_NAME = r"[A-Za-z_][\w ]*:"
_YAML = re.compile(
    rf"\s*(?:---[^\n]*\n)?(?:#[^\n]*\n)*(?:[A-Za-z_]\w*:\s*\n)?\s*- +{_NAME}(?: [^\n]*)?\n(?:[^\n]*\n)*?\s+{_NAME} "
)
HEAD = 4096
"""Characters by which such texts are known."""

_LINES = (
    "import ast, json, sys; [print(json.dumps(ast.literal_eval(s))) for s in open(sys.argv[1]) if s.strip()]"
)
_WHOLE = "import ast, json, sys; json.dump(ast.literal_eval(open(sys.argv[1]).read()), sys.stdout)"
_LOAD = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, default=str)"


def fault_in(text: str, path: str) -> str | None:
    """Why a text that begins so is no JSON although it looks like it, and what to do; None for any other text.

    >>> (fault_in("{'p': 0.9, 'ok': True}\\n", "a.jsonl") or "").partition(". ")[0]
    "a.jsonl holds objects as Python prints them ('single quotes', True, None), which is no JSON"
    >>> fault_in('{"p": 0.9}', "a.json") is None
    True
    """
    kept = quote(_beside(path))
    named, head = quote(f"./{path}" if path.startswith("-") else path), text[:HEAD]
    if _COMMENTS.match(head):
        return (
            f"{path} begins with a comment, and JSON has none. Take the lines that are comments out: "
            f"sed '/^ *\\(\\/\\/\\|#\\)/d' {named} > {kept}"
        )
    if _PYTHON.match(head) and not _decodes(text):
        line = text.lstrip().partition("\n")[0].rstrip()
        of_lines = line.startswith("{") and line.endswith("}")
        code = quote(_LINES if of_lines else _WHOLE)
        return (
            f"{path} holds objects as Python prints them ('single quotes', True, None), which is no JSON. Write them "
            f"with json.dumps, or turn them into JSON: python3 -c {code} {named} > {kept}"
        )
    if _BARE.match(head) or (_YAML.match(head) and not text.lstrip().startswith(("[", "{"))):
        return (
            f"{path} is YAML, or JSON with names that stand in no quotes. Turn it into JSON, with PyYAML (`pip install "
            f"pyyaml`): python3 -c {quote(_LOAD)} {named} > {kept}"
        )
    return None


def no_json(text: str, path: str, *, whole: bool) -> str:
    """Where a text that begins as JSON stops being it, and what to do; `whole` where the text is all of the file.

    >>> no_json('[{"p": 0.9,}]', "a.json", whole=True).partition(". ")[0]
    'a.json is no JSON: line 1, column 12: a comma that nothing follows'
    """
    start = text.lstrip("\ufeff \t\r\n")
    try:
        json.loads(start)
    except RecursionError:
        return f"{path} is no JSON that can be read: it is nested too deeply."
    except json.JSONDecodeError as error:
        before = start[: error.pos].rstrip()
        if whole and not start.rstrip().endswith(("}", "]")):
            return (
                f"{path} is cut off: it ends in the middle of an object. Fetch it again, or close it by hand."
            )
        if before.endswith(",") and start[error.pos : error.pos + 1] in ("}", "]"):
            what = "a comma that nothing follows. Take it out"
        elif start[error.pos :].startswith(("//", "/*", "#")):
            what = "a comment, which JSON has not. Take it out"
        else:
            came = start[error.pos : error.pos + 20]
            what = f"{error.msg[:1].lower()}{error.msg[1:]}, but {came!r} came. Mend it there"
        if not whole and error.pos >= len(start) - 1:
            what = "what begins there is longer than could be looked at. Write an object on each line"
        return f"{path} is no JSON: line {error.lineno}, column {error.colno}: {what}, or write the log as JSON lines."
    return f"{path} holds JSON, but no objects: expected a list of objects, or an object on each line."


def _beside(path: str) -> str:
    stem, dot, ending = path.rpartition(".")
    ending = ending if ending in ("json", "jsonl", "ndjson") else "json"
    return f"{(stem if dot else path).lstrip('-')}_plain.{ending}"


def _decodes(text: str) -> bool:
    """Whether the first object, or list, is JSON as it stands."""
    try:
        json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    return True
