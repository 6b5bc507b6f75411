"""HubSpot's Webhooks Journal as a `Feed`, against its sandbox: everything that happens is told, whatever goes wrong
meanwhile, and the position moves only with what was handed out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.contracts.parties import HubSpotParty
from tests.stories.stage import StageClock

from concord.core.model import Change, Heard, Lane, Side
from concord.core.values import Ref
from concord.engine.ports import Feed
from concord.errors import RemoteRefused
from concord.systems.hubspot import Journal
from concord.systems.hubspot.journal import PAGES, TRIES, Place, place_of
from concord_sandbox.worlds.schema import PORTAL_ID

#: Like no other wait, so that a feed that looks again in a while can be told from one that is held up.
POLL = 5.125
MAPPED = {
    "contacts": ("email", "firstname", "lastname", "jobtitle", "phone", "associatedcompanyid"),
    "companies": ("name", "domain"),
}
JOURNAL = "/webhooks-journal/journal/"
PAGE = "/webhooks-journal/pages/"


@dataclass
class FeedClock:
    """The stage's time. Whoever has read to the end rests until he is told to look again; all other waits pass."""

    stage: StageClock
    resting: asyncio.Event = field(default_factory=asyncio.Event)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.stage.now()

    async def sleep(self, seconds: float) -> None:
        if seconds == POLL:
            self.resting.set()
            await self.look.wait()
            self.look.clear()
        else:
            self.waits.append(seconds)
        await self.stage.sleep(seconds)


class Follower:
    """Somebody who follows the journal, and stores the position as the engine does."""

    def __init__(self, journal: Journal, clock: FeedClock, position: str | None) -> None:
        self.journal, self.clock, self.position = journal, clock, position
        self.heard: list[Heard] = []
        self._stream = journal.follow(position)
        self._next: asyncio.Task[Heard] | None = None

    async def catch_up(self) -> list[Heard]:
        """Everything until there is nothing newer. Raises what ends the following."""
        self.clock.resting.clear()
        self.clock.look.set()
        new: list[Heard] = []
        while True:
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._stream))
            rests = asyncio.ensure_future(self.clock.resting.wait())
            await asyncio.wait({self._next, rests}, return_when=asyncio.FIRST_COMPLETED)
            rests.cancel()
            if not self._next.done():
                self.heard += new
                return new
            told, self._next = self._next, None
            new.append(told.result())
            self.position = new[-1].position or self.position

    async def told(self) -> dict[str, Lane]:
        """What was told of since the last time: record -> lane. Nothing may have been lost."""
        found = await self.catch_up()
        assert [one.lost for one in found if one.lost] == []
        return {f"{notice.ref.object} {notice.ref.id}": notice.lane for heard in found for notice in heard.notices}

    async def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        await self._stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        await self.journal.close()


class Scene:
    """A HubSpot account with an app that reads its journal."""

    def __init__(self) -> None:
        self.hub = HubSpotParty()
        self.followers: list[Follower] = []

    def follower(self, position: str | None = None, **changes: Any) -> Follower:
        keys = self.hub.service.credentials("http://hubspot.test")
        given: dict[str, Any] = {
            "client_id": keys["client_id"], "client_secret": keys["client_secret"], "side": Side.RIGHT,
            "portal_id": str(PORTAL_ID), "properties": MAPPED, "poll": POLL, "transport": self.hub.transport,
        } | changes  # fmt: skip
        clock = FeedClock(self.hub.clock)
        journal = Journal("http://hubspot.test", clock=clock, share=self.hub.share, **given)
        self.followers.append(Follower(journal, clock, position))
        return self.followers[-1]

    async def following(self, **changes: Any) -> Follower:
        """A follower who has begun and read to the end."""
        made = self.follower(**changes)
        (first,) = await made.catch_up()
        assert (first.notices, first.lost) == ((), None)
        assert made.journal.following
        return made

    async def control(self, path: str, **body: Any) -> Any:
        return await self.hub.control("POST", f"/journal/{path}", body)

    def company(self, name: str) -> str:
        return self.hub.service.human_create("companies", {"name": name}, None)

    def subscriptions(self) -> list[dict[str, Any]]:
        """What the app is subscribed to, straight from the sandbox."""
        saved = self.hub.service.crm.parts.save().get("journal", {})
        return list(saved.get("subscriptions", []))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    for follower in made.followers:
        await follower.stop()
    await made.hub.system.close()


