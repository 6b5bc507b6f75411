"""The OAuth endpoints of the sandboxed Salesforce (api/salesforce.md section 2)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.sandbox.salesforce_world import ALICE, START, Org, world

TOKEN, NOW = "/services/oauth2/token", int(START.timestamp())
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
BACK = "https://tool.example/back"


@pytest.fixture(scope="module")
def pem() -> str:
    """A private key of a client's own."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public(pem: str) -> str:
    key = serialization.load_pem_private_key(pem.encode(), password=None).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def trusting(pem: str, **oauth: Any) -> Org:
    return Org({**world(), "oauth": {"jwt_certificates": [public(pem)], **oauth}})


def claims(org: Org, **changed: Any) -> dict[str, Any]:
    keys = org.service.credentials("")
    good = {"iss": keys["client_id"], "sub": keys["username"], "aud": "https://login.salesforce.com", "exp": NOW + 170}
    return {key: value for key, value in {**good, **changed}.items() if value is not None}


async def asked(org: Org, **form: Any) -> httpx.Response:
    return await org.client.post(TOKEN, data=form, headers={"Authorization": ""})


async def asserted(org: Org, pem: str, algorithm: str = "RS256", **changed: Any) -> httpx.Response:
    signed = jwt.encode(claims(org, **changed), pem, algorithm=algorithm)
    return await asked(org, grant_type=JWT, assertion=signed)


def said(answer: httpx.Response) -> tuple[str, str]:
    assert answer.status_code == 400, answer.text
    body = answer.json()
    return body["error"], body["error_description"]


async def used(org: Org, token: str) -> int:
    """The status of a call with that token."""
    return (await org.get("/limits", headers={"Authorization": f"Bearer {token}"})).status_code


