"""The calls on the definitions of lists (API reference section 15): make, read, search, rename, change, delete.

Memberships are in `memberships.py`. Folders, id mapping, conversion schedules and size histories are not emulated.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from concord_sandbox.hubspot.calls import Call, bounded, mapping, strings
from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.lists.filters import checked, lists_in
from concord_sandbox.hubspot.lists.lists import DYNAMIC, MANUAL, PROCESSING_TYPES, RESTORABLE_MS, Lists, ObjectList
from concord_sandbox.hubspot.models import ObjectTable
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import iso

Answer = tuple[Any, int]
READ, WRITE = ("crm.lists.read",), ("crm.lists.write", "cms.membership.access_groups.write")
_LONGEST_NAME = 200
_EXTRAS = ("membershipSettings", "listPermissions", "customProperties")
_SORTS = ("listId", "name", "createdAt", "updatedAt", "size")


def lists_of(call: Call) -> Lists:
    """The account's lists, brought up to the present."""
    lists = call.crm.parts.of(Lists)
    lists.settle()
    return lists


def list_at(call: Call, name: str = "listId") -> ObjectList:
    """The list that a part of the path names. Raises ApiError."""
    number = list_id(call.at[name], name)
    one = lists_of(call).by_id.get(number)
    if one is None or one.deleted_at is not None:
        raise _no_list(call.at[name])
    return one


def list_id(given: str, name: str) -> int:
    """A list's id as a number. Raises ApiError."""
    if given in ("folders", "idmapping"):
        raise no_such_thing(f"The sandbox does not emulate this part of HubSpot's API: lists/{given}")
    number = whole_number(given)
    if number is None:
        raise bad_request(f"{name} must be the number of a list", **{name: given[:40]})
    return number


def _no_list(given: str) -> ApiError:
    return ApiError(
        404, "OBJECT_NOT_FOUND", f"List does not exist with ID {given}.", context={"listId": [given]},
        sub_category="ILS.LIST_NOT_FOUND",
    )  # fmt: skip


def _shown(one: ObjectList, *, filters: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "listId": str(one.id),
        "listVersion": one.version,
        "name": one.name,
        "objectTypeId": one.table.kind.type_id,
        "processingType": one.processing,
        "processingStatus": one.status,
        "createdAt": iso(one.created),
        "updatedAt": iso(one.updated),
        "filtersUpdatedAt": iso(one.filters_updated),
        "size": len(one.members),
        **{name: deepcopy(one.extras[name]) for name in _EXTRAS[:2] if name in one.extras},
    }
    if filters and one.branch is not None:
        shown["filterBranch"] = deepcopy(one.branch)
    return shown


def create(call: Call) -> Answer:
    body, lists = call.json(), lists_of(call)
    missing = [name for name in ("name", "objectTypeId", "processingType") if body.get(name) in (None, "")]
    if missing:
        raise bad_request(f"Some required fields were not set: [{', '.join(missing)}]")
    processing = body["processingType"]
    if processing not in PROCESSING_TYPES:
        raise bad_request(
            f"processingType must be one of {', '.join(PROCESSING_TYPES)}", processingType=str(processing)[:40]
        )
    table = call.table_of(str(body["objectTypeId"]))
    name = _free_name(lists, table, body["name"], None)
    if body.get("listFolderId") not in (None, 0, "0"):
        raise bad_request("The sandbox does not emulate folders of lists", listFolderId=str(body["listFolderId"])[:40])
    branch = body.get("filterBranch")
    if branch is None and processing == DYNAMIC:
        raise bad_request("A list with the processingType DYNAMIC needs a filterBranch")
    if branch is not None and processing == MANUAL:
        raise bad_request("A list with the processingType MANUAL cannot have a filterBranch")
    extras = {one: deepcopy(mapping(body, one)) for one in _EXTRAS if body.get(one) is not None}
    made = lists.create(name, table, processing, branch, extras)
    return {"list": _shown(made, filters=True)}, 200


def _free_name(lists: Lists, table: ObjectTable, given: Any, own: ObjectList | None) -> str:
    if not isinstance(given, str) or not given.strip():
        raise bad_request("The name of a list must be a text that is not blank")
    if len(given) > _LONGEST_NAME:
        raise bad_request(f"The name of a list has at most {_LONGEST_NAME} characters")
    taken = lists.named(table, given)
    if taken is not None and taken is not own:
        raise ApiError(
            400,
            "VALIDATION_ERROR",
            f"The list name {given!r} is in use already by the list {taken.id}",
            context={"name": [given]},
            sub_category="ILS.DUPLICATE_LIST_NAMES",
        )
    return given.strip()


def get(call: Call) -> Answer:
    return {"list": _shown(list_at(call), filters=call.flag("includeFilters"))}, 200


def get_by_name(call: Call) -> Answer:
    one = lists_of(call).named(call.table(), call.at["name"])
    if one is None:
        raise ApiError(
            404, "OBJECT_NOT_FOUND", f"List does not exist with name {call.at['name'][:100]}.",
            context={"name": [call.at["name"]]}, sub_category="ILS.LIST_NOT_FOUND",
        )  # fmt: skip
    return {"list": _shown(one, filters=call.flag("includeFilters"))}, 200


