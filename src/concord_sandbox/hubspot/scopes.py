"""Which scopes a call needs, and what a token without some of them is not shown (API reference section 2.4).

A token whose scopes are None has been granted everything. A route that names its own scopes (`Target.scopes`) is bound
by these; of the others the area and the object types in the path decide. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from concord_sandbox.hubspot.built_in.activities import ACTIVITIES, EMAIL_CONTENT
from concord_sandbox.hubspot.errors import missing_scopes
from concord_sandbox.hubspot.models import Portal
from concord_sandbox.hubspot.schema import SENSITIVITIES
from concord_sandbox.hubspot.tables import ObjectTable

Granted = frozenset[str] | None
READS_EMAIL = "sales-email-read"
#: Object types with scopes of their own name; engagements go with contacts, whatever else is there is custom.
_OWN = ("contacts", "companies", "deals", "leads", "line_items", "products", "users")
JOURNAL = (
    "developer.webhooks_journal.read",
    "developer.webhooks_journal.subscriptions.read",
    "developer.webhooks_journal.subscriptions.write",
    "developer.webhooks_journal.snapshots.read",
    "developer.webhooks_journal.snapshots.write",
)
_OTHERS = (
    "automation",
    "automation.sequences.enrollments.write",
    "automation.sequences.read",
    "communication_preferences.read",
    "communication_preferences.read_write",
    "communication_preferences.statuses.batch.read",
    "communication_preferences.statuses.batch.write",
    "communication_preferences.write",
    "crm.lists.read",
    "crm.lists.write",
    "crm.objects.owners.read",
    "e-commerce",
    "oauth",
    READS_EMAIL,
    "tickets",
)


def _all() -> tuple[str, ...]:
    named = {
        f"crm.{part}.{name}.{verb}"
        for name in (*_OWN, "custom")
        for verb in ("read", "write")
        for part in ("objects", "schemas")
    }
    sensitive = {
        f"crm.objects.{name}.{sensitivity}.{verb}"
        for name in (*_OWN, "custom")
        for sensitivity in SENSITIVITIES[1:]
        for verb in ("read", "write")
    }
    return tuple(sorted(named | sensitive | set(_OTHERS)))


#: Every scope of an account's tokens that the sandbox knows.
ALL = _all()


def _named(plural: str) -> str:
    if plural in ACTIVITIES:
        return "contacts"
    return plural if plural in _OWN or plural == "tickets" else "custom"


def of_records(plural: str, *, write: bool) -> tuple[str, ...]:
    """One of these lets a token read or write the records of an object type."""
    name, verb = _named(plural), "write" if write else "read"
    if name == "tickets":
        return ("tickets",)
    shop = ("e-commerce",) if name in ("line_items", "products") else ()
    return (f"crm.objects.{name}.{verb}", *shop)


def of_definitions(plural: str, *, write: bool) -> tuple[str, ...]:
    """One of these lets a token read or write the properties and pipelines of an object type."""
    name = _named(plural)
    if name == "tickets":
        return ("tickets",)
    if write:
        return (f"crm.schemas.{name}.write",)
    return (f"crm.schemas.{name}.read", f"crm.objects.{name}.read", f"crm.objects.{name}.write")


def of_sensitive(plural: str, sensitivity: str, *, write: bool) -> str:
    """The scope for the values of properties of that sensitivity."""
    return f"crm.objects.{_named(plural)}.{sensitivity}.{'write' if write else 'read'}"


def writes(method: str, pattern: str) -> bool:
    """Whether a call writes: searches and batch reads are POSTs that do not."""
    return method != "GET" and not pattern.endswith(("search", "read"))


def needed(portal: Portal, area: str, method: str, pattern: str, at: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The scopes of a call by its area: one of each group. Unknown object types ask for nothing: they become 404."""
    write = writes(method, pattern)
    tables = [table for part in ("type", "to") if part in at and (table := portal.table(at[part])) is not None]
    plurals = [table.kind.plural for table in tables]
    match area:
        case "objects" | "associations":
            return [of_records(plural, write=write) for plural in plurals]
        case "properties" | "pipelines" | "property-validations":
            return [of_definitions(plural, write=write) for plural in plurals]
        case "crm-object-schemas":
            return [of_definitions("", write=write)]
        case "owners":
            return [("crm.objects.owners.read",)]
        case "lists":
            return [("crm.lists.write" if write else "crm.lists.read",)]
        case "sequences":
            return [("automation.sequences.enrollments.write" if write else "automation.sequences.read",)]
        case "account-info" if pattern == "details":
            return [("oauth",)]
        case _:
            return _of_journal(area, write)


def _of_journal(area: str, write: bool) -> list[tuple[str, ...]]:
    _, _, part = area.partition("webhooks-journal/")
    if part in ("journal", "journal-local"):
        return [(JOURNAL[0],)]
    if part in ("subscriptions", "snapshots"):
        return [(f"developer.webhooks_journal.{part}.{'write' if write else 'read'}",)]
    return []


def require(granted: Granted, groups: Iterable[tuple[str, ...]]) -> None:
    """Raises ApiError (403) when a token lacks all of a group."""
    if granted is None:
        return
    lacking = [group for group in groups if group and not granted & set(group)]
    if lacking:
        raise missing_scopes([group[0] for group in lacking] if len(lacking) > 1 else list(lacking[0]))


def require_sensitive(granted: Granted, table: ObjectTable, sensitivity: str, *, write: bool) -> None:
    """The same for the definitions of sensitive properties."""
    if sensitivity in SENSITIVITIES[1:]:
        require(granted, [(of_sensitive(table.kind.plural, sensitivity, write=write),)])


def hidden(granted: Granted, table: ObjectTable, *, write: bool) -> frozenset[str]:
    """The names of the properties that are not there for a token: sensitive ones, without the scope for them."""
    if granted is None:
        return frozenset()
    plural = table.kind.plural
    barred = {one for one in SENSITIVITIES[1:] if of_sensitive(plural, one, write=write) not in granted}
    return frozenset(one.name for one in table.definitions.values() if one.sensitivity in barred)


def redacted(granted: Granted, table: ObjectTable, body: Any) -> Any:
    """An answer with records as a token may see it: without hidden properties, e-mails without their content."""
    if granted is None or not isinstance(body, dict):
        return body
    gone = hidden(granted, table, write=False)
    emptied = EMAIL_CONTENT if table.kind.plural == "emails" and READS_EMAIL not in granted else ()
    rows = body["results"] if isinstance(body.get("results"), list) else [body]
    for row in rows:
        for part, nothing in (("properties", None), ("propertiesWithHistory", [])):
            held = row.get(part) if isinstance(row, dict) else None
            if isinstance(held, dict):
                for name in gone & held.keys():
                    del held[name]
                held.update(dict.fromkeys((name for name in emptied if name in held), nothing))
    return body
