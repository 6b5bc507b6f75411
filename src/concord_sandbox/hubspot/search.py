"""Search: filters, sorting, paging and its limits (API reference section 6), over what the lagging index shows.

Reads state only. Strings are compared without case, as the vendor indexes them in lower case; a value of `IN` on a
string property is taken as it is, so that only lower-case ones match.
A filter on a value (NEQ and NOT_IN among them) never matches a record that has no value there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from concord_sandbox.hubspot import responses
from concord_sandbox.hubspot.calls import Call, bounded, strings
from concord_sandbox.hubspot.errors import bad_request
from concord_sandbox.hubspot.models import ObjectTable, Record, Seen
from concord_sandbox.hubspot.schema import Definition
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.values import epoch_ms, is_number

MOST_GROUPS, MOST_FILTERS, MOST_IN_ALL = 5, 6, 18
MOST_RESULTS, MOST_PAGE, MOST_BODY, MOST_VALUES = 10_000, 200, 3_000, 100

Test = Callable[[Seen], bool]
_TOKENS = re.compile(r"[^\W_]+")
_LAST = 1 << 61


def search(call: Call) -> tuple[dict[str, Any], int]:
    """The answer to a search. Raises ApiError for everything that the vendor refuses."""
    table = call.table()
    if len(call.body.decode("utf-8", "replace")) > MOST_BODY:
        raise bad_request(f"The request body is longer than the maximum of {MOST_BODY} characters")
    body = call.json()
    limit = bounded("limit", body.get("limit"), 10, MOST_PAGE)
    start = _start(body.get("after"))
    if start + limit > MOST_RESULTS:
        raise bad_request(f"Paging beyond {MOST_RESULTS} results is not possible", after=str(start))
    groups = _groups(table, body)
    query = body.get("query") or ""
    if not isinstance(query, str):
        raise bad_request("Invalid input JSON: query must be a string")
    names = strings(body, "properties") or list(table.kind.shown)
    name, descending = _sort(table, body.get("sorts"))
    table.index.settle(call.now)
    found = _matching(table, groups, query)
    found = _sorted(found, _order(table, name), descending)
    page = found[start : start + limit]
    answer: dict[str, Any] = {
        "total": len(found),
        "results": [responses.record(table, seen, names) for seen in page],
    }
    if start + limit < len(found):
        answer["paging"] = responses.paging(str(start + limit), "")
    return answer, 200


def _start(after: Any) -> int:
    if after in (None, ""):
        return 0
    number = whole_number(str(after)) if not isinstance(after, bool) else None
    if number is None:
        raise bad_request("after is not a cursor of this search", after=str(after)[:40])
    return number


def _sort(table: ObjectTable, sorts: Any) -> tuple[str, bool]:
    if not sorts:
        return "createdate", False
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise bad_request("Only one sort is possible")
    one = sorts[0]
    if isinstance(one, str):
        name, descending = one.removeprefix("-"), one.startswith("-")
    elif isinstance(one, dict) and isinstance(one.get("propertyName"), str):
        direction = one.get("direction", "ASCENDING")
        if direction not in ("ASCENDING", "DESCENDING"):
            raise bad_request("The direction of a sort is ASCENDING or DESCENDING")
        name, descending = one["propertyName"], direction == "DESCENDING"
    else:
        raise bad_request("Invalid input JSON: a sort has a propertyName")
    _definition(table, name)
    return name, descending


def _order(table: ObjectTable, name: str) -> Callable[[Seen], Any]:
    """What a sort compares; None where a record has nothing there."""
    if name in ("createdate", "hs_createdate"):
        return lambda seen: seen.created
    if name == table.modified_name:
        return lambda seen: seen.updated
    comparable = _comparable(table.definitions[name])
    return lambda seen: comparable(table.value(seen, name) or "")


def _sorted(found: list[Seen], order: Callable[[Seen], Any], descending: bool) -> list[Seen]:
    """In order, ties by id, records without a value last either way."""
    keyed = [(order(seen), seen) for seen in sorted(found, key=lambda seen: seen.id)]
    with_value = [(key, seen) for key, seen in keyed if key is not None]
    with_value.sort(key=lambda pair: pair[0], reverse=descending)
    return [seen for _, seen in with_value] + [seen for key, seen in keyed if key is None]


# Filters.


def _groups(table: ObjectTable, body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The filters by group, each checked. A bare `filters` list is one group."""
    groups = body.get("filterGroups") or []
    if body.get("filters"):
        groups = [*groups, {"filters": body["filters"]}] if isinstance(groups, list) else groups
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise bad_request("Invalid input JSON: filterGroups must be a list of objects")
    if len(groups) > MOST_GROUPS:
        raise bad_request(f"The maximum of {MOST_GROUPS} filterGroups is exceeded")
    found = []
    for group in groups:
        filters = group.get("filters") or []
        if not isinstance(filters, list) or not all(isinstance(one, dict) for one in filters):
            raise bad_request("Invalid input JSON: filters must be a list of objects")
        if len(filters) > MOST_FILTERS:
            raise bad_request(f"The maximum of {MOST_FILTERS} filters in a group is exceeded")
        for one in filters:
            test(table, one)
        found.append(filters)
    if sum(map(len, found)) > MOST_IN_ALL:
        raise bad_request(f"The maximum of {MOST_IN_ALL} filters is exceeded")
    return found


