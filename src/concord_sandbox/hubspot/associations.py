"""The calls on associations (API reference section 10)."""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot import responses
from concord_sandbox.hubspot.calls import Call, mapping, missing, plain_text
from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.links import End, LinkType
from concord_sandbox.hubspot.models import ObjectTable
from concord_sandbox.hubspot.tables import whole_number

MOST_READ, MOST_CREATED, PAGE = 1_000, 2_000, 500
Answer = tuple[Any, int]


def _kinds(call: Call) -> tuple[ObjectTable, ObjectTable, dict[int, LinkType]]:
    from_, to = call.table("type"), call.table("to")
    return from_, to, call.portal.links.types(from_.kind.plural, to.kind.plural)


def _type_ids(call: Call, given: Any) -> frozenset[int]:
    """The type ids of `[{associationCategory, associationTypeId}]`, each of which must exist. Raises ApiError."""
    from_, to, kinds = _kinds(call)
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise bad_request("Invalid input JSON: association types must be a list of objects")
    for one in given:
        type_id, category = one.get("associationTypeId"), one.get("associationCategory")
        known = kinds.get(type_id) if isinstance(type_id, int) else None
        if known is None or category != known.category:
            raise ApiError(
                400,
                "VALIDATION_ERROR",
                f"{str(category)[:40]} association type {str(type_id)[:20]} doesn't exist for "
                f"{from_.kind.singular} to {to.kind.singular}",
                sub_category="crm.associations.INVALID_ASSOCIATION_TYPE",
            )
    return frozenset(one["associationTypeId"] for one in given)


def _pair(call: Call) -> tuple[End, End]:
    one, other = call.end("type", "id"), call.end("to", "toId")
    if one == other:
        raise bad_request("A record cannot be associated with itself")
    return one, other


def put(call: Call) -> Answer:
    given = call.any_json()
    ids = _type_ids(call, given)
    one, other = _pair(call)
    call.crm.link(one, other, ids, call.by)
    return _labels_between(call, one, other, ids), 201


def _labels_between(call: Call, one: End, other: End, ids: frozenset[int]) -> dict[str, Any]:
    from_, to, kinds = _kinds(call)
    return {
        "fromObjectTypeId": from_.kind.type_id,
        "fromObjectId": _id(call, one.id),
        "toObjectTypeId": to.kind.type_id,
        "toObjectId": _id(call, other.id),
        "labels": [label for type_id in sorted(ids) if (label := kinds[type_id].label) is not None],
    }


def _id(call: Call, number: int) -> int | str:
    """Ids are texts in the dated versions and were numbers in v4."""
    return number if call.version == "v4" else str(number)


def put_default(call: Call) -> Answer:
    one, other = _pair(call)
    results = _link_plainly(call, one, other)
    return responses.batch(results, [], call.now)


def _link_plainly(call: Call, one: End, other: End) -> list[dict[str, Any]]:
    links = call.portal.links
    call.crm.link(one, other, (links.plain(one.plural, other.plural),), call.by)
    return [
        {
            "from": {"id": str(here.id)},
            "to": {"id": str(there.id)},
            "associationSpec": {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": links.plain(here.plural, there.plural),
            },
        }
        for here, there in ((one, other), (other, one))
    ]


def delete(call: Call) -> Answer:
    one, other = _pair(call)
    call.crm.unlink(one, other, call.by)
    return None, 204


def list_for_record(call: Call) -> Answer:
    """Of one record. Offered by v4 and 2026-03; one description of 2026-09 lacks it, so that version refuses."""
    if call.version not in ("v3", "v4", "2026-03"):
        raise no_such_thing("resource not found")
    _, to, _ = _kinds(call)
    one = call.end("type", "id")
    rows, after = _page(call, one, to, call.text("after"), call.limit(PAGE, PAGE))
    answer: dict[str, Any] = {"results": rows}
    if after:
        answer["paging"] = responses.paging(after, f"{call.path}?after={after}")
    return answer, 200


def _page(call: Call, one: End, to: ObjectTable, after: str, limit: int) -> tuple[list[dict[str, Any]], str]:
    kinds = call.portal.links.types(one.plural, to.kind.plural)
    start = whole_number(after) or 0
    found = sorted(call.portal.links.of(one, to.kind.plural).items())
    rest = [(number, ids) for number, ids in found if number > start]
    rows = [
        {
            "toObjectId": _id(call, number),
            "associationTypes": [
                {"category": kinds[type_id].category, "typeId": type_id, "label": kinds[type_id].label}
                for type_id in sorted(ids)
            ],
        }
        for number, ids in rest[:limit]
    ]
    return rows, str(rest[limit - 1][0]) if len(rest) > limit else ""


