"""What is watched in every test of the sandboxes: which operations a foreign client drove, and whether HubSpot's own
descriptions (where they are at hand) allow what was answered."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.descriptions import VERSION, described, problems_of

from concord_sandbox.journal import Journal

#: Which test drove which operations with which client: written by `CONCORD_RECORD=1 pytest -m foreign tests/sandbox`,
#: and held to by every later run.
CHECKED = Path(__file__).with_name("checked.json")
RECORD = "CONCORD_RECORD"
#: Fixtures that are a client: a test that takes one needs no mark.
CLIENT_FIXTURES = {"dated": "hubspot-sdk", "older": "hubspot-api-client"}


class Watched:
    """The calls that sandboxes in this process answered during one test: (method, path, request, status, answer)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, bytes, int | None, bytes]] = []

    def add_journal(self, calls: list[dict[str, Any]]) -> None:
        """Calls of a sandbox in another process, as its control API gives them."""
        self.calls += [
            (one["method"], one["path"], one["request"].encode(), one["status"], one["response"].encode())
            for one in calls
        ]

    def operations(self) -> list[str]:
        """Names of the operations that were carried out (answered with less than 400)."""
        from concord_sandbox.surface import operation_at  # knows every service: only for the tests that ask

        done = [(method, path, sent) for method, path, sent, status, _ in self.calls if status and status < 400]
        found = {operation_at(method, path, sent) for method, path, sent in done}
        return sorted(f"{one.service} {one.name}" for one in found if one is not None)


@pytest.fixture(autouse=True)
def watched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Watches; and at the end of a test marked `foreign` holds it to what it is said to drive."""
    seen = Watched()
    noted = Journal.note

    def note(self: Journal, **more: Any) -> None:
        seen.calls.append((more["method"], more["path"], more["request"], more["status"], more["response"]))
        noted(self, **more)

    monkeypatch.setattr(Journal, "note", note)
    yield seen
    mark = request.node.get_closest_marker("foreign")
    fixtures = [name for fixture, name in CLIENT_FIXTURES.items() if fixture in request.fixturenames]
    client = mark.args[0] if mark is not None else fixtures[0] if fixtures else None
    if client is not None:
        _hold_to(request.node, client, seen.operations())
    if described():
        _hold_to_descriptions(seen)


def _hold_to(node: pytest.Item, client: str, driven: list[str]) -> None:
    name = node.nodeid.split("[")[0]
    if os.environ.get(RECORD):
        known = json.loads(CHECKED.read_text("utf-8")) if CHECKED.exists() else {}
        before = known.get(name, {}).get("operations", []) if "[" in node.nodeid else []
        known[name] = {"client": client, "operations": sorted({*before, *driven})}
        CHECKED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return
    known = json.loads(CHECKED.read_text("utf-8"))
    said = known.get(name, {}).get("operations", [])
    if "[" in node.nodeid:
        assert set(driven) <= set(said), f"drives more than {CHECKED.name} says: run with {RECORD}=1"
    else:
        assert driven == said, f"{CHECKED.name} says something else: run the foreign tests with {RECORD}=1"


def _hold_to_descriptions(seen: Watched) -> None:
    found: list[str] = []
    for method, path, _, status, answer in seen.calls:
        if VERSION in path and status is not None and not path.startswith("/_"):
            found += problems_of(method, path, status, answer)
    assert not found, "HubSpot's description does not allow:\n" + "\n".join(dict.fromkeys(found))
