"""Sequences: which there are, who is enrolled, and what ends an enrolment (API reference section 14).

The key `sequences` of the world:

    {"sequences": [{"id": "7", "name", "userId", "folderId"?, "createdAt"?, "updatedAt"?, "settings"?: {…},
                    "dependencies"?: […], "steps": [{"actionType": "EMAIL" | "TASK" | "FINISH_ENROLLMENT",
                    "delayMillis", "templateId"?, "taskPattern"?: {…}, …}]}],
     "mailboxes": [{"userId", "email", "aliases"?: […], "daily_limit"?: 1000}],
     "enrollments": [{"id", "contactId", "sequenceId", "senderEmail", "enrolledAt", "enrolledBy", "toEmail",
                      "updatedAt"?, "endedAt"?, "ended"?: why}]}

Nothing un-enrols through the API. What ends an enrolment: an opt-out of the address (from everything, or from the type
of one-to-one mail), an address that bounced, the contact's deletion, an answer or a booked meeting (control verbs), a
workflow (workflows.py), and the end of the steps. Where a sequence's `sellingStrategy` is ACCOUNT_BASED an answer or a
meeting ends it for every contact of the same company. The contact's properties follow (`hs_sequences_…`,
`hs_latest_sequence_…`). Nothing is ever sent: steps only take their time.

Control verbs: `POST sequences/reply` and `POST sequences/meeting`, both {"contactId": "101"}; `GET sequences`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

from concord_sandbox.hubspot.crm import CALCULATED, Crm, Event
from concord_sandbox.hubspot.errors import ApiError
from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.models import Record
from concord_sandbox.hubspot.values import epoch_ms, iso
from concord_sandbox.parts import Part
from concord_sandbox.service import ControlError

DAILY_LIMIT = 1_000
_DAY = 86_400_000
OPTED_OUT, BOUNCED, DELETED, REPLIED, MET, BY_WORKFLOW, FINISHED = (
    "OPTED_OUT", "BOUNCED", "CONTACT_DELETED", "REPLIED", "MEETING_BOOKED", "WORKFLOW", "FINISHED",
)  # fmt: skip
_ACTIONS = ("EMAIL", "TASK", "FINISH_ENROLLMENT")
_BOUNCE_NAMES = ("hs_email_hard_bounce_reason", "hs_email_quarantined")


@dataclass
class Enrollment:
    """One enrolment. Times are epoch ms; ended: when and why it ended."""

    id: int
    contact_id: int
    sequence_id: str
    sender: str
    user_id: str
    to_email: str
    enrolled_at: int
    updated_at: int
    ended_at: int | None = None
    ended: str = ""


class Sequences(Part[Crm]):
    """The sequences of one account."""

    section = "sequences"
    verbs: ClassVar[Mapping[str, str]] = {
        "POST sequences/reply": "reply",
        "POST sequences/meeting": "meeting",
        "GET sequences": "shown",
    }

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        given = given or {}
        unknown = given.keys() - {"sequences", "mailboxes", "enrollments"}
        if unknown:
            raise ValueError(f"unknown keys in sequences: {', '.join(sorted(unknown))}")
        self.by_id: dict[str, dict[str, Any]] = {}
        self.mailboxes = [
            {**deepcopy(box), "userId": str(box["userId"]), "email": str(box["email"]).strip().lower()}
            for box in given.get("mailboxes", [])
        ]
        self.enrollments: dict[int, Enrollment] = {}
        self._active: dict[int, int] = {}
        self._ending: deque[tuple[int, str]] = deque()
        for row in given.get("sequences", []):
            made = self._sequence(row)
            self.by_id[made["id"]] = made
        for row in given.get("enrollments", []):
            self._load(row)
        owner.listeners.append(self.hear)

    # Worlds.

    def _sequence(self, row: dict[str, Any]) -> dict[str, Any]:
        now = iso(self.owner.clock.epoch_ms())
        created = str(row.get("createdAt", now))
        times = {"createdAt": created, "updatedAt": str(row.get("updatedAt", created))}
        made: dict[str, Any] = {
            **deepcopy(row),
            "id": str(row["id"]),
            "name": str(row["name"]),
            "userId": str(row["userId"]),
            **times,
        }
        made.setdefault("dependencies", [])
        made["steps"] = [_step(made, place, step, times) for place, step in enumerate(row.get("steps", []))]
        if "settings" in row:
            made["settings"] = _settings(made, row["settings"], times)
        return made

    def _load(self, row: dict[str, Any]) -> None:
        enrolled = _ms(row["enrolledAt"])
        one = Enrollment(
            id=int(row["id"]),
            contact_id=int(row["contactId"]),
            sequence_id=str(row["sequenceId"]),
            sender=str(row["senderEmail"]).lower(),
            user_id=str(row["enrolledBy"]),
            to_email=str(row["toEmail"]).lower(),
            enrolled_at=enrolled,
            updated_at=_ms(row.get("updatedAt", enrolled)),
            ended_at=_ms(row["endedAt"]) if "endedAt" in row else None,
            ended=str(row.get("ended", "")),
        )
        if one.sequence_id not in self.by_id:
            raise ValueError(f"the enrolment {one.id} names no sequence of this world")
        self.enrollments[one.id] = one
        if one.ended_at is None:
            self._active[one.contact_id] = one.id

    def save(self) -> Any:
        rows = [self._saved(one) for one in self.enrollments.values()]
        saved = {"sequences": list(self.by_id.values()), "mailboxes": self.mailboxes, "enrollments": rows}
        return deepcopy({name: value for name, value in saved.items() if value}) or None

    def _saved(self, one: Enrollment) -> dict[str, Any]:
        saved = {
            "id": str(one.id),
            "contactId": str(one.contact_id),
            "sequenceId": one.sequence_id,
            "senderEmail": one.sender,
            "enrolledBy": one.user_id,
            "toEmail": one.to_email,
            "enrolledAt": iso(one.enrolled_at),
            "updatedAt": iso(one.updated_at),
        }
        if one.ended_at is not None:
            saved |= {"endedAt": iso(one.ended_at), "ended": one.ended}
        return saved

    # Enrolling.

    def active(self, contact_id: int) -> Enrollment | None:
        """The enrolment that a contact is in now; a contact is in one sequence at a time."""
        number = self._active.get(contact_id)
        return self.enrollments[number] if number is not None else None

    def enrolled_today(self, sender: str) -> int:
        """How many contacts a mailbox enrolled in the last 24 hours."""
        since = self.owner.clock.epoch_ms() - _DAY
        return sum(one.sender == sender and one.enrolled_at > since for one in self.enrollments.values())

    def may_be_mailed(self, address: str) -> bool:
        """Whether an address takes one-to-one mail."""
        portal = self.owner.portal
        return address not in portal.unsubscribed and not any(
            portal.statuses.get((address, number), {}).get("status") == "UNSUBSCRIBED" for number in self._one_to_one()
        )

    def _one_to_one(self) -> list[str]:
        types = self.owner.portal.subscriptions
        return [one["id"] for one in types if one["name"].lower() == "one to one" or one.get("isInternal")]

    def enroll(self, contact: Record, sequence_id: str, sender: str, user_id: str) -> Enrollment:
        """Enrol a contact that was checked."""
        now = self.owner.clock.epoch_ms()
        one = Enrollment(
            self.owner.portal.new_id(), contact.id, sequence_id, sender, user_id, contact.values["email"], now, now
        )
        self.enrollments[one.id] = one
        self._active[contact.id] = one.id
        table = self.owner.portal.require_table("contacts")
        count = sum(other.contact_id == contact.id for other in self.enrollments.values())
        shown = {
            "hs_sequences_is_enrolled": "true",
            "hs_sequences_enrolled_count": str(count),
            "hs_sequences_actively_enrolled_count": "1",
            "hs_latest_sequence_enrolled": sequence_id,
            "hs_latest_sequence_enrolled_date": iso(now),
        }
        self.owner.update(table, contact, shown, CALCULATED)
        self.owner.portal.controls.ring()
        return one

    def unenroll(self, contact_id: int, why: str) -> bool:
        """End the enrolment of a contact; whether there was one."""
        number = self._active.pop(contact_id, None)
        if number is None:
            return False
        one, now = self.enrollments[number], self.owner.clock.epoch_ms()
        one.ended_at, one.updated_at, one.ended = now, now, why
        table = self.owner.portal.require_table("contacts")
        contact = table.live.get(contact_id)
        if contact is not None:
            how = "finished" if why == FINISHED else "unenrolled"
            shown = {
                "hs_sequences_is_enrolled": "false",
                "hs_sequences_actively_enrolled_count": "0",
                "hs_latest_sequence_ended_date": iso(now),
                f"hs_latest_sequence_{how}_date": iso(now),
            }
            self.owner.update(table, contact, shown, CALCULATED)
        return True

    # What ends an enrolment by itself.

    def hear(self, event: Event) -> None:
        """Note what ends an enrolment; it is carried out by `tick`, after all others have heard of the event."""
        if event.plural != "contacts" or not self._active:
            return
        if event.verb == "merge":
            self._follow_merge(event)
        elif event.record_id not in self._active:
            return
        elif event.verb in ("deletion", "privacyDeletion"):
            self._end_soon(event.record_id, DELETED)
        elif event.verb == "propertyChange":
            name, value = event.fields["propertyName"], event.fields["propertyValue"]
            opt_outs = {"hs_email_optout", *(f"hs_email_optout_{number}" for number in self._one_to_one())}
            if name in opt_outs and value == "true":
                self._end_soon(event.record_id, OPTED_OUT)
            elif name in _BOUNCE_NAMES and value not in ("", "false"):
                self._end_soon(event.record_id, BOUNCED)

    def _end_soon(self, contact_id: int, why: str) -> None:
        self._ending.append((contact_id, why))
        self.owner.portal.controls.ring()

    def _follow_merge(self, event: Event) -> None:
        """The survivor takes over an enrolment of the primary, else of the other; a second one ends."""
        old = [int(event.fields["primaryObjectId"]), *(int(one) for one in event.fields["mergedObjectIds"])]
        held = [self._active.pop(number) for number in old if number in self._active]
        for place, number in enumerate(held):
            one = self.enrollments[number]
            one.contact_id = event.record_id
            if place == 0:
                self._active[event.record_id] = number
            else:
                one.ended_at, one.ended = event.at, DELETED

    def settle(self) -> None:
        """Carry out what ends enrolments."""
        while self._ending:
            self.unenroll(*self._ending.popleft())
        now = self.owner.clock.epoch_ms()
        for contact_id in list(self._active):
            at = self._finishes(contact_id)
            if at is not None and at <= now:
                self.unenroll(contact_id, FINISHED)

    def _finishes(self, contact_id: int) -> int | None:
        """When the steps are through; None for a sequence whose steps do not say that they finish it."""
        one = self.enrollments[self._active[contact_id]]
        steps = self.by_id[one.sequence_id]["steps"]
        if not steps or steps[-1]["actionType"] != "FINISH_ENROLLMENT":
            return None
        return one.enrolled_at + sum(int(step["delayMillis"]) for step in steps)

    def tick(self) -> float | None:
        self.settle()
        moments = [at for contact_id in self._active if (at := self._finishes(contact_id)) is not None]
        if not moments:
            return None
        return max(0.0, (min(moments) - self.owner.clock.epoch_ms()) / 1000)

    # Control verbs.

    def reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"contactId": "101"}: the contact answers a mail of a sequence, which ends its enrolment."""
        return self._answered(asked, REPLIED)

    def meeting(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"contactId": "101"}: the contact books a meeting, which ends its enrolment."""
        return self._answered(asked, MET)

    def _answered(self, asked: dict[str, Any], why: str) -> dict[str, Any]:
        """{"unenrolled": ids of the contacts whose enrolment that ended}."""
        table = self.owner.portal.require_table("contacts")
        contact = table.find(str(asked["contactId"]))
        if contact is None:
            raise ControlError(f"HubSpot has no contact {asked['contactId']!r}")
        one = self.active(contact.id)
        concerned = [contact.id]
        if one is not None and self._account_based(one):
            companies = self.owner.portal.links.of(End("contacts", contact.id), "companies")
            for company in companies:
                concerned += self.owner.portal.links.of(End("companies", company), "contacts")
        ended = [
            number for number in dict.fromkeys(concerned) if self._same(number, one) and self.unenroll(number, why)
        ]
        return {"unenrolled": [str(number) for number in ended]}

    def _same(self, contact_id: int, one: Enrollment | None) -> bool:
        other = self.active(contact_id)
        return one is not None and other is not None and other.sequence_id == one.sequence_id

    def _account_based(self, one: Enrollment) -> bool:
        settings = self.by_id[one.sequence_id].get("settings", {})
        return bool(settings.get("sellingStrategy") == "ACCOUNT_BASED")

    def shown(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"enrollments": every enrolment, with when and why it ended}; `contactId`: of one contact."""
        self.settle()
        wanted = str(asked.get("contactId", ""))
        rows = [self._saved(one) for one in self.enrollments.values() if wanted in ("", str(one.contact_id))]
        return {"enrollments": rows}


