"""Two records become one (API reference section 9). Irreversible, as in HubSpot."""

from __future__ import annotations

from concord_sandbox.hubspot.crm import Crm, Event
from concord_sandbox.hubspot.errors import bad_request
from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.models import Actor, ObjectTable, Record

_MOST_MERGES = 250
_OWN_RULES = frozenset({"email", "hs_additional_emails", "hs_merged_object_ids", "hs_calculated_merged_vids",
                        "hs_all_contact_vids", "associatedcompanyid", "hs_email_optout"})  # fmt: skip


def merge(crm: Crm, table: ObjectTable, primary: Record, other: Record, by: Actor) -> Record:
    """The survivor: a new record with a new id, to which both old ids lead; in accounts of the beta (the world's
    `primary_id_preservation`) it keeps the primary's id. Raises ApiError."""
    absorbed = [part for one in (primary, other) for part in _listed(one, "hs_merged_object_ids")]
    if primary is other:
        raise bad_request("The two records to merge are the same record")
    keeps_id = bool(crm.portal.settings["primary_id_preservation"])
    # Without the beta each merge absorbs two ids: that of the primary as well.
    if len(absorbed) + 2 > (1 if keeps_id else 2) * _MOST_MERGES + (1 if keeps_id else 0):
        raise bad_request(f"A record cannot be merged more than {_MOST_MERGES} times")
    now = crm.clock.epoch_ms()
    survivor = Record(
        primary.id if keeps_id else crm.portal.new_id(),
        dict(primary.values),
        min(primary.created, other.created),
        now,
        primary.origin,
    )
    survivor.origin_at = primary.origin_at
    survivor.histories = {name: list(entries) for name, entries in (primary.histories or {}).items()}
    source = Actor("MERGE_OBJECTS", by.source_id, by.source_label, by.user_id)
    moved = _moved(table, primary, other)
    for name, value in (moved | _traces(table, primary, other, survivor.id, absorbed, now)).items():
        survivor.write(name, value, now, source)
    gone: list[tuple[int, Record | None]] = [(primary.id, primary), (other.id, other)]
    crm.begin(table, gone if keeps_id else [*gone, (survivor.id, None)])
    table.remove(primary)
    table.remove(other)
    table.add(survivor)
    table.merged[other.id] = survivor.id
    if not keeps_id:
        table.merged[primary.id] = survivor.id
    _move_links(crm, table, survivor, primary, other, by)
    ended: list[tuple[int, Record | None]] = [(other.id, None)] if keeps_id else [(primary.id, None), (other.id, None)]
    crm.finish(table, [*ended, (survivor.id, survivor)])
    crm.tell(
        Event(
            "merge",
            table.kind.plural,
            survivor.id,
            now,
            by,
            {
                "primaryObjectId": primary.id,
                "mergedObjectIds": [other.id],
                "newObjectId": survivor.id,
                "numberOfPropertiesMoved": len(moved),
            },
        )
    )
    return survivor


def _listed(record: Record, name: str) -> list[str]:
    return [part for part in record.values.get(name, "").split(";") if part]


def _moved(table: ObjectTable, primary: Record, other: Record) -> dict[str, str]:
    """What the survivor takes from the other record: where the primary is empty, and the exceptions for contacts."""
    moved = {
        name: value
        for name, value in other.values.items()
        if value and not primary.values.get(name) and name not in _OWN_RULES
    }
    stage = table.definitions.get("lifecyclestage")
    if stage is not None:
        ranks = stage.option_values
        mine, theirs = (record.values.get("lifecyclestage", "") for record in (primary, other))
        if ranks.get(theirs, -1) > ranks.get(mine, -1):
            moved["lifecyclestage"] = theirs
    if table.kind.plural == "contacts":
        address = primary.values.get("email") or other.values.get("email", "")
        if address and not primary.values.get("email"):
            moved["email"] = address
        held = [*_listed(primary, "hs_additional_emails"), other.values.get("email", ""),
                *_listed(other, "hs_additional_emails")]  # fmt: skip
        secondary = ";".join(dict.fromkeys(one for one in held if one and one != address))
        if secondary != primary.values.get("hs_additional_emails", ""):
            moved["hs_additional_emails"] = secondary
        bases = dict.fromkeys([*_listed(primary, "hs_legal_basis"), *_listed(other, "hs_legal_basis")])
        if bases:
            moved["hs_legal_basis"] = ";".join(bases)
        if other.values.get("hs_marketable_status") == "true":  # the more permissive one
            moved["hs_marketable_status"] = "true"
        if "true" in (record.values.get("hs_email_optout") for record in (primary, other)):
            moved["hs_email_optout"] = "true"
    return {name: value for name, value in moved.items() if primary.values.get(name) != value}


def _traces(
    table: ObjectTable, primary: Record, other: Record, survivor: int, absorbed: list[str], now: int
) -> dict[str, str]:
    """The properties that tell which ids the survivor stands for."""
    ended = [str(one.id) for one in (primary, other) if one.id != survivor]
    ids = list(dict.fromkeys([*absorbed, *ended]))
    traces = {"hs_merged_object_ids": ";".join(ids)}
    if table.kind.plural == "contacts":
        before = [
            *_listed(primary, "hs_calculated_merged_vids"),
            *_listed(other, "hs_calculated_merged_vids"),
        ]
        traces["hs_calculated_merged_vids"] = ";".join([*before, f"{primary.id}:{now}", f"{other.id}:{now}"])
        traces["hs_all_contact_vids"] = ";".join([str(survivor), *ids])
    return traces


def _move_links(crm: Crm, table: ObjectTable, survivor: Record, primary: Record, other: Record, by: Actor) -> None:
    """Combine the links; a primary mark of the loser is dropped where the winner has one of its own."""
    links = crm.portal.links
    here = End(table.kind.plural, survivor.id)
    for loser in (primary, other):
        for there, ids in list(links.drop(End(table.kind.plural, loser.id))):
            if there in (End(table.kind.plural, primary.id), End(table.kind.plural, other.id)):
                continue
            mark = links.primary(here.plural, there.plural)
            taken = mark is not None and any(mark in held for held in links.of(here, there.plural).values())
            links.put(here, there, links.between(here, there) | (ids - {mark} if taken and mark else ids))
    crm.follow_links(here, by)
