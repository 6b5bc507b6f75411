"""The settings API of an app's push webhooks: target, throttling, subscriptions (API reference section 19).

Served at `/app-webhooks/2026-09/{appId}/…` and `/webhooks/v3/{appId}/…`. Changes what `webhooks.py` sends, as soon as
the vendor's cache of settings is over (`cache_ms` there). Lets in the developer's API key (`?hapikey=`) or an account's
token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.errors import bad_request, no_such_thing, unauthorized
from concord_sandbox.hubspot.events.webhooks import SILENT, Webhooks
from concord_sandbox.hubspot.oauth import Tokens
from concord_sandbox.hubspot.responses import batch
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import iso
from concord_sandbox.service import ControlError

Answer = tuple[Any, int]
_LONGEST_URL = 2_000


def _admit(tokens: Tokens, call: Call) -> None:
    """Raises ApiError: 401 for whoever may not, 404 for another app."""
    settings = call.portal.settings
    if "hapikey" in call.query:
        if call.text("hapikey") != settings["developer_api_key"]:
            raise unauthorized("The API key provided is invalid.")
    else:
        tokens.check(call.authorization, call.now)
    if call.at["appId"] != str(settings["app_id"]):
        raise no_such_thing(f"App {call.at['appId'][:40]} does not exist")


# The target.


def _settings(webhooks: Webhooks, call: Call) -> Answer:
    known = webhooks.planned
    if known["target_url"] is None:
        raise no_such_thing("No webhook settings were found for this app")
    shown = {
        "targetUrl": known["target_url"],
        "throttling": {"maxConcurrentRequests": known["max_concurrent"]},
        "createdAt": iso(known["created_at"] or 0),
        "updatedAt": iso(known["updated_at"] or 0),
    }
    return shown, 200


def _put_settings(webhooks: Webhooks, call: Call) -> Answer:
    body = call.json()
    url = body.get("targetUrl")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or len(url) > _LONGEST_URL:
        raise bad_request("targetUrl must be a valid URL")
    throttling = body.get("throttling")
    most = throttling.get("maxConcurrentRequests") if isinstance(throttling, dict) else None
    if isinstance(most, bool) or not isinstance(most, int):
        raise bad_request("Some required fields were not set: [throttling]")
    made = webhooks.planned["created_at"] or call.now
    change = {"target_url": url, "max_concurrent": most, "created_at": made, "updated_at": call.now}
    _plan(webhooks, change)
    return _settings(webhooks, call)


def _delete_settings(webhooks: Webhooks, call: Call) -> Answer:
    _settings(webhooks, call)
    _plan(webhooks, {"target_url": None, "created_at": None, "updated_at": None})
    return None, 204


def _plan(webhooks: Webhooks, change: dict[str, Any]) -> None:
    try:
        webhooks.plan(change)
    except ControlError as error:
        raise bad_request(str(error)) from error


# Subscriptions.


def _wire(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "id": str(row["id"]),
        "eventType": row["subscriptionType"],
        "active": row.get("active", True),
        "createdAt": iso(int(row.get("createdAt", 0))),
        "updatedAt": iso(int(row.get("updatedAt", 0))),
    }
    names = {"propertyName": "propertyName", "objectTypeId": "objectType", "eventTypeName": "eventTypeName"}
    return shown | {wire: row[name] for wire, name in names.items() if row.get(name)}


def _list(webhooks: Webhooks, _: Call) -> Answer:
    return {"results": [_wire(row) for row in webhooks.planned["subscriptions"]]}, 200


def _create(webhooks: Webhooks, call: Call) -> Answer:
    body, rows = call.json(), webhooks.planned["subscriptions"]
    kind = body.get("eventType")
    if not isinstance(kind, str) or not kind:
        raise bad_request("Some required fields were not set: [eventType]")
    if kind == "event.completed" and not body.get("eventTypeName"):
        raise bad_request("Some required fields were not set: [eventTypeName]")
    active = _flag(body.get("active", False))
    row: dict[str, Any] = {
        "id": max((one["id"] for one in rows), default=7_562_679) + 1,
        "subscriptionType": kind,
        "active": active,
        "createdAt": call.now,
        "updatedAt": call.now,
    }
    if kind.startswith("object."):
        table = call.portal.table(str(body.get("objectTypeId", "")))
        if table is None:
            raise bad_request("Some required fields were not set: [objectTypeId]")
        row["objectType"] = table.kind.type_id
    if body.get("eventTypeName"):
        row["eventTypeName"] = str(body["eventTypeName"])
    if kind.endswith(".propertyChange"):
        row["propertyName"] = _property(call, kind, row, body.get("propertyName"))
    what = [{name: one.get(name) for name in ("subscriptionType", "objectType", "propertyName")} for one in rows]
    if {name: row.get(name) for name in ("subscriptionType", "objectType", "propertyName")} in what:
        raise bad_request("A subscription of this kind exists already")
    _check_kind(webhooks, row)
    _plan(webhooks, {"subscriptions": [*rows, row]})
    return _wire(row), 201


def _check_kind(webhooks: Webhooks, row: dict[str, Any]) -> None:
    """An inactive subscription, too, must be one that could be active."""
    if row["subscriptionType"] not in SILENT:
        try:
            webhooks.check([{**row, "active": True}])
        except ControlError as error:
            raise bad_request(str(error)) from error


def _property(call: Call, kind: str, row: Mapping[str, Any], name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise bad_request("Some required fields were not set: [propertyName]")
    named = row.get("objectType") or kind.partition(".")[0]
    table = call.portal.table(str(named))
    if table is not None and name not in table.definitions:
        raise bad_request(f"Property {name[:80]} does not exist")
    return name


def _get(webhooks: Webhooks, call: Call) -> Answer:
    return _wire(_find(webhooks, call.at["id"])), 200


def _patch(webhooks: Webhooks, call: Call) -> Answer:
    row, body = _find(webhooks, call.at["id"]), call.json()
    changed = {**row, "active": _flag(body.get("active", row.get("active", True))), "updatedAt": call.now}
    _plan(webhooks, {"subscriptions": _with(webhooks, changed)})
    return _wire(changed), 200


def _delete(webhooks: Webhooks, call: Call) -> Answer:
    row = _find(webhooks, call.at["id"])
    _plan(webhooks, {"subscriptions": [one for one in webhooks.planned["subscriptions"] if one["id"] != row["id"]]})
    return None, 204


def _update_many(webhooks: Webhooks, call: Call) -> Answer:
    changed = []
    for asked in call.inputs(100):
        row = _find(webhooks, str(asked.get("id", "")))
        changed.append({**row, "active": _flag(asked.get("active")), "updatedAt": call.now})
    for row in changed:
        _plan(webhooks, {"subscriptions": _with(webhooks, row)})
    return batch([_wire(row) for row in changed], [], call.now)


def _find(webhooks: Webhooks, given: str) -> dict[str, Any]:
    number = whole_number(given)
    found = next((row for row in webhooks.planned["subscriptions"] if row["id"] == number), None)
    if found is None:
        raise no_such_thing(f"Subscription {given[:40]} does not exist")
    return dict(found)


def _with(webhooks: Webhooks, changed: dict[str, Any]) -> list[dict[str, Any]]:
    return [changed if row["id"] == changed["id"] else row for row in webhooks.planned["subscriptions"]]


def _flag(given: Any) -> bool:
    if not isinstance(given, bool):
        raise bad_request("active must be true or false")
    return given


_ROWS: tuple[tuple[str, str, str, Callable[[Webhooks, Call], Answer]], ...] = (
    ("GET", "settings", "webhooks.settings", _settings),
    ("PUT", "settings", "webhooks.put_settings", _put_settings),
    ("DELETE", "settings", "webhooks.delete_settings", _delete_settings),
    ("GET", "subscriptions", "webhooks.list", _list),
    ("POST", "subscriptions", "webhooks.create", _create),
    ("POST", "subscriptions/batch/update", "webhooks.update_many", _update_many),
    ("GET", "subscriptions/{id}", "webhooks.get", _get),
    ("PATCH", "subscriptions/{id}", "webhooks.patch", _patch),
    ("DELETE", "subscriptions/{id}", "webhooks.delete", _delete),
)


def _admitted(act: Callable[[Webhooks, Call], Answer], webhooks: Webhooks, tokens: Tokens, call: Call) -> Answer:
    _admit(tokens, call)
    return act(webhooks, call)


def answers(webhooks: Webhooks, tokens: Tokens) -> dict[str, Callable[[Call], Answer]]:
    """What answers the calls on these webhooks, by the names in `ROUTES`."""
    return {name: partial(_admitted, act, webhooks, tokens) for _, _, name, act in _ROWS}


ROUTES: Routes = tuple(
    (method, "app-webhooks", f"{{appId}}/{path}", Target(name, "open")) for method, path, name, _ in _ROWS
)
