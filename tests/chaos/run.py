"""A run of the chaos: a script is played on a stage, everything is mended and left to settle, and the end is judged."""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx
from tests.chaos.judge import judged
from tests.chaos.people import NAMES, People
from tests.chaos.script import Act, Script
from tests.chaos.told import Told
from tests.chaos.world import Crew, chaotic
from tests.stories.stage import Stage

from concord.core.model import Side
from concord.engine.presence import POSITION, look, place_of
from concord.engine.sweep import DEEP, QUICK, sweep, sweep_consent
from concord.errors import RemoteError
from concord_sandbox.faults import Fault
from concord_sandbox.salesforce.rules.locks import Locks

#: A run that is not quiet after so many rounds never will be.
_ROUNDS: Final = 80
_PRESENCE: Final = timedelta(minutes=2)


@dataclass
class Outcome:
    """wrong: what cannot be right in the end, in words; empty: all is well. happened: how often each act was played."""

    script: Script
    wrong: list[str] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)
    deaths: int = 0
    calls: int = 0

    def __str__(self) -> str:
        return "\n".join([str(self.script), *self.wrong])


async def played(database: str, script: Script) -> Outcome:
    """Play a script to its end and judge it. An error of Concord's own is wrong too."""
    outcome, faults = Outcome(script), Faults()
    play = chaotic(database)
    log = logging.getLogger("concord")
    log.addHandler(faults)
    log.propagate = False  # what is put back or given up is what this is about, and no news
    try:
        async with Crew.of(play, script.workers, script.batch) as crew:
            player = Player(play, crew, People(play, Told()), outcome)
            await player.begin()
            for act in script.acts:
                if await player.act(act):
                    outcome.happened[act.what] = outcome.happened.get(act.what, 0) + 1
            await player.end()
            outcome.deaths = crew.deaths
    except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
        outcome.wrong.append("".join(traceback.format_exception(error)))
    finally:
        log.removeHandler(faults)
        log.propagate = True
    outcome.wrong += faults.said
    return outcome


