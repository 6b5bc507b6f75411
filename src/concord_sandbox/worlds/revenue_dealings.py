"""Cases, subscriptions, campaigns, activities and field history of the world `revenue` as Salesforce has them.

Wire values by field name, made when they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from concord_sandbox.worlds.revenue_cast import MQL, Cast
from concord_sandbox.worlds.revenue_org import QUEUE_ID, stamps
from concord_sandbox.worlds.revenue_plans import CALL, CAMPAIGNS, EMAIL, MEETING, TASK, Activity, Plans
from concord_sandbox.worlds.rows import Made, made_of
from concord_sandbox.worlds.schema import BASE, INTEGRATION_USER_ID, salesforce_time

Row = dict[str, Any]
_LONG_AGO = stamps(salesforce_time(BASE - timedelta(days=400)))


class SalesforceDealings:
    """The lists of those records."""

    def __init__(self, cast: Cast, plans: Plans) -> None:
        self._cast, self._plans = cast, plans

    def records(self) -> dict[str, Sequence[Row]]:
        """The records by object."""
        plans, firms = self._plans, self._cast.firms
        tasks = sorted(number for kind in (CALL, EMAIL, TASK) for number in plans.activities[kind])
        return {
            "Campaign": self._campaigns(),
            "CampaignMemberStatus": self._member_statuses(),
            "CampaignMember": made_of(plans.members(), self._member),
            "Case": Made(firms, self._case),
            "Subscription__c": Made(len(plans.customers), self._subscription),
            "Task": made_of(tasks, self._task),
            "Event": made_of(plans.activities[MEETING], self._event),
            "EmailMessage": made_of(plans.activities[EMAIL], self._email),
            "EmailMessageRelation": made_of(plans.activities[EMAIL], self._email_relation),
        }

    def history(self) -> Sequence[Row]:
        """The rows of field history: who became an MQL, where an opportunity was before, what was paused."""
        plans = self._plans
        subscriptions = range(len(plans.customers))
        paused = [one for one in subscriptions if plans.subscription(one).status != "Active"]
        mqls = [number for number in plans.salesforce_leads if self._cast.person(number).slot == MQL]
        moved = [number for number in plans.opportunities if self._cast.deal(number).stage > 0]
        kinds = (mqls, self._became_mql), (moved, self._moved), (paused, self._ended)
        places = [(make, number) for numbers, make in kinds for number in numbers]
        return Made(len(places), lambda place: places[place][0](places[place][1]))

    def _became_mql(self, number: int) -> Row:
        one = self._cast.person(number)
        values = {"Field": "Status", "OldValue": "Open - Not Contacted", "NewValue": "MQL"}
        at = salesforce_time(one.created)
        return {"object": "LeadHistory", "LeadId": one.lead_id, **values, "CreatedDate": at,
                "CreatedById": INTEGRATION_USER_ID}  # fmt: skip

    def _moved(self, number: int) -> Row:
        one = self._cast.deal(number)
        values = {"Field": "StageName", "OldValue": one.stages_before[0], "NewValue": one.stages[0]}
        made = {"object": "OpportunityFieldHistory", "OpportunityId": one.opportunity_id, **values}
        return {**made, "CreatedDate": salesforce_time(one.moved), "CreatedById": one.firm.owner.user_id}

    def _ended(self, place: int) -> Row:
        one = self._plans.subscription(place)
        made = {"object": "Subscription__History", "ParentId": self._cast.sf_id("a0S", place), "Field": "Status__c"}
        made |= {"OldValue": "Active", "NewValue": one.status, "CreatedById": one.firm.owner.user_id}
        return {**made, "CreatedDate": salesforce_time(datetime.combine(one.starts, BASE.timetz()))}

    # Service, subscriptions, campaigns

    def _case(self, firm: int) -> Row:
        one, buyer = self._plans.request(firm), self._cast.buyer(firm)
        made = salesforce_time(one.created)
        closed = salesforce_time(one.closed) if one.closed else None
        return {
            "Id": self._cast.sf_id("500", firm),
            "CaseNumber": one.case_number,
            "ContactId": buyer.contact_id,
            "AccountId": one.firm.account_id,
            "Subject": one.subject,
            "Status": one.stages[0],
            "Priority": one.priority,
            "Origin": ("Email", "Phone", "Web")[firm % 3],
            "IsEscalated": one.stages[0] == "Escalated",
            "ClosedDate": closed,
            "CurrencyIsoCode": one.firm.place.currency,
            "OwnerId": QUEUE_ID if one.stages[0] == "New" else one.firm.owner.user_id,
            **stamps(made, closed),
        }

    def _subscription(self, place: int) -> Row:
        one = self._plans.subscription(place)
        made = salesforce_time(datetime.combine(one.starts, BASE.timetz()))
        return {
            "Id": self._cast.sf_id("a0S", place),
            "Name": one.code,
            "Subscription_Number__c": one.code,
            "Contact__c": self._cast.buyer(one.firm.number).contact_id,
            "Account__c": one.firm.account_id,
            "Plan__c": one.plan,
            "Status__c": one.status,
            "Seats__c": one.seats,
            "Price_Per_Seat__c": one.price,
            "Starts_On__c": one.starts.isoformat(),
            "CurrencyIsoCode": one.firm.place.currency,
            **stamps(made, by=one.firm.owner.user_id),
        }

    def _campaigns(self) -> list[Row]:
        return [
            {
                "Id": self._cast.sf_id("701", one.number),
                "Name": one.name,
                "Type": one.kind,
                "Status": "Completed" if one.number else "In Progress",
                "IsActive": True,
                "StartDate": one.starts.isoformat(),
                "ParentId": self._cast.sf_id("701", one.parent) if one.parent is not None else None,
                "BudgetedCost": 2_500.0 * (one.number + 1),
                "CurrencyIsoCode": "EUR",
                **_LONG_AGO,
            }
            for one in CAMPAIGNS
        ]

    def _member_statuses(self) -> list[Row]:
        return [
            {
                "Id": self._cast.sf_id("01Y", 10 * one.number + place),
                "CampaignId": self._cast.sf_id("701", one.number),
                "Label": label,
                "SortOrder": place + 1,
                "IsDefault": place == 0,
                "HasResponded": responded,
                **_LONG_AGO,
            }
            for one in CAMPAIGNS
            for place, (label, responded) in enumerate(one.statuses)
        ]

    def _member(self, number: int) -> Row:
        one = self._cast.person(number)
        campaign, label, responded = self._plans.campaign_of(one)
        return {
            "Id": self._cast.sf_id("00v", number),
            "CampaignId": self._cast.sf_id("701", campaign.number),
            f"{one.sf_object}Id": one.sf_id,
            "Status": label,
            "FirstRespondedDate": campaign.starts.isoformat() if responded else None,
            "CurrencyIsoCode": one.firm.place.currency,
            **stamps(salesforce_time(datetime.combine(campaign.starts, BASE.timetz()))),
        }

    # Activities

    def _about(self, one: Activity) -> str | None:
        return self._cast.deal(one.about).opportunity_id if one.about is not None else None

    def _task(self, number: int) -> Row:
        one = self._plans.activity(number)
        calling = {"CallType": "Outbound", "CallDurationInSeconds": 60 + number % 900, "Type": "Call"}
        at = salesforce_time(one.at)
        return {
            "Id": self._cast.sf_id("00T", number),
            "Subject": f"Email: {one.subject}" if one.kind == EMAIL else one.subject,
            "WhoId": one.person.sf_id,
            "WhatId": self._about(one),
            "ActivityDate": one.at.date().isoformat(),
            "Status": "Completed" if one.done else "Not Started",
            "Priority": "High" if number % 7 == 0 else "Normal",
            "TaskSubtype": {CALL: "Call", EMAIL: "Email"}.get(one.kind, "Task"),
            "CompletedDateTime": at if one.done else None,
            **(calling if one.kind == CALL else {}),
            "CurrencyIsoCode": one.person.firm.place.currency,
            "OwnerId": one.person.owner.user_id,
            **stamps(at, by=one.person.owner.user_id),
        }

    def _event(self, number: int) -> Row:
        one = self._plans.activity(number)
        return {
            "Id": self._cast.sf_id("00U", number),
            "Subject": one.subject,
            "WhoId": one.person.sf_id,
            "WhatId": self._about(one),
            "StartDateTime": salesforce_time(one.at),
            "DurationInMinutes": 45,
            "Location": one.person.firm.place.city,
            "Type": "Meeting",
            "ShowAs": "Busy",
            "CurrencyIsoCode": one.person.firm.place.currency,
            "OwnerId": one.person.owner.user_id,
            **stamps(salesforce_time(one.at - timedelta(days=2)), by=one.person.owner.user_id),
        }

    def _email(self, number: int) -> Row:
        one = self._plans.activity(number)
        at = salesforce_time(one.at)
        return {
            "Id": self._cast.sf_id("02s", number),
            "ActivityId": self._cast.sf_id("00T", number),
            "RelatedToId": self._about(one),
            "Subject": one.subject,
            "TextBody": f"Dear {one.person.given},\n\nhere is what you asked for.\n",
            "FromAddress": one.person.owner.hubspot_email,
            "ToAddress": one.person.email,
            "Status": "3",
            "MessageDate": at,
            **stamps(at, by=one.person.owner.user_id),
        }

    def _email_relation(self, number: int) -> Row:
        one = self._plans.activity(number)
        return {
            "Id": self._cast.sf_id("0l5", number),
            "EmailMessageId": self._cast.sf_id("02s", number),
            "RelationId": one.person.sf_id,
            "RelationType": "ToAddress",
            "RelationObjectType": one.person.sf_object,
            "RelationAddress": one.person.email,
            **stamps(salesforce_time(one.at)),
        }
