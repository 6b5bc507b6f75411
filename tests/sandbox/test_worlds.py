"""The built-in worlds: their numbers, their inner agreement, and what the truth says of the records."""

from __future__ import annotations

import random
import string
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from concord_sandbox.service import ControlError
from concord_sandbox.world import load_world
from concord_sandbox.worlds import BUILT_IN, bench
from concord_sandbox.worlds.care import LONG_TITLE
from concord_sandbox.worlds.ids import salesforce_id, with_checksum
from concord_sandbox.worlds.names import mistyped, to_ascii
from concord_sandbox.worlds.schema import BASE

SEEDS = (1, 2, 7, 20_261)


@pytest.fixture(scope="module", params=SEEDS)
def agency(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load_world("agency", request.param)


def salesforce_people(world: dict[str, Any]) -> dict[str, dict[str, Any]]:
    records = world["salesforce"]["records"]
    return {record["Id"]: record for name in ("Lead", "Contact") for record in records[name]}


def hubspot_people(world: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {record["id"]: record for record in world["hubspot"]["records"]["contacts"]}


def address_in_salesforce(record: dict[str, Any]) -> str:
    return str(record.get("Email", "")).strip().lower()


def test_the_checksum_of_an_id_is_salesforces_own() -> None:
    # From the vendor's documents: api/salesforce.md section 2.2 shows this organisation and this user.
    assert with_checksum("00Dxx0000001gPL") == "00Dxx0000001gPLEAY"
    assert with_checksum("005xx000001SwiU") == "005xx000001SwiUAAS"
    assert len(salesforce_id("003", 10**9)) == 18
    with pytest.raises(ValueError, match="15 characters"):
        with_checksum("003")


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_world_is_the_same_for_the_same_seed_and_has_every_section(name: str) -> None:
    world = load_world(name, 3)
    assert world == load_world(name, 3)
    assert world["name"] == name
    assert world["seed"] == 3
    assert world["clock"] is None
    assert {"salesforce", "hubspot", "notion", "truth"} <= world.keys()


def test_another_seed_makes_other_people() -> None:
    def names(seed: int) -> list[str]:
        return [record["LastName"] for record in load_world("agency", seed)["salesforce"]["records"]["Contact"]]

    assert names(1) != names(2)


def test_the_agency_has_the_numbers_that_it_promises(agency: dict[str, Any]) -> None:
    salesforce, hubspot = agency["salesforce"]["records"], agency["hubspot"]["records"]
    assert (len(salesforce["Lead"]), len(salesforce["Contact"]), len(salesforce["Account"])) == (110, 170, 70)
    assert (len(hubspot["contacts"]), len(hubspot["companies"])) == (450, 85)
    assert len(agency["truth"]["pairs"]) == 200
    kinds = Counter(pair["kind"] for pair in agency["truth"]["pairs"])
    assert kinds["exact"] + kinds["exact_case"] + kinds["exact_other_name"] + kinds["additional_address"] == 119


def test_every_name_in_the_truth_is_a_record(agency: dict[str, Any]) -> None:
    truth = agency["truth"]
    records = agency["salesforce"]["records"]
    ids = {name: {record["Id"] for record in records[name]} for name in ("Lead", "Contact", "Account")}
    contacts = set(hubspot_people(agency))
    companies = {record["id"] for record in agency["hubspot"]["records"]["companies"]}
    for pair in [*truth["pairs"], *truth["never_link"]]:
        object_name, record_id = pair["salesforce"]
        assert record_id in ids[object_name]
        assert pair["hubspot"] in contacts
    for same in truth["duplicates"]["hubspot"]:
        assert set(same) <= contacts
        assert len(set(same)) == 2
    for same in truth["duplicates"]["salesforce"]:
        assert set(same) <= ids["Lead"] | ids["Contact"]
    for account, company in truth["company_pairs"]:
        assert account in ids["Account"]
        assert company in companies


def test_nobody_has_two_partners_and_no_pair_is_both_true_and_forbidden(agency: dict[str, Any]) -> None:
    truth = agency["truth"]
    pairs = [(pair["salesforce"][1], pair["hubspot"]) for pair in truth["pairs"]]
    assert len({salesforce for salesforce, _ in pairs}) == len({hubspot for _, hubspot in pairs}) == 200
    forbidden = {(pair["salesforce"][1], pair["hubspot"]) for pair in truth["never_link"]}
    same_person = {
        (salesforce, hubspot)
        for person in truth["people"]
        for _, salesforce in person["salesforce"]
        for hubspot in person["hubspot"]
    }
    assert set(pairs) <= same_person
    assert not forbidden & same_person
    assert {pair["kind"] for pair in truth["never_link"]} == {
        "shared_mailbox",
        "father_and_son",
        "namesake",
        "household",
    }


def test_hubspot_has_each_address_once_and_in_lower_case(agency: dict[str, Any]) -> None:
    addresses: list[str] = []
    for record in hubspot_people(agency).values():
        properties = record["properties"]
        addresses += [properties["email"]] if "email" in properties else []
        addresses += (
            properties.get("hs_additional_emails", "").split(";") if properties.get("hs_additional_emails") else []
        )
        assert any(properties.get(name) for name in ("email", "firstname", "lastname"))
    assert [address for address, count in Counter(addresses).items() if count > 1] == []
    assert all(address == address.strip().lower() for address in addresses)


def test_an_exact_pair_shares_its_address_and_a_changed_one_does_not(agency: dict[str, Any]) -> None:
    salesforce, hubspot = salesforce_people(agency), hubspot_people(agency)
    for pair in agency["truth"]["pairs"]:
        here = address_in_salesforce(salesforce[pair["salesforce"][1]])
        properties = hubspot[pair["hubspot"]]["properties"]
        if pair["kind"] in ("exact", "exact_case", "exact_other_name", "shared_mailbox", "household"):
            assert here == properties["email"], pair
        elif pair["kind"] == "additional_address":
            assert here in properties["hs_additional_emails"].split(";")
        else:
            assert here != properties.get("email"), pair


def test_people_who_share_a_mailbox_are_known_to_be_two(agency: dict[str, Any]) -> None:
    salesforce, hubspot = salesforce_people(agency), hubspot_people(agency)
    for pair in agency["truth"]["never_link"]:
        left, right = salesforce[pair["salesforce"][1]], hubspot[pair["hubspot"]]["properties"]
        if pair["kind"] in ("shared_mailbox", "household"):
            assert address_in_salesforce(left) == right["email"]
            assert (left.get("FirstName"), left["LastName"]) != (right.get("firstname"), right.get("lastname"))
        else:
            assert left["FirstName"] == right["firstname"]
            assert address_in_salesforce(left) != right["email"]


def test_every_salesforce_record_has_what_salesforce_requires(agency: dict[str, Any]) -> None:
    users = {user["Id"] for user in agency["salesforce"]["records"]["User"]}
    accounts = {account["Id"] for account in agency["salesforce"]["records"]["Account"]}
    for record in salesforce_people(agency).values():
        assert record["LastName"].strip()
        assert record["OwnerId"] in users
        assert record["CreatedDate"] <= record["LastModifiedDate"] == record["SystemModstamp"]
        assert len(record.get("Title", "")) <= 128
        assert with_checksum(record["Id"][:15]) == record["Id"]
    assert all(lead["Company"] and lead["Status"] for lead in agency["salesforce"]["records"]["Lead"])
    assert all(contact["AccountId"] in accounts for contact in agency["salesforce"]["records"]["Contact"])


def test_the_history_of_a_property_is_newest_first_and_ends_in_its_value(agency: dict[str, Any]) -> None:
    for record in hubspot_people(agency).values():
        for name, value in record["properties"].items():
            entries = record["history"][name]
            times = [entry["timestamp"] for entry in entries]
            assert entries[0]["value"] == value
            assert times == sorted(times, reverse=True)
            assert record["createdAt"] <= times[-1]
            assert times[0] <= record["updatedAt"]


def test_everything_happened_before_the_base_instant(agency: dict[str, Any]) -> None:
    limit = BASE.strftime("%Y-%m-%dT%H:%M:%S")
    assert all(record["updatedAt"] < limit for record in hubspot_people(agency).values())
    assert all(record["LastModifiedDate"] < limit for record in salesforce_people(agency).values())


def test_owners_and_users_meet_in_their_addresses(agency: dict[str, Any]) -> None:
    owners = {owner["email"].lower() for owner in agency["hubspot"]["owners"]}
    users = {user["Email"].lower() for user in agency["salesforce"]["records"]["User"]}
    assert len(owners) == 6
    assert owners < users
    known = {owner["id"] for owner in agency["hubspot"]["owners"]}
    people = hubspot_people(agency).values()
    assert {one["properties"].get("hubspot_owner_id") or None for one in people} - {None} <= known


def test_associations_join_records_that_exist(agency: dict[str, Any]) -> None:
    companies = {record["id"] for record in agency["hubspot"]["records"]["companies"]}
    contacts = set(hubspot_people(agency))
    for link in agency["hubspot"]["associations"]:
        assert link["from"][0] == "contacts"
        assert link["from"][1] in contacts
        assert link["to"][1] in companies


def test_the_fields_drift_in_every_direction(agency: dict[str, Any]) -> None:
    salesforce, hubspot = salesforce_people(agency), hubspot_people(agency)
    seen: Counter[str] = Counter()
    for pair in agency["truth"]["pairs"]:
        left, right = salesforce[pair["salesforce"][1]], hubspot[pair["hubspot"]]
        here, there = left.get("Title"), right["properties"].get("jobtitle")
        if here and not there:
            seen["blank in hubspot"] += 1
        elif there and not here:
            seen["blank in salesforce"] += 1
        elif here and there and here.strip().lower() != there.strip().lower():
            changed_there = datetime.fromisoformat(right["history"]["jobtitle"][0]["timestamp"])
            apart = changed_there - datetime.fromisoformat(left["LastModifiedDate"])
            near = abs(apart) <= timedelta(minutes=5)
            seen["near" if near else "hubspot newer" if apart > timedelta(0) else "salesforce newer"] += 1
        elif here:
            seen["same"] += 1
    assert set(seen) == {
        "same",
        "blank in hubspot",
        "blank in salesforce",
        "hubspot newer",
        "salesforce newer",
        "near",
    }
    assert seen["same"] > 60


def test_some_people_opted_out_on_one_side_only(agency: dict[str, Any]) -> None:
    salesforce, hubspot = salesforce_people(agency), hubspot_people(agency)
    unsubscribed = agency["hubspot"]["unsubscribed"]
    seen = Counter(
        (
            salesforce[pair["salesforce"][1]]["HasOptedOutOfEmail"],
            hubspot[pair["hubspot"]]["properties"].get("email") in unsubscribed,
        )
        for pair in agency["truth"]["pairs"]
    )
    assert seen[True, True] >= 8
    assert seen[True, False] >= 6
    assert seen[False, True] >= 5


def test_the_values_that_need_care_are_there(agency: dict[str, Any]) -> None:
    properties = [record["properties"] for record in hubspot_people(agency).values()]
    assert len(LONG_TITLE) > 128
    assert [one for one in properties if one.get("jobtitle") == LONG_TITLE]
    assert [one for one in properties if "ext." in one.get("phone", "")]
    assert {"evangelist", "other"} <= {one.get("lifecyclestage") for one in properties}


def test_the_same_people_are_written_in_other_scripts_and_without_address(agency: dict[str, Any]) -> None:
    records = [*salesforce_people(agency).values()]
    assert any("Email" not in record for record in records)
    texts = [record["LastName"] for record in records]
    texts += [one["properties"].get("lastname", "") for one in hubspot_people(agency).values()]
    assert any(ord(letter) > 0x2E80 for text in texts for letter in text)
    assert any(letter in text for text in texts for letter in "äöüßłøéñ")


def test_the_empty_world_has_schemas_and_colleagues_only() -> None:
    world = load_world("empty")
    assert world["hubspot"]["records"] == {"contacts": [], "companies": []}
    assert [name for name, rows in world["salesforce"]["records"].items() if rows] == ["User"]
    fields = {field["name"] for field in world["salesforce"]["objects"]["Lead"]["fields"]}
    assert {"HubSpot_Contact_Id__c", "HubSpot_Lifecycle_Stage__c", "Last_Contacted__c"} <= fields
    assert world["salesforce"]["objects"] == load_world("agency")["salesforce"]["objects"]
    assert world["hubspot"]["properties"] == load_world("bench")["hubspot"]["properties"]


def test_the_bench_world_is_as_large_as_asked_and_equal_on_both_sides() -> None:
    world = bench.build(5, people=120)
    salesforce, hubspot = salesforce_people(world), hubspot_people(world)
    assert len(salesforce) == len(hubspot) == len(world["truth"]["pairs"]) == 120
    for pair in world["truth"]["pairs"]:
        left, right = salesforce[pair["salesforce"][1]], hubspot[pair["hubspot"]]["properties"]
        assert (left["Email"], left["Phone"], left["Title"]) == (right["email"], right["phone"], right["jobtitle"])
        assert (left["FirstName"], left["LastName"]) == (right["firstname"], right["lastname"])
        assert left["HubSpot_Lifecycle_Stage__c"] == right["lifecyclestage"]
        assert left["Last_Contacted__c"].replace("+0000", "Z") == right["last_contacted"]


def test_the_bench_world_is_loaded_by_name_in_any_size() -> None:
    assert load_world("bench:30", 5) == bench.build(5, people=30)
    with pytest.raises(ControlError, match="no world 'bench:many'"):
        load_world("bench:many")


def test_a_world_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ControlError, match="built-in ones are agency"):
        load_world("atlantis")


def test_a_slip_never_leaves_the_name_as_it_was() -> None:
    rng = random.Random(4)
    for name in ("Hartley", "Müller", "O'Brien", "Hans-Peter", "Nowak"):
        for _ in range(40):
            slipped = mistyped(name, rng)
            assert slipped != name
            assert slipped[0] == name[0]


def test_names_are_spelt_out_for_keyboards_without_the_letters() -> None:
    assert to_ascii("Jürgen Weiß", "de") == "Juergen Weiss"
    assert to_ascii("Łukasz Wójcik", "pl") == "Lukasz Wojcik"
    assert set(to_ascii("Geneviève Åsmund Søren Muñoz")) <= set(string.ascii_letters + " ")
