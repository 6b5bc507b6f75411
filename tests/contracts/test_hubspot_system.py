"""What HubSpot alone does as a `System`, against its sandbox: addresses that belong to contacts, opt-outs that belong
to addresses, primary companies, lifecycle stages, and no conditional write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.contracts.parties import NEVER, HubSpotParty
from tests.contracts.test_system_contract import swept

from concord.core.model import Change, Errand, Lane, Record
from concord.core.values import BLANK, FieldType, Ref, Value
from concord.errors import Category, RemoteBusy, RemoteRefused
from concord.systems.hubspot import HubSpot

OPT_OUT, COMPANY, STAGE = "hs_email_optout", "associatedcompanyid", "lifecyclestage"
TAKEN = "ada@engines.example"


@pytest.fixture
async def hub() -> AsyncIterator[HubSpotParty]:
    made = HubSpotParty()
    yield made
    await made.system.close()


async def wrote(hub: HubSpotParty, record_id: str, *histories: str, **values: Any) -> Any:
    """Update properties by the vendor's names: the receipt, with these properties shown."""
    change = Change(hub.ref(record_id), values)
    (receipt,) = await hub.system.update([change], {"contacts": list(values)}, {"contacts": histories})
    return receipt


async def read(hub: HubSpotParty, record_id: str, *names: str) -> Record:
    (record,) = await hub.system.read("contacts", [record_id], names)
    assert isinstance(record, Record)
    return record


def company(hub: HubSpotParty, name: str, **more: str) -> Ref:
    return Ref("hubspot", "companies", hub.service.human_create("companies", {"name": name, **more}, None))


def calls(hub: HubSpotParty, word: str) -> list[dict[str, Any]]:
    return [call for call in hub.service.controls.journal.calls(limit=100_000) if word in call["path"]]


class TestAddresses:
    async def test_additional_addresses_are_found_in_any_case(self, hub: HubSpotParty) -> None:
        made = hub.make(email="ada@engines.example")
        hub.service.human_edit("contacts", made, {"hs_additional_emails": "countess@home.example"}, None)
        assert await hub.find("email", "Countess@HOME.example") == {made}
        assert await hub.find("email", "countess@home.example", "ada@engines.example") == {made}

    async def test_the_address_that_a_merge_took_over_is_found(self, hub: HubSpotParty) -> None:
        winner, loser = hub.make(email="ada@engines.example"), hub.make(email="countess@home.example")
        left = await hub.merge(winner, loser)
        assert await hub.find("email", "countess@home.example") == {left}

    async def test_merged_contacts_cost_no_call_each(self, hub: HubSpotParty) -> None:
        pairs = [(hub.make(), hub.make()) for _ in range(20)]
        left = [await hub.merge(winner, loser) for winner, loser in pairs]
        await hub.system.describe(["contacts"])
        before = hub.system.calls()
        found = await hub.read([loser for _, loser in pairs], "family")
        assert [one.ref.id for one in found] == left
        assert hub.system.calls() == before + 1

    async def test_creating_on_a_taken_address_tells_who_has_it_and_holds_up_no_other(self, hub: HubSpotParty) -> None:
        holder = hub.make(email=TAKEN)
        receipts = await hub.create(hub.creation("K-1"), hub.creation("K-2", email=TAKEN), hub.creation("K-3"))
        assert [receipt.failure is None for receipt in receipts] == [True, False, True]
        failure = receipts[1].failure
        assert failure is not None
        assert (failure.category, failure.holder, failure.transient) == (Category.DUPLICATE_RULE, holder, False)
        assert len(hub.state()) == 3

    async def test_an_additional_address_is_taken_too(self, hub: HubSpotParty) -> None:
        holder = hub.make(email="ada@engines.example")
        hub.service.human_edit("contacts", holder, {"hs_additional_emails": "countess@home.example"}, None)
        (receipt,) = await hub.create(hub.creation("K-1", email="COUNTESS@home.example"))
        assert receipt.failure is not None
        assert receipt.failure.holder == holder

    async def test_changing_to_a_taken_address_tells_who_has_it(self, hub: HubSpotParty) -> None:
        holder, other = hub.make(email=TAKEN), hub.make(email="other@engines.example")
        (receipt,) = await hub.update(hub.change(other, email=TAKEN, title="Countess"))
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.holder) == (Category.DUPLICATE_RULE, holder)
        assert hub.stored(other, "title") is None

    async def test_a_taken_key_tells_who_has_it(self, hub: HubSpotParty) -> None:
        holder, other = hub.make(key="K-1"), hub.make()
        (receipt,) = await hub.update(hub.change(other, key="K-1"))
        assert receipt.failure is not None
        assert receipt.failure.category is Category.DUPLICATE_RULE
        assert receipt.failure.fields == ("salesforce_contact_id",)
        assert receipt.failure.holder == holder