async def test_it_fills_the_engines_protocol(scene: Scene) -> None:
    feed: Feed = scene.follower().journal
    assert (feed.name, feed.side, feed.following) == ("hubspot journal", Side.RIGHT, False)
    assert await feed.refusal() is None


async def test_edits_by_people_are_told_with_their_time_and_once_for_each_record(scene: Scene) -> None:
    made = scene.hub.make(email="ada@engines.example")
    follower = await scene.following()
    at = scene.hub.clock.now()
    scene.hub.edit(made, title="Countess")
    scene.hub.edit(made, phone="1")
    (heard,) = await follower.catch_up()
    (notice,) = heard.notices
    assert (notice.ref, notice.lane, notice.source) == (Ref("hubspot", "contacts", made), Lane.PEOPLE, "journal")
    assert notice.changed_at is not None
    assert abs(notice.changed_at - at) < timedelta(seconds=2)
    assert notice.version is None, "our own writes cannot be told apart, so nothing may be dropped"


async def test_our_own_writes_are_told_too(scene: Scene) -> None:
    made = scene.hub.make(email="ada@engines.example")
    follower = await scene.following()
    await scene.hub.update(scene.hub.change(made, title="Countess"))
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}
    (receipt,) = await scene.hub.create(scene.hub.creation("K-1"))
    assert f"contacts {receipt.ref.id}" in await follower.told()


async def test_deletions_and_restores_are_told(scene: Scene) -> None:
    made, other = scene.hub.make(), scene.hub.make()
    follower = await scene.following()
    scene.hub.delete(made)
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}
    await scene.hub.control("POST", "/restore", {"object": "contacts", "id": made})
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}
    assert other not in str(follower.heard)


async def test_a_merge_is_told_of_what_is_left(scene: Scene) -> None:
    winner, loser = scene.hub.make(), scene.hub.make()
    follower = await scene.following()
    left = await scene.hub.merge(winner, loser)
    told = await follower.told()
    assert f"contacts {left}" in told
    assert told.keys() <= {f"contacts {one}" for one in (left, winner, loser)}


async def test_an_association_is_told_of_both_its_ends(scene: Scene) -> None:
    made, company = scene.hub.make(), scene.company("Engines Ltd")
    follower = await scene.following()
    scene.hub.service.human_link(("contacts", made), ("companies", company), None)
    assert (await follower.told()).keys() == {f"contacts {made}", f"companies {company}"}


async def test_an_opt_out_goes_by_the_lane_of_consent(scene: Scene) -> None:
    made, other = scene.hub.make(email="ada@engines.example"), scene.hub.make(email="bob@engines.example")
    follower = await scene.following()
    scene.hub.edit(other, title="Baron")
    scene.hub.edit(made, title="Countess")
    scene.hub.service.human_edit("contacts", made, {"hs_email_optout": "true"}, None)
    scene.hub.edit(made, phone="1")
    assert await follower.told() == {f"contacts {made}": Lane.CONSENT, f"contacts {other}": Lane.PEOPLE}


async def test_an_opt_out_of_an_address_over_the_api_goes_by_the_lane_of_consent(scene: Scene) -> None:
    made = scene.hub.make(email="ada@engines.example")
    follower = await scene.following()
    await scene.hub.system.update([Change(scene.hub.ref(made), {"hs_email_optout": True})], {"contacts": []}, {})
    assert await follower.told() == {f"contacts {made}": Lane.CONSENT}


async def test_a_privacy_deletion_is_told(scene: Scene) -> None:
    made = scene.hub.make(email="ada@engines.example")
    follower = await scene.following()
    token = scene.hub.service.credentials("")["access_token"]
    answer = await scene.hub.client.post(
        "/crm/objects/2026-09/contacts/gdpr-delete",
        json={"objectId": made},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 204
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}


