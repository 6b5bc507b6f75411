"""An opt-out behind a million waiting notices (SPEC 7.1): applied on the other side within 60 seconds, by events and by
asking alone, while the backlog is worked on."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from tests.chaos.town import ASKED_AS_EVER, Town, town, truth_of, until

from concord.core.model import Lane
from concord.store.health import pairs

WAITING = 1_000_000
#: Whose records are really there, and are linked.
COUPLES = 2_000
OPT_OUTS = 6
_LANES = (Lane.DEALS, Lane.PEOPLE, Lane.ACTIVITIES, Lane.BACKFILL)

_FILL = """
INSERT INTO inbox (pair, system, object, record_id, lane, first_seen_at, changed_at, due_at)
SELECT %(pair)s, %(system)s, %(object)s, %(start)s || lpad(number::text, 10, '0') || %(end)s,
       (%(lanes)s::smallint[])[1 + number %% 4], now(), now(), now()
  FROM generate_series(1, %(many)s) AS number
    ON CONFLICT DO NOTHING
"""
_FILL_KNOWN = """
INSERT INTO inbox (pair, system, object, record_id, lane, first_seen_at, changed_at, due_at)
SELECT %(pair)s, system, object, record_id, %(lane)s, now(), now(), now()
  FROM known WHERE pair = %(pair)s AND object IN ('Lead', 'Contact', 'contacts')
    ON CONFLICT DO NOTHING
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, for the database's socket."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as name:
        yield Path(name)


async def fill(here: Town) -> int:
    """A million rows in all lanes but the urgent ones: everybody who is linked, and records that are long gone. All
    are there at once; how many."""
    (pair,) = await pairs(here.conninfo)
    given = {"pair": pair, "lanes": [int(lane) for lane in _LANES], "many": WAITING // 2}
    async with await psycopg.AsyncConnection.connect(here.conninfo) as connection:
        await connection.execute(_FILL_KNOWN, {"pair": pair, "lane": int(Lane.PEOPLE)})
        for name, start, end in (("Contact", "003Sb", "IAA"), ("Lead", "00QSb", "MAA")):
            await connection.execute(
                _FILL, {**given, "system": "salesforce", "object": name, "start": start, "end": end}
            )
        await connection.execute("ANALYZE inbox")
        return await _count(connection)


async def waiting(here: Town) -> int:
    async with await psycopg.AsyncConnection.connect(here.conninfo) as connection:
        return await _count(connection)


async def _count(connection: psycopg.AsyncConnection) -> int:
    found = await (await connection.execute("SELECT count(*) FROM inbox")).fetchone()
    assert found is not None
    return int(found[0])


async def opted_out(here: Town, couple: dict[str, str], side: str) -> float:
    """Somebody says no on one side; seconds until the other side knows."""
    told, lead = couple["hubspot"], couple["object"]
    if side == "hubspot":
        edit = {"object": "contacts", "id": told, "fields": {"hs_email_optout": "true"}}
        other, name, row, flag, expected = here.salesforce, lead, couple["salesforce"], "HasOptedOutOfEmail", True
    else:
        edit = {"object": lead, "id": couple["salesforce"], "fields": {"HasOptedOutOfEmail": True}}
        other, name, row, flag, expected = here.hubspot, "contacts", told, "hs_email_optout", "true"
    began = time.monotonic()
    await here.control(side).call("POST", "edits", [edit])

    async def applied() -> bool:
        return bool((await other.records(name))[row].get(flag) == expected)

    await until(f"an opt-out in {side} is applied", applied, 60.0, here.log)
    return time.monotonic() - began


@pytest.mark.chaos
@pytest.mark.timeout(580)
@pytest.mark.parametrize("events", [True, False], ids=["events", "asking alone"])
async def test_an_opt_out_behind_a_million_notices_is_applied_within_a_minute(folder: Path, *, events: bool) -> None:
    async with town(folder, f"bench:{COUPLES}", workers=1, pace=ASKED_AS_EVER, events=events) as here:
        addressed = [one for one in truth_of(here.trial) if one["object"] == "Lead"]
        random.Random(1).shuffle(addressed)
        before, began = await fill(here), time.monotonic()
        assert before >= WAITING
        sides = [("salesforce", "hubspot")[number % 2] for number in range(OPT_OUTS)]
        times = await asyncio.gather(*map(partial(opted_out, here), addressed, sides))
        took = {side: [seconds for seconds, of in zip(times, sides, strict=True) if of == side] for side in set(sides)}
        left, spent = await waiting(here), time.monotonic() - began
        assert left > WAITING // 2, "the backlog was gone before the opt-outs were through"
    said = {side: f"{min(some):.2f} to {max(some):.2f} s" for side, some in took.items()}
    sys.stdout.write(
        f"\nopt-outs behind {before:,} notices ({'events' if events else 'asking alone'}): made in Salesforce"
        f" {said['salesforce']}, in HubSpot {said['hubspot']}; meanwhile {(before - left) / spent:,.0f} rows/s\n"
    )
