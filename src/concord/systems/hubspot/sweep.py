"""What changed since a position: the sweep, by search (api/hubspot.md, section 6). Reads ids and times only.

A round reads every row from the position less the overlap (the index lags behind) to the end, one page for each call
of `changed`, and every page is a query of its own: so the search's end at 10,000 rows is never met. The next round
begins the overlap before this one's own beginning at the latest, so that what the index hid while this one went on, for
however long, is read then.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from concord.core.model import Failure, Found, SweepPage
from concord.core.values import Ref
from concord.errors import RemoteError
from concord.systems.hubspot.client import Caller
from concord.systems.hubspot.errors import SYSTEM
from concord.systems.hubspot.records import SEARCH_PAGE, Row, rows_of
from concord.systems.hubspot.wire import changed_at, instant, millis, modified_name, properties_of, version_of


@dataclass(frozen=True)
class Place:
    """Where the sweep of one object stands.

    at: epoch milliseconds. id None: the round is done, and the next one starts at `at` less the overlap. id "": in the
    midst of a round, which goes on with `at` itself. Another id: more rows than a page have this one stamp (a bulk
    edit); the round goes on with those of them beyond this id. begun: in the midst of a round, when it began, on the
    server's clock.
    """

    at: int
    id: str | None = None
    begun: int | None = None


async def changed(
    caller: Caller,
    objects: Sequence[str],
    position: str | None,
    overlap: timedelta,
    ticked: Mapping[str, Collection[str]] | None = None,
) -> SweepPage:
    """See `HubSpot.changed`."""
    places = _read(position)
    if any(name not in places for name in objects):
        # From now on, by the server's clock, because it is the server's stamps that are compared with it.
        answer = await caller.get(caller.paths.account(), "account")
        places |= {name: Place(millis(answer.at)) for name in objects if name not in places}
    # While one object's round goes on, those whose round is done wait for the next one: a search for each of them with
    # every page would find nothing and cost half of the few searches a second that there are (section 6).
    going = [name for name in objects if places[name].id is not None]
    pages: dict[str, tuple[list[Found], Place]] = {}
    failed: dict[str, RemoteError] = {}
    for names in (going, [name for name in objects if name not in going]):
        if pages or any(error.retry for error in failed.values()):
            break  # not so where those that go on are refused for good: the others must not wait for them for ever
        asked = dict.fromkeys(names)
        told = await asyncio.gather(
            *(_tried(caller, name, places[name], overlap, (ticked or {}).get(name, ())) for name in asked)
        )
        pages |= {name: page for name, page in zip(asked, told, strict=True) if not isinstance(page, RemoteError)}
        failed |= {name: page for name, page in zip(asked, told, strict=True) if isinstance(page, RemoteError)}
    if failed and not pages:
        raise next(iter(failed.values()))
    places |= {name: place for name, (_, place) in pages.items()}
    return SweepPage(
        rows=tuple(row for rows, _ in pages.values() for row in rows),
        position=_write(places),
        more=any(place.id is not None for _, place in pages.values()),
        failed={name: Failure.of(error) for name, error in failed.items()},
    )


async def _tried(
    caller: Caller, name: str, place: Place, overlap: timedelta, ticked: Collection[str]
) -> tuple[list[Found], Place] | RemoteError:
    """A page, or why there is none: so that one object that cannot be asked about holds up no other."""
    try:
        return await _page(caller, name, place, overlap, ticked)
    except RemoteError as error:
        return error


async def _page(
    caller: Caller, name: str, place: Place, overlap: timedelta, ticked: Collection[str]
) -> tuple[list[Found], Place]:
    stamp = modified_name(name)
    answer = await caller.search(name, _query(stamp, place, overlap, ticked))
    rows = rows_of(answer.body, answer.at)
    stamped = [(row, _stamp(row, name)) for row in rows]
    found = [Found(Ref(SYSTEM, name, row.id), at, version_of(changed_at(row.data, name) or at)) for row, at in stamped]
    return found, _next_place(place, stamped, millis(answer.at), full=len(rows) >= SEARCH_PAGE)


def _stamp(row: Row, object_name: str) -> datetime:
    """The time that the search sorted by."""
    told = instant(properties_of(row.data).get(modified_name(object_name)))
    return told or changed_at(row.data, object_name) or row.at


def _next_place(place: Place, stamped: Sequence[tuple[Row, datetime]], now: int, *, full: bool) -> Place:
    begun = now if place.begun is None else place.begun
    if place.id:
        if full:
            return Place(place.at, max((row.id for row, _ in stamped), key=int), begun)
        return Place(place.at + 1, "", begun)
    stamps = [millis(at) for _, at in stamped]
    if not full:
        last = max([place.at, *stamps])
        return Place(last if place.begun is None else min(last, begun))
    # Rows of one stamp come in no set order, and the page may have cut them off: the last stamp is read again.
    # A page of nothing but one stamp would be read again for ever: it goes on by id instead.
    return Place(max(stamps), "0" if min(stamps) == max(stamps) else "", begun)


def _query(stamp: str, place: Place, overlap: timedelta, ticked: Collection[str]) -> Mapping[str, Any]:
    if place.id:
        filters = [
            {"propertyName": stamp, "operator": "EQ", "value": str(place.at)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": place.id},
        ]
        sort = "hs_object_id"
    else:
        start = place.at if place.id == "" else place.at - overlap // timedelta(milliseconds=1)
        filters = [{"propertyName": stamp, "operator": "GTE", "value": str(start)}]
        sort = stamp
    boxes = [{"propertyName": name, "operator": "EQ", "value": "true"} for name in ticked]
    groups = [{"filters": [*filters, box]} for box in boxes] or [{"filters": filters}]
    return {
        "filterGroups": groups,
        "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
        "properties": [stamp],
        "limit": SEARCH_PAGE,
        "after": "0",
    }


def _read(position: str | None) -> dict[str, Place]:
    if position is None:
        return {}
    return {
        name: Place(int(place["at"]), place.get("id"), place.get("begun"))
        for name, place in json.loads(position).items()
    }


def _write(places: Mapping[str, Place]) -> str:
    told = {
        name: {key: value for key, value in asdict(place).items() if value is not None}
        for name, place in sorted(places.items())
    }
    return json.dumps(told, separators=(",", ":"))
