"""Reading Salesforce records in batches, through merges and conversions (api/salesforce.md, sections 6, 7, 12 to 14).

May not write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from concord.core.model import Gone, HistoryEntry, Record, Stamp
from concord.core.values import MISSING, FieldSpec, FieldType, ObjectSpec, Ref, Value
from concord.errors import Category, RemoteRefused
from concord.systems.http import Answer
from concord.systems.salesforce.batches import PARENTS
from concord.systems.salesforce.client import Client, Row, in_chunks, together
from concord.systems.salesforce.reads import Reads, Rows
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
)

#: Read with every record: when it changed and by whom; for a lead, what became of it.
ALWAYS: Final = ("SystemModstamp", "LastModifiedDate", "LastModifiedById", "CreatedDate")
OF_LEAD: Final = ("IsConverted", "ConvertedContactId")
#: `Record.guard` of a record that was changed in the second it was read in: it may not be written yet.
HOT: Final = "hot"
#: Records in one collections call (section 3.4); reads may be of more (`learnt.READABLE`).
COLLECTION: Final = 200
#: Merges and conversions that are followed from one id.
HOPS: Final = 6

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
        self._reads = Reads(client)

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
            ours=ours,
        )

    async def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, tuple[Row, Answer]]:
        """The rows of these records by id; those that are not live are not among them."""
        try:
            return await self._fetch(object_name, ids, fields)
        except RemoteRefused as refused:
            if refused.code != "INVALID_FIELD":
                raise
            before = await self._columns(object_name, fields)
            await self._schema.describe([object_name])
            if await self._columns(object_name, fields) == before:
                raise
            return await self._fetch(object_name, ids, fields)

    async def _columns(self, object_name: str, fields: Sequence[str]) -> list[str]:
        """What a read by id asks for: with the parent, whose lock a later write of the record may meet."""
        known = (await self._schema.of(object_name)).fields
        above = [name for name in [PARENTS.get(object_name, "")] if name in known]
        return list(dict.fromkeys(("Id", *await self.names(object_name, fields), *above)))

    async def _fetch(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, tuple[Row, Answer]]:
        learnt, asked = self._client.learnt, await self._columns(object_name, fields)

        async def chunk(start: int) -> Rows:
            return await self._reads.rows(object_name, ids[start : start + most], asked)

        most = learnt.readable
        try:
            answers = await together(chunk, range(0, len(ids), most))
        except RemoteRefused as refused:
            if refused.code != "EXCEEDED_ID_LIMIT" or learnt.readable == COLLECTION:
                raise
            most = learnt.readable = COLLECTION
            answers = await together(chunk, range(0, len(ids), most))
        rows = {id18(str(row["Id"])): (row, answer) for found, answer in answers for row in live(found)}
        learnt.parents.note(object_name, (row for row, _ in rows.values()))
        return rows


def live(rows: Any) -> list[Row]:
    """The rows of a collections read; a record that is not there is null in it."""
    return [row for row in rows if isinstance(row, Mapping) and row.get("Id")]


#: A converted lead's field that names the contact.
_INTO: Final = "ConvertedContactId"


def became(lead: Row) -> Place | str | None:
    """Where a lead's person is now, when it was converted (section 12); None when it was not."""
    if not lead.get("IsConverted"):
        return None
    contact = lead.get(_INTO)
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

    async def read(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], histories: Sequence[str] = ()
    ) -> Sequence[Record | Gone]:
        """See `System.read`. Follows each id through merges and conversions, at most `HOPS` times."""
        asked = list(dict.fromkeys(id18(text) for text in ids))
        places: dict[str, Place] = {text: (object_name, text) for text in asked}
        # A text that is no id would have Salesforce refuse all the others with it (MALFORMED_ID).
        found: dict[str, Record | Gone] = {
            text: Gone(Ref(SYSTEM, object_name, text), "not an id of Salesforce") for text in asked if not is_id(text)
        }
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

    async def origins(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Ref]:
        """See `System.origins`. By the lead, which names its contact (section 12); a contact does not name its lead. Of
        several leads that were converted into one contact the first by id."""
        wanted = [text for text in ids if is_id(text)] if object_name == "Contact" else []
        if not wanted or _INTO not in (await self._schema.of("Lead")).fields:
            return {}
        found: dict[str, Ref] = {}
        for soql in in_chunks(_INTO, wanted, lambda some: select("Lead", ["Id", _INTO], ["IsConverted = true", some])):
            for row in await self._client.rows(soql, kind="origin"):
                contact, lead = id18(str(row[_INTO])), Ref(SYSTEM, "Lead", id18(str(row["Id"])))
                found[contact] = min(found.get(contact, lead), lead)
        return {text: found[id18(text)] for text in wanted if id18(text) in found}

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
            if not specs or kind in self._client.learnt.no_history:
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
            self._client.learnt.no_history.add(object_name)
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
