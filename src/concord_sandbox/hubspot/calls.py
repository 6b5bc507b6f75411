"""One call as a handler sees it: its parameters, read and checked in one place.

Knows no route. Every wrong parameter or body becomes a documented 400, never an exception of Python's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.faults import Faults
from concord_sandbox.hubspot import checks, scopes
from concord_sandbox.hubspot.crm import Crm
from concord_sandbox.hubspot.errors import ApiError, bad_request, for_record, no_such_thing
from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.models import Actor, ObjectTable, Portal, Record
from concord_sandbox.hubspot.schema import NOT_EMULATED
from concord_sandbox.hubspot.tables import whole_number


@dataclass
class Call:
    """A call on the account. by: who makes it, for histories; at: `{…}` parts of the path; version: as in the path.

    origin: scheme and host as the client called them; authorization: that header, "" when there is none; granted: the
    scopes of its token, None for all of them."""

    method: str
    path: str
    version: str
    at: dict[str, str]
    query: dict[str, list[str]]
    body: bytes
    crm: Crm
    faults: Faults
    by: Actor
    origin: str = ""
    authorization: str = ""
    granted: frozenset[str] | None = None
    _json: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def portal(self) -> Portal:
        return self.crm.portal

    @property
    def now(self) -> int:
        return self.crm.clock.epoch_ms()

    # The query string.

    def text(self, name: str, default: str = "") -> str:
        found = self.query.get(name)
        return found[-1] if found else default

    def names(self, name: str) -> list[str]:
        """A list: comma-separated, repeated, or both."""
        return [part.strip() for one in self.query.get(name, ()) for part in one.split(",") if part.strip()]

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def limit(self, default: int, most: int) -> int:
        return _bounded("limit", self.text("limit"), default, most)

    # The body.

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ApiError."""
        if self._json is None:
            found = self.any_json()
            if not isinstance(found, dict):
                raise bad_request("Invalid input JSON: the body must be an object")
            self._json = found
        return self._json

    def any_json(self) -> Any:
        try:
            return json.loads(self.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise bad_request(f"Invalid input JSON on line 1, column 1: {type(error).__name__}") from error

    def inputs(self, most: int) -> list[dict[str, Any]]:
        """The `inputs` of a batch, at most `most`. Raises ApiError."""
        found = self.json().get("inputs")
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise bad_request("Invalid input JSON: inputs must be a list of objects")
        if len(found) > most:
            raise bad_request(
                f"The number of inputs in batch request: {len(found)} exceeds the maximum allowed limit: {most}"
            )
        return found

    # What the path names.

    def table(self, name: str = "type") -> ObjectTable:
        return self.table_of(self.at[name])

    def table_of(self, name: str) -> ObjectTable:
        table = self.portal.table(name)
        if table is None or self.portal.is_archived(table.kind.plural):
            absent = f" ({name} are not emulated by this sandbox)" if name.lower() in NOT_EMULATED else ""
            raise no_such_thing(f"Unable to infer object type from: {name}{absent}")
        return table

    def end(self, table_name: str, id_name: str) -> End:
        """The live record that two parts of the path name, as the end of a link. Raises ApiError."""
        table = self.table(table_name)
        record = table.find(self.at[id_name])
        if record is None:
            raise missing(table, self.at[id_name])
        return End(table.kind.plural, record.id)

    # What its version and its token make of it.

    def check(self, table: ObjectTable, record: Record | None, asked: dict[str, Any]) -> dict[str, str]:
        """The values to store. Only 2026-09 minds what administrators configured (API reference section 1)."""
        hidden = scopes.hidden(self.granted, table, write=True)
        rules = self.version == "2026-09"
        return checks.check(self.portal, table, record, asked, self.by, rules=rules, hidden=hidden)

    def require_sensitive(self, table: ObjectTable, sensitivity: str, *, write: bool = False) -> None:
        """Raises ApiError (403) when the token may not know of properties of that sensitivity."""
        scopes.require_sensitive(self.granted, table, sensitivity, write=write)

    # Faults.

    def refuse_if_told(self, record: Record | None, *keys: str | None) -> None:
        """Raise the error that a `record_error` fault puts on this record, known by its id, address or other keys."""
        known = [str(record.id), record.values.get("email")] if record is not None else []
        key = " ".join(part for part in (*known, *keys) if part)
        fault = self.faults.hit_record(self.method, self.path, key)
        if fault is not None:
            raise for_record(fault.code, key)


Handler = Callable[[Call], Any]


def missing(table: ObjectTable, record_id: str) -> ApiError:
    return no_such_thing(f"{table.kind.singular.capitalize()} {record_id} does not exist")


def _bounded(name: str, given: Any, default: int, most: int) -> int:
    if given in ("", None):
        return default
    number = whole_number(str(given)) if not isinstance(given, bool) else None
    if number is None or not 1 <= number <= most:
        raise bad_request(f"{name} must be a whole number from 1 to {most}", **{name: str(given)[:40]})
    return number


def bounded(name: str, given: Any, default: int, most: int) -> int:
    """A whole number of a body between 1 and `most`. Raises ApiError."""
    return _bounded(name, given, default, most)


def strings(body: dict[str, Any], name: str) -> list[str]:
    """A list of texts in a body; absent or null is empty. Raises ApiError."""
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise bad_request(f"Invalid input JSON: {name} must be a list of strings")
    return found


def mapping(body: dict[str, Any], name: str) -> dict[str, Any]:
    """An object in a body; absent or null is empty. Raises ApiError."""
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise bad_request(f"Invalid input JSON: {name} must be an object")
    return found


def plain_text(body: dict[str, Any], name: str) -> str:
    """A text (or a number, as text) in a body; absent, null or anything else is ""."""
    found = body.get(name)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
