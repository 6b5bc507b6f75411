"""People of the made world: names by culture and frequency, families, jobs, addresses. The truth, before any clerk."""

from __future__ import annotations

import csv
import importlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from itertools import accumulate
from random import Random
from typing import Final

from anyascii import anyascii
from bench.identity.firms import Firm, firms_of, number
from bench.identity.places import FAMILIAR, PLACES, TITLES
from bench.identity.settings import Settings

#: Shares of the most frequent surnames where one dominates as no rank law says (the countries' statistics, rounded).
_FREQUENT: Final[Mapping[str, Mapping[str, float]]] = {
    "vi_VN": {"Nguyễn": 0.35, "Trần": 0.11, "Lê": 0.09, "Phạm": 0.07},
    "ko_KR": {"김": 0.21, "이": 0.15, "박": 0.08, "최": 0.05, "정": 0.05},
    "en_IN": {"Sharma": 0.05, "Patel": 0.05, "Singh": 0.06, "Kumar": 0.05, "Gupta": 0.03},
    "sv_SE": {}, "da_DK": {"Nielsen": 0.045, "Jensen": 0.045, "Hansen": 0.04, "Andersen": 0.03, "Pedersen": 0.03},
    "de_DE": {"Müller": 0.010, "Schmidt": 0.008, "Schneider": 0.006, "Fischer": 0.005, "Weber": 0.005},
    "es_ES": {"García": 0.033, "Martínez": 0.02, "López": 0.02, "Sánchez": 0.018, "Pérez": 0.017},
    "pt_BR": {"Silva": 0.06, "Santos": 0.05, "Oliveira": 0.04, "Souza": 0.03, "Pereira": 0.025},
}  # fmt: skip
#: Of cultures with two family names.
_TWO_FAMILIES: Final = ("es_ES", "es_MX", "es_CO", "pt_BR", "pt_PT")
_EAST: Final = ("zh_CN", "zh_TW", "ja_JP", "ko_KR")
#: Korean surnames as their bearers write them in Latin letters, against every rule of romanisation.
_KOREAN: Final = {"김": "Kim", "이": "Lee", "박": "Park", "최": "Choi", "정": "Jung",
                  "강": "Kang", "조": "Cho", "윤": "Yoon",
                  "임": "Lim", "오": "Oh", "신": "Shin", "유": "Yoo", "노": "Roh"}  # fmt: skip
_ENGLISH: Final = ("en_US", "en_GB", "en_NZ", "en_IE")


@dataclass
class Job:
    """firm, the address and the direct line there, and which of TITLES."""

    firm: Firm
    address: str
    line: str
    title: int


@dataclass
class Person:
    """Who someone is. given, second, family: as in the passport. latin_given, latin_family: how they are read in Latin
    letters, where that is not by rule. first_family: of two. family_before: before a marriage. familiar: other forms of
    the given name. kin: what makes them easily mistaken for somebody else: (kind, number of the group)."""

    id: int
    culture: str
    woman: bool
    given: str
    second: str
    family: str
    first_family: str = ""
    family_before: str = ""
    generation: str = ""
    familiar: tuple[str, ...] = ()
    private: str = ""
    mobile: str = ""
    home: str = ""
    city: str = ""
    latin_given: str = ""
    latin_family: str = ""
    jobs: list[Job] = field(default_factory=list)
    kin: list[tuple[str, int]] = field(default_factory=list)
    house_mailbox: str = ""


