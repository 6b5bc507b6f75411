"""People, firms, deals and what is sold in the world `revenue` as HubSpot has them. Made when they are read.

Engagements, lists, consent and sequences are in `revenue_marketing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from concord_sandbox.worlds.revenue_cast import (
    BUYER,
    MQL,
    NEW,
    PRODUCTS,
    SECOND,
    TWO_ADDRESSES,
    Cast,
    Person,
)
from concord_sandbox.worlds.revenue_plans import LINES, MERGED, PRODUCTS_, SUBSCRIPTIONS, TICKETS, Plans
from concord_sandbox.worlds.revenue_portal import CHAMPION, DECIDES, HOLDS, PAYS, RATES, RENEWALS, chance
from concord_sandbox.worlds.rows import Made, made_of
from concord_sandbox.worlds.schema import BASE, Colleague, hubspot_time

Row = dict[str, Any]
_LEAD_STATUS = {MQL: "OPEN", BUYER: "CONNECTED", SECOND: "CONNECTED"}
_CARD = "contact-us"


class HubSpotRows:
    """The lists of those records, and their associations."""

    def __init__(self, cast: Cast, plans: Plans) -> None:
        self._cast, self._plans = cast, plans

    def records(self) -> dict[str, Sequence[Row]]:
        """The records by object type."""
        plans, firms = self._plans, self._cast.firms
        return {
            "companies": Made(firms, self._company),
            "contacts": made_of(plans.hubspot, self._contact),
            "products": Made(len(PRODUCTS), self._product),
            "deals": made_of(plans.deals, self._deal),
            "line_items": made_of([2 * deal + place for deal, place in plans.lines], self._line),
            "tickets": Made(firms, self._ticket),
            "subscriptions": Made(len(plans.customers), self._subscription),
        }

    def associations(self) -> list[Made]:
        """The links between them, list by list."""
        plans, cast = self._plans, self._cast
        there = [number for number in plans.hubspot if not cast.person(number).gone]
        children = [number for number in range(cast.firms) if cast.firm(number).parent is not None]
        seconded = [number for number in plans.deals if number % 3 == 0 and cast.second(number // 3) is not None]
        return [
            made_of(there, lambda number: self._at_work(cast.person(number))),
            made_of(children, self._belongs),
            made_of(plans.deals, lambda number: self._of_deal(number, "companies")),
            made_of(plans.deals, lambda number: self._of_deal(number, "contacts")),
            made_of(seconded, self._second_of_deal),
            made_of(plans.lines, self._line_of_deal),
            Made(cast.firms, lambda firm: self._of_ticket(firm, "contacts")),
            Made(cast.firms, lambda firm: self._of_ticket(firm, "companies")),
            Made(len(plans.customers), lambda place: self._of_subscription(place, "contacts")),
            Made(len(plans.customers), lambda place: self._of_subscription(place, "companies")),
        ]

    def merged(self) -> Row:
        """Contacts that were merged away: doubles of the second buyer of every tenth firm."""
        people = [self._cast.second(firm) for firm in range(1, self._cast.firms, 10)]
        return {self._cast.hs_id(MERGED, one.number): one.hubspot_id for one in people if one is not None}

    # Records

    def _company(self, number: int) -> Row:
        one = self._cast.firm(number)
        place = one.place
        parent = {} if one.parent is None else {"hs_parent_company_id": self._cast.firm(one.parent).company_id}
        properties = {
            "name": one.name,
            "domain": one.domain,
            "website": f"https://www.{one.domain}",
            "phone": f"{place.phone}{number % 100:02d}",
            "address": one.street,
            "city": place.city,
            "zip": place.postcode,
            "country": place.country,
            "numberofemployees": str(one.staff),
            "annualrevenue": str(one.turnover),
            "lifecyclestage": "customer" if one.customer else "opportunity",
            "region": "Overseas" if place.code == "US" else "Europe",
            "hubspot_owner_id": one.owner.owner_id,
            **parent,
        }
        return record(one.company_id, properties, one.created, source=("IMPORT", "1"))

    def _contact(self, number: int) -> Row:
        one = self._cast.person(number)
        properties = {
            "email": one.other_email or one.email,
            "firstname": one.given,
            "lastname": one.family,
            "phone": one.phone,
            "jobtitle": one.title,
            "company": one.firm.name,
            "city": one.firm.place.city,
            "country": one.firm.place.country,
            "lifecyclestage": one.stage,
            "hs_lead_status": _LEAD_STATUS.get(one.slot, "NEW"),
            "hubspot_owner_id": one.owner.owner_id,
            "topics": ";".join(("Search", "Websites", "Events")[: 1 + number % 3]),
            "hs_marketable_status": "true" if one.opted_out is None else "false",
            f"hs_v2_date_entered_{one.stage}": hubspot_time(one.created),
            f"hs_lifecyclestage_{one.stage}_date": hubspot_time(one.created),
        }
        if one.in_both:
            properties["last_contacted"] = hubspot_time(one.active_on)
        if one.slot == TWO_ADDRESSES:
            properties["hs_additional_emails"] = one.email
        if one.slot == SECOND and one.firm.number % 10 == 1:
            properties["hs_all_contact_vids"] = f"{one.hubspot_id};{self._cast.hs_id(MERGED, number)}"
        properties |= self._in_sequence(one)
        made = record(one.hubspot_id, properties, one.created, source=("FORM", _CARD))
        if one.slot == MQL:
            made["history"] = {"lifecyclestage": _became_mql(one)}
        if one.gone:
            made |= {"archived": True, "archivedAt": hubspot_time(BASE - timedelta(days=4))}
        return made

    def _in_sequence(self, one: Person) -> dict[str, str]:
        """What a contact shows of its enrolment."""
        now_in = self._plans.enrolment(one)
        if now_in is None:
            return {}
        start, end = (BASE - timedelta(days=6), None) if now_in else (BASE - timedelta(days=60), BASE)
        shown = {
            "hs_sequences_is_enrolled": str(now_in).lower(),
            "hs_sequences_enrolled_count": "1",
            "hs_sequences_actively_enrolled_count": str(int(now_in)),
            "hs_latest_sequence_enrolled": "301" if now_in else "302",
            "hs_latest_sequence_enrolled_date": hubspot_time(start),
        }
        ended = {f"hs_latest_sequence_{how}_date": hubspot_time(end - timedelta(days=55))
                 for how in ("ended", "unenrolled")} if end is not None else {}  # fmt: skip
        return shown | ended

    def _product(self, number: int) -> Row:
        one = PRODUCTS[number]
        properties = {"name": one.name, "hs_sku": one.code, "price": plain(one.price["EUR"])}
        if one.family == "Software":
            properties |= {"recurringbillingfrequency": "monthly", "hs_product_type": "service"}
        return record(self._cast.hs_id(PRODUCTS_, number), properties, BASE - timedelta(days=400))

    def _deal(self, number: int) -> Row:
        one = self._cast.deal(number)
        stage, currency, probability = one.stages[1], one.firm.place.currency, chance(one.stages)
        home = plain(Decimal(plain(one.amount)) * Decimal(str(RATES.get(currency, 1))))
        properties = {
            "dealname": one.name,
            "amount": plain(one.amount),
            "deal_currency_code": currency,
            "pipeline": RENEWALS if one.renewal else "default",
            "dealstage": stage,
            "closedate": f"{one.closes.isoformat()}T12:00:00.000Z",
            "dealtype": "newbusiness" if one.kind == NEW or not one.firm.customer else "existingbusiness",
            "hubspot_owner_id": one.firm.owner.owner_id,
            "hs_is_closed": str(one.closed).lower(),
            "hs_is_closed_won": str(one.won).lower(),
            "hs_is_closed_lost": str(one.lost).lower(),
            "hs_deal_stage_probability": probability,
            "amount_in_home_currency": home,
            "hs_closed_amount": plain(one.amount) if one.won else "0",
            "hs_projected_amount": plain(Decimal(plain(one.amount)) * Decimal(probability)),
            "hs_forecast_amount": plain(one.amount),
            f"hs_v2_date_entered_{stage}": hubspot_time(one.moved if one.stage else one.created),
        }
        if one.lost:
            properties["closed_lost_reason"] = "Price"
        made = record(one.hubspot_id, properties, one.created, one.moved if one.stage else None, one.firm.owner)
        if one.stage:
            at = [(one.moved, stage), (one.created, one.stages_before[1])]
            made["history"] = {"dealstage": [_entry(value, when, one.firm.owner) for when, value in at]}
        return made

    def _line(self, number: int) -> Row:
        deal = self._cast.deal(number // 2)
        one = deal.lines[number % 2]
        whole = Decimal(plain(one.price)) * one.quantity
        properties = {
            "name": one.product.name,
            "hs_product_id": self._cast.hs_id(PRODUCTS_, one.product.number),
            "hs_sku": one.product.code,
            "price": plain(one.price),
            "quantity": str(one.quantity),
            "amount": plain(one.total),
            "hs_pre_discount_amount": plain(whole),
            "hs_total_discount": plain(whole - Decimal(plain(one.total))),
            "hs_line_item_currency_code": deal.firm.place.currency,
            "hs_position_on_quote": str(number % 2),
        }
        if one.discount:
            properties["hs_discount_percentage"] = str(one.discount)
        return record(self._cast.hs_id(LINES, number), properties, deal.created, by=deal.firm.owner)

    def _ticket(self, firm: int) -> Row:
        one = self._plans.request(firm)
        properties = {
            "subject": one.subject,
            "case_number": one.case_number,
            "hs_pipeline": "0",
            "hs_pipeline_stage": one.stages[1],
            "hs_ticket_priority": one.priority.upper(),
            "source_type": ("EMAIL", "PHONE", "FORM")[firm % 3],
            "hs_is_closed": str(one.closed is not None).lower(),
            "hubspot_owner_id": one.firm.owner.owner_id,
        }
        if one.closed is not None:
            properties["closed_date"] = hubspot_time(one.closed)
        return record(self._cast.hs_id(TICKETS, firm), properties, one.created, one.closed)

    def _subscription(self, place: int) -> Row:
        one = self._plans.subscription(place)
        properties = {
            "subscription_number": one.code,
            "plan": one.plan,
            "subscription_status": one.status,
            "seats": str(one.seats),
            "price_per_seat": plain(one.price),
            "starts_on": one.starts.isoformat(),
        }
        made = datetime.combine(one.starts, BASE.timetz())
        return record(self._cast.hs_id(SUBSCRIPTIONS, place), properties, made, by=one.firm.owner)

    # Associations

    def _at_work(self, one: Person) -> Row:
        types = [1, 279, *((DECIDES,) if one.slot == BUYER else (PAYS,) if one.slot == SECOND else ())]
        return link("contacts", one.hubspot_id, "companies", one.firm.company_id, types)

    def _belongs(self, number: int) -> Row:
        """A child names its parent."""
        one = self._cast.firm(number)
        parent = self._cast.firm(one.parent or 0).company_id
        return link("companies", one.company_id, "companies", parent, [450, 14])

    def _of_deal(self, number: int, to: str) -> Row:
        one = self._cast.deal(number)
        if to == "companies":
            return link("deals", one.hubspot_id, to, one.firm.company_id, [5, 341])
        types = [3, CHAMPION] if one.kind == NEW else [3]
        return link("deals", one.hubspot_id, to, self._cast.buyer(one.firm.number).hubspot_id, types)

    def _second_of_deal(self, number: int) -> Row:
        second = self._cast.second(number // 3)
        return link("deals", self._deal_id(number), "contacts", second.hubspot_id if second else "", [3])

    def _deal_id(self, number: int) -> str:
        return self._cast.deal(number).hubspot_id

    def _line_of_deal(self, place: tuple[int, int]) -> Row:
        deal, line = place
        return link("deals", self._deal_id(deal), "line_items", self._cast.hs_id(LINES, 2 * deal + line), [19])

    def _of_ticket(self, firm: int, to: str) -> Row:
        ticket = self._cast.hs_id(TICKETS, firm)
        if to == "companies":
            return link("tickets", ticket, to, self._cast.firm(firm).company_id, [26, 339])
        return link("tickets", ticket, to, self._cast.buyer(firm).hubspot_id, [16])

    def _of_subscription(self, place: int, to: str) -> Row:
        one, number = self._plans.subscription(place), self._cast.hs_id(SUBSCRIPTIONS, place)
        if to == "contacts":
            return link("subscriptions", number, to, self._cast.buyer(one.firm.number).hubspot_id, [HOLDS])
        return {"from": ["subscriptions", number], "to": [to, one.firm.company_id]}


def plain(number: float | Decimal) -> str:
    """A number as HubSpot writes it."""
    text = f"{round(Decimal(str(number)), 6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def link(from_: str, one: str, to: str, other: str, types: list[int]) -> Row:
    return {"from": [from_, one], "to": [to, other], "types": types}


def record(
    record_id: str,
    properties: dict[str, str],
    made: datetime,
    changed: datetime | None = None,
    by: Colleague | None = None,
    source: tuple[str, str] = ("IMPORT", "1"),
) -> Row:
    """A record whose properties were all set when it was made; by: a colleague at the screen, else the source."""
    kind, number = source if by is None else ("CRM_UI", f"userId:{by.hubspot_user_id}")
    return {
        "id": record_id,
        "properties": properties,
        "createdAt": hubspot_time(made),
        "updatedAt": hubspot_time(changed or made),
        "origin": {"timestamp": hubspot_time(made), "sourceType": kind, "sourceId": number},
    }


def _entry(value: str, at: datetime, by: Colleague) -> dict[str, Any]:
    return {
        "value": value,
        "timestamp": hubspot_time(at),
        "sourceType": "CRM_UI",
        "sourceId": f"userId:{by.hubspot_user_id}",
        "updatedByUserId": by.hubspot_user_id,
    }


def _became_mql(one: Person) -> list[dict[str, Any]]:
    """Newest first: a form made a lead, and a colleague an MQL of it, on the same day."""
    first = {"value": "lead", "timestamp": hubspot_time(one.created - timedelta(hours=1)), "sourceType": "FORM",
             "sourceId": _CARD}  # fmt: skip
    return [_entry(one.stage, one.created, one.owner), first]
