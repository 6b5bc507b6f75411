"""Engagements, lists, consent and sequences of the world `revenue` as HubSpot has them. Made when they are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from concord_sandbox.worlds.revenue_cast import Cast, Person
from concord_sandbox.worlds.revenue_hubspot import link, record
from concord_sandbox.worlds.revenue_plans import (
    CALL,
    CALLS,
    CAMPAIGNS,
    EMAIL,
    EMAILS,
    ENROLMENTS,
    MEETING,
    MEETINGS,
    NOTE,
    NOTES,
    TASK,
    TASKS,
    Plans,
)
from concord_sandbox.worlds.revenue_portal import (
    CUSTOMERS,
    FIRST_CAMPAIGN,
    MQLS,
    NEWSLETTER,
    PRODUCT_NEWS,
    SUPPRESSED,
    mailboxes,
    sequences,
)
from concord_sandbox.worlds.rows import Made, made_of
from concord_sandbox.worlds.schema import BASE, hubspot_time

Row = dict[str, Any]
#: Kind of activity -> object type, the ids of its records, its association type to contacts and to deals.
_ENGAGEMENTS = {
    CALL: ("calls", CALLS, 194, 206),
    MEETING: ("meetings", MEETINGS, 200, 212),
    EMAIL: ("emails", EMAILS, 198, 210),
    NOTE: ("notes", NOTES, 202, 214),
    TASK: ("tasks", TASKS, 204, 216),
}
_LISTED_AT = hubspot_time(BASE - timedelta(days=20))


class Marketing:
    """All of it."""

    def __init__(self, cast: Cast, plans: Plans) -> None:
        self._cast, self._plans = cast, plans
        self._there = [number for number in plans.hubspot if not cast.person(number).gone]

    # Engagements

    def records(self) -> dict[str, Sequence[Row]]:
        """The engagements by object type."""
        found = self._plans.activities
        return {_ENGAGEMENTS[kind][0]: made_of(numbers, self._engagement) for kind, numbers in found.items()}

    def associations(self) -> list[Made]:
        """Each engagement with its contact, and with the deal that it is about."""
        every = [number for numbers in self._plans.activities.values() for number in numbers]
        about = [number for number in every if self._plans.activity(number).about is not None]
        return [made_of(every, self._with), made_of(about, self._about)]

    def engagement(self, number: int) -> tuple[str, str]:
        """The object type and the id of a person's engagement."""
        plural, ids, _, _ = _ENGAGEMENTS[self._plans.activity(number).kind]
        return plural, self._cast.hs_id(ids, number)

    def _engagement(self, number: int) -> Row:
        one = self._plans.activity(number)
        at = hubspot_time(one.at)
        properties = {"hs_timestamp": at, "hubspot_owner_id": one.person.owner.owner_id}
        if one.kind == CALL:
            properties |= {"hs_call_title": one.subject, "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED",
                           "hs_call_duration": str((60 + number % 900) * 1000),
                           "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7"}  # fmt: skip
        elif one.kind == MEETING:
            end = hubspot_time(one.at + timedelta(minutes=45))
            properties |= {"hs_meeting_title": one.subject, "hs_meeting_start_time": at, "hs_meeting_end_time": end,
                           "hs_meeting_location": one.person.firm.place.city,
                           "hs_meeting_outcome": "COMPLETED"}  # fmt: skip
        elif one.kind == EMAIL:
            properties |= self._mail(one.person, one.subject)
        elif one.kind == NOTE:
            properties["hs_note_body"] = f"<p>{one.person.given} asked for a call next quarter.</p>"
        else:
            state = "COMPLETED" if one.done else "NOT_STARTED"
            properties |= {"hs_task_subject": one.subject, "hs_task_status": state, "hs_task_type": "TODO",
                           "hs_task_priority": "HIGH" if number % 7 == 0 else "MEDIUM",
                           "hs_task_is_completed": str(int(one.done))}  # fmt: skip
            properties |= {"hs_task_completion_date": at} if one.done else {}
        return record(self.engagement(number)[1], properties, one.at, by=one.person.owner)

    @staticmethod
    def _mail(person: Person, subject: str) -> dict[str, str]:
        sender, to = person.owner, person.other_email or person.email
        headers = {"from": {"email": sender.hubspot_email, "firstName": sender.given, "lastName": sender.family},
                   "to": [{"email": to, "firstName": person.given, "lastName": person.family}]}  # fmt: skip
        return {
            "hs_email_subject": subject,
            "hs_email_text": f"Dear {person.given},\n\nhere is what you asked for.\n",
            "hs_email_direction": "EMAIL",
            "hs_email_status": "SENT",
            "hs_email_headers": json.dumps(headers, ensure_ascii=False),
            "hs_email_from_email": sender.hubspot_email,
            "hs_email_from_firstname": sender.given,
            "hs_email_from_lastname": sender.family,
            "hs_email_to_email": to,
        }

    def _with(self, number: int) -> Row:
        plural, record_id = self.engagement(number)
        kind = _ENGAGEMENTS[self._plans.activity(number).kind][2]
        return link(plural, record_id, "contacts", self._cast.person(number).hubspot_id, [kind])

    def _about(self, number: int) -> Row:
        plural, record_id = self.engagement(number)
        one = self._plans.activity(number)
        return link(plural, record_id, "deals", self._cast.deal(one.about or 0).hubspot_id,
                    [_ENGAGEMENTS[one.kind][3]])  # fmt: skip

    # Consent

    def consent(self) -> Row:
        """Who opted out of everything, who of what, and how: by address."""
        out = [one for one in map(self._cast.person, self._there) if one.opted_out is not None]
        told = [number for number in self._there if number % 7 in (3, 5)]
        by_api = {_address(one): "Public status API, App ID:7204411" for one in out if one.number % 2}
        unit = {_address(one): hubspot_time(one.opted_out or BASE) for one in out if one.number % 3 == 0}
        return {
            "unsubscribed": {_address(one): hubspot_time(one.opted_out or BASE) for one in out},
            "statuses": made_of(told, self._status),
            "preferences": {
                "business_units": [{"id": 7, "name": "Larkfinch Studio", "unsubscribed": unit}],
                "sources": by_api,
            },
        }

    def _status(self, number: int) -> Row:
        one, wants = self._cast.person(number), number % 7 == 5
        made = {"email": _address(one), "timestamp": hubspot_time(one.created + timedelta(days=1))}
        if wants:
            return {**made, "subscriptionId": PRODUCT_NEWS, "status": "SUBSCRIBED",
                    "legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "Ticked the box"}  # fmt: skip
        return {**made, "subscriptionId": NEWSLETTER, "status": "UNSUBSCRIBED"}

    # Lists

    def lists(self) -> list[Row]:
        """One that is kept by hand and must never be mailed, one that follows a filter, one that is a snapshot, and
        the members of each campaign."""
        people = [self._cast.person(number) for number in self._there]
        groups = {
            SUPPRESSED: [one.hubspot_id for one in people if one.opted_out is not None],
            MQLS: [one.hubspot_id for one in people if one.stage == "marketingqualifiedlead"],
            CUSTOMERS: [one.hubspot_id for one in people if one.stage == "customer"],
        }
        kept = [
            _list(SUPPRESSED, "Suppression: never mail", "MANUAL", groups[SUPPRESSED]),
            _list(MQLS, "MQLs", "DYNAMIC", groups[MQLS], "marketingqualifiedlead"),
            _list(CUSTOMERS, "Customers in October", "SNAPSHOT", groups[CUSTOMERS], "customer"),
        ]
        members = [one for one in people if one.in_both]
        for campaign in CAMPAIGNS[1:]:
            own = [one.hubspot_id for one in members if self._plans.campaign_of(one)[0] is campaign]
            kept.append(_list(FIRST_CAMPAIGN + campaign.number, f"Campaign: {campaign.name}", "MANUAL", own))
        return kept

    # Sequences

    def sequences(self) -> Row:
        found = [
            (one, now_in)
            for one in map(self._cast.person, self._there)
            if (now_in := self._plans.enrolment(one)) is not None
        ]
        return {
            "sequences": sequences(),
            "mailboxes": mailboxes(),
            "enrollments": [self._enrolment(one, now_in=now_in) for one, now_in in found],
        }

    def _enrolment(self, one: Person, *, now_in: bool) -> Row:
        start = BASE - timedelta(days=6 if now_in else 60)
        made = {
            "id": self._cast.hs_id(ENROLMENTS, one.number),
            "contactId": one.hubspot_id,
            "sequenceId": "301" if now_in else "302",
            "senderEmail": one.owner.hubspot_email,
            "enrolledBy": str(one.owner.hubspot_user_id),
            "toEmail": _address(one),
            "enrolledAt": hubspot_time(start),
        }
        if now_in:
            return made
        end = hubspot_time(start + timedelta(days=5))
        return {**made, "updatedAt": end, "endedAt": end, "ended": "REPLIED"}


def _address(one: Person) -> str:
    """The address under which HubSpot knows somebody."""
    return one.other_email or one.email


def _list(number: int, name: str, processing: str, members: list[str], stage: str | None = None) -> Row:
    made: Row = {"listId": str(number), "name": name, "objectTypeId": "0-1", "processingType": processing}
    made |= {"createdAt": _LISTED_AT, "updatedAt": _LISTED_AT, "members": members}
    if stage is not None:
        operation = {"operationType": "ENUMERATION", "operator": "IS_ANY_OF", "values": [stage]}
        only = {"filterType": "PROPERTY", "property": "lifecyclestage", "operation": operation}
        branch = {"filterBranchType": "AND", "filterBranches": [], "filters": [only]}
        made["filterBranch"] = {"filterBranchType": "OR", "filterBranches": [branch], "filters": []}
    return made
