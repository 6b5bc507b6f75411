"""The keys that the rows of a world's section can have; any other is misspelt. Reads, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord_sandbox.hubspot.schema import HINTS
from concord_sandbox.known_keys import only, only_rows
from concord_sandbox.service import ControlError

#: The keys of a record, and of an association.
RECORD_KEYS = frozenset(("id", "properties", "createdAt", "updatedAt", "archived", "archivedAt", "history", "origin"))
LINK_KEYS = frozenset(("from", "to", "types"))
_PROPERTY = ("name", "label", "description", "groupName", "type", "fieldType", "options", "calculated",
             "externalOptions", "hasUniqueValue", "hidden", "hubspotDefined", "formField", "displayOrder",
             "dataSensitivity", "modificationMetadata", "archived", "archivedAt", "createdAt", "updatedAt",
             "createdUserId", "updatedUserId", "calculationFormula", "referencedObjectType", *HINTS)  # fmt: skip
_OBJECT = ("id", "singular", "name", "labels", "description", "requiredProperties", "searchableProperties",
           "primaryDisplayProperty", "secondaryDisplayProperties", "associatedObjects", "allowsSensitiveProperties",
           "restorable", "archived", "createdAt", "updatedAt")  # fmt: skip
_LABEL = ("from", "to", "label", "inverseLabel", "typeId", "inverseTypeId", "category")
_LIMIT = ("from", "to", "typeId", "maxToObjectIds")
_LIST = ("listId", "name", "objectTypeId", "processingType", "filterBranch", "members", "createdAt", "updatedAt",
         "filtersUpdatedAt", "listVersion", "deletedAt", "evaluateAt", "unfinished", "membershipSettings",
         "listPermissions", "customProperties")  # fmt: skip
_OAUTH = ("redirect_uris", "scopes", "optional_scopes", "static_scopes", "rotate", "refuse", "given_out", "codes",
          "refresh_tokens", "access_tokens")  # fmt: skip
_STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")


def check_keys(world: Mapping[str, Any]) -> None:
    """Raises ControlError for a row with a key that nothing reads, or without one that it needs. Records and
    associations are looked at as they are loaded, for there may be many of them."""
    for name, rows in (world.get("properties") or {}).items():
        only_rows(f"properties of {name}", rows, _PROPERTY, ("name",))
    for name, about in (world.get("objects") or {}).items():
        only(f"the object type {name}", about, _OBJECT)
    only_rows("labels", world.get("labels"), _LABEL, ("from", "to"))
    only_rows("association_limits", world.get("association_limits"), _LIMIT, _LIMIT)
    only_rows("lists", world.get("lists"), _LIST, ("listId", "name", "objectTypeId"))
    only_rows("statuses", world.get("statuses"), None, ("email", "subscriptionId", "status", "timestamp"))
    only_rows("owners", world.get("owners"), None, ("id",))
    only_rows("subscriptions", world.get("subscriptions"), None, ("id", "name"))
    only_rows("service_keys", world.get("service_keys"), ("token", "name", "scopes", "id"), ("token", "name"))
    only("oauth", world.get("oauth") or {}, _OAUTH)
    only("interruptions", world.get("interruptions") or {}, ("locked", "migrating_until"))
    for name, rows in (world.get("pipelines") or {}).items():
        only_rows(f"pipelines of {name}", rows, None, ("id", "label", "stages"))
        for row in rows:
            only_rows(f"the stages of {row['id']}", row["stages"], None, ("id", "label"))
    _check_statuses(world.get("statuses") or ())


def _check_statuses(rows: Any) -> None:
    for row in rows:
        if row["status"] not in _STATES:
            raise ControlError(f"statuses: {row['status']!r} is no status; one of {', '.join(_STATES)}")
