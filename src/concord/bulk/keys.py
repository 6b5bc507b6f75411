"""Where to look: the pairs that share a key of core's, found by sorting numbers instead of making texts.

Which pairs are considered is core's law (`identity.keys_of`, and `assignment.CROWDED`: a key that too many bear is no
key). Two things make it cheap, and change no result: a key that only says less than another is looked at just for those
whose wider key is crowded; and of the keys that a name or a local part alone makes, only those pairs are taken whom a
company, a telephone, an address or nobody else of that name supports as well, for without that no score reaches the
bound above which anybody is asked (`NEEDED`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from concord.bulk.people import Codes, Flags, Hashes, People, Rows, hashes, mixed
from concord.bulk.spreading import spread
from concord.core import companies, domains, lexicon, names
from concord.core.assignment import CROWDED
from concord.core.names import Name

#: The most that a name and a title alone can make: below it a name without any support may be asked about, and every
#: key has to be looked at.
NEEDED: Final = 56.0

#: Values that are worth a process where each takes about a microsecond.
_MANY: Final = 40_000

Parts = tuple[tuple[str, ...], tuple[str, ...]]
Keys = tuple[Hashes, Rows]
Table = np.ndarray[tuple[int, int], np.dtype[np.uint64]]


def texts(items: Sequence[str]) -> Hashes:
    """A hash of each; 0 for ""."""
    return hashes(pl.Series(items, dtype=pl.String))


def _padded(lists: Sequence[Sequence[str]]) -> Table:
    """Hashes of lists of words, filled up with 0."""
    width = max((len(one) for one in lists), default=0) or 1
    flat = texts([word for one in lists for word in one])
    sizes = np.array([len(one) for one in lists], dtype=np.int64)
    found = np.zeros((len(lists), width), dtype=np.uint64)
    row = np.repeat(np.arange(len(lists)), sizes)
    column = np.arange(len(flat)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found[row, column] = flat
    return found


@dataclass
class Named:
    """What a part of a name says, for each distinct one. skeletons: hashes of what it is looked for under; initials: of
    the first letter of each. whole: its share of the key for everyone of one name. common: many are called so. roots:
    (given only) hashes of the full names it may stand for. joined, texts: its words as one. plain: a single word of
    several letters, the same in both transliterations, without short forms; sound: a hash of how it is spoken."""

    skeletons: Table
    initials: Table
    whole: Hashes
    common: Flags
    cjk: Flags
    full: Flags
    joined: Sequence[str]
    texts: pl.Series
    roots: Table
    plain: Flags
    sound: Hashes


_Told = tuple[list[str], str, bool, bool, bool, str, list[str], bool, str]


def given_names(parts: Sequence[Parts]) -> Named:
    return _named(spread(_given, parts))


def family_names(parts: Sequence[Parts]) -> Named:
    return _named(spread(_family, parts))


def _given(part: Parts) -> _Told:
    """Of one given name what `Named` holds: skeletons, whole, common, cjk, full, joined, roots, plain, sound."""
    words, wide = part
    joined, roots = "".join(words), names.roots_of(words[0]) if words else frozenset()
    return (
        _skeletons((*roots, joined, *words[:1])),
        min(roots, default=""),
        not lexicon.COMMON_GIVEN.isdisjoint(roots),
        _is_cjk(joined),
        bool(words) and len(words[0]) > 1,
        joined,
        sorted(roots),
        _plain(words, wide) and words[0] not in lexicon.NICKNAMES,
        names.sound(joined),
    )


def _family(part: Parts) -> _Told:
    """The same of one family name."""
    words, wide = part
    joined = "".join(words)
    return (
        _skeletons((joined, *words)),
        names.narrow(joined),
        not lexicon.COMMON_FAMILY.isdisjoint(words),
        _is_cjk(joined),
        bool(words),
        joined,
        [],
        _plain(words, wide),
        names.sound(joined),
    )


def _skeletons(words: Sequence[str]) -> list[str]:
    return sorted({names.skeleton(word) for word in set(words) if word})


def _is_cjk(joined: str) -> bool:
    return not joined.isascii() and Name((joined,), ()).cjk


def _plain(words: tuple[str, ...], wide: tuple[str, ...]) -> bool:
    return len(words) == 1 and len(words[0]) > 1 and wide in ((), words)


def _named(told: Sequence[_Told]) -> Named:
    skeletons, whole, common, cjk, full, joined, roots, plain, sound = zip(*told, strict=True)
    return Named(
        _padded(skeletons),
        _padded([[each[0] for each in one] for one in skeletons]),
        texts(whole),
        np.array(common, dtype=np.bool_),
        np.array(cjk, dtype=np.bool_),
        np.array(full, dtype=np.bool_),
        joined,
        pl.Series(joined, dtype=pl.String),
        _padded(roots),
        np.array(plain, dtype=np.bool_),
        texts(sound),
    )


@dataclass
class Keyed:
    """People with what their keys are made of. cjk, common, full, blank: of their whole name. whole: one number for
    everyone of a name, 0 where it is not full. places: hashes of the words under which a company is known (0: none).
    firm: code of the company's bare name in `firms`. sevens: the last seven digits of each telephone."""

    people: People
    given: Named
    family: Named
    cjk: Flags
    common: Flags
    full: Flags
    blank: Flags
    whole: Hashes
    firms: Sequence[str]
    firm_of: Codes
    firm: Codes
    companies: Near
    hosts: Near
    domains: Near
    labels: Hashes
    places: Table
    sevens: Table
    own_ids: Hashes
    other_ids: list[Hashes]
    spelled: Table = field(default_factory=lambda: np.zeros((0, 2), dtype=np.uint64))


