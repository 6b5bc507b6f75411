"""Those who find who is who: our core and an exact e-mail join (Splink: `splinked`). None of them sees the truth."""

from __future__ import annotations

import csv
import resource
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import tldextract
from bench.identity.crm import FirmRow, Made, Row

from concord.core import companies, identity
from concord.core.identity import Bounds, Matching, Person
from concord.core.mapping import IdentityFields, ObjectPair
from concord.core.model import Record, Side
from concord.core.values import BLANK, Ref, Value

BOUNDS: Final = Bounds()
_PEOPLE: Final = ObjectPair(
    name="people",
    kind="person",
    left_objects=("Contact", "Lead"),
    right_object="contacts",
    fields=(),
    left_identity={
        name: IdentityFields(
            email="email", first_name="first", last_name="last", phone="phone", mobile="mobile", title="title",
            company="company" if name == "Lead" else "", website="website" if name == "Lead" else "",
            account="account" if name == "Contact" else "",
        )
        for name in ("Contact", "Lead")
    },
    right_identity=IdentityFields(
        email="email", additional_emails="more_emails", first_name="first", last_name="last", company="company",
        website="website", phone="phone", mobile="mobile", title="title", account="account",
    ),
)  # fmt: skip
_FIRMS: Final = ObjectPair(
    name="companies",
    kind="company",
    left_objects=("Account",),
    right_object="companies",
    fields=(),
    left_identity={"Account": IdentityFields(company="name", website="website", phone="phone")},
    right_identity=IdentityFields(company="name", website="website", phone="phone"),
)
_ASKED_FOR: Final = ("email", "more_emails", "first", "last", "company", "website", "phone", "mobile", "title")


@dataclass
class Found:
    """What a contender says. links: pairs of ids with their score (0 to 100), linked automatically. asks: pairs for a
    person to decide. beside: a record's id -> the id of the record of its own side that it is a duplicate of.
    explained: by pair, the evidence. seconds: processor time of all of it; megabytes: the process's peak."""

    name: str
    links: dict[tuple[str, str], float]
    asks: dict[tuple[str, str], float] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    explained: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    megabytes: float = 0.0
    note: str = ""


def peak() -> float:
    """The largest memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- our core


def _registrable() -> identity.Registrable:
    """As the product's: the public suffix list that ships with tldextract; nothing is fetched."""
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    return cache(lambda host: extract(host).top_domain_under_public_suffix)


def _record(ref: Ref, texts: Mapping[str, str], modified_at: datetime) -> Record:
    values: dict[str, Value] = {name: text or BLANK for name, text in texts.items()}
    return Record(ref, values, modified_at, modified_at)


def people(made: Made) -> tuple[list[Person], list[Person]]:
    """Both systems' people as reconciliation reads them: `person_of`, then the employer that the record refers to."""
    registrable = _registrable()
    found = []
    for side, rows, firm_rows in ((Side.LEFT, made.lefts, made.accounts), (Side.RIGHT, made.rights, made.companies)):
        employers = {one.id: _company(one, side, registrable) for one in firm_rows}
        found.append([_person(row, side, employers, registrable) for row in rows])
    return found[0], found[1]


def _system(side: Side) -> str:
    return "salesforce" if side is Side.LEFT else "hubspot"


def _company(row: FirmRow, side: Side, registrable: identity.Registrable) -> companies.Company:
    ref = Ref(_system(side), "Account" if side is Side.LEFT else "companies", row.id)
    texts = {"name": row.name, "website": row.website, "phone": row.phone}
    return companies.company_of(_record(ref, texts, row.modified_at), _FIRMS, side, registrable)


def _person(
    row: Row, side: Side, employers: Mapping[str, companies.Company], registrable: identity.Registrable
) -> Person:
    ref = Ref(_system(side), row.object, row.id)
    texts = {name: getattr(row, name) for name in _ASKED_FOR}
    person = identity.person_of(_record(ref, texts, row.modified_at), _PEOPLE, side, registrable)
    return identity.employed_by(person, employers[row.account]) if row.account in employers else person


def core(made: Made) -> tuple[Found, list[Person], list[Person]]:
    """Our own answer, by `identity.match` as reconciliation calls it; and the people, for asking it why."""
    began = time.process_time()
    lefts, rights = people(made)
    matching = identity.match(lefts, rights, BOUNDS, frozenset(), {})
    seconds = time.process_time() - began
    return found_in(matching, seconds), lefts, rights


def found_in(matching: Matching, seconds: float) -> Found:
    """A matching of core as what a contender says."""
    return Found(
        "core",
        {(one.left.id, one.right.id): one.score for one in matching.links},
        {(one.left.id, one.right.id): one.score for one in matching.asks},
        {one.ref.id: one.active.id for one in matching.duplicates},
        {(one.left.id, one.right.id): one.evidence for one in (*matching.links, *matching.asks)},
        seconds,
        peak(),
    )


# --- an answer from outside


def answer(links: Path, review: Path | None) -> Found:
    """The answer of `concord match`, from its files."""
    return Found(f"{links.name}", _pairs(links), _pairs(review) if review else {})


def _pairs(path: Path) -> dict[tuple[str, str], float]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {(row["left_id"], row["right_id"]): float(row["confidence"]) for row in csv.DictReader(file)}


# --- an exact join


def email_only(made: Made) -> Found:
    """Link what has one address (trimmed, lower case), as the vendors' own connectors do; the most recently modified
    one where several have it."""
    began = time.process_time()
    by_address: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(made.lefts, key=lambda one: (one.object, -one.modified_at.timestamp())):
        if row.email.strip():
            by_address[row.email.strip().lower()].append(row)
    links: dict[tuple[str, str], float] = {}
    beside: dict[str, str] = {}
    taken: set[str] = set()
    for right in made.rights:
        there = by_address.get(right.email.strip().lower(), [])
        if right.email.strip() and there and there[0].id not in taken:
            links[there[0].id, right.id] = 100.0
            taken.add(there[0].id)
            beside |= {other.id: there[0].id for other in there[1:]}
    return Found("exact e-mail", links, beside=beside, seconds=time.process_time() - began, megabytes=peak())
