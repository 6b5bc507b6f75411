"""The time as one sandboxed service sees it.

May not know which service it serves; holds no global state, so that two services can disagree about the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class SandboxClock:
    """A clock that can be set, advanced and frozen; monotonic unless it is set back on purpose.

    `source` gives Unix seconds (the machine's clock by default); tests pass their own.
    """

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset = 0.0
        self._frozen: float | None = None

    def now(self) -> datetime:
        """The current instant, aware, UTC, with microseconds."""
        seconds = self._frozen if self._frozen is not None else self._source() + self._offset
        return datetime.fromtimestamp(seconds, UTC)

    def epoch_ms(self) -> int:
        """The current instant in whole milliseconds since 1970."""
        return int(self.now().timestamp() * 1000)

    def set(self, moment: datetime) -> None:
        """Make `moment` the current instant; the clock runs on from it (or stays, when frozen)."""
        if self._frozen is not None:
            self._frozen = moment.timestamp()
        else:
            self._offset = moment.timestamp() - self._source()

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` (negative: back)."""
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self) -> None:
        """Stop the clock where it is; only `set` and `advance` move it then."""
        self._frozen = self.now().timestamp()

    def run(self) -> None:
        """Let a frozen clock run on from where it stands."""
        if self._frozen is not None:
            moment, self._frozen = self.now(), None
            self.set(moment)

    @property
    def moved(self) -> bool:
        """Whether it shows another time than its source."""
        return self._frozen is not None or self._offset != 0.0

    def http_date(self) -> str:
        """The current instant as an HTTP `Date` header (whole seconds)."""
        return format_datetime(self.now().replace(microsecond=0), usegmt=True)
