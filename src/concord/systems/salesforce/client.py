"""The REST calls that everything else here is made of: one call, a composite, a query (api/salesforce.md 3, 6 and 7).

Adds the version, the headers that every call carries and the watch over the day's quota. Knows no record.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

from concord.core.budget import Terms, Told
from concord.core.model import Errand
from concord.core.quota import Usage
from concord.core.retry import Backoff
from concord.errors import Category, RemoteBusy, RemoteRefused
from concord.systems.http import Answer, Clock, Http, Pace, Transport
from concord.systems.pace import KEPT
from concord.systems.salesforce.auth import Auth
from concord.systems.salesforce.errors import HALTED
from concord.systems.salesforce.learnt import Learnt
from concord.systems.salesforce.wire import SYSTEM, among, id18
from concord.systems.turns import NotSent, Turns, Words

#: Carried by every call and repeated in every sub-request of a composite, which does not inherit them (section 3.1).
HEADERS: Final[Mapping[str, str]] = {
    "Sforce-Call-Options": "client=Concord",
    "Sforce-Auto-Assign": "FALSE",
    "Sforce-Duplicate-Rule-Header": "allowSave=false; includeRecordDetails=false; runAsCurrentUser=true",
}
#: Longest address of a query, in bytes. URI and headers share 16,384 (section 3.4); a token and its like need the rest.
LONGEST_URI: Final = 12_000
#: Salesforce has no burst limit but one of 25 long calls at once for the whole org; others need some of them.
TOGETHER: Final = 10
#: Of all processes: far more than a day's requests allow, so that only a fault of ours ever meets it.
CALLS_A_SECOND: Final = 100
#: What people are told about the day's end.
WORDS: Final = Words(
    "REQUEST_LIMIT_EXCEEDED",
    "It goes on when there is room again; raise salesforce.daily_share or buy more requests if this lasts",
)

_USAGE = re.compile(r"(?<![\w-])api-usage\s*=\s*(\d+)\s*/\s*(\d+)", re.IGNORECASE)

T = TypeVar("T")
X = TypeVar("X")
Row = Mapping[str, Any]


async def together(call: Callable[[X], Awaitable[T]], items: Iterable[X], limit: int = TOGETHER) -> list[T]:
    """The results of a call for each item, in their order, at most `limit` at once. The first error ends the others."""
    turns = asyncio.Semaphore(limit)

    async def in_turn(item: X) -> T:
        async with turns:
            return await call(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(item)) for item in items]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


class Meter:
    """The day's API requests, as the org itself counts them (`Sforce-Limit-Info`, section 3.2); the last 24 hours are
    counted at any time. turns: whom it is passed on to."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    @property
    def usage(self) -> Usage | None:
        """As the newest answer told it."""
        return self._turns.usage()

    def note(self, headers: Mapping[str, str], ticket: int = 0) -> None:
        """Take in an answer's headers. Not every answer tells the usage, and the item may have company."""
        told = _USAGE.search(headers.get("sforce-limit-info", ""))
        if told is not None and int(told.group(2)) > 0:
            self._turns.told(Told(int(told.group(1)), int(told.group(2)), None, ticket))

    def refused(self) -> None:
        """The org refused a call because nothing is left."""
        self._turns.spent()


