"""What Salesforce alone does as a `System`, against its sandbox: conditional writes with a grain of a second, leads
that become contacts, deleted rows that the sweep tells of, and the day's calls that the org itself counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.contracts.parties import NEVER, SalesforceParty
from tests.contracts.test_system_contract import swept

from concord.core.model import Change, Errand, Gone, Record
from concord.core.values import BLANK, FieldType, Ref, Value
from concord.errors import Category, ConfigError, RemoteBusy
from concord.systems.salesforce import Salesforce
from concord_sandbox.salesforce.ids import new_id

TEN_SECONDS = timedelta(seconds=10)


@pytest.fixture
async def org() -> AsyncIterator[SalesforceParty]:
    made = SalesforceParty()
    yield made
    await made.system.close()


class SlowAnswers(httpx.AsyncBaseTransport):
    """Salesforce looks at its data early in a second and writes the answer's date in the next one. meanwhile: what
    happens in between."""

    def __init__(self, org: SalesforceParty) -> None:
        self._org = org
        self.meanwhile: Callable[[], None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._org.transport.handle_async_request(request)
        if self.meanwhile is not None:
            self._org.clock.pass_(seconds=0.2)
            self.meanwhile()
            self._org.clock.pass_(seconds=0.6)
            answer.headers["Date"] = self._org.service.controls.clock.http_date()
        return answer


def lead(org: SalesforceParty, **fields: Any) -> str:
    return org.service.human_create("Lead", {"LastName": "Lovelace", "Company": "Engines", **fields}, None)


def account(org: SalesforceParty, name: str = "Engines") -> Ref:
    return Ref("salesforce", "Account", org.service.human_create("Account", {"Name": name}, None))


async def convert(org: SalesforceParty, lead_id: str, **given: str) -> str:
    """A person converts a lead; the contact's id."""
    made = await org.control("POST", f"/convert/{lead_id}", given)
    return str(made["contact_id"])


async def leads(org: SalesforceParty, ids: Sequence[str], *fields: str) -> Sequence[Record | Gone]:
    return await org.system.read("Lead", ids, fields)


