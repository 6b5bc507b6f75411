"""The law "once" (DESIGN): a crash at any step, any number of times, creates nobody twice and loses no edit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import TestServer
from tests.stories.stage import Stage, stage

from concord.engine.sync import CRASH_POINTS
from concord_sandbox.worlds import empty

#: Each example plays with a portal of its own, so that all can share a database.
_PORTALS = count(50_000_000)
_NAMES = ("Babbage", "Curie", "Noether", "Hypatia", "Lamarr", "Turing", "Germain", "Franklin")

#: (what, which person, which point): see `act`.
Act = tuple[str, int, str]

acts = st.tuples(
    st.sampled_from(["title", "city", "phone left", "phone right", "lead", "contact", "quiet", "die", "die", "die"]),
    st.integers(0, len(_NAMES) - 1),
    st.sampled_from(CRASH_POINTS),
)


def world() -> dict[str, Any]:
    made = empty.build(1)
    made["hubspot"]["portal_id"] = next(_PORTALS)
    return made


@dataclass
class Told:
    """What people did: who was made, and what they wrote. titles are only ever edited in Salesforce, cities only in
    HubSpot, telephone numbers in both."""

    people: set[str] = field(default_factory=set)
    titles: dict[str, str] = field(default_factory=dict)
    cities: dict[str, str] = field(default_factory=dict)
    phones: dict[str, set[str]] = field(default_factory=dict)


async def act(play: Stage, told: Told, number: int, one: Act) -> None:
    what, which, point = one
    name = _NAMES[which]
    leads = {row["LastName"]: at for at, row in play.sf("Lead").items()}
    contacts = {row["lastname"]: at for at, row in play.hs().items()}
    play.clock.pass_(seconds=7)
    if what == "die":
        await play.may_die(point)
    elif what == "quiet":
        await play.recovers()
    elif what in ("lead", "contact") and name not in told.people:
        told.people.add(name)
        address = (
            f"{name.lower()}@{name.lower()}-house.com" if which % 2 else None
        )  # half of them are known by nothing but their name
        if what == "lead":
            play.lead(LastName=name, Company=f"{name} Ltd", Email=address)
        else:
            play.hs_contact(lastname=name, company=f"{name} Ltd", **({"email": address} if address else {}))
    elif what == "title" and name in leads:
        told.titles[name] = f"title {number}"
        play.edit_sf("Lead", leads[name], Title=told.titles[name])
    elif what == "city" and name in contacts:
        told.cities[name] = f"city {number}"
        play.edit_hs(contacts[name], city=told.cities[name])
    elif what.startswith("phone"):
        told.phones.setdefault(name, set()).add(f"{100_000 + number}")
        if what == "phone left" and name in leads:
            play.edit_sf("Lead", leads[name], Phone=f"{100_000 + number}")
        elif what == "phone right" and name in contacts:
            play.edit_hs(contacts[name], phone=f"{100_000 + number}")


async def played(database: str, script: Sequence[Act]) -> None:
    play, told = stage(database, world()), Told()
    await play.recovers()
    for number, one in enumerate(script):
        await act(play, told, number, one)
    await play.recovers()
    people = play.people()
    left = {one["LastName"]: one for one in people["salesforce"].values()}
    right = {one["LastName"]: one for one in people["hubspot"].values()}
    assert left.keys() == right.keys() == told.people
    assert len(people["salesforce"]) == len(people["hubspot"]) == len(told.people), "nobody twice"
    assert left == right, "both sides are equal"
    assert {name: left[name]["Title"] for name in told.titles} == told.titles, "no edit is lost"
    assert {name: left[name]["City"] for name in told.cities} == told.cities, "no edit is lost"
    for name, numbers in told.phones.items():
        assert name not in left or left[name]["Phone"] in numbers | {""}
    async with play.concord() as concord:
        assert (await concord.store.counts()).links == len(told.people)
        assert not await concord.store.failing()
        before = (play.writes(system="salesforce"), play.writes(system="hubspot"))
        await play.settle(concord)
        assert (play.writes(system="salesforce"), play.writes(system="hubspot")) == before, "and it stays quiet"


@given(st.lists(acts, min_size=4, max_size=14))
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_once_any_edits_and_any_crashes_end_with_equal_sides_and_everybody_once(
    database: str, script: list[Act]
) -> None:
    asyncio.run(played(database, script))


def test_once_a_crash_at_every_point_in_turn_while_everything_is_being_edited(postgres: TestServer) -> None:
    name = postgres.create()
    script: list[Act] = [("lead", 0, ""), ("contact", 1, ""), ("lead", 2, ""), ("contact", 3, "")]
    for number, point in enumerate(CRASH_POINTS * 2):
        script += [("title", number % 4, ""), ("city", (number + 1) % 4, ""), ("phone left", number % 3, "")]
        script += [("phone right", number % 3, ""), ("die", 0, point)]
    asyncio.run(played(postgres.conninfo_of(name), script))
    postgres.drop(name)
