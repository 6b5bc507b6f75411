"""The stage on which stories play: both sandboxes in process, a database, and Concord between them, on one clock that
only moves when it is told to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import tldextract
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from concord import config
from concord.app import Concord, Parts, opened
from concord.config import Secrets, Settings
from concord.core.mapping import FieldPair
from concord.core.model import Side
from concord.core.values import Ref
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch
from concord.web.intake import HUBSPOT_PATH, Intake
from concord_sandbox.clock import SandboxClock
from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot.service import HubSpotService
from concord_sandbox.hubspot.tables import Actor as PortalActor
from concord_sandbox.salesforce.models import Actor as OrgActor
from concord_sandbox.salesforce.service import SalesforceService
from concord_sandbox.service import Controls
from concord_sandbox.worlds import empty

START = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)
#: Fields of a lead and of a contact that hold plain texts on both sides, for asking whether two records agree.
TEXTS = {
    "Email": "email",
    "FirstName": "firstname",
    "LastName": "lastname",
    "Title": "jobtitle",
    "Phone": "phone",
    "MobilePhone": "mobilephone",
    "City": "city",
}


_SUFFIXES = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def registrable(host: str) -> str:
    """As app.py's; the list of suffixes is read once for all stories."""
    return _SUFFIXES(host).top_domain_under_public_suffix


class Killed(BaseException):
    """kill -9 at a point of the line: nothing may catch it."""


class StageClock:
    """Time that moves only when a story says so, or when somebody waits."""

    def __init__(self) -> None:
        self.seconds = START.timestamp()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)

    def pass_(self, **span: float) -> None:
        self.seconds += timedelta(**span).total_seconds()


