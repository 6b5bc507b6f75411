"""Sequences of the HubSpot sandbox, what ends an enrolment, and workflows."""

from __future__ import annotations

from typing import Any

import pytest

from concord_sandbox.service import ControlError

from .hubspot_world import OBJECTS, Hub, Receiver, company, contact, subscribed

SEQUENCES = "/automation/sequences/2026-09"
ALL = "/communication-preferences/2026-09/statuses/ann@example.com/unsubscribe-all?channel=EMAIL"
STOP = "salesforce_sync_stop_sequences"
STEPS = [
    {"actionType": "EMAIL", "delayMillis": 0, "templateId": "77"},
    {"actionType": "TASK", "delayMillis": 86_400_000, "taskPattern": {"taskType": "CALL"}},
    {"actionType": "FINISH_ENROLLMENT", "delayMillis": 86_400_000},
]
UNENROL = {
    "name": "Stop sequences for Salesforce",
    "object": "contacts",
    "when": {"property": STOP, "equals": "true"},
    "do": [{"unenroll_sequences": True}, {"set": {STOP: "false"}}],
}


def world(**more: Any) -> dict[str, Any]:
    return {
        "records": {
            "contacts": [
                contact(101, email="ann@example.com", firstname="Ann"),
                contact(102, email="bob@example.com"),
                contact(103, firstname="Nobody"),
            ],
            "companies": [company(201, name="Acme")],
        },
        "properties": {
            "contacts": [{"name": STOP, "label": "Stop sequences", "type": "bool", "fieldType": "booleancheckbox"}]
        },
        "sequences": {
            "sequences": [
                {"id": "7", "name": "Welcome", "userId": "5", "steps": STEPS, "settings": {}},
                {"id": "8", "name": "Follow-up", "userId": "5", "steps": STEPS[:1]},
            ],
            "mailboxes": [{"userId": "5", "email": "sales@example.com", "aliases": ["hi@example.com"]}],
        },
        **more,
    }


def enrolment(contact_id: str = "101", **more: Any) -> dict[str, Any]:
    return {"contactId": contact_id, "sequenceId": "7", "senderEmail": "sales@example.com", **more}


async def enrol(hub: Hub, contact_id: str = "101", **more: Any) -> Any:
    return await hub.good("POST", f"{SEQUENCES}/enrollments?userId=5", enrolment(contact_id, **more))


async def ended(hub: Hub, contact_id: str = "101") -> str:
    """Why the contact's last enrolment ended, "" while it has not."""
    rows = (await hub.control("GET", f"/sequences?contactId={contact_id}"))["enrollments"]
    return str(rows[-1].get("ended", ""))


async def test_sequences_are_listed_and_shown_with_their_steps() -> None:
    hub = Hub(world())
    page = await hub.good("GET", f"{SEQUENCES}?userId=5&limit=1")
    assert (page["total"], [row["id"] for row in page["results"]]) == (2, ["7"])
    rest = await hub.good("GET", f"{SEQUENCES}?userId=5&after={page['paging']['next']['after']}")
    assert [row["name"] for row in rest["results"]] == ["Follow-up"]
    assert (await hub.good("GET", f"{SEQUENCES}?userId=5&name=wel"))["total"] == 1
    got = await hub.good("GET", "/automation/v4/sequences/7?userId=5")
    assert [(step["actionType"], step["stepOrder"]) for step in got["steps"]] == [
        ("EMAIL", 0),
        ("TASK", 1),
        ("FINISH_ENROLLMENT", 2),
    ]
    assert got["steps"][0]["emailPattern"]["templateId"] == "77"
    assert (got["steps"][1]["taskPattern"]["taskType"], got["settings"]["sellingStrategy"]) == ("CALL", "LEAD_BASED")
    await hub.refused(400, "GET", SEQUENCES)
    await hub.refused(400, "GET", f"{SEQUENCES}/7")
    await hub.refused(404, "GET", f"{SEQUENCES}/9?userId=5")