def batch_read(call: Call) -> Answer:
    from_, to, _ = _kinds(call)
    results, errors = [], []
    for one in call.inputs(MOST_READ):
        asked = plain_text(one, "id")
        record = from_.find(asked)
        end = End(from_.kind.plural, record.id if record is not None else 0)
        rows, after = _page(call, end, to, plain_text(one, "after"), PAGE)
        if not rows:
            errors.append(_nothing_linked(from_, to, asked))
            continue
        result: dict[str, Any] = {"from": {"id": asked}, "to": rows}
        if after:
            result["paging"] = responses.paging(after, f"?after={after}")
        results.append(result)
    return responses.batch(results, errors, call.now)


def _nothing_linked(from_: ObjectTable, to: ObjectTable, asked: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {to.kind.singular} is associated with {from_.kind.singular} {asked}.",
        "context": {
            "fromObjectId": [asked],
            "fromObjectType": [from_.kind.singular],
            "toObjectType": [to.kind.singular],
        },
        "errors": [],
        "links": {},
    }


def _ends(call: Call, one: dict[str, Any]) -> tuple[End, End]:
    found = []
    for table, name in ((call.table("type"), "from"), (call.table("to"), "to")):
        asked = plain_text(mapping(one, name), "id")
        record = table.find(asked)
        if record is None:
            raise missing(table, asked)
        found.append(End(table.kind.plural, record.id))
    if found[0] == found[1]:
        raise bad_request("A record cannot be associated with itself")
    return found[0], found[1]


def batch_create(call: Call) -> Answer:
    results, errors = [], []
    for one in call.inputs(MOST_CREATED):
        try:
            ids = _type_ids(call, one.get("types"))
            from_, to = _ends(call, one)
            call.refuse_if_told(None, str(from_.id), str(to.id))
            call.crm.link(from_, to, ids, call.by)
            results.append(_labels_between(call, from_, to, ids))
        except ApiError as error:
            errors.append(error.in_batch(_which(one)))
    return responses.batch(results, errors, call.now, 201)


def batch_default(call: Call) -> Answer:
    results, errors = [], []
    for one in call.inputs(MOST_CREATED):
        try:
            from_, to = _ends(call, one)
            call.refuse_if_told(None, str(from_.id), str(to.id))
            results += _link_plainly(call, from_, to)
        except ApiError as error:
            errors.append(error.in_batch(_which(one)))
    return responses.batch(results, errors, call.now)


def _which(one: dict[str, Any]) -> dict[str, list[str]]:
    found = {}
    for name in ("from", "to"):
        end = one.get(name)
        if isinstance(end, dict) and plain_text(end, "id"):
            found[f"{name}ObjectId"] = [plain_text(end, "id")]
    return found


def batch_archive(call: Call) -> Answer:
    """`{from: {id}, to: [{id}, …]}`; links that are not there are passed over."""
    from_, to, _ = _kinds(call)
    for one in call.inputs(MOST_CREATED):
        here = from_.find(plain_text(mapping(one, "from"), "id"))
        others = one.get("to")
        others = others if isinstance(others, list) else [others]
        for other in others:
            there = to.find(plain_text(other, "id")) if isinstance(other, dict) else None
            if here is not None and there is not None:
                call.crm.unlink(End(from_.kind.plural, here.id), End(to.kind.plural, there.id), call.by)
    return None, 204


def batch_labels_archive(call: Call) -> Answer:
    for one in call.inputs(MOST_CREATED):
        ids = _type_ids(call, one.get("types"))
        from_, to = _ends(call, one)
        call.crm.unlink(from_, to, call.by, ids)
    return None, 204


def labels(call: Call) -> Answer:
    _, _, kinds = _kinds(call)
    rows = [{"category": one.category, "typeId": one.type_id, "label": one.label} for one in kinds.values()]
    return {"results": rows}, 200