def _definition(table: ObjectTable, name: Any) -> Definition:
    definition = table.definitions.get(name) if isinstance(name, str) else None
    if definition is None:
        raise bad_request(f"There was a problem with the request: property {name!r} does not exist")
    return definition


def _comparable(definition: Definition) -> Callable[[str], Any]:
    """A stored text as something that can be ordered; None where there is nothing to compare."""
    if definition.type == "number":
        return lambda text: float(text) if is_number(text) else None
    if definition.type in ("date", "datetime"):
        return _ms_or_none
    if definition.type == "string":
        return lambda text: text.lower() or None
    return lambda text: text or None


def _ms_or_none(text: str) -> int | None:
    try:
        return epoch_ms(text)
    except (ValueError, OverflowError):
        return None


def test(table: ObjectTable, asked: dict[str, Any]) -> Test:
    """The test that one filter stands for. Raises ApiError."""
    definition = _definition(table, asked.get("propertyName"))
    name, operator = definition.name, asked.get("operator", "EQ")
    if operator == "HAS_PROPERTY":
        return lambda seen: bool(table.value(seen, name))
    if operator == "NOT_HAS_PROPERTY":
        return lambda seen: not table.value(seen, name)
    if not isinstance(operator, str) or operator not in _BUILDERS:
        raise bad_request(f"Invalid input JSON: {operator!r} is not a search operator")
    accepts = _BUILDERS[operator](definition, asked)

    def meets(seen: Seen) -> bool:
        value = table.value(seen, name)
        return bool(value) and accepts(value or "")

    return meets


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise bad_request(f"A filter with the operator {asked.get('operator', 'EQ')} needs a {name}")
    return str(value).strip()


def _operand(definition: Definition, asked: dict[str, Any], name: str = "value") -> Any:
    text = _text(asked, name)
    value = _comparable(definition)(text)
    if value is None:
        raise bad_request(f"{text[:80]!r} cannot be compared with the {definition.type} property {definition.name}")
    return value


