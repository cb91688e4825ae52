"""The reference of the Python interface: a page for each room, made of the code whenever the site is built.

mkdocs.yml names this file as a hook. The pages lie nowhere else, so none can be out of date, and the code is read
without being imported, so that no extra is needed. `ROOMS` is the one list: a room of the package is on a page or, with
a word why, in `INNER`, and every name in `__all__` of its modules is there (tests/test_reference.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = Path(__file__).parents[1] / "src"
FOLDER = "reference"


class Page(NamedTuple):
    """A page of the reference: its name in the address, its title, what it holds, its rooms or modules, a lesson."""

    name: str
    title: str
    about: str
    rooms: tuple[str, ...]
    lesson: str


ROOMS = (
    Page("calibrant", "calibrant", "What `import calibrant` gives: most people need no more.", ("",), "python.md"),
    Page(
        "metrics", "Metrics", "Every figure of an audit, on a `Tally`.",
        ("metrics", "auditing", "tally", "clusters", "shown"), "numbers.md",
    ),
    Page(
        "calibrators", "Calibrators and maps", "From scores to probabilities: what fits, and what is fitted.",
        ("fitting", "fitted", "applying", "calibrators", "maps", "fits", "sklearn"), "small-domains.md",
    ),
    Page("signals", "Signals", "How sure a model is of an answer.", ("signals",), "signals.md"),
    Page(
        "guarantees", "Guarantees and plans", "Thresholds with a promise, costs, cascades, votes, chains.",
        ("guarantees", "planning", "plans", "routing"), "guarantees.md",
    ),
    Page(
        "deciding", "Policies, routes and gates", "From a probability to an action, and from a question to an answer.",
        ("gating", "returning", "policies", "routes", "posturing", "phrasing"), "wording.md",
    ),
    Page(
        "asking", "Asking", "Models, questions and graders, and what asks many at once.",
        ("models", "datasets", "graders", "reading", "asking", "pipeline"), "asking.md",
    ),
    Page(
        "comparing", "Comparing and judging", "Two logs, several signals, a judge's word against people's.",
        ("comparing", "judges", "judging"), "comparing.md",
    ),
    Page(
        "watching", "Monitors and learning", "Is what is claimed still true, and which map is better from now on?",
        ("monitors", "watching", "learning", "releases"), "watching.md",
    ),
    Page("reviewing", "Reviewing", "What people judge, and what it tells.", ("reviewing",), "reviewing.md"),
    Page(
        "attacks", "Prompts under test", "The search for a prompt, and what an attacker can do to a confidence.",
        ("refining", "redteaming", "attacks"), "redteam.md",
    ),
    Page("training", "Fine-tuning", "Losses, examples and runs.", ("training",), "training.md"),
    Page(
        "logs", "Logs, engines and stores", "Where rows come from and where records are kept.",
        (
            "looking", "logs.opening", "logs.panels", "logs.sources", "logs.tallies", "engines", "importing", "stores",
            "records",
        ), "logs.md",
    ),
    Page("integrations", "Integrations", "Others' programs.", ("integrations",), "integrations.md"),
    Page("card", "The audit card", "What an auditor is given.", ("card",), "card.md"),
    Page(
        "extending", "For extensions", "The nouns, the protocols, the checks, and what signals are made of.",
        (
            "types", "protocols", "errors", "checks", "plugins", "dialogue.agreement", "dialogue.asks",
            "dialogue.fingerprinted", "dialogue.stated", "dialogue.tokens",
        ), "extending.md",
    ),
)  # fmt: skip
INNER = {
    "answers": "what graders and signals compare answers by",
    "arguments": "how settings are read",
    "assembly": "a configuration file becomes a gateway: documented with the gateway",
    "cli": "the command line has its own page",
    "columns": "how a tally counts",
    "dialogue": "what signals share beyond what an extension needs",
    "demo": "what `calibrant demo` shows",
    "doctor": "what `calibrant doctor` checks",
    "files": "how files are written whole",
    "formats": "how texts of other tools are read",
    "gateway": "spoken to over HTTP",
    "http": "how others are asked",
    "logs": "what the log's readers share",
    "overview": "what the pages and the card tell of a store",
    "pages": "what the gateway shows",
    "past": "how a store is read once for all who need it",
    "report": "made by `plot`, `to_html` and `--report`",
}
"""Rooms that nobody needs to import from, and why."""

LISTED = ("Parameters", "Attributes")


@cache
def package() -> Any:
    """The code, read and not imported; a dataclass with the parameters that its fields make."""
    import griffe

    return griffe.load(
        "calibrant", search_paths=[SOURCE], allow_inspection=False, extensions=griffe.load_extensions("dataclasses")
    )  # fmt: skip


def modules(room: str) -> Iterator[Any]:
    """The modules of a room, without those that are called like `_this`."""
    module = package()[room] if room else package()
    yield module
    for name in sorted(module.modules if room else ()):
        if not name.startswith("_"):
            yield from modules(f"{room}.{name}")


def public(module: Any) -> list[str]:
    """The names in `__all__` of a module, or where it has none the classes and functions that it defines."""
    if module.exports is not None:
        return [str(name) for name in module.exports]
    return [
        name for name, what in module.members.items()
        if not name.startswith("_") and not what.is_alias and (what.is_class or what.is_function)
    ]  # fmt: skip


@cache
def documented(room: str) -> dict[str, Any]:
    """Each public name of a room with what it is, where it was written."""
    told: dict[str, Any] = {}
    for module in modules(room):
        for name in public(module):
            found = module[name]
            if found.is_module and name in found.members:  # of a file called like what it holds
                found = found[name]
            found = found.final_target if found.is_alias else found
            if not found.is_module and found.path.startswith("calibrant."):
                told[f"{module.path}.{name}"] = found
    return told


@cache
def homes() -> dict[str, tuple[str, str]]:
    """Page and module of each object, by the path where it was written: the first that lists it."""
    found: dict[str, tuple[str, str]] = {}
    for page in ROOMS:
        for room in page.rooms:
            for public_path, what in documented(room).items():
                found.setdefault(what.path, (page.name, public_path.rpartition(".")[0]))
    return found


@cache
def places() -> dict[str, str]:
    """Page and anchor of each object, by the path where it was written: what `calibrant` itself gives stands there."""
    found: dict[str, str] = {}
    for page in ROOMS:
        for room in page.rooms:
            for what in documented(room).values():
                found.setdefault(what.path, f"{page.name}.md#{what.path}")
    return found


@cache
def spelled() -> dict[str, str]:
    """The same by what a docstring calls it: its class's name, or a path with a dot."""
    found: dict[str, str] = {}
    for path, place in places().items():
        short = path.rpartition(".")[2]
        for name in (path, path.removeprefix("calibrant."), *([short] if short[:1].isupper() else [])):
            found[name] = "" if found.get(name, place) != place else place
    for page in ROOMS:
        for room in page.rooms:
            for name, what in documented(room).items():
                found[name] = places()[what.path]
    return found


