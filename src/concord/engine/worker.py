"""What the work queue's jobs do: take what is due down the line, and sweep. The jobs themselves are only wake-ups; the
rows to do are in the inbox."""

from __future__ import annotations

from concord.core.model import Side
from concord.engine.scope import Scope
from concord.engine.sweep import DEEP, QUICK, sweep
from concord.engine.sync import drain


class Chores:
    """The calls that the queue makes, once the scope they work in is there.

    The queue is needed to open the store (a notice wakes a worker in its own transaction), and the store to build the
    scope: so the queue is given these, and these are given the scope afterwards.
    """

    def __init__(self) -> None:
        self._scope: Scope | None = None

    def of(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def _set(self) -> Scope:
        assert self._scope is not None, "no job runs before the scope is there"
        return self._scope

    async def work(self) -> None:
        """Take everything that is due down the line."""
        await drain(self._set)

    async def sweep(self, side: Side) -> None:
        """Ask one side what changed."""
        await sweep(self._set, side, QUICK)

    async def sweep_deep(self) -> None:
        """Ask both sides what changed, reading far back: finds what became visible late."""
        for side in Side:
            await sweep(self._set, side, DEEP)
