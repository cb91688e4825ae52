"""The commands before a gateway serves."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calibrant.assembly.config import parse
from calibrant.assembly.initial import Wishes, address_of, initial
from calibrant.assembly.keys import hash_of, weakness
from calibrant.errors import Misuse

from ..upstream import Upstream

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream().start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "MODEL_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_key_is_shown_once_beside_the_hash_that_the_file_takes(run: Run) -> None:
    status, told = run("key", "team a")
    key, toml = told.split(" [keys", 1)[0], told
    assert status == 0 and weakness(key.split()[0]) is None
    lines = subprocess.run(
        [sys.executable, "-m", "calibrant", "key", 'Zoë "x"'], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    table = tomllib.loads("\n".join(lines[1:]))
    config = parse({"model": {"kind": "scripted", "script": {}}} | table, {})
    assert config.keys[0].name == 'Zoë "x"'
    assert config.keys[0].hash == hash_of(lines[0])
    assert "hash" in toml


@pytest.mark.parametrize(
    "options",
    [
        ("--url", "http://localhost:8000/v1", "--model", "org/my-model"),
        ("--url", "api.openai.com", "--model", "gpt-4o-mini", "--key-env", "OPENAI_API_KEY"),
        ("--url", "https://api.anthropic.com", "--model", "claude"),
        ("--url", "embedded"),
        (
            "--url",
            "http://h/v1",
            "--model",
            'a "quoted" \\ name\t日本',
            "--store",
            "log 1.db",
        ),
        ("--url", "http://[::1]:8000", "--model", "m", "--store", "postgresql://user@host/name"),
        ("--url", "http://h/v1", "--model", "m", "--store", "env:STORE"),
    ],
)
def test_what_is_written_is_served_at_once(
    options: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    monkeypatch.setenv("STORE", "postgresql://user:secret@host/name")
    status, told = run("init", "--yes", *options)
    assert status == 0, told
    assert "calibrant doctor calibrant.toml" in told and "calibrant serve calibrant.toml" in told
    text = (folder / "calibrant.toml").read_text()
    config = parse(tomllib.loads(text), dict(os.environ), folder)
    wanted = dict(zip(options[::2], options[1::2], strict=True))
    if "--model" in wanted:
        assert config.models["model"].settings["model"] == wanted["--model"]
    assert ("sk-of-nobody" in repr(config.models)) == (wanted["--url"] == "api.openai.com")
    assert "sk-of-nobody" not in text and "secret@" not in text
    if wanted["--url"] != "embedded":
        assert run("serve", "calibrant.toml", "--check")[0] == 0


def test_nothing_is_written_over(run: Run, folder: Path) -> None:
    (folder / "calibrant.toml").write_text("mine")
    status, told = run("init", "--yes", "--url", "embedded")
    assert status == 1 and "is there already, and stays as it is" in told
    assert (folder / "calibrant.toml").read_text() == "mine"
    assert run("init", "--yes", "--url", "embedded", "-o", "other.toml")[0] == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "Nobody is there to be asked. Say --url, --model and --store, or --yes"),
        (("--yes", "--url", "http://127.0.0.1:9/v1"), "It lists none. Say --model"),
        (("--yes", "--url", "ftp://h", "--model", "m"), "Expected the base URL of a model's server"),
        (("--yes", "--url", "http://me:secret@h", "--model", "m"), "Expected the base URL"),
        (("--yes", "--url", "http://h:port", "--model", "m"), "Expected the base URL"),
        (("--yes", "--url", "http://h", "--model", "m", "--key-env", "sk-1234"), "the name of the environment"),
        (("--yes", "--url", "http://h", "--model", "m", "--store", "postgresql://a:b@h/n"), "holds a password"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(options: tuple[str, ...], told: str, run: Run, folder: Path) -> None:
    status, said = run("init", *options)
    assert (status, told in said) == (2, True), said
    assert not list(folder.iterdir())


def test_three_questions_are_asked_and_no_more(folder: Path, upstream: Upstream) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "calibrant", "init"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=folder,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{upstream.url}\nmy-model\n\n".encode())
    out, err = process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == 0, err
    table = tomllib.loads((folder / "calibrant.toml").read_text())
    assert (table["model"]["url"], table["model"]["model"]) == (upstream.url, "my-model")
    assert table["store"]["url"] == "calibrant.db"
    assert [q in err for q in ("Where is the model?", "Which model?", "Where are records kept?")] == [
        True
    ] * 3
    assert err.count("?") == 3 and "calibrant doctor" in out


def test_addresses_are_taken_as_people_paste_them() -> None:
    assert address_of(" https://api.openai.com/v1/chat/completions ") == "https://api.openai.com/v1"
    assert address_of("127.0.0.1:11434") == "http://127.0.0.1:11434/v1"
    assert address_of("models.example.org") == "https://models.example.org/v1"
    assert address_of("https://h.example/openai/v2") == "https://h.example/openai/v2"
    for text in ("", "http://", "a b", "http://h:99999", "embedded model"):
        with pytest.raises(Misuse):
            address_of(text)


def test_a_file_states_what_is_usual() -> None:
    """What stands in the file is what holds without it, so that a line can be taken out."""
    text = initial(Wishes(url="http://h/v1", model="m"))
    whole = parse(tomllib.loads(text), {})
    plain = parse({"model": {"kind": "openai_compatible", "url": "http://h/v1", "model": "m"}}, {})
    assert whole.release.release_id == plain.release.release_id
    assert (whole.server, whole.store) == (plain.server, plain.store)
    settings = text[text.index("[server]") :].replace("\n# ", "\n")
    assert set(tomllib.loads(settings)) >= {"keys", "models", "task"}, (
        "what stands in comments can be taken in"
    )
