"""The filters of lists: checked, put into the form that the API shows, and turned into tests of records.

A definition is an OR branch of AND branches of filters (API reference section 15). Evaluated: PROPERTY filters with the
operations below, and IN_LIST filters. The vendor's other filters and branches (associations, events, forms, pages …)
are refused with words that say so. Reads state and changes nothing; every refusal is an ApiError.

A record without a value meets an operation only when `includeObjectsWithNoValueSet` says so; without it: not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from concord_sandbox.hubspot.errors import ApiError, bad_request
from concord_sandbox.hubspot.lists.times import TIME_OPERATIONS, is_relative, time_test
from concord_sandbox.hubspot.models import ObjectTable, Record
from concord_sandbox.hubspot.schema import Definition

#: Whether a record meets a filter at a time (epoch ms).
Meets = Callable[[Record, int], bool]
#: Whether the record of that id is a member of the list of that id.
IsMember = Callable[[int, int], bool]

_NOT_EVALUATED_BRANCHES = ("NOT_ALL", "NOT_ANY", "RESTRICTED", "UNIFIED_EVENTS", "ASSOCIATION", "PROPERTY_ASSOCIATION")
_NOT_EVALUATED_FILTERS = frozenset(
    (  # noqa: SIM905 - as the vendor lists them
        "ASSOCIATION PAGE_VIEW CTA EVENT FORM_SUBMISSION FORM_SUBMISSION_ON_PAGE INTEGRATION_EVENT EMAIL_SUBSCRIPTION"
        " COMMUNICATION_SUBSCRIPTION CAMPAIGN_INFLUENCED SURVEY_MONKEY SURVEY_MONKEY_VALUE WEBINAR EMAIL_EVENT PRIVACY"
        " ADS_SEARCH ADS_TIME UNIFIED_EVENTS PROPERTY_ASSOCIATION CONSTANT NUM_ASSOCIATIONS"
    ).split()
)
_TEXTS = (
    "IS_EQUAL_TO", "IS_NOT_EQUAL_TO", "CONTAINS", "DOES_NOT_CONTAIN", "CONTAINS_EXACTLY", "DOES_NOT_CONTAIN_EXACTLY",
    "STARTS_WITH", "ENDS_WITH", "HAS_EVER_BEEN_EQUAL_TO", "HAS_NEVER_BEEN_EQUAL_TO", "HAS_EVER_CONTAINED",
    "HAS_NEVER_CONTAINED",
)  # fmt: skip
_OPERATORS: dict[str, tuple[str, ...]] = {
    "ALL_PROPERTY": ("IS_KNOWN", "IS_UNKNOWN"),
    "MULTISTRING": _TEXTS[:8],
    "STRING": _TEXTS,
    "ENUMERATION": (
        "IS_ANY_OF", "IS_NONE_OF", "IS_EXACTLY", "IS_NOT_EXACTLY", "CONTAINS_ALL", "DOES_NOT_CONTAIN_ALL",
        "HAS_EVER_BEEN_ANY_OF", "HAS_NEVER_BEEN_ANY_OF", "HAS_EVER_BEEN_EXACTLY", "HAS_NEVER_BEEN_EXACTLY",
        "HAS_EVER_CONTAINED_ALL", "HAS_NEVER_CONTAINED_ALL",
    ),
    "BOOL": ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO", "HAS_EVER_BEEN_EQUAL_TO", "HAS_NEVER_BEEN_EQUAL_TO"),
    "NUMBER": (
        "IS_EQUAL_TO", "IS_NOT_EQUAL_TO", "IS_GREATER_THAN", "IS_GREATER_THAN_OR_EQUAL_TO", "IS_LESS_THAN",
        "IS_LESS_THAN_OR_EQUAL_TO", "HAS_EVER_BEEN_EQUAL_TO", "HAS_NEVER_BEEN_EQUAL_TO",
    ),
    "NUMBER_RANGED": ("IS_BETWEEN", "IS_NOT_BETWEEN"),
    **TIME_OPERATIONS,
}  # fmt: skip
_NOT_EVALUATED_OPERATIONS = ("CALENDAR_DATE", "COMPARATIVE_DATE", "COMPARATIVE_PROPERTY_UPDATED", "DATE")
#: What an operation is shown with when it was not given.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "TIME_POINT": {"type": "TIME_POINT"},
    "TIME_RANGED": {"type": "TIME_RANGED"},
    "DATETIME": {"requiresTimeZoneConversion": False},
    "RANGED_DATE": {"requiresTimeZoneConversion": False},
    "ROLLING_DATE_RANGE": {"requiresTimeZoneConversion": False},
}
_EVERY_TYPE = ("ALL_PROPERTY", "ROLLING_PROPERTY_UPDATED")
_FITTING: dict[str, tuple[str, ...]] = {
    "string": ("MULTISTRING", "STRING", *_EVERY_TYPE),
    "phone_number": ("MULTISTRING", "STRING", *_EVERY_TYPE),
    "json": ("MULTISTRING", "STRING", *_EVERY_TYPE),
    "enumeration": ("ENUMERATION", *_EVERY_TYPE),
    "bool": ("BOOL", *_EVERY_TYPE),
    "number": ("NUMBER", "NUMBER_RANGED", *_EVERY_TYPE),
    "date": (*TIME_OPERATIONS, *_EVERY_TYPE),
    "datetime": (*TIME_OPERATIONS, *_EVERY_TYPE),
}
_TOKENS = re.compile(r"\w+")


# Checking, and the form that is shown.


def checked(table: ObjectTable, given: Any, *, stored: bool = False) -> dict[str, Any]:
    """A definition as the API shows it: operators and defaults filled in. stored: it was accepted once, and the
    properties that it names may have been archived or made anew since. Raises ApiError."""
    root = _branch(given, ("OR",), "The root filterBranch")
    if root["filters"]:
        raise bad_request("The root filterBranch of the type OR must not have filters of its own")
    if not root["filterBranches"]:
        raise bad_request("The root filterBranch of the type OR must have at least one AND filterBranch")
    ands = []
    for inner in root["filterBranches"]:
        branch = _branch(inner, ("AND",), "A filterBranch within OR")
        for nested in branch["filterBranches"]:
            _branch(nested, (), "A filterBranch within AND")
        ands.append({**branch, "filters": [_filter(table, one, stored) for one in branch["filters"]]})
    return {**root, "filterBranches": ands}


def _branch(given: Any, allowed: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise bad_request("Invalid input JSON: a filterBranch must be an object")
    kind = given.get("filterBranchType")
    if kind in _NOT_EVALUATED_BRANCHES:
        raise _not_emulated(f"filter branches of the type {kind}")
    if kind not in allowed:
        expected = " or ".join(allowed) or "UNIFIED_EVENTS or ASSOCIATION"
        raise bad_request(f"{where} must have the filterBranchType {expected}", filterBranchType=str(kind)[:40])
    operator = given.get("filterBranchOperator", kind)
    if operator != kind:
        raise bad_request(f"The filterBranchOperator of {kind} must be {kind}", filterBranchOperator=str(operator)[:40])
    rows = {}
    for name in ("filterBranches", "filters"):
        rows[name] = given.get(name) or []
        if not isinstance(rows[name], list):
            raise bad_request(f"Invalid input JSON: {name} must be a list")
    return {"filterBranchType": kind, "filterBranchOperator": kind, **rows}


def _not_emulated(what: str) -> ApiError:
    return bad_request(f"The sandbox does not evaluate {what}")


def _filter(table: ObjectTable, given: Any, stored: bool) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise bad_request("Invalid input JSON: a filter must be an object")
    kind = given.get("filterType")
    if kind == "IN_LIST":
        return _in_list(given)
    if isinstance(kind, str) and kind in _NOT_EVALUATED_FILTERS:
        raise _not_emulated(f"filters of the type {kind}")
    if kind != "PROPERTY":
        raise bad_request("A filter has a filterType, such as PROPERTY", filterType=str(kind)[:40])
    name = given.get("property")
    definition = table.definitions.get(name) if isinstance(name, str) else None
    if definition is None or (definition.archived and not stored):
        raise bad_request(f"The property {str(name)[:80]!r} of a filter does not exist", property=str(name)[:80])
    return {
        "filterType": "PROPERTY",
        "property": definition.name,
        "operation": _operation(definition, given.get("operation"), stored),
    }


def _in_list(given: dict[str, Any]) -> dict[str, Any]:
    list_id, operator = str(given.get("listId", "")), given.get("operator", "IN_LIST")
    if not (list_id.isascii() and list_id.isdigit()):
        raise bad_request("A filter of the type IN_LIST needs a listId", listId=list_id[:40])
    if operator not in ("IN_LIST", "NOT_IN_LIST"):
        raise bad_request("The operator of an IN_LIST filter is IN_LIST or NOT_IN_LIST", operator=str(operator)[:40])
    if given.get("metadata"):
        raise _not_emulated("IN_LIST filters with metadata (workflows and imports)")
    return {"filterType": "IN_LIST", "listId": list_id, "operator": operator}


def _operation(definition: Definition, given: Any, stored: bool) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise bad_request("Invalid input JSON: a PROPERTY filter has an operation", property=definition.name)
    kind, operator = given.get("operationType"), given.get("operator")
    if kind in _NOT_EVALUATED_OPERATIONS:
        raise _not_emulated(f"operations of the type {kind}")
    if not isinstance(kind, str) or kind not in _OPERATORS:
        raise bad_request("An operation has an operationType, such as MULTISTRING", operationType=str(kind)[:40])
    fitting = _FITTING.get(definition.type, _EVERY_TYPE)
    if definition.field_type == "booleancheckbox":
        fitting = (*fitting, "BOOL", "ENUMERATION")
    if kind not in fitting and not stored:
        raise bad_request(
            f"An operation of the type {kind} does not fit the {definition.type} property {definition.name}",
            operationType=kind,
        )
    if operator not in _OPERATORS[kind]:
        raise bad_request(f"{str(operator)[:60]} is not an operator of {kind}", operator=str(operator)[:60])
    include = given.get("includeObjectsWithNoValueSet", False)
    if not isinstance(include, bool):
        raise bad_request("Invalid input JSON: includeObjectsWithNoValueSet must be true or false")
    shown = {**_DEFAULTS.get(kind, {}), **given, "includeObjectsWithNoValueSet": include}
    _test(definition, shown)  # refuses what it cannot be evaluated with
    return shown


# What a definition depends on.


def filters_of(branch: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every filter of a checked definition."""
    for inner in branch["filterBranches"]:
        yield from inner["filters"]