class TestGuard:
    async def test_a_record_edited_since_it_was_read_is_not_overwritten(self, org: SalesforceParty) -> None:
        made = org.make(title="Countess")
        org.clock.pass_(minutes=1)
        record = await org.one(made, "title")
        org.clock.pass_(seconds=5)
        org.edit(made, title="Analyst")
        org.clock.pass_(seconds=5)
        (receipt,) = await org.update(org.guarded(record, title="Enchantress"), show=["title"])
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.moved) == (Category.CONFLICT, True)
        assert org.stored(made, "title") == "Analyst"

    async def test_one_that_moved_holds_up_no_other(self, org: SalesforceParty) -> None:
        made = org.make_many(45)
        org.clock.pass_(minutes=1)
        records = [await org.one(one, "title") for one in made]
        org.clock.pass_(seconds=5)
        org.edit(made[7], title="Analyst")
        org.clock.pass_(seconds=5)
        receipts = await org.update(*(org.guarded(one, title="Countess") for one in records), show=["title"])
        assert [number for number, one in enumerate(receipts) if one.failure] == [7]
        assert [org.stored(one, "title") for one in made].count("Countess") == 44

    async def test_a_record_read_anew_is_written(self, org: SalesforceParty) -> None:
        made = org.make()
        org.clock.pass_(minutes=1)
        org.edit(made, title="Analyst")
        org.clock.pass_(seconds=5)
        (receipt,) = await org.update(org.guarded(await org.one(made), title="Countess"), show=["title"])
        assert receipt.failure is None
        assert org.stored(made, "title") == "Countess"

    async def test_a_record_that_changed_in_the_second_it_was_read_in_is_not_written_yet(
        self, org: SalesforceParty
    ) -> None:
        await org.system.account()
        org.clock.seconds = 1_793_600_000.1
        made = org.make()
        org.clock.pass_(seconds=0.2)
        record = await org.one(made, "title")
        assert record.version is None, "nothing may be concluded from a state that may still change unseen"
        org.clock.pass_(seconds=0.2)
        org.edit(made, title="Analyst")
        sent = org.system.calls()
        (receipt,) = await org.update(org.guarded(record, title="Countess"), show=["title"])
        assert receipt.failure is not None
        assert (receipt.failure.moved, receipt.failure.transient, receipt.failure.after) == (True, True, 1.0)
        assert (org.system.calls(), org.stored(made, "title")) == (sent, "Analyst")

    async def test_an_edit_in_the_second_of_the_reading_but_after_it_is_noticed(self, org: SalesforceParty) -> None:
        await org.system.account()
        made = org.make()
        org.clock.seconds = 1_793_600_000.1
        record = await org.one(made, "title")
        org.clock.pass_(seconds=0.1)
        org.edit(made, title="Analyst")
        org.clock.pass_(seconds=0.1)
        (receipt,) = await org.update(org.guarded(record, title="Countess"))
        assert receipt.failure is not None
        assert receipt.failure.moved
        assert org.stored(made, "title") == "Analyst"

    @pytest.mark.parametrize("ahead", [420.0, 420.73, -420.31])
    async def test_no_edit_is_overwritten_at_any_offset_of_the_clocks_and_of_the_second(self, ahead: float) -> None:
        org = SalesforceParty(ahead)
        await org.system.account()
        for tenth in range(12):
            org.clock.seconds = 1_793_600_000.0 + 60 * tenth + tenth / 10
            made = org.make(title="Countess")
            org.clock.pass_(seconds=0.3)
            record = await org.one(made, "title")
            org.clock.pass_(seconds=0.3)
            org.edit(made, title="Analyst")
            org.clock.pass_(seconds=0.3)
            (receipt,) = await org.update(org.guarded(record, title="Enchantress"))
            assert receipt.failure is not None, (ahead, tenth)
            assert receipt.failure.moved
            assert org.stored(made, "title") == "Analyst"
        await org.system.close()

    async def test_an_edit_while_the_answer_was_being_made_is_not_overwritten(self, org: SalesforceParty) -> None:
        org.clock.seconds = 1_793_600_000.2
        made = org.make(title="Countess")
        slow = SlowAnswers(org)
        system = org.signed(transport=slow)
        await system.describe(["Contact"])
        org.clock.seconds = 1_793_600_100.3
        org.edit(made, title="Enchantress")
        slow.meanwhile = lambda: org.edit(made, title="Analyst")
        (record,) = await system.read("Contact", [made], ["Title"])
        assert isinstance(record, Record)
        assert record.value("Title") == "Enchantress"
        slow.meanwhile = None
        org.clock.pass_(seconds=5)
        (receipt,) = await system.update([org.guarded(record, title="Countess")], {}, {})
        assert receipt.failure is not None
        assert receipt.failure.moved
        assert org.stored(made, "title") == "Analyst"
        await system.close()

    async def test_another_persons_edit_in_the_second_of_our_own_write_is_another_state(
        self, org: SalesforceParty
    ) -> None:
        made = org.make()
        position = await org.start()
        org.clock.seconds = float(int(org.clock.seconds)) + 0.2
        (receipt,) = await org.update(org.change(made, title="Countess"), show=["title"])
        org.clock.pass_(seconds=0.3)
        org.edit(made, title="Analyst")
        org.clock.pass_(seconds=3)
        (row,), _ = await swept(org, position)
        assert receipt.shown is not None
        assert receipt.shown.version is not None
        assert row.version != receipt.shown.version

    async def test_a_write_without_a_guard_is_not_conditional(self, org: SalesforceParty) -> None:
        made = org.make()
        (receipt,) = await org.update(org.change(made, title="Countess"), show=["title"])
        assert receipt.failure is None
        assert receipt.shown is not None
        assert receipt.shown.ours


