"""Text with a header line and one row on each further line."""

from __future__ import annotations

import csv

from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.tables import table_source

__all__ = ["Delimited"]


class Delimited:
    """Text in columns (CSV, TSV), parted by comma, semicolon, tab or bar as the header line is."""

    def claim(self, log: Given) -> Claim:
        """By its ending alone, since any text might be meant as columns."""
        return Claim.NAME if log.ending in (".csv", ".tsv", ".txt") else Claim.NONE

    def open(self, log: Given) -> Source:
        """All its values as texts."""
        header = log.beginning.partition("\n")[0]
        return table_source(
            log.text,
            "read_csv({path}, all_varchar = true, header = true, strict_mode = false, quote = '\"', escape = '\"', "
            f"null_padding = true, delim = {_delimiter(header)!r})",
        )


def _delimiter(header: str) -> str:
    """The mark that parts the header line most often."""
    counts = {mark: next(csv.reader([header], delimiter=mark), []) for mark in ",;\t|"}
    return max(counts, key=lambda mark: len(counts[mark]))
