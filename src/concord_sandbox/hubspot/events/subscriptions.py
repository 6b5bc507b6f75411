"""What an app has subscribed to in the Webhooks Journal, with its filters (API reference section 18.1).

Reads and checks what requests and worlds say; decides which events are wanted. Keeps no events and knows no route.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.models import Portal
from concord_sandbox.hubspot.values import iso

MOST_SUBSCRIPTIONS = 50
INSTALLED, UNINSTALLED = "4-1909196", "4-1916193"
LIFECYCLE = {"APP_INSTALL": INSTALLED, "APP_UNINSTALL": UNINSTALLED}

_OBJECT_ACTIONS = ("CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE")
#: subscription type -> the fields that it must have
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "OBJECT": ("portalId", "objectTypeId", "actions", "properties", "objectIds"),
    "ASSOCIATION": ("portalId", "objectTypeId", "associatedObjectTypeIds", "objectIds", "actions"),
    "LIST_MEMBERSHIP": ("portalId", "listIds", "objectIds", "actions"),
    "GDPR_PRIVACY_DELETION": ("portalId", "objectTypeId", "actions"),
    "APP_LIFECYCLE_EVENT": ("eventTypeId", "properties"),
}
_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "OBJECT": _OBJECT_ACTIONS,
    "ASSOCIATION": ("ASSOCIATION_ADDED", "ASSOCIATION_REMOVED"),
    "LIST_MEMBERSHIP": ("ADDED_TO_LIST", "REMOVED_FROM_LIST"),
    "GDPR_PRIVACY_DELETION": ("GDPR_DELETE",),
}
_NUMBERS = ("objectIds", "listIds")
_TEXTS = ("properties", "associatedObjectTypeIds", "actions")


def _numbers(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[str, str], bool]:
    """Compare as numbers where both are, else as texts (ISO dates order so); an empty value has no order."""

    def holds(value: str, asked: str) -> bool:
        numbers = _numbers(value), _numbers(asked)
        if None not in numbers:
            return test(*numbers)
        return bool(value) and test(value, asked)

    return holds


#: operator -> (value of the record, value asked for) -> whether it holds
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "EQ": lambda value, asked: value == asked,
    "N_EQ": lambda value, asked: value != asked,
    "LT": _ordered(lambda value, asked: bool(value < asked)),
    "GT": _ordered(lambda value, asked: bool(value > asked)),
    "LTE": _ordered(lambda value, asked: bool(value <= asked)),
    "GTE": _ordered(lambda value, asked: bool(value >= asked)),
    "CONTAINS": lambda value, asked: asked in value,
    "STARTS_WITH": lambda value, asked: value.startswith(asked),
    "ENDS_WITH": lambda value, asked: value.endswith(asked),
}
_OF_MANY: Mapping[str, Callable[[str, list[str]], bool]] = {
    "IN": lambda value, asked: value in asked,
    "NOT_IN": lambda value, asked: value not in asked,
}
_OF_NONE: Mapping[str, Callable[[str], bool]] = {
    "IS_EMPTY": lambda value: not value,
    "IS_NOT_EMPTY": lambda value: bool(value),
}


@dataclass(frozen=True)
class Condition:
    """One condition of a filter, checked."""

    property: str
    operator: str
    value: str | None = None
    values: tuple[str, ...] = ()

    def holds(self, values: Mapping[str, str]) -> bool:
        found = values.get(self.property, "")
        if self.operator in _OF_NONE:
            return _OF_NONE[self.operator](found)
        if self.operator in _OF_MANY:
            return _OF_MANY[self.operator](found, list(self.values))
        return _OPERATORS[self.operator](found, self.value or "")

    def wire(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "filterType": "CRM_OBJECT_PROPERTY",
            "property": self.property,
            "operator": self.operator,
        }
        if self.value is not None:
            shown["value"] = self.value
        if self.operator in _OF_MANY:
            shown["values"] = list(self.values)
        return shown


@dataclass(frozen=True)
class Filter:
    """All conditions must hold. created: epoch ms."""

    id: int
    subscription_id: int
    conditions: tuple[Condition, ...]
    created: int

    def wire(self) -> dict[str, Any]:
        conditions = [one.wire() for one in self.conditions]
        return {"id": self.id, "createdAt": self.created, "filter": {"conditions": conditions}}


@dataclass
class Subscription:
    """One subscription; empty lists of ids and properties mean all. created, updated: epoch ms."""

    id: int
    type: str
    created: int
    updated: int
    actions: tuple[str, ...]
    object_type_id: str = ""
    portal_id: int | None = None
    properties: tuple[str, ...] = ()
    object_ids: frozenset[int] = frozenset()
    list_ids: frozenset[int] = frozenset()
    associated: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, int | None, str]:
        """What makes two requests mean the same subscription: the second replaces the first ("upsert")."""
        return (self.type, self.portal_id, self.object_type_id)

    def wants(self, action: str, object_type_id: str, object_id: int) -> bool:
        return (
            action in self.actions
            and object_type_id == self.object_type_id
            and (not self.object_ids or object_id in self.object_ids)
        )

    def wire(self, app_id: int) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": self.id,
            "appId": app_id,
            "subscriptionType": self.type,
            "objectTypeId": self.object_type_id,
            "actions": list(self.actions),
            "properties": list(self.properties),
            "objectIds": sorted(self.object_ids),
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
        }
        if self.portal_id is not None:
            shown["portalId"] = self.portal_id
        if self.type == "LIST_MEMBERSHIP":
            shown["listIds"] = sorted(self.list_ids)
        if self.type == "ASSOCIATION":
            shown["associatedObjectTypeIds"] = list(self.associated)
        return shown


@dataclass
class Subscriptions:
    """The subscriptions of the one app, by id, and the filters on them."""

    portal: Portal
    by_id: dict[int, Subscription] = field(default_factory=dict)
    filters: dict[int, Filter] = field(default_factory=dict)
    _last_id: int = 3_000_000

    def fresh_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def upsert(self, asked: Mapping[str, Any], now: int) -> Subscription:
        """Make a subscription, or change the one for the same thing. Raises ApiError."""
        made = self._read(asked, now)
        before = next((one for one in self.by_id.values() if one.key == made.key), None)
        if before is None and len(self.by_id) >= MOST_SUBSCRIPTIONS:
            raise bad_request(f"This app has reached the limit of {MOST_SUBSCRIPTIONS} journal subscriptions")
        if before is not None:
            made.id, made.created = before.id, before.created
        else:
            made.id = self.fresh_id()
        self.by_id[made.id] = made
        return made

    def get(self, given: str) -> Subscription:
        """Raises ApiError."""
        found = self.by_id.get(number(given, "subscriptionId"))
        if found is None:
            raise no_such_thing(f"Subscription {given} does not exist")
        return found

    def remove(self, one: Subscription) -> None:
        """The subscription and its filters."""
        del self.by_id[one.id]
        self.filters = {key: kept for key, kept in self.filters.items() if kept.subscription_id != one.id}

    def remove_portal(self, portal_id: int) -> None:
        for one in [one for one in self.by_id.values() if one.portal_id == portal_id]:
            self.remove(one)

    def remove_type(self, type_id: str) -> None:
        """The object type is gone for good."""
        for one in [one for one in self.by_id.values() if type_id in (one.object_type_id, *one.associated)]:
            one.associated = tuple(other for other in one.associated if other != type_id)
            if one.object_type_id == type_id or (one.type == "ASSOCIATION" and not one.associated):
                self.remove(one)

    def add_filter(self, asked: Mapping[str, Any], now: int) -> Filter:
        """Raises ApiError."""
        given = asked.get("subscriptionId")
        if isinstance(given, bool) or not isinstance(given, int):
            raise _missing("subscriptionId")
        owner = self.get(str(given))
        if owner.type != "OBJECT":
            raise bad_request("Filters are supported for subscriptions of type OBJECT only")
        body = asked.get("filter")
        conditions = body.get("conditions") if isinstance(body, dict) else None
        if not isinstance(conditions, list) or not conditions:
            raise _missing("filter.conditions")
        table = self.portal.table(owner.object_type_id)
        known = table.definitions.keys() if table is not None else ()
        made = Filter(self.fresh_id(), owner.id, tuple(_condition(one, known) for one in conditions), now)
        self.filters[made.id] = made
        return made

    def get_filter(self, given: str) -> Filter:
        """Raises ApiError."""
        found = self.filters.get(number(given, "filterId"))
        if found is None:
            raise no_such_thing(f"Filter {given} does not exist")
        return found

    def filters_of(self, one: Subscription) -> list[Filter]:
        return [kept for kept in self.filters.values() if kept.subscription_id == one.id]

    def passes(self, one: Subscription, values: Mapping[str, str]) -> bool:
        """Whether a record with these values gets through the subscription's filters: one of them must let it."""
        filters = self.filters_of(one)
        return not filters or any(all(part.holds(values) for part in kept.conditions) for kept in filters)

    def of_type(self, kind: str) -> list[Subscription]:
        return [one for one in self.by_id.values() if one.type == kind]

    # Reading.

    def _read(self, asked: Mapping[str, Any], now: int) -> Subscription:
        kind = asked.get("subscriptionType")
        if not isinstance(kind, str) or kind not in _REQUIRED:
            raise bad_request(
                f"subscriptionType must be one of {', '.join(_REQUIRED)}", subscriptionType=str(kind)[:40]
            )
        for name in _REQUIRED[kind]:
            if asked.get(name) is None:
                raise _missing(name)
        for name in (*_NUMBERS, *_TEXTS):
            _check_list(asked, name, int if name in _NUMBERS else str)
        if kind == "APP_LIFECYCLE_EVENT":
            return self._read_lifecycle(asked, now)
        self._check_portal(asked["portalId"])
        object_type = asked.get("objectTypeId", "") if kind != "LIST_MEMBERSHIP" else ""
        return Subscription(
            id=0,
            type=kind,
            created=now,
            updated=now,
            actions=_actions(kind, asked["actions"]),
            object_type_id=self._type_id(object_type) if kind != "LIST_MEMBERSHIP" else "",
            portal_id=asked["portalId"],
            properties=tuple(dict.fromkeys(asked.get("properties") or ())) if kind == "OBJECT" else (),
            object_ids=frozenset(asked.get("objectIds") or ()),
            list_ids=frozenset(asked.get("listIds") or ()) if kind == "LIST_MEMBERSHIP" else frozenset(),
            associated=tuple(self._type_id(one) for one in asked.get("associatedObjectTypeIds") or ()),
        )

    def _read_lifecycle(self, asked: Mapping[str, Any], now: int) -> Subscription:
        event = str(asked["eventTypeId"])
        action = next((name for name, known in LIFECYCLE.items() if known == event), None)
        if action is None:
            raise bad_request(f"eventTypeId must be one of {INSTALLED}, {UNINSTALLED}", eventTypeId=event[:40])
        names = tuple(asked["properties"])
        return Subscription(0, "APP_LIFECYCLE_EVENT", now, now, (action,), event, None, names)

    def _check_portal(self, given: Any) -> None:
        if isinstance(given, bool) or not isinstance(given, int):
            raise bad_request("portalId must be a number")
        if given != int(self.portal.settings["portal_id"]):
            message = f"The app is not installed in portal {given}"
            raise ApiError(403, "MISSING_SCOPES", message, context={"portalId": [str(given)]})

    def _type_id(self, given: Any) -> str:
        table = self.portal.table(given) if isinstance(given, str) else None
        if table is None:
            raise bad_request(f"Unable to infer object type from: {str(given)[:40]}")
        return table.kind.type_id

    # Saving.

    def save(self) -> dict[str, Any]:
        app = int(self.portal.settings["app_id"])
        return {
            "subscriptions": [
                {**one.wire(app), "createdAt": one.created, "updatedAt": one.updated}
                | ({"eventTypeId": one.object_type_id} if one.type == "APP_LIFECYCLE_EVENT" else {})
                for one in self.by_id.values()
            ],
            "filters": [{**one.wire(), "subscriptionId": one.subscription_id} for one in self.filters.values()],
        }

    def load(self, subscriptions: Iterable[Mapping[str, Any]], filters: Iterable[Mapping[str, Any]], now: int) -> None:
        """Ids and times may be left out. Raises ApiError, KeyError, TypeError."""
        for row in subscriptions:
            one = self._read(row, now)
            one.id = int(row["id"]) if "id" in row else self.fresh_id()
            one.created, one.updated = int(row.get("createdAt", now)), int(row.get("updatedAt", now))
            self.by_id[one.id] = one
            self._last_id = max(self._last_id, one.id)
        for row in filters:
            made = self.add_filter(row, int(row.get("createdAt", now)))
            if "id" in row:
                del self.filters[made.id]
                kept = Filter(int(row["id"]), made.subscription_id, made.conditions, made.created)
                self.filters[kept.id] = kept
                self._last_id = max(self._last_id, kept.id)