def _step(sequence: dict[str, Any], place: int, step: dict[str, Any], times: dict[str, str]) -> dict[str, Any]:
    """A step as the API shows it."""
    kind = str(step.get("actionType", "EMAIL"))
    if kind not in _ACTIONS:
        raise ValueError(f"{kind!r} is no action of a sequence's step")
    number = f"{sequence['id']}{place + 1:03d}"
    shown: dict[str, Any] = {
        "id": str(step.get("id", number)),
        "actionType": kind,
        "stepOrder": int(step.get("stepOrder", place)),
        "delayMillis": int(step.get("delayMillis", 0)),
        **times,
    }
    if kind == "EMAIL":
        pattern = {"id": f"{number}1", "templateId": str(step.get("templateId", number)), **times}
        shown["emailPattern"] = {**pattern, **deepcopy(step.get("emailPattern", {}))}
    elif kind == "TASK":
        task = {"id": f"{number}2", "taskType": "TODO", "taskPriority": "NONE", **times}
        shown["taskPattern"] = {**task, **deepcopy(step.get("taskPattern", {}))}
    return shown


def _settings(sequence: dict[str, Any], given: dict[str, Any], times: dict[str, str]) -> dict[str, Any]:
    return {
        "id": f"{sequence['id']}9",
        "eligibleFollowUpDays": "BUSINESS_DAYS",
        "individualTaskRemindersEnabled": False,
        "sellingStrategy": "LEAD_BASED",
        "sendWindowStartMinute": 480,
        "sendWindowEndMinute": 1080,
        "taskReminderMinute": 480,
        **times,
        **deepcopy(given),
    }


def _ms(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    return epoch_ms(str(given))


def refusal(message: str, kind: str, **context: str) -> ApiError:
    """400 for a contact that cannot be enrolled; the vendor documents neither words nor sub-categories."""
    return ApiError(
        400, "VALIDATION_ERROR", message, context={name: [value] for name, value in context.items()},
        sub_category=f"SequenceEnrollmentError.{kind}",
    )  # fmt: skip
