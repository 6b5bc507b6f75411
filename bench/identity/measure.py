"""What a contender found, against the truth: precision, recall, calibration, and the causes of every miss.

A person is *found* when a left and a right record of theirs are linked (one-to-one, what the sync needs before it
creates anybody), *asked about* when such a pair is a question. Pairwise figures count every cross pair of records that
links and duplicates put together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from bench.identity.contenders import BOUNDS, Found
from bench.identity.crm import Made, Row

from concord.core import identity
from concord.core.assignment import Door, candidates
from concord.core.identity import Crowd, Person, Score

#: Lower ends of the bins of the calibration, the last one closed at 100.
BINS: Final = (0, 30, 50, 60, 70, 75, 80, 85, 90, 92, 94, 96, 98, 100)


@dataclass(frozen=True)
class Sums:
    """One contender's figures on one set. Shares are from 0 to 1. links, asks: how many. precision: of links. found,
    reviewed: share of the people in both systems who are found, and found or asked about. pair_precision, pair_recall:
    of all cross pairs. asked_true: share of the questions whose answer is yes."""

    name: str
    people: int
    links: int
    asks: int
    precision: float
    found: float
    reviewed: float
    pair_precision: float
    pair_recall: float
    asked_true: float
    seconds: float
    megabytes: float


@dataclass
class Truth:
    """Whose each record is."""

    left: dict[str, int]
    right: dict[str, int]
    rows: dict[str, Row] = field(default_factory=dict)

    @staticmethod
    def of(made: Made) -> Truth:
        """The truth of a set."""
        return Truth(
            {row.id: row.person for row in made.lefts},
            {row.id: row.person for row in made.rights},
            {row.id: row for row in (*made.lefts, *made.rights)},
        )

    @property
    def both(self) -> set[int]:
        return set(self.left.values()) & set(self.right.values())

    def same(self, pair: tuple[str, str]) -> bool:
        return self.left[pair[0]] == self.right[pair[1]]

    def pairs(self) -> list[tuple[str, str]]:
        """All true pairs."""
        there: dict[int, list[str]] = defaultdict(list)
        for id_, person in self.right.items():
            there[person].append(id_)
        return [(left, right) for left, person in self.left.items() for right in there.get(person, ())]


def at_precision(found: Found, truth: Truth, wanted: float) -> Found:
    """The contender with the bound that, known to nobody without the truth, links most at that precision."""
    ordered = sorted(found.links.items(), key=lambda item: -item[1])
    best, right = 0, 0
    for number, (pair, score) in enumerate(ordered, 1):
        right += truth.same(pair)
        last_of_score = number == len(ordered) or ordered[number][1] < score
        if last_of_score and right / number >= wanted:
            best = number
    name = f"{found.name.partition(' at ')[0]}, best bound for {100 * wanted:g} %"
    return Found(name, dict(ordered[:best]), seconds=found.seconds, megabytes=found.megabytes)


def _share(some: float, all_: float) -> float:
    return some / all_ if all_ else 0.0


def sums(found: Found, truth: Truth) -> Sums:
    """A contender's figures."""
    good = [pair for pair in found.links if truth.same(pair)]
    linked = {truth.left[left] for left, _ in good}
    yes = [pair for pair in found.asks if truth.same(pair)]
    asked = {truth.left[left] for left, _ in yes}
    joined = closed(found, truth)
    right = sum(truth.same(pair) for pair in joined)
    return Sums(
        found.name,
        len(truth.both),
        len(found.links),
        len(found.asks),
        _share(len(good), len(found.links)),
        _share(len(linked), len(truth.both)),
        _share(len(linked | asked), len(truth.both)),
        _share(right, len(joined)),
        _share(right, len(truth.pairs())),
        _share(len(yes), len(found.asks)),
        found.seconds,
        found.megabytes,
    )