class TestAssertions:
    async def test_a_signed_assertion_gets_a_token_without_a_secret(self, pem: str) -> None:
        org = trusting(pem)
        granted = (await asserted(org, pem)).json()
        assert await used(org, granted["access_token"]) == 200
        assert granted["id"].endswith(org.user_id)
        assert "refresh_token" not in granted

    @pytest.mark.parametrize(
        ("changed", "error"),
        [
            ({"iss": "other"}, ("invalid_client_id", "client identifier invalid")),
            ({"aud": "https://test.salesforce.com"}, ("invalid_grant", "audience is invalid")),
            ({"aud": None}, ("invalid_grant", "audience is invalid")),
            ({"aud": ["https://login.salesforce.com"]}, ("invalid_grant", "audience is invalid")),
            ({"exp": NOW - 60}, ("invalid_grant", "expired authorization code")),
            ({"exp": NOW + 600}, ("invalid_grant", "invalid assertion")),
            ({"exp": None}, ("invalid_grant", "invalid assertion")),
            ({"sub": "nobody@sandbox.example"}, ("invalid_grant", "user hasn't approved this consumer")),
            ({"sub": "alice@our.example"}, ("invalid_grant", "user hasn't approved this consumer")),
            ({"sub": None}, ("invalid_grant", "user hasn't approved this consumer")),
        ],
    )
    async def test_a_wrong_claim_is_named(self, pem: str, changed: dict[str, Any], error: tuple[str, str]) -> None:
        assert said(await asserted(trusting(pem), pem, **changed)) == error

    async def test_the_clients_clock_may_be_a_little_wrong(self, pem: str) -> None:
        org = trusting(pem)
        assert (await asserted(org, pem, exp=NOW - 10)).status_code == 200
        assert (await asserted(org, pem, exp=NOW + 200)).status_code == 200

    async def test_the_sandboxes_own_clock_judges(self, pem: str) -> None:
        org = trusting(pem)
        await org.control("clock", {"advance": 86_400})
        assert said(await asserted(org, pem)) == ("invalid_grant", "expired authorization code")
        assert (await asserted(org, pem, exp=NOW + 86_400 + 60)).status_code == 200

    @pytest.mark.parametrize("assertion", ["", "a.b.c", "é", "eyJhbGciOiJub25lIn0.e30."])
    async def test_what_is_no_assertion_is_invalid(self, pem: str, assertion: str) -> None:
        error, _ = said(await asked(trusting(pem), grant_type=JWT, assertion=assertion))
        assert error in ("invalid_grant", "invalid_client_id")

    async def test_a_strangers_signature_is_invalid(self, pem: str) -> None:
        org = trusting(pem)
        other = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        signed = jwt.encode(claims(org), other, algorithm="RS256")
        assert said(await asked(org, grant_type=JWT, assertion=signed)) == ("invalid_grant", "invalid assertion")
        assert said(await asserted(org, pem, algorithm="RS512")) == ("invalid_grant", "invalid assertion")
        unsigned = jwt.encode(claims(org), None, algorithm="none")
        assert said(await asked(org, grant_type=JWT, assertion=unsigned)) == ("invalid_grant", "invalid assertion")

    async def test_an_app_without_a_certificate_trusts_nobody(self, pem: str) -> None:
        assert said(await asserted(Org(), pem)) == ("invalid_grant", "invalid assertion")

    async def test_another_user_that_is_allowed_acts_in_its_own_name(self, pem: str) -> None:
        org = trusting(pem, jwt_users=["Alice@our.example", "bob@our.example"])
        granted = (await asserted(org, pem, sub="alice@our.example")).json()
        headers = {"Authorization": f"Bearer {granted['access_token']}"}
        made = await org.post("/sobjects/Account", {"Name": "Hers"}, headers=headers)
        assert (await org.fields("Account", made.json()["id"]))["CreatedById"] == ALICE
        inside = {"method": "POST", "url": "/services/data/v66.0/sobjects/Account", "referenceId": "a",
                  "body": {"Name": "Hers too"}}  # fmt: skip
        await org.post("/composite", {"compositeRequest": [inside]}, headers=headers)
        assert await org.column("SELECT CreatedById FROM Account WHERE Name = 'Hers too'") == [ALICE]
        assert said(await asserted(org, pem, sub="bob@our.example")) == ("invalid_grant", "inactive user")

    async def test_the_sandbox_hands_out_a_key_that_works(self) -> None:
        org = Org()
        line = org.service.credentials("http://salesforce.test")
        assert line["jwt_key"] == "http://salesforce.test/_control/oauth/key"
        key = (await org.client.get(line["jwt_key"])).json()
        signed = jwt.encode(
            {**{k: key[k] for k in ("iss", "sub", "aud")}, "exp": NOW + 60}, key["private_key"], "RS256"
        )
        assert (await asked(org, grant_type=JWT, assertion=signed)).status_code == 200
        org.app.load(org.service.save())
        assert (await asked(org, grant_type=JWT, assertion=signed)).status_code == 200
        assert (await org.client.get(line["jwt_key"])).json() == key

    @pytest.mark.parametrize(
        "oauth", [{"jwt_certificates": ["nonsense"]}, {"jwt_certificates": "x"}, {"nope": 1}, {"jwt_private_key": "x"}]
    )
    def test_a_malformed_app_is_refused(self, oauth: dict[str, Any]) -> None:
        with pytest.raises(Exception, match="malformed"):
            Org({**world(), "oauth": oauth})


async def code_of(org: Org, **given: str) -> str:
    """A code that the web-server flow sends to the client."""
    answer = await authorised(org, **given)
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


async def authorised(org: Org, **given: str) -> httpx.Response:
    client = org.service.credentials("")["client_id"]
    asked = {"response_type": "code", "client_id": client, "redirect_uri": BACK, "state": "s 1", **given}
    return await org.client.get("/services/oauth2/authorize", params=asked)


async def exchanged(org: Org, code: str, **given: str) -> httpx.Response:
    keys = org.service.credentials("")
    form = {"client_id": keys["client_id"], "client_secret": keys["client_secret"], "redirect_uri": BACK, **given}
    form = {key: value for key, value in form.items() if value}
    return await asked(org, grant_type="authorization_code", code=code, **form)


async def refreshed(org: Org, token: str) -> httpx.Response:
    keys = org.service.credentials("")
    secret = {"client_id": keys["client_id"], "client_secret": keys["client_secret"]}
    return await asked(org, grant_type="refresh_token", refresh_token=token, **secret)