def keyed(people: People) -> Keyed:
    given, family = given_names(people.givens), family_names(people.families)
    g, h = people.given, people.family
    cjk = given.cjk[g] | family.cjk[h]
    common = (given.common[g] | cjk) & family.common[h]
    full = given.full[g] & (h > 0) | cjk & (g > 0) & (h > 0)
    one, other = given.whole[g], family.whole[h]
    whole = np.where(full, mixed(np.minimum(one, other), np.maximum(one, other)), np.uint64(0))
    rows = np.flatnonzero(cjk)
    letters = ["".join(sorted(family.joined[h[row]] + given.joined[g[row]])) for row in rows.tolist()]
    whole[rows] = mixed(texts(letters), np.uint64(7))
    bare = spread(companies.bare_name, people.companies)
    firms = list(dict.fromkeys(["", *bare]))
    number = {one: code for code, one in enumerate(firms)}
    firm_of = np.array([number[one] for one in bare], dtype=np.uint32)
    firm = firm_of[people.company]
    labels = texts([domains.label(one) for one in people.domain_texts])
    places = np.stack([texts(firms)[firm], labels[people.domains[:, 0]], labels[people.domains[:, 1]]], axis=1)
    places[places[:, 1] == places[:, 0], 1] = 0
    places[(places[:, 2] == places[:, 0]) | (places[:, 2] == places[:, 1]), 2] = 0
    last = hashes(people.numbers.str.slice(-7)) if len(people.numbers) else np.zeros(0, dtype=np.uint64)
    sevens = np.where(people.phones >= 0, np.append(last, np.uint64(0))[people.phones], np.uint64(0))
    return Keyed(
        people, given, family, cjk, common, full, (g == 0) & (h == 0), whole, firms, firm_of, firm,
        near_companies(people.companies, firm_of, firms), near_hosts(people.host_texts),
        near_hosts(people.domain_texts),
        labels, places, sevens,
        _id_keys(people.everyone.ids), [_id_keys(ids) for ids in people.other_ids],
    )  # fmt: skip


