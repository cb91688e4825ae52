"""What a file is, what it supports, what is in the way, and which command comes next."""

from .look import Look, look

__all__ = ["Look", "look"]
