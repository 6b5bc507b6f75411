"""`concord review duplicates` and `merge`: what a person is shown before anything is merged, and after."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.cli import merging
from concord.cli.main import main
from concord.cli.merging import Wish
from concord.cli.show import Look, console
from concord.errors import ConfigError
from concord_sandbox.faults import Fault

ADA = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@engines.com"}


@dataclass
class Desk:
    """Two leads of one person, the first one linked; and what a person at the terminal sees."""

    play: Stage
    concord: Concord
    first: str
    second: str
    contact: str
    out: io.StringIO

    @property
    def look(self) -> Look:
        return Look(console(self.out, width=200), console(self.out, width=200))

    async def merge(self, *records: str, **more: Any) -> dict[str, Any]:
        return await merging.merge(self.look, self.concord, Wish(records, **more))

    @property
    def shown(self) -> str:
        return self.out.getvalue()


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    play = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        first = play.lead(**ADA, Phone="1000")
        await play.settle(concord)
        (contact,) = play.hs()
        second = play.lead(**ADA, Phone="2000", Title="Countess", HasOptedOutOfEmail=True)
        await play.settle(concord)
        yield Desk(play, concord, first, second, contact, io.StringIO())


async def test_the_list_says_who_stands_beside_whom_why_and_what_to_do_next(desk: Desk) -> None:
    listed = await merging.list_groups(desk.look, desk.concord, 50)
    assert f"salesforce Lead {desk.first}, linked with hubspot contacts {desk.contact}" in desk.shown
    assert f"100.0  salesforce Lead {desk.second}" in desk.shown
    assert "both have ada@engines.com" in desk.shown
    assert "concord review merge ID" in desk.shown
    (group,) = listed["groups"]
    assert (listed["duplicates"], group["active"], group["linked_with"]) == (1, desk.first, ["contacts", desk.contact])
    assert [one["id"] for one in group["others"]] == [desk.second]


async def test_without_a_yes_everything_that_goes_is_shown_and_nothing_is_merged(desk: Desk) -> None:
    told = await desk.merge(desk.second)
    assert told["state"] == "proposed"
    assert f"salesforce Lead {desk.first} survives: it is linked with" in desk.shown
    assert "A merge cannot be undone." in desk.shown
    assert f"{desk.second}: 2000" in desk.shown
    assert f"filled from {desk.second}" in desk.shown
    assert f"opted out first: HasOptedOutOfEmail, because salesforce Lead {desk.second} says no" in desk.shown
    assert "recycle bin" in desk.shown
    assert "Nothing was merged" in desk.shown
    assert len(desk.play.sf("Lead")) == 2
    assert told["fields"]["Phone"] == {
        "value": "1000", "of": desk.first, "how": "kept", "lost": {desk.second: "2000"},
    }  # fmt: skip
    assert await desk.concord.store.merges() == []


async def test_with_a_yes_they_are_merged_and_the_history_says_so(desk: Desk) -> None:
    told = await desk.merge(desk.first, yes=True)
    assert (told["state"], told["survivor"]) == ("done", desk.first)
    assert list(desk.play.sf("Lead")) == [desk.first]
    (merge,) = await desk.concord.store.merges()
    row = merging.merge_row(merge)
    assert (row["merged"], row["state"], bool(row["approved_by"])) == ([desk.second], "done", True)


async def test_another_survivor_and_a_value_can_be_chosen_by_our_name_of_the_field(desk: Desk) -> None:
    told = await desk.merge(desk.first, desk.second, survivor=desk.second, take=[f"phone={desk.first}"], yes=True)
    assert (told["survivor"], told["reason"]) == (desk.second, "a person chose it")
    (lead,) = desk.play.sf("Lead").values()
    assert lead["Phone"] == "1000"


async def test_a_refused_merge_says_what_to_do(desk: Desk) -> None:
    fault = Fault("status", path="/services/Soap", status=500, code="INSUFFICIENT_ACCESS_OR_READONLY", times=None)
    desk.play.salesforce.service.controls.faults.add(fault)
    told = await desk.merge(desk.first, yes=True)
    assert told["state"] == "refused" in merging.FAILED
    assert f"concord errors salesforce:Lead:{desk.second}" in desk.shown
    await merging.list_groups(desk.look, desk.concord, 50)
    assert "approved, and not carried out yet" in desk.shown


async def test_a_merge_that_passes_later_is_no_failure(desk: Desk) -> None:
    fault = Fault("status", path="/services/Soap", status=500, code="UNABLE_TO_LOCK_ROW", times=None)
    desk.play.salesforce.service.controls.faults.add(fault)
    told = await desk.merge(desk.first, yes=True)
    assert told["state"] == "approved"
    assert "is tried again by itself" in desk.shown


async def test_two_of_one_system_are_kept_apart_and_that_is_taken_back(desk: Desk) -> None:
    said = await merging.say_apart(desk.look, desk.concord, [desk.first, desk.second])
    assert said == {"system": "salesforce", "records": [["Lead", desk.first], ["Lead", desk.second]], "said": "apart"}
    assert (await merging.list_groups(desk.look, desk.concord, 50))["groups"] == []
    back = await merging.take_back(desk.look, desk.concord, [desk.second, desk.first])
    assert back is not None
    assert "are not kept apart any more" in desk.shown


async def test_two_of_two_systems_are_no_duplicates(desk: Desk) -> None:
    assert await merging.say_apart(desk.look, desk.concord, [desk.first, desk.contact]) is None
    assert await merging.take_back(desk.look, desk.concord, [desk.first, desk.contact]) is None


async def test_a_record_can_be_called_by_system_object_and_id(desk: Desk) -> None:
    told = await desk.merge(f"salesforce:Lead:{desk.first}")
    assert told["merged"] == [desk.second]
    with pytest.raises(ConfigError, match="no record salesforce:Lead:4711"):
        await desk.merge("salesforce:Lead:4711")
    with pytest.raises(ConfigError, match="names no record"):
        await desk.merge(desk.first, take=["phone"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["merge"], "concord review merge needs the id of a record, or several"),
        (["link", "00Q1", "1", "--yes"], "--survivor, --take and --yes go with concord review merge"),
        (["duplicates", "x"], "concord review duplicates needs no further argument"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_opened(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
