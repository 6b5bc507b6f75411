"""The two systems that the contract of `System` runs over: each adapter against its sandbox, in process, on one clock
that only moves when it is told to, or when somebody waits.

A party knows the vendor's names for what the contract speaks of (`NAMES`), and how a person works in that vendor's
screens. It may not know how the adapter does anything.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import pytest
from tests.stories.stage import StageClock

from concord.core.model import Change, Gone, Receipt, Record, SweepPage
from concord.core.values import Ref, Value
from concord.engine.ports import System
from concord.systems.hubspot import HubSpot
from concord.systems.hubspot import sweep as hubspot_sweep
from concord.systems.salesforce import Salesforce
from concord.systems.salesforce import notices as salesforce_notices
from concord_sandbox.clock import SandboxClock
from concord_sandbox.control import SandboxApp
from concord_sandbox.faults import Fault
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.salesforce import SalesforceService
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.service import Controls, Service
from concord_sandbox.worlds import empty

TOPICS = ("red", "green", "blue")
NEVER = timedelta()


class Party(ABC):
    """One system under the contract. ahead: seconds that its sandbox's clock is ahead of ours."""

    name: ClassVar[str]
    person: ClassVar[str]
    key: ClassVar[str]
    #: A field that only the vendor writes, and an object and a record id that do not exist.
    read_only: ClassVar[str]
    no_object: ClassVar[str]
    no_id: ClassVar[str]
    #: What the contract calls a field -> what the vendor does.
    NAMES: ClassVar[Mapping[str, str]]
    #: A path that every write, and every create of a record, goes through (a regular expression).
    write_path: ClassVar[str]
    create_path: ClassVar[str]
    scan_page: ClassVar[int]
    system: System

    def __init__(self, ahead: float = 0.0) -> None:
        self.clock = StageClock()
        controls = Controls(clock=SandboxClock(lambda: self.clock.seconds + ahead))
        self.service = self.sandbox(controls)
        self.app = SandboxApp(self.service)
        self.app.load(self.world())
        self.transport = httpx.ASGITransport(app=self.app)
        self.client = httpx.AsyncClient(transport=self.transport, base_url=f"http://{self.name}.test")
        self.share = random.Random(7).random
        self.system = self.signed()

    @abstractmethod
    def sandbox(self, controls: Controls) -> Service: ...

    @abstractmethod
    def world(self) -> dict[str, Any]: ...

    @abstractmethod
    def signed(self, *, secret: str | None = None) -> System:
        """A system on this sandbox whose sign-in can be renewed; secret: instead of the right one."""

    @abstractmethod
    async def merge(self, winner: str, loser: str) -> str:
        """A person merges two records; the id of what is left."""

    @abstractmethod
    async def spend_quota(self) -> None:
        """Nothing is left of the day's calls."""

    @abstractmethod
    def lock(self, record_id: str, times: int) -> None:
        """Somebody else is writing that record: the next writes of it are refused."""

    @abstractmethod
    def make_late(self, seconds: float) -> str:
        """A record that shows only now, with a stamp of so long ago: of a slow transaction, or of a lagging index."""

    @abstractmethod
    async def hide(self, object_name: str) -> None:
        """The integration user may not see that object any more."""

    @abstractmethod
    async def show(self, object_name: str) -> None:
        """It may again."""

    @abstractmethod
    def small_pages(self, patch: pytest.MonkeyPatch, size: int) -> None:
        """Let the sweep read so many rows a page."""

    # --- people at work

    def make(self, **fields: Any) -> str:
        given = {"family": "Lovelace", **fields}
        return self.service.human_create(self.person, self.named(given), None)

    def make_many(self, count: int) -> list[str]:
        return [self.make(family=f"Person{number}", email=f"p{number}@many.example") for number in range(count)]

    def edit(self, record_id: str, **fields: Any) -> None:
        self.service.human_edit(self.person, record_id, self.named(fields), None)

    def delete(self, record_id: str) -> None:
        self.service.human_delete(self.person, record_id, None)

    def state(self, object_name: str | None = None) -> dict[str, dict[str, Any]]:
        """What is there, straight from the sandbox."""
        return {one["id"]: one["fields"] for one in self.service.records(object_name or self.person)}

    def stored(self, record_id: str, field: str) -> Any:
        return self.state()[record_id].get(self.NAMES[field]) or None

    # --- what may go wrong

    def fault(self, kind: Any, **more: Any) -> None:
        self.service.controls.faults.add(Fault(kind, **more))

    def mended(self) -> None:
        self.service.controls.faults.clear()

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.client.request(method, f"/_control{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    @property
    def journalled(self) -> int:
        calls: int = self.service.controls.journal.summary()["calls"]
        return calls

    # --- the contract's words for the port's calls

    def named(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {self.NAMES[name]: value for name, value in fields.items()}

    def ref(self, record_id: str) -> Ref:
        return Ref(self.name, self.person, record_id)

    def change(self, record_id: str, **values: Value) -> Change:
        return Change(self.ref(record_id), self.named(values))

    def guarded(self, record: Record, **values: Value) -> Change:
        """A change that was decided on this state of the record."""
        return Change(record.ref, self.named(values), guard=record.guard)

    def creation(self, key: str, **values: Value) -> Change:
        given: dict[str, Value] = {"family": "Lovelace", **values}
        return Change(self.ref(""), self.named(given), key=(self.key, key))

    async def read(self, ids: Sequence[str], *fields: str, histories: Iterable[str] = ()) -> Sequence[Record | Gone]:
        asked = [self.NAMES[name] for name in fields]
        return await self.system.read(self.person, ids, asked, [self.NAMES[name] for name in histories])

    async def one(self, record_id: str, *fields: str, histories: Iterable[str] = ()) -> Record:
        (found,) = await self.read([record_id], *fields, histories=histories)
        assert isinstance(found, Record), found
        return found

    async def update(self, *changes: Change, show: Iterable[str] = (), histories: Iterable[str] = ()) -> list[Receipt]:
        return list(await self.system.update(changes, self.shown(show), self.shown(histories)))

    async def create(self, *changes: Change, show: Iterable[str] = (), histories: Iterable[str] = ()) -> list[Receipt]:
        return list(await self.system.create(changes, self.shown(show), self.shown(histories)))

    def shown(self, fields: Iterable[str]) -> dict[str, list[str]]:
        return {self.person: [self.NAMES[name] for name in fields]}

    async def find(self, field: str, *texts: str) -> set[str]:
        found = await self.system.find(self.person, self.NAMES[field], texts, [self.NAMES["family"]])
        assert len({record.ref for record in found}) == len(found), "each record once"
        return {record.ref.id for record in found}

    def value(self, record: Record, field: str) -> Value:
        return record.value(self.NAMES[field])

    async def start(self) -> str:
        """A position from now on, a few seconds after whatever happened before."""
        self.clock.pass_(seconds=3)
        page = await self.system.changed([self.person], None, NEVER)
        assert not page.rows
        self.clock.pass_(seconds=3)
        return page.position

    async def page(self, position: str, overlap: timedelta = NEVER) -> SweepPage:
        return await self.system.changed([self.person], position, overlap)


class SalesforceParty(Party):
    name, person, key = "salesforce", "Contact", "HubSpot_Contact_Id__c"
    read_only, no_object, no_id = "CreatedDate", "Nonsense__c", "003000000000009AAA"
    NAMES: ClassVar[Mapping[str, str]] = {
        "email": "Email", "given": "FirstName", "family": "LastName", "phone": "Phone", "title": "Title",
        "stage": "HubSpot_Lifecycle_Stage__c", "contacted": "Last_Contacted__c", "topics": "Topics__c",
        "score": "Score__c", "born": "Birthdate", "key": "HubSpot_Contact_Id__c",
    }  # fmt: skip
    write_path, create_path, scan_page = "/composite", "/composite/sobjects/Contact/HubSpot_Contact_Id__c", 2000
    service: SalesforceService

    def sandbox(self, controls: Controls) -> Service:
        return SalesforceService(controls)

    def world(self) -> dict[str, Any]:
        world: dict[str, Any] = empty.build(1)["salesforce"]
        world["objects"]["Contact"]["fields"] += [
            {"name": "Topics__c", "type": "multipicklist", "picklistValues": list(TOPICS)},
            {"name": "Score__c", "type": "double", "precision": 8, "scale": 2},
        ]
        return world

    def signed(self, *, secret: str | None = None, transport: httpx.AsyncBaseTransport | None = None) -> Salesforce:
        keys = self.service.credentials("http://salesforce.test")
        return Salesforce(
            "http://salesforce.test", keys["client_id"], secret or keys["client_secret"],
            clock=self.clock, share=self.share, transport=transport or self.transport,
        )  # fmt: skip

    async def merge(self, winner: str, loser: str) -> str:
        await self.control("POST", f"/merge/{self.person}", {"master": winner, "losers": [loser]})
        return winner

    async def spend_quota(self) -> None:
        await self.control("POST", "/usage", {"daily_limit": 1000, "daily_used": 1000})

    def lock(self, record_id: str, times: int) -> None:
        self.fault("record_error", code="UNABLE_TO_LOCK_ROW", record=record_id, times=times)

    def make_late(self, seconds: float) -> str:
        made, table = self.make(), self.service._table(self.person)
        stamp = wire_time(self.service.controls.clock.now() - timedelta(seconds=seconds))
        table.put(made, {**table.rows[made], "SystemModstamp": stamp, "LastModifiedDate": stamp})
        return made

    async def hide(self, object_name: str) -> None:
        await self.control("POST", "/access", {"objects": {object_name: "none"}})

    async def show(self, object_name: str) -> None:
        await self.control("POST", "/access", {"objects": {object_name: "write"}})

    def small_pages(self, patch: pytest.MonkeyPatch, size: int) -> None:
        patch.setattr(salesforce_notices, "PAGE", size)


class HubSpotParty(Party):
    name, person, key = "hubspot", "contacts", "salesforce_contact_id"
    read_only, no_object, no_id = "lastmodifieddate", "nonsense", "999"
    NAMES: ClassVar[Mapping[str, str]] = {
        "email": "email", "given": "firstname", "family": "lastname", "phone": "phone", "title": "jobtitle",
        "stage": "lifecyclestage", "contacted": "last_contacted", "topics": "topics",
        "score": "score", "born": "born", "key": "salesforce_contact_id",
    }  # fmt: skip
    write_path, create_path, scan_page = "/batch/update", "/batch/upsert", 100
    service: HubSpotService

    def sandbox(self, controls: Controls) -> Service:
        return HubSpotService(controls)

    def world(self) -> dict[str, Any]:
        world: dict[str, Any] = empty.build(1)["hubspot"]
        options = [{"value": topic, "label": topic.title()} for topic in TOPICS]
        world["properties"]["contacts"] += [
            {"name": "topics", "label": "Topics", "type": "enumeration", "fieldType": "checkbox", "options": options},
            {"name": "score", "label": "Score", "type": "number", "fieldType": "number"},
            {"name": "born", "label": "Born", "type": "date", "fieldType": "date"},
        ]
        return world

    def signed(self, *, secret: str | None = None) -> HubSpot:
        keys = self.service.credentials("http://hubspot.test")
        return HubSpot(
            "http://hubspot.test", clock=self.clock, share=self.share, transport=self.transport,
            app_id=str(keys["app_id"]), client_id=keys["client_id"], client_secret=secret or keys["client_secret"],
            refresh_token=keys["refresh_token"],
        )  # fmt: skip

    def by_token(self, token: str | None = None) -> HubSpot:
        """A system that is signed with the account's static token."""
        keys = self.service.credentials("http://hubspot.test")
        return HubSpot(
            "http://hubspot.test", token or keys["access_token"],
            clock=self.clock, share=self.share, transport=self.transport, app_id=str(keys["app_id"]),
        )  # fmt: skip

    async def merge(self, winner: str, loser: str) -> str:
        token = self.service.credentials("")["access_token"]
        answer = await self.client.post(
            f"/crm/objects/2026-09/{self.person}/merge",
            json={"primaryObjectId": winner, "objectIdToMerge": loser},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    async def spend_quota(self) -> None:
        self.service.limits.used_today = self.service.limits.daily

    def lock(self, record_id: str, times: int) -> None:
        self.fault("status", path="/batch/update", status=423, times=times)

    def make_late(self, seconds: float) -> str:
        made, table = self.make(), self.service.portal.require_table(self.person)
        table.touch(table.live[int(made)], self.service.controls.clock.epoch_ms() - int(seconds * 1000))
        return made

    async def hide(self, object_name: str) -> None:
        self.fault("status", path=f"/objects/[^/]+/{object_name}", status=403, times=None)

    async def show(self, object_name: str) -> None:
        self.mended()

    def small_pages(self, patch: pytest.MonkeyPatch, size: int) -> None:
        patch.setattr(hubspot_sweep, "SEARCH_PAGE", size)


PARTIES: Mapping[str, type[Party]] = {party.name: party for party in (SalesforceParty, HubSpotParty)}
