"""The control API: every verb is told of, bad input is refused in a sentence, and what it moves is moved."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from concord_sandbox.control import VERBS, SandboxApp
from concord_sandbox.journal import Journal
from concord_sandbox.server import build
from concord_sandbox.world import load_world

NOW = 1_793_610_000.0  # 2026-11-02T09:00:00Z
SERVICES = ("salesforce", "hubspot", "notion")


def client_of(app: SandboxApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox")


@pytest.fixture
def apps() -> dict[str, SandboxApp]:
    return build(load_world("empty"), source=lambda: NOW)


async def asked(app: SandboxApp, method: str, verb: str, body: Any = None, status: int = 200) -> Any:
    async with client_of(app) as client:
        answer = await client.request(method, f"/_control/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_lists_its_verbs_and_has_them_all(apps: dict[str, SandboxApp], name: str) -> None:
    app = apps[name]
    listed = (await asked(app, "GET", ""))["verbs"]
    assert [one for one in listed if len(one["does"]) < 20 and not one["does"].startswith("All ")] == [
        {"method": "GET", "path": "/_control/clock", "does": '{"now": ISO-8601}'},
        {"method": "DELETE", "path": "/_control/faults", "does": "no faults any more"},
    ]
    assert len({(one["method"], one["path"]) for one in listed}) == len(listed)
    async with client_of(app) as client:
        for one in listed:
            path = re.sub(r"\{\w+\}", "x", one["path"])
            assert (await client.request(one["method"], path, content=b"[")).status_code not in (404, 405, 500), one
        assert (await client.get("/_control")).json()["verbs"] == listed


async def test_a_verb_that_there_is_not_names_the_list_of_those_that_there_are(apps: dict[str, SandboxApp]) -> None:
    for method, verb, status in (("GET", "nothing", 404), ("POST", "ready", 405), ("PUT", "clock", 405)):
        said = await asked(apps["notion"], method, verb, status=status)
        assert said["error"].endswith(f"{method} /_control/{verb}; GET /_control/ lists those that there are")


@pytest.mark.parametrize(
    ("method", "verb", "body", "words"),
    [
        ("POST", "clock", [], "has to be a JSON object"),
        ("POST", "clock", {"set": 5}, "has to be an ISO-8601 time"),
        ("POST", "clock", {"set": "noon"}, "has to be an ISO-8601 time"),
        ("POST", "clock", {"advance": "1"}, "advance has to be a number"),
        ("POST", "clock", {"advance": 1e300}, "not what this verb takes"),
        ("POST", "clock", {"advanced": 1}, "did you mean 'advance'?"),
        ("POST", "latency", {"milliseconds": -1}, "milliseconds has to be a number, not below 0"),
        ("POST", "latency", {"milliseconds": True}, "milliseconds has to be a number"),
        ("POST", "seed", {"seed": "x"}, "invalid literal"),
        ("POST", "seed", {}, "'seed' is missing"),
        ("POST", "edits", {}, "has to be a list"),
        ("POST", "edits", [5], "edit 1 of 1"),
        ("POST", "edits", [{"object": "Lead", "id": "1", "fields": "x"}], '"fields" has to be a JSON object'),
        ("POST", "records/Lead", {"fields": []}, '"fields" has to be a JSON object'),
        ("POST", "records/Nothing", {"fields": {}}, "no object 'Nothing'"),
        ("PUT", "world", [], "has to be a JSON object"),
        ("GET", "journal?since=x", None, "invalid literal"),
        ("GET", "journal?direction=up", None, "direction is in"),
        ("POST", "usage", [], "not what this verb takes"),
        ("POST", "faults", {"kind": "nothing"}, "unknown fault kind 'nothing'"),
        ("POST", "faults", {"path": "x"}, "fault 1 lacks kind"),
        ("POST", "faults", [{"kind": "slow"}, {"kind": "slow", "time": 2}], "fault 2 has no key 'time'"),
        ("POST", "faults", {"kind": "slow", "milliseconds": "long"}, "a fault's milliseconds is a number"),
        ("POST", "faults", {"kind": "slow", "path": "("}, "a fault's path is no regular expression"),
        ("POST", "faults", {"kind": "slow", "probability": 2}, "between 0 and 1"),
        ("POST", "faults", {"kind": "status", "status": 20}, "between 400 and 599"),
        ("POST", "faults", {"kind": "status", "headers": {"A": "b\nc"}}, "a fault's headers are texts"),
        ("POST", "faults", {"kind": "status", "code": 7}, "a fault's code is a text"),
    ],
)
async def test_what_a_verb_cannot_take_is_refused_in_a_sentence(
    apps: dict[str, SandboxApp], method: str, verb: str, body: Any, words: str
) -> None:
    app = apps["salesforce"]
    assert words in (await asked(app, method, verb, body, status=400))["error"]
    assert (await asked(app, "GET", "faults")) == {"faults": []}
    assert app.service.controls.clock.now().timestamp() == NOW


async def test_a_body_that_is_no_json_is_said_to_be_none(apps: dict[str, SandboxApp]) -> None:
    async with client_of(apps["hubspot"]) as client:
        for sent in (b"{", b"", b"\xff", b"[" * 100_000):
            answer = await client.post("/_control/latency", content=sent)
            assert (answer.status_code, "is not JSON" in answer.text) == (400, True)


async def test_the_clock_is_set_frozen_advanced_and_let_run(apps: dict[str, SandboxApp]) -> None:
    app = apps["notion"]
    assert (await asked(app, "GET", "clock")) == {"now": "2026-11-02T09:00:00+00:00"}
    frozen = await asked(app, "POST", "clock", {"set": "2027-01-01T00:00:00Z", "freeze": True})
    assert frozen == {"now": "2027-01-01T00:00:00+00:00"}
    assert (await asked(app, "POST", "clock", {"advance": 90})) == {"now": "2027-01-01T00:01:30+00:00"}
    assert (await asked(app, "POST", "clock", {"advance": -30, "freeze": False}))["now"].startswith("2027-01-01T00:01")


async def test_the_whole_world_of_services_that_run_together_starts_them_again(apps: dict[str, SandboxApp]) -> None:
    await asked(apps["hubspot"], "POST", "records/contacts", {"fields": {"email": "ada@engines.example"}}, status=201)
    lead = {"LastName": "Hopper", "Company": "Navy"}
    made = await asked(apps["salesforce"], "POST", "records/Lead", {"fields": lead}, status=201)
    whole = await asked(apps["notion"], "GET", "whole")
    assert (whole["name"], whole["clock"]) == ("empty", None)
    again = build(json.loads(json.dumps(whole)), source=lambda: NOW)
    assert [one["id"] for one in again["salesforce"].service.records("Lead")] == [made["id"]]
    assert [one["fields"]["email"] for one in again["hubspot"].service.records("contacts")] == ["ada@engines.example"]
    assert again["notion"].whole()["salesforce"] == whole["salesforce"]


async def test_the_whole_worlds_clock_is_the_furthest_of_those_that_were_moved(apps: dict[str, SandboxApp]) -> None:
    await asked(apps["hubspot"], "POST", "clock", {"advance": 3600})
    await asked(apps["notion"], "POST", "clock", {"advance": 60})
    assert (await asked(apps["salesforce"], "GET", "whole"))["clock"] == "2026-11-02T10:00:00+00:00"


async def test_every_built_in_world_survives_being_saved_whole() -> None:
    apps = build(load_world("revenue:16"), source=lambda: NOW)
    first = await asked(apps["hubspot"], "GET", "whole")
    assert (await asked(build(first, source=lambda: NOW)["notion"], "GET", "whole")) == first


def test_the_common_verbs_are_answered_by_methods_of_the_application(apps: dict[str, SandboxApp]) -> None:
    assert [one for one in VERBS if not callable(getattr(apps["notion"], one.answered_by, None))] == []


def noted(journal: Journal, body: bytes) -> None:
    journal.note(
        at=0, method="GET", path="/x", query="", request=body, status=200, response=b"", fault=None
    )  # fmt: skip


def test_the_journal_keeps_the_newest_calls_within_its_bounds_and_counts_all() -> None:
    journal = Journal(keep=10, body_limit=8, keep_characters=40, request_limit=8)
    for number in range(7):
        noted(journal, b"%d23456789" % number)
    kept = journal.calls()
    assert [one["number"] for one in kept] == [3, 4, 5, 6, 7]
    assert kept[0]["request"] == "22345678"
    assert journal.summary()["calls"] == 7
    for _ in range(20):
        noted(journal, b"")
    assert len(journal.calls()) == 10
    assert [one["number"] for one in journal.calls(since=20, limit=3)] == [21, 22, 23]
