"""What a package index shows: where the project lives, and a README whose links lead there.

The address is that of the repository that the package is built from (`git remote get-url origin`), so that it is
written down nowhere and right in every fork. Where there is none, links in the README become their words. In a wheel
that is built from a source archive both are as the archive has them.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s]+)\)")
PICTURE = re.compile(r"""(<img src=")(?!https?:)([^"]+)("[^>]*>\n*)""")


class Metadata(MetadataHookInterface):
    """Gives `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add what is not there yet."""
        address = _address(Path(self.root))
        if "readme" not in metadata:
            text = linked(Path(self.root, "README.md").read_text(encoding="utf-8"), address)
            metadata["readme"] = {"content-type": "text/markdown", "text": text}
        if "urls" not in metadata and address:
            metadata["urls"] = {
                "Source": address,
                "Documentation": f"{address}/blob/HEAD/docs/index.md",
                "Changelog": f"{address}/blob/HEAD/CHANGELOG.md",
            }


def linked(text: str, address: str | None) -> str:
    """The README with whole addresses in place of paths; without an address, with the words of its links alone."""
    if address is None:
        return LINK.sub(lambda found: "" if found[1] else found[2], PICTURE.sub("", text))

    def whole(found: re.Match[str]) -> str:
        return f"{found[1]}[{found[2]}]({address}/{'raw' if found[1] else 'blob'}/HEAD/{found[3]})"

    return LINK.sub(whole, PICTURE.sub(rf"\g<1>{address}/raw/HEAD/\2\3", text))


def _address(root: Path) -> str | None:
    """Where the repository can be read in a browser; None where it was cloned from nowhere."""
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return browsed(found)


def browsed(remote: str) -> str | None:
    """The address for a browser; of a remote that is a folder, None.

    >>> browsed("git@example.org:team/calibrant.git"), browsed("https://me:token@example.org/team/calibrant")
    ('https://example.org/team/calibrant', 'https://example.org/team/calibrant')
    >>> browsed("/srv/calibrant.git")
    """
    named = re.fullmatch(r"(?:https?|ssh)://(?:[^/@]*@)?([^/:]+)(?::\d+)?/(.+?)(?:\.git)?/?", remote)
    named = named or re.fullmatch(r"(?:[^/@]+@)([^/:]+):(.+?)(?:\.git)?/?", remote)
    return named and f"https://{named[1]}/{named[2]}"
