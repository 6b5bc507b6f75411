"""Outbound Messages: Salesforce's push for editions without change events (SPEC 6.2, 11.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.errors import StoreError
from concord.web.intake import SALESFORCE_PATH, Intake
from concord_sandbox.salesforce.events.outbound import OutboundMessages

HOOK = "b1946ac92492d2347c6235b4d2611184"
URL = f"https://concord.test{SALESFORCE_PATH}/{HOOK}"
XML = {"Content-Type": "text/xml; charset=utf-8"}


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


def messages(play: Stage, concord: Concord, *, hook: str | None = HOOK, url: str = URL) -> OutboundMessages:
    """Salesforce sends its messages to this Concord."""
    sender = play.org._api.org.parts.of(OutboundMessages)
    fields = ["Id", "Email", "HasOptedOutOfEmail"]
    sender.set(
        [{"name": f"{name}_changed", "object": name, "fields": fields, "url": url} for name in ("Lead", "Contact")]
    )
    sender.client = client(Intake(concord, None, hook).app())
    return sender


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://concord.test")


async def arrive(play: Stage, **span: float) -> None:
    """Time passes and what is due is sent."""
    play.clock.pass_(**(span or {"seconds": 2}))
    play.org.tick()
    await play.org.deliver()


async def test_an_edit_that_a_message_tells_of_arrives_without_any_sweep(play: Stage) -> None:
    async with play.concord() as concord:
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        messages(play, concord)
        play.clock.pass_(seconds=5)
        play.edit_sf("Lead", lead, Title="Countess")
        await arrive(play)
        await play.work(concord)
        (contact,) = play.hs().values()
        assert contact["jobtitle"] == "Countess"


async def test_a_message_that_could_not_be_stored_is_sent_again_and_then_arrives(play: Stage) -> None:
    async with play.concord() as concord:
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        store, failures = concord.scope.store, [StoreError("the database does not answer")]

        class Failing:
            def __getattr__(self, name: str) -> Any:
                return getattr(store, name)

            async def take_in(self, notices: Any) -> int:
                if failures:
                    raise failures.pop()
                return await store.take_in(notices)

        sender = messages(play, replace(concord, scope=replace(concord.scope, store=Failing())))  # type: ignore[arg-type]
        play.clock.pass_(seconds=5)
        play.edit_sf("Lead", lead, Title="Countess")
        await arrive(play)
        assert await play.work(concord) == 0
        assert sender.shown({})["waiting"], "it was not acknowledged, so Salesforce keeps it"
        await arrive(play, minutes=1)
        await play.work(concord)
        assert [one["jobtitle"] for one in play.hs().values()] == ["Countess"]
        assert not sender.shown({})["waiting"]


async def test_doubled_and_shuffled_messages_change_nothing(play: Stage) -> None:
    async with play.concord() as concord:
        leads = [play.lead(Email=f"person{number}@engines.com") for number in range(5)]
        await play.settle(concord)
        sender = messages(play, concord)
        sender.disturb({"duplicate": 1.0, "shuffle": True})
        play.clock.pass_(seconds=5)
        for number, lead in enumerate(leads):
            play.edit_sf("Lead", lead, Title=f"Title {number}")
        for _ in range(4):
            await arrive(play)
            await play.work(concord)
        assert sorted(one["jobtitle"] for one in play.hs().values()) == [f"Title {number}" for number in range(5)]
        before = play.writes(system="hubspot")
        await arrive(play, minutes=5)
        await play.work(concord)
        assert play.writes(system="hubspot") == before


async def test_an_opt_out_in_a_message_takes_the_lane_of_consent(play: Stage) -> None:
    async with play.concord() as concord:
        lead = play.lead(Email="no@engines.com")
        await play.settle(concord)
        messages(play, concord)
        play.clock.pass_(seconds=5)
        play.edit_sf("Lead", lead, HasOptedOutOfEmail=True)
        await arrive(play)
        (work,) = await concord.store.claim(10, play.clock.now(), concord.scope.lease)
        assert (work.ref.id, work.lane.name) == (lead, "CONSENT")


async def test_a_message_at_another_address_or_of_another_organisation_is_not_taken(play: Stage) -> None:
    async with play.concord() as concord:
        sender = messages(play, concord, url=f"https://concord.test{SALESFORCE_PATH}/guessed")
        play.lead(Email="ada@engines.com")
        await arrive(play)
        assert (await concord.store.backlog())["waiting"] == 0
        assert sender.shown({})["waiting"]
        stranger = {
            **concord.accounts,
            next(iter(concord.accounts)): replace(next(iter(concord.accounts.values())), id="00D000000000001EAA"),
        }
        sender = messages(play, replace(concord, accounts=stranger))
        play.lead(Email="grace@navy.com")
        await arrive(play)
        assert (await concord.store.backlog())["waiting"] == 0


async def test_without_a_secret_address_no_message_is_taken(play: Stage) -> None:
    async with play.concord() as concord, client(Intake(concord, None, None).app()) as outside:
        answer = await outside.post(f"{SALESFORCE_PATH}/anything", content=b"<x/>", headers=XML)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 500),
        (b"not xml", 500),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', 500),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', 500),
        (b"<x>" * 2000, 500),
        (b"<x/>" + b" " * (3 * 1024 * 1024), 413),
        (b"\xff\xfe\x00", 500),
    ],
)
async def test_what_is_no_message_is_answered_with_a_fault_and_stores_nothing(
    play: Stage, body: bytes, status: int
) -> None:
    async with play.concord() as concord, client(Intake(concord, None, HOOK).app()) as outside:
        answer = await outside.post(f"{SALESFORCE_PATH}/{HOOK}", content=body, headers=XML)
        assert answer.status_code == status
        assert b"Fault" in answer.content
        assert (await concord.store.backlog())["waiting"] == 0
