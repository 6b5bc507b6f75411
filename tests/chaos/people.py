"""What people do in a run of the chaos, on both sides, and how it is noted down in `Told`.

Whatever a system refuses a person (a locked record, an address that is taken) did not happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import httpx
from tests.chaos.told import Told
from tests.stories.stage import Stage

from concord_sandbox.service import ControlError

#: People nobody would take for one another.
NAMES: Final = ("Babbage", "Curie", "Noether", "Hypatia", "Lamarr", "Turing", "Germain")
FIRMS: Final = ("Orrery", "Difference", "Analytical")
#: Where each field stands: in a lead, in a contact of Salesforce, in HubSpot.
PLACES: Final = {
    "title": ("Title", "Title", "jobtitle"),
    "city": ("City", "MailingCity", "city"),
    "phone": ("Phone", "Phone", "phone"),
    "mobile": ("MobilePhone", "MobilePhone", "mobilephone"),
    "email": ("Email", "Email", "email"),
    "first_name": ("FirstName", "FirstName", "firstname"),
}


@dataclass(frozen=True)
class At:
    """A record: side, object and id."""

    side: str
    object: str
    id: str

    def name_of(self, what: str) -> str:
        lead, contact, hubspot = PLACES[what]
        return hubspot if self.side == "hubspot" else lead if self.object == "Lead" else contact


@dataclass
class People:
    """Everybody who works in the two systems. companies: (account, company) of each firm."""

    play: Stage
    told: Told
    companies: list[tuple[str, str]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def found(self, side: str, name: str) -> list[tuple[At, dict[str, Any]]]:
        """The live records of a person on a side, the oldest first."""
        objects = ("contacts",) if side == "hubspot" else ("Contact", "Lead")
        last = "lastname" if side == "hubspot" else "LastName"
        app = self.play.hubspot if side == "hubspot" else self.play.salesforce
        return [
            (At(side, one, row["id"]), row["fields"])
            for one in objects
            for row in app.service.records(one)
            if row["fields"].get(last) == name and not (one == "Lead" and row["fields"].get("IsConverted"))
        ]

    def firms(self) -> None:
        """The companies that people work for, in both systems."""
        for firm in FIRMS:
            domain = f"{firm.lower()}-works.com"
            account = self.play.account(Name=f"{firm} Works", Website=f"https://www.{domain}")
            self.companies.append((account, self.play.company(name=f"{firm} Works", domain=domain, website=domain)))

    def text(self, name: str, what: str) -> str:
        """Something that nobody wrote before."""
        number = next(self._numbers)
        if what == "email":
            return f"{name.lower()}.{number}@{name.lower()}-house.com"
        if what in ("phone", "mobile"):
            return f"+1 555 {number // 10_000:03} {number % 10_000:04}"
        return f"{what} {number}"

    def now(self) -> float:
        return self.play.clock.seconds

    # --- what they do; each says whether it could be done

    def person(self, who: int, told: dict[str, Any]) -> bool:
        """A new person, on one side or at once on both; with what the other side does not have yet."""
        name, how = NAMES[who], told["how"]
        if any(self.found(side, name) for side in ("salesforce", "hubspot")):
            return False
        if any(key[0] == name for key in self.told.edits):
            self.told.odd.add(name)  # made anew after a deletion
        shared = f"{name.lower()}@{name.lower()}-house.com" if told["addressed"] or how == "both" else ""
        if how in ("lead", "both"):
            self._made(name, "salesforce", "Lead", shared, told["filled"], Company=f"{name} Ltd")
        if how == "salesforce contact":
            account = self.companies[told["company"]][0]
            self._made(name, "salesforce", "Contact", shared, told["filled"], AccountId=account)
        if how in ("contact", "both"):
            self._made(name, "hubspot", "contacts", shared, told["filled"], company=f"{name} Ltd")
        return True

    def _made(
        self, name: str, side: str, object_name: str, address: str, filled: tuple[str, ...], **fields: Any
    ) -> None:
        at = At(side, object_name, "")
        written = {what: self.text(name, what) for what in filled if what != "email"}
        if address:
            written["email"] = address
        given = {at.name_of(what): text for what, text in written.items()} | fields
        given["lastname" if side == "hubspot" else "LastName"] = name
        app = self.play.hubspot if side == "hubspot" else self.play.salesforce
        try:
            made = app.service.human_create(object_name, given, None)
        except ControlError:
            return  # somebody else has that address by now
        self.told.made.add((side, made))
        self.told.begun.add((name, side))
        for what, text in written.items():
            self.told.wrote(name, what, text, self.now(), side, made, "")

    def edit(self, name: str, side: str, what: str) -> bool:
        there = self.found(side, name)
        if not there:
            return False
        at, row = there[0]
        text, field_name = self.text(name, what), at.name_of(what)
        shown = row.get(field_name) or ""
        if not self._write(at, {field_name: text}):
            return False
        if what == "email" and {(name, one) for one in ("salesforce", "hubspot")} <= self.told.begun:
            self.told.odd.add(name)  # two records of one person may be strangers by then
        self.told.wrote(name, what, text, self.now(), side, at.id, shown)
        return True

    def late(self, name: str, what: str, seconds: int) -> bool:
        """Somebody's transaction in Salesforce, which takes its time."""
        there = self.found("salesforce", name)
        if not there:
            return False
        at, row = there[0]
        text, field_name = self.text(name, what), at.name_of(what)
        asked = {"object": at.object, "id": at.id, "fields": {field_name: text}, "seconds": seconds}
        from concord_sandbox.salesforce.rules.locks import Locks

        try:
            self.play.org._api.org.parts.of(Locks).commit_late(asked)
        except ControlError:
            return False
        self.told.wrote(name, what, text, self.now(), "salesforce", at.id, row.get(field_name) or "", wild=True)
        self.told.touch("salesforce", at.id, self.now() + seconds)
        return True

    def clear(self, name: str, side: str) -> bool:
        there = self.found(side, name)
        if not there or not self._write(there[0][0], {there[0][0].name_of("mobile"): ""}):
            return False
        self.told.cleared.add((name, "mobile"))
        self.told.touch(side, there[0][0].id, self.now())
        return True

    def opt(self, name: str, side: str, out: bool) -> bool:
        """Somebody unsubscribes, or subscribes again. Without an address there is nothing to unsubscribe."""
        there = self.found(side, name)
        if not there:
            return False
        at, row = there[0]
        field_name = "hs_email_optout" if side == "hubspot" else "HasOptedOutOfEmail"
        if out == (row.get(field_name) in (True, "true")) or not row.get(at.name_of("email")):
            return False
        if not self._write(at, {field_name: str(out).lower() if side == "hubspot" else out}):
            return False
        known = any(one.get("hs_email_optout") == "true" for _, one in self.found("hubspot", name))
        self.told.consents[name].say(self.now(), side, out, known=known)
        self.told.touch(side, at.id, self.now())
        return True

    def company(self, name: str, side: str, number: int) -> bool:
        """A person moves to another firm."""
        there = [one for one in self.found(side, name) if one[0].object != "Lead"]
        if not there:
            return False
        account, company = self.companies[number]
        at = there[0][0]
        self.told.touch(side, at.id, self.now())
        return self._write(at, {"associatedcompanyid": company} if side == "hubspot" else {"AccountId": account})

    def delete(self, name: str, side: str) -> bool:
        there = self.found(side, name)
        if not there:
            return False
        at = there[0][0]
        app = self.play.hubspot if side == "hubspot" else self.play.salesforce
        try:
            app.service.human_delete(at.object, at.id, None)
        except ControlError:
            return False
        self.told.deleted.add((side, at.id))
        self.told.odd.add(name)
        return True

    async def restore(self, side: str) -> bool:
        """The last record that was deleted on a side comes back."""
        gone = [one for one in self.told.deleted if one[0] == side]
        if not gone:
            return False
        record = max(gone, key=lambda one: one[1])[1]
        if side == "hubspot":
            answer = await self._control(side, "/restore", {"object": "contacts", "id": record})
        else:
            object_name = "Lead" if record.startswith("00Q") else "Contact"
            answer = await self._control(side, f"/undelete/{object_name}/{record}", {})
        if answer is not None:
            self.told.deleted.discard((side, record))
        return answer is not None

    async def convert(self, name: str, number: int) -> bool:
        """A lead becomes a contact of one of the firms."""
        leads = [at for at, _ in self.found("salesforce", name) if at.object == "Lead"]
        if not leads:
            return False
        made = await self._control("salesforce", f"/convert/{leads[0].id}", {"account_id": self.companies[number][0]})
        if made is None:
            return False
        self.told.made.add(("salesforce", made["contact_id"]))
        self.told.became["salesforce", leads[0].id] = made["contact_id"]
        self.told.touch("salesforce", made["contact_id"], self.now())
        return True

    async def merge(self, name: str, other: str, side: str) -> bool:
        """Somebody takes two people for one."""
        winners, losers = self.found(side, name), self.found(side, other)
        if name == other or not winners or not losers or winners[0][0].object != losers[0][0].object:
            return False
        winner, loser = winners[0][0], losers[0][0]
        if side == "hubspot":
            path = "/crm/objects/2026-09/contacts/merge"
            asked = {"primaryObjectId": winner.id, "objectIdToMerge": loser.id}
            made = await self._call(side, path, asked)
        else:
            made = await self._control(side, f"/merge/{winner.object}", {"master": winner.id, "losers": [loser.id]})
        if made is None:
            return False
        survivor = str(made["id"])
        self.told.made.add((side, survivor))
        for one in {winner.id, loser.id} - {survivor}:
            self.told.became[side, one] = survivor
        self.told.odd |= {name, other}
        first, second = self.told.clan(name), self.told.clan(other)
        if first != second:
            self.told.merged[second] = first
        self.told.touch(side, survivor, self.now())
        return True

    # --- how they do it

    def _write(self, at: At, fields: dict[str, Any]) -> bool:
        app = self.play.hubspot if at.side == "hubspot" else self.play.salesforce
        try:
            app.service.human_edit(at.object, at.id, fields, None)
        except ControlError:
            return False
        return True

    async def _control(self, side: str, path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        return await self._call(side, f"/_control{path}", asked)

    async def _call(self, side: str, path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """A call at a person's hand: no fault hits it."""
        app = self.play.hubspot if side == "hubspot" else self.play.salesforce
        faults = app.service.controls.faults
        kept, faults._faults, hits, faults._hits = faults._faults, [], faults._hits, []
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"http://{side}.test") as own:
                answer = await own.post(
                    path, json=asked, headers={"Authorization": f"Bearer {self.play.secrets.hubspot_token}"}
                )
        finally:
            faults._faults, faults._hits = kept, hits
        made: dict[str, Any] | None = answer.json() if answer.is_success else None
        return made