async def test_a_contact_is_enrolled_and_its_properties_say_so() -> None:
    hub = Hub(world())
    made = await enrol(hub, senderAliasAddress="hi@example.com")
    assert (made["toEmail"], made["enrolledAt"]) == ("ann@example.com", "2026-11-23T09:00:00.000Z")
    got = await hub.good("GET", f"{SEQUENCES}/enrollments/contact/101")
    assert got == {
        **made,
        "sequenceId": "7",
        "sequenceName": "Welcome",
        "enrolledBy": "5",
        "enrolledByEmail": "sales@example.com",
    }
    shown = ("hs_sequences_is_enrolled", "hs_latest_sequence_enrolled", "hs_sequences_enrolled_count")
    assert list((await hub.values("101", *shown)).values()) == ["true", "7", "1"]
    await hub.refused(404, "GET", f"{SEQUENCES}/enrollments/contact/102")
    await hub.refused(404, "GET", f"{SEQUENCES}/enrollments/contact/999")


async def test_who_cannot_be_enrolled_is_refused() -> None:
    hub = Hub(world(unsubscribed={"bob@example.com": "2026-11-01T00:00:00Z"}))
    path = f"{SEQUENCES}/enrollments?userId=5"
    await enrol(hub)
    cases = [
        (enrolment(), "CONTACT_ALREADY_ENROLLED"),
        (enrolment("102"), "CONTACT_UNSUBSCRIBED"),
        (enrolment("103"), "CONTACT_HAS_NO_EMAIL"),
        (enrolment(senderEmail="other@example.com"), "SENDER_NOT_CONNECTED"),
        (enrolment(senderAliasAddress="x@example.com"), "ALIAS_NOT_CONNECTED"),
    ]
    for body, kind in cases:
        assert (await hub.refused(400, "POST", path, body))["subCategory"].endswith(kind)
    other_user = await hub.refused(400, "POST", f"{SEQUENCES}/enrollments?userId=6", enrolment())
    assert other_user["subCategory"].endswith("SENDER_NOT_CONNECTED")
    await hub.refused(400, "POST", f"{SEQUENCES}/enrollments", enrolment())
    await hub.refused(400, "POST", path, {"contactId": "101"})
    await hub.refused(404, "POST", path, enrolment("999"))
    await hub.refused(404, "POST", path, {**enrolment(), "sequenceId": "99"})


async def test_one_to_one_mail_that_is_unsubscribed_from_keeps_a_contact_out() -> None:
    hub = Hub(world())
    body = {"channel": "EMAIL", "subscriptionId": 2, "statusState": "UNSUBSCRIBED"}
    await hub.good("POST", "/communication-preferences/2026-09/statuses/ann@example.com", body)
    await hub.refused(400, "POST", f"{SEQUENCES}/enrollments?userId=5", enrolment())


async def test_a_mailbox_enrols_at_most_a_thousand_contacts_a_day() -> None:
    contacts = [contact(number, email=f"c{number}@example.com") for number in range(1, 1003)]
    rows = [
        {"id": str(number), "contactId": str(number), "sequenceId": "8", "senderEmail": "sales@example.com",
         "enrolledAt": "2026-11-23T08:00:00Z", "enrolledBy": "5", "toEmail": f"c{number}@example.com"}
        for number in range(1, 1000)
    ]  # fmt: skip
    hub = Hub({"records": {"contacts": contacts}, "sequences": {**world()["sequences"], "enrollments": rows}})
    await enrol(hub, "1000")
    refused = await hub.refused(400, "POST", f"{SEQUENCES}/enrollments?userId=5", enrolment("1001"))
    assert refused["subCategory"].endswith("DAILY_LIMIT_EXCEEDED")
    hub.clock.advance(86_400)
    await enrol(hub, "1001")


