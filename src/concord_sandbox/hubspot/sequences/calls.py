"""The calls on sequences (API reference section 14): list, read, enrol, and a contact's enrolment.

There is none that un-enrols; what does is in `sequences.py`. The user-level paths of 2026-09 (`serviceaccounts/…`)
are not emulated: they need another kind of token.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from concord_sandbox.hubspot import responses
from concord_sandbox.hubspot.calls import Call, missing, plain_text
from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.models import Record
from concord_sandbox.hubspot.sequences.sequences import DAILY_LIMIT, Enrollment, Sequences, refusal
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import iso

Answer = tuple[Any, int]
_READ, _WRITE = ("automation.sequences.read",), ("automation.sequences.enrollments.write",)
_LITE = ("id", "name", "createdAt", "updatedAt", "userId", "folderId")
_FULL = (*_LITE, "steps", "dependencies", "settings")


def _sequences(call: Call) -> Sequences:
    sequences = call.crm.parts.of(Sequences)
    sequences.settle()
    return sequences


def _user(call: Call) -> str:
    user = call.text("userId")
    if not user:
        raise bad_request("Some required query parameters were not set: [userId]")
    if whole_number(user) is None:
        raise bad_request("userId must be the id of a user", userId=user[:40])
    return user


def _shown(sequence: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: deepcopy(sequence[name]) for name in names if name in sequence}


def list_all(call: Call) -> Answer:
    """The sequences that a user may use: the account's, in the order of their ids."""
    _user(call)
    limit, name = call.limit(50, 100), call.text("name").lower()
    rows = sorted(_sequences(call).by_id.values(), key=lambda one: (len(one["id"]), one["id"]))
    found = [one for one in rows if name in one["name"].lower()]
    start = whole_number(call.text("after") or "0")
    if start is None:
        raise bad_request("after is not a cursor of this list", after=call.text("after")[:40])
    page = found[start : start + limit]
    answer: dict[str, Any] = {"total": len(found), "results": [_shown(one, _LITE) for one in page]}
    if start + limit < len(found):
        after = str(start + limit)
        answer["paging"] = responses.paging(after, f"{call.path}?after={after}&limit={limit}")
    return answer, 200


def get(call: Call) -> Answer:
    _user(call)
    return _shown(_sequence(call, call.at["sequenceId"]), _FULL), 200


def _sequence(call: Call, given: str) -> dict[str, Any]:
    found = _sequences(call).by_id.get(given)
    if found is None:
        raise no_such_thing(f"There is no sequence with the id {given[:40]}")
    return found


def enroll(call: Call) -> Answer:
    user, body = _user(call), call.json()
    asked = {name: plain_text(body, name).strip() for name in ("contactId", "sequenceId", "senderEmail")}
    unset = [name for name, value in asked.items() if not value]
    if unset:
        raise bad_request(f"Some required fields were not set: [{', '.join(unset)}]")
    _sequence(call, asked["sequenceId"])
    contact = call.portal.require_table("contacts").find(asked["contactId"])
    if contact is None:
        raise missing(call.portal.require_table("contacts"), asked["contactId"])
    call.refuse_if_told(contact)
    sender = _mailbox(call, user, asked["senderEmail"].lower(), plain_text(body, "senderAliasAddress").strip().lower())
    _check_contact(call, contact)
    one = _sequences(call).enroll(contact, asked["sequenceId"], sender, user)
    shown = _enrollment(call, one)
    return {name: shown[name] for name in ("id", "toEmail", "enrolledAt", "updatedAt")}, 200


def _mailbox(call: Call, user: str, sender: str, alias: str) -> str:
    """The address of a mailbox that the user connected and that may still enrol. Raises ApiError."""
    sequences = _sequences(call)
    box = next((one for one in sequences.mailboxes if one["email"] == sender and one["userId"] == user), None)
    if box is None:
        raise refusal(
            f"{sender} is not a connected inbox of the user {user}", "SENDER_NOT_CONNECTED", senderEmail=sender
        )
    if alias and alias not in (str(one).lower() for one in box.get("aliases", [])):
        raise refusal(f"{alias} is not an alias of {sender}", "ALIAS_NOT_CONNECTED", senderAliasAddress=alias)
    limit = int(box.get("daily_limit", DAILY_LIMIT))
    if sequences.enrolled_today(sender) >= limit:
        raise refusal(
            f"{sender} has reached its limit of {limit} enrollments a day", "DAILY_LIMIT_EXCEEDED", senderEmail=sender
        )
    return sender


def _check_contact(call: Call, contact: Record) -> None:
    sequences, own = _sequences(call), str(contact.id)
    address = contact.values.get("email", "")
    if not address:
        raise refusal(f"Contact {own} has no email address", "CONTACT_HAS_NO_EMAIL", contactId=own)
    if sequences.active(contact.id) is not None:
        raise refusal(f"Contact {own} is already enrolled in a sequence", "CONTACT_ALREADY_ENROLLED", contactId=own)
    if not sequences.may_be_mailed(address):
        raise refusal(f"{address} has unsubscribed", "CONTACT_UNSUBSCRIBED", contactId=own)
    if contact.values.get("hs_email_hard_bounce_reason") or contact.values.get("hs_email_quarantined") == "true":
        raise refusal(f"{address} has bounced", "CONTACT_BOUNCED", contactId=own)


def of_contact(call: Call) -> Answer:
    """The enrolment that a contact is in. Raises ApiError (404) for one that is in none."""
    table = call.portal.require_table("contacts")
    contact = table.find(call.at["contactId"])
    if contact is None:
        raise missing(table, call.at["contactId"])
    one = _sequences(call).active(contact.id)
    if one is None:
        raise ApiError(404, "OBJECT_NOT_FOUND", f"Contact {contact.id} is not enrolled in a sequence")
    return _enrollment(call, one), 200


def _enrollment(call: Call, one: Enrollment) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "sequenceId": one.sequence_id,
        "sequenceName": call.crm.parts.of(Sequences).by_id[one.sequence_id]["name"],
        "toEmail": one.to_email,
        "enrolledBy": one.user_id,
        "enrolledByEmail": one.sender,
        "enrolledAt": iso(one.enrolled_at),
        "updatedAt": iso(one.updated_at),
    }


ROUTES: Routes = (
    ("GET", "sequences", "", Target(list_all, scopes=_READ)),
    ("POST", "sequences", "enrollments", Target(enroll, scopes=_WRITE)),
    ("GET", "sequences", "enrollments/contact/{contactId}", Target(of_contact, scopes=_READ)),
    ("GET", "sequences", "{sequenceId}", Target(get, scopes=_READ)),
)