class _Late:
    """An application that is known only later: the webhooks' receiver."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@dataclass
class Stage:
    """Two systems and what a story can do to them."""

    clock: StageClock
    salesforce: SandboxApp
    hubspot: SandboxApp
    settings: Settings
    secrets: Secrets
    database: str
    receiver: _Late
    #: What is to happen when the line comes to a point of its own (engine/sync.py CRASH_POINTS): each once, in order.
    moments: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    #: What automations have seen and are about to do.
    later: list[Callable[[], object]] = field(default_factory=list)

    @property
    def org(self) -> SalesforceService:
        """Salesforce from within, for what no person and no call can do."""
        assert isinstance(self.salesforce.service, SalesforceService)
        return self.salesforce.service

    @property
    def portal(self) -> HubSpotService:
        """HubSpot from within."""
        assert isinstance(self.hubspot.service, HubSpotService)
        return self.hubspot.service

    def shorten(self, object_name: str, name: str, length: int) -> None:
        """An administrator shortens a field of Salesforce, after Concord had read the schema."""
        table = self.org._api.org.table(object_name)
        assert table is not None
        object.__setattr__(table.kind.field(name), "length", length)

    # --- people at work

    def lead(self, **fields: Any) -> str:
        given = {"LastName": "Lovelace", "Company": "Engines Ltd", **fields}
        return self.salesforce.service.human_create("Lead", given, None)

    def sf_contact(self, **fields: Any) -> str:
        return self.salesforce.service.human_create("Contact", {"LastName": "Lovelace", **fields}, None)

    def account(self, **fields: Any) -> str:
        return self.salesforce.service.human_create("Account", {"Name": "Engines Ltd", **fields}, None)

    def hs_contact(self, **fields: Any) -> str:
        return self.hubspot.service.human_create("contacts", fields, None)

    def company(self, **fields: Any) -> str:
        return self.hubspot.service.human_create("companies", fields, None)

    def edit_sf(self, object_name: str, record_id: str, **fields: Any) -> None:
        self.salesforce.service.human_edit(object_name, record_id, fields, None)

    def edit_hs(self, record_id: str, object_name: str = "contacts", **fields: Any) -> None:
        self.hubspot.service.human_edit(object_name, record_id, fields, None)

    # --- systems that make something else of what they are given

    def hubspot_makes(self, name: str, of: Callable[[str], str]) -> None:
        """From now on HubSpot stores `of` whatever a person or we write into this property."""
        crm = self.portal.crm
        create, update = crm.create, crm.update

        def made(values: dict[str, str]) -> dict[str, str]:
            return {one: of(text) if one == name else text for one, text in values.items()}

        setattr(crm, "create", lambda table, values, by: create(table, made(values), by))  # noqa: B010  # a trigger of theirs
        setattr(crm, "update", lambda table, record, values, by: update(table, record, made(values), by))  # noqa: B010  # a trigger of theirs

    def salesforce_makes(self, name: str, of: Callable[[Any], Any]) -> None:
        """From now on a trigger in Salesforce makes `of` whatever a person or we write into this field."""
        writer = self.org._api.writer
        insert, update = writer.insert, writer.update

        def made(body: dict[str, Any]) -> dict[str, Any]:
            return {one: of(value) if one == name and value is not None else value for one, value in body.items()}

        setattr(writer, "insert", lambda table, body, actor: insert(table, made(body), actor))  # noqa: B010  # a trigger of theirs
        setattr(writer, "update", lambda table, record_id, body, actor: update(table, record_id, made(body), actor))  # noqa: B010  # a trigger of theirs

    # --- automations that see what was written and then edit it, by themselves and a moment later

    def hubspot_reacts(self, name: str, of: Callable[[str], str]) -> None:
        """From now on a workflow in HubSpot sets this property of a contact to `of` of it whenever anybody sets it."""
        crm, workflow = self.portal.crm, PortalActor("AUTOMATION_PLATFORM", "workflow 7")
        update = crm.update

        def updated(table: Any, record: Any, values: dict[str, str], by: Any) -> bool:
            changed = update(table, record, values, by)
            if changed and name in values and by is not workflow:
                self.later.append(lambda: crm.update(table, record, {name: of(record.values[name])}, workflow))
            return changed

        setattr(crm, "update", updated)  # noqa: B010  # a workflow of theirs

    def salesforce_reacts(self, object_name: str, name: str, of: Callable[[Any], Any]) -> None:
        """From now on a flow in Salesforce sets this field to `of` of it whenever anybody sets it."""
        writer = self.org._api.writer
        flow, update = OrgActor(self.org._api.org.user_id(None), person=True, faultless=True), writer.update

        def updated(table: Any, record_id: str, body: dict[str, Any], actor: Any) -> None:
            before = table.rows[record_id].get(name)
            update(table, record_id, body, actor)
            if actor is not flow and table.kind.name == object_name and table.rows[record_id].get(name) != before:
                self.later.append(lambda: react(table, record_id))

        def react(table: Any, record_id: str) -> None:
            value = of(table.rows[record_id].get(name))
            if value != table.rows[record_id].get(name):
                update(table, record_id, {name: value}, flow)

        setattr(writer, "update", updated)  # noqa: B010  # a flow of theirs

    # --- at exactly this moment

    def once(self, point: str, act: Callable[[], object]) -> None:
        """Do this, once, when the line reaches that point."""
        self.moments.append((point, act))

    def reach(self, point: str) -> None:
        for place, (wanted, act) in enumerate(self.moments):
            if wanted == point:
                del self.moments[place]
                act()
                return

    def kill(self, point: str) -> None:
        """Let the next Concord that reaches that point die there."""

        def die() -> None:
            raise Killed(point)

        self.once(point, die)

    async def dies(self, point: str, *, sweeps: bool = True) -> None:
        """A Concord starts, learns of everything, works, and is killed at that point. What it held is free again when
        its lease ends: the clock is moved to then."""
        if not await self.may_die(point, sweeps=sweeps):
            raise AssertionError(f"it never came to {point!r}")

    async def may_die(self, point: str, *, sweeps: bool = True) -> bool:
        """As `dies`, but there may be nothing to do, and so no such point; whether it died."""
        self.kill(point)
        try:
            async with self.concord() as concord:
                await self.learn(concord, sweeps=sweeps)
                await self.work(concord)
        except Killed:
            self.clock.pass_(minutes=3)
            return True
        self.moments.clear()
        return False

    async def recovers(self) -> None:
        """A new Concord starts on what the dead one left, and works until all is quiet."""
        async with self.concord() as concord:
            await self.settle(concord)

    # --- what is there

    def sf(self, object_name: str) -> dict[str, dict[str, Any]]:
        return {one["id"]: one["fields"] for one in self.salesforce.service.records(object_name)}

    def hs(self, object_name: str = "contacts") -> dict[str, dict[str, Any]]:
        return {one["id"]: one["fields"] for one in self.hubspot.service.records(object_name)}

    def people(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Everybody, by system and id, with the plain texts that both systems have, in Salesforce's names."""
        left = {**self.sf("Lead"), **self.sf("Contact")}
        return {
            "salesforce": {at: {name: row.get(name) or "" for name in TEXTS} for at, row in left.items()},
            "hubspot": {
                at: {ours: row.get(theirs, "") for ours, theirs in TEXTS.items()} for at, row in self.hs().items()
            },
        }

    def writes(self, *, system: str) -> int:
        """How many calls that may have written something a system has answered."""
        app = self.salesforce if system == "salesforce" else self.hubspot
        reading = ("/search", "/batch/read", "/token", "/query")
        return sum(
            1
            for call in app.service.controls.journal.calls(limit=100_000)
            if call["method"] in ("POST", "PATCH", "PUT", "DELETE")
            and not call["path"].endswith(reading)
            and not _only_reads(call)
        )

    # --- Concord

    @asynccontextmanager
    async def concord(self) -> AsyncIterator[Concord]:
        parts = Parts(
            clock=self.clock,
            share=random.Random(7).random,
            salesforce_transport=httpx.ASGITransport(app=self.salesforce),
            hubspot_transport=httpx.ASGITransport(app=self.hubspot),
            run="a story",
        )
        async with opened(self.settings, self.secrets, parts) as made:
            concord = replace(made, scope=replace(made.scope, reach=self.reach, registrable=registrable))
            self.receiver.app = Intake(concord, self.secrets.hubspot_client_secret).app()
            yield concord

    async def settle(self, concord: Concord, *, sweeps: bool = True, rounds: int = 12) -> None:
        """Deliver, sweep and work until nothing is left to do; a story that never settles fails."""
        for _ in range(rounds):
            sent, touched = await self.learn(concord, sweeps=sweeps)
            worked = await self.work(concord)
            if not (sent or touched or worked or self.later) and await self.idle(concord):
                return
        raise AssertionError(f"not quiet after {rounds} rounds: {dict(await concord.store.backlog())}")

    async def learn(self, concord: Concord, *, sweeps: bool = True) -> tuple[int, int]:
        """Two seconds pass, automations act, webhooks arrive and both sides are swept: how many were sent, and how many
        rows touched."""
        self.clock.pass_(seconds=2)
        while self.later:
            self.later.pop(0)()
        sent, touched = await self.hubspot.service.deliver(), 0
        if sweeps:
            for side in Side:
                touched += await sweep(concord.scope, side)
        return sent, touched

    async def idle(self, concord: Concord) -> bool:
        backlog = await concord.store.backlog()
        return not (backlog["waiting"] or backlog["claimed"] or backlog["due_later"])

    async def work(self, concord: Concord) -> int:
        handled = 0
        while (one := await run_batch(concord.scope)) is not None:
            handled += len(one.works)
        return handled


