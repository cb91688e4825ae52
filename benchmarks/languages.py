"""Makes src/calibrant/answers/languages.json: months and small numbers in words, in several languages.

    pip install --group bench && python benchmarks/languages.py [--quick]

Months are those of the Unicode CLDR, in full and short; numbers those of num2words, in full. A word that stands for
two months or two numbers among these languages is left out, and so is a number that is an ordinary English word.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

from calibrant.answers.letters import unaccented

MONTHS = (
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sv", "da", "nb", "fi", "hu", "ro", "tr", "ru", "uk",
    "el", "id", "ca", "ar", "he", "bg", "sk",
)  # fmt: skip
NUMBERS = ("en", "de", "fr", "es", "it", "pt", "nl")
COUNTED = [*range(101), *range(200, 1001, 100), *range(2000, 10_001, 1000)]
ENGLISH = {"once", "elf", "die", "dove", "on", "mil", "set", "act", "as", "een", "un", "one", "due", "cent"}
TARGET = Path(__file__).parents[1] / "src" / "calibrant" / "answers" / "languages.json"


def one_meaning(found: dict[str, set[int]]) -> dict[str, int]:
    return {word: min(values) for word, values in sorted(found.items()) if len(values) == 1}


def months() -> dict[str, int]:
    from babel.dates import get_month_names

    found: dict[str, set[int]] = defaultdict(set)
    for language in MONTHS:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for month, name in get_month_names(width, context, language).items():
                    word = unaccented(name).strip(".")
                    if len(word) >= 3 and word.isalpha():
                        found[word].add(month)
    return one_meaning(found)


def numbers() -> dict[str, int]:
    from num2words import num2words

    found: dict[str, set[int]] = defaultdict(set)
    for language in NUMBERS:
        for value in COUNTED:
            word = unaccented(num2words(value, lang=language)).replace("-", " ")
            found[" ".join(word.split())].add(value)
    return {word: value for word, value in one_meaning(found).items() if word not in ENGLISH} | {"one": 1}


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="reads the file again, makes it where both packages are installed, and writes nothing",
    )
    return parser


def main() -> None:
    given = options().parse_args()
    if given.quick and not (find_spec("babel") and find_spec("num2words")):
        kept = json.loads(TARGET.read_text())
        assert all(one_meaning({word: {value}}) for part in kept.values() for word, value in part.items())
        print("babel and num2words are left out: pip install --group bench")
        return
    made = json.dumps({"months": months(), "numbers": numbers()}, ensure_ascii=False, indent=0) + "\n"
    if given.quick:
        print("as it is" if made == TARGET.read_text() else "another than the file that is kept")
        return
    TARGET.write_text(made)


if __name__ == "__main__":
    main()
