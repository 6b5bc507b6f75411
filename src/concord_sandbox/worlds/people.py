"""The people of the world `agency` as they really are: name, employer, addresses, telephones.

Says who exists, not who is written down where (that is `cast`). Draws from the randomness that it is given.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from concord_sandbox.worlds.firms import Firm
from concord_sandbox.worlds.names import CJK, GIVEN, SURNAMES, to_ascii
from concord_sandbox.worlds.phones import Exchange, Phone

#: Whose names one meets in a country, with weights.
_CULTURES = {
    "GB": (("en", 80), ("in", 7), ("pl", 5), ("fr", 3), ("es", 3), ("no", 2)),
    "US": (("en", 82), ("es", 10), ("in", 6), ("de", 2)),
    "AU": (("en", 88), ("in", 6), ("de", 3), ("no", 3)),
    "DE": (("de", 87), ("pl", 6), ("en", 4), ("es", 3)),
    "PL": (("pl", 100),),
    "FR": (("fr", 95), ("es", 5)),
    "NO": (("no", 95), ("de", 5)),
    "JP": (("en", 30), ("cjk", 70)),
    "SG": (("en", 30), ("in", 25), ("cjk", 45)),
}
_FREE_MAIL = {
    "DE": ("gmail.com", "gmx.de", "web.de", "t-online.de"),
    "US": ("gmail.com", "yahoo.com", "outlook.com", "aol.com"),
    "GB": ("gmail.com", "hotmail.co.uk", "btinternet.com", "outlook.com", "icloud.com"),
}
_ANY_FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com")
_TITLES = (
    "Marketing Manager",
    "Head of Marketing",
    "Managing Director",
    "Brand Manager",
    "Head of Communications",
    "Digital Lead",
    "Sales Director",
    "E-Commerce Manager",
    "Procurement Manager",
    "Events Coordinator",
    "Chief Marketing Officer",
    "Content Editor",
    "PR Manager",
    "Product Owner",
    "Finance Director",
    "Office Manager",
)
_GERMAN_TITLES = (
    "Leitung Marketing",
    "Geschäftsführung",
    "Einkauf",
    "Marketingleitung",
    "Referat Kommunikation",
    "Vertriebsleitung",
    "Online-Redaktion",
    "Assistenz der Geschäftsführung",
)
#: The ways in which a firm forms its people's addresses; a firm has one, and older addresses in another.
_FORMS = ("first.last", "flast", "f.last", "firstl", "first", "first_last", "last.first", "lastf")


@dataclass(frozen=True)
class Person:
    """Somebody. `work` and `other_work` are two addresses of the same person at the firm; `native` is the name in
    its own script (given, family) where that is not Latin."""

    key: int
    given: str
    family: str
    sex: str
    culture: str
    country: str
    firm: Firm | None
    title: str
    work: str | None
    other_work: str | None
    private: str
    direct: Phone
    mobile: Phone
    native: tuple[str, str] | None = None


class Population:
    """Makes people, none of whom shares an address, a telephone or a full name at one employer with another by
    chance. Coincidences are made on purpose, through the arguments."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._exchange = Exchange(rng)
        self._addresses: set[str] = set()
        self._names: set[tuple[str, str, str]] = set()
        self._count = 0

    def person(
        self,
        firm: Firm | None,
        *,
        culture: str | None = None,
        country: str | None = None,
        named: tuple[str, str, str] | None = None,
        wanted: Callable[[str, str, str], bool] = lambda given, family, sex: True,
    ) -> Person:
        """Somebody at `firm` (None: no known employer); `named` = (given, family, sex) fixes the name, `wanted` says
        of a name whether it will do."""
        if country is None:
            country = firm.country if firm else self._rng.choices(("GB", "DE", "US", "AU"), weights=(5, 4, 3, 1))[0]
        if culture is None:
            kinds, weights = zip(*_CULTURES[country], strict=True)
            culture = str(self._rng.choices(kinds, weights=weights)[0])
        given, family, sex, native = self._name(firm, culture, named, wanted)
        titles = _GERMAN_TITLES if country == "DE" and self._rng.random() < 0.6 else _TITLES
        work, other_work = self._work_addresses(given, family, culture, firm) if firm else (None, None)
        self._count += 1
        return Person(
            key=self._count,
            given=given,
            family=family,
            sex=sex,
            culture=culture,
            country=country,
            firm=firm,
            title=self._rng.choice(titles),
            work=work,
            other_work=other_work,
            private=self._private_address(given, family, culture, country),
            direct=self._exchange.landline(country),
            mobile=self._exchange.mobile(country),
            native=native,
        )

    def namesake(self, other: Person) -> Person:
        """Somebody else of the same name at the same firm."""
        return self.person(other.firm, culture=other.culture, named=(other.given, other.family, other.sex))

    def spouse(self, other: Person) -> Person:
        """Somebody of the same family name, the other sex and no known employer, who reads the same private mail."""
        sex = "f" if other.sex == "m" else "m"
        pool = GIVEN[other.culture]
        given = self._rng.choice([name for name in (pool.female if sex == "f" else pool.male) if name != other.given])
        made = self.person(None, culture=other.culture, country=other.country, named=(given, other.family, sex))
        return replace(made, private=other.private)

    def moved(self, person: Person, firm: Firm) -> Person:
        """The same person later, with another employer."""
        work, other_work = self._work_addresses(person.given, person.family, person.culture, firm)
        direct = self._exchange.landline(firm.country)
        return replace(
            person, firm=firm, work=work, other_work=other_work, direct=direct, title=self._rng.choice(_TITLES)
        )

    def shared_mailbox(self, firm: Firm, local: str) -> str:
        """An address of the firm that nobody owns alone, as info@ of it."""
        address = f"{local}@{firm.domain}"
        self._addresses.add(address)
        return address

    def another_landline(self, country: str) -> Phone:
        """A desk number that was or became somebody's."""
        return self._exchange.landline(country)

    def surname(self, culture: str, other_than: str) -> str:
        """A family name of that culture, for somebody who marries."""
        return self._rng.choice([name for name in SURNAMES[culture] if name != other_than])

    def _name(
        self,
        firm: Firm | None,
        culture: str,
        named: tuple[str, str, str] | None,
        wanted: Callable[[str, str, str], bool],
    ) -> tuple[str, str, str, tuple[str, str] | None]:
        if named is not None:
            return (*named, None)
        while True:
            native = None
            if culture == "cjk":
                given, family, own_given, own_family, sex = self._rng.choice(CJK)
                native = (own_given, own_family)
            else:
                sex = self._rng.choice("fm")
                pool = GIVEN[culture]
                given = self._rng.choice(pool.female if sex == "f" else pool.male)
                family = self._rng.choice(SURNAMES[culture])
            taken = (given, family, firm.domain if firm else "")
            if taken not in self._names and wanted(given, family, sex):
                self._names.add(taken)
                return given, family, sex, native

    def _work_addresses(self, given: str, family: str, culture: str, firm: Firm) -> tuple[str, str]:
        """Two addresses at the firm: in its usual form and in another."""
        habit = sum(firm.domain.encode()) % 3
        usual = self._free(_form(_FORMS[habit], given, family, culture), firm.domain)
        others = [form for form in _FORMS if form != _FORMS[habit]]
        if firm.size > 4:
            others.remove("first")
        return usual, self._free(_form(self._rng.choice(others), given, family, culture), firm.domain)

    def _private_address(self, given: str, family: str, culture: str, country: str) -> str:
        domain = self._rng.choice(_FREE_MAIL.get(country, _ANY_FREE_MAIL))
        name = _form(
            self._rng.choice(("first.last", "firstl", "flast", "first_last", "last.first")), given, family, culture
        )
        if self._rng.random() < 0.45:
            name += str(self._rng.choice((self._rng.randint(62, 99), self._rng.randint(1, 9), 2000)))
        return self._free(name, domain)

    def _free(self, local: str, domain: str) -> str:
        """`local@domain`, with the number behind it that a second person of that name gets."""
        address, number = f"{local}@{domain}", 1
        while address in self._addresses:
            number += 1
            address = f"{local}{number}@{domain}"
        self._addresses.add(address)
        return address


def _form(form: str, given: str, family: str, culture: str) -> str:
    first, last = (
        "".join(letter for letter in to_ascii(part, culture).lower() if letter.isalnum()) for part in (given, family)
    )
    return {
        "first.last": f"{first}.{last}",
        "flast": f"{first[0]}{last}",
        "f.last": f"{first[0]}.{last}",
        "firstl": f"{first}{last[0]}",
        "first": first,
        "first_last": f"{first}_{last}",
        "last.first": f"{last}.{first}",
        "lastf": f"{last}{first[0]}",
    }[form]
