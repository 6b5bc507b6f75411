"""Snapshots: the state of single records, put into the Webhooks Journal on request (API reference section 18.2).

Knows no route. The words of a status are those of the vendor's published specification.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.models import Portal

_KEPT_MS = 3 * 24 * 3_600_000  # as long as the journal, then EXPIRED
MOST_REQUESTS = 100


@dataclass
class Snapshot:
    """One requested snapshot. asked, due, done: epoch ms; error: set when it failed."""

    id: str
    plural: str
    object_id: int
    properties: list[str]
    asked: int
    due: int
    done: int | None = None
    error: str | None = None

    def status(self, now: int) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": self.id, "initiatedAt": self.asked}
        if self.done is None:
            shown["status"] = "PENDING" if now < (self.asked + self.due) / 2 else "IN_PROGRESS"
        elif self.error is not None:
            shown |= {"status": "FAILED", "errorCode": "VALIDATION_ERROR", "message": self.error}
        else:
            shown["status"] = "EXPIRED" if now > self.done + _KEPT_MS else "COMPLETED"
        if self.done is not None:
            shown["completedAt"] = self.done
        return shown


@dataclass
class Snapshots:
    """The snapshots of one app, by their id."""

    portal: Portal
    by_id: dict[str, Snapshot] = field(default_factory=dict)

    def ask(self, body: Mapping[str, Any], now: int, takes_ms: int, fresh_id: Any) -> list[Snapshot]:
        """Read and note the requests. Raises ApiError."""
        rows = body.get("snapshotRequests")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise bad_request("Some required fields were not set: [snapshotRequests]")
        if len(rows) > MOST_REQUESTS:
            raise bad_request(f"At most {MOST_REQUESTS} snapshots can be requested at once, not {len(rows)}")
        made = [self._read(row, now, now + takes_ms) for row in rows]
        for one in made:
            one.id = fresh_id()
            self.by_id[one.id] = one
        return made

    def _read(self, row: Mapping[str, Any], now: int, due: int) -> Snapshot:
        for name, kind in (("portalId", int), ("objectId", int), ("objectTypeId", str), ("properties", list)):
            if not isinstance(row.get(name), kind) or isinstance(row.get(name), bool):
                raise bad_request(f"Some required fields were not set: [{name}]")
        if row["portalId"] != int(self.portal.settings["portal_id"]):
            raise ApiError(403, "MISSING_SCOPES", f"The app is not installed in portal {row['portalId']}")
        table = self.portal.table(row["objectTypeId"])
        if table is None:
            raise bad_request(f"Unable to infer object type from: {row['objectTypeId'][:40]}")
        if not all(isinstance(name, str) for name in row["properties"]):
            raise bad_request("Invalid input JSON: properties must be a list of strings")
        return Snapshot("", table.kind.plural, row["objectId"], list(row["properties"]), now, due)

    def get(self, given: str) -> Snapshot:
        """Raises ApiError."""
        found = self.by_id.get(given)
        if found is None:
            raise no_such_thing(f"Snapshot {given[:40]} does not exist")
        return found

    def wire(self, one: Snapshot) -> dict[str, Any]:
        return {
            "portalId": int(self.portal.settings["portal_id"]),
            "objectTypeId": self.portal.kinds[one.plural].type_id,
            "objectId": one.object_id,
            "snapshotStatusId": one.id,
        }

    def next_due(self) -> int | None:
        return min((one.due for one in self.by_id.values() if one.done is None), default=None)

    def take(self, now: int) -> Iterator[tuple[Snapshot, dict[str, str | None]]]:
        """Carry out what is due; each with the values that it found, none for one that failed."""
        for one in [one for one in self.by_id.values() if one.done is None and one.due <= now]:
            table = self.portal.require_table(one.plural)
            record = table.find(str(one.object_id))
            one.done = one.due
            if record is None:
                one.error = f"{table.kind.singular.capitalize()} {one.object_id} does not exist"
                continue
            unknown = [name for name in one.properties if name not in table.definitions]
            if unknown:
                one.error = f"Property {unknown[0][:80]} does not exist"
                continue
            yield one, {name: table.value(record, name) for name in one.properties}

    def save(self) -> list[dict[str, Any]]:
        return [asdict(one) for one in self.by_id.values()]

    def load(self, rows: list[dict[str, Any]]) -> None:
        """Raises TypeError."""
        for row in rows:
            one = Snapshot(**row)
            self.by_id[one.id] = one
