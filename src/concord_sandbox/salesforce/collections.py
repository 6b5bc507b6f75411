"""Answers of `/composite/sobjects`: up to 200 records in one call (2,000 to read), each with its own result.

A record that is refused does not stop the others, unless the call says allOrNone (api/salesforce.md section 6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concord_sandbox.salesforce.calls import Answer, Api, Call, invalid_input
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_reference, malformed_id
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.responses import key_field, record_shown
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.writes import SeveralFound

MOST_RECORDS = 200
_MOST_READ = 2_000
_MOST_CHUNKS = 10
_ROLLED_BACK = Fail(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    (),
)
Result = dict[str, Any]


def create_all(api: Api, call: Call) -> Answer:
    actor = api.actor(call)

    def one(record: dict[str, Any]) -> Result:
        return _good(api.writer.insert(_table_of(api, record), record, actor))

    return _each(api, _records(call), one, _all_or_none(call))


def update_all(api: Api, call: Call) -> Answer:
    actor = api.actor(call)

    def one(record: dict[str, Any]) -> Result:
        table = _table_of(api, record)
        body = {key: value for key, value in record.items() if key.lower() != "id"}
        given = next((value for key, value in record.items() if key.lower() == "id"), None)
        if given is None:
            raise Refusal(400, Fail("MISSING_ARGUMENT", "Id not specified in an update call", ("Id",)))
        record_id = api.writer.known_id(table, given)
        api.writer.update(table, record_id, body, actor)
        return _good(record_id)

    return _each(api, _records(call), one, _all_or_none(call))


def upsert_all(api: Api, call: Call, name: str, key: str) -> Answer:
    table, actor = api.table(name), api.actor(call)
    field = key_field(table, key)
    seen: set[Any] = set()

    def one(record: dict[str, Any]) -> Result:
        if _table_of(api, record) is not table:
            words = f"The records of one upsert call have to be of the type {table.kind.name}"
            raise Refusal(400, Fail("INVALID_TYPE", words, ()))
        body = {name: value for name, value in record.items() if name.lower() != field.name.lower()}
        value = next((value for name, value in record.items() if name.lower() == field.name.lower()), None)
        if value is None and field.name == "Id":
            return {**_good(api.writer.insert(table, body, actor)), "created": True}
        if isinstance(value, str) and field.fold(value) in seen:
            raise Refusal(400, Fail("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (field.name,)))
        record_id, made = api.writer.upsert(table, field, value, body, actor)
        seen.add(field.fold(value))
        return {**_good(record_id), "created": made}

    return _each(api, _records(call), one, _all_or_none(call))


def delete_all(api: Api, call: Call) -> Answer:
    ids = [one for one in call.query.get("ids", "").split(",") if one]
    if not ids:
        raise invalid_input("The ids parameter is required", "MISSING_ARGUMENT")
    _check_count(len(ids))
    actor = api.actor(call)

    def one(given: str) -> Result:
        record_id = full_id(given)
        table = api.org.table_of(record_id) if record_id else None
        if record_id is None or table is None:
            raise malformed_id(given)
        api.writer.delete(table, record_id, actor)
        return _good(record_id)

    return _each(api, ids, one, call.query.get("allOrNone", "").lower() == "true")


def read_all(api: Api, call: Call, name: str) -> Answer:
    """Records by id, in the order asked for, null where there is none."""
    table = api.table(name)
    if call.method == "GET":
        ids, fields = (call.query.get(key, "").split(",") for key in ("ids", "fields"))
    else:
        body = call.object_body()
        ids, fields = _texts(body.get("ids")), _texts(body.get("fields"))
    _check_count(len(ids), _MOST_READ)
    record_shown(table, {"Id": ""}, fields, call.version)  # an unknown field is refused even when no record is found
    found = [table.live(api.writer.known_id(table, one)) for one in ids]
    wanted = fields if "Id" in fields else [*fields, "Id"]
    return Answer(200, [row and record_shown(table, row, wanted, call.version) for row in found])


def _texts(given: Any) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise invalid_input("ids and fields have to be lists of texts", "JSON_PARSER_ERROR")
    return given


def _check_count(count: int, most: int = MOST_RECORDS) -> None:
    if count > most:
        words = f"record limit reached. cannot submit more than {most} records in this request"
        raise invalid_input(words, "EXCEEDED_ID_LIMIT")


def _records(call: Call) -> list[Any]:
    records = call.object_body().get("records")
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise invalid_input("records has to be a list of objects", "JSON_PARSER_ERROR")
    _check_count(len(records))
    types = [_type(one) for one in records]
    if sum(1 for place, one in enumerate(types) if place == 0 or one != types[place - 1]) > _MOST_CHUNKS:
        raise invalid_input(
            f"The records change their type more than {_MOST_CHUNKS} times: sort them", "LIMIT_EXCEEDED"
        )
    return records


def _all_or_none(call: Call) -> bool:
    return call.object_body().get("allOrNone") is True


def _type(record: dict[str, Any]) -> Any:
    attributes = record.get("attributes")
    return attributes.get("type") if isinstance(attributes, dict) else None


def _table_of(api: Api, record: dict[str, Any]) -> Table:
    name = _type(record)
    found = api.org.visible(name) if isinstance(name, str) else None
    if found is None:
        words = f"sObject type '{name}' is not supported." if name else "attributes.type is required"
        raise Refusal(400, Fail("INVALID_TYPE", words, ()))
    return found


def _each(api: Api, given: list[Any], one: Callable[[Any], Result], all_or_none: bool) -> Answer:
    """The result for each, in order. Each write is whole or not at all; with all_or_none so is the call."""
    results: list[Result | tuple[Fail, ...]] = []
    with api.org.transaction() as whole:
        for item in given:
            results.append(_tried(api, one, item))
        bad = any(isinstance(result, tuple) for result in results)
        if all_or_none and bad:
            whole.take_back()
            results = [result if isinstance(result, tuple) else (_ROLLED_BACK,) for result in results]
    return Answer(200, [_refused(one) if isinstance(one, tuple) else one for one in results])


def _tried(api: Api, one: Callable[[Any], Result], item: Any) -> Result | tuple[Fail, ...]:
    try:
        with api.org.transaction():
            return one(item)
    except SeveralFound as found:
        return (Fail("DUPLICATE_EXTERNAL_ID", str(found), (found.field.name,)),)
    except Refusal as refusal:
        # A plain call has 404 for an id that leads nowhere; here it is an error of the record.
        missing = refusal.fails[0].code == "NOT_FOUND"
        return bad_reference("Id").fails if missing else refusal.fails


def _good(record_id: str) -> Result:
    return {"id": record_id, "success": True, "errors": []}


def _refused(fails: tuple[Fail, ...]) -> Result:
    return {"success": False, "errors": [fail.in_result() for fail in fails]}
