"""Reading and writing Salesforce records in batches (api/salesforce.md, sections 5 to 7, 14 and 18).

Follows merges and conversions on reading; on writing hands each record's outcome back as data. Decides nothing about
what is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from concord.core.model import Change, Failure, Gone, HistoryEntry, Receipt, Record, Stamp
from concord.core.retry import Backoff
from concord.core.values import MISSING, FieldSpec, FieldType, ObjectSpec, Ref, Value
from concord.errors import Category, RemoteError, RemoteRefused
from concord.systems.http import Answer
from concord.systems.salesforce import errors
from concord.systems.salesforce.client import Client, Part, Row, in_chunks, together
from concord.systems.salesforce.schema import Schema
from concord.systems.salesforce.wire import (
    SYSTEM,
    among,
    http_date,
    id18,
    instant,
    is_id,
    quoted,
    select,
    to_value,
    to_wire,
)

#: Read with every record: when it changed and by whom; for a lead, what became of it.
ALWAYS: Final = ("SystemModstamp", "LastModifiedDate", "LastModifiedById", "CreatedDate")
OF_LEAD: Final = ("IsConverted", "ConvertedContactId")
#: `Record.guard` of a record that was changed in the second it was read in: it may not be written yet.
HOT: Final = "hot"
#: Records in one collections call, and writes in one composite (25 sub-requests less 5 reads; section 3.4).
COLLECTION: Final = 200
WRITES: Final = 20
READS: Final = 5
#: Composites at once. More would meet one another's row locks.
WRITERS: Final = 5
#: Merges and conversions that are followed from one id.
HOPS: Final = 6
#: Tries of a record that meets another writer's lock (section 21).
LOCKS: Final = Backoff(first=0.5, cap=5.0, tries=4)

Place = tuple[str, str]


def version_of(modstamp: str, modified_by: str) -> str:
    """The token of a record's state. The user is in it because stamps are whole seconds: without him, another's edit
    in the same second as our own write would look like that write, and be lost."""
    return f"{instant(modstamp).isoformat()} {modified_by}"


class Reading:
    """Turns rows into records, as one user sees them."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema

    async def names(self, object_name: str, fields: Iterable[str]) -> list[str]:
        """What to ask for: those of these fields that the user may see, and what is always read."""
        spec = await self._schema.of(object_name)
        extra = ALWAYS + OF_LEAD if object_name == "Lead" else ALWAYS
        return [name for name in dict.fromkeys((*fields, *extra)) if name in spec.fields]

    def record(self, row: Row, spec: ObjectSpec, fields: Iterable[str], answer: Answer) -> Record:
        """A row as a record. fields: those that the caller asked for."""
        stamp, changed = str(row["SystemModstamp"]), row.get("LastModifiedDate")
        modstamp = instant(stamp)
        by = id18(str(row.get("LastModifiedById") or ""))
        since = answer.at if answer.since is None else answer.since
        hot = modstamp >= since.replace(microsecond=0)
        ours = by != "" and by == self._client.auth.user_id
        return Record(
            ref=Ref(SYSTEM, spec.name, id18(str(row["Id"]))),
            values={
                name: to_value(row.get(name), spec.fields[name], self._schema.prefixes)
                for name in fields
                if name in spec.fields
            },
            modified_at=max(modstamp, instant(str(changed))) if changed else modstamp,
            read_at=answer.at,
            modified_by=by or None,
            created_at=instant(str(row["CreatedDate"])) if row.get("CreatedDate") else None,
            version=None if hot and not ours else version_of(stamp, by),
            guard=HOT if hot else http_date(modstamp),
        )

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, tuple[Row, Answer]]:
        """The rows of these records by id; those that are not live are not among them."""
        try:
            return await self._fetch(object_name, ids, fields)
        except RemoteRefused as refused:
            if refused.code != "INVALID_FIELD":
                raise
            before = await self.names(object_name, fields)
            await self._schema.describe([object_name])
            if await self.names(object_name, fields) == before:
                raise
            return await self._fetch(object_name, ids, fields)

    async def _fetch(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Row, Answer]]:
        asked = ["Id", *await self.names(object_name, fields)]

        async def chunk(start: int) -> Answer:
            body = {"ids": list(ids[start : start + COLLECTION]), "fields": asked}
            return await self._client.call("POST", f"/composite/sobjects/{object_name}", kind="read", body=body)

        answers = await together(chunk, range(0, len(ids), COLLECTION))
        return {id18(str(row["Id"])): (row, answer) for answer in answers for row in live(answer.body)}


def live(rows: Any) -> list[Row]:
    """The rows of a collections read; a record that is not there is null in it."""
    return [row for row in rows if isinstance(row, Mapping) and row.get("Id")]


