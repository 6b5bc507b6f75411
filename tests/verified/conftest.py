"""Each fact is checked against a sandbox, always, and against a real account, when its credentials are set.

A test takes one of the fixtures `salesforce`, `hubspot`, `notion` and runs twice: `[sandbox]`, and `[real]` with the
mark `verified`. `@pytest.mark.sandbox_only("why")` keeps what would harm or take long away from real accounts.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import pytest
from tests.sandbox.served import Served
from tests.verified.accounts import (
    HUBSPOT,
    NOTION,
    NOTION_VERSION,
    SALESFORCE,
    Account,
    HubSpot,
    Keys,
    Notion,
    Refused,
    Salesforce,
    lacking,
    open_hubspot,
    open_notion,
    open_salesforce,
)

from concord_sandbox.server import build
from concord_sandbox.worlds.schema import hubspot_section, notion_section, salesforce_section

A = TypeVar("A", bound=Account)
VARIABLES = {"salesforce": SALESFORCE, "hubspot": HUBSPOT, "notion": NOTION}
FOUND_OUT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sandbox_only(why): a fact that is not checked against real accounts, and why")
    config.stash[FOUND_OUT] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, variables in VARIABLES.items():
        if name not in metafunc.fixturenames:
            continue
        kept = metafunc.definition.get_closest_marker("sandbox_only")
        why = f"only against the sandbox: {kept.args[0]}" if kept else lacking(variables)
        marks = [pytest.mark.verified, *([pytest.mark.skip(reason=why)] if why else [])]
        targets = ["sandbox", pytest.param("real", marks=marks)]
        metafunc.parametrize(name, targets, indirect=True, scope="session")


@pytest.fixture(scope="session")
def salesforce(request: pytest.FixtureRequest) -> Iterator[Salesforce]:
    if request.param == "real":
        with _real(request, lambda: open_salesforce(Keys(os.environ))) as org:
            yield org
        return
    with _sandbox("salesforce", salesforce_world()) as (client, told):
        form = {"grant_type": "client_credentials", "client_id": told["client_id"]}
        answer = client.post("/services/oauth2/token", data={**form, "client_secret": told["client_secret"]}).json()
        client.headers["Authorization"] = f"Bearer {answer['access_token']}"
        keys = {"client_id": told["client_id"], "client_secret": told["client_secret"]}
        with _left_clean(Salesforce(client, False, _clock(client), token_answer=answer, **keys)) as org:
            yield org


@pytest.fixture(scope="session")
def hubspot(request: pytest.FixtureRequest) -> Iterator[HubSpot]:
    if request.param == "real":
        with _real(request, lambda: open_hubspot(Keys(os.environ))) as account:
            yield account
        return
    with _sandbox("hubspot", hubspot_world()) as (client, told):
        client.headers["Authorization"] = f"Bearer {told['access_token']}"
        with _left_clean(HubSpot(client, False, _clock(client))) as account:
            yield account


@pytest.fixture(scope="session")
def notion(request: pytest.FixtureRequest) -> Iterator[Notion]:
    if request.param == "real":
        with _real(request, lambda: open_notion(Keys(os.environ))) as workspace:
            yield workspace
        return
    section = notion_world()
    with _sandbox("notion", section) as (client, told):
        client.headers.update({"Authorization": f"Bearer {told['token']}", "Notion-Version": NOTION_VERSION})
        source = section["data_sources"][0]["id"]
        with _left_clean(Notion(client, False, _clock(client), source=source)) as workspace:
            yield workspace


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What a real run has found out about the questions that were open."""
    if config.stash[FOUND_OUT]:
        terminalreporter.section("found out from real accounts")
        for sentence in config.stash[FOUND_OUT]:
            terminalreporter.write_line(sentence)


# --- opening and leaving


@contextmanager
def _real(request: pytest.FixtureRequest, opened: Any) -> Iterator[Any]:
    try:
        account = opened()
    except Refused as refused:
        pytest.fail(f"not run: {refused}", pytrace=False)
    with _left_clean(account):
        yield account
    request.config.stash[FOUND_OUT] += account.found_out


@contextmanager
def _left_clean(account: A) -> Iterator[A]:
    """The account, from which at the end everything is removed that the run made; what could not be is told."""
    try:
        yield account
    finally:
        left = account.remove_all()
        account.client.close()
        for line in left:
            warnings.warn(f"left behind, please remove by hand (run {account.run}): {line}", stacklevel=1)
        assert not left, f"{len(left)} things of run {account.run} could not be removed: {'; '.join(left)}"


@contextmanager
def _sandbox(name: str, section: dict[str, Any]) -> Iterator[tuple[httpx.Client, dict[str, Any]]]:
    """A client of a service behind a port of this process, and the credentials that it tells."""
    served = Served(build({name: section}, names=(name,))[name])
    try:
        yield httpx.Client(base_url=served.url), served.credentials
    finally:
        served.stop()


def _clock(client: httpx.Client) -> Any:
    def advance(seconds: float) -> None:
        client.post("/_control/clock", json={"advance": seconds}).raise_for_status()

    return advance


# --- worlds: what Concord's set-up leaves in an account that is otherwise new


def salesforce_world() -> dict[str, Any]:
    """Concord's fields, a duplicate rule as every new org has one, and no rule that costs a call."""
    agree = [{"field": "LastName", "method": "exact"}, {"field": "Email", "method": "exact"}]
    rule = {
        "object": "Contact",
        "name": "Standard_Contact_Duplicate_Rule",
        "action": {"create": "allow"},
        "matching": [{"object": "Contact", "rule": "Standard_Contact_Match_Rule_v1_1", "fields": agree}],
    }
    return {**salesforce_section(), "duplicate_rules": [rule]}


def hubspot_world() -> dict[str, Any]:
    """Concord's properties, and one of the types that it does not need."""
    section = hubspot_section()
    own = {"groupName": "contactinformation", "hubspotDefined": False}
    topics = [{"value": text, "label": text.title()} for text in ("alpha", "beta", "gamma")]
    section["properties"]["contacts"] += [
        {"name": "topics", "label": "Topics", "type": "enumeration", "fieldType": "checkbox", "options": topics, **own},
        {"name": "renewal", "label": "Renewal", "type": "date", "fieldType": "date", **own},
        {"name": "seats", "label": "Seats", "type": "number", "fieldType": "number", **own},
    ]
    return {**section, "burst_limit": 100_000, "search_limit": 1_000}


def notion_world() -> dict[str, Any]:
    """The data source that opportunities are written to, and properties of the types that Concord does not need."""
    section = notion_section()
    section["data_sources"][0]["properties"] |= {"Kind": {"type": "select"}, "Contact": {"type": "email"}}
    return {**section, "burst": 100_000}