class TestWebServerFlow:
    async def test_a_code_is_exchanged_once_for_tokens_of_the_user_who_agreed(self) -> None:
        org = Org()
        code = await code_of(org, login_hint="alice@our.example")
        granted = (await exchanged(org, code)).json()
        assert granted["id"].endswith(ALICE)
        assert await used(org, granted["access_token"]) == 200
        assert said(await exchanged(org, code)) == ("invalid_grant", "invalid authorization code")
        again = (await refreshed(org, granted["refresh_token"])).json()
        assert (again["id"], "refresh_token" in again) == (granted["id"], False)

    async def test_a_code_grows_old(self) -> None:
        org = Org()
        code = await code_of(org)
        await org.control("clock", {"advance": 901})
        assert said(await exchanged(org, code)) == ("invalid_grant", "expired authorization code")

    async def test_pkce_proves_a_client_without_a_secret(self) -> None:
        org, verifier = Org(), "v" * 50
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        code = await code_of(org, code_challenge=challenge, code_challenge_method="S256")
        granted = await exchanged(org, code, client_secret="", code_verifier=verifier)
        assert granted.status_code == 200
        code = await code_of(org, code_challenge=challenge)
        wrong = await exchanged(org, code, client_secret="", code_verifier="other")
        assert said(wrong) == ("invalid_grant", "invalid code verifier")
        assert said(await exchanged(org, await code_of(org), client_secret=""))[0] == "invalid_client"

    async def test_codes_go_only_where_the_app_says(self) -> None:
        org = Org({**world(), "oauth": {"redirect_uris": [BACK]}})
        assert (await authorised(org, redirect_uri="https://evil.example")).json()["error"] == "redirect_uri_mismatch"
        other = await exchanged(org, await code_of(org), redirect_uri="https://evil.example")
        assert said(other)[0] == "redirect_uri_mismatch"
        assert (await authorised(org, client_id="x")).status_code == 400

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"login_hint": "bob@our.example"}, "access_denied"),
            ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
        ],
    )
    async def test_a_refused_browser_is_sent_back_with_the_reason(self, given: dict[str, str], error: str) -> None:
        answer = await authorised(Org(), **given)
        found = parse_qs(urlsplit(answer.headers["location"]).query)
        assert (answer.status_code, found["error"], found["state"]) == (302, [error], ["s 1"])

    async def test_rotation_makes_a_refresh_token_good_once(self) -> None:
        org = Org({**world(), "oauth": {"refresh_token_rotation": True}})
        first = (await exchanged(org, await code_of(org))).json()["refresh_token"]
        second = (await refreshed(org, first)).json()["refresh_token"]
        assert said(await refreshed(org, first)) == ("invalid_grant", "expired access/refresh token")
        assert (await refreshed(org, second)).status_code == 200


class TestRevocation:
    async def test_a_revoked_refresh_token_takes_its_access_tokens_along(self) -> None:
        org = Org()
        granted = (await exchanged(org, await code_of(org))).json()
        answer = await org.client.post("/services/oauth2/revoke", data={"token": granted["refresh_token"]})
        assert (answer.status_code, answer.content) == (200, b"")
        assert await used(org, granted["access_token"]) == 401
        assert said(await refreshed(org, granted["refresh_token"])) == ("invalid_grant", "expired access/refresh token")

    async def test_an_access_token_is_revoked_by_itself(self) -> None:
        org = Org()
        assert (await org.client.get("/services/oauth2/revoke", params={"token": org.token})).status_code == 200
        assert await used(org, org.token) == 401
        again = await org.client.get("/services/oauth2/revoke", params={"token": org.token})
        assert said(again) == ("invalid_token", "invalid token")

    async def test_introspection_tells_live_tokens_from_dead_ones(self) -> None:
        org = Org()
        granted = (await exchanged(org, await code_of(org))).json()
        keys = org.service.credentials("")
        secret = (keys["client_id"], keys["client_secret"])

        async def seen(token: str) -> dict[str, Any]:
            answer = await org.client.post("/services/oauth2/introspect", data={"token": token}, auth=secret)
            found: dict[str, Any] = answer.json()
            return found

        access = await seen(granted["access_token"])
        assert (access["active"], access["username"], access["exp"]) == (True, keys["username"], NOW + 7200)
        assert (await seen(granted["refresh_token"]))["token_type"] == "refresh_token"
        assert (await seen(org.token))["active"] is True
        await org.control("clock", {"advance": 7201})
        assert await seen(granted["access_token"]) == await seen("nonsense") == {"active": False}
        answer = await org.client.post("/services/oauth2/introspect", data={"token": org.token})
        assert answer.status_code == 400