def properties_in(branch: dict[str, Any]) -> set[str]:
    """The properties whose changes can move a record in or out."""
    return {one["property"] for one in filters_of(branch) if one["filterType"] == "PROPERTY"}


def lists_in(branch: dict[str, Any]) -> set[int]:
    """The lists whose memberships it asks for."""
    return {int(one["listId"]) for one in filters_of(branch) if one["filterType"] == "IN_LIST"}


def moves_with_time(branch: dict[str, Any]) -> bool:
    """Whether the passing of time alone can move a record in or out."""
    return any(one["filterType"] == "PROPERTY" and is_relative(one["operation"]) for one in filters_of(branch))


# Evaluating.


def compiled(table: ObjectTable, branch: dict[str, Any], is_member: IsMember) -> Meets:
    """A checked definition as one test. Raises ApiError when a property is gone."""
    groups = [[_meets(table, one, is_member) for one in inner["filters"]] for inner in branch["filterBranches"]]

    def meets(record: Record, now: int) -> bool:
        return any(all(test(record, now) for test in tests) for tests in groups)

    return meets


def _meets(table: ObjectTable, one: dict[str, Any], is_member: IsMember) -> Meets:
    """One filter as a test."""
    if one["filterType"] == "IN_LIST":
        list_id, wanted = int(one["listId"]), one["operator"] == "IN_LIST"
        return lambda record, _: is_member(list_id, record.id) == wanted
    definition = table.definitions.get(one["property"])
    if definition is None:
        raise bad_request(f"The property {one['property']!r} of a filter does not exist")
    name, operation = definition.name, one["operation"]
    if operation["operationType"] == "ALL_PROPERTY":
        known = operation["operator"] == "IS_KNOWN"
        return lambda record, _: bool(table.value(record, name)) == known
    if operation["operationType"] == "ROLLING_PROPERTY_UPDATED":
        return _updated(table, name, operation)
    include, operator = bool(operation["includeObjectsWithNoValueSet"]), str(operation["operator"])
    accepts = _test(definition, operation)
    ever = "_EVER_" in operator or "_NEVER_" in operator

    def meets(record: Record, now: int) -> bool:
        if ever:
            been = [entry.value for entry in table.history(record, name) if entry.value]
            return (any(accepts(value, now) for value in been) == ("_EVER_" in operator)) if been else include
        value = table.value(record, name)
        return accepts(value, now) if value else include

    return meets


