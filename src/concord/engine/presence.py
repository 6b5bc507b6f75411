"""Presence: walk all links, slowly and for ever, and look whether both records are still there as they were (SPEC 6.3).

A sweep finds what has a new time stamp. This finds what has none: a record that was deleted in HubSpot or purged in
Salesforce, an association that points elsewhere than its base says, an edit that every sweep missed, and a record that
is back whose link was closed. It reads stamps and references in the fewest calls, and puts a notice into the inbox for
whatever is not as it was. It never decides and never writes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final, TypeAlias

from concord.core.mapping import FieldPair, SyncRule
from concord.core.model import Errand, Failure, Lane, Link, LinkState, Notice, Record, Side
from concord.core.values import MISSING, FieldType, Ref, same
from concord.engine.reading import partners_of
from concord.engine.scope import Scope
from concord.engine.trouble import note_trouble
from concord.errors import RemoteRefused

log = logging.getLogger("concord.presence")

#: How often a part of the round is walked; the whole round takes as long as is configured (`sync.sweep.presence`).
EVERY: Final = timedelta(minutes=2)
#: Links that are read together: a bounded piece of memory, and what one call to Salesforce holds; HubSpot takes 100.
SLICE: Final = 2000
FEWEST: Final = 100
#: So long a record may come back out of a recycle bin: HubSpot keeps 90 days, Salesforce 15.
MAY_RETURN: Final = timedelta(days=90)
#: Under which name the store keeps how far the round is.
POSITION: Final = "presence"
#: A reference under these rules never goes over, so that it may point to something else for ever.
_STAYS: Final = frozenset({SyncRule.OFF, SyncRule.MANUAL})

#: An object of a side.
Kind: TypeAlias = tuple[Side, str]
#: For each synced object its mapped references.
References: TypeAlias = Mapping[Kind, Sequence[FieldPair]]


@dataclass(frozen=True)
class Place:
    """How far a round is. begun: when it began, ISO 8601. each: how many links are due each time. after: the id of the
    last link that was looked at. over: all of them were."""

    begun: str
    each: int
    after: int = 0
    over: bool = False


def place_of(stored: str | None) -> Place | None:
    """What the store keeps; None before the first round."""
    return Place(**json.loads(stored)) if stored else None


async def look(scope: Scope, whole: timedelta) -> int:
    """The part of the round that is due now; how many notices it gave. whole: how long a whole round takes.

    The position moves only after the notices are durable. Raises RemoteError where a system is away: the same part is
    walked the next time. An object that is refused is passed over and noted.
    """
    now, references = scope.clock.now(), _references(scope)
    place = place_of(await scope.store.position(POSITION))
    if place is None or (place.over and now >= datetime.fromisoformat(place.begun) + whole):
        links = await scope.store.count_links(now - MAY_RETURN)
        place = Place(now.isoformat(), max(ceil(links * (EVERY / whole) / FEWEST), 1) * FEWEST)
    names = {one.name for some in references.values() for one in some}
    told = walked = 0
    while not place.over and walked < place.each:
        size = min(SLICE, place.each - walked)
        links_here = await scope.store.walk(place.after, size, names, now - MAY_RETURN)
        told += await scope.store.take_in(await _differences(scope, references, links_here))
        walked += len(links_here)
        last = links_here[-1].id if links_here else place.after
        place = replace(place, after=last, over=len(links_here) < size)
        await scope.store.put_position(POSITION, json.dumps(asdict(place)))
    if told:
        log.debug("presence: %d of %d links to look at", told, walked)
    return told


async def _differences(scope: Scope, references: References, links: Sequence[Link]) -> list[Notice]:
    """What is not as it was when these links were last in step."""
    wanted: dict[Kind, list[Ref]] = defaultdict(list)
    known = [link for link in links if all(_kind(side, link) in references for side in Side)]
    for link in known:
        for side in Side:
            wanted[_kind(side, link)].append(link.of(side))
    there, failed = await _present(scope, references, wanted)
    sure = [link for link in known if not any(_kind(side, link) in failed for side in Side)]
    # A reference that has no base could not be carried: its target had no partner. Has it one now?
    held = [
        record
        for link in sure
        for side in Side
        if (record := there.get(link.of(side))) is not None
        and any(one.name not in link.bases for one in references[_kind(side, link)])
    ]
    partners = await partners_of(scope, held)
    return [notice for link in sure for notice in _of(scope, references, link, there, partners)]


def _kind(side: Side, link: Link) -> Kind:
    return side, link.of(side).object


async def _present(
    scope: Scope, references: References, wanted: Mapping[Kind, Sequence[Ref]]
) -> tuple[dict[Ref, Record], set[Kind]]:
    """Who of these is there; and the objects that cannot be asked about, of which nothing is known."""

    async def one(kind: Kind, refs: Sequence[Ref]) -> Mapping[str, Record] | RemoteRefused:
        side, object_name = kind
        fields = [one.api_name(side) for one in references[kind]]
        try:
            system = scope.system(side).on(Errand(Lane.BACKFILL))
            return await system.present(object_name, [ref.id for ref in refs], fields)
        except RemoteRefused as error:
            return error

    answers = await asyncio.gather(*(one(kind, refs) for kind, refs in wanted.items()))
    there: dict[Ref, Record] = {}
    failures: dict[Side, dict[str, Failure]] = {side: {} for side in Side}
    for (side, object_name), answer in zip(wanted, answers, strict=True):
        if isinstance(answer, RemoteRefused):
            failures[side][object_name] = Failure.of(answer)
        else:
            there |= {record.ref: record for record in answer.values()}
    for side, failed in failures.items():
        asked = [object_name for at, object_name in wanted if at is side]
        await note_trouble(scope, f"{POSITION}:{side}", side, failed, asked)
    return there, {(side, object_name) for side, failed in failures.items() for object_name in failed}


def _of(
    scope: Scope, references: References, link: Link, there: Mapping[Ref, Record], partners: Mapping[Ref, Ref]
) -> Iterable[Notice]:
    """What has to be said of one link."""
    now = scope.clock.now()
    if link.state is not LinkState.ACTIVE:
        if link.left in there and link.right in there:
            yield Notice(link.left, Lane.PEOPLE, now, "presence")  # both are there again: see engine/whereabouts.py
        return
    for side in Side:
        ref = link.of(side)
        record = there.get(ref)
        if record is None or _points_elsewhere(scope, references[_kind(side, link)], link, side, record, partners):
            yield Notice(ref, Lane.PEOPLE, now, "presence")
        elif record.version is not None:
            # The store drops it where this is the state that was last read: what is left, every sweep has missed.
            at = min(record.modified_at - scope.system(side).clock_ahead(), now)
            yield Notice(ref, Lane.BACKFILL, now, "presence", at, record.version)


def _points_elsewhere(
    scope: Scope, references: Sequence[FieldPair], link: Link, side: Side, record: Record, partners: Mapping[Ref, Ref]
) -> bool:
    """Whether a reference is not what it was when the sides agreed; or, where they never did because its target had no
    partner, whether it has one now."""
    fields = scope.schemas[record.ref.object].fields
    for one in references:
        value, base = record.value(one.api_name(side)), link.bases.get(one.name)
        if value is MISSING or not one.applies_to(link.left.object):
            continue
        if base is None:
            if value in partners:
                return True
        elif not same(value, base.of(side), fields[one.api_name(side)]):
            return True
    return False


def _references(scope: Scope) -> References:
    """The mapped references of every synced object that may go over."""
    found: dict[Kind, tuple[FieldPair, ...]] = {}
    for pair in scope.pairs:
        for side, names in ((Side.LEFT, pair.left_objects), (Side.RIGHT, (pair.right_object,))):
            for object_name in names:
                fields = scope.schemas[object_name].fields
                found[side, object_name] = tuple(
                    one
                    for one in (pair.fields_of(object_name) if side is Side.LEFT else pair.fields)
                    if one.rule not in _STAYS
                    and one.api_name(side) in fields
                    and fields[one.api_name(side)].type is FieldType.REFERENCE
                )
    return found
