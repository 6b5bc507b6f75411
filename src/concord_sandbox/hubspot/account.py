"""Tokens, account details, owners, pipelines and account limits (API reference sections 2, 3, 11, 21)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from concord_sandbox.hubspot import responses
from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.errors import (
    BAD_TOKEN,
    EXPIRED_TOKEN,
    NO_CREDENTIALS,
    ApiError,
    bad_request,
    no_such_thing,
    unauthorized,
)
from concord_sandbox.hubspot.models import Portal
from concord_sandbox.hubspot.tables import whole_number
from concord_sandbox.hubspot.targets import Lane
from concord_sandbox.hubspot.values import iso

TOKEN_SECONDS = 1_800
_SCOPES = (  # noqa: SIM905 - as scopes are written
    "oauth crm.objects.contacts.read crm.objects.contacts.write crm.objects.companies.read"
    " crm.objects.companies.write crm.objects.deals.read crm.objects.deals.write crm.objects.owners.read"
    " crm.schemas.contacts.read crm.schemas.contacts.write communication_preferences.read_write"
).split()
Answer = tuple[Any, int]


@dataclass(frozen=True)
class Token:
    """An issued access token. expires: epoch ms; None never. use: as in the token answer."""

    use: str
    expires: int | None
    scopes: tuple[str, ...] = ()

    @property
    def static(self) -> bool:
        return self.expires is None


class Tokens:
    """The access tokens of one account."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._issued: dict[str, Token] = {str(portal.settings["access_token"]): Token("access_token", None)}

    def check(self, authorization: str, now: int, lane: Lane = "api") -> Token:
        """The token of an `Authorization` header. Raises ApiError (401, or 403 for a token of the other kind: the
        journal wants the app's own, all else an account's)."""
        kind, _, given = authorization.partition(" ")
        if kind.lower() != "bearer" or not given.strip():
            raise unauthorized(NO_CREDENTIALS)
        token = self._issued.get(given.strip())
        if token is None:
            raise unauthorized(BAD_TOKEN)
        if token.expires is not None and token.expires <= now:
            raise unauthorized(EXPIRED_TOKEN, "EXPIRED_AUTHENTICATION")
        if (token.use == "client_credentials") != (lane == "app"):
            message = "This app hasn't been granted all required scopes to make this call."
            scopes = {
                "message": message,
                "context": {"requiredGranularScopes": ["crm.objects.contacts.read"]},
            }
            raise ApiError(403, "MISSING_SCOPES", message, errors=[scopes])
        return token

    def issue(self, use: str, now: int, scopes: tuple[str, ...]) -> str:
        self._issued = {text: one for text, one in self._issued.items() if one.expires is None or one.expires > now}
        text = f"CNj-sandbox-{use}-{len(self._issued):04d}-{now:x}"
        self._issued[text] = Token(use, now + TOKEN_SECONDS * 1000, scopes)
        return text

    def known(self, text: str, now: int) -> Token | None:
        token = self._issued.get(text)
        return token if token is not None and (token.expires is None or token.expires > now) else None


