"""The Webhooks Journal of the HubSpot sandbox: what is subscribed to, what stands in the pages, how they are read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hubspot_sdk import AsyncHubSpot

from concord_sandbox.hubspot.crm import Event
from concord_sandbox.hubspot.models import Actor

from .hubspot_world import LINKS, OBJECTS, Hub, company, contact

SUBSCRIPTIONS = "/webhooks-journal/subscriptions/2026-09"
JOURNAL = "/webhooks-journal/journal/2026-09"
SNAPSHOTS = "/webhooks-journal/snapshots/2026-09/crm"
PORTAL = 62_515_001
ALL = ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"]
CONTACTS = {
    "subscriptionType": "OBJECT",
    "portalId": PORTAL,
    "objectTypeId": "0-1",
    "actions": ALL,
    "properties": [],
    "objectIds": [],
}
LINKED = {
    "subscriptionType": "ASSOCIATION",
    "portalId": PORTAL,
    "objectTypeId": "0-1",
    "associatedObjectTypeIds": ["0-2"],
    "objectIds": [],
    "actions": ["ASSOCIATION_ADDED", "ASSOCIATION_REMOVED"],
}


class Reader:
    """An app that reads the journal of a small account."""

    def __init__(self, *subscriptions: dict[str, Any], **journal: Any) -> None:
        people = [contact(n, email=f"{n}@example.com", phone="1") for n in (101, 102, 103)]
        records = {"contacts": people, "companies": [company(201, name="A")]}
        self.hub = Hub({"records": records, "journal": {"subscriptions": list(subscriptions), **journal}})

    async def sign_in(self) -> None:
        known = self.hub.service.credentials("")
        scopes = ("read", "subscriptions.read", "subscriptions.write", "snapshots.read", "snapshots.write")
        form = {
            "grant_type": "client_credentials",
            "client_id": known["client_id"],
            "client_secret": known["client_secret"],
            "scope": " ".join(f"developer.webhooks_journal.{one}" for one in scopes),
        }
        answer = await self.hub.client.post("/oauth/2026-09/token", data=form)
        assert answer.is_success, answer.text
        self.token = answer.json()["access_token"]

    async def app(self, method: str, path: str, json: Any = None, status: int = 200, **options: Any) -> Any:
        """The body of the app's call, which must be answered with this status."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = await self.hub.client.request(method, path, json=json, headers=headers, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def read(self, path: str = "earliest", wait: float = 1.0) -> list[dict[str, Any]]:
        """The entries of the page that a read leads to, after its time has come."""
        self.hub.clock.advance(wait)
        place = await self.app("GET", f"{JOURNAL}/{path}")
        return list((await self.fetch(place["url"])).json()["journalEvents"])

    async def fetch(self, url: str, **headers: str) -> Any:
        return await self.hub.client.get(url, headers=headers)

    async def patch(self, number: int, **properties: str) -> None:
        await self.hub.good("PATCH", f"{OBJECTS}/contacts/{number}", {"properties": properties})


async def reader(*subscriptions: dict[str, Any], **journal: Any) -> Reader:
    made = Reader(*subscriptions, **journal)
    await made.sign_in()
    return made


async def test_a_change_stands_in_a_page_that_is_fetched_without_a_token() -> None:
    app = await reader(CONTACTS)
    await app.patch(101, phone="2", city="Bonn")
    assert (await app.app("GET", f"{JOURNAL}/earliest", status=204)) is None
    app.hub.clock.advance(1)
    place = await app.app("GET", f"{JOURNAL}/earliest")
    assert place["expiresAt"] == "2026-11-23T10:00:01.000Z"
    page = (await app.fetch(place["url"])).json()
    assert page["offset"] == place["currentOffset"] == str(UUID(place["currentOffset"]))
    assert page["publishedAt"] == "2026-11-23T09:00:01.000Z"
    assert page["journalEvents"] == [
        {
            "type": "crmObject",
            "portalId": PORTAL,
            "occurredAt": "2026-11-23T09:00:00.000Z",
            "action": "UPDATE",
            "objectTypeId": "0-1",
            "objectId": 101,
            "propertyChanges": {"phone": "2", "city": "Bonn"},
        }
    ]


