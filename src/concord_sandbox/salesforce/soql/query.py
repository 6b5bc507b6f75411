"""Runs SOQL over an org: which records, in which order, in which shape. Paging and HTTP are not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from concord_sandbox.salesforce.errors import Fail, QueryRefusal, Refusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.soql.aggregates import aggregated, is_aggregate, is_bare_count
from concord_sandbox.salesforce.soql.filters import Filter, compile_condition
from concord_sandbox.salesforce.soql.functions import SORTING, meaning
from concord_sandbox.salesforce.soql.names import Path, Scope, no_object
from concord_sandbox.salesforce.soql.ordering import check_sortable, in_order
from concord_sandbox.salesforce.soql.parsing import not_emulated, parse
from concord_sandbox.salesforce.soql.shapes import Find, Pages, Shape, Shaper, whole
from concord_sandbox.salesforce.soql.tree import Column, Query, Sorting
from concord_sandbox.salesforce.tables import Row, Table

_MAX_OFFSET = 2000
#: Objects whose records are archived in time, and then only in queryAll (api/salesforce.md 7.1).
_ARCHIVED = frozenset(("Task", "Event"))


@dataclass(frozen=True)
class Result:
    """What a query found. `shape` makes what is answered of a row; `total` counts also what COUNT() leaves out.
    nested: whether records hold queries of their children."""

    total: int
    rows: list[Row]
    shape: Shape
    nested: bool = False


class Querier:
    """Runs queries over one org at one moment for answers of one API version.

    user_id: who asks, in whose time zone days are counted. pages: makes what is answered of a record's children.
    """

    def __init__(
        self,
        org: Org,
        now: datetime,
        version: str,
        *,
        with_deleted: bool = False,
        user_id: str | None = None,
        pages: Pages = whole,
    ) -> None:
        self._org, self._now, self._version = org, now, version
        self._with_deleted, self._user_id, self._pages = with_deleted, user_id, pages

    def run(self, text: str) -> Result:
        """Raises Refusal in Salesforce's words for a text that is no query or asks for what there is not."""
        try:
            return self._result(parse(text))
        except QueryRefusal as refusal:
            raise refusal.placed(text) from None

    def _result(self, query: Query) -> Result:
        table = self._org.visible(query.source.text)
        if table is None:
            raise no_object(query.source)
        if query.offset > _MAX_OFFSET:
            words = f"Maximum SOQL offset allowed is {_MAX_OFFSET}"
            raise Refusal(400, Fail("NUMBER_OUTSIDE_VALID_RANGE", words))
        scope = self._scope(table, query)
        if is_bare_count(query):
            return Result(len(self._plan(query, scope)(None)), [], dict)
        if is_aggregate(query):
            unsorted = replace(query, order=(), limit=None, offset=0)
            rows = aggregated(query, scope, self._plan(unsorted, scope)(None))
            return Result(len(rows), rows, lambda row: row)
        shape = Shaper(self._org, self._version, self._plan, self._pages).shape(query, scope)
        rows = self._plan(query, scope)(None)
        return Result(len(rows), rows, shape, any(isinstance(one, Query) for one in query.columns))

    def _scope(self, table: Table, query: Query) -> Scope:
        return Scope(self._org, table, query.alias, self._now, self._values_of, query.joins, self._user_id)

    def _values_of(self, query: Query) -> dict[Any, None]:
        """The values of a semi-join's one column (`joins.check`), nulls left out."""
        table, column = self._org.visible(query.source.text), query.columns[0]
        if table is None or not isinstance(column, Column):
            raise no_object(query.source)
        scope = self._scope(table, query)
        read = scope.path(column.operand.name).read
        return dict.fromkeys(value for row in self._plan(query, scope)(None) if (value := read(row)) is not None)

    # Which records

    def _plan(self, query: Query, scope: Scope) -> Find:
        """How to find the records that a query asks for, ordered and cut."""
        filtered = compile_condition(query.where, scope) if query.where is not None else None
        sortings = [(check_sortable(meaning(one.operand, scope, SORTING), one), one) for one in query.order]
        mine = self._in_scope(query, scope) if query.scope is not None else None
        start, stop = query.offset, None if query.limit is None else query.offset + query.limit

        def find(among: list[Row] | None) -> list[Row]:
            rows, in_place = (among, False) if among is not None else _candidates(scope.table, filtered, sortings)
            wanted = rows if self._with_deleted else self._live(rows, scope.table)
            if filtered is not None:
                wanted = filter(filtered.test, wanted)
            if mine is not None:
                wanted = filter(mine, wanted)
            if in_place or not sortings:
                return list(islice(wanted, start, stop))
            found = list(wanted)
            for path, one in reversed(sortings):
                found = in_order(found, path.read, path.field, one)
            return found[start:stop]

        return find

    @staticmethod
    def _live(rows: Iterable[Row], table: Table) -> Iterable[Row]:
        if table.kind.name in _ARCHIVED:
            return (row for row in rows if "IsDeleted" not in row and not row.get("IsArchived"))
        return (row for row in rows if "IsDeleted" not in row)

    def _in_scope(self, query: Query, scope: Scope) -> Callable[[Row], bool]:
        """The test of USING SCOPE."""
        given = query.scope
        word = given.text.lower() if given else "everything"
        if word == "everything":
            return lambda _: True
        if word != "mine" or scope.table.kind.field("OwnerId") is None:
            raise not_emulated(f"USING SCOPE {given.text if given else ''} here", given.at if given else None)
        mine = self._user_id or self._org.identity.integration_user_id
        return lambda row: row.get("OwnerId") == mine


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
    ordered = [path.field.name for path, one in sortings if path.plain and not path.hops and not one.descending]
    whole_order = len(ordered) == len(sortings)
    if whole_order and ordered in (["SystemModstamp"], ["SystemModstamp", "Id"]):
        return table.by_stamp(*(stamps or (None, None))), True
    if stamps is not None:
        return table.by_stamp(*stamps), False
    if ids_span is not None or (whole_order and ordered == ["Id"]):
        return table.by_id(*(ids_span or (None, None))), whole_order and ordered == ["Id"]
    return list(table.rows.values()), False
