"""The calls on single records, and the list of them (API reference section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from concord_sandbox.hubspot import merging, responses
from concord_sandbox.hubspot.calls import Call, mapping, missing, plain_text
from concord_sandbox.hubspot.errors import bad_request, no_such_record
from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.models import ObjectTable, Portal, Record
from concord_sandbox.hubspot.tables import whole_number

MOST_LISTED, MOST_LISTED_WITH_HISTORY = 100, 50
Tie = tuple[End, frozenset[int]]


def list_records(call: Call) -> tuple[dict[str, Any], int]:
    table = call.table()
    with_history = call.names("propertiesWithHistory")
    most = MOST_LISTED_WITH_HISTORY if with_history else MOST_LISTED
    after = call.text("after", "0")
    number = whole_number(after)
    if number is None:
        raise bad_request("after is not a cursor of this list", after=after[:40])
    records, more = table.page(number, call.limit(10, most), call.flag("archived"))
    names = call.names("properties") or table.kind.shown
    answer: dict[str, Any] = {
        "results": [_shown(call, table, record, names, with_history) for record in records],
    }
    if more:
        last = str(records[-1].id)
        answer["paging"] = responses.paging(last, f"{call.path}?after={last}")
    return answer, 200


def get_record(call: Call) -> tuple[dict[str, Any], int]:
    table = call.table()
    record = _wanted(call, table)
    names = call.names("properties") or table.kind.shown
    return _shown(call, table, record, names, call.names("propertiesWithHistory")), 200


def _wanted(call: Call, table: ObjectTable) -> Record:
    """The record that the path names, by id or by `idProperty`; an archived one only when asked for. ApiError."""
    asked, by = call.at["id"], call.text("idProperty")
    if call.flag("archived") and not by:
        archived = table.archived.get(whole_number(asked) or -1)
        if archived is None:
            raise no_such_record(asked)
        return archived
    record = find(table, asked, by)
    if record is None:
        raise no_such_record(asked)
    return record


def find(table: ObjectTable, asked: str, by: str) -> Record | None:
    """A live record by id, or by a unique property. Raises ApiError when the property is not unique."""
    if not by or by == "hs_object_id":
        return table.find(asked)
    if by not in table.unique:
        raise bad_request(
            f"Unable to perform a look-up by the non-unique {table.kind.type_id} property {by}", idProperty=by
        )
    return table.find_by(by, asked)


def _shown(
    call: Call, table: ObjectTable, record: Record, names: Iterable[str], with_history: list[str]
) -> dict[str, Any]:
    shown = responses.record(table, record, names, with_history=with_history)
    wanted = call.names("associations")
    if wanted:
        found = {}
        for name in wanted:
            other = call.portal.table(name)
            if other is not None and (linked := linked_ids(call.portal, table, record, other)):
                found[other.kind.plural] = {"results": linked}
        if found:
            shown["associations"] = found
    return shown


def linked_ids(portal: Portal, table: ObjectTable, record: Record, other: ObjectTable) -> list[dict[str, str]]:
    """The links to another object type, one row for each type of link."""
    links = portal.links.of(End(table.kind.plural, record.id), other.kind.plural)
    kinds = portal.links.types(table.kind.plural, other.kind.plural) if links else {}
    name = f"{table.kind.singular}_to_{other.kind.singular}"
    unlabelled = f"{name}_unlabeled" if any(kind.label == "Primary" for kind in kinds.values()) else name
    return [
        {"id": str(number), "type": _type_name(name, unlabelled, kinds[type_id].label)}
        for number, ids in links.items()
        for type_id in sorted(ids)
    ]


def _type_name(name: str, unlabelled: str, label: str | None) -> str:
    if label is None:
        return unlabelled
    return name if label == "Primary" else label.lower().replace(" ", "_")


def create_record(call: Call) -> tuple[dict[str, Any], int]:
    table, body = call.table(), call.json()
    record = create(call, table, *create_checked(call, table, body))
    return responses.record(table, record, responses.filled(table, record)), 201


def create_checked(call: Call, table: ObjectTable, body: dict[str, Any]) -> tuple[dict[str, str], list[Tie]]:
    """The checked values and links of a record to create. Raises ApiError and changes nothing."""
    asked = mapping(body, "properties")
    call.refuse_if_told(None, *unique_texts(table, asked), plain_text(body, "objectWriteTraceId"))
    if table.kind.plural == "users":
        raise bad_request("Users cannot be created with the API: an administrator invites them")
    values, ties = call.check(table, None, asked), _ties(call, table, body)
    if table.kind.plural == "leads" and not any(end.plural in ("contacts", "companies") for end, _ in ties):
        raise bad_request("A lead must be associated with a contact or a company")
    return values, ties


def create(call: Call, table: ObjectTable, values: dict[str, str], ties: list[Tie]) -> Record:
    record = call.crm.create(table, values, call.by)
    for other, ids in ties:
        call.crm.link(End(table.kind.plural, record.id), other, ids, call.by)
    return record


def unique_texts(table: ObjectTable, asked: dict[str, Any]) -> list[str]:
    """What a record that does not exist yet can be known by: its values of unique properties."""
    return [str(asked[name]) for name in table.unique if asked.get(name)]


def _ties(call: Call, table: ObjectTable, body: dict[str, Any]) -> list[Tie]:
    asked = body.get("associations") or []
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise bad_request("Invalid input JSON: associations must be a list of objects")
    ties = []
    for one in asked:
        to, types = mapping(one, "to"), one.get("types") or []
        if not isinstance(types, list) or not types or not all(isinstance(kind, dict) for kind in types):
            raise bad_request("Invalid input JSON: an association needs types")
        by_end: dict[End, set[int]] = {}
        for kind in types:
            end, type_id = _tie(call, table, plain_text(to, "id"), kind)
            by_end.setdefault(end, set()).add(type_id)
        ties += [(end, frozenset(ids)) for end, ids in by_end.items()]
    return ties


def _tie(call: Call, table: ObjectTable, to_id: str, kind: dict[str, Any]) -> tuple[End, int]:
    """The type id of a link tells also which object type is at its other end."""
    type_id = kind.get("associationTypeId")
    here = table.kind.plural
    for plural in call.portal.kinds:
        known = call.portal.links.known(here, plural)
        if isinstance(type_id, int) and type_id in known:
            if known[type_id].category != kind.get("associationCategory", known[type_id].category):
                break
            other = call.portal.kept(plural)
            record = other.find(to_id)
            if record is None:
                raise missing(other, to_id)
            return End(plural, record.id), type_id
    raise bad_request(f"No association type {str(type_id)[:20]} is defined from {here}", fromObjectType=here)


def update_record(call: Call) -> tuple[dict[str, Any], int]:
    table, body = call.table(), call.json()
    record = find(table, call.at["id"], call.text("idProperty"))
    if record is None:
        raise no_such_record(call.at["id"])
    asked = mapping(body, "properties")
    call.refuse_if_told(record)
    call.crm.update(table, record, call.check(table, record, asked), call.by)
    return responses.record(table, record, asked), 200


def archive_record(call: Call) -> tuple[None, int]:
    table = call.table()
    record = table.find(call.at["id"])
    if record is not None:
        call.refuse_if_told(record)
        call.crm.archive(table, record, call.by)
    elif whole_number(call.at["id"]) not in table.archived:
        raise no_such_record(call.at["id"])
    return None, 204


def merge_records(call: Call) -> tuple[dict[str, Any], int]:
    table, body = call.table(), call.json()
    ids = [plain_text(body, name) for name in ("primaryObjectId", "objectIdToMerge")]
    found = [table.find(one) for one in ids]
    primary, other = found
    if primary is None or other is None:
        raise no_such_record(ids[found.index(None)])
    call.refuse_if_told(primary, str(other.id))
    survivor = merging.merge(call.crm, table, primary, other, call.by)
    return responses.record(table, survivor, responses.filled(table, survivor)), 200


def erase_record(call: Call) -> tuple[None, int]:
    table, body = call.table(), call.json()
    asked, by = plain_text(body, "objectId"), plain_text(body, "idProperty")
    if not asked:
        raise bad_request("Some required fields were not set: [objectId]")
    record = find(table, asked, by) or (table.archived.get(whole_number(asked) or -1) if not by else None)
    if record is not None:
        call.crm.erase(table, record, call.by)
    elif by == "email" and "@" in asked:
        call.portal.blocked.add(asked.strip().lower())
    else:
        raise no_such_record(asked)
    return None, 204
