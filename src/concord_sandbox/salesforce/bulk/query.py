"""One query job of Bulk API 2.0: its SOQL text, what that text may not hold, and its rows as CSV.

Knows no HTTP and no other job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from concord_sandbox.salesforce.bulk import csv as bulk_csv
from concord_sandbox.salesforce.errors import Fail, QueryRefusal, Refusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.schema import COMPOUND_TYPES
from concord_sandbox.salesforce.soql.names import Scope
from concord_sandbox.salesforce.soql.parsing import parse
from concord_sandbox.salesforce.soql.query import Querier, Result
from concord_sandbox.salesforce.soql.tree import Column, Operand, Query, TypeOf
from concord_sandbox.salesforce.tables import Table

OPERATIONS = ("query", "queryAll")
_AGGREGATES = frozenset(("COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX", "GROUPING"))


@dataclass
class QueryJob:
    """A job: what it was asked, and what it found. due: Unix seconds of its next step."""

    id: str
    operation: str
    query: str
    object: str
    created_by: str
    created: str
    stamp: str
    api_version: str
    columns: list[str]
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    state: str = "UploadComplete"
    error: str | None = None
    due: float | None = None
    processing_ms: int = 0
    #: What was found: cells, or (to spare memory) records that are made cells of when they are asked for.
    cells: list[list[str]] = field(default_factory=list)
    found: Result | None = None

    def __len__(self) -> int:
        return len(self.cells) if self.found is None else len(self.found.rows)

    def shown(self, *, whole: bool) -> dict[str, Any]:
        """The job as it is answered; `whole`: with what a job that is asked for says beyond a job that was made."""
        made: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.created_by,
            "createdDate": self.created,
            "systemModstamp": self.stamp,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.api_version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }
        if not whole:
            return made
        if self.error is not None:
            made["errorMessage"] = self.error
        return made | {
            "jobType": "V2Query",
            "numberRecordsProcessed": len(self) if self.state == "JobComplete" else 0,
            "retries": 0,
            "totalProcessingTime": self.processing_ms,
            "isPkChunkingSupported": True,
        }

    def lines(self, start: int, count: int) -> list[list[str]]:
        """Rows from `start` on, at most `count`, as cells."""
        if self.found is None:
            return self.cells[start : start + count]
        paths = [column.split(".") for column in self.columns]
        records = map(self.found.shape, self.found.rows[start : start + count])
        return [[bulk_csv.shown(_at(record, path)) for path in paths] for record in records]

    def page(self, start: int, count: int) -> bytes:
        """Those rows under a header, as CSV."""
        return bulk_csv.written([self.columns, *self.lines(start, count)], self.delimiter, self.line_ending)


def _at(record: dict[str, Any], path: list[str]) -> Any:
    at: Any = record
    for name in path:
        at = at.get(name) if isinstance(at, dict) else None
    return at


def asked(org: Org, now: datetime, text: str, version: str, *, with_deleted: bool) -> tuple[str, list[str], Result]:
    """The object that a bulk query reads, the names of its columns, and what it finds now.

    Raises Refusal for a text that is no query or holds what bulk queries may not.
    """
    try:
        query = parse(text)
        table = org.visible(query.source.text)
        if table is None:
            words = f"sObject type '{query.source.text}' is not supported."
            raise QueryRefusal("INVALID_TYPE", words, query.source.at)
        _check_clauses(query)
        scope = Scope(org, table, query.alias, now, lambda _: {})
        columns = [name for one in query.columns for name in _names(one, scope, table)]
    except QueryRefusal as refusal:
        raise refusal.placed(text) from None
    return table.kind.name, columns, Querier(org, now, version, with_deleted=with_deleted).run(text)


def _check_clauses(query: Query) -> None:
    if query.group is not None:
        raise _unable("Group By is not supported in Bulk V2 Query with CSV content type")
    if query.offset:
        raise _unable("Offset is not supported in Bulk V2 Query with CSV content type")
    for column in query.columns:
        if isinstance(column, Query):
            raise _unable("Aggregate Relationships not supported in Bulk V2 Query with CSV content type")
        if isinstance(column, TypeOf):
            raise _unable("TYPEOF is not supported in Bulk V2 Query with CSV content type")
        if isinstance(column, Column) and column.operand.call and column.operand.name.text.upper() in _AGGREGATES:
            raise _unable("Aggregate Functions are not supported in Bulk V2 Query with CSV content type")


def _unable(words: str) -> Refusal:
    return Refusal(400, Fail("FUNCTIONALITY_NOT_ENABLED", words))


def _names(column: Column | TypeOf | Query, scope: Scope, table: Table) -> list[str]:
    """The names that a column has in the header: fields by their own spelling, whatever the query's."""
    if not isinstance(column, Column):
        raise _unable("Aggregate Relationships not supported in Bulk V2 Query with CSV content type")
    operand = column.operand
    if operand.call and operand.name.text.upper() == "FIELDS":
        if operand.argument is None or operand.argument.text.upper() != "STANDARD":
            raise _unable("The SOQL FIELDS function is not supported with an unbounded set of fields in this API")
        shown = (one for one in table.kind.shown if not one.attributes["custom"] and one.type not in COMPOUND_TYPES)
        return [one.name for one in shown]
    if operand.call:
        return [column.alias or _field_of(operand, scope)]
    path = scope.path(operand.name)
    if path.field.type in COMPOUND_TYPES:
        raise _unable("Selecting compound data not supported in Bulk Query")
    if path.field.type == "base64":
        raise _unable("Blob field not supported in Bulk V2 Query with CSV content type")
    return [path.full_name]


def _field_of(operand: Operand, scope: Scope) -> str:
    """The field whose place a function takes: that of toLabel(Status) is Status."""
    while operand.call and operand.arguments and isinstance(operand.arguments[0], Operand):
        operand = operand.arguments[0]
    return operand.name.text if operand.call else scope.path(operand.name).full_name
