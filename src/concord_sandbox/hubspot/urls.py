"""The one table of HubSpot's paths, and finding the handler of a call in it.

Every version of a path leads to the same function: 2026-09 and 2026-03 (which differ in nothing that is emulated
unless a handler says so), and the older v3 and v4 because published clients still use them.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from concord_sandbox.hubspot import (
    account,
    account_limits,
    associations,
    batches,
    oauth,
    objects,
    pipelines,
    properties,
    schemas,
    search,
    validations,
)
from concord_sandbox.hubspot.consent import batches as consent_batches
from concord_sandbox.hubspot.consent import older as consent_older
from concord_sandbox.hubspot.consent import preferences as consent
from concord_sandbox.hubspot.events import journal, webhook_settings
from concord_sandbox.hubspot.lists import calls as list_calls
from concord_sandbox.hubspot.lists import memberships
from concord_sandbox.hubspot.sequences import calls as sequence_calls
from concord_sandbox.hubspot.targets import Routes, Target

_DATED = ("2026-09", "2026-03")


@dataclass(frozen=True)
class Found:
    target: Target
    at: dict[str, str]
    version: str
    area: str
    method: str
    pattern: str


def _areas() -> dict[tuple[str, ...], tuple[str, str]]:
    """The beginnings of paths: which area they are, and in which version."""
    areas: dict[tuple[str, ...], tuple[str, str]] = {}
    for version in _DATED:
        for area in (
            "objects",
            "associations",
            "properties",
            "property-validations",
            "owners",
            "pipelines",
            "limits",
            "lists",
        ):
            areas["crm", area, version] = (area, version)
        for area in ("oauth", "account-info", "communication-preferences", "app-webhooks", "appinstalls"):
            areas[area, version] = (area, version)
        areas["crm-object-schemas", version, "schemas"] = ("crm-object-schemas", version)
        areas["automation", "sequences", version] = ("sequences", version)
        areas["webhooks", version] = ("app-webhooks", version)
        for part in ("journal", "journal-local", "subscriptions", "snapshots"):
            areas["webhooks-journal", part, version] = (f"webhooks-journal/{part}", version)
    # Where the journal's pages are fetched from, by addresses that carry their own signature.
    areas["webhooks-journal", "pages", "v1"] = ("webhooks-journal/pages", "v1")
    for area in ("objects", "properties", "property-validations", "owners", "pipelines", "limits", "lists", "schemas"):
        areas["crm", "v3", area] = (area.replace("schemas", "crm-object-schemas"), "v3")
    areas["crm-object-schemas", "v3", "schemas"] = ("crm-object-schemas", "v3")
    areas["automation", "v4", "sequences"] = ("sequences", "v4")
    areas["webhooks", "v3"] = ("app-webhooks", "v3")
    areas["communication-preferences", "v3"] = ("communication-preferences", "v3")
    areas["oauth", "v1"] = ("oauth", "v1")
    areas["oauth", "authorize"] = ("oauth-page", "v1")
    for area in ("objects", "associations"):
        areas["crm", "v4", area] = (area, "v4")
    areas["communication-preferences", "v4"] = ("communication-preferences", "v4")
    areas["account-info", "v3"] = ("account-info", "v3")
    return areas


_TABLE: Routes = (
    ("GET", "objects", "{type}", Target(objects.list_records)),
    ("POST", "objects", "{type}", Target(objects.create_record)),
    ("POST", "objects", "{type}/search", Target(search.search, "search")),
    ("POST", "objects", "{type}/merge", Target(objects.merge_records)),
    ("POST", "objects", "{type}/gdpr-delete", Target(objects.erase_record)),
    ("POST", "objects", "{type}/batch/read", Target(batches.read)),
    ("POST", "objects", "{type}/batch/create", Target(batches.create)),
    ("POST", "objects", "{type}/batch/update", Target(batches.update)),
    ("POST", "objects", "{type}/batch/upsert", Target(batches.upsert)),
    ("POST", "objects", "{type}/batch/archive", Target(batches.archive)),
    ("GET", "objects", "{type}/{id}", Target(objects.get_record)),
    ("PATCH", "objects", "{type}/{id}", Target(objects.update_record)),
    ("DELETE", "objects", "{type}/{id}", Target(objects.archive_record)),
    ("GET", "objects", "{type}/{id}/associations/{to}", Target(associations.list_for_record)),
    ("PUT", "objects", "{type}/{id}/associations/{to}/{toId}", Target(associations.put)),
    ("DELETE", "objects", "{type}/{id}/associations/{to}/{toId}", Target(associations.delete)),
    ("PUT", "objects", "{type}/{id}/associations/default/{to}/{toId}", Target(associations.put_default)),
    ("POST", "associations", "{type}/{to}/batch/read", Target(associations.batch_read)),
    ("POST", "associations", "{type}/{to}/batch/create", Target(associations.batch_create)),
    ("POST", "associations", "{type}/{to}/batch/archive", Target(associations.batch_archive)),
    ("POST", "associations", "{type}/{to}/batch/associate/default", Target(associations.batch_default)),
    ("POST", "associations", "{type}/{to}/batch/labels/archive", Target(associations.batch_labels_archive)),
    ("GET", "associations", "{type}/{to}/labels", Target(associations.labels)),
    ("POST", "associations", "{type}/{to}/labels", Target(associations.create_label)),
    ("PUT", "associations", "{type}/{to}/labels", Target(associations.update_label)),
    ("DELETE", "associations", "{type}/{to}/labels/{typeId}", Target(associations.delete_label)),
    (
        "POST",
        "associations",
        "definitions/configurations/{type}/{to}/batch/create",
        Target(associations.create_limits),
    ),
    (
        "POST",
        "associations",
        "definitions/configurations/{type}/{to}/batch/update",
        Target(associations.update_limits),
    ),
    (
        "POST",
        "associations",
        "definitions/configurations/{type}/{to}/batch/purge",
        Target(associations.purge_limits),
    ),
    ("GET", "associations", "definitions/configurations/all", Target(associations.limits)),
    ("GET", "associations", "definitions/configurations/{type}/{to}", Target(associations.limits)),
    ("GET", "properties", "{type}", Target(properties.list_all)),
    ("POST", "properties", "{type}", Target(properties.create)),
    ("POST", "properties", "{type}/batch/read", Target(properties.batch_read)),
    ("POST", "properties", "{type}/batch/create", Target(properties.batch_create)),
    ("POST", "properties", "{type}/batch/archive", Target(properties.batch_archive)),
    ("GET", "properties", "{type}/groups", Target(properties.list_groups)),
    ("POST", "properties", "{type}/groups", Target(properties.create_group)),
    ("GET", "properties", "{type}/groups/{name}", Target(properties.get_group)),
    ("PATCH", "properties", "{type}/groups/{name}", Target(properties.update_group)),
    ("DELETE", "properties", "{type}/groups/{name}", Target(properties.archive_group)),
    ("GET", "properties", "{type}/{name}", Target(properties.get)),
    ("PATCH", "properties", "{type}/{name}", Target(properties.update)),
    ("DELETE", "properties", "{type}/{name}", Target(properties.archive)),
    ("GET", "owners", "", Target(account.owners)),
    ("GET", "owners", "{id}", Target(account.owner)),
    ("GET", "account-info", "details", Target(account.details)),
    ("GET", "account-info", "api-usage/daily/private-apps", Target("daily_usage")),
    *consent_batches.ROUTES,
    *consent_older.ROUTES,
    *consent.ROUTES,
    *journal.ROUTES,
    *account_limits.ROUTES,
    *list_calls.ROUTES,
    *memberships.ROUTES,
    *oauth.ROUTES,
    *pipelines.ROUTES,
    *schemas.ROUTES,
    *sequence_calls.ROUTES,
    *validations.ROUTES,
    *webhook_settings.ROUTES,
)


class Urls:
    """Finds the target of a method and a path."""

    def __init__(self) -> None:
        self._areas = _areas()
        self._by_shape: dict[tuple[str, int], list[tuple[str, list[str], Target]]] = {}
        for method, area, pattern, target in _TABLE:
            parts = pattern.split("/") if pattern else []
            self._by_shape.setdefault((area, len(parts)), []).append((method, parts, target))

    def find(self, method: str, raw_path: str) -> Found | int:
        """The target of a path as it came over the wire (still percent-encoded); else the status: 404 or 405."""
        parts = [unquote(part) for part in raw_path.strip("/").split("/")]
        for length in (3, 2):
            area = self._areas.get(tuple(parts[:length]))
            if area is not None:
                return self._find(method, area, parts[length:])
        return 404

    def listed(self, version: str) -> list[tuple[str, str, str]]:
        """(method, area, path) of every route, in that version where it has one."""
        beginnings = {area: parts for parts, (area, of) in reversed(self._areas.items()) if of in (version, "v1")}
        rows = [(method, area, pattern) for method, area, pattern, _ in _TABLE]
        return [
            (method, area, "/" + "/".join([*beginnings[area], pattern]).rstrip("/")) for method, area, pattern in rows
        ]

    def in_version(self, raw_path: str, version: str) -> str | None:
        """The path as it is in that version; None when it is no path of any area."""
        parts = [unquote(part) for part in raw_path.strip("/").split("/")]
        for length in (3, 2):
            area = self._areas.get(tuple(parts[:length]))
            if area is None:
                continue
            beginning = next((own for own, (name, of) in self._areas.items() if (name, of) == (area[0], version)), None)
            return "/" + "/".join([*(beginning or parts[:length]), *parts[length:]])
        return None

    def _find(self, method: str, area: tuple[str, str], rest: list[str]) -> Found | int:
        status = 404
        for wanted, parts, target in self._by_shape.get((area[0], len(rest)), ()):
            at = _match(parts, rest)
            if at is None:
                continue
            if wanted == method:
                return Found(target, at, area[1], area[0], method, "/".join(parts))
            status = 405
        return status


def _match(parts: list[str], rest: list[str]) -> dict[str, str] | None:
    """The values of the `{…}` parts; None when a path is another. Fixed words come before `{…}` in the table."""
    at = {}
    for part, given in zip(parts, rest, strict=True):
        if part.startswith("{"):
            at[part[1:-1]] = given
        elif part != given:
            return None
    return at
