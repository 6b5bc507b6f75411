"""One bad field or record holds up no other, and whoever mends it sees all there is to know (SPEC 2.4, 9.1, 9.5)."""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope
from tests.stories.stage import Stage, stage
from tests.stories.test_faults import fails, fewer_statuses, patient, shorter_titles

from concord.app import Concord
from concord.config import Settings
from concord.core.model import Refused
from concord.core.refusal import HELD_BACK
from concord.core.values import BLANK, Ref
from concord.engine.mending import take_up_mended
from concord.engine.sync import run_batch
from concord.errors import Category
from concord.store.inbox import Stuck
from concord_sandbox.control import SandboxApp


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def linked(play: Stage, concord: Concord, count: int) -> tuple[list[str], list[str]]:
    """So many people, linked: their leads and contacts."""
    await play.settle(concord)
    leads = [play.lead(FirstName=f"Ada{n}", Email=f"ada{n}@engines.com") for n in range(count)]
    await play.settle(concord)
    by_address = {one["email"]: at for at, one in play.hs().items()}
    return leads, [by_address[f"ada{n}@engines.com"] for n in range(count)]


# --- no other is held up


#: What may befall a record of a batch at Salesforce, and whether it is for good.
AT_SALESFORCE: dict[str, tuple[str, bool]] = {
    "a rule refuses it": ("FIELD_CUSTOM_VALIDATION_EXCEPTION", True),
    "a code that nobody knows": ("QUITE_NEW", True),
    "a trigger fails on it": ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", True),
    "it is locked for a moment": ("UNABLE_TO_LOCK_ROW", False),
    "another one halted the call": ("PROCESSING_HALTED", False),
    "it breaks once": ("UNKNOWN_EXCEPTION", False),
}
AT_HUBSPOT: dict[str, tuple[str, bool]] = {
    "a rule refuses it": ("VALIDATION_ERROR", True),
    "a category that nobody knows": ("QUITE_NEW", True),
    "it breaks once": ("INTERNAL_ERROR", False),
    "it is one too many": ("RATE_LIMITS", False),
}


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_refused_every_other_record_and_field_arrives(play: Stage, seed: int) -> None:
    chance = random.Random(seed)
    async with play.concord() as concord:
        leads, contacts = await linked(play, concord, 16)
        shorter_titles(play)
        fewer_statuses(play)
        dead: set[Ref] = set()
        refused_leads: set[str] = set()
        refused_contacts: set[str] = set()
        expected: list[tuple[Callable[[], Any], Any]] = []
        for n, (lead, contact) in enumerate(zip(leads, contacts, strict=True)):
            to_salesforce = chance.random() < 0.5
            if chance.random() < 0.4:
                _refuse(
                    play,
                    chance,
                    lead if to_salesforce else contact,
                    to_salesforce,
                    dead,
                    n,
                    leads,
                    contacts,
                    refused_leads if to_salesforce else refused_contacts,
                )
            bad_field = chance.random() < 0.4
            gone = (refused_leads if to_salesforce else refused_contacts) & {lead, contact}
            if to_salesforce:
                play.edit_hs(contact, city=f"Town {n}", jobtitle="Countess of Lovelace" if bad_field else "Countess")
                expected.append((lambda one=lead: play.sf("Lead")[one]["City"], None if gone else f"Town {n}"))
                expected.append(
                    (lambda one=lead: play.sf("Lead")[one]["Title"], None if gone or bad_field else "Countess")
                )
                source = Ref("hubspot", "contacts", contact)
            else:
                status = "Working - Contacted" if bad_field else "Closed - Not Converted"
                play.edit_sf("Lead", lead, City=f"Town {n}", Status=status)
                shown = "NEW" if gone or bad_field else "UNQUALIFIED"
                expected.append((lambda one=contact: play.hs()[one].get("city"), None if gone else f"Town {n}"))
                expected.append((lambda one=contact: play.hs()[one]["hs_lead_status"], shown))
                source = Ref("salesforce", "Lead", lead)
            if bad_field or gone:
                dead.add(source)
        await play.learn(concord)
        if chance.random() < 0.5:
            fails(play, "hubspot", kind="status", status=400, path=r"/batch/update$")
        if chance.random() < 0.5:
            whole = {"kind": "status", "status": 400, "code": "JSON_PARSER_ERROR"}
            fails(play, "salesforce", **whole, path=r"/composite(/graph)?$")
        await play.work(concord)
        await patient(play, concord)
        assert [(place, show()) for place, (show, _) in enumerate(expected)] == [
            (place, value) for place, (_, value) in enumerate(expected)
        ]
        waiting = await concord.store.failing()
        assert {one.ref for one in waiting if one.dead} == dead
        assert all(one.dead and one.failure.message and one.failure.advice for one in waiting)
        assert {one.failure.category for one in waiting if one.failure.code == "QUITE_NEW"} <= {Category.INTERNAL}


