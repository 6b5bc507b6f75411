"""Reads by ids: those that begin at the same moment go as one call (api/salesforce.md sections 3.4 and 6).

A batch of the line reads leads and contacts, linked and not linked yet, at once. As calls of their own these would be
up to four, and calls are what an org has few of. Knows no record; decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from concord.systems.http import Answer
from concord.systems.salesforce.client import Client
from concord.systems.salesforce.errors import call_error

#: Collections in one composite, and records in a collection that goes in one (section 3.4).
TOGETHER: Final = 5
SMALL: Final = 200

#: The rows that were asked for, in that order, None for one that is not there; and the answer they came in.
Rows = tuple[Any, Answer]


@dataclass(frozen=True)
class _Read:
    """One read, and where its rows are waited for."""

    path: str
    body: dict[str, Any]
    rows: asyncio.Future[Rows]


class Reads:
    """The reads of one errand."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: list[_Read] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Rows:
        """The rows of these records, with those that others ask for by now. Raises RemoteError."""
        body = {"ids": list(ids), "fields": list(fields)}
        mine = _Read(f"/composite/sobjects/{object_name}", body, asyncio.get_running_loop().create_future())
        if len(ids) > SMALL:
            self._begin([mine])
        else:
            self._waiting.append(mine)
            if len(self._waiting) == 1:
                asyncio.get_running_loop().call_soon(self._depart)
        return await mine.rows

    def _depart(self) -> None:
        """Everybody who was to come along has come: whoever asks now begins anew."""
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), TOGETHER):
            self._begin(waiting[start : start + TOGETHER])

    def _begin(self, reads: Sequence[_Read]) -> None:
        call = asyncio.get_running_loop().create_task(self._call(reads))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _call(self, reads: Sequence[_Read]) -> None:
        try:
            if len(reads) == 1:
                answer = await self._client.call("POST", reads[0].path, kind="read", body=reads[0].body)
                _tell(reads[0], (answer.body, answer))
                return
            requests = [
                self._client.sub(f"read{number}", "POST", one.path, one.body) for number, one in enumerate(reads)
            ]
            parts, answer = await self._client.composite(requests, kind="read")
            for number, one in enumerate(reads):
                part = parts[f"read{number}"]
                _tell(one, (part.body, answer) if part.good else call_error(part.status, part.body, {}))
        except BaseException as error:
            for one in reads:
                _tell(one, error)
            if not isinstance(error, Exception):
                raise


def _tell(read: _Read, told: Rows | BaseException) -> None:
    if read.rows.done():
        return  # who asked has been stopped meanwhile
    if isinstance(told, BaseException):
        read.rows.set_exception(told)
    else:
        read.rows.set_result(told)
