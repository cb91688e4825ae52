"""The gateway of the clients' tests."""

from ..clients.conftest import house

__all__ = ["house"]
