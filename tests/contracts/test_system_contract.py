"""What every implementation of `System` (engine/ports.py) must do, each against its sandbox. One test, one sentence.

What only one of the two can do is in test_salesforce_system.py and test_hubspot_system.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.contracts.parties import NEVER, PARTIES, Party

from concord.core.model import Change, Found, Gone, Record
from concord.core.values import BLANK, MISSING, FieldType, Ref, Value
from concord.engine.ports import System
from concord.errors import Category, ConfigError, RemoteBusy, RemoteRefused, RemoteUnknown

SECOND = timedelta(seconds=1)
MANY = 450
#: More rows of one stamp than fit on a page of the sweep.
TIED, PAGE = 300, 100

VALUES: dict[str, Value] = {
    "email": "ada@engines.example",
    "given": "Ada",
    "family": "O'Lovelace \\ «née Byron»",
    "phone": "+44 20 7946 0958",
    "title": "Countess",
    "stage": "customer",
    "contacted": datetime(2026, 10, 31, 23, 59, 58, tzinfo=UTC),
    "topics": frozenset({"red", "blue"}),
    "score": Decimal("12.5"),
    "born": date(1815, 12, 10),
}


@pytest.fixture(params=sorted(PARTIES))
async def party(request: pytest.FixtureRequest) -> AsyncIterator[Party]:
    made = PARTIES[request.param]()
    yield made
    await made.system.close()


def ids(records: Sequence[Record | Gone]) -> list[str]:
    return [record.ref.id for record in records]


def test_the_system_fills_the_port(party: Party) -> None:
    port: System = party.system  # the type checker's word
    assert port.name == party.name
    assert all(callable(getattr(port, name)) for name in vars(System) if not name.startswith("_"))


class TestAccount:
    async def test_it_says_whose_account_it_is_and_who_we_are_there(self, party: Party) -> None:
        keys = party.service.credentials("")
        account = await party.system.account()
        assert account.id == str(keys.get("organisation_id") or keys["portal_id"])
        assert account.user == str(keys.get("user_id") or keys["app_id"])
        assert account.name

    async def test_a_refused_sign_in_stops_the_start_and_is_the_administrators(self, party: Party) -> None:
        stranger = party.signed(secret="not the secret")
        with pytest.raises(RemoteRefused) as refused:
            await stranger.account()
        assert refused.value.category is Category.PERMISSION
        assert refused.value.advice
        assert "not the secret" not in str(refused.value)
        await stranger.close()


class TestDescribe:
    async def test_every_field_has_its_type(self, party: Party) -> None:
        fields = (await party.system.describe([party.person]))[party.person].fields
        types = {name: fields[party.NAMES[name]].type for name in party.NAMES}
        assert types == {
            "email": FieldType.EMAIL,
            "given": FieldType.TEXT,
            "family": FieldType.TEXT,
            "phone": FieldType.PHONE,
            "title": FieldType.TEXT,
            "stage": FieldType.PICKLIST,
            "contacted": FieldType.DATETIME,
            "topics": FieldType.MULTI_PICKLIST,
            "score": FieldType.NUMBER,
            "born": FieldType.DATE,
            "key": FieldType.TEXT,
        }

    async def test_options_are_told_in_the_values_that_the_api_takes(self, party: Party) -> None:
        fields = (await party.system.describe([party.person]))[party.person].fields
        stage, topics = fields[party.NAMES["stage"]], fields[party.NAMES["topics"]]
        labels = {option.value: option.label for option in stage.options if option.active}
        assert labels["marketingqualifiedlead"] == "Marketing Qualified Lead"
        assert stage.restricted
        assert [option.value for option in topics.options] == ["red", "green", "blue"]
        assert fields[party.NAMES["family"]].options == ()

    async def test_the_key_is_unique_and_an_ordinary_field_is_not(self, party: Party) -> None:
        fields = (await party.system.describe([party.person]))[party.person].fields
        assert fields[party.key].unique
        assert fields[party.key].creatable
        assert not fields[party.NAMES["family"]].unique

    async def test_what_only_the_vendor_writes_is_read_only(self, party: Party) -> None:
        spec = (await party.system.describe([party.person]))[party.person].fields[party.read_only]
        assert (spec.type, spec.creatable, spec.updatable) == (FieldType.DATETIME, False, False)

    async def test_several_objects_are_described_at_once(self, party: Party) -> None:
        other = {"salesforce": "Account", "hubspot": "companies"}[party.name]
        specs = await party.system.describe([party.person, other])
        assert {name: spec.name for name, spec in specs.items()} == {party.person: party.person, other: other}
        assert {spec.system for spec in specs.values()} == {party.name}

    async def test_an_object_that_is_not_there_is_a_fault_of_the_configuration_and_named(self, party: Party) -> None:
        with pytest.raises(ConfigError, match=party.no_object):
            await party.system.describe([party.person, party.no_object])


class TestRead:
    async def test_any_number_of_records_comes_in_the_order_asked(self, party: Party) -> None:
        made = party.make_many(MANY)
        asked = [*made[::-1], made[7]]
        assert ids(await party.read(asked, "email")) == asked

    async def test_nobody_asked_for_is_nobody_read(self, party: Party) -> None:
        assert list(await party.read([], "email")) == []

    async def test_a_value_read_is_blank_one_not_asked_for_or_unknown_is_missing(self, party: Party) -> None:
        made = party.make(title="Countess")
        party.edit(made, title=None)
        asked = [party.NAMES["title"], party.NAMES["phone"], "no_such_field__c"]
        (record,) = await party.system.read(party.person, [made], asked)
        assert isinstance(record, Record)
        assert (party.value(record, "title"), party.value(record, "phone")) == (BLANK, BLANK)
        assert (record.value("no_such_field__c"), party.value(record, "family")) == (MISSING, MISSING)

    async def test_a_deleted_record_is_gone_and_holds_up_no_other(self, party: Party) -> None:
        first, gone, last = (party.make(family=name) for name in "ABC")
        party.delete(gone)
        found = await party.read([first, gone, last], "family")
        assert [type(one) for one in found] == [Record, Gone, Record]
        assert found[1].ref == party.ref(gone)

    async def test_an_id_that_never_was_is_gone(self, party: Party) -> None:
        (found,) = await party.read([party.no_id], "family")
        assert isinstance(found, Gone)
        assert found.ref == party.ref(party.no_id)

    async def test_a_text_that_is_no_id_is_gone_too_and_holds_up_no_other(self, party: Party) -> None:
        made = party.make()
        found = await party.read(["no id", made], "family")
        assert [type(one) for one in found] == [Gone, Record]
        assert found[0].ref == party.ref("no id")

    async def test_a_merged_record_comes_back_as_what_it_became_and_says_what_was_asked(self, party: Party) -> None:
        winner, loser = party.make(family="Winner"), party.make(family="Loser", phone="+1 212 555 0100")
        left = await party.merge(winner, loser)
        (found,) = await party.read([loser], "family", "phone")
        assert isinstance(found, Record)
        assert (found.ref, found.asked) == (party.ref(left), loser)
        assert (party.value(found, "family"), party.value(found, "phone")) == ("Winner", "+1 212 555 0100")

    async def test_both_of_two_merged_records_and_the_survivor_can_be_asked_for_at_once(self, party: Party) -> None:
        winner, loser, other = (party.make(family=name) for name in ("Winner", "Loser", "Other"))
        left = await party.merge(winner, loser)
        found = await party.read([loser, other, winner, left], "family")
        assert ids(found) == [left, other, left, left]
        asked = [one.asked for one in found if isinstance(one, Record)]
        assert asked == [loser, None, winner if winner != left else None, None]

    async def test_a_chain_of_merges_is_followed_to_its_end(self, party: Party) -> None:
        first, second, third = (party.make(family=name) for name in ("First", "Second", "Third"))
        left = await party.merge(third, await party.merge(second, first))
        assert ids(await party.read([first, second, third])) == [left, left, left]

    async def test_what_a_merge_left_is_gone_when_it_is_deleted_too(self, party: Party) -> None:
        winner, loser = party.make(family="Winner"), party.make(family="Loser")
        party.delete(await party.merge(winner, loser))
        (found,) = await party.read([loser])
        assert isinstance(found, Gone)

    async def test_an_edit_of_a_moment_ago_is_seen(self, party: Party) -> None:
        made = party.make(family="Byron")
        await party.one(made, "family")
        party.edit(made, family="Lovelace")
        assert party.value(await party.one(made, "family"), "family") == "Lovelace"

    async def test_times_are_the_systems_own(self, party: Party) -> None:
        made = party.make()
        born = party.clock.now()
        party.clock.pass_(minutes=5)
        party.edit(made, family="Byron")
        changed = party.clock.now()
        party.clock.pass_(minutes=5)
        record = await party.one(made, "family")
        assert record.created_at is not None
        assert abs(record.created_at - born) < SECOND
        assert abs(record.modified_at - changed) < SECOND
        assert abs(record.read_at - party.clock.now()) < SECOND

    async def test_a_token_of_a_state_changes_with_the_state_and_only_with_it(self, party: Party) -> None:
        made = party.make()
        party.clock.pass_(seconds=5)
        first, again = await party.one(made, "family"), await party.one(made, "title")
        party.edit(made, family="Byron")
        party.clock.pass_(seconds=5)
        later = await party.one(made, "family")
        assert first.version is not None
        assert first.version == again.version != later.version

    async def test_a_history_is_newest_first_and_says_who_and_when(self, party: Party) -> None:
        made = party.make(email="first@engines.example")
        party.clock.pass_(minutes=1)
        party.edit(made, email="second@engines.example")
        at = party.clock.now()
        party.clock.pass_(minutes=1)
        await party.update(party.change(made, email="third@engines.example"))
        ours, theirs, *_ = (await party.one(made, "email", histories=["email"])).histories[party.NAMES["email"]]
        assert (ours.value, ours.ours) == ("third@engines.example", True)
        assert (theirs.value, theirs.ours) == ("second@engines.example", False)
        assert theirs.stamp.certain
        assert abs(theirs.stamp.at - at) < SECOND
        assert theirs.stamp.by
        assert theirs.stamp.by != ours.stamp.by

    async def test_histories_of_many_records_come_with_their_own_record(self, party: Party) -> None:
        made = party.make_many(120)
        for number, one in enumerate(made):
            party.edit(one, email=f"new{number}@many.example")
        found = await party.read(made, "email", histories=["email"])
        newest = [one.histories[party.NAMES["email"]][0].value for one in found if isinstance(one, Record)]
        assert newest == [f"new{number}@many.example" for number in range(120)]


class TestPresent:
    async def test_who_is_live_under_the_very_id_is_there_with_the_fields_asked_for(self, party: Party) -> None:
        made = party.make_many(3)
        party.delete(made[1])
        there = await party.system.present(party.person, [*made, party.no_id], [party.NAMES["family"]])
        assert set(there) == {made[0], made[2]}
        read = await party.one(made[2], "family")
        assert (there[made[2]].ref, there[made[2]].values, there[made[2]].version) == (
            read.ref, read.values, read.version,
        )  # fmt: skip

    async def test_a_merge_is_not_followed(self, party: Party) -> None:
        winner, loser = party.make(family="Winner"), party.make(family="Loser")
        left = await party.merge(winner, loser)
        assert set(await party.system.present(party.person, [loser, left], [])) == {left}

    async def test_a_text_that_is_no_id_and_a_record_that_is_gone_cost_no_call_of_their_own(self, party: Party) -> None:
        made = party.make_many(100)
        for one in made[:40]:
            party.delete(one)
        await party.system.present(party.person, made[:1], [])
        calls = party.system.calls()
        assert len(await party.system.present(party.person, made, [])) == 60
        assert party.system.calls() == calls + 1

    async def test_nobody_asked_for_is_nobody_there(self, party: Party) -> None:
        assert await party.system.present(party.person, [], []) == {}

    async def test_an_object_out_of_sight_is_an_error_and_not_an_empty_answer(self, party: Party) -> None:
        made = party.make()
        await party.one(made, "family")
        await party.hide(party.person)
        with pytest.raises(RemoteRefused):
            await party.system.present(party.person, [made], [])


class TestOrigins:
    async def test_who_was_made_by_no_conversion_has_none(self, party: Party) -> None:
        assert await party.system.origins(party.person, [party.make(), party.no_id]) == {}
        assert await party.system.origins(party.person, []) == {}


class TestScan:
    async def test_every_live_record_comes_once_over_several_pages(self, party: Party) -> None:
        made = party.make_many(party.scan_page + 50)
        party.delete(made.pop(3))
        pages = [page async for page in party.system.scan(party.person, [party.NAMES["email"]])]
        assert len(pages) > 1
        assert sorted(ids([record for page in pages for record in page])) == sorted(made)
        assert all(party.value(record, "email") is not BLANK for page in pages for record in page)

    async def test_nobody_there_is_no_record(self, party: Party) -> None:
        assert [one async for page in party.system.scan(party.person, []) for one in page] == []

    async def test_who_is_there_throughout_is_found_whatever_else_comes_and_goes(self, party: Party) -> None:
        made = party.make_many(party.scan_page + 50)
        staying, found, first = set(made[10:]), [], True
        async for page in party.system.scan(party.person, []):
            found += ids(page)
            if first:
                first = False
                for one in made[:10]:
                    party.delete(one)
                party.make_many(10)
        assert staying <= set(found)
        assert len(found) == len(set(found))


class TestFind:
    async def test_an_address_is_found_right_after_it_was_written(self, party: Party) -> None:
        made = party.make(email="ada@engines.example")
        assert await party.find("email", "ada@engines.example") == {made}
        party.edit(made, email="countess@engines.example")
        assert await party.find("email", "ada@engines.example") == set()
        assert await party.find("email", "countess@engines.example") == {made}

    async def test_the_case_of_an_address_does_not_count(self, party: Party) -> None:
        made = party.make(email="Ada@Engines.Example")
        assert await party.find("email", "ADA@engines.EXAMPLE") == {made}

    async def test_many_addresses_are_looked_for_at_once(self, party: Party) -> None:
        made = party.make_many(320)
        strangers = [f"nobody{number}@many.example" for number in range(320)]
        assert await party.find("email", *(f"p{number}@many.example" for number in range(320)), *strangers) == set(made)

    async def test_nobody_is_found_for_no_address_an_empty_one_or_one_that_is_none(self, party: Party) -> None:
        party.make()
        assert await party.find("email") == set()
        assert await party.find("email", "") == set()
        assert await party.find("email", "not an address") == set()

    async def test_quotes_in_an_address_are_no_trouble(self, party: Party) -> None:
        made = party.make(email="o'neil@engines.example")
        assert await party.find("email", "o'neil@engines.example", "x' OR Name != '@engines.example") == {made}

    async def test_a_deleted_record_is_not_found(self, party: Party) -> None:
        party.delete(party.make(email="ada@engines.example"))
        assert await party.find("email", "ada@engines.example") == set()

    async def test_a_record_is_found_by_its_key(self, party: Party) -> None:
        made = party.make(key="K-1")
        party.make(key="K-2")
        assert await party.find("key", "K-1", "K-3") == {made}

    async def test_a_record_found_is_as_good_as_one_read(self, party: Party) -> None:
        made = party.make(email="ada@engines.example", title="Countess")
        party.clock.pass_(seconds=5)
        (found,) = await party.system.find(
            party.person, party.NAMES["email"], ["ada@engines.example"], [party.NAMES["title"]]
        )
        read = await party.one(made, "title")
        assert (found.ref, found.values, found.version, found.guard) == (
            read.ref, read.values, read.version, read.guard,
        )  # fmt: skip
        assert found.asked is None


async def swept(party: Party, position: str, overlap: timedelta = NEVER) -> tuple[list[Found], str]:
    """All pages of a sweep: its rows, and where the next one goes on."""
    rows: list[Found] = []
    for _ in range(50):
        page = await party.page(position, overlap)
        rows += page.rows
        position = page.position
        if not page.more:
            return rows, position
    raise AssertionError("the sweep does not end")


class TestChanged:
    async def test_it_begins_now_and_tells_nothing_of_before(self, party: Party) -> None:
        party.make()
        position = await party.start()
        rows, _ = await swept(party, position)
        assert rows == []

    async def test_creates_and_edits_since_are_told_with_their_time_and_nothing_twice(self, party: Party) -> None:
        old, _ = party.make(), party.make()
        position = await party.start()
        party.edit(old, family="Byron")
        new = party.make()
        at = party.clock.now()
        party.clock.pass_(seconds=3)
        rows, position = await swept(party, position)
        assert {row.ref for row in rows} == {party.ref(old), party.ref(new)}
        assert len(rows) == 2
        assert all(abs(row.modified_at - at) < SECOND for row in rows)
        party.clock.pass_(seconds=3)
        party.edit(new, family="Byron")
        party.clock.pass_(seconds=3)
        rows, _ = await swept(party, position)
        assert {row.ref for row in rows} >= {party.ref(new)}

    async def test_a_row_has_the_token_of_the_record_as_read(self, party: Party) -> None:
        position = await party.start()
        made = party.make()
        party.clock.pass_(seconds=3)
        (row,), _ = await swept(party, position)
        assert row.version is not None
        assert row.version == (await party.one(made, "family")).version
        party.edit(made, family="Byron")
        party.clock.pass_(seconds=3)
        assert row.version != (await party.one(made, "family")).version

    async def test_our_own_write_has_the_token_that_its_receipt_shows(self, party: Party) -> None:
        made = party.make()
        position = await party.start()
        (receipt,) = await party.update(party.change(made, title="Countess"), show=["title"])
        party.clock.pass_(seconds=3)
        (row,), _ = await swept(party, position)
        assert receipt.shown is not None
        assert receipt.shown.version == row.version

    async def test_more_records_of_one_stamp_than_a_page_holds_are_all_told(
        self, party: Party, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        party.small_pages(monkeypatch, PAGE)
        position = await party.start()
        made = party.make_many(TIED)
        party.clock.pass_(seconds=3)
        page = await party.page(position)
        assert page.more
        assert len(page.rows) == PAGE
        rows, position = await swept(party, position)
        assert {row.ref.id for row in rows} == set(made)
        party.clock.pass_(seconds=3)
        later = party.make()
        party.clock.pass_(seconds=3)
        rows, _ = await swept(party, position)
        assert later in {row.ref.id for row in rows}

    async def test_ties_between_other_stamps_are_told_too(self, party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
        party.small_pages(monkeypatch, 10)
        position, made = await party.start(), []
        for count, seconds in ((1, 1), (9, 0.001), (10, 1), (25, 0.001), (3, 0.002), (40, 0.001), (12, 1), (1, 1)):
            made += [party.make() for _ in range(count)]
            party.clock.pass_(seconds=seconds)
        party.clock.pass_(seconds=3)
        rows, _ = await swept(party, position)
        assert {row.ref.id for row in rows} == set(made)

    async def test_edits_in_the_midst_of_a_sweep_are_not_lost(
        self, party: Party, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        party.small_pages(monkeypatch, PAGE)
        position = await party.start()
        made = party.make_many(TIED)
        party.clock.pass_(seconds=3)
        told: dict[str, set[str | None]] = {}
        for number in range(12):
            page = await party.page(position)
            position = page.position
            for row in page.rows:
                told.setdefault(row.ref.id, set()).add(row.version)
            if number < 3:  # one that was told already, one that was not yet
                party.edit(made[number * 90], title=f"Edited {number}")
                party.edit(made[-1 - number * 90], title=f"Edited {number}")
            party.clock.pass_(seconds=3)
            if not page.more and number > 3:
                break
        now = {record.ref.id: record.version for record in await party.read(made) if isinstance(record, Record)}
        assert [one for one in made if now[one] not in told.get(one, set())] == []

    async def test_what_shows_late_while_a_long_sweep_goes_on_is_found_by_the_next(
        self, party: Party, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        party.small_pages(monkeypatch, 10)
        overlap = timedelta(minutes=2)
        position = await party.start()
        hidden, seen = [], set()
        for number in range(60):
            if number < 40:
                for _ in range(10):
                    party.make()
                    party.clock.pass_(seconds=1)
            if 3 < number < 30:
                hidden.append(party.make_late(20))
            page = await party.page(position, overlap)
            position = page.position
            seen |= {row.ref.id for row in page.rows}
            if number > 40 and not page.more:
                break
            assert page.more or number >= 40, "one sweep, longer than the overlap"
        rows, _ = await swept(party, position, overlap)
        assert set(hidden) - seen - {row.ref.id for row in rows} == set()

    async def test_an_object_that_cannot_be_asked_about_holds_up_no_other_and_loses_nothing(self, party: Party) -> None:
        other = {"salesforce": "Account", "hubspot": "companies"}[party.name]
        names = {"salesforce": {"Name": "Engines"}, "hubspot": {"name": "Engines"}}[party.name]
        position = (await party.system.changed([party.person, other], None, NEVER)).position
        party.clock.pass_(seconds=3)
        firm, person = party.service.human_create(other, names, None), party.make()
        party.clock.pass_(seconds=3)
        await party.hide(other)
        page = await party.system.changed([party.person, other], position, NEVER)
        assert {row.ref.id for row in page.rows} == {person}
        assert page.failed.keys() == {other}
        assert page.failed[other].message
        assert not page.more
        with pytest.raises(RemoteRefused):
            await party.system.changed([other], page.position, NEVER)
        await party.show(other)
        page = await party.system.changed([party.person, other], page.position, NEVER)
        assert firm in {row.ref.id for row in page.rows}
        assert page.failed == {}

    async def test_an_object_that_fails_in_the_midst_of_its_pages_holds_up_no_other(
        self, party: Party, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = {"salesforce": "Account", "hubspot": "companies"}[party.name]
        names = {"salesforce": {"Name": "Engines"}, "hubspot": {"name": "Engines"}}[party.name]
        party.small_pages(monkeypatch, 5)
        position = (await party.system.changed([party.person, other], None, NEVER)).position
        party.clock.pass_(seconds=3)
        for _ in range(12):
            party.service.human_create(other, names, None)
            party.clock.pass_(seconds=1)
        page = await party.system.changed([party.person, other], position, NEVER)
        assert page.more
        await party.hide(other)
        person = party.make()
        party.clock.pass_(seconds=3)
        page = await party.system.changed([party.person, other], page.position, NEVER)
        assert (page.failed.keys(), page.more) == ({other}, False)
        assert {row.ref.id for row in page.rows} == {person}

    async def test_the_overlap_is_read_again(self, party: Party) -> None:
        position = await party.start()
        made = party.make()
        party.clock.pass_(seconds=30)
        party.make()
        party.clock.pass_(seconds=30)
        rows, position = await swept(party, position)
        assert len(rows) == 2
        again, _ = await swept(party, position, timedelta(minutes=2))
        assert made in {row.ref.id for row in again}
        without, _ = await swept(party, position)
        assert made not in {row.ref.id for row in without}

    async def test_an_object_that_the_position_does_not_know_begins_now(self, party: Party) -> None:
        other = {"salesforce": "Account", "hubspot": "companies"}[party.name]
        names = {"salesforce": {"Name": "Engines"}, "hubspot": {"name": "Engines"}}[party.name]
        position = await party.start()
        party.service.human_create(other, names, None)
        person = party.make()
        party.clock.pass_(seconds=3)
        page = await party.system.changed([party.person, other], position, NEVER)
        assert [row.ref for row in page.rows] == [party.ref(person)]
        party.clock.pass_(seconds=3)
        firm = party.service.human_create(other, names, None)
        party.clock.pass_(seconds=3)
        page = await party.system.changed([party.person, other], page.position, NEVER)
        assert Ref(party.name, other, firm) in {row.ref for row in page.rows}


class TestUpdate:
    async def test_values_of_every_type_come_back_as_they_were_written(self, party: Party) -> None:
        made = party.make()
        (receipt,) = await party.update(party.change(made, **VALUES), show=VALUES)
        assert (receipt.failure, receipt.ref, receipt.created) == (None, party.ref(made), False)
        assert receipt.shown is not None
        assert receipt.shown.values == party.named(VALUES)
        assert (await party.one(made, *VALUES)).values == party.named(VALUES)

    async def test_blank_clears_every_type(self, party: Party) -> None:
        made = party.make()
        await party.update(party.change(made, **VALUES))
        names = [name for name in VALUES if name != "family"]
        (receipt,) = await party.update(party.change(made, **dict.fromkeys(names, BLANK)), show=VALUES)
        assert receipt.failure is None
        assert receipt.shown is not None
        assert receipt.shown.values == {
            **party.named(dict.fromkeys(names, BLANK)),
            **party.named({"family": VALUES["family"]}),
        }

    async def test_what_is_not_written_stays(self, party: Party) -> None:
        made = party.make(title="Countess", phone="1")
        await party.update(party.change(made, phone="2"))
        assert (party.stored(made, "title"), party.stored(made, "phone")) == ("Countess", "2")

    async def test_many_are_written_at_once_and_answered_in_order(self, party: Party) -> None:
        made = party.make_many(250)
        before = party.system.calls()
        receipts = await party.update(
            *(party.change(one, title=f"Title {number}") for number, one in enumerate(made)), show=["title"]
        )
        assert [receipt.ref.id for receipt in receipts] == made
        assert [receipt.shown and party.value(receipt.shown, "title") for receipt in receipts] == [
            f"Title {number}" for number in range(250)
        ]
        assert party.system.calls() - before < 30

    async def test_nothing_to_write_is_no_receipt(self, party: Party) -> None:
        assert await party.update() == []

    async def test_a_bad_record_holds_up_no_good_one_and_its_field_is_named(self, party: Party) -> None:
        made = party.make_many(60)
        changes = [party.change(one, title="Good") for one in made]
        changes[7] = party.change(made[7], title="Bad", stage="no such stage")
        changes[40] = party.change(made[40], title="Bad", email="no address")
        receipts = await party.update(*changes, show=["title"])
        failures = {number: receipt.failure for number, receipt in enumerate(receipts) if receipt.failure}
        assert {number: (one.category, one.fields) for number, one in failures.items()} == {
            7: (Category.PICKLIST, (party.NAMES["stage"],)),
            40: (Category.DATA_TYPE, (party.NAMES["email"],)),
        }
        assert all(one.message and one.advice and not one.transient for one in failures.values())
        assert [party.stored(one, "title") for one in made].count("Good") == 58
        assert party.stored(made[7], "title") is None

    async def test_a_failure_tells_no_personal_data(self, party: Party) -> None:
        made = party.make()
        (receipt,) = await party.update(party.change(made, email="charles@@engines.example"))
        assert receipt.failure is not None
        assert "charles" not in f"{receipt.failure.message} {receipt.failure.advice}"

    async def test_a_record_that_is_not_there_is_missing_and_holds_up_no_other(self, party: Party) -> None:
        first, gone, last = party.make_many(3)
        party.delete(gone)
        receipts = await party.update(
            *(party.change(one, title="Countess") for one in (first, gone, party.no_id, last)), show=["title"]
        )
        assert [receipt.failure and receipt.failure.category for receipt in receipts] == [
            None, Category.MISSING_RECORD, Category.MISSING_RECORD, None,
        ]  # fmt: skip
        assert (party.stored(first, "title"), party.stored(last, "title")) == ("Countess", "Countess")

    async def test_a_field_that_is_not_there_or_not_to_be_written_is_a_fault_of_the_mapping(self, party: Party) -> None:
        made = party.make()
        for name, value in (("no_such_field__c", "x"), (party.read_only, datetime(2026, 1, 1, tzinfo=UTC))):
            (receipt,) = await party.update(Change(party.ref(made), {name: value}))
            assert receipt.failure is not None
            assert (receipt.failure.category, receipt.failure.fields) == (Category.MAPPING, (name,))

    async def test_a_lock_that_passes_is_mended_inside(self, party: Party) -> None:
        made = party.make_many(3)
        party.lock(made[1], 2)
        receipts = await party.update(*(party.change(one, title="Countess") for one in made), show=["title"])
        assert [receipt.failure for receipt in receipts] == [None, None, None]
        assert party.stored(made[1], "title") == "Countess"

    async def test_the_record_is_shown_with_its_history_as_it_is_after_the_write(self, party: Party) -> None:
        made = party.make(email="first@engines.example", title="Countess")
        party.clock.pass_(minutes=1)
        (receipt,) = await party.update(
            party.change(made, email="second@engines.example"), show=["email", "title"], histories=["email"]
        )
        shown = receipt.shown
        assert shown is not None
        assert (party.value(shown, "email"), party.value(shown, "title")) == ("second@engines.example", "Countess")
        newest = shown.histories[party.NAMES["email"]][0]
        assert (newest.value, newest.ours, newest.stamp.certain) == ("second@engines.example", True, True)

    async def test_an_address_is_shown_as_the_system_keeps_it(self, party: Party) -> None:
        made = party.make()
        (receipt,) = await party.update(party.change(made, email=" Ada@Engines.Example "), show=["email"])
        assert receipt.shown is not None
        assert party.value(receipt.shown, "email") == party.stored(made, "email") == "ada@engines.example"

    async def test_a_unique_value_that_another_has_tells_who_has_it(self, party: Party) -> None:
        holder, other = party.make(key="K-1"), party.make()
        (receipt,) = await party.update(party.change(other, key="K-1"))
        assert receipt.failure is not None
        assert receipt.failure.category is Category.DUPLICATE_RULE
        assert receipt.failure.holder in (holder, None)

    async def test_a_write_to_a_merged_record_lands_on_what_is_left_or_is_refused(self, party: Party) -> None:
        winner, loser = party.make(family="Winner"), party.make(family="Loser")
        left = await party.merge(winner, loser)
        (receipt,) = await party.update(party.change(loser, title="Countess"), show=["title"])
        if receipt.failure is None:
            assert party.stored(left, "title") == "Countess"
            assert receipt.ref == party.ref(left)
        else:
            assert (receipt.failure.category, receipt.failure.moved) == (Category.MISSING_RECORD, True)


class TestCreate:
    async def test_a_record_is_made_under_its_key_and_shown(self, party: Party) -> None:
        (receipt,) = await party.create(party.creation("K-1", **VALUES), show=[*VALUES, "key"])
        assert (receipt.failure, receipt.created) == (None, True)
        assert receipt.shown is not None
        assert receipt.shown.ref == receipt.ref
        assert receipt.shown.values == {**party.named(VALUES), party.key: "K-1"}
        assert list(party.state()) == [receipt.ref.id]

    async def test_a_repeat_finds_the_first_one(self, party: Party) -> None:
        (first,) = await party.create(party.creation("K-1", email="ada@engines.example"))
        (again,) = await party.create(party.creation("K-1", email="ada@engines.example"), show=["family"])
        assert (first.created, again.created, again.failure) == (True, False, None)
        assert first.ref == again.ref
        assert again.shown is not None
        assert len(party.state()) == 1

    async def test_many_are_made_at_once_and_answered_in_order(self, party: Party) -> None:
        receipts = await party.create(*(party.creation(f"K-{n}", title=f"T {n}") for n in range(250)), show=["title"])
        assert [receipt.shown and party.value(receipt.shown, "title") for receipt in receipts] == [
            f"T {number}" for number in range(250)
        ]
        assert {party.stored(receipt.ref.id, "key") for receipt in receipts} == {f"K-{n}" for n in range(250)}

    async def test_one_key_twice_in_a_call_makes_one_record(self, party: Party) -> None:
        receipts = await party.create(party.creation("K-1"), party.creation("K-2"), party.creation("K-1"))
        assert [receipt.failure for receipt in receipts] == [None, None, None]
        assert receipts[0].ref == receipts[2].ref != receipts[1].ref
        assert sorted(receipt.created for receipt in receipts) == [False, True, True]
        assert len(party.state()) == 2

    async def test_a_bad_one_holds_up_no_good_one(self, party: Party) -> None:
        receipts = await party.create(
            party.creation("K-1"), party.creation("K-2", stage="no such stage"), party.creation("K-3")
        )
        assert [receipt.failure and receipt.failure.fields for receipt in receipts] == [
            None, (party.NAMES["stage"],), None,
        ]  # fmt: skip
        assert len(party.state()) == 2

    async def test_a_create_without_a_key_is_a_fault_of_the_caller(self, party: Party) -> None:
        with pytest.raises(ValueError, match="key"):
            await party.create(party.change("", family="Lovelace"))

    @pytest.mark.parametrize("kind", ["hang", "hang_after", "drop_before", "drop_after"])
    async def test_a_call_without_an_answer_makes_one_record(self, party: Party, kind: str) -> None:
        party.fault(kind, path=party.create_path, times=1)
        (receipt,) = await party.create(party.creation("K-1"))
        assert receipt.failure is None
        assert list(party.state()) == [receipt.ref.id]

    @pytest.mark.parametrize("kind", ["hang", "hang_after", "drop_before", "drop_after"])
    async def test_a_create_that_was_given_up_and_is_repeated_makes_one_record(self, party: Party, kind: str) -> None:
        party.fault(kind, path=party.create_path, times=None)
        with pytest.raises(RemoteUnknown):
            await party.create(party.creation("K-1"))
        party.mended()
        (receipt,) = await party.create(party.creation("K-1"))
        assert receipt.created is (kind in ("hang", "drop_before"))
        assert list(party.state()) == [receipt.ref.id]


class TestTrouble:
    @pytest.mark.parametrize("status", [429, 503])
    async def test_a_refusal_that_passes_is_mended_inside(self, party: Party, status: int) -> None:
        made = party.make()
        await party.system.account()
        for _ in range(3):
            party.fault("status", status=status, times=1)
            assert party.value(await party.one(made, "family"), "family") == "Lovelace"
        party.fault("status", status=status, path=party.write_path, times=2)
        (receipt,) = await party.update(party.change(made, title="Countess"), show=["title"])
        assert receipt.failure is None
        assert party.stored(made, "title") == "Countess"

    async def test_a_token_that_is_not_good_any_more_is_renewed_inside(self, party: Party) -> None:
        made = party.make()
        await party.system.account()
        party.fault("status", status=401, times=1)
        assert party.value(await party.one(made, "family"), "family") == "Lovelace"
        party.fault("status", status=401, path=party.write_path, times=1)
        (receipt,) = await party.update(party.change(made, title="Countess"))
        assert receipt.failure is None

    async def test_an_outage_that_lasts_is_told_as_passing(self, party: Party) -> None:
        made = party.make()
        await party.system.account()
        await party.one(made, "family")
        party.fault("status", status=503, times=None)
        with pytest.raises(RemoteBusy) as busy:
            await party.read([made], "family")
        assert busy.value.category is Category.NETWORK
        with pytest.raises(RemoteBusy):
            await party.update(party.change(made, title="Countess"))
        party.mended()
        assert party.stored(made, "title") is None

    async def test_a_connection_that_breaks_while_reading_is_mended_inside(self, party: Party) -> None:
        made = party.make()
        for kind in ("drop_before", "drop_after", "hang", "hang_after"):
            party.fault(kind, times=1)
            assert party.value(await party.one(made, "family"), "family") == "Lovelace"

    async def test_a_days_calls_used_up_are_told_at_once_with_the_time_to_wait(self, party: Party) -> None:
        made = party.make()
        await party.system.account()
        await party.one(made, "family")
        await party.spend_quota()
        before, calls = party.clock.now(), party.system.calls()
        with pytest.raises(RemoteBusy) as busy:
            await party.read([made], "family")
        assert busy.value.category is Category.QUOTA
        assert busy.value.after is not None
        assert busy.value.after > 60
        assert party.clock.now() == before
        assert party.system.calls() <= calls + 1


class TestClockAndCalls:
    @pytest.mark.parametrize("ahead", [420.0, -420.0, 0.0])
    async def test_the_clocks_difference_is_measured_within_a_second(self, party: Party, ahead: float) -> None:
        assert party.system.clock_ahead() == timedelta()
        other = type(party)(ahead)
        for _ in range(5):
            await other.system.account()
            other.clock.pass_(seconds=0.37)
        assert abs(other.system.clock_ahead() - timedelta(seconds=ahead)) <= SECOND
        await other.system.close()

    async def test_times_read_are_on_the_systems_clock_however_far_it_is_ahead(self, party: Party) -> None:
        other = type(party)(420.0)
        made = other.make()
        record = await other.one(made, "family")
        there = other.clock.now() + timedelta(seconds=420)
        assert abs(record.read_at - there) < SECOND
        assert abs(record.modified_at - there) < SECOND
        await other.system.close()

    async def test_a_sweep_is_right_on_a_clock_that_is_ahead_or_behind(self, party: Party) -> None:
        for ahead in (420.0, -420.0):
            other = type(party)(ahead)
            other.make()
            position = await other.start()
            made = other.make()
            other.clock.pass_(seconds=3)
            rows, _ = await swept(other, position)
            assert [row.ref.id for row in rows] == [made]
            await other.system.close()

    async def test_every_call_is_counted_and_no_other(self, party: Party) -> None:
        assert party.system.calls() == party.journalled == 0
        await party.system.account()
        await party.system.describe([party.person])
        made = party.make_many(120)
        party.fault("status", status=503, times=2)
        party.fault("drop_after", times=1)
        await party.read([*made, party.no_id], "email", histories=["email"])
        party.fault("status", status=401, times=1)
        await party.update(*(party.change(one, title="Countess") for one in made), show=["title"])
        await party.create(party.creation("K-1"))
        await party.find("email", "p1@many.example")
        await party.start()
        assert [page async for page in party.system.scan(party.person, [])]
        assert party.system.calls() == party.journalled > 10
