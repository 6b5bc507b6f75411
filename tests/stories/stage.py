"""The stage on which stories play: both sandboxes in process, a database, and Concord between them, on one clock that
only moves when it is told to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot.service import HubSpotService
from concord_sandbox.salesforce.service import SalesforceService
from concord_sandbox.clock import SandboxClock
from concord_sandbox.service import Controls
from concord_sandbox.worlds import empty
from starlette.types import ASGIApp, Receive, Scope as AsgiScope, Send

from concord import config
from concord.app import Concord, Parts, opened
from concord.config import Secrets, Settings
from concord.core.model import Side
from concord.core.values import Ref
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch
from concord.web.intake import HUBSPOT_PATH, Intake

START = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)


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
    reach: Callable[[str], None] = field(default=lambda point: None)

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

    # --- what is there

    def sf(self, object_name: str) -> dict[str, dict[str, Any]]:
        return {one["id"]: one["fields"] for one in self.salesforce.service.records(object_name)}

    def hs(self, object_name: str = "contacts") -> dict[str, dict[str, Any]]:
        return {one["id"]: one["fields"] for one in self.hubspot.service.records(object_name)}

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
        async with opened(self.settings, self.secrets, parts) as concord:
            if concord.scope.reach.__name__ == "<lambda>":
                object.__setattr__(concord.scope, "reach", self.reach)
            self.receiver.app = Intake(concord, self.secrets.hubspot_client_secret).app()
            yield concord

    async def settle(self, concord: Concord, *, sweeps: bool = True, rounds: int = 12) -> None:
        """Deliver, sweep and work until nothing is left to do; a story that never settles fails."""
        for _ in range(rounds):
            self.clock.pass_(seconds=2)
            sent = await self.hubspot.service.deliver()
            touched = 0
            if sweeps:
                for side in Side:
                    touched += await sweep(concord.scope, side)
            worked = await self.work(concord)
            if not (sent or touched or worked) and await self.idle(concord):
                return
        raise AssertionError(f"not quiet after {rounds} rounds: {dict(await concord.store.backlog())}")

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


def stage(database: str, world: Mapping[str, Any] | None = None, **settings_of: Any) -> Stage:
    """A stage with a world (an empty one, with the schemas of the built-in worlds, where none is given)."""
    given = dict(world) if world is not None else empty.build(1)
    clock = StageClock()
    receiver = _Late()
    webhooks = httpx.AsyncClient(transport=httpx.ASGITransport(app=receiver))
    salesforce = SandboxApp(SalesforceService(_controls(clock)))
    hubspot = SandboxApp(HubSpotService(_controls(clock), webhooks))
    salesforce.load(given["salesforce"])
    settings = config.starting().connected_to(
        salesforce="http://salesforce.test", hubspot="http://hubspot.test", app_id=""
    )
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
