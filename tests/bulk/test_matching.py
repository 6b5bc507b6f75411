"""Who is who, for whole tables, is what core says it is: links, questions, duplicates, news, and every word of why."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from tests.bulk.made import Books, Row
from tests.bulk.reference import person, registrable, table

from concord.bulk.matching import InMemory, match
from concord.core import companies, identity
from concord.core.assignment import Bounds
from concord.core.companies import Company
from concord.core.identity import Person
from concord.core.values import Ref

USUAL = Bounds()


def same(left: pl.DataFrame, right: pl.DataFrame, bounds: Bounds = USUAL, said: int = 0) -> int:
    lefts = [person(row, 0) for row in left.iter_rows(named=True)]
    rights = [person(row, 1) for row in right.iter_rows(named=True)]
    core = identity.match(lefts, rights, bounds, frozenset(), {})
    links: dict[Ref, Ref] = {}
    apart: frozenset[tuple[Ref, Ref]] = frozenset()
    if said:
        apart = frozenset((one.left, one.right) for one in (*core.links[::said], *core.asks[::said]))
        links = {one.left: one.right for one in core.links[1::said]}
        core = identity.match(lefts, rights, bounds, apart, links | {b: a for a, b in links.items()})
    mine = match(
        left, right, registrable, bounds, {(a.id, b.id) for a, b in apart}, {a.id: b.id for a, b in links.items()}
    )
    for found, told in ((mine.links, core.links), (mine.asks, core.asks)):
        assert found.select("left_id", "right_id", "confidence", "explanation").rows() == [
            (one.left.id, one.right.id, one.score, "; ".join(one.evidence)) for one in told
        ]
    assert mine.duplicates.rows() == [
        (one.ref.system, one.ref.id, one.active.id, "; ".join(one.evidence)) for one in core.duplicates
    ]
    assert mine.new.rows() == [(one.system, one.id) for one in core.new]
    return len(core.links) + len(core.asks) + len(core.duplicates)


def books(lefts: int, rights: int, seed: int, variety: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows: dict[str, list[Row]] = {"left": [], "right": []}
    for book, row, _ in Books(lefts, rights, seed, variety=variety).rows():
        rows[book].append(row)
    return table(rows["left"]), table(rows["right"])


def dated(books_: tuple[pl.DataFrame, pl.DataFrame], seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """With a time of modification for most, and the other side's id for some."""
    draw, (left, right) = random.Random(seed), books_
    start = datetime(2025, 1, 1, tzinfo=UTC)
    found = []
    for mine, other in ((left, right), (right, left)):
        times = [(start + timedelta(days=draw.randrange(40))).isoformat() for _ in range(len(mine))]
        ids = other["id"].to_list()
        found.append(
            mine.with_columns(
                modified_at=pl.Series(times),
                other_id=pl.Series([draw.choice(ids) if draw.random() < 0.05 else "" for _ in range(len(mine))]),
            )
        )
    return found[0], found[1]


@pytest.mark.parametrize(("seed", "variety"), [(1, 1.0), (2, 0.2), (3, 0.05)])
def test_bulk_says_of_everyone_what_core_says(seed: int, variety: float) -> None:
    assert same(*books(1500, 1200, seed, variety)) > 1000


def test_times_and_stored_ids_count_as_they_do_in_core() -> None:
    assert same(*dated(books(1200, 1200, 11, 0.1), 1)) > 800


@pytest.mark.parametrize("bounds", [Bounds(95, 80), Bounds(60, 40), Bounds(90, 20)])
def test_bulk_says_what_core_says_whatever_the_bounds(bounds: Bounds) -> None:
    assert same(*books(500, 500, 4, 0.3), bounds) > 300


def test_what_people_said_before_counts_as_it_does_in_core() -> None:
    assert same(*books(900, 900, 7, 0.1), said=5) > 500


def vendors(seed: int) -> tuple[list[Person], list[Person]]:
    """People as the line knows them: leads and contacts on the left, whose Refs come after the right side's."""
    left, right = dated(books(900, 900, seed, 0.1), seed)
    lefts = [person(row, 0) for row in left.iter_rows(named=True)]
    rights = [person(row, 1) for row in right.iter_rows(named=True)]
    objects = ("Contact", "Lead")
    return (
        [
            replace(one, ref=Ref("salesforce", objects[place % 2], one.ref.id), rank=place % 2)
            for place, one in enumerate(lefts)
        ],
        [replace(one, ref=Ref("hubspot", "contacts", one.ref.id)) for one in rights],
    )


def test_people_as_core_has_them_are_matched_as_core_matches_them() -> None:
    lefts, rights = (sorted(side, key=lambda one: one.ref) for side in vendors(5))
    first = identity.match(lefts, rights, USUAL, frozenset(), {})
    assert InMemory().people(lefts, rights, USUAL, frozenset(), {}) == first
    apart = frozenset((one.left, one.right) for one in first.asks[::4])
    linked = {one.left: one.right for one in first.links[::3]}
    linked |= {right: left for left, right in linked.items()}
    assert InMemory().people(lefts, rights, USUAL, apart, linked) == identity.match(lefts, rights, USUAL, apart, linked)


def firms(seed: int) -> tuple[list[Company], list[Company]]:
    draw = random.Random(seed)
    made = Books(300, 300, seed)
    sides: tuple[list[Company], list[Company]] = ([], [])
    for number in range(1200):
        name, domain, phone = draw.choice(made.firms)
        row = {"company": name}
        if draw.random() < 0.4:
            made._company(row)
        known = (domain,) if draw.random() < 0.6 else ()
        side = number % 2
        ref = Ref(("salesforce", "hubspot")[side], ("Account", "companies")[side], str(number))
        sides[side].append(Company(ref, row["company"], known, (phone,) if draw.random() < 0.3 else ()))
    return sides


def test_companies_are_matched_as_core_matches_them() -> None:
    lefts, rights = (sorted(side, key=lambda one: one.ref) for side in firms(3))
    core = companies.match(lefts, rights, USUAL, frozenset(), {})
    assert len(core.links) + len(core.asks) + len(core.duplicates) > 100
    assert InMemory().companies(lefts, rights, USUAL, frozenset(), {}) == core


def test_nobody_is_matched_with_nobody() -> None:
    empty = table([])
    found = match(empty, empty, registrable)
    assert (len(found.links), len(found.asks), len(found.duplicates), len(found.new)) == (0, 0, 0, 0)
    assert InMemory().people([], [], USUAL, frozenset(), {}) == identity.match([], [], USUAL, frozenset(), {})
    assert InMemory().companies([], [], USUAL, frozenset(), {}) == companies.match([], [], USUAL, frozenset(), {})