def oauth(tokens: Tokens, call: Call) -> Answer:
    """`POST /oauth/2026-09/token`: form-encoded, by refresh token or by client credentials."""
    asked = _form(call)
    _check_client(call, asked)
    now, settings = call.now, call.portal.settings
    scopes = tuple(asked.get("scope", "").split()) or tuple(_SCOPES)
    common = {"expires_in": TOKEN_SECONDS, "token_type": "bearer"}
    match asked.get("grant_type"):
        case "refresh_token":
            if asked.get("refresh_token") != settings["refresh_token"]:
                raise _refused("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
            return {
                "access_token": tokens.issue("access_token", now, scopes),
                "refresh_token": settings["refresh_token"],
                **common,
                "token_use": "access_token",
                "hub_id": int(settings["portal_id"]),
                "user_id": 1,
                "scopes": list(_SCOPES),
            }, 200
        case "client_credentials":
            return {
                "access_token": tokens.issue("client_credentials", now, scopes),
                **common,
                "token_use": "client_credentials",
            }, 200
        case "authorization_code":
            raise _refused("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
        case _:
            raise _refused("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")


def _form(call: Call) -> dict[str, str]:
    try:
        found = parse_qs(call.body.decode("utf-8", "replace"), max_num_fields=100)
    except ValueError as error:
        raise bad_request("The form has too many fields") from error
    return {name: values[-1] for name, values in found.items()}


def _check_client(call: Call, asked: dict[str, str]) -> None:
    settings = call.portal.settings
    if asked.get("client_id") != settings["client_id"]:
        raise _refused("invalid_client", "BAD_CLIENT_ID", "missing or invalid client id")
    if asked.get("client_secret") != settings["client_secret"]:
        raise _refused("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")


def _refused(error: str, status: str, words: str) -> ApiError:
    return ApiError(400, None, words, extra={"error": error, "error_description": words, "status": status})


def introspect(tokens: Tokens, call: Call) -> Answer:
    asked = _form(call)
    _check_client(call, asked)
    token = tokens.known(asked.get("token", ""), call.now)
    refresh = asked.get("token") == call.portal.settings["refresh_token"]
    if token is None and not refresh:
        return {"active": False}, 200
    settings = call.portal.settings
    left = (token.expires - call.now) // 1000 if token is not None and token.expires is not None else 0
    return {
        "active": True,
        "hub_id": int(settings["portal_id"]),
        "app_id": int(settings["app_id"]),
        "client_id": settings["client_id"],
        "user_id": 1,
        "user": "admin@example.com",
        "hub_domain": "sandbox.example.com",
        "scopes": list(_SCOPES),
        "token_use": "refresh_token" if refresh else token.use if token else "",
        "token_type": "bearer",
        "expires_in": left,
    }, 200


# The account.


def details(call: Call) -> Answer:
    settings = call.portal.settings
    offset = datetime.fromtimestamp(call.now / 1000, UTC).astimezone(ZoneInfo(settings["time_zone"])).utcoffset()
    seconds = int(offset.total_seconds()) if offset is not None else 0
    sign, rest = ("-" if seconds < 0 else "+"), abs(seconds)
    return {
        "portalId": int(settings["portal_id"]),
        "accountType": settings["account_type"],
        "timeZone": settings["time_zone"],
        "companyCurrency": settings["currency"],
        "additionalCurrencies": [],
        "utcOffset": f"{sign}{rest // 3600:02d}:{rest % 3600 // 60:02d}",
        "utcOffsetMilliseconds": seconds * 1000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "eu1",
    }, 200


def daily_usage(used: int, limit: int, resets_at: int, call: Call) -> Answer:
    row = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": limit,
        "currentUsage": used,
        "collectedAt": iso(call.now),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(resets_at),
    }
    return {"results": [row]}, 200


def record_limits(call: Call) -> Answer:
    most = 15_000_000
    rows = [
        {
            "objectTypeId": table.kind.type_id,
            "singularLabel": table.kind.singular.title(),
            "pluralLabel": table.kind.plural.title(),
            "limit": most,
            "usage": len(table.live),
            "percentage": round(100 * len(table.live) / most, 4),
        }
        for table in call.portal.tables()
    ]
    defined = [row for row in rows if str(row["objectTypeId"]).startswith("0-")]
    own = [row for row in rows if row not in defined]
    usage = sum(int(str(row["usage"])) for row in own)
    custom = {
        "byObjectType": own,
        "overallLimit": most,
        "overallUsage": usage,
        "overallPercentage": round(100 * usage / most, 4),
    }
    return {"hubspotDefinedObjectTypes": defined, "customObjectTypes": custom}, 200


# Owners.


def _owner(owner: dict[str, Any]) -> dict[str, Any]:
    user_id = owner.get("userId")
    shown = {
        "id": owner["id"],
        "email": owner.get("email"),
        "firstName": owner.get("firstName"),
        "lastName": owner.get("lastName"),
        "type": owner.get("type", "PERSON"),
        "userId": int(user_id) if user_id is not None and not owner.get("archived") else None,
        "userIdIncludingInactive": int(user_id) if user_id is not None else None,
        "createdAt": owner.get("createdAt", iso(0)),
        "updatedAt": owner.get("updatedAt", iso(0)),
        "archived": bool(owner.get("archived", False)),
        "teams": owner.get("teams", []),
    }
    return {name: value for name, value in shown.items() if value is not None}


def owners(call: Call) -> Answer:
    email, archived = call.text("email").lower(), call.flag("archived")
    limit, after = call.limit(100, 500), whole_number(call.text("after", "0"))
    if after is None:
        raise bad_request("after is not a cursor of this list")
    found = [
        owner
        for owner in sorted(call.portal.owners, key=lambda owner: whole_number(owner["id"]) or 0)
        if bool(owner.get("archived", False)) == archived
        and (not email or str(owner.get("email", "")).lower() == email)
        and (whole_number(owner["id"]) or 0) > after
    ]
    answer: dict[str, Any] = {"results": [_owner(owner) for owner in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1]["id"]
        answer["paging"] = responses.paging(last, f"{call.path}?after={last}")
    return answer, 200


def owner(call: Call) -> Answer:
    by = "userId" if call.text("idProperty") == "userId" else "id"
    found = next((one for one in call.portal.owners if str(one.get(by)) == call.at["id"]), None)
    if found is None or bool(found.get("archived", False)) != call.flag("archived"):
        raise no_such_thing(f"Owner {call.at['id'][:40]} does not exist")
    return _owner(found), 200
