"""Stages only move forward, with named exceptions (SPEC 2.2, 5.6)."""

from __future__ import annotations

import pytest
from tests.core.fields import field

from concord.core.lifecycle import ANY, may_move, rank
from concord.core.values import BLANK, MISSING, Value

STAGES = ("lead", "mql", "sql", "customer")
PAIR = field(stages=STAGES)


def test_a_stage_ranks_by_its_place_in_the_configuration() -> None:
    assert [rank(PAIR, stage) for stage in STAGES] == [0, 1, 2, 3]
    assert rank(PAIR, BLANK) == rank(PAIR, MISSING) == -1
    assert rank(PAIR, "evangelist") is None


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ("lead", "mql", True),
        ("lead", "customer", True),
        (BLANK, "lead", True),
        ("mql", "mql", False),
        ("customer", "lead", False),
        ("lead", BLANK, False),
        ("evangelist", "customer", False),
        ("lead", "evangelist", False),
        ("evangelist", "other", False),
    ],
)
def test_a_stage_moves_forward_and_nowhere_else(old: Value, new: Value, allowed: bool) -> None:
    assert may_move(PAIR, old, new) is allowed


@pytest.mark.parametrize(
    ("exception", "old", "new", "allowed"),
    [
        (("customer", "lead"), "customer", "lead", True),
        (("customer", "lead"), "customer", "mql", False),
        (("customer", "lead"), "sql", "lead", False),
        ((ANY, "lead"), "evangelist", "lead", True),
        ((ANY, "lead"), BLANK, "lead", True),
        (("customer", ANY), "customer", "evangelist", True),
        (("customer", ANY), "sql", "mql", False),
        (("customer", ""), "customer", BLANK, True),
        (("customer", ""), "sql", BLANK, False),
        ((ANY, ANY), "customer", "lead", True),
    ],
)
def test_a_named_exception_allows_exactly_its_move(
    exception: tuple[str, str], old: Value, new: Value, allowed: bool
) -> None:
    assert may_move(field(stages=STAGES, exceptions=frozenset({exception})), old, new) is allowed


def test_an_exception_takes_no_forward_move_away() -> None:
    pair = field(stages=STAGES, exceptions=frozenset({("customer", "lead")}))
    assert may_move(pair, "lead", "sql")
