"""The Salesforce sandbox: locked records, transactions that commit late, and writers that meet each other
(api/salesforce.md sections 3.1, 7.1 and 21)."""

# ruff: noqa: S608 - the queries run in a sandbox in memory
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALICE, GLOBEX, GRACE, LINUS, Org, error_of, world

from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.models import Actor, Change

ROW = (400, "UNABLE_TO_LOCK_ROW")
NOW = "2026-11-23T09:00:00.000+0000"


@pytest.fixture
def org() -> Org:
    return Org()


async def _refused(org: Org, path: str, body: Any) -> int:
    return (await org.client.post("/_control/" + path, json=body)).status_code


# Locks


async def test_a_row_that_another_transaction_holds_can_be_read_but_not_written(org: Org) -> None:
    held = await org.control("locks", {"id": ADA[:15], "seconds": 30})
    assert held["id"] == ADA
    answer = await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Countess"})
    assert answer.status_code == 400
    assert answer.json() == [
        {
            "message": f"unable to obtain exclusive access to this record or 1 records: {ADA}",
            "errorCode": "UNABLE_TO_LOCK_ROW",
            "fields": [],
        }
    ]
    assert error_of(await org.delete(f"/sobjects/Contact/{ADA}")) == ROW
    by_hand = await org.client.patch(f"/_control/records/Contact/{ADA}", json={"fields": {"Title": "x"}})
    assert by_hand.status_code == 400
    assert (await org.fields("Contact", ADA))["Title"] is None
    assert (await org.patch(f"/sobjects/Contact/{GRACE}", {"Title": "Admiral"})).status_code == 204


async def test_a_lock_ends_when_its_time_is_over_or_it_is_released(org: Org) -> None:
    await org.control("locks", {"id": ADA, "seconds": 30})
    await org.control("locks", {"id": GRACE})
    await org.control("clock", {"advance": 31})
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Countess"})).status_code == 204
    assert error_of(await org.patch(f"/sobjects/Contact/{GRACE}", {"Title": "Admiral"})) == ROW
    listed = (await org.client.get("/_control/locks")).json()
    assert listed == {"held": [{"id": GRACE, "kind": "row", "until": None}], "late": []}
    assert await org.control("locks/release", {"id": GRACE}) == {"released": 1}
    assert await org.control("locks/release", {"id": GRACE}) == {"released": 0}
    assert (await org.patch(f"/sobjects/Contact/{GRACE}", {"Title": "Admiral"})).status_code == 204
    for one in (ADA, GRACE):
        await org.control("locks", {"id": one})
    assert await org.control("locks/release", {}) == {"released": 2}


async def test_children_of_a_locked_account_contend_for_it(org: Org) -> None:
    await org.control("locks", {"id": ACME})
    assert error_of(await org.post("/sobjects/Contact", {"LastName": "New", "AccountId": ACME})) == ROW
    away = await org.patch(f"/sobjects/Contact/{ADA}", {"AccountId": GLOBEX})
    assert error_of(away) == ROW
    assert ACME in away.json()[0]["message"]
    assert error_of(await org.delete(f"/sobjects/Contact/{ADA}")) == ROW
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Countess"})).status_code == 204
    assert (await org.post("/sobjects/Contact", {"LastName": "New", "AccountId": GLOBEX})).status_code == 201
    records = [{"attributes": {"type": "Contact"}, "LastName": "N", "AccountId": one} for one in (ACME, GLOBEX)]
    bad, good = (await org.post("/composite/sobjects", {"records": records})).json()
    assert (bad["errors"][0]["statusCode"], good["success"]) == ("UNABLE_TO_LOCK_ROW", True)


async def test_an_approval_locks_a_record_for_clients_but_not_for_an_admin(org: Org) -> None:
    await org.control("locks", {"id": ACME, "kind": "approval"})
    refused = await org.patch(f"/sobjects/Account/{ACME}", {"Phone": "1"})
    assert error_of(refused) == (400, "ENTITY_IS_LOCKED")
    assert error_of(await org.delete(f"/sobjects/Account/{ACME}")) == (400, "ENTITY_IS_LOCKED")
    assert (await org.post("/sobjects/Contact", {"LastName": "New", "AccountId": ACME})).status_code == 201
    by_hand = await org.client.patch(f"/_control/records/Account/{ACME}", json={"fields": {"Phone": "2"}})
    assert by_hand.status_code == 200
    assert (await org.fields("Account", ACME))["Phone"] == "2"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("locks", {}),
        ("locks", {"id": "x"}),
        ("locks", {"id": new_id("003", 77)}),
        ("locks", {"id": ADA, "kind": "pad"}),
        ("locks", {"id": ADA, "seconds": "soon"}),
        ("locks", {"id": ADA, "seconds": -1}),
        ("locks", []),
        ("locks/release", {"id": "x"}),
        ("late", {"object": "Contact", "fields": {"LastName": "X"}}),
        ("late", {"object": "Nope", "fields": {}, "seconds": 5}),
        ("late", {"object": "Contact", "fields": [], "seconds": 5}),
        ("late", {"object": "Contact", "fields": {"Nope": 1}, "seconds": 5}),
        ("late", {"object": "Contact", "fields": {}, "seconds": 5}),
        ("late", {"object": "Contact", "id": new_id("003", 77), "fields": {}, "seconds": 5}),
        ("late", {"object": "Contact", "fields": {"LastName": "X"}, "seconds": 5, "by": new_id("005", 77)}),
        ("late", {"object": "Contact", "fields": {"LastName": "X"}, "seconds": True}),
    ],
)
async def test_a_wrong_control_call_is_told_so_and_holds_nothing(org: Org, path: str, body: Any) -> None:
    assert await _refused(org, path, body) == 400
    assert (await org.client.get("/_control/locks")).json() == {"held": [], "late": []}