async def test_what_is_not_mapped_is_not_told(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    scene.hub.edit(made, born="1815-12-10")
    scene.hub.service.human_create("deals", {"dealname": "Engine", "dealstage": "appointmentscheduled"}, None)
    assert await follower.told() == {}


# --- the position


async def test_from_now_on_means_nothing_of_before(scene: Scene) -> None:
    first = await scene.following()
    scene.hub.make()
    assert len(await first.told()) == 1
    await scene.following()


async def test_following_goes_on_from_a_stored_position(scene: Scene) -> None:
    first = await scene.following()
    await first.stop()
    made = scene.hub.make()
    second = scene.follower(first.position)
    assert await second.told() == {f"contacts {made}": Lane.PEOPLE}
    third = scene.follower(second.position)
    assert await third.told() == {}
    assert await scene.follower(first.position).told() == {f"contacts {made}": Lane.PEOPLE}, "an old one reads it again"


async def test_the_position_moves_page_by_page_only_with_what_was_handed_out(scene: Scene) -> None:
    made = [scene.hub.make() for _ in range(3 * PAGES)]
    await scene.control("settings", page_events=1)
    follower = await scene.following()
    for one in made:
        scene.hub.edit(one, title="Countess")
    heard = await follower.catch_up()
    assert [heard.notices[0].ref.id for heard in heard] == made
    places = [place_of(one.position) for one in heard if one.position]
    offsets = (await scene.hub.control("GET", "/journal/state"))["offsets"]
    assert [place.offset for place in places if place] == offsets
    for place, rest in ((heard[6].position, made[7:]), (heard[-1].position, [])):
        again = scene.follower(place)
        assert [one.notices[0].ref.id for one in await again.catch_up()] == rest


async def test_pages_that_wait_are_asked_for_in_batches(scene: Scene) -> None:
    made = [scene.hub.make() for _ in range(3 * PAGES)]
    await scene.control("settings", page_events=1)
    follower = await scene.following()
    before = follower.journal.calls()
    for one in made:
        scene.hub.edit(one, title="Countess")
    await follower.catch_up()
    asked = follower.journal.calls() - before - len(made)
    assert asked <= 6, "one plain, three batches and a look whether there is more"


async def test_a_quiet_account_confirms_its_position_from_time_to_time(scene: Scene) -> None:
    follower = await scene.following()
    before = follower.position
    assert await follower.catch_up() == []
    scene.hub.clock.pass_(hours=2)
    (heard,) = await follower.catch_up()
    assert (heard.notices, heard.lost) == ((), None)
    assert heard.position not in (None, before)


async def test_nothing_is_lost_in_an_account_that_was_quiet_for_longer_than_the_journal_keeps(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    scene.hub.edit(made, title="Countess")
    assert len(await follower.told()) == 1
    for _ in range(100):
        scene.hub.clock.pass_(hours=1)
        assert await follower.told() == {}
    assert (await scene.hub.control("GET", "/journal/state"))["offsets"] == [], "its last page is gone"
    scene.hub.edit(made, title="Baroness")
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}
    assert await scene.follower(follower.position).told() == {}


async def test_a_position_that_the_journal_does_not_know_any_more_is_answered_with_lost(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    scene.hub.edit(made, title="Countess")
    assert len(await follower.told()) == 1
    scene.hub.edit(made, title="Baroness")
    scene.hub.clock.pass_(seconds=2)
    await scene.control("expire", keep=0)
    (heard,) = await follower.catch_up()
    assert heard.notices == ()
    assert "not known any more" in str(heard.lost)
    assert follower.journal.following
    scene.hub.edit(made, title="Princess")
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}


async def test_that_something_was_lost_is_told_even_when_hubspot_goes_away_at_that_moment(scene: Scene) -> None:
    follower = await scene.following()
    made = scene.hub.make()
    assert len(await follower.told()) == 1
    scene.hub.edit(made, title="Countess")
    scene.hub.clock.pass_(seconds=2)
    await scene.control("expire", keep=0)
    scene.hub.fault("status", path="/latest", status=503, times=7)
    (heard,) = await follower.catch_up()
    assert heard.lost is not None
    assert heard.position is not None
    assert follower.clock.waits


async def test_after_an_unknown_position_following_begins_at_the_newest_page(scene: Scene) -> None:
    made = scene.hub.make()
    await scene.control("settings", page_events=1)
    await (await scene.following()).stop()
    for title in ("Countess", "Baroness", "Princess"):
        scene.hub.edit(made, title=title)
    now = int(scene.hub.clock.seconds * 1000)
    unknown = Place("00000000-0000-4000-8000-000000000000", now, now)
    (heard,) = await scene.follower(unknown.write()).catch_up()
    place = place_of(str(heard.position))
    assert heard.lost is not None
    assert place is not None
    assert place.offset == (await scene.hub.control("GET", "/journal/state"))["offsets"][-1]


async def test_a_position_of_more_than_three_days_ago_is_answered_with_lost(scene: Scene) -> None:
    follower = await scene.following()
    scene.hub.make()
    assert len(await follower.told()) == 1
    await follower.stop()
    scene.hub.clock.pass_(days=3, hours=1)
    scene.hub.make()
    scene.hub.clock.pass_(seconds=2)
    later = scene.follower(follower.position)
    (heard,) = await later.catch_up()
    assert "more than 3 days ago" in str(heard.lost)
    made = scene.hub.make()
    assert await later.told() == {f"contacts {made}": Lane.PEOPLE}


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "[]", '{"offset": 7, "at": null, "read": "x"}', "null"])
async def test_a_position_that_is_none_is_answered_with_lost(scene: Scene, text: str) -> None:
    (heard,) = await scene.follower(text).catch_up()
    assert "cannot be read" in str(heard.lost)
    assert place_of(str(heard.position)) is not None


