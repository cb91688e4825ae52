"""What schemathesis makes of the OpenAPI document, at a gateway: requests that it describes and such that it does not.

`python -m tests.gateway.described 1000` sends so many of each kind to each path, and shows what was not as described.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from ..upstream import Upstream
from .faults import house

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method",
)  # fmt: skip
"""What is checked. Not that odd requests are refused: what the document leaves open is the model server's affair."""


def run(number: int, seed: int = 0) -> tuple[bool, str, int]:
    """Whether all was as described, what was said, and how many requests were sent."""
    upstream = Upstream().start()
    try:
        with tempfile.TemporaryDirectory() as folder, house(Path(folder), upstream.url) as url:
            done = subprocess.run(
                [
                    sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run",
                    f"{url}/openapi.json", "--checks", ",".join(CHECKS), "--max-examples", str(number),
                    "--phases", "examples,coverage,fuzzing", "--mode", "all", "--seed", str(seed), "--no-color",
                    "--generation-database", "none", "--max-failures", "20",
                ],
                capture_output=True, text=True, cwd=folder,
            )  # fmt: skip
    finally:
        upstream.stop()
    said = done.stdout + done.stderr
    counts = re.findall(r"(\d+) generated", said)
    return done.returncode == 0, said, int(counts[-1]) if counts else 0


if __name__ == "__main__":
    well, said, _ = run(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    print(said)
    sys.exit(not well)
