"""Guarded writes with their readings back as composite graphs: up to 100 records a call (api/salesforce.md sections
3.1, 3.4 and 6; docs/decisions/0008).

A record's graph is a conditional update and a read; it happens whole or not at all. That graphs keep to the conditions
in their nodes' headers is written nowhere, and an update whose condition is not kept to would overwrite people's edits:
so it is tried out before anything is sent this way. Decides nothing about what is written.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from concord.core.model import Record
from concord.errors import RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.http import Answer
from concord.systems.salesforce import errors
from concord.systems.salesforce.batches import Told, Write, in_graphs
from concord.systems.salesforce.client import LONGEST_URI, Client, Part
from concord.systems.salesforce.learnt import GRAPHED
from concord.systems.salesforce.records import HOT, Reading
from concord.systems.salesforce.schema import Schema
from concord.systems.salesforce.wire import http_date, instant

log = logging.getLogger("concord.salesforce")

#: Graphs in one call, and objects: of 15 different nodes (method and object), each object takes two (section 3.4).
GRAPHS: Final = 75
KINDS: Final = 7
#: As few writes go by plain composite: it is one call either way.
FEWEST: Final = 21
#: No record is as old as this, so a write under this condition is refused wherever conditions are kept to.
LONG_AGO: Final = "Sat, 01 Jan 2000 00:00:00 GMT"
#: After the org refused a call of graphs.
REST: Final = timedelta(hours=1)
#: How many more writes a call may have again, after one with as many as it may have was answered.
REGAINED: Final = 5


@dataclass(frozen=True)
class _Columns:
    """What is read back of one object."""

    fields: Sequence[str]
    asked: str


class Graphs:
    """Sends writes as graphs, where the org lets that be done safely."""

    def __init__(self, client: Client, schema: Schema, reading: Reading) -> None:
        self._client = client
        self._schema = schema
        self._reading = reading

    async def fit(self, writes: Sequence[Write], show: Mapping[str, Sequence[str]]) -> list[Write]:
        """Those of these writes that are to go as graphs: none when they are few or the org is not up to it; never one
        without a guard, for its reading back could not be told from one before the write."""
        guarded = [write for write in writes if write.change.guard not in (None, HOT)]
        columns = await self._columns(guarded, show)
        fitting = [write for write in guarded if len(columns[write.change.ref.object].asked) <= LONGEST_URI]
        return fitting if len(fitting) >= FEWEST and await self._trusted(fitting[0]) else []

    async def send(self, batch: Sequence[Write], show: Mapping[str, Sequence[str]]) -> dict[int, Told]:
        """One call. A write without a verdict of its own is not among the results: it was undone, or never tried, for
        another's sake; nothing of it was written."""
        columns, learnt = await self._columns(batch, show), self._client.learnt
        graphs = [self._graph(group, columns) for group in in_graphs(batch, GRAPHS)]
        try:
            parts, answer = await self._client.graphs(graphs, kind="update")
        except RemoteUnknown:
            learnt.graphed = max(len(batch) // 2, FEWEST)
            raise
        except RemoteRefused as refused:
            self._rest(refused)
            return {}
        if len(batch) >= learnt.graphed:
            learnt.graphed = min(learnt.graphed + REGAINED, GRAPHED)
        told: dict[int, Told] = {}
        for write in batch:
            wrote, read = parts[f"write{write.place}"], parts[f"read{write.place}"]
            if wrote.good and read.good:
                told[write.place] = Told(shown=await self._shown(write, read, columns, answer))
            elif not wrote.good and not errors.halted(wrote.body):
                told[write.place] = Told(errors.failure(wrote.status, wrote.body, write.change.ref.object))
        return told

    def _graph(self, group: Sequence[Write], columns: Mapping[str, _Columns]) -> Mapping[str, Any]:
        nodes = []
        for write in group:
            ref, guard = write.change.ref, str(write.change.guard)
            path, asked = f"/sobjects/{ref.object}/{ref.id}", columns[ref.object].asked
            condition = {"If-Unmodified-Since": guard}
            nodes.append(self._client.sub(f"write{write.place}", "PATCH", path, write.body, condition))
            reading = {"method": "GET", "url": f"{self._client.root}{path}?fields={asked}"}
            nodes.append({**reading, "referenceId": f"read{write.place}"})
        return {"graphId": f"graph{group[0].place}", "compositeRequest": nodes}

    async def _shown(self, write: Write, read: Part, columns: Mapping[str, _Columns], answer: Answer) -> Record | None:
        """The record as it was read back. None when that read shows the state before the write (nothing says in which
        order a graph does what does not refer to each other): it is read again later."""
        ref = write.change.ref
        if http_date(instant(str(read.body["SystemModstamp"]))) == write.change.guard:
            return None
        return self._reading.record(read.body, await self._schema.of(ref.object), columns[ref.object].fields, answer)

    async def _columns(self, writes: Sequence[Write], show: Mapping[str, Sequence[str]]) -> dict[str, _Columns]:
        columns = {}
        for kind in dict.fromkeys(write.change.ref.object for write in writes):
            fields = show.get(kind, ())
            columns[kind] = _Columns(fields, ",".join(dict.fromkeys(("Id", *await self._reading.names(kind, fields)))))
        return columns

    # --- whether conditions are kept to

    async def _trusted(self, write: Write) -> bool:
        """Whether guarded writes may go as graphs; tries it out where that is not known."""
        learnt, now = self._client.learnt, self._client.clock.now()
        async with learnt.asking:
            resting = learnt.rest_until is not None and now < learnt.rest_until
            if learnt.conditions is None and not resting:
                await self._try_out(write)
                resting = learnt.rest_until is not None and now < learnt.rest_until
        return learnt.conditions is True and not resting

    async def _try_out(self, write: Write) -> None:
        """Ask for an update of nothing, on the condition that the record has not changed since long ago. Where it is
        refused for that, conditions are kept to. Where it is done, nobody's value was touched, only the record's stamp:
        its real write is then refused by its guard, and decided anew."""
        ref, learnt = write.change.ref, self._client.learnt
        path = f"/sobjects/{ref.object}/{ref.id}"
        node = self._client.sub("probe", "PATCH", path, {}, {"If-Unmodified-Since": LONG_AGO})
        try:
            parts, _ = await self._client.graphs([{"graphId": "probe", "compositeRequest": [node]}], kind="probe")
        except RemoteRefused as refused:
            self._rest(refused)
        except RemoteError as error:
            log.info("whether composite graphs keep to conditions could not be tried out: %s", error)
        else:
            if parts["probe"].status == 412:
                learnt.conditions = True
            elif parts["probe"].good:
                learnt.conditions = False
                log.warning(
                    "this org's composite graphs do not keep to If-Unmodified-Since: updates go 20 a call, not %d",
                    GRAPHED,
                )
            else:  # the record is gone, locked or refused for another reason: the next update tries with another one
                log.info("composite graphs could not be tried out on %s %s", ref.object, ref.id)

    def _rest(self, refused: RemoteRefused) -> None:
        self._client.learnt.rest_until = self._client.clock.now() + REST
        log.warning("the org refuses composite graphs (%s): updates go 20 a call for an hour", refused.code)
