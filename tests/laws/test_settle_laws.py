"""The laws "once" and "quiet" for what is remembered of a round (core/settle.py, core/history.py): a round that was
carried out and of which a kill let nothing be remembered ends as if it had been, whatever the systems make of what they
are given; and the round after that is quiet (SPEC 3.7, 3.8, 9.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.laws.test_record_laws import FORMS, World, edits, worlds

from concord.core.mapping import SyncRule
from concord.core.model import Side
from concord.core.values import Value, same

many = settings(max_examples=100, deadline=None, derandomize=True)

Edits = list[tuple[Side, str, Value]]


def edited(world: World, done: Sequence[tuple[Side, str, Value]]) -> World:
    for side, name, value in done:
        world.edit(side, name, value)
    return world


def killed(world: World, between: Sequence[tuple[Side, str, Value]] = ()) -> World:
    """The world after a round that was carried out and not remembered; two minutes later its work is taken up again."""
    bases, read_at = dict(world.bases), dict(world.read_at)

    def people_edit() -> None:
        edited(world, between)

    world.round(people_edit)
    world.bases, world.read_at = bases, read_at
    world.second += 120
    return world


def quiet(world: World, rounds: int = 4) -> World:
    """Rounds until nothing is written and nothing is to be looked at again."""
    for _ in range(rounds):
        plan, settled = world.round()
        if not plan.steps and not settled.look_again:
            return world
    raise AssertionError(f"not quiet after {rounds} rounds: {plan.steps} {settled.look_again}")


def shown(world: World) -> dict[Side, dict[str, Value]]:
    return {side: dict(world.systems[side].shown) for side in Side}


@given(worlds(kept=True), st.lists(edits, max_size=6), st.integers(1, 3))
@many
def test_once_a_killed_round_ends_as_if_it_had_been_remembered(world: World, done: Edits, kills: int) -> None:
    world = edited(quiet(world), done)
    remembered, forgotten = deepcopy(world), deepcopy(world)
    for _ in range(kills):
        forgotten = killed(forgotten)
    assert shown(quiet(forgotten)) == shown(quiet(remembered))


@given(worlds(kept=True), st.integers(1, 3))
@many
def test_once_a_killed_first_link_ends_as_if_it_had_been_remembered(world: World, kills: int) -> None:
    remembered, forgotten = deepcopy(world), deepcopy(world)
    for _ in range(kills):
        forgotten = killed(forgotten)
    assert shown(quiet(forgotten)) == shown(quiet(remembered))


@given(worlds(), st.lists(edits, max_size=6), st.lists(edits, max_size=3))
@many
def test_quiet_after_a_killed_round_with_edits_in_its_midst_whether_or_not_histories_are_kept(
    world: World, before: Edits, between: Edits
) -> None:
    world = killed(edited(quiet(world), before), between)
    quiet(world)


@given(worlds(kept=True), edits, edits)
@many
def test_an_edit_in_the_midst_of_a_killed_round_ends_as_if_it_had_been_seen_in_time(
    world: World, one: tuple[Side, str, Value], other: tuple[Side, str, Value]
) -> None:
    """On plain systems, and where the two edits are of different sides, so that the second may be covered. A field that
    a person decides (`manual`) asks either way, and shows the later write meanwhile."""
    for system in world.systems.values():
        system.form, system.places = FORMS["as it is"], 9
    world = quiet(world)
    seen_in_time, covered = deepcopy(world), deepcopy(world)
    quiet(edited(seen_in_time, [one, other]))
    quiet(killed(edited(covered, [one]), [other]))
    name = other[1]
    pair, specs = world.specs(name)
    if one[0] is not other[0] and pair.rule is not SyncRule.MANUAL:
        for side in Side:
            seen, found = (shown(here)[side][name] for here in (seen_in_time, covered))
            assert same(seen, found, specs.of(side)), (side, seen, found)