# Late commits


async def test_a_late_edit_is_seen_only_when_it_commits_and_then_with_its_old_stamp(org: Org) -> None:
    late = await org.control("late", {"object": "Contact", "id": ADA, "fields": {"Title": "Countess"}, "seconds": 60})
    assert late["id"] == ADA
    assert (await org.fields("Contact", ADA))["Title"] is None
    assert error_of(await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})) == ROW
    await org.control("clock", {"advance": 59})
    assert (await org.fields("Contact", ADA))["Title"] is None
    await org.control("clock", {"advance": 1})
    ada = await org.fields("Contact", ADA)
    assert (ada["Title"], ada["SystemModstamp"], ada["LastModifiedById"]) == ("Countess", NOW, ALICE)
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})).status_code == 204


async def test_a_late_record_is_older_than_the_watermark_of_a_sweep_that_missed_it(org: Org) -> None:
    await org.control("clock", {"advance": 10})
    made = await org.control("late", {"object": "Contact", "fields": {"LastName": "Late"}, "seconds": 60})
    await org.control("clock", {"advance": 20})
    await org.patch(f"/sobjects/Contact/{GRACE}", {"Title": "Admiral"})
    order = "ORDER BY SystemModstamp, Id"
    swept = await org.soql(f"SELECT Id, SystemModstamp FROM Contact WHERE SystemModstamp >= {NOW[:19]}Z {order}")
    assert [one["Id"] for one in swept["records"]] == [GRACE]
    watermark = swept["records"][-1]["SystemModstamp"].replace(".000+0000", "Z")
    await org.control("clock", {"advance": 60})
    assert await org.column(f"SELECT Id FROM Contact WHERE SystemModstamp >= {watermark} {order}") == [GRACE]
    overlap = await org.column(f"SELECT Id FROM Contact WHERE SystemModstamp >= {NOW[:19]}Z {order}")
    assert overlap == [made["id"], GRACE]
    table = org.service._api.org.tables["contact"]
    assert [row["Id"] for row in table.by_stamp(NOW, None)] == overlap


async def test_a_late_commit_tells_its_listeners_once_when_it_is_due_and_who_made_it(org: Org) -> None:
    heard: list[tuple[Actor | None, list[Change]]] = []
    org.service._api.org.listeners.append(lambda actor, changes: heard.append((actor, changes)))
    made = await org.control("late", {"object": "Lead", "fields": {"LastName": "L", "Company": "C"}, "seconds": 5,
                                      "by": ALICE})  # fmt: skip
    assert heard == []
    assert org.service.tick() == 5.0
    await org.control("clock", {"advance": 5})
    org.service.tick()
    ((actor, changes),) = heard
    assert actor is not None
    assert actor.user_id == ALICE
    leads = [change for change in changes if change.table.kind.name == "Lead"]
    assert [(change.record_id, change.before) for change in leads] == [(made["id"], None)]
    assert org.service.tick() != 5.0


async def test_a_late_edit_lets_stand_what_happened_beside_it_and_a_deleted_record_stays_deleted(org: Org) -> None:
    for one in (ADA, GRACE):
        await org.control("late", {"object": "Contact", "id": one, "fields": {"Title": "T", "Email": None},
                                   "seconds": 60})  # fmt: skip
    state = org.service._api.org
    table = state.tables["contact"]
    state.put(table, ADA, {**table.rows[ADA], "Phone": "+44"})  # as what follows from another transaction would
    state.put(table, GRACE, {**table.rows[GRACE], "IsDeleted": True})
    await org.control("clock", {"advance": 61})
    ada = await org.fields("Contact", ADA)
    assert (ada["Title"], ada["Phone"], ada["Email"]) == ("T", "+44", None)
    assert (await org.get(f"/sobjects/Contact/{GRACE}")).status_code == 404