class TestLeads:
    async def test_a_converted_lead_is_read_as_its_contact(self, org: SalesforceParty) -> None:
        made, other = lead(org, Email="ada@engines.example"), lead(org)
        contact = await convert(org, made)
        found = await leads(org, [other, made], "Email", "LastName")
        assert [one.ref for one in found] == [
            Ref("salesforce", "Lead", other),
            Ref("salesforce", "Contact", contact),
        ]
        assert isinstance(found[1], Record)
        assert (found[1].asked, found[1].value("Email")) == (made, "ada@engines.example")

    async def test_a_contact_tells_of_the_lead_that_it_was(self, org: SalesforceParty) -> None:
        made, other = lead(org), org.make()
        contact = await convert(org, made)
        assert await org.system.origins("Contact", [contact, other, "no id"]) == {
            contact: Ref("salesforce", "Lead", made)
        }
        assert await org.system.origins("Account", ["001000000000001AAA"]) == {}

    async def test_a_lead_that_was_converted_before_we_came_is_read_so_too(self, org: SalesforceParty) -> None:
        world, contact, converted = org.world(), new_id("003", 901), new_id("00Q", 901)
        world["records"]["Contact"] = [{"Id": contact, "LastName": "Hamilton"}]
        world["records"]["Lead"] = [
            {"Id": converted, "LastName": "Hamilton", "Company": "Moon", "IsConverted": True,
             "Status": "Closed - Converted", "ConvertedContactId": contact},
        ]  # fmt: skip
        org.app.load(world)
        (found,) = await leads(org, [converted], "LastName", "Company")
        assert isinstance(found, Record)
        assert (found.ref.id, found.asked, found.value("LastName")) == (contact, converted, "Hamilton")

    async def test_a_lead_merged_into_one_that_was_converted_is_followed_all_the_way(
        self, org: SalesforceParty
    ) -> None:
        first, second, third = lead(org), lead(org), org.make(family="Byron")
        await org.control("POST", "/merge/Lead", {"master": second, "losers": [first]})
        contact = await convert(org, second)
        await org.merge(third, contact)
        (found,) = await leads(org, [first], "LastName")
        assert isinstance(found, Record)
        assert (found.ref, found.asked) == (Ref("salesforce", "Contact", third), first)

    async def test_a_lead_whose_contact_went_is_gone(self, org: SalesforceParty) -> None:
        made = lead(org)
        org.delete(await convert(org, made))
        (found,) = await leads(org, [made])
        assert isinstance(found, Gone)
        assert found.ref == Ref("salesforce", "Lead", made)

    async def test_converted_leads_are_neither_scanned_nor_found(self, org: SalesforceParty) -> None:
        made, other = lead(org, Email="ada@engines.example"), lead(org, Email="ada@engines.example")
        await convert(org, made)
        scanned = [record.ref.id async for page in org.system.scan("Lead", []) for record in page]
        found = await org.system.find("Lead", "Email", ["ada@engines.example"], [])
        assert scanned == [record.ref.id for record in found] == [other]

    async def test_a_conversion_is_told_by_the_sweep(self, org: SalesforceParty) -> None:
        made = lead(org)
        start = (await org.system.changed(["Lead", "Contact"], None, NEVER)).position
        org.clock.pass_(seconds=5)
        contact = await convert(org, made)
        org.clock.pass_(seconds=5)
        page = await org.system.changed(["Lead", "Contact"], start, NEVER)
        assert {row.ref.id for row in page.rows} >= {made, contact}

    async def test_a_write_to_a_converted_lead_is_decided_anew(self, org: SalesforceParty) -> None:
        made = lead(org)
        org.clock.pass_(seconds=5)
        await convert(org, made)
        org.clock.pass_(seconds=5)
        change = Change(Ref("salesforce", "Lead", made), {"Title": "Countess"})
        (receipt,) = await org.system.update([change], {}, {})
        assert receipt.failure is not None
        assert (receipt.failure.code, receipt.failure.moved) == ("CANNOT_UPDATE_CONVERTED_LEAD", True)

    async def test_histories_of_a_converted_lead_are_its_contacts(self, org: SalesforceParty) -> None:
        made = lead(org, Email="ada@engines.example")
        contact = await convert(org, made)
        org.clock.pass_(minutes=1)
        org.edit(contact, email="countess@home.example")
        (found,) = await org.system.read("Lead", [made], ["Email"], ["Email"])
        assert isinstance(found, Record)
        assert [entry.value for entry in found.histories["Email"]] == ["countess@home.example"]