# --- what goes wrong


async def test_entries_that_come_twice_or_late_are_told_all_the_same(scene: Scene) -> None:
    made = [scene.hub.make() for _ in range(20)]
    follower = await scene.following()
    await scene.control("disturb", duplicate=1.0)
    for one in made:
        scene.hub.edit(one, title="Countess")
    assert await follower.told() == {f"contacts {one}": Lane.PEOPLE for one in made}
    await scene.control("disturb", delay_ms=30_000)
    for one in made:
        scene.hub.edit(one, title="Baroness")
    assert await follower.told() == {}
    scene.hub.clock.pass_(seconds=60)
    assert await follower.told() == {f"contacts {one}": Lane.PEOPLE for one in made}


async def test_an_entry_that_never_comes_holds_up_no_other(scene: Scene) -> None:
    made = [scene.hub.make() for _ in range(40)]
    follower = await scene.following()
    await scene.control("disturb", drop=0.5)
    for one in made:
        scene.hub.edit(one, title="Countess")
    told = await follower.told()
    assert 0 < len(told) < len(made)
    await scene.control("disturb")
    scene.hub.edit(made[0], title="Baroness")
    assert await follower.told() == {f"contacts {made[0]}": Lane.PEOPLE}


async def test_an_address_that_has_expired_is_asked_for_anew(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    scene.hub.edit(made, title="Countess")
    scene.hub.fault("status", path=PAGE, status=403)
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}
    assert follower.clock.waits == [], "it is nobody's fault"


async def test_addresses_that_expire_while_their_batch_is_worked_through_are_asked_for_anew(scene: Scene) -> None:
    made = [scene.hub.make() for _ in range(5)]
    follower = await scene.following()
    await scene.control("settings", page_events=1, url_ms=1)
    for one in made:
        scene.hub.edit(one, title="Countess")
    stream, found = follower.journal.follow(follower.position), []
    async for heard in stream:
        found += [notice.ref.id for notice in heard.notices]
        scene.hub.clock.pass_(seconds=1)  # the engine stores them, and that takes long
        if len(found) == len(made):
            break
    assert found == made
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_pages_that_can_never_be_fetched_end_the_following_with_a_reason(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    before = follower.position
    scene.hub.edit(made, title="Countess")
    scene.hub.fault("status", path=PAGE, status=403, times=None)
    with pytest.raises(RemoteRefused, match=r"cannot be fetched from hubspot.test") as caught:
        await follower.catch_up()
    assert "X-Signature" not in str(caught.value)
    assert not follower.journal.following
    assert follower.position == before
    assert len([call for call in scene.hub.service.controls.journal.calls(limit=1000) if PAGE in call["path"]]) == TRIES
    scene.hub.mended()
    assert await scene.follower(follower.position).told() == {f"contacts {made}": Lane.PEOPLE}


@pytest.mark.parametrize("path", [JOURNAL, PAGE, "/webhooks-journal/"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 504},
        {"kind": "status", "status": 429, "headers": {"Retry-After": "30"}},
        {"kind": "drop_before"},
        {"kind": "drop_after"},
    ],
    ids=["429", "500", "503", "504", "429 with a time", "no connection", "no answer"],
)
async def test_what_passes_is_waited_for_and_nothing_is_missed(scene: Scene, path: str, fault: dict[str, Any]) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    scene.hub.edit(made, title="Countess")
    scene.hub.fault(path=path, times=9, **fault)
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}
    assert follower.journal.following
    assert follower.clock.waits
    scene.hub.edit(made, title="Baroness")
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}


