"""OAuth, service keys and scopes of the HubSpot sandbox."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from .hubspot_world import OBJECTS, Hub, codes, contact, where

URI = "https://sync.example.com/oauth/callback?x=1"
SCOPES = ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"]
TOKEN = "/oauth/2026-09/token"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"


def app(**more: Any) -> dict[str, Any]:
    return {"oauth": {"redirect_uris": [URI], "scopes": SCOPES, **more},
            "records": {"contacts": [contact(101, email="a@b.org")]}}  # fmt: skip


async def authorize(hub: Hub, **more: Any) -> httpx.Response:
    asked = {"client_id": hub.service.credentials("")["client_id"], "redirect_uri": URI, "scope": " ".join(SCOPES),
             "state": "s1", **more}  # fmt: skip
    return await hub.client.get("/oauth/authorize", params=asked)


async def code(hub: Hub, **more: Any) -> str:
    answer = await authorize(hub, **more)
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


async def token(hub: Hub, grant: str, path: str = TOKEN, **more: Any) -> httpx.Response:
    known = hub.service.credentials("")
    form = {"grant_type": grant, "client_id": known["client_id"], "client_secret": known["client_secret"]}
    return await hub.client.post(path, data={name: one for name, one in (form | more).items() if one is not None})


async def test_a_person_agrees_and_the_app_gets_its_tokens() -> None:
    hub = Hub(app())
    answer = await authorize(hub)
    location = urlsplit(answer.headers["Location"])
    query = parse_qs(location.query)
    assert (answer.status_code, location.hostname, query["x"], query["state"]) == (
        302,
        "sync.example.com",
        ["1"],
        ["s1"],
    )
    got = (await token(hub, "authorization_code", code=query["code"][0], redirect_uri=URI)).json()
    assert (got["expires_in"], got["token_type"], got["token_use"]) == (1800, "bearer", "access_token")
    assert (got["scopes"], got["hub_id"]) == (SCOPES, hub.service.portal.settings["portal_id"])
    hub.token = got["access_token"]
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Bonn"}})
    again = await token(hub, "authorization_code", code=query["code"][0], redirect_uri=URI)
    assert again.json()["status"] == "BAD_AUTH_CODE"
    hub.clock.advance(1_801)
    assert (await hub.refused(401, "GET", f"{OBJECTS}/contacts"))["category"] == "EXPIRED_AUTHENTICATION"
    new = (await token(hub, "refresh_token", refresh_token=got["refresh_token"])).json()
    assert new["refresh_token"] == got["refresh_token"]
    hub.token = new["access_token"]
    await hub.good("GET", f"{OBJECTS}/contacts/101")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "x"}, "BAD_CLIENT_ID"),
        ({"redirect_uri": "https://evil.example.com/"}, "BAD_REDIRECT_URI"),
        ({"scope": "oauth"}, "BAD_SCOPES"),
        ({"scope": " ".join([*SCOPES, "tickets"])}, "BAD_SCOPES"),
        ({"optional_scope": "crm.lists.read"}, "BAD_SCOPES"),
    ],
)
async def test_a_request_that_does_not_fit_the_app_sends_nobody_back(change: dict[str, str], status: str) -> None:
    hub = Hub(app(optional_scopes=["tickets"]))
    answer = await authorize(hub, **change)
    assert (answer.status_code, answer.json()["status"]) == (400, status)
    assert (await authorize(hub, optional_scope="tickets")).status_code == 302


async def test_an_app_without_registered_addresses_sends_only_to_safe_ones() -> None:
    hub = Hub({})
    scope = "oauth crm.objects.deals.read"
    for uri, status in {"http://localhost:3000/cb": 302, "https://a.example/cb": 302, "http://a.example/": 400,
                        "javascript:x": 400, "https://[": 400, "": 400}.items():  # fmt: skip
        assert (await authorize(hub, redirect_uri=uri, scope=scope)).status_code == status
    assert (await authorize(hub, redirect_uri="https://a.example/", scope="no.such.scope")).status_code == 400


async def test_a_code_belongs_to_its_address_its_verifier_and_its_time() -> None:
    hub = Hub(app())
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert (await authorize(hub, code_challenge=challenge, code_challenge_method="plain")).status_code == 400
    cases: list[tuple[dict[str, Any], str]] = [
        ({"redirect_uri": "https://other.example/"}, "BAD_REDIRECT_URI"),
        ({"redirect_uri": URI}, "BAD_CODE_VERIFIER"),
        ({"redirect_uri": URI, "code_verifier": "wrong"}, "BAD_CODE_VERIFIER"),
        ({"redirect_uri": URI, "code_verifier": VERIFIER, "client_secret": "x"}, "BAD_CLIENT_SECRET"),
        ({"redirect_uri": URI, "code_verifier": VERIFIER, "code": "x"}, "BAD_AUTH_CODE"),
    ]
    for given, status in cases:
        answer = await token(hub, "authorization_code", **{"code": await code(hub, **pkce), **given})
        assert (answer.status_code, answer.json()["status"]) == (400, status)
        assert {"error", "error_description", "message"} <= answer.json().keys()
    made = await code(hub, **pkce)
    saved = Hub(hub.service.save())
    good = await token(saved, "authorization_code", code=made, redirect_uri=URI, code_verifier=VERIFIER)
    assert good.status_code == 200
    hub.clock.advance(601)
    late = await token(hub, "authorization_code", code=made, redirect_uri=URI, code_verifier=VERIFIER)
    assert late.json()["status"] == "BAD_AUTH_CODE"


async def test_grants_are_refused_in_the_words_of_the_vendor() -> None:
    hub = Hub(app())
    assert (await token(hub, "password")).json()["status"] == "BAD_GRANT_TYPE"
    assert (await token(hub, "refresh_token", client_id="x")).json()["error"] == "invalid_client"
    answer = (await token(hub, "refresh_token", refresh_token="x")).json()
    assert (answer["error"], answer["status"]) == ("invalid_grant", "BAD_REFRESH_TOKEN")
    assert answer["error_description"] == "refresh token is invalid, expired or revoked"
    in_query = await hub.client.post(f"{TOKEN}?grant_type=client_credentials")
    assert in_query.status_code == 400
    await hub.control("POST", "/oauth/refuse", {"status": "BAD_HUB"})
    assert (await token(hub, "client_credentials")).json()["error"] == "access_denied"
    await hub.control("POST", "/oauth/refuse", {"status": None})
    assert (await token(hub, "client_credentials")).status_code == 200


async def test_refresh_tokens_can_rotate() -> None:
    hub = Hub(app(rotate=True))
    first = hub.service.credentials("")["refresh_token"]
    second = (await token(hub, "refresh_token", refresh_token=first)).json()["refresh_token"]
    assert second != first
    assert (await token(hub, "refresh_token", refresh_token=first)).json()["status"] == "BAD_REFRESH_TOKEN"
    assert (await token(Hub(hub.service.save()), "refresh_token", refresh_token=second)).status_code == 200


async def test_a_revoked_refresh_token_leaves_its_access_tokens_alive() -> None:
    hub = Hub(app())
    known = hub.service.credentials("")
    got = (await token(hub, "refresh_token", refresh_token=known["refresh_token"])).json()
    form = {name: known[name] for name in ("client_id", "client_secret")}
    about = (await hub.client.post(f"{TOKEN}/introspect", data=form | {"token": got["access_token"]})).json()
    assert (about["active"], about["token_use"], about["expires_in"]) == (True, "access_token", 1800)
    assert sorted(about["scopes"]) == sorted(SCOPES)
    refresh = form | {"token": known["refresh_token"]}
    assert (await hub.client.post(f"{TOKEN}/introspect", data=refresh)).json()["token_use"] == "refresh_token"
    assert (await hub.client.post(f"{TOKEN}/revoke", data=refresh)).status_code == 204
    assert (await hub.client.post(f"{TOKEN}/introspect", data=refresh)).json() == {"active": False}
    assert (await token(hub, "refresh_token", refresh_token=known["refresh_token"])).status_code == 400
    hub.token = got["access_token"]
    await hub.good("GET", f"{OBJECTS}/contacts/101")
    await hub.client.post(f"{TOKEN}/revoke", data=form | {"token": got["access_token"]})
    await hub.refused(401, "GET", f"{OBJECTS}/contacts/101")
    assert (await hub.client.post(f"{TOKEN}/introspect", data={"token": "x"})).json()["status"] == "BAD_CLIENT_ID"


async def test_an_app_that_uninstalls_itself_has_no_tokens_left() -> None:
    hub = Hub(app())
    await hub.refused(400, "DELETE", "/appinstalls/2026-09/external-install")
    refresh = hub.service.credentials("")["refresh_token"]
    hub.token = (await token(hub, "refresh_token", refresh_token=refresh)).json()["access_token"]
    assert (await hub.call("DELETE", "/appinstalls/2026-09/external-install")).status_code == 204
    await hub.refused(401, "GET", f"{OBJECTS}/contacts")
    assert (await token(hub, "refresh_token", refresh_token=refresh)).json()["status"] == "BAD_REFRESH_TOKEN"


async def test_the_first_version_of_oauth_still_tells_what_a_token_is() -> None:
    hub = Hub(app())
    refresh = hub.service.credentials("")["refresh_token"]
    got = (await token(hub, "refresh_token", "/oauth/v1/token", refresh_token=refresh)).json()
    shown = (await hub.client.get(f"/oauth/v1/access-tokens/{got['access_token']}")).json()
    assert (shown["token_type"], shown["hub_id"]) == ("access", hub.service.portal.settings["portal_id"])
    assert (await hub.client.get(f"/oauth/v1/refresh-tokens/{refresh}")).json()["token_type"] == "refresh"
    assert (await hub.client.get(f"/oauth/2026-09/refresh-tokens/{refresh}")).status_code == 404
    assert (await hub.client.delete(f"/oauth/v1/refresh-tokens/{refresh}")).status_code == 204
    assert (await hub.client.get(f"/oauth/v1/refresh-tokens/{refresh}")).status_code == 404


# Scopes.


async def limited(*scopes: str, **world: Any) -> Hub:
    """A hub whose static token has only these scopes."""
    return Hub({"oauth": {"static_scopes": list(scopes)}, **world})


def lacking(body: dict[str, Any]) -> list[str]:
    assert body["category"] == "MISSING_SCOPES"
    names: list[str] = body["errors"][0]["context"]["requiredGranularScopes"]
    return names


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/crm/objects/2026-09/contacts", "crm.objects.contacts.read"),
        ("POST", "/crm/objects/2026-09/contacts/search", "crm.objects.contacts.read"),
        ("POST", "/crm/objects/2026-09/contacts/batch/read", "crm.objects.contacts.read"),
        ("POST", "/crm/objects/2026-09/contacts", "crm.objects.contacts.write"),
        ("PATCH", "/crm/v3/objects/companies/1", "crm.objects.companies.write"),
        ("GET", "/crm/objects/2026-09/notes", "crm.objects.contacts.read"),
        ("GET", "/crm/objects/2026-09/emails", "crm.objects.contacts.read"),
        ("GET", "/crm/objects/2026-09/tickets", "tickets"),
        ("GET", "/crm/objects/2026-09/0-136", "crm.objects.leads.read"),
        ("GET", "/crm/objects/2026-09/cars", "crm.objects.custom.read"),
        ("POST", "/crm/associations/2026-09/contacts/deals/batch/create", "crm.objects.contacts.write"),
        ("GET", "/crm/properties/2026-09/deals", "crm.schemas.deals.read"),
        ("POST", "/crm/properties/2026-09/deals", "crm.schemas.deals.write"),
        ("PUT", "/crm/property-validations/2026-09/0-1/city/rule-type/URL", "crm.schemas.contacts.write"),
        ("GET", "/crm/pipelines/2026-09/deals", "crm.schemas.deals.read"),
        ("POST", "/crm-object-schemas/2026-09/schemas", "crm.schemas.custom.write"),
        ("GET", "/crm/owners/2026-09", "crm.objects.owners.read"),
        ("GET", "/account-info/2026-09/details", "oauth"),
    ],
)
async def test_every_route_asks_for_its_scope(method: str, path: str, scope: str) -> None:
    hub = await limited("automation", objects={"cars": {}})
    assert scope in lacking(await hub.refused(403, method, path, {} if method != "GET" else None))
    good = await limited(scope, "crm.objects.deals.write", objects={"cars": {}})
    assert (await good.call(method, path, {} if method != "GET" else None)).status_code != 403


async def test_a_token_by_default_may_do_everything() -> None:
    hub = Hub({"objects": {"cars": {}}})
    for path in ("tickets", "cars", "leads", "emails", "products"):
        await hub.good("GET", f"{OBJECTS}/{path}")


async def test_without_its_scope_the_content_of_emails_is_not_shown() -> None:
    email = {"id": "7", "properties": {"hs_timestamp": "2026-11-23T08:00:00Z", "hs_email_subject": "Secret",
                                       "hs_email_direction": "EMAIL"}}  # fmt: skip
    names = {"properties": "hs_email_subject,hs_email_direction", "propertiesWithHistory": "hs_email_subject"}
    world = {"records": {"emails": [email]}}
    hub = await limited("crm.objects.contacts.read", **world)
    got = await hub.good("GET", f"{OBJECTS}/emails/7", params=names)
    assert (got["properties"]["hs_email_subject"], got["properties"]["hs_email_direction"]) == (None, "EMAIL")
    assert got["propertiesWithHistory"]["hs_email_subject"] == []
    found = await hub.good("POST", f"{OBJECTS}/emails/search", {"properties": ["hs_email_subject"]})
    assert found["results"][0]["properties"]["hs_email_subject"] is None
    hub = await limited("crm.objects.contacts.read", "sales-email-read", **world)
    got = await hub.good("GET", f"{OBJECTS}/emails/7", params=names)
    assert got["properties"]["hs_email_subject"] == "Secret"


async def test_sensitive_properties_are_not_there_without_the_scope_for_them() -> None:
    row = {"name": "diagnosis", "dataSensitivity": "sensitive", "groupName": "contactinformation"}
    world = {"properties": {"contacts": [row]}, "records": {"contacts": [contact(101, diagnosis="cold")]}}
    plain = ("crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.write")
    hub = await limited(*plain, **world)
    path = f"{OBJECTS}/contacts/101"
    got = await hub.good("GET", path, params={"properties": "diagnosis,firstname"})
    assert "diagnosis" not in got["properties"]
    body = await hub.refused(400, "PATCH", path, {"properties": {"diagnosis": "flu"}})
    assert codes(body) == {"diagnosis": "PROPERTY_DOESNT_EXIST"}
    properties = "/crm/properties/2026-09/contacts"
    scope = "crm.objects.contacts.sensitive.read"
    assert lacking(await hub.refused(403, "GET", f"{properties}?dataSensitivity=sensitive")) == [scope]
    assert "diagnosis" not in {one["name"] for one in (await hub.good("GET", properties))["results"]}
    await hub.refused(404, "GET", f"{properties}/diagnosis")
    await hub.refused(403, "PATCH", f"{properties}/diagnosis", {"label": "D"})
    hub = await limited(*plain, scope, "crm.objects.contacts.sensitive.write", **world)
    assert (await hub.good("PATCH", path, {"properties": {"diagnosis": "flu"}}))["properties"]["diagnosis"] == "flu"
    listed = (await hub.good("GET", f"{properties}?dataSensitivity=sensitive"))["results"]
    assert [(one["name"], one["dataSensitivity"]) for one in listed] == [("diagnosis", "sensitive")]
    await hub.refused(400, "GET", f"{properties}?dataSensitivity=secret")


async def test_the_journal_wants_the_apps_own_token_with_its_scopes() -> None:
    hub = Hub()
    own = (await token(hub, "client_credentials", scope="developer.webhooks_journal.read")).json()
    assert own["token_use"] == "client_credentials"
    await hub.refused(403, "GET", "/webhooks-journal/journal/2026-09/earliest")
    hub.token = own["access_token"]
    await hub.refused(403, "GET", f"{OBJECTS}/contacts")
    assert (await hub.call("GET", "/webhooks-journal/journal/2026-09/earliest")).status_code in (200, 204)
    body = await hub.refused(403, "GET", "/webhooks-journal/subscriptions/2026-09")
    assert lacking(body) == ["developer.webhooks_journal.subscriptions.read"]


# Service keys.


async def test_what_a_service_key_writes_shows_the_key() -> None:
    keys = [{"token": "pat-eu1-key", "name": "Nightly sync", "id": "77",
             "scopes": ["crm.objects.contacts.read", "crm.objects.contacts.write"]},
            {"token": "pat-eu1-all", "name": "Everything"}]  # fmt: skip
    hub = Hub({"service_keys": keys, "records": {"contacts": [contact(101)]}, "index_lag_ms": 0})
    hub.token = "pat-eu1-key"
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Bonn"}})
    entry = (await hub.history("101", "city"))[0]
    assert (entry["sourceType"], entry["sourceId"], entry["sourceLabel"]) == ("INTEGRATION", "77", "Nightly sync")
    assert await hub.search(where("city", "EQ", "Bonn")) == ["101"]
    assert lacking(await hub.refused(403, "GET", f"{OBJECTS}/deals")) == ["crm.objects.deals.read"]
    await hub.good("GET", "/account-info/2026-09/details")
    hub.token = "pat-eu1-all"
    await hub.good("GET", f"{OBJECTS}/deals")
    assert hub.service.save()["service_keys"] == keys
    await hub.refused(403, "GET", "/webhooks-journal/journal/2026-09/latest")