@dataclass(frozen=True)
class Part:
    """The answer to one sub-request of a composite."""

    status: int
    body: Any

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Client:
    """One org. See `Salesforce` for the arguments."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        api_version: str,
        clock: Clock,
        share: Callable[[], float],
        transport: Transport | None,
        daily_share: float,
        consent_reserve: float,
        calls_at_once: int,
        token: str | None,
        user_id: str,
        backoff: Backoff | None,
        time_limit: float,
    ) -> None:
        self.api_version = api_version if api_version.startswith("v") else f"v{api_version}"
        self.root = f"/services/data/{self.api_version}"
        self.clock = clock
        self.share = share
        self.turns = Turns(clock, SYSTEM, Terms(daily_share, consent_reserve), WORDS)
        self.meter = Meter(self.turns)
        self.learnt = Learnt()
        self._errand = Errand()
        self.auth = Auth(url, client_id, client_secret, token=token, user_id=user_id, moved=self._moved)
        self.http = Http(
            self.auth,
            url,
            clock=clock,
            pace=Pace(clock, CALLS_A_SECOND, 1.0, max(1, calls_at_once - KEPT), turns=self.turns),
            share=share,
            backoff=backoff,
            transport=transport,
            time_limit=time_limit,
            on_answer=self.meter.note,
        )

    def on(self, errand: Errand) -> Client:
        """The same org, its calls made on that errand; shares everything else."""
        other = copy.copy(self)
        other._errand = errand
        return other

    def _moved(self, address: str) -> None:
        self.http.base_url = address.rstrip("/")

    async def call(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        repeats: bool = True,
    ) -> Answer:
        """One call. path: below the version's root, or whole when it begins with /services.

        Every call made here may be repeated: reads, conditional updates and upserts by a unique key. repeats: whether
        that is done here, too, when no answer came.
        """
        whole = path if path.startswith("/services/") else self.root + path
        try:
            return await self.http.call(
                method,
                whole,
                kind=kind,
                repeatable=repeats,
                body=body,
                headers={**HEADERS, **(headers or {})},
                errand=self._errand,
            )
        except RemoteBusy as busy:
            if busy.category is Category.QUOTA and not isinstance(busy, NotSent):
                self.meter.refused()
            raise

    async def composite(self, requests: Sequence[Mapping[str, Any]], *, kind: str) -> tuple[Mapping[str, Part], Answer]:
        """Up to 25 sub-requests as one call, each on its own (`allOrNone` false); the answers by referenceId."""
        answer = await self.call(
            "POST",
            "/composite",
            kind=kind,
            body={"allOrNone": False, "collateSubrequests": False, "compositeRequest": list(requests)},
        )
        parts = {
            str(part["referenceId"]): Part(int(part["httpStatusCode"]), part.get("body"))
            for part in answer.body["compositeResponse"]
        }
        _check_whole(kind, requests, parts)
        return parts, answer

    async def graphs(self, graphs: Sequence[Mapping[str, Any]], *, kind: str) -> tuple[Mapping[str, Part], Answer]:
        """Up to 75 graphs of sub-requests as one call; each graph is done whole or not at all. The answers by
        referenceId, which no two graphs may share; what was undone for another's sake is PROCESSING_HALTED.

        Not repeated when no answer came: so much work in one call may be too much to be done in time."""
        body = {"graphs": list(graphs)}
        answer = await self.call("POST", "/composite/graph", kind=kind, body=body, repeats=False)
        parts: dict[str, Part] = {}
        for graph in answer.body["graphs"]:
            for told in graph["graphResponse"]["compositeResponse"]:
                part = Part(int(told["httpStatusCode"]), told.get("body"))
                undone = part.good and not graph["isSuccessful"]
                parts[str(told["referenceId"])] = Part(400, [{"errorCode": HALTED}]) if undone else part
        _check_whole(kind, [node for graph in graphs for node in graph["compositeRequest"]], parts)
        return parts, answer

    def sub(
        self, reference: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        """A sub-request of a composite."""
        request = {
            "method": method,
            "url": self.root + path,
            "referenceId": reference,
            "httpHeaders": {**HEADERS, **(headers or {})},
        }
        return request if body is None else {**request, "body": body}

    async def pages(self, soql: str, *, kind: str, everything: bool = False) -> AsyncIterator[Answer]:
        """A query's answers, page by page. everything: deleted and merged rows too."""
        answer = await self.call(
            "GET",
            query_path(soql, everything=everything),
            kind=kind,
            headers={"Sforce-Query-Options": "batchSize=2000"},
        )
        yield answer
        while not answer.body.get("done", True):
            answer = await self.call("GET", str(answer.body["nextRecordsUrl"]), kind=kind)
            yield answer

    async def rows(self, soql: str, *, kind: str, everything: bool = False) -> list[Row]:
        """All rows of a query."""
        return [
            row async for page in self.pages(soql, kind=kind, everything=everything) for row in page.body["records"]
        ]

    async def organisation(self) -> str:
        """The org's id, 18 characters: as the sign-in told it, or asked for once where a ready token is used."""
        if not self.auth.org_id:
            rows = await self.rows("SELECT Id FROM Organization", kind="account")
            self.auth.org_id = id18(str(rows[0]["Id"])) if rows else ""
        return self.auth.org_id

    async def close(self) -> None:
        await self.http.close()


def _check_whole(kind: str, requests: Iterable[Mapping[str, Any]], parts: Mapping[str, Part]) -> None:
    """Raises RemoteRefused when a sub-request was not answered."""
    lost = [str(request["referenceId"]) for request in requests if request["referenceId"] not in parts]
    if lost:
        raise RemoteRefused(SYSTEM, Category.INTERNAL, f"{kind}: the composite's answer lacks {', '.join(lost)}")


def query_path(soql: str, *, everything: bool = False) -> str:
    """The address of a query, encoded as it is sent, so that its length can be measured."""
    return f"/{'queryAll' if everything else 'query'}?q={quote(soql, safe='')}"


def in_chunks(field: str, texts: Iterable[str], soql: Callable[[str], str]) -> list[str]:
    """Queries that between them ask for all these texts, each short enough for an address (section 3.4).

    soql: the query around the condition that it is given.
    """
    room = LONGEST_URI - len(query_path(soql(""), everything=True))
    chunks: list[list[str]] = []
    used = room + 1
    for text in texts:
        size = len(quote(among(field, [text]) + ",", safe="")) - len(quote(f"{field} IN ()", safe=""))
        if used + size > room:
            chunks.append([])
            used = len(quote(f"{field} IN ()", safe=""))
        chunks[-1].append(text)
        used += size
    return [soql(among(field, chunk)) for chunk in chunks]
