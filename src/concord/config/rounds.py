"""The setting `sync.rounds` of concord.yaml: when two sets of rules that chase each other are stopped (SPEC 3.7)."""
# ruff: noqa: RUF009 - `setting` is `dataclasses.field` with our metadata; it makes no shared mutable default

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from concord.config.kinds import Duration, Whole, setting
from concord.core.rounds import Bound


@dataclass(frozen=True)
class Rounds:
    """How often a field of a record is written in a chase, and for how long it is left alone then."""

    writes: int = setting(
        Whole(2, 1000),
        "So many writes of one field of one record, each changed again by something else, are carried out.",
        default=6,
        shown=6,
    )
    within: timedelta = setting(
        Duration(positive=True),
        "The time within which they are counted; at least what they take where both systems are only asked.",
        default=timedelta(minutes=10),
        shown="10m",
    )
    pause: timedelta = setting(
        Duration(positive=True),
        "After this time a field that was stopped is tried again by itself.",
        default=timedelta(days=1),
        shown="1d",
    )

    def bound(self, turn: timedelta) -> Bound:
        """The same for core. turn: how long it takes at most until either system was asked what has changed."""
        return Bound(self.writes, max(self.within, self.writes * turn), self.pause)
