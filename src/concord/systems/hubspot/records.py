"""Reading HubSpot's records: by id, by a value, and all of them. Writes nothing and decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from concord.core.model import Gone, Record
from concord.core.values import ObjectSpec, Ref
from concord.errors import Category, RemoteRefused
from concord.systems.hubspot.client import REFUSED_BATCH, Caller
from concord.systems.hubspot.errors import SYSTEM, reading
from concord.systems.hubspot.wire import always, merged_ids, record_of

#: Records in one batch read, and fewer when histories are asked for (section 5).
BATCH: Final = 100
BATCH_WITH_HISTORIES: Final = 50
LIST_PAGE: Final = 100
#: Rows on a page of the search, and of all its pages together (section 6).
SEARCH_PAGE: Final = 200
SEARCH_END: Final = 10_000
#: Characters of the values in a search, whose whole body may have 3,000 (section 6).
SEARCH_TEXTS: Final = 2_000
#: Characters of the properties in an address line; gateways refuse lines of 8 kB (414, section 4).
URL_LENGTH: Final = 7_000

T = TypeVar("T")
#: The schema of an object, read at the first need. Raises ConfigError.
SpecOf = Callable[[str], Awaitable[ObjectSpec]]


@dataclass(frozen=True)
class Row:
    """One row of an answer, and the server's time of the answer."""

    data: Mapping[str, Any]
    at: datetime

    @property
    def id(self) -> str:
        return str(self.data["id"])


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def rows_of(body: Any, at: datetime) -> list[Row]:
    """The live rows of an answer's `results`."""
    found = body.get("results") if isinstance(body, Mapping) else None
    return [Row(row, at) for row in found or [] if isinstance(row, Mapping) and "id" in row and not row.get("archived")]