async def test_an_address_that_was_changed_or_is_too_old_is_refused() -> None:
    app = await reader(CONTACTS, page_ms=0)
    await app.patch(101, phone="2")
    url = (await app.app("GET", f"{JOURNAL}/latest"))["url"]
    assert (await app.fetch(url)).status_code == 200
    assert (await app.fetch(url[:-1] + ("0" if url[-1] != "0" else "1"))).status_code == 403
    assert (await app.fetch(url.replace("X-Expires=1", "X-Expires=2"))).status_code == 403
    assert (await app.fetch(url.split("?")[0])).status_code == 403
    assert (await app.fetch(url, Authorization=f"Bearer {app.token}")).status_code == 400
    app.hub.clock.advance(3601)
    late = await app.fetch(url)
    assert (late.status_code, "expired" in late.json()["message"]) == (403, True)


async def test_pages_follow_each_other_by_their_offsets() -> None:
    app = await reader(CONTACTS, page_ms=0, page_events=2)
    for value in "23456":
        await app.patch(101, phone=value)
        app.hub.clock.advance(1)
    state = await app.hub.control("GET", "/journal/state")
    offsets = state["offsets"]
    assert len(offsets) == 5
    first = await app.app("GET", f"{JOURNAL}/earliest")
    last = await app.app("GET", f"{JOURNAL}/latest")
    assert (first["currentOffset"], last["currentOffset"]) == (offsets[0], offsets[-1])
    seen = [first["currentOffset"]]
    while place := await app.app("GET", f"{JOURNAL}/offset/{seen[-1]}/next", status=200 if len(seen) < 5 else 204):
        seen.append(place["currentOffset"])
    assert seen == offsets
    for path, expected in (
        ("batch/earliest/2", offsets[:2]),
        ("batch/latest/2", offsets[3:]),
        (f"batch/{offsets[1]}/next/10", offsets[2:]),
    ):
        answer = await app.app("GET", f"{JOURNAL}/{path}")
        assert (answer["status"], [one["currentOffset"] for one in answer["results"]]) == ("COMPLETE", expected)
    asked = {"inputs": [offsets[2], "00000000-0000-4000-8000-000000000000"]}
    answer = await app.app("POST", f"{JOURNAL}/batch/read", asked, status=207)
    assert [one["currentOffset"] for one in answer["results"]] == [offsets[2]]
    assert answer["numErrors"] == 1


async def test_a_full_page_is_published_at_once() -> None:
    app = await reader(CONTACTS, page_events=2)
    for number in (101, 102, 103):
        await app.patch(number, phone="2")
    await app.hub.create({"firstname": "x"})
    state = await app.hub.control("GET", "/journal/state")
    assert (len(state["offsets"]), state["waiting"]) == (2, 0)


async def test_only_subscribed_properties_make_an_update_and_stand_in_it() -> None:
    app = await reader({**CONTACTS, "properties": ["phone"]})
    await app.patch(101, city="Bonn")
    await app.patch(102, phone="2", city="Bonn")
    await app.hub.create({"firstname": "C", "phone": "3", "city": "Bonn"})
    assert [(one["action"], one["propertyChanges"]) for one in await app.read()] == [
        ("UPDATE", {"phone": "2"}),
        ("CREATE", {"phone": "3"}),
    ]


async def test_every_action_on_a_record_has_its_entry_and_none_tells_who_did_it() -> None:
    app = await reader(CONTACTS)
    made = await app.hub.create({"firstname": "C"})
    await app.hub.call("DELETE", f"{OBJECTS}/contacts/{made}")
    await app.hub.control("POST", "/restore", {"object": "contacts", "id": made})
    asked = {"primaryObjectId": "101", "objectIdToMerge": "102"}
    survivor = (await app.hub.good("POST", f"{OBJECTS}/contacts/merge", asked))["id"]
    entries = await app.read()
    assert [(one["action"], one["objectId"]) for one in entries] == [
        ("CREATE", int(made)),
        ("DELETE", int(made)),
        ("RESTORE", int(made)),
        ("MERGE", int(survivor)),
    ]
    assert all(one.keys().isdisjoint({"changeSource", "sourceId", "eventId"}) for one in entries)


async def test_actions_and_records_that_are_not_subscribed_to_are_left_out() -> None:
    app = await reader({**CONTACTS, "actions": ["UPDATE"], "objectIds": [102]})
    await app.hub.create({"firstname": "C"})
    await app.patch(101, phone="2")
    await app.patch(102, phone="3")
    assert [one["objectId"] for one in await app.read()] == [102]


