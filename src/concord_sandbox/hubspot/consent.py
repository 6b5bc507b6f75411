"""Communication preferences: what an address may be sent (API reference section 13).

State belongs to the address; contacts only show it (`Crm.show_consent`).
"""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot.calls import Call, plain_text
from concord_sandbox.hubspot.errors import bad_request, no_such_thing
from concord_sandbox.hubspot.targets import Routes
from concord_sandbox.hubspot.values import iso

Answer = tuple[Any, int]
_STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
_LEGAL_BASES = (
    "LEGITIMATE_INTEREST_PQL", "LEGITIMATE_INTEREST_CLIENT", "PERFORMANCE_OF_CONTRACT", "CONSENT_WITH_NOTICE",
    "NON_GDPR", "PROCESS_AND_STORE", "LEGITIMATE_INTEREST_OTHER",
)  # fmt: skip


def _action(call: Call, results: list[dict[str, Any]]) -> Answer:
    now = iso(call.now)
    return {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}, 200


def _address(call: Call) -> str:
    address = call.at["email"].strip().lower()
    if "@" not in address:
        raise bad_request(f"{address[:80]} is not an e-mail address", subscriberIdString=address[:80])
    return address


def _check_channel(given: str) -> None:
    if given != "EMAIL":
        raise bad_request("The channel must be EMAIL", channel=given[:40])


def definitions(call: Call) -> Answer:
    rows = [
        {
            "description": "",
            "purpose": "Marketing",
            "communicationMethod": "Email",
            "isActive": True,
            "isDefault": True,
            "isInternal": False,
            "createdAt": iso(0),
            "updatedAt": iso(0),
            **one,
        }
        for one in call.portal.subscriptions
    ]
    return _action(call, rows)


def statuses(call: Call) -> Answer:
    address = _address(call)
    _check_channel(call.text("channel"))
    return _action(call, [_status(call, address, one) for one in call.portal.subscriptions])


def _status(call: Call, address: str, subscription: dict[str, Any]) -> dict[str, Any]:
    stored = call.portal.statuses.get((address, subscription["id"]))
    out_at = call.portal.unsubscribed.get(address)
    row: dict[str, Any] = {
        "channel": "EMAIL",
        "subscriberIdString": address,
        "subscriptionId": int(subscription["id"]) if subscription["id"].isdigit() else 0,
        "subscriptionName": subscription["name"],
        "source": "API",
        "status": "NOT_SPECIFIED",
        "timestamp": iso(0),
    }
    if stored is not None:
        row |= {**stored, "timestamp": iso(stored["timestamp"])}
    if out_at is not None:
        row |= {"status": "UNSUBSCRIBED", "timestamp": iso(out_at), "source": "Unsubscribed from all"}
    return row


def set_status(call: Call) -> Answer:
    address, body = _address(call), call.json()
    _check_channel(plain_text(body, "channel"))
    wanted = plain_text(body, "statusState")
    if wanted not in _STATES:
        raise bad_request(f"statusState must be one of {', '.join(_STATES)}", statusState=wanted[:40])
    basis = plain_text(body, "legalBasis")
    if basis and basis not in _LEGAL_BASES:
        raise bad_request(f"legalBasis must be one of {', '.join(_LEGAL_BASES)}", legalBasis=basis[:60])
    asked = plain_text(body, "subscriptionId")
    subscription = next((one for one in call.portal.subscriptions if one["id"] == asked), None)
    if subscription is None:
        raise no_such_thing(f"There is no subscription type with the id {asked[:20]}")
    before = _status(call, address, subscription)["status"]
    reason = _reason(call, address, before, wanted)
    if reason != "NO_STATUS_CHANGE":
        stored: dict[str, Any] = {"status": wanted, "timestamp": call.now, "source": "API"}
        if basis:
            stored["legalBasis"] = basis
        if plain_text(body, "legalBasisExplanation"):
            stored["legalBasisExplanation"] = plain_text(body, "legalBasisExplanation")
        call.portal.statuses[address, asked] = stored
        if not (wanted == "SUBSCRIBED" and call.crm.set_opt_out(address, False, call.by)):
            call.crm.show_consent(address, call.by)
    return {**_status(call, address, subscription), "setStatusSuccessReason": reason}, 200


def _reason(call: Call, address: str, before: str, wanted: str) -> str:
    if before == wanted:
        return "NO_STATUS_CHANGE"
    if wanted == "SUBSCRIBED" and before == "UNSUBSCRIBED":
        return "RESUBSCRIBE_OCCURRED"
    if address in call.portal.unsubscribed:
        return "NO_STATUS_CHANGE"  # opted out of everything: only a subscription takes that back
    return "REQUESTED_CHANGE_OCCURRED"


def unsubscribed_from_all(call: Call) -> Answer:
    address = _address(call)
    _check_channel(call.text("channel"))
    at = call.portal.unsubscribed.get(address)
    if at is None:
        return _action(call, [])
    row = {
        "channel": "EMAIL",
        "subscriberIdString": address,
        "wideStatusType": "PORTAL_WIDE",
        "status": "UNSUBSCRIBED",
        "timestamp": iso(at),
    }
    return _action(call, [row])


def unsubscribe_from_all(call: Call) -> Answer:
    address = _address(call)
    _check_channel(call.text("channel"))
    changed = call.crm.set_opt_out(address, True, call.by)
    if not call.flag("verbose"):
        return _action(call, [])
    reason = "UNSUBSCRIBE_FROM_ALL_OCCURRED" if changed else "NO_STATUS_CHANGE"
    rows = [{**_status(call, address, one), "setStatusSuccessReason": reason} for one in call.portal.subscriptions]
    return _action(call, rows)


ROUTES: Routes = ()
