"""The Salesforce sandbox: validation, duplicate and assignment rules (api/salesforce.md sections 3.1, 3.3, 18, 21)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALICE, BOB, DATA, GLOBEX, GRACE, LINUS, Org, error_of, world

from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.models import Actor
from concord_sandbox.service import ControlError

QUEUE = new_id("00G", 901)
INSIST = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true"}


def _org(**parts: Any) -> Org:
    return Org({**world(), **parts})


# Validation rules

VALIDATION: list[dict[str, Any]] = [
    {"object": "Contact", "name": "Phone_or_mail", "formula": "ISBLANK(Phone) && ISBLANK(Email)",
     "message": "A phone number or an e-mail address, please"},
    {"object": "Contact", "name": "Score", "formula": "Score__c > 100", "message": "Too good", "field": "Score__c"},
    {"object": "Contact", "name": "Frozen_name", "formula": "NOT(ISNEW()) && ISCHANGED(LastName)",
     "message": "Names stay", "field": "LastName"},
    {"object": "Contact", "name": "Asleep", "active": False, "formula": "TRUE", "message": "never"},
    {"object": "Contact", "name": "Not_of_globex", "formula": "Account.Name = 'Globex'", "message": "Not Globex"},
    {"object": "Lead", "name": "Whole_name", "formula": "Name = 'John Doe'", "message": "Nobody is called so"},
]  # fmt: skip


async def test_all_rules_that_fail_are_reported_each_with_its_field() -> None:
    org = _org(validation_rules=VALIDATION)
    answer = await org.post("/sobjects/Contact", {"LastName": "Knuth", "Score__c": 500})
    assert answer.status_code == 400
    assert answer.json() == [
        {"message": "A phone number or an e-mail address, please", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
         "fields": []},
        {"message": "Too good", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Score__c"]},
    ]  # fmt: skip
    assert await org.column("SELECT Id FROM Contact WHERE LastName = 'Knuth'") == []
    assert (await org.post("/sobjects/Contact", {"LastName": "Knuth", "Phone": "1"})).status_code == 201


async def test_a_rule_judges_an_update_by_what_the_record_becomes_and_was() -> None:
    org = _org(validation_rules=VALIDATION)
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Countess"})).status_code == 204
    refused = await org.patch(f"/sobjects/Contact/{ADA}", {"LastName": "Byron"})
    assert error_of(refused) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert (await org.fields("Contact", ADA))["LastName"] == "Lovelace"
    refused = await org.patch(f"/sobjects/Contact/{ADA}", {"AccountId": GLOBEX})
    assert refused.json()[0]["message"] == "Not Globex"
    refused = await org.post("/sobjects/Lead", {"FirstName": "John", "LastName": "Doe", "Company": "X"})
    assert refused.json()[0]["message"] == "Nobody is called so"


async def test_a_person_and_a_collection_are_refused_too_and_upsert_is() -> None:
    org = _org(validation_rules=VALIDATION)
    by_hand = await org.client.patch(f"/_control/records/Contact/{ADA}", json={"fields": {"Score__c": 101}})
    assert by_hand.status_code == 400
    assert "Too good" in by_hand.text
    records = [{"attributes": {"type": "Contact"}, "Id": one, "Score__c": score} for one, score in
               ((ADA, 1), (GRACE, 101))]  # fmt: skip
    good, bad = (await org.patch("/composite/sobjects", {"records": records})).json()
    assert good["success"] is True
    assert bad == {"success": False, "errors": [{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                                                 "message": "Too good", "fields": ["Score__c"]}]}  # fmt: skip
    upserted = await org.patch("/sobjects/Contact/HubSpot_Contact_Id__c/H9", {"LastName": "X"})
    assert error_of(upserted) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")


async def test_a_rule_that_cannot_be_worked_out_refuses_nothing() -> None:
    rule = {"object": "Contact", "name": "R", "formula": "1 / Score__c > 0", "message": "no"}
    org = _org(validation_rules=[rule])
    for score in (0, None):
        assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Score__c": score})).status_code == 204
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Score__c": 1})).status_code == 400


async def test_a_rule_may_let_the_integration_user_pass() -> None:
    formula = "NOT(BEGINS($User.Username, 'integration')) && ISCHANGED(Phone)"
    org = _org(validation_rules=[{"object": "Contact", "name": "R", "formula": formula, "message": "no"}])
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})).status_code == 204
    by_hand = await org.client.patch(f"/_control/records/Contact/{ADA}", json={"fields": {"Phone": "2"}, "by": ALICE})
    assert by_hand.status_code == 400


# Duplicate rules


def _exact(target: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"object": target, "rule": f"{target}_MR", "fields": list(fields)}


def _duplicates(action: dict[str, str], *matching: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    given = list(matching) or [_exact("Contact", {"field": "Email"})]
    rule = {"object": "Contact", "name": "Contacts_DR", "action": action, "matching": given}
    return [{**rule, "alert": "Use one of these records?", **more}]


DOUBLE = {"LastName": "Lovelace", "Email": "ADA@acme.example"}


async def test_a_blocked_duplicate_names_its_match() -> None:
    org = _org(duplicate_rules=_duplicates({"create": "block"}))
    answer = await org.post("/sobjects/Contact", DOUBLE)
    assert answer.status_code == 400
    url = f"{DATA}/sobjects/Contact/{ADA}"
    record = {"attributes": {"type": "Contact", "url": url}, "Id": ADA}
    match = {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100, "record": record}
    result = {"entityType": "Contact", "errors": [], "matchEngine": "ExactMatchEngine", "matchRecords": [match]}
    assert answer.json() == [
        {
            "duplicateResut": {
                "allowSave": False,
                "duplicateRule": "Contacts_DR",
                "duplicateRuleEntityType": "Contact",
                "errorMessage": "Use one of these records?",
                "matchResults": [{**result, "rule": "Contact_MR", "size": 1, "success": True}],
            },
            "errorCode": "DUPLICATES_DETECTED",
            "message": "Use one of these records?",
        }
    ]
    assert error_of(await org.post("/sobjects/Contact", DOUBLE, headers=INSIST)) == (400, "DUPLICATES_DETECTED")


async def test_an_allowed_duplicate_passes_when_the_caller_insists() -> None:
    org = _org(duplicate_rules=_duplicates({"create": "allow"}))
    refused = await org.post("/sobjects/Contact", DOUBLE)
    assert refused.json()[0]["duplicateResut"]["allowSave"] is True
    assert (await org.post("/sobjects/Contact", DOUBLE, headers=INSIST)).status_code == 201
    assert await org.column("SELECT COUNT(Id) FROM Contact WHERE Email = 'ada@acme.example'") == [2]


async def test_people_insist_on_what_is_allowed_and_are_refused_what_is_blocked() -> None:
    for action, status in (("allow", 201), ("block", 400)):
        org = _org(duplicate_rules=_duplicates({"create": action}))
        answer = await org.client.post("/_control/records/Contact", json={"fields": DOUBLE})
        assert (answer.status_code in (200, 201)) == (status == 201)


async def test_a_reporting_or_sleeping_rule_and_an_action_left_out_let_all_through() -> None:
    for rules in (
        _duplicates({"create": "report"}),
        _duplicates({"create": "block"}, active=False),
        _duplicates({"edit": "block"}),
    ):
        assert (await _org(duplicate_rules=rules).post("/sobjects/Contact", DOUBLE)).status_code == 201


async def test_an_edit_is_judged_only_when_a_compared_field_changes_and_never_against_itself() -> None:
    section = {**world(), "duplicate_rules": _duplicates({"edit": "block"})}
    section["records"]["Contact"][2]["Email"] = "grace@acme.example"
    org = Org(section)
    assert (await org.patch(f"/sobjects/Contact/{GRACE}", {"Title": "Admiral"})).status_code == 204
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Email": "ada@new.example"})).status_code == 204
    refused = await org.patch(f"/sobjects/Contact/{ADA}", {"Email": "grace@acme.example"})
    (result,) = refused.json()[0]["duplicateResut"]["matchResults"]
    assert result["size"] == 2
    assert {one["record"]["Id"] for one in result["matchRecords"]} >= {GRACE}


async def test_a_contact_may_match_a_lead_and_details_are_shown_when_asked_for() -> None:
    matching = [_exact("Contact", {"field": "Email"}), _exact("Lead", {"field": "Email"})]
    org = _org(duplicate_rules=_duplicates({"create": "allow"}, *matching))
    body = {"LastName": "T", "Email": "linus@kernel.example"}
    headers = {"Sforce-Duplicate-Rule-Header": "allowSave=false; includeRecordDetails=true"}
    (result,) = (await org.post("/sobjects/Contact", body, headers=headers)).json()[0]["duplicateResut"]["matchResults"]
    assert (result["entityType"], result["rule"]) == ("Lead", "Lead_MR")
    record = result["matchRecords"][0]["record"]
    assert (record["Id"], record["Name"], record["Email"]) == (LINUS, "Linus O'Torvalds", "linus@kernel.example")
    converted = {"LastName": "H", "Email": "margaret@moon.example"}
    assert (await org.post("/sobjects/Contact", converted)).status_code == 201


async def test_blanks_agree_only_when_the_rule_says_so_and_something_else_does() -> None:
    rule = _exact("Contact", {"field": "LastName"}, {"field": "Phone", "blank": "match"})
    org = _org(duplicate_rules=_duplicates({"create": "block"}, rule))
    assert (await org.post("/sobjects/Contact", {"LastName": "Turing"})).status_code == 400
    assert (await org.post("/sobjects/Contact", {"LastName": "Turing", "Phone": "1"})).status_code == 201
    strict = _exact("Contact", {"field": "LastName"}, {"field": "Phone"})
    org = _org(duplicate_rules=_duplicates({"create": "block"}, strict))
    assert (await org.post("/sobjects/Contact", {"LastName": "Turing"})).status_code == 201
    only = _exact("Contact", {"field": "Phone", "blank": "match"})
    org = _org(duplicate_rules=_duplicates({"create": "block"}, only))
    assert (await org.post("/sobjects/Contact", {"LastName": "Turing"})).status_code == 201


async def test_a_fuzzy_comparison_finds_what_is_written_another_way() -> None:
    fields = [{"field": "Name", "with": "Company", "method": "fuzzy"}]
    rule = {"object": "Lead", "name": "Lead_DR", "action": {"create": "block"}, "matching": [
        {"object": "Account", "rule": "Company_MR", "fields": fields}]}  # fmt: skip
    org = _org(duplicate_rules=[rule])
    refused = await org.post("/sobjects/Lead", {"LastName": "X", "Company": "GLOBEX, Inc."})
    (result,) = refused.json()[0]["duplicateResut"]["matchResults"]
    assert (result["matchEngine"], result["entityType"]) == ("FuzzyMatchEngine", "Account")
    assert result["matchRecords"][0]["record"]["Id"] == GLOBEX
    near = await org.post("/sobjects/Lead", {"LastName": "X", "Company": "Globexx"})
    assert 80 <= near.json()[0]["duplicateResut"]["matchResults"][0]["matchRecords"][0]["matchConfidence"] < 100
    assert (await org.post("/sobjects/Lead", {"LastName": "X", "Company": "Initech"})).status_code == 201


async def test_a_collection_carries_the_result_inside_the_error_of_its_record() -> None:
    org = _org(duplicate_rules=_duplicates({"create": "block"}))
    records = [{"attributes": {"type": "Contact"}, **one} for one in (DOUBLE, {"LastName": "New"})]
    bad, good = (await org.post("/composite/sobjects", {"records": records})).json()
    (error,) = bad["errors"]
    assert (error["statusCode"], error["duplicateResut"]["duplicateRule"]) == ("DUPLICATES_DETECTED", "Contacts_DR")
    assert good["success"] is True


async def test_the_result_can_be_had_as_data_for_other_interfaces() -> None:
    org = _org(duplicate_rules=_duplicates({"create": "block"}))
    state = org.service._api.org
    rules = next(part for part in state.parts.all() if part.section == "duplicate_rules")
    row = {"LastName": "L", "Email": "ada@acme.example"}
    fail = rules.fail_of(state.tables["contact"], row, None, Actor(ALICE, api="soap/66.0"))  # type: ignore[attr-defined]
    assert fail.result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == ADA


# Assignment rules


def _assignment(*, active: bool = True) -> list[dict[str, Any]]:
    entries = [
        {"formula": "ISPICKVAL(LeadSource, 'Web')", "owner": QUEUE},
        {"formula": "ISPICKVAL(LeadSource, 'Other')", "owner": None},
        {"owner": ALICE},
    ]
    return [{"object": "Lead", "name": "Standard", "active": active, "id": new_id("01Q", 7), "entries": entries}]


def _with_queue(**parts: Any) -> Org:
    section = {**world(), **parts}
    section["records"]["Group"] = [{"Id": QUEUE, "Name": "Web leads", "Type": "Queue"}]
    return Org(section)


LEAD = {"LastName": "Knuth", "Company": "TeX"}


async def _owner(org: Org, headers: dict[str, str] | None = None, **fields: Any) -> str:
    made = await org.post("/sobjects/Lead", {**LEAD, **fields}, headers=headers)
    assert made.status_code == 201, made.text
    return str((await org.fields("Lead", made.json()["id"]))["OwnerId"])


async def test_the_first_entry_that_fits_gives_a_new_lead_its_owner() -> None:
    org = _with_queue(assignment_rules=_assignment())
    assert await _owner(org, LeadSource="Web") == QUEUE
    assert await _owner(org, LeadSource="Other") == org.user_id
    assert await _owner(org) == ALICE
    assert (await org.fields("Contact", ADA))["OwnerId"] == ALICE


async def test_a_call_may_do_without_assignment_or_name_its_rule() -> None:
    org = _with_queue(assignment_rules=_assignment())
    assert await _owner(org, {"Sforce-Auto-Assign": "FALSE"}, LeadSource="Web") == org.user_id
    assert await _owner(org, {"Sforce-Auto-Assign": "true"}, LeadSource="Web") == QUEUE
    org = _with_queue(assignment_rules=_assignment(active=False))
    assert await _owner(org, LeadSource="Web") == org.user_id
    assert await _owner(org, {"Sforce-Auto-Assign": new_id("01Q", 7)[:15]}, LeadSource="Web") == QUEUE
    for given, code in (("perhaps", "MALFORMED_ID"), (new_id("01Q", 8), "INVALID_CROSS_REFERENCE_KEY")):
        refused = await org.post("/sobjects/Lead", LEAD, headers={"Sforce-Auto-Assign": given})
        assert error_of(refused) == (400, code)


async def test_an_update_is_assigned_too_unless_the_call_says_no_and_people_keep_theirs() -> None:
    org = _with_queue(assignment_rules=_assignment())
    quiet = {"Sforce-Auto-Assign": "FALSE"}
    assert (await org.patch(f"/sobjects/Lead/{LINUS}", {"LeadSource": "Web"}, headers=quiet)).status_code == 204
    assert (await org.fields("Lead", LINUS))["OwnerId"] == ALICE
    assert (await org.patch(f"/sobjects/Lead/{LINUS}", {"Title": "Dr."})).status_code == 204
    assert (await org.fields("Lead", LINUS))["OwnerId"] == QUEUE
    made = await org.control("records/Lead", {"fields": {**LEAD, "LeadSource": "Web"}, "by": ALICE})
    assert (await org.fields("Lead", made["id"]))["OwnerId"] == ALICE


# Worlds


async def test_rules_are_saved_and_loaded_with_their_world() -> None:
    parts: dict[str, Any] = {
        "validation_rules": VALIDATION,
        "duplicate_rules": _duplicates({"create": "allow", "edit": "block"}),
        "assignment_rules": _assignment(),
    }
    org = _with_queue(**parts)
    saved = org.service.save()
    assert [one["name"] for one in saved["validation_rules"]] == [one["name"] for one in VALIDATION]
    again = Org(saved)
    assert again.service.save() == saved
    assert error_of(await again.post("/sobjects/Contact", DOUBLE)) == (400, "DUPLICATES_DETECTED")
    assert await _owner(again, LeadSource="Web") == QUEUE


def _validation(**changed: Any) -> dict[str, Any]:
    return {"validation_rules": [{**VALIDATION[1], **changed}]}


def _one_duplicate(**changed: Any) -> dict[str, Any]:
    return {"duplicate_rules": [{**_duplicates({"create": "block"})[0], **changed}]}


def _one_assignment(**changed: Any) -> dict[str, Any]:
    return {"assignment_rules": [{**_assignment()[0], **changed}]}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"validation_rules": {}}, "has to be a list"),
        ({"validation_rules": ["x"]}, "validation_rules, rule 1: has to be a JSON object"),
        ({"validation_rules": [{"object": "Contact"}]}, "name, formula, message is missing"),
        (_validation(object="Nope"), "rule 1 (Score): this org has no object 'Nope'"),
        (_validation(field="Nope"), "Contact has no field 'Nope'"),
        (_validation(formula="Nope = 1"), "(Score): Field Nope does not exist. Check spelling. (row 1, column 1)"),
        (_validation(formula="1 + 1"), "incompatible with expected (Boolean)"),
        (_validation(formula=None), "has to be a text"),
        (_validation(active="yes"), "active has to be true or false"),
        (_validation(colour="red"), "unknown key colour"),
        (_one_duplicate(object="Nope"), "duplicate_rules, rule 1 (Contacts_DR): this org has no object 'Nope'"),
        (_one_duplicate(action={"create": "scold"}), "not 'scold'"),
        (_one_duplicate(action={"delete": "block"}), "unknown key delete"),
        (_one_duplicate(matching=[]), "not an empty one"),
        (_one_duplicate(matching=[_exact("Nope", {"field": "Email"})]), "no object 'Nope'"),
        (_one_duplicate(matching=[_exact("Lead")]), "fields has to be a list"),
        (_one_duplicate(matching=[_exact("Lead", {"field": "Nope"})]), "Lead has no field 'Nope'"),
        (_one_duplicate(matching=[_exact("Lead", {"field": "Company"})]), "Contact has no field 'Company'"),
        (_one_duplicate(matching=[_exact("Lead", {"field": "Email", "method": "psychic"})]), "not 'psychic'"),
        (_one_duplicate(matching=[_exact("Lead", {"field": "Email", "blank": "yes"})]), "not 'yes'"),
        (_one_assignment(object="Contact"), "not for Contact"),
        (_one_assignment(entries=[{"owner": BOB[:-3] + "zzz"}]), "is no user and no queue"),
        (_one_assignment(entries=[{"formula": "Nope", "owner": ALICE}]), "entry 1: Field Nope does not exist"),
        (_one_assignment(entries=[{"formula": "TRUE"}]), "entry 1: owner is missing"),
        (_one_assignment(id=ACME), "no id of an assignment rule"),
        ({"assignment_rules": [_assignment()[0], {**_assignment()[0], "id": new_id("01Q", 8)}]}, "only one"),
    ],
)
def test_a_bad_rule_keeps_the_world_from_loading_and_is_named(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlError) as refused:
        _with_queue(**parts)
    assert words in str(refused.value)