async def test_an_opt_out_of_the_address_ends_the_enrolment() -> None:
    hub = Hub(world())
    await enrol(hub)
    hub.clock.advance(5)
    await hub.good("POST", ALL)
    await hub.refused(404, "GET", f"{SEQUENCES}/enrollments/contact/101")
    assert await ended(hub) == "OPTED_OUT"
    shown = ("hs_sequences_is_enrolled", "hs_latest_sequence_unenrolled_date", "hs_latest_sequence_finished_date")
    assert list((await hub.values("101", *shown)).values()) == ["false", "2026-11-23T09:00:05.000Z", None]


async def test_an_answer_ends_it_and_for_the_whole_account_where_the_sequence_says_so() -> None:
    given = world()
    given["sequences"]["sequences"][0]["settings"] = {"sellingStrategy": "ACCOUNT_BASED"}
    given["associations"] = [{"from": ["contacts", number], "to": ["companies", "201"]} for number in ("101", "102")]
    hub = Hub(given)
    await enrol(hub, "101")
    await enrol(hub, "102")
    answer = await hub.control("POST", "/sequences/reply", {"contactId": "101"})
    assert answer == {"unenrolled": ["101", "102"]}
    assert (await ended(hub, "101"), await ended(hub, "102")) == ("REPLIED", "REPLIED")
    await enrol(hub, "101", sequenceId="8")
    assert await hub.control("POST", "/sequences/meeting", {"contactId": "101"}) == {"unenrolled": ["101"]}
    assert await hub.control("POST", "/sequences/meeting", {"contactId": "101"}) == {"unenrolled": []}
    bad = await hub.client.post("/_control/sequences/reply", json={"contactId": "999"})
    assert bad.status_code == 400


async def test_the_end_of_the_steps_finishes_an_enrolment() -> None:
    hub = Hub(world())
    await enrol(hub)
    await enrol(hub, "102", sequenceId="8")
    await hub.control("POST", "/clock", {"advance": 2 * 86_400})
    assert (await ended(hub, "101"), await ended(hub, "102")) == ("FINISHED", "")
    values = await hub.values("101", "hs_latest_sequence_finished_date", "hs_latest_sequence_unenrolled_date")
    assert list(values.values()) == ["2026-11-25T09:00:00.000Z", None]


async def test_deleting_ends_it_and_a_merge_carries_it_on() -> None:
    hub = Hub(world())
    await enrol(hub, "101")
    body = {"primaryObjectId": "102", "objectIdToMerge": "101"}
    merged = (await hub.good("POST", f"{OBJECTS}/contacts/merge", body))["id"]
    assert (await hub.good("GET", f"{SEQUENCES}/enrollments/contact/{merged}"))["sequenceId"] == "7"
    await hub.call("DELETE", f"{OBJECTS}/contacts/{merged}")
    assert await ended(hub, merged) == "CONTACT_DELETED"


async def test_there_is_no_call_that_unenrols() -> None:
    hub = Hub(world())
    await enrol(hub)
    assert (await hub.call("DELETE", f"{SEQUENCES}/enrollments/contact/101")).status_code == 405
    assert (await hub.call("POST", f"{SEQUENCES}/enrollments/contact/101/unenroll")).status_code == 404


async def test_the_workflow_unenrols_and_takes_the_property_back() -> None:
    receiver = Receiver()
    hooks = subscribed(("contact.propertyChange", STOP), ("contact.propertyChange", "hs_sequences_is_enrolled"))
    hub = Hub(world(workflows=[UNENROL], webhooks=hooks), receiver)
    await enrol(hub)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {STOP: "true"}})
    await hub.control("POST", "/clock", {"advance": 0.5})
    assert await ended(hub) == ""
    await hub.control("POST", "/clock", {"advance": 0.6})
    assert await ended(hub) == "WORKFLOW"
    history = await hub.history("101", STOP)
    assert [(entry["value"], entry["sourceType"]) for entry in history] == [
        ("false", "AUTOMATION_PLATFORM"),
        ("true", "INTEGRATION"),
    ]
    assert history[0]["sourceId"].startswith("enrollmentId:")
    hub.clock.advance(1)
    await hub.control("POST", "/deliver")
    told = [(event["propertyName"], event["propertyValue"]) for event in receiver.events]
    assert told == [
        ("hs_sequences_is_enrolled", "true"),
        (STOP, "true"),
        ("hs_sequences_is_enrolled", "false"),
        (STOP, "false"),
    ]


