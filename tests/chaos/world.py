"""The stage of the chaos: both sandboxes, and as many Concords on one database as a script wants, each of which can be
killed, frozen, or left hanging in a call. One clock for all, which only moves when it is told to."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final

import httpx
from tests.stories.stage import Killed, Stage, registrable, stage

from concord.app import Concord, Parts, opened
from concord.engine.sync import drain
from concord.errors import ConfigError, RemoteError
from concord.web.intake import SALESFORCE_PATH, Intake
from concord_sandbox.salesforce.events.outbound import OutboundMessages
from concord_sandbox.worlds import empty

#: Every run has a portal of its own, so that all can share a database.
_PORTALS = count(60_000_000)
HOOK: Final = "8f7c1f0a2f4e4d0b9d6b1f6f7a5a1c33"
#: How often a new Concord is tried to be opened while a system is broken.
_TRIES: Final = 40


def chaotic(database: str) -> Stage:
    """A stage with an empty world, in which Salesforce sends its messages and HubSpot its webhooks."""
    world = empty.build(1)
    world["hubspot"]["portal_id"] = next(_PORTALS)
    made = stage(database, world)
    fields = ["Id", "Email", "HasOptedOutOfEmail"]
    sender = made.org._api.org.parts.of(OutboundMessages)
    url = f"https://concord.test{SALESFORCE_PATH}/{HOOK}"
    sender.set([{"name": f"{one}_changed", "object": one, "fields": fields, "url": url} for one in ("Lead", "Contact")])
    return made


class Line(httpx.AsyncBaseTransport):
    """A connection of one Concord to a sandbox that can be held at one of its calls, before it arrives or before its
    answer does."""

    def __init__(self, app: Any) -> None:
        self._real = httpx.ASGITransport(app=app)
        self._hold: tuple[int, str, str] | None = None
        self._go = asyncio.Event()
        self.held = asyncio.Event()

    def hold(self, calls: int, moment: str, path: str = "") -> None:
        """Hold the call after so many others. moment: "before" it arrives, or "after" it was carried out. path: only
        calls of this path count (a regular expression)."""
        self._hold = calls, moment, path
        self._go.clear()
        self.held.clear()

    def go(self) -> None:
        """What is held goes on, and nothing is held any more."""
        self._hold = None
        self._go.set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        holds = False
        if self._hold is not None and re.search(self._hold[2], request.url.path):
            left, moment, path = self._hold
            holds = left == 0
            self._hold = None if holds else (left - 1, moment, path)
        if not holds:
            return await self._real.handle_async_request(request)
        answer = await self._real.handle_async_request(request) if moment == "after" else None
        self.held.set()
        await self._go.wait()
        return answer or await self._real.handle_async_request(request)


@dataclass
class Worker:
    """One Concord with its two lines."""

    concord: Concord
    lines: tuple[Line, Line]
    stack: AsyncExitStack
    dead: bool = False


@dataclass
class Crew:
    """The Concords that work on a stage."""

    play: Stage
    batch: int
    workers: list[Worker] = field(default_factory=list)
    deaths: int = 0

    @property
    def concord(self) -> Concord:
        return self.workers[0].concord

    @classmethod
    @asynccontextmanager
    async def of(cls, play: Stage, size: int, batch: int) -> AsyncIterator[Crew]:
        crew = cls(play, batch)
        try:
            for _ in range(size):
                crew.workers.append(await crew._hired())
            yield crew
        finally:
            for worker in crew.workers:
                await worker.stack.aclose()

    async def _hired(self) -> Worker:
        """A new Concord; a system that is broken just now is tried again, as a supervisor would."""
        for _ in range(_TRIES):
            stack = AsyncExitStack()
            try:
                worker = await self._opened(stack)
            except (RemoteError, ConfigError):  # a refused token is the latter
                await stack.aclose()
                self.play.clock.pass_(seconds=5)
            else:
                return worker
        raise AssertionError("no Concord could be started")

    async def _opened(self, stack: AsyncExitStack) -> Worker:
        play = self.play
        lines = Line(play.salesforce), Line(play.hubspot)
        parts = Parts(
            clock=play.clock,
            share=random.Random(7).random,
            salesforce_transport=lines[0],
            hubspot_transport=lines[1],
            run="chaos",
        )
        made = await stack.enter_async_context(opened(play.settings, play.secrets, parts))
        scope = replace(made.scope, reach=play.reach, registrable=registrable, batch=self.batch)
        return Worker(replace(made, scope=scope), lines, stack)

    def listen(self) -> None:
        """The events of both systems go to the first Concord."""
        app = Intake(self.concord, self.play.secrets.hubspot_client_secret, HOOK).app()
        self.play.receiver.app = app
        transport = httpx.ASGITransport(app=app)
        sender = self.play.org._api.org.parts.of(OutboundMessages)
        sender.client = httpx.AsyncClient(transport=transport, base_url="https://concord.test")

    async def replace_dead(self) -> None:
        """A worker that was killed is followed by a new one, which knows nothing of what the old one had."""
        for place, worker in enumerate(self.workers):
            if worker.dead:
                self.deaths += 1
                await worker.stack.aclose()
                self.workers[place] = await self._hired()

    async def _drained(self, worker: Worker) -> int:
        try:
            return await drain(worker.concord.scope, most=2_000)
        except Killed:
            worker.dead = True
            return 0

    async def work(self) -> int:
        """All work at once until nothing is due; how many rows. The killed are replaced."""
        handled = await asyncio.gather(*(self._drained(worker) for worker in self.workers))
        await self.replace_dead()
        return sum(handled)

    async def work_while_one_hangs(self, number: int, calls: int, moment: str, meanwhile: Callable[[], object]) -> bool:
        """As `work`, but one is stuck in one of its calls until its lease is over, others have worked, and people have
        edited; whether it came to that call."""
        stuck = self.workers[number % len(self.workers)]
        # A call that HubSpot gets when its lease is over is more than can be mended (docs/chaos.md).
        stuck.lines[0].hold(calls, moment)
        stuck.lines[1].hold(calls, "after")
        tasks = {asyncio.create_task(self._drained(worker)): worker for worker in self.workers}
        held = [asyncio.create_task(line.held.wait()) for line in stuck.lines]
        own = next(task for task, worker in tasks.items() if worker is stuck)
        await asyncio.wait({own, *held}, return_when=asyncio.FIRST_COMPLETED)
        hung = not own.done()
        if hung:
            others = [task for task, worker in tasks.items() if worker is not stuck]
            await asyncio.gather(*others)
            meanwhile()
            self.play.clock.pass_(minutes=3)
            for task, worker in tasks.items():
                if task is not own and not worker.dead:
                    await self._drained(worker)
        for line in stuck.lines:
            line.go()
        for task in held:
            task.cancel()
        await asyncio.gather(*tasks)
        await self.replace_dead()
        return hung
