"""The journal of calls that a sandboxed service received, so that a test can count and read them.

Control calls are not in it. Holds bodies as text up to a limit; nothing is written to disk.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call as it arrived and was answered. at: epoch ms on the service's clock; status: None when dropped."""

    number: int
    at: int
    method: str
    path: str
    query: str
    request: str
    status: int | None
    response: str
    fault: str | None


class Journal:
    """The newest `keep` calls whole, and counts over all of them since the last `clear`."""

    def __init__(self, keep: int = 20_000, body_limit: int = 20_000) -> None:
        self._calls: deque[Call] = deque(maxlen=keep)
        self._body_limit = body_limit
        self.clear()

    def clear(self) -> None:
        self._calls.clear()
        self._count = 0
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
        self._count += 1
        self._by_route[f"{method} {path}"] += 1
        self._by_status[str(status) if status is not None else "dropped"] += 1
        limit = self._body_limit
        self._calls.append(
            Call(
                self._count,
                at,
                method,
                path,
                query,
                request[:limit].decode("utf-8", "replace"),
                status,
                response[:limit].decode("utf-8", "replace"),
                fault,
            )
        )

    def summary(self) -> dict[str, Any]:
        """{"calls": N, "by_route": {"GET /path": n}, "by_status": {"200": n}}"""
        return {"calls": self._count, "by_route": dict(self._by_route), "by_status": dict(self._by_status)}

    def calls(self, since: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """The calls numbered above `since`, oldest first, at most `limit`."""
        newer = [call for call in self._calls if call.number > since]
        return [asdict(call) for call in newer[:limit]]