def _id_keys(ids: pl.Series) -> Hashes:
    """`companies.id_key` of all."""
    long = (ids.str.len_chars() == 18) & ids.str.contains(r"^[\p{L}\p{N}]+$")
    table = pl.DataFrame({"id": ids, "long": long})
    return hashes(
        table.select(pl.when("long").then(pl.col("id").str.slice(0, 15)).otherwise(pl.col("id")).alias("k"))["k"]
    )


@dataclass
class Near:
    """Which of some texts may be alike. groups: for each text hashes; two texts with an equal one may be (0: none).
    unit: the code of each text in `couples`, pairs of codes that may be, and `start` and `couple`, the same by code."""

    groups: Table
    unit: Codes
    couples: Hashes
    start: Rows
    couple: Rows

    def may_be(self, one: Codes, other: Codes) -> Flags:
        """Whether these may be alike; certainly not where this is false."""
        found = np.zeros(len(one), dtype=np.bool_)
        for column in range(self.groups.shape[1]):
            group = self.groups[one, column]
            found |= (group != 0) & (group == self.groups[other, column])
        a, b = self.unit[one].astype(np.uint64), self.unit[other].astype(np.uint64)
        low, high = np.minimum(a, b), np.maximum(a, b)
        return found | within_sorted((low << np.uint64(32)) | high, self.couples)

    def keys(self, codes: Codes, beside: Hashes, who: Rows) -> list[Keys]:
        """Keys that those have in common whose texts may be alike and for whom `beside` is equal."""
        found: list[Keys] = []
        for column in range(self.groups.shape[1]):
            group = self.groups[codes, column]
            some = group != 0
            found.append((mixed(_NEAR, column, beside[some], group[some]), who[some]))
        unit = self.unit[codes]
        many = self.start[unit + 1] - self.start[unit]
        row = np.repeat(np.arange(len(codes)), many)
        couple = self.couple[np.repeat(self.start[unit], many) + within(many)]
        found.append((mixed(_NEAR, 9, beside[row], couple), who[row]))
        return found


_NEAR: Final = 77


def _near(groups: Sequence[Hashes], unit: Codes, size: int, couples: Sequence[tuple[int, int]]) -> Near:
    pairs = np.array(couples, dtype=np.uint64).reshape(-1, 2)
    low, high = pairs.min(axis=1, initial=2**62), pairs.max(axis=1, initial=0)
    code = np.sort((low << np.uint64(32)) | high)
    ends = np.concatenate([code >> np.uint64(32), code & np.uint64(0xFFFFFFFF)]).astype(np.int64)
    order = np.argsort(ends, kind="stable")
    start = np.searchsorted(ends[order], np.arange(size + 1)).astype(np.int64)
    return Near(np.stack(groups, axis=1), unit, code, start, order % max(len(code), 1))


def near_companies(written: Sequence[str], firm_of: Codes, firms: Sequence[str]) -> Near:
    """Companies that may be alike by `companies.name_likeness`: the same spelling, the same strong words, or one slip
    apart in a long name."""
    narrow = texts(spread(names.narrow, firms, _MANY))[firm_of]
    strong = texts(spread(companies.strong_name, written))
    return _near([narrow, strong], firm_of, len(firms), slips(firms, 7))


def near_hosts(hosts: Sequence[str]) -> Near:
    """Hosts that may be near by `domains.near_hosts`: the same label, or one slip apart in a long name."""
    labels = [domains.label(one) for one in hosts]
    group = texts([one if len(one) >= 4 else "" for one in labels])
    return _near([group], np.arange(len(hosts), dtype=np.uint32), len(hosts), slips(hosts, 8))