def _updated(table: ObjectTable, name: str, operation: dict[str, Any]) -> Meets:
    span = _count(operation, "numberOfDays") * 86_400_000
    lately: bool = operation["operator"] == "UPDATED_IN_LAST_X_DAYS"

    def meets(record: Record, now: int) -> bool:
        entries = table.history(record, name)
        if not entries:
            return bool(operation["includeObjectsWithNoValueSet"])
        return (entries[0].at >= now - span) == lately

    return meets


def _test(definition: Definition, operation: dict[str, Any]) -> Callable[[str, int], bool]:
    """The test of one stored value (not empty) at a time. For HAS_EVER… and HAS_NEVER…: of one past value."""
    kind = operation["operationType"]
    if kind == "ALL_PROPERTY":
        return lambda _, __: True
    if kind == "ROLLING_PROPERTY_UPDATED":
        _count(operation, "numberOfDays")
        return lambda _, __: True
    if kind in TIME_OPERATIONS:
        return time_test(operation)
    plain = _PLAIN[kind](operation)
    return lambda value, _: plain(value)


def _count(operation: dict[str, Any], name: str) -> int:
    value = operation.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:
        raise bad_request(f"An operation of the type {operation['operationType']} needs a whole number as {name}")
    return value


def _text_list(operation: dict[str, Any]) -> list[str]:
    values = operation.get("values")
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise bad_request(f"An operation of the type {operation['operationType']} needs values, a list of strings")
    return values


