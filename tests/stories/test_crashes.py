"""kill -9 between every pair of steps: nothing is lost, nobody made twice, nothing written a third time (SPEC 9.6).

First in process, at every named point of the line and for each kind of work; then for real, with a program that kills
itself, against sandboxes in a process of their own (crashing.py).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import TestServer
from tests.stories.stage import TEXTS, Stage, stage

from concord.engine.merging import MERGE_POINTS
from concord.engine.sync import CRASH_POINTS

Expected = Mapping[str, Any]


@dataclass(frozen=True)
class Work:
    """One kind of work. before: what is there and in agreement already. then: what people do. after: what both systems
    are to show at the end. writes: how many calls that write each system is sent for it in all."""

    name: str
    before: Callable[[Stage], object]
    then: Callable[[Stage], object]
    lead: Expected
    contact: Expected
    writes: tuple[int, int]

    def __str__(self) -> str:
        return self.name


def nothing(play: Stage) -> None:
    return None


def ada(play: Stage) -> None:
    play.lead(FirstName="Ada", Email="ada@engines.com", Phone="1000", Title="Countess")


def one_lead(play: Stage, **fields: Any) -> None:
    (lead,) = play.sf("Lead")
    play.edit_sf("Lead", lead, **fields)


def one_contact(play: Stage, **fields: Any) -> None:
    (contact,) = play.hs()
    play.edit_hs(contact, **fields)


def the_same_person_in_both(play: Stage) -> None:
    play.lead(FirstName="Ada", Email="ada@engines.com", Phone="1000")
    play.clock.pass_(minutes=10)
    play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="King", phone="2000", jobtitle="Countess")


def conflicting_edits(play: Stage) -> None:
    one_lead(play, Phone="3000", Title="Analyst")
    play.clock.pass_(minutes=1)
    one_contact(play, phone="4000", jobtitle="Mathematician")


WORKS = (
    Work(
        "a HubSpot contact is created",
        nothing,
        ada,
        {"Email": "ada@engines.com", "Phone": "1000", "Title": "Countess"},
        {"email": "ada@engines.com", "phone": "1000", "jobtitle": "Countess"},
        (0, 1),
    ),
    Work(
        "a HubSpot contact is created for a lead without an address",
        nothing,
        lambda play: play.lead(FirstName="Ada", Phone="1000"),
        {"FirstName": "Ada", "Email": None, "Phone": "1000"},
        {"firstname": "Ada", "lastname": "Lovelace", "phone": "1000"},
        (0, 1),
    ),
    Work(
        "a lead is created",
        nothing,
        lambda play: play.hs_contact(email="grace@navy.com", lastname="Hopper", phone="1000"),
        {"Email": "grace@navy.com", "LastName": "Hopper", "Company": "[not provided]", "Phone": "1000"},
        {"email": "grace@navy.com", "lastname": "Hopper", "phone": "1000"},
        (1, 1),  # Salesforce gives a new lead its status, which follows to HubSpot
    ),
    Work(
        "a lead is created for a contact without an address",
        nothing,
        lambda play: play.hs_contact(lastname="Hopper", phone="1000"),
        {"LastName": "Hopper", "Company": "[not provided]", "Phone": "1000"},
        {"lastname": "Hopper", "phone": "1000"},
        (1, 1),  # Salesforce gives a new lead its status, which follows to HubSpot
    ),
    Work(
        "an edit goes to HubSpot",
        ada,
        lambda play: one_lead(play, Title="Analyst"),
        {"Title": "Analyst", "Phone": "1000"},
        {"jobtitle": "Analyst", "phone": "1000"},
        (0, 1),
    ),
    Work(
        "an edit goes to Salesforce",
        ada,
        lambda play: one_contact(play, jobtitle="Analyst"),
        {"Title": "Analyst", "Phone": "1000"},
        {"jobtitle": "Analyst", "phone": "1000"},
        (1, 0),
    ),
    Work(
        "a clear goes to HubSpot",
        ada,
        lambda play: one_lead(play, Phone=None),
        {"Title": "Countess", "Phone": None},
        {"jobtitle": "Countess", "phone": None},
        (0, 1),
    ),
    Work(
        "an edit that the rule refuses is put back",
        ada,
        lambda play: one_contact(play, phone=""),
        {"Title": "Countess", "Phone": "1000"},
        {"jobtitle": "Countess", "phone": "1000"},
        (0, 1),
    ),
    Work(
        "two records of one person are linked",
        nothing,
        the_same_person_in_both,
        {"LastName": "King", "Phone": "2000", "Title": "Countess"},
        {"lastname": "King", "phone": "2000", "jobtitle": "Countess"},
        (1, 1),
    ),
    Work(
        "a conflict is decided",
        ada,
        conflicting_edits,
        {"Phone": "3000", "Title": "Mathematician"},
        {"phone": "3000", "jobtitle": "Mathematician"},
        (1, 1),
    ),
)


async def played(play: Stage, work: Work) -> None:
    """What is there before, in agreement; then what people do, and no Concord has seen it yet."""
    async with play.concord() as concord:
        await play.settle(concord)
        work.before(play)
        await play.settle(concord)
    work.then(play)


def writes(play: Stage) -> tuple[int, int]:
    return play.writes(system="salesforce"), play.writes(system="hubspot")


def agrees(play: Stage, work: Work) -> None:
    """One person on each side, as expected."""
    (lead,), (contact,) = play.sf("Lead").values(), play.hs().values()
    assert {name: lead.get(name) for name in work.lead} == work.lead
    assert {name: contact.get(name) for name in work.contact} == work.contact


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("work", WORKS, ids=str)
async def test_a_kill_at_any_point_loses_nothing_makes_nobody_twice_and_repeats_no_write(
    play: Stage, work: Work, point: str
) -> None:
    await played(play, work)
    before = writes(play)
    await play.dies(point)
    await play.recovers()
    agrees(play, work)
    sent = tuple(now - then for now, then in zip(writes(play), before, strict=True))
    assert sent == work.writes, "what was written before the kill is seen, and not written again"


@pytest.mark.parametrize("work", WORKS, ids=str)
async def test_a_kill_at_every_point_one_after_the_other_ends_the_same(play: Stage, work: Work) -> None:
    await played(play, work)
    for point in CRASH_POINTS[:-1]:
        await play.dies(point)
    await play.recovers()
    agrees(play, work)
    async with play.concord() as concord:
        assert (await concord.store.counts()).links == 1
        assert not await concord.store.dead()
        before = writes(play)
        await play.settle(concord)
        assert writes(play) == before


async def test_an_edit_made_after_the_kill_on_the_record_just_made_is_not_lost(play: Stage) -> None:
    await play.recovers()
    lead = play.lead(FirstName="Ada", Phone="1000")
    await play.dies("written")
    (contact,) = play.hs()
    play.edit_hs(contact, jobtitle="Countess", firstname="Augusta")
    await play.recovers()
    assert len(play.hs()) == len(play.sf("Lead")) == 1
    assert (play.sf("Lead")[lead]["Title"], play.sf("Lead")[lead]["FirstName"]) == ("Countess", "Augusta")
    assert play.hs()[contact]["firstname"] == "Augusta"


async def test_an_edit_that_our_last_write_before_the_kill_covered_is_found_and_decided(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        await play.settle(concord)
        (contact,) = play.hs()
    play.edit_sf("Lead", lead, Title="Analyst")
    play.clock.pass_(minutes=10)
    play.once("intended", lambda: play.edit_hs(contact, jobtitle="Mathematician"))
    await play.dies("written")
    await play.recovers()
    assert play.hs()[contact]["jobtitle"] == play.sf("Lead")[lead]["Title"] == "Mathematician", "newer by ten minutes"


async def test_an_edit_that_our_first_link_covered_before_the_kill_is_found_and_decided(play: Stage) -> None:
    await play.recovers()
    lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Analyst")
    play.clock.pass_(minutes=10)
    contact = play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="Lovelace")
    play.once("intended", lambda: play.edit_hs(contact, jobtitle="Mathematician"))
    await play.dies("written")
    assert play.hs()[contact]["jobtitle"] == "Analyst", "the blank was filled, over an edit of that moment"
    await play.recovers()
    assert play.hs()[contact]["jobtitle"] == play.sf("Lead")[lead]["Title"] == "Mathematician"


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_what_hubspot_made_of_a_write_before_the_kill_is_not_taken_for_an_edit(play: Stage, point: str) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        await play.settle(concord)
        (contact,) = play.hs()
    play.hubspot_makes("jobtitle", str.lower)
    play.edit_sf("Lead", lead, Title="Analyst")
    play.clock.pass_(minutes=20)
    await play.dies(point)
    await play.recovers()
    assert (play.sf("Lead")[lead]["Title"], play.hs()[contact]["jobtitle"]) == ("Analyst", "analyst")


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_what_hubspot_made_of_a_new_contact_before_the_kill_is_not_taken_for_an_edit(
    play: Stage, point: str
) -> None:
    await play.recovers()
    play.hubspot_makes("jobtitle", str.lower)
    lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
    play.clock.pass_(minutes=20)
    await play.dies(point)
    await play.recovers()
    (contact,) = play.hs().values()
    assert (play.sf("Lead")[lead]["Title"], contact["jobtitle"]) == ("Countess", "countess")


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_a_duplicate_takes_over_from_its_deleted_partner_whenever_the_kill_comes(play: Stage, point: str) -> None:
    await play.recovers()
    account = play.account(Name="Engines Ltd")
    active = play.sf_contact(FirstName="Ada", LastName="King", Email="ada@engines.com", AccountId=account)
    await play.recovers()
    lead = play.lead(FirstName="Ada", LastName="King", Email="ada@engines.com", Title="Countess")
    await play.recovers()
    play.salesforce.service.human_delete("Contact", active, None)
    await play.dies(point)
    await play.recovers()
    (contact,) = play.hs()
    assert play.hs()[contact]["jobtitle"] == "Countess", "the lead has taken over, and what it says has come"
    play.edit_hs(contact, city="London")
    await play.recovers()
    assert play.sf("Lead")[lead]["City"] == "London"
    assert len(play.hs()) == len(play.sf("Lead")) == 1


# --- for real: a program that kills itself, and sandboxes in a process of their own


@dataclass
class Outside:
    """Sandboxes behind sockets and a database; what a story can do to them and see of them from outside."""

    what: dict[str, Any]
    later: float = 0.0
    people: list[str] = field(default_factory=list)

    def control(self, system: str, method: str, path: str, **body: Any) -> Any:
        answer = httpx.request(method, f"{self.what[system]['url']}/_control{path}", json=body or None)
        assert answer.is_success, answer.text
        return answer.json()

    def records(self, system: str, name: str) -> dict[str, dict[str, Any]]:
        return {one["id"]: one["fields"] for one in self.control(system, "GET", f"/records/{name}")["records"]}

    def create(self, system: str, name: str, **fields: Any) -> str:
        return str(self.control(system, "POST", f"/records/{name}", fields=fields)["id"])

    def edit(self, system: str, name: str, record_id: str, **fields: Any) -> None:
        self.control(system, "PATCH", f"/records/{name}/{record_id}", fields=fields)

    def seconds_pass(self) -> None:
        for system in ("salesforce", "hubspot"):
            self.control(system, "POST", "/clock", advance=3)
        self.later += 3

    def concord(self, crash_at: str | None = None, *, merges: bool = False) -> int:
        """Run one until it has nothing to do, or is dead; its exit code. merges: all duplicates' are approved first."""
        given = {**os.environ, "CONCORD_CRASH_AT": crash_at} if crash_at else dict(os.environ)
        script = Path(__file__).with_name("crashing.py")
        told = json.dumps({**self.what, "later": self.later, "merges": merges})
        done = subprocess.run(  # noqa: S603  # our own script
            [sys.executable, str(script)], input=told, env=given, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode

    def texts(self) -> dict[str, list[dict[str, str]]]:
        left = [{one: row.get(one) or "" for one in TEXTS} for row in self.records("salesforce", "Lead").values()]
        right = [
            {one: row.get(theirs, "") for one, theirs in TEXTS.items()}
            for row in self.records("hubspot", "contacts").values()
        ]
        return {"salesforce": sorted(left, key=str), "hubspot": sorted(right, key=str)}


@pytest.fixture(scope="module")
def outside(postgres: TestServer) -> Iterator[Outside]:
    name = postgres.create()
    command = [sys.executable, "-m", "concord_sandbox", "--salesforce", "0", "--hubspot", "0", "--world", "empty"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sandbox:  # noqa: S603  # our own module
        assert sandbox.stdout is not None
        try:
            made = Outside({**json.loads(sandbox.stdout.readline()), "database": postgres.conninfo_of(name)})
            assert made.concord() == 0
            yield made
        finally:
            sandbox.terminate()
    postgres.drop(name)


@pytest.mark.slow
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_program_that_is_killed_for_real_and_started_again_loses_nothing_and_makes_nobody_twice(
    outside: Outside, point: str
) -> None:
    for lead in outside.records("salesforce", "Lead"):
        outside.edit("salesforce", "Lead", lead, Title=f"edited before {point}")
    for contact in outside.records("hubspot", "contacts"):
        outside.edit("hubspot", "contacts", contact, city=f"edited before {point}")
    outside.create("salesforce", "Lead", LastName=f"{point}left", Email=f"{point}@left-house.com", Company="A Ltd")
    outside.create("salesforce", "Lead", LastName=f"{point}nameless", Company=f"{point} Ltd")
    outside.create("hubspot", "contacts", lastname=f"{point}right", email=f"{point}@right-house.com", company="B Ltd")
    outside.people += [f"{point}{one}" for one in ("left", "nameless", "right")]
    outside.seconds_pass()
    assert outside.concord(crash_at=point) == -signal.SIGKILL
    outside.later += 130  # the dead one's lease is over
    assert outside.concord() == 0
    texts = outside.texts()
    assert sorted(one["LastName"] for one in texts["salesforce"]) == sorted(outside.people), "nobody twice, all there"
    assert texts["salesforce"] == texts["hubspot"]
    old = [one for one in texts["hubspot"] if not one["LastName"].startswith(point)]
    assert all((one["Title"], one["City"]) == (f"edited before {point}",) * 2 for one in old)


@pytest.mark.slow
@pytest.mark.parametrize("point", MERGE_POINTS)
def test_a_program_that_is_killed_for_real_while_it_merges_is_followed_by_one_that_finishes(
    outside: Outside, point: str
) -> None:
    name = {"opted out": "Lovelace", "merging": "Hopper", "merged": "Lamarr", "noted": "Clarke"}[point]
    address = f"{name}@{name}-house.com".lower()
    person = {"LastName": name, "Company": f"{name} Ltd", "Email": address}
    first = outside.create("salesforce", "Lead", **person)
    outside.people.append(name)
    outside.seconds_pass()
    assert outside.concord() == 0
    outside.create("salesforce", "Lead", **person, Title="Dr", HasOptedOutOfEmail=True)
    outside.seconds_pass()
    assert outside.concord() == 0
    outside.seconds_pass()
    assert outside.concord(crash_at=point, merges=True) == -signal.SIGKILL
    outside.later += 130  # the dead one's lease is over
    assert outside.concord() == 0
    leads = {key: row for key, row in outside.records("salesforce", "Lead").items() if row.get("Email") == address}
    (contact,) = [row for row in outside.records("hubspot", "contacts").values() if row.get("email") == address]
    assert list(leads) == [first]
    assert (leads[first]["Title"], leads[first]["HasOptedOutOfEmail"]) == ("Dr", True)
    assert (contact["jobtitle"], contact["hs_email_optout"]) == ("Dr", "true")
