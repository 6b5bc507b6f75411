"""A person as one system has them written down, before it gets an id and the system's own field names.

A draft's `values` use neutral names (given, family, email, phone, mobile, title, company, street, city, postcode,
state, country, salutation, owner, stage, status, contacted, source); a missing name is a blank field.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from concord_sandbox.worlds.firms import COUNTRY_NAMES, US_STATES, Firm
from concord_sandbox.worlds.people import Person
from concord_sandbox.worlds.schema import BASE, COLLEAGUES

Side = Literal["salesforce", "hubspot"]

_STREETS = {
    "DE": ("Lindenallee", "Am Speicher", "Mühlgasse", "Bahnhofstraße", "Hafenweg", "Schillerstr."),
    "GB": ("Tannery Row", "Old Mill Lane", "Station Road", "Chapel Street", "Quayside", "Victoria Street"),
    "US": ("Foundry Street", "Magnolia Ave", "Harbor Blvd", "W 3rd St", "Depot Road", "Commerce Pkwy"),
}
_PLACES = {"GB": ("London", "SE15 4QA"), "DE": ("Berlin", "10999"), "US": ("Denver", "80203"), "AU": ("Sydney", "2010")}
#: How far along people are: (HubSpot's lifecycle stage, what the sales team thinks), with weights.
_STANDINGS = (
    (("subscriber", "new"), 8),
    (("lead", "new"), 24),
    (("lead", "working"), 14),
    (("marketingqualifiedlead", "working"), 18),
    (("marketingqualifiedlead", "closed"), 4),
    (("salesqualifiedlead", "working"), 10),
    (("opportunity", "working"), 8),
    (("customer", "working"), 12),
    (("other", "closed"), 2),
)
STATUS_SALESFORCE = {
    "new": "Open - Not Contacted",
    "working": "Working - Contacted",
    "closed": "Closed - Not Converted",
}
STATUS_HUBSPOT = {
    "new": ("NEW", "OPEN"),
    "working": ("IN_PROGRESS", "ATTEMPTED_TO_CONTACT", "CONNECTED", "OPEN_DEAL"),
    "closed": ("UNQUALIFIED", "BAD_TIMING"),
}


@dataclass
class Draft:
    """One record to be. `times` (HubSpot only): when a field was last set. `earlier`: what it was before, since when.
    `object_name`: Lead or Contact, "" while that is open."""

    side: Side
    person: Person
    values: dict[str, str]
    firm: Firm | None
    created: datetime
    modified: datetime
    object_name: str = ""
    times: dict[str, datetime] = field(default_factory=dict)
    earlier: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    opted_out: datetime | None = None
    do_not_call: bool = False
    more_emails: tuple[str, ...] = ()
    associated: bool = True
    id: str = ""

    def ref(self) -> list[str] | str:
        """How `truth` names the record: ["Lead", id] in Salesforce, the bare id in HubSpot."""
        return [self.object_name, self.id] if self.side == "salesforce" else self.id


def facts(person: Person, rng: random.Random) -> dict[str, str]:
    """All that is to be known of a person, as both systems would have it if nobody had ever mistyped or forgotten."""
    (stage, status), *_ = rng.choices([standing for standing, _ in _STANDINGS], [weight for _, weight in _STANDINGS])
    values = {
        "salutation": "Mr." if person.sex == "m" else rng.choice(("Ms.", "Ms.", "Mrs.")),
        "given": person.given,
        "family": person.family,
        "phone": person.direct.international(),
        "mobile": person.mobile.international(),
        "title": person.title,
        "country": COUNTRY_NAMES[person.country],
        "owner": str(rng.randrange(len(COLLEAGUES))),
        "stage": stage,
        "status": status,
        "contacted": (BASE - timedelta(days=rng.expovariate(1 / 160), hours=3)).isoformat(),
        "source": rng.choice(("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")),
        "email": person.work or person.private,
    }
    if person.firm is not None:
        values["company"] = person.firm.name
        values["city"], values["postcode"] = person.firm.city, person.firm.postcode
    elif person.country in _PLACES:
        values["city"], values["postcode"] = _PLACES[person.country]
    values["street"] = street(person.country, rng)
    if values.get("city") in US_STATES and person.country == "US":
        values["state"] = US_STATES[values["city"]]
    return values


def street(country: str, rng: random.Random) -> str:
    """A street and number as written in that country."""
    number, name = rng.randint(1, 180), rng.choice(_STREETS.get(country, _STREETS["GB"]))
    return f"{name} {number}" if country == "DE" else f"{number} {name}"


def drafted(side: Side, person: Person, values: dict[str, str], rng: random.Random) -> Draft:
    """A first draft with all of `values`; created at some time in the past seven years, changed since or not."""
    created = _at_work(BASE - timedelta(days=rng.uniform(70, 2600)), rng)
    modified = max(_at_work(BASE - timedelta(days=rng.expovariate(1 / 130), hours=30), rng), created)
    draft = Draft(side, person, dict(values), person.firm, created, modified)
    if side == "hubspot":
        draft.associated = rng.random() < 0.85
        for name in draft.values:
            draft.times[name] = moment_between(draft.created, draft.modified, rng)
    return draft


def moment_between(start: datetime, end: datetime, rng: random.Random) -> datetime:
    """Some moment from `start` (often exactly then: most fields are never touched again) to `end`, in milliseconds."""
    if rng.random() < 0.55:
        return start
    moment = start + (end - start) * rng.random()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _at_work(moment: datetime, rng: random.Random) -> datetime:
    """About `moment`, but on a working day in office hours, in whole seconds; now and then late at night."""
    if moment.weekday() >= 5:
        moment -= timedelta(days=2)
    hour = rng.randrange(7, 18) if rng.random() < 0.94 else rng.randrange(18, 24)
    return moment.replace(hour=hour, minute=rng.randrange(60), second=rng.randrange(60), microsecond=0)
