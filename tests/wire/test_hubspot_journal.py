"""HubSpot's Webhooks Journal, against answers written from its documents: what an entry says, how pages are asked for
and fetched, and what is subscribed to."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.model import Heard, Lane, Notice, Side
from concord.core.values import Ref
from concord.errors import RemoteError, RemoteRefused
from concord.systems.hubspot import HubSpot, Journal
from concord.systems.hubspot.journal import POLL, Place, Told, place_of, told
from concord.systems.hubspot.subscriptions import SCOPES

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
PORTAL = "62515"
STORE = "https://pages.store.example"
#: As object stores sign: nothing of it may be changed on the way, and nobody may read it in a log.
SIGNED = "X-Amz-Credential=AKIA%2F20261102%2Fs3%2Faws4_request&X-Amz-Signature=5ec7e7&response-content-type=a%2Bb"


def page_url(offset: str) -> str:
    return f"{STORE}/journal/{offset}.json?{SIGNED}"


# --- what an entry says


def read(*entries: Any, ahead: timedelta = timedelta(), portal_id: str = PORTAL) -> Told:
    return told(entries, ("contacts", "companies", "2-77"), portal_id=portal_id, now=NOON, ahead=ahead)


def entry(record: Any = 541935488729, action: str = "UPDATE", **more: Any) -> dict[str, Any]:
    return {
        "type": "crmObject",
        "portalId": int(PORTAL),
        "occurredAt": "2026-11-02T11:59:00.000Z",
        "action": action,
        "objectTypeId": "0-1",
        "objectId": record,
        "propertyChanges": {},
        **more,
    }


def refs(found: Told) -> list[str]:
    return [f"{notice.ref.object} {notice.ref.id}" for notice in found.taken.notices]


def link(**more: Any) -> dict[str, Any]:
    return {
        "type": "association",
        "portalId": int(PORTAL),
        "occurredAt": "2026-11-02T11:59:00.000Z",
        "action": "ASSOCIATION_ADDED",
        "fromObjectTypeId": "0-1",
        "fromObjectId": 1,
        "toObjectTypeId": "0-2",
        "toObjectId": 2,
        "associationTypeId": 279,
        "associationCategory": "HUBSPOT_DEFINED",
        "isPrimary": False,
        **more,
    }


@pytest.mark.parametrize("action", ["CREATE", "UPDATE", "DELETE", "RESTORE", "SNAPSHOT", "SOMETHING_NEW"])
def test_whatever_was_done_to_a_record_it_is_looked_at(action: str) -> None:
    (notice,) = read(entry(action=action)).taken.notices
    assert notice == Notice(
        Ref("hubspot", "contacts", "541935488729"), Lane.PEOPLE, NOON, "journal", NOON - timedelta(minutes=1)
    )


def test_a_merge_says_to_look_at_every_id_of_it() -> None:
    merge = entry(3, "MERGE", primaryObjectId=1, mergedObjectIds=[1, "2"], newObjectId=3)
    assert sorted(refs(read(merge))) == ["contacts 1", "contacts 2", "contacts 3"]
    assert refs(read(entry(3, "MERGE"))) == ["contacts 3"]


def test_an_association_says_to_look_at_both_ends_and_one_of_an_object_that_is_not_synced_at_the_other() -> None:
    assert refs(read(link())) == refs(read(link(action="ASSOCIATION_REMOVED"))) == ["contacts 1", "companies 2"]
    assert refs(read(link(toObjectTypeId="0-3"))) == ["contacts 1"]


def test_a_change_of_a_lists_members_says_to_look_at_the_record() -> None:
    assert refs(read(entry(7, "ADDED_TO_LIST", type="listMembership", listId=9))) == ["contacts 7"]


def test_a_privacy_deletion_names_who_is_to_be_erased() -> None:
    found = read(entry(7, "GDPR_DELETE", type="gdprPrivacyDeletion"))
    assert refs(found) == ["contacts 7"]
    assert found.taken.erased == (Ref("hubspot", "contacts", "7"),)
    assert read(entry(7, "DELETE")).taken.erased == ()


@pytest.mark.parametrize("name", ["hs_email_optout", "hs_email_optout_999"])
def test_an_opt_out_goes_by_the_lane_of_consent(name: str) -> None:
    (notice,) = read(entry(propertyChanges={"jobtitle": "Countess", name: "true"})).taken.notices
    assert notice.lane is Lane.CONSENT
    (plain,) = read(entry(propertyChanges={"jobtitle": name})).taken.notices
    assert plain.lane is Lane.PEOPLE


def test_many_entries_of_one_record_are_one_notice_the_most_urgent_and_the_earliest() -> None:
    found = read(
        entry(occurredAt="2026-11-02T11:59:30Z"),
        entry(occurredAt="2026-11-02T11:59:40Z", propertyChanges={"hs_email_optout": "true"}),
        entry(occurredAt=None),
        entry(occurredAt=1_793_620_760_000),
        link(fromObjectId=541935488729),
    )
    people, company = found.taken.notices
    assert (people.lane, people.changed_at) == (Lane.CONSENT, datetime(2026, 11, 2, 11, 59, tzinfo=UTC))
    assert company.lane is Lane.PEOPLE


def test_times_are_told_on_our_own_clock() -> None:
    (notice,) = read(entry(), ahead=timedelta(seconds=20)).taken.notices
    assert notice.changed_at == NOON - timedelta(seconds=80)


def test_custom_objects_go_by_their_type_id() -> None:
    assert refs(read(entry(5, objectTypeId="2-77"), entry(5, objectTypeId="2-78"))) == ["2-77 5"]


def test_entries_of_other_accounts_and_of_objects_that_are_not_synced_are_left_out_and_not_counted() -> None:
    found = read(entry(portalId=1), entry(objectTypeId="0-3"), entry(type="app_lifecycle_event", action="APP_INSTALL"))
    assert (found.taken.notices, found.taken.unknown) == ((), 0)


def test_words_may_be_spelled_in_the_other_way_and_there_may_be_more_of_them() -> None:
    assert refs(read(entry(1, type="CRM_OBJECT", weather="fine"), {**entry(2), "portalId": PORTAL})) == [
        "contacts 1",
        "contacts 2",
    ]


def test_what_is_not_known_is_counted_by_kind() -> None:
    found = read({"type": "dance", "action": "WALTZ"}, {"type": "dance", "action": "WALTZ"}, "x", {}, entry(None))
    assert found.taken.notices == ()
    assert found.kinds == {"dance WALTZ": 2, "no object": 1, "nameless": 1, "crmObject UPDATE": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["crmObject", "association", "gdprPrivacyDeletion", "listMembership", "MERGE", "0-1", "0-2", 7, "7", [1, "2"],
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", -62_135_596_800_000, {"hs_email_optout": "true"}]
)  # fmt: skip
NAMES = (
    "type", "portalId", "occurredAt", "action", "objectTypeId", "objectId", "propertyChanges", "fromObjectTypeId",
    "fromObjectId", "toObjectTypeId", "toObjectId", "mergedObjectIds", "newObjectId",
)  # fmt: skip


@given(
    st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, WORDS | JSON)) | JSON, max_size=5),
    st.sampled_from([timedelta(), timedelta(seconds=9), timedelta(seconds=-9)]),
)
def test_no_page_whatever_it_holds_is_an_error(entries: list[Any], ahead: timedelta) -> None:
    found = read(*entries, ahead=ahead)
    assert found.taken.unknown <= len(entries)
    assert all(notice.ref.id.isdecimal() for notice in found.taken.notices)


@given(JSON)
def test_no_stored_position_whatever_it_holds_is_an_error(position: Any) -> None:
    assert place_of(json.dumps(position)) is None


def test_a_position_is_read_as_it_was_written() -> None:
    for place in (Place("a", 1, 2), Place(None, None, 3)):
        assert place_of(place.write()) == place


# --- a HubSpot that answers as told


class FakeClock:
    """Time passes when somebody waits; who has read to the end waits for ever."""

    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []
        self.at_end = asyncio.Event()

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        if seconds == POLL:
            self.at_end.set()
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Api:
    """The journal of an app. pages: offset -> entries, in order. special: answers to be given instead, each once, to
    calls whose address has these words."""

    def __init__(self, *offsets: str) -> None:
        self.clock = FakeClock()
        self.pages: dict[str, list[Any]] = {offset: [entry(number)] for number, offset in enumerate(offsets, 1)}
        self.subscriptions: list[dict[str, Any]] = []
        self.next_id = 100
        self.special: list[tuple[str, httpx.Response | Exception]] = []
        self.asked: list[httpx.Request] = []
        self.ahead = timedelta()
        self.own_rows = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        for words, answer in self.special:
            if words in f"{request.method} {request.url}":
                self.special.remove((words, answer))
                if isinstance(answer, Exception):
                    raise answer
                return answer
        answer = self._answer(request)
        answer.headers.setdefault("Date", format_datetime(self.clock.time + self.ahead, usegmt=True))
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.url.host == "pages.store.example":
            offset = path.split("/")[-1].removesuffix(".json")
            body = {"offset": offset, "publishedAt": "2026-11-02T11:59:59.000Z", "journalEvents": self.pages[offset]}
            return httpx.Response(200, json=body, headers={"Date": "Thu, 01 Jan 2015 00:00:00 GMT"})
        if path == "/oauth/2026-09/token":
            return httpx.Response(200, json={"access_token": "t1", "expires_in": 1800})
        assert request.headers["authorization"] == "Bearer t1"
        if "/subscriptions/" in path:
            return self._subscriptions(request)
        return self._journal(path)

    def _subscriptions(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"results": self.subscriptions})
        if request.method == "DELETE":
            gone = int(request.url.path.split("/")[-1])
            self.subscriptions = [one for one in self.subscriptions if one["id"] != gone]
            return httpx.Response(204)
        self.next_id += 1
        made = {**json.loads(request.content), "id": self.next_id, "appId": 9}
        self.subscriptions.append(made)
        return httpx.Response(200, json=made)

    def _journal(self, path: str) -> httpx.Response:
        offsets = list(self.pages)
        parts = path.split("/", 4)[4].split("/")
        if parts == ["latest"]:
            found = offsets[-1:]
        elif parts == ["earliest"]:
            found = offsets[:1]
        elif parts[0] == "batch":
            start = offsets.index(parts[1]) + 1
            return httpx.Response(200, json={"results": [self._named(one) for one in offsets[start:][: int(parts[3])]]})
        elif parts[1] not in offsets:
            return httpx.Response(404, json={"category": "OBJECT_NOT_FOUND", "message": "no such offset"})
        else:
            found = offsets[offsets.index(parts[1]) + 1 :][:1]
        return httpx.Response(200, json=self._named(found[0])) if found else httpx.Response(204)

    def _named(self, offset: str) -> dict[str, str]:
        return {"url": page_url(offset), "expiresAt": "2026-11-02T13:00:00Z", "currentOffset": offset}

    # --- what a test does with it

    def journal(self, **changes: Any) -> Journal:
        given: dict[str, Any] = {
            "client_id": "app", "client_secret": "secret", "side": Side.RIGHT, "portal_id": PORTAL,
            "properties": {"contacts": ("email",)}, **changes,
        }  # fmt: skip
        return Journal(
            "https://api.hub.example", clock=self.clock, share=lambda: 0.0, transport=httpx.MockTransport(self), **given
        )

    async def follow(self, offset: str | None = "0", **changes: Any) -> list[Heard]:
        """Everything from that page on, until there is nothing newer."""
        now = int(NOON.timestamp() * 1000)
        position = Place(offset, now, now).write() if offset is not None else None
        journal, heard = self.journal(**changes), list[Heard]()

        async def listen() -> None:
            async for one in journal.follow(position):
                heard.append(one)

        task, end = asyncio.ensure_future(listen()), asyncio.ensure_future(self.clock.at_end.wait())
        await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.close()
        return heard

    def paths(self, word: str = "") -> list[str]:
        return [request.url.path for request in self.asked if word in str(request.url)]


def subscribed(**more: Any) -> dict[str, Any]:
    return {
        "subscriptionType": "OBJECT",
        "portalId": int(PORTAL),
        "objectTypeId": "0-1",
        "actions": ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"],
        "properties": ["hs_email_optout", "email"],
        "objectIds": [],
        "id": 1,
        **more,
    }


PRIVACY = {
    "subscriptionType": "GDPR_PRIVACY_DELETION", "portalId": int(PORTAL), "objectTypeId": "0-1",
    "actions": ["GDPR_DELETE"], "id": 2,
}  # fmt: skip


@pytest.fixture
def api() -> Api:
    made = Api("0", "1", "2", "3")
    made.subscriptions = [subscribed(), PRIVACY]
    return made


def ids(heard: list[Heard]) -> list[list[str]]:
    return [[notice.ref.id for notice in one.notices] for one in heard]


async def test_pages_are_read_in_turn_from_the_one_after_the_position(api: Api) -> None:
    heard = await api.follow()
    assert ids(heard) == [["2"], ["3"], ["4"]]
    places = [place_of(one.position or "") for one in heard]
    assert [place.offset for place in places if place] == ["1", "2", "3"]
    assert places[0] is not None
    assert places[0].at == int((NOON - timedelta(seconds=1)).timestamp() * 1000)
    assert api.paths("journal/2026-09") == [
        "/webhooks-journal/journal/2026-09/offset/0/next",
        "/webhooks-journal/journal/2026-09/batch/1/next/10",
        "/webhooks-journal/journal/2026-09/batch/3/next/10",
    ]


async def test_the_first_start_is_at_the_newest_page_and_reads_it_not(api: Api) -> None:
    (heard,) = await api.follow(None)
    place = place_of(heard.position or "")
    assert place is not None
    assert (heard.notices, heard.lost, place.offset) == ((), None, "3")
    assert api.paths("store.example") == []


async def test_an_app_without_any_page_yet_is_followed_from_its_first_one() -> None:
    api = Api()
    (heard,) = await api.follow(None)
    place = place_of(heard.position or "")
    assert place is not None
    assert place.offset is None
    later = Api("7", "8")
    assert ids(await later.follow(None)) == [[]]
    later.asked.clear()
    later.clock.at_end.clear()
    later.subscriptions = [subscribed(), PRIVACY]
    journal, found = later.journal(), []
    async for one in journal.follow(heard.position):
        found.append(one)
        if len(found) == 2:
            break
    assert ids(found) == [["1"], ["2"]]
    assert later.paths("journal/2026-09")[0].endswith("/earliest")


async def test_a_page_is_fetched_at_its_own_address_and_without_our_token(api: Api) -> None:
    await api.follow()
    fetched = [request for request in api.asked if "store.example" in str(request.url)]
    assert [str(request.url) for request in fetched] == [page_url(offset) for offset in ("1", "2", "3")]
    assert not any("authorization" in request.headers for request in fetched)


async def test_the_token_is_the_apps_own_for_the_journals_scopes_and_nothing_else(api: Api) -> None:
    await api.follow()
    (asked,) = [request for request in api.asked if request.url.path == "/oauth/2026-09/token"]
    assert parse_qs(asked.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["app"],
        "client_secret": ["secret"],
        "scope": [" ".join(SCOPES)],
    }


async def test_another_hosts_clock_is_not_taken_for_hubspots(api: Api) -> None:
    api.ahead = timedelta(seconds=30)
    heard = await api.follow()
    assert {notice.changed_at for one in heard for notice in one.notices} == {
        NOON - timedelta(seconds=90, milliseconds=500)
    }, "half a second: the header has whole ones"


async def test_every_path_has_the_configured_version(api: Api) -> None:
    api.special = [("/oauth/2027-03/token", httpx.Response(200, json={"access_token": "t1", "expires_in": 60}))]
    journal = api.journal(api_version="2027-03")
    await anext(journal.follow(None))
    paths = {path for path in api.paths("api.hub.example") if "2027-03" in path}
    assert paths == set(api.paths("api.hub.example"))
    assert len(paths) == 3


TROUBLES: Mapping[str, Callable[[], httpx.Response | Exception]] = {
    "busy": lambda: httpx.Response(503),
    "too fast": lambda: httpx.Response(429, json={"message": "You have reached your secondly limit."}),
    "a gateway's time-out": lambda: httpx.Response(504, text="<html>"),
    "no answer in time": lambda: httpx.ReadTimeout("slow"),
    "no connection": lambda: httpx.ConnectError("no route"),
    "broken off": lambda: httpx.RemoteProtocolError("gone"),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("where", ["/oauth/", "GET https://api.hub.example/webhooks-journal/subscriptions", "/offset/",
                                   "/batch/1", "store.example/journal/1", "store.example/journal/3"])  # fmt: skip
async def test_what_passes_holds_up_the_reading_and_loses_nothing(
    api: Api, where: str, trouble: Callable[[], httpx.Response | Exception]
) -> None:
    api.special = [(where, trouble()) for _ in range(5)]
    assert ids(await api.follow()) == [["2"], ["3"], ["4"]]
    assert api.special == []
    assert api.clock.slept


async def test_no_log_and_no_error_shows_a_signed_address(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "concord")
    echo = f"<Error><Code>AccessDenied</Code><Resource>{page_url('1')}</Resource></Error>"
    answers: list[httpx.Response | Exception] = [httpx.ConnectError("x"), *(httpx.Response(503, text=echo),) * 2]
    answers += [httpx.Response(503, json={"message": page_url("1")})] * 3
    answers += [httpx.ReadTimeout("x")] * 3 + [httpx.ConnectError("x")] * 3 + [httpx.Response(403, text=echo)] * 6
    api.special = [("store.example", one) for one in answers]
    with pytest.raises(RemoteRefused, match=r"cannot be fetched from pages.store.example: answered with") as caught:
        await api.follow()
    told_of = caplog.text + str(caught.value)
    assert "5ec7e7" not in told_of
    assert "X-Amz" not in told_of
    assert "no connection to pages.store.example" in caplog.text
    assert api.clock.slept[-4:] == [8.0, 16.0, 30.0, 30.0], "asked for anew, and not in haste"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_refused_address_is_asked_for_anew_at_once(api: Api, status: int) -> None:
    api.special = [("store.example/journal/2", httpx.Response(status, text="<Error/>"))]
    assert ids(await api.follow()) == [["2"], ["3"], ["4"]]
    assert api.clock.slept == []
    assert len([path for path in api.paths() if path.endswith("/token")]) == 1, "our sign-in has no part in it"
    assert len(api.paths("/batch/1/next")) == 2


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_an_offset_that_is_not_known_is_answered_with_lost(api: Api, status: int) -> None:
    api.special = [("/offset/", httpx.Response(status, json={"message": "gone"}))]
    (heard,) = await api.follow()
    place = place_of(heard.position or "")
    assert place is not None
    assert (heard.lost is not None, heard.notices, place.offset) == (True, (), "3")


@pytest.mark.parametrize(("read", "lost"), [(timedelta(hours=70), False), (timedelta(hours=71, minutes=30), True)])
async def test_a_page_that_grew_too_old_is_no_loss_only_if_the_journal_was_read_well_after_it(
    api: Api, read: timedelta, lost: bool
) -> None:
    at, until = (int((NOON - ago).timestamp() * 1000) for ago in (timedelta(days=5), read))
    heard = await anext(api.journal().follow(Place("gone", at, until).write()))
    assert (heard.lost is not None) is lost
    assert ids([heard]) == ([[]] if lost else [["1"]])


async def test_only_the_plain_form_says_that_an_offset_is_not_known(api: Api) -> None:
    api.special = [("/batch/", httpx.Response(404)) for _ in range(9)]
    heard = await api.follow()
    assert (ids(heard), [one.lost for one in heard]) == ([["2"], ["3"], ["4"]], [None] * 3)


async def test_a_journal_that_never_knows_its_own_positions_is_given_up(api: Api) -> None:
    api.special = [("/offset/", httpx.Response(404)) for _ in range(99)]
    with pytest.raises(RemoteRefused, match="does not know the positions that it gives itself"):
        await api.follow()
    assert len(api.paths("/latest")) == 5


async def test_a_server_that_wants_to_be_asked_again_at_once_is_not_asked_in_haste(api: Api) -> None:
    api.special = [("/offset/", httpx.Response(429, headers={"Retry-After": "0"})) for _ in range(9)]
    assert ids(await api.follow()) == [["2"], ["3"], ["4"]]
    assert [wait for wait in api.clock.slept if wait] == [0.5, 0.5, 0.5]


async def test_an_answer_that_leads_back_to_where_we_are_is_nothing_newer(api: Api) -> None:
    answer = {"url": page_url("0"), "currentOffset": "0"}
    api.special = [("/offset/0/next", httpx.Response(200, json=answer))]
    assert await api.follow() == []


@pytest.mark.parametrize("body", [{"offset": "1"}, [], {"journalEvents": {"a": 1}}])
async def test_a_page_of_another_shape_is_passed_over_and_told_as_lost(api: Api, body: Any) -> None:
    api.special = [("store.example/journal/1", httpx.Response(200, json=body))]
    first, *rest = await api.follow()
    place = place_of(first.position or "")
    assert place is not None
    assert (first.lost is not None, place.offset, ids(rest)) == (True, "1", [["3"], ["4"]])


async def test_kinds_that_are_not_known_are_logged_once_each_and_counted(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "concord")
    dance = {"type": "dance", "action": "WALTZ", "propertyChanges": {"email": "ada@engines.example"}}
    api.pages |= {"1": [dance] * 5, "2": [dance, "x", entry(7)], "3": [dance] * 4}
    journal = api.journal()
    now = int(NOON.timestamp() * 1000)
    found = []
    async for one in journal.follow(Place("0", now, now).write()):
        found.append(one)
        if len(found) == 3:
            break
    assert ids(found) == [[], ["7"], []]
    assert journal.unknown == {"dance WALTZ": 10, "no object": 1}
    assert [record.getMessage().count("dance") for record in caplog.records] == [1, 0]
    assert "ada@" not in caplog.text


async def test_a_stored_position_of_before_a_long_stop_is_not_even_asked_for(api: Api) -> None:
    journal = api.journal()
    then = int((NOON - timedelta(days=3, seconds=1)).timestamp() * 1000)
    heard = await anext(journal.follow(Place("0", then, then).write()))
    assert heard.lost is not None
    assert api.paths("/offset/") == []


# --- what is subscribed to


async def made(api: Api, **changes: Any) -> list[str]:
    """The subscriptions that a start makes or changes, or removes, in words."""
    api.asked.clear()
    try:
        await api.follow(None, **changes)
    finally:
        changing = [one for one in api.asked if "/subscriptions/" in one.url.path and one.method != "GET"]
    return [
        f"{one.method} {json.loads(one.content)['subscriptionType']} {json.loads(one.content)['objectTypeId']}"
        if one.method == "POST"
        else f"{one.method} {one.url.path.split('/')[-1]}"
        for one in changing
    ]


async def test_nothing_is_changed_where_all_is_subscribed_to_in_whatever_order(api: Api) -> None:
    assert await made(api) == []


@pytest.mark.parametrize(
    "differs",
    [{"properties": ["email"]}, {"properties": []}, {"actions": ["CREATE"]}, {"objectIds": [7]},
     {"deletedAt": "2026-11-01T00:00:00Z"}, {"portalId": 1}, {"objectTypeId": "0-2"}],
    ids=str,
)  # fmt: skip
async def test_what_differs_is_subscribed_to_anew(api: Api, differs: dict[str, Any]) -> None:
    api.subscriptions = [subscribed(**differs), PRIVACY]
    assert (await made(api))[0] == "POST OBJECT 0-1"
    sent = next(json.loads(one.content) for one in api.asked if one.method == "POST" and "subscr" in one.url.path)
    assert sent == {
        "subscriptionType": "OBJECT",
        "portalId": int(PORTAL),
        "objectTypeId": "0-1",
        "actions": ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"],
        "properties": ["email", "hs_email_optout"],
        "objectIds": [],
    }


async def test_one_that_was_made_for_another_mapping_goes_when_hubspot_made_the_new_one_beside_it(api: Api) -> None:
    api.subscriptions = [subscribed(properties=["phone"]), PRIVACY]
    assert await made(api) == ["POST OBJECT 0-1", "DELETE 1"]
    assert await made(api) == [], "and so it stays"


@pytest.mark.parametrize(
    "other",
    [{"objectIds": [7]}, {"actions": ["CREATE"]}, {"portalId": 1, "properties": ["phone"]},
     {"objectTypeId": "0-3", "properties": ["phone"]}],
    ids=str,
)  # fmt: skip
async def test_what_does_not_look_like_ours_is_never_removed(api: Api, other: dict[str, Any]) -> None:
    api.subscriptions = [subscribed(**other), PRIVACY]
    assert await made(api) == ["POST OBJECT 0-1"]
    assert api.subscriptions[0]["id"] == 1


async def test_an_object_without_named_properties_is_subscribed_to_with_all_of_them(api: Api) -> None:
    api.subscriptions = [subscribed(properties=[]), PRIVACY]
    assert await made(api, properties={"contacts": ()}) == []


async def test_objects_are_subscribed_to_with_their_associations_to_each_other(api: Api) -> None:
    wanted = {"contacts": ("email",), "companies": ("domain",), "2-77": ("size",)}
    assert await made(api, properties=wanted) == [
        "POST OBJECT 0-2", "POST OBJECT 2-77", "POST ASSOCIATION 0-1", "POST ASSOCIATION 0-2", "POST ASSOCIATION 2-77",
    ]  # fmt: skip
    links = [one for one in api.subscriptions if one["subscriptionType"] == "ASSOCIATION"]
    assert [one["associatedObjectTypeIds"] for one in links] == [["0-2", "2-77"], ["0-1", "2-77"], ["0-1", "0-2"]]
    assert await made(api, properties=wanted) == []


async def test_an_app_whose_subscriptions_are_used_up_is_refused_before_any_is_made(api: Api) -> None:
    api.subscriptions = [subscribed(id=number, portalId=number) for number in range(1, 50)]
    with pytest.raises(RemoteRefused, match=r"has 49 subscriptions .* needs 2 more, of 50"):
        await made(api)
    assert len(api.subscriptions) == 49
    api.subscriptions.pop()
    assert len(await made(api)) == 2


async def test_one_that_is_not_needed_may_be_refused(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.subscriptions = []
    refused = httpx.Response(400, json={"message": "subscriptionType must be one of OBJECT"})
    api.special = [("POST https://api.hub.example/webhooks-journal/subscriptions/2026-09", one)
                   for one in (httpx.Response(503), refused)]  # fmt: skip
    with pytest.raises(RemoteRefused, match="subscriptionType must be one of"):
        await api.follow("0")
    api.subscriptions = [subscribed()]
    api.special = [("POST https://api.hub.example/webhooks-journal/subscriptions/2026-09", refused)]
    assert ids(await api.follow("0")) == [["2"], ["3"], ["4"]]
    assert "GDPR_PRIVACY_DELETION 0-1 is not subscribed to" in caplog.text


async def test_a_subscription_that_may_have_been_made_without_an_answer_counts_as_made(api: Api) -> None:
    api.subscriptions = [PRIVACY]

    class Broken(Api):
        def _subscriptions(self, request: httpx.Request) -> httpx.Response:
            answer = super()._subscriptions(request)
            if request.method == "POST" and not self.special:
                self.special = [("never", httpx.Response(200))]
                raise httpx.ReadTimeout("it was carried out")
            return answer

    broken = Broken("0", "1")
    broken.subscriptions = [PRIVACY]
    # The seam itself tries again: then the answer of the second try is that of an upsert.
    first, *_ = await broken.follow("0")
    assert "OBJECT 0-1" in str(first.lost)


# --- why not


async def refusal(api: Api, **changes: Any) -> str | None:
    journal = api.journal(**changes)
    try:
        return await journal.refusal()
    finally:
        await journal.close()


async def test_an_app_that_may_read_and_subscribe_is_not_refused_and_nothing_is_changed(api: Api) -> None:
    assert await refusal(api) is None
    assert {request.method for request in api.asked if "/oauth/" not in request.url.path} == {"GET"}


@pytest.mark.parametrize("given", [{"client_id": ""}, {"client_secret": ""}])
async def test_without_a_client_no_call_is_made(api: Api, given: dict[str, str]) -> None:
    assert "client id and the client secret" in str(await refusal(api, **given))
    assert api.asked == []


@pytest.mark.parametrize("words", ["/journal/2026-09/latest", "/subscriptions/"])
async def test_scopes_that_are_missing_are_named(api: Api, words: str) -> None:
    body = {
        "category": "MISSING_SCOPES",
        "message": "This app hasn't been granted all required scopes to make this call.",
        "errors": [{"context": {"requiredGranularScopes": ["developer.webhooks_journal.read"]}}],
    }
    api.special = [(words, httpx.Response(403, json=body))]
    assert "developer.webhooks_journal.read" in str(await refusal(api))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "unauthorized_client", "error_description": "no"}),
        (401, {"error": "unauthorized_client"}),
        (400, {"status": "BAD_GRANT_TYPE", "error": "unsupported_grant_type"}),
        (403, {"error": "unsupported_grant_type"}),
    ],
)
async def test_an_app_with_static_auth_is_told_what_it_takes(api: Api, status: int, body: dict[str, str]) -> None:
    api.special = [("/oauth/", httpx.Response(status, json=body))]
    assert "needs a project app with OAuth" in str(await refusal(api))


@pytest.mark.parametrize("body", [{"status": "BAD_SCOPES"}, {"error": "invalid_scope"}])
async def test_scopes_that_the_sign_in_refuses_are_named(api: Api, body: dict[str, str]) -> None:
    api.special = [("/oauth/", httpx.Response(400, json=body))]
    why = str(await refusal(api))
    assert [scope for scope in SCOPES if scope not in why] == []


async def test_what_cannot_be_found_out_now_is_no_refusal(api: Api) -> None:
    api.special = [("/oauth/", httpx.Response(503)) for _ in range(3)]
    with pytest.raises(RemoteError) as caught:
        await refusal(api)
    assert caught.value.retry


# --- from the system


async def test_a_system_gives_its_journal_with_the_opt_outs_that_its_schema_shows() -> None:
    api = Api("0")

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/crm/properties/2026-09/contacts":
            names = ("email", "hs_email_optout", "hs_email_optout_77")
            return httpx.Response(200, json={"results": [{"name": name, "type": "string"} for name in names]})
        if request.url.path.startswith("/crm/property-validations"):
            return httpx.Response(404, json={})
        return api(request)

    system = HubSpot(
        "https://api.hub.example", "key", clock=api.clock, share=lambda: 0.0, transport=httpx.MockTransport(answers)
    )
    await system.describe(["contacts"])
    journal = system.journal(Side.LEFT, PORTAL, {"contacts": ("email",)}, client_id="app", client_secret="secret")
    await anext(journal.follow(None))
    assert journal.side is Side.LEFT
    assert api.subscriptions[0]["properties"] == ["email", "hs_email_optout", "hs_email_optout_77"]
    assert system.calls() == 2, "the journal's calls are counted by itself"
    assert journal.calls() > 2
