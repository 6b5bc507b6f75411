"""What is known of a record is worked out anew only when it tells something new of itself, and is right anyway."""

from __future__ import annotations

import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.model import Known, Record, Seen
from concord.core.values import Ref
from concord.engine.matching import known_of
from concord.engine.scope import Scope


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def as_worked_out(scope: Scope, one: Ref) -> Known:
    """What would be known of a record that nobody had read before."""
    pair = scope.pair_of(one)
    assert pair is not None
    side = scope.side(one)
    (record,) = await scope.system(side).read(one.object, [one.id], scope.fields(pair, side, one.object))
    assert isinstance(record, Record)
    before = await scope.store.told([value for value in record.values.values() if isinstance(value, Ref)])
    (known,) = await known_of(scope, pair, [record], before)
    assert isinstance(known, Known)
    return known


async def assert_known(concord: Concord, *refs: Ref) -> None:
    for one in refs:
        stored, anew = (await concord.store.known([one]))[one], await as_worked_out(concord.scope, one)
        assert (stored.traits, stored.keys, stored.told) == (anew.traits, anew.keys, anew.told)


@pytest.mark.parametrize("said", [{"Title": "Engineer"}, {"City": "Paris"}, {"LastName": "King"}, {"Phone": "+4930 1"}])
async def test_after_an_edit_everything_is_known_as_if_it_were_new(play: Stage, said: dict[str, str]) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", LastName="Lovelace", Email="ada@engines.com", Phone="+44 20 7946 0000")
        await play.settle(concord)
        (contact,) = play.hs()
        both = ref("salesforce", "Lead", lead), ref("hubspot", "contacts", contact)
        await assert_known(concord, *both)
        play.edit_sf("Lead", lead, **said)
        await play.settle(concord)
        await assert_known(concord, *both)


async def test_a_contact_whose_account_is_renamed_is_known_by_the_new_name_at_the_next_look(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        account = play.account(Name="Engines Ltd", Website="engines.com")
        contact = play.sf_contact(FirstName="Ada", LastName="Lovelace", Email="ada@home.org", AccountId=account)
        await play.settle(concord)
        play.edit_sf("Account", account, Name="Analytical Engines")
        await play.settle(concord)
        play.edit_sf("Contact", contact, Title="Countess")
        await play.settle(concord)
        one = ref("salesforce", "Contact", contact)
        await assert_known(concord, one)
        assert (await concord.store.known([one]))[one].traits["company"] == "Analytical Engines"


async def test_an_edit_that_tells_nobody_apart_is_only_seen(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = ref("salesforce", "Lead", play.lead(FirstName="Ada", LastName="Lovelace", Email="ada@engines.com"))
        await play.settle(concord)
        play.edit_sf("Lead", lead.id, Title="Engineer")
        scope = concord.scope
        pair = scope.pair_of(lead)
        assert pair is not None
        names = scope.fields(pair, scope.side(lead), "Lead")
        (record,) = await scope.left.read("Lead", [lead.id], names)
        assert isinstance(record, Record)
        (known,) = await known_of(scope, pair, [record], await scope.store.told([lead]))
        assert isinstance(known, Seen)
        assert known.traits["title"] == "Engineer"
