"""One ingest job of Bulk API 2.0: what it was told, its rows, and what became of them (api/salesforce.md section 8).

Loads rows through `Writer`, two hundred to a transaction, each for itself. Knows no HTTP and no other job.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.salesforce.bulk import csv as bulk_csv
from concord_sandbox.salesforce.bulk.csv import NULL, BadContent, meant
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_reference
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.writes import Actor, SeveralFound, Writer

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
#: Rows that one transaction writes.
_TRANSACTION = 200
_DELETES = ("delete", "hardDelete")
#: Puts what a cell means into the body of a write. Raises Refusal.
Put = Callable[[dict[str, Any], str], None]


@dataclass
class IngestJob:
    """A job as it is saved. due: Unix seconds of its next step, None when it waits for nobody but the client.

    succeeded: (row number, id, created) of each row written; failed: (row number, id or "", error).
    """

    id: str
    object: str
    operation: str
    created_by: str
    created: str
    stamp: str
    api_version: str
    external_id_field: str | None = None
    assignment_rule: str | None = None
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    client: str | None = None
    state: str = "Open"
    error: str | None = None
    content: str | None = None
    broken: str | None = None
    due: float | None = None
    processing_ms: int = 0
    done: int = 0
    succeeded: list[tuple[int, str, bool]] = field(default_factory=list)
    failed: list[tuple[int, str, str]] = field(default_factory=list)
    _read: tuple[list[str], list[list[str]]] | None = field(default=None, repr=False)

    def lines(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of what was uploaded. Raises BadContent."""
        if self._read is None:
            if self.broken is not None:
                raise BadContent(self.broken)
            self._read = bulk_csv.read(self.content or "", self.delimiter, self.line_ending)
        return self._read

    def take(self, content: bytes) -> None:
        """Keep what is uploaded; whether it can be read shows when the job is processed."""
        try:
            self.content = content.decode("utf-8")
        except UnicodeDecodeError:
            self.content, self.broken = "", "ClientInputError : The content is not valid UTF-8"

    def forget_lines(self) -> None:
        """Give back the memory of the rows, which can be read from the content again."""
        self._read = None

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
        }
        if self.external_id_field is not None:
            made["externalIdFieldName"] = self.external_id_field
        if self.assignment_rule is not None:
            made["assignmentRuleId"] = self.assignment_rule
        if whole:
            made["jobType"] = "V2Ingest"
        if self.state == "Open":
            made["contentUrl"] = f"services/data/v{self.api_version}/jobs/ingest/{self.id}/batches"
        made |= {"lineEnding": self.line_ending, "columnDelimiter": self.delimiter}
        if not whole:
            return made
        if self.error is not None:
            made["errorMessage"] = self.error
        return made | {
            "numberRecordsProcessed": self.done,
            "numberRecordsFailed": len(self.failed),
            "retries": 0,
            "totalProcessingTime": self.processing_ms,
            "apiActiveProcessingTime": self.processing_ms,
            "apexProcessingTime": 0,
        }

    # Results

    def successful(self) -> bytes:
        header, rows = self._known_lines()
        lines = [[record_id, "true" if made else "false", *rows[n]] for n, record_id, made in self.succeeded]
        return self._written([["sf__Id", "sf__Created", *header], *lines])

    def refused(self) -> bytes:
        header, rows = self._known_lines()
        lines = [[record_id, error, *rows[n]] for n, record_id, error in self.failed]
        return self._written([["sf__Id", "sf__Error", *header], *lines])

    def unprocessed(self) -> bytes:
        header, rows = self._known_lines()
        return self._written([header, *rows[self.done :]]) if header else b""

    def _known_lines(self) -> tuple[list[str], list[list[str]]]:
        try:
            return self.lines()
        except BadContent:
            return [], []

    def _written(self, lines: list[list[str]]) -> bytes:
        return bulk_csv.written(lines, self.delimiter, self.line_ending)