def slips(items: Sequence[str], least: int) -> list[tuple[int, int]]:
    """Pairs of positions of different texts, none shorter than `least`, that are one slip apart (Levenshtein with swaps
    of neighbours): such texts share a form with one letter left out, or one is that form of the other."""
    long = [place for place, one in enumerate(items) if len(one) >= least]
    number = np.repeat(np.array(long, dtype=np.int64), [len(items[place]) + 1 for place in long])
    forms = [
        text
        for place in long
        for one in (items[place],)
        for text in (one, *(one[:at] + one[at + 1 :] for at in range(len(one))))
    ]
    size = max(len(items), 1)
    pairs = pairs_of([(texts(forms), number)], size, limit=len(items))
    one, other = (pairs // size).tolist(), (pairs % size).tolist()
    if not one:
        return []
    apart = cpdist(
        [items[a] for a in one], [items[b] for b in other], scorer=OSA.distance, score_cutoff=1, dtype=np.uint8
    )
    return [(one[row], other[row]) for row in np.flatnonzero(apart == 1).tolist()]


# --- pairs by equal keys


def within_sorted(what: npt.NDArray[Any], known: npt.NDArray[Any]) -> Flags:
    """Which of these are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(what), dtype=np.bool_)
    place = np.minimum(np.searchsorted(known, what), len(known) - 1)
    return np.asarray(known[place] == what, dtype=np.bool_)


def packed(keys: Sequence[Keys], size: int) -> tuple[Hashes, int]:
    """Key and bearer in one number each, sorted, each once; and the bits that the bearer takes."""
    bits = max(1, int(size).bit_length())
    parts = []
    for key, bearer in keys:
        some = key != 0
        parts.append((key[some] >> np.uint64(bits) << np.uint64(bits)) | bearer[some].astype(np.uint64))
    every = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
    every.sort()
    if len(every):
        every = every[np.r_[True, every[1:] != every[:-1]]]
    return every, bits


def runs(every: Hashes, bits: int) -> tuple[Rows, Rows]:
    """Where each key begins among the sorted, and how many bear it."""
    key = every >> np.uint64(bits)
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=np.int64)
    return start, np.diff(np.r_[start, len(key)])


def pairs_of(keys: Sequence[Keys], size: int, limit: int = CROWDED) -> Rows:
    """All pairs (smaller number first, as first * size + second) of bearers of a key that no more than `limit` bear,
    each once, in order."""
    return _pairs(*packed(keys, size), size, limit)


def pairs_and_crowded(keys: Sequence[Keys], size: int) -> tuple[Rows, Rows]:
    """`pairs_of`, and the bearers of whom `crowded` is true."""
    every, bits = packed(keys, size)
    return _pairs(every, bits, size, CROWDED), np.flatnonzero(_crowded(every, bits, size))


def _pairs(every: Hashes, bits: int, size: int, limit: int) -> Rows:
    start, count = runs(every, bits)
    kept = (count > 1) & (count <= limit)
    start, count = start[kept], count[kept]
    bearer = (every & np.uint64((1 << bits) - 1)).astype(np.int64)
    where = np.repeat(start, count) + within(count)
    room = np.repeat(count, count) - within(count) - 1
    parts = []
    away = 0
    while len(where):
        away += 1
        where, room = where[room >= away], room[room >= away]
        parts.append(bearer[where] * size + bearer[where + away])
    return distinct(parts)


def within(count: Rows) -> Rows:
    """0, 1, 2 ... for each of these counts, one after the other."""
    return np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)


def distinct(parts: Sequence[Rows]) -> Rows:
    """All numbers of these, each once, in order."""
    every = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    every.sort()
    return every[np.r_[True, every[1:] != every[:-1]]] if len(every) else every


def crowded(keys: Sequence[Keys], size: int) -> Flags:
    """For each bearer whether one of its keys is borne by more than CROWDED."""
    return _crowded(*packed(keys, size), size)


def _crowded(every: Hashes, bits: int, size: int) -> Flags:
    start, count = runs(every, bits)
    found = np.zeros(size, dtype=np.bool_)
    for first, number in zip(start[count > CROWDED].tolist(), count[count > CROWDED].tolist(), strict=True):
        found[(every[first : first + number] & np.uint64((1 << bits) - 1)).astype(np.int64)] = True
    return found