def _multistring(operation: dict[str, Any]) -> Callable[[str], bool]:
    if operation["operationType"] == "STRING":
        if not isinstance(operation.get("value"), str):
            raise bad_request("An operation of the type STRING needs a value")
        wanted = [operation["value"].lower()]
    else:
        wanted = [value.lower() for value in _text_list(operation)]
    name = _past(operation["operator"], "CONTAINS")
    negative = name in ("IS_NOT_EQUAL_TO", "DOES_NOT_CONTAIN", "DOES_NOT_CONTAIN_EXACTLY")
    compare: Callable[[str, str], bool] = {
        "IS_EQUAL_TO": lambda value, one: value == one,
        "IS_NOT_EQUAL_TO": lambda value, one: value == one,
        "CONTAINS": lambda value, one: one in value,
        "DOES_NOT_CONTAIN": lambda value, one: one in value,
        "CONTAINS_EXACTLY": _contains_words,
        "DOES_NOT_CONTAIN_EXACTLY": _contains_words,
        "STARTS_WITH": lambda value, one: value.startswith(one),
        "ENDS_WITH": lambda value, one: value.endswith(one),
    }[name]
    return lambda value: any(compare(value.lower(), one) for one in wanted) != negative


def _contains_words(value: str, one: str) -> bool:
    """Whole words in their order, not parts of words."""
    words, sought = _TOKENS.findall(value), _TOKENS.findall(one)
    return any(words[start : start + len(sought)] == sought for start in range(len(words) - len(sought) + 1))


