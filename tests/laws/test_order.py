"""The law "order" (DESIGN): any order and repetition of notices gives the same end.

People edit; nothing is looked at meanwhile. Then the notices are put into the inbox: all of them, in order, looked at
in one batch; and again, in another world with the same history, in any order, some twice, some never, in batches of any
size. What was never told, a sweep finds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stories.stage import START, Stage, stage

from concord.app import Concord
from concord.core.model import Lane, Notice
from concord.core.values import Ref
from concord.engine.sync import run_batch
from concord_sandbox.worlds import empty

#: Each example plays with portals of its own, so that all can share a database.
_PORTALS = count(60_000_000)
_NAMES = ("Babbage", "Curie", "Noether", "Hypatia")

#: (which person, on which side, which field, which value, how many seconds after the one before).
Edit = tuple[int, str, str, int, int]

edits = st.lists(
    st.tuples(
        st.integers(0, len(_NAMES) - 1),
        st.sampled_from(["salesforce", "hubspot"]),
        st.sampled_from(["Title", "Phone", "City", "FirstName", "HasOptedOutOfEmail", "new"]),
        st.integers(0, 3),
        st.sampled_from([1, 2, 40, 200, 299, 301, 400]),
    ),
    min_size=1,
    max_size=10,
)
_THEIRS = {"Title": "jobtitle", "Phone": "phone", "City": "city", "FirstName": "firstname"}


@dataclass(frozen=True)
class Telling:
    """How the notices come. order: shuffles them. twice, never: which of them, by number. size: of a batch. between:
    how many batches are taken before the rest of the notices comes."""

    order: int
    twice: frozenset[int]
    never: frozenset[int]
    size: int
    between: int


numbers = st.frozensets(st.integers(0, 15), max_size=8)
tellings = st.builds(Telling, st.integers(0, 10_000), numbers, numbers, st.integers(1, 6), st.integers(0, 4))
IN_ORDER = Telling(0, frozenset(), frozenset(), 200, 0)


def world() -> dict[str, Any]:
    made = empty.build(1)
    made["hubspot"]["portal_id"] = next(_PORTALS)
    made["hubspot"]["webhooks"] = {}
    return made


def edit(play: Stage, one: Edit) -> None:
    which, side, name, value, seconds = one
    play.clock.pass_(seconds=seconds)
    leads = {row["LastName"]: at for at, row in play.sf("Lead").items()}
    contacts = {row["lastname"]: at for at, row in play.hs().items()}
    person = _NAMES[which]
    if name == "new":
        if side == "salesforce" and person not in leads:
            play.lead(
                LastName=person,
                Email=f"{person.lower()}@{person.lower()}-house.com",
                Company=f"{person} Ltd",
                Title="new",
            )
        elif side == "hubspot" and person not in contacts:
            play.hs_contact(
                lastname=person, email=f"{person.lower()}@{person.lower()}-house.com", company=f"{person} Ltd"
            )
    elif name == "HasOptedOutOfEmail":
        if side == "salesforce" and person in leads:
            play.edit_sf("Lead", leads[person], HasOptedOutOfEmail=value % 2 == 0)
        elif side == "hubspot" and person in contacts:
            play.edit_hs(contacts[person], hs_email_optout="true" if value % 2 == 0 else "false")
    elif side == "salesforce" and person in leads:
        play.edit_sf("Lead", leads[person], **{name: f"{value}00" if value else None})
    elif side == "hubspot" and person in contacts:
        play.edit_hs(contacts[person], **{_THEIRS[name]: f"{value}00" if value else ""})


def notices(play: Stage, telling: Telling) -> list[Notice]:
    """One for each record that there is, as told."""
    refs = [Ref("salesforce", "Lead", at) for at in play.sf("Lead")] + [
        Ref("hubspot", "contacts", at) for at in play.hs()
    ]
    told = [
        ref
        for number, ref in enumerate(refs)
        if number not in telling.never
        for _ in range(2 if number in telling.twice else 1)
    ]
    if telling.order:
        random.Random(telling.order).shuffle(told)
    now = play.clock.now()
    return [Notice(ref, Lane.PEOPLE if number % 3 else Lane.BACKFILL, now, "test") for number, ref in enumerate(told)]


async def looked_at(play: Stage, concord: Concord, telling: Telling) -> None:
    scope = concord.scope
    object.__setattr__(scope, "batch", telling.size)
    play.clock.pass_(seconds=2)
    told = notices(play, telling)
    half = len(told) // 2
    await scope.store.take_in(told[:half])
    for _ in range(telling.between):
        await run_batch(scope)
    await scope.store.take_in(told[half:])
    await play.work(concord)
    await play.settle(concord)


def end(play: Stage) -> dict[str, Any]:
    """What both systems show, by person and without ids."""
    left = [(row["LastName"], row["HasOptedOutOfEmail"]) for row in play.sf("Lead").values()]
    right = [(row["lastname"], row.get("hs_email_optout") == "true") for row in play.hs().values()]
    texts = {system: sorted(map(str, people.values())) for system, people in play.people().items()}
    return {"opted out": (sorted(left), sorted(right)), **texts}


async def ending(database: str, rounds: Sequence[tuple[Sequence[Edit], Telling]]) -> list[dict[str, Any]]:
    """What both sides show after each round of edits."""
    play = stage(database, world())
    seen = []
    async with play.concord() as concord:
        await play.settle(concord)
        for number, (done, telling) in enumerate(rounds, start=1):
            play.clock.seconds = START.timestamp() + number * 86_400  # both worlds' histories run at the same hours
            for one in done:
                edit(play, one)
            await looked_at(play, concord, telling)
            seen.append(end(play))
        assert not await concord.store.failing()
    return seen


#: Everybody is there, on one side or on both, before the edits that count.
EVERYBODY: list[Edit] = [
    (0, "salesforce", "new", 0, 5),
    (1, "hubspot", "new", 0, 5),
    (2, "salesforce", "new", 0, 5),
    (2, "hubspot", "new", 0, 400),
]


@pytest.mark.timeout(300)
@given(edits, edits, tellings, tellings)
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_any_order_and_repetition_of_notices_gives_the_same_end(
    database: str, before: list[Edit], after: list[Edit], one: Telling, other: Telling
) -> None:
    history = [[*EVERYBODY, *before], after]
    plain = asyncio.run(ending(database, [(part, IN_ORDER) for part in history]))
    disturbed = asyncio.run(ending(database, list(zip(history, (one, other), strict=True))))
    assert disturbed == plain
    for seen in plain:
        assert seen["salesforce"] == seen["hubspot"], "and both sides agree"
        assert seen["opted out"][0] == seen["opted out"][1]