def _refuse(
    play: Stage,
    chance: random.Random,
    record: str,
    to_salesforce: bool,
    dead: set[Ref],
    n: int,
    leads: list[str],
    contacts: list[str],
    refused: set[str],
) -> None:
    """Let the system refuse this record, in one way or another."""
    code, for_good = chance.choice(list((AT_SALESFORCE if to_salesforce else AT_HUBSPOT).values()))
    path = r"/sobjects/Lead/" if to_salesforce else r"/batch/update$"
    system = "salesforce" if to_salesforce else "hubspot"
    fails(play, system, kind="record_error", code=code, record=record, times=None if for_good else 2, path=path)
    if for_good:
        refused.add(record)


class Particular:
    """A system in front of which something refuses a whole call for the sake of one record in it, as a parser does that
    cannot read a value: it does not say whose."""

    def __init__(self, app: SandboxApp, path: str, word: str, answer: Any, status: int = 400) -> None:
        self.app, self._path, self._word, self._answer, self._status = app, path, word, answer, status
        self.calls = 0

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not re.search(self._path, scope["path"]):
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if b'"PATCH"' in body or b"properties" in body:
            self.calls += 1
        if self._word.encode() in body:
            answer = json.dumps(self._answer).encode()
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": self._status, "headers": headers})
            await send({"type": "http.response.body", "body": answer})
            return

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)


#: A whole call refused, and nobody told whose fault it is.
PARSER = [{"message": "Cannot read an instance of date from VALUE_STRING value Poison or request may miss a field",
           "errorCode": "JSON_PARSER_ERROR"}]  # fmt: skip
UNREADABLE = {"status": "error", "message": "Invalid input JSON", "category": "VALIDATION_ERROR"}