def _past(operator: str, contained: str) -> str:
    """The operator that a single past value is tested with."""
    bare = operator.removeprefix("HAS_EVER_").removeprefix("HAS_NEVER_")
    if bare == operator:
        return operator
    return {"BEEN_EQUAL_TO": "IS_EQUAL_TO", "BEEN_ANY_OF": "IS_ANY_OF", "BEEN_EXACTLY": "IS_EXACTLY"}.get(
        bare, contained
    )


def _enumeration(operation: dict[str, Any]) -> Callable[[str], bool]:
    wanted = set(_text_list(operation))
    name = _past(operation["operator"], "CONTAINS_ALL")
    tests: dict[str, Callable[[set[str]], bool]] = {
        "IS_ANY_OF": lambda chosen: bool(chosen & wanted),
        "IS_NONE_OF": lambda chosen: not chosen & wanted,
        "IS_EXACTLY": lambda chosen: chosen == wanted,
        "IS_NOT_EXACTLY": lambda chosen: chosen != wanted,
        "CONTAINS_ALL": lambda chosen: chosen >= wanted,
        "DOES_NOT_CONTAIN_ALL": lambda chosen: not chosen >= wanted,
    }
    return lambda value: tests[name]({part for part in value.split(";") if part})


def _bool(operation: dict[str, Any]) -> Callable[[str], bool]:
    if not isinstance(operation.get("value"), bool):
        raise bad_request("An operation of the type BOOL needs true or false as its value")
    wanted, negative = ("true" if operation["value"] else "false"), operation["operator"] == "IS_NOT_EQUAL_TO"
    return lambda value: (value == wanted) != negative


def _number_of(operation: dict[str, Any], name: str) -> float:
    value = operation.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_request(f"An operation of the type {operation['operationType']} needs a number as its {name}")
    return float(value)


def _number(operation: dict[str, Any]) -> Callable[[str], bool]:
    wanted = _number_of(operation, "value")
    compare: Callable[[float], bool] = {
        "IS_EQUAL_TO": lambda value: value == wanted,
        "IS_NOT_EQUAL_TO": lambda value: value != wanted,
        "IS_GREATER_THAN": lambda value: value > wanted,
        "IS_GREATER_THAN_OR_EQUAL_TO": lambda value: value >= wanted,
        "IS_LESS_THAN": lambda value: value < wanted,
        "IS_LESS_THAN_OR_EQUAL_TO": lambda value: value <= wanted,
    }[_past(operation["operator"], "IS_EQUAL_TO")]
    return lambda text: _if_number(text, compare)


def _number_ranged(operation: dict[str, Any]) -> Callable[[str], bool]:
    low, high = _number_of(operation, "lowerBound"), _number_of(operation, "upperBound")
    inside = operation["operator"] == "IS_BETWEEN"
    return lambda text: _if_number(text, lambda value: (low <= value <= high) == inside)


def _if_number(text: str, test: Callable[[float], bool]) -> bool:
    try:
        return test(float(text))
    except ValueError:
        return False


_PLAIN: dict[str, Callable[[dict[str, Any]], Callable[[str], bool]]] = {
    "MULTISTRING": _multistring,
    "STRING": _multistring,
    "ENUMERATION": _enumeration,
    "BOOL": _bool,
    "NUMBER": _number,
    "NUMBER_RANGED": _number_ranged,
}
