"""People as columns: what `core.identity.Person` says of one, as numbers that stand for texts, for all at once.

A number stands for one text in a list; 0 is always "nothing". Texts that are nearly all different (addresses, telephone
numbers) go by a hash of 64 bits instead, and are compared as texts wherever a score depends on it. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from concord.core.identity import Person
from concord.core.names import Name
from concord.core.values import Ref

Codes = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

#: What a table of people may have; all texts, outer blanks removed, "" for nothing. `id` is needed, and one of the
#: others.
COLUMNS: Final = (
    "id", "first_name", "last_name", "email", "additional_emails", "company", "website", "phone", "mobile", "title",
    "modified_at", "other_id",
)  # fmt: skip
SIDES: Final[tuple[str, str]] = ("left", "right")
OBJECT: Final = "person"

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)


def mixed(*parts: Any) -> Hashes:
    """One hash of several columns, so that a key of two parts is one number."""
    found: Any = _GOLDEN
    with np.errstate(over="ignore"):
        for part in parts:
            found = (found ^ np.asarray(part).astype(np.uint64)) * _MIX
            found ^= found >> np.uint64(29)
    return np.asarray(found * _GOLDEN, dtype=np.uint64)


def hashes(texts: pl.Series) -> Hashes:
    """A hash of each text; 0 for ""."""
    found = texts.hash().to_numpy().copy()
    found[(texts == "").to_numpy()] = 0
    return np.asarray(found, dtype=np.uint64)


@dataclass(frozen=True)
class Addresses:
    """All addresses of all people, one a row, in the order of people and, for each, the primary one first.

    person, text, hash: whose, which. host: hash of what follows the @. hosts: code of the host in `hosts`. local: hash
    of what stands before, 0 where it is shorter than five letters. letters: hash of its letters, 0 likewise. role:
    several people may read it. place: code of the company's domain it is at, 0 for free mail. start: for each person
    its first row; one more at the end.
    """

    person: Rows
    text: pl.Series
    hash: Hashes
    host: Codes
    local: Hashes
    letters: Hashes
    role: Flags
    place: Codes
    start: Rows


@dataclass(frozen=True)
class Everyone:
    """Who there is on both sides, in the order of their Refs: a smaller number is a smaller Ref.

    right: on the right side. object: code of each one's object. rank: which object is preferred (SPEC 4.4). modified:
    seconds since 1970, nan where that is not known. systems: of the left and of the right side.
    """

    ids: pl.Series
    right: Flags
    object: Codes
    objects: Sequence[str]
    rank: Codes
    modified: npt.NDArray[np.float64]
    systems: tuple[str, str] = SIDES

    @property
    def size(self) -> int:
        return len(self.ids)

    def ref(self, number: int) -> Ref:
        return Ref(self.systems[int(self.right[number])], self.objects[self.object[number]], self.ids[number])


def everyone_of(things: Sequence[Any], lefts: int, systems: tuple[str, str]) -> tuple[Everyone, list[Any]]:
    """Who these are, of which the first so many are left ones, and they in the order of Refs."""
    order = sorted(range(len(things)), key=lambda place: things[place].ref)
    found = [things[place] for place in order]
    objects = sorted({one.ref.object for one in found})
    code = {name: number for number, name in enumerate(objects)}
    everyone = Everyone(
        pl.Series([one.ref.id for one in found], dtype=pl.String),
        np.array(order, dtype=np.int64) >= lefts,
        np.array([code[one.ref.object] for one in found], dtype=np.uint32),
        objects,
        np.array([one.rank for one in found], dtype=np.uint32),
        np.array([one.modified_at.timestamp() if one.modified_at else np.nan for one in found], dtype=np.float64),
        systems,
    )
    return everyone, found


@dataclass(frozen=True)
class People:
    """Two address books in the order of `everyone`.

    first, last, company, title: codes of the texts as written. given, family: codes of a name's parts as taken apart
    (words, wide words). mark: code of the mark of generation. domains: up to two codes. phones: up to two rows of
    `numbers`, -1 for none. other_ids: ids of the other side that they bear. odd: those of whom more is told than these
    columns hold: their pairs are compared one at a time by core. known: they as core's people, where they came so.
    """

    everyone: Everyone
    first: Codes
    firsts: Sequence[str]
    last: Codes
    lasts: Sequence[str]
    given: Codes
    givens: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
    family: Codes
    families: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
    mark: Codes
    marks: Sequence[str]
    company: Codes
    companies: Sequence[str]
    title: Codes
    titles: Sequence[str]
    domains: npt.NDArray[np.uint32]
    domain_texts: Sequence[str]
    host_texts: Sequence[str]
    phones: Rows
    numbers: pl.Series
    emails: Addresses
    other_ids: Sequence[pl.Series]
    odd: Flags
    more_domains: Mapping[int, tuple[str, ...]]
    known: Sequence[Person] | None = None

    @property
    def size(self) -> int:
        return self.everyone.size

    def person(self, number: int) -> Person:
        """The one person in core's own form."""
        return self.persons(np.array([number]))[0]

    def persons(self, who: Rows) -> list[Person]:
        """These people in core's own form."""
        if self.known is not None:
            return [self.known[number] for number in who.tolist()]
        start, many = self.emails.start[who], self.emails.start[who + 1] - self.emails.start[who]
        row = np.repeat(start - np.cumsum(many) + many, many) + np.arange(int(many.sum()))
        emails, ends = self.emails.text.gather(row).to_list(), np.cumsum(many).tolist()
        numbers = [
            pl.concat([self.numbers, pl.Series([""], dtype=pl.String)]).gather(rows % (len(self.numbers) + 1)).to_list()
            for rows in self.phones[who].T
        ]
        ids = [each.gather(who).to_list() for each in self.other_ids]
        found = []
        for place, number in enumerate(who.tolist()):
            person = Person(
                ref=self.everyone.ref(number),
                emails=tuple(emails[ends[place] - int(many[place]) : ends[place]]),
                first=self.firsts[self.first[number]],
                last=self.lasts[self.last[number]],
                company=self.companies[self.company[number]],
                domains=self.more_domains.get(number)
                or tuple(self.domain_texts[one] for one in self.domains[number].tolist() if one),
                phones=tuple(each[place] for each in numbers if each[place]),
                title=self.titles[self.title[number]],
                other_ids=frozenset(each[place] for each in ids) - {""},
            )
            (given, wide_given), (family, wide_family) = (
                self.givens[self.given[number]],
                self.families[self.family[number]],
            )
            name = Name(given, family, wide_given, wide_family, self.marks[self.mark[number]])
            person.__dict__["name"] = name  # where `cached_property` keeps it: it was taken apart before
            found.append(person)
        return found