class TestOptOut:
    async def test_yes_is_written_to_the_address_and_shown_on_the_contact(self, hub: HubSpotParty) -> None:
        made = hub.make(email="ada@engines.example")
        receipt = await wrote(hub, made, OPT_OUT, **{OPT_OUT: True})
        assert receipt.failure is None
        assert receipt.shown.value(OPT_OUT) is True
        assert receipt.shown.histories[OPT_OUT][0].ours
        assert hub.state()[made][OPT_OUT] == "true"
        (call,) = calls(hub, "/communication-preferences/")
        assert (call["method"], call["query"]) == ("POST", "channel=EMAIL")
        assert call["path"].endswith("/unsubscribe-all")
        assert calls(hub, "/batch/update") == []

    async def test_a_repeat_changes_nothing(self, hub: HubSpotParty) -> None:
        made = hub.make(email="ada@engines.example")
        await wrote(hub, made, **{OPT_OUT: True})
        before = (await read(hub, made)).version
        hub.clock.pass_(seconds=5)
        receipt = await wrote(hub, made, **{OPT_OUT: True})
        assert (receipt.failure, receipt.shown.version) == (None, before)

    @pytest.mark.parametrize("no", [False, BLANK])
    async def test_no_is_refused_where_the_address_is_opted_out(self, hub: HubSpotParty, no: Value) -> None:
        made = hub.make(email="ada@engines.example")
        hub.service.human_edit("contacts", made, {OPT_OUT: "true"}, None)
        receipt = await wrote(hub, made, **{OPT_OUT: no, "jobtitle": "Countess"})
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.fields) == (Category.PERMISSION, (OPT_OUT,))
        assert (hub.state()[made][OPT_OUT], hub.stored(made, "title")) == ("true", "Countess")

    async def test_no_is_true_already_of_who_never_said_a_word(self, hub: HubSpotParty) -> None:
        made = hub.make(email="ada@engines.example")
        assert (await read(hub, made, OPT_OUT)).value(OPT_OUT) is False
        receipt = await wrote(hub, made, **{OPT_OUT: False})
        assert (receipt.failure, receipt.shown.value(OPT_OUT)) == (None, False)
        assert calls(hub, "/communication-preferences/") == []

    async def test_an_opt_out_stands_though_the_rest_of_the_record_is_refused(self, hub: HubSpotParty) -> None:
        made = hub.make(email="ada@engines.example")
        receipt = await wrote(hub, made, **{OPT_OUT: True, STAGE: "no such stage"})
        assert receipt.failure.fields == (STAGE,)
        assert hub.state()[made][OPT_OUT] == "true"

    async def test_a_new_address_written_along_with_the_opt_out_is_opted_out_too(self, hub: HubSpotParty) -> None:
        made = hub.make(email="ada@engines.example")
        receipt = await wrote(hub, made, **{OPT_OUT: True, "email": "countess@home.example"})
        assert receipt.failure is None
        assert receipt.shown.value("email") == "countess@home.example"
        assert receipt.shown.value(OPT_OUT) is True
        assert set(hub.service.portal.unsubscribed) == {"ada@engines.example", "countess@home.example"}

    async def test_without_an_address_there_is_nothing_to_opt_out(self, hub: HubSpotParty) -> None:
        receipt = await wrote(hub, hub.make(), **{OPT_OUT: True})
        assert (receipt.failure.category, receipt.failure.fields) == (Category.REQUIRED_FIELD, (OPT_OUT,))

    async def test_one_contact_without_an_address_holds_up_no_other(self, hub: HubSpotParty) -> None:
        first, bare, last = hub.make(email="a@b.example"), hub.make(), hub.make(email="c@d.example")
        changes = [Change(hub.ref(one), {OPT_OUT: True}) for one in (first, bare, last)]
        receipts = await hub.system.update(changes, {}, {})
        assert [receipt.failure is None for receipt in receipts] == [True, False, True]

    async def test_a_new_contact_is_made_opted_out(self, hub: HubSpotParty) -> None:
        change = Change(hub.ref(""), {"email": "ada@engines.example", OPT_OUT: True}, key=(hub.key, "K-1"))
        (receipt,) = await hub.system.create([change], {"contacts": [OPT_OUT]}, {})
        assert (receipt.failure, receipt.created) == (None, True)
        assert receipt.shown is not None
        assert receipt.shown.value(OPT_OUT) is True

    async def test_an_address_that_said_no_before_stays_so_with_its_new_contact(self, hub: HubSpotParty) -> None:
        before = hub.make(email="ada@engines.example")
        hub.service.human_edit("contacts", before, {OPT_OUT: "true"}, None)
        hub.delete(before)
        change = Change(hub.ref(""), {"email": "ada@engines.example", OPT_OUT: False}, key=(hub.key, "K-1"))
        (receipt,) = await hub.system.create([change], {"contacts": [OPT_OUT]}, {})
        assert receipt.created
        assert receipt.shown is not None
        assert receipt.shown.value(OPT_OUT) is True
        assert receipt.failure is not None
        assert receipt.failure.fields == (OPT_OUT,)


