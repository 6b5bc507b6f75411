"""Scores of many pairs, each worked out by `core.identity.compare`: once for each combination of levels.

The pair that stands for all of a combination is compared with values that print the name of their place instead of
themselves, so that its explanation is the pattern of all of theirs. A pair of which more is told than columns hold is
compared by itself. Decides nothing beyond the door that core's `judge` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from concord.bulk.candidates import Candidates, in_common
from concord.bulk.crowds import namesakes, shared_addresses
from concord.bulk.keys import NEEDED, Keyed, crowded, within_sorted
from concord.bulk.levels import ADDRESSES, Alike, alike, employed, first_parts, mobiles, telephones, two_addresses
from concord.bulk.people import Codes, Flags, People, Rows
from concord.bulk.spreading import spread
from concord.core import identity, names
from concord.core.assignment import Bounds, Door, Score, judge
from concord.core.identity import Crowd, Person

#: Pairs that are worth a process.
_FEW: Final = 100
DOORS: Final = (Door.NEW, Door.ASK, Door.SAME)
_SLOT: Final = re.compile("\x02([^\x03]*)\x03")
_CALLED: Final = re.compile("\x02([ab]) first\x03 \x02[ab] last\x03")


@dataclass(frozen=True)
class Scored:
    """Pairs that are not two people for certain. how: which of `scores` each has; its explanation has slots for the
    values of the pair where `patterns` says so. value, tier, barred, door: of the score, the door as a place in
    DOORS."""

    one: Rows
    other: Rows
    how: Rows
    scores: Sequence[Score]
    patterns: Sequence[bool]
    value: npt.NDArray[np.float64]
    tier: npt.NDArray[np.uint8]
    barred: Flags
    door: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Sorted:
    """Pairs with what the crowd says of them. address: for those who have an address in common, 1 + which of the first
    one's it is, else 0; own: it is nobody else's. alone, namesakes: as in Crowd."""

    one: Rows
    other: Rows
    alike: Alike
    phone: npt.NDArray[np.uint32]
    address: Rows
    own: Flags
    alone: Flags
    namesakes: Flags

    def taken(self, some: Flags) -> _Sorted:
        return _Sorted(
            self.one[some], self.other[some], self.alike.taken(some), self.phone[some], self.address[some],
            self.own[some], self.alone[some], self.namesakes[some],
        )  # fmt: skip


class _Shown(str):
    """A text that prints the name of its place."""

    place: str

    def __format__(self, spec: str) -> str:
        return f"\x02{self.place}\x03"


def _shown(text: str, place: str) -> _Shown:
    found = _Shown(text)
    found.place = place
    return found


def shown(person: Person, name: str) -> Person:
    """The person with values that print their places: "a first", "b email 0" ..."""
    found = replace(
        person,
        emails=tuple(_shown(one, f"{name} email {number}") for number, one in enumerate(person.emails)),
        first=_shown(person.first, f"{name} first"),
        last=_shown(person.last, f"{name} last"),
        company=_shown(person.company, f"{name} company"),
        domains=tuple(_shown(one, f"{name} domain {number}") for number, one in enumerate(person.domains)),
        phones=tuple(_shown(one, f"{name} phone {number}") for number, one in enumerate(person.phones)),
        title=_shown(person.title, f"{name} title"),
    )
    found.__dict__["name"] = person.name  # where `cached_property` keeps it: it was taken apart before
    return found


class Scorer:
    """Scores pairs of one run. alone: as in `Candidates`."""

    def __init__(self, k: Keyed, found: Candidates, bounds: Bounds) -> None:
        self.k, self.found, self.bounds = k, found, bounds
        people = k.people
        self._shared = shared_addresses(k) | people.emails.role
        self._crowded = crowded([(people.emails.hash, people.emails.person)], people.size)
        jobs: dict[str, int] = {"": 0}
        self._jobs = np.array([jobs.setdefault(" ".join(names.words(one)), len(jobs)) for one in people.titles])

    def candidates(self) -> Scored:
        """The candidates that are, or may be, one person."""
        size = self.k.people.size
        one, other = self.found.pairs // size, self.found.pairs % size
        addressed = within_sorted(self.found.pairs, self.found.addressed)
        return self._scored(one, other, addressed, every=False)

    def pairs(self, one: Rows, other: Rows) -> Scored:
        """These pairs (the smaller number first), whatever their score."""
        return self._scored(one, other, in_common(self.k, one, other), every=True)

    def _scored(self, one: Rows, other: Rows, addressed: Flags, *, every: bool) -> Scored:
        k = self.k
        if self._crowded.any():
            rows = np.flatnonzero(~addressed & self._crowded[one] & self._crowded[other])
            addressed[rows] = in_common(k, one[rows], other[rows])
        stated = np.zeros(len(one), dtype=np.bool_)
        for ids in k.other_ids:
            stated |= (ids[one] != 0) & (ids[one] == k.own_ids[other])
            stated |= (ids[other] != 0) & (ids[other] == k.own_ids[one])
        like = alike(k, one, other)
        phone = telephones(k, one, other)
        if not every and self.bounds.ask > NEEDED:
            # Names that contradict, and neither an address nor a telephone in common: two people for certain.
            two = like.of(lambda each: each.contradicts) & ~addressed & (phone == 0) & ~stated
            kept = ~(two & (k.cjk[one] == k.cjk[other]))
            one, other, like, phone = one[kept], other[kept], like.taken(kept), phone[kept]
            addressed, stated = addressed[kept], stated[kept]
        part = self._sorted(one, other, like, phone, addressed)
        by_name = part.address == 0
        single = stated | (by_name & _singular(k, one, other))
        parts = [
            self._in_kinds(part.taken(by_name & ~single), self._name_code, every),
            self._in_kinds(part.taken(~by_name & ~single), self._address_code, every),
            self._one_by_one(part.taken(single), every),
        ]
        return _joined(parts)

    def _sorted(self, one: Rows, other: Rows, like: Alike, phone: Codes, addressed: Flags) -> _Sorted:
        k = self.k
        address, own = self._addresses(one, other, addressed)
        by_name = address == 0
        alone = np.zeros(len(one), dtype=np.bool_)
        alone[by_name] = within_sorted(k.whole[one[by_name]], self.found.alone)
        alone &= like.of(lambda each: each.same) & k.full[one] & ~k.common[one]
        called = np.zeros(len(one), dtype=np.bool_)
        called[by_name] = namesakes(k, one[by_name], other[by_name])
        return _Sorted(one, other, like, phone, address, own, alone, called)

    def _addresses(self, one: Rows, other: Rows, addressed: Flags) -> tuple[Rows, Flags]:
        """`_Sorted.address` and `.own`."""
        emails = self.k.people.emails
        address, own = np.zeros(len(one), dtype=np.int64), np.zeros(len(one), dtype=np.bool_)
        rows = np.flatnonzero(addressed)
        many = [emails.start[who[rows] + 1] - emails.start[who[rows]] for who in (one, other)]
        for i in range(int(many[0].max(initial=0))):
            for j in range(int(many[1].max(initial=0))):
                some = rows[(many[0] > i) & (many[1] > j)]
                mine, theirs = emails.start[one[some]] + i, emails.start[other[some]] + j
                same = emails.hash[mine] == emails.hash[theirs]
                some, mine = some[same], mine[same]
                better = (address[some] == 0) | (~own[some] & ~self._shared[mine])
                address[some[better]], own[some[better]] = i + 1, ~self._shared[mine[better]]
        return address, own

    def _titles(self, part: _Sorted) -> Flags:
        jobs = self._jobs[self.k.people.title[part.one]]
        return np.asarray((jobs > 0) & (jobs == self._jobs[self.k.people.title[part.other]]), dtype=np.bool_)

    def _address_code(self, part: _Sorted) -> Rows:
        code = ((part.alike.code.astype(np.int64) * 16 + part.phone) * 2 + self._titles(part)) * 2 + part.own
        return code * 1000 + part.address

    def _name_code(self, part: _Sorted) -> Rows:
        k, one, other, phones = self.k, part.one, part.other, self.k.people.phones
        both = (part.phone == 0) & (phones[one, 0] >= 0) & (phones[other, 0] >= 0)
        state = both.astype(np.int64)
        rows = np.flatnonzero(both)
        state[rows] += mobiles(k, one[rows]) & mobiles(k, other[rows])
        code = part.alike.code.astype(np.int64)
        near_same = part.alike.of(lambda each: each.near_same)
        for level, size in (
            (employed(k, one, other).code, 1000),
            (part.phone, 16),
            (state, 3),
            (first_parts(k, one, other), 1 + 2 * ADDRESSES**2),
            (two_addresses(k, one, other, near_same), 5 * ADDRESSES**2),
            (self._titles(part), 2),
            (part.alone, 2),
            (part.namesakes, 2),
            (k.common[one] | k.common[other], 2),
        ):
            code = code * size + level
        return code

    def _in_kinds(self, part: _Sorted, code_of: Callable[[_Sorted], Rows], every: bool) -> Scored:
        """One comparison for each combination of levels."""
        table = pl.DataFrame({"code": code_of(part)}).with_row_index("row")
        kinds = table.group_by("code").agg(pl.col("row").min()).sort("row").with_row_index("kind")
        asked = self._asked(part, kinds["row"].to_numpy(), slots=True)
        scores = spread(_score, asked, _FEW)
        how = table.join(kinds.select("code", "kind"), on="code", how="left", maintain_order="left")["kind"].to_numpy()
        return self._judged(part, how.astype(np.int64), scores, every, patterns=True)

    def _one_by_one(self, part: _Sorted, every: bool) -> Scored:
        asked = self._asked(part, np.arange(len(part.one)), slots=False)
        scores = spread(_score, asked, _FEW)
        return self._judged(part, np.arange(len(scores)), scores, every, patterns=False)

    def _asked(self, part: _Sorted, rows: Rows, *, slots: bool) -> list[_Asked]:
        """What core is asked about these rows. slots: by people who print their places."""
        ones, others = (self.k.people.persons(who[rows]) for who in (part.one, part.other))
        return [(a, b, _crowd(a, b, part, row), slots) for a, b, row in zip(ones, others, rows.tolist(), strict=True)]

    def _judged(self, part: _Sorted, how: Rows, scores: Sequence[Score], every: bool, *, patterns: bool) -> Scored:
        value = np.array([one.value for one in scores], dtype=np.float64)
        tier = np.array([one.tier for one in scores], dtype=np.uint8)
        barred = np.array([one.barred for one in scores], dtype=np.bool_)
        door = np.array([DOORS.index(judge(one, self.bounds)) for one in scores], dtype=np.uint8)
        kept = (door[how] > 0) | every
        how = how[kept]
        return Scored(
            part.one[kept], part.other[kept], how, scores, [patterns] * len(scores), value[how], tier[how],
            barred[how], door[how],
        )  # fmt: skip


_Asked = tuple[Person, Person, Crowd, bool]


def _score(asked: _Asked) -> Score:
    a, b, crowd, slots = asked
    return identity.compare(shown(a, "a"), shown(b, "b"), crowd) if slots else identity.compare(a, b, crowd)


def _singular(k: Keyed, one: Rows, other: Rows) -> Flags:
    """Pairs of which more is told than levels hold: many addresses, more than two domains, two scripts."""
    start = k.people.emails.start
    several = (np.diff(start) > ADDRESSES) | k.people.odd
    return np.asarray(several[one] | several[other] | (k.cjk[one] != k.cjk[other]), dtype=np.bool_)


def _crowd(a: Person, b: Person, part: _Sorted, row: int) -> Crowd:
    """What the neighbourhood says of just these two."""
    mine = part.address[row] - 1 if part.own[row] else -1
    shared = [one for number, one in enumerate(a.emails) if number != mine] if part.address[row] else []
    sakes = (key for key in a.keys & b.keys if key.startswith("w:") and "|" in key) if part.namesakes[row] else ()
    return Crowd(frozenset(shared), frozenset(sakes), frozenset((f"w:{a.name.whole}",) if part.alone[row] else ()))


def _joined(parts: Sequence[Scored]) -> Scored:
    ahead = np.cumsum([0, *(len(part.scores) for part in parts)])
    columns: list[Any] = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("one", "other", "value", "tier", "barred", "door")
    ]
    how = np.concatenate([part.how + first for part, first in zip(parts, ahead[:-1].tolist(), strict=True)])
    order = np.lexsort((columns[1], columns[0]))
    one, other, value, tier, barred, door = (column[order] for column in columns)
    scores = [each for part in parts for each in part.scores]
    patterns = [each for part in parts for each in part.patterns]
    return Scored(one, other, how[order], scores, patterns, value, tier, barred, door)


# --- explanations


def explained(people: People, found: Scored, rows: Rows, between: str = "; ") -> pl.Series:
    """The explanation of each of these pairs: its lines, joined."""
    if not len(rows):
        return pl.Series("text", [], dtype=pl.String)
    used, how = np.unique(found.how[rows], return_inverse=True)
    pieces = [_pieces(found, one, between) for one in used.tolist()]
    shown_by = _Values(people, found.one[rows], found.other[rows])
    columns = []
    for place in range(max(len(one) for one in pieces)):
        here = [one[place] if place < len(one) else "" for one in pieces]
        if place % 2:
            columns.append(shown_by.column(here, how))
        else:
            columns.append(pl.Series(here, dtype=pl.String).gather(how))
    table = pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)])
    return table.select(text=pl.concat_str(pl.all()))["text"]


def _pieces(found: Scored, how: int, between: str) -> list[str]:
    """The explanation as text, place of a value, text, place, ... text."""
    text = between.join(found.scores[how].lines)
    return _SLOT.split(_CALLED.sub("\x02\\1 called\x03", text)) if found.patterns[how] else [text]


class _Values:
    """The values that stand at the places of `shown`, of pairs."""

    def __init__(self, people: People, one: Rows, other: Rows) -> None:
        self.people, self.pairs = people, {"a": one, "b": other}
        self.lists: dict[str, pl.Series] = {}

    def column(self, places: Sequence[str], how: Rows) -> pl.Series:
        """The value of each pair at the place of its kind; "" stands for no place."""
        kinds = {name: number for number, name in enumerate(dict.fromkeys(places))}
        kind = np.array([kinds[name] for name in places])[how]
        texts: list[pl.Series] = []
        index = np.zeros(len(how), dtype=np.int64)
        begun = 0
        for name, number in kinds.items():
            rows = np.flatnonzero(kind == number)
            series, codes = self._values(name, rows)
            # Where a list is much longer than what is wanted of it, only that is taken.
            if len(series) > 4 * len(rows):
                series, codes = series.gather(codes), np.arange(len(rows))
            texts.append(series)
            index[rows] = codes + begun
            begun += len(series)
        return pl.concat(texts, rechunk=True).gather(index)

    def _values(self, place: str, rows: Rows) -> tuple[pl.Series, Rows]:
        """Texts, and which of them each of these pairs has at a place."""
        if not place:
            return pl.Series([""], dtype=pl.String), np.zeros(len(rows), dtype=np.int64)
        people, (side, what, *rest) = self.people, place.split()
        who = self.pairs[side][rows]
        number = int(rest[0]) if rest else 0
        if what == "called":
            return self._called(who)
        if what == "email":
            return people.emails.text, people.emails.start[who] + number
        if what == "phone":
            return people.numbers, people.phones[who, number]
        if what == "domain":
            return self._list("domain_texts"), people.domains[who, number].astype(np.int64)
        name, codes = {"company": ("companies", people.company), "title": ("titles", people.title)}[what]
        return self._list(name), codes[who].astype(np.int64)

    def _list(self, name: str) -> pl.Series:
        if name not in self.lists:
            self.lists[name] = pl.Series(getattr(self.people, name), dtype=pl.String)
        return self.lists[name]

    def _called(self, who: Rows) -> tuple[pl.Series, Rows]:
        """First and last name, of everyone once."""
        everyone, back = np.unique(who, return_inverse=True)
        people = self.people
        first = self._list("firsts").gather(people.first[everyone]).alias("f")
        last = self._list("lasts").gather(people.last[everyone]).alias("l")
        whole = pl.concat_str("f", "l", separator=" ").str.strip_chars()
        text = pl.when(whole == "").then(pl.lit("(no name)")).otherwise(whole)
        return pl.DataFrame([first, last]).select(text.alias("n"))["n"], back
