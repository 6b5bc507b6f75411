"""Who goes with whom: from scores of pairs to one partner for each (SPEC 4.3, 4.4).

The same for people and companies: what a thing is, under which keys it is looked for and how two are compared is handed
in. Whole neighbourhoods are settled at once, by the best assignment and not by the first hit, and the answer does not
depend on the order of the input. Links that exist are never broken. Writes nothing and asks nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar

from concord.core.values import Ref


@dataclass(frozen=True)
class Evidence:
    """One reason for or against two records being one: what was compared, the points it gives, and what was found."""

    what: str
    points: float
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail} ({self.points:+g})"


@dataclass(frozen=True)
class Score:
    """How sure it is that two records are one, 0 to 100; the evidence's points add up to it (clipped at both ends).

    exact: they share an e-mail address (companies: a domain), or one bears the other's id. barred: never linked
    automatically, whatever the value: a shared mailbox, a household, father and son, namesakes.
    """

    value: float
    evidence: tuple[Evidence, ...]
    exact: bool = False
    barred: bool = False
    stated: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(str(one) for one in self.evidence)

    @property
    def tier(self) -> int:
        """What counts before the value: an id that was stored, then an equal address, then everything else."""
        return 2 if self.stated else int(self.exact)


def score_of(evidence: Iterable[Evidence], *, exact: bool, barred: bool, stated: bool = False) -> Score:
    """The score of this evidence; evidence without points is kept, because a reviewer wants to see it."""
    lines = tuple(evidence)
    value = min(100.0, max(0.0, round(sum(one.points for one in lines), 1)))
    return Score(value, lines, exact, barred, stated)


@dataclass(frozen=True)
class Bounds:
    """SPEC 4.3: a score of `link` and above links, of `ask` and above asks a person, below it creates."""

    link: float = 90
    ask: float = 70


class Door(StrEnum):
    """What becomes of a candidate pair: exactly one of three."""

    SAME = "same"
    ASK = "ask"
    NEW = "new"


def judge(score: Score, bounds: Bounds) -> Door:
    """The one door that a pair goes through. An equal address links whatever the bounds (SPEC 4.2), unless the pair is
    barred; then a person is asked, because the other system may allow only one record for the address."""
    if score.exact:
        return Door.ASK if score.barred else Door.SAME
    if score.value >= bounds.link:
        return Door.ASK if score.barred else Door.SAME
    return Door.ASK if score.value >= bounds.ask else Door.NEW


@dataclass(frozen=True)
class Pairing:
    """A left and a right record that are, or may be, one."""

    left: Ref
    right: Ref
    score: float
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Duplicate:
    """A record that stands beside the active one of the same person in the same system (SPEC 4.4)."""

    ref: Ref
    active: Ref
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    """Who is who. links: to be linked. asks: for a person to decide. duplicates: beside an active record of their own
    system. new: without a partner. Every unlinked record is in exactly one of the four, save that it may be in several
    asks."""

    links: tuple[Pairing, ...] = ()
    asks: tuple[Pairing, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    new: tuple[Ref, ...] = ()


class Thing(Protocol):
    """What is matched: a person or a company."""

    @property
    def ref(self) -> Ref: ...
    @property
    def rank(self) -> int: ...
    @property
    def modified_at(self) -> datetime | None: ...


T = TypeVar("T", bound=Thing)

#: A key borne by more records than this tells nobody apart, and is not used to find candidates.
CROWDED: Final = 300
#: Two partners whose scores are no further apart than this are equally likely: a person decides between them.
MARGIN: Final = 3.0
#: Questions about one record that a person is asked at most.
QUESTIONS: Final = 3
#: Neighbourhoods larger than this are settled best pair first: the exact method's time grows with the cube.
LARGE: Final = 120
_FAR: Final = 1 << 90  # further than any sum of weights


@dataclass(frozen=True)
class Rules(Generic[T]):
    """What `settle` has to be told: how to find and compare, the bounds, what to keep apart, the links there are, and
    who is asked about (None: everyone; nothing is said of others whom no score connects with one of these)."""

    keys: Callable[[T], frozenset[str]]
    compare: Callable[[T, T], Score]
    bounds: Bounds
    apart: frozenset[tuple[Ref, Ref]]
    linked: Mapping[Ref, Ref]
    about: frozenset[Ref] | None = None


def settle(lefts: Sequence[T], rights: Sequence[T], rules: Rules[T]) -> Matching:
    """Who is who among these records."""
    room = _Room(lefts, rights, rules)
    room.gather()
    room.pair_up()
    return room.result()


@dataclass
class _Room(Generic[T]):
    """One settling, step by step; lives for one call."""

    lefts: Sequence[T]
    rights: Sequence[T]
    rules: Rules[T]
    things: dict[Ref, T] = field(default_factory=dict)
    left_refs: frozenset[Ref] = frozenset()
    near: dict[Ref, dict[Ref, Score]] = field(default_factory=lambda: defaultdict(dict))  # the same side
    across: dict[Ref, dict[Ref, Score]] = field(default_factory=lambda: defaultdict(dict))  # the other side
    active: dict[Ref, Ref] = field(default_factory=dict)
    because: dict[Ref, tuple[str, ...]] = field(default_factory=dict)  # why someone is a duplicate
    partner: dict[Ref, Ref] = field(default_factory=dict)
    links: list[Pairing] = field(default_factory=list)
    asks: dict[tuple[Ref, Ref], Pairing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.left_refs = frozenset(one.ref for one in self.lefts)
        self.things = {one.ref: one for one in sorted((*self.lefts, *self.rights), key=lambda one: one.ref)}
        if self.rules.about is not None:
            self._look_around(self.rules.about)
            return
        for one, other in candidates(self.things.values(), self.rules.keys):
            self._compare(one, other)

    def _look_around(self, about: frozenset[Ref]) -> None:
        """Compare only as far as scores, or links there are, lead from these; the rest is left out. Neighbourhoods that
        nothing connects do not influence one another, so the answer about these is the same."""
        everyone = list(self.things.values())
        blocks = _blocks(everyone, self.rules.keys)
        place = {thing.ref: position for position, thing in enumerate(everyone)}
        seen = {place[ref] for ref in about if ref in place}
        waiting, done = sorted(seen), set[tuple[int, int]]()
        while waiting:
            one = waiting.pop()
            beside = {other for key in self.rules.keys(everyone[one]) for other in blocks.get(key, ())}
            couples = sorted({(min(one, other), max(one, other)) for other in beside - {one}} - done)
            done.update(couples)
            for first, second in couples:
                self._compare(everyone[first], everyone[second])
            ref = everyone[one].ref
            led = {*self.near[ref], *self.across[ref], self.rules.linked.get(ref, ref)}
            new = sorted({place[other] for other in led if other in place} - seen)
            seen.update(new)
            waiting += new
        self.things = {everyone[position].ref: everyone[position] for position in sorted(seen)}
        self.left_refs &= self.things.keys()

    def _compare(self, one: T, other: T) -> None:
        linked = self.rules.linked
        if one.ref in linked and other.ref in linked:
            return
        if self._kept_apart(one.ref, other.ref):
            return
        beside = (one.ref in self.left_refs) == (other.ref in self.left_refs)
        score = self.rules.compare(one, other)
        if judge(score, self.rules.bounds) is not Door.NEW:
            table = self.near if beside else self.across
            table[one.ref][other.ref] = table[other.ref][one.ref] = score

    def _kept_apart(self, one: Ref, other: Ref) -> bool:
        return (one, other) in self.rules.apart or (other, one) in self.rules.apart

    def _same(self, score: Score) -> bool:
        return judge(score, self.rules.bounds) is Door.SAME

    # --- duplicates inside one system

    def gather(self) -> None:
        """Find the duplicates inside each system: each stands beside its active record, never through a third."""
        actives: set[Ref] = set()
        for ref in sorted(self.things, key=self._preference):
            beside = [
                (score, other)
                for other, score in self.near[ref].items()
                if other in actives
                and self._same(score)
                and ref not in self.rules.linked
                and not self._apart_through(ref, other)
            ]
            beside = [(score, other) for score, other in beside if not self._own_partners(ref, other, score)]
            if beside:
                score, best = min(beside, key=lambda pair: (-pair[0].tier, -pair[0].value, self._preference(pair[1])))
                self.active[ref], self.because[ref] = best, score.lines
            else:
                actives.add(ref)
                self.active[ref] = ref

    def _preference(self, ref: Ref) -> tuple[bool, int, float, Ref]:
        """SPEC 4.4: a contact before a lead, then the most recently modified; a linked one stays what it is."""
        thing = self.things[ref]
        age = -thing.modified_at.timestamp() if thing.modified_at else float("inf")
        return ref not in self.rules.linked, thing.rank, age, ref

    def _apart_through(self, one: Ref, other: Ref) -> bool:
        """A person has said that one of the two is not the other's partner: then they are two as well."""
        known = [(one, self._certain(other, -1)), (other, self._certain(one, -1))]
        return any(self._kept_apart(ref, partner) for ref, partners in known for partner in partners)

    def _own_partners(self, one: Ref, other: Ref, score: Score) -> bool:
        """Both have a surer partner of their own on the other side: two people who look alike, or two couples of
        duplicates, and either way each is best linked with its own."""
        mine, theirs = self._certain(one, score.tier), self._certain(other, score.tier)
        return bool(mine) and bool(theirs) and not mine & theirs

    def _certain(self, ref: Ref, tier: int) -> set[Ref]:
        found = {other for other, score in self.across[ref].items() if self._same(score) and score.tier > tier}
        return found | {self.rules.linked[ref] for _ in (1,) if ref in self.rules.linked}

    # --- partners across the systems

    def pair_up(self) -> None:
        """One partner for each active record: the best assignment of each neighbourhood."""
        edges = self._edges()
        certain = {pair: edge for pair, edge in edges.items() if self._same(edge.score)}
        certain = self._without_rivals(certain)
        taken = self._beside_the_linked(certain)
        open_ = {
            (left, right): edge
            for (left, right), edge in certain.items()
            if not {left, right} & taken and left not in self.rules.linked and right not in self.rules.linked
        }
        for left, right in best_pairs({pair: _weight(edge.score) for pair, edge in open_.items()}):
            edge = open_[left, right]
            self.partner[left], self.partner[right] = right, left
            self.links.append(Pairing(left, right, edge.score.value, edge.lines))
        self._the_others(certain)
        self._questions({pair: edge for pair, edge in edges.items() if pair not in certain})

    def _edges(self) -> dict[tuple[Ref, Ref], _Edge]:
        """The best evidence between two active records, their own or that of their duplicates."""
        edges: dict[tuple[Ref, Ref], _Edge] = {}
        for left in sorted(self.left_refs):
            for right, score in sorted(self.across[left].items()):
                pair = (self.active[left], self.active[right])
                if self._kept_apart(*pair) or all(ref in self.rules.linked for ref in pair):
                    continue
                edge = _Edge(score) if pair == (left, right) else self._through(pair, left, right, score)
                if pair not in edges or edge.order > edges[pair].order:
                    edges[pair] = edge
        return edges

    def _through(self, pair: tuple[Ref, Ref], left: Ref, right: Ref, score: Score) -> _Edge:
        """What two active records' duplicates say of them. An equal address counts for both; likeness found through a
        third does not: the two must be alike enough themselves, or a person is asked."""
        own = self.across[pair[0]].get(pair[1])
        if own is not None and (own.barred or not (score.exact or self._same(own))):
            return _Edge(own)
        barred = score.barred or (own is None and not score.exact)
        return _Edge(replace(score, barred=barred), (f"found through {left} and {right}",))

    def _without_rivals(self, certain: dict[tuple[Ref, Ref], _Edge]) -> dict[tuple[Ref, Ref], _Edge]:
        """Without the pairs that an equally likely one speaks against: two people, and either could be the third."""
        seen: dict[Ref, list[tuple[Ref, Score]]] = defaultdict(list)
        for (left, right), edge in certain.items():
            seen[left].append((right, edge.score))
            seen[right].append((left, edge.score))

        def rivalled(one: Ref, other: Ref, score: Score) -> bool:
            return any(
                rival != other
                and its.tier >= score.tier
                and (its.tier > score.tier or its.value > score.value - MARGIN)
                and not self._may_be_one(rival, other)
                for rival, its in seen[one]
            )

        return {
            (left, right): edge
            for (left, right), edge in certain.items()
            if edge.score.exact or not (rivalled(left, right, edge.score) or rivalled(right, left, edge.score))
        }

    def _may_be_one(self, one: Ref, other: Ref) -> bool:
        """Whether two records of one system are one person rather than two who are much alike."""
        score = self.near[one].get(other)
        return score is not None and self._same(score)

    def _beside_the_linked(self, certain: Mapping[tuple[Ref, Ref], _Edge]) -> set[Ref]:
        """Newcomers that are the same as a linked record of the other system: duplicates of that one's partner."""
        taken: set[Ref] = set()
        best: dict[Ref, tuple[tuple[int, float], Ref]] = {}
        for (left, right), edge in sorted(certain.items()):
            for mine, other in ((left, right), (right, left)):
                if mine not in best or edge.order > best[mine][0]:
                    best[mine] = edge.order, other
        for (left, right), edge in sorted(certain.items()):
            for mine, other in ((left, right), (right, left)):
                if other in self.rules.linked and mine not in self.rules.linked and best[mine][1] == other:
                    self._stand_beside(mine, self.rules.linked[other], other, edge)
                    taken.add(mine)
        return taken

    def _stand_beside(self, ref: Ref, active: Ref, through: Ref, edge: _Edge) -> None:
        """`ref` is a duplicate of `active`, because both are the same as `through`; unless the two contradict."""
        if active in self.things and self._contradict(ref, active):
            left, right = (ref, through) if ref in self.left_refs else (through, ref)
            self._ask(left, right, edge)
            return
        self.active[ref] = active
        self.because[ref] = (f"the same as {through}, whose partner is {active}", *edge.lines)

    def _contradict(self, one: Ref, other: Ref) -> bool:
        if self._kept_apart(one, other):
            return True
        score = self.near[one].get(other) or self.rules.compare(self.things[one], self.things[other])
        return score.barred

    def _the_others(self, certain: Mapping[tuple[Ref, Ref], _Edge]) -> None:
        """Those who lost their partner to a better one are its duplicates."""
        for (left, right), edge in sorted(certain.items(), key=lambda item: (_descending(item[1].order), item[0])):
            for mine, other in ((left, right), (right, left)):
                if self._without_place(mine) and not any(mine in pair for pair in self.asks):
                    through = self._stands_for(other)
                    standing = self.partner.get(through) or self.rules.linked.get(through)
                    if standing is None:  # the other one waits for a person's answer, and so must this one
                        self._ask(left, right, edge)
                    else:
                        self._stand_beside(mine, standing, through, edge)

    # --- questions

    def _questions(self, edges: Mapping[tuple[Ref, Ref], _Edge]) -> None:
        """The pairs that a person decides: the likeliest few of each record that has found no place."""
        asked: dict[Ref, int] = defaultdict(int)
        moved: dict[tuple[Ref, Ref], _Edge] = {}
        for (left, right), edge in sorted(edges.items()):  # a question about a duplicate is one about its active record
            pair = (self._stands_for(left), self._stands_for(right))
            if not self._kept_apart(*pair) and (pair not in moved or edge.order > moved[pair].order):
                moved[pair] = edge
        for (left, right), edge in sorted(moved.items(), key=lambda item: (_descending(item[1].order), item[0])):
            open_ = [ref for ref in (left, right) if self._without_place(ref)]
            if not open_ or not self._worth_asking(left, right, edge):
                continue
            if any(asked[ref] < QUESTIONS for ref in open_):
                asked[left] += 1
                asked[right] += 1
                self._ask(left, right, edge)

    def _ask(self, left: Ref, right: Ref, edge: _Edge) -> None:
        self.asks[left, right] = Pairing(left, right, edge.score.value, edge.lines)

    def _without_place(self, ref: Ref) -> bool:
        free = ref not in self.partner and ref not in self.rules.linked
        return free and self.active.get(ref) == ref

    def _worth_asking(self, left: Ref, right: Ref, edge: _Edge) -> bool:
        """Whether nobody knows better: where one of the two has found its partner, the other can only be a duplicate of
        that one, so it must look like it, too."""
        if edge.score.exact:
            return True
        for ref, other in ((left, right), (right, left)):
            if not self._without_place(ref):
                stands_for = self.partner.get(ref) or self.rules.linked.get(ref)
                if stands_for in self.things and stands_for not in self.near[other]:
                    return False
        return True

    def result(self) -> Matching:
        duplicates = [
            Duplicate(ref, self._stands_for(ref), self.because[ref]) for ref in self.things if self.active[ref] != ref
        ]
        placed = {ref for pair in self.asks for ref in pair} | set(self.partner) | set(self.rules.linked)
        new = [ref for ref in self.things if ref not in placed and self.active[ref] == ref]
        return Matching(
            tuple(sorted(self.links, key=lambda one: (one.left, one.right))),
            tuple(sorted(self.asks.values(), key=lambda one: (-one.score, one.left, one.right))),
            tuple(duplicates),
            tuple(new),
        )

    def _stands_for(self, ref: Ref) -> Ref:
        """The active record at the end of the way: a duplicate's active may have become a duplicate itself."""
        active = self.active.get(ref, ref)
        return active if self.active.get(active, active) == active else self._stands_for(active)