class TestPrimaryCompany:
    async def test_it_is_told_as_a_writable_reference(self, hub: HubSpotParty) -> None:
        spec = (await hub.system.describe(["contacts"]))["contacts"].fields[COMPANY]
        assert (spec.type, spec.references, spec.updatable) == (FieldType.REFERENCE, ("companies",), True)

    async def test_it_is_set_moved_and_cleared(self, hub: HubSpotParty) -> None:
        made, first, second = hub.make(), company(hub, "First"), company(hub, "Second")
        for wanted in (first, second, first, BLANK, second):
            receipt = await wrote(hub, made, COMPANY, **{COMPANY: wanted})
            assert receipt.failure is None
            assert receipt.shown.value(COMPANY) == wanted
            assert receipt.shown.histories[COMPANY][0].ours
            assert (await read(hub, made, COMPANY)).value(COMPANY) == wanted

    async def test_clearing_the_primary_mark_leaves_the_plain_association(self, hub: HubSpotParty) -> None:
        made, firm = hub.make(), company(hub, "First")
        await wrote(hub, made, **{COMPANY: firm})
        await wrote(hub, made, **{COMPANY: BLANK})
        (linked,) = hub.service.save()["associations"]
        assert (linked["from"], linked["to"]) == (["companies", firm.id], ["contacts", made])
        assert linked["types"] == [280]  # seen from the company; 2 would be the primary mark

    async def test_many_are_set_in_one_call_and_a_company_that_is_not_there_holds_up_no_other(
        self, hub: HubSpotParty
    ) -> None:
        people, firm = hub.make_many(60), company(hub, "First")
        changes = [Change(hub.ref(one), {COMPANY: firm}) for one in people]
        changes[5] = Change(hub.ref(people[5]), {COMPANY: Ref("hubspot", "companies", "999")})
        receipts = await hub.system.update(changes, {"contacts": [COMPANY]}, {})
        assert [number for number, receipt in enumerate(receipts) if receipt.failure] == [5]
        assert receipts[5].failure is not None
        assert receipts[5].failure.fields == (COMPANY,)
        assert len(calls(hub, "/associations/")) == 1
        assert sum(row.get(COMPANY) == firm.id for row in hub.state().values()) == 59

    async def test_a_new_contact_gets_its_company(self, hub: HubSpotParty) -> None:
        firm = company(hub, "First")
        change = Change(hub.ref(""), {"lastname": "Lovelace", COMPANY: firm}, key=(hub.key, "K-1"))
        (receipt,) = await hub.system.create([change], {"contacts": [COMPANY]}, {})
        assert (receipt.failure, receipt.shown and receipt.shown.value(COMPANY)) == (None, firm)

    async def test_clearing_what_is_blank_is_done_already(self, hub: HubSpotParty) -> None:
        receipt = await wrote(hub, hub.make(), **{COMPANY: BLANK})
        assert (receipt.failure, receipt.shown.value(COMPANY)) == (None, BLANK)


