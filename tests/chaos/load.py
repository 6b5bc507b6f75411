"""Load for the town: people edit all over both systems, and come in, while what they work with breaks; and whether
everything arrived.

Each field of each person is edited by one side alone, several times, each time with a text of its own: in the end the
last of them must stand on both sides. Nobody who is made may be there twice.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.town import Town, truth_of, until

from concord.store.store import PostgresStore

#: What is edited: the names in a lead, in a contact of Salesforce, in HubSpot.
FIELDS: Final = {
    "title": ("Title", "Title", "jobtitle"),
    "city": ("City", "MailingCity", "city"),
    "street": ("Street", "MailingStreet", "address"),
    "zip": ("PostalCode", "MailingPostalCode", "zip"),
}
#: An edit of a field by the same side follows not sooner than this: seconds.
APART: Final = 4.0
#: Edits that are made together.
TOGETHER: Final = 6


@dataclass
class Load:
    """The people of the world `bench` and what was written of them: the last text of each (place, field)."""

    town: Town
    rng: random.Random
    couples: list[dict[str, Any]] = field(default_factory=list)
    last: dict[tuple[int, str], str] = field(default_factory=dict)
    at: dict[tuple[int, str], float] = field(default_factory=dict)
    newcomers: list[str] = field(default_factory=list)
    edits: int = 0

    @classmethod
    def of(cls, town: Town, seed: int) -> Load:
        return cls(town, random.Random(seed), truth_of(town.trial))

    def _side(self, place: int, name: str) -> str:
        """Who edits that field of that person; always the same."""
        return "salesforce" if (place + list(FIELDS).index(name)) % 2 else "hubspot"

    def _name(self, place: int, name: str, side: str) -> str:
        lead, contact, hubspot = FIELDS[name]
        return hubspot if side == "hubspot" else lead if self.couples[place]["object"] == "Lead" else contact

    async def some(self) -> None:
        """A few edits on both sides."""
        now = asyncio.get_running_loop().time()
        edits: dict[str, list[dict[str, Any]]] = {"salesforce": [], "hubspot": []}
        for _ in range(TOGETHER):
            place, name = self.rng.randrange(len(self.couples)), self.rng.choice(list(FIELDS))
            if now - self.at.get((place, name), -APART) < APART:
                continue
            side, couple = self._side(place, name), self.couples[place]
            self.edits += 1
            text = f"{name[0]}{self.edits}"
            kind = "contacts" if side == "hubspot" else couple["object"]
            fields = {self._name(place, name, side): text}
            edits[side].append({"object": kind, "id": couple[side], "fields": fields})
            self.last[place, name], self.at[place, name] = text, now
        for side, given in edits.items():
            if given:
                await self.town.control(side).call("POST", "edits", given)

    async def somebody(self) -> None:
        """A newcomer, in one of the two."""
        name = f"Newcomer{len(self.newcomers)}"
        self.newcomers.append(name)
        address = f"{name.lower()}@{name.lower()}-house.com"
        if self.rng.random() < 0.5:
            fields = {"LastName": name, "Email": address, "Company": f"{name} Ltd"}
            await self.town.salesforce.call("POST", "records/Lead", {"fields": fields})
        else:
            fields = {"lastname": name, "email": address, "company": f"{name} Ltd"}
            await self.town.hubspot.call("POST", "records/contacts", {"fields": fields})

    # --- what must hold in the end

    async def lacking(self) -> list[str]:
        """What has not arrived, and who is there twice or not at all."""
        rows = {name: await self.town.salesforce.records(name) for name in ("Lead", "Contact")}
        contacts = await self.town.hubspot.records("contacts")
        wrong = []
        for (place, name), text in self.last.items():
            couple = self.couples[place]
            left = rows[couple["object"]].get(couple["salesforce"], {}).get(self._name(place, name, "salesforce"))
            right = contacts.get(couple["hubspot"], {}).get(self._name(place, name, "hubspot"))
            if not left == right == text:
                wrong.append(f"{couple['object']} {couple['salesforce']} {name}: {text} is {left} and {right}")
        left_names = Counter(row["LastName"] for kind in rows.values() for row in kind.values())
        right_names = Counter(row.get("lastname") for row in contacts.values())
        for name in self.newcomers:
            if (left_names[name], right_names[name]) != (1, 1):
                wrong.append(f"{name} is {left_names[name]} times in Salesforce and {right_names[name]} in HubSpot")
        extra = sum(map(len, rows.values())) - len(contacts)
        return [*wrong, f"{extra} more people in Salesforce than in HubSpot"] if extra else wrong

    async def settled(self, seconds: float) -> float:
        """Wait until all has arrived, and stands; how long it took. Raises AssertionError."""
        lacks: list[str] = []

        async def all_there() -> bool:
            lacks[:] = await self.lacking()
            return not lacks

        def told() -> str:
            return f"{len(lacks)} lack: {'; '.join(lacks[:12])}; {self.town.log()}"

        took = await until("all has arrived", all_there, seconds, told, self.town.kept)
        return took + await until("nothing is left to do", self._quiet, 60.0, told, self.town.kept)

    async def _quiet(self) -> bool:
        async with PostgresStore.open(self.town.conninfo, pair=await self._pair(), connections=1) as store:
            backlog, failing = await store.backlog(), await store.failing()
        return not failing and not any(backlog.values())

    async def _pair(self) -> str:
        from concord.store.health import pairs

        (one,) = await pairs(self.town.conninfo)
        return one


async def played(load: Load, seconds: float, troubles: list[str], lease: float) -> dict[str, int]:
    """Edits for so long, while one trouble after the other comes: "kill", "freeze" (for longer than the lease),
    "database", "intake". How often each came."""
    loop, town = asyncio.get_running_loop(), load.town
    ends, happened = loop.time() + seconds, Counter[str]()
    frozen: list[tuple[float, asyncio.subprocess.Process]] = []
    pause = seconds / (len(troubles) + 1)
    next_at, due, done = loop.time() + pause, iter(troubles), 0.0
    while loop.time() < ends:
        await load.some()
        if loop.time() - done > 1.5:
            done = loop.time()
            await load.somebody()
        for wakes_at, worker in [one for one in frozen if one[0] <= loop.time()]:
            frozen.remove((wakes_at, worker))
            town.go_on(worker)
        if loop.time() >= next_at:
            next_at += pause
            what = next(due, "")
            happened.update([what] if what else [])
            if what == "kill":
                await town.kill(load.rng.randrange(8))
            elif what == "intake":
                await town.kill_intake()
            elif what == "freeze":
                frozen.append((loop.time() + lease * 1.6, town.stop(load.rng.randrange(8))))
            elif what == "database":
                await town.restart_database()
        await town.kept()
        await asyncio.sleep(0.02)
    for _, worker in frozen:
        worker.send_signal(signal.SIGCONT)
    return dict(happened)