def _compared(
    by: Callable[[Any, Any], bool],
) -> Callable[[Definition, dict[str, Any]], Callable[[str], bool]]:
    def build(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
        comparable, operand = _comparable(definition), _operand(definition, asked)

        def accepts(text: str) -> bool:
            value = comparable(text)
            return value is not None and by(value, operand)

        return accepts

    return build


def _equal(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
    if definition.field_type == "checkbox":
        wanted = _text(asked, "value")
        return lambda text: wanted in text.split(";")
    return _compared(lambda value, operand: bool(value == operand))(definition, asked)


def _not_equal(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
    equal = _equal(definition, asked)
    return lambda text: not equal(text)


def _between(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
    comparable = _comparable(definition)
    low, high = _operand(definition, asked), _operand(definition, asked, "highValue")

    def accepts(text: str) -> bool:
        value = comparable(text)
        return value is not None and bool(low <= value <= high)

    return accepts


def _in(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
    values = asked.get("values")
    if not isinstance(values, list) or not values:
        raise bad_request(f"A filter with the operator {asked['operator']} needs a list of values")
    if len(values) > MOST_VALUES:
        raise bad_request(f"A filter takes at most {MOST_VALUES} values")
    texts = [_text({"value": value, "operator": asked["operator"]}, "value") for value in values]
    if definition.field_type == "checkbox":
        wanted = set(texts)
        return lambda text: not wanted.isdisjoint(text.split(";"))
    if definition.type == "string":
        kept = set(texts)
        return lambda text: text.lower() in kept
    comparable = _comparable(definition)
    operands = {comparable(text) for text in texts} - {None}
    return lambda text: comparable(text) in operands


def _not_in(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
    inside = _in(definition, asked)
    return lambda text: not inside(text)


def _contains(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
    """Every token of the value (with `*` standing for any characters) is a token of the text, or the whole text."""
    wanted = _text(asked, "value").lower()
    patterns = []
    for token in re.findall(r"[^\W_*]*(?:\*+[^\W_*]*)+|[^\W_]+", wanted):
        patterns.append(re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", token)) + r"\Z", re.S))
    if not patterns:
        raise bad_request("A filter with the operator CONTAINS_TOKEN needs a token")

    def accepts(text: str) -> bool:
        lowered = text.lower()
        tokens = [*_TOKENS.findall(lowered), lowered]
        return all(any(pattern.match(token) for token in tokens) for pattern in patterns)

    return accepts


def _contains_not(definition: Definition, asked: dict[str, Any]) -> Callable[[str], bool]:
    contains = _contains(definition, asked)
    return lambda text: not contains(text)


_BUILDERS: dict[str, Callable[[Definition, dict[str, Any]], Callable[[str], bool]]] = {
    "EQ": _equal,
    "NEQ": _not_equal,
    "LT": _compared(lambda value, operand: bool(value < operand)),
    "LTE": _compared(lambda value, operand: bool(value <= operand)),
    "GT": _compared(lambda value, operand: bool(value > operand)),
    "GTE": _compared(lambda value, operand: bool(value >= operand)),
    "BETWEEN": _between,
    "IN": _in,
    "NOT_IN": _not_in,
    "CONTAINS_TOKEN": _contains,
    "NOT_CONTAINS_TOKEN": _contains_not,
}


# Finding.


def _matching(table: ObjectTable, groups: list[list[dict[str, Any]]], query: str) -> list[Seen]:
    """Every record that some group accepts and that the free text is found in, as the index shows it."""
    asks = _query_test(table, query) if query.strip() else None
    found: dict[int, Seen] = {}
    for filters in groups or [[]]:
        tests = [test(table, one) for one in filters]
        if asks is not None:
            tests.append(asks)
        stale = [shown for shown in table.index.stale.values() if shown is not None]
        fresh = (record for record in _candidates(table, filters) if record.id not in table.index.stale)
        for seen in chain[Seen](stale, fresh):
            if all(one(seen) for one in tests):
                found[seen.id] = seen
    return list(found.values())


def _query_test(table: ObjectTable, query: str) -> Test:
    names = table.kind.searched or tuple(
        one.name for one in table.definitions.values() if one.type == "string" and one.name not in table.system
    )
    parts = query.lower().split()

    def asks(seen: Seen) -> bool:
        texts = [text.lower() for name in names if (text := seen.values.get(name))]
        return all(any(part in text for text in texts) for part in parts)

    return asks


def _candidates(table: ObjectTable, filters: list[dict[str, Any]]) -> Iterable[Record]:
    """Live records among which all matches of a group are, found by an index where a filter allows it."""
    for one in filters:
        by_key = _by_key(table, one)
        if by_key is not None:
            return by_key
    low, high = 0, _LAST
    for one in filters:
        if one["propertyName"] == table.modified_name:
            low, high = _narrow(table, one, low, high)
    if (low, high) != (0, _LAST):
        return table.modified_between(low, high)
    return table.live.values()


def _by_key(table: ObjectTable, asked: dict[str, Any]) -> list[Record] | None:
    """The records that an EQ or IN on an id or a unique property can mean; None where no index helps."""
    name, operator = asked["propertyName"], asked.get("operator", "EQ")
    if operator not in ("EQ", "IN"):
        return None
    values = asked["values"] if operator == "IN" else [asked["value"]]
    texts = [str(value).strip() for value in values]
    if name == "hs_object_id":
        numbers = [whole_number(text) for text in texts]
        if None in numbers:
            return None
        return [table.live[number] for number in numbers if number in table.live]
    if name == "email" and name in table.unique:
        records = [table.find_by(name, text) for text in texts]
        return [record for record in records if record is not None]
    return None


def _narrow(table: ObjectTable, asked: dict[str, Any], low: int, high: int) -> tuple[int, int]:
    definition = table.definitions[table.modified_name]
    operator = asked.get("operator", "EQ")
    if operator in ("GTE", "GT", "EQ", "BETWEEN"):
        low = max(low, _operand(definition, asked))
    if operator in ("LTE", "LT", "EQ"):
        high = min(high, _operand(definition, asked))
    if operator == "BETWEEN":
        high = min(high, _operand(definition, asked, "highValue"))
    return low, high
