"""The line's third step: read both sides of a batch, fresh, in few calls.

Reads only; decides nothing, except which records have to be read.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from concord.core.mapping import ObjectPair
from concord.core.model import Gone, Link, LinkState, Record, Side, Work
from concord.core.values import Ref
from concord.engine.scope import Scope
from concord.trace import traced


@dataclass(frozen=True)
class Batch:
    """A claimed batch and everything that was read for it.

    records, gone: by the ref that was asked for (a merged record stands under its old ref, with `asked` set).
    links: of every claimed ref that has one. partners: for references, the linked record of the other side.
    back: the ids of closed links whose two records are there again. instead: for records of other closed links that are
    there, the record of their side that their partner is linked with by now. origins: for records that nobody knows
    under their own ref, what they were before a conversion or a merge (see engine/whereabouts.py).
    """

    works: tuple[Work, ...]
    links: Mapping[Ref, Link]
    records: Mapping[Ref, Record]
    gone: Mapping[Ref, Gone]
    partners: Mapping[Ref, Ref] = field(default_factory=dict)
    back: frozenset[int] = frozenset()
    instead: Mapping[Ref, Ref] = field(default_factory=dict)
    origins: Mapping[Ref, Ref] = field(default_factory=dict)

    def works_on(self, refs: Collection[Ref]) -> tuple[Work, ...]:
        return tuple(work for work in self.works if work.ref in refs)


@traced("read")
async def read_batch(scope: Scope, works: Sequence[Work]) -> Batch:
    """Read the records of these inbox rows and, where they are linked, their partners."""
    links = await scope.store.links([work.ref for work in works])
    plain: set[Ref] = set()
    linked: set[Ref] = set()
    for work in works:
        link = links.get(work.ref)
        if link is not None and link.state is LinkState.ACTIVE:
            linked |= {link.left, link.right}
        elif scope.pair_of(work.ref) is not None:
            plain.add(work.ref)
    # One object's linked and unlinked records are two calls only because histories make a call smaller and dearer.
    answers = await asyncio.gather(
        *(read_refs(scope, group, histories=True) for group in _by_side(scope, linked)),
        *(read_refs(scope, group, histories=False) for group in _by_side(scope, plain - linked)),
    )
    records: dict[Ref, Record] = {}
    gone: dict[Ref, Gone] = {}
    for found, lost in answers:
        records |= found
        gone |= lost
    batch = Batch(tuple(works), links, records, gone)
    return replace(batch, partners=await partners_of(scope, records.values()))


def _by_side(scope: Scope, refs: Iterable[Ref]) -> list[list[Ref]]:
    groups: dict[Side, list[Ref]] = defaultdict(list)
    for ref in sorted(refs):
        groups[scope.side(ref)].append(ref)
    return list(groups.values())


async def read_refs(
    scope: Scope, refs: Iterable[Ref], *, histories: bool, left_histories: bool = False
) -> tuple[dict[Ref, Record], dict[Ref, Gone]]:
    """These records by the ref they were asked by. histories: with the times of each field where a system gives them
    with the record (HubSpot); left_histories: also where they cost a call of their own (Salesforce)."""
    by_object: dict[tuple[Side, str], list[Ref]] = defaultdict(list)
    for ref in refs:
        by_object[scope.side(ref), ref.object].append(ref)

    async def one(side: Side, object_name: str, asked: list[Ref]) -> tuple[list[Ref], Sequence[Record | Gone]]:
        pair = _pair(scope, asked[0])
        wanted = histories if side is Side.RIGHT else left_histories
        names = scope.tracked(pair, side, object_name) if wanted else ()
        fields = scope.fields(pair, side, object_name)
        return asked, await scope.system(side).read(object_name, [ref.id for ref in asked], fields, names)

    records: dict[Ref, Record] = {}
    gone: dict[Ref, Gone] = {}
    for asked, answers in await asyncio.gather(*(one(*key, group) for key, group in sorted(by_object.items()))):
        for ref, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Gone):
                gone[ref] = answer
            else:
                records[ref] = answer
    others = {ref: record.ref for ref, record in records.items() if record.ref.object != ref.object}
    if others:
        # A converted lead is a contact now, and was asked for the fields of a lead.
        wanted = {"histories": histories, "left_histories": left_histories}
        again, _ = await read_refs(scope, others.values(), **wanted)
        records |= {ref: replace(again[now], asked=ref.id) for ref, now in others.items() if now in again}
    return records, gone


def _pair(scope: Scope, ref: Ref) -> ObjectPair:
    pair = scope.pair_of(ref)
    assert pair is not None  # only refs of synced objects are read
    return pair


async def partners_of(scope: Scope, records: Iterable[Record]) -> Mapping[Ref, Ref]:
    """For every record that these point to, the record it is linked with on the other side, both ways."""
    named = {value for record in records for value in record.values.values() if isinstance(value, Ref)}
    if not named:
        return {}
    partners: dict[Ref, Ref] = {}
    for link in (await scope.store.links(named)).values():
        if link.state is LinkState.ACTIVE:
            partners[link.left], partners[link.right] = link.right, link.left
    return partners