async def test_a_unique_value_in_a_late_transaction_has_to_be_waited_for(org: Org) -> None:
    fields = {"LastName": "Late", "HubSpot_Contact_Id__c": "H9"}
    await org.control("late", {"object": "Contact", "fields": fields, "seconds": 60})
    path = "/sobjects/Contact/HubSpot_Contact_Id__c/H9"
    assert error_of(await org.patch(path, {"LastName": "Early"})) == ROW
    await org.control("clock", {"advance": 61})
    assert (await org.patch(path, {"LastName": "After"})).json()["created"] is False


async def test_what_is_held_and_late_is_saved_with_the_world_and_no_id_is_given_twice(org: Org) -> None:
    await org.control("locks", {"id": LINUS, "seconds": 600})
    late = await org.control("late", {"object": "Contact", "fields": {"LastName": "Late"}, "seconds": 60})
    again = Org(org.service.save())
    assert error_of(await again.patch(f"/sobjects/Lead/{LINUS}", {"Title": "x"})) == ROW
    other = (await again.post("/sobjects/Contact", {"LastName": "Other"})).json()["id"]
    assert other != late["id"]
    await again.control("clock", {"advance": 61})
    assert (await again.fields("Contact", late["id"]))["LastName"] == "Late"
    assert (await again.fields("Contact", other))["LastName"] == "Other"


async def test_two_late_commits_come_in_the_order_in_which_they_are_due(org: Org) -> None:
    for one, seconds in ((ADA, 20), (GRACE, 10)):
        await org.control("late", {"object": "Contact", "id": one, "fields": {"Title": "T"}, "seconds": seconds})
    heard: list[str] = []
    org.service._api.org.listeners.append(lambda _, changes: heard.extend(change.record_id for change in changes))
    await org.control("clock", {"advance": 60})
    assert len(await org.column("SELECT Id FROM Contact WHERE Title = 'T'")) == 2
    assert [one for one in heard if one in (ADA, GRACE)] == [GRACE, ADA]


async def test_a_late_write_that_the_rules_refuse_is_refused_at_once() -> None:
    rule = {"object": "Contact", "name": "R", "formula": "Title = 'No'", "message": "Never"}
    org = Org({**world(), "validation_rules": [rule]})
    body = {"object": "Contact", "id": ADA, "fields": {"Title": "No"}, "seconds": 5}
    answer = await org.client.post("/_control/late", json=body)
    assert (answer.status_code, "Never" in answer.text) == (400, True)
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Yes"})).status_code == 204


# Writers that meet each other


async def _together(*tasks: Callable[[], Awaitable[Any]]) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_soon(task)) for task in tasks]
    return [one.result() for one in running]


async def _soon(task: Callable[[], Awaitable[Any]]) -> Any:
    return await task()


async def test_of_several_conditional_writers_one_wins_and_the_others_meet_a_412(org: Org) -> None:
    read = (await org.get(f"/sobjects/Contact/{ADA}")).headers["last-modified"]
    await org.control("clock", {"advance": 5})
    condition = {"If-Unmodified-Since": read}

    def writer(title: str) -> Callable[[], Awaitable[int]]:
        async def write() -> int:
            answer = await org.patch(f"/sobjects/Contact/{ADA}", {"Title": title}, headers=condition)
            return answer.status_code

        return write

    statuses = await _together(*(writer(f"T{number}") for number in range(8)))
    assert sorted(statuses) == [204, *[412] * 7]
    assert (await org.fields("Contact", ADA))["Title"] == f"T{statuses.index(204)}"


async def test_without_a_condition_the_last_write_wins_field_by_field(org: Org) -> None:
    def writer(number: int) -> Callable[[], Awaitable[int]]:
        async def write() -> int:
            fields = {"Title": f"T{number}", ("Phone", "Fax")[number % 2]: f"+{number}"}
            return (await org.patch(f"/sobjects/Contact/{ADA}", fields)).status_code

        return write

    assert await _together(*(writer(number) for number in range(10))) == [204] * 10
    ada = await org.fields("Contact", ADA)
    assert (ada["Title"], ada["Phone"], ada["Fax"]) == ("T9", "+8", "+9")


async def test_several_upserts_of_one_key_make_one_record(org: Org) -> None:
    async def upsert() -> bool:
        answer = await org.patch("/sobjects/Contact/HubSpot_Contact_Id__c/H7", {"LastName": "One"})
        return bool(answer.json()["created"])

    assert sorted(await _together(*[upsert] * 6)) == [False] * 5 + [True]
    assert await org.column("SELECT COUNT(Id) FROM Contact WHERE HubSpot_Contact_Id__c = 'H7'") == [1]


async def test_a_conditional_writer_sees_a_late_commit_only_after_it(org: Org) -> None:
    await org.control("clock", {"advance": 5})
    read = (await org.get(f"/sobjects/Contact/{ADA}")).headers["last-modified"]
    await org.control("late", {"object": "Contact", "id": ADA, "fields": {"Title": "Late"}, "seconds": 30})
    condition = {"If-Unmodified-Since": read}
    assert error_of(await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Mine"}, headers=condition)) == ROW
    await org.control("clock", {"advance": 30})
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Mine"}, headers=condition)).status_code == 412
