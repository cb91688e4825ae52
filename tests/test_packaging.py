"""What a package index shows of the project, made by hatch_build.py when a wheel is built."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of hatch_build.py; the build tool itself is only where wheels are built."""
    interface = ModuleType("interface")
    interface.MetadataHookInterface = object  # type: ignore[attr-defined]
    for name in ("hatchling", "hatchling.metadata", "hatchling.metadata.plugin"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "hatchling.metadata.plugin.interface", interface)
    return runpy.run_path(str(ROOT / "hatch_build.py"))


def test_links_of_the_readme_lead_to_the_repository(built: dict[str, Any]) -> None:
    text = (ROOT / "README.md").read_text()
    made = built["linked"](text, "https://example.org/team/calibrant")
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", made)
    assert len(links) > 10 and all((one or other).startswith("https://") for one, other in links)
    path = re.search(r"/blob/HEAD/(docs/logs.md)\)", made)
    assert path and (ROOT / path[1]).is_file()


def test_a_readme_without_a_repository_has_no_dead_link(built: dict[str, Any]) -> None:
    made = built["linked"](
        "![a picture](docs/a.svg) See [the log](docs/logs.md), [out](https://a.org).", None
    )
    assert made == " See the log, [out](https://a.org)."
    whole = built["linked"]((ROOT / "README.md").read_text(), None)
    assert "](docs/" not in whole and "<img" not in whole


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/team/calibrant.git", "https://example.org/team/calibrant"),
        ("https://me:secret@example.org/team/calibrant", "https://example.org/team/calibrant"),
        ("git@example.org:team/sub/calibrant.git", "https://example.org/team/sub/calibrant"),
        ("ssh://git@example.org:2222/team/calibrant.git", "https://example.org/team/calibrant"),
        ("/srv/git/calibrant.git", None),
        ("file:///srv/git/calibrant.git", None),
        ("../calibrant", None),
    ],
)
def test_where_a_remote_is_read_in_a_browser(built: dict[str, Any], remote: str, address: str | None) -> None:
    assert built["browsed"](remote) == address


def test_what_is_known_already_stays(built: dict[str, Any], tmp_path: Path) -> None:
    """A wheel that is built from a source archive has what the archive says, far from any repository."""
    (tmp_path / "README.md").write_text("[log](docs/logs.md)")
    hook = built["Metadata"]()
    hook.root = str(tmp_path)
    known = {"readme": {"text": "as it was"}, "urls": {"Source": "https://example.org"}}
    hook.update(known)
    assert known == {"readme": {"text": "as it was"}, "urls": {"Source": "https://example.org"}}
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(
        ["git", "-C", str(tmp_path), "remote", "add", "origin", "git@example.org:a/b.git"], check=True
    )
    made: dict[str, Any] = {}
    hook.update(made)
    assert made["readme"]["text"] == "[log](https://example.org/a/b/blob/HEAD/docs/logs.md)"
    assert made["urls"]["Changelog"] == "https://example.org/a/b/blob/HEAD/CHANGELOG.md"