class Faults(logging.Handler):
    """What Concord itself says is a fault of its own: each is wrong, even where another try mended it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@dataclass
class Player:
    """Plays acts."""

    play: Stage
    crew: Crew
    people: People
    outcome: Outcome

    async def begin(self) -> None:
        self.people.firms()
        self.crew.listen()
        await self.settled()

    async def act(self, act: Act) -> bool:
        """Whether it came to anything."""
        self.play.clock.pass_(seconds=1)
        self.crew.listen()
        if act.what in _OF_PEOPLE:
            done = getattr(self, _OF_PEOPLE[act.what])(NAMES[act.who], act)
            return bool(await done if asyncio.iscoroutine(done) else done)
        return bool(await getattr(self, f"_{act.what}")(act.told))

    # --- people: some of them at the very moment when a worker comes to a point of the line

    def _person(self, name: str, act: Act) -> bool:
        return self.people.person(act.who, act.told)

    def _edit(self, name: str, act: Act) -> bool:
        return self.people.edit(name, act.told["side"], act.told["field"])

    def _edit_both(self, name: str, act: Act) -> bool:
        first = self.people.edit(name, "salesforce", act.told["field"])
        self.play.clock.pass_(seconds=act.told["apart"])
        return self.people.edit(name, "hubspot", act.told["field"]) or first

    def _edit_at(self, name: str, act: Act) -> bool:
        self.play.once(act.told["point"], lambda: self.people.edit(name, act.told["side"], act.told["field"]))
        return True

    def _clear(self, name: str, act: Act) -> bool:
        return self.people.clear(name, act.told["side"])

    def _late(self, name: str, act: Act) -> bool:
        return self.people.late(name, act.told["field"], act.told["seconds"])

    def _opt(self, name: str, act: Act) -> bool:
        return self.people.opt(name, act.told["side"], act.told["out"])

    def _company(self, name: str, act: Act) -> bool:
        return self.people.company(name, act.told["side"], act.told["company"])

    def _delete(self, name: str, act: Act) -> bool:
        return self.people.delete(name, act.told["side"])

    async def _restore(self, name: str, act: Act) -> bool:
        return await self.people.restore(act.told["side"])

    async def _convert(self, name: str, act: Act) -> bool:
        return await self.people.convert(name, act.told["company"])

    async def _merge(self, name: str, act: Act) -> bool:
        return await self.people.merge(name, NAMES[act.told["with"]], act.told["side"])

    def _lock(self, name: str, act: Act) -> bool:
        for at, _ in self.people.found("salesforce", name)[:1]:
            asked = {"id": at.id, "kind": "row", "seconds": act.told["seconds"]}
            self.play.org._api.org.parts.of(Locks).hold(asked)
            return True
        return False

    # --- the systems

    async def _events(self, told: dict[str, Any]) -> bool:
        self._fault_of(told)
        return True

    async def _fault(self, told: dict[str, Any]) -> bool:
        if told["kind"].startswith("drop"):
            self.people.told.unrecorded = True  # the answer did not come, so nothing of the write could be recorded
        self._fault_of(told)
        return True

    def _fault_of(self, told: dict[str, Any]) -> None:
        app = self.play.hubspot if told["side"] == "hubspot" else self.play.salesforce
        app.service.controls.faults.add(Fault(**{name: one for name, one in told.items() if name != "side"}))

    async def _lag(self, told: dict[str, Any]) -> bool:
        await self._hubspot("PUT", "/index_lag", told)
        return True

    async def _tokens(self, told: dict[str, Any]) -> bool:
        self.play.org._tokens.expire()
        return True

    async def _hubspot(self, method: str, path: str, asked: dict[str, Any]) -> None:
        transport = httpx.ASGITransport(app=self.play.hubspot)
        async with httpx.AsyncClient(transport=transport, base_url="http://hubspot.test") as own:
            (await own.request(method, f"/_control{path}", json=asked)).raise_for_status()

    # --- Concord

    async def _kill(self, told: dict[str, Any]) -> bool:
        self.people.told.unrecorded = True
        self.play.kill(told["point"])
        await self.crew.work()
        return True

    async def _freeze(self, told: dict[str, Any]) -> bool:
        self.people.told.unrecorded = True
        self.play.once(told["point"], lambda: self.play.clock.pass_(minutes=3))
        await self.crew.work()
        return True

    async def _hang(self, told: dict[str, Any]) -> bool:
        self.people.told.unrecorded = True
        edit = told["edit"]
        name = NAMES[told["calls"] % len(NAMES)]
        return await self.crew.work_while_one_hangs(
            told["worker"],
            told["calls"],
            told["moment"],
            lambda: self.people.edit(name, edit["side"], edit["field"]),
        )

    async def _work(self, told: dict[str, Any]) -> bool:
        return bool(await self.crew.work())

    async def _deliver(self, told: dict[str, Any]) -> bool:
        self.play.clock.pass_(seconds=1)
        return bool(await self.play.hubspot.service.deliver() + await self.play.salesforce.service.deliver())

    async def _sweep(self, told: dict[str, Any]) -> bool:
        return bool(await self._asked(Side.RIGHT if told["side"] == "hubspot" else Side.LEFT, QUICK))

    async def _presence(self, told: dict[str, Any]) -> bool:
        return bool(await self._present())

    async def _wait(self, told: dict[str, Any]) -> bool:
        self.play.clock.pass_(**told)
        self.play.org.tick()
        self.play.hubspot.service.tick()
        return True

    async def _settle(self, told: dict[str, Any]) -> bool:
        await self.settled()
        return True

    async def _asked(self, side: Side, overlap: timedelta) -> int:
        """A sweep of one side by one of the workers; one that finds nobody at home is asked again later."""
        scope, told = self.crew.concord.scope, 0
        for ask in (sweep_consent, sweep):
            try:
                told += await ask(scope, side, overlap)
            except RemoteError:
                continue
        return told

    async def _present(self) -> int:
        """A whole round over all links."""
        scope, told = self.crew.concord.scope, 0
        self.play.clock.pass_(minutes=4)
        for _ in range(5):
            try:
                told += await look(scope, _PRESENCE)
            except RemoteError:
                return told
            place = place_of(await scope.store.position(POSITION))
            if place is not None and place.over:
                break
        return told

    # --- the end

    async def settled(self) -> None:
        """All that the chores of an hour do, until nothing is left to do."""
        for number in range(_ROUNDS):
            self.play.clock.pass_(seconds=3 if number < 5 else 45)
            self.play.org.tick()
            self.play.hubspot.service.tick()
            sent = await self.play.hubspot.service.deliver() + await self.play.salesforce.service.deliver()
            told = sum([await self._asked(side, QUICK if number else DEEP) for side in Side])
            worked = await self.crew.work()
            backlog = await self.crew.concord.store.backlog()
            if not (sent or told or worked or backlog["waiting"] or backlog["claimed"] or backlog["due_later"]):
                return
        stuck = await self.crew.concord.store.failing()
        raise AssertionError(f"not quiet after {_ROUNDS} rounds: {dict(backlog)} {stuck}")

    async def end(self) -> None:
        """Everything is mended, and all settles; then it is judged."""
        for app in (self.play.salesforce, self.play.hubspot):
            app.service.controls.faults.clear()
        self.play.moments.clear()
        self.play.org._api.org.parts.of(Locks).release({})
        await self._hubspot("PUT", "/index_lag", {"milliseconds": 0})
        self.play.clock.pass_(minutes=5)  # what committed late has; leases of the dead are over
        self.crew.listen()
        await self.settled()
        for side in Side:
            await self._asked(side, DEEP)
        await self._present()
        await self.settled()
        self.outcome.wrong += await judged(self.play, self.crew, self.people, self.settled)
        self.outcome.calls = sum(
            app.service.controls.journal.summary()["calls"] for app in (self.play.salesforce, self.play.hubspot)
        )


#: Acts of people, and which method plays each.
_OF_PEOPLE: Final = {
    "person": "_person",
    "edit": "_edit",
    "edit both": "_edit_both",
    "edit at": "_edit_at",
    "clear": "_clear",
    "late": "_late",
    "opt": "_opt",
    "company": "_company",
    "delete": "_delete",
    "restore": "_restore",
    "convert": "_convert",
    "merge": "_merge",
    "lock": "_lock",
}