async def test_a_fault_with_a_small_letter_is_worded_as_the_token_endpoint_does() -> None:
    org = Org()
    await org.control(
        "faults", {"kind": "status", "path": TOKEN, "status": 400, "code": "invalid_grant: ip restricted"}
    )
    assert said(await asked(org, grant_type="client_credentials")) == ("invalid_grant", "ip restricted")


async def test_the_username_password_flow_is_refused() -> None:
    form = {"grant_type": "password", "username": "a", "password": "b"}
    assert said(await asked(Org(), **form)) == ("unsupported_grant_type", "grant type not supported")


# Faults, odd input, bounds


async def test_a_fault_at_the_token_endpoint_is_worded_as_oauth_does() -> None:
    org = Org()
    for fault, error in (
        ({"status": 503}, "unknown_error"),
        ({"status": 429}, "rate_limit_exceeded"),
        ({"status": 400, "code": "invalid_grant: ip restricted"}, "invalid_grant"),
    ):
        await org.control("faults", {"kind": "status", "path": "oauth2/token", **fault})
        answer = await org.client.post("/services/oauth2/token", data={"grant_type": "client_credentials"})
        assert (answer.status_code, answer.json()["error"]) == (fault["status"], error)
        assert set(answer.json()) == {"error", "error_description"}


async def test_basic_credentials_that_are_no_text_are_refused() -> None:
    org = Org()
    headers = {b"Authorization": b"Basic \xff", b"Content-Type": b"application/x-www-form-urlencoded"}
    form = b"grant_type=client_credentials"
    answer = await org.client.post("/services/oauth2/token", content=form, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


async def test_tokens_that_are_kept_are_bounded() -> None:
    org = Org()
    tokens = org.service._tokens
    section = org.service.credentials("")
    form = f"grant_type=client_credentials&client_id={section['client_id']}&client_secret={section['client_secret']}"
    first = tokens.grant(form.encode(), {}, "")["access_token"]
    org.controls.clock.advance(1)
    for _ in range(10_500):
        last = tokens.grant(form.encode(), {}, "")["access_token"]
    assert not tokens.is_good(f"Bearer {first}")
    assert tokens.is_good(f"Bearer {last}")
    assert tokens.is_good(f"Bearer {org.token}")


async def test_the_end_of_an_assertion_may_be_a_text_of_digits(pem: str) -> None:
    org = trusting(pem)
    assert (await asserted(org, pem, exp=str(NOW + 170))).status_code == 200
    for end in ("soon", "", "1" * 30, True, 10**400, -1.5):
        assert said(await asserted(org, pem, exp=end))[0] == "invalid_grant"


async def test_a_token_tells_the_user_that_its_assertion_named(pem: str) -> None:
    org = trusting(pem, jwt_users=["alice@our.example"])
    token = (await asserted(org, pem, sub="alice@our.example")).json()["access_token"]
    hers = {"Authorization": f"Bearer {token}"}
    assert (await org.client.get("/services/oauth2/userinfo", headers=hers)).json()["user_id"] == ALICE
    listed = (await org.get("/", headers=hers)).json()
    path = urlsplit(listed["identity"]).path
    assert (await org.client.get(path, headers=hers)).json()["username"] == "alice@our.example"
    assert (await org.client.get(path)).text == "No_Access"
    job = (await org.post("/jobs/ingest", {"object": "Contact", "operation": "insert"}, headers=hers)).json()
    assert job["createdById"] == ALICE