class TestDeleted:
    async def test_deleted_and_merged_records_are_told_by_the_sweep(self, org: SalesforceParty) -> None:
        gone, winner, loser = (org.make(family=name) for name in ("Gone", "Winner", "Loser"))
        position = await org.start()
        org.delete(gone)
        await org.merge(winner, loser)
        org.clock.pass_(seconds=3)
        rows, _ = await swept(org, position)
        assert {row.ref.id for row in rows} == {gone, winner, loser}

    async def test_a_record_taken_out_of_the_recycle_bin_is_there_again(self, org: SalesforceParty) -> None:
        made = org.make(title="Countess")
        org.delete(made)
        assert isinstance((await org.read([made]))[0], Gone)
        position = await org.start()
        await org.control("POST", f"/undelete/Contact/{made}")
        org.clock.pass_(seconds=3)
        rows, _ = await swept(org, position)
        assert [row.ref.id for row in rows] == [made]
        assert org.value(await org.one(made, "title"), "title") == "Countess"

    async def test_a_write_to_a_deleted_record_is_decided_anew(self, org: SalesforceParty) -> None:
        made = org.make()
        org.delete(made)
        (receipt,) = await org.update(org.change(made, title="Countess"))
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.moved) == (Category.MISSING_RECORD, True)


class TestSchema:
    async def test_required_fields_lengths_and_scales_are_told(self, org: SalesforceParty) -> None:
        fields = (await org.system.describe(["Lead"]))["Lead"].fields
        required = {name for name, spec in fields.items() if spec.required}
        assert required == {"LastName", "Company"}
        assert (fields["LastName"].length, fields["City"].length) == (80, 40)
        assert (fields["NumberOfEmployees"].scale, fields["AnnualRevenue"].type) == (0, FieldType.CURRENCY)
        assert fields["Description"].type is FieldType.LONG_TEXT
        assert fields["HasOptedOutOfEmail"].type is FieldType.CHECKBOX
        assert not fields["Status"].restricted
        assert not fields["IsConverted"].updatable

    async def test_an_option_that_is_not_active_any_more_is_told_as_such_and_refused(
        self, org: SalesforceParty
    ) -> None:
        world = org.world()
        values = [{"value": "now"}, {"value": "then", "active": False}]
        world["objects"]["Contact"]["fields"].append(
            {"name": "Era__c", "type": "picklist", "restrictedPicklist": True, "picklistValues": values}
        )
        org.app.load(world)
        spec = (await org.system.describe(["Contact"]))["Contact"].fields["Era__c"]
        assert {option.value: option.active for option in spec.options} == {"now": True, "then": False}
        (receipt,) = await org.system.update([Change(org.ref(org.make()), {"Era__c": "then"})], {}, {})
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.fields) == (Category.PICKLIST, ("Era__c",))

    async def test_references_know_their_objects_and_are_read_and_written(self, org: SalesforceParty) -> None:
        fields = (await org.system.describe(["Contact"]))["Contact"].fields
        assert fields["AccountId"].references == ("Account",)
        firm, made = account(org), org.make()
        owner = Ref("salesforce", "User", org.world()["records"]["User"][1]["Id"])
        wanted: dict[str, Value] = {"AccountId": firm, "OwnerId": owner}
        (receipt,) = await org.system.update([Change(org.ref(made), wanted)], {"Contact": list(wanted)}, {})
        assert receipt.shown is not None
        assert receipt.shown.values == wanted

    async def test_a_cleared_checkbox_is_unticked(self, org: SalesforceParty) -> None:
        made = org.make()
        for value, shown in ((True, True), (BLANK, False), (True, True), (False, False)):
            change = Change(org.ref(made), {"HasOptedOutOfEmail": value})
            (receipt,) = await org.system.update([change], {"Contact": ["HasOptedOutOfEmail"]}, {})
            assert receipt.shown is not None
            assert receipt.shown.value("HasOptedOutOfEmail") is shown

    async def test_what_the_org_rounds_or_cuts_is_shown_as_it_keeps_it(self, org: SalesforceParty) -> None:
        world = org.world()
        world["objects"]["Contact"]["fields"].append(
            {"name": "Nick__c", "type": "string", "length": 5, "truncates": True}
        )
        org.app.load(world)
        change = Change(org.ref(org.make()), {"Nick__c": "Countess", "Score__c": Decimal("12.345")})
        (receipt,) = await org.system.update([change], {"Contact": ["Nick__c", "Score__c"]}, {})
        assert receipt.shown is not None
        assert receipt.shown.values == {"Nick__c": "Count", "Score__c": Decimal("12.35")}

    async def test_a_text_that_is_too_long_names_its_field_and_not_its_words(self, org: SalesforceParty) -> None:
        (receipt,) = await org.update(org.change(org.make(), title="Enchantress of Number " * 20))
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.fields) == (Category.DATA_TYPE, ("Title",))
        assert "Enchantress" not in receipt.failure.message

    async def test_a_version_that_the_org_does_not_have_is_a_fault_of_the_configuration(
        self, org: SalesforceParty
    ) -> None:
        keys = org.service.credentials("http://salesforce.test")
        old = Salesforce(
            "http://salesforce.test", keys["client_id"], keys["client_secret"],
            clock=org.clock, share=org.share, transport=org.transport, api_version="v21.0",
        )  # fmt: skip
        with pytest.raises(ConfigError, match=r"v21\.0"):
            await old.account()
        await old.close()


