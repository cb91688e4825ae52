"""Write what is generated: the command line's help, the tables of extensions and of other tools' logs, the contents of
the Python reference (whose pages docs/reference.py makes with the site), and below the blocks of every page what they
print.

python docs/generate.py [--check | --man FILE]
"""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from blocks import written
from reference import contents

from calibrant.checks import promises
from calibrant.cli import app
from calibrant.cli.examples import EXAMPLES
from calibrant.errors import UnusableInput
from calibrant.logs.sources import Source, open_source
from calibrant.logs.tallies import Log, read_log
from calibrant.looking.settling import OPTION, unquoted
from calibrant.plugins import about, names

FOLDER = Path(__file__).parent
MARK = "<!-- What follows is written by docs/generate.py -->"
SAYS = {
    "signals": "how sure a model is of an answer",
    "calibrators": "from scores to probabilities",
    "policies": "from a probability to an action",
    "graders": "is the answer right?",
    "models": "language models that can be asked",
    "datasets": "labelled questions",
    "stores": "where records and verdicts are kept",
    "routes": "ways to an answer",
    "attacks": "ways to move a confidence",
    "log_formats": "what a log is written as",
    "engines": "where tables lie that are not copied",
}


STATUSES = """
| exit status | meaning |
|---|---|
| 0 | Done; where something was to be looked for, nothing was found. |
| 1 | Not done, or not all of it: no such file, a full disk, too few labels, a server that is away, a limit reached. |
| 2 | Cannot be meant so: an unknown option, name or setting, a value out of range, an output over an input. |
| 3 | Done, and found: a condition of `--fail-if` is met, or a certificate is refuted (`plan check`). |
| 130 | Stopped with Ctrl-C. |

Nothing is written over what a command reads, by whatever name. A file is there whole or, on an error, as it was.

`calibrant --install-completion` has bash, zsh and fish complete what is typed; `make man` writes a manual page."""


