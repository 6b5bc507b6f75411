"""Gives SOQL's names and conditions their meaning: paths to readers, WHERE to a test of a record.

A Filter also says what an index can make of it: the keys that a record must have, the span its stamp or id lies in.
Raises QueryRefusal in Salesforce's words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from concord_sandbox.salesforce.soql.parsing import (
    Among,
    Compare,
    Condition,
    Every,
    Includes,
    Literal,
    Name,
    Not,
    Operand,
    Query,
    Some,
    like_pattern,
    malformed,
    unescaped,
)
from concord_sandbox.salesforce.tables import Row, Table, address
from concord_sandbox.salesforce.values import precise_time, span, wire_date

Read = Callable[[Row], Any]
Test = Callable[[Row], bool]
Span = tuple[str | None, str | None]
_SPANNED = ("SystemModstamp", "Id")
_REFERENCE_HINT = "Please reference your WSDL or the describe call for the appropriate names."


@dataclass(frozen=True)
class Hop:
    """One step over a reference: the field that refers, and the object that it leads to."""

    field: Field
    table: Table


@dataclass(frozen=True)
class Path:
    """What a name in a query means: a field, how to read it from a record, and the references on the way.

    table: the object that has the field; None for a value that no field holds, such as a count.
    """

    field: Field
    read: Read
    hops: tuple[Hop, ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Filter:
    """A compiled condition. keys: only records with one of those values in that field can pass. spans: for
    SystemModstamp and Id, the lowest and highest value that can pass, both included."""

    test: Test
    keys: tuple[Field, tuple[Any, ...]] | None = None
    spans: dict[str, Span] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """What the names of one query refer to."""

    org: Org
    table: Table
    alias: str | None
    now: datetime
    #: Runs a query of one column and gives its values.
    values_of: Callable[[Query], set[Any]]

    def path(self, name: Name) -> Path:
        """Raises QueryRefusal when the name leads nowhere."""
        parts = name.text.split(".")
        own = {self.table.kind.name.lower(), (self.alias or "").lower()}
        if len(parts) > 1 and parts[0].lower() in own and parts[0].lower() not in self.table.kind.by_relationship:
            parts = parts[1:]
        table = self.table
        hops: list[Hop] = []
        for step, part in enumerate(parts[:-1]):
            reference = table.kind.by_relationship.get(part.lower())
            found = self._target(reference, parts[step + 1]) if reference else None
            if reference is None or found is None:
                raise QueryRefusal(
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{part}' in field path. If you are attempting to use a custom "
                    f"relationship, be sure to append the '__r' after the custom relationship name. {_REFERENCE_HINT}",
                    name.at,
                )
            hops.append(Hop(reference, found))
            table = found
        final = table.kind.visible(parts[-1])
        if final is None:
            raise QueryRefusal(
                "INVALID_FIELD",
                f"No such column '{parts[-1]}' on entity '{table.kind.name}'. If you are attempting to use a custom "
                f"field, be sure to append the '__c' after the custom field name. {_REFERENCE_HINT}",
                name.at,
            )
        return path_over(self.org, table, final, tuple(hops))

    def _target(self, reference: Field, then: str) -> Table | None:
        """The object that a reference leads to; of several kinds the one that stands for all of them, `Name`."""
        tables = [found for one in reference.reference_to if (found := self.org.visible(one)) is not None]
        if len(reference.reference_to) > 1:
            return self.org.table("Name")
        fitting = [one for one in tables if one.kind.field(then) or then.lower() in one.kind.by_relationship]
        best = fitting or tables
        return best[-1] if best else None

    def operand(self, operand: Operand) -> Path:
        if operand.call:
            raise malformed(f"unexpected token: '{operand.name.text}('", operand.name.at)
        return self.path(operand.name)


Resolve = Callable[[Operand], Path]


def path_over(org: Org, table: Table, final: Field, hops: tuple[Hop, ...]) -> Path:
    """The path to a field of `table` over references; reading stops with null where one leads nowhere."""
    name, absent, parts = final.name, final.absent, table.kind.compounds.get(final.name)

    def plain(row: Row) -> Any:
        return address(row, parts) if parts else row.get(name, absent)

    own = table.computed.get(name, plain)
    references = [hop.field.name for hop in hops]

    def across(row: Row) -> Any:
        at = row
        for reference in references:
            record_id = at.get(reference)
            parent = org.row(record_id) if record_id else None
            if parent is None:
                return None
            at = parent
        return own(at)

    return Path(final, across if hops else own, hops, table)


def compile_condition(condition: Condition, scope: Scope, resolve: Resolve | None = None) -> Filter:
    """The test that a condition is. `resolve` gives operands a meaning (default: fields of the scope)."""
    means = resolve or scope.operand
    if isinstance(condition, Every | Some):
        parts = [compile_condition(term, scope, resolve) for term in condition.terms]
        return _every(parts) if isinstance(condition, Every) else _some(parts)
    if isinstance(condition, Not):
        inner = compile_condition(condition.term, scope, resolve).test
        return Filter(lambda row: not inner(row))
    path = means(condition.operand)
    _check_filterable(path.field, condition.operand)
    if isinstance(condition, Compare):
        return _compare(path, condition, scope)
    if isinstance(condition, Includes):
        return _includes(path, condition)
    return _among(path, condition, scope)


def _check_filterable(used: Field, operand: Operand) -> None:
    if not used.filterable:
        words = f"field '{used.name}' can not be filtered in a query call"
        raise QueryRefusal("INVALID_FIELD", words, operand.name.at)


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


def _compare(path: Path, condition: Compare, scope: Scope) -> Filter:
    operator, literal, read = condition.operator, condition.literal, path.read
    if operator == "LIKE":
        return _like(path, condition)
    if literal.kind == "named" and path.field.type in ("date", "datetime"):
        return _within(path, operator, literal, scope)
    wanted = _value(path.field, literal)
    if wanted is None:
        if operator not in ("=", "!="):
            raise malformed(f"null cannot be compared with {operator}", condition.operand.name.at)
        return Filter((lambda row: read(row) is None) if operator == "=" else (lambda row: read(row) is not None))
    if path.field.type == "boolean" and operator not in ("=", "!="):
        words = f"invalid operator on boolean field '{path.field.name}'"
        raise QueryRefusal("INVALID_QUERY_FILTER_OPERATOR", words, condition.operand.name.at)
    return Filter(_ordered(path, operator, wanted), _keys(path, operator, (wanted,)), _spans(path, operator, wanted))


def _keys(path: Path, operator: str, wanted: tuple[Any, ...]) -> tuple[Field, tuple[Any, ...]] | None:
    """What an index of the field can look up; not for what every second record has, and not across references."""
    usable = operator == "=" and not path.hops and path.table is not None
    usable = usable and path.table is not None and path.field.name not in path.table.computed
    usable = usable and path.field.type in (TEXT_TYPES - {"multipicklist"}) | {"id", "reference"}
    return (path.field, wanted) if usable and None not in wanted else None


def _spans(path: Path, operator: str, wanted: Any) -> dict[str, Span]:
    if path.hops or path.table is None or path.field.name not in _SPANNED or operator == "!=":
        return {}
    low = wanted if operator in (">", ">=", "=") else None
    high = wanted if operator in ("<", "<=", "=") else None
    return {path.field.name: (low, high)}


def _ordered(path: Path, operator: str, wanted: Any) -> Test:
    """A comparison with a value that is not null; null is unequal to it and neither above nor below."""
    read, fold = path.read, path.field.fold
    if path.field.type == "multipicklist":
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
        words = f"invalid operator on {path.field.type} field '{path.field.name}'"
        raise QueryRefusal("INVALID_QUERY_FILTER_OPERATOR", words, condition.operand.name.at)
    pattern, read = like_pattern(condition.literal), path.read
    return Filter(lambda row: (value := read(row)) is not None and pattern.fullmatch(value) is not None)


def _within(path: Path, operator: str, literal: Literal, scope: Scope) -> Filter:
    """A comparison with a span of days such as LAST_N_DAYS:3: `=` is inside it, `<` before it, `>` after it."""
    try:
        days = span(literal.value, scope.now)
    except ValueError as error:
        raise malformed(f"date literal out of range: {error}", literal.at) from None
    if days is None:
        raise malformed(f"unexpected token: '{literal.value}'", literal.at)
    tail = "T00:00:00.000+0000" if path.field.type == "datetime" else ""
    first, after = days[0].isoformat() + tail, days[1].isoformat() + tail
    read = path.read
    tests: dict[str, Callable[[Any], bool]] = {
        "=": lambda value: first <= value < after,
        "<": lambda value: value < first,
        "<=": lambda value: value < after,
        ">": lambda value: value >= after,
        ">=": lambda value: value >= first,
    }
    if operator == "!=":
        return Filter(lambda row: (value := read(row)) is None or not tests["="](value))
    holds = tests[operator]
    bounds = {"=": (first, after), "<": (None, first), "<=": (None, after), ">": (after, None), ">=": (first, None)}
    indexed = path.field.name == "SystemModstamp" and not path.hops
    spans = {"SystemModstamp": bounds[operator]} if indexed else {}
    return Filter(lambda row: (value := read(row)) is not None and holds(value), None, spans)


def _includes(path: Path, condition: Includes) -> Filter:
    if path.field.type != "multipicklist":
        words = f"includes and excludes are only for multi-select picklists, not for '{path.field.name}'"
        raise QueryRefusal("INVALID_QUERY_FILTER_OPERATOR", words, condition.operand.name.at)
    wanted = [set(str(_value(path.field, one) or "").lower().split(";")) for one in condition.literals]
    read = path.read

    def has(row: Row) -> bool:
        chosen = set((read(row) or "").lower().split(";"))
        return any(one <= chosen for one in wanted)

    return Filter(has if condition.inside else lambda row: not has(row))


def _among(path: Path, condition: Among, scope: Scope) -> Filter:
    read, fold = path.read, path.field.fold
    if condition.query is not None:
        found = scope.values_of(condition.query)
    else:
        found = {_value(path.field, one) for one in condition.literals}
    listed = {fold(one) for one in found}

    def inside(row: Row) -> bool:
        return fold(read(row)) in listed

    if condition.inside:
        return Filter(inside, _keys(path, "=", tuple(found)))
    return Filter(lambda row: not inside(row))


def _value(used: Field, literal: Literal) -> Any:
    """What a literal means beside that field. Raises QueryRefusal when it is of another kind."""
    if literal.kind == "null":
        return None
    kind = used.type
    if kind in TEXT_TYPES or kind in ("id", "reference"):
        return _text_value(used, literal)
    if kind == "boolean" and literal.kind == "boolean":
        return literal.value
    if kind in NUMBER_TYPES and literal.kind == "number":
        return literal.value
    try:
        if kind == "datetime" and literal.kind == "datetime":
            return precise_time(literal.value.upper())
        if kind == "date" and literal.kind == "date":
            return wire_date(literal.value)
    except ValueError as error:
        raise malformed(f"invalid date: {error}", literal.at) from None
    word = {"datetime": "dateTime", "currency": "double", "percent": "double"}.get(kind, kind)
    raise QueryRefusal(
        "INVALID_FIELD",
        f"value of filter criterion for field '{used.name}' must be of type {word} and should not be enclosed in "
        "quotes",
        literal.at,
    )


def _text_value(used: Field, literal: Literal) -> str | None:
    if literal.kind != "text":
        raise QueryRefusal(
            "INVALID_FIELD",
            f"value of filter criterion for field '{used.name}' must be of type string and should be enclosed in "
            "quotes",
            literal.at,
        )
    text = unescaped(literal)
    if not text:
        return None
    if used.type not in ("id", "reference"):
        return text
    known = full_id(text)
    if known is None:
        raise QueryRefusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}", literal.at)
    return known