async def test_associations_are_told_from_the_side_that_is_subscribed() -> None:
    app = await reader(LINKED)
    row = {"from": {"id": "101"}, "to": {"id": "201"}}
    await app.hub.good("POST", f"{LINKS}/contacts/companies/batch/associate/default", {"inputs": [row]})
    await app.hub.call("DELETE", f"{OBJECTS}/contacts/101/associations/companies/201")
    added, removed = await app.read()
    assert added == {
        "type": "association",
        "portalId": PORTAL,
        "occurredAt": "2026-11-23T09:00:00.000Z",
        "action": "ASSOCIATION_ADDED",
        "fromObjectTypeId": "0-1",
        "fromObjectId": 101,
        "toObjectTypeId": "0-2",
        "toObjectId": 201,
        "associationTypeId": 279,
        "associationCategory": "HUBSPOT_DEFINED",
        "isPrimary": False,
    }
    assert removed["action"] == "ASSOCIATION_REMOVED"


async def test_privacy_deletions_and_the_apps_own_life_are_told() -> None:
    privacy = {"subscriptionType": "GDPR_PRIVACY_DELETION", "portalId": PORTAL, "objectTypeId": "0-1"}
    gone = {"subscriptionType": "APP_LIFECYCLE_EVENT", "eventTypeId": "4-1916193", "properties": ["hs_app_id"]}
    app = await reader({**privacy, "actions": ["GDPR_DELETE"]}, gone)
    await app.hub.good("POST", f"{OBJECTS}/contacts/gdpr-delete", {"objectId": "101"})
    assert (await app.hub.control("POST", "/journal/lifecycle", {"action": "APP_INSTALL"})) == {"told": False}
    assert (await app.hub.control("POST", "/journal/lifecycle", {"action": "APP_UNINSTALL"})) == {"told": True}
    deleted, uninstalled = await app.read()
    assert (deleted["action"], deleted["objectTypeId"], deleted["objectId"]) == ("GDPR_DELETE", "0-1", 101)
    assert (uninstalled["type"], uninstalled["eventTypeId"]) == ("app_lifecycle_event", "4-1916193")
    assert uninstalled["properties"] == {"hs_app_id": "50780459"}


@pytest.mark.parametrize(
    ("condition", "passed"),
    [
        ({"operator": "EQ", "value": "5"}, [101]),
        ({"operator": "N_EQ", "value": "5"}, [102, 103]),
        ({"operator": "LT", "value": "10"}, [101]),
        ({"operator": "GTE", "value": "40"}, [102]),
        ({"operator": "GT", "value": "5"}, [102]),
        ({"operator": "LTE", "value": "5"}, [101]),
        ({"operator": "CONTAINS", "value": "0"}, [102]),
        ({"operator": "STARTS_WITH", "value": "4"}, [102]),
        ({"operator": "ENDS_WITH", "value": "5"}, [101]),
        ({"operator": "IN", "values": ["5", "6"]}, [101]),
        ({"operator": "NOT_IN", "values": ["5", "6"]}, [102, 103]),
        ({"operator": "IS_EMPTY"}, [103]),
        ({"operator": "IS_NOT_EMPTY"}, [101, 102]),
    ],
)
async def test_a_filter_lets_through_the_records_that_meet_it(condition: dict[str, Any], passed: list[int]) -> None:
    app = await reader()
    owner = (await app.app("POST", SUBSCRIPTIONS, CONTACTS))["id"]
    wanted = {"conditions": [{"filterType": "CRM_OBJECT_PROPERTY", "property": "zip", **condition}]}
    asked = {"subscriptionId": owner, "filter": wanted}
    made = (await app.app("POST", f"{SUBSCRIPTIONS}/filters", asked))["filterId"]
    shown = await app.app("GET", f"{SUBSCRIPTIONS}/filters/{made}")
    assert (shown["id"], shown["filter"]) == (made, wanted)
    assert await app.app("GET", f"{SUBSCRIPTIONS}/filters/subscription/{owner}") == [shown]
    for number, value in ((101, "5"), (102, "40"), (103, "")):
        await app.patch(number, zip=value, city="Bonn")
    assert [one["objectId"] for one in await app.read()] == passed
    await app.app("DELETE", f"{SUBSCRIPTIONS}/filters/{made}", status=204)
    await app.app("GET", f"{SUBSCRIPTIONS}/filters/{made}", status=404)


