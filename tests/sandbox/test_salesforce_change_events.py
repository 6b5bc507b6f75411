"""The Salesforce sandbox: Change Data Capture, from the write to the event on the bus."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.sandbox.change_event_world import bus, capturing, named, told
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, GLOBEX, GRACE, LINUS, START, Org, world

from concord_sandbox.salesforce.events import bodies as change_bodies
from concord_sandbox.salesforce.events import drafts as change_drafts
from concord_sandbox.salesforce.models import Actor
from concord_sandbox.service import ControlError

NOW_MS = int(START.timestamp() * 1000)
LABEL = {"Sforce-Call-Options": "client=Concord"}
LEADS, CONTACTS, ACCOUNTS = "/data/LeadChangeEvent", "/data/ContactChangeEvent", "/data/AccountChangeEvent"


@pytest.fixture
def org() -> Org:
    return capturing()


async def lead(org: Org, **fields: Any) -> str:
    made = await org.post("/sobjects/Lead", {"LastName": "Doe", "Company": "Kernel", **fields}, headers=LABEL)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


# What an event says


async def test_a_new_record_is_told_with_all_its_values_and_who_made_it(org: Org) -> None:
    record_id = await lead(
        org, FirstName="Jo", City="Bergen", AnnualRevenue=5, NumberOfEmployees=7, Seen__c="2026-11-22T10:00:00Z"
    )
    (event,) = told(org, LEADS)
    header = event.header
    assert (header["entityName"], header["recordIds"], header["changeType"]) == ("Lead", [record_id], "CREATE")
    assert header["changeOrigin"] == "com/salesforce/api/rest/66.0;client=Concord"
    assert (header["commitUser"], header["commitTimestamp"]) == (org.user_id, NOW_MS)
    assert header["sequenceNumber"] == 1
    assert (event.changed, event.nulled, event.diffed) == (set(), set(), set())
    body = event.body
    assert {key: value for key, value in body["Name"].items() if value} == {"FirstName": "Jo", "LastName": "Doe"}
    assert body["Address"]["City"] == "Bergen"
    assert (body["AnnualRevenue"], body["NumberOfEmployees"], body["DoNotCall"]) == (5.0, 7, False)
    assert body["Seen__c"] == NOW_MS - 23 * 3_600_000
    assert body["CreatedDate"] == body["LastModifiedDate"] == NOW_MS
    assert body["Status"] == "Open - Not Contacted"
    assert not {"SystemModstamp", "IsDeleted", "Id", "City", "FirstName"} & body.keys()


async def test_an_update_carries_only_what_changed_and_says_so_in_bitmaps(org: Org) -> None:
    org.controls.clock.advance(60)
    body = {"Email": None, "MailingCity": "Paris", "MailingStreet": "Rue 1", "FirstName": "Augusta", "Score__c": 3}
    assert (await org.patch(f"/sobjects/Contact/{ADA}", body)).status_code == 204
    (event,) = told(org, CONTACTS)
    parts = {"MailingAddress.City", "MailingAddress.Street", "Name.FirstName"}
    stamps = {"LastModifiedDate", "LastModifiedById"}
    assert event.changed == parts | stamps | {"Email", "Score__c"}
    assert event.nulled == {"Email"}
    assert event.body.keys() == {"MailingAddress", "Name", "Score__c", *stamps}
    assert event.body["Name"] == {"Salutation": None, "FirstName": "Augusta", "LastName": None}
    assert event.header["changeOrigin"] == "com/salesforce/api/rest/66.0"
    assert event.header["commitTimestamp"] == NOW_MS + 60_000


async def test_a_cleared_checkbox_is_false_and_not_null(org: Org) -> None:
    record_id = await lead(org, DoNotCall=True)
    await org.patch(f"/sobjects/Lead/{record_id}", {"DoNotCall": False})
    event = told(org, LEADS)[-1]
    assert (event.body["DoNotCall"], event.nulled) == (False, set())
    assert "DoNotCall" in event.changed


async def test_a_save_without_a_change_still_moves_the_stamp_and_is_told(org: Org) -> None:
    org.controls.clock.advance(5)
    record_id = await lead(org, Phone="1")
    await org.patch(f"/sobjects/Lead/{record_id}", {"Phone": "1"})
    assert told(org, LEADS)[-1].changed == {"LastModifiedDate"}


async def test_what_a_person_does_in_the_screens_has_no_origin(org: Org) -> None:
    edited = await org.client.patch(f"/_control/records/Lead/{LINUS}", json={"fields": {"Phone": "2"}, "by": ALICE})
    assert edited.status_code == 200, edited.text
    (event,) = told(org, LEADS)
    assert (event.header["changeOrigin"], event.header["commitUser"]) == ("", ALICE)


async def test_deletion_says_nothing_of_the_record_and_undeletion_all(org: Org) -> None:
    await org.delete(f"/sobjects/Lead/{LINUS}")
    await org.control(f"undelete/Lead/{LINUS}")
    gone, back = told(org, LEADS)
    assert (gone.kind, gone.body, gone.changed) == ("DELETE", {}, set())
    assert (back.kind, back.body["Name"]["LastName"]) == ("UNDELETE", "O'Torvalds")


async def test_several_writes_of_one_transaction_on_a_record_are_one_event(org: Org) -> None:
    table, writer = org.service._api.org.tables["lead"], org.service._api.writer
    actor = Actor(org.user_id, api="bulkapi/66.0", client="Loader")
    with writer.org.transaction(actor):
        writer.update(table, LINUS, {"Phone": "1"}, actor)
        writer.update(table, LINUS, {"Phone": "2", "Title": "Dr"}, actor)
    (event,) = told(org, LEADS)
    assert {"Phone", "Title"} < event.changed
    assert event.body["Phone"] == "2"
    assert event.header["changeOrigin"] == "com/salesforce/api/bulkapi/66.0;client=Loader"


async def test_a_record_made_and_deleted_in_one_transaction_is_not_told(org: Org) -> None:
    table, writer = org.service._api.org.tables["lead"], org.service._api.writer
    actor = Actor(org.user_id)
    with writer.org.transaction(actor):
        made = writer.insert(table, {"LastName": "Ghost", "Company": "None"}, actor)
        writer.delete(table, made, actor)
    assert told(org) == []


async def test_the_same_change_of_several_records_shares_an_event(org: Org) -> None:
    table, writer = org.service._api.org.tables["contact"], org.service._api.writer
    actor = Actor(org.user_id)
    with writer.org.transaction(actor):
        for record_id in (ADA, GRACE):
            writer.update(table, record_id, {"Department": "Maths"}, actor)
        writer.update(table, ALAN, {"Department": "Codes"}, actor)
    first, second = told(org, CONTACTS)
    assert (first.header["recordIds"], second.header["recordIds"]) == ([ADA, GRACE], [ALAN])
    assert first.header["transactionKey"] == second.header["transactionKey"]
    assert (first.header["sequenceNumber"], second.header["sequenceNumber"]) == (1, 2)
    assert first.header["commitNumber"] == second.header["commitNumber"]


async def test_commit_numbers_grow_and_replay_ids_have_gaps(org: Org) -> None:
    for number in range(20):
        await lead(org, Phone=str(number))
    commits = [event.header["commitNumber"] for event in told(org)]
    assert commits == sorted(set(commits))
    positions = [one.position for one in bus(org).log.after("/data/ChangeEvents", 0, 100)]
    assert positions == sorted(set(positions))
    assert positions[-1] - positions[0] > len(positions) - 1


async def test_a_converted_lead_comes_last_and_without_its_stamp(org: Org) -> None:
    await org.control(f"convert/{LINUS}", {"opportunity": False})
    events = told(org)
    assert [(one.header["entityName"], one.kind) for one in events][:2] == [
        ("Account", "CREATE"),
        ("Contact", "CREATE"),
    ]
    done = events[-1]
    assert (done.header["entityName"], done.kind) == ("Lead", "UPDATE")
    assert {"IsConverted", "ConvertedDate", "ConvertedAccountId", "ConvertedContactId", "Status"} <= done.changed
    assert "LastModifiedDate" not in done.changed
    assert done.body["ConvertedDate"] == int(START.replace(hour=0).timestamp() * 1000)
    assert len({one.header["transactionKey"] for one in events}) == 1


async def test_a_merge_deletes_the_losers_and_updates_the_winner(org: Org) -> None:
    await org.control("merge/Contact", {"master": ADA, "losers": [GRACE, ALAN]})
    events = {one.kind: one for one in told(org, CONTACTS)}
    assert sorted(events) == ["DELETE", "UPDATE"]
    assert sorted(events["DELETE"].header["recordIds"]) == sorted([GRACE, ALAN])
    assert events["DELETE"].body == {}
    assert events["UPDATE"].header["recordIds"] == [ADA]


async def test_a_business_account_has_a_text_for_its_name(org: Org) -> None:
    await org.patch(f"/sobjects/Account/{ACME}", {"Name": "Acme Ltd", "BillingCity": "Rome"})
    (event,) = told(org, ACCOUNTS)
    assert event.body["Name"] == "Acme Ltd"
    assert {"Name", "BillingAddress.City"} < event.changed


async def test_a_custom_object_has_events_of_its_own_name(org: Org) -> None:
    made = (await org.post("/sobjects/Subscription__c", {"Contact__c": ADA, "Seats__c": 4})).json()["id"]
    (event,) = told(org, "/data/Subscription__ChangeEvent")
    assert (event.header["entityName"], event.header["recordIds"]) == ("Subscription__c", [made])
    assert (event.body["Contact__c"], event.body["Seats__c"]) == (ADA, 4)


# Schemas


async def test_other_fields_make_another_schema_id_and_the_old_one_stays_readable() -> None:
    plain, richer = capturing(), world()
    richer["objects"]["Lead"]["fields"] = [*richer["objects"]["Lead"]["fields"], {"name": "Extra__c", "type": "date"}]
    other = Org({**richer, "change_events": {"selected": ["Lead"]}})
    old, new = (bus(one).topic_schema(LEADS) or "" for one in (plain, other))
    assert old != new
    text = bus(other).schema_text(new) or ""
    fields = json.loads(text)["fields"]
    assert fields[0]["name"] == "ChangeEventHeader"
    assert all(one["type"][0] == "null" for one in fields[1:])
    assert fields[-1]["name"] == "Extra__c"
    assert bus(other).schema_text(old) is None


def test_the_worked_example_of_the_reference_decodes() -> None:
    child = {"type": "record", "name": "C", "fields": [{"name": f"c{n}"} for n in range(6)]}
    fields = [{"name": f"f{n}", "type": ["null", child if n in (4, 7) else "string"]} for n in range(32)]
    found = named({"fields": fields}, ["0x650004E0", "4-0x10", "7-0x06"])
    top = {f"f{n}" for n in (5, 6, 7, 10, 24, 26, 29, 30)}
    assert found == top | {"f4.c4", "f7.c1", "f7.c2"}


async def test_bitmaps_are_whole_bytes_in_capital_digits(org: Org) -> None:
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": "9", "Email": None, "Rating": "Hot"})
    (event,) = told(org, LEADS)
    (bits,) = event.header["changedFields"]
    assert bits.startswith("0x")
    assert len(bits) % 2 == 0
    assert bits[2:] == bits[2:].upper()


async def test_large_texts_may_come_as_their_difference() -> None:
    org = capturing(diff_fields=True)
    text = "\n".join(f"line {number}" for number in range(300))
    record_id = await lead(org, Description=text)
    await org.patch(f"/sobjects/Lead/{record_id}", {"Description": text.replace("line 7\n", "LINE 7\n")})
    event = told(org, LEADS)[-1]
    assert event.diffed == {"Description"}
    assert event.body["Description"].startswith("--- \n+++ ")
    assert "-line 7\n+LINE 7" in event.body["Description"]
    assert len(event.body["Description"]) < 200


# What is too much


async def test_a_transaction_that_changes_too_much_overflows(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_drafts, "MOST_CHANGES", 12)
    table, writer = org.service._api.org.tables["contact"], org.service._api.writer
    actor = Actor(org.user_id)
    with writer.org.transaction(actor):
        for number, record_id in enumerate((ADA, GRACE, ALAN) * 3):
            writer.update(table, record_id, {"Department": f"D{record_id}", "Phone": str(number), "Title": "x"}, actor)
        writer.update(org.service._api.org.tables["account"], ACME, {"Phone": "1", "Site": "y"}, actor)
    kinds = [(one.header["entityName"], one.kind) for one in told(org)]
    assert kinds == [
        ("Contact", "UPDATE"),
        ("Contact", "UPDATE"),
        ("Contact", "GAP_OVERFLOW"),
        ("Account", "GAP_OVERFLOW"),
    ]
    gap = told(org)[-1]
    assert (gap.header["recordIds"], gap.body, gap.changed) == (["000000000000000AAA"], {}, set())


async def test_an_event_over_a_megabyte_becomes_a_gap(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    from concord_sandbox.salesforce.events import changes as events

    monkeypatch.setattr(events, "LARGEST_EVENT", 2000)
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Description": "x" * 3000})
    (event,) = told(org, LEADS)
    assert (event.kind, event.header["recordIds"], event.body) == ("GAP_UPDATE", [LINUS], {})
    assert change_bodies.LARGEST_EVENT == 1_000_000


# Channels and selection


async def test_only_selected_objects_are_captured() -> None:
    org = Org({**world(), "change_events": {"selected": ["Lead"]}})
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})
    assert told(org) == []
    assert bus(org).topic_schema(CONTACTS) is None
    await org.client.put("/_control/change_events", json={"selected": ["Contact"]})
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "2"})
    assert len(told(org, CONTACTS)) == 1
    assert bus(org).topic_schema(LEADS) is None


async def test_an_org_that_captures_nothing_saves_nothing_of_it() -> None:
    org = Org()
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})
    assert "change_events" not in org.service.save()


async def test_a_custom_channel_filters_and_enriches() -> None:
    channel = {"members": ["LeadChangeEvent"], "filter": "Rating = 'Hot'", "enriched": ["Rating", "Email"]}
    org = Org({**world(), "change_events": {"selected": ["Lead"], "channels": {"Sync__chn": channel}}})
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": "1"})
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Rating": "Hot"})
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": "2"})
    assert len(told(org, LEADS)) == 3
    hot, later = told(org, "/data/Sync__chn")
    assert hot.body["Rating"] == "Hot"
    assert (later.body["Phone"], later.body["Rating"], later.body["Email"]) == ("2", "Hot", "linus@kernel.example")
    assert not {"Rating", "Email"} & later.changed
    assert "Email" not in told(org, LEADS)[-1].body


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"selected": ["Lead", "Contact", "Account", "User", "Group", "Subscription__c"]}, "add-on"),
        ({"selected": ["Nothing"]}, "no object"),
        ({"selected": ["LeadHistory"]}, "no object"),
        ({"channels": {"Sync": {"members": ["Lead"]}}}, "__chn"),
        ({"channels": {"S__chn": {"members": ["Lead"], "filter": "Nope = 1"}}}, "Nope"),
        ({"channels": {"S__chn": {"members": ["Lead"], "enriched": ["Nope"]}}}, "Nope"),
        ({"daily_allocation": "much"}, "number"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_world_is_loaded(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlError, match=words):
        Org({**world(), "change_events": settings})


def test_the_add_on_lifts_the_limit_of_five() -> None:
    five = ["Lead", "Contact", "Account", "User", "Group"]
    org = Org({**world(), "change_events": {"selected": [*five, "Subscription__c"], "addon": True}})
    assert bus(org).topic_schema("/data/UserChangeEvent")


# Control verbs


async def test_gap_and_overflow_come_when_asked_for(org: Org) -> None:
    await org.control("change_events/gap", {"object": "Account", "ids": [ACME[:15], GLOBEX], "type": "GAP_DELETE"})
    await org.control("change_events/overflow", {"object": "Lead"})
    gap, overflow = told(org)
    assert (gap.kind, gap.header["recordIds"]) == ("GAP_DELETE", [ACME, GLOBEX])
    assert (overflow.kind, overflow.header["entityName"]) == ("GAP_OVERFLOW", "Lead")
    for wrong in ({"object": "Account", "ids": [ADA]}, {"object": "Account", "ids": [ACME], "type": "CREATE"}, {}):
        assert (await org.client.post("/_control/change_events/gap", json=wrong)).status_code == 400


async def test_events_are_dropped_and_doubled_on_demand(org: Org) -> None:
    await org.control("change_events/drop", {"count": 1})
    await lead(org, Phone="1")
    assert told(org) == []
    await org.control("change_events/double", {"probability": 1})
    await lead(org, Phone="2")
    first, second = told(org)
    assert first.header == second.header
    await org.control("change_events/double")
    await lead(org, Phone="3")
    shown = (await org.client.get("/_control/change_events")).json()
    assert shown["counts"] == {"stored": 3, "held": 0, "published": 3, "dropped": 1, "doubled": 1}


async def test_held_events_come_late_but_with_the_time_of_their_commit(org: Org) -> None:
    await org.control("change_events/hold", {"seconds": 30})
    await lead(org)
    assert told(org) == []
    assert org.service.tick() is not None
    org.controls.clock.advance(31)
    org.service.tick()
    (event,) = told(org)
    assert event.header["commitTimestamp"] == NOW_MS
    await org.control("change_events/hold")
    await lead(org)
    assert await org.control("change_events/release") == {"released": 1}
    assert len(told(org)) == 2


async def test_events_are_held_for_three_days(org: Org) -> None:
    await lead(org)
    position = bus(org).log.latest
    org.controls.clock.advance(72 * 3600 - 1)
    org.service.tick()
    assert len(told(org)) == 1
    assert bus(org).log.good(position)
    org.controls.clock.advance(1)
    org.service.tick()
    assert told(org) == []
    assert not bus(org).log.good(position)


async def test_what_is_on_the_bus_survives_saving_and_loading(org: Org) -> None:
    await lead(org, Phone="1")
    await org.control("change_events/hold")
    await lead(org, Phone="2")
    saved = json.loads(json.dumps(org.service.save()))
    other = Org(saved)
    assert [one.body["Phone"] for one in told(other, LEADS)] == ["1"]
    assert bus(other).log.latest == bus(org).log.latest
    await other.control("change_events/release")
    await lead(other, Phone="3")
    assert [one.body["Phone"] for one in told(other, LEADS)] == ["1", "2", "3"]
    commits = [one.header["commitNumber"] for one in told(other, LEADS)]
    assert commits == sorted(set(commits))


async def test_deliveries_of_the_last_day_show_in_the_limits(org: Org) -> None:
    before = (await org.get("/limits")).json()["DailyDeliveredPlatformEvents"]
    assert before == {"Max": 25_000, "Remaining": 25_000}
    await org.control("change_events/exhaust")
    assert (await org.get("/limits")).json()["DailyDeliveredPlatformEvents"]["Remaining"] == 0
    org.controls.clock.advance(24 * 3600)
    assert (await org.get("/limits")).json()["DailyDeliveredPlatformEvents"]["Remaining"] == 25_000


async def test_who_may_not_read_an_object_hears_nothing_of_it_on_any_topic(org: Org) -> None:
    await org.control("access", {"objects": {"Lead": "none"}})
    before = len(told(org))
    org.service.human_create("Lead", {"LastName": "Unheard", "Company": "X"}, None)
    org.service.human_edit("Contact", ADA, {"Phone": "1"}, None)
    assert [one.header["entityName"] for one in told(org)[before:]] == ["Contact"]
