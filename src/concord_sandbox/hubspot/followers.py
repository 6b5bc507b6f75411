"""Properties that HubSpot sets by itself when others are written: dates of stages, sums, the addresses of e-mails.

Reads records and pipelines, writes nothing: `crm.py` stores what comes out, as calculated by HubSpot.
"""

from __future__ import annotations

import json
from decimal import Decimal, DecimalException
from typing import Any

from concord_sandbox.hubspot.models import ObjectTable, Portal, Record
from concord_sandbox.hubspot.schema import stage_dates, stage_names
from concord_sandbox.hubspot.values import iso

_AMOUNTS = frozenset({"price", "quantity", "discount", "hs_discount_percentage"})
_DEAL_SUMS = frozenset({"amount", "deal_currency_code", "dealstage"})
_WON, _LOST = ("1", "1.0"), ("0", "0.0")


def followers(
    portal: Portal, table: ObjectTable, record: Record, changed: dict[str, str], before: dict[str, str], now: int
) -> dict[str, str]:
    """What follows from the values just written. before: the values that they replaced; now: epoch ms."""
    plural = table.kind.plural
    found: dict[str, str] = {}
    if changed.get("lifecyclestage"):
        found |= _lifecycle(table, changed["lifecyclestage"], now)
    _, stage_name = stage_names(plural)
    if stage_name in changed:
        found |= _stage(portal, plural, changed[stage_name], before.get(stage_name, ""), now)
    if "hubspot_owner_id" in changed:
        found["hubspot_owner_assigneddate"] = iso(now) if changed["hubspot_owner_id"] else ""
    if plural == "deals" and _DEAL_SUMS & changed.keys():
        found |= _deal_sums(portal, {**record.values, **found})
    elif plural == "line_items" and _AMOUNTS & changed.keys():
        found |= _line_item(record.values)
    elif plural == "tasks" and "hs_task_status" in changed:
        done = changed["hs_task_status"] == "COMPLETED"
        found |= {"hs_task_is_completed": str(int(done)), "hs_task_completion_date": iso(now) if done else ""}
    elif plural == "emails" and "hs_email_headers" in changed:
        found |= _envelope(changed["hs_email_headers"])
    return {name: value for name, value in found.items() if name in table.definitions}


def _lifecycle(table: ObjectTable, stage: str, now: int) -> dict[str, str]:
    names = (f"hs_v2_date_entered_{stage}", f"hs_lifecyclestage_{stage}_date")
    return {name: iso(now) for name in names if name in table.definitions}


def _stage(portal: Portal, plural: str, stage_id: str, before: str, now: int) -> dict[str, str]:
    stages = {str(stage["id"]): stage for one in portal.pipelines_of(plural) for stage in one["stages"]}
    found: dict[str, str] = {}
    if stage_id in stages:
        found[stage_dates(stage_id, "")[0].name] = iso(now)
    if before and before != stage_id:
        found[stage_dates(before, "")[1].name] = iso(now)
    metadata = stages.get(stage_id, {}).get("metadata", {})
    if plural == "deals":
        probability = str(metadata.get("probability", ""))
        closed = str(metadata.get("isClosed", str(probability in (*_WON, *_LOST)))).lower()
        found |= {
            "hs_is_closed": closed,
            "hs_is_closed_won": "true" if closed == "true" and probability in _WON else "false",
            "hs_is_closed_lost": "true" if closed == "true" and probability in _LOST else "false",
            "hs_deal_stage_probability": probability,
        }
    elif plural == "tickets":
        closed = "true" if metadata.get("ticketState") == "CLOSED" else "false"
        found["hs_is_closed"] = closed
        found["closed_date"] = iso(now) if closed == "true" else ""
    elif plural == "leads":
        found["hs_lead_is_open"] = "true" if metadata.get("leadState") in ("NEW", "IN_PROGRESS") else "false"
    return found


def _number(text: Any) -> Decimal | None:
    try:
        number = Decimal(str(text))
    except DecimalException:
        return None
    return number if number.is_finite() and number.adjusted() < 20 else None


def _text(number: Decimal) -> str:
    """A sum as HubSpot writes it: no exponent, no zeros at the end."""
    text = f"{round(number, 6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _deal_sums(portal: Portal, values: dict[str, str]) -> dict[str, str]:
    amount = _number(values.get("amount"))
    names = ("amount_in_home_currency", "hs_closed_amount", "hs_projected_amount", "hs_forecast_amount")
    if amount is None:
        return dict.fromkeys(names, "")
    code = values.get("deal_currency_code") or portal.settings["currency"]
    rate = _number(portal.settings["currencies"].get(code, 1)) or Decimal(1)
    chance = _number(values.get("hs_deal_stage_probability")) or Decimal(0)
    won = amount if values.get("hs_is_closed_won") == "true" else Decimal(0)
    return dict(zip(names, (_text(amount * rate), _text(won), _text(amount * chance), _text(amount)), strict=True))


def _line_item(values: dict[str, str]) -> dict[str, str]:
    """Price times quantity without the discount: one for each unit, or a percentage of the whole."""
    price = _number(values.get("price"))
    if price is None:
        return dict.fromkeys(("amount", "hs_pre_discount_amount", "hs_total_discount"), "")
    quantity = _number(values.get("quantity"))
    whole = price * (Decimal(1) if quantity is None else quantity)
    each, share = _number(values.get("discount")), _number(values.get("hs_discount_percentage"))
    if share is not None:
        off = whole * share / 100
    else:
        off = (each or Decimal(0)) * (Decimal(1) if quantity is None else quantity)
    return {
        "amount": _text(whole - off),
        "hs_pre_discount_amount": _text(whole),
        "hs_total_discount": _text(off),
    }


def _envelope(headers: str) -> dict[str, str]:
    """The addresses that an e-mail's headers (JSON) name; headers that are no such thing name none."""
    try:
        found = json.loads(headers or "{}")
    except (ValueError, RecursionError):
        found = {}
    if not isinstance(found, dict):
        found = {}
    sender = found.get("from")
    sender = sender if isinstance(sender, dict) else {}
    envelope = {
        "hs_email_from_email": str(sender.get("email") or ""),
        "hs_email_from_firstname": str(sender.get("firstName") or ""),
        "hs_email_from_lastname": str(sender.get("lastName") or ""),
    }
    for part in ("to", "cc", "bcc"):
        listed = found.get(part)
        rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        envelope[f"hs_email_{part}_email"] = ";".join(str(one.get("email") or "") for one in rows)
    return envelope


def from_product(portal: Portal, values: dict[str, str]) -> dict[str, str]:
    """What a new line item takes over from its product where it says nothing itself."""
    product = portal.require_table("products").find(values.get("hs_product_id", ""))
    if product is None:
        return {}
    names = ("name", "description", "price", "hs_sku", "hs_cost_of_goods_sold", "recurringbillingfrequency",
             "hs_recurring_billing_period", "tax")  # fmt: skip
    return {name: product.values[name] for name in names if product.values.get(name) and not values.get(name)}