async def test_a_subscription_is_upserted_listed_and_deleted() -> None:
    app = await reader()
    made = await app.app("POST", SUBSCRIPTIONS, CONTACTS)
    again = await app.app("POST", SUBSCRIPTIONS, {**CONTACTS, "properties": ["phone"]})
    assert (again["id"], again["properties"], again["appId"]) == (made["id"], ["phone"], 50_780_459)
    await app.app("POST", SUBSCRIPTIONS, LINKED)
    listed = (await app.app("GET", SUBSCRIPTIONS))["results"]
    assert [one["subscriptionType"] for one in listed] == ["OBJECT", "ASSOCIATION"]
    assert await app.app("GET", f"{SUBSCRIPTIONS}/{made['id']}") == again
    await app.app("DELETE", f"{SUBSCRIPTIONS}/{made['id']}", status=204)
    await app.app("GET", f"{SUBSCRIPTIONS}/{made['id']}", status=404)
    await app.app("DELETE", f"{SUBSCRIPTIONS}/portals/{PORTAL}", status=204)
    assert (await app.app("GET", SUBSCRIPTIONS))["results"] == []


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"subscriptionType": "WEATHER"}, 400, "subscriptionType must be one of"),
        ({"properties": None}, 400, "[properties]"),
        ({"objectIds": ["x"]}, 400, "list of numbers"),
        ({"actions": ["ADDED_TO_LIST"]}, 400, "takes the actions CREATE"),
        ({"actions": []}, 400, "takes the actions CREATE"),
        ({"objectTypeId": "0-999"}, 400, "Unable to infer object type"),
        ({"portalId": "x"}, 400, "portalId must be a number"),
        ({"portalId": 1}, 403, "not installed in portal 1"),
    ],
)
async def test_a_subscription_that_makes_no_sense_is_refused(change: dict[str, Any], status: int, words: str) -> None:
    app = await reader()
    body = await app.app("POST", SUBSCRIPTIONS, {**CONTACTS, **change}, status=status)
    assert words in body["message"]


async def test_the_fifty_first_subscription_is_refused() -> None:
    app = await reader()
    kinds = [f"0-{number}" for number in (1, 2, 3, 5, 7, 8)]
    own = {f"things{number}": {"id": f"2-{5000 + number}"} for number in range(50)}
    app.hub.app.load({"objects": own})
    await app.sign_in()
    asked = [*kinds, *(one["id"] for one in own.values())][:51]
    for kind in asked[:50]:
        await app.app("POST", SUBSCRIPTIONS, {**CONTACTS, "objectTypeId": kind})
    refused = await app.app("POST", SUBSCRIPTIONS, {**CONTACTS, "objectTypeId": asked[50]}, status=400)
    assert "limit of 50" in refused["message"]
    await app.app("POST", SUBSCRIPTIONS, {**CONTACTS, "objectTypeId": asked[0], "properties": ["hs_object_id"]})


async def test_filters_that_make_no_sense_are_refused() -> None:
    app = await reader()
    owner = (await app.app("POST", SUBSCRIPTIONS, CONTACTS))["id"]
    good = {"filterType": "CRM_OBJECT_PROPERTY", "property": "phone", "operator": "EQ", "value": "1"}
    for bad in (
        [],
        ["x"],
        [{**good, "filterType": "LIST"}],
        [{**good, "property": "ghost"}],
        [{**good, "operator": "LIKE"}],
        [{**good, "value": None}],
        [{**good, "operator": "IN"}],
    ):
        await app.app(
            "POST", f"{SUBSCRIPTIONS}/filters", {"subscriptionId": owner, "filter": {"conditions": bad}}, status=400
        )
    await app.app("POST", f"{SUBSCRIPTIONS}/filters", {"subscriptionId": 1, "filter": {}}, status=404)
    await app.app("POST", f"{SUBSCRIPTIONS}/filters", {"filter": {}}, status=400)


