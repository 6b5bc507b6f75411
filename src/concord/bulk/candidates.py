"""The pairs that are worth comparing, from the keys of `keys.py`, one kind of key after the other.

Decides nothing. See `keys.py` for which pairs are left out although they share a key of core's, and why nothing is
lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from concord.bulk.keys import (
    Keyed,
    Keys,
    Parts,
    crowded,
    distinct,
    packed,
    pairs_and_crowded,
    pairs_of,
    runs,
    within_sorted,
)
from concord.bulk.people import Codes, Flags, Hashes, Rows, hashes, mixed
from concord.bulk.spreading import aside, once_each
from concord.core.assignment import CROWDED
from concord.core.names import Name

_NAME, _FAMILY, _PLACE, _DOMAIN, _SEVEN, _ROOT, _SPELLED, _WHOLE, _LOCAL = range(1, 10)


#: More people than this, and half of the work is done in a copy of this process.
_MANY: Final = 50_000


@dataclass(frozen=True)
class Candidates:
    """Pairs as first * size + second, each once, in order. addressed: those with an address in common. alone: hashes of
    whole names that at most one person on each side bears. ids: pairs that share an id (one's own or one it bears)."""

    pairs: Rows
    addressed: Rows
    alone: Hashes


def candidates(k: Keyed, *, everything: bool = False) -> Candidates:
    """everything: also those that only a name speaks for (the bound for asking is as low as that)."""
    people, size = k.people, k.people.size
    many = size > _MANY
    elsewhere = aside(lambda: distinct([_by_place(k), _by_telephone(k)])) if many else None
    locals_ = _by_local_part(k, everything)
    works: list[Callable[[], list[npt.NDArray[Any]]]] = [
        lambda: _whole_names(k, everything),
        lambda: [_spelled(k)],
        lambda: [pairs_of([(people.emails.hash, people.emails.person)], size)],
        lambda: [_by_id(k)],
    ]
    (alone, *whole), *found = [work() for work in works]
    named = elsewhere() if elsewhere else distinct([_by_place(k), _by_telephone(k)])
    return Candidates(distinct([*(one for part in found for one in part), named, *whole, locals_]), found[1][0], alone)


# --- names with a place or a telephone


def name_keys(k: Keyed, rows: Rows) -> list[Keys]:
    """`Name.keys` of these people, as hashes."""
    g, h = k.people.given[rows], k.people.family[rows]
    found: list[Keys] = []

    def add(key: Hashes, some: Flags) -> None:
        found.append((key[some], rows[some]))

    one_blank = (g == 0) | (h == 0)
    for j in range(k.family.skeletons.shape[1]):
        family, letter = k.family.skeletons[h, j], k.family.initials[h, j]
        add(mixed(_FAMILY, family), family != 0)
        if not family.any():
            break
        for i in range(k.given.skeletons.shape[1]):
            given = k.given.skeletons[g, i]
            some = (given != 0) & (family != 0)
            if not some.any():
                break
            add(mixed(_NAME, given, letter), some)
            add(mixed(_NAME, family, k.given.initials[g, i]), some)
    for i in range(k.given.skeletons.shape[1]):
        given = k.given.skeletons[g, i]
        add(mixed(_FAMILY, given), one_blank & (given != 0))
    add(k.whole[rows], k.cjk[rows])
    return found


def _at(keys: list[Keys], what: Hashes, tag: int) -> list[Keys]:
    """These keys joined with a column of all people, where it is not 0."""
    found = []
    for key, rows in keys:
        some = what[rows] != 0
        found.append((mixed(tag, key[some], what[rows[some]]), rows[some]))
    return found


def _shared(what: Hashes) -> Flags:
    """Which of these occur more than once (0 does not count)."""
    every, bits = packed([(what, np.arange(len(what)))], len(what))
    _, count = runs(every, bits)
    found = np.zeros(len(what), dtype=np.bool_)
    several = np.repeat(count > 1, count)
    found[(every[several] & np.uint64((1 << bits) - 1)).astype(np.int64)] = True
    return found


def _by_place(k: Keyed) -> Rows:
    size = k.people.size
    names = name_keys(k, np.flatnonzero((k.places != 0).any(axis=1)))
    keys = [key for column in range(3) for key in _at(names, k.places[:, column], _PLACE)]
    pairs, many = pairs_and_crowded(keys, size)
    found = [pairs]
    if len(many):
        names = name_keys(k, many)
        whole: list[Keys] = [(k.whole[many], many)]
        columns = [k.places[:, 0], k.places[:, 1], k.places[:, 2]]
        domains_ = [
            mixed(_DOMAIN, k.people.domains[:, column]) * (k.people.domains[:, column] > 0) for column in (0, 1)
        ]
        keys = [key for column in domains_ for key in _at(names, column, _DOMAIN)]
        keys += [key for column in (*columns, *domains_) for key in _at(whole, column, _WHOLE)]
        found.append(pairs_of(keys, size))
    return distinct(found)


def _by_telephone(k: Keyed) -> Rows:
    size = k.people.size
    keys: list[Keys] = []
    both = np.concatenate([k.sevens[:, 0], k.sevens[:, 1]])
    shared = _shared(both)
    for column in range(2):
        what = np.where(shared[column * size : (column + 1) * size], k.sevens[:, column], np.uint64(0))
        rows = np.flatnonzero(what)
        keys += _at(name_keys(k, rows), what, _SEVEN)
        for i in range(k.given.roots.shape[1]):
            root = k.given.roots[k.people.given[rows], i]
            some = root != 0
            if not some.any():
                break
            keys += _at([(root[some], rows[some])], what, _ROOT)
    pairs, many = pairs_and_crowded(keys, size)
    found = [pairs]
    if len(many):
        whole = [(k.whole[many], many)]
        uncommon = pairs_of([key for column in (0, 1) for key in _at(whole, k.sevens[:, column], _WHOLE)], size, size)
        found.append(uncommon[_whole_key_fits(k, uncommon)])
    return distinct(found)


def _whole_key_fits(k: Keyed, pairs: Rows) -> Flags:
    """Whether these pairs of one name are looked for by it: it is not common, and not crowded."""
    fits = _whole_rows(k)
    return np.asarray(fits[pairs // k.people.size], dtype=np.bool_)


def _spelled(k: Keyed) -> Rows:
    """Addresses that spell a name, and names that an address spells."""
    people, size = k.people, k.people.size
    rows = np.flatnonzero((people.domains[:, 0] > 0) & (people.given > 0) & (people.family > 0) & ~k.cjk)
    one, other = k.given.texts.gather(people.given[rows]), k.family.texts.gather(people.family[rows])
    keys: list[Keys] = []
    for spelled in (hashes(one + other), hashes(other + one)):
        for column in range(2):
            place = people.domains[rows, column]
            some = place > 0
            keys.append((mixed(_SPELLED, spelled[some], place[some]), rows[some]))
    emails = people.emails
    some = (emails.place > 0) & (emails.letters != 0) & ~emails.role
    keys.append((mixed(_SPELLED, emails.letters[some], emails.place[some]), emails.person[some]))
    return pairs_of(keys, size)


# --- whole names


def _whole_rows(k: Keyed) -> Flags:
    """Who is looked for by the whole name alone: it is full, not common, and no more than CROWDED bear it."""
    some = (k.whole != 0) & ~k.common
    rows = np.flatnonzero(some)
    return np.asarray(some & ~crowded([(k.whole[rows], rows)], k.people.size), dtype=np.bool_)


def _whole_names(k: Keyed, everything: bool) -> list[npt.NDArray[Any]]:
    """The whole names that at most one person on each side bears; then pairs of one whole name, at companies whose
    names are alike or with nobody else of that name."""
    size = k.people.size
    some = (k.whole != 0) & ~k.common
    rows = np.flatnonzero(some)
    alone = _alone(k, rows)
    fits = np.flatnonzero(_whole_rows(k))
    if everything:
        return [alone, pairs_of([(k.whole[fits], fits)], size)]
    employed = fits[k.firm[fits] > 0]
    keys = k.companies.keys(k.people.company[employed], k.whole[employed], employed)
    there = fits[within_sorted(k.whole[fits], alone)]
    return [alone, pairs_of(keys, size), pairs_of([(k.whole[there], there)], size)]


def _alone(k: Keyed, rows: Rows) -> Hashes:
    """Of the whole names of these people, those of which there is at most one person on each side, as far as their
    addresses tell: everyone of the name there has an address in common with the first."""
    name, side = k.whole[rows], k.people.everyone.right[rows].astype(np.uint64)
    order = np.lexsort((rows, side, name))
    name, side, rows = name[order], side[order], rows[order]
    new = np.r_[True, (name[1:] != name[:-1]) | (side[1:] != side[:-1])] if len(rows) else np.zeros(0, dtype=np.bool_)
    first = rows[np.flatnonzero(new)[np.cumsum(new) - 1]] if len(rows) else rows
    later = np.flatnonzero(~new)
    strange = later[~in_common(k, first[later], rows[later])]
    several = np.unique(name[strange])
    kept = np.sort(name)
    kept = kept[np.r_[True, kept[1:] != kept[:-1]]] if len(kept) else kept
    return kept[~np.isin(kept, several)]


def in_common(k: Keyed, one: Rows, other: Rows) -> Flags:
    """For each of these pairs whether they have an address in common."""
    emails = k.people.emails
    found = np.zeros(len(one), dtype=np.bool_)
    many = [emails.start[who + 1] - emails.start[who] for who in (one, other)]
    for i in range(int(many[0].max(initial=0))):
        for j in range(int(many[1].max(initial=0))):
            some = np.flatnonzero((many[0] > i) & (many[1] > j))
            found[some] |= emails.hash[emails.start[one[some]] + i] == emails.hash[emails.start[other[some]] + j]
    return found


# --- the first parts of addresses


def _by_local_part(k: Keyed, everything: bool) -> Rows:
    people, size = k.people, k.people.size
    emails = people.emails
    table = pl.DataFrame(
        {"local": np.where(emails.role, np.uint64(0), emails.local), "hash": emails.hash, "who": emails.person}
    )
    table = table.with_row_index("row").filter(pl.col("local") != 0)
    # Those of whom somebody else, with another address, has the same first part.
    several = pl.col("hash").n_unique().over("local") > 1
    row = table.filter(several & (pl.col("who").n_unique().over("local") <= CROWDED))["row"].to_numpy()
    local, who = emails.local[row], emails.person[row]
    if everything:
        return pairs_of([(local, who)], size)
    beside = [
        *((_PLACE, k.places[who, column]) for column in range(3)),
        *((_SEVEN, k.sevens[who, column]) for column in range(2)),
    ]
    keys: list[Keys] = []
    for tag, column in beside:
        some = column != 0
        keys.append((mixed(_LOCAL, tag, local[some], column[some]), who[some]))
    keys += k.hosts.keys(emails.host[row], local, who)
    working = k.firm[who] > 0
    keys += k.companies.keys(people.company[who[working]], mixed(local[working]), who[working])
    unusual = _unusual(k, row)
    keys.append((mixed(_LOCAL, local[unusual]), who[unusual]))
    return pairs_of(keys, size)


def _unusual(k: Keyed, rows: Rows) -> Flags:
    """Whether the first part of these addresses is long and not made of the name of the one who has it."""
    people, emails = k.people, k.people.emails
    local = local_parts(emails.text[rows])
    found = (local.str.len_chars() >= 6).to_numpy().copy()
    long = np.flatnonzero(found)
    who = emails.person[rows[long]]
    found[long] = ~makes(k, local[long], people.given[who], people.family[who])
    return found


def local_parts(addresses: pl.Series) -> pl.Series:
    return addresses.str.replace(r"@[^@]*$", "")


def makes(k: Keyed, local: pl.Series, given: Codes, family: Codes) -> Flags:
    """`Name.makes` for each of these local parts and names: the most usual ways are seen for all at once."""
    words = {"g": k.given.texts.gather(given), "h": k.family.texts.gather(family)}
    table = pl.DataFrame({"local": local, **words, "gc": given, "hc": family})
    g, h, letters = pl.col("g"), pl.col("h"), pl.col("local").str.replace_all(r"[^a-z]", "")
    g0, h0 = g.str.slice(0, 1), h.str.slice(0, 1)
    usual = pl.any_horizontal(
        letters == one for one in (g + h, g0 + h, h + g, h + g0, g + h0, h0 + g, g0 + h0, h0 + g0)
    )
    usual = (usual & (g != "") & (h != "")) | ((letters == g) & (g != "")) | ((letters == h) & (h != ""))
    plain = pl.col("local").str.contains(r"^[\x21-\x7e]*$")
    found = table.select((usual & plain).alias("v"))["v"].to_numpy().copy()
    rest = table[np.flatnonzero(~found)].select("local", "gc", "hc")
    givens, families = k.people.givens, k.people.families
    found[~found] = once_each(rest, _makes, pl.Boolean, lambda local, g, h: (local, givens[g], families[h]))
    return found


def _makes(asked: tuple[str, Parts, Parts]) -> bool:
    local, (given, wide_given), (family, wide_family) = asked
    return Name(given, family, wide_given, wide_family).makes(local)


def _by_id(k: Keyed) -> Rows:
    """Pairs where one bears the other's id, or both bear one; and those whose own ids happen to be equal."""
    every = np.arange(k.people.size)
    return pairs_of([(k.own_ids, every), *((ids, every) for ids in k.other_ids)], k.people.size)
