"""Real processes under load: killed, frozen past their lease, their database restarted (SPEC 9.6; DESIGN, Beyond one
machine). The short form is part of `make test`, the long one of `make chaos`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chaos.load import Load, played
from tests.chaos.town import town


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, for the database's socket."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as name:
        yield Path(name)


def tell(said: str) -> None:
    """For `make chaos`, which shows what its tests write."""
    sys.stdout.write(said + "\n")


@pytest.mark.slow
async def test_a_worker_is_killed_and_the_database_restarted_while_people_edit(folder: Path) -> None:
    async with town(folder, "bench:40", workers=2, lease=6.0) as here:
        load = Load.of(here, 1)
        happened = await played(load, 6.0, ["kill", "database"], 6.0)
        assert happened == {"kill": 1, "database": 1}
        await load.settled(60.0)


@pytest.mark.chaos
@pytest.mark.timeout(580)
async def test_four_workers_are_killed_and_frozen_and_the_database_restarted_for_a_minute(folder: Path) -> None:
    seed, seconds, lease = int(os.environ.get("CHAOS_SEED", "1")), 60.0, 8.0
    troubles = [
        *("kill", "freeze", "database", "kill", "freeze", "intake"),
        *("freeze", "database", "kill", "kill", "freeze", "database"),
    ]
    async with town(folder, "bench:150", workers=4, lease=lease) as here:
        load = Load.of(here, seed)
        happened = await played(load, seconds, troubles, lease)
        assert happened == Counter(troubles), "everything that was to break did"
        took = await load.settled(180.0)
        tell(
            f"\nprocesses, seed {seed}: {load.edits} edits and {len(load.newcomers)} newcomers in {seconds:.0f} s with"
            f" {happened} ({here.deaths} processes died); all had arrived {took:.1f} s later, nobody twice"
        )
