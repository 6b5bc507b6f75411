"""Who is still there: many records by their ids, in the fewest calls (api/salesforce.md, section 3.4).

Tells that a record is live, never what became of one that is not. May not follow merges or conversions: that is
`records`' affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from concord.core.model import Record
from concord.systems.http import Answer
from concord.systems.salesforce import errors
from concord.systems.salesforce.client import Client, Row, in_chunks, query_path
from concord.systems.salesforce.notices import error_of
from concord.systems.salesforce.records import Reading, unconverted
from concord.systems.salesforce.schema import Schema
from concord.systems.salesforce.wire import id18, is_id, select

#: Queries that one composite may hold (section 3.4): five, each with as many ids as an address line has room for.
QUERIES: Final = 5


class Presence:
    """See `System.present`."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reading = Reading(client, schema)

    async def present(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """See `System.present`. Raises RemoteRefused or RemoteBusy when one of its queries failed: a record that could
        not be asked for must not look like one that is gone."""
        asked = {id18(text): text for text in ids if is_id(text)}
        spec = await self._schema.of(object_name)
        columns = ["Id", *await self._reading.names(object_name, fields)]
        queries = in_chunks("Id", asked, lambda some: select(object_name, columns, [some, *unconverted(object_name)]))
        found: dict[str, Record] = {}
        for start in range(0, len(queries), QUERIES):
            for row, answer in await self._rows(object_name, queries[start : start + QUERIES]):
                record = self._reading.record(row, spec, fields, answer)
                found[asked[record.ref.id]] = record
        return found

    async def _rows(self, object_name: str, queries: Sequence[str]) -> list[tuple[Row, Answer]]:
        requests = [self._client.sub(f"some{n}", "GET", query_path(query)) for n, query in enumerate(queries)]
        parts, answer = await self._client.composite(requests, kind="presence")
        rows: list[tuple[Row, Answer]] = []
        for part in parts.values():
            if not part.good:
                raise error_of("look for", object_name, errors.failure(part.status, part.body, object_name))
            rows += [(row, answer) for row in part.body["records"]]
            following = part.body.get("nextRecordsUrl")
            while following:
                more = await self._client.call("GET", str(following), kind="presence")
                rows += [(row, more) for row in more.body["records"]]
                following = more.body.get("nextRecordsUrl")
        return rows
