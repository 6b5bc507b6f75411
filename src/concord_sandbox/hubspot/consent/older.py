"""The older calls on communication preferences (API reference section 13): one address, one subscription type.

They know no NOT_SPECIFIED: who has not subscribed is NOT_SUBSCRIBED. `subscribe` never takes back an opt-out;
`resubscribe` is for that, and only for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord_sandbox.hubspot.calls import Call, plain_text
from concord_sandbox.hubspot.consent.preferences import (
    READ,
    WRITE,
    Answer,
    Preferences,
    address_of,
    change,
    check_legal_basis,
    of_unit,
    status_of,
    subscription_of,
)
from concord_sandbox.hubspot.errors import bad_request
from concord_sandbox.hubspot.targets import Routes, Target

_REQUIRED = ("emailAddress", "subscriptionId")


def statuses(call: Call) -> Answer:
    address = address_of(call.at["email"])
    rows = [_shown(call, address, one) for one in call.portal.subscriptions]
    return {"recipient": address, "subscriptionStatuses": rows}, 200


def _shown(call: Call, address: str, subscription: Mapping[str, Any]) -> dict[str, Any]:
    now = status_of(call, address, subscription)
    unit_wide = (address, of_unit(subscription)) in call.crm.parts.of(Preferences).unit_wide
    source = "BRAND_WIDE_STATUS" if unit_wide else "SUBSCRIPTION_STATUS"
    shown: dict[str, Any] = {
        "id": subscription["id"],
        "name": subscription["name"],
        "description": str(subscription.get("description", "")),
        "status": "SUBSCRIBED" if now["status"] == "SUBSCRIBED" else "NOT_SUBSCRIBED",
        "sourceOfStatus": "PORTAL_WIDE_STATUS" if address in call.portal.unsubscribed else source,
    }
    if of_unit(subscription):
        shown["brandId"] = of_unit(subscription)
    return shown | {name: now[name] for name in ("legalBasis", "legalBasisExplanation") if name in now}


def _asked(call: Call) -> tuple[str, dict[str, Any], dict[str, str], str]:
    """Address, subscription type, legal basis and present status. Raises ApiError."""
    body = call.json()
    missing = [name for name in _REQUIRED if not plain_text(body, name)]
    if missing:
        raise bad_request(
            "Invalid input JSON on line 1, column 2: Cannot build PublicUpdateSubscriptionStatusRequest, some of "
            f"required attributes are not set [{', '.join(missing)}]"
        )
    address, legal = address_of(body["emailAddress"]), check_legal_basis(call, body, explained=True)
    subscription = subscription_of(call, plain_text(body, "subscriptionId"))
    call.refuse_if_told(None, address)
    return address, subscription, legal, str(status_of(call, address, subscription)["status"])


def subscribe(call: Call) -> Answer:
    address, subscription, legal, before = _asked(call)
    if before == "SUBSCRIBED":
        raise bad_request(f"{address} is already subscribed to subscription {subscription['id']}")
    if before == "UNSUBSCRIBED":
        raise bad_request(
            f"{address} has unsubscribed from subscription {subscription['id']} and cannot be resubscribed"
        )
    change(call, address, subscription, "SUBSCRIBED", legal)
    return _shown(call, address, subscription), 200


def resubscribe(call: Call) -> Answer:
    address, subscription, legal, before = _asked(call)
    if before != "UNSUBSCRIBED":
        raise bad_request(f"{address} has not unsubscribed from subscription {subscription['id']}")
    change(call, address, subscription, "SUBSCRIBED", legal)
    return _shown(call, address, subscription), 200


def unsubscribe(call: Call) -> Answer:
    address, subscription, legal, before = _asked(call)
    if before == "UNSUBSCRIBED":
        raise bad_request(f"{address} is already unsubscribed from subscription {subscription['id']}")
    change(call, address, subscription, "UNSUBSCRIBED", legal)
    return _shown(call, address, subscription), 200


_AREA = "communication-preferences"
ROUTES: Routes = (
    ("GET", _AREA, "status/email/{email}", Target(statuses, scopes=READ)),
    ("POST", _AREA, "subscribe", Target(subscribe, scopes=WRITE)),
    ("POST", _AREA, "resubscribe", Target(resubscribe, scopes=WRITE)),
    ("POST", _AREA, "unsubscribe", Target(unsubscribe, scopes=WRITE)),
)
