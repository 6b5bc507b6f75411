"""What the account's own settings do when records are written and associated (API reference sections 10 and 11).

Two settings, both off in a world that does not name them: `automatic_lifecycle` (deals make their contacts and
companies opportunities, won deals make them customers, a company's stage goes to the contacts associated to it; never
backwards) and `automatic_companies` (a contact is associated to the company that has its e-mail's domain, which is made
when there is none; not for mailboxes that anybody can have).

Decides only; `crm.py` writes. The history of such a write names HubSpot's own product as its source (`DEALS`,
`COMPANIES`, `ASSOCIATIONS`): which of the open list of names the vendor uses there is not documented.
"""

from __future__ import annotations

from typing import NamedTuple

from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.models import Actor, Portal, Record

ASSOCIATING = Actor("ASSOCIATIONS", None)
NEW_COMPANY = Actor("COMPANIES", None)
_BY_DEAL = Actor("DEALS", None)
_BY_COMPANY = Actor("COMPANIES", None)
_FREE_MAIL = frozenset(
    (  # noqa: SIM905 - a list of domains
        "gmail.com googlemail.com yahoo.com ymail.com hotmail.com outlook.com live.com msn.com aol.com icloud.com"
        " me.com mac.com gmx.com gmx.de gmx.net web.de t-online.de freenet.de proton.me protonmail.com mail.com mail.ru"
        " yandex.ru orange.fr free.fr laposte.net libero.it"
    ).split()
)


class Advance(NamedTuple):
    """A lifecycle stage that a record gets, if that is forward."""

    end: End
    stage: str
    by: Actor


def after_link(portal: Portal, one: End, other: End) -> list[Advance]:
    """What a new association means for lifecycle stages."""
    if not portal.settings["automatic_lifecycle"]:
        return []
    pair = {one.plural: one, other.plural: other}
    if "deals" in pair and len(pair) == 2:
        deal = portal.require_table("deals").live.get(pair["deals"].id)
        there = other if one.plural == "deals" else one
        if deal is not None and there.plural in ("contacts", "companies"):
            return [Advance(there, _stage_of(deal), _BY_DEAL)]
    if pair.keys() == {"contacts", "companies"}:
        company = portal.require_table("companies").live.get(pair["companies"].id)
        stage = company.values.get("lifecyclestage", "") if company is not None else ""
        return [Advance(pair["contacts"], stage, _BY_COMPANY)] if stage else []
    return []


def after_change(portal: Portal, here: End, record: Record, changed: dict[str, str]) -> list[Advance]:
    """What a change of a deal's or a company's stage means for the records associated to it."""
    if not portal.settings["automatic_lifecycle"]:
        return []
    if here.plural == "deals" and "dealstage" in changed:
        ends = [End(plural, number) for plural in ("contacts", "companies") for number in portal.links.of(here, plural)]
        return [Advance(end, _stage_of(record), _BY_DEAL) for end in ends]
    if here.plural == "companies" and changed.get("lifecyclestage"):
        ends = [End("contacts", number) for number in portal.links.of(here, "contacts")]
        return [Advance(end, changed["lifecyclestage"], _BY_COMPANY) for end in ends]
    return []


def _stage_of(deal: Record) -> str:
    return "customer" if deal.values.get("hs_is_closed_won") == "true" else "opportunity"


def is_forward(portal: Portal, advance: Advance) -> bool:
    """Whether the stage is further than the one that the record has."""
    table = portal.require_table(advance.end.plural)
    record, ranks = table.live.get(advance.end.id), table.definitions["lifecyclestage"].option_values
    if record is None or advance.stage not in ranks:
        return False
    return ranks[advance.stage] > ranks.get(record.values.get("lifecyclestage", ""), -1)


def company_domain(portal: Portal, plural: str, contact: Record, changed: dict[str, str]) -> str:
    """The domain by which a contact just written is to be associated to a company; "" for none."""
    if plural != "contacts" or not portal.settings["automatic_companies"] or not changed.get("email"):
        return ""
    if portal.links.of(End("contacts", contact.id), "companies"):
        return ""
    domain = changed["email"].rpartition("@")[2].lower()
    return "" if domain in _FREE_MAIL else domain


def company_at(portal: Portal, domain: str) -> Record | None:
    """The oldest company that has this domain."""
    return next(
        (
            company
            for company in portal.require_table("companies").live.values()
            if domain == company.values.get("domain", "").lower().removeprefix("www.")
            or domain in company.values.get("hs_additional_domains", "").lower().split(";")
        ),
        None,
    )