def _only_reads(call: Mapping[str, Any]) -> bool:
    """Whether a Salesforce composite call holds nothing but reads."""
    if call["path"].endswith("/composite"):
        return '"method":"PATCH"' not in call["request"]
    last_two = call["path"].rsplit("/", 2)
    return call["method"] == "POST" and last_two[-2] == "sobjects" and "composite" in call["path"]


def stage(database: str, world: Mapping[str, Any] | None = None, fields: Sequence[FieldPair] = ()) -> Stage:
    """A stage with a world (an empty one, with the schemas of the built-in worlds, where none is given). fields: mapped
    for people beside those of the starting table."""
    given = dict(world) if world is not None else empty.build(1)
    clock = StageClock()
    receiver = _Late()
    webhooks = httpx.AsyncClient(transport=httpx.ASGITransport(app=receiver))
    salesforce = SandboxApp(SalesforceService(_controls(clock)))
    hubspot = SandboxApp(HubSpotService(_controls(clock), webhooks))
    salesforce.load(given["salesforce"])
    starting = config.starting()
    objects = [
        replace(pair, fields=(*pair.fields, *fields)) if pair.name == "people" else pair for pair in starting.objects
    ]
    settings = replace(starting, objects=tuple(objects))
    hub = dict(given["hubspot"])
    hub["webhooks"] = {
        "target_url": settings.web.public_url + HUBSPOT_PATH,
        "subscriptions": subscriptions(settings),
    }
    hubspot.load(hub)
    keys = salesforce.service.credentials("http://salesforce.test")
    hub_keys = hubspot.service.credentials("http://hubspot.test")
    settings = settings.connected_to(
        salesforce="http://salesforce.test", hubspot="http://hubspot.test", app_id=str(hub_keys["app_id"])
    )
    secrets = Secrets(
        keys["client_id"], keys["client_secret"], hub_keys["access_token"], hub_keys["client_secret"], database
    )
    return Stage(clock, salesforce, hubspot, settings, secrets, database, receiver)


def _controls(clock: StageClock) -> Controls:
    return Controls(clock=SandboxClock(lambda: clock.seconds))


def subscriptions(settings: Settings) -> list[dict[str, str]]:
    """What HubSpot tells of: creation, deletion, merge and every mapped property."""
    found = []
    for pair in settings.objects:
        single = {"contacts": "contact", "companies": "company"}[pair.right_object]
        found += [{"subscriptionType": f"{single}.{verb}"} for verb in ("creation", "deletion", "merge")]
        names = dict.fromkeys(one.right for one in pair.fields)
        found += [{"subscriptionType": f"{single}.propertyChange", "propertyName": name} for name in names]
    return found


def ref(system: str, object_name: str, record_id: str) -> Ref:
    return Ref(system, object_name, record_id)
