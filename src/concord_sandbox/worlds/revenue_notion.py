"""The opportunity pages of the world `revenue`: one in Notion for each open deal that both systems have."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from concord_sandbox.worlds.revenue_cast import Cast, Deal
from concord_sandbox.worlds.rows import made_of
from concord_sandbox.worlds.schema import BASE, PORTAL_ID, hubspot_time, notion_section

Given = dict[str, Any]
_COLUMN = {
    "Prospecting": "Qualification",
    "Qualification": "Qualification",
    "Needs Analysis": "Qualification",
    "Negotiation/Review": "Negotiation",
}
_TEMPLATE = "1f3a9c1e-77d0-4b5e-9a55-0c2f6d7be303"
_MADE = hubspot_time(BASE - timedelta(days=15))


def notion(cast: Cast) -> Given:
    """Notion's section: the database, a template for its pages, and the pages with a line of text each."""
    section = notion_section()
    source = section["data_sources"][0]
    source["templates"] = [{"id": _TEMPLATE, "name": "New deal", "is_default": True,
                            "markdown": "## Next steps\n\n- [ ] Call the buyer"}]  # fmt: skip
    people = [{"id": _id("person", number), "name": name, "email": email} for number, (name, email) in enumerate((
        ("Harriet Lockyer", "harriet.lockyer@larkfinch-agency.com"),
        ("Meera Chandran", "meera.chandran@larkfinch-agency.com")))]  # fmt: skip
    open_deals = [number for number in range(3 * cast.firms) if _has_page(cast.deal(number))]
    return section | {
        "name": "Larkfinch revenue",
        "capabilities": ["read", "insert", "update", "users"],
        "requests_per_second": 3.0,
        "index_lag_ms": 1_000,
        "users": people,
        "pages": made_of(open_deals, lambda number: _page(cast.deal(number), source["id"])),
        "blocks": {_id("page", number): [_block(number, cast.deal(number))] for number in open_deals},
    }


def _has_page(deal: Deal) -> bool:
    return deal.in_salesforce and deal.in_hubspot and not deal.closed


def _page(deal: Deal, source: str) -> Given:
    domain = "https://larkfinch.my.salesforce.com"
    return {
        "id": _id("page", deal.number),
        "data_source_id": source,
        "created_time": _MADE,
        "last_edited_time": _MADE,
        "properties": {
            "Name": {"title": _text(deal.name)},
            "Salesforce ID": {"rich_text": _text(deal.opportunity_id)},
            "Opportunity": {"url": f"{domain}/{deal.opportunity_id}"},
            "Stage": {"status": {"name": _COLUMN.get(deal.stages[0], "Proposal")}},
            "Amount": {"number": deal.amount},
            "Close date": {"date": {"start": deal.closes.isoformat()}},
            "Account": {"rich_text": _text(deal.firm.name)},
            "Owner": {"rich_text": _text(f"{deal.firm.owner.given} {deal.firm.owner.family}")},
            "HubSpot deal": {"url": f"https://app.hubspot.com/contacts/{PORTAL_ID}/record/0-3/{deal.hubspot_id}"},
        },
    }


def _block(number: int, deal: Deal) -> Given:
    page = _id("page", number)
    return {
        "object": "block",
        "id": _id("block", number),
        "parent": {"type": "page_id", "page_id": page},
        "type": "paragraph",
        "paragraph": {"rich_text": [_rich(f"{deal.firm.name} wants an answer soon.")], "color": "default"},
        "created_time": _MADE,
        "last_edited_time": _MADE,
        "has_children": False,
        "in_trash": False,
    }


def _text(text: str) -> list[Given]:
    return [{"type": "text", "text": {"content": text}}]


def _rich(text: str) -> Given:
    plain = {"bold": False, "italic": False, "strikethrough": False, "underline": False, "code": False,
             "color": "default"}  # fmt: skip
    content = {"content": text, "link": None}
    return {"type": "text", "text": content, "annotations": plain, "plain_text": text, "href": None}


def _id(kind: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"revenue/{kind}/{number}"))
