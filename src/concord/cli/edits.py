"""People at work on both sides of the demonstration: random edits, some of them against each other.

Knows the sandboxes' control API and the starting configuration's fields; nothing of how Concord works.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from concord.cli.trial import Trial

#: (field, Salesforce's name by object, HubSpot's name): texts of which each edit makes a new, unmistakable one.
_TEXTS: Sequence[tuple[str, Mapping[str, str], str]] = (
    ("job_title", {"Lead": "Title", "Contact": "Title"}, "jobtitle"),
    ("phone", {"Lead": "Phone", "Contact": "Phone"}, "phone"),
    ("mobile_phone", {"Lead": "MobilePhone", "Contact": "MobilePhone"}, "mobilephone"),
    ("city", {"Lead": "City", "Contact": "MailingCity"}, "city"),
    ("street", {"Lead": "Street", "Contact": "MailingStreet"}, "address"),
    ("first_name", {"Lead": "FirstName", "Contact": "FirstName"}, "firstname"),
)
#: The field of an edit that made a person; its marker is the person's address.
NEW_PERSON = "new person"
_STATUS = ("Open - Not Contacted", "Working - Contacted", "Closed - Not Converted")
_STAGES = ("marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")


@dataclass(frozen=True)
class Edit:
    """One edit as it was made. at: the machine's time, in seconds. field: the mapping's name of it, or `NEW_PERSON`.
    marker: the text that tells its arrival on the other side; "" where the value is not its own (an option, a tick).
    object, salesforce, hubspot: whose it is, Salesforce's object and the ids of both sides; "" where not known."""

    at: float
    side: str
    field: str
    marker: str
    conflict: bool
    object: str = ""
    salesforce: str = ""
    hubspot: str = ""


@dataclass
class Made:
    """What was done in all. people: records that the editors made themselves, by side."""

    edits: list[Edit] = field(default_factory=list)
    people: dict[str, list[str]] = field(default_factory=lambda: {"salesforce": [], "hubspot": []})


@dataclass(frozen=True)
class Person:
    """Two linked records that the editors may edit."""

    object: str
    salesforce: str
    hubspot: str


class Editors:
    """Editors with a random will of their own; the same seed makes the same edits."""

    def __init__(self, trial: Trial, people: Sequence[Person], seed: int) -> None:
        self._trial = trial
        self._people = list(people)
        self._random = random.Random(seed)
        self._number = 0
        self.made = Made()

    async def work(self, edits: int, seconds: float, done: Any) -> Made:
        """Make `edits` edits, spread evenly over `seconds`; `done(1)` after each."""
        started = time.monotonic()
        for number in range(edits):
            wait = started + seconds * number / edits - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            await self._one()
            done(1)
        return self.made

    async def _one(self) -> None:
        draw = self._random.random()
        if draw < 0.04 or not self._people:
            await self._newcomer()
            return
        person = self._random.choice(self._people)
        if draw < 0.10:
            await self._choice(person)
        elif draw < 0.12:
            await self._opt_out(person)
        elif draw < 0.28:
            await self._conflict(person)
        else:
            await self._text(person, self._random.choice(("salesforce", "hubspot")))

    def _value(self, name: str) -> str:
        self._number += 1
        if name in ("phone", "mobile_phone"):
            return f"+1 555 {self._number // 10_000:03d} {self._number % 10_000:04d}"
        words = {"job_title": "Director", "city": "Newtown", "street": "High Street", "first_name": "Robin"}
        return f"{words[name]} {self._number:05d}"

    async def _text(self, person: Person, side: str) -> None:
        name, salesforce, hubspot = self._random.choice(_TEXTS)
        value = self._value(name)
        await self._write(person, side, name, salesforce[person.object], hubspot, value)
        self._note(person, side, name, value)

    async def _conflict(self, person: Person) -> None:
        """Two people edit one field of one person at almost the same time, to different values."""
        name, salesforce, hubspot = self._random.choice(_TEXTS)
        sides = self._random.sample(("salesforce", "hubspot"), 2)
        values = [self._value(name) for _ in sides]
        await asyncio.gather(
            *(
                self._write(person, side, name, salesforce[person.object], hubspot, value)
                for side, value in zip(sides, values, strict=True)
            )
        )
        for side, value in zip(sides, values, strict=True):
            self._note(person, side, name, value, conflict=True)

    async def _choice(self, person: Person) -> None:
        if person.object == "Lead" and self._random.random() < 0.5:
            fields = {"Status": self._random.choice(_STATUS)}
            await self._trial.salesforce.call("PATCH", f"records/Lead/{person.salesforce}", {"fields": fields})
            self._note(person, "salesforce", "lead_status", "")
        else:
            fields = {"lifecyclestage": self._random.choice(_STAGES)}
            await self._trial.hubspot.call("PATCH", f"records/contacts/{person.hubspot}", {"fields": fields})
            self._note(person, "hubspot", "lifecycle_stage", "")

    async def _opt_out(self, person: Person) -> None:
        fields = {"HasOptedOutOfEmail": True}
        await self._trial.salesforce.call("PATCH", f"records/{person.object}/{person.salesforce}", {"fields": fields})
        self._note(person, "salesforce", "email_opt_out", "")

    async def _newcomer(self) -> None:
        self._number += 1
        first, last = f"Newcomer{self._number:05d}", "Fairweather"
        address = f"newcomer{self._number:05d}@fairweather-{self._number}.com"
        if self._random.random() < 0.5:
            fields = {"FirstName": first, "LastName": last, "Email": address, "Company": f"Fairweather {self._number}"}
            answer = await self._trial.salesforce.call("POST", "records/Lead", {"fields": fields})
            self.made.people["salesforce"].append(str(answer["id"]))
            self._note(Person("Lead", str(answer["id"]), ""), "salesforce", NEW_PERSON, address)
        else:
            fields = {"firstname": first, "lastname": last, "email": address}
            answer = await self._trial.hubspot.call("POST", "records/contacts", {"fields": fields})
            self.made.people["hubspot"].append(str(answer["id"]))
            self._note(Person("", "", str(answer["id"])), "hubspot", NEW_PERSON, address)

    async def _write(self, person: Person, side: str, name: str, salesforce: str, hubspot: str, value: str) -> None:
        if side == "salesforce":
            path = f"records/{person.object}/{person.salesforce}"
            await self._trial.salesforce.call("PATCH", path, {"fields": {salesforce: value}})
        else:
            await self._trial.hubspot.call("PATCH", f"records/contacts/{person.hubspot}", {"fields": {hubspot: value}})

    def _note(self, person: Person, side: str, name: str, marker: str, *, conflict: bool = False) -> None:
        edit = Edit(time.time(), side, name, marker, conflict, person.object, person.salesforce, person.hubspot)
        self.made.edits.append(edit)