class TestWrites:
    async def test_records_of_several_objects_are_written_in_one_call(self, org: SalesforceParty) -> None:
        person, firm, other = org.make(), account(org), lead(org)
        await org.system.describe(["Contact", "Account", "Lead"])
        before = org.system.calls()
        changes = [
            Change(org.ref(person), {"Title": "Countess"}),
            Change(firm, {"Industry": "Technology"}),
            Change(Ref("salesforce", "Lead", other), {"Title": "Analyst"}),
        ]
        receipts = await org.system.update(
            changes, {"Contact": ["Title"], "Account": ["Industry"], "Lead": ["Title"]}, {}
        )
        assert org.system.calls() == before + 1
        shown = [receipt.shown and next(iter(receipt.shown.values.values())) for receipt in receipts]
        assert shown == ["Countess", "Technology", "Analyst"]

    async def test_a_lock_that_lasts_is_told_as_passing_and_holds_up_no_other(self, org: SalesforceParty) -> None:
        made = org.make_many(3)
        org.lock(made[1], 1000)
        receipts = await org.update(*(org.change(one, title="Countess") for one in made))
        assert [receipt.failure is None for receipt in receipts] == [True, False, True]
        assert receipts[1].failure is not None
        assert (receipts[1].failure.category, receipts[1].failure.transient) == (Category.RECORD_LOCK, True)

    async def test_a_record_in_approval_waits_and_is_not_tried_again_at_once(self, org: SalesforceParty) -> None:
        made = org.make()
        await org.one(made)
        org.fault("record_error", code="ENTITY_IS_LOCKED", record=made, times=None)
        before = org.system.calls()
        (receipt,) = await org.update(org.change(made, title="Countess"))
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.transient) == (Category.RECORD_LOCK, True)
        assert org.system.calls() == before + 1

    async def test_a_taken_key_tells_who_has_it(self, org: SalesforceParty) -> None:
        holder, other = org.make(key="K-1"), org.make()
        (receipt,) = await org.update(org.change(other, key="k-1"))
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.holder) == (Category.DUPLICATE_RULE, holder)

    async def test_the_case_of_a_key_does_not_count(self, org: SalesforceParty) -> None:
        receipts = await org.create(org.creation("abc"), org.creation("ABC"))
        assert [receipt.created for receipt in receipts] == [True, False]
        assert len(org.state()) == 1

    async def test_a_create_that_lacks_what_is_required_names_it(self, org: SalesforceParty) -> None:
        change = Change(Ref("salesforce", "Lead", ""), {"LastName": "Lovelace"}, key=("HubSpot_Contact_Id__c", "1"))
        (receipt,) = await org.system.create([change], {}, {})
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.fields) == (Category.REQUIRED_FIELD, ("Company",))

    async def test_a_create_of_a_record_that_a_duplicate_rule_blocks_is_for_a_person(
        self, org: SalesforceParty
    ) -> None:
        org.fault("record_error", code="DUPLICATES_DETECTED", record="K-1", times=None)
        receipts = await org.create(org.creation("K-1"), org.creation("K-2"))
        assert [receipt.failure and receipt.failure.category for receipt in receipts] == [
            Category.DUPLICATE_RULE,
            None,
        ]

    async def test_a_key_with_signs_that_addresses_reserve_is_a_key_like_any_other(self, org: SalesforceParty) -> None:
        key = "a/b.c?d&e'f%20"
        (first,) = await org.create(org.creation(key))
        (again,) = await org.create(org.creation(key))
        assert first.ref == again.ref
        assert await org.find("key", key) == {first.ref.id}

    async def test_an_org_that_keeps_no_history_of_an_object_gives_none(self, org: SalesforceParty) -> None:
        firm = account(org)
        (found,) = await org.system.read("Account", [firm.id], ["Name"], ["Name"])
        assert isinstance(found, Record)
        assert dict(found.histories) == {}


