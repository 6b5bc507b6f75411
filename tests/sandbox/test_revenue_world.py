"""The world `revenue`: what it promises, that both sides agree as its truth says, and worlds in files."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from tests.sandbox.served import Served
from tests.sandbox.test_salesforce_simple_client import _PlainHttp

from concord_sandbox.clock import SandboxClock
from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.hubspot import models as portals
from concord_sandbox.hubspot import service as hubspot_service
from concord_sandbox.hubspot.followers import followers
from concord_sandbox.notion import models as workspaces
from concord_sandbox.notion.service import NotionService
from concord_sandbox.salesforce import SalesforceService
from concord_sandbox.salesforce import service as salesforce_service
from concord_sandbox.salesforce.models import Identity
from concord_sandbox.service import ControlError, Controls
from concord_sandbox.world import load_world
from concord_sandbox.worlds.rows import as_json

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KINDS: dict[str, Callable[[Controls], Any]] = {
    "salesforce": SalesforceService,
    "hubspot": HubSpotService,
    "notion": NotionService,
}
WORLDS = Path(__file__).parents[2] / "docs" / "worlds.md"
World = dict[str, Any]


def loaded(world: World, *names: str) -> dict[str, Any]:
    """The services of a world, on a clock that stands still."""
    made = {}
    for name in names or KINDS:
        clock = SandboxClock()
        clock.set(START)
        clock.freeze()
        made[name] = KINDS[name](Controls(clock=clock))
        made[name].load(world.get(name) or {})
    return made


def saved(services: dict[str, Any]) -> World:
    made: World = json.loads(json.dumps({name: service.save() for name, service in services.items()}))
    return made


@pytest.fixture(scope="module")
def world() -> World:
    """As a file has it: every row made."""
    made: World = json.loads(as_json(load_world("revenue:160")))
    return made


@pytest.fixture(scope="module")
def services(world: World) -> dict[str, Any]:
    return loaded(world)


@pytest.fixture(scope="module")
def state() -> World:
    """What three running services save, with every key in it."""
    started = loaded(load_world("revenue:24"))
    salesforce = started["salesforce"]
    lead, other = (row["id"] for row in salesforce.records("Lead")[:2])
    salesforce.human_delete("Lead", lead, None)
    section = salesforce.save()
    section["locks"] = {"held": [{"id": other, "kind": "row", "until": None}], "late": []}
    salesforce.load(section)
    return saved(started)


def rows(world: World, name: str) -> dict[str, Any]:
    """Salesforce's records of an object, or HubSpot's of a type, by id."""
    section, key = ("hubspot", "id") if name[0].islower() else ("salesforce", "Id")
    return {row[key]: row for row in world[section]["records"][name]}


# What it promises


def test_every_key_that_the_sandboxes_know_is_in_use(state: World) -> None:
    parts = {kind.section for kind in salesforce_service.PARTS} - {"formula_fields"}
    plain = {one.name for one in fields(Identity)} - {"my_domain", "access_token"}
    assert {"objects", "records", "history", "features", "currencies", *parts, *plain} <= state["salesforce"].keys()
    made = {key for key in portals._SECTIONS if state["hubspot"].get(key)}
    assert made == portals._SECTIONS
    assert {kind.section for kind in hubspot_service.PARTS} <= state["hubspot"].keys()
    assert all(state["notion"][key] for key in ("databases", "data_sources", "pages", "blocks", "users"))


def test_the_same_seed_makes_the_same_world_and_another_one_other_people() -> None:
    assert as_json(load_world("revenue:30", 4)) == as_json(load_world("revenue:30", 4))
    emails = [load_world("revenue:30", seed)["salesforce"]["records"]["Contact"][0]["Email"] for seed in (4, 5)]
    assert emails[0] != emails[1]


@pytest.mark.parametrize("people", [0, 1, 2, 7, 9, 1000])
def test_the_world_loads_in_any_size(people: int) -> None:
    made = load_world(f"revenue:{people}")
    started = loaded(made)
    truth = made["truth"]
    assert len(truth["company_pairs"]) == -(-people // 8) == len(started["salesforce"].records("Account"))
    assert len(started["hubspot"].records("contacts")) <= people
    assert len(truth["pairs"]) == sum(number % 8 not in (5, 6) for number in range(people))


def test_rows_are_made_as_they_are_read() -> None:
    made = load_world("revenue:4000")
    for section, name in (("salesforce", "Contact"), ("salesforce", "Lead"), ("hubspot", "contacts")):
        assert not isinstance(made[section]["records"][name], list)
    assert not isinstance(made["hubspot"]["associations"], list)


def test_nobody_has_two_partners_and_every_pair_is_a_pair_of_records(world: World) -> None:
    truth = world["truth"]
    objects = {"Lead": rows(world, "Lead"), "Contact": rows(world, "Contact")}
    contacts = rows(world, "contacts")
    partners = [(pair["salesforce"][1], pair["hubspot"]) for pair in truth["pairs"]]
    assert len({one for one, _ in partners}) == len({other for _, other in partners}) == len(partners) > 100
    for pair in truth["pairs"]:
        name, record_id = pair["salesforce"]
        left, right = objects[name][record_id], contacts[pair["hubspot"]]["properties"]
        addresses = [right["email"], *right.get("hs_additional_emails", "").split(";")]
        assert left["Email"].lower() in addresses
        assert (left["Email"] == right["email"]) == (pair["kind"] == "exact")
        assert (left["FirstName"], left["LastName"]) == (right["firstname"], right["lastname"])
        assert left["HubSpot_Lifecycle_Stage__c"] == right["lifecyclestage"]
        assert not left.get("IsDeleted")
        assert not contacts[pair["hubspot"]].get("archived")
    assert {pair["kind"] for pair in truth["pairs"]} == {"exact", "exact_case", "additional_address"}


def test_duplicates_shared_mailboxes_and_converted_leads_are_what_the_truth_says(world: World) -> None:
    leads, contacts, hubspot = rows(world, "Lead"), rows(world, "Contact"), rows(world, "contacts")
    truth = world["truth"]
    assert truth["duplicates"]["salesforce"]
    for contact, lead in truth["duplicates"]["salesforce"]:
        assert contacts[contact]["Email"] == leads[lead]["Email"]
        whole = next(one for one in truth["people"] if ["Contact", contact] in one["salesforce"])
        assert ["Lead", lead] in whole["salesforce"]
    assert truth["never_link"]
    for pair in truth["never_link"]:
        left, right = leads[pair["salesforce"][1]], hubspot[pair["hubspot"]]["properties"]
        assert left["Email"] == right["email"]
        assert left["LastName"] != right["lastname"]
    assert truth["converted"]
    for lead, contact in truth["converted"]:
        assert leads[lead]["IsConverted"]
        assert leads[lead]["ConvertedContactId"] == contact
        assert leads[lead]["ConvertedAccountId"] == contacts[contact]["AccountId"]


def test_both_sides_of_every_other_pair_say_the_same(services: dict[str, Any], world: World) -> None:
    now = saved(services)
    truth = world["truth"]

    def both(key: str, name: str, plural: str) -> Iterator[tuple[World, World]]:
        left, right = rows(now, name), rows(now, plural)
        assert truth[key]
        return ((left[one], right[other]["properties"]) for one, other in truth[key])

    for account, company in both("company_pairs", "Account", "companies"):
        assert (account["Name"], account["Website"]) == (company["name"], company["website"])
    for opportunity, deal in both("deal_pairs", "Opportunity", "deals"):
        assert opportunity["Amount"] == float(deal["amount"])
        assert opportunity["CurrencyIsoCode"] == deal["deal_currency_code"]
        assert opportunity["CloseDate"] == deal["closedate"][:10]
        assert bool(opportunity.get("IsWon")) == (deal["hs_is_closed_won"] == "true")
        assert bool(opportunity.get("IsClosed")) == (deal["hs_is_closed"] == "true")
    for line, item in both("line_pairs", "OpportunityLineItem", "line_items"):
        assert line["TotalPrice"] == float(item["amount"])
        assert line["ProductCode"] == item["hs_sku"]
    for product, there in both("product_pairs", "Product2", "products"):
        assert product["ProductCode"] == there["hs_sku"]
    for case, ticket in both("case_pairs", "Case", "tickets"):
        assert (case["CaseNumber"], case["Subject"]) == (ticket["case_number"], ticket["subject"])
        assert bool(case.get("IsClosed")) == (ticket["hs_is_closed"] == "true")
    for here, there in both("subscription_pairs", "Subscription__c", "subscriptions"):
        assert (here["Subscription_Number__c"], here["Status__c"]) == (
            there["subscription_number"],
            there["subscription_status"],
        )


def test_what_hubspot_calculates_is_in_the_records_already(services: dict[str, Any]) -> None:
    portal = services["hubspot"].portal
    for plural, changed in (("deals", ("amount",)), ("line_items", ("price",))):
        table = portal.require_table(plural)
        for record in table.live.values():
            names = {name: record.values[name] for name in changed}
            follows = followers(portal, table, record, names, {}, 0)
            assert follows
            assert {name: record.values.get(name, "") for name in follows} == follows


def test_the_last_activity_of_a_record_is_that_of_its_tasks_and_events(services: dict[str, Any]) -> None:
    now = saved({"salesforce": services["salesforce"]})
    last: dict[str, str] = {}
    for row in [*rows(now, "Event").values(), *(one for one in rows(now, "Task").values() if one.get("IsClosed"))]:
        for name in ("WhoId", "WhatId", "AccountId"):
            if row.get(name):
                last[row[name]] = max(last.get(row[name], ""), row["ActivityDate"])
    assert last
    for name in ("Lead", "Contact", "Account", "Opportunity"):
        for record_id, row in rows(now, name).items():
            assert row.get("LastActivityDate") == last.get(record_id), (name, row)


def test_every_reference_leads_to_a_record(services: dict[str, Any], world: World) -> None:
    org = services["salesforce"]._api.org
    for table in org.tables.values():
        for row in table.rows.values():
            for field in table.kind.fields.values():
                if field.type == "reference" and row.get(field.name):
                    assert org.row(row[field.name]) is not None, (table.kind.name, field.name, row)
    portal = services["hubspot"].portal
    for one, other, _ in portal.links.everything():
        assert one.id in portal.require_table(one.plural).live
        assert other.id in portal.require_table(other.plural).live
    owners = {one["id"]: one["email"] for one in portal.owners}
    users = {row["Email"].lower() for row in org.tables["user"].rows.values()}
    assert set(owners.values()) <= users
    for plural in ("contacts", "companies", "deals"):
        held = (one.values.get("hubspot_owner_id") for one in portal.require_table(plural).live.values())
        assert {one for one in held if one} <= owners.keys()
    assert {one["hubspot"][1] for one in world["truth"]["activity_pairs"]} <= {
        str(number)
        for plural in ("calls", "meetings", "emails", "tasks")
        for number in portal.require_table(plural).live
    }


def test_lists_sequences_and_consent_agree_with_the_contacts(services: dict[str, Any], world: World) -> None:
    contacts = {key: row for key, row in rows(world, "contacts").items() if not row.get("archived")}
    members = {one["name"]: set(one["members"]) for one in world["hubspot"]["lists"]}
    mqls = {key for key, row in contacts.items() if row["properties"]["lifecyclestage"] == "marketingqualifiedlead"}
    assert members["MQLs"] == mqls
    out = world["hubspot"]["unsubscribed"]
    gone = {key for key, row in contacts.items() if row["properties"]["email"] in out}
    assert members["Suppression: never mail"] == gone
    shown = {one["id"]: one["fields"] for one in services["hubspot"].records("contacts")}
    assert {key for key, row in shown.items() if row.get("hs_email_optout") == "true"} == gone
    people = {pair["hubspot"]: pair["salesforce"] for pair in world["truth"]["pairs"]}
    both = {"Lead": rows(world, "Lead"), "Contact": rows(world, "Contact")}
    for contact in gone & people.keys():
        name, record_id = people[contact]
        assert both[name][record_id]["HasOptedOutOfEmail"]
    enrolled = {row["contactId"] for row in world["hubspot"]["sequences"]["enrollments"] if "endedAt" not in row}
    assert enrolled == {key for key, row in shown.items() if row.get("hs_sequences_is_enrolled") == "true"} != set()
    services["hubspot"].tick()
    lists = services["hubspot"].save()["lists"]
    assert {one["id"] for row in lists if row["name"] == "MQLs" for one in row["members"]} == mqls


def test_the_workflow_takes_a_contact_out_of_its_sequence() -> None:
    service = loaded(load_world("revenue:24"), "hubspot")["hubspot"]
    contact = next(
        one["id"] for one in service.records("contacts") if one["fields"].get("hs_sequences_is_enrolled") == "true"
    )
    service.human_edit("contacts", contact, {"salesforce_sync_stop_sequences": "true"}, None)
    service.controls.clock.advance(2)
    service.tick()
    after = next(one["fields"] for one in service.records("contacts") if one["id"] == contact)
    assert (after["hs_sequences_is_enrolled"], after["salesforce_sync_stop_sequences"]) == ("false", "false")


def test_simple_salesforce_walks_the_world() -> None:
    served = Served(SandboxApp(loaded(load_world("revenue:500"), "salesforce")["salesforce"]))
    try:
        host = served.url.removeprefix("http://")
        session = requests.Session()
        session.mount(f"https://{host}", _PlainHttp())
        client = Salesforce(instance_url=served.url, session_id=served.credentials["access_token"], version="66.0",
                            session=session)  # fmt: skip
        _walk(client)
    finally:
        served.stop()


def _walk(client: Any) -> None:
    for one in client.describe()["sobjects"]:
        if one["queryable"]:
            assert client.query(f"SELECT Id FROM {one['name']} LIMIT 5")["totalSize"] >= 0  # noqa: S608 - in memory
    mqls = client.query("SELECT Id, RecordType.DeveloperName FROM Lead WHERE Status = 'MQL'")["records"]
    assert {one["RecordType"]["DeveloperName"] for one in mqls} == {"Inbound"}
    contact = client.query(
        "SELECT Id, Active_Subscriptions__c, (SELECT Monthly_Value__c, Seats__c, Price_Per_Seat__c "
        "FROM Subscriptions__r) FROM Contact WHERE Active_Subscriptions__c > 0 LIMIT 1"
    )["records"][0]
    detail = contact["Subscriptions__r"]["records"][0]
    assert detail["Monthly_Value__c"] == detail["Seats__c"] * detail["Price_Per_Seat__c"]
    fields_shown = {field["name"]: field for field in client.Account.describe()["fields"]}
    assert "Credit_Limit__c" not in fields_shown
    assert not fields_shown["AnnualRevenue"]["updateable"]
    lines = client.query("SELECT SUM(TotalPrice) total FROM OpportunityLineItem WHERE Opportunity.IsWon = true")
    assert lines["records"][0]["total"] > 0
    grouped = client.query("SELECT CampaignId, COUNT(Id) n FROM CampaignMember GROUP BY CampaignId")["records"]
    assert len(grouped) == 3
    history = client.query("SELECT Field, OldValue, NewValue FROM LeadHistory WHERE Field = 'Status'")["records"]
    assert {one["NewValue"] for one in history} == {"MQL"}


# Files


def test_a_world_survives_files_and_running_services_unchanged(tmp_path: Path) -> None:
    made = load_world("revenue:40")
    first = saved(loaded(made))
    file = tmp_path / "world.json"
    file.write_text(as_json(made), encoding="utf-8")
    assert saved(loaded(load_world(str(file)))) == first
    file.write_text(json.dumps(first), encoding="utf-8")
    again = loaded(load_world(str(file)))
    assert saved(again) == first
    for service in again.values():
        service.tick()
    assert saved(loaded(saved(again))) == saved(again)


def test_the_state_of_a_running_service_is_a_section_of_a_world(state: World) -> None:
    assert saved(loaded(state)) == state


def at(*path: Any) -> Callable[[Any], Callable[[World], None]]:
    """Puts a value where the path leads."""

    def changing(value: Any) -> Callable[[World], None]:
        def change(world: World) -> None:
            here: Any = world
            for step in path[:-1]:
                here = here[step]
            if path[-1] == "+":
                here.append(value)
            else:
                here[path[-1]] = value

        return change

    return changing


def twice(section: str, name: str, path: tuple[str, ...], field: str) -> Callable[[World], None]:
    """Gives the first two records of an object the same value."""

    def change(world: World) -> None:
        for place in (0, 1):
            at(section, "records", name, place, *path, field)("a@b.example")(world)

    return change


SF, HS, NO = "salesforce", "hubspot", "notion"
ACCOUNT_FIELDS = (SF, "objects", "Account", "fields")
BROKEN: list[tuple[Callable[[World], None], str]] = [
    # Misspelt keys
    (at(SF, "recrods")({}), "a Salesforce section has no key recrods"),
    (at(SF, "records", "Leed")([]), "records of Leed: this org has no such object"),
    (at(SF, "records", "Lead", 0, "Emial")("x"), "the object has no field 'Emial'"),
    (at(SF, "objects", "Lead", "feilds")([]), "did you mean 'fields'"),
    (at(SF, "objects", "Subscription__c", "lable")("x"), "did you mean 'label'"),
    (at(SF, "currencies", 0, "IsoCod")("x"), "did you mean 'IsoCode'"),
    (at(SF, "behaviours", "number")({}), "did you mean 'numbers'"),
    (at(SF, "access", "hiden")({}), "access: there is no hiden"),
    (at(SF, "change_events", "selectd")([]), "change_events has no selectd"),
    (at(SF, "outbound_messages", "messages", 0, "feilds")([]), "an outbound message has no feilds"),
    (at(SF, "oauth", "jwt_user")([]), "oauth has no key jwt_user"),
    (at(SF, "bulk_jobs", "pace")(1), "bulk_jobs has no key pace"),
    (at(SF, "recycle_bin", "entrys")([]), "recycle_bin has no key entrys"),
    (at(SF, "locks", "hold")([]), "unknown key hold"),
    (at(SF, "history", "+")({"LeedId": "x"}), "cannot tell the object"),
    (at(HS, "recrods")({}), "unknown keys in the section hubspot: recrods"),
    (at(HS, "records", "contacts", 0, "propertys")({}), "did you mean 'properties'"),
    (at(HS, "records", "contacts", 0, "properties", "emial")("x"), "contacts have no property 'emial'"),
    (at(HS, "associations", 0, "type")([1]), "did you mean 'types'"),
    (at(HS, "labels", 0, "lable")("x"), "did you mean 'label'"),
    (at(HS, "properties", "contacts", 0, "lable")("x"), "did you mean 'label'"),
    (at(HS, "objects", "subscriptions", "singuler")("x"), "did you mean 'singular'"),
    (at(HS, "lists", 0, "memebers")([]), "did you mean 'members'"),
    (at(HS, "sequences", "enrolments")([]), "unknown keys in sequences: enrolments"),
    (at(HS, "workflows", 0, "then")([]), "unknown keys of a workflow: then"),
    (at(HS, "webhooks", "targetUrl")("x"), "unknown webhook settings: targetUrl"),
    (at(HS, "journal", "pagems")(1), "a journal has no pagems"),
    (at(HS, "oauth", "redirects")([]), "did you mean 'redirect_uris'"),
    (at(HS, "preferences", "units")([]), "unknown keys in preferences: units"),
    (at(HS, "interruptions", "lock")({}), "did you mean 'locked'"),
    (at(NO, "pagez")([]), "a Notion section has no key pagez"),
    (at(NO, "pages", 0, "propertys")({}), "did you mean 'properties'"),
    # What leads nowhere, and what there cannot be two of
    (at(SF, "records", "Contact", 0, "AccountId")("nonsense"), "is no Salesforce id"),
    (at(SF, "records", "Contact", 0, "Id")("00Q000000000001"), "no id of this object, whose ids begin 003"),
    (lambda world: world[SF]["records"]["Lead"].append(world[SF]["records"]["Lead"][0]), "two records have the id"),
    (twice(SF, "Contact", (), "HubSpot_Contact_Id__c"), "have the same HubSpot_Contact_Id__c"),
    (at(SF, "assignment_rules", 0, "entries", 0, "owner")("005000000000999"), "is no user and no queue"),
    (at(SF, "lead_mapping", "Contact")({"Nope__c": "X__c"}), "there is no such field"),
    (at(*ACCOUNT_FIELDS, "+")({"name": "X__c", "type": "reference", "referenceTo": ["Y__c"]}), "no object 'Y__c'"),
    (at(HS, "associations", 0, "types")([4711]), r"association types \[4711\] do not exist"),
    (at(HS, "associations", 0, "from")(["kontakts", "1"]), "there is no object type 'kontakts'"),
    (at(HS, "association_limits", 0, "from")("dealz"), "there is no object type 'dealz'"),
    (at(HS, "sequences", "enrollments", 0, "sequenceId")("9"), "names no sequence of this world"),
    (at(HS, "validations", "contacts", "fone")([{"ruleType": "EMAIL"}]), "contacts have no property 'fone'"),
    (twice(HS, "contacts", ("properties",), "email"), "two contacts have the email 'a@b.example'"),
    (at(NO, "data_sources", 0, "database_id")("1f3a9c1e-77d0-4b5e-9a55-0c2f6d7be999"), "there is no database"),
    # Rules and values that mean nothing
    (at(SF, "validation_rules", 0, "formula")("AND(ISBLANK(Name)"), "rule 1 .*Syntax error"),
    (at(SF, "validation_rules", 0, "formula")("ISBLANK(Nope__c)"), "Field Nope__c does not exist"),
    (at(SF, "duplicate_rules", 0, "action")({"create": "refuse"}), "may block, allow, report"),
    (at(SF, "change_events", "channels", "Customers__chn", "filter")("StageName ="), "MALFORMED_QUERY"),
    (at(SF, "objects", "Lead", "recordTypes", 1, "picklistValues")({"Status": ["Nope"]}), "Status has no value Nope"),
    (at(*ACCOUNT_FIELDS, "+")({"name": "X__c", "type": "text"}), "a known type"),
    (at(SF, "records", "Account", 0, "NumberOfEmployees")("many"), "'many' is no number"),
    (at(SF, "records", "Contact", 0, "DoNotCall")("yes"), "no value of a field of the type boolean"),
    (at(SF, "records", "Opportunity", 0, "CloseDate")("tomorrow"), "no value of a field of the type date"),
    (at(SF, "records", "CampaignMember", 0, "Status")("Nope"), "bad value for restricted picklist"),
    (at(HS, "validations", "contacts", "phone")([{"ruleType": "LENGTH"}]), "unknown validation rule 'LENGTH'"),
    (at(HS, "lists", 1, "filterBranch", "filterBranches", 0, "filters", 0, "property")("nope"), "does not exist"),
    (at(HS, "workflows", 0, "do")([{"stop": True}]), "an action of a workflow is one of"),
    (at(HS, "statuses", 0, "status")("MAYBE"), "'MAYBE' is no status"),
    (at(NO, "pages", 0, "properties", "Stage")({"status": {"name": "x"}}), 'status option "x" does not exist'),
    (at(NO, "capabilities")(["reed"]), "no capability reed"),
]  # fmt: skip


@pytest.mark.parametrize(("break_it", "words"), BROKEN, ids=[words[:50] for _, words in BROKEN])
def test_a_mistake_in_a_saved_state_is_refused_by_name(
    state: World, break_it: Callable[[World], None], words: str
) -> None:
    broken = copy.deepcopy(state)
    break_it(broken)
    name = next(name for name in KINDS if broken[name] != state[name])
    with pytest.raises(ControlError, match=words) as refused:
        loaded(broken, name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"saleforce": {}, "hubspot": {}}', "did you mean 'salesforce'"),
        ('{"records": {}}', "stands under its service's name"),
        ('{"hubspot": [1]}', "the section hubspot has to be a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ('{"hubspot": {},}', "is not JSON"),
    ],
)
def test_a_file_that_is_no_world_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "world.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ControlError, match=words):
        load_world(str(file))


# docs/worlds.md

EXAMPLES = re.findall(r"^```json\n(.*?)^```$", WORLDS.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_the_document_loads(tmp_path: Path, text: str) -> None:
    file = tmp_path / "world.json"
    file.write_text(text, encoding="utf-8")
    example = load_world(str(file))
    first = saved(loaded(example))
    assert saved(loaded(first)) == first
    for name in ("salesforce", "hubspot"):
        records = example.get(name, {}).get("records", {})
        for kind, given in records.items():
            assert len(first[name]["records"][kind]) >= len(given)


def test_the_document_names_every_key() -> None:
    chapters = dict(re.findall(r"^## (Salesforce|HubSpot|Notion)$(.*?)(?=^## )", WORLDS.read_text("utf-8"),
                               re.MULTILINE | re.DOTALL))  # fmt: skip
    listed = {
        name: set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))
        for name, text in chapters.items()
    }
    salesforce = {kind.section for kind in salesforce_service.PARTS} - {"formula_fields"}
    salesforce |= {one.name for one in fields(Identity)}
    assert listed["Salesforce"] == salesforce | {"objects", "records", "history", "features", "currencies"}
    hubspot = {kind.section for kind in hubspot_service.PARTS} | portals._SECTIONS | portals._SETTINGS.keys()
    assert listed["HubSpot"] == hubspot | {"next_id"}
    assert listed["Notion"] == workspaces._SETTINGS.keys() | set(workspaces._LISTS)
    used = {key for text in EXAMPLES for key in json.loads(text).get("salesforce", {})}
    assert salesforce - {one.name for one in fields(Identity)} <= used
    used = {key for text in EXAMPLES for key in json.loads(text).get("hubspot", {})}
    assert {kind.section for kind in hubspot_service.PARTS} | portals._SECTIONS <= used
