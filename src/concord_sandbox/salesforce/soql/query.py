"""Runs SOQL over an org: which records, in which order, in which shape. Paging and HTTP are not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from concord_sandbox.salesforce.errors import Fail, QueryRefusal, Refusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.soql.aggregates import aggregated
from concord_sandbox.salesforce.soql.filters import Filter, Path, Scope, compile_condition, path_over
from concord_sandbox.salesforce.soql.parsing import Column, Name, Operand, Query, Sorting, malformed, parse
from concord_sandbox.salesforce.tables import Row, Table

Shape = Callable[[Row], dict[str, Any]]
_MAX_OFFSET = 2000
_MAX_FIELDS_LIMIT = 200


@dataclass(frozen=True)
class Result:
    """What a query found. `shape` makes what is answered of a row; `total` counts also what COUNT() leaves out."""

    total: int
    rows: list[Row]
    shape: Shape


class Querier:
    """Runs queries over one org at one moment for answers of one API version."""

    def __init__(self, org: Org, now: datetime, version: str, *, with_deleted: bool = False) -> None:
        self._org, self._now, self._version = org, now, version
        self._with_deleted = with_deleted

    def run(self, text: str) -> Result:
        """Raises Refusal in Salesforce's words for a text that is no query or asks for what there is not."""
        try:
            return self._result(parse(text))
        except QueryRefusal as refusal:
            raise refusal.placed(text) from None

    def _result(self, query: Query) -> Result:
        table = self._org.visible(query.source.text)
        if table is None:
            raise QueryRefusal(
                "INVALID_TYPE",
                f"sObject type '{query.source.text}' is not supported. If you are attempting to use a custom object, "
                "be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call "
                "for the appropriate names.",
                query.source.at,
            )
        if query.offset > _MAX_OFFSET:
            words = f"Maximum SOQL offset allowed is {_MAX_OFFSET}"
            raise Refusal(400, Fail("NUMBER_OUTSIDE_VALID_RANGE", words))
        scope = self._scope(table, query)
        if _is_bare_count(query):
            total = len(self._found(replace(query, order=()), scope, None))
            return Result(total, [], dict)
        if query.group or any(_is_call(one) and not _is_fields_call(one) for one in query.columns):
            unsorted = replace(query, order=(), limit=None, offset=0)
            rows = aggregated(query, scope, self._found(unsorted, scope, None))
            return Result(len(rows), rows, lambda row: row)
        shape = self._shape(query, scope)
        rows = self._found(query, scope, None)
        return Result(len(rows), rows, shape)

    def _scope(self, table: Table, query: Query) -> Scope:
        return Scope(self._org, table, query.alias, self._now, self._values_of)

    def _values_of(self, query: Query) -> set[Any]:
        """The values of a semi-join's one column, nulls left out."""
        if len(query.columns) != 1 or not isinstance(query.columns[0], Column) or query.columns[0].operand.call:
            raise malformed("a semi-join selects exactly one field", query.source.at)
        table = self._org.visible(query.source.text)
        if table is None:
            raise QueryRefusal("INVALID_TYPE", f"sObject type '{query.source.text}' is not supported.", query.source.at)
        scope = self._scope(table, query)
        read = scope.operand(query.columns[0].operand).read
        return {value for row in self._found(query, scope, None) if (value := read(row)) is not None}

    # Which records

    def _found(self, query: Query, scope: Scope, among: list[Row] | None) -> list[Row]:
        """The records that a query asks for, ordered and cut; `among`: of these only."""
        filtered = compile_condition(query.where, scope) if query.where is not None else None
        sortings = [(scope.operand(one.operand), one) for one in query.order]
        rows, in_order = (among, False) if among is not None else _candidates(scope.table, filtered, sortings)
        wanted = rows if self._with_deleted else (row for row in rows if "IsDeleted" not in row)
        if filtered is not None:
            wanted = filter(filtered.test, wanted)
        start, stop = query.offset, None if query.limit is None else query.offset + query.limit
        if in_order or not sortings:
            return list(islice(wanted, start, stop))
        return _sorted(list(wanted), sortings)[start:stop]

    # In which shape

    def _shape(self, query: Query, scope: Scope) -> Shape:
        columns = _expanded(query, scope)
        makers: dict[str, Callable[[Row], Any]] = {}
        paths: list[Path] = []
        seen: set[str] = set()
        for column in columns:
            if isinstance(column, Query):
                name, make = self._child(column, scope)
                makers[name] = make
                continue
            if column.alias is not None:
                raise malformed("only aggregate expressions use field aliasing", column.operand.name.at)
            path = scope.operand(column.operand)
            full = ".".join([*(str(hop.field.relationship) for hop in path.hops), path.field.name])
            if full in seen:
                words = f"duplicate field selected: {column.operand.name.text}"
                raise QueryRefusal("INVALID_FIELD", words, column.operand.name.at)
            seen.add(full)
            paths.append(path)
            makers.setdefault(full.split(".")[0], path.read)
        makers |= self._makers(paths)
        plain = [(path.field.name, path.field.absent) for path in paths]
        stored = not any(path.hops or path.field.type == "address" for path in paths)
        if len(plain) == len(columns) and stored and scope.table.computed.keys().isdisjoint(name for name, _ in plain):
            return self._flat(scope.table, plain)
        return self._record_maker(scope.table, makers)

    def _flat(self, table: Table, plain: list[tuple[str, bool | None]]) -> Shape:
        """The shape of most queries: only fields of the record itself."""
        kind, url = table.kind.name, f"/services/data/{self._version}/sobjects/{table.kind.name}/"

        def make(row: Row) -> dict[str, Any]:
            made: dict[str, Any] = {"attributes": {"type": kind, "url": url + row["Id"]}}
            for name, absent in plain:
                made[name] = row.get(name, absent)
            return made

        return make

    def _record_maker(self, table: Table, makers: dict[str, Callable[[Row], Any]]) -> Shape:
        def make(row: Row) -> dict[str, Any]:
            at = table if row["Id"] in table.rows else self._org.table_of(row["Id"])
            kind = (at or table).kind.name
            url = f"/services/data/{self._version}/sobjects/{kind}/{row['Id']}"
            return {"attributes": {"type": table.kind.name, "url": url}} | {
                name: read(row) for name, read in makers.items()
            }

        return make

    def _makers(self, paths: list[Path]) -> dict[str, Callable[[Row], Any]]:
        """One maker for each field, and one for each parent that fields are asked of; in the order of the paths."""
        makers: dict[str, Callable[[Row], Any]] = {}
        parents: dict[str, list[Path]] = {}
        for path in paths:
            name = str(path.hops[0].field.relationship) if path.hops else path.field.name
            makers[name] = path.read
            if path.hops:
                parents.setdefault(name, []).append(path)
        return makers | {name: self._parent(below) for name, below in parents.items()}

    def _parent(self, below: list[Path]) -> Callable[[Row], Any]:
        """What makes the record that a reference leads to, with the fields that are asked of it."""
        first, org = below[0].hops[0], self._org
        inner = [path_over(org, path.table, path.field, path.hops[1:]) for path in below if path.table is not None]
        make, reference = self._record_maker(first.table, self._makers(inner)), first.field.name

        def read(row: Row) -> Any:
            record_id = row.get(reference)
            parent = org.row(record_id) if record_id else None
            return make(parent) if parent is not None else None

        return read

    def _child(self, query: Query, scope: Scope) -> tuple[str, Callable[[Row], Any]]:
        """A sub-query of the records that point here: its name in the answer, and what makes its value."""
        wanted = query.source.text.split(".")[-1].lower()
        children = self._org.visible_children_of(scope.table.kind.name)
        fitting = [one for one in children if (one[1].child_name or "").lower() == wanted]
        if not fitting:
            raise QueryRefusal(
                "INVALID_TYPE",
                f"Didn't understand relationship '{query.source.text}' in FROM part of query call. If you are "
                "attempting to use a custom relationship, be sure to append the '__r' after the custom relationship "
                "name. Please reference your WSDL or the describe call for the appropriate names.",
                query.source.at,
            )
        table, reference = fitting[0]
        inner = self._scope(table, query)
        shape = self._shape(query, inner)

        def read(row: Row) -> Any:
            pointing = [table.rows[one] for one in table.find(reference, row["Id"])]
            found = self._found(query, inner, pointing)
            return {"totalSize": len(found), "done": True, "records": [shape(one) for one in found]} if found else None

        return str(reference.child_name), read