def closed(found: Found, truth: Truth) -> set[tuple[str, str]]:
    """Every cross pair that links and duplicates put together."""
    stands: dict[str, str] = {}
    for id_ in (*truth.left, *truth.right):
        at, steps = id_, 0
        while at in found.beside and steps < 50:
            at, steps = found.beside[at], steps + 1
        stands[id_] = at
    sides: tuple[dict[str, list[str]], dict[str, list[str]]] = (defaultdict(list), defaultdict(list))
    for side, ids in zip(sides, (truth.left, truth.right), strict=True):
        for id_ in ids:
            side[stands[id_]].append(id_)
    pairs = set()
    for left, right in found.links:
        pairs |= {
            (one, other) for one in sides[0][stands[left]] + [left] for other in sides[1][stands[right]] + [right]
        }
    return pairs


# --- calibration


@dataclass(frozen=True)
class Bin:
    """Pairs with a score in [low, high): how many, how many of them are one person, how many are barred."""

    low: float
    high: float
    pairs: int
    true: int
    barred: int

    @property
    def share(self) -> float:
        return _share(self.true, self.pairs)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        if not self.pairs:
            return 0.0, 1.0
        z, n, p = 1.96, self.pairs, self.share
        middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half / (1 + z * z / n)), min(1.0, middle + half / (1 + z * z / n))


def bins(scored: Iterable[tuple[float, bool, bool]], ends: Sequence[float] = BINS) -> list[Bin]:
    """Calibration of (score, true, barred)."""
    pairs, true, barred = Counter[int](), Counter[int](), Counter[int]()
    for score, is_true, is_barred in scored:
        at = max(number for number, low in enumerate(ends[:-1]) if low <= score)
        pairs[at] += 1
        true[at] += is_true
        barred[at] += is_barred
    return [Bin(low, ends[at + 1], pairs[at], true[at], barred[at]) for at, low in enumerate(ends[:-1])]


def scored_pairs(lefts: Sequence[Person], rights: Sequence[Person]) -> dict[tuple[str, str], Score]:
    """Every cross candidate pair of core with its score, before anybody is assigned to anybody."""
    crowd = Crowd.of(lefts, rights)
    left_refs = {one.ref for one in lefts}
    found: dict[tuple[str, str], Score] = {}
    everyone = sorted((*lefts, *rights), key=lambda one: one.ref)
    for one, other in candidates(everyone, identity.keys_of):
        if (one.ref in left_refs) != (other.ref in left_refs):
            left, right = (one, other) if one.ref in left_refs else (other, one)
            found[left.ref.id, right.ref.id] = identity.compare(left, right, crowd)
    return found


# --- causes


@dataclass(frozen=True)
class Miss:
    """A person in both systems whom nobody linked. pair: the likeliest of their pairs. stage: where they were lost.
    ground: what both clerks had in mind. score, evidence: of that pair, 0 and () where it was never compared."""

    person: int
    pair: tuple[str, str]
    stage: str
    ground: str
    asked: bool
    score: float
    evidence: tuple[str, ...]
    signature: str
    done: frozenset[str]


def ground(left: Row, right: Row) -> str:
    """The surest thing that both records were meant to say."""
    if left.email_meant & right.email_meant:
        return "address"
    if left.phones_meant & right.phones_meant:
        return "telephone and firm" if left.firm_meant == right.firm_meant >= 0 else "telephone"
    if left.firm_meant == right.firm_meant >= 0:
        return "firm"
    return "name only"


_GROUNDS: Final = ("address", "telephone and firm", "telephone", "firm", "name only")


def best_ground(truth: Truth) -> dict[int, str]:
    """For each person in both systems the best common ground of all their pairs."""
    found: dict[int, str] = {}
    for left, right in truth.pairs():
        here, person = ground(truth.rows[left], truth.rows[right]), truth.left[left]
        if person not in found or _GROUNDS.index(here) < _GROUNDS.index(found[person]):
            found[person] = here
    return found


_ORDER: Final = ("assignment", "bar", "points", "asked low", "score", "crowded key", "blocking")