class Names:
    """Names of one culture: a library's, drawn by their frequency or, where it has none, by a Zipf law in an order that
    the seed decides."""

    def __init__(self, random: Random, culture: str, skew: float) -> None:
        provider = importlib.import_module(f"faker.providers.person.{culture}").Provider
        self.men = _drawn(random, provider.first_names_male, skew * 0.7)
        self.women = _drawn(random, provider.first_names_female, skew * 0.7)
        families = getattr(provider, "last_names_male", None) or provider.last_names
        of_women = getattr(provider, "last_names_female", None)
        if culture == "pl_PL":  # its list holds a placeholder; the names stand elsewhere
            families = (*provider.unisex_last_names, *provider.male_last_names)
            of_women = [re.sub("(s|c|dz)ki$", r"\1ka", one) for one in families]
        families, of_women = _words(families), _words(of_women or families)
        self.families = _drawn(random, families, skew, _FREQUENT.get(culture, {}))
        pairs = culture in ("pl_PL", "ru_RU", "uk_UA", "bg_BG", "cs_CZ") and len(of_women) == len(families)
        self.romaji = _romaji(provider)
        self.of_women = dict(zip(families, of_women, strict=True)) if pairs else {}

    def surname(self, random: Random, *, woman: bool) -> str:
        found = _draw(random, self.families)
        return self.of_women.get(found, found) if woman else found

    def given(self, random: Random, *, woman: bool) -> str:
        return _draw(random, self.women if woman else self.men)


def _romaji(provider: object) -> Mapping[str, str]:
    """How Japanese names are read, as the library says: no table of letters can tell."""
    lists = ("last_name_pairs", "first_name_male_pairs", "first_name_female_pairs")
    return {row[0]: row[2] for one in lists for row in getattr(provider, one, ())}


def _words(names: Iterable[object]) -> list[str]:
    """As texts; Japanese and Korean lists hold tuples of several scripts in some versions."""
    return [one if isinstance(one, str) else str(one[0]) for one in names]


def _drawn(
    random: Random, names: object, skew: float, frequent: Mapping[str, float] | None = None
) -> tuple[list[str], list[float]]:
    if isinstance(names, Mapping):
        words, weights = list(names), [float(one) for one in names.values()]
    else:
        words = sorted(set(_words(names)))  # type: ignore[arg-type]
        random.shuffle(words)
        weights = [1 / (rank + 20) ** skew for rank in range(len(words))]
    if frequent:
        rest, left = sum(weights), 1 - sum(frequent.values())
        weights = [frequent.get(word, weight / rest * left) for word, weight in zip(words, weights, strict=True)]
        for word, share in frequent.items():
            if word not in words:
                words.append(word)
                weights.append(share)
    return words, list(accumulate(weights))


def _draw(random: Random, table: tuple[list[str], list[float]]) -> str:
    return random.choices(table[0], cum_weights=table[1])[0]


