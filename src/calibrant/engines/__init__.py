"""Counting where the rows lie. A family: one file, one engine."""
