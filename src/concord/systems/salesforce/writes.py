"""Writing Salesforce records in batches, with each record's outcome as data (api/salesforce.md, sections 5, 6 and 18).

Every write is guarded (updates) or goes by a unique key (creates), so that any call may be repeated. Decides nothing
about what is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from concord.core.model import Change, Failure, Receipt, Record
from concord.core.retry import Backoff
from concord.core.values import ObjectSpec, Ref
from concord.errors import Category, RemoteError
from concord.systems.http import Answer
from concord.systems.salesforce import errors
from concord.systems.salesforce.batches import Outcomes, Told, Write, by_key, calls, key
from concord.systems.salesforce.client import Client, Part, together
from concord.systems.salesforce.graphs import KINDS, Graphs
from concord.systems.salesforce.records import COLLECTION, HOT, Reading, Records, live
from concord.systems.salesforce.schema import Schema
from concord.systems.salesforce.wire import id18, to_wire

#: Writes and readings back in one composite: 25 sub-requests, of which at most 5 are collections (section 3.4).
WRITES: Final = 20
READS: Final = 5
#: Calls at once. More would meet one another's row locks.
WRITERS: Final = 5
#: Tries of a record that meets another writer's lock (section 21).
LOCKS: Final = Backoff(first=0.5, cap=5.0, tries=4)

#: One call, and calls that follow one another because they write under one parent.
Send = Callable[[Sequence[Write]], Awaitable[Outcomes]]
Chain = tuple[Send, Sequence[Sequence[Write]]]


class Writes:
    """Updates and creates; see the engine's `System`."""

    def __init__(self, client: Client, schema: Schema, records: Records) -> None:
        self._client = client
        self._schema = schema
        self._records = records
        self._reading = Reading(client, schema)
        self._graphs = Graphs(client, schema, self._reading)

    async def update(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """See `System.update`. Writes and their reading back go in one call: as a composite for up to 20 records, as
        graphs for more, up to 100 a call. What graphs gave no verdict on goes by composite."""
        writes, told = await self._bodies(changes)
        for write in writes:
            if write.change.guard == HOT:
                told[write.place] = Told(errors.hot(write.change.ref.object))
        writes = _open(writes, told)

        async def composite(batch: Sequence[Write]) -> Outcomes:
            return await self._patch(batch, show)

        async def graphs(batch: Sequence[Write]) -> Outcomes:
            return await self._graphs.send(batch, show)

        def by_composite(some: Sequence[Write]) -> list[Chain]:
            return [(composite, chain) for chain in calls(some, lock_of, WRITES, READS)]

        lock_of, graphed = self._client.learnt.parents.lock_of, self._client.learnt.graphed
        many = await self._graphs.fit(writes, show)
        places = {write.place for write in many}
        chains: list[Chain] = [(graphs, one) for one in calls(many, lock_of, graphed, KINDS, graphed // 4)]
        told |= await self._sent([*chains, *by_composite([one for one in writes if one.place not in places])])
        left = _open(writes, told)
        told |= await self._sent(by_composite(left), lone=len(left) == len(writes))
        await self._again(writes, told, by_composite)
        return await self._receipts(changes, told, histories)

    async def create(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """See `System.create`. An upsert by the unique key, up to 200 records a call, then one reading back."""
        unmade = await self._without_key(changes)
        writes, told = await self._bodies(changes)
        told |= unmade
        writes = _open(writes, told)

        def chains(some: Sequence[Write]) -> list[Chain]:
            return [(self._upsert, [batch]) for batch in by_key(some, self._client.learnt.parents.lock_of, COLLECTION)]

        told |= await self._sent(chains(writes))
        await self._again(writes, told, chains)
        await self._read_back(writes, told, show)
        return await self._receipts(changes, told, histories)

    async def _bodies(self, changes: Sequence[Change]) -> tuple[list[Write], dict[int, Told]]:
        """The changes as they are sent; and those of them that cannot be."""
        writes, told = [], {}
        for place, change in enumerate(changes):
            body, failure = body_of(change, await self._schema.of(change.ref.object))
            writes.append(Write(place, change, body))
            if failure is not None:
                told[place] = Told(failure)
        return writes, told

    async def _receipts(
        self, changes: Sequence[Change], told: Outcomes, histories: Mapping[str, Sequence[str]]
    ) -> list[Receipt]:
        shown = [one.shown for one in told.values() if one.shown is not None]
        full = await self._records.with_histories(shown, histories) if any(histories.values()) else {}
        receipts = []
        for place, change in enumerate(changes):
            one = told[place]
            ref = change.ref._replace(id=one.id) if one.id else change.ref
            record = one.shown and full.get(one.shown.ref, one.shown)
            receipts.append(Receipt(ref, one.failure, one.created, record))
        return receipts

    # --- sending

    async def _sent(self, chains: Sequence[Chain], *, lone: bool = True) -> dict[int, Told]:
        """Send these calls, chains side by side. When some fail, their records carry that as their failure and the
        others keep what was done; when all fail, the call fails. lone: nothing was sent before these."""

        async def follow(chain: Chain) -> list[Outcomes | RemoteError]:
            send, batches = chain
            return [await _tried(send, batch) for batch in batches]

        results = [result for some in await together(follow, chains, WRITERS) for result in some]
        batches = [batch for _, some in chains for batch in some]
        failed = [result for result in results if isinstance(result, RemoteError)]
        if failed and lone and len(failed) == len(results):
            raise failed[0]
        told: dict[int, Told] = {}
        for batch, result in zip(batches, results, strict=True):
            if isinstance(result, RemoteError):
                told.update((write.place, Told(errors.of_error(result))) for write in batch)
            else:
                told.update(result)
        return told

    async def _again(
        self, writes: Sequence[Write], told: dict[int, Told], chains: Callable[[Sequence[Write]], list[Chain]]
    ) -> None:
        """Send those that met a lock once more after a moment, a few times (section 21): without the others, and one
        call after the other, so that none of ours can be the one that holds it."""
        attempt = 1
        while left := [write for write in writes if _locked(told[write.place])]:
            wait = LOCKS.wait(attempt, self._client.share())
            if wait is None:
                break
            await self._client.clock.sleep(wait)
            for chain in chains(left):
                told |= await self._sent([chain], lone=False)
            attempt += 1

    # --- updates

    async def _patch(self, batch: Sequence[Write], show: Mapping[str, Sequence[str]]) -> Outcomes:
        """One composite: a conditional update for each record, then one read for each object."""
        requests, told = [], {}
        for write in batch:
            ref, guard = write.change.ref, write.change.guard
            path = f"/sobjects/{ref.object}/{ref.id}"
            condition = {"If-Unmodified-Since": guard} if guard else {}
            requests.append(self._client.sub(f"write{write.place}", "PATCH", path, write.body, condition))
        kinds = list(dict.fromkeys(write.change.ref.object for write in batch))
        for number, kind in enumerate(kinds):
            ids = list(dict.fromkeys(write.change.ref.id for write in batch if write.change.ref.object == kind))
            asked = {"ids": ids, "fields": ["Id", *await self._reading.names(kind, show.get(kind, ()))]}
            requests.append(self._client.sub(f"read{number}", "POST", f"/composite/sobjects/{kind}", asked))
        parts, answer = await self._client.composite(requests, kind="update")
        shown: dict[Ref, Record] = {}
        for number, kind in enumerate(kinds):
            shown |= await self._shown(kind, parts[f"read{number}"], show.get(kind, ()), answer)
        for write in batch:
            part, ref = parts[f"write{write.place}"], write.change.ref
            if part.good:
                told[write.place] = Told(shown=shown.get(ref._replace(id=id18(ref.id))))
            else:
                told[write.place] = Told(errors.failure(part.status, part.body, ref.object))
        return told

    async def _shown(self, kind: str, part: Part, fields: Sequence[str], answer: Answer) -> dict[Ref, Record]:
        """The records of a reading back, by ref; none when it failed: they are read again later."""
        spec = await self._schema.of(kind)
        rows = live(part.body) if part.good and isinstance(part.body, list) else []
        records = [self._reading.record(row, spec, fields, answer) for row in rows]
        return {record.ref: record for record in records}

    # --- creates

    async def _without_key(self, changes: Sequence[Change]) -> dict[int, Told]:
        """The creates whose unique field the org does not have or show: nothing else would make them once only."""
        told: dict[int, Told] = {}
        for place, change in enumerate(changes):
            object_name = change.ref.object
            if change.key is None:
                raise ValueError(f"a create of {object_name} needs a key")
            if change.key[0] not in (await self._schema.of(object_name)).fields:
                told[place] = Told(
                    Failure(
                        Category.MAPPING,
                        f"{object_name} has no field {change.key[0]} that the integration user may see",
                        fields=(change.key[0],),
                        advice="Deploy Concord's Salesforce package and give the integration user its permission set",
                    )
                )
        return told

    async def _upsert(self, batch: Sequence[Write]) -> Outcomes:
        """One collections upsert; all of the batch have one object and one key field. Results come in its order."""
        object_name, key_field = batch[0].change.ref.object, key(batch[0])[0]
        rows = [{"attributes": {"type": object_name}, **write.body, key_field: key(write)[1]} for write in batch]
        answer = await self._client.call(
            "PATCH",
            f"/composite/sobjects/{object_name}/{key_field}",
            kind="create",
            body={"allOrNone": False, "records": rows},
        )
        told: dict[int, Told] = {}
        for write, result in zip(batch, answer.body, strict=True):
            if result.get("success"):
                told[write.place] = Told(id=id18(str(result["id"])), created=bool(result.get("created")))
            else:
                told[write.place] = Told(errors.failure(400, result, object_name))
        return told

    async def _read_back(
        self, writes: Sequence[Write], told: dict[int, Told], show: Mapping[str, Sequence[str]]
    ) -> None:
        """Show the records that were made. They are made whether or not this works: without it they are read later."""
        made = [write for write in writes if told[write.place].id]
        for kind in dict.fromkeys(write.change.ref.object for write in made):
            own = [write for write in made if write.change.ref.object == kind]
            fields, spec = show.get(kind, ()), await self._schema.of(kind)
            try:
                rows = await self._reading.fetch(kind, [told[write.place].id for write in own], fields)
            except RemoteError:
                continue
            for write in own:
                one = told[write.place]
                if one.id in rows:
                    row, answer = rows[one.id]
                    told[write.place] = replace(one, shown=self._reading.record(row, spec, fields, answer))


async def _tried(send: Send, batch: Sequence[Write]) -> Outcomes | RemoteError:
    try:
        return await send(batch)
    except RemoteError as error:
        return error


def _open(writes: Sequence[Write], told: Outcomes) -> list[Write]:
    """The writes that nothing has been told of yet."""
    return [write for write in writes if write.place not in told]


def _locked(one: Told) -> bool:
    return one.failure is not None and errors.tries_again(one.failure)


def body_of(change: Change, spec: ObjectSpec) -> tuple[Mapping[str, Any], Failure | None]:
    """A change's fields as a body, or the failure that a field is not there to be written."""
    unknown = tuple(name for name in change.values if name not in spec.fields)
    if unknown:
        return {}, Failure(
            Category.MAPPING,
            f"{spec.name} has no field {' and no field '.join(unknown)} that the integration user may see",
            fields=unknown,
            advice="Correct the mapping, or give the integration user the right to the field",
        )
    return {name: to_wire(value, spec.fields[name]) for name, value in change.values.items()}, None