def pages() -> dict[str, str]:
    """The text of every page, by its name."""
    return {f"{FOLDER}/{page.name}.md": re.sub(r"\n{3,}", "\n\n", "\n".join(_page(page))) for page in ROOMS}


def _page(page: Page) -> Iterator[str]:
    yield from (f"# {page.title}", "", f"{page.about} [How to use it](../{page.lesson}).", "")
    several = len(page.rooms) > 1 or any(package()[room].modules for room in page.rooms if room)
    for room in page.rooms:
        for module in modules(room):
            told = documented(room)
            listed = [
                (name, told[path]) for name in public(module) if (path := f"{module.path}.{name}") in told
            ]
            if listed:
                yield from _module(page, module, listed, several)


def _module(page: Page, module: Any, listed: list[tuple[str, Any]], several: bool) -> Iterator[str]:
    if several:
        yield from (f"## {module.path} {{ #{module.path} }}", "")
        if module.docstring:
            yield from (*_text(module.docstring.value), "")
    elsewhere = []
    for name, what in sorted(listed, key=lambda one: (one[1].is_attribute, one[0].lower())):
        place = places()[what.path]
        if homes()[what.path] == (page.name, module.path):
            yield from _object(what, name, 3 if several else 2)
        else:
            elsewhere.append(f"[`{name}`]({place})")
    if elsewhere:
        yield from (f"Also here: {', '.join(elsewhere)}.", "")