async def test_a_snapshot_puts_the_state_into_the_journal_and_reports_on_itself() -> None:
    app = await reader(snapshot_ms=1000, page_ms=0)
    rows = [
        {"portalId": PORTAL, "objectTypeId": "0-1", "objectId": number, "properties": names}
        for number, names in ((101, ["email", "city"]), (999, ["email"]), (102, ["ghost"]))
    ]
    made = (await app.app("POST", SNAPSHOTS, {"snapshotRequests": rows}))["snapshotResponses"]
    ids = [one["snapshotStatusId"] for one in made]
    assert (made[0]["objectId"], made[0]["portalId"]) == (101, PORTAL)

    async def statuses() -> list[str]:
        return [(await app.app("GET", f"{JOURNAL}/status/{one}"))["status"] for one in ids]

    assert await statuses() == ["PENDING"] * 3
    app.hub.clock.advance(0.6)
    assert await statuses() == ["IN_PROGRESS"] * 3
    app.hub.clock.advance(0.4)
    assert await statuses() == ["COMPLETED", "FAILED", "FAILED"]
    (entry,) = await app.read(wait=0)
    assert (entry["action"], entry["objectId"]) == ("SNAPSHOT", 101)
    assert entry["propertyChanges"] == {"email": "101@example.com", "city": None}
    app.hub.clock.advance(4 * 24 * 3600)
    await app.sign_in()
    assert (await statuses())[0] == "EXPIRED"
    await app.app("GET", f"{JOURNAL}/status/nonsense", status=404)
    malformed: list[dict[str, Any]] = [{}, {"snapshotRequests": [{}]}, {"snapshotRequests": rows * 40}]
    for bad in malformed:
        await app.app("POST", SNAPSHOTS, bad, status=400)


async def test_pages_are_kept_for_three_days_and_an_offset_older_than_that_is_unknown() -> None:
    app = await reader(CONTACTS)
    await app.patch(101, phone="2")
    app.hub.clock.advance(1)
    old = (await app.app("GET", f"{JOURNAL}/latest"))["currentOffset"]
    app.hub.clock.advance(3 * 24 * 3600 - 10)
    await app.sign_in()
    await app.patch(101, phone="3")
    app.hub.clock.advance(1)
    assert (await app.app("GET", f"{JOURNAL}/earliest"))["currentOffset"] == old
    app.hub.clock.advance(60)
    new = (await app.app("GET", f"{JOURNAL}/earliest"))["currentOffset"]
    assert new != old
    await app.app("GET", f"{JOURNAL}/offset/{old}/next", status=404)
    assert await app.hub.control("POST", "/journal/expire", {}) == {"expired": 1}
    await app.app("GET", f"{JOURNAL}/offset/{new}/next", status=404)
    await app.app("GET", f"{JOURNAL}/latest", status=204)


async def test_entries_are_lost_doubled_and_late_on_demand() -> None:
    app = await reader(CONTACTS)
    await app.hub.control("POST", "/journal/disturb", {"drop": 1.0})
    await app.patch(101, phone="2")
    await app.hub.control("GET", "/journal/state")
    await app.hub.control("POST", "/journal/disturb", {"duplicate": 1.0, "delay_ms": 5000})
    await app.patch(102, phone="2")
    app.hub.clock.advance(3)
    await app.app("GET", f"{JOURNAL}/earliest", status=204)
    assert [one["objectId"] for one in await app.read(wait=3)] == [102, 102]


async def test_the_journal_takes_the_apps_own_token_only_and_costs_no_limit() -> None:
    app = await reader(CONTACTS)
    refused = await app.hub.refused(403, "GET", f"{JOURNAL}/latest")
    assert refused["category"] == "MISSING_SCOPES"
    await app.hub.control("PUT", "/limits", {"burst_limit": 1})
    for _ in range(5):
        await app.app("GET", f"{JOURNAL}/latest", status=204)


async def test_reads_of_another_portal_and_bad_parameters() -> None:
    app = await reader(CONTACTS, page_ms=0)
    await app.patch(101, phone="2")
    local = "/webhooks-journal/journal-local/2026-03"
    assert await app.app("GET", f"{local}/latest", params={"installPortalId": PORTAL})
    await app.app("GET", f"{local}/latest", params={"installPortalId": 1}, status=204)
    for path in ("latest?installPortalId=x", "offset/x/next", "batch/latest/0", "batch/latest/x", "batch/latest/101"):
        await app.app("GET", f"{JOURNAL}/{path}", status=400)
    malformed: list[dict[str, Any]] = [{}, {"inputs": []}, {"inputs": [5]}]
    for bad in malformed:
        await app.app("POST", f"{JOURNAL}/batch/read", bad, status=400)