def _is_bare_count(query: Query) -> bool:
    """`SELECT COUNT() FROM …`: no records, only how many."""
    if len(query.columns) != 1 or not isinstance(query.columns[0], Column):
        return False
    operand = query.columns[0].operand
    return operand.call and operand.argument is None and operand.name.text.upper() == "COUNT" and not query.group


def _is_call(column: Column | Query) -> bool:
    return isinstance(column, Column) and column.operand.call


def _is_fields_call(column: Column | Query) -> bool:
    return isinstance(column, Column) and column.operand.call and column.operand.name.text.upper() == "FIELDS"


def _expanded(query: Query, scope: Scope) -> list[Column | Query]:
    """The columns with FIELDS(ALL), FIELDS(STANDARD) and FIELDS(CUSTOM) written out."""
    made: list[Column | Query] = []
    for column in query.columns:
        if not isinstance(column, Column) or not _is_fields_call(column):
            made.append(column)
            continue
        argument = column.operand.argument
        which = argument.text.upper() if argument else ""
        if which not in ("ALL", "STANDARD", "CUSTOM"):
            raise malformed("FIELDS takes ALL, STANDARD or CUSTOM", column.operand.name.at)
        if which != "STANDARD" and (query.limit is None or query.limit > _MAX_FIELDS_LIMIT):
            words = f"The SOQL FIELDS function must have a LIMIT of at most {_MAX_FIELDS_LIMIT}"
            raise malformed(words, column.operand.name.at)
        for one in scope.table.kind.shown:
            if which == "ALL" or (which == "CUSTOM") == one.attributes["custom"]:
                made.append(Column(Operand(Name(one.name, column.operand.name.at))))
    return made


