"""The world `agency`: the two CRMs of a mid-size marketing agency that drifted apart over years.

450 HubSpot contacts and 280 Salesforce Leads and Contacts, 85 companies and 70 Accounts, six colleagues who work in
both. 200 people are in both systems; which they are is known to `truth` alone. Everybody and everything is invented.

Made for realism and independent of how any matcher works: who is in it is said in `cast`, how two records of one
person differ in `disguises` (name and address) and `drift` (all other fields).

`truth`:

    pairs           {"salesforce": [object, id], "hubspot": id, "kind": how the two records differ,
                    "findable": what a careful reader of the two records could tell: "link" that they are one,
                    "review" that they may be, "no" nothing}. Of a person with duplicates: the record that counts.
    people          {"salesforce": [[object, id]…], "hubspot": [id…]} for every person with two records or more
    duplicates      pairs of ids of one person inside one system
    never_link      pairs of different people: shared_mailbox, father_and_son, namesake, household
    company_pairs   [Account, company]; company_duplicates: pairs inside one system
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from concord_sandbox.worlds.care import add_care
from concord_sandbox.worlds.cast import Cast, Pair, assemble
from concord_sandbox.worlds.companies import Companies, build_companies
from concord_sandbox.worlds.ids import hubspot_ids, salesforce_ids
from concord_sandbox.worlds.schema import bare, hubspot_time
from concord_sandbox.worlds.wire import hubspot_person, salesforce_history, salesforce_person


def build(seed: int = 1) -> dict[str, Any]:
    """The world; the same for the same seed."""
    rng = random.Random(seed)
    cast = assemble(rng)
    add_care(cast, rng)
    companies = build_companies(rng)
    _give_ids(cast, rng)
    world = bare("agency", seed)
    _fill_salesforce(world["salesforce"], cast, companies, rng)
    _fill_hubspot(world["hubspot"], cast, companies, rng)
    world["truth"] = _truth(cast, companies)
    return world


def _give_ids(cast: Cast, rng: random.Random) -> None:
    """Ids rise with the time of creation, so that they give nothing away of who is who."""
    ids: dict[str, Iterator[str]] = {
        "Lead": salesforce_ids("00Q", 9_310_000, rng),
        "Contact": salesforce_ids("003", 7_204_000, rng),
        "": hubspot_ids(28_400_000_000, rng),
    }
    cast.drafts.sort(key=lambda draft: (draft.created, draft.person.key))
    for draft in cast.drafts:
        draft.id = next(ids[draft.object_name])


def _fill_salesforce(section: dict[str, Any], cast: Cast, companies: Companies, rng: random.Random) -> None:
    records = section["records"]
    records["Account"] = companies.accounts
    section["history"] = []
    tracked = {
        name: {field["name"] for field in section["objects"][name]["fields"] if field["trackHistory"]}
        for name in ("Lead", "Contact")
    }
    for draft in cast.of("salesforce"):
        account_id = companies.account_ids.get(draft.firm) if draft.firm is not None else None
        records[draft.object_name].append(salesforce_person(draft, account_id, rng))
        section["history"] += salesforce_history(draft, tracked[draft.object_name])


def _fill_hubspot(section: dict[str, Any], cast: Cast, companies: Companies, rng: random.Random) -> None:
    section["records"]["companies"] = companies.companies
    for draft in cast.of("hubspot"):
        section["records"]["contacts"].append(hubspot_person(draft, rng))
        company_id = companies.company_ids.get(draft.firm) if draft.firm is not None else None
        if company_id is not None and draft.associated:
            link = {"from": ["contacts", draft.id], "to": ["companies", company_id], "types": [1, 279]}
            section["associations"].append(link)
        if draft.opted_out is not None:
            section["unsubscribed"][draft.values["email"].strip().lower()] = hubspot_time(draft.opted_out)


def _truth(cast: Cast, companies: Companies) -> dict[str, Any]:
    by_person: dict[int, dict[str, list[Any]]] = {}
    for draft in cast.drafts:
        refs = by_person.setdefault(draft.person.key, {"salesforce": [], "hubspot": []})
        refs[draft.side].append(draft.ref())
    several = [refs for refs in by_person.values() if len(refs["salesforce"]) + len(refs["hubspot"]) > 1]
    return {
        "pairs": [{**_both(pair), "kind": pair.kind, "findable": pair.findable} for pair in cast.pairs],
        "people": several,
        "duplicates": {
            "salesforce": [[ref[1] for ref in refs["salesforce"]] for refs in several if len(refs["salesforce"]) > 1],
            "hubspot": [refs["hubspot"] for refs in several if len(refs["hubspot"]) > 1],
        },
        "never_link": [{**_both(pair), "kind": pair.kind} for pair in cast.never],
        "company_pairs": companies.pairs(),
        "company_duplicates": {
            "salesforce": companies.account_duplicates,
            "hubspot": companies.company_duplicates,
        },
    }


def _both(pair: Pair) -> dict[str, Any]:
    return {"salesforce": pair.salesforce.ref(), "hubspot": pair.hubspot.ref()}
