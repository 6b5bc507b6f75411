"""The world `revenue`: a company whose whole revenue team's data lives in both systems.

Made to show everything that the sandboxes know at work, in any size: leads, contacts, accounts with parents,
opportunities and deals in three currencies with products and lines, cases and tickets, subscriptions as a custom
object, activities, campaigns and lists, consent, sequences, record types, rights, rules, history, events. Eight people
work at each firm; which of them is in which system is said in `revenue_cast`. Rows are made when they are read.

`truth` as in `agency`, and besides:

    pairs               kinds exact, exact_case (Salesforce has the address in capitals) and additional_address
    converted           [Lead, Contact]: leads that became contacts; they are no partners of anybody in HubSpot
    deal_pairs          [Opportunity, deal]; product_pairs [Product2, product]; line_pairs [OpportunityLineItem, line
                        item]; case_pairs [Case, ticket]; subscription_pairs [Subscription__c, subscription]
    activity_pairs      {"salesforce": [Task or Event, id], "hubspot": [object type, id]}
    campaign_lists      [Campaign, list]: the list has those members of the campaign who are in both systems
    notion_pages        [Opportunity, page]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concord_sandbox.worlds.revenue_cast import FRESH, MET, PRODUCTS, READER, TWO_ADDRESSES, Cast
from concord_sandbox.worlds.revenue_dealings import SalesforceDealings
from concord_sandbox.worlds.revenue_hubspot import HubSpotRows
from concord_sandbox.worlds.revenue_marketing import Marketing
from concord_sandbox.worlds.revenue_notion import notion
from concord_sandbox.worlds.revenue_org import org
from concord_sandbox.worlds.revenue_plans import (
    CAMPAIGNS,
    LINES,
    MEETING,
    NOTE,
    PRODUCTS_,
    SUBSCRIPTIONS,
    TICKETS,
    Plans,
)
from concord_sandbox.worlds.revenue_portal import FIRST_CAMPAIGN, portal
from concord_sandbox.worlds.revenue_salesforce import SalesforceRows
from concord_sandbox.worlds.rows import Made, made_of

_KINDS = {FRESH: "exact_case", TWO_ADDRESSES: "additional_address"}


def build(seed: int = 1, people: int = 300) -> dict[str, Any]:
    """The world with so many people; the same for the same arguments."""
    cast = Cast(seed, people)
    plans = Plans(cast)
    dealings, marketing = SalesforceDealings(cast, plans), Marketing(cast, plans)
    salesforce, hubspot = org(), portal()
    salesforce["records"] |= SalesforceRows(cast, plans).records() | dealings.records()
    salesforce["history"] = dealings.history()
    salesforce["behaviours"] = {"numbers": {"Case.CaseNumber": 1_000 + cast.firms + 12}}
    rows = HubSpotRows(cast, plans)
    hubspot["records"] = rows.records() | marketing.records()
    hubspot["associations"] = _one_after_the_other([*rows.associations(), *marketing.associations()])
    hubspot["merged"] = {"contacts": rows.merged()}
    hubspot |= marketing.consent() | {"lists": marketing.lists(), "sequences": marketing.sequences()}
    pages = notion(cast)
    return {
        "name": "revenue",
        "seed": seed,
        "clock": None,
        "salesforce": salesforce,
        "hubspot": hubspot,
        "notion": pages,
        "truth": _truth(cast, plans, marketing, pages),
    }


def _one_after_the_other(lists: Sequence[Made]) -> Made:
    places = [(rows, place) for rows in lists for place in range(len(rows))]
    return Made(len(places), lambda number: places[number][0][places[number][1]])


def _truth(cast: Cast, plans: Plans, marketing: Marketing, pages: dict[str, Any]) -> dict[str, Any]:
    deals = sorted(set(plans.opportunities) & set(plans.deals))
    active = [number for kind, numbers in plans.activities.items() if kind != NOTE for number in numbers]
    lines = [2 * deal + place for deal, place in plans.lines]
    return {
        "pairs": made_of(plans.both, lambda number: _pair(cast, number)),
        "people": made_of(plans.both, lambda number: _whole(cast, number)),
        "duplicates": {
            "salesforce": made_of(plans.doubled, lambda number: [cast.person(number).contact_id,
                                                                 cast.person(number).lead_id]),
            "hubspot": [],
        },
        "never_link": _shared_mailboxes(cast),
        "converted": made_of(plans.converted, lambda number: [cast.person(number).lead_id,
                                                              cast.person(number).contact_id]),
        "company_pairs": Made(cast.firms, lambda number: [cast.firm(number).account_id, cast.firm(number).company_id]),
        "company_duplicates": {"salesforce": [], "hubspot": []},
        "deal_pairs": made_of(deals, lambda number: [cast.deal(number).opportunity_id, cast.deal(number).hubspot_id]),
        "product_pairs": [[cast.sf_id("01t", n), cast.hs_id(PRODUCTS_, n)] for n in range(len(PRODUCTS))],
        "line_pairs": made_of(lines, lambda number: [cast.sf_id("00k", number), cast.hs_id(LINES, number)]),
        "case_pairs": Made(cast.firms, lambda number: [cast.sf_id("500", number), cast.hs_id(TICKETS, number)]),
        "subscription_pairs": Made(
            len(plans.customers), lambda place: [cast.sf_id("a0S", place), cast.hs_id(SUBSCRIPTIONS, place)]
        ),
        "activity_pairs": made_of(active, lambda number: _activity(cast, marketing, number)),
        "campaign_lists": [
            [cast.sf_id("701", one.number), str(FIRST_CAMPAIGN + one.number)] for one in CAMPAIGNS[1:]
        ],
        "notion_pages": [
            [one["properties"]["Salesforce ID"]["rich_text"][0]["text"]["content"], one["id"]] for one in pages["pages"]
        ],
    }  # fmt: skip


def _pair(cast: Cast, number: int) -> dict[str, Any]:
    one = cast.person(number)
    both = {"salesforce": [one.sf_object, one.sf_id], "hubspot": one.hubspot_id}
    return {**both, "kind": _KINDS.get(one.slot, "exact"), "findable": "link"}


def _whole(cast: Cast, number: int) -> dict[str, Any]:
    one = cast.person(number)
    beside = [["Lead", one.lead_id]] if one.lead_beside else []
    return {"salesforce": [[one.sf_object, one.sf_id], *beside], "hubspot": [one.hubspot_id]}


def _shared_mailboxes(cast: Cast) -> list[dict[str, Any]]:
    """Two people of a firm who can be written to under one address only, each in one system."""
    found = []
    for firm in range(1, cast.firms, 4):
        if firm * 8 + MET < cast.people:
            lead, reader = cast.person(firm * 8 + MET), cast.person(firm * 8 + READER)
            if not lead.gone and not reader.gone:
                both = {"salesforce": ["Lead", lead.lead_id], "hubspot": reader.hubspot_id}
                found.append({**both, "kind": "shared_mailbox"})
    return found


def _activity(cast: Cast, marketing: Marketing, number: int) -> dict[str, Any]:
    meeting = number % 5 == MEETING
    here = ["Event" if meeting else "Task", cast.sf_id("00U" if meeting else "00T", number)]
    return {"salesforce": here, "hubspot": list(marketing.engagement(number))}
