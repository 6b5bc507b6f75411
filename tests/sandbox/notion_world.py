"""A Notion sandbox in process, on a clock that stands still unless it is advanced, and a small workspace to load."""

from __future__ import annotations

from typing import Any

import httpx

from concord_sandbox.control import SandboxApp
from concord_sandbox.server import build

NOW = 1_793_610_000.0  # 2026-11-02T09:00:00Z, a Monday
OLDEST, OLDER, LATEST = "2022-06-28", "2025-09-03", "2026-03-11"
TOKEN = "ntn_small"
HOME = "10000000-0000-4000-8000-000000000001"
DATABASE, SOURCE = "20000000-0000-4000-8000-000000000001", "30000000-0000-4000-8000-000000000001"
PEOPLE, ACCOUNTS = "20000000-0000-4000-8000-000000000002", "30000000-0000-4000-8000-000000000002"
ROBIN, KIM = "40000000-0000-4000-8000-000000000001", "40000000-0000-4000-8000-000000000002"
BRIEF, EMPTY = "50000000-0000-4000-8000-000000000001", "50000000-0000-4000-8000-000000000002"
NOWHERE = "90000000-0000-4000-8000-000000000009"


def text(content: str) -> list[dict[str, Any]]:
    return [{"text": {"content": content}}]


def paragraph(content: str, **more: Any) -> dict[str, Any]:
    return {"object": "block", "type": "paragraph", "paragraph": {"rich_text": text(content), **more}}


def workspace(**more: Any) -> dict[str, Any]:
    """Deals that relate to accounts, every type of property, two templates, a page of the workspace."""
    deals: dict[str, Any] = {
        "Name": {"type": "title"},
        "Notes": {"type": "rich_text"},
        "Amount": {"type": "number", "settings": {"format": "euro"}},
        "Kind": {"type": "select", "options": [{"name": "New"}, {"name": "Old"}]},
        "Tags": {"type": "multi_select", "options": [{"name": "a"}, {"name": "b"}]},
        "Stage": {"type": "status", "options": [{"name": "Open"}, {"name": "Busy"}, {"name": "Won"}]},
        "Close": {"type": "date"},
        "Hot": {"type": "checkbox"},
        "Link": {"type": "url"},
        "Mail": {"type": "email"},
        "Phone": {"type": "phone_number"},
        "Owner": {"type": "people"},
        "Files": {"type": "files"},
        "Account": {"type": "relation", "id": "acct", "settings": {"data_source_id": ACCOUNTS,
                    "synced_property_name": "Deals", "synced_property_id": "deal"}},
        "Sizes": {"type": "rollup", "settings": {"function": "show_original", "relation_property_name": "Account",
                  "rollup_property_name": "Size"}},
        "Size": {"type": "rollup", "settings": {"function": "sum", "relation_property_name": "Account",
                 "rollup_property_name": "Size"}},
        "Double": {"type": "formula", "settings": {"expression": "prop(\"Amount\") * 2"}},
        "Number": {"type": "unique_id", "settings": {"prefix": "D"}},
        "Made": {"type": "created_time"},
        "Made by": {"type": "created_by"},
        "Edited": {"type": "last_edited_time"},
        "Edited by": {"type": "last_edited_by"},
        "Proof": {"type": "verification"},
        "Push": {"type": "button"},
    }  # fmt: skip
    accounts: dict[str, Any] = {
        "Name": {"type": "title"},
        "Size": {"type": "number"},
        "Deals": {"type": "relation", "id": "deal", "settings": {"data_source_id": SOURCE,
                  "synced_property_name": "Account", "synced_property_id": "acct"}},
    }  # fmt: skip
    templates = [
        {"id": BRIEF, "name": "Brief", "is_default": True, "properties": {"Amount": {"number": 1}, "Hot":
         {"checkbox": True}}, "markdown": "# Goal\n- [ ] Call"},
        {"id": EMPTY, "name": "Empty"},
    ]  # fmt: skip
    return {
        "token": TOKEN,
        "burst": 100_000,
        "index_lag_ms": 0,
        "users": [{"id": ROBIN, "name": "Robin", "email": "robin@example.com"}, {"id": KIM, "name": "Kim"}],
        "databases": [{"id": DATABASE, "title": "Deals"}, {"id": PEOPLE, "title": "Accounts"}],
        "data_sources": [
            {"id": SOURCE, "database_id": DATABASE, "name": "Deals", "properties": deals, "templates": templates},
            {"id": ACCOUNTS, "database_id": PEOPLE, "name": "Accounts", "properties": accounts},
        ],
        "pages": [{"id": HOME, "properties": {"title": {"title": text("Home")}}}],
        **more,
    }


class Desk:
    """A client that is signed in, and speaks the latest version unless told otherwise."""

    def __init__(self, world: dict[str, Any] | None = None, version: str = LATEST) -> None:
        section = workspace() if world is None else world
        self.app: SandboxApp = build({"notion": section}, names=("notion",), source=lambda: NOW)["notion"]
        headers = {"Authorization": f"Bearer {TOKEN}", "Notion-Version": version}
        transport = httpx.ASGITransport(app=self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://notion.test", headers=headers)

    async def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        if (version := options.pop("version", None)) is not None:
            options["headers"] = {"Notion-Version": version}
        url = path if path.startswith("/_control") else f"/v1/{path}"
        return await self.client.request(method, url, json=json, **options)

    async def good(self, method: str, path: str, json: Any = None, **options: Any) -> Any:
        answer = await self.call(method, path, json, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, status: int, method: str, path: str, json: Any = None, **options: Any) -> str:
        """The message of a refusal in the vendor's form, behind its code."""
        answer = await self.call(method, path, json, **options)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert (body["object"], body["status"], bool(body["request_id"])) == ("error", status, True)
        return f"{body['code']}: {body['message']}"

    async def advance(self, seconds: float) -> None:
        await self.good("POST", "/_control/clock", {"advance": seconds})

    async def add(self, name: str, source: str = SOURCE, **properties: Any) -> str:
        """The id of a new row."""
        body = {"parent": {"data_source_id": source}, "properties": {"Name": {"title": text(name)}, **properties}}
        return str((await self.good("POST", "pages", body))["id"])

    async def names(self, wanted: Any = None, **more: Any) -> list[str]:
        """The titles of the deals that a query finds, in their order."""
        body = {**({"filter": wanted} if wanted else {}), **more}
        found = (await self.good("POST", f"data_sources/{SOURCE}/query", body))["results"]
        return [one["properties"]["Name"]["title"][0]["plain_text"] for one in found]
