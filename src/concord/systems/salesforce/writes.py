"""Writing Salesforce records in batches, with each record's outcome as data (api/salesforce.md, sections 5, 6 and 18).

Every write is guarded (updates) or goes by a unique key (creates), so that any call may be repeated. Decides nothing
about what is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from concord.core.model import Change, Failure, Receipt, Record
from concord.core.retry import Backoff
from concord.core.values import ObjectSpec, Ref
from concord.errors import Category, RemoteError
from concord.systems.http import Answer
from concord.systems.salesforce import errors
from concord.systems.salesforce.client import Client, Part, together
from concord.systems.salesforce.records import COLLECTION, HOT, Place, Reading, Records, live
from concord.systems.salesforce.schema import Schema
from concord.systems.salesforce.wire import id18, to_wire

#: Writes and readings back in one composite: 25 sub-requests, of which at most 5 are collections (section 3.4).
WRITES: Final = 20
READS: Final = 5
#: Composites at once. More would meet one another's row locks.
WRITERS: Final = 5
#: Tries of a record that meets another writer's lock (section 21).
LOCKS: Final = Backoff(first=0.5, cap=5.0, tries=4)


@dataclass(frozen=True)
class _Write:
    """A change and its place among those asked for."""

    place: int
    change: Change


@dataclass(frozen=True)
class _Told:
    """What a call told of one write: why not, or under which id, and how the record looks now."""

    failure: Failure | None = None
    id: str = ""
    created: bool = False
    shown: Record | None = None


Told = Mapping[int, _Told]


class Writes:
    """Updates and creates; see the engine's `System`."""

    def __init__(self, client: Client, schema: Schema, records: Records) -> None:
        self._client = client
        self._schema = schema
        self._records = records
        self._reading = Reading(client, schema)

    async def update(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """See `System.update`. Writes and their reading back go as one call for up to 20 records."""
        writes = [_Write(place, change) for place, change in enumerate(changes)]
        told: dict[int, _Told] = {
            write.place: _Told(errors.hot(write.change.ref.object)) for write in writes if write.change.guard == HOT
        }
        told |= await self._batches(
            _by_composite([write for write in writes if write.place not in told]),
            lambda batch: self._again(batch, lambda left: self._patch(left, show)),
        )
        return await self._receipts(writes, told, histories)

    async def create(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """See `System.create`. An upsert by the unique key, up to 200 records a call, then one reading back."""
        writes = [_Write(place, change) for place, change in enumerate(changes)]
        told: dict[int, _Told] = await self._without_key(writes)
        told |= await self._batches(
            _by_key([write for write in writes if write.place not in told]),
            lambda batch: self._again(batch, self._upsert),
        )
        await self._read_back(writes, told, show)
        return await self._receipts(writes, told, histories)

    async def _receipts(
        self, writes: Sequence[_Write], told: Told, histories: Mapping[str, Sequence[str]]
    ) -> list[Receipt]:
        shown = [one.shown for one in told.values() if one.shown is not None]
        full = await self._records.with_histories(shown, histories) if any(histories.values()) else {}
        receipts = []
        for write in writes:
            one = told[write.place]
            ref = replace(write.change.ref, id=one.id) if one.id else write.change.ref
            record = one.shown and full.get(one.shown.ref, one.shown)
            receipts.append(Receipt(ref, one.failure, one.created, record))
        return receipts

    async def _batches(
        self, batches: Sequence[Sequence[_Write]], send: Callable[[Sequence[_Write]], Awaitable[Told]]
    ) -> dict[int, _Told]:
        """Send batches side by side. When one of several calls fails, its records carry that as their failure and the
        others keep what was done; when all fail, the call fails."""

        async def tried(batch: Sequence[_Write]) -> Told | RemoteError:
            try:
                return await send(batch)
            except RemoteError as error:
                return error

        results = await together(tried, batches, WRITERS)
        failed = [result for result in results if isinstance(result, RemoteError)]
        if failed and len(failed) == len(results):
            raise failed[0]
        told: dict[int, _Told] = {}
        for batch, result in zip(batches, results, strict=True):
            if isinstance(result, RemoteError):
                told.update((write.place, _Told(errors.of_error(result))) for write in batch)
            else:
                told.update(result)
        return told

    async def _again(self, batch: Sequence[_Write], send: Callable[[Sequence[_Write]], Awaitable[Told]]) -> Told:
        """Send a batch, and those of it that met a lock once more after a moment, a few times (section 21)."""
        told: dict[int, _Told] = {}
        left, attempt = list(batch), 0
        while left:
            attempt += 1
            try:
                told |= await send(left)
            except RemoteError as error:
                if attempt == 1:
                    raise
                told.update((write.place, _Told(errors.of_error(error))) for write in left)
                break
            left = [write for write in left if _locked(told[write.place])]
            wait = LOCKS.wait(attempt, self._client.share())
            if wait is None or not left:
                break
            await self._client.clock.sleep(wait)
        return told

    # --- updates

    async def _patch(self, batch: Sequence[_Write], show: Mapping[str, Sequence[str]]) -> Told:
        """One composite: a conditional update for each record, then one read for each object."""
        requests, told, sent = [], {}, []
        for write in batch:
            spec = await self._schema.of(write.change.ref.object)
            body, failure = body_of(write.change, spec)
            if failure is not None:
                told[write.place] = _Told(failure)
                continue
            sent.append(write)
            ref, guard = write.change.ref, write.change.guard
            path = f"/sobjects/{ref.object}/{ref.id}"
            condition = {"If-Unmodified-Since": guard} if guard else {}
            requests.append(self._client.sub(f"write{write.place}", "PATCH", path, body, condition))
        if not sent:
            return told
        kinds = list(dict.fromkeys(write.change.ref.object for write in sent))
        for number, kind in enumerate(kinds):
            ids = list(dict.fromkeys(write.change.ref.id for write in sent if write.change.ref.object == kind))
            asked = {"ids": ids, "fields": ["Id", *await self._reading.names(kind, show.get(kind, ()))]}
            requests.append(self._client.sub(f"read{number}", "POST", f"/composite/sobjects/{kind}", asked))
        parts, answer = await self._client.composite(requests, kind="update")
        shown: dict[Ref, Record] = {}
        for number, kind in enumerate(kinds):
            shown |= await self._shown(kind, parts[f"read{number}"], show.get(kind, ()), answer)
        for write in sent:
            part, ref = parts[f"write{write.place}"], write.change.ref
            if part.good:
                told[write.place] = _Told(shown=shown.get(replace(ref, id=id18(ref.id))))
            else:
                told[write.place] = _Told(errors.failure(part.status, part.body, ref.object))
        return told

    async def _shown(self, kind: str, part: Part, fields: Sequence[str], answer: Answer) -> dict[Ref, Record]:
        """The records of a reading back, by ref; none when it failed: they are read again later."""
        spec = await self._schema.of(kind)
        rows = live(part.body) if part.good and isinstance(part.body, list) else []
        records = [self._reading.record(row, spec, fields, answer) for row in rows]
        return {record.ref: record for record in records}

    # --- creates

    async def _without_key(self, writes: Sequence[_Write]) -> dict[int, _Told]:
        """The creates whose unique field the org does not have or show: nothing else would make them once only."""
        told: dict[int, _Told] = {}
        for write in writes:
            object_name, key = write.change.ref.object, write.change.key
            if key is None:
                raise ValueError(f"a create of {object_name} needs a key")
            if key[0] not in (await self._schema.of(object_name)).fields:
                told[write.place] = _Told(
                    Failure(
                        Category.MAPPING,
                        f"{object_name} has no field {key[0]} that the integration user may see",
                        fields=(key[0],),
                        advice="Deploy Concord's Salesforce package and give the integration user its permission set",
                    )
                )
        return told

    async def _upsert(self, batch: Sequence[_Write]) -> Told:
        """One collections upsert; all of the batch have one object and one key field. Results come in its order."""
        object_name, key_field = batch[0].change.ref.object, _key(batch[0])[0]
        spec = await self._schema.of(object_name)
        told: dict[int, _Told] = {}
        sent: list[_Write] = []
        rows: list[Mapping[str, Any]] = []
        for write in batch:
            body, failure = body_of(write.change, spec)
            if failure is not None:
                told[write.place] = _Told(failure)
                continue
            sent.append(write)
            rows.append({"attributes": {"type": object_name}, **body, key_field: _key(write)[1]})
        if not sent:
            return told
        answer = await self._client.call(
            "PATCH",
            f"/composite/sobjects/{object_name}/{key_field}",
            kind="create",
            body={"allOrNone": False, "records": rows},
        )
        for write, result in zip(sent, answer.body, strict=True):
            if result.get("success"):
                told[write.place] = _Told(id=id18(str(result["id"])), created=bool(result.get("created")))
            else:
                told[write.place] = _Told(errors.failure(400, result, object_name))
        return told

    async def _read_back(
        self, writes: Sequence[_Write], told: dict[int, _Told], show: Mapping[str, Sequence[str]]
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


def _key(write: _Write) -> tuple[str, str]:
    assert write.change.key is not None, "checked by _without_key"
    return write.change.key


def _locked(one: _Told) -> bool:
    return one.failure is not None and errors.tries_again(one.failure)


def _by_composite(writes: Sequence[_Write]) -> list[list[_Write]]:
    """Batches of at most 20 writes to at most 5 objects, in the order asked."""
    batches: list[list[_Write]] = []
    for write in writes:
        kinds = {other.change.ref.object for other in batches[-1]} | {write.change.ref.object} if batches else set()
        if not batches or len(batches[-1]) == WRITES or len(kinds) > READS:
            batches.append([])
        batches[-1].append(write)
    return batches


def _by_key(writes: Sequence[_Write]) -> list[list[_Write]]:
    """Batches of at most 200 creates of one object under one key field; one key value never twice in a batch, because
    Salesforce refuses both."""
    groups: dict[Place, list[list[_Write]]] = {}
    for write in writes:
        batches = groups.setdefault((write.change.ref.object, _key(write)[0]), [])
        value = _key(write)[1].lower()
        if not batches or len(batches[-1]) == COLLECTION or any(_key(one)[1].lower() == value for one in batches[-1]):
            batches.append([])
        batches[-1].append(write)
    return [batch for batches in groups.values() for batch in batches]


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