class Reader:
    """Reads of one account. spec_of: schemas; app_id: by which a history's own entries are told apart ("" when it is
    not known: then none is)."""

    def __init__(self, caller: Caller, spec_of: SpecOf, app_id: str) -> None:
        self._caller = caller
        self._spec_of = spec_of
        self._app_id = app_id

    async def read(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], histories: Sequence[str] = ()
    ) -> Sequence[Record | Gone]:
        """See `HubSpot.read`."""
        spec = await self._spec_of(object_name)
        wanted = list(dict.fromkeys(ids))
        rows = {row.id: row for row in await self._rows(spec, wanted, fields, histories)}
        homes = {identifier: identifier for identifier in wanted if identifier in rows}
        absent = set(wanted) - set(homes)
        for row in rows.values():
            homes |= dict.fromkeys(merged_ids(row.data) & absent, row.id)
        missing = [identifier for identifier in wanted if identifier not in homes]
        if missing:
            # A single GET follows merges where a batch read may not, and it alone tells "gone" from "not shown" (9).
            told = await asyncio.gather(*(self._home(object_name, identifier) for identifier in missing))
            moved = {old: new for old, new in zip(missing, told, strict=True) if new is not None}
            unread = [new for new in dict.fromkeys(moved.values()) if new not in rows]
            rows |= {row.id: row for row in await self._rows(spec, unread, fields, histories)}
            homes |= {old: new for old, new in moved.items() if new in rows}
        return [
            self._record(rows[homes[identifier]], spec, fields, histories, identifier)
            if identifier in homes
            else Gone(Ref(SYSTEM, object_name, identifier), "deleted, or not shown to the integration")
            for identifier in ids
        ]

    async def present(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """See `HubSpot.present`."""
        spec = await self._spec_of(object_name)
        wanted = dict.fromkeys(ids)
        # A batch read that follows a merge answers with the survivor's id, which was not asked for.
        rows = [row for row in await self._rows(spec, list(wanted), fields, ()) if row.id in wanted]
        return {row.id: self._record(row, spec, fields, (), row.id) for row in rows}

    async def scan(self, object_name: str, fields: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        """See `HubSpot.scan`. By the list, which has no end at 10,000 as the search has (section 6)."""
        spec = await self._spec_of(object_name)
        names = ",".join(self._names(spec, fields))
        short = len(quote(names, safe="")) <= URL_LENGTH
        after: str | None = None
        while True:
            params = {"limit": str(LIST_PAGE), "properties": names if short else "hs_object_id"}
            if after is not None:
                params["after"] = after
            answer = await self._caller.get(self._caller.paths.objects(object_name), "list", params)
            rows = rows_of(answer.body, answer.at)
            if short:
                page = [self._record(row, spec, fields, (), row.id) for row in rows]
            else:
                # Too many properties for an address line: the ids by the list, the rest by their body.
                full = await self.read(object_name, [row.id for row in rows], fields)
                page = [record for record in full if isinstance(record, Record)]
            if page:
                yield page
            after = _next(answer.body)
            if after is None:
                return

    async def find(
        self, object_name: str, field: str, texts: Collection[str], fields: Sequence[str]
    ) -> Sequence[Record]:
        """See `HubSpot.find`."""
        spec = await self._spec_of(object_name)
        wanted = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
        if not wanted:
            return []
        if field in spec.fields and spec.fields[field].unique:
            parts = [self._by_unique(spec, field, part, fields) for part in chunks(wanted, BATCH)]
            rows = {row.id: row for part in await asyncio.gather(*parts) for row in part}
            return [self._record(row, spec, fields, (), row.id) for row in rows.values()]
        searches = [self._search(object_name, field, part) for part in _search_parts(wanted)]
        ids = list(dict.fromkeys(identifier for part in await asyncio.gather(*searches) for identifier in part))
        # The index may be behind: what it found is read fresh, and what no longer has the value is left out.
        known = {text.lower() for text in wanted}
        records = await self.read(object_name, ids, list(dict.fromkeys([*fields, field])))
        return [record for record in records if isinstance(record, Record) and _has(record.value(field), known)]

    # --- calls

    async def _rows(
        self, spec: ObjectSpec, ids: Sequence[str], fields: Sequence[str], histories: Sequence[str]
    ) -> list[Row]:
        kept = [name for name in histories if name in spec.fields]
        size = BATCH_WITH_HISTORIES if kept else BATCH
        parts = [self._batch(spec, part, self._names(spec, fields), kept, None) for part in chunks(ids, size)]
        return [row for part in await asyncio.gather(*parts) for row in part]

    async def _by_unique(self, spec: ObjectSpec, field: str, texts: Sequence[str], fields: Sequence[str]) -> list[Row]:
        return await self._batch(spec, texts, self._names(spec, fields), (), field)

    async def _batch(
        self,
        spec: ObjectSpec,
        ids: Sequence[str],
        names: Sequence[str],
        histories: Sequence[str],
        by: str | None,
    ) -> list[Row]:
        """One batch read; what it lacks is not there. by: the unique property whose values `ids` are.

        A batch that is refused because of one malformed id is read in halves, so that it holds up no other.
        """
        body: dict[str, Any] = {
            "inputs": [{"id": identifier} for identifier in ids],
            "properties": list(names),
            "propertiesWithHistory": list(histories),
        }
        if by is not None:
            body["idProperty"] = by
        path = self._caller.paths.objects(spec.name, "/batch/read")
        answer = await self._caller.post(path, "read", body, accept=REFUSED_BATCH)
        if answer.status not in REFUSED_BATCH:
            return rows_of(answer.body, answer.at)
        if answer.status == 404:
            return []
        if len(ids) > 1:
            middle = len(ids) // 2
            halves = [self._batch(spec, half, names, histories, by) for half in (ids[:middle], ids[middle:])]
            return [row for half in await asyncio.gather(*halves) for row in half]
        meaning = reading(answer.status, answer.body)
        if by is not None and meaning.meaning.category is Category.DATA_TYPE:
            return []  # nobody can have a value that the property refuses
        raise meaning.error()

    async def _home(self, object_name: str, identifier: str) -> str | None:
        """The id under which this record is found now; None when it is gone."""
        path = self._caller.paths.objects(object_name, "/" + quote(identifier, safe=""))
        answer = await self._caller.get(path, "read", {"properties": "hs_object_id"}, none=True)
        if answer.status == 404 or not isinstance(answer.body, Mapping) or answer.body.get("archived"):
            return None
        return str(answer.body["id"])

    async def _search(self, object_name: str, field: str, texts: Sequence[str]) -> list[str]:
        found: list[str] = []
        after: str | None = "0"
        while after is not None:
            if int(after) >= SEARCH_END:
                raise RemoteRefused(
                    SYSTEM,
                    Category.MAPPING,
                    f"more than {SEARCH_END} {object_name} have one of {len(texts)} values of {field}",
                    fields=(field,),
                    advice="Look records up by a field that tells them apart",
                )
            answer = await self._caller.search(
                object_name,
                {
                    "filterGroups": [
                        {
                            "filters": [
                                {"propertyName": field, "operator": "IN", "values": [text.lower() for text in texts]}
                            ]
                        }
                    ],
                    "sorts": [],
                    "properties": ["hs_object_id"],
                    "limit": SEARCH_PAGE,
                    "after": after,
                },
            )
            found += [row.id for row in rows_of(answer.body, answer.at)]
            after = _next(answer.body)
        return found

    # --- shapes

    def _names(self, spec: ObjectSpec, fields: Sequence[str]) -> list[str]:
        """The properties to ask for. Those that the schema lacks are left out: a read ignores them anyway, and the
        record's field is then MISSING."""
        return list(dict.fromkeys([*(name for name in fields if name in spec.fields), *always(spec.name)]))

    def _record(
        self, row: Row, spec: ObjectSpec, fields: Sequence[str], histories: Sequence[str], asked: str
    ) -> Record:
        return record_of(row.data, spec, fields, at=row.at, app_id=self._app_id, histories=histories, asked=asked)


def _next(body: Any) -> str | None:
    paging = body.get("paging") if isinstance(body, Mapping) else None
    following = paging.get("next") if isinstance(paging, Mapping) else None
    after = following.get("after") if isinstance(following, Mapping) else None
    return None if after is None else str(after)


def _search_parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """At most 100 values, and no more characters than a search's body may have."""
    part: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode()) + 3
        if part and (len(part) == BATCH or size + length > SEARCH_TEXTS):
            yield part
            part, size = [], 0
        part.append(text)
        size += length
    if part:
        yield part


def _has(value: object, known: Collection[str]) -> bool:
    return not isinstance(value, str) or value.strip().lower() in known