class TestLifecycle:
    async def test_a_stage_goes_forward_in_one_write_and_back_in_three(self, hub: HubSpotParty) -> None:
        made = hub.make(stage="lead")
        for wanted, writes in (("customer", 1), ("lead", 3), ("opportunity", 1), ("subscriber", 3), (BLANK, 1)):
            before = len(calls(hub, "/batch/update"))
            hub.clock.pass_(minutes=1)
            receipt = await wrote(hub, made, **{STAGE: wanted})
            assert receipt.failure is None
            assert receipt.shown.value(STAGE) == wanted
            assert len(calls(hub, "/batch/update")) - before == writes

    async def test_some_of_many_go_back_and_no_other_is_touched_twice(self, hub: HubSpotParty) -> None:
        back, forth = hub.make(stage="customer"), hub.make(stage="lead")
        hub.clock.pass_(minutes=1)
        receipts = await hub.update(
            hub.change(back, stage="lead"), hub.change(forth, stage="customer"), show=["stage"], histories=["stage"]
        )
        shown = [receipt.shown for receipt in receipts if receipt.shown]
        assert [hub.value(record, "stage") for record in shown] == ["lead", "customer"]
        assert [entry.value for entry in shown[0].histories[STAGE]] == ["lead", BLANK, "customer"]
        assert [entry.value for entry in shown[1].histories[STAGE]] == ["customer", "lead"]

    async def test_a_repeated_create_moves_its_contact_back_too(self, hub: HubSpotParty) -> None:
        await hub.create(hub.creation("K-1", stage="customer"))
        hub.clock.pass_(minutes=1)
        (receipt,) = await hub.create(hub.creation("K-1", stage="lead"), show=["stage"])
        assert receipt.shown is not None
        assert (receipt.created, hub.value(receipt.shown, "stage")) == (False, "lead")


class TestNoGuard:
    async def test_an_edit_that_our_write_covers_is_in_the_history_read_back(self, hub: HubSpotParty) -> None:
        made = hub.make(title="Countess")
        record = await hub.one(made, "title")
        hub.clock.pass_(minutes=1)
        hub.edit(made, title="Analyst")
        edited = hub.clock.now()
        hub.clock.pass_(minutes=1)
        (receipt,) = await hub.update(hub.guarded(record, title="Enchantress"), show=["title"], histories=["title"])
        assert receipt.shown is not None
        told = [(entry.value, entry.ours) for entry in receipt.shown.histories["jobtitle"]]
        assert told == [("Enchantress", True), ("Analyst", False), ("Countess", False)]
        assert receipt.shown.histories["jobtitle"][1].stamp.at == edited

    async def test_writing_what_is_there_leaves_no_trace(self, hub: HubSpotParty) -> None:
        made = hub.make(title="Countess")
        before = (await hub.one(made, "title")).version
        hub.clock.pass_(minutes=1)
        (receipt,) = await hub.update(hub.change(made, title="Countess"), show=["title"], histories=["title"])
        assert receipt.shown is not None
        assert (receipt.failure, receipt.shown.version) == (None, before)
        assert len(receipt.shown.histories["jobtitle"]) == 1


