"""Salesforce's change events as a `Feed`, against the sandbox's real gRPC server in process: whatever happens to events
and connections, the notices are what they must be, and following goes on."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.contracts.parties import SalesforceParty
from tests.contracts.test_salesforce_system import convert, lead
from tests.stories.stage import StageClock

from concord.core.model import Heard, Known, Lane, Notice, Record, Side
from concord.engine.ports import Feed
from concord.errors import Category, RemoteRefused
from concord.store.store import PostgresStore
from concord.systems.salesforce import Salesforce
from concord.systems.salesforce.events import ChangeEvents
from concord.systems.salesforce.pubsub import PubSub
from concord_sandbox.salesforce.events.changes import ChangeEvents as Bus
from concord_sandbox.salesforce.events.pubsub import PubSubServer

LEADS, CONTACTS = "/data/LeadChangeEvent", "/data/ContactChangeEvent"


class Waits:
    """The org's time. A wait takes a moment of nobody's; one of ten minutes and more passes on the clock."""

    def __init__(self, clock: StageClock) -> None:
        self._clock = clock
        self.slept: list[float] = []

    def now(self) -> Any:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds >= 600:
            self._clock.pass_(seconds=seconds)
        await asyncio.sleep(0.01)


class Org(SalesforceParty):
    """An org that captures changes, with a Pub/Sub API that can be stopped and started again."""

    server: PubSubServer
    port = 0

    def world(self) -> dict[str, Any]:
        return {**super().world(), "change_events": {"selected": ["Lead", "Contact", "Account"]}}

    @property
    def bus(self) -> Bus:
        return self.service.bus()[0]

    async def serve(self) -> None:
        self.server = PubSubServer(self.service.bus, self.service.controls)
        self.port = self.server.listen(self.port)
        await self.server.start()

    def feed(self, *objects: str, system: Any = None, **more: Any) -> ChangeEvents:
        system = system or self.system
        fields: Mapping[str, Any] | None = more.pop("fields", None)
        pubsub = PubSub(system._client, f"127.0.0.1:{self.port}", secure=False)
        wanted = objects or ("Lead", "Contact")
        return ChangeEvents(system._client, pubsub, wanted, fields, Waits(self.clock), self.share, **more)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.control("POST", path, body or {})


class Listener:
    """Somebody who reads a feed, and keeps what was heard."""

    def __init__(self, org: Org, feed: ChangeEvents, position: str | None = None) -> None:
        self.org, self.feed = org, feed
        self.heard: list[Heard] = []
        self._opened = org.bus.counts["opened"]
        self._task = asyncio.create_task(self._listen(position))

    async def _listen(self, position: str | None) -> None:
        async for heard in self.feed.follow(position):
            self.heard.append(heard)

    async def opened(self, streams: int = 2) -> Listener:
        """Once so many streams were opened since this began."""
        await self.until(lambda: self.org.bus.counts["opened"] >= self._opened + streams)
        return self

    async def until(self, met: Callable[[], object]) -> None:
        for _ in range(1500):
            if met():
                return
            if self._task.done():
                await self._task
            await asyncio.sleep(0.01)
        pytest.fail(f"it never happened; heard {self.heard}")

    async def reopened(self, streams: int, cause: Awaitable[Any]) -> None:
        """Once so many streams were opened anew because of that."""
        before = self.org.bus.counts["opened"]
        await cause
        await self.until(lambda: self.org.bus.counts["opened"] >= before + streams)

    async def records(self, *ids: str) -> list[Notice]:
        """The notices heard so far, once all of these records are among them."""
        await self.until(lambda: set(ids) <= {one.ref.id for one in self.notices})
        return self.notices

    async def lost(self, words: str) -> str:
        """What was lost, once something with these words is."""
        await self.until(lambda: any(words in (one.lost or "") for one in self.heard))
        return next(one.lost or "" for one in self.heard if words in (one.lost or ""))

    async def follows_on(self) -> str:
        """A new lead is heard of: what was heard before it is no longer kept; its id."""
        made = lead(self.org)
        await self.records(made)
        return made

    def forget(self) -> None:
        self.heard = []

    @property
    def notices(self) -> list[Notice]:
        return [notice for heard in self.heard for notice in heard.notices]

    @property
    def position(self) -> str:
        return [one.position for one in self.heard if one.position is not None][-1]

    async def refused(self) -> RemoteRefused:
        """What ends the following."""
        with pytest.raises(RemoteRefused) as caught:
            await asyncio.wait_for(self._task, 10)
        return caught.value

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    made = Org()
    await made.serve()
    yield made
    await made.server.stop(0)
    await made.system.close()


@pytest.fixture
async def listener(org: Org) -> AsyncIterator[Listener]:
    feed = org.feed()
    made = await Listener(org, feed).opened()
    yield made
    await made.stop()
    await feed.close()


def told(notices: list[Notice]) -> set[tuple[str, str, Lane]]:
    return {(one.ref.object, one.ref.id, one.lane) for one in notices}


def close_by(notice: Notice, moment: datetime) -> bool:
    """Whether the change is said to be of then: the remote clock is known to a second, and never later."""
    return notice.changed_at is not None and timedelta() <= moment - notice.changed_at <= timedelta(seconds=1)


def person(org: Org) -> str:
    """A contact that is there before anybody listens."""
    return org.make(email="ada@engines.example")


class TestWhatHappens:
    async def test_it_is_a_feed(self, org: Org) -> None:
        feed: Feed = org.feed()
        assert (feed.name, feed.side) == ("salesforce change events", Side.LEFT)
        assert await feed.refusal() is None

    async def test_people_make_edit_delete_and_restore(self, org: Org, listener: Listener) -> None:
        made = org.make(title="Countess")
        (first,) = await listener.records(made)
        assert told([first]) == {("Contact", made, Lane.PEOPLE)}
        assert (first.source, first.seen_at) == ("change event", org.clock.now())
        assert close_by(first, org.clock.now())
        for change in (
            lambda: org.edit(made, title="Analyst"),
            lambda: org.delete(made),
        ):
            listener.forget()
            org.clock.pass_(seconds=5)
            change()
            assert told(await listener.records(made)) == {("Contact", made, Lane.PEOPLE)}
        listener.forget()
        org.clock.pass_(seconds=5)
        await org.post(f"/undelete/Contact/{made}")
        (restored,) = await listener.records(made)
        assert restored.version is None
        await listener.follows_on()

    async def test_an_opt_out_is_urgent_and_opting_in_is_too(self, org: Org, listener: Listener) -> None:
        first, second = lead(org), lead(org, HasOptedOutOfEmail=True)
        await listener.records(first, second)
        assert told(listener.notices) == {("Lead", first, Lane.PEOPLE), ("Lead", second, Lane.CONSENT)}
        for fields in ({"HasOptedOutOfEmail": True}, {"DoNotCall": True}, {"HasOptedOutOfEmail": False}):
            listener.forget()
            org.service.human_edit("Lead", first, fields, None)
            assert told(await listener.records(first)) == {("Lead", first, Lane.CONSENT)}

    async def test_a_conversion_tells_of_all_it_touched(self, org: Org) -> None:
        feed = org.feed("Lead", "Contact", "Account")
        listener = await Listener(org, feed).opened(3)
        made = lead(org)
        await listener.records(made)
        listener.forget()
        contact = await convert(org, made)
        await listener.records(made, contact)
        await listener.until(lambda: len(told(listener.notices)) == 3)
        assert {one.ref.object: one.version for one in listener.notices}["Lead"] is None
        assert {one.ref.object for one in listener.notices} == {"Lead", "Contact", "Account"}
        await listener.stop()
        await feed.close()

    async def test_a_merge_tells_of_both(self, org: Org, listener: Listener) -> None:
        winner, loser = org.make(), org.make()
        await listener.records(winner, loser)
        listener.forget()
        org.clock.pass_(seconds=5)
        await org.merge(winner, loser)
        await listener.records(loser)
        assert told(listener.notices) <= {("Contact", winner, Lane.PEOPLE), ("Contact", loser, Lane.PEOPLE)}

    async def test_what_is_not_mapped_is_passed_over_but_the_position_moves(self, org: Org) -> None:
        made = person(org)
        feed = org.feed("Contact", fields={"Contact": ["Title", "MailingCity", "LastName"]})
        listener = await Listener(org, feed).opened(1)
        org.edit(made, phone="5")
        await listener.until(lambda: json.loads(listener.position)[CONTACTS]["replay"])
        assert listener.notices == []
        before = listener.position
        for fields in ({"MailingCity": "Rome"}, {"LastName": "Byron"}, {"DoNotCall": True}):
            listener.forget()
            org.service.human_edit("Contact", made, fields, None)
            await listener.records(made)
        assert listener.position != before
        await listener.stop()
        await feed.close()

    async def test_the_time_of_a_change_is_told_on_our_clock_and_never_in_the_future(self) -> None:
        ahead = Org(ahead=90)
        await ahead.serve()
        await ahead.system.account()
        feed = ahead.feed("Contact")
        listener = await Listener(ahead, feed).opened(1)
        (notice,) = await listener.records(ahead.make())
        assert close_by(notice, notice.seen_at)
        await listener.stop()
        await feed.close()
        await ahead.server.stop(0)
        await ahead.system.close()

    async def test_a_custom_channel_and_the_wide_one_bring_only_what_is_synced(self, org: Org) -> None:
        await org.control("PUT", "/change_events", {"channels": {"Sync__chn": {"members": ["Lead", "Account"]}}})
        for channel in ("Sync__chn", "ChangeEvents"):
            feed = org.feed("Lead", channel=channel)
            assert await feed.refusal() is None
            listener = await Listener(org, feed).opened(1)
            org.service.human_create("Account", {"Name": "Engines"}, None)
            made = lead(org)
            assert told(await listener.records(made)) == {("Lead", made, Lane.PEOPLE)}
            assert list(json.loads(listener.position)) == [f"/data/{channel}"]
            await listener.stop()
            await feed.close()


class TestEchoes:
    async def test_the_version_is_that_of_a_read(self, org: Org, listener: Listener) -> None:
        """For people's edits and for our own calls alike."""
        made = org.make()
        await listener.records(made)
        org.clock.pass_(seconds=5)
        for turn in range(2):
            listener.forget()
            if turn:
                (receipt,) = await org.update(org.change(made, title="Countess"), show=["title"])
                assert receipt.failure is None
            else:
                org.edit(made, title="Analyst")
            (notice,) = await listener.records(made)
            org.clock.pass_(seconds=5)
            record = await org.one(made)
            assert record.ours is bool(turn)
            assert notice.version == record.version is not None

    async def test_our_own_echo_is_dropped_and_a_persons_edit_after_it_is_not(
        self, org: Org, listener: Listener, store: PostgresStore
    ) -> None:
        org.clock.pass_(seconds=5)
        (created,) = await org.create(org.creation("H1"), show=["title"])
        made = created.ref.id
        (notice,) = await listener.records(made)
        await self._know(store, created.shown or await org.one(made))
        assert await store.take_in([notice]) == 0
        listener.forget()
        org.clock.pass_(seconds=5)
        (written,) = await org.update(org.change(made, title="Countess"), show=["title"])
        assert written.shown is not None
        (notice,) = await listener.records(made)
        await self._know(store, written.shown)
        assert await store.take_in([notice]) == 0
        listener.forget()
        org.edit(made, title="Analyst")  # in the very second of our write
        (notice,) = await listener.records(made)
        assert await store.take_in([notice]) == 1

    async def test_an_edit_that_was_read_already_is_not_looked_at_again(
        self, org: Org, listener: Listener, store: PostgresStore
    ) -> None:
        made = org.make()
        org.clock.pass_(seconds=5)
        org.edit(made, title="Analyst")
        notices = await listener.records(made)
        org.clock.pass_(seconds=5)
        await self._know(store, await org.one(made))
        assert await store.take_in(notices[-1:]) == 0
        org.delete(made)
        await listener.until(lambda: listener.notices[-1].version is None)
        assert await store.take_in(listener.notices[-1:]) == 1

    @staticmethod
    async def _know(store: PostgresStore, record: Record) -> None:
        known = Known(record.ref, "people", {"emails": []}, frozenset(), version=record.version)
        await store.put_known([known])


