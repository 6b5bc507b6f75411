"""People, firms, products and opportunities of the world `revenue` as Salesforce has them: wire values by field name.

Made when they are read. What follows from them (cases, activities, campaigns …) is in `revenue_dealings`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from concord_sandbox.worlds.revenue_cast import PRODUCTS, Cast, Firm, Person
from concord_sandbox.worlds.revenue_org import (
    CURRENCIES,
    LEAD_INBOUND,
    LEAD_PARTNER,
    LEFT_USER_ID,
    NEW_BUSINESS,
    QUEUE_ID,
    RENEWAL,
    stamps,
)
from concord_sandbox.worlds.revenue_plans import Plans
from concord_sandbox.worlds.rows import Made, made_of
from concord_sandbox.worlds.schema import BASE, salesforce_time

Row = dict[str, Any]
_STAGES = ("Open - Not Contacted", "Working - Contacted")
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List")
_STANDARD, _PARTNERS = 0, 1


class SalesforceRows:
    """The lists of those records."""

    def __init__(self, cast: Cast, plans: Plans) -> None:
        self._cast, self._plans = cast, plans
        self._standard_book, self._partner_book = cast.sf_id("01s", _STANDARD), cast.sf_id("01s", _PARTNERS)

    def records(self) -> dict[str, Sequence[Row]]:
        """The records by object."""
        plans, firms = self._plans, self._cast.firms
        makers = (plans.salesforce_leads, self._lead), (plans.doubled, self._lead_beside), (
            plans.converted, self._converted_lead)  # fmt: skip
        leads = [(make, number) for numbers, make in makers for number in numbers]
        return {
            "Individual": made_of([n for n in plans.contacts + plans.salesforce_leads if self._asked(n)],
                                   self._individual),
            "Account": Made(firms, lambda number: self._account(self._cast.firm(number))),
            "Contact": made_of(plans.contacts, self._contact),
            "Lead": Made(len(leads), lambda place: leads[place][0](leads[place][1])),
            "Product2": [self._product(number) for number in range(len(PRODUCTS))],
            "Pricebook2": self._books(),
            "PricebookEntry": self._entries(),
            "Opportunity": made_of(plans.opportunities, self._opportunity),
            "OpportunityLineItem": made_of([2 * deal + place for deal, place in plans.lines], self._line),
            "OpportunityContactRole": made_of([n for n in plans.opportunities if n % 3 != 2], self._role),
        }  # fmt: skip

    def _asked(self, number: int) -> bool:
        return self._cast.person(number).unwanted

    # People and firms

    def _account(self, firm: Firm) -> Row:
        made, place = salesforce_time(firm.created), firm.place
        overseas = place.code == "US"
        market = "Americas" if overseas else "DACH" if place.code == "DE" else "UK & France"
        return {
            "Id": firm.account_id,
            "Name": firm.name,
            "Type": "Customer - Direct" if firm.customer else "Prospect",
            "ParentId": None if firm.parent is None else self._cast.firm(firm.parent).account_id,
            "Website": f"https://www.{firm.domain}",
            "Phone": f"{place.phone}{firm.number % 100:02d}",
            **_address("Billing", firm),
            "NumberOfEmployees": firm.staff,
            "AnnualRevenue": firm.turnover,
            "Credit_Limit__c": 5_000.0 * (1 + firm.number % 8),
            "Region__c": "Overseas" if overseas else "Europe",
            "Market__c": market,
            "CurrencyIsoCode": place.currency,
            "OwnerId": firm.owner.user_id,
            "LastActivityDate": _day(self._plans.firm_activity(firm)),
            **stamps(made, by=firm.owner.user_id),
        }

    def _person(self, one: Person) -> Row:
        """What leads and contacts have in common."""
        shouted = one.slot == 3  # as somebody typed it from a card
        return {
            "FirstName": one.given,
            "LastName": one.family,
            "Email": one.email.replace(".", " ").title().replace(" ", ".") if shouted else one.email,
            "Phone": one.phone,
            "Title": one.title,
            "LeadSource": _SOURCES[one.number % len(_SOURCES)],
            "HasOptedOutOfEmail": one.opted_out is not None,
            "HubSpot_Lifecycle_Stage__c": one.stage,
            "Last_Contacted__c": salesforce_time(one.active_on) if one.in_both else None,
            "CurrencyIsoCode": one.firm.place.currency,
            "IndividualId": one.individual_id if one.unwanted else None,
            "OwnerId": one.owner.user_id,
            "LastActivityDate": _day(self._plans.last_activity(one)),
            **stamps(salesforce_time(one.created), salesforce_time(self._changed(one)), one.owner.user_id),
        }

    @staticmethod
    def _changed(one: Person) -> datetime:
        return max(one.created, one.opted_out or one.created)

    def _contact(self, number: int) -> Row:
        one = self._cast.person(number)
        topics = ("Search", "Websites", "Events")
        return {
            "Id": one.contact_id,
            "AccountId": one.firm.account_id,
            **self._person(one),
            **_address("Mailing", one.firm),
            "Department": "Purchasing" if one.slot == 0 else None,
            "Topics__c": ";".join(topics[: 1 + number % 3]),
        }

    def _lead(self, number: int) -> Row:
        one = self._cast.person(number)
        status = "MQL" if one.slot == 2 else _STAGES[one.firm.number % 2]
        partner = one.slot == 3 and one.firm.number % 4 == 3
        return {
            "Id": one.lead_id,
            **self._person(one),
            **self._as_lead(one.firm, status),
            "RecordTypeId": LEAD_PARTNER if partner else LEAD_INBOUND,
            "OwnerId": QUEUE_ID if number % 16 == 3 else LEFT_USER_ID if number % 32 == 6 else one.owner.user_id,
            "IsDeleted": one.gone,
        }

    @staticmethod
    def _as_lead(firm: Firm, status: str) -> Row:
        place = firm.place
        made = {"Company": firm.name, "Status": status, "City": place.city, "Country": place.country}
        return {**made, "RecordTypeId": LEAD_INBOUND, "Rating": ("Hot", "Warm", "Cold")[firm.number % 3]}

    def _lead_beside(self, number: int) -> Row:
        """The lead of a contact, made by somebody who did not look."""
        one = self._cast.person(number)
        made = salesforce_time(one.created + timedelta(days=60))
        person = {**self._person(one), "IndividualId": None, "LastActivityDate": None}
        return {"Id": one.lead_id, **person, **self._as_lead(one.firm, "Working - Contacted"), **stamps(made)}

    def _converted_lead(self, number: int) -> Row:
        """What a contact was before."""
        one, deal = self._cast.person(number), self._cast.deal(3 * (number // 8))
        at = one.created
        before = salesforce_time(at - timedelta(days=20))
        person = {**self._person(one), "IndividualId": None, "LastActivityDate": None}
        return {
            "Id": one.lead_id,
            **person,
            **self._as_lead(one.firm, "Closed - Converted"),
            **stamps(before, salesforce_time(at), one.owner.user_id),
            "IsConverted": True,
            "ConvertedDate": at.date().isoformat(),
            "ConvertedAccountId": one.firm.account_id,
            "ConvertedContactId": one.contact_id,
            "ConvertedOpportunityId": deal.opportunity_id,
        }

    def _individual(self, number: int) -> Row:
        one = self._cast.person(number)
        wish = ("HasOptedOutTracking", "HasOptedOutProfiling", "HasOptedOutSolicit")[one.firm.number % 3]
        name = {"Id": one.individual_id, "FirstName": one.given, "LastName": one.family, wish: True}
        return {**name, "OwnerId": one.owner.user_id, **stamps(salesforce_time(one.created))}

    # Selling

    def _product(self, number: int) -> Row:
        one = PRODUCTS[number]
        named = {"Name": one.name, "ProductCode": one.code, "StockKeepingUnit": one.code, "Family": one.family}
        return {"Id": self._cast.sf_id("01t", number), **named, "IsActive": True, **_long_ago()}

    def _books(self) -> list[Row]:
        return [
            {"Id": self._standard_book, "Name": "Standard Price Book", "IsActive": True, "IsStandard": True,
             **_long_ago()},
            {"Id": self._partner_book, "Name": "Partner prices", "IsActive": True, **_long_ago()},
        ]  # fmt: skip

    def _entry_id(self, product: int, currency: str) -> str:
        codes = [str(one["IsoCode"]) for one in CURRENCIES]
        return self._cast.sf_id("01u", product * 8 + codes.index(currency))

    def _entries(self) -> list[Row]:
        """A standard price in each currency, and one for partners in the org's own."""
        rows = []
        for one in PRODUCTS:
            base: Row = {"Product2Id": self._cast.sf_id("01t", one.number), "Name": one.name, "IsActive": True}
            base |= {"ProductCode": one.code, **_long_ago()}
            for code, price in one.price.items():
                rows.append({**base, "Id": self._entry_id(one.number, code), "Pricebook2Id": self._standard_book,
                             "UnitPrice": price, "CurrencyIsoCode": code})  # fmt: skip
            partners = {"Pricebook2Id": self._partner_book, "UnitPrice": round(one.price["EUR"] * 0.8, 2)}
            rows.append({**base, **partners, "Id": self._cast.sf_id("01u", one.number * 8 + 7),
                         "CurrencyIsoCode": "EUR"})  # fmt: skip
        return rows

    def _opportunity(self, number: int) -> Row:
        one = self._cast.deal(number)
        kind = "Existing Customer - Upgrade" if one.renewal or one.kind == 2 else "New Customer"
        made, day = salesforce_time(one.created), _day(self._plans.deal_activity(number))
        return {
            "Id": one.opportunity_id,
            "Name": one.name,
            "AccountId": one.firm.account_id,
            "ContactId": self._cast.buyer(one.firm.number).contact_id if one.kind != 2 else None,
            "RecordTypeId": RENEWAL if one.renewal else NEW_BUSINESS,
            "StageName": one.stages[0],
            "Loss_Reason__c": "Price" if one.lost else None,
            "Amount": one.amount,
            "CurrencyIsoCode": one.firm.place.currency,
            "CloseDate": one.closes.isoformat(),
            "Type": kind,
            "LeadSource": _SOURCES[number % len(_SOURCES)],
            "CampaignId": self._cast.sf_id("701", 1 + number % 3) if number % 4 == 0 else None,
            "Pricebook2Id": self._standard_book if one.lines else None,
            "OwnerId": one.firm.owner.user_id,
            "LastActivityDate": day,
            **stamps(made, made, one.firm.owner.user_id),
        }

    def _line(self, number: int) -> Row:
        deal = self._cast.deal(number // 2)
        line, currency = deal.lines[number % 2], deal.firm.place.currency
        return {
            "Id": self._cast.sf_id("00k", number),
            "OpportunityId": deal.opportunity_id,
            "PricebookEntryId": self._entry_id(line.product.number, currency),
            "Product2Id": self._cast.sf_id("01t", line.product.number),
            "ProductCode": line.product.code,
            "Name": f"{deal.name} {line.product.name}",
            "Quantity": line.quantity,
            "UnitPrice": line.price,
            "ListPrice": line.price,
            "Discount": line.discount or None,
            "CurrencyIsoCode": currency,
            "SortOrder": number % 2 + 1,
            **stamps(salesforce_time(deal.created), by=deal.firm.owner.user_id),
        }

    def _role(self, number: int) -> Row:
        """The buyer of a new deal decides; of what follows, the buyer only uses it."""
        deal = self._cast.deal(number)
        return {
            "Id": self._cast.sf_id("00K", number),
            "OpportunityId": deal.opportunity_id,
            "ContactId": self._cast.buyer(deal.firm.number).contact_id,
            "Role": "Decision Maker" if deal.kind == 0 else "Business User",
            "IsPrimary": True,
            "CurrencyIsoCode": deal.firm.place.currency,
            **stamps(salesforce_time(deal.created)),
        }


def _address(stem: str, firm: Firm) -> Row:
    place = firm.place
    made = {"Street": firm.street, "City": place.city, "PostalCode": place.postcode, "Country": place.country}
    return {stem + name: value for name, value in made.items()}


def _day(given: date | None) -> str | None:
    return given.isoformat() if given is not None else None


def _long_ago() -> Row:
    return stamps(salesforce_time(BASE - timedelta(days=400)))
