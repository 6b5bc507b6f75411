"""The sweep: what changed in Salesforce since a position, by `SystemModstamp` (api/salesforce.md, section 7).

Tells that a record changed, never what changed. May not read fields other than the stamps.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from concord.core.model import Failure, Found, SweepPage
from concord.core.values import Ref
from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused
from concord.systems.salesforce import errors
from concord.systems.salesforce.client import Client, Part, query_path
from concord.systems.salesforce.records import OF_LEAD, version_of
from concord.systems.salesforce.wire import SYSTEM, id18, instant, quoted, select, soql_time

#: Rows of one page, for each object: what one query answer holds (section 3.4).
PAGE: Final = 2000
#: Queries that one composite may hold (section 3.4).
QUERIES: Final = 5


@dataclass(frozen=True)
class Mark:
    """How far one object was read. at, id: the last row. within: more rows follow it in the same sweep, so the next
    page begins right after it; otherwise the next sweep begins `overlap` before it.

    begun: within a sweep, when it began, on the server's clock. The next sweep begins the overlap before that at the
    latest: a transaction that is slow to commit shows rows with a stamp of before (section 7.1), and a sweep of many
    pages can take longer than the overlap.
    """

    at: datetime
    id: str = ""
    within: bool = False
    begun: datetime | None = None


def marks(position: str | None) -> dict[str, Mark]:
    """A stored position. Raises ValueError for a text that is none."""
    told: Mapping[str, Any] = json.loads(position) if position else {}
    return {
        name: Mark(
            instant(mark["at"]),
            str(mark.get("id", "")),
            bool(mark.get("within", False)),
            instant(mark["begun"]) if mark.get("begun") else None,
        )
        for name, mark in told.items()
    }


def text_of(position: Mapping[str, Mark]) -> str:
    """A position as it is stored."""
    plain: dict[str, dict[str, object]] = {}
    for name, mark in position.items():
        plain[name] = {"at": soql_time(mark.at), "id": mark.id, "within": mark.within}
        if mark.begun is not None:
            plain[name]["begun"] = soql_time(mark.begun)
    return json.dumps(plain, sort_keys=True)


def sweep_query(object_name: str, mark: Mark, overlap: timedelta, ticked: Collection[str] = ()) -> str:
    """The next page's query. Rows that share one second, in any number, are told apart by their id. ticked: only rows
    in which one of these checkboxes is ticked."""
    if mark.within:
        at = soql_time(mark.at)
        where = f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {quoted(mark.id)}))"
    else:
        where = f"SystemModstamp >= {soql_time(mark.at - overlap)}"
    wanted = [where]
    if ticked:
        wanted.append(f"({' OR '.join(f'{name} = true' for name in ticked)})")
    columns = ["Id", "SystemModstamp", "LastModifiedById", "IsDeleted", *OF_LEAD[: object_name == "Lead"]]
    return f"{select(object_name, columns, wanted, 'SystemModstamp, Id')} LIMIT {PAGE}"


class Sweep:
    """See `System.changed`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def changed(
        self,
        objects: Sequence[str],
        position: str | None,
        overlap: timedelta,
        ticked: Mapping[str, Collection[str]] | None = None,
    ) -> SweepPage:
        """One call for up to five objects. Deleted and merged rows show too: reading them tells what became of them.

        An object that the position does not know starts at the server's now.
        """
        before = marks(position)
        after = dict(before)
        known = [name for name in objects if name in before]
        rows: list[Found] = []
        failed: dict[str, Failure] = {}
        for start in range(0, len(known), QUERIES):
            parts, looked = await self._parts(known[start : start + QUERIES], before, overlap, ticked or {})
            for name, part in parts.items():
                if part.good:
                    found, after[name] = page(name, part, before[name], looked)
                    rows.extend(found)
                else:
                    failed[name] = errors.failure(part.status, part.body, name)
        if failed and len(failed) == len(objects):
            raise error_of("sweep of", *next(iter(failed.items())))
        if len(known) < len(objects):
            answer = await self._client.call("GET", "/services/data/", kind="clock")
            after.update((name, Mark(answer.at)) for name in objects if name not in before)
        more = any(after[name].within for name in objects if name not in failed)
        return SweepPage(tuple(rows), text_of(after), more, failed)

    async def _parts(
        self,
        objects: Sequence[str],
        position: Mapping[str, Mark],
        overlap: timedelta,
        ticked: Mapping[str, Collection[str]],
    ) -> tuple[dict[str, Part], datetime]:
        """One page of each of these objects, in one call, and the server's time of it."""
        queries = [sweep_query(name, position[name], overlap, ticked.get(name, ())) for name in objects]
        requests = [
            self._client.sub(f"sweep{number}", "GET", query_path(query, everything=True))
            for number, query in enumerate(queries)
        ]
        parts, answer = await self._client.composite(requests, kind="sweep")
        looked = (answer.since or answer.at).replace(microsecond=0)
        return {name: parts[f"sweep{number}"] for number, name in enumerate(objects)}, looked


def page(object_name: str, part: Part, mark: Mark, looked: datetime) -> tuple[list[Found], Mark]:
    """One object's rows, and how far it is read now: at the end as far as `looked`, the server's time of the query. To
    stay at the last row would read that row anew with every sweep until another follows; and a deleted one, of which no
    state is known, would be looked at each time."""
    rows = [
        (
            instant(str(row["SystemModstamp"])),
            Ref(SYSTEM, object_name, id18(str(row["Id"]))),
            version_of(str(row["SystemModstamp"]), id18(str(row.get("LastModifiedById") or ""))),
            bool(row.get("IsDeleted") or row.get("IsConverted")),
        )
        for row in part.body["records"]
    ]
    found = [Found(ref, at, version, ended) for at, ref, version, ended in rows]
    at, last = (rows[-1][0], rows[-1][1].id) if rows else (mark.at, mark.id)
    if len(rows) == PAGE or not part.body.get("done", True):
        return found, Mark(at, last, within=True, begun=mark.begun or looked)
    ends = max(at, mark.at, looked)
    return found, Mark(ends if mark.begun is None else min(ends, mark.begun), last)


def error_of(what: str, object_name: str, told: Failure) -> RemoteError:
    """Why one part of a composite failed, as an error. what: what was to be done with the object."""
    kind = RemoteBusy if told.transient else RemoteRefused
    category = Category.NETWORK if told.unknown else told.category
    return kind(
        SYSTEM,
        category,
        f"{what} {object_name}: {told.message}",
        code=told.code,
        fields=told.fields,
        advice=told.advice,
        after=told.after,
    )