class TestRules:
    async def test_a_rule_that_an_administrator_made_is_told_before_and_kept(self, hub: HubSpotParty) -> None:
        world = hub.world()
        world["validations"] = {"contacts": {"jobtitle": [{"ruleType": "MAX_LENGTH", "ruleArguments": ["5"]}]}}
        world["required"] = {"contacts": ["phone"]}
        hub.app.load(world)
        assert (await hub.system.describe(["contacts"]))["contacts"].fields["jobtitle"].length == 5
        (receipt,) = await hub.update(hub.change(hub.make(phone="1"), title="Countess"))
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.fields) == (Category.VALIDATION_RULE, ("jobtitle",))
        (receipt,) = await hub.create(hub.creation("K-1"))
        assert receipt.failure is not None
        assert (receipt.failure.category, receipt.failure.fields) == (Category.REQUIRED_FIELD, ("phone",))

    async def test_owners_are_references_and_checkboxes_checkboxes(self, hub: HubSpotParty) -> None:
        fields = (await hub.system.describe(["contacts"]))["contacts"].fields
        assert (fields["hubspot_owner_id"].type, fields["hubspot_owner_id"].references) == (
            FieldType.REFERENCE,
            ("owners",),
        )
        assert (fields[OPT_OUT].type, fields[OPT_OUT].updatable) == (FieldType.CHECKBOX, True)
        assert fields["email"].unique

    async def test_an_owner_is_written_and_one_that_is_none_refused(self, hub: HubSpotParty) -> None:
        made, owner = hub.make(), hub.world()["owners"][0]["id"]
        receipt = await wrote(hub, made, hubspot_owner_id=Ref("hubspot", "owners", owner))
        assert receipt.shown.value("hubspot_owner_id") == Ref("hubspot", "owners", owner)
        receipt = await wrote(hub, made, hubspot_owner_id=Ref("hubspot", "owners", "1"))
        assert receipt.failure.fields == ("hubspot_owner_id",)


