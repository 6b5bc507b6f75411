"""Communication preferences: what an address may be sent (API reference section 13).

State belongs to the address: it is there without a contact and outlives one. Contacts only show it
(`Crm.show_consent`), in read-only properties.

The key `preferences` of the world, beside `unsubscribed`, `subscriptions`, `statuses` and `data_privacy` (models.py):

    {"business_units": [{"id": 7, "name": "Outdoor", "unsubscribed": {"ann@example.com": time}}],
     "sources": {"ann@example.com": "Public status API, App ID:1"}}

A subscription type belongs to the business unit that its `businessUnitId` names, by default to the account's own, 0.
`sources`: how an address came to be opted out of everything, where it was not by its own link. The calls on one
address are here, those on many and the older ones in `consent_batches.py` and `consent_older.py`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from concord_sandbox.hubspot.calls import Call, plain_text
from concord_sandbox.hubspot.crm import Crm, Event
from concord_sandbox.hubspot.errors import bad_request, no_such_thing
from concord_sandbox.hubspot.models import Actor
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import epoch_ms, iso
from concord_sandbox.parts import Part

Answer = tuple[Any, int]
READ = ("communication_preferences.read", "communication_preferences.read_write")
WRITE = ("communication_preferences.write", "communication_preferences.read_write")
_STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
_LEGAL_BASES = (
    "LEGITIMATE_INTEREST_PQL", "LEGITIMATE_INTEREST_CLIENT", "PERFORMANCE_OF_CONTRACT", "CONSENT_WITH_NOTICE",
    "NON_GDPR", "PROCESS_AND_STORE", "LEGITIMATE_INTEREST_OTHER",
)  # fmt: skip
_ACCOUNT_UNIT = 0
_BY_LINK = "Unsubscribed from all"


class Preferences(Part[Crm]):
    """Opt-outs of business units, and where opt-outs came from."""

    section = "preferences"

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        given = given or {}
        unknown = given.keys() - {"business_units", "sources"}
        if unknown:
            raise ValueError(f"unknown keys in preferences: {', '.join(sorted(unknown))}")
        self.units: dict[int, str] = {_ACCOUNT_UNIT: ""}
        #: (address, business unit) -> since when it is opted out of all that the unit sends, in epoch ms.
        self.unit_wide: dict[tuple[str, int], int] = {}
        self.sources: dict[str, str] = {str(key): str(value) for key, value in given.get("sources", {}).items()}
        for row in given.get("business_units", []):
            unit = int(row["id"])
            self.units[unit] = str(row.get("name", ""))
            for address, at in row.get("unsubscribed", {}).items():
                self.unit_wide[str(address).strip().lower(), unit] = at if isinstance(at, int) else epoch_ms(at)
        self._show_all()
        owner.listeners.append(self.hear)

    def save(self) -> Any:
        rows = [
            {
                "id": unit,
                "name": name,
                "unsubscribed": {address: iso(at) for (address, of), at in self.unit_wide.items() if of == unit},
            }
            for unit, name in self.units.items()
            if unit != _ACCOUNT_UNIT or any(of == unit for _, of in self.unit_wide)
        ]
        saved = {"business_units": rows, "sources": dict(self.sources)}
        return {name: value for name, value in saved.items() if value} or None

    def _show_all(self) -> None:
        """A world's contacts show what the statuses of their addresses are, since when they are so."""
        table = self.owner.portal.require_table("contacts")
        for (address, subscription), status in self.owner.portal.statuses.items():
            contact = table.find_by("email", address)
            name = f"hs_email_optout_{subscription}"
            shown = contact is not None and contact.values.get("email") == address and name not in contact.values
            if contact is not None and shown and status.get("status") == "UNSUBSCRIBED" and name in table.definitions:
                contact.write(name, "true", int(status["timestamp"]), Actor("EMAIL"))

    def hear(self, event: Event) -> None:
        """An address that may be mailed again has no reason any more for having been opted out."""
        if self.sources and event.verb == "propertyChange" and event.fields["propertyName"] == "hs_email_optout":
            for address in [one for one in self.sources if one not in self.owner.portal.unsubscribed]:
                del self.sources[address]


