"""`POST /_control/edits`: many edits by people in one call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from concord_sandbox.server import build
from concord_sandbox.world import load_world

_FIELD = {"salesforce": "Title", "hubspot": "jobtitle"}


@pytest.fixture(params=["salesforce", "hubspot"])
async def edited(request: pytest.FixtureRequest) -> AsyncIterator[tuple[httpx.AsyncClient, str, str, list[str]]]:
    """A service in process with the world of six people; its object, the field to edit, and the ids."""
    world, name = load_world("bench:6"), request.param
    object_name = {"salesforce": "Lead", "hubspot": "contacts"}[name]
    transport = httpx.ASGITransport(build(world, names=(name,))[name])
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        ids = list(await _fields(client, object_name))
        yield client, object_name, _FIELD[name], ids


async def _fields(client: httpx.AsyncClient, object_name: str) -> dict[str, Any]:
    answer = await client.get(f"/_control/records/{object_name}")
    return {one["id"]: one["fields"] for one in answer.json()["records"]}


async def test_many_records_are_edited_by_one_call(edited: tuple[httpx.AsyncClient, str, str, list[str]]) -> None:
    client, object_name, field, ids = edited
    asked = [{"object": object_name, "id": one, "fields": {field: f"Edited {one}"}} for one in ids]
    answer = await client.post("/_control/edits", json=asked)
    assert (answer.status_code, answer.json()) == (200, {"edited": len(ids)})
    after = await _fields(client, object_name)
    assert {one: after[one][field] for one in ids} == {one: f"Edited {one}" for one in ids}
    assert (await client.get("/_control/journal?summary=1")).json()["calls"] == 0


async def test_a_refused_edit_is_named_and_those_before_it_stand(
    edited: tuple[httpx.AsyncClient, str, str, list[str]],
) -> None:
    client, object_name, field, ids = edited
    asked = [
        {"object": object_name, "id": ids[0], "fields": {field: "First"}},
        {"object": object_name, "id": "nobody", "fields": {field: "Second"}},
        {"object": object_name, "id": ids[1], "fields": {field: "Third"}},
    ]
    answer = await client.post("/_control/edits", json=asked)
    assert answer.status_code == 400
    assert "edit 2 of 3" in answer.json()["error"]
    after = await _fields(client, object_name)
    assert after[ids[0]][field] == "First"
    assert after[ids[1]][field] != "Third"