class Loading:
    """The loading of one job's rows into an org. Raises BadContent when the header does not fit the object."""

    def __init__(self, job: IngestJob, org: Org, writer: Writer) -> None:
        self._job, self._org, self._writer = job, org, writer
        table = org.table(job.object)
        if table is None:
            raise BadContent(f"InvalidEntity : Entity '{job.object}' is not supported by the Bulk API.")
        self._table: Table = table
        header, self._rows = job.lines()
        self._puts = [_column(org, table, name) for name in header]
        self._key = "Id" if job.operation != "upsert" else str(job.external_id_field)
        names = [name.lower() for name in header]
        if job.operation != "insert" and self._key.lower() not in names:
            raise BadContent(f"InvalidBatch : Field name not found : {self._key}")
        if len(set(names)) != len(names):
            twice = next(name for name in header if names.count(name.lower()) > 1)
            raise BadContent(f"InvalidBatch : Duplicate column in the header : {twice}")
        if job.operation in _DELETES and names != ["id"]:
            raise BadContent("InvalidBatch : delete batches must contain only ids")
        self._actor = Actor(
            job.created_by,
            "POST",
            f"/services/data/v{job.api_version}/jobs/ingest/{job.id}/batches",
            client=job.client,
            api=f"bulkapi/{job.api_version}",
            assign=job.assignment_rule or False,
        )

    def load(self, count: int) -> None:
        """Write the next `count` rows."""
        job = self._job
        stop = min(job.done + count, len(self._rows))
        while job.done < stop:
            with self._org.transaction(self._actor):
                for number in range(job.done, min(job.done + _TRANSACTION, stop)):
                    self._load_row(number)
                    job.done += 1

    @property
    def finished(self) -> bool:
        return self._job.done >= len(self._rows)

    def _load_row(self, number: int) -> None:
        job, row = self._job, self._rows[number]
        given: dict[str, Any] = {}
        try:
            with self._org.transaction():
                for put, cell in zip(self._puts, row, strict=True):
                    if cell.strip():
                        put(given, cell)
                record_id, made = self._write(given)
            job.succeeded.append((number, record_id, made))
        except SeveralFound as found:
            fails: tuple[Fail, ...] = (Fail("DUPLICATE_EXTERNAL_ID", str(found), (found.field.name,)),)
            job.failed.append((number, "", _error(fails)))
        except Refusal as refusal:
            lost = refusal.fails[0].code == "NOT_FOUND"
            fails = bad_reference().fails if lost else refusal.fails
            named = full_id(given.get("Id")) if job.operation != "insert" else None
            job.failed.append((number, named or "", _error(fails)))

    def _write(self, given: dict[str, Any]) -> tuple[str, bool]:
        """Carry out one row; its id, and whether it made a record. Raises Refusal, SeveralFound."""
        operation, table, writer = self._job.operation, self._table, self._writer
        if operation == "insert":
            return writer.insert(table, given, self._actor), True
        if operation == "upsert":
            return self._upsert(given)
        if given.get("Id") is None:
            raise Refusal(400, Fail("MISSING_ARGUMENT", "Id not specified in an update call", ()))
        record_id = writer.known_id(table, given["Id"])
        if operation == "update":
            body = {name: value for name, value in given.items() if name != "Id"}
            writer.update(table, record_id, body, self._actor)
            return record_id, False
        with self._org.transaction() as own:
            writer.delete(table, record_id, self._actor)
            if operation == "hardDelete":
                for change in own.changes():
                    if change.after is not None and "IsDeleted" in change.after:
                        self._org.put(change.table, change.record_id, None)
        return record_id, False

    def _upsert(self, given: dict[str, Any]) -> tuple[str, bool]:
        key = self._table.kind.field(self._key)
        if key is None:
            raise bad_reference(self._key)
        body = {name: value for name, value in given.items() if name != key.name}
        value = given.get(key.name)
        if value is None and key.name == "Id":
            return self._writer.insert(self._table, body, self._actor), True
        if value is None:
            raise Refusal(400, Fail("MISSING_ARGUMENT", f"{key.name} not specified", ()))
        return self._writer.upsert(self._table, key, value, body, self._actor)


def _error(fails: tuple[Fail, ...]) -> str:
    """Errors as `sf__Error` carries them: CODE:message:fields --"""
    shown = (f"{fail.code}:{fail.message}:{','.join(fail.fields or ())} --" for fail in fails)
    return ";".join(shown).replace(": --", ":--")


def _column(org: Org, table: Table, name: str) -> Put:
    """What to do with the cells of one column. Raises BadContent for a name that the object does not have."""
    field = table.kind.visible(name)
    if field is not None and field.type not in ("address", "location"):
        return _plain(field)
    kind, _, path = name.rpartition(":")
    relationship, _, key = path.partition(".")
    reference = table.kind.by_relationship.get(relationship.lower())
    wanted = kind or (reference.reference_to[0] if reference is not None and reference.reference_to else "")
    target = org.table(wanted) if wanted else None
    found = target.kind.visible(key) if target is not None and target.kind.access != "none" else None
    if reference is None or target is None or found is None or not (found.indexed_key or found.name == "Id"):
        raise BadContent(f"InvalidBatch : Field name not found : {name}")
    return _over(reference, target, found)


def _plain(field: Field) -> Put:
    def put(body: dict[str, Any], cell: str) -> None:
        body[field.name] = None if cell == NULL else meant(field, cell)
        if cell == NULL and field.type == "boolean":
            body[field.name] = False

    return put


def _over(reference: Field, target: Table, key: Field) -> Put:
    """A column such as Account.Key__c: the parent by its own key."""
    relationship = str(reference.relationship)

    def put(body: dict[str, Any], cell: str) -> None:
        if cell == NULL:
            body[reference.name] = None
        else:
            body[relationship] = {"attributes": {"type": target.kind.name}, key.name: meant(key, cell)}

    return put
