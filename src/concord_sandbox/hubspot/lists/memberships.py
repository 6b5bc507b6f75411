"""The calls on memberships of lists (API reference section 15): who is in a list, and in which lists a record is.

Changes the members of MANUAL and SNAPSHOT lists only; a DYNAMIC list follows its filters.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from concord_sandbox.hubspot.calls import Call, missing
from concord_sandbox.hubspot.errors import bad_request
from concord_sandbox.hubspot.lists.calls import READ, WRITE, Answer, list_at, lists_of
from concord_sandbox.hubspot.lists.lists import DYNAMIC, Lists, Membership, ObjectList
from concord_sandbox.hubspot.models import ObjectTable
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import iso

MOST_IDS = 100_000
_MOST_ON_A_PAGE, _ON_A_PAGE = 250, 100
_MOST_IN_A_BATCH = 100
Key = tuple[int, int]


# Changing.


def add(call: Call) -> Answer:
    one = _by_hand(call)
    return _change(call, one, _ids(call.any_json(), "the body"), [])


def remove(call: Call) -> Answer:
    one = _by_hand(call)
    return _change(call, one, [], _ids(call.any_json(), "the body"))


def add_and_remove(call: Call) -> Answer:
    one, body = _by_hand(call), call.json()
    adding, removing = (_ids(body.get(name) or [], name) for name in ("recordIdsToAdd", "recordIdsToRemove"))
    if len(adding) + len(removing) > MOST_IDS:
        raise bad_request(f"At most {MOST_IDS} records can be added and removed in one call")
    return _change(call, one, adding, removing)


def add_from(call: Call) -> Answer:
    one, source = _by_hand(call), list_at(call, "sourceListId")
    if one is source:
        raise bad_request("The destination list and the source list must be different", listId=str(one.id))
    if one.table is not source.table:
        raise bad_request("The destination list and the source list must hold records of the same type")
    if len(source.members) >= MOST_IDS:
        raise bad_request(f"The source list must have fewer than {MOST_IDS} memberships", listId=str(source.id))
    lists, now = call.crm.parts.of(Lists), call.now
    for number in list(source.members):
        lists.add(one, number, now, call.by)
    return None, 204


def remove_all(call: Call) -> Answer:
    one = _by_hand(call)
    if len(one.members) >= MOST_IDS:
        raise bad_request(f"Only a list with fewer than {MOST_IDS} memberships can be emptied", listId=str(one.id))
    lists, now = call.crm.parts.of(Lists), call.now
    for number in list(one.members):
        lists.remove(one, number, now, call.by)
    return None, 204


def _by_hand(call: Call) -> ObjectList:
    one = list_at(call)
    if one.processing == DYNAMIC:
        raise bad_request(
            "Memberships can only be changed for lists with the processingType MANUAL or SNAPSHOT; "
            f"list {one.id} is DYNAMIC",
            listId=str(one.id),
        )
    return one


def _ids(given: Any, where: str) -> list[str]:
    """Record ids, each once; texts of digits, or numbers."""
    if not isinstance(given, list):
        raise bad_request(f"Invalid input JSON: {where} must be a list of record ids")
    if len(given) > MOST_IDS:
        raise bad_request(f"At most {MOST_IDS} records can be added or removed in one call; {len(given)} were given")
    ids = []
    for one in given:
        text = str(one) if isinstance(one, str | int) and not isinstance(one, bool) else ""
        if whole_number(text) is None:
            raise bad_request(f"Invalid input JSON: {where} has a record id that is not a number", id=str(one)[:40])
        ids.append(text)
    return list(dict.fromkeys(ids))


def _change(call: Call, one: ObjectList, adding: list[str], removing: list[str]) -> Answer:
    lists, now = call.crm.parts.of(Lists), call.now
    answer: dict[str, list[str]] = {"recordsIdsAdded": [], "recordIdsRemoved": [], "recordIdsMissing": []}
    for name, ids, change in (
        ("recordsIdsAdded", adding, lists.add),
        ("recordIdsRemoved", removing, lists.remove),
    ):
        for given in ids:
            record = one.table.find(given)
            if record is None:
                answer["recordIdsMissing"].append(given)
            elif change(one, record.id, now, call.by):
                answer[name].append(str(record.id))
    return answer, 200


# Reading.


def page(call: Call) -> Answer:
    """The members in the order of their ids."""
    return _page(call, lambda number, _: (number, 0))


def page_by_time(call: Call) -> Answer:
    """The members in the order in which they joined."""
    return _page(call, lambda number, since: (since.last, number))


def _page(call: Call, order: Callable[[int, Membership], Key]) -> Answer:
    one, limit = list_at(call), call.limit(_ON_A_PAGE, _MOST_ON_A_PAGE)
    after, before = call.text("after"), call.text("before")
    rows = sorted((order(number, since), number, since) for number, since in one.members.items())
    if before and not after:
        end = _cursor(before, "before")
        chosen = [row for row in rows if row[0] < end][-limit:]
    else:
        start = _cursor(after, "after") if after else (-1, -1)
        chosen = [row for row in rows if row[0] > start][:limit]
    answer: dict[str, Any] = {
        "total": len(rows),
        "results": [{"recordId": str(number), "membershipTimestamp": iso(since.last)} for _, number, since in chosen],
    }
    paging: dict[str, Any] = {}
    if chosen and chosen[-1] is not rows[-1]:
        token = _token(chosen[-1][0])
        paging["next"] = {"after": token, "link": f"{call.path}?after={token}&limit={limit}"}
    if chosen and chosen[0] is not rows[0]:
        token = _token(chosen[0][0])
        paging["prev"] = {"before": token, "link": f"{call.path}?before={token}&limit={limit}"}
    if paging:
        answer["paging"] = paging
    return answer, 200


def _token(key: Key) -> str:
    return base64.urlsafe_b64encode(f"{key[0]}:{key[1]}".encode()).decode().rstrip("=")


def _cursor(given: str, name: str) -> Key:
    try:
        text = base64.urlsafe_b64decode(given.encode() + b"==").decode()
        first, _, second = text.partition(":")
        return int(first), int(second)
    except (ValueError, binascii.Error) as error:
        raise bad_request(f"{name} is not a cursor of this list", **{name: given[:60]}) from error


def of_record(call: Call) -> Answer:
    """The lists that a record is in."""
    table = call.table()
    record = table.find(call.at["recordId"])
    if record is None:
        raise missing(table, call.at["recordId"])
    rows = _memberships(call, table, record.id)
    return {"total": len(rows), "results": rows}, 200


def _memberships(call: Call, table: ObjectTable, record_id: int) -> list[dict[str, Any]]:
    return [
        {
            "listId": str(one.id),
            "listVersion": one.version,
            "isPublicList": True,
            "firstAddedTimestamp": iso(since.first),
            "lastAddedTimestamp": iso(since.last),
        }
        for one, since in lists_of(call).of_record(table, record_id)
    ]


def batch_read(call: Call) -> Answer:
    """The lists that each of several records is in; a record that does not exist is in none."""
    results = []
    for given in call.inputs(_MOST_IN_A_BATCH):
        table, record_id = call.table_of(str(given.get("objectTypeId", ""))), str(given.get("recordId", ""))
        record = table.find(record_id)
        results.append(
            {
                "objectTypeId": table.kind.type_id,
                "recordId": record_id,
                "recordListMemberships": _memberships(call, table, record.id) if record is not None else [],
            }
        )
    now = iso(call.now)
    return {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}, 200


ROUTES: Routes = (
    ("POST", "lists", "records/memberships/batch/read", Target(batch_read, scopes=READ)),
    ("GET", "lists", "records/{type}/{recordId}/memberships", Target(of_record, scopes=READ)),
    ("GET", "lists", "{listId}/memberships", Target(page, scopes=READ)),
    ("DELETE", "lists", "{listId}/memberships", Target(remove_all, scopes=WRITE)),
    ("GET", "lists", "{listId}/memberships/join-order", Target(page_by_time, scopes=READ)),
    ("PUT", "lists", "{listId}/memberships/add", Target(add, scopes=WRITE)),
    ("PUT", "lists", "{listId}/memberships/remove", Target(remove, scopes=WRITE)),
    ("PUT", "lists", "{listId}/memberships/add-and-remove", Target(add_and_remove, scopes=WRITE)),
    ("PUT", "lists", "{listId}/memberships/add-from/{sourceListId}", Target(add_from, scopes=WRITE)),
)
