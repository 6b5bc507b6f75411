"""The judge of the demonstration can say no: differences, duplicates, wrong links and late arrivals are seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from concord import config
from concord.cli import verify
from concord.cli.demo import Summary
from concord.cli.edits import NEW_PERSON, Edit
from concord.core.mapping import ObjectPair


def people() -> ObjectPair:
    found = config.starting().pair("people")
    assert found is not None
    return found


LEAD: dict[str, Any] = {
    "Email": "ada@x.com",
    "Phone": "+44 20 7946 0001",
    "LastName": "Lovelace",
    "Status": "Working - Contacted",
    "HasOptedOutOfEmail": False,
    "Last_Contacted__c": "2026-11-02T09:00:00.000+0000",
    "Company": "[not provided]",
}
CONTACT: dict[str, Any] = {
    "email": "Ada@X.com ",
    "phone": "+442079460001",
    "lastname": "Lovelace",
    "hs_lead_status": "CONNECTED",
    "hs_email_optout": "",
    "last_contacted": "2026-11-02T09:00:00Z",
    "company": "",
}


def compared(lead: dict[str, Any], contact: dict[str, Any]) -> verify.Agreement:
    agreement = verify.Agreement()
    states = {"Lead": {"00Q1": lead}, "Contact": {}, "contacts": {"1": contact}}
    verify.compare(people(), [("Lead", "00Q1", "1")], states, states, {}, agreement)
    return agreement


def test_formatting_and_mapped_options_are_no_difference() -> None:
    agreement = compared(LEAD, CONTACT)
    assert agreement.differ == {}
    assert agreement.percent() == 100.0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Email": "eve@x.com"}, "email"),
        ({"Phone": "+44 20 7946 0002"}, "phone"),
        ({"LastName": None}, "last_name"),
        ({"Status": "Open - Not Contacted"}, "lead_status"),
        ({"HasOptedOutOfEmail": True}, "email_opt_out"),
        ({"Last_Contacted__c": "2026-11-02T09:00:05.000+0000"}, "last_contacted"),
        ({"Company": "Engines Ltd"}, "company_name"),
    ],
)
def test_every_other_difference_is_seen(change: dict[str, Any], field: str) -> None:
    agreement = compared(LEAD | change, CONTACT)
    assert list(agreement.differ) == [field]
    assert agreement.percent(field) == 0.0


def test_a_record_that_is_gone_agrees_in_nothing() -> None:
    agreement = verify.Agreement()
    states: dict[str, Any] = {"Lead": {"00Q1": LEAD}, "Contact": {}, "contacts": {}}
    verify.compare(people(), [("Lead", "00Q1", "1")], states, states, {}, agreement)
    assert agreement.percent() == 0.0


def states(**records: dict[str, Any]) -> dict[str, Any]:
    return {"Lead": {}, "Contact": {}, "Account": {}, "contacts": {}, **records}


TRUTH = verify.Truth.of(
    {
        "pairs": [{"salesforce": ["Lead", "00Q1"], "hubspot": "1"}],
        "duplicates": {"salesforce": [], "hubspot": [["1", "2"]]},
        "never_link": [{"salesforce": ["Lead", "00Q9"], "hubspot": "9"}],
    }
)


def test_a_link_between_two_people_is_wrong_and_one_to_a_duplicate_of_the_person_is_not() -> None:
    assert verify.wrong_links(TRUTH, [("Lead", "00Q1", "2")]) == []
    assert verify.wrong_links(TRUTH, [("Lead", "00Q1", "9"), ("Lead", "00Q7", "1")]) == [("00Q1", "9"), ("00Q7", "1")]


def test_a_second_record_of_a_person_is_a_duplicate_where_something_told_it_and_counted_apart_where_nothing_did() -> (
    None
):
    made = [verify.Created("hubspot", "3", "00Q1")]
    told = states(Lead={"00Q1": {"Email": "a@x.com", "LastName": "Day"}}, contacts={"1": {"email": "a@x.com"}})
    assert verify.duplicates(TRUTH, made, told, told) == (1, 0)
    untold = states(Lead={"00Q1": {"Email": "a@x.com", "LastName": "Day"}}, contacts={"1": {"email": "b@y.com"}})
    assert verify.duplicates(TRUTH, made, untold, untold) == (0, 1)
    by_name = states(
        Lead={"00Q1": {"Company": "Engines", "FirstName": "Ada", "LastName": "Day"}},
        contacts={"1": {"company": "engines", "firstname": "A.", "lastname": "Day"}},
    )
    assert verify.duplicates(TRUTH, made, by_name, by_name) == (1, 0)


def test_an_address_that_another_record_has_is_a_duplicate_unless_the_two_are_known_to_share_a_mailbox() -> None:
    after = states(Lead={"00Q5": {"Email": "a@x.com"}}, contacts={"8": {"email": "a@x.com"}, "7": {"email": "a@x.com"}})
    assert verify.duplicates(TRUTH, [verify.Created("hubspot", "8", "00Q5")], states(), after) == (1, 0)
    shared = states(contacts={"8": {"email": "a@x.com"}, "9": {"email": "a@x.com"}})
    assert verify.duplicates(TRUTH, [verify.Created("hubspot", "8", "00Q9")], states(), shared) == (0, 0)


def test_latency_is_from_the_edit_to_the_call_that_wrote_its_value_on_the_other_side() -> None:
    edit = Edit(at=1000.0, side="salesforce", field="city", marker="Newtown 00001", conflict=False)
    lost = Edit(at=1000.0, side="salesforce", field="city", marker="Newtown 00002", conflict=True)
    write = {
        "method": "POST",
        "status": 200,
        "at": 1_000_400,
        "request": '{"inputs":[{"id":"1","properties":{"city":"Newtown 00001"}}]}',
    }
    read = {"method": "GET", "status": 200, "at": 1_000_100, "request": ""}
    assert verify.latencies([edit, lost], {"hubspot": [read, write], "salesforce": []}) == [400.0]
    assert verify.percentile([], 0.5) is None
    assert verify.percentile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0


def edited(at: float, side: str, marker: str, *, field: str = "phone", conflict: bool = False) -> Edit:
    return Edit(at, side, field, marker, conflict, "Lead", "00Q1", "1")


def fate_of(edits: list[Edit], lead: str, contact: str, **more: Any) -> verify.Fate:
    shown = states(Lead={"00Q1": {"Phone": lead}}, contacts={"1": {"phone": contact}})
    return verify.fate(people(), edits, shown, more.get("held", ()), more.get("arrived", {}))


ONE, TWO, OLD = "+1 555 000 0001", "+1 555 000 0002", "+1 555 999 9999"


def test_an_edit_that_was_reverted_is_lost_though_both_sides_agree() -> None:
    edit = edited(1000.0, "hubspot", ONE)
    assert fate_of([edit], OLD, OLD).lost == ["phone of 00Q1 / 1"]
    assert fate_of([edit], "+1 (555) 000-0001", ONE).lost == []
    assert fate_of([edit], OLD, ONE).lost == ["phone of 00Q1 / 1"]


def test_only_the_last_edit_of_a_field_has_to_stand() -> None:
    edits = [edited(1000.0, "hubspot", ONE), edited(1001.0, "hubspot", TWO)]
    assert fate_of(edits, TWO, TWO).lost == []
    assert fate_of(edits, ONE, ONE).lost == ["phone of 00Q1 / 1"]


def test_after_a_conflict_one_of_its_values_stands_on_both_sides() -> None:
    edits = [edited(1000.0, "hubspot", ONE, conflict=True), edited(1000.0, "salesforce", TWO, conflict=True)]
    assert fate_of(edits, ONE, ONE).lost == []
    assert fate_of(edits, TWO, TWO).lost == []
    assert fate_of(edits, OLD, OLD).lost == ["phone of 00Q1 / 1"]
    assert fate_of(edits, ONE, TWO).lost == ["phone of 00Q1 / 1"]


def test_an_earlier_edit_on_the_other_side_may_stand_only_when_it_had_not_arrived_yet() -> None:
    early, late = edited(1000.0, "salesforce", ONE), edited(1005.0, "hubspot", TWO)
    assert fate_of([early, late], ONE, ONE, arrived={early: 1_000_400.0}).lost == ["phone of 00Q1 / 1"]
    assert fate_of([early, late], ONE, ONE, arrived={early: 1_005_400.0}).lost == []


def test_a_confirmed_hold_excuses_an_edit_that_still_stands_where_it_was_made() -> None:
    edit, held = edited(1000.0, "hubspot", ONE), [("phone", "00Q1", "1")]
    assert fate_of([edit], OLD, ONE, held=held) == verify.Fate([], 1)
    assert fate_of([edit], ONE, OLD, held=held).lost == ["phone of 00Q1 / 1"]


def test_an_opt_out_must_be_shown_on_both_sides() -> None:
    edit = edited(1000.0, "salesforce", "", field="email_opt_out")
    lead = {"00Q1": {"HasOptedOutOfEmail": True}}
    for shown, lost in (("true", []), ("", ["email_opt_out of 00Q1 / 1"])):
        after = states(Lead=lead, contacts={"1": {"hs_email_optout": shown}})
        assert verify.fate(people(), [edit], after, (), {}).lost == lost


def test_a_newcomer_must_be_once_on_each_side() -> None:
    edit = Edit(1000.0, "salesforce", NEW_PERSON, "new@x.com", False, "Lead", "00Q1")
    lead, contact = {"00Q1": {"Email": "new@x.com"}}, {"email": "old@x.com", "hs_additional_emails": "New@x.com"}
    assert verify.lost_people([edit], states(Lead=lead, contacts={"1": contact})) == []
    assert verify.lost_people([edit], states(Lead=lead)) == ["salesforce 00Q1: 1 in salesforce, 0 in hubspot"]
    twice = states(Lead=lead, contacts={"1": contact, "2": {"email": "new@x.com"}})
    assert verify.lost_people([edit], twice) == ["salesforce 00Q1: 1 in salesforce, 2 in hubspot"]


def confirmed(name: str, reason: str, lead: dict[str, Any], contact: dict[str, Any], **other: dict[str, Any]) -> bool:
    """other_lead, other_contact: a further record of each side."""
    pair = next(one for one in people().fields_of("Lead") if one.name == name)
    leads, contacts = (
        {"00Q1": lead, "00Q2": other.get("other_lead", {})},
        {"1": contact, "2": other.get("other_contact", {})},
    )
    after = states(Lead=leads, contacts=contacts)
    hold = verify.Hold(reason, lead.get(pair.left), contact.get(pair.right))
    return verify.confirms(pair, hold, lead, contact, after, {})


def test_a_hold_for_a_text_too_long_needs_such_a_text_and_no_longer_one_in_that_field() -> None:
    reason = "the text has 130 characters and Title holds 128; shorten it"
    assert confirmed("job_title", reason, {"Title": "x"}, {"jobtitle": "y" * 130})
    assert not confirmed("job_title", reason, {"Title": "x"}, {"jobtitle": "y" * 20})
    assert not confirmed("job_title", reason, {"Title": "x"}, {"jobtitle": "y" * 130}, other_lead={"Title": "z" * 129})


def test_a_hold_for_an_address_taken_needs_another_contact_that_has_it() -> None:
    lead, contact = {"Email": "a@x.com"}, {"email": "b@x.com"}
    assert confirmed(
        "email", "taken", lead, contact, other_contact={"email": "", "hs_additional_emails": "c@x.com;A@x.com"}
    )
    assert not confirmed("email", "taken", lead, contact, other_contact={"email": "d@x.com"})


def test_a_hold_of_an_opt_out_needs_a_contact_without_an_address() -> None:
    assert confirmed("email_opt_out", "no address", {"HasOptedOutOfEmail": True}, {"email": ""})
    assert not confirmed("email_opt_out", "no address", {"HasOptedOutOfEmail": True}, {"email": "a@x.com"})


def test_a_hold_of_a_stage_needs_one_without_a_place_and_any_other_reason_excuses_nothing() -> None:
    name = "HubSpot_Lifecycle_Stage__c"
    assert confirmed("lifecycle_stage", "no place", {name: "other"}, {"lifecyclestage": "lead"})
    assert not confirmed("lifecycle_stage", "no place", {name: "customer"}, {"lifecyclestage": "lead"})
    assert not confirmed("city", "because", {"City": "A"}, {"city": "B"})


def test_a_hold_of_a_company_needs_one_that_is_not_linked() -> None:
    pair = next(one for one in people().fields_of("Contact") if one.name == "account")
    hold = verify.Hold("not linked", "001A", "77")
    fields = {"AccountId": "001A"}, {"associatedcompanyid": "77"}
    assert verify.confirms(pair, hold, *fields, states(), {"001B": "77"})
    assert not verify.confirms(pair, hold, *fields, states(), {"001A": "78", "001B": "77"})


def test_a_hold_of_values_that_have_changed_since_excuses_nothing() -> None:
    pair = next(one for one in people().fields_of("Lead") if one.name == "email_opt_out")
    fields: tuple[dict[str, Any], dict[str, Any]] = {"HasOptedOutOfEmail": True}, {"email": ""}
    assert verify.confirms(pair, verify.Hold("no address", "true", ""), *fields, states(), {})
    assert not verify.confirms(pair, verify.Hold("no address", "false", ""), *fields, states(), {})


def call(at: int, request: Any, response: Any, status: int | None = 200) -> dict[str, Any]:
    answer = response if isinstance(response, str) else json.dumps(response)
    return {"method": "POST", "at": at, "request": json.dumps(request), "response": answer, "status": status}


def test_a_refused_first_attempt_is_no_arrival() -> None:
    edit = Edit(at=1000.0, side="salesforce", field="city", marker="Newtown 00001", conflict=False)
    body = {"inputs": [{"id": "1", "properties": {"city": "Newtown 00001"}}]}
    failed, dropped = call(1_000_100, body, "", 429), call(1_000_200, body, "", None)
    partly = call(1_000_300, body, {"results": [], "errors": [{}]}, 207)
    done = call(1_000_900, body, {"results": [{"id": "1"}]})
    journal = [failed, dropped, partly, done]
    assert verify.latencies([edit], {"hubspot": journal, "salesforce": []}) == [900.0]


def test_a_refused_part_of_a_composite_is_no_arrival_for_its_record_only() -> None:
    one = Edit(at=1000.0, side="hubspot", field="city", marker="Newtown 00001", conflict=False)
    two = Edit(at=1000.0, side="hubspot", field="city", marker="Newtown 00002", conflict=False)
    parts = [
        {"method": "PATCH", "referenceId": f"r{number}", "body": {"City": f"Newtown 0000{number}"}} for number in (1, 2)
    ]
    told = [{"referenceId": "r1", "httpStatusCode": 400}, {"referenceId": "r2", "httpStatusCode": 204}]
    first = call(1_000_100, {"compositeRequest": parts}, {"compositeResponse": told})
    again = call(1_000_700, {"compositeRequest": parts[:1]}, '{"compositeResponse": [{"cut')
    assert verify.latencies([one, two], {"salesforce": [first, again], "hubspot": []}) == [700.0, 100.0]
    graphs = {"graphs": [{"graphId": f"g{number}", "compositeRequest": [part]} for number, part in enumerate(parts)]}
    answered = {"graphs": [{"graphResponse": {"compositeResponse": [part]}} for part in told]}
    journal = [call(1_000_100, graphs, answered), call(1_000_700, graphs, '{"graphs": [{"cut')]
    assert verify.latencies([one, two], {"salesforce": journal, "hubspot": []}) == [700.0, 100.0]


def test_the_summary_is_not_good_with_a_loss_or_when_nobody_was_linked() -> None:
    assert Summary(1, pairs=5, linked=4).good
    assert Summary(1).good
    assert not Summary(1, pairs=5).good
    assert not Summary(1, pairs=5, linked=4, lost_edits=["city of 00Q1 / 1"]).good
    assert not Summary(1, pairs=5, linked=4, lost_people=["hubspot 1: 0 in salesforce, 1 in hubspot"]).good