async def many(org: SalesforceParty, count: int) -> list[Record]:
    """So many people, as they are read a minute after they were made."""
    made = org.make_many(count)
    org.clock.pass_(minutes=1)
    found = [record for record in await org.read(made, "title") if isinstance(record, Record)]
    org.clock.pass_(seconds=5)
    return found


class TestCalls:
    """What a record costs of the day's calls. A figure here that grows is a change that has to be argued for."""

    async def test_two_hundred_guarded_updates_with_their_reading_back_are_two_calls(
        self, org: SalesforceParty
    ) -> None:
        records = await many(org, 221)
        await org.update(*(org.guarded(one, title="Analyst") for one in records[200:]), show=["title"])
        before = org.system.calls()
        receipts = await org.update(*(org.guarded(one, title="Countess") for one in records[:200]), show=["title"])
        assert org.system.calls() - before == 2, "0.01 calls a write"
        assert [one.shown and org.value(one.shown, "title") for one in receipts] == ["Countess"] * 200
        assert all(one.shown is not None and one.shown.ours for one in receipts)
        assert [org.stored(one.ref.id, "title") for one in records[:200]] == ["Countess"] * 200

    async def test_up_to_twenty_are_one_call(self, org: SalesforceParty) -> None:
        records = await many(org, 20)
        before = org.system.calls()
        await org.update(*(org.guarded(one, title="Countess") for one in records), show=["title"])
        assert org.system.calls() - before == 1

    @pytest.mark.parametrize(("count", "calls"), [(200, 1), (1_000, 1), (2_000, 1), (2_001, 2)])
    async def test_two_thousand_records_are_read_in_a_call(self, org: SalesforceParty, count: int, calls: int) -> None:
        made = org.make_many(count)
        await org.system.describe(["Contact"])
        before = org.system.calls()
        assert len(await org.read(made, "title")) == count
        assert org.system.calls() - before == calls

    async def test_two_hundred_creates_with_their_reading_back_are_two_calls(self, org: SalesforceParty) -> None:
        await org.system.describe(["Contact"])
        before = org.system.calls()
        receipts = await org.create(*(org.creation(f"K-{number}") for number in range(200)), show=["title"])
        assert all(receipt.created and receipt.shown for receipt in receipts)
        assert org.system.calls() - before == 2


