"""What core's comparison sees of a pair, for many pairs at once: one number for each kind of evidence, its *level*.

Two pairs with the same levels get the same points from `core.identity.compare`, line for line; so it is asked once for
each combination that occurs (`scores.py`). A level is worked out by core's own function for each distinct couple of
values (two given names, two hosts), and at once where the two are equal. Which value is shown in an explanation (the
second telephone, say) is a level as well. Adds up nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import polars as pl
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from concord.bulk.candidates import local_parts, makes
from concord.bulk.keys import Keyed, Named, Parts
from concord.bulk.people import Codes, Flags, Rows
from concord.bulk.phones import telling
from concord.bulk.spreading import once_each, processors
from concord.core import companies, domains, names
from concord.core.names import Likeness, Name, Part

PARTS: Final = tuple(Part)
_CODE: Final = {part: number for number, part in enumerate(PARTS)}
_SAME, _BLANK, _OTHER = (_CODE[one] for one in (Part.SAME, Part.BLANK, Part.OTHER))
_GENERATIONS: Final = ("", "one", "two")
_NONE: Final[Parts] = ((), ())

T = TypeVar("T")


def for_couples(one: Codes, other: Codes, told: Callable[[tuple[T, T]], int], known: Sequence[T]) -> Codes:
    """`told`, which must be symmetric, for each couple of what these codes stand for."""
    table = pl.DataFrame({"low": np.minimum(one, other), "high": np.maximum(one, other)})
    found = once_each(table, told, pl.UInt32, lambda a, b: (known[a], known[b]))
    return np.asarray(found, dtype=np.uint32)


# --- names


@dataclass(frozen=True)
class Alike:
    """How the names of pairs stand to one another: codes of the parts, whether crossed, the code of the marks."""

    given: Codes
    family: Codes
    swapped: Flags
    marks: Codes

    @property
    def code(self) -> Rows:
        return ((self.given.astype(np.int64) * len(PARTS) + self.family) * 2 + self.swapped) * 3 + self.marks

    def of(self, test: Callable[[Likeness], bool]) -> Flags:
        """What a property of a Likeness says of each."""
        table = np.array(
            [
                test(Likeness(given, family, swapped, marks))
                for given in PARTS
                for family in PARTS
                for swapped in (False, True)
                for marks in _GENERATIONS
            ]
        )
        return np.asarray(table[self.code], dtype=np.bool_)

    def taken(self, some: Flags) -> Alike:
        return Alike(self.given[some], self.family[some], self.swapped[some], self.marks[some])


def alike(k: Keyed, one: Rows, other: Rows) -> Alike:
    """`names.likeness` of each pair."""
    people = k.people
    g, h = (people.given[one], people.given[other]), (people.family[one], people.family[other])
    given = _part(g, k, k.given, _givens_alike, people.givens)
    family = _part(h, k, k.family, _families_alike, people.families)
    swapped = np.zeros(len(one), dtype=np.bool_)
    whole = (g[0] > 0) & (h[0] > 0) & (g[1] > 0) & (h[1] > 0)
    # The other order of the parts is better only where both family names are like the other one's given name.
    crossed = np.flatnonzero(whole & (family == _OTHER))
    crossed = crossed[~_far(k, (h[0][crossed], k.family), (g[1][crossed], k.given))]
    crossed = crossed[~_far(k, (h[1][crossed], k.family), (g[0][crossed], k.given))]
    asked_about = k.cjk[one] | k.cjk[other]
    asked_about[crossed] = True
    rows = np.flatnonzero(asked_about)
    if len(rows):
        table = pl.DataFrame({"a": g[0][rows], "b": h[0][rows], "c": g[1][rows], "d": h[1][rows]})
        givens, families = people.givens, people.families
        code = once_each(
            table, _crossed, pl.UInt32, lambda a, b, c, d: (givens[a], families[b], givens[c], families[d])
        )
        given[rows], family[rows], swapped[rows] = code // 32, code // 2 % 16, code % 2
    mine, theirs = people.mark[one], people.mark[other]
    marks = np.where(mine == theirs, 0, np.where((mine > 0) & (theirs > 0), 2, 1)).astype(np.uint32)
    return Alike(given, family, swapped, marks)


def _crossed(asked: tuple[Parts, Parts, Parts, Parts]) -> int:
    """The likeness of two names as one number: given name, family name, whether they are crossed."""
    found = names.likeness(_name(asked[0], asked[1]), _name(asked[2], asked[3]))
    return (_CODE[found.given] * 16 + _CODE[found.family]) * 2 + found.swapped


def _name(given: Parts, family: Parts) -> Name:
    return Name(given[0], family[0], given[1], family[1])


def _far(k: Keyed, mine: tuple[Codes, Named], theirs: tuple[Codes, Named]) -> Flags:
    """Whether two parts of names are so different for certain that core will find nothing alike in them: single plain
    words without short forms, not even spoken alike, and more than two slips apart."""
    (x, of_x), (y, of_y) = mine, theirs
    far = of_x.plain[x] & of_y.plain[y] & (of_x.sound[x] != of_y.sound[y])
    rows = np.flatnonzero(far)
    table = pl.DataFrame({"x": x[rows], "y": y[rows]})
    asked = table.unique()
    texts = [of.texts.gather(asked[name]).to_list() for name, of in (("x", of_x), ("y", of_y))]
    if len(asked):
        apart = cpdist(*texts, scorer=OSA.distance, score_cutoff=2, dtype=np.uint8, workers=processors()) > 2
        asked = asked.with_columns(far=pl.Series(apart, dtype=pl.Boolean))
        far[rows] = table.join(asked, on=["x", "y"], how="left", maintain_order="left")["far"].to_numpy()
    return np.asarray(far, dtype=np.bool_)


def _part(
    codes: tuple[Codes, Codes],
    k: Keyed,
    named: Named,
    told: Callable[[tuple[Parts, Parts]], int],
    known: Sequence[Parts],
) -> Codes:
    one, other = codes
    found = np.where((one == 0) | (other == 0), _BLANK, _SAME).astype(np.uint32)
    rows = np.flatnonzero((one != other) & (one > 0) & (other > 0))
    far = _far(k, (one[rows], named), (other[rows], named))
    found[rows[far]] = _OTHER
    rows = rows[~far]
    found[rows] = for_couples(one[rows], other[rows], told, known)
    return found


def _givens_alike(two: tuple[Parts, Parts]) -> int:
    return _CODE[names.likeness(_name(two[0], _NONE), _name(two[1], _NONE)).given]


def _families_alike(two: tuple[Parts, Parts]) -> int:
    return _CODE[names.likeness(_name(_NONE, two[0]), _name(_NONE, two[1])).family]


# --- telephones


def telephones(k: Keyed, one: Rows, other: Rows) -> Codes:
    """0: no number in common. Else which two are (0, 1 of each), and which of them is the longer text."""
    found = np.zeros(len(one), dtype=np.uint32)
    phones, numbers = k.people.phones, k.people.numbers
    for i in range(2):
        for j in range(2):
            seven = k.sevens[one, i]
            rows = np.flatnonzero((found == 0) & (seven != 0) & (seven == k.sevens[other, j]))
            mine, theirs = numbers[phones[one[rows], i]], numbers[phones[other[rows], j]]
            same = (mine == theirs).to_numpy().copy()
            ask = np.flatnonzero(~same & ~(mine.str.starts_with("+") & theirs.str.starts_with("+")).to_numpy())
            same[ask] = [
                bool(domains.number_in_common([x], [y]))
                for x, y in zip(mine[ask].to_list(), theirs[ask].to_list(), strict=True)
            ]
            shorter = (mine.str.len_chars() < theirs.str.len_chars()).to_numpy()
            found[rows[same]] = 1 + 2 * (2 * i + j) + shorter[same]
    return found


def mobiles(k: Keyed, who: Rows) -> Flags:
    """Whether each of these has a number that is certainly a mobile one."""
    found = np.zeros(len(who), dtype=np.bool_)
    for column in range(2):
        rows = np.flatnonzero(~found & (k.people.phones[who, column] >= 0))
        numbers = k.people.numbers[k.people.phones[who[rows], column]]
        maybe = np.flatnonzero(numbers.str.contains(telling()).to_numpy())
        found[rows[maybe]] = once_each(numbers[maybe].to_frame("n"), domains.is_mobile, pl.Boolean, str)
    return found


# --- companies


@dataclass(frozen=True)
class Employed:
    """both: 0, or which domain of the first is one of the other's too (from 1). like: code of how the names stand to
    one another, BLANK unless both are known. apart: both have domains. named: 0, or whose company's name is which
    domain of the other. near: both have domains, and two of them are near."""

    both: Codes
    like: Codes
    apart: Flags
    named: Codes
    near: Flags

    @property
    def code(self) -> Rows:
        found = self.both.astype(np.int64) * len(PARTS) + self.like
        return ((found * 2 + self.apart) * 5 + self.named) * 2 + self.near


def employed(k: Keyed, one: Rows, other: Rows) -> Employed:
    """What `compare` sees of where two people work."""
    people = k.people
    mine, theirs = people.domains[one], people.domains[other]
    both = np.zeros(len(one), dtype=np.uint32)
    for i in (1, 0):
        both[(mine[:, i] > 0) & ((mine[:, i] == theirs[:, 0]) | (mine[:, i] == theirs[:, 1]))] = i + 1
    firm = k.firm[one], k.firm[other]
    known = (firm[0] > 0) & (firm[1] > 0)
    like = np.where(known, np.where(firm[0] == firm[1], _SAME, _OTHER), _BLANK).astype(np.uint32)
    rows = np.flatnonzero(known & (firm[0] != firm[1]))
    rows = rows[k.companies.may_be(people.company[one[rows]], people.company[other[rows]])]
    like[rows] = for_couples(
        people.company[one[rows]], people.company[other[rows]], _companies_alike, people.companies
    )  # fmt: skip
    apart = (mine[:, 0] > 0) & (theirs[:, 0] > 0)
    long = np.array([len(each) >= 4 for each in k.firms])
    called = np.zeros(len(one), dtype=np.uint32)
    for number, (named, at) in enumerate(((one, other), (other, one))):
        may = (called == 0) & (people.domains[named, 0] == 0) & long[k.firm[named]]
        for i in (0, 1):
            same = may & (called == 0) & (people.domains[at, i] > 0)
            called[same & (k.labels[people.domains[at, i]] == k.places[named, 0])] = 1 + 2 * number + i
    near = np.zeros(len(one), dtype=np.bool_)
    for i in (0, 1):
        for j in (0, 1):
            x, y = mine[:, i], theirs[:, j]
            rows = np.flatnonzero((both == 0) & ~near & (x > 0) & (y > 0))
            rows = rows[k.domains.may_be(x[rows], y[rows])]
            near[rows] = _near_hosts(people.domain_texts, x[rows], y[rows])
    return Employed(both, like, apart, called, near)


def _near_hosts(hosts: Sequence[str], one: Codes, other: Codes) -> Flags:
    return for_couples(one, other, _hosts_near, hosts) > 0


def _hosts_near(two: tuple[str, str]) -> bool:
    return domains.near_hosts(*two)


def _companies_alike(two: tuple[str, str]) -> int:
    return _CODE[companies.name_likeness(*two)]


# --- addresses


#: Of someone with more addresses than this the pairs are compared one at a time.
ADDRESSES: Final = 4


def _couples(k: Keyed, one: Rows, other: Rows) -> Iterator[tuple[int, Rows, Rows, Rows]]:
    """For each place of an address of the first and one of the other: a number for the two places (from 0), the pairs
    that have both, and the rows of the addresses."""
    start = k.people.emails.start
    many = [start[who + 1] - start[who] for who in (one, other)]
    for i in range(min(int(many[0].max(initial=0)), ADDRESSES)):
        for j in range(min(int(many[1].max(initial=0)), ADDRESSES)):
            rows = np.flatnonzero((many[0] > i) & (many[1] > j))
            yield i * ADDRESSES + j, rows, start[one[rows]] + i, start[other[rows]] + j


def first_parts(k: Keyed, one: Rows, other: Rows) -> Codes:
    """0, or what the same first part before two hosts says: the hosts are near, or else nobody else would choose it;
    and which two addresses say so (of the near ones the first, of the others the last)."""
    people, emails = k.people, k.people.emails
    near_at, own_at = (np.full(len(one), -1, dtype=np.int64) for _ in range(2))
    for place, rows, mine, theirs in _couples(k, one, other):
        local = emails.local[mine]
        some = (local != 0) & (local == emails.local[theirs]) & ~emails.role[mine] & (near_at[rows] < 0)
        rows, mine, theirs = rows[some], mine[some], theirs[some]
        x, y = emails.host[mine], emails.host[theirs]
        near = k.hosts.may_be(x, y)
        near[near] = _near_hosts(people.host_texts, x[near], y[near])
        near_at[rows[near]] = place
        rows, mine = rows[~near], mine[~near]
        text = local_parts(emails.text[mine])
        long = (text.str.len_chars() >= 6).to_numpy()
        rows, text = rows[long], text.filter(long)
        made = makes(k, text, people.given[one[rows]], people.family[one[rows]])
        made |= makes(k, text, people.given[other[rows]], people.family[other[rows]])
        own_at[rows[~made]] = place
    kinds = ADDRESSES * ADDRESSES
    return np.where(near_at >= 0, 1 + near_at, np.where(own_at >= 0, 1 + kinds + own_at, 0)).astype(np.uint32)


def two_addresses(k: Keyed, one: Rows, other: Rows, near_same: Flags) -> Codes:
    """0, or what two different personal addresses at one company say, the best first: 1, a slip apart; 2, they name one
    person; 3, they do, but care is due; 4, they do not. And which two say it. near_same: of the pairs' names."""
    found = np.zeros(len(one), dtype=np.int64)
    at = np.zeros(len(one), dtype=np.int64)
    worth = np.array([0, 3, 2, 2, 1])
    for place, rows, mine, theirs in _couples(k, one, other):
        level = _two_addresses(k, (one[rows], other[rows]), (mine, theirs), near_same[rows])
        better = worth[level] > worth[found[rows]]
        found[rows[better]], at[rows[better]] = level[better], place
    return (found * ADDRESSES * ADDRESSES + at).astype(np.uint32)