class TestSweep:
    async def test_what_the_index_does_not_show_yet_is_found_with_the_overlap(self, hub: HubSpotParty) -> None:
        position = await hub.start()
        late = hub.make()
        hub.clock.pass_(seconds=0.1)
        rows, position = await swept(hub, position)
        assert rows == []
        hub.clock.pass_(seconds=5)
        rows, _ = await swept(hub, position, timedelta(minutes=2))
        assert [row.ref.id for row in rows] == [late]

    async def test_ids_of_any_length_that_share_a_stamp_are_told(
        self, hub: HubSpotParty, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub.small_pages(monkeypatch, 4)
        world, at = hub.world(), "2026-11-02T09:30:00.123Z"
        numbers = [*range(95, 106), *range(995, 1006), 541_000_000_007]
        world["records"]["contacts"] = [
            {"id": str(number), "properties": {"lastname": "Lovelace"}, "updatedAt": at} for number in numbers
        ]
        position = await hub.start()
        hub.app.load(world)
        hub.clock.pass_(hours=1)
        rows, _ = await swept(hub, position)
        assert {int(row.ref.id) for row in rows} == set(numbers)
        assert len(rows) == len(numbers) + 4, "only the page that turned out to be of one stamp is read again"

    async def test_more_than_the_ten_thousand_rows_that_a_search_ends_at(self, hub: HubSpotParty) -> None:
        world = hub.world()
        world["records"]["contacts"] = [
            {"id": str(number), "properties": {"lastname": "L"}, "updatedAt": f"2026-11-02T09:30:0{number % 7}.000Z"}
            for number in range(1000, 11_400)
        ]
        position = await hub.start()
        hub.app.load(world)
        hub.clock.pass_(hours=1)
        told: set[str] = set()
        more = True
        while more:
            page = await hub.page(position)
            told |= {row.ref.id for row in page.rows}
            position, more = page.position, page.more
        assert len(told) == 10_400

    async def test_companies_have_a_stamp_of_another_name(self, hub: HubSpotParty) -> None:
        page = await hub.system.changed(["companies"], None, NEVER)
        hub.clock.pass_(seconds=3)
        firm = company(hub, "Engines", domain="engines.example")
        hub.clock.pass_(seconds=3)
        page = await hub.system.changed(["companies"], page.position, NEVER)
        assert [row.ref for row in page.rows] == [firm]
        (record,) = await hub.system.read("companies", [firm.id], ["name"])
        assert isinstance(record, Record)
        assert page.rows[0].version == record.version

    async def test_a_company_is_found_by_its_domain_once_the_index_shows_it(self, hub: HubSpotParty) -> None:
        firm = company(hub, "Engines", domain="Engines.example")
        company(hub, "Others", domain="others.example")
        hub.clock.pass_(seconds=3)
        (found,) = await hub.system.find("companies", "domain", ["engines.example", "none.example"], ["name"])
        assert (found.ref, found.value("name")) == (firm, "Engines")


class TestLimits:
    async def test_calls_are_paced_so_that_none_is_refused(self, hub: HubSpotParty) -> None:
        made = hub.make()
        for _ in range(400):
            await hub.one(made, "family")
        assert hub.service.controls.journal.summary()["by_status"].keys() == {"200"}

    async def test_searches_are_paced_so_that_none_is_refused(self, hub: HubSpotParty) -> None:
        position = await hub.start()
        for _ in range(40):
            await hub.page(position)
        assert hub.service.controls.journal.summary()["by_status"].keys() == {"200"}

    async def test_a_search_refused_all_the_same_waits_its_second(self, hub: HubSpotParty) -> None:
        position = await hub.start()
        hub.fault("status", path="/search", status=429, code="SECONDLY", times=2)
        before = hub.clock.now()
        await hub.page(position)
        assert timedelta(seconds=2) <= hub.clock.now() - before < timedelta(seconds=10)

    @pytest.mark.parametrize(("zone", "hours"), [("UTC", 15), ("Europe/Berlin", 14), ("America/New_York", 20)])
    async def test_a_days_calls_are_counted_anew_at_the_accounts_midnight(
        self, hub: HubSpotParty, zone: str, hours: int
    ) -> None:
        hub.app.load({**hub.world(), "time_zone": zone})
        made = hub.make()
        await hub.system.account()
        await hub.one(made, "family")
        await hub.spend_quota()
        with pytest.raises(RemoteBusy) as busy:
            await hub.one(made, "family")
        assert busy.value.after == pytest.approx(hours * 3600, abs=60)  # it is nine o'clock, UTC
        hub.clock.pass_(hours=hours, minutes=1)
        assert await hub.one(made, "family")

    async def test_an_account_on_the_move_is_left_alone_for_as_long_as_it_asks(self, hub: HubSpotParty) -> None:
        made = hub.make()
        await hub.one(made, "family")
        hub.fault("status", status=477, times=1)
        before = hub.clock.now()
        with pytest.raises(RemoteBusy) as busy:
            await hub.one(made, "family")
        assert (busy.value.after, hub.clock.now()) == (86_400.0, before)

    async def test_the_last_of_the_days_calls_are_left_to_others_and_to_consent(self, hub: HubSpotParty) -> None:
        await hub.control("PUT", "/limits", {"daily_limit": 100})
        system = hub.by_token()
        made = hub.make(email="ada@engines.example")

        async def spend_the_day() -> None:
            for _ in range(1000):
                try:
                    await system.read("contacts", [made], ["email"])
                except RemoteBusy as slowed:
                    if "slowed" not in str(slowed):
                        raise
                    hub.clock.pass_(minutes=5)

        with pytest.raises(RemoteBusy, match="kept for others and for opt-outs") as busy:
            await spend_the_day()
        assert busy.value.category is Category.QUOTA
        assert hub.service.limits.used_today == 88, "the others' tenth, and two that are kept for opt-outs"
        sent = system.calls()
        (receipt,) = await system.on(Errand(Lane.CONSENT)).update([Change(hub.ref(made), {OPT_OUT: True})], {}, {})
        assert receipt.failure is None
        assert system.calls() > sent
        await system.close()


class TestSignIn:
    async def test_a_static_token_that_is_refused_is_the_administrators(self, hub: HubSpotParty) -> None:
        stranger: HubSpot = hub.by_token("pat-na1-not-the-token")
        with pytest.raises(RemoteRefused) as refused:
            await stranger.account()
        assert refused.value.category is Category.PERMISSION
        assert "pat-na1" not in str(refused.value)
        await stranger.close()

    async def test_a_token_of_half_an_hour_is_renewed_before_it_ends(self, hub: HubSpotParty) -> None:
        made = hub.make()
        for _ in range(6):
            hub.clock.pass_(minutes=13)
            await hub.one(made, "family")
        assert hub.service.controls.journal.summary()["by_status"].keys() == {"200"}
        hub.clock.pass_(hours=2)
        assert hub.value(await hub.one(made, "family"), "family") == "Lovelace"

    async def test_a_contact_restored_from_the_recycle_bin_is_read_again(self, hub: HubSpotParty) -> None:
        made = hub.make(email="ada@engines.example")
        hub.delete(made)
        position = await hub.start()
        await hub.control("POST", "/restore", {"object": "contacts", "id": made})
        assert (await hub.one(made, "email")).ref.id == made
        hub.clock.pass_(seconds=3)
        rows, _ = await swept(hub, position)
        assert [row.ref.id for row in rows] == [made]
