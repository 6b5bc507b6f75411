"""The journal of calls that a sandboxed service received and of events that it sent, to be counted and read by a test.

Control calls are not in it. Holds bodies as text up to a limit, each and together; nothing is written to disk.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call as it arrived and was answered, or (direction "out") one that the service made to deliver events.

    at: epoch ms on the service's clock; status: None when dropped or not answered; path: of one sent, the whole URL.
    Events that went out on a stream that the client opened have the method EVENT and the topic as their path.
    """

    number: int
    at: int
    method: str
    path: str
    query: str
    request: str
    status: int | None
    response: str
    fault: str | None
    direction: str = "in"


class Journal:
    """The newest `keep` calls whole, or fewer when their bodies have more than `keep_characters` together, and counts
    over all of them since the last `clear`.

    Calls are counted by route up to `routes` different ones; the rest is counted as "other": a million records have a
    million paths.
    """

    def __init__(
        self,
        keep: int = 20_000,
        body_limit: int = 20_000,
        routes: int = 10_000,
        keep_characters: int = 200_000_000,
        request_limit: int | None = None,
    ) -> None:
        self._calls: deque[Call] = deque()
        self._keep_calls, self._keep_characters = keep, keep_characters
        self._body_limit, self._routes = body_limit, routes
        # What was asked for tells what was written, so more of it is kept: a call may write hundreds of records.
        self._request_limit = 10 * body_limit if request_limit is None else request_limit
        self.clear()

    def clear(self) -> None:
        self._calls.clear()
        self._characters = 0
        self._count = self._sent = self._number = 0
        self._by_route: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()

    def note(
        self,
        *,
        at: int,
        method: str,
        path: str,
        query: str,
        request: bytes,
        status: int | None,
        response: bytes,
        fault: str | None,
    ) -> None:
        """One call that was received. status: None when it was dropped."""
        self._count += 1
        route = f"{method} {path}"
        self._by_route[route if route in self._by_route or len(self._by_route) < self._routes else "other"] += 1
        self._by_status[str(status) if status is not None else "dropped"] += 1
        self._keep(at, method, path, query, request, status, response, fault, "in")

    def note_sent(self, *, at: int, method: str, url: str, request: bytes, status: int | None, response: bytes) -> None:
        """One call that the service made to deliver events. status: None when no answer came."""
        self._sent += 1
        self._keep(at, method, url, "", request, status, response, None, "out")

    def _keep(
        self,
        at: int,
        method: str,
        path: str,
        query: str,
        request: bytes,
        status: int | None,
        response: bytes,
        fault: str | None,
        direction: str,
    ) -> None:
        self._number += 1
        sent = request[: self._request_limit].decode("utf-8", "replace")
        answered = response[: self._body_limit].decode("utf-8", "replace")
        self._calls.append(Call(self._number, at, method, path, query, sent, status, answered, fault, direction))
        self._characters += len(sent) + len(answered)
        while len(self._calls) > self._keep_calls or self._characters > self._keep_characters:
            oldest = self._calls.popleft()
            self._characters -= len(oldest.request) + len(oldest.response)

    def summary(self) -> dict[str, Any]:
        """{"calls": N, "by_route": {"GET /path": n}, "by_status": {"200": n}, "sent": M}: received, and events sent."""
        counts = {"by_route": dict(self._by_route), "by_status": dict(self._by_status)}
        return {"calls": self._count, "sent": self._sent, **counts}

    def calls(self, since: int = 0, limit: int = 1000, direction: str = "in") -> list[dict[str, Any]]:
        """The calls numbered above `since`, oldest first, at most `limit`; direction: in, out, or all."""
        newer = (one for one in self._calls if one.number > since and direction in (one.direction, "all"))
        return [asdict(call) for call in islice(newer, limit)]
