"""Gives a WHERE its meaning: a condition becomes a test of a record.

A Filter also says what an index can make of it: the keys that a record must have, the span its stamp or id lies in.
Raises QueryRefusal in Salesforce's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.schema import TEXT_TYPES, Field
from concord_sandbox.salesforce.soql import joins
from concord_sandbox.salesforce.soql.dates import reaches_back, span
from concord_sandbox.salesforce.soql.functions import FILTERING, in_corporate, meaning, rates
from concord_sandbox.salesforce.soql.literals import like_pattern, of_type, value_beside
from concord_sandbox.salesforce.soql.names import Path, Scope
from concord_sandbox.salesforce.soql.parsing import malformed
from concord_sandbox.salesforce.soql.tree import (
    Among,
    Compare,
    Condition,
    Every,
    Includes,
    Literal,
    Not,
    Operand,
    Some,
)
from concord_sandbox.salesforce.tables import Row

Test = Callable[[Row], bool]
Span = tuple[str | None, str | None]
Resolve = Callable[[Operand], Path]
_SPANNED = ("SystemModstamp", "Id")


@dataclass(frozen=True)
class Filter:
    """A compiled condition. keys: only records with one of those values in that field can pass. spans: for
    SystemModstamp and Id, the lowest and highest value that can pass, both included."""

    test: Test
    keys: tuple[Field, tuple[Any, ...]] | None = None
    spans: dict[str, Span] = field(default_factory=dict)


def compile_condition(condition: Condition, scope: Scope, resolve: Resolve | None = None) -> Filter:
    """The test that a condition is. `resolve` gives operands a meaning (default: fields of the scope)."""
    joins.check_places(condition)
    return _compiled(condition, scope, resolve or (lambda operand: meaning(operand, scope, FILTERING)))


def _compiled(condition: Condition, scope: Scope, means: Resolve) -> Filter:
    if isinstance(condition, Every | Some):
        parts = [_compiled(term, scope, means) for term in condition.terms]
        return _every(parts) if isinstance(condition, Every) else _some(parts)
    if isinstance(condition, Not):
        inner = _compiled(condition.term, scope, means).test
        return Filter(lambda row: not inner(row))
    path = means(condition.operand)
    if not path.field.filterable:
        words = f"field '{path.field.name}' can not be filtered in a query call"
        raise QueryRefusal("INVALID_FIELD", words, condition.operand.name.at)
    if path.field.type == "boolean" and path.hops:
        path = _never_null(path)
    if isinstance(condition, Compare):
        return _compare(path, condition, scope)
    if isinstance(condition, Includes):
        return _includes(path, condition)
    return _among(path, condition, scope)


def _never_null(path: Path) -> Path:
    """A checkbox of a parent that is not there counts as not ticked (SOQL reference, null values in lookups)."""
    read = path.read
    return Path(path.field, lambda row: bool(read(row)), path.hops, path.table)


def _every(parts: list[Filter]) -> Filter:
    tests = [part.test for part in parts]
    keyed = [part.keys for part in parts if part.keys is not None]
    spans: dict[str, Span] = {}
    for part in parts:
        for name, (low, high) in part.spans.items():
            lowest, highest = spans.get(name, (None, None))
            lows = [one for one in (low, lowest) if one is not None]
            highs = [one for one in (high, highest) if one is not None]
            spans[name] = (max(lows, default=None), min(highs, default=None))

    def test(row: Row) -> bool:
        for one in tests:  # noqa: SIM110 - all() with a generator takes twice as long
            if not one(row):
                return False
        return True

    return Filter(test, min(keyed, key=lambda keys: len(keys[1]), default=None), spans)


def _some(parts: list[Filter]) -> Filter:
    tests = [part.test for part in parts]
    spans: dict[str, Span] = {}
    for name in _SPANNED:
        if all(name in part.spans for part in parts):
            lows = [part.spans[name][0] for part in parts]
            highs = [part.spans[name][1] for part in parts]
            spans[name] = (_hull(lows, min), _hull(highs, max))

    def test(row: Row) -> bool:
        for one in tests:  # noqa: SIM110
            if one(row):
                return True
        return False

    keys = [part.keys for part in parts]
    first = keys[0]
    united = None
    if first is not None and all(one is not None and one[0] is first[0] for one in keys):
        united = (first[0], tuple(value for one in keys if one is not None for value in one[1]))
    return Filter(test, united, spans)


def _hull(ends: list[str | None], choose: Callable[[list[str]], str]) -> str | None:
    known = [end for end in ends if end is not None]
    return choose(known) if len(known) == len(ends) else None


def _unfit(path: Path, operand: Operand) -> QueryRefusal:
    words = f"invalid operator on {path.field.type} field '{path.field.name}'"
    return QueryRefusal("INVALID_QUERY_FILTER_OPERATOR", words, operand.name.at)


def _compare(path: Path, condition: Compare, scope: Scope) -> Filter:
    operator, literal, read = condition.operator, condition.literal, path.read
    if operator == "LIKE":
        return _like(path, condition)
    if literal.kind == "named" and path.field.type in ("date", "datetime"):
        return _within(path, operator, literal, scope)
    if literal.kind == "money":
        path, wanted = _in_money(path, literal, scope)
        return Filter(_ordered(path, operator, wanted))
    wanted = value_beside(path.field, literal)
    if wanted is None:
        if operator not in ("=", "!="):
            raise malformed(f"null cannot be compared with {operator}", condition.operand.name.at)
        return Filter((lambda row: read(row) is None) if operator == "=" else (lambda row: read(row) is not None))
    if path.field.type == "boolean" and operator not in ("=", "!="):
        raise _unfit(path, condition.operand)
    if condition.operand.function == "DISTANCE" and operator in ("=", "!="):
        raise malformed("DISTANCE can only be compared with < and >", condition.operand.name.at)
    return Filter(_ordered(path, operator, wanted), _keys(path, operator, (wanted,)), _spans(path, operator, wanted))


def _in_money(path: Path, literal: Literal, scope: Scope) -> tuple[Path, float]:
    """A comparison with an amount of some currency, EUR100: both sides in the corporate one."""
    code, known = literal.value[:3].upper(), rates(scope.org)
    if path.field.type != "currency" or path.own is None:
        raise of_type(path.field, literal)
    if code not in known:
        raise malformed(f"Invalid currency code: {code}", literal.at)
    convert, own, hops, org = in_corporate(scope.org), path.own, path.hops, scope.org

    def read(row: Row) -> Any:
        at: Row | None = row
        for hop in hops:
            at = org.row(at.get(hop.field.name) or "") if at else None
        value = own(at) if at else None
        return None if at is None or value is None else round(convert(at, value), 6)

    return Path(path.field, read), round(float(literal.value[3:]) / known[code], 6)


def _keys(path: Path, operator: str, wanted: tuple[Any, ...]) -> tuple[Field, tuple[Any, ...]] | None:
    """What an index of the field can look up; not for what every second record has, and not across references."""
    usable = operator == "=" and not path.hops and path.plain
    usable = usable and path.field.type in (TEXT_TYPES - {"multipicklist"}) | {"id", "reference"}
    return (path.field, wanted) if usable and None not in wanted else None


def _spans(path: Path, operator: str, wanted: Any) -> dict[str, Span]:
    if path.hops or not path.plain or path.field.name not in _SPANNED or operator == "!=":
        return {}
    low = wanted if operator in (">", ">=", "=") else None
    high = wanted if operator in ("<", "<=", "=") else None
    return {path.field.name: (low, high)}


def _ordered(path: Path, operator: str, wanted: Any) -> Test:
    """A comparison with a value that is not null; null is unequal to it and neither above nor below."""
    read, fold = path.read, path.field.fold
    if path.field.type == "multipicklist" and operator in ("=", "!="):
        parts = set(str(wanted).lower().split(";"))

        def chosen(row: Row) -> bool:
            value = read(row)
            return value is not None and set(value.lower().split(";")) == parts

        return chosen if operator == "=" else lambda row: not chosen(row)
    wanted = fold(wanted)
    if operator in ("=", "!="):
        equal: Test = (
            (lambda row: (value := read(row)) is not None and fold(value) == wanted)
            if path.field.folded
            else (lambda row: bool(read(row) == wanted))
        )
        return equal if operator == "=" else lambda row: not equal(row)
    above: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
    }
    holds = above[operator]
    return lambda row: (value := read(row)) is not None and holds(fold(value))


def _like(path: Path, condition: Compare) -> Filter:
    if path.field.type not in TEXT_TYPES or condition.literal.kind != "text":
        raise _unfit(path, condition.operand)
    pattern, read = like_pattern(condition.literal), path.read
    return Filter(lambda row: (value := read(row)) is not None and pattern.fullmatch(value) is not None)


def _within(path: Path, operator: str, literal: Literal, scope: Scope) -> Filter:
    """A comparison with a span of days such as LAST_N_DAYS:3: `=` is inside it, `<` before it, `>` after it."""
    first, after = _bounds(path.field, literal, scope)
    read = path.read
    later = first if reaches_back(literal.value) and operator in (">", "<=") else None
    tests: dict[str, Callable[[Any], bool]] = {
        "=": lambda value: first <= value < after,
        "<": lambda value: value < first,
        "<=": lambda value: value < after if later is None else value <= later,
        ">": lambda value: value >= after if later is None else value > later,
        ">=": lambda value: value >= first,
    }
    if operator == "!=":
        return Filter(lambda row: (value := read(row)) is None or not tests["="](value))
    holds = tests[operator]
    bounds = {
        "=": (first, after),
        "<": (None, first),
        "<=": (None, later or after),
        ">": (later or after, None),
        ">=": (first, None),
    }
    indexed = path.field.name == "SystemModstamp" and not path.hops and path.plain
    spans = {"SystemModstamp": bounds[operator]} if indexed else {}
    return Filter(lambda row: (value := read(row)) is not None and holds(value), None, spans)


def _bounds(used: Field, literal: Literal, scope: Scope) -> tuple[str, str]:
    """The first value that a date literal covers, and the first one after it, in the stored form."""
    calendar = scope.calendar()
    try:
        days = span(literal.value, calendar.today(scope.now), calendar.fiscal_start)
        if days is None:
            raise malformed(f"unexpected token: '{literal.value}'", literal.at)
        if used.type == "datetime":
            return calendar.midnight(days[0]), calendar.midnight(days[1])
        return days[0].isoformat(), days[1].isoformat()
    except ValueError as error:
        raise malformed(f"date literal out of range: {error}", literal.at) from None


def _includes(path: Path, condition: Includes) -> Filter:
    if path.field.type != "multipicklist":
        words = f"includes and excludes are only for multi-select picklists, not for '{path.field.name}'"
        raise QueryRefusal("INVALID_QUERY_FILTER_OPERATOR", words, condition.operand.name.at)
    wanted = [set(str(value_beside(path.field, one) or "").lower().split(";")) for one in condition.literals]
    read = path.read

    def has(row: Row) -> bool:
        chosen = set((read(row) or "").lower().split(";"))
        return any(one <= chosen for one in wanted)

    return Filter(has if condition.inside else lambda row: not has(row))


def _among(path: Path, condition: Among, scope: Scope) -> Filter:
    read, fold = path.read, path.field.fold
    if condition.query is not None:
        joins.check(path, condition, scope)
        found = scope.values_of(condition.query)
    elif any(one.kind == "named" for one in condition.literals) and path.field.type in ("date", "datetime"):
        return _among_spans(path, condition, scope)
    else:
        found = dict.fromkeys(value_beside(path.field, one) for one in condition.literals)
    if path.field.type == "multipicklist":
        return _among_choices(path, condition, found)
    listed = {fold(one) for one in found}

    def inside(row: Row) -> bool:
        return fold(read(row)) in listed

    if condition.inside:
        return Filter(inside, _keys(path, "=", tuple(found)))
    return Filter(lambda row: not inside(row))


def _among_choices(path: Path, condition: Among, found: Iterable[Any]) -> Filter:
    """IN with a multi-select picklist: the very choices, in whatever order."""
    read = path.read
    listed = {None if one is None else frozenset(one.lower().split(";")) for one in found}

    def inside(row: Row) -> bool:
        value = read(row)
        return (None if value is None else frozenset(value.lower().split(";"))) in listed

    return Filter(inside if condition.inside else lambda row: not inside(row))


def _among_spans(path: Path, condition: Among, scope: Scope) -> Filter:
    """IN (TODAY, LAST_WEEK, 2026-11-01)."""
    parts = [_compare(path, Compare(condition.operand, "=", one), scope) for one in condition.literals]
    either = _some(parts)
    inside = either.test
    return either if condition.inside else Filter(lambda row: not inside(row))
