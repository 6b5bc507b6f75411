"""What every implementation of `System.merge` and `System.departed` (engine/ports.py) must do, each against its
sandbox. One test, one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from tests.contracts.parties import PARTIES, HubSpotParty, Party, SalesforceParty

from concord.core.model import Errand, Failure, Receipt, Record
from concord.core.values import BLANK, Value
from concord.errors import Category, ClaimLost


@pytest.fixture(params=sorted(PARTIES))
async def party(request: pytest.FixtureRequest) -> AsyncIterator[Party]:
    made = PARTIES[request.param]()
    yield made
    await made.system.close()


@pytest.fixture
async def org() -> AsyncIterator[SalesforceParty]:
    made = SalesforceParty()
    yield made
    await made.system.close()


@pytest.fixture
async def portal() -> AsyncIterator[HubSpotParty]:
    made = HubSpotParty()
    yield made
    await made.system.close()


async def merged(
    party: Party, survivor: str, *losers: str, values: Mapping[str, Value] | None = None
) -> Sequence[Receipt]:
    named = {party.NAMES[name]: value for name, value in (values or {}).items()}
    return await party.system.merge(party.ref(survivor), [party.ref(one) for one in losers], named)


def failure_of(receipt: Receipt) -> Failure:
    assert receipt.failure is not None
    return receipt.failure


def three(party: Party) -> list[str]:
    given = (("Ada", "ada@engines.example"), ("Ada", "a.lovelace@engines.example"), ("Augusta", "gus@engines.example"))
    return [party.make(given=name, email=address) for name, address in given]


async def test_the_survivor_keeps_its_values_and_the_others_lead_to_it(party: Party) -> None:
    first, second, third = three(party)
    receipts = await merged(party, first, second, third)
    assert [one.failure for one in receipts] == [None, None]
    home = receipts[0].ref
    assert {one.ref for one in receipts} == {home}
    found = await party.read([first, second, third], "given", "email")
    assert [one.ref for one in found] == [home] * 3
    assert isinstance(found[0], Record)
    assert (party.value(found[0], "given"), party.value(found[0], "email")) == ("Ada", "ada@engines.example")
    assert list(party.state()) == [home.id], "nobody else is left"


async def test_five_are_merged_into_one(party: Party) -> None:
    first, *others = [party.make(given=f"Ada{number}") for number in range(6)]
    receipts = await merged(party, first, *others)
    assert [one.failure for one in receipts] == [None] * 5
    assert list(party.state()) == [receipts[0].ref.id]


async def test_values_that_a_person_chose_are_the_survivors(party: Party) -> None:
    first, second, _ = three(party)
    party.edit(first, title="Countess")
    party.edit(second, title="Analyst", phone="1000")
    (receipt,) = await merged(party, first, second, values={"title": "Analyst", "topics": frozenset({"red", "blue"})})
    record = await party.one(receipt.ref.id, "title", "topics")
    assert (party.value(record, "title"), party.value(record, "topics")) == ("Analyst", frozenset({"red", "blue"}))


async def test_a_blank_of_the_survivor_is_filled_by_itself_or_not_as_the_system_says(party: Party) -> None:
    first, second, _ = three(party)
    party.edit(second, phone="1000")
    (receipt,) = await merged(party, first, second)
    record = await party.one(receipt.ref.id, "phone")
    assert party.value(record, "phone") == ("1000" if party.system.merge_fills else BLANK)


async def test_a_value_that_has_to_be_escaped_arrives_as_it_is(party: Party) -> None:
    first, second, _ = three(party)
    (receipt,) = await merged(party, first, second, values={"title": "R&D <\"head\"> 'né' \u00fc"})
    record = await party.one(receipt.ref.id, "title")
    assert party.value(record, "title") == "R&D <\"head\"> 'né' \u00fc"


async def test_a_merge_that_is_refused_is_data_and_says_why(party: Party) -> None:
    first, second, _ = three(party)
    refused_by_rights(party)
    (receipt,) = await merged(party, first, second)
    failure = failure_of(receipt)
    assert failure.category is Category.PERMISSION
    assert failure.advice
    assert (failure.unknown, failure.transient) == (False, False)
    assert len(party.state()) == 3


def refused_by_rights(party: Party) -> None:
    if party.name == "salesforce":
        party.fault("status", path="/services/Soap", status=500, code="INSUFFICIENT_ACCESS_OR_READONLY", times=None)
    else:
        party.fault("status", path="/merge$", status=403, times=None)


async def test_a_record_that_is_not_there_is_a_missing_record(party: Party) -> None:
    first, second, _ = three(party)
    party.delete(second)
    (receipt,) = await merged(party, first, second)
    failure = failure_of(receipt)
    assert failure.category is Category.MISSING_RECORD
    assert not failure.unknown


async def test_a_field_that_is_not_there_is_named_and_nothing_is_merged(party: Party) -> None:
    first, second, _ = three(party)
    (receipt,) = await party.system.merge(party.ref(first), [party.ref(second)], {"no_such_field__c": "x"})
    failure = failure_of(receipt)
    assert (failure.category, failure.fields) == (Category.MAPPING, ("no_such_field__c",))
    assert len(party.state()) == 3


async def test_records_of_two_objects_are_not_merged(party: Party) -> None:
    first, _, _ = three(party)
    other = {"salesforce": "Account", "hubspot": "companies"}[party.name]
    before = party.journalled
    (receipt,) = await party.system.merge(party.ref(first), [party.ref(first)._replace(object=other)], {})
    assert failure_of(receipt).category is Category.MAPPING
    assert "{" not in failure_of(receipt).message
    assert party.journalled - before <= 2, "at most the sign-in and the schema"


@pytest.mark.parametrize(("kind", "happened"), [("drop_before", False), ("drop_after", True)])
async def test_a_merge_without_an_answer_is_unknown_and_not_sent_again(party: Party, kind: str, happened: bool) -> None:
    first, second, third = three(party)
    path = "/services/Soap" if party.name == "salesforce" else "/merge$"
    party.fault(kind, path=path, times=1)
    receipts = await merged(party, first, second)
    failure = failure_of(receipts[0])
    assert (failure.unknown, failure.transient, failure.category) == (True, True, Category.NETWORK)
    (loser, survivor) = await party.read([second, first], "family")
    assert (loser.ref == survivor.ref) is happened, "a look tells whether it was done"
    assert len(party.state()) == (2 if happened else 3)
    assert third in party.state()


async def test_an_outage_passes(party: Party) -> None:
    first, second, _ = three(party)
    path = "/services/Soap" if party.name == "salesforce" else "/merge$"
    party.fault("status", path=path, status=503, times=1)
    (receipt,) = await merged(party, first, second)
    assert receipt.failure is None
    assert len(party.state()) == 2


async def test_a_merge_is_not_sent_for_a_claim_that_is_lost(party: Party) -> None:
    async def lost() -> None:
        raise ClaimLost("another worker has it")

    first, second, _ = three(party)
    await party.system.describe([party.person])
    with pytest.raises(ClaimLost):
        await party.system.on(Errand(check=lost)).merge(party.ref(first), [party.ref(second)], {})
    assert len(party.state()) == 3


async def test_what_a_merged_record_last_said_is_told_where_the_system_still_shows_it(party: Party) -> None:
    first, second, third = three(party)
    party.edit(second, title="Analyst")
    await merged(party, first, second)
    party.delete(third)
    told = await party.system.departed(party.person, [first, second, third], [party.NAMES["title"]])
    if party.name == "salesforce":
        assert told.keys() == {second, third}, "the survivor is live"
        assert party.value(told[second], "title") == "Analyst"
    else:
        assert told == {}


# --- Salesforce


async def test_salesforce_merges_two_losers_at_a_time_in_one_call(org: SalesforceParty) -> None:
    first, *others = [org.make(given=f"Ada{number}") for number in range(6)]
    await org.system.describe([org.person])
    before = org.journalled
    await merged(org, first, *others)
    assert org.journalled - before == 1


async def test_salesforce_refuses_one_merge_of_a_call_and_does_the_other(org: SalesforceParty) -> None:
    first, *others = [org.make(given=f"Ada{number}") for number in range(4)]
    org.delete(others[2])
    receipts = await merged(org, first, *others)
    assert [one.failure is None for one in receipts] == [True, True, False]


async def test_salesforce_is_told_to_clear_a_field_and_to_tick_one(org: SalesforceParty) -> None:
    first, second, _ = three(org)
    org.edit(first, phone="1000")
    values: dict[str, Value] = {"Phone": BLANK, "HasOptedOutOfEmail": True}
    (receipt,) = await org.system.merge(org.ref(first), [org.ref(second)], values)
    assert receipt.failure is None
    row = org.state()[first]
    assert (row.get("Phone"), row["HasOptedOutOfEmail"]) == (None, True)


async def test_salesforce_cannot_merge_every_object(org: SalesforceParty) -> None:
    refs = [org.ref("006000000000001AAA")._replace(object="Opportunity")] * 2
    (receipt,) = await org.system.merge(refs[0], refs[1:], {})
    assert "cannot be merged in Salesforce" in failure_of(receipt).message


@pytest.mark.parametrize(
    ("code", "category", "transient"),
    [
        ("UNABLE_TO_LOCK_ROW", Category.RECORD_LOCK, True),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Category.VALIDATION_RULE, False),
        ("REQUEST_LIMIT_EXCEEDED", Category.QUOTA, True),
        ("QUITE_NEW", Category.INTERNAL, False),
    ],
)
async def test_a_fault_of_salesforce_means_what_the_one_table_says(
    org: SalesforceParty, code: str, category: Category, transient: bool
) -> None:
    first, second, _ = three(org)
    org.fault("status", path="/services/Soap", status=500, code=code, times=None)
    (receipt,) = await merged(org, first, second)
    failure = failure_of(receipt)
    assert (failure.category, failure.transient, failure.code) == (category, transient, code)
    assert len(org.state()) == 3


async def test_salesforce_is_signed_in_anew_where_the_token_within_the_call_is_not_valid_any_more(
    org: SalesforceParty,
) -> None:
    first, second, _ = three(org)
    await org.one(first, "family")  # signed in
    await org.control("POST", "/tokens/expire")
    (receipt,) = await merged(org, first, second)
    assert receipt.failure is None


# --- HubSpot


async def test_hubspot_gives_the_survivor_a_new_id_and_keeps_all_addresses(portal: HubSpotParty) -> None:
    first, second, third = three(portal)
    receipts = await merged(portal, first, second, third)
    home = receipts[0].ref.id
    assert home not in (first, second, third)
    assert await portal.find("email", "gus@engines.example", "a.lovelace@engines.example") == {home}


async def test_hubspot_ends_at_the_first_refusal_and_tells_where_the_survivor_is(portal: HubSpotParty) -> None:
    first, second, third = three(portal)
    portal.delete(third)
    receipts = await merged(portal, first, second, third)
    assert [one.failure is None for one in receipts] == [True, False]
    assert receipts[1].ref == receipts[0].ref
    assert list(portal.state()) == [receipts[0].ref.id]


async def test_hubspot_combines_the_opt_outs(portal: HubSpotParty) -> None:
    first, second, _ = three(portal)
    portal.service.human_edit("contacts", second, {"hs_email_optout": "true"}, None)
    (receipt,) = await merged(portal, first, second)
    assert portal.state()[receipt.ref.id]["hs_email_optout"] == "true"
