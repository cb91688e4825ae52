"""`calibrant plan`: one file, one command."""

from . import cascade, ensemble

__all__ = ["cascade", "ensemble"]