def _candidates(
    table: Table, filtered: Filter | None, sortings: list[tuple[Path, Sorting]]
) -> tuple[Iterable[Row], bool]:
    """The records that can pass, by the best index there is; whether they come in the wanted order."""
    if filtered is not None and filtered.keys is not None:
        field, values = filtered.keys
        ids = dict.fromkeys(record_id for value in values for record_id in table.find(field, value))
        return [table.rows[one] for one in ids], False
    spans = filtered.spans if filtered is not None else {}
    stamps, ids_span = spans.get("SystemModstamp"), spans.get("Id")
    ordered = [path.field.name for path, one in sortings if not path.hops and not one.descending]
    whole = len(ordered) == len(sortings)
    if whole and ordered in (["SystemModstamp"], ["SystemModstamp", "Id"]):
        return table.by_stamp(*(stamps or (None, None))), True
    if stamps is not None:
        return table.by_stamp(*stamps), False
    if ids_span is not None or (whole and ordered == ["Id"]):
        return table.by_id(*(ids_span or (None, None))), whole and ordered == ["Id"]
    return list(table.rows.values()), False


def _sorted(rows: list[Row], sortings: list[tuple[Path, Sorting]]) -> list[Row]:
    for path, one in reversed(sortings):
        if not path.field.attributes["sortable"]:
            words = f"field '{path.field.name}' can not be sorted in a query call"
            raise QueryRefusal("INVALID_FIELD", words, one.operand.name.at)
        read, fold = path.read, path.field.fold
        blank = [row for row in rows if read(row) is None]
        rest = [row for row in rows if read(row) is not None]
        rest.sort(key=lambda row, read=read, fold=fold: fold(read(row)), reverse=one.descending)  # type: ignore[misc]
        rows = rest + blank if one.nulls_last else blank + rest
    return rows
