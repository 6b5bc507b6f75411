"""One definition of the score: the columns and the one pair at a time give the same, to the digit and to the letter."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.bulk.made import Books, Row
from tests.bulk.reference import person, registrable, table

from concord.bulk.candidates import candidates
from concord.bulk.keys import keyed
from concord.bulk.people import SIDES, Rows
from concord.bulk.scores import DOORS, Scorer, explained
from concord.bulk.telling import people_from
from concord.core.assignment import Bounds, judge
from concord.core.assignment import candidates as of_core
from concord.core.identity import Crowd, Person, compare, keys_of


def books(lefts: int, rights: int, seed: int, variety: float = 1.0) -> tuple[pl.DataFrame, int, list[Person]]:
    rows: dict[str, list[Row]] = {"left": [], "right": []}
    for book, row, _ in Books(lefts, rights, seed, variety=variety).rows():
        rows[book].append(row)
    both = [table(rows[book]) for book in SIDES]
    people = [person(row, side) for side, one in enumerate(both) for row in one.iter_rows(named=True)]
    return pl.concat(both), len(both[0]), people


def check(both: pl.DataFrame, lefts: int, people: list[Person], one: Rows, other: Rows) -> int:
    k = keyed(people_from(both, lefts, registrable))
    scorer = Scorer(k, candidates(k), Bounds())
    found = scorer.pairs(one, other)
    crowd = Crowd.of(people[:lefts], people[lefts:])
    texts = explained(k.people, found, np.arange(len(found.one)))
    for row, (a, b) in enumerate(zip(found.one.tolist(), found.other.tolist(), strict=True)):
        score = compare(people[a], people[b], crowd)
        mine = found.value[row], found.tier[row], found.barred[row], DOORS[found.door[row]], texts[row]
        assert mine == (score.value, score.tier, score.barred, judge(score, Bounds()), "; ".join(score.lines)), (
            people[a],
            people[b],
        )
    return len(found.one)


@pytest.mark.slow
def test_a_hundred_thousand_pairs_that_share_a_key_get_cores_score_and_explanation() -> None:
    both, lefts, people = books(5000, 5000, 5, variety=0.02)
    number = {one.ref: place for place, one in enumerate(people)}
    pairs = sorted((number[a.ref], number[b.ref]) for a, b in of_core(people, keys_of))
    one, other = (np.array(part, dtype=np.int64) for part in zip(*pairs, strict=True))
    assert check(both, lefts, people, one, other) == len(one) > 100_000


def test_the_same_pairs_are_asked_about_or_linked_as_among_all_that_core_compares() -> None:
    both, lefts, people = books(2000, 2000, 6, variety=0.1)
    crowd = Crowd.of(people[:lefts], people[lefts:])
    number = {one.ref: place for place, one in enumerate(people)}
    core = {
        (number[a.ref], number[b.ref])
        for a, b in of_core(people, keys_of)
        if judge(compare(a, b, crowd), Bounds()).value != "new"
    }
    k = keyed(people_from(both, lefts, registrable))
    found = Scorer(k, candidates(k), Bounds()).candidates()
    mine = set(zip(found.one.tolist(), found.other.tolist(), strict=True))
    assert mine == core, (len(mine), len(core), [(people[a], people[b]) for a, b in list(mine ^ core)[:3]])