def _object(what: Any, name: str, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {name} {{ #{what.path} }}", "")
    yield from _signature(what, name)
    if what.docstring:
        for heading, text in sections(what):
            yield from (*_section(heading, text), "")
    if what.is_class:
        yield from _fields(what)
        for member in what.members.values():
            called = member.is_function or "property" in member.labels
            if called and member.docstring and not member.name.startswith("_"):
                yield from _object(member, f"{name}.{member.name}", level + 1)


def _fields(what: Any) -> Iterator[str]:
    """The values of an enumeration, and the fields that say what they are."""
    of_enum = set(_bases(what)) & {"Enum", "StrEnum"}
    fields = [one for one in what.members.values() if one.is_attribute and "property" not in one.labels]
    told = [one for one in fields if one.name[0] != "_" and (one.docstring or of_enum)]
    for one in told:
        value = f" = {one.value}" if of_enum else f" : {_escaped(str(one.annotation or ''))}"
        yield from (f"- `{one.name}`{_escaped(value)}", "")
        if one.docstring:
            yield from ("    " + line if line else "" for line in _text(one.docstring.value))
            yield ""


def _signature(what: Any, name: str) -> Iterator[str]:
    if what.is_attribute:
        if "property" not in what.labels and what.value is not None and len(str(what.value)) < 400:
            yield from ("```python", f"{name} = {what.value}", "```", "")
        elif what.annotation is not None:
            yield from ("```python", f"{name}: {what.annotation}", "```", "")
        return
    if what.is_class and set(_bases(what)) & {"Exception", "Protocol", "TypedDict", "Enum", "StrEnum"}:
        yield from ("```python", f"class {name}({', '.join(_bases(what))})", "```", "")
        return
    yield from ("```python", _called(what, name), "```", "")
    if what.is_class and (bases := [base for base in _bases(what) if base != "object"]):
        yield from (f"A kind of {', '.join(_linked(f'`{base}`') for base in bases)}.", "")


def _bases(what: Any) -> list[str]:
    return [str(base) for base in what.bases]


def _called(what: Any, name: str) -> str:
    """How it is called, on one line where it fits and else with a line for each parameter."""
    given, star = [], False
    for one in what.parameters:
        if one.name in ("self", "cls"):
            continue
        kind = one.kind.name if one.kind else ""
        if kind == "keyword_only" and not star:
            given.append("*")
        star = star or kind in ("keyword_only", "var_positional")
        lead = {"var_positional": "*", "var_keyword": "**"}.get(kind, "")
        said = f": {one.annotation}" if one.annotation is not None else ""
        equals = " = " if said else "="
        default = f"{equals}{one.default}" if one.default is not None and not lead else ""
        given.append(f"{lead}{one.name.lstrip('*')}{said}{default}")
    back = f" -> {what.returns}" if what.is_function and what.returns is not None else ""
    lead = "async " if "async" in what.labels else ""
    line = f"{lead}{name}({', '.join(given)}){back}"
    if len(line) <= 88:
        return line
    return f"{lead}{name}(\n" + "".join(f"    {one},\n" for one in given) + f"){back}"


def sections(what: Any) -> list[tuple[str, str]]:
    """The sections of a docstring with their headings; prose after a list of parameters is one without."""
    found: list[tuple[str, list[str]]] = [("", [])]
    told = what.docstring.value.splitlines() if what.docstring else []
    for i, line in enumerate(told):
        if (told[i + 1 : i + 2] or [""])[0].startswith("---"):
            found.append((line, []))
        elif not line.startswith("---"):
            if found[-1][0] in LISTED and not told[i - 1] and line and not re.match(r"\s|[\w*, ]+ :", line):
                found.append(("", []))
            found[-1][1].append(line)
    return [(heading, "\n".join(lines).strip("\n")) for heading, lines in found]


def items(text: str) -> Iterator[tuple[str, str]]:
    """What a section lists, such as "scores : shape (n,)", each with what is said of it."""
    for one in re.split(r"\n+(?=\S)", text):
        lead, _, said = one.partition("\n")
        yield lead, cleandoc(said)


def _section(heading: str, text: str) -> Iterator[str]:
    if heading:
        yield from (f"**{heading}**", "")
    if heading not in (*LISTED, "Raises"):
        yield from _text(text)
        return
    for lead, said in items(text):
        names, colon, kind = lead.partition(" :")
        shown = (
            ", ".join(_linked(f"`{name}`") for name in names.split(", "))
            if colon or heading == "Raises"
            else lead
        )
        yield from (f"- {shown}{colon}{_escaped(kind)}", "")
        yield from ("    " + line if line else "" for line in _text(said))
        yield ""


def _text(text: str) -> Iterator[str]:
    """A docstring's prose, with its examples as blocks and the names that the reference has as links."""
    example = False
    for line in [*text.splitlines(), ""]:
        if example and not line.strip():
            yield from ("```", "")
            example = False
        elif not example and line.lstrip().startswith(">>> "):
            yield from ("", "```pycon")
            example, indent = True, len(line) - len(line.lstrip())
        if example:
            yield line[indent:]
        else:
            yield _linked(_escaped(line))


def _escaped(line: str) -> str:
    """Angles and stars that are meant as they stand."""
    parts = line.split("`")
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"(?<=\w)\*(?=\w)|\*(?=\s)", r"\\*", parts[i].replace("<", "&lt;"))
        parts[i] = re.sub(r"\](?=[\[(])", r"\\]", parts[i])
    return "`".join(parts)


def _linked(line: str) -> str:
    def link(found: re.Match[str]) -> str:
        place = spelled().get(found[1])
        return f"[`{found[1]}`]({place})" if place else found[0]

    return re.sub(r"`([A-Za-z_][\w.]*)`", link, line)


def contents() -> str:
    """The first page of the reference: what is on which page. It lies in docs/, its links are made with the pages."""
    lines = [
        "# The Python reference", "",
        "Every public name with its signature, shapes, units, errors, sources and examples, which the tests run.",
        "The pages are made of the code when the site is built (`make docs`), so that none is out of date; in Python,",
        "`help(calibrant.certify)` says the same. [In Python and notebooks](../python.md) shows how they go together.",
        "",
        "| page | holds | of |", "|---|---|---|",
    ]  # fmt: skip
    for page in ROOMS:
        rooms = ", ".join(f"`calibrant.{room}`" if room else "`calibrant`" for room in page.rooms)
        lines.append(f"| **{page.title}** | {page.about} | {rooms} |")
    return "\n".join(lines) + "\n"


def on_config(config: Any) -> Any:
    """Add the pages to the menu, below their first one."""
    [reference] = [
        entries for section in config["nav"] for name, entries in section.items() if name == "Reference"
    ]
    [listed] = [entries["Python"] for entries in reference if "Python" in entries]
    listed.extend({page.title: f"{FOLDER}/{page.name}.md"} for page in ROOMS)
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages themselves."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(text: str, page: Any, **_: Any) -> str:
    """Link the first page with the others, which are not there where it is read without them."""
    if page.file.src_uri == f"{FOLDER}/index.md":
        for one in ROOMS:
            text = text.replace(f"**{one.title}**", f"**[{one.title}]({one.name}.md)**")
    return text