def misses(
    found: Found, truth: Truth, lefts: Sequence[Person], rights: Sequence[Person]
) -> tuple[list[Miss], dict[tuple[str, str], Score]]:
    """Everyone in both systems who was not linked, with the stage that lost them; and all scores."""
    scores = scored_pairs(lefts, rights)
    keys = {one.ref.id: one.keys for one in (*lefts, *rights)}
    linked = {truth.left[left] for left, right in found.links if truth.same((left, right))}
    asked = {truth.left[left] for left, right in found.asks if truth.same((left, right))}
    grounds = best_ground(truth)
    best: dict[int, Miss] = {}
    for pair in truth.pairs():
        person = truth.left[pair[0]]
        if person in linked:
            continue
        one = _miss(pair, person, scores.get(pair), keys, truth, grounds[person], person in asked)
        held = best.get(person)
        if held is None or (_ORDER.index(one.stage), -one.score) < (_ORDER.index(held.stage), -held.score):
            best[person] = one
    return list(best.values()), scores


def _miss(
    pair: tuple[str, str],
    person: int,
    score: Score | None,
    keys: Mapping[str, frozenset[str]],
    truth: Truth,
    where: str,
    asked: bool,
) -> Miss:
    done = frozenset(truth.rows[pair[0]].done | truth.rows[pair[1]].done)
    if score is None:
        stage = "crowded key" if keys[pair[0]] & keys[pair[1]] else "blocking"
        return Miss(person, pair, stage, where, asked, 0.0, (), "", done)
    door = identity.judge(score, BOUNDS)
    if door is Door.SAME:
        stage = "assignment"
    elif score.barred:
        stage = "bar"
    elif door is Door.NEW:
        stage = "score"
    else:
        stage = "asked low" if any(one.what == "worth asking" for one in score.evidence) else "points"
    return Miss(person, pair, stage, where, asked, score.value, score.lines, signature(score), done)


def signature(score: Score) -> str:
    """The kinds of evidence of a score, for and against, without what was found."""
    return ", ".join(
        f"{'+' if one.points > 0 else '-' if one.points < 0 else '='}{one.what}" for one in score.evidence
    ) + (" [barred]" if score.barred else "")


def false_links(found: Found, truth: Truth, made: Made) -> list[tuple[str, tuple[str, str]]]:
    """Every link of two people, with the kind of case it is."""
    return [(mistaken(pair, truth, made), pair) for pair in found.links if not truth.same(pair)]


def mistaken(pair: tuple[str, str], truth: Truth, made: Made) -> str:
    """Why two people look alike, by the truth."""
    left, right = truth.rows[pair[0]], truth.rows[pair[1]]
    shared = set(made.kin.get(left.person, ())) & set(made.kin.get(right.person, ()))
    if shared:
        return sorted(kind for kind, _ in shared)[0]
    if left.email and left.email.lower() == right.email.lower():
        odd = (left.done | right.done) & {"role_mailbox", "assistant", "house_mailbox"}
        return f"one address: {sorted(odd)[0]}" if odd else "one address: by a slip"
    if left.firm_meant == right.firm_meant >= 0:
        return "two at one firm"
    return "two elsewhere"


def by_kind(found: Found, truth: Truth, made: Made) -> list[tuple[str, int, float, float]]:
    """For each kind of case: people in both systems, share found, share found or asked about. A person is of a kind
    when any record of theirs is."""
    linked = {truth.left[left] for left, right in found.links if truth.same((left, right))}
    asked = {truth.left[left] for left, right in found.asks if truth.same((left, right))} | linked
    kinds: dict[str, set[int]] = defaultdict(set)
    both = truth.both
    for row in truth.rows.values():
        if row.person in both:
            for one in row.done:
                kinds[one].add(row.person)
    for person, described in made.described.items():
        if person in both:
            for one in described:
                kinds[f"({one})"].add(person)
    for person, where in best_ground(truth).items():
        kinds[f"in common: {where}"].add(person)
    return [
        (kind, len(people), _share(len(people & linked), len(people)), _share(len(people & asked), len(people)))
        for kind, people in sorted(kinds.items())
    ]
