"""Who goes with whom, for whole tables: core's `settle`, asked once for each shape of neighbourhood.

People whom no score connects cannot influence one another, so every neighbourhood is settled by itself. Those of one
shape (as many people on each side, the same scores between the same of them, the same order of preference) end alike:
core settles one of them, and the rest follow it. Decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np

from concord.bulk.people import OBJECT, SIDES, Everyone, Flags, Rows, mixed
from concord.bulk.scores import Scored
from concord.bulk.spreading import spread
from concord.core.assignment import MARGIN, Bounds, Evidence, Matching, Rules, Score, settle
from concord.core.values import Ref

_NODE: Final = re.compile("(?:left|right) person \x02n([0-9]+)\x03")
#: Stands in a note for the explanation of the score that it is about.
LINES: Final = "\x02"
#: Stands between the lines of a note.
BETWEEN: Final = "\x1e"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: Neighbourhoods with more pairs than this are each of a shape of their own.
_SMALL: Final = 40
#: Shapes that are worth a process.
_FEW: Final = 100


@dataclass(frozen=True)
class Ended:
    """Some links, questions or duplicates: the left one and the right one (the duplicate and the active one), the row
    in `Scored` (-1: none), and notes for those found through others, with LINES in it where the score's explanation
    goes; no notes where there is none."""

    one: Rows
    other: Rows
    row: Rows
    notes: list[str]


@dataclass
class Settled:
    """Who is who. new: without a partner."""

    links: list[Ended] = field(default_factory=list)
    asks: list[Ended] = field(default_factory=list)
    duplicates: list[Ended] = field(default_factory=list)
    new: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


class _Unseen(Exception):
    """Core wants the score of a pair that shares no key, or is two people."""

    def __init__(self, one: int, other: int) -> None:
        self.pair = (min(one, other), max(one, other))


class _Line(Evidence):
    """Stands for all lines of one score."""

    def __str__(self) -> str:
        return f"\x02{self.detail}\x03"


@dataclass(frozen=True)
class _Node:
    ref: Ref
    modified_at: datetime | None
    rank: int = 0


@dataclass(frozen=True)
class _Shape:
    """A neighbourhood: who of it is on the right side, which rank each one's object has, when each was modified (in
    which order; -1: not known), the pairs with their scores, and what people have said before: links, and pairs to keep
    apart."""

    right: tuple[bool, ...]
    ranks: tuple[int, ...]
    ages: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    scores: tuple[tuple[float, int, bool], ...]
    linked: tuple[tuple[int, int], ...] = ()
    apart: tuple[tuple[int, int], ...] = ()

    def settled(self, bounds: Bounds, unseen: Mapping[tuple[int, int], Score]) -> Matching:
        """By core. Raises _Unseen for the score of a pair that is not among these."""
        refs = [_ref(number, right) for number, right in enumerate(self.right)]
        number = {ref: one for one, ref in enumerate(refs)}
        table = {
            pair: _score(place, *each) for place, (pair, each) in enumerate(zip(self.pairs, self.scores, strict=True))
        }
        keys: dict[int, set[str]] = {one: set() for one in range(len(self.right))}
        for place, pair in enumerate(self.pairs):
            for one in pair:
                keys[one].add(str(place))
        nodes = [
            _Node(ref, _EPOCH + timedelta(days=self.ages[one]) if self.ages[one] >= 0 else None, self.ranks[one])
            for ref, one in number.items()
        ]

        def compare(a: _Node, b: _Node) -> Score:
            one, other = sorted((number[a.ref], number[b.ref]))
            found = table.get((one, other)) or unseen.get((one, other))
            if found is None:
                raise _Unseen(one, other)
            return found

        couples = [(refs[one], refs[other]) for one, other in self.linked]
        rules = Rules(
            lambda node: frozenset(keys[number[node.ref]]), compare, bounds,
            frozenset((refs[one], refs[other]) for one, other in self.apart),
            {**dict(couples), **{right: left for left, right in couples}},
        )  # fmt: skip
        lefts, rights = ([node for node in nodes if self.right[number[node.ref]] == side] for side in (False, True))
        return settle(lefts, rights, rules)


@lru_cache(maxsize=10_000)
def _ref(number: int, right: bool) -> Ref:
    return Ref(SIDES[right], OBJECT, f"\x02n{number:09d}\x03")


@lru_cache(maxsize=50_000)
def _score(place: int, value: float, tier: int, barred: bool) -> Score:
    return Score(value, (_Line("", value, str(place)),), tier > 0, barred, tier > 1)


@dataclass(frozen=True)
class _End:
    """How a shape ends: for each link (ask, duplicate) two of its people, the pair whose score it has, a note."""

    links: tuple[tuple[int, int, int, str], ...]
    asks: tuple[tuple[int, int, int, str], ...]
    duplicates: tuple[tuple[int, int, int, str], ...]


def _end(matching: Matching) -> _End:
    def of(one: Ref, other: Ref, evidence: Sequence[str]) -> tuple[int, int, int, str]:
        pair = next((int(line.strip("\x02\x03")) for line in evidence if line.startswith("\x02")), -1)
        note = BETWEEN.join(LINES if line.startswith("\x02") else line for line in evidence)
        return int(one.id[2:-1]), int(other.id[2:-1]), pair, "" if note == LINES else note

    return _End(
        tuple(of(one.left, one.right, one.evidence) for one in matching.links),
        tuple(of(one.left, one.right, one.evidence) for one in matching.asks),
        tuple(of(one.ref, one.active, one.evidence) for one in matching.duplicates),
    )


def neighbourhoods(size: int, one: Rows, other: Rows) -> Rows:
    """For everyone the smallest number among those that pairs connect them with."""
    root = np.arange(size)
    while len(one):
        a, b = root[one], root[other]
        low = np.minimum(a, b)
        np.minimum.at(root, a, low)
        np.minimum.at(root, b, low)
        while not (root == root[root]).all():
            root = root[root]
        apart = root[one] != root[other]
        one, other = one[apart], other[apart]
    return root


@dataclass(frozen=True)
class Said:
    """What people have said before: links there are, and pairs to keep apart; lefts and rights."""

    linked: tuple[Rows, Rows]
    apart: tuple[Rows, Rows]


NOTHING_SAID: Final = Said(
    (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)),
    (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)),
)


def settled(
    people: Everyone, found: Scored, scores: Callable[[Rows, Rows], Scored], bounds: Bounds, said: Said = NOTHING_SAID
) -> Settled:
    """Who goes with whom among all, by the scores of the pairs. scores: of further pairs, whatever these are."""
    size = people.size
    keep = _allowed(people, found, said)
    row = np.flatnonzero(keep)
    one, other = found.one[row], found.other[row]
    root = neighbourhoods(size, np.concatenate([one, said.linked[0]]), np.concatenate([other, said.linked[1]]))
    told = np.zeros(size, dtype=np.bool_)
    for who in (*said.linked, *said.apart):
        told[root[who]] = True
    order = np.lexsort((other, one, root[one]))
    row, one, other = row[order], one[order], other[order]
    home = root[one]
    start = np.flatnonzero(np.r_[True, home[1:] != home[:-1]]) if len(home) else np.zeros(0, dtype=np.int64)
    count = np.diff(np.r_[start, len(home)])
    met = np.zeros(size, dtype=np.bool_)
    met[home] = True
    member = np.flatnonzero(met[root])
    member = member[np.lexsort((member, root[member]))]
    where = np.searchsorted(root[member], home[start])
    many = np.bincount(root, minlength=size)[home[start]]
    work = _Work(people, found, scores, bounds, said, row, member, Settled())
    local = np.empty(size, dtype=np.int64)
    local[member] = np.arange(len(member)) - np.repeat(where, many) if len(member) else 0
    work.local, work.one, work.other = local, local[one], local[other]
    plain = ~told[home[start]] & (count <= _SMALL)
    for nodes, pairs in sorted(set(zip(many[plain].tolist(), count[plain].tolist(), strict=True))):
        some = plain & (many == nodes) & (count == pairs)
        work.alike(where[some], start[some], nodes, pairs)
    for at in np.flatnonzero(~plain).tolist():
        work.single(int(where[at]), int(many[at]), int(start[at]), int(count[at]), told=bool(told[home[start[at]]]))
    work.settle()
    return work.finished()


def _allowed(people: Everyone, found: Scored, said: Said) -> Flags:
    """Pairs that may be: not kept apart, and not both linked already."""
    keep = np.ones(len(found.one), dtype=np.bool_)
    linked = np.zeros(people.size, dtype=np.bool_)
    for who in said.linked:
        linked[who] = True
    keep &= ~(linked[found.one] & linked[found.other])
    if len(said.apart[0]):
        code = found.one * people.size + found.other
        low, high = np.minimum(*said.apart), np.maximum(*said.apart)
        keep &= ~np.isin(code, low * people.size + high)
    return keep


@dataclass(frozen=True)
class _Open:
    """Neighbourhoods of one shape that are to be settled: people and rows of scores by neighbourhood; scores of other
    pairs that core has asked for."""

    shape: _Shape
    people: Rows
    rows: Rows
    known: dict[tuple[int, int], Score] = field(default_factory=dict)


def _ended(bounds: Bounds, asked: tuple[_Shape, Mapping[tuple[int, int], Score]]) -> _End | tuple[int, int]:
    """How neighbourhoods of a shape end, or the pair whose score has to be known for that."""
    shape, known = asked
    try:
        return _end(shape.settled(bounds, known))
    except _Unseen as missing:
        return missing.pair


@dataclass
class _Work:
    """One settling. row, one, other: the pairs in the order of neighbourhoods, with the place of each of the two in it.
    member: everyone who is in one, in that order."""

    people: Everyone
    found: Scored
    scores: Callable[[Rows, Rows], Scored]
    bounds: Bounds
    said: Said
    row: Rows
    member: Rows
    result: Settled
    local: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    one: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    other: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    open_: list[_Open] = field(default_factory=list)

    def alike(self, where: Rows, start: Rows, nodes: int, pairs: int) -> None:
        """All neighbourhoods of so many people and pairs: one of each shape is settled, the rest follow."""
        people = self.member[where[:, None] + np.arange(nodes)]
        edges = start[:, None] + np.arange(pairs)
        rows = self.row[edges]
        ages = self._ages(people)
        columns: list[Any] = [
            *self.people.right[people].T,
            *self.people.rank[people].T,
            *ages.T,
            *self.one[edges].T,
            *self.other[edges].T,
        ]
        columns += self._values(rows, nodes)
        columns += [*(self.found.tier[rows] * 2 + self.found.barred[rows]).T]
        code = mixed(*(np.asarray(column, dtype=np.int64) + 1 for column in columns))
        order = np.argsort(code, kind="stable")
        first = np.flatnonzero(np.r_[True, code[order][1:] != code[order][:-1]])
        for begin, end in zip(first.tolist(), [*first[1:].tolist(), len(order)], strict=True):
            these = order[begin:end]
            example = these[0]
            shape = self._shape(people[example], ages[example], edges[example])
            self.open_.append(_Open(shape, people[these], rows[these]))

    def _values(self, rows: Rows, nodes: int) -> list[Any]:
        """What of the scores' values makes a shape. Among two or three people core asks no more than which of two is
        the greater, and whether by MARGIN; and through which door each goes."""
        value, door = self.found.value[rows], self.found.door[rows]
        if nodes > 3:
            return [*(value * 10).round().astype(np.int64).T]
        found: list[Any] = [*door.T]
        for i in range(value.shape[1]):
            for j in range(value.shape[1]):
                if i != j:
                    found += [value[:, i] > value[:, j], value[:, i] > value[:, j] - MARGIN]
        return found

    def _ages(self, people: Rows) -> Rows:
        """The order of times within each neighbourhood."""
        at = self.people.modified[people]
        if np.isnan(at).all():
            return np.full(people.shape, -1, dtype=np.int64)
        order = np.sort(at, axis=1)
        ranks = (at[:, :, None] > order[:, None, :]).sum(axis=2)
        return np.where(np.isnan(at), -1, ranks)

    def _shape(self, people: Rows, ages: Rows, edges: Rows) -> _Shape:
        rows = self.row[edges]
        return _Shape(
            tuple(self.people.right[people].tolist()),
            tuple(self.people.rank[people].tolist()),
            tuple(ages.tolist()),
            tuple(zip(self.one[edges].tolist(), self.other[edges].tolist(), strict=True)),
            tuple(
                zip(
                    self.found.value[rows].tolist(),
                    self.found.tier[rows].tolist(),
                    self.found.barred[rows].tolist(),
                    strict=True,
                )
            ),
        )

    def single(self, where: int, many: int, start: int, count: int, *, told: bool) -> None:
        """One neighbourhood by itself."""
        people = self.member[where : where + many]
        edges = np.arange(start, start + count)
        shape = self._shape(people, self._ages(people[None, :])[0], edges)
        if told:
            place = {number: at for at, number in enumerate(people.tolist())}
            links, apart = (
                tuple(
                    (place[a], place[b])
                    for a, b in zip(pair[0].tolist(), pair[1].tolist(), strict=True)
                    if a in place and b in place
                )
                for pair in (self.said.linked, self.said.apart)
            )
            shape = replace(shape, linked=links, apart=apart)
        self.open_.append(_Open(shape, people[None, :], self.row[edges][None, :]))

    def settle(self) -> None:
        """Settle every shape by core. Where it asks for the scores of other pairs, these are worked out all at once."""
        while self.open_:
            waiting, self.open_ = self.open_, []
            ends = spread(partial(_ended, self.bounds), [(one.shape, one.known) for one in waiting], _FEW)
            missing: list[tuple[_Open, tuple[int, int], tuple[int, int]]] = []
            for one, end in zip(waiting, ends, strict=True):
                if isinstance(end, _End):
                    self._take(end, one)
                    continue
                for at in range(len(one.people)):
                    people = one.people[at]
                    alone = _Open(one.shape, one.people[at : at + 1], one.rows[at : at + 1], one.known)
                    missing.append((alone, end, (int(people[end[0]]), int(people[end[1]]))))
            if missing:
                scores = self._scores([pair for _, _, pair in missing])
                self.open_ = [
                    _Open(one.shape, one.people, one.rows, {**one.known, local: scores[pair]})
                    for one, local, pair in missing
                ]

    def _scores(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Score]:
        one, other = (np.array(part, dtype=np.int64) for part in zip(*sorted(set(pairs)), strict=True))
        found = self.scores(one, other)
        columns = (found.one, found.other, found.value, found.tier, found.barred)
        return {
            (a, b): Score(value, (), tier > 0, barred, tier > 1)
            for a, b, value, tier, barred in zip(*(column.tolist() for column in columns), strict=True)
        }

    def _take(self, end: _End, one: _Open) -> None:
        for items, into in (
            (end.links, self.result.links),
            (end.asks, self.result.asks),
            (end.duplicates, self.result.duplicates),
        ):
            for a, b, pair, note in items:
                score = one.rows[:, pair] if pair >= 0 else np.full(len(one.people), -1)
                into.append(Ended(one.people[:, a], one.people[:, b], score, self._notes(note, one.people)))

    def _notes(self, note: str, people: Rows) -> list[str]:
        """The note with the people's own refs in it; nothing where there is none."""
        if not note:
            return []

        def of(these: Sequence[int]) -> str:
            return _NODE.sub(lambda found: str(self.people.ref(these[int(found[1])])), note)

        return [of(each) for each in people.tolist()]

    def finished(self) -> Settled:
        placed = np.zeros(self.people.size, dtype=np.bool_)
        for pair in (*self.result.links, *self.result.asks):
            placed[pair.one] = placed[pair.other] = True
        for duplicate in self.result.duplicates:
            placed[duplicate.one] = True
        for who in self.said.linked:
            placed[who] = True
        self.result.new = np.flatnonzero(~placed)
        return self.result
