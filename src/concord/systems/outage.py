"""Whether a system is down, judged by how its last calls went: a circuit breaker for one system in one process.

While it is down nobody waits for time limits: a call is refused at once, and one in a while goes through to see whether
the system answers again (SPEC 9.2). Knows nothing of what is called.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from concord.errors import Category, RemoteBusy, RemoteError

#: Down is what has not answered so many calls in a row, for so long at least: one broken connection is no outage. A
#: call without an answer in time may have been too large a one, so it takes longer until those count.
FAILURES: Final = 5
FOR_AT_LEAST: Final = timedelta(seconds=5)
SLOW_FOR: Final = timedelta(seconds=60)
#: Between two looks whether it answers again: first, and at most.
FIRST_PROBE: Final = timedelta(seconds=2)
LONGEST_PROBE: Final = timedelta(seconds=30)
#: The code of a call that was not sent.
CODE: Final = "DOWN"


class Outage:
    """One system's. Times are passed in."""

    def __init__(self, system: str) -> None:
        self._system = system
        self._failures = 0
        self._since: datetime | None = None
        self._probe_at: datetime | None = None
        self._pause = FIRST_PROBE

    @property
    def probe_at(self) -> datetime | None:
        """When the next look is due; None: the system answers."""
        return self._probe_at

    def admit(self, now: datetime) -> bool:
        """Return when a call may be sent; True: it is a look whether the system answers again. Of several that come
        when one is due, the first is the look. Raises RemoteBusy."""
        if self._probe_at is None:
            return False
        if now >= self._probe_at:
            self._probe_at = now + self._pause
            return True
        raise RemoteBusy(
            self._system,
            Category.NETWORK,
            "not called: it has not answered since " + (f"{self._since:%H:%M:%S} UTC" if self._since else "a while"),
            code=CODE,
            advice="It is looked at again and again, and all goes on by itself when it answers",
            after=(self._probe_at - now).total_seconds(),
        )

    def answered(self) -> None:
        """A call was answered, if only with a refusal."""
        self._failures, self._since, self._probe_at, self._pause = 0, None, None, FIRST_PROBE

    def failed(self, error: RemoteError, now: datetime) -> None:
        """A call ended with this error."""
        if error.category is not Category.NETWORK:
            self.answered()
            return
        self._failures += 1
        self._since = self._since or now
        if self._probe_at is not None:
            self._pause = min(self._pause * 2, LONGEST_PROBE)
            self._probe_at = now + self._pause
        elif self._failures >= FAILURES and now - self._since >= (
            FOR_AT_LEAST if isinstance(error, RemoteBusy) else SLOW_FOR
        ):
            self._probe_at = now + self._pause
