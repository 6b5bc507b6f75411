"""What a new installation starts from (SPEC 2.1), and what the packaged file comes to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from concord import config
from concord.core.lifecycle import may_move
from concord.core.mapping import FieldPair, Owner, Specs, SyncRule, translate
from concord.core.model import Side
from concord.core.values import FieldSpec, FieldType, Option


def _field(name: str, left_object: str = "Lead") -> FieldPair:
    people = config.starting().pair("people")
    assert people is not None
    return next(one for one in people.fields_of(left_object) if one.name == name)


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("email", Owner.RIGHT),
        ("lead_status", Owner.LEFT),
        ("lifecycle_stage", Owner.RIGHT),
        ("phone", Owner.LEFT),
        ("company_name", Owner.LEFT),
        ("email_opt_out", Owner.RIGHT),
        ("last_contacted", Owner.LATEST),
    ],
)
def test_the_starting_table_of_spec_2_1_is_the_default(name: str, owner: Owner) -> None:
    assert _field(name).owner is owner


def test_the_packaged_file_has_neither_problem_nor_warning() -> None:
    found = config.read_text(config.starting_text(), "default.yaml")
    assert (found.problems, found.warnings) == ((), ())


def test_opt_out_is_most_restrictive_and_lifecycle_moves_forward_only() -> None:
    assert _field("email_opt_out").rule is SyncRule.MOST_RESTRICTIVE
    stage = _field("lifecycle_stage")
    assert stage.rule is SyncRule.FORWARD_ONLY
    assert may_move(stage, "lead", "customer")
    assert not may_move(stage, "customer", "lead")
    assert may_move(stage, "customer", "other")
    assert may_move(stage, "other", "lead")


def test_a_field_that_leads_and_contacts_name_differently_is_one_pair_for_each() -> None:
    assert (_field("street", "Lead").left, _field("street", "Contact").left) == ("Street", "MailingStreet")
    assert _field("street", "Lead").right == _field("street", "Contact").right == "address"


def test_a_lead_status_stands_for_several_of_hubspots_and_comes_back_from_each() -> None:
    pair = _field("lead_status")
    lead = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
    hubspot = (
        "NEW",
        "OPEN",
        "IN_PROGRESS",
        "OPEN_DEAL",
        "UNQUALIFIED",
        "ATTEMPTED_TO_CONTACT",
        "CONNECTED",
        "BAD_TIMING",
    )
    specs = Specs(_picklist("Status", lead), _picklist("hs_lead_status", hubspot))
    there = {value: translate(value, pair, specs, Side.LEFT, {}) for value in lead}
    back = {value: translate(value, pair, specs, Side.RIGHT, {}) for value in hubspot}
    assert there == {
        "Open - Not Contacted": "NEW",
        "Working - Contacted": "IN_PROGRESS",
        "Closed - Converted": "OPEN_DEAL",
        "Closed - Not Converted": "UNQUALIFIED",
    }
    assert back["CONNECTED"] == back["OPEN_DEAL"] == back["IN_PROGRESS"] == "Working - Contacted"
    assert (back["OPEN"], back["BAD_TIMING"]) == ("Open - Not Contacted", "Closed - Not Converted")


def _picklist(name: str, values: tuple[str, ...]) -> FieldSpec:
    return FieldSpec(name, FieldType.PICKLIST, options=tuple(Option(one, one) for one in values))


def test_people_are_made_by_unique_keys_and_companies_are_not_made() -> None:
    settings = config.starting()
    people, companies = settings.pair("people"), settings.pair("companies")
    assert people is not None
    assert companies is not None
    assert (people.kind, people.left_objects, people.right_object) == ("person", ("Contact", "Lead"), "contacts")
    assert (people.create_left, people.create_right, people.key_left) == ("Lead", True, "HubSpot_Contact_Id__c")
    assert people.keys_right == {"Contact": "salesforce_contact_id", "Lead": "salesforce_lead_id"}
    assert (companies.kind, companies.create_left, companies.create_right) == ("company", None, False)
    assert settings.pair("deals") is None


def test_what_salesforce_requires_of_a_new_lead_has_a_default() -> None:
    assert _field("last_name").default(Side.LEFT) == "[not provided]"
    assert _field("company_name").default(Side.LEFT) == "[not provided]"


def test_identity_is_the_usual_fields_of_the_vendors_objects() -> None:
    people = config.starting().pair("people")
    assert people is not None
    assert people.identity(Side.LEFT, "Lead").company == "Company"
    assert people.identity(Side.LEFT, "Contact").account == "AccountId"
    assert people.identity(Side.RIGHT, "contacts").additional_emails == "hs_additional_emails"


def test_a_file_without_a_mapping_has_the_starting_one_under_its_own_rules_of_conflict() -> None:
    text = (
        "version: 1\nsalesforce: {url: https://a.my.salesforce.com}\nsync: {window: 90s, tie: [hubspot, salesforce]}\n"
    )
    settings = config.read_text(text, "concord.yaml").settings
    assert settings is not None
    assert [pair.name for pair in settings.objects] == ["companies", "people"]
    assert {field.window for pair in settings.objects for field in pair.fields} == {timedelta(seconds=90)}
    assert {field.tie for pair in settings.objects for field in pair.fields} == {Side.RIGHT}


def test_a_file_that_names_people_only_syncs_people_only() -> None:
    text = (
        "version: 1\nsalesforce: {url: https://acme.my.salesforce.com}\n"
        "people: {salesforce: Contact, hubspot: contacts, fields: {email: {salesforce: Email, hubspot: email}}}\n"
    )
    settings = config.read_text(text, "concord.yaml").settings
    assert settings is not None
    assert [pair.name for pair in settings.objects] == ["people"]


def test_the_same_settings_can_be_pointed_at_other_systems() -> None:
    settings = config.starting().connected_to(salesforce="http://127.0.0.1:1", hubspot="http://127.0.0.1:2", app_id="7")
    assert (settings.salesforce.url, settings.hubspot.url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert settings.hubspot.app_id == "7"
    assert settings.objects == config.starting().objects
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8321)