class TestWhatGoesWrong:
    async def test_gaps_are_looked_at_and_an_overflow_is_told_as_lost(self, org: Org, listener: Listener) -> None:
        made = org.make()
        await listener.records(made)
        for kind in ("GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"):
            listener.forget()
            await org.post("/change_events/gap", {"object": "Contact", "ids": [made], "type": kind})
            (notice,) = await listener.records(made)
            assert (notice.version, notice.lane) == (None, Lane.PEOPLE)
        listener.forget()
        await org.post("/change_events/overflow", {"object": "Contact"})
        assert "Contact" in await listener.lost("more Contact records changed")
        assert listener.notices == []
        await listener.follows_on()

    async def test_what_happened_while_nobody_listened_is_replayed_once(self, org: Org, listener: Listener) -> None:
        first = org.make()
        await listener.records(first)
        await listener.stop()
        second, missed = org.make(), lead(org)
        again = await Listener(org, listener.feed, listener.position).opened(2)
        await again.records(second)
        assert again.position != listener.position
        # Of leads nothing had been heard, so there was no position to go on from: that is said.
        assert LEADS in await again.lost("no position is known")
        assert {first, missed}.isdisjoint(one.ref.id for one in again.notices)
        await again.stop()

    async def test_a_position_that_expired_is_told_as_lost_and_following_goes_on(
        self, org: Org, listener: Listener
    ) -> None:
        made = org.make()
        await listener.records(made)
        position = listener.position
        await listener.stop()
        org.clock.pass_(hours=73)
        again = await Listener(org, listener.feed, position).opened(2)
        await again.lost("is not known any more")
        assert json.loads(again.position)[CONTACTS]["replay"] is None
        made = org.make()
        await again.records(made)
        assert json.loads(again.position)[CONTACTS]["replay"]
        assert "from now on" in await again.lost("followed again")
        await again.stop()
        # A position that was invalidated while the stream was open, by an org that moved.
        await org.post("/change_events/expire")
        third = await Listener(org, listener.feed, again.position).opened(2)
        await third.lost("is not known any more")
        await third.follows_on()
        await third.stop()

    @pytest.mark.parametrize("position", ["rubbish", "[]", '{"/data/LeadChangeEvent": 5}', '{"x": {"replay": "?"}}'])
    async def test_a_position_that_is_none_is_told_as_lost(self, org: Org, position: str) -> None:
        feed = org.feed()
        listener = await Listener(org, feed, position).opened()
        await listener.lost("cannot be read")
        await listener.follows_on()
        await listener.stop()
        await feed.close()

    async def test_a_position_of_another_org_is_told_as_lost(self, org: Org) -> None:
        feed = org.feed("Lead")
        strange = json.dumps({LEADS: {"replay": base64.b64encode(b"\0" * 10).decode(), "at": None}})
        listener = await Listener(org, feed, strange).opened(1)
        await listener.lost("is not known any more")
        await listener.follows_on()
        await listener.stop()
        await feed.close()

    async def test_an_exhausted_allocation_is_told_and_waited_for(self, org: Org) -> None:
        feed = org.feed("Lead")
        listener = await Listener(org, feed).opened(1)
        await listener.follows_on()
        listener.forget()
        await org.post("/change_events/exhaust")
        missed = lead(org)
        lost = await listener.lost("delivery limit")
        assert "the last event heard was of" in lost
        assert feed.unfollowed == ("Lead",)
        await listener.reopened(1, asyncio.sleep(0))
        slept = feed._clock.slept  # type: ignore[attr-defined]
        assert set(slept) == {900.0}
        assert 90 <= len(slept) <= 97, "looked at every quarter of an hour until the day had rolled on"
        made = lead(org)
        await listener.records(made)
        assert missed not in {one.ref.id for one in listener.notices}, "a backlog would eat the allocation again"
        await listener.lost("followed again")
        assert feed.unfollowed == ()
        await listener.stop()
        await feed.close()

    async def test_a_mass_update_stops_following_before_the_allocation_is_gone(self, org: Org) -> None:
        await org.control("PUT", "/change_events", {"daily_allocation": 100})
        feed = org.feed("Lead")
        listener = await Listener(org, feed).opened(1)
        for _ in range(91):
            lead(org)
        lost = await listener.lost("less than 10%")
        assert "Lead" in lost
        assert feed.unfollowed == ("Lead",)
        for _ in range(5):
            lead(org)
        await listener.until(lambda: len(feed._clock.slept) > 3)  # type: ignore[attr-defined]
        assert org.bus.meter.used(org.service.controls.clock.epoch_ms()) <= 91, "a reserve stays"
        await listener.reopened(1, asyncio.sleep(0))
        await listener.follows_on()
        await listener.stop()
        await feed.close()

    async def test_a_broken_connection_is_mended_and_nothing_is_missed(self, org: Org, listener: Listener) -> None:
        made = [org.make(), lead(org)]
        await listener.records(*made)
        for status, code in (
            ("UNAVAILABLE", "service.unavailable"),
            ("INTERNAL", "subscription.internal.error"),
            ("CANCELLED", "something.new"),
            ("UNKNOWN", "something.else"),
            ("UNAUTHENTICATED", "service.auth.error"),
        ):
            listener.forget()
            opened = org.bus.counts["opened"]
            await org.post("/change_events/disconnect", {"status": status, "code": code})
            made = [org.make(), lead(org)]
            await listener.records(*made)
            assert sorted(one.ref.id for one in listener.notices) == sorted(made), status
            assert [one.lost for one in listener.heard if one.lost] == []
            assert org.bus.counts["opened"] == opened + 2

    async def test_a_stream_that_never_said_anything_may_have_missed_something(
        self, org: Org, listener: Listener
    ) -> None:
        await listener.reopened(2, org.post("/change_events/disconnect"))
        await listener.follows_on()
        await listener.lost("followed again")

    async def test_a_server_that_restarts_is_found_again(self, org: Org, listener: Listener) -> None:
        made = org.make()
        await listener.records(made)
        await listener.follows_on()
        listener.forget()
        await org.server.stop(0)
        made = org.make()
        waits = listener.feed._clock.slept  # type: ignore[attr-defined]
        await listener.until(lambda: len(waits) >= 8)
        assert set(listener.feed.unfollowed) == {"Lead", "Contact"}
        assert "events of" in listener.feed.reasons["Contact"]
        assert listener.notices == []
        await org.serve()
        await listener.records(made)
        assert [one.ref.id for one in listener.notices].count(made) == 1
        assert "Contact" not in listener.feed.unfollowed
        assert max(waits) <= 60
        await listener.follows_on()
        assert listener.feed.unfollowed == ()

    async def test_an_expired_token_is_renewed(self, org: Org, listener: Listener) -> None:
        await listener.follows_on()
        await org.control("POST", "/tokens/expire")
        await org.post("/change_events/disconnect")
        await listener.follows_on()
        again = org.feed()
        await org.control("POST", "/tokens/expire")
        assert await again.refusal() is None
        await again.close()

    async def test_late_doubled_and_dropped_events(self, org: Org, listener: Listener) -> None:
        await org.post("/change_events/hold")
        late = org.make()
        made = org.clock.now()
        org.clock.pass_(minutes=20)
        await org.post("/change_events/release")
        (notice,) = await listener.records(late)
        assert notice.seen_at == org.clock.now()
        assert close_by(notice, made)
        listener.forget()
        await org.post("/change_events/double", {"count": 1})
        twice = org.make()
        await listener.records(twice)
        await listener.follows_on()
        assert {one.ref.id for one in listener.notices if one.ref.object == "Contact"} == {twice}
        assert len({one.version for one in listener.notices if one.ref.id == twice}) == 1
        listener.forget()
        await org.post("/change_events/drop", {"count": 1})
        never = org.make()
        await listener.follows_on()
        assert never not in {one.ref.id for one in listener.notices}

    async def test_a_keep_alive_moves_the_position(self, org: Org, listener: Listener) -> None:
        org.clock.pass_(seconds=271)
        await listener.until(lambda: all(one["replay"] for one in json.loads(listener.position).values()))
        first = json.loads(listener.position)
        assert (listener.notices, set(first)) == ([], {LEADS, CONTACTS})
        org.clock.pass_(seconds=271)
        await listener.until(lambda: all(json.loads(listener.position)[topic] != first[topic] for topic in first))
        # Such a position is good for going on from.
        await listener.stop()
        made = lead(org)
        again = await Listener(org, listener.feed, listener.position).opened(2)
        await again.records(made)
        await again.stop()

    async def test_more_than_a_hundred_at_once_come_all(self, org: Org, listener: Listener) -> None:
        made = org.make_many(450)
        await listener.records(*made)
        assert [one.ref.id for one in listener.notices] == made
        assert max(len(one.notices) for one in listener.heard) <= 100

    async def test_a_slow_reader_is_not_flooded(self, org: Org) -> None:
        feed = org.feed("Contact")
        reading = feed.follow(None)
        heard = [await anext(reading)]
        first = asyncio.ensure_future(anext(reading))
        for _ in range(500):
            if org.bus.subscriptions:
                break
            await asyncio.sleep(0.01)
        made = org.make_many(900)
        heard.append(await first)
        for _ in range(30):
            await asyncio.sleep(0.01)
        assert org.bus.counts["delivered"] <= 500
        while sum(len(one.notices) for one in heard) < 900:
            heard.append(await anext(reading))
        assert [one.ref.id for each in heard for one in each.notices] == made
        await reading.aclose()  # type: ignore[attr-defined]
        await feed.close()