def became(lead: Row) -> Place | str | None:
    """Where a lead's person is now, when it was converted (section 12); None when it was not."""
    if not lead.get("IsConverted"):
        return None
    contact = lead.get("ConvertedContactId")
    return ("Contact", id18(str(contact))) if contact else "converted, and its contact is out of sight"


def unconverted(object_name: str) -> list[str]:
    """The condition that keeps converted leads out: their contacts take their place."""
    return ["IsConverted = false"] if object_name == "Lead" else []


def history_table(object_name: str) -> Place:
    """The object that keeps an object's field history, and its column for the record (section 14)."""
    if object_name.endswith("__c"):
        return f"{object_name[:-1]}History", "ParentId"
    return ("OpportunityFieldHistory" if object_name == "Opportunity" else f"{object_name}History"), f"{object_name}Id"


def _history_name(spec: FieldSpec) -> str:
    """What history calls a field: a standard reference goes by its relationship (`Owner` for `OwnerId`)."""
    standard = spec.type is FieldType.REFERENCE and spec.name.endswith("Id")
    return spec.name.removesuffix("Id") if standard else spec.name


class Records:
    """Reads by id, by value and in whole; see the engine's `System`."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reading = Reading(client, schema)
        self._no_history: set[str] = set()

    async def read(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], histories: Sequence[str] = ()
    ) -> Sequence[Record | Gone]:
        """See `System.read`. Follows each id through merges and conversions, at most `HOPS` times."""
        asked = list(dict.fromkeys(id18(text) for text in ids))
        places: dict[str, Place] = {text: (object_name, text) for text in asked}
        found: dict[str, Record | Gone] = {}
        for _ in range(HOPS):
            places = {text: place for text, place in places.items() if text not in found}
            if not places:
                break
            await self._hop(places, found, object_name, fields)
        for text in places:
            if text not in found:
                found[text] = Gone(Ref(SYSTEM, object_name, text), "out of sight of the integration user")
        if histories:
            records = {text: result for text, result in found.items() if isinstance(result, Record)}
            told = await self.with_histories(list(records.values()), dict.fromkeys((object_name, "Contact"), histories))
            for text, record in records.items():
                found[text] = replace(record, histories=told[record.ref].histories)
        return [found[id18(text)] for text in ids]

    async def _hop(
        self, places: dict[str, Place], found: dict[str, Record | Gone], object_name: str, fields: Sequence[str]
    ) -> None:
        """Read every place once: what is decided goes to `found`, what moved gets its new place."""
        for kind in dict.fromkeys(kind for kind, _ in places.values()):
            here = {asked: at for asked, (of, at) in places.items() if of == kind}
            wanted = list(dict.fromkeys(here.values()))
            rows = await self._reading.fetch(kind, wanted, fields)
            fates = await self._fates(kind, [text for text in wanted if text not in rows])
            spec = await self._schema.of(kind)
            for at, (row, answer) in rows.items():
                moved = became(row) if kind == "Lead" else None
                fates[at] = self._reading.record(row, spec, fields, answer) if moved is None else moved
            for asked, at in here.items():
                ref = Ref(SYSTEM, object_name, asked)
                fate = fates.get(at, "purged, or out of sight of the integration user")
                if isinstance(fate, Record):
                    found[asked] = fate if fate.ref == ref else replace(fate, asked=asked)
                elif isinstance(fate, str):
                    found[asked] = Gone(ref, fate)
                else:
                    places[asked] = fate

    async def _fates(self, object_name: str, ids: Sequence[str]) -> dict[str, Place | str | Record]:
        """What became of records that are not live: the survivor's place, or why they are gone (section 13)."""
        fates: dict[str, Place | str | Record] = {}
        if not ids:
            return fates
        merges = "MasterRecordId" in (await self._schema.of(object_name)).fields
        columns = ["Id", "IsDeleted", *(["MasterRecordId"] if merges else [])]
        for soql in in_chunks("Id", ids, lambda ids_match: select(object_name, columns, [ids_match])):
            for row in await self._client.rows(soql, kind="fate", everything=True):
                at, master = id18(str(row["Id"])), row.get("MasterRecordId")
                if not row.get("IsDeleted"):
                    fates[at] = (object_name, at)  # undeleted just now: look again
                else:
                    fates[at] = (object_name, id18(str(master))) if master else "deleted"
        return fates

    async def scan(self, object_name: str, fields: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        """See `System.scan`. A page chain that expires is begun again after the last record seen (section 3.4)."""
        columns = ["Id", *await self._reading.names(object_name, fields)]
        last = ""
        while True:
            after = [f"Id > {quoted(last)}"] if last else []
            soql = select(object_name, columns, [*unconverted(object_name), *after], "Id")
            try:
                async for page in self._records(object_name, soql, fields, "scan"):
                    if page:
                        last = page[-1].ref.id
                        yield page
                return
            except RemoteRefused as refused:
                if refused.code != "INVALID_QUERY_LOCATOR":
                    raise

    async def find(
        self, object_name: str, field: str, texts: Collection[str], fields: Sequence[str]
    ) -> Sequence[Record]:
        """See `System.find`. Salesforce compares texts without regard to case."""
        if field != "Id" and field not in (await self._schema.of(object_name)).fields:
            raise RemoteRefused(
                SYSTEM,
                Category.MAPPING,
                f"{object_name} has no field {field} that the integration user may see",
                fields=(field,),
                advice="Correct the mapping, or give the integration user the right to read it",
            )
        columns = ["Id", *await self._reading.names(object_name, fields)]
        queries = in_chunks(
            field,
            sorted({text for text in texts if text}),
            lambda one_of: select(object_name, columns, [one_of, *unconverted(object_name)]),
        )

        async def chunk(soql: str) -> list[Record]:
            return [record async for page in self._records(object_name, soql, fields, "find") for record in page]

        found = {record.ref: record for records in await together(chunk, queries) for record in records}
        return list(found.values())

    async def _records(
        self, object_name: str, soql: str, fields: Sequence[str], kind: str
    ) -> AsyncIterator[list[Record]]:
        spec = await self._schema.of(object_name)
        async for answer in self._client.pages(soql, kind=kind):
            yield [self._reading.record(row, spec, fields, answer) for row in answer.body["records"]]

    # --- field history

    async def with_histories(
        self, records: Sequence[Record], histories: Mapping[str, Sequence[str]]
    ) -> dict[Ref, Record]:
        """These records with the history of the named fields of their objects, where the org tracks them (section 14).

        An org that keeps no history of an object refuses the query; that is remembered and not asked again. A field
        without entries is left out: nobody can tell whether it is not tracked or never changed.
        """
        done = {record.ref: record for record in records}
        for kind in dict.fromkeys(ref.object for ref in done):
            fields = (await self._schema.of(kind)).fields
            specs = {_history_name(fields[name]): fields[name] for name in histories.get(kind, ()) if name in fields}
            if not specs or kind in self._no_history:
                continue
            entries = await self._entries(kind, [ref.id for ref in done if ref.object == kind], specs)
            for ref in [ref for ref in done if ref.object == kind]:
                own = {spec.name: tuple(entries.get((ref.id, spec.name), ())) for spec in specs.values()}
                done[ref] = replace(done[ref], histories={name: told for name, told in own.items() if told})
        return done

    async def _entries(
        self, object_name: str, ids: Sequence[str], specs: Mapping[str, FieldSpec]
    ) -> dict[tuple[str, str], list[HistoryEntry]]:
        """History entries by record id and field name, newest first."""
        table, parent = history_table(object_name)
        columns = [parent, "Field", "NewValue", "CreatedDate", "CreatedById"]
        tracked = among("Field", list(specs))
        queries = in_chunks(
            parent, ids, lambda own: select(table, columns, [own, tracked], "CreatedDate DESC, Id DESC")
        )
        entries: dict[tuple[str, str], list[HistoryEntry]] = {}
        try:
            for soql in queries:
                for row in await self._client.rows(soql, kind="history"):
                    spec = specs[str(row["Field"])]
                    told = row.get("NewValue")
                    if spec.type is FieldType.REFERENCE and told is not None and not is_id(str(told)):
                        continue  # a reference has two rows for one change: the name, and the id
                    entries.setdefault((id18(str(row[parent])), spec.name), []).append(self._entry(row, spec))
        except RemoteRefused as refused:
            if refused.code not in ("INVALID_TYPE", "INVALID_FIELD", "INSUFFICIENT_ACCESS_OR_READONLY", "NOT_FOUND"):
                raise
            self._no_history.add(object_name)
            return {}
        return entries

    def _entry(self, row: Row, spec: FieldSpec) -> HistoryEntry:
        by = id18(str(row.get("CreatedById") or ""))
        stamp = Stamp(instant(str(row["CreatedDate"])), certain=True, source="field history", by=by or None)
        ours = by != "" and by == self._client.auth.user_id
        value: Value = MISSING  # of a long text only the fact of a change is kept
        if spec.type not in (FieldType.LONG_TEXT, FieldType.RICH_TEXT):
            value = to_value(row.get("NewValue"), spec, self._schema.prefixes)
        return HistoryEntry(value, stamp, ours)


# --- writing


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
