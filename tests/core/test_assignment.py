"""The one-to-one choice, and what becomes of those it leaves out."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.core.assignment import (
    CROWDED,
    LARGE,
    Bounds,
    Door,
    Evidence,
    Matching,
    Rules,
    Score,
    best_pairs,
    candidates,
    judge,
    score_of,
    settle,
)
from concord.core.values import Ref


def left(name: str) -> Ref:
    return Ref("salesforce", "Contact", name)


def right(name: str) -> Ref:
    return Ref("hubspot", "contacts", name)


# --- scores and doors


def test_points_add_up_and_are_clipped_at_both_ends() -> None:
    assert score_of([Evidence("a", 60, "x"), Evidence("b", 60, "y")], exact=False, barred=False).value == 100
    assert score_of([Evidence("a", -60, "x")], exact=False, barred=False).value == 0
    assert score_of([Evidence("a", 60, "x"), Evidence("b", -7.5, "y")], exact=False, barred=False).value == 52.5


def test_evidence_is_one_plain_line() -> None:
    assert str(Evidence("name", 52, "the same, A / B")) == "name: the same, A / B (+52)"


@pytest.mark.parametrize(
    ("value", "exact", "barred", "door"),
    [
        (90, False, False, Door.SAME),
        (89.9, False, False, Door.ASK),
        (70, False, False, Door.ASK),
        (69.9, False, False, Door.NEW),
        (99, False, True, Door.ASK),
        (60, False, True, Door.NEW),
        (10, True, False, Door.SAME),
        (10, True, True, Door.ASK),
    ],
)
def test_each_score_has_one_door(value: float, exact: bool, barred: bool, door: Door) -> None:
    assert judge(Score(value, (), exact, barred), Bounds()) is door


# --- the best choice


def brute_force(weights: Mapping[tuple[Ref, Ref], int]) -> int:
    best = 0
    pairs = list(weights)
    for size in range(len(pairs) + 1):
        for some in itertools.combinations(pairs, size):
            if len({a for a, _ in some}) == len({b for _, b in some}) == size:
                best = max(best, sum(weights[pair] for pair in some))
    return best


@given(st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 30), max_size=9))
@settings(deadline=None)
def test_the_choice_is_the_best_there_is(table: dict[tuple[int, int], int]) -> None:
    weights = {(left(str(a)), right(str(b))): weight for (a, b), weight in table.items()}
    chosen = best_pairs(weights)
    assert len({a for a, _ in chosen}) == len({b for _, b in chosen}) == len(chosen)
    assert sum(weights[pair] for pair in chosen) == brute_force(weights)


def test_the_first_hit_gives_way_to_the_better_whole() -> None:
    weights = {(left("a"), right("1")): 95, (left("a"), right("2")): 92, (left("b"), right("1")): 94}
    assert best_pairs(weights) == [(left("a"), right("2")), (left("b"), right("1"))]


def test_a_very_large_neighbourhood_is_settled_best_pair_first() -> None:
    size = LARGE
    weights = {(left(f"{n:03}"), right(f"{m:03}")): 500 - abs(n - m) for n in range(size) for m in range(size)}
    chosen = best_pairs(weights)
    assert len(chosen) == size
    assert all(a.id == b.id for a, b in chosen)


# --- settling, with things that say themselves how alike they are


@dataclass(frozen=True)
class Card:
    ref: Ref
    rank: int = 0
    modified_at: datetime | None = None


def card(ref: Ref, rank: int = 0, day: int = 0) -> Card:
    return Card(ref, rank, datetime(2026, 1, day, tzinfo=UTC) if day else None)


Table = Mapping[tuple[Ref, Ref], Score]


def certain(value: float = 95) -> Score:
    return Score(value, (Evidence("test", value, "told"),))


def exact(value: float = 95) -> Score:
    return Score(value, (Evidence("test", value, "told"),), exact=True)


ASKED = Score(80, (Evidence("test", 80, "told"),))
BARRED = Score(75, (Evidence("test", 75, "told"),), exact=True, barred=True)


def settled(
    lefts: Sequence[Card],
    rights: Sequence[Card],
    table: Table,
    apart: Sequence[tuple[Ref, Ref]] = (),
    linked: Mapping[Ref, Ref] | None = None,
    about: frozenset[Ref] | None = None,
) -> Matching:
    both = dict(linked or {})
    both |= {there: here for here, there in both.items()}

    def compare(a: Card, b: Card) -> Score:
        return table.get((a.ref, b.ref)) or table.get((b.ref, a.ref)) or Score(0, ())

    rules = Rules(lambda _: frozenset({"all"}), compare, Bounds(), frozenset(apart), both, about)
    outcome = settle(lefts, rights, rules)
    assert settle(list(reversed(lefts)), list(reversed(rights)), rules) == outcome
    return outcome


A, B, C = left("a"), left("b"), left("c")
X, Y, Z = right("x"), right("y"), right("z")


def links(matching: Matching) -> set[tuple[Ref, Ref]]:
    return {(one.left, one.right) for one in matching.links}


def asks(matching: Matching) -> set[tuple[Ref, Ref]]:
    return {(one.left, one.right) for one in matching.asks}


def duplicates(matching: Matching) -> dict[Ref, Ref]:
    return {one.ref: one.active for one in matching.duplicates}


def test_a_pair_is_linked_asked_or_new() -> None:
    matching = settled([card(A), card(B), card(C)], [card(X), card(Y)], {(A, X): certain(), (B, Y): ASKED})
    assert links(matching) == {(A, X)}
    assert asks(matching) == {(B, Y)}
    assert matching.new == (C,)
    assert matching.links[0].evidence == ("test: told (+95)",)


def test_an_exact_pair_outweighs_any_number_of_likely_ones() -> None:
    table = {(A, X): exact(), (A, Y): certain(99), (B, X): certain(99)}
    assert links(settled([card(A), card(B)], [card(X), card(Y)], table)) == {(A, X)}


def test_the_preferred_record_is_the_active_one_and_takes_its_duplicates_evidence() -> None:
    table = {(A, B): exact(), (B, X): exact()}
    matching = settled([card(A), card(B, rank=1, day=9)], [card(X)], table)
    assert links(matching) == {(A, X)}
    assert duplicates(matching) == {B: A}
    assert matching.links[0].evidence[-1] == f"found through {B} and {X}"


def test_the_later_of_two_equal_ones_is_active() -> None:
    matching = settled(
        [card(A, day=1), card(B, day=2), card(C)], [], {(A, B): certain(), (A, C): certain(), (B, C): certain()}
    )
    assert duplicates(matching) == {A: B, C: B}
    assert matching.new == (B,)


def test_a_duplicate_stands_beside_its_active_record_never_through_a_third() -> None:
    matching = settled([card(A), card(B), card(C)], [], {(A, B): certain(), (B, C): certain()})
    assert duplicates(matching) == {B: A}
    assert set(matching.new) == {A, C}


def test_two_who_each_have_a_surer_partner_are_not_duplicates() -> None:
    table = {(A, B): certain(), (A, X): exact(), (B, Y): exact()}
    matching = settled([card(A), card(B)], [card(X), card(Y)], table)
    assert links(matching) == {(A, X), (B, Y)}


def test_a_newcomer_like_a_linked_record_of_its_own_side_is_its_duplicate() -> None:
    matching = settled([card(A), card(B)], [card(X)], {(A, B): exact(), (B, X): exact()}, linked={A: X})
    assert duplicates(matching) == {B: A}
    assert matching.links == matching.asks == matching.new == ()


def test_a_newcomer_like_a_linked_record_of_the_other_side_is_its_partners_duplicate() -> None:
    matching = settled([card(B)], [card(X)], {(B, X): exact()}, linked={A: X})
    assert duplicates(matching) == {B: A}
    assert matching.duplicates[0].evidence[0] == f"the same as {X}, whose partner is {A}"


def test_a_newcomer_that_contradicts_the_linked_partner_is_asked_about() -> None:
    matching = settled([card(A), card(B)], [card(X)], {(B, X): exact(), (A, B): BARRED}, linked={A: X})
    assert asks(matching) == {(B, X)}
    assert matching.new == matching.duplicates == ()


def test_who_is_like_someone_asked_about_is_asked_about_as_well() -> None:
    table = {(B, X): exact(99), (A, B): BARRED, (B, Y): exact(95)}
    matching = settled([card(A), card(B)], [card(X), card(Y)], table, linked={A: X})
    assert asks(matching) == {(B, X), (B, Y)}
    assert matching.new == matching.duplicates == matching.links == ()


def test_the_better_of_a_linked_and_a_free_partner_counts() -> None:
    matching = settled([card(B)], [card(X), card(Y)], {(B, X): certain(), (B, Y): exact()}, linked={A: X})
    assert links(matching) == {(B, Y)}


def test_who_loses_a_partner_to_a_better_one_is_a_duplicate_of_that() -> None:
    table = {(A, X): exact(99), (B, X): exact(93), (A, B): ASKED}
    matching = settled([card(A), card(B)], [card(X)], table)
    assert links(matching) == {(A, X)}
    assert duplicates(matching) == {B: A}


def test_who_loses_a_partner_that_became_a_duplicate_follows_it() -> None:
    # B is like Y, and Y turns out to be a second X, which A is linked with.
    table = {(A, X): exact(99), (A, Y): exact(98), (B, Y): exact(94)}
    matching = settled([card(A), card(B)], [card(X), card(Y)], table)
    assert links(matching) == {(A, X), (B, Y)}
    follows = settled(
        [card(A), card(B)], [card(X), card(Y)], {(C, Y): exact(99), (B, Y): exact(98), (B, X): certain()}, linked={C: X}
    )
    assert links(follows) == {(B, Y)}


def test_two_equally_likely_partners_are_a_question() -> None:
    matching = settled([card(A), card(B)], [card(X)], {(A, X): certain(95), (B, X): certain(94)})
    assert asks(matching) == {(A, X), (B, X)}
    assert matching.links == matching.new == ()


def test_a_clearly_better_partner_is_none() -> None:
    matching = settled([card(A), card(B)], [card(X)], {(A, X): certain(99), (B, X): certain(92), (A, B): ASKED})
    assert links(matching) == {(A, X)}


def test_a_likely_partner_of_an_exact_couple_is_asked_about_only_when_it_looks_like_the_other() -> None:
    table = {(A, X): exact(), (B, X): certain()}
    assert asks(settled([card(A), card(B)], [card(X)], {**table, (A, B): ASKED})) == {(B, X)}
    assert settled([card(A), card(B)], [card(X)], table).new == (B,)


def test_a_shared_mailbox_is_always_asked_about() -> None:
    matching = settled([card(A), card(B)], [card(X)], {(A, X): exact(), (B, X): BARRED})
    assert asks(matching) == {(B, X)}


def test_a_question_about_someone_linked_outside_this_call_is_asked() -> None:
    assert asks(settled([card(B)], [card(X)], {(B, X): ASKED}, linked={A: X})) == {(B, X)}


def test_only_a_few_questions_are_asked_about_one_record() -> None:
    many = [right(str(n)) for n in range(6)]
    matching = settled([card(A)], [card(ref) for ref in many], {(A, ref): ASKED for ref in many})
    assert len(matching.asks) == 6  # each of the six has found no place, and is asked about at least once
    linked = {left(str(n)): many[n] for n in range(6)}
    assert (
        len(settled([card(A)], [card(ref) for ref in many], {(A, ref): ASKED for ref in many}, linked=linked).asks) == 3
    )


def test_what_a_person_kept_apart_stays_apart() -> None:
    matching = settled([card(A), card(B)], [card(X)], {(A, X): exact()}, apart=[(A, X)])
    assert set(matching.new) == {A, B, X}
    # B was kept apart from X, with whom A goes: B is not A either.
    table = {(A, X): exact(), (A, B): certain()}
    assert settled([card(A), card(B)], [card(X)], table, apart=[(B, X)]).new == (B,)


def test_an_active_record_kept_apart_is_not_linked_through_its_duplicate() -> None:
    table = {(A, B): exact(), (B, X): ASKED, (A, X): exact()}
    matching = settled([card(A), card(B)], [card(X)], table, apart=[(A, X)])
    assert (A, X) not in links(matching) | asks(matching)


def test_likeness_through_a_duplicate_asks_unless_the_two_are_alike_themselves() -> None:
    table = {(A, B): certain(), (B, X): certain()}
    assert asks(settled([card(A), card(B, rank=1)], [card(X)], table)) == {(A, X)}
    assert asks(settled([card(A), card(B, rank=1)], [card(X)], {**table, (A, X): ASKED})) == {(A, X)}
    assert links(settled([card(A), card(B, rank=1)], [card(X)], {**table, (A, X): certain(91)})) == {(A, X)}


def test_links_that_exist_are_neither_broken_nor_repeated() -> None:
    table = {(A, X): ASKED, (B, Y): exact(), (A, Y): exact()}
    matching = settled([card(A), card(B)], [card(X), card(Y)], table, linked={A: X, B: Y})
    assert matching == Matching()


def test_a_key_that_a_crowd_shares_finds_nobody() -> None:
    many = [card(left(f"{n:04}")) for n in range(CROWDED + 1)]
    assert list(candidates(many, lambda _: frozenset({"k"}))) == []
    assert len(list(candidates(many[:3], lambda _: frozenset({"k", "l"})))) == 3


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=150)
def test_every_record_has_exactly_one_place(seed: int) -> None:
    rng = random.Random(seed)
    lefts = [card(left(str(n)), rng.randrange(2), rng.randrange(3)) for n in range(4)]
    rights = [card(right(str(n)), 0, rng.randrange(3)) for n in range(4)]
    everyone = [*lefts, *rights]
    choices = [certain(91), certain(99), exact(95), exact(100), ASKED, BARRED, Score(10, ())]
    table = {(a.ref, b.ref): rng.choice(choices) for a, b in itertools.combinations(everyone, 2) if rng.random() < 0.6}
    linked = {lefts[0].ref: rights[0].ref} if rng.random() < 0.5 else {}
    matching = settled(lefts, rights, table, linked=linked)
    told = [{one.left for one in matching.links} | {one.right for one in matching.links}]
    told += [set(duplicates(matching)), set(matching.new), set(linked) | set(linked.values())]
    alone = {ref for pair in asks(matching) for ref in pair} - told[0] - told[3]
    for one, other in itertools.combinations([*told, alone], 2):
        assert not one & other
    assert set().union(*told, alone) == {one.ref for one in everyone}
    assert not set(duplicates(matching)) & set(duplicates(matching).values())


# --- two of one side that a person keeps apart


@dataclass(frozen=True)
class Named:
    ref: Ref
    rank: int = 0
    modified_at: datetime | None = None


def kept_apart(
    lefts: Sequence[Ref], rights: Sequence[Ref], apart: set[tuple[Ref, Ref]], linked: Mapping[Ref, Ref]
) -> Matching:
    """Everybody looks like everybody else, by an equal address."""
    rules = Rules[Named](
        lambda one: frozenset({"all"}),
        lambda one, other: Score(95, (), exact=True),
        Bounds(),
        frozenset(apart),
        {**linked, **{other: one for one, other in linked.items()}},
    )
    return settle([Named(one) for one in lefts], [Named(one) for one in rights], rules)


def test_two_of_one_side_that_are_kept_apart_are_no_duplicates_however_alike_they_are() -> None:
    a, b = left("a"), left("b")
    assert [one.ref for one in kept_apart([a, b], [], set(), {}).duplicates] == [b]
    for pair in ((a, b), (b, a)):
        matching = kept_apart([a, b], [], {pair}, {})
        assert (matching.duplicates, matching.new) == ((), (a, b))


def test_one_that_is_kept_apart_is_not_made_a_duplicate_by_way_of_the_others_partner() -> None:
    a, b, one = left("a"), left("b"), right("1")
    matching = kept_apart([a, b], [one], {(a, b)}, {a: one})
    assert matching.duplicates == ()
    assert [(ask.left, ask.right) for ask in matching.asks] == [(b, one)]
    matching = kept_apart([a, b], [one], {(a, b), (b, one)}, {a: one})
    assert (matching.duplicates, matching.asks, matching.new) == ((), (), (b,))


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=150)
def test_the_answer_about_a_few_is_the_one_that_a_look_at_everyone_gives_about_them(seed: int) -> None:
    rng = random.Random(seed)
    lefts = [card(left(str(n)), rng.randrange(2), rng.randrange(3)) for n in range(5)]
    rights = [card(right(str(n)), 0, rng.randrange(3)) for n in range(5)]
    everyone = [*lefts, *rights]
    choices = [certain(91), certain(99), exact(95), exact(100), ASKED, BARRED, Score(10, ())]
    table = {(a.ref, b.ref): rng.choice(choices) for a, b in itertools.combinations(everyone, 2) if rng.random() < 0.25}
    linked = {lefts[0].ref: rights[0].ref} if rng.random() < 0.5 else {}
    about = frozenset(rng.sample([one.ref for one in everyone], 2)) | {left("nobody")}
    whole, few = settled(lefts, rights, table, linked=linked), settled(lefts, rights, table, linked=linked, about=about)

    def said(matching: Matching) -> object:
        pairs = [[one for one in part if about & {one.left, one.right}] for part in (matching.links, matching.asks)]
        return *pairs, [one for one in matching.duplicates if one.ref in about], sorted(about & set(matching.new))

    assert said(few) == said(whole)
    assert set(few.links) <= set(whole.links)
    assert set(few.new) <= set(whole.new)


def test_those_whom_nothing_connects_with_whom_is_asked_about_are_not_looked_at() -> None:
    table = {(A, X): exact(), (B, Y): exact()}
    matching = settled([card(A), card(B)], [card(X), card(Y)], table, about=frozenset([A]))
    assert links(matching) == {(A, X)}
    assert matching.new == ()