async def test_a_rate_limit_is_waited_out_without_moving_on(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    scene.hub.edit(made, title="Countess")
    scene.hub.fault("status", path=JOURNAL, status=429, headers={"Retry-After": "40"})
    before, now = follower.position, scene.hub.clock.seconds
    heard = await follower.catch_up()
    assert [one.notices[0].ref.id for one in heard] == [made]
    assert follower.clock.waits[0] >= 40
    assert scene.hub.clock.seconds - now >= 40
    assert follower.position != before


async def test_while_it_waits_it_does_not_follow(scene: Scene) -> None:
    follower = await scene.following()
    seen: list[bool] = []
    sleep = follower.clock.sleep

    async def watching(seconds: float) -> None:
        if seconds > 4 and seconds != POLL:
            seen.append(follower.journal.following)
        await sleep(seconds)

    follower.clock.sleep = watching  # type: ignore[method-assign]
    scene.hub.fault("status", path=JOURNAL, status=503, times=12)
    await follower.catch_up()
    assert seen
    assert not any(seen)
    assert follower.journal.following


async def test_a_token_that_ends_is_renewed_and_one_that_is_lost_too(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    for title in ("Countess", "Baroness", "Princess"):
        scene.hub.clock.pass_(minutes=45)
        scene.hub.edit(made, title=title)
        told = await follower.told()
        assert told == {f"contacts {made}": Lane.PEOPLE}
    scene.hub.fault("status", path=JOURNAL, status=401)
    scene.hub.edit(made, title="Queen")
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}


async def test_access_that_is_taken_away_ends_the_following_with_a_reason(scene: Scene) -> None:
    follower = await scene.following()
    scene.hub.fault("status", path=JOURNAL, status=403, times=None)
    with pytest.raises(RemoteRefused):
        await follower.catch_up()
    assert not follower.journal.following


async def test_journal_calls_take_nothing_of_the_accounts_limits(scene: Scene) -> None:
    made = scene.hub.make()
    follower = await scene.following()
    await scene.hub.control("PUT", "/limits", {"daily_limit": 1, "burst_limit": 1})
    scene.hub.edit(made, title="Countess")
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}


# --- what is subscribed to


async def test_what_is_mapped_is_subscribed_to_and_a_second_start_changes_nothing(scene: Scene) -> None:
    await (await scene.following()).stop()
    first = scene.subscriptions()
    shown = {(one["subscriptionType"], one["objectTypeId"]): one for one in first}
    assert set(shown) == {
        ("OBJECT", "0-1"), ("OBJECT", "0-2"), ("ASSOCIATION", "0-1"), ("ASSOCIATION", "0-2"),
        ("GDPR_PRIVACY_DELETION", "0-1"),
    }  # fmt: skip
    assert set(shown["OBJECT", "0-1"]["properties"]) == {*MAPPED["contacts"], "hs_email_optout"}
    assert shown["OBJECT", "0-1"]["actions"] == ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"]
    assert shown["ASSOCIATION", "0-1"]["associatedObjectTypeIds"] == ["0-2"]
    scene.hub.clock.pass_(minutes=1)
    await scene.following()
    assert scene.subscriptions() == first


