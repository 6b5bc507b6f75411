"""Law "order", as far as the inbox holds it: any order and repetition of notices gives the same rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concord.core.model import Known, Lane, Notice, Work
from concord.core.plan import Done
from concord.core.values import Ref
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
LATER = NOW + timedelta(minutes=1)
REFS = [Ref("salesforce", "Lead", "1"), Ref("salesforce", "Contact", "1"), Ref("hubspot", "contacts", "1")]
KNOWN = [Known(ref, "people", {}, frozenset(), version="2") for ref in REFS]

notices = st.builds(
    Notice,
    ref=st.sampled_from(REFS),
    lane=st.sampled_from(Lane),
    seen_at=st.integers(0, 9).map(lambda second: NOW + timedelta(seconds=second)),
    source=st.sampled_from(["webhook", "sweep"]),
    changed_at=st.none() | st.integers(-9, 0).map(lambda second: NOW + timedelta(seconds=second)),
    version=st.sampled_from([None, "1", "2", "3"]),
)
pairs = count()
one_database = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # one database for all examples; each has a pair of its own


async def take_in(store: PostgresStore, said: Sequence[Notice], chance: random.Random | None) -> None:
    """In one go; or, by chance, in any order, some of them twice, in pieces."""
    if chance is None:
        await store.take_in(said)
        return
    said = [*said, *chance.sample(said, len(said) // 2)]
    chance.shuffle(said)
    while said:
        size = chance.randint(1, len(said))
        await store.take_in(said[:size])
        said = said[size:]


async def claim_all(store: PostgresStore) -> list[Work]:
    """Everything that is due; a claim is of one lane."""
    works: list[Work] = []
    while one := await store.claim(200, LATER, LEASE):
        works += one
    return works


def without_tickets(works: Sequence[Work]) -> list[tuple[object, ...]]:
    return sorted((work.ref, work.lane, work.attempts, work.first_seen_at, work.changed_at) for work in works)


@one_database
@given(before=st.lists(notices), after=st.lists(notices), chance=st.randoms(use_true_random=False))
async def test_any_order_and_repetition_of_notices_gives_the_same_rows(
    database: str, before: list[Notice], after: list[Notice], chance: random.Random
) -> None:
    ends = []
    for luck in (None, chance):
        async with PostgresStore.open(database, pair=str(next(pairs)), connections=1) as store:
            await store.put_known(KNOWN)
            await take_in(store, before, luck)
            works = await claim_all(store)
            await take_in(store, after, luck)
            during = await store.backlog()
            await store.record([Done("people", (work,)) for work in works], LATER)
            again = await claim_all(store)
            ends.append((without_tickets(works), during, without_tickets(again)))
    assert ends[0] == ends[1]
    told = {notice.ref for notice in after if notice.version != "2"}
    assert {row[0] for row in ends[0][2]} == told