class TestGraphs:
    async def test_every_failure_is_told_of_its_record_with_its_own_cause_and_all_others_are_written(
        self, org: SalesforceParty
    ) -> None:
        records = await many(org, 150)
        org.edit(records[7].ref.id, title="Analyst")
        org.delete(records[11].ref.id)
        org.fault("record_error", code="ENTITY_IS_LOCKED", record=records[80].ref.id, times=None)
        org.fault("record_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", record=records[149].ref.id, times=None)
        org.clock.pass_(seconds=5)
        receipts = await org.update(*(org.guarded(one, title="Countess") for one in records), show=["title"])
        failed = {number: one.failure for number, one in enumerate(receipts) if one.failure is not None}
        assert {number: (one.category, one.moved) for number, one in failed.items()} == {
            7: (Category.CONFLICT, True),
            11: (Category.MISSING_RECORD, True),
            80: (Category.RECORD_LOCK, False),
            149: (Category.VALIDATION_RULE, False),
        }
        titles = [fields["Title"] for fields in org.state().values()]
        assert (titles.count("Countess"), titles.count("Analyst")) == (146, 1)
        assert all(receipt.shown for number, receipt in enumerate(receipts) if number not in failed)

    async def test_more_failures_than_a_call_of_graphs_bears_hold_up_no_other_record(
        self, org: SalesforceParty
    ) -> None:
        records = await many(org, 60)
        for record in records[::2]:
            org.edit(record.ref.id, title="Analyst")
        org.clock.pass_(seconds=5)
        receipts = await org.update(*(org.guarded(one, title="Countess") for one in records), show=["title"])
        assert [receipt.failure is None for receipt in receipts] == [False, True] * 30
        assert all(receipt.failure is None or receipt.failure.moved for receipt in receipts)
        assert [org.stored(record.ref.id, "title") for record in records] == ["Analyst", "Countess"] * 30

    async def test_where_graphs_pass_over_conditions_no_edit_is_lost_and_the_writes_go_by_composite(
        self, org: SalesforceParty
    ) -> None:
        org.app.load({**org.world(), "graphs": {"headers": "ignored"}})
        records = await many(org, 45)
        org.edit(records[7].ref.id, title="Analyst")
        org.clock.pass_(seconds=5)
        receipts = await org.update(*(org.guarded(one, title="Countess") for one in records), show=["title"])
        failed = {number: one.failure.moved for number, one in enumerate(receipts) if one.failure is not None}
        assert failed == {0: True, 7: True}, "the one that was tried out on is decided anew"
        assert org.stored(records[7].ref.id, "title") == "Analyst"
        assert [org.stored(one.ref.id, "title") for one in records].count("Countess") == 43
        org.clock.pass_(seconds=5)
        again = [one for one in await org.read([record.ref.id for record in records]) if isinstance(one, Record)]
        before = org.system.calls()
        receipts = await org.update(*(org.guarded(one, title="Judge") for one in again), show=["title"])
        assert not [one for one in receipts if one.failure]
        assert org.system.calls() - before == 3, "it is not tried out a second time"

    async def test_what_is_known_of_graphs_is_known_on_every_errand(self, org: SalesforceParty) -> None:
        records = await many(org, 42)
        for part in (records[:21], records[21:]):
            system = org.system.on(Errand())
            await system.update([org.guarded(one, title="Countess") for one in part], {}, {})
        assert org.system.calls_by_kind()["probe"] == 1


class TestLocks:
    async def test_contacts_of_a_locked_account_are_written_when_it_is_free_and_hold_up_nobody(
        self, org: SalesforceParty
    ) -> None:
        busy, free = account(org), account(org, "Navy")
        records = await many(org, 60)
        await org.control("POST", "/locks", {"id": busy.id, "kind": "row", "seconds": 1})
        before = org.system.calls()
        receipts = await org.system.update(
            [
                Change(one.ref, {"AccountId": busy if number % 2 else free}, guard=one.guard)
                for number, one in enumerate(records)
            ],
            {"Contact": ["AccountId"]},
            {},
        )
        assert not [one for one in receipts if one.failure]
        accounts = [fields["AccountId"] for fields in org.state().values()]
        assert (accounts.count(busy.id), accounts.count(free.id)) == (30, 30)
        # The trial, the graphs, those of the busy account that the org then did not try, and two calls a further try.
        assert org.system.calls() - before <= 3 + 2 * 3

    async def test_a_lock_that_lasts_is_handed_back_as_passing_for_those_that_met_it_alone(
        self, org: SalesforceParty
    ) -> None:
        busy, free = account(org), account(org, "Navy")
        records = await many(org, 60)
        await org.control("POST", "/locks", {"id": busy.id, "kind": "row"})
        begun = org.clock.now()
        receipts = await org.system.update(
            [
                Change(one.ref, {"AccountId": busy if number % 2 else free}, guard=one.guard)
                for number, one in enumerate(records)
            ],
            {"Contact": ["AccountId"]},
            {},
        )
        told = [one.failure and (one.failure.category, one.failure.transient) for one in receipts]
        assert told == [None, (Category.RECORD_LOCK, True)] * 30
        assert org.clock.now() - begun < TEN_SECONDS

    async def test_no_two_calls_at_once_write_under_one_account(self, org: SalesforceParty) -> None:
        firms = [account(org, f"Firm {number}").id for number in range(30)]
        made = [
            org.service.human_create("Contact", {"LastName": f"P{number}", "AccountId": firms[number % 30]}, None)
            for number in range(400)
        ]
        org.clock.pass_(minutes=1)
        watch = Overlaps(org)
        system = org.signed(transport=watch)
        found = [one for one in await system.read("Contact", made, ["Title"]) if isinstance(one, Record)]
        org.clock.pass_(seconds=5)
        firm_of = dict(zip(made, (firms[number % 30] for number in range(400)), strict=True))
        watch.firm_of = firm_of
        receipts = await system.update([org.guarded(one, title="Countess") for one in found], {}, {})
        assert not [one for one in receipts if one.failure]
        assert watch.most > 1, "calls do go side by side"
        assert watch.met == []
        await system.close()


