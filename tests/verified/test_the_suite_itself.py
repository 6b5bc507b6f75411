"""What keeps real accounts safe from this suite, tried on sandboxes that are opened as if they were real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.sandbox.served import Served
from tests.verified.accounts import (
    HUBSPOT,
    HUBSPOT_URL,
    NOTION,
    OBJECTS,
    PREFIX,
    PRODUCTION,
    SALESFORCE,
    Account,
    HubSpot,
    Keys,
    Refused,
    Salesforce,
    lacking,
    open_hubspot,
    open_notion,
    open_salesforce,
)

from concord_sandbox.server import build

Serve = Callable[[str, dict[str, Any]], Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a service with this section of a world, until the test's end."""
    running: list[Served] = []

    def start(name: str, section: dict[str, Any]) -> Served:
        running.append(Served(build({name: section}, names=(name,))[name]))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def hubspot_keys(served: Served, **more: str) -> Keys:
    return Keys({HUBSPOT[0]: served.credentials["access_token"], HUBSPOT_URL: served.url, **more})


def salesforce_keys(served: Served, **more: str) -> Keys:
    told = served.credentials
    return Keys(dict(zip(SALESFORCE, (served.url, told["client_id"], told["client_secret"]), strict=True)) | more)


def hurried(account: Account) -> Account:
    """The same account, without the pauses that are for the real ones."""
    account.apart, account.sleep = 0.0, lambda seconds: None
    return account


def test_an_account_of_somebody_s_business_is_left_alone(serve: Serve) -> None:
    served = serve("hubspot", {"account_type": "STANDARD"})
    with pytest.raises(Refused, match=f"the account is STANDARD.*{PRODUCTION}=yes"):
        open_hubspot(hubspot_keys(served))
    with pytest.raises(Refused):
        open_hubspot(hubspot_keys(served, **{PRODUCTION: "no"}))
    assert isinstance(open_hubspot(hubspot_keys(served, **{PRODUCTION: "yes"})), HubSpot)
    journal = httpx.get(f"{served.url}/_control/journal").json()["journal"]
    assert {one["path"] for one in journal} == {"/account-info/2026-09/details"}


@pytest.mark.parametrize(
    ("edition", "is_sandbox", "let_in"),
    [("Enterprise Edition", False, False), ("Enterprise Edition", True, True), ("Developer Edition", False, True)],
)
def test_an_org_is_used_when_it_is_a_sandbox_or_a_developer_s(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, edition: str, is_sandbox: bool, let_in: bool
) -> None:
    served = serve("salesforce", {})

    def query(self: Salesforce, asked: str, *, everything: bool = False) -> list[dict[str, Any]]:
        assert "FROM Organization" in asked
        return [{"IsSandbox": is_sandbox, "OrganizationType": edition}]

    monkeypatch.setattr(Salesforce, "query", query)
    if let_in:
        assert open_salesforce(salesforce_keys(served)).user_id[:3] == "005"
    else:
        with pytest.raises(Refused, match=f"no sandbox and its edition is {edition}"):
            open_salesforce(salesforce_keys(served))
        assert open_salesforce(salesforce_keys(served, **{PRODUCTION: "yes"})).real


def test_wrong_keys_are_said_to_be_wrong_without_showing_them(serve: Serve) -> None:
    keys = salesforce_keys(serve("salesforce", {}), **{SALESFORCE[2]: "not-the-secret"})
    with pytest.raises(Refused, match="does not let this app in: invalid_client") as refused:
        open_salesforce(keys)
    wrong = hubspot_keys(serve("hubspot", {}), **{HUBSPOT[0]: "not-the-token"})
    with pytest.raises(Refused, match="401"):
        open_hubspot(wrong)
    assert "not-the" not in f"{refused.value} {keys!r} {wrong!r}"


def test_a_token_goes_over_tls_or_stays_on_this_machine() -> None:
    keys = Keys({NOTION[0]: "ntn_x", NOTION[1]: "s", "CONCORD_VERIFY_NOTION_URL": "http://notion.example.com"})
    with pytest.raises(Refused, match="not https"):
        open_notion(keys)


