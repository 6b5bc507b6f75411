"""Companies of the made world: names with legal forms, domains, mail patterns, telephones; few large, many small."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import phonenumbers
from anyascii import anyascii
from bench.identity.places import PLACES
from bench.identity.settings import Settings

_ONSETS: Final = [
    "b",
    "br",
    "c",
    "cr",
    "d",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "qu",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "x",
    "z",
]
_VOWELS: Final = ["a", "e", "i", "o", "u", "y", "a", "e", "i", "o", "io", "ea"]
_ENDS: Final = ["n", "r", "x", "l", "s", "tis", "ra", "on", "ia", "um", "tec", "vo", "dyn", "nova", "lix", "gen"]
_PATTERNS: Final = (
    ("first.last",) * 12 + ("flast",) * 5 + ("f.last",) * 2 + ("first_last", "firstlast", "last", "lastf")
)


@dataclass
class Firm:
    """A company as it is. name: without legal form. trade: what some call it. hosts: of its addresses, the usual first.
    kind: "small", "large", "public", "family". weight: how many of the people work there, relatively."""

    id: int
    culture: str
    name: str
    trade: str
    legal: str
    hosts: tuple[str, ...]
    pattern: str
    phone: str
    city: str
    kind: str
    weight: float
    family: str = ""
    people: int = 0


def number(random: Random, region: str, *, mobile: bool) -> str:
    """A valid-looking telephone number of a country, in E.164."""
    kinds = phonenumbers.PhoneNumberType
    pattern = phonenumbers.example_number_for_type(region, kinds.MOBILE if mobile else kinds.FIXED_LINE)
    digits = str(pattern.national_number)
    free = min(6, len(digits) - 2)
    for _ in range(20):
        pattern.national_number = int(digits[:-free] + "".join(random.choice("0123456789") for _ in range(free)))
        if phonenumbers.is_possible_number(pattern):
            break
    return phonenumbers.format_number(pattern, phonenumbers.PhoneNumberFormat.E164)


def coined(random: Random) -> str:
    """A name that nobody has."""
    made = "".join(random.choice(_ONSETS) + random.choice(_VOWELS) for _ in range(random.choice((1, 2, 2, 3))))
    return (made + random.choice(_ENDS)).capitalize()


def slug(text: str) -> str:
    """A text as a label of a domain."""
    return re.sub(
        "[^a-z0-9]+", "-", anyascii(text.replace("ü", "ue").replace("ö", "oe").replace("ä", "ae")).lower()
    ).strip("-")


def firms_of(random: Random, settings: Settings, count: int, surnames: Mapping[str, list[str]]) -> list[Firm]:
    """As many companies, in the cultures of the settings; no two with one host."""
    cultures, weights = list(settings.cultures), list(settings.cultures.values())
    taken: set[str] = set()
    found = []
    for number_ in range(count):
        culture = random.choices(cultures, weights)[0]
        found.append(_firm(random, settings, number_, culture, surnames[culture], taken))
    return found


def _firm(random: Random, settings: Settings, id_: int, culture: str, surnames: list[str], taken: set[str]) -> Firm:
    place = PLACES[culture]
    weight = min(150.0, random.paretovariate(1.05))
    kind = "large" if weight > 12 else "public" if random.random() < 0.04 else "small"
    if kind == "small" and weight < 4 and random.random() < settings.family_firms:
        kind = "family"
    city, trade = random.choice(place.cities), random.choice(place.trades)
    family, name = "", ""
    draw = random.random()
    if kind == "public":
        name = random.choice((f"University of {city}", f"{city} University", f"City of {city}", f"{city} Hospital"))
    elif kind == "family" or draw < 0.2:
        family = random.choice(surnames)
        name = random.choice((f"{family} {trade}", family, f"{family} & Partner", f"{trade} {family}"))
    elif draw < 0.35:
        name = f"{city} {trade}"
    else:
        word = coined(random)
        name = word if random.random() < 0.5 else f"{word} {trade}"
    short = name.split()[0] if kind != "public" and random.random() < 0.5 else f"{name} {random.choice(place.trades)}"
    label = slug(name if random.random() < 0.6 else name.split()[0]) or slug(coined(random))
    while label in taken or len(label) < 3:
        label = f"{label}-{slug(random.choice((city, trade)))}" if len(label) < 25 else slug(coined(random))
        label = label.strip("-") or slug(coined(random))
        if label in taken:
            label = f"{label}{random.randint(2, 9_999)}"
    taken.add(label)
    hosts = [f"{label}.{place.ending if random.random() < 0.7 else 'com'}"]
    if random.random() < 0.12:
        hosts.append(f"{label}.{random.choice(('com', 'eu', 'net', 'io', place.ending))}")
    if random.random() < 0.04:
        hosts.append(f"{slug(coined(random))}.com")  # before it was renamed, or of a firm it has bought
    return Firm(
        id=id_,
        culture=culture,
        name=name,
        trade=short,
        legal="" if kind == "public" else random.choice(place.legal),
        hosts=tuple(dict.fromkeys(hosts)),
        pattern="first" if kind in ("small", "family") and random.random() < 0.3 else random.choice(_PATTERNS),
        phone=number(random, place.region, mobile=False),
        city=city,
        kind=kind,
        weight=weight * (3 if kind == "public" else 1),
        family=family,
    )