def english_familiar() -> Mapping[str, tuple[str, ...]]:
    """Given name -> familiar forms, from the package `nicknames` (not from the product's list)."""
    found: dict[str, list[str]] = defaultdict(list)
    with resources.files("nicknames").joinpath("names.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["relationship"] == "has_nickname":
                found[row["name1"].capitalize()].append(row["name2"].capitalize())
    return {name: tuple(forms[:4]) for name, forms in found.items()}


class World:
    """All firms and all people of one set."""

    def __init__(self, settings: Settings, count: int) -> None:
        self.settings = settings
        self.random = random = Random(settings.seed)
        self.names = {culture: Names(random, culture, settings.skew) for culture in settings.cultures}
        surnames = {one: [names.surname(random, woman=False) for _ in range(400)] for one, names in self.names.items()}
        firms = max(3, int(count * (1 - settings.consumers) / settings.people_per_firm))
        self.firms = firms_of(random, settings, firms, surnames)
        self._weights = list(accumulate(firm.weight for firm in self.firms))
        self._familiar = english_familiar()
        self._addresses: set[str] = set()
        self.people: list[Person] = []
        while len(self.people) < count:
            self._someone()
        self._namesakes()
        del self.people[count:]

    # --- one person

    def _someone(self) -> None:
        random, settings = self.random, self.settings
        firm = None if random.random() < settings.consumers else self._firm()
        cultures = list(settings.cultures)
        culture = firm.culture if firm and random.random() > settings.abroad else ""
        culture = culture or random.choices(cultures, list(settings.cultures.values()))[0]
        family = firm.family if firm and firm.kind == "family" and random.random() < 0.5 else ""
        person = self._named(culture, family=family if culture == (firm.culture if firm else "") else "")
        if family and person.family == family and firm:
            person.kin.append(("family firm", firm.id))
        self._settle(person, firm)
        if random.random() < settings.households:
            self._household(person, firm)
        if random.random() < settings.father_and_son:
            self._father_and_son(person, firm)

    def _firm(self) -> Firm:
        return self.random.choices(self.firms, cum_weights=self._weights)[0]

    def _named(self, culture: str, *, family: str = "", woman: bool | None = None) -> Person:
        random, settings, names = self.random, self.settings, self.names[culture]
        woman = random.random() < 0.46 if woman is None else woman
        given = names.given(random, woman=woman)
        second = names.given(random, woman=woman) if random.random() < settings.second_given else ""
        surname = family or names.surname(random, woman=woman)
        before, first_family = "", ""
        if culture in _TWO_FAMILIES and random.random() < 0.6 and not family:
            first_family, surname = surname, f"{surname} {names.surname(random, woman=woman)}"
        elif culture not in _EAST and not family and random.random() < settings.double_surname:
            surname = f"{surname}-{names.surname(random, woman=woman)}"
        if random.random() < settings.surname_changes and not family:
            first_family = ""
            before, own = surname, names.surname(random, woman=woman)
            surname = own if random.random() < 0.75 or culture in _EAST else f"{before}-{own}"
        familiar = self._familiar.get(given, ()) if culture in _ENGLISH else ()
        person = Person(
            id=len(self.people),
            culture=culture,
            woman=woman,
            given=given,
            second=second if second != given and culture not in _EAST else "",
            family=surname,
            first_family=first_family,
            family_before=before,
            familiar=tuple(familiar) or FAMILIAR.get(given, ()),
        )
        self._read(person)
        self.people.append(person)
        return person

    def _read(self, person: Person) -> None:
        romaji = self.names[person.culture].romaji
        person.latin_given = romaji.get(person.given, "")
        person.latin_family = romaji.get(person.family, "") or (
            _KOREAN.get(person.family, "") if person.culture == "ko_KR" else ""
        )

    def _settle(self, person: Person, firm: Firm | None) -> None:
        """An address, telephones and jobs."""
        random, place = self.random, PLACES[person.culture]
        person.city = firm.city if firm else random.choice(place.cities)
        region = PLACES[firm.culture].region if firm else place.region
        person.mobile = number(random, region, mobile=True)
        person.home = number(random, region, mobile=False)
        person.private = self._private(person, place.free)
        if firm is not None:
            changes = 1 if random.random() < self.settings.jobs else 0
            for employer in (*(self._firm() for _ in range(changes)), firm):
                person.jobs.append(self._job(person, employer))

    def _job(self, person: Person, firm: Firm) -> Job:
        firm.people += 1
        line = f"{firm.phone[:-3]}{self.random.randint(100, 999)}"
        return Job(firm, self._at_work(person, firm), line, self.random.randrange(len(TITLES)))

    def _at_work(self, person: Person, firm: Firm) -> str:
        random = self.random
        host = firm.hosts[0] if random.random() < 0.92 else random.choice(firm.hosts)
        first, last = latin_parts(random, person)
        local = written_by(firm.pattern, first, last)
        return self._free_one(local, host)

    def _free_one(self, local: str, host: str) -> str:
        tried = [local, *(f"{local}{number_}" for number_ in range(2, 400))]
        found = next(one for one in (f"{local_}@{host}" for local_ in tried) if one not in self._addresses)
        self._addresses.add(found)
        return found

    def _private(self, person: Person, hosts: Sequence[str]) -> str:
        random = self.random
        first, last = latin_parts(random, person)
        born = str(random.randint(55, 99))
        kinds = (f"{first}.{last}", f"{first}{last}", f"{first}.{last}{born}", f"{first[0]}{last}", f"{last}.{first}")
        own = (f"{first}{born}", f"{random.choice(('mr', 'dj', 'the', 'la', 'big'))}{first}{random.randint(1, 999)}")
        other = random.choice(("sunny", "bike", "star", "blue", "mountain", "coffee", "wolf", "garden"))
        local = random.choice(
            (*kinds, *kinds, *own, f"{other}{random.choice((first, last, born))}{random.randint(1, 99)}")
        )
        return self._free_one(local, random.choice(hosts))

    # --- those who are easily mistaken

    def _household(self, person: Person, firm: Firm | None) -> None:
        random = self.random
        woman = not person.woman if random.random() < 0.7 else person.woman
        other = self._named(person.culture, family=person.family, woman=woman)
        kind = "household" if random.random() < 0.8 else "siblings"
        self._settle(other, firm if random.random() < 0.35 else (self._firm() if firm else None))
        other.home = person.home
        if random.random() < 0.4:
            family = slug_of(person.family)
            person.house_mailbox = other.house_mailbox = self._free_one(
                random.choice((f"familie.{family}", f"{family}family", f"the{family}s", f"{family}.home")),
                random.choice(PLACES[person.culture].free),
            )
        group = (kind, person.id)
        person.kin.append(group)
        other.kin.append(group)

    def _father_and_son(self, person: Person, firm: Firm | None) -> None:
        random = self.random
        other = self._named(person.culture, family=person.family, woman=person.woman)
        other.given, other.familiar = person.given, person.familiar
        other.first_family = person.first_family
        self._read(other)
        other.second = person.second if random.random() < 0.6 else other.second
        person.family_before = ""
        self._settle(other, firm if random.random() < 0.75 else None)
        if random.random() < 0.5:
            other.home = person.home
        marks = random.choice((("Sr.", "Jr."), ("sen.", "jun."), ("", "Jr."), ("", "II"), ("", "jun."), ("", "")))
        person.generation, other.generation = marks
        group = ("father and son", person.id)
        person.kin.append(group)
        other.kin.append(group)

    def _namesakes(self) -> None:
        """Give some people of large firms the name of a colleague there."""
        random = self.random
        there: dict[int, list[Person]] = defaultdict(list)
        for person in self.people:
            if person.jobs:
                there[person.jobs[-1].firm.id].append(person)
        for colleagues in there.values():
            if len(colleagues) < 40:
                continue
            for person in colleagues[1:]:
                if random.random() < self.settings.namesakes and not person.kin:
                    like = random.choice(colleagues)
                    if like is person or like.culture in _EAST:
                        continue
                    person.given, person.family, person.culture = like.given, like.family, like.culture
                    person.first_family = like.first_family
                    person.second, person.family_before, person.familiar = "", "", like.familiar
                    person.jobs[-1] = replace(person.jobs[-1], address=self._at_work(person, person.jobs[-1].firm))
                    person.private = self._private(person, PLACES[like.culture].free)
                    person.kin.append(("namesake", like.id))
                    like.kin.append(("namesake", like.id))


def slug_of(text: str) -> str:
    return re.sub("[^a-z]", "", anyascii(text).lower()) or "x"


def latin_parts(random: Random, person: Person) -> tuple[str, str]:
    """Given and family name as they stand in addresses."""
    given, family = person.latin_given or person.given, person.latin_family or person.first_family or person.family
    if random.random() < 0.7:
        for letter, two in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("ø", "o"), ("å", "a")):
            given, family = given.replace(letter, two), family.replace(letter, two)
    return slug_of(given), slug_of(family)


def written_by(pattern: str, first: str, last: str) -> str:
    """The local part that a firm's pattern makes of a name."""
    return {
        "first.last": f"{first}.{last}",
        "flast": f"{first[0]}{last}",
        "f.last": f"{first[0]}.{last}",
        "first_last": f"{first}_{last}",
        "firstlast": f"{first}{last}",
        "last": last,
        "lastf": f"{last}{first[0]}",
        "first": first,
    }[pattern]