class TestRefusals:
    async def test_an_object_that_is_not_selected_is_named(self, org: Org) -> None:
        feed = org.feed("Lead", "Opportunity")
        assert await feed.refusal() is None
        assert feed.unfollowed == ("Opportunity",)
        assert "Change Data Capture" in feed.reasons["Opportunity"]
        listener = await Listener(org, feed).opened(1)
        assert "OpportunityChangeEvent" in await listener.lost("cannot be followed")
        await listener.follows_on()
        assert feed.unfollowed == ("Opportunity",)
        await listener.stop()
        await feed.close()

    async def test_an_org_without_any_of_them_is_refused_in_words_to_act_on(self, org: Org) -> None:
        await org.control("PUT", "/change_events", {"selected": []})
        feed = org.feed("Lead", "Contact")
        refusal = await feed.refusal()
        assert refusal is not None
        for words in ("Lead", "Contact", "Setup", "Professional"):
            assert words in refusal
        refused = await Listener(org, feed).refused()
        assert refused.category is Category.PERMISSION
        await feed.close()

    async def test_an_object_that_the_user_may_not_see_is_refused(self, org: Org) -> None:
        await org.post("/access", {"objects": {"Lead": "none"}})
        feed = org.feed("Lead")
        refusal = await feed.refusal()
        assert refusal is not None
        assert "View All" in refusal
        assert (await Listener(org, feed).refused()).category is Category.PERMISSION
        await feed.close()

    async def test_an_object_that_is_deselected_while_it_is_followed_is_left_to_polling(
        self, org: Org, listener: Listener
    ) -> None:
        await listener.follows_on()
        await org.control("PUT", "/change_events", {"selected": ["Lead"]})
        await org.post("/change_events/disconnect")
        assert "ContactChangeEvent" in await listener.lost("cannot be followed")
        await listener.follows_on()
        assert listener.feed.unfollowed == ("Contact",)

    async def test_a_secret_that_is_wrong_ends_it(self, org: Org) -> None:
        system: Salesforce = org.signed(secret="wrong")
        feed = org.feed("Lead", system=system)
        assert "sign in" in (await feed.refusal() or "")
        assert "sign in" in str(await Listener(org, feed).refused())
        await feed.close()
        await system.close()

    async def test_a_token_that_is_never_let_in_ends_it_after_some_tries(self, org: Org) -> None:
        org.fault("status", path="PubSub/", code="service.auth.error", times=1000)
        feed = org.feed("Lead")
        assert "service.auth.error" in (await feed.refusal() or "")
        assert (await Listener(org, feed).refused()).category is Category.PERMISSION
        await feed.close()

    async def test_the_adapter_makes_a_feed_of_its_own_sign_in(self, org: Org) -> None:
        system: Any = org.system
        feed = system.change_events(["Lead"], address=f"localhost:{org.port}", secure=False, side=Side.RIGHT)
        assert (await feed.refusal(), feed.side) == (None, Side.RIGHT)
        await feed.close()

    async def test_tls_is_spoken_with_whom_is_trusted(self, org: Org) -> None:
        server = PubSubServer(org.service.bus, org.service.controls)
        port, certificate = server.listen_tls(0)
        await server.start()
        system: Any = org.system
        feed = system.change_events(["Lead"], address=f"localhost:{port}", root_certificates=certificate.encode())
        assert await feed.refusal() is None
        await feed.close()
        await server.stop(0)