async def test_a_workflow_can_fight_a_sync_and_be_switched_off() -> None:
    back = {
        "name": "Always Bonn",
        "when": {"property": "city", "equals": "Ulm"},
        "do": [{"set": {"city": "Bonn"}}],
        "delay_ms": 0,
    }
    hub = Hub(world(workflows=[back]))
    for _ in range(3):
        hub.clock.advance(1)
        await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Ulm"}})
        hub.service.tick()
    assert [entry["value"] for entry in await hub.history("101", "city")] == ["Bonn", "Ulm"] * 3
    await hub.control("PUT", "/workflows", {"name": "Always Bonn", "active": False})
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Ulm"}})
    await hub.control("POST", "/clock", {"advance": 5})
    assert (await hub.values("101", "city"))["city"] == "Ulm"
    assert (await hub.control("GET", "/workflows"))["workflows"][0]["runs"] == 3
    bad = await hub.client.put("/_control/workflows", json={"name": "No such", "active": True})
    assert bad.status_code == 400


async def test_a_workflow_moves_a_stage_back_by_clearing_it_and_notes_what_was_refused() -> None:
    back = {
        "name": "Back to lead",
        "when": {"property": "city", "equals": "back"},
        "do": [
            {"clear": "lifecyclestage"},
            {"set": {"lifecyclestage": "lead"}},
            {"set": {"hs_email_optout": "true"}},
            {"set": {"zip": "1"}},
        ],
        "reenroll": False,
    }
    given = world(workflows=[back])
    given["records"]["contacts"][0]["properties"]["lifecyclestage"] = "customer"
    hub = Hub(given)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "back"}})
    await hub.control("POST", "/clock", {"advance": 2})
    assert await hub.values("101", "lifecyclestage", "zip") == {"lifecyclestage": "lead", "zip": "1"}
    shown = (await hub.control("GET", "/workflows"))["workflows"][0]
    assert ["hs_email_optout" in row["message"] for row in shown["failures"]] == [True]
    for city in ("forth", "back"):
        await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": city, "zip": "2"}})
    await hub.control("POST", "/clock", {"advance": 2})
    assert (await hub.values("101", "zip"))["zip"] == "2"


async def test_sequences_and_workflows_are_saved_with_what_is_under_way() -> None:
    hub = Hub(world(workflows=[UNENROL]))
    await enrol(hub)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {STOP: "true"}})
    saved = hub.service.save()
    again = Hub(saved)
    assert again.service.save() == saved
    assert (await again.good("GET", f"{SEQUENCES}/enrollments/contact/101"))["sequenceId"] == "7"
    await again.control("POST", "/clock", {"advance": 5})
    assert await ended(again) == "WORKFLOW"


@pytest.mark.parametrize(
    "bad",
    [
        {"workflows": {}},
        {"workflows": [{"name": "x"}]},
        {"workflows": [{**UNENROL, "do": [{"explode": True}]}]},
        {"workflows": [{**UNENROL, "object": "companies"}]},
        {"workflows": [UNENROL, UNENROL]},
        {"workflows": [{**UNENROL, "delay_ms": -1}]},
        {"sequences": {"nope": 1}},
        {"sequences": {"sequences": [{"id": "1", "name": "x", "userId": "5", "steps": [{"actionType": "SMS"}]}]}},
        {"sequences": {"enrollments": [{"id": "1"}]}},
    ],
)
def test_a_malformed_world_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        Hub(bad)