def _two_addresses(k: Keyed, who: tuple[Rows, Rows], address: tuple[Rows, Rows], near_same: Flags) -> Rows:
    """The level of one address each."""
    people, emails = k.people, k.people.emails
    found = np.zeros(len(near_same), dtype=np.int64)
    mine, theirs = address
    at = emails.place[mine]
    rows = np.flatnonzero((at > 0) & (at == emails.place[theirs]) & ~emails.role[mine] & ~emails.role[theirs])
    found[rows] = 4
    rows = rows[near_same[rows]]
    if not len(rows):
        return found
    x, y = local_parts(emails.text[mine[rows]]), local_parts(emails.text[theirs[rows]])
    one_slip = np.flatnonzero(cpdist(x.to_list(), y.to_list(), scorer=OSA.distance, score_cutoff=1) == 1)
    slipped = np.zeros(len(rows), dtype=np.bool_)
    slipped[one_slip] = [
        domains.slipped(a, b) for a, b in zip(x[one_slip].to_list(), y[one_slip].to_list(), strict=True)
    ]
    found[rows[slipped]] = 1
    rows, x, y = rows[~slipped], x.filter(~slipped), y.filter(~slipped)
    last = zip(_last_words(x), _last_words(y), strict=True)
    fits = ~np.array([(a.isdecimal() or b.isdecimal()) and a != b for a, b in last], dtype=np.bool_)
    one, other = who[0][rows], who[1][rows]
    for local in (x, y):
        made = makes(k, local, people.given[one], people.family[one])
        made |= makes(k, local, people.given[other], people.family[other])
        fits &= made
    careful = k.common[one] | k.common[other] | _family_firm(k, people.family[one], at[rows])
    found[rows[fits]] = np.where(careful[fits], 3, 2)
    return found


def _last_words(local: pl.Series) -> list[str]:
    """The last word of each local part, letters or digits; as `domains.words_of` has it."""
    plain = local.str.contains(r"^[\x21-\x7e]*$")
    found = local.str.extract(r"([a-z]+|[0-9]+)[^a-z0-9]*$", 1).fill_null("").to_list()
    for row in np.flatnonzero(~plain.to_numpy()).tolist():
        found[row] = next(iter(domains.words_of(local[row])[-1:]), "")
    return found


def _family_firm(k: Keyed, family: Codes, place: Codes) -> Flags:
    """Whether the family has given the company's domain its name."""
    families, places = k.people.families, k.people.domain_texts
    table = pl.DataFrame({"h": family, "p": place})
    return np.asarray(once_each(table, _named_so, pl.Boolean, lambda h, p: (families[h], places[p])), dtype=np.bool_)


def _named_so(asked: tuple[Parts, str]) -> bool:
    family, place = asked
    return any(len(word) > 3 and word in place for part in family for word in part)