async def test_another_mapping_changes_what_differs_and_says_that_something_may_be_missed(scene: Scene) -> None:
    first = await scene.following()
    await first.stop()
    before = {one["id"]: one for one in scene.subscriptions()}
    scene.hub.clock.pass_(minutes=1)
    second = scene.follower(first.position, properties={**MAPPED, "contacts": (*MAPPED["contacts"], "born")})
    (heard,) = await second.catch_up()
    assert "OBJECT 0-1" in str(heard.lost)
    assert heard.position is None
    after = {one["id"]: one for one in scene.subscriptions()}
    assert [one for one in after if after[one] != before[one]] == [
        one for one in before if (before[one]["subscriptionType"], before[one]["objectTypeId"]) == ("OBJECT", "0-1")
    ]
    made = scene.hub.make()
    scene.hub.clock.pass_(seconds=5)
    await second.told()
    scene.hub.edit(made, born="1815-12-10")
    assert await second.told() == {f"contacts {made}": Lane.PEOPLE}


async def test_subscriptions_that_are_not_ours_stay_as_they_are(scene: Scene) -> None:
    world = scene.hub.world()
    foreign = [
        {"subscriptionType": "OBJECT", "portalId": PORTAL_ID, "objectTypeId": "0-3", "actions": ["CREATE"],
         "properties": [], "objectIds": [7], "id": 1},
        {"subscriptionType": "LIST_MEMBERSHIP", "portalId": PORTAL_ID, "listIds": [1], "objectIds": [],
         "actions": ["ADDED_TO_LIST"], "id": 2},
        {"subscriptionType": "APP_LIFECYCLE_EVENT", "eventTypeId": "4-1909196", "properties": [], "id": 3},
    ]  # fmt: skip
    scene.hub.app.load({**world, "journal": {"subscriptions": foreign}})
    before = scene.subscriptions()
    await scene.following()
    assert scene.subscriptions()[:3] == before
    assert len(scene.subscriptions()) == 8


async def test_a_subscription_that_somebody_removed_is_made_again_and_something_may_be_missed(scene: Scene) -> None:
    first = await scene.following()
    await first.stop()
    saved = scene.hub.service.crm.parts.save()["journal"]
    saved["subscriptions"] = [one for one in saved["subscriptions"] if one["objectTypeId"] != "0-2"]
    scene.hub.app.load({**scene.hub.world(), "journal": saved})
    (heard, *_) = await scene.follower(first.position).catch_up()
    assert "OBJECT 0-2, ASSOCIATION 0-2" in str(heard.lost)
    assert len(scene.subscriptions()) == 5


async def test_an_app_that_is_not_installed_in_the_account_is_refused_with_a_reason(scene: Scene) -> None:
    with pytest.raises(RemoteRefused, match="not installed in portal 1"):
        await scene.follower(portal_id="1").catch_up()


async def test_what_fails_while_subscribing_is_tried_again(scene: Scene) -> None:
    scene.hub.fault("drop_after", path="/webhooks-journal/subscriptions", method="POST", times=4)
    follower = await scene.following()
    assert len(scene.subscriptions()) == 5
    made = scene.hub.make()
    assert await follower.told() == {f"contacts {made}": Lane.PEOPLE}


# --- why not


async def test_without_a_client_it_is_refused_in_a_sentence(scene: Scene) -> None:
    follower = scene.follower(client_id="", client_secret="")
    assert "needs the client id and the client secret" in str(await follower.journal.refusal())
    with pytest.raises(RemoteRefused, match="needs the client id"):
        await follower.catch_up()
    assert follower.journal.calls() == 0


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("BAD_SCOPES", "developer.webhooks_journal.subscriptions.write"),
        ("BAD_GRANT_TYPE", "needs a project app with OAuth"),
        ("BAD_CLIENT_SECRET", "Check the client id, the client secret"),
    ],
)
async def test_what_the_sign_in_refuses_is_explained(scene: Scene, code: str, sentence: str) -> None:
    await scene.hub.control("POST", "/oauth/refuse", {"status": code})
    follower = scene.follower()
    assert sentence in str(await follower.journal.refusal())
    with pytest.raises(RemoteRefused, match=sentence):
        await follower.catch_up()


async def test_to_ask_why_not_changes_nothing(scene: Scene) -> None:
    assert await scene.follower().journal.refusal() is None
    assert scene.subscriptions() == []