def test_what_is_missing_is_named() -> None:
    assert lacking(SALESFORCE, {SALESFORCE[0]: "https://x", SALESFORCE[1]: ""}) == (
        f"no real account: set {SALESFORCE[1]} and {SALESFORCE[2]} (docs/verified.md)"
    )
    assert lacking(HUBSPOT, {HUBSPOT[0]: "pat"}) == ""


def test_everything_is_removed_in_few_calls_and_only_what_this_run_made(serve: Serve) -> None:
    people = [{"id": "101", "properties": {"lastname": "Somebody"}}]
    hub = hurried(open_hubspot(hubspot_keys(serve("hubspot", {"records": {"contacts": people}}))))
    assert isinstance(hub, HubSpot)
    for _ in range(3):
        hub.contact()
    hub.create("companies", name=hub.name())
    assert hub.call("DELETE", f"{OBJECTS}/contacts/{hub.contact()}").status_code == 204
    before = len(journal_of(hub))
    assert hub.remove_all() == []
    assert [one["path"].rsplit("/2026-09/")[1] for one in journal_of(hub)[before:]] == [
        "contacts/batch/archive",
        "companies/batch/archive",
    ]
    assert [one["id"] for one in records_of(hub, "contacts")] == ["101"]
    assert records_of(hub, "companies") == []

    org = hurried(open_salesforce(salesforce_keys(serve("salesforce", {}))))
    assert isinstance(org, Salesforce)
    account = org.create("Account")
    org.create(AccountId=account)
    assert org.rest("DELETE", f"/sobjects/Contact/{org.create()}").status_code == 204
    before = len(journal_of(org))
    assert org.remove_all() == []
    assert len(journal_of(org)) == before + 1
    assert records_of(org, "Contact") == records_of(org, "Account") == []


def test_what_cannot_be_removed_is_named(serve: Serve) -> None:
    hub = hurried(open_hubspot(hubspot_keys(serve("hubspot", {}))))
    assert isinstance(hub, HubSpot)
    contact = hub.contact()
    hub.client.post("/_control/faults", json={"kind": "status", "status": 500, "times": 9}).raise_for_status()
    assert hub.remove_all() == [f"DELETE {OBJECTS}/contacts/{contact}: 500"]
    org = hurried(open_salesforce(salesforce_keys(serve("salesforce", {}))))
    assert isinstance(org, Salesforce)
    record = org.create()
    org.client.post("/_control/faults", json={"kind": "status", "status": 503, "times": 9}).raise_for_status()
    assert org.remove_all() == [f"DELETE /services/data/v66.0/sobjects/Contact/{record}: 503"]


def test_a_call_that_is_too_fast_is_repeated_once_after_the_time_asked_for(serve: Serve) -> None:
    hub = hurried(open_hubspot(hubspot_keys(serve("hubspot", {}))))
    waited: list[float] = []
    hub.sleep = waited.append
    hub.client.post("/_control/faults", json={"kind": "status", "status": 429}).raise_for_status()
    assert hub.call("GET", "/account-info/2026-09/details").status_code == 200
    assert waited == [10.0]


def test_names_of_one_run_are_no_other_run_s(serve: Serve) -> None:
    served = serve("hubspot", {})
    first, second = (open_hubspot(hubspot_keys(served)) for _ in range(2))
    names = [one.name() for one in (first, first, second)]
    assert len(set(names)) == 3
    assert all(name.startswith(PREFIX) for name in names)
    assert first.address().endswith("@example.com")


def test_no_report_of_a_failure_shows_a_token(serve: Serve) -> None:
    org = open_salesforce(salesforce_keys(serve("salesforce", {})))
    assert org.token_answer["access_token"] not in repr(org)
    assert org.client_secret not in repr(org)
    assert org.token_answer["access_token"] not in repr(org.client.headers)


def journal_of(account: Account) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = account.client.get("/_control/journal").json()["journal"]
    return told


def records_of(account: Account, name: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = account.client.get(f"/_control/records/{name}").json()["records"]
    return told
