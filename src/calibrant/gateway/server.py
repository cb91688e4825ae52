"""The gateway as a process."""

from __future__ import annotations

from calibrant.assembly.building import build
from calibrant.assembly.config import Config
from calibrant.plugins import require

from .app import create_app

__all__ = ["serve"]

PATIENCE = 30
"""Seconds that answers under way are given when the server is told to stop."""


def serve(config: Config) -> None:
    """Serve until interrupted. The configuration has seen to it that only loopback goes without a key."""
    uvicorn = require("uvicorn", "The gateway", "gateway")
    app = create_app(build(config), hashes=[key.hash for key in config.keys])
    uvicorn.run(
        app,
        host=config.server.host,
        port=config.server.port,
        access_log=False,
        timeout_graceful_shutdown=PATIENCE,
    )