# Reading a call.


def address_of(given: Any) -> str:
    """An e-mail address as it is kept. Raises ApiError."""
    address = given.strip().lower() if isinstance(given, str) else ""
    name, _, domain = address.rpartition("@")
    if not name or "." not in domain or any(part.isspace() for part in address):
        raise bad_request(f"Email address {str(given)[:80]} is invalid", subscriberIdString=str(given)[:80])
    return address


def check_channel(given: str) -> None:
    if not given:
        raise bad_request("Some required fields were not set: [channel]")
    if given != "EMAIL":
        raise bad_request(f"{given[:40]} is not a channel; the one that there is is EMAIL", channel=given[:40])


def unit_of(call: Call) -> int | None:
    """The business unit that a call is about; None: all. Raises ApiError for one that the account does not have."""
    given = call.text("businessUnitId")
    if not given:
        return None
    unit = whole_number(given)
    if unit is None:
        raise bad_request("businessUnitId must be a whole number", businessUnitId=given[:40])
    if unit not in call.crm.parts.of(Preferences).units:
        raise no_such_thing(f"There is no business unit with the id {unit} in this account")
    return unit


def subscription_of(call: Call, given: str) -> dict[str, Any]:
    """A subscription type of the account. Raises ApiError."""
    if not given:
        raise bad_request("Some required fields were not set: [subscriptionId]")
    found = next((one for one in call.portal.subscriptions if one["id"] == given), None)
    if found is None:
        raise no_such_thing(f"There is no subscription type with the id {given[:20]}")
    return found


def check_legal_basis(call: Call, body: Mapping[str, Any], *, explained: bool = False) -> dict[str, str]:
    """The legal basis of a change, as it is kept; an account with data privacy settings demands one, and the older
    calls an explanation, too. Raises ApiError."""
    given = {name: plain_text(dict(body), name) for name in ("legalBasis", "legalBasisExplanation")}
    basis = given["legalBasis"]
    if basis and basis not in _LEGAL_BASES:
        raise bad_request(f"legalBasis must be one of {', '.join(_LEGAL_BASES)}", legalBasis=basis[:60])
    if call.portal.settings["data_privacy"]:
        missing = [name for name in given if not given[name] and (name == "legalBasis" or explained)]
        if missing:
            raise bad_request(
                f"Data privacy settings are on in this account; required fields were not set: [{', '.join(missing)}]"
            )
    return {name: value for name, value in given.items() if value}


# What is so.