def number(given: str, name: str) -> int:
    """A whole number of the path or the query. Raises ApiError."""
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise bad_request(f"{name} must be a number", **{name: given[:40]})
    return int(given)


def _missing(name: str) -> ApiError:
    return bad_request(f"Some required fields were not set: [{name}]")


def _check_list(asked: Mapping[str, Any], name: str, kind: type) -> None:
    found = asked.get(name)
    if found is None:
        return
    if not isinstance(found, list) or not all(isinstance(one, kind) and not isinstance(one, bool) for one in found):
        raise bad_request(f"Invalid input JSON: {name} must be a list of {'numbers' if kind is int else 'strings'}")


def _actions(kind: str, given: list[str]) -> tuple[str, ...]:
    wrong = [one for one in given if one not in _ACTIONS[kind]]
    if wrong or not given:
        raise bad_request(f"A subscription of type {kind} takes the actions {', '.join(_ACTIONS[kind])}")
    return tuple(dict.fromkeys(given))


def _condition(given: Any, known: Iterable[str]) -> Condition:
    if not isinstance(given, dict):
        raise bad_request("Invalid input JSON: conditions must be a list of objects")
    if given.get("filterType") != "CRM_OBJECT_PROPERTY":
        raise bad_request("filterType must be CRM_OBJECT_PROPERTY")
    name, operator = given.get("property"), str(given.get("operator"))
    if not isinstance(name, str) or name not in known:
        raise bad_request(f"Property {str(name)[:80]} does not exist")
    if operator in _OF_NONE:
        return Condition(name, operator)
    if operator in _OF_MANY:
        values = given.get("values")
        if not isinstance(values, list) or not values or not all(isinstance(one, str) for one in values):
            raise bad_request(f"The operator {operator} needs values, a list of strings")
        return Condition(name, operator, None, tuple(values))
    if operator not in _OPERATORS:
        listed = ", ".join((*_OPERATORS, *_OF_MANY, *_OF_NONE))
        raise bad_request(f"operator must be one of {listed}", operator=operator[:40])
    if not isinstance(given.get("value"), str):
        raise bad_request(f"The operator {operator} needs a value, a string")
    return Condition(name, operator, given["value"])
