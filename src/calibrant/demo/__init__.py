"""Demonstrations: of questions that are asked now, and of a desk that was watched for a year."""

from .facts import GATE, DemoResult, demo

__all__ = ["GATE", "DemoResult", "demo"]
