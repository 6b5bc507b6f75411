"""GROUP BY and the functions over many records: COUNT, COUNT_DISTINCT, SUM, AVG, MIN, MAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.schema import NUMBER_TYPES, Field
from concord_sandbox.salesforce.soql.filters import Path, Scope, compile_condition
from concord_sandbox.salesforce.soql.parsing import Column, Name, Operand, Query, malformed
from concord_sandbox.salesforce.tables import Row

Group = list[Row]


def aggregated(query: Query, scope: Scope, rows: list[Row]) -> list[Row]:
    """The AggregateResult records of a query over the rows that pass its WHERE. Raises QueryRefusal."""
    grouped = [_groupable(scope.path(name), name) for name in query.group]
    columns: list[tuple[str, Callable[[Group], Any]]] = []
    unnamed = 0
    for column in query.columns:
        if isinstance(column, Query):
            raise malformed("a grouped query has no sub-queries", column.source.at)
        if column.operand.call:
            name = column.alias or f"expr{unnamed}"
            unnamed += column.alias is None
            columns.append((name, _function(column.operand, scope)[1]))
            continue
        columns.append(_grouped_column(column, scope, grouped))
    groups = _groups(rows, grouped) if grouped else [rows]
    groups = _having(query, scope, groups, grouped)
    groups = _ordered(query, scope, groups, grouped)
    stop = None if query.limit is None else query.offset + query.limit
    attributes = {"attributes": {"type": "AggregateResult"}}
    return [attributes | {name: make(group) for name, make in columns} for group in groups[query.offset : stop]]


def _groupable(path: Path, name: Name) -> Path:
    if not path.field.attributes["groupable"]:
        words = f"field '{path.field.name}' can not be grouped in a query call"
        raise QueryRefusal("INVALID_FIELD", words, name.at)
    return path


def _grouped_column(column: Column, scope: Scope, grouped: list[Path]) -> tuple[str, Callable[[Group], Any]]:
    path = _grouped_path(column.operand, scope, grouped)
    read = path.read
    return column.alias or path.field.name, lambda group: read(group[0])


def _grouped_path(operand: Operand, scope: Scope, grouped: list[Path]) -> Path:
    path = scope.operand(operand)
    if not any(path.field is one.field and path.hops == one.hops for one in grouped):
        raise malformed(f"Field must be grouped or aggregated: {operand.name.text}", operand.name.at)
    return path


def _groups(rows: list[Row], grouped: list[Path]) -> list[Group]:
    found: dict[tuple[Any, ...], Group] = {}
    for row in rows:
        found.setdefault(tuple(path.field.fold(path.read(row)) for path in grouped), []).append(row)
    return list(found.values())


def _function(operand: Operand, scope: Scope) -> tuple[Field, Callable[[Group], Any]]:
    """The pseudo-field that a function's value is like, and what computes it over a group."""
    name = operand.name.text.upper()
    counted = Field({"name": operand.name.text, "type": "int"})
    if operand.argument is None:
        if name != "COUNT":
            raise malformed(f"{name} needs a field", operand.name.at)
        return counted, len
    path = scope.path(operand.argument)
    read, fold = path.read, path.field.fold
    if not path.field.attributes["aggregatable"]:
        words = f"field {path.field.name} does not support aggregate operator {name}"
        raise QueryRefusal("INVALID_FIELD", words, operand.name.at)

    def values(group: Group) -> list[Any]:
        return [value for row in group if (value := read(row)) is not None]

    if name == "COUNT":
        return counted, lambda group: len(values(group))
    if name == "COUNT_DISTINCT":
        return counted, lambda group: len({fold(value) for value in values(group)})
    if name in ("MIN", "MAX"):
        choose = min if name == "MIN" else max
        return path.field, lambda group: choose(values(group), key=fold, default=None)
    if name not in ("SUM", "AVG"):
        raise malformed(f"Invalid function: {operand.name.text}", operand.name.at)
    if path.field.type not in NUMBER_TYPES:
        words = f"field {path.field.name} does not support aggregate operator {name}"
        raise QueryRefusal("MALFORMED_QUERY", words, operand.name.at)
    double = Field({"name": operand.name.text, "type": "double"})
    if name == "SUM":
        return double, lambda group: sum(found) if (found := values(group)) else None
    return double, lambda group: sum(found) / len(found) if (found := values(group)) else None


def _having(query: Query, scope: Scope, groups: list[Group], grouped: list[Path]) -> list[Group]:
    """The groups that pass HAVING. Each is tested as one made-up row that holds itself."""
    if query.having is None:
        return groups

    def resolve(operand: Operand) -> Path:
        if not operand.call:
            path = _grouped_path(operand, scope, grouped)
            return Path(path.field, lambda row: path.read(row["group"][0]))
        field, make = _function(operand, scope)
        return Path(field, lambda row: make(row["group"]))

    test = compile_condition(query.having, scope, resolve).test
    return [group for group in groups if test({"group": group})]


def _ordered(query: Query, scope: Scope, groups: list[Group], grouped: list[Path]) -> list[Group]:
    for one in reversed(query.order):
        if one.operand.call:
            field, make = _function(one.operand, scope)
        else:
            path = _grouped_path(one.operand, scope, grouped)
            field, make = path.field, _of_first(path)
        keyed = [(make(group), group) for group in groups]
        blank = [group for value, group in keyed if value is None]
        known = [(field.fold(value), group) for value, group in keyed if value is not None]
        known.sort(key=lambda pair: pair[0], reverse=one.descending)
        rest = [group for _, group in known]
        groups = rest + blank if one.nulls_last else blank + rest
    return groups


def _of_first(path: Path) -> Callable[[Group], Any]:
    return lambda group: path.read(group[0])
