"""The judge of the demonstration can say no: differences, duplicates, wrong links and late arrivals are seen."""

from __future__ import annotations

from typing import Any

import pytest

from concord import config
from concord.cli import verify
from concord.cli.edits import Edit
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
        "at": 1_000_400,
        "request": '{"inputs":[{"id":"1","properties":{"city":"Newtown 00001"}}]}',
    }
    read = {"method": "GET", "at": 1_000_100, "request": ""}
    assert verify.latencies([edit, lost], {"hubspot": [read, write], "salesforce": []}) == [400.0]
    assert verify.percentile([], 0.5) is None
    assert verify.percentile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
