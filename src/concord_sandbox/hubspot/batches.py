"""Batch calls on records, and when a batch fails as a whole or in part (API reference sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concord_sandbox.hubspot import objects, responses
from concord_sandbox.hubspot.calls import Call, mapping, plain_text, strings
from concord_sandbox.hubspot.checks import repeated_unique
from concord_sandbox.hubspot.errors import ApiError, bad_request, missing_in_batch
from concord_sandbox.hubspot.models import ObjectTable, Record
from concord_sandbox.hubspot.tables import whole_number

MOST, MOST_WITH_HISTORY = 100, 50
Answer = tuple[dict[str, Any], int]


def read(call: Call) -> Answer:
    table, body = call.table(), call.json()
    with_history = strings(body, "propertiesWithHistory")
    inputs = call.inputs(MOST_WITH_HISTORY if with_history else MOST)
    by = plain_text(body, "idProperty")
    names = strings(body, "properties") or table.kind.shown
    found: dict[int, Record] = {}
    lost = []
    for one in inputs:
        asked = plain_text(one, "id")
        record = _read_one(call, table, asked, by)
        if record is None:
            lost.append(asked)
        else:
            found[record.id] = record
    results = [responses.record(table, record, names, with_history=with_history) for record in found.values()]
    errors = [missing_in_batch(table.kind.singular).in_batch({"ids": lost})] if lost else []
    return responses.batch(results, errors, call.now)


def _read_one(call: Call, table: ObjectTable, asked: str, by: str) -> Record | None:
    if call.flag("archived"):
        return table.archived.get(whole_number(asked) or -1)
    return objects.find(table, asked, by)


def create(call: Call) -> Answer:
    """All or nothing, unless every input carries an `objectWriteTraceId`."""
    table, inputs = call.table(), call.inputs(MOST)
    if inputs and all(plain_text(one, "objectWriteTraceId") for one in inputs):
        return _each(call, table, inputs, _create_one, 201)
    checked = [objects.create_checked(call, table, one) for one in inputs]
    _no_repeats(table, [values for values, _ in checked])
    results = [
        _created(table, objects.create(call, table, values, ties), plain_text(one, "objectWriteTraceId"))
        for one, (values, ties) in zip(inputs, checked, strict=True)
    ]
    return responses.batch(results, [], call.now, 201)


def _no_repeats(table: ObjectTable, rows: list[dict[str, str]]) -> None:
    error = repeated_unique(table, rows)
    if error is not None:
        raise error


def _created(table: ObjectTable, record: Record, trace: str) -> dict[str, Any]:
    return responses.record(table, record, responses.filled(table, record), trace_id=trace or None)


def _create_one(call: Call, table: ObjectTable, one: dict[str, Any]) -> dict[str, Any]:
    values, ties = objects.create_checked(call, table, one)
    return _created(table, objects.create(call, table, values, ties), plain_text(one, "objectWriteTraceId"))


def update(call: Call) -> Answer:
    """Each input on its own: the ones that cannot be found or are refused are reported, the rest is done."""
    table, inputs = call.table(), call.inputs(MOST)
    _no_repeated_ids(inputs)
    return _each(call, table, inputs, _update_one, 200)


def _update_one(call: Call, table: ObjectTable, one: dict[str, Any]) -> dict[str, Any]:
    record = objects.find(table, plain_text(one, "id"), plain_text(one, "idProperty"))
    if record is None:
        raise missing_in_batch(table.kind.singular)
    call.refuse_if_told(record, plain_text(one, "objectWriteTraceId"))
    return _updated(call, table, record, one)


def _updated(call: Call, table: ObjectTable, record: Record, one: dict[str, Any]) -> dict[str, Any]:
    asked = mapping(one, "properties")
    call.crm.update(table, record, call.check(table, record, asked), call.by)
    return responses.record(table, record, asked, trace_id=plain_text(one, "objectWriteTraceId") or None)


def upsert(call: Call) -> Answer:
    """By a unique property. Contacts by `email` are all or nothing; by any other property partial results count."""
    table, inputs = call.table(), call.inputs(MOST)
    _no_repeated_ids(inputs)
    for one in inputs:
        by = plain_text(one, "idProperty")
        if by not in table.unique:
            raise bad_request(
                f"Unable to perform update/upsert by non-unique {table.kind.type_id} property "
                f"{by or 'hs_object_id'} in portal ID {call.portal.settings['portal_id']}"
            )
        if not plain_text(one, "id").strip():
            raise bad_request("Every input of an upsert needs an id: the value of its idProperty")
    if any(plain_text(one, "idProperty") == "email" for one in inputs):
        fresh = [values for one in inputs if (values := _check_upsert(call, table, one)) is not None]
        _no_repeats(table, fresh)
    return _each(call, table, inputs, _upsert_one, 200)


def _upsert_target(table: ObjectTable, one: dict[str, Any]) -> tuple[Record | None, dict[str, Any]]:
    """The record that an input means, and its properties with the unique one among them for a new record."""
    by, value = plain_text(one, "idProperty"), plain_text(one, "id")
    record, asked = table.find_by(by, value), mapping(one, "properties")
    return record, asked if record is not None else {by: value, **asked}


def _check_upsert(call: Call, table: ObjectTable, one: dict[str, Any]) -> dict[str, str] | None:
    """Check one input of an all-or-nothing upsert; the values of a new record. Raises ApiError."""
    record, asked = _upsert_target(table, one)
    call.refuse_if_told(record, plain_text(one, "id"), plain_text(one, "objectWriteTraceId"))
    values = call.check(table, record, asked)
    return values if record is None else None


def _upsert_one(call: Call, table: ObjectTable, one: dict[str, Any]) -> dict[str, Any]:
    record, asked = _upsert_target(table, one)
    trace = plain_text(one, "objectWriteTraceId")
    if plain_text(one, "idProperty") != "email":  # else it met its faults already, while the batch was checked
        call.refuse_if_told(record, plain_text(one, "id"), trace)
    if record is not None:
        return {**_updated(call, table, record, one), "new": False}
    if table.kind.plural in ("leads", "users"):
        objects.create_checked(call, table, {"properties": asked})  # which refuses: no association can be given here
    made = call.crm.create(table, call.check(table, None, asked), call.by)
    return {**_created(table, made, trace), "new": True}


def archive(call: Call) -> tuple[None, int]:
    """Ids that are not there are passed over, as the vendor does."""
    table, inputs = call.table(), call.inputs(MOST)
    found = [record for one in inputs if (record := table.find(plain_text(one, "id"))) is not None]
    for record in dict.fromkeys(found):
        call.refuse_if_told(record)
    for record in dict.fromkeys(found):
        call.crm.archive(table, record, call.by)
    return None, 204


def _no_repeated_ids(inputs: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for one in inputs:
        key = plain_text(one, "id").strip().lower()
        if key in seen:
            raise bad_request(f"Duplicate IDs found in batch input: [{key}]. IDs must be unique")
        seen.add(key)


def _each(
    call: Call,
    table: ObjectTable,
    inputs: list[dict[str, Any]],
    do: Callable[[Call, ObjectTable, dict[str, Any]], dict[str, Any]],
    done: int,
) -> Answer:
    """Carry out every input on its own; the refused ones become `errors`."""
    results, errors = [], []
    for one in inputs:
        try:
            results.append(do(call, table, one))
        except ApiError as error:
            errors.append(error.in_batch(_which(one)))
    return responses.batch(results, errors, call.now, done)


def _which(one: dict[str, Any]) -> dict[str, list[str]]:
    """How an error says which input it is about."""
    which = {}
    if plain_text(one, "id"):
        which["ids"] = [plain_text(one, "id")]
    if plain_text(one, "objectWriteTraceId"):
        which["objectWriteTraceId"] = [plain_text(one, "objectWriteTraceId")]
    return which