@dataclass(frozen=True)
class _Edge:
    score: Score
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, float]:
        return self.score.tier, self.score.value

    @property
    def lines(self) -> tuple[str, ...]:
        return self.score.lines + self.notes


def _descending(order: tuple[int, float]) -> tuple[int, float]:
    return -order[0], -order[1]


def _weight(score: Score) -> int:
    """A pair's worth to the assignment: no number of likely pairs outweighs a certain one."""
    return (1_000, 1_000_000_000, 1_000_000_000_000_000)[score.tier] * round(10 * score.value + 1)


def candidates(things: Iterable[T], keys: Callable[[T], frozenset[str]]) -> Iterable[tuple[T, T]]:
    """All pairs that share a key, each once, in a fixed order. Keys that too many share are passed over."""
    everyone = list(things)
    pairs = {
        first * len(everyone) + second
        for block in _blocks(everyone, keys).values()
        for number, first in enumerate(block)
        for second in block[number + 1 :]
    }
    for code in sorted(pairs):
        yield everyone[code // len(everyone)], everyone[code % len(everyone)]


def _blocks(everyone: Sequence[T], keys: Callable[[T], frozenset[str]]) -> dict[str, list[int]]:
    """The positions of those who share a key, by key; without keys that one alone has, or too many."""
    blocks: dict[str, list[int]] = defaultdict(list)
    for position, thing in enumerate(everyone):
        for key in keys(thing):
            blocks[key].append(position)
    return {key: block for key, block in blocks.items() if 1 < len(block) <= CROWDED}


# --- the best one-to-one choice


def best_pairs(weights: Mapping[tuple[Ref, Ref], int]) -> list[tuple[Ref, Ref]]:
    """The one-to-one choice of pairs with the greatest sum of weights (all > 0); the order of the input is nothing."""
    chosen: list[tuple[Ref, Ref]] = []
    for part in _neighbourhoods(sorted(weights)):
        if len(part) == 1:
            chosen += part
        elif len({left for left, _ in part}) + len({right for _, right in part}) > LARGE:
            chosen += _greedy(part, weights)
        else:
            chosen += _optimal(part, weights)
    return sorted(chosen)


def _neighbourhoods(pairs: Sequence[tuple[Ref, Ref]]) -> list[list[tuple[Ref, Ref]]]:
    """The pairs, parted into groups that share no record."""
    beside: dict[tuple[int, Ref], list[tuple[Ref, Ref]]] = defaultdict(list)
    for pair in pairs:
        for side in (0, 1):
            beside[side, pair[side]].append(pair)
    seen: set[tuple[Ref, Ref]] = set()
    parts: list[list[tuple[Ref, Ref]]] = []
    for start in pairs:
        if start in seen:
            continue
        part, waiting = [], [start]
        seen.add(start)
        while waiting:
            pair = waiting.pop()
            part.append(pair)
            # Each record is looked at once: what stood beside it is waiting already.
            for other in beside.pop((0, pair[0]), []) + beside.pop((1, pair[1]), []):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        parts.append(sorted(part))
    return parts


def _greedy(part: Sequence[tuple[Ref, Ref]], weights: Mapping[tuple[Ref, Ref], int]) -> list[tuple[Ref, Ref]]:
    chosen: list[tuple[Ref, Ref]] = []
    gone: set[tuple[int, Ref]] = set()
    for pair in sorted(part, key=lambda one: (-weights[one], one)):
        if (0, pair[0]) not in gone and (1, pair[1]) not in gone:
            gone |= {(0, pair[0]), (1, pair[1])}
            chosen.append(pair)
    return chosen


def _optimal(part: Sequence[tuple[Ref, Ref]], weights: Mapping[tuple[Ref, Ref], int]) -> list[tuple[Ref, Ref]]:
    """The Hungarian method on the square of the neighbourhood; a pair that does not exist weighs nothing."""
    lefts = sorted({left for left, _ in part})
    rights = sorted({right for _, right in part})
    size = max(len(lefts), len(rights))
    cost = [[0] * size for _ in range(size)]
    rows, columns = ({ref: number for number, ref in enumerate(refs)} for refs in (lefts, rights))
    for pair in part:
        cost[rows[pair[0]]][columns[pair[1]]] = -weights[pair]
    row_of = _hungarian(cost)
    found = (
        (lefts[row], rights[column]) for column, row in enumerate(row_of) if row < len(lefts) and column < len(rights)
    )
    return [pair for pair in found if pair in weights]


def _hungarian(cost: Sequence[Sequence[int]]) -> list[int]:
    """For each column of a square table the row chosen for it, so that the sum of costs is least. Whole numbers, so the
    answer is exact; shortest augmenting paths with potentials."""
    size = len(cost)
    of_row, of_column = [0] * (size + 1), [0] * (size + 1)
    match = [0] * (size + 1)  # column -> row, from 1; 0: none yet
    for row in range(1, size + 1):
        match[0] = row
        column, way = 0, [0] * (size + 1)
        least = [_FAR] * (size + 1)
        done = [False] * (size + 1)
        while match[column] != 0:
            done[column] = True
            column = _step(cost, (of_row, of_column), match, (column, least, done, way))
        while column:
            match[column] = match[way[column]]
            column = way[column]
    return [match[column] - 1 for column in range(1, size + 1)]


def _step(
    cost: Sequence[Sequence[int]],
    potentials: tuple[list[int], list[int]],
    match: Sequence[int],
    search: tuple[int, list[int], list[bool], list[int]],
) -> int:
    """One step of the search for an augmenting path: the next column, with the potentials brought along."""
    of_row, of_column = potentials
    column, least, done, way = search
    row, nearest = match[column], 0
    for other in range(1, len(done)):
        if not done[other]:
            reduced = cost[row - 1][other - 1] - of_row[row] - of_column[other]
            if reduced < least[other]:
                least[other], way[other] = reduced, column
            if nearest == 0 or least[other] < least[nearest]:
                nearest = other
    delta = least[nearest]
    for other in range(len(done)):
        if done[other]:
            of_row[match[other]] += delta
            of_column[other] -= delta
        else:
            least[other] -= delta
    return nearest