async def test_a_saved_journal_loads_again_as_it_was() -> None:
    app = await reader(CONTACTS, LINKED, page_ms=500)
    owner = (await app.app("GET", SUBSCRIPTIONS))["results"][0]["id"]
    wanted = {"conditions": [{"filterType": "CRM_OBJECT_PROPERTY", "property": "phone", "operator": "IS_NOT_EMPTY"}]}
    await app.app("POST", f"{SUBSCRIPTIONS}/filters", {"subscriptionId": owner, "filter": wanted})
    await app.patch(101, phone="2")
    app.hub.clock.advance(1)
    await app.hub.control("GET", "/journal/state")
    await app.patch(102, phone="3")
    saved = await app.hub.control("GET", "/world")
    app.hub.app.load({})
    app.hub.app.load(saved)
    assert await app.hub.control("GET", "/world") == saved
    await app.sign_in()
    first = await app.read()
    second = await app.read(f"offset/{(await app.app('GET', f'{JOURNAL}/earliest'))['currentOffset']}/next")
    assert [one["objectId"] for one in (*first, *second)] == [101, 102]


@pytest.mark.parametrize(
    "journal",
    [
        {"colour": "red"},
        {"page_ms": -1},
        {"drop": "x"},
        {"subscriptions": [{"subscriptionType": "WEATHER"}]},
        {"pages": [{}]},
    ],
)
async def test_a_malformed_journal_is_refused(journal: dict[str, Any]) -> None:
    hub = Hub()
    answer = await hub.client.put("/_control/world", json={"journal": journal})
    assert answer.status_code == 400
    for path, body in (
        ("settings", {"x": 1}),
        ("disturb", {"x": 1}),
        ("expire", {"keep": -1}),
        ("lifecycle", {"action": "x"}),
    ):
        assert (await hub.client.post(f"/_control/journal/{path}", json=body)).status_code == 400


async def test_the_vendors_own_client_subscribes_and_reads() -> None:
    app = await reader(page_ms=0)
    client = AsyncHubSpot(access_token=app.token, base_url="http://hubspot.test", http_client=app.hub.client)
    made = await client.webhooks_journal.subscriptions.create(
        subscription_type="OBJECT",
        portal_id=PORTAL,
        object_type_id="0-1",
        actions=["CREATE", "UPDATE"],
        properties=["phone"],
        object_ids=[],
    )
    assert (made.subscription_type, made.created_at.isoformat()) == ("OBJECT", "2026-11-23T09:00:00+00:00")
    await app.patch(101, phone="2")
    batch = await client.webhooks_journal.journal.batch.get_earliest(5)
    assert len(batch.results) == 1
    page = (await app.fetch(batch.results[0].url)).json()
    assert page["journalEvents"][0]["propertyChanges"] == {"phone": "2"}
    row: Any = {"portal_id": PORTAL, "object_type_id": "0-1", "object_id": 101, "properties": ["phone"]}
    asked = await client.webhooks_journal.snapshots.create(snapshot_requests=[row])
    status = await client.webhooks_journal.journal.get_status(asked.snapshot_responses[0].snapshot_status_id)
    assert status.status == "PENDING"


async def test_list_memberships_are_told_of_the_lists_that_are_subscribed_to() -> None:
    wanted = {
        "subscriptionType": "LIST_MEMBERSHIP",
        "portalId": PORTAL,
        "listIds": [7],
        "objectIds": [],
        "actions": ["ADDED_TO_LIST"],
    }
    app = await reader(wanted)
    crm = app.hub.service.crm
    for list_id, action in ((7, "ADDED_TO_LIST"), (8, "ADDED_TO_LIST"), (7, "REMOVED_FROM_LIST")):
        fields = {"listId": list_id, "action": action}
        crm.tell(Event("listMembership", "contacts", 101, crm.clock.epoch_ms(), Actor("CRM_UI", None), fields))
    (entry,) = await app.read()
    assert (entry["type"], entry["action"], entry["listId"]) == ("listMembership", "ADDED_TO_LIST", 7)
    assert (entry["objectTypeId"], entry["objectId"]) == ("0-1", 101)
