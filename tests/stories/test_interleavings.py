"""Four workers whose steps fall between one another's in every order that chance makes: nobody twice, nothing lost.

Each wait for a system or for the database is drawn out by a random number of turns of the event loop; the orders that
come of that repeat with their number as far as PostgreSQL lets them.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.core.model import Lane, Notice, Side
from concord.core.values import Ref
from concord.engine.ports import Store
from concord.engine.scope import Scope
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch

#: More of them by hand: CONCORD_ORDERS=500 pytest tests/stories/test_interleavings.py
ORDERS = range(int(os.environ.get("CONCORD_ORDERS", "6")))
NAMES = ("Hopper", "Turing", "Noether", "Ramanujan", "Germain", "Hypatia")


class Jumbled:
    """A store or a system whose every call takes some turns more."""

    def __init__(self, inner: Any, chance: random.Random) -> None:
        self._inner, self._chance = inner, chance

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "on":
            return lambda errand: Jumbled(found(errand), self._chance)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def later(*given: Any, **named: Any) -> Any:
            await _turns(self._chance)
            result = await found(*given, **named)
            await _turns(self._chance)
            return result

        return later


async def _turns(chance: random.Random) -> None:
    for _ in range(chance.choice((0, 0, 1, 5, 40))):
        await asyncio.sleep(0)


def _jumbled(scope: Scope, chance: random.Random) -> Scope:
    store: Store = Jumbled(scope.store, chance)  # type: ignore[assignment]
    left, right = Jumbled(scope.left, chance), Jumbled(scope.right, chance)
    return replace(scope, store=store, left=left, right=right, batch=chance.choice((1, 2, 5, 200)))  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ORDERS)
async def test_in_whatever_order_the_steps_of_four_workers_fall_each_person_is_one_couple(
    database: str, order: int
) -> None:
    play, chance = stage(database), random.Random(order)
    async with AsyncExitStack() as stack:
        concords = [await stack.enter_async_context(play.concord()) for _ in range(4)]
        await play.settle(concords[0])
        scopes = [
            _jumbled(concord.scope, random.Random(f"{order} {number}")) for number, concord in enumerate(concords)
        ]
        for name in NAMES:
            _comes_in(play, name, chance)
        for _ in range(4):
            await _learn(play, concords[0])
            await asyncio.gather(*(_work(scope) for scope in scopes), _edits(play, chance))
            await _told_of_everybody(play, concords[0], chance)
        for _ in range(12):
            await _learn(play, concords[0])
            await asyncio.gather(*(_work(scope) for scope in scopes))
            play.clock.pass_(seconds=2)
        await play.settle(concords[0], rounds=20)
        await _judge(play, concords[0])


def _comes_in(play: Stage, name: str, chance: random.Random) -> None:
    """A new person: on one side, on both, or twice on one."""
    given, firm = name[:3], f"{name} Institute"
    addresses = [f"{name.lower()}@{name.lower()}.example", f"{given.lower()}.{name.lower()}@{name.lower()}.example"]
    chance.shuffle(addresses)
    lead = {"FirstName": given, "LastName": name, "Company": firm}
    contact = {"firstname": given, "lastname": name, "company": firm}
    how = chance.choice(("left", "right", "both", "both otherwise", "twice left", "twice left otherwise"))
    if how != "right":
        play.lead(**lead, Email=addresses[0])
    if how in ("right", "both", "both otherwise"):
        play.hs_contact(**contact, email=addresses[how == "both otherwise"])
    if how.startswith("twice left"):
        play.lead(**lead, Email=addresses[how == "twice left otherwise"])


async def _learn(play: Stage, concord: Concord) -> None:
    play.clock.pass_(seconds=2)
    await play.hubspot.service.deliver()
    for side in Side:
        await sweep(concord.scope, side)


async def _work(scope: Scope) -> None:
    await _turns(scope.store._chance)  # type: ignore[attr-defined]
    while await run_batch(scope) is not None:
        pass


async def _edits(play: Stage, chance: random.Random) -> None:
    """People at work meanwhile, each on a field of their own side."""
    for number in range(6):
        for _ in range(chance.randrange(60)):
            await asyncio.sleep(0)
        leads, contacts = sorted(play.sf("Lead")), sorted(play.hs())
        if leads and chance.random() < 0.5:
            play.edit_sf("Lead", chance.choice(leads), Title=f"title {number}{chance.randrange(100)}")
        elif contacts:
            play.edit_hs(chance.choice(contacts), city=f"city {number}{chance.randrange(100)}")


async def _told_of_everybody(play: Stage, concord: Concord, chance: random.Random) -> None:
    """Both ends of every link are due at once, for whoever takes which."""
    refs = [Ref("salesforce", "Lead", one) for one in play.sf("Lead")]
    refs += [Ref("hubspot", "contacts", one) for one in play.hs()]
    now = play.clock.now()
    await concord.store.take_in([Notice(ref, chance.choice((Lane.PEOPLE, Lane.BACKFILL)), now, "x") for ref in refs])


async def _judge(play: Stage, concord: Concord) -> None:
    linked = await concord.store.active_links("people")
    ends = Counter(ref for couple in linked for ref in couple)
    assert max(ends.values()) == 1
    leads, contacts = play.sf("Lead"), play.hs()
    names = Counter(str(row["lastname"]) for row in contacts.values())
    assert names == Counter(NAMES), "somebody was made twice, or not at all"
    for left, right in linked:
        lead, contact = leads[left.id], contacts[right.id]
        assert lead["LastName"] == contact["lastname"]
        assert (lead.get("Title") or "", lead.get("City") or "") == (
            contact.get("jobtitle") or "",
            contact.get("city") or "",
        )
    assert not await concord.store.failing()