def action(call: Call, results: list[dict[str, Any]], errors: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The frame of every answer that is not of the older calls."""
    now = iso(call.now)
    shown: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        shown |= {"numErrors": len(errors), "errors": errors}
    return shown


def of_unit(subscription: Mapping[str, Any]) -> int:
    return int(subscription.get("businessUnitId", _ACCOUNT_UNIT))


def definitions_of(call: Call, unit: int | None = None) -> list[dict[str, Any]]:
    """The subscription types as the API shows them."""
    return [
        {
            "description": "",
            "purpose": "Marketing",
            "communicationMethod": "Email",
            "isActive": True,
            "isDefault": True,
            "isInternal": False,
            "businessUnitId": _ACCOUNT_UNIT,
            "createdAt": iso(0),
            "updatedAt": iso(0),
            **{name: value for name, value in one.items() if name != "subscriptionTranslations"},
        }
        for one in call.portal.subscriptions
        if unit is None or of_unit(one) == unit
    ]


def status_of(call: Call, address: str, subscription: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
    """What an address may be sent of one subscription type. reason: why a change went well."""
    stored = call.portal.statuses.get((address, subscription["id"]))
    out_at = call.portal.unsubscribed.get(address)
    row: dict[str, Any] = {
        "businessUnitId": of_unit(subscription),
        "channel": "EMAIL",
        "subscriberIdString": address,
        "subscriptionId": int(subscription["id"]) if subscription["id"].isdigit() else 0,
        "subscriptionName": subscription["name"],
        "status": "NOT_SPECIFIED",
        "source": "Not specified",
        "timestamp": iso(0),
    }
    if reason is not None:
        row["setStatusSuccessReason"] = reason
    if stored is not None:
        row |= {"source": by_app(call), **stored, "timestamp": iso(stored["timestamp"])}
    if out_at is not None:
        source = call.crm.parts.of(Preferences).sources.get(address, _BY_LINK)
        row |= {"status": "UNSUBSCRIBED", "timestamp": iso(out_at), "source": source}
    return row


def by_app(call: Call) -> str:
    """What is shown as the source of a change made through the API."""
    return f"Public status API, App ID:{call.portal.settings['app_id']}"


def statuses_of(call: Call, address: str, unit: int | None, reason: str | None = None) -> list[dict[str, Any]]:
    return [status_of(call, address, one, reason) for one in call.portal.subscriptions if unit in (None, of_unit(one))]


def wide_statuses_of(call: Call, address: str, unit: int | None) -> list[dict[str, Any]]:
    """The opt-outs of an address from everything, of the account and of business units; none: not opted out."""
    row: dict[str, Any] = {"channel": "EMAIL", "subscriberIdString": address, "status": "UNSUBSCRIBED"}
    rows = []
    at = call.portal.unsubscribed.get(address)
    if at is not None:
        rows.append({**row, "wideStatusType": "PORTAL_WIDE", "timestamp": iso(at)})
    for (whose, of), since in call.crm.parts.of(Preferences).unit_wide.items():
        if whose == address and unit in (None, of):
            rows.append({**row, "wideStatusType": "BUSINESS_UNIT_WIDE", "businessUnitId": of, "timestamp": iso(since)})
    return rows


# Changing.


def change(call: Call, address: str, subscription: Mapping[str, Any], wanted: str, legal: Mapping[str, str]) -> str:
    """Set one status; why that went well. Raises ApiError for an address that was erased for good."""
    if wanted == "SUBSCRIBED" and address in call.portal.blocked:
        raise bad_request(f"{address} was permanently deleted and cannot be subscribed.", subscriberIdString=address)
    before = status_of(call, address, subscription)["status"]
    reason = _reason(call, address, before, wanted)
    if reason == "NO_STATUS_CHANGE":
        return reason
    preferences = call.crm.parts.of(Preferences)
    if wanted == "SUBSCRIBED":
        preferences.unit_wide.pop((address, of_unit(subscription)), None)
    call.portal.statuses[address, subscription["id"]] = {
        "status": wanted, "timestamp": call.now, "source": by_app(call), **legal,
    }  # fmt: skip
    if wanted == "SUBSCRIBED" and call.crm.set_opt_out(address, False, call.by):
        preferences.sources.pop(address, None)
    else:
        call.crm.show_consent(address, call.by)
    return reason


def _reason(call: Call, address: str, before: str, wanted: str) -> str:
    if before == wanted:
        return "NO_STATUS_CHANGE"
    if wanted == "SUBSCRIBED" and before == "UNSUBSCRIBED":
        return "RESUBSCRIBE_OCCURRED"
    if address in call.portal.unsubscribed:
        return "NO_STATUS_CHANGE"  # opted out of everything: only a subscription takes that back
    return "REQUESTED_CHANGE_OCCURRED"


def opt_out(call: Call, address: str, unit: int | None) -> str:
    """Opt an address out of all that the account or one of its business units sends; why that went well."""
    preferences = call.crm.parts.of(Preferences)
    if unit is None or (unit == _ACCOUNT_UNIT and len(preferences.units) == 1):
        if not call.crm.set_opt_out(address, True, call.by):
            return "NO_STATUS_CHANGE"
        preferences.sources[address] = by_app(call)
        return "UNSUBSCRIBE_FROM_ALL_OCCURRED"
    if (address, unit) in preferences.unit_wide:
        return "NO_STATUS_CHANGE"
    preferences.unit_wide[address, unit] = call.now
    for one in call.portal.subscriptions:
        if of_unit(one) == unit:
            call.portal.statuses[address, one["id"]] = {
                "status": "UNSUBSCRIBED", "timestamp": call.now, "source": by_app(call),
            }  # fmt: skip
    call.crm.show_consent(address, call.by)
    return "UNSUBSCRIBE_FROM_ALL_OCCURRED"


# The calls.


def definitions(call: Call) -> Answer:
    rows = definitions_of(call, unit_of(call))
    if call.version == "v3":
        return {"subscriptionDefinitions": rows}, 200
    if call.flag("includeTranslations"):
        translated = {one["id"]: one.get("subscriptionTranslations", []) for one in call.portal.subscriptions}
        rows = [{**row, "subscriptionTranslations": translated[row["id"]]} for row in rows]
    return action(call, rows), 200


def statuses(call: Call) -> Answer:
    address = address_of(call.at["email"])
    check_channel(call.text("channel"))
    return action(call, statuses_of(call, address, unit_of(call))), 200


def set_status(call: Call) -> Answer:
    address = address_of(call.at["email"])
    return action(call, [write(call, address, call.json())]), 200


def write(call: Call, address: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request for a status; what is so then. Raises ApiError."""
    check_channel(plain_text(asked, "channel"))
    wanted = plain_text(asked, "statusState")
    if wanted not in _STATES:
        raise bad_request(f"statusState must be one of {', '.join(_STATES)}", statusState=wanted[:40])
    legal = check_legal_basis(call, asked)
    subscription = subscription_of(call, plain_text(asked, "subscriptionId"))
    call.refuse_if_told(None, address)
    reason = change(call, address, subscription, wanted, legal)
    return status_of(call, address, subscription, reason)


def unsubscribed_from_all(call: Call) -> Answer:
    address = address_of(call.at["email"])
    check_channel(call.text("channel"))
    return action(call, wide_statuses_of(call, address, unit_of(call))), 200


def unsubscribe_from_all(call: Call) -> Answer:
    address = address_of(call.at["email"])
    check_channel(call.text("channel"))
    unit = unit_of(call)
    call.refuse_if_told(None, address)
    reason = opt_out(call, address, unit)
    return action(call, statuses_of(call, address, unit, reason) if call.flag("verbose") else []), 200


def generate_links(call: Call) -> Answer:
    """Addresses of pages on which a person can change preferences; there is nothing behind them here."""
    check_channel(call.text("channel"))
    body, unit = call.json(), unit_of(call)
    address = address_of(body.get("subscriberIdString"))
    asked = plain_text(body, "subscriptionId")
    portal, language = call.portal.settings["portal_id"], plain_text(body, "language") or "en"
    base = f"https://hs-{portal}.s.hubspotemail.net/hs/preferences-center/{language}"
    links = {
        "subscriberIdString": address,
        "managePreferencesUrl": f"{base}/page?data={_sealed(portal, address, unit)}",
        "unsubscribeAllUrl": f"{base}/direct?data={_sealed(portal, address, unit, 'all')}",
    }
    if asked:
        own = subscription_of(call, asked)["id"]
        links["unsubscribeSingleUrl"] = f"{base}/direct?data={_sealed(portal, address, own)}"
    return links, 200


def _sealed(*parts: Any) -> str:
    """A text that stands for these parts and tells no one what they are."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


_AREA = "communication-preferences"
ROUTES: Routes = (
    ("GET", _AREA, "definitions", Target(definitions, scopes=READ)),
    ("GET", _AREA, "statuses/{email}", Target(statuses, scopes=READ)),
    ("POST", _AREA, "statuses/{email}", Target(set_status, scopes=WRITE)),
    ("GET", _AREA, "statuses/{email}/unsubscribe-all", Target(unsubscribed_from_all, scopes=READ)),
    ("POST", _AREA, "statuses/{email}/unsubscribe-all", Target(unsubscribe_from_all, scopes=WRITE)),
    ("POST", _AREA, "links/generate", Target(generate_links, scopes=WRITE)),
)