def commands() -> str:
    """Every command with its arguments and options."""
    root = typer.main.get_command(app)
    lines = ["# Command line", "", str(root.help), "", "Every command takes `--help`.", STATUSES]
    for name, command in _listed(root, ""):
        lines += ["", f"## calibrant {name}", "", str(command.help), "", "| option | meaning |", "|---|---|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            shown = parameter.metavar or str(parameter.name).upper()
            if parameter.param_type_name == "option":
                shown = ", ".join(parameter.opts)
            default = (
                ""
                if parameter.default in (None, "", False) or callable(parameter.default)
                else (f" Default: {parameter.default}.")
            )
            lines.append(f"| `{shown}` | {getattr(parameter, 'help', None) or ''}{default} |")
        lines += ["", "```console", *(f"$ {example}" for example in EXAMPLES[name]), "```"]
    return "\n".join(lines) + "\n"


def _listed(group: Any, lead: str) -> Iterator[tuple[str, Any]]:
    """The commands of a group and of the groups in it, each with its whole name."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _listed(command, f"{lead}{name} ")
        else:
            yield f"{lead}{name}", command


def extensions() -> str:
    """The lesson as it stands, and behind its mark what each family promises and who is in it."""
    lesson = (FOLDER / "extending.md").read_text().partition(MARK)[0]
    lines = [MARK]
    for family, says in SAYS.items():
        lines += ["", f"## {family}: {says}", "", "| promise | which is |", "|---|---|"]
        for name, promise in promises(family).items():
            lines.append(f"| {name.replace('_', ' ')} | {inspect.getdoc(promise).partition(chr(10))[0]} |")
        lines += ["", "| name | is |", "|---|---|"]
        lines += [f"| `{name}` | {about(family, name)} |" for name in names(family)]
    return lesson + "\n".join(lines) + "\n"


def tool_logs() -> str:
    """What is known of a file by each tool, read for this table, and what an audit makes of it."""
    lesson = (FOLDER / "formats.md").read_text().partition(MARK)[0]
    lines = [MARK, "", "| file | is | verdict | confidence | read as |", "|---|---|---|---|---|"]
    for path in sorted((FOLDER.parent / "tests" / "logs" / "files" / "tools").iterdir()):
        try:
            source = open_source(path)
        except UnusableInput as error:
            lines.append(f"| `{path.name}` | | | | {_refused(path, error)} |")
            continue
        if source.kind:
            parts = [_part(source, part) for part in ("correct", "confidence")]
            lines.append(f"| `{path.name}` | {source.kind} | {' | '.join(parts)} | {_read(path, source)} |")
    return lesson + "\n".join([*lines, "", *readings()]) + "\n"


def readings() -> Iterator[str]:
    """What comes of every file that the tests read: as it is, or with the first option that its refusal names."""
    yield "The files that the tests read, as they are or, where refused, with the first option that is named then:"
    yield ""
    yield "| file | option | claims | right | answers | said before any number |"
    yield "|---|---|---|---|---|---|"
    files = FOLDER.parent / "tests" / "logs" / "files"
    for path in sorted(one for one in files.rglob("*") if one.is_file()):
        yield f"| `{path.name}` | {' | '.join(_reading(path))} |"


def _reading(path: Path) -> list[str]:
    try:
        return _numbers(read_log(path), "")
    except UnusableInput as error:
        said = _refused(path, error)
        for option in OPTION.finditer(str(error)):
            try:
                return _numbers(
                    read_log(path, **{option[1]: unquoted(option[2])}), f"`{option[0].rstrip('.')}`"
                )
            except UnusableInput:
                continue
        return ["", "", "", "", said]


def _numbers(log: Log, option: str) -> list[str]:
    [tally] = log.groups.values()
    used = f"{tally.rows} of {log.rows}" if tally.rows < log.rows else str(log.rows)
    notes = " ".join(log.notes).replace("|", "\\|")
    return [option, f"{tally.mean_confidence:.3f}", f"{tally.accuracy:.3f}", used, notes]


def _part(source: Source, part: str) -> str:
    told = [source.roles[part]] if part in source.roles else source.choices.get(part, ())
    return ", ".join(f"`{name}`" for name in told) or "none"


def _read(path: Path, source: Source) -> str:
    """With the first of several columns."""
    chosen = {part: names[0] for part, names in source.choices.items() if part in ("correct", "confidence")}
    options = " ".join(f"--{part} {name}" for part, name in chosen.items())
    lead = f"`{options}`: " if options else ""
    try:
        log = read_log(path, **chosen)
    except UnusableInput as error:
        return lead + _refused(path, error)
    (tally, *others), rows = log.groups.values(), log.rows
    assert not others
    used = f"{tally.rows} of {rows} rows" if tally.rows < rows else f"{rows} rows"
    return f"{lead}{used}, claims {tally.mean_confidence:.3f}, right {tally.accuracy:.3f}"


def _refused(path: Path, error: UnusableInput) -> str:
    said = str(error).replace(str(path), "it").partition(" Its columns are:")[0]
    said = re.sub(r": looked for .*; the log has .*\. Name it", ". Name it", said)
    return f"refused: {said}".replace("|", "\\|")


def manual() -> str:
    """The commands as a manual page, for `man`."""
    root = typer.main.get_command(app)
    lines = [
        '.TH CALIBRANT 1 "" "calibrant" "User Commands"', ".SH NAME", f"calibrant \\- {_roff(str(root.help))}",
        ".SH SYNOPSIS", ".B calibrant", r"COMMAND [OPTIONS] [ARGUMENTS]", ".SH COMMANDS",
    ]  # fmt: skip
    for name, command in _listed(root, ""):
        lines += [f'.SS "calibrant {name}"', _roff(str(command.help))]
        for parameter in command.params:
            if parameter.name != "help":
                shown = parameter.metavar or str(parameter.name).upper()
                if parameter.param_type_name == "option":
                    shown = ", ".join(parameter.opts)
                lines += [".TP", _roff(shown), _roff(getattr(parameter, "help", None) or "")]
        lines += [".PP", ".nf", *(_roff(f"$ {example}") for example in EXAMPLES[name]), ".fi"]
    return "\n".join(line for line in lines if line) + "\n"


def _roff(text: str) -> str:
    """Words that are no requests, whatever they begin with, each paragraph on a line."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(
        rf"\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines() if line
    )


def main() -> None:
    """Write the pages, or with --check say which are out of date; with --man the manual page alone."""
    if "--man" in sys.argv:
        Path(sys.argv[-1]).write_text(manual(), encoding="utf-8")
        return
    stale = []
    pages = (
        ("cli.md", commands()), ("extending.md", extensions()), ("formats.md", tool_logs()),
        ("reference/index.md", contents()),
    )  # fmt: skip
    for name, text in pages:
        page = FOLDER / name
        if not page.exists() or page.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                page.write_text(text)
    if "--check" not in sys.argv:  # tests/test_docs.py runs the blocks
        for page in sorted(FOLDER.glob("**/*.md")):
            with tempfile.TemporaryDirectory() as folder:
                text = page.read_text()
                if (anew := written(text, Path(folder), page.name)) != text:
                    page.write_text(anew)
    if stale and "--check" in sys.argv:
        sys.exit(f"Out of date: {', '.join(stale)}. Run python docs/generate.py.")


if __name__ == "__main__":
    main()
