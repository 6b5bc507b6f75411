"""Account details, daily usage and owners (API reference sections 2, 3 and 11)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from concord_sandbox.hubspot import responses
from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.errors import bad_request, no_such_thing
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.values import iso

Answer = tuple[Any, int]


# The account.


def details(call: Call) -> Answer:
    settings = call.portal.settings
    offset = datetime.fromtimestamp(call.now / 1000, UTC).astimezone(ZoneInfo(settings["time_zone"])).utcoffset()
    seconds = int(offset.total_seconds()) if offset is not None else 0
    sign, rest = ("-" if seconds < 0 else "+"), abs(seconds)
    return {
        "portalId": int(settings["portal_id"]),
        "accountType": settings["account_type"],
        "timeZone": settings["time_zone"],
        "companyCurrency": settings["currency"],
        "additionalCurrencies": list(settings["currencies"]),
        "utcOffset": f"{sign}{rest // 3600:02d}:{rest % 3600 // 60:02d}",
        "utcOffsetMilliseconds": seconds * 1000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "eu1",
    }, 200


def daily_usage(used: int, limit: int, resets_at: int, call: Call) -> Answer:
    row = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": limit,
        "currentUsage": used,
        "collectedAt": iso(call.now),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(resets_at),
    }
    return {"results": [row]}, 200


# Owners.


def _owner(owner: dict[str, Any]) -> dict[str, Any]:
    user_id = owner.get("userId")
    shown = {
        "id": owner["id"],
        "email": owner.get("email"),
        "firstName": owner.get("firstName"),
        "lastName": owner.get("lastName"),
        "type": owner.get("type", "PERSON"),
        "userId": int(user_id) if user_id is not None and not owner.get("archived") else None,
        "userIdIncludingInactive": int(user_id) if user_id is not None else None,
        "createdAt": owner.get("createdAt", iso(0)),
        "updatedAt": owner.get("updatedAt", iso(0)),
        "archived": bool(owner.get("archived", False)),
        "teams": owner.get("teams", []),
    }
    return {name: value for name, value in shown.items() if value is not None}


def owners(call: Call) -> Answer:
    email, archived = call.text("email").lower(), call.flag("archived")
    limit, after = call.limit(100, 500), whole_number(call.text("after", "0"))
    if after is None:
        raise bad_request("after is not a cursor of this list")
    found = [
        owner
        for owner in sorted(call.portal.owners, key=lambda owner: whole_number(owner["id"]) or 0)
        if bool(owner.get("archived", False)) == archived
        and (not email or str(owner.get("email", "")).lower() == email)
        and (whole_number(owner["id"]) or 0) > after
    ]
    answer: dict[str, Any] = {"results": [_owner(owner) for owner in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1]["id"]
        answer["paging"] = responses.paging(last, f"{call.path}?after={last}")
    return answer, 200


def owner(call: Call) -> Answer:
    by = "userId" if call.text("idProperty") == "userId" else "id"
    found = next((one for one in call.portal.owners if str(one.get(by)) == call.at["id"]), None)
    if found is None or bool(found.get("archived", False)) != call.flag("archived"):
        raise no_such_thing(f"Owner {call.at['id'][:40]} does not exist")
    return _owner(found), 200