class Overlaps(httpx.AsyncBaseTransport):
    """Takes a moment for each call and notes the accounts that two calls at the same time write under."""

    def __init__(self, org: SalesforceParty) -> None:
        self._org = org
        self._open: list[set[str]] = []
        self.firm_of: dict[str, str] = {}
        self.met: list[str] = []
        self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        text = request.content.decode() if request.url.path.endswith("/graph") else ""
        firms = {firm for contact, firm in self.firm_of.items() if f"/Contact/{contact}" in text}
        for other in self._open:
            self.met += sorted(firms & other)
        self._open.append(firms)
        self.most = max(self.most, sum(map(bool, self._open)))
        for _ in range(20):
            await asyncio.sleep(0)  # the others come in meanwhile
        answer = await self._org.transport.handle_async_request(request)
        self._open.remove(firms)
        return answer


class TestSweep:
    async def test_thousands_of_one_second_are_told_on_whole_pages(self, org: SalesforceParty) -> None:
        position = await org.start()
        made = org.make_many(4_500)
        org.clock.pass_(seconds=3)
        before = org.system.calls()
        rows, _ = await swept(org, position)
        assert len(rows) == 4_500
        assert {row.ref.id for row in rows} == set(made)
        assert org.system.calls() - before == 3

    async def test_a_page_chain_that_expires_in_a_scan_is_begun_again(self, org: SalesforceParty) -> None:
        made = org.make_many(4_100)
        found: list[str] = []
        async for page in org.system.scan("Contact", []):
            if not found:
                await org.control("POST", "/locators/expire")
            found += [record.ref.id for record in page]
        assert sorted(found) == sorted(made)


class TestSignInAndQuota:
    async def test_an_expired_session_is_renewed_once_for_all_calls_at_once(self, org: SalesforceParty) -> None:
        made = org.make_many(5)
        await org.read(made, "family")
        await org.control("POST", "/tokens/expire")
        before = org.journalled
        await asyncio.gather(*(org.one(one, "family") for one in made))
        asked = [call["path"] for call in org.service.controls.journal.calls(before)]
        assert asked.count("/services/oauth2/token") == 1

    async def test_a_session_that_was_idle_for_hours_is_renewed(self, org: SalesforceParty) -> None:
        made = org.make()
        await org.one(made)
        org.clock.pass_(hours=3)
        assert await org.one(made)

    async def test_a_share_of_the_days_calls_is_left_to_others(self, org: SalesforceParty) -> None:
        made = org.make()
        await org.one(made)
        await org.control("POST", "/usage", {"daily_limit": 1000, "daily_used": 801})
        await org.one(made)  # its answer tells how much is used
        before = org.system.calls()
        with pytest.raises(RemoteBusy) as busy:
            await org.one(made)
        assert (busy.value.category, org.system.calls()) == (Category.QUOTA, before)
        await org.control("POST", "/usage", {"daily_used": 10})
        org.clock.pass_(minutes=16)
        assert await org.one(made), "one call looks whether there is room again"
        assert await org.one(made)

    async def test_too_many_calls_at_once_are_not_taken_for_the_days_end(self, org: SalesforceParty) -> None:
        made = org.make()
        await org.one(made)
        org.fault("status", status=429, times=2)
        before = org.clock.now()
        assert await org.one(made)
        assert org.clock.now() - before < TEN_SECONDS

    async def test_maintenance_pages_pass(self, org: SalesforceParty) -> None:
        made = org.make()
        await org.one(made)
        org.fault("status", status=503, code="HTML", times=2)
        assert await org.one(made)
