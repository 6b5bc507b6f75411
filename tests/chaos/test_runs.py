"""The short form of `make chaos` (docs/chaos.md): a few runs of it, the same each time."""

from __future__ import annotations

import pytest
from tests.chaos.run import played
from tests.chaos.script import drawn


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happens_both_sides_agree_in_the_end_and_nobody_is_there_twice(database: str, seed: int) -> None:
    outcome = await played(database, drawn(seed))
    assert not outcome.wrong, str(outcome)
