"""The companies of the world `agency` as each system has them: Accounts with web sites, companies with domains.

61 firms are in both systems (58 of them to be found by their domain), 8 Accounts and 23 companies stand alone, and each
system has one firm twice: 70 Accounts, 85 companies.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from concord_sandbox.worlds.firms import (
    ACCOUNTS_ONLY,
    BY_NAME_ONLY,
    COMPANIES_ONLY,
    COUNTRY_NAMES,
    SHARED,
    US_STATES,
    Firm,
)
from concord_sandbox.worlds.ids import hubspot_ids, salesforce_ids
from concord_sandbox.worlds.names import to_ascii
from concord_sandbox.worlds.phones import Exchange
from concord_sandbox.worlds.schema import BASE, COLLEAGUES
from concord_sandbox.worlds.wire import hubspot_record, salesforce_stamps

_ACCOUNT_TWICE, _COMPANY_TWICE = "kestrelgate.io", "tallowmere.co.uk"


@dataclass
class Companies:
    """Both systems' records; ids by the firm's place in `firms` (its first record where there are two)."""

    accounts: list[dict[str, Any]] = field(default_factory=list)
    companies: list[dict[str, Any]] = field(default_factory=list)
    account_ids: dict[Firm, str] = field(default_factory=dict)
    company_ids: dict[Firm, str] = field(default_factory=dict)
    account_duplicates: list[list[str]] = field(default_factory=list)
    company_duplicates: list[list[str]] = field(default_factory=list)

    def pairs(self) -> list[list[str]]:
        """[Account, company] of each firm that both systems have."""
        return [[self.account_ids[firm], self.company_ids[firm]] for firm in SHARED]


@dataclass(frozen=True)
class _Facts:
    """What both systems know of a firm."""

    switchboard: str
    employees: int
    owner: int
    created: datetime


def build_companies(rng: random.Random) -> Companies:
    """All Accounts and companies, in the order in which they were made."""
    made = Companies()
    exchange = Exchange(rng)
    account_ids, company_ids = salesforce_ids("001", 4_711_000, rng), hubspot_ids(9_014_000_000, rng)
    firms = [*SHARED, *ACCOUNTS_ONLY, *COMPANIES_ONLY]
    rng.shuffle(firms)
    known = {
        firm: _Facts(
            exchange.landline(firm.country).international(),
            rng.choice((8, 15, 40, 75, 120, 300)) * firm.size,
            rng.randrange(len(COLLEAGUES)),
            created,
        )
        for firm, created in zip(firms, sorted(_creation(rng) for _ in firms), strict=True)
    }
    for firm, facts in known.items():
        if firm not in COMPANIES_ONLY:
            _add_account(made, firm, facts, account_ids, rng)
        if firm not in ACCOUNTS_ONLY:
            _add_company(made, firm, facts, company_ids, rng)
    for firm, facts in known.items():
        if firm.domain == _ACCOUNT_TWICE:
            _add_account(made, firm, facts, account_ids, rng, suffix=" (Manchester office)")
        if firm.domain == _COMPANY_TWICE:
            _add_company(made, firm, facts, company_ids, rng, suffix=" Claims")
    return made


def _creation(rng: random.Random) -> datetime:
    return (BASE - timedelta(days=rng.uniform(200, 2700))).replace(microsecond=0)


def _add_account(
    made: Companies, firm: Firm, facts: _Facts, ids: Iterator[str], rng: random.Random, suffix: str = ""
) -> None:
    record_id = next(ids)
    modified = min(facts.created + timedelta(days=rng.expovariate(1 / 300)), BASE - timedelta(hours=5))
    record: dict[str, Any] = {
        "Id": record_id,
        "Name": _name(firm, rng, with_legal_form=0.7) + suffix,
        "Website": None if firm.domain in BY_NAME_ONLY else _website(firm.domain, rng),
        "Phone": facts.switchboard if rng.random() < 0.6 else None,
        "Industry": firm.industry if rng.random() < 0.7 else None,
        "NumberOfEmployees": facts.employees if rng.random() < 0.5 else None,
        "BillingCity": firm.city if rng.random() < 0.8 else None,
        "BillingPostalCode": firm.postcode if rng.random() < 0.6 else None,
        "BillingState": US_STATES.get(firm.city),
        "BillingCountry": COUNTRY_NAMES[firm.country] if rng.random() < 0.85 else None,
        "OwnerId": COLLEAGUES[facts.owner].user_id,
        **salesforce_stamps(facts.created, modified, COLLEAGUES[facts.owner].user_id),
    }
    made.accounts.append(record)
    if suffix:
        made.account_duplicates.append([made.account_ids[firm], record_id])
    else:
        made.account_ids[firm] = record_id


def _add_company(
    made: Companies, firm: Firm, facts: _Facts, ids: Iterator[str], rng: random.Random, suffix: str = ""
) -> None:
    record_id = next(ids)
    created = facts.created + timedelta(days=rng.uniform(0, 90))
    values = {
        "name": _name(firm, rng, with_legal_form=0.3) + suffix,
        "domain": firm.domain if rng.random() < 0.85 else f"www.{firm.domain}",
        "phone": facts.switchboard.replace(" ", "") if rng.random() < 0.4 else "",
        "numberofemployees": str(facts.employees) if rng.random() < 0.5 else "",
        "city": firm.city if rng.random() < 0.7 else "",
        "zip": firm.postcode if rng.random() < 0.4 else "",
        "country": COUNTRY_NAMES[firm.country] if rng.random() < 0.75 else "",
        "hubspot_owner_id": COLLEAGUES[facts.owner].owner_id if rng.random() < 0.75 else "",
    }
    times = dict.fromkeys(values, created)
    made.companies.append(
        hubspot_record(record_id, {name: value for name, value in values.items() if value}, times, {}, created, rng)
    )
    if suffix:
        made.company_duplicates.append([made.company_ids[firm], record_id])
    else:
        made.company_ids[firm] = record_id


def _name(firm: Firm, rng: random.Random, with_legal_form: float) -> str:
    name = f"{firm.name} {firm.legal}" if rng.random() < with_legal_form else firm.name
    way = rng.random()
    if way < 0.05:
        return name.upper()
    if way < 0.12:
        return to_ascii(name, "de" if firm.country == "DE" else "en")
    if way < 0.18 and "&" in name:
        return name.replace("&", "and")
    return name


def _website(domain: str, rng: random.Random) -> str:
    return rng.choices(
        (
            domain,
            f"www.{domain}",
            f"https://www.{domain}",
            f"http://{domain}/",
            f"https://{domain}/en/contact",
            f"WWW.{domain.upper()}",
            f"https://www.{domain}/?utm_source=fair",
        ),
        weights=(6, 8, 8, 4, 2, 2, 1),
    )[0]