def create_label(call: Call) -> Answer:
    from_, to, kinds = _kinds(call)
    body = call.json()
    label, inverse = plain_text(body, "label"), plain_text(body, "inverseLabel")
    if not label or not plain_text(body, "name"):
        raise bad_request("An association label needs a label and a name")
    if any(one.label == label for one in kinds.values()):
        raise ApiError(409, "CONFLICT", f"The label {label} exists already")
    ids = call.portal.links.define(from_.kind.plural, to.kind.plural, label, inverse_label=inverse)
    rows = [{"category": "USER_DEFINED", "typeId": ids[0], "label": label}]
    if ids[0] != ids[1]:
        rows.append({"category": "USER_DEFINED", "typeId": ids[1], "label": inverse or label})
    return {"results": rows}, 200


def update_label(call: Call) -> Answer:
    from_, to, kinds = _kinds(call)
    body = call.json()
    type_id, label = body.get("associationTypeId"), plain_text(body, "label")
    known = kinds.get(type_id) if isinstance(type_id, int) else None
    if known is None or known.category != "USER_DEFINED" or not label:
        raise bad_request("Only the label of an association type of one's own can be changed")
    call.portal.links.rename(from_.kind.plural, to.kind.plural, known.type_id, label)
    return None, 204


def delete_label(call: Call) -> Answer:
    """A label of the account's own, with the links that have it and no other."""
    from_, to, kinds = _kinds(call)
    known = kinds.get(whole_number(call.at["typeId"]) or -1)
    if known is None:
        raise no_such_thing(f"Association type {call.at['typeId'][:20]} does not exist")
    if known.category != "USER_DEFINED":
        raise bad_request("Only an association type of one's own can be deleted")
    call.portal.links.remove(from_.kind.plural, to.kind.plural, known.type_id)
    call.portal.association_limits = [
        row for row in call.portal.association_limits if int(row["typeId"]) not in (known.type_id, known.inverse)
    ]
    return None, 204


# What administrators allow at most (`association_limits` of the world).


def limits(call: Call) -> Answer:
    """Those of a pair or of all."""
    pair = (call.table("type"), call.table("to")) if "type" in call.at else None
    rows = [
        _limit(call, row)
        for row in call.portal.association_limits
        if pair in (None, (call.table_of(str(row["from"])), call.table_of(str(row["to"]))))
    ]
    return {"results": rows}, 200


def _limit(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    from_, to = call.table_of(str(row["from"])), call.table_of(str(row["to"]))
    kind = call.portal.links.types(from_.kind.plural, to.kind.plural)[int(row["typeId"])]
    return {
        "fromObjectTypeId": from_.kind.type_id,
        "toObjectTypeId": to.kind.type_id,
        "category": kind.category,
        "typeId": kind.type_id,
        "label": kind.label,
        "userEnforcedMaxToObjectIds": int(row["maxToObjectIds"]),
    }


def _limit_row(call: Call, one: dict[str, Any]) -> dict[str, Any] | None:
    """The limit that is set for an input's type, which must exist. Raises ApiError."""
    from_, to, kinds = _kinds(call)
    type_id = one.get("typeId")
    known = kinds.get(type_id) if isinstance(type_id, int) else None
    if known is None or one.get("category", known.category) != known.category:
        raise bad_request(f"Association type {str(type_id)[:20]} does not exist")
    pair = (from_, to)
    for row in call.portal.association_limits:
        same = (call.table_of(str(row["from"])), call.table_of(str(row["to"]))) == pair
        if same and int(row["typeId"]) == type_id:
            return row
    return None


def create_limits(call: Call) -> Answer:
    return _set_limits(call, new=True), 200


def update_limits(call: Call) -> Answer:
    return _set_limits(call, new=False), 200


def _set_limits(call: Call, *, new: bool) -> dict[str, Any]:
    from_, to, _ = _kinds(call)
    chosen = []
    for one in call.inputs(PAGE):
        row, most = _limit_row(call, one), one.get("maxToObjectIds")
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise bad_request("maxToObjectIds must be a whole number above 0")
        if new == (row is not None):
            words = "has a limit already" if new else "has no limit yet"
            raise bad_request(f"Association type {one['typeId']} {words}")
        made = {"from": from_.kind.plural, "to": to.kind.plural, "typeId": int(one["typeId"])}
        chosen.append((row if row is not None else made, most))
    for row, most in chosen:
        row["maxToObjectIds"] = most
        if new:
            call.portal.association_limits.append(row)
    body, _ = responses.batch([_limit(call, row) for row, _ in chosen], [], call.now)
    return body


def purge_limits(call: Call) -> Answer:
    gone = [_limit_row(call, one) for one in call.inputs(PAGE)]
    call.portal.association_limits = [
        row for row in call.portal.association_limits if not any(row is one for one in gone)
    ]
    return None, 204