async def test_salesforce_refuses_whole_calls_for_one_record_and_the_others_are_written_in_few_calls(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play.concord() as concord:
        leads, contacts = await linked(play, concord, 60)
        gate = Particular(play.salesforce, r"/composite(/graph)?$", "Poison", PARSER)
        _through(concord, "left", gate, monkeypatch)
        for n, contact in enumerate(contacts):
            play.edit_hs(contact, jobtitle="Poison" if n == 37 else "Countess")
        await play.learn(concord)
        assert await run_batch(concord.scope) is not None
        shown = [play.sf("Lead")[one]["Title"] for one in leads]
        assert shown == ["Countess" if n != 37 else None for n in range(60)]
        assert gate.calls <= 1 + 2 * 6, "halved until the bad one stands alone"
        (dead,) = await concord.store.dead()
        assert (dead.ref.id, dead.failure.category, dead.failure.code) == (
            contacts[37], Category.DATA_TYPE, "JSON_PARSER_ERROR",
        )  # fmt: skip
        assert [(one.name, one.value) for one in dead.failure.refused] == [("Title", "Poison")]
        assert "Poison" not in dead.failure.message


async def test_hubspot_refuses_a_whole_batch_for_one_record_and_the_others_are_written_in_few_calls(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play.concord() as concord:
        leads, contacts = await linked(play, concord, 60)
        gate = Particular(play.hubspot, r"/batch/update$", "Poison", UNREADABLE)
        _through(concord, "right", gate, monkeypatch)
        for n, lead in enumerate(leads):
            play.edit_sf("Lead", lead, Title="Poison" if n == 37 else "Countess")
        await play.learn(concord)
        assert await run_batch(concord.scope) is not None
        shown = [play.hs()[one].get("jobtitle") for one in contacts]
        assert shown == ["Countess" if n != 37 else None for n in range(60)]
        assert gate.calls <= 1 + 2 * 6
        (dead,) = await concord.store.dead()
        assert (dead.ref.id, dead.failure.category) == (leads[37], Category.VALIDATION_RULE)


async def test_a_system_that_takes_nobodys_writes_is_waited_out_and_not_asked_about_everyone(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play.concord() as concord:
        leads, contacts = await linked(play, concord, 60)
        gate = Particular(play.salesforce, r"/composite(/graph)?$", "PATCH", PARSER)
        _through(concord, "left", gate, monkeypatch)
        for contact in contacts:
            play.edit_hs(contact, jobtitle="Countess")
        await play.learn(concord)
        assert await run_batch(concord.scope) is not None
        assert gate.calls < 30
        assert not await concord.store.dead()
        assert len(await concord.store.failing()) == 60
        gate._word = "nothing of the kind"
        await patient(play, concord)
        assert {play.sf("Lead")[one]["Title"] for one in leads} == {"Countess"}


async def test_a_record_on_which_a_system_breaks_again_and_again_is_soon_alone(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP 500 says nothing of any record, and looks like an outage."""
    async with play.concord() as concord:
        leads, contacts = await linked(play, concord, 40)
        gate = Particular(play.hubspot, r"/batch/update$", "Poison", {"status": "error", "message": "oh"}, status=500)
        _through(concord, "right", gate, monkeypatch)
        for n, lead in enumerate(leads):
            play.edit_sf("Lead", lead, Title="Poison" if n == 17 else "Countess")
        await play.learn(concord)
        for _ in range(240):
            await play.work(concord)
            play.clock.pass_(seconds=5)
        shown = [play.hs()[one].get("jobtitle") for one in contacts]
        assert shown == ["Countess" if n != 17 else None for n in range(40)]
        (waiting,) = await concord.store.failing()
        assert (waiting.ref.id, waiting.failure.category) == (leads[17], Category.NETWORK)


async def test_a_record_on_which_concord_itself_fails_is_not_tried_for_ever(play: Stage) -> None:
    async with play.concord() as concord:
        _, (contact,) = await linked(play, concord, 1)
        play.edit_hs(contact, jobtitle="Countess")
        await play.learn(concord)
        tries = 0

        def fail() -> None:
            nonlocal tries
            tries += 1
            raise ArithmeticError("a fault of ours")

        for _ in range(40):
            play.moments[:] = [("planned", fail)]
            await play.work(concord)
            play.clock.pass_(minutes=2)
        play.moments.clear()
        dead = await only_dead(concord)
        assert (dead.failure.category, dead.failure.code) == (Category.INTERNAL, "CONCORD_FAILED")
        assert dead.failure.advice
        assert tries == concord.scope.backoff.tries == dead.attempts
        assert await concord.store.revive(play.clock.now()) == 1
        await play.settle(concord)
        assert not await concord.store.failing()


def _through(concord: Concord, side: str, gate: Particular, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this side's calls go through the gate."""
    http = _http_of(getattr(concord.scope, side))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=gate), headers=http._client.headers)
    monkeypatch.setattr(http, "_client", client)


def _http_of(system: Any) -> Any:
    """The one seam to the network, wherever the system keeps it."""
    seen: set[int] = set()
    left = [system]
    while left:
        one = left.pop()
        if type(one).__name__ == "Http":
            return one
        if id(one) in seen or not type(one).__module__.startswith("concord."):
            continue
        seen.add(id(one))
        left += list(vars(one).values()) if hasattr(one, "__dict__") else []
    raise AssertionError("no seam to the network")


# --- what a dead letter tells


async def only_dead(concord: Concord) -> Stuck:
    (dead,) = await concord.store.dead()
    return dead


async def test_a_dead_letter_tells_the_value_that_was_refused_and_what_is_there_instead(
    play: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="concord")
    async with play.concord() as concord:
        _, (contact,) = await linked(play, concord, 1)
        play.edit_hs(contact, jobtitle="Analyst")
        await play.settle(concord)
        shorter_titles(play)
        before = play.clock.now()
        play.edit_hs(contact, jobtitle="Countess of Lovelace")
        await play.settle(concord)
        dead = await only_dead(concord)
        assert dead.failure.refused == (Refused("salesforce", "job_title", "Title", "Countess of Lovelace", "Analyst"),)
        assert (dead.failure.system, dead.failure.code, dead.attempts) == ("salesforce", "STRING_TOO_LONG", 1)
        assert dead.first_failed_at == dead.last_failed_at
        assert dead.first_failed_at is not None
        assert dead.first_failed_at > before
        assert "Lovelace" not in dead.failure.message
        assert "Lovelace" not in caplog.text
        # Tried again in vain: since when it fails is not forgotten.
        play.clock.pass_(hours=1)
        await concord.store.revive(play.clock.now())
        await play.settle(concord)
        again = await only_dead(concord)
        assert (again.failure.refused, again.attempts) == (dead.failure.refused, 1)
        # Mended where it was typed: the value is nowhere any more.
        play.edit_hs(contact, jobtitle="Countess")
        await play.settle(concord)
        assert not await concord.store.failing()


async def test_an_option_that_is_not_mapped_stops_that_one_field_names_both_lists_and_waits(play: Stage) -> None:
    async with play.concord() as concord:
        (lead,), (contact,) = await linked(play, concord, 1)
    play.settings = _without_option(play, "BAD_TIMING")
    async with play.concord() as concord:
        play.edit_hs(contact, hs_lead_status="BAD_TIMING", city="London")
        before = play.writes(system="salesforce")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["City"] == "London"
        assert play.writes(system="salesforce") == before + 1, "the rest of the record went over"
        dead = await only_dead(concord)
        assert dead.ref == Ref("hubspot", "contacts", contact)
        assert (dead.failure.category, dead.failure.code) == (Category.PICKLIST, HELD_BACK)
        assert dead.failure.fields == ("Status",)
        (value,) = dead.failure.refused
        assert (value.system, value.field, value.value) == ("salesforce", "lead_status", "BAD_TIMING")
        assert value.shown == "Open - Not Contacted"
        assert "its options: Open - Not Contacted" in dead.failure.message
        assert "UNQUALIFIED" in dead.failure.message
        # A person chooses another one, and all is well.
        play.edit_hs(contact, hs_lead_status="UNQUALIFIED")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["Status"] == "Closed - Not Converted"
        assert not await concord.store.failing()


async def test_one_trouble_is_one_dead_letter_and_goes_when_it_is_mended_on_either_side(play: Stage) -> None:
    async with play.concord() as concord:
        (lead,), (contact,) = await linked(play, concord, 1)
        shorter_titles(play)
        play.edit_hs(contact, jobtitle="Countess of Lovelace")
        play.edit_sf("Lead", lead, City="London")
        await play.settle(concord)  # both rows were claimed
        assert (await only_dead(concord)).ref == Ref("hubspot", "contacts", contact)
        play.edit_sf("Lead", lead, City="Paris")
        await play.settle(concord)  # the other record is looked at, and the trouble is still there
        assert play.hs()[contact]["city"] == "Paris"
        await only_dead(concord)
        play.clock.pass_(minutes=10)
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord)
        assert play.hs()[contact]["jobtitle"] == "Countess"
        assert not await concord.store.failing(), "mended in Salesforce, by an edit that is newer"


async def test_a_record_that_moves_on_for_ever_is_not_chased_for_ever(play: Stage) -> None:
    async with play.concord() as concord:
        (lead,), (contact,) = await linked(play, concord, 1)
        code = "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE"
        fails(play, "salesforce", kind="record_error", code=code, record=lead, times=None)
        play.edit_hs(contact, jobtitle="Countess")
        before = play.writes(system="salesforce")
        for _ in range(60):
            await play.learn(concord)
            await play.work(concord)
            play.clock.pass_(minutes=1)
        dead = await only_dead(concord)
        assert dead.failure.category is Category.CONFLICT
        assert play.writes(system="salesforce") - before <= concord.scope.backoff.tries
        assert dead.failure.refused == (Refused("salesforce", "job_title", "Title", "Countess", BLANK),)


# --- mended


async def test_what_waits_for_a_field_is_tried_again_by_itself_when_the_field_is_mended(play: Stage) -> None:
    mapped, play.settings = play.settings, _without_option(play, "BAD_TIMING")
    async with play.concord() as concord:
        assert await take_up_mended(concord.scope) == 0
        (lead,), (contact,) = await linked(play, concord, 1)
        play.edit_hs(contact, hs_lead_status="BAD_TIMING")
        await play.settle(concord)
        await only_dead(concord)
        assert await take_up_mended(concord.scope) == 0, "nothing has changed"
    play.settings = mapped
    async with play.concord() as concord:
        assert await take_up_mended(concord.scope) == 1
        await play.settle(concord)
        assert play.sf("Lead")[lead]["Status"] == "Closed - Not Converted"
        assert not await concord.store.failing()
        assert await take_up_mended(concord.scope) == 0


async def test_what_waits_for_another_field_goes_on_waiting(play: Stage) -> None:
    mapped, play.settings = play.settings, _without_option(play, "BAD_TIMING")
    shorter_titles(play)
    async with play.concord() as concord:
        await take_up_mended(concord.scope)
        _, (contact,) = await linked(play, concord, 1)
        play.edit_hs(contact, jobtitle="Countess of Lovelace")
        await play.settle(concord)
        await only_dead(concord)
    play.settings = mapped
    async with play.concord() as concord:
        assert await take_up_mended(concord.scope) == 0
        assert (await only_dead(concord)).failure.fields == ("Title",)


def _without_option(play: Stage, right: str) -> Settings:
    """The configuration without that option of HubSpot's lead status."""
    objects = []
    for pair in play.settings.objects:
        fields = tuple(
            replace(one, options=tuple(both for both in one.options if both[1] != right))
            if one.name == "lead_status"
            else one
            for one in pair.fields
        )
        objects.append(replace(pair, fields=fields))
    return replace(play.settings, objects=tuple(objects))