def get_many(call: Call) -> Answer:
    wanted = dict.fromkeys(list_id(given, "listIds") for given in call.names("listIds"))
    known = {one.id: one for one in lists_of(call).live()}
    filters = call.flag("includeFilters")
    return {"lists": [_shown(known[number], filters=filters) for number in wanted if number in known]}, 200


def search(call: Call) -> Answer:
    body, lists = call.json(), lists_of(call)
    query = body.get("query") or ""
    if not isinstance(query, str):
        raise bad_request("Invalid input JSON: query must be a string")
    start = body.get("offset") or 0
    if isinstance(start, bool) or not isinstance(start, int) or start < 0:
        raise bad_request("offset must be a whole number from 0", offset=str(start)[:40])
    count = bounded("count", body.get("count"), 20, 500)
    wanted, kinds = strings(body, "listIds"), strings(body, "processingTypes")
    of_type = call.table_of(str(body["objectTypeId"])) if body.get("objectTypeId") else None
    found = [
        one
        for one in _sorted(lists.live(), body.get("sort"))
        if query.lower() in one.name.lower()
        and (not wanted or str(one.id) in wanted)
        and (not kinds or one.processing in kinds)
        and (of_type is None or one.table is of_type)
    ]
    page = found[start : start + count]
    more = next((strings(body, name) for name in _ASKED_FOR if body.get(name)), [])
    end = start + len(page)
    rows = [{**_shown(one, filters=False), "additionalProperties": _additional(lists, one, more)} for one in page]
    return {"lists": rows, "total": len(found), "offset": end, "hasMore": end < len(found)}, 200


#: What the older and the dated description of the search call the properties that are asked for.
_ASKED_FOR = ("additionalProperties", "additionalFilterProperties", "additional_filter_properties")


def _sorted(lists: list[ObjectList], sort: Any) -> list[ObjectList]:
    if sort in (None, ""):
        return lists
    name = str(sort).removeprefix("-")
    if name not in _SORTS:
        raise bad_request(f"The sandbox sorts lists by one of {', '.join(_SORTS)}", sort=str(sort)[:40])
    keys: dict[str, Any] = {
        "listId": lambda one: one.id,
        "name": lambda one: one.name.lower(),
        "createdAt": lambda one: one.created,
        "updatedAt": lambda one: one.updated,
        "size": lambda one: len(one.members),
    }
    return sorted(lists, key=keys[name], reverse=str(sort).startswith("-"))


def _additional(lists: Lists, one: ObjectList, asked: list[str]) -> dict[str, str]:
    """The properties of a list that a search always shows, and those that were asked for; empty ones are left out."""
    used_by = sum(one.id in lists_in(other.branch) for other in lists.live() if other.branch is not None)
    shown = {"hs_list_size": str(len(one.members)), "hs_list_reference_count": str(used_by)}
    if one.members:
        shown["hs_last_record_added_at"] = str(max(since.last for since in one.members.values()))
    own = one.extras.get("customProperties", {})
    return shown | {name: str(own[name]) for name in asked if own.get(name)}


def rename(call: Call) -> Answer:
    one, lists = list_at(call), lists_of(call)
    lists.rename(one, _free_name(lists, one.table, call.text("listName"), one))
    return {"updatedList": _shown(one, filters=call.flag("includeFilters"))}, 200


def change_filters(call: Call) -> Answer:
    one, body = list_at(call), call.json()
    if one.processing != DYNAMIC:
        raise bad_request(
            f"The filters of a list with the processingType {one.processing} cannot be changed", listId=str(one.id)
        )
    if body.get("filterBranch") is None:
        raise bad_request("Some required fields were not set: [filterBranch]")
    checked(one.table, body["filterBranch"])
    lists_of(call).change_filters(one, body["filterBranch"])
    return {"updatedList": _shown(one, filters=True)}, 200


def delete(call: Call) -> Answer:
    one = list_at(call)
    call.crm.parts.of(Lists).delete(one)
    return None, 204


def restore(call: Call) -> Answer:
    lists = lists_of(call)
    one = lists.by_id.get(list_id(call.at["listId"], "listId"))
    if one is None or (one.deleted_at is not None and one.deleted_at + RESTORABLE_MS < call.now):
        raise _no_list(call.at["listId"])
    if one.deleted_at is not None:
        _free_name(lists, one.table, one.name, one)
        lists.restore(one)
    return None, 204


ROUTES: Routes = (
    ("GET", "lists", "", Target(get_many, scopes=READ)),
    ("POST", "lists", "", Target(create, scopes=WRITE)),
    ("POST", "lists", "search", Target(search, scopes=READ)),
    ("GET", "lists", "object-type-id/{type}/name/{name}", Target(get_by_name, scopes=READ)),
    ("GET", "lists", "{listId}", Target(get, scopes=READ)),
    ("DELETE", "lists", "{listId}", Target(delete, scopes=WRITE)),
    ("PUT", "lists", "{listId}/restore", Target(restore, scopes=WRITE)),
    ("PUT", "lists", "{listId}/update-list-name", Target(rename, scopes=WRITE)),
    ("PUT", "lists", "{listId}/update-list-filters", Target(change_filters, scopes=WRITE)),
)
