"""Where a link is that is not found under a record's own ref (SPEC 4.6): the record's link stands under an id that was
merged into it, or the link was closed when one of the two went, and both are there again.

HubSpot's survivor of a merge has a new id, and with polling alone only that one is heard of; without this it would be a
stranger, and somebody would be made for it. Reads only; decides nothing but which links the batch is about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from concord.core.mapping import ObjectPair
from concord.core.model import Link, LinkState, Record, Side
from concord.core.values import Ref
from concord.engine.reading import Batch, partners_of, read_refs
from concord.engine.scope import Scope


async def find_links(scope: Scope, batch: Batch) -> Batch:
    """The batch with the links of merged records under every ref that leads to them, and with those closed links that
    are whole again (`back`)."""
    standing = await _standing(scope, batch)
    batch = replace(batch, links={**_moved(batch), **standing, **batch.links})
    merged = {ref: link for ref, link in standing.items() if link.state is LinkState.ACTIVE}
    merged |= await _merged(scope, batch)
    batch = replace(batch, origins=await _origins(scope, batch, merged))
    converted = await _converted(scope, batch)
    merged |= {ref: link for ref, link in converted.items() if link.state is LinkState.ACTIVE}
    batch = replace(batch, links={**converted, **batch.links})
    closed = _closed(scope, batch)
    if not merged and not closed:
        return batch
    back, instead = await _whole_again(scope, closed)
    refs = {ref for link in (*merged.values(), *back.values()) for ref in (link.left, link.right)} | instead.keys()
    records, gone = await read_refs(scope, refs, histories=True)
    # One that went between the two looks is found out by the next.
    back = {number: link for number, link in back.items() if _there(records, link)}
    records = {**batch.records, **records}
    return replace(
        batch,
        links={**merged, **batch.links},
        records=records,
        gone={**batch.gone, **gone},
        partners=await partners_of(scope, records.values()),
        back=frozenset(back),
        instead=instead,
    )


# --- merged away


def _moved(batch: Batch) -> dict[Ref, Link]:
    """The batch's links by the refs that their records have now: a survivor that is in the batch too is no stranger."""
    return {
        batch.records[ref].ref: link
        for link in batch.links.values()
        for ref in (link.left, link.right)
        if link.state is LinkState.ACTIVE and ref in batch.records
    }


async def _standing(scope: Scope, batch: Batch) -> dict[Ref, Link]:
    """The links of what records of this batch have become, by the old ref and by the new one: of a lead that was
    converted, or a contact that was merged away, before anybody knew it, and whose survivor is linked already."""
    became = {ref: record.ref for ref, record in batch.records.items() if record.ref != ref and ref not in batch.links}
    found = await scope.store.links(list(became.values())) if became else {}
    return {old: found[new] for ref, new in became.items() if new in found for old in (ref, new)}


async def _merged(scope: Scope, batch: Batch) -> dict[Ref, Link]:
    """The active links of records that were merged into one of this batch, by the old ref and by the survivor's."""
    old = {
        Ref(record.ref.system, record.ref.object, former): record.ref
        for record in batch.records.values()
        for former in record.formerly
    }
    found = await scope.store.links([ref for ref in old if ref not in batch.links]) if old else {}
    links: dict[Ref, Link] = {}
    for ref, link in found.items():
        if link.state is LinkState.ACTIVE and ref in (link.left, link.right):
            links |= {ref: link, old[ref]: link}
    return links


async def _origins(scope: Scope, batch: Batch, known: Collection[Ref]) -> dict[Ref, Ref]:
    """What strangers of this batch were before: those that were asked for under an old ref, and those that a conversion
    made, of which the old one may not be in the batch. known: those whose link has been found."""
    origins: dict[Ref, Ref] = {}
    strangers: dict[tuple[Side, str], list[str]] = defaultdict(list)
    for ref, record in batch.records.items():
        pair = scope.pair_of(ref)
        if ref in batch.links or record.ref in batch.links or record.ref in known or pair is None:
            continue
        if ref != record.ref:
            origins[record.ref] = ref
        elif _converts(pair, scope.side(ref)):
            strangers[scope.side(ref), ref.object].append(ref.id)
    for (side, object_name), ids in strangers.items():
        system = scope.system(side)
        told = await system.origins(object_name, ids)
        origins |= {Ref(system.name, object_name, text): origin for text, origin in told.items()}
    return origins


async def _converted(scope: Scope, batch: Batch) -> dict[Ref, Link]:
    """The links of what strangers of this batch were before, by the stranger's ref and the old one. A contact may be
    heard of before the lead that it was; and of a lead whose partner was deleted nobody is made again for the contact
    that it has become (SPEC 4.6)."""
    became = {origin: ref for ref, origin in batch.origins.items()}
    found = await scope.store.links(list(became)) if became else {}
    return {ref: link for old, link in found.items() if old in became for ref in (old, became[old])}


def _converts(pair: ObjectPair, side: Side) -> bool:
    """Whether records of this pair may become other ones on that side: where it has more than one object there."""
    return side is Side.LEFT and len(pair.left_objects) > 1


# --- back again


def _closed(scope: Scope, batch: Batch) -> list[Link]:
    closed = {link.id: link for link in batch.links.values() if link.state is not LinkState.ACTIVE}
    return [link for link in closed.values() if all(scope.pair_of(ref) is not None for ref in (link.left, link.right))]


async def _whole_again(scope: Scope, closed: Collection[Link]) -> tuple[dict[int, Link], dict[Ref, Ref]]:
    """Of these closed links those whose two records are both there, and neither is linked otherwise; and for records
    that are there and whose partner is linked otherwise by now, with which record (of their own side)."""
    live = await _live(scope, {ref for link in closed for ref in (link.left, link.right)})
    standing = await scope.store.links(list(live)) if live else {}
    active = {ref: link for ref, link in standing.items() if link.state is LinkState.ACTIVE}
    back: dict[int, Link] = {}
    taken: set[Ref] = set()
    instead: dict[Ref, Ref] = {}
    for link in sorted(closed, key=lambda one: -one.id):
        ends = {link.left, link.right}
        if ends <= live and not ends & (active.keys() | taken):
            back[link.id] = link
            taken |= ends
        for side in Side:
            own, other = link.of(side), link.of(side.other)
            if own in live and own not in active and other in active and active[other].of(side.other) == other:
                instead[own] = active[other].of(side)
    return back, instead


async def _live(scope: Scope, refs: Iterable[Ref]) -> set[Ref]:
    """Which of these are there under their own ref; asked in few calls, for most of them are gone for good."""
    groups: dict[tuple[Side, str], list[Ref]] = defaultdict(list)
    for ref in sorted(refs):
        groups[scope.side(ref), ref.object].append(ref)
    live: set[Ref] = set()
    for (side, object_name), some in groups.items():
        found = await scope.system(side).present(object_name, [ref.id for ref in some], ())
        live |= {record.ref for record in found.values()}
    return live


def _there(records: Mapping[Ref, Record], link: Link) -> bool:
    return all(ref in records and records[ref].ref == ref for ref in (link.left, link.right))
