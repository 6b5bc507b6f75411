"""A HubSpot sandbox in process, on a clock that stands still, and small worlds to load into it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response

from concord_sandbox.clock import SandboxClock
from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.service import Controls

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OBJECTS = "/crm/objects/2026-09"
LINKS = "/crm/associations/2026-09"
SECRET = "11111111-2222-3333-4444-555555555555"
TARGET = "http://sync.example.com/hooks/hubspot?tenant=a%40b"


def contact(number: int, **properties: str) -> dict[str, Any]:
    """A contact of a world, made an hour before the start."""
    return {"id": str(number), "properties": properties, "updatedAt": "2026-11-23T08:00:00Z"}


def company(number: int, **properties: str) -> dict[str, Any]:
    return contact(number, **properties)


class Receiver:
    """A webhook receiver: keeps what arrives, and answers with the statuses it was told, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._statuses = list(statuses)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()
        self.requests.append((str(request.url), dict(request.headers), body))
        status = self._statuses.pop(0) if self._statuses else 200
        await Response(status_code=status)(scope, receive, send)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, body in self.requests for event in json.loads(body)]


class Hub:
    """One sandboxed account with a client that is signed in. The clock stands at START until it is advanced."""

    def __init__(self, world: dict[str, Any] | None = None, receiver: Receiver | None = None) -> None:
        clock = SandboxClock(START.timestamp)
        sender = httpx.AsyncClient(transport=httpx.ASGITransport(receiver)) if receiver is not None else None
        self.service = HubSpotService(Controls(clock=clock), webhook_client=sender)
        self.app = SandboxApp(self.service)
        self.clock = clock
        clock.freeze()
        self.app.load({"burst_limit": 100_000, "search_limit": 1_000, **(world or {})})
        self.token = self.service.credentials("")["access_token"]
        transport = httpx.ASGITransport(self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://hubspot.test")

    async def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self.client.request(method, path, json=json, headers=headers, **options)

    async def good(self, method: str, path: str, json: Any = None, **options: Any) -> Any:
        """The body of an answer that must be good."""
        answer = await self.call(method, path, json, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def refused(self, status: int, method: str, path: str, json: Any = None, **options: Any) -> Any:
        """The body of an answer that must be this error."""
        answer = await self.call(method, path, json, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def control(self, method: str, path: str, json: Any = None) -> Any:
        answer = await self.client.request(method, f"/_control{path}", json=json)
        assert answer.is_success, answer.text
        return answer.json()

    async def create(self, properties: dict[str, Any], kind: str = "contacts") -> str:
        made = await self.good("POST", f"{OBJECTS}/{kind}", {"properties": properties, "associations": []})
        return str(made["id"])

    async def values(self, record_id: str, *names: str, kind: str = "contacts") -> dict[str, Any]:
        got = await self.good("GET", f"{OBJECTS}/{kind}/{record_id}", params={"properties": ",".join(names)})
        return {name: got["properties"].get(name) for name in names}

    async def history(self, record_id: str, name: str, kind: str = "contacts") -> list[dict[str, Any]]:
        got = await self.good("GET", f"{OBJECTS}/{kind}/{record_id}", params={"propertiesWithHistory": name})
        entries: list[dict[str, Any]] = got["propertiesWithHistory"][name]
        return entries

    async def search(self, *filters: dict[str, Any], kind: str = "contacts", **more: Any) -> list[str]:
        body = {"filterGroups": [{"filters": list(filters)}] if filters else [], "limit": 200, **more}
        found = await self.good("POST", f"{OBJECTS}/{kind}/search", body)
        return [row["id"] for row in found["results"]]


def codes(body: dict[str, Any]) -> dict[str, str]:
    """The refusal codes of a validation error, by property."""
    return {error["context"]["propertyName"][0]: error["code"] for error in body["errors"]}


def inputs(*ids: str) -> dict[str, Any]:
    return {"inputs": [{"id": one} for one in ids]}


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """One search filter."""
    return {"propertyName": name, "operator": operator} | ({} if value is None else {"value": value}) | more


def subscribed(*kinds: str | tuple[str, str], **settings: Any) -> dict[str, Any]:
    """Webhook settings for legacy subscription types; a pair adds the property name."""
    rows: Iterable[dict[str, Any]] = (
        {"subscriptionType": kind} if isinstance(kind, str) else {"subscriptionType": kind[0], "propertyName": kind[1]}
        for kind in kinds
    )
    return {"target_url": TARGET, "subscriptions": list(rows), **settings}
