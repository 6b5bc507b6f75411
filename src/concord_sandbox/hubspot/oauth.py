"""The tokens of an account: the app's own, those by OAuth, service keys; and the calls that give them (section 2).

World key `oauth` (every part may be left out):

    redirect_uris       where the app may have its users sent back to; null: any https address, and http://localhost
    scopes              the scopes that the app is configured with, which an authorization must ask for exactly; null:
                        whatever is asked for is granted, and tokens by the refresh token of the world have all
    optional_scopes     further ones that an authorization may ask for
    static_scopes       granted to the app's static token; null: all
    rotate              whether each refresh gives a new refresh token and ends the old one (false)
    refuse              a status (such as "BAD_HUB") with which every request for a token is refused; null: none
    codes, refresh_tokens, access_tokens
                        what was given out and still counts

World key `service_keys`: [{"token", "name", "scopes"?, "id"?}]. Their writes show the key in the histories; there is no
app behind them, so they have no webhooks and no journal.

Verbs: POST /_control/oauth/refuse {"status": "BAD_HUB" | … | null}; POST /_control/oauth/uninstall {}: the app's OAuth
tokens end, as when somebody disconnects it.
"""

from __future__ import annotations

import base64
import hashlib
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from concord_sandbox.hubspot import scopes
from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.crm import Crm
from concord_sandbox.hubspot.errors import (
    BAD_TOKEN,
    EXPIRED_TOKEN,
    NO_CREDENTIALS,
    ApiError,
    bad_request,
    missing_scopes,
    no_such_thing,
    unauthorized,
)
from concord_sandbox.hubspot.models import Actor
from concord_sandbox.hubspot.targets import Lane, Routes, Target
from concord_sandbox.parts import Part

TOKEN_SECONDS = 1_800
#: How long an authorization code can be exchanged. The vendor names no time; this is the most that RFC 6749 advises.
CODE_SECONDS = 600
Answer = tuple[Any, int]
Kind = Literal["static", "oauth", "service_key", "app"]
#: What a refusal is called in the words of OAuth, and what it says.
_REFUSALS = {
    "BAD_REFRESH_TOKEN": ("invalid_grant", "refresh token is invalid, expired or revoked"),
    "BAD_AUTH_CODE": ("invalid_grant", "missing or unknown auth code"),
    "BAD_REDIRECT_URI": ("invalid_grant", "redirect uri does not match the one of the authorization"),
    "BAD_CODE_VERIFIER": ("invalid_grant", "missing or invalid code verifier"),
    "BAD_SCOPES": ("invalid_scope", "the scopes are not those that the app is configured with"),
    "BAD_CLIENT_ID": ("invalid_client", "missing or invalid client id"),
    "BAD_CLIENT_SECRET": ("invalid_client", "missing or invalid client secret"),
    "BAD_GRANT_TYPE": ("unsupported_grant_type", "missing or unknown grant type"),
    "BAD_HUB": ("access_denied", "the hub does not exist or is not active"),
}


@dataclass(frozen=True)
class Token:
    """An access token. use: as in the token answer; expires: epoch ms, None never; scopes: None all; label, key: of a
    service key, for the histories of what it writes."""

    use: str
    expires: int | None
    scopes: frozenset[str] | None = None
    kind: Kind = "oauth"
    key: str = ""
    label: str = ""

    @property
    def static(self) -> bool:
        return self.expires is None

    def actor(self, app_id: str) -> Actor:
        """Who writes with it, in the words of histories (API reference section 7)."""
        return (
            Actor("INTEGRATION", self.key, self.label) if self.kind == "service_key" else Actor("INTEGRATION", app_id)
        )


@dataclass
class Code:
    """An authorization code that was not exchanged yet."""

    redirect_uri: str
    scopes: list[str]
    expires: int
    challenge: str = ""


class ServiceKeys(Part[Crm]):
    section = "service_keys"

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        self.rows: list[dict[str, Any]] = deepcopy(given or [])
        self.tokens: dict[str, Token] = {}
        for place, row in enumerate(self.rows):
            granted = row.get("scopes")
            self.tokens[str(row["token"])] = Token(
                "access_token",
                None,
                None if granted is None else frozenset(str(one) for one in granted),
                "service_key",
                str(row.get("id", 900_001 + place)),
                str(row["name"]),
            )

    def save(self) -> Any:
        return deepcopy(self.rows) or None


class Tokens(Part[Crm]):
    """The app's registration and every token that was given out."""

    section = "oauth"
    verbs = {"POST oauth/refuse": "set_refusal", "POST oauth/uninstall": "uninstall"}  # noqa: RUF012 - see Part

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        known, settings = given or {}, owner.portal.settings
        self.redirect_uris = _texts(known.get("redirect_uris"))
        self.scopes = _texts(known.get("scopes"))
        self.optional_scopes = _texts(known.get("optional_scopes")) or []
        self.static_scopes = _texts(known.get("static_scopes"))
        self.rotate = bool(known.get("rotate", False))
        self.refuse: str | None = known.get("refuse")
        if self.refuse is not None and self.refuse not in _REFUSALS:
            raise ValueError(f"refuse must be one of {', '.join(_REFUSALS)}")
        self.codes = {str(text): Code(**row) for text, row in known.get("codes", {}).items()}
        #: Refresh tokens and the scopes that they stand for; None: all.
        self.refreshable: dict[str, list[str] | None] = {str(settings["refresh_token"]): self.scopes}
        if "refresh_tokens" in known:
            self.refreshable = {str(text): _texts(listed) for text, listed in known["refresh_tokens"].items()}
        self._issued: dict[str, Token] = {}
        for text, row in known.get("access_tokens", {}).items():
            self._issued[str(text)] = Token(row["use"], int(row["expires"]), _granted(row["scopes"]), row["kind"])
        static = Token("access_token", None, _granted(self.static_scopes), "static")
        self._issued[str(settings["access_token"])] = static
        self._given_out = int(known.get("given_out", 0))

    def save(self) -> Any:
        return {
            "redirect_uris": self.redirect_uris,
            "scopes": self.scopes,
            "optional_scopes": list(self.optional_scopes),
            "static_scopes": self.static_scopes,
            "rotate": self.rotate,
            "refuse": self.refuse,
            "given_out": self._given_out,
            "codes": {text: asdict(code) for text, code in self.codes.items()},
            "refresh_tokens": deepcopy(self.refreshable),
            "access_tokens": {
                text: {
                    "use": one.use,
                    "expires": one.expires,
                    "scopes": None if one.scopes is None else sorted(one.scopes),
                    "kind": one.kind,
                }
                for text, one in self._issued.items()
                if one.expires is not None
            },
        }

    # Access tokens.

    def check(self, authorization: str, now: int, lane: Lane = "api") -> Token:
        """The token of an `Authorization` header. Raises ApiError (401, or 403 for a token of the other kind: the
        journal wants the app's own, all else an account's)."""
        kind, _, given = authorization.partition(" ")
        if kind.lower() != "bearer" or not given.strip():
            raise unauthorized(NO_CREDENTIALS)
        text = given.strip()
        token = self._issued.get(text) or self.owner.parts.of(ServiceKeys).tokens.get(text)
        if token is None:
            raise unauthorized(BAD_TOKEN)
        if token.expires is not None and token.expires <= now:
            raise unauthorized(EXPIRED_TOKEN, "EXPIRED_AUTHENTICATION")
        if (token.kind == "app") != (lane == "app"):
            raise missing_scopes(list(scopes.JOURNAL[:1]) if lane == "app" else ["crm.objects.contacts.read"])
        return token

    def issue(self, use: str, now: int, granted: list[str] | None, kind: Kind = "oauth") -> str:
        self._issued = {text: one for text, one in self._issued.items() if one.expires is None or one.expires > now}
        text = self._text("CNj")
        self._issued[text] = Token(use, now + TOKEN_SECONDS * 1000, _granted(granted), kind)
        return text

    def known(self, text: str, now: int) -> Token | None:
        token = self._issued.get(text)
        return token if token is not None and (token.expires is None or token.expires > now) else None

    def revoke(self, text: str) -> None:
        """End a token of either kind. An access token that came of a refresh token outlives it (section 2.3)."""
        self.refreshable.pop(text, None)
        if text in self._issued and not self._issued[text].static:
            del self._issued[text]

    def _text(self, start: str) -> str:
        self._given_out += 1
        seed = f"{self.owner.portal.settings['client_secret']}:{start}:{self._given_out}"
        digest = base64.urlsafe_b64encode(hashlib.sha512(seed.encode()).digest()).decode().rstrip("=")
        return f"{start}-{digest}-{self._given_out}"

    # Authorization codes and refresh tokens.

    def new_code(self, redirect_uri: str, granted: list[str], challenge: str, now: int) -> str:
        text = self._text("eu1")
        self.codes[text] = Code(redirect_uri, granted, now + CODE_SECONDS * 1000, challenge)
        return text

    def new_refresh(self, granted: list[str] | None) -> str:
        text = self._text("eu1-refresh")
        self.refreshable[text] = granted
        return text

    # Verbs.

    def set_refusal(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"status": "BAD_HUB", … or null}: every request for a token is refused so; null ends it."""
        status = asked["status"]
        if status is not None and status not in _REFUSALS:
            raise ValueError(f"status must be one of {', '.join(_REFUSALS)}, or null")
        self.refuse = status
        return {"status": status}

    def uninstall(self, _: dict[str, Any]) -> dict[str, Any]:
        """The app's OAuth tokens end, as when somebody disconnects it."""
        self.refreshable.clear()
        self._issued = {text: one for text, one in self._issued.items() if one.kind != "oauth"}
        return {"uninstalled": True}


def _texts(given: Any) -> list[str] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise TypeError("scopes and redirect URIs are lists")
    return [str(one) for one in given]


def _granted(listed: list[str] | None) -> frozenset[str] | None:
    return None if listed is None else frozenset(listed)


def _tokens(call: Call) -> Tokens:
    return call.crm.parts.of(Tokens)


# The page on which a person agrees: here everybody does, at once.


def authorize(call: Call) -> tuple[Response, int]:
    """`GET /oauth/authorize`: a redirect back to the app with a code. A request that does not fit what the app is
    configured with stays on the vendor's page: 400, and nobody is sent anywhere."""
    tokens = _tokens(call)
    if call.text("client_id") != call.portal.settings["client_id"]:
        raise _refused("BAD_CLIENT_ID")
    uri = call.text("redirect_uri")
    if not _may_return(tokens, uri):
        raise _refused("BAD_REDIRECT_URI")
    asked, optional = call.text("scope").split(), call.text("optional_scope").split()
    wrong = tokens.scopes is not None and (
        set(asked) != set(tokens.scopes) or not set(optional) <= set(tokens.optional_scopes)
    )
    if not asked or wrong or not set(asked + optional) <= set(scopes.ALL):
        raise _refused("BAD_SCOPES")
    challenge = call.text("code_challenge")
    if challenge and call.text("code_challenge_method") != "S256":
        raise bad_request("code_challenge_method must be S256")
    code = tokens.new_code(uri, list(dict.fromkeys(asked + optional)), challenge, call.now)
    back = {"code": code} | ({"state": call.text("state")} if "state" in call.query else {})
    location = f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(back)}"
    return RedirectResponse(location, status_code=302), 302


def _may_return(tokens: Tokens, uri: str) -> bool:
    if tokens.redirect_uris is not None:
        return uri in tokens.redirect_uris
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host == "localhost"))


# Tokens over the API.


def token(call: Call) -> Answer:
    """`POST /oauth/2026-09/token`: form-encoded. Raises ApiError in the words of section 2.3."""
    asked, tokens = _form(call), _tokens(call)
    if tokens.refuse is not None:
        raise _refused(tokens.refuse)
    _check_client(call, asked)
    match asked.get("grant_type"):
        case "authorization_code":
            return _answer(call, *_by_code(tokens, asked, call.now)), 200
        case "refresh_token":
            return _answer(call, *_by_refresh(tokens, asked)), 200
        case "client_credentials":
            granted = asked.get("scope", "").split() or list(scopes.JOURNAL)
            return {
                "access_token": tokens.issue("client_credentials", call.now, granted, "app"),
                "expires_in": TOKEN_SECONDS,
                "token_type": "bearer",
                "token_use": "client_credentials",
            }, 200
        case _:
            raise _refused("BAD_GRANT_TYPE")


def _by_code(tokens: Tokens, asked: dict[str, str], now: int) -> tuple[str, list[str] | None]:
    """The refresh token and the scopes of an authorization code, which counts once."""
    code = tokens.codes.pop(asked.get("code", ""), None)
    if code is None or code.expires <= now:
        raise _refused("BAD_AUTH_CODE")
    if asked.get("redirect_uri") != code.redirect_uri:
        raise _refused("BAD_REDIRECT_URI")
    if code.challenge:
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
            raise _refused("BAD_CODE_VERIFIER")
    return tokens.new_refresh(code.scopes), code.scopes


def _by_refresh(tokens: Tokens, asked: dict[str, str]) -> tuple[str, list[str] | None]:
    text = asked.get("refresh_token", "")
    if text not in tokens.refreshable:
        raise _refused("BAD_REFRESH_TOKEN")
    granted = tokens.refreshable[text]
    if tokens.rotate:
        del tokens.refreshable[text]
        text = tokens.new_refresh(granted)
    return text, granted


def _answer(call: Call, refresh: str, granted: list[str] | None) -> dict[str, Any]:
    return {
        "access_token": _tokens(call).issue("access_token", call.now, granted),
        "refresh_token": refresh,
        "expires_in": TOKEN_SECONDS,
        "token_type": "bearer",
        "token_use": "access_token",
        "hub_id": int(call.portal.settings["portal_id"]),
        "user_id": 1,
        "scopes": list(scopes.ALL if granted is None else granted),
    }


def _form(call: Call) -> dict[str, str]:
    try:
        found = parse_qs(call.body.decode("utf-8", "replace"), max_num_fields=100)
    except ValueError as error:
        raise bad_request("The form has too many fields") from error
    return {name: values[-1] for name, values in found.items()}


def _check_client(call: Call, asked: dict[str, str]) -> None:
    settings = call.portal.settings
    if asked.get("client_id") != settings["client_id"]:
        raise _refused("BAD_CLIENT_ID")
    if asked.get("client_secret") != settings["client_secret"]:
        raise _refused("BAD_CLIENT_SECRET")


def _refused(status: str) -> ApiError:
    error, words = _REFUSALS[status]
    return ApiError(400, None, words, extra={"error": error, "error_description": words, "status": status})


# What a token is.


def introspect(call: Call) -> Answer:
    asked = _form(call)
    _check_client(call, asked)
    return _about(call, asked.get("token", "")) or {"active": False}, 200


def _about(call: Call, text: str) -> dict[str, Any] | None:
    """What is told of a token; None of one that does not count."""
    tokens, settings = _tokens(call), call.portal.settings
    known = tokens.known(text, call.now)
    if known is None and text not in tokens.refreshable:
        return None
    granted = tokens.refreshable[text] if known is None else None if known.scopes is None else sorted(known.scopes)
    shown: dict[str, Any] = {
        "active": True,
        "token": text,
        "token_use": "refresh_token" if known is None else known.use,
        "token_type": "bearer",
        "hub_id": int(settings["portal_id"]),
        "app_id": int(settings["app_id"]),
        "client_id": settings["client_id"],
        "user_id": 1,
        "user": "admin@example.com",
        "hub_domain": "sandbox.example.com",
        "scopes": list(scopes.ALL if granted is None else granted),
    }
    if known is not None:
        left = (known.expires - call.now) // 1000 if known.expires is not None else 0
        shown |= {"expires_in": left, "is_private_distribution": True}
        shown["signed_access_token"] = _signed(call, known, shown["scopes"])
    return shown


def _signed(call: Call, known: Token, granted: list[str]) -> dict[str, Any]:
    settings = call.portal.settings
    return {
        "appId": int(settings["app_id"]),
        "hubId": int(settings["portal_id"]),
        "userId": 1,
        "installingUserId": 1,
        "expiresAt": known.expires or 0,
        "hublet": "eu1",
        "isPrivateDistribution": True,
        "isServiceAccount": False,
        "isUserLevel": False,
        "scopes": " ".join(granted),
        "trialScopes": "",
        "scopeToScopeGroupPks": "",
        "trialScopeToScopeGroupPks": "",
        "signature": "",
        "newSignature": "",
    }


def revoke(call: Call) -> Answer:
    """Answers the same whether the token counted or not."""
    asked = _form(call)
    _check_client(call, asked)
    _tokens(call).revoke(asked.get("token", ""))
    return None, 204


# The same of version 1, which stops in February 2027.


def old_access_token(call: Call) -> Answer:
    return _old(call, "access"), 200


def old_refresh_token(call: Call) -> Answer:
    return _old(call, "refresh"), 200


def _old(call: Call, kind: str) -> dict[str, Any]:
    shown = _about(call, call.at["token"]) if call.version == "v1" else None
    if shown is None or (shown["token_use"] == "refresh_token") != (kind == "refresh"):
        raise no_such_thing("resource not found")
    names = ["token", "user", "hub_domain", "scopes", "hub_id", "app_id", "client_id", "expires_in", "user_id"]
    return {**{name: shown[name] for name in names if name in shown}, "token_type": kind}


def revoke_old(call: Call) -> Answer:
    _old(call, "refresh")
    _tokens(call).revoke(call.at["token"])
    return None, 204


def uninstall(call: Call) -> Answer:
    """`DELETE /appinstalls/2026-09/external-install`: the app removes itself from the account (section 1)."""
    tokens = _tokens(call)
    if tokens.check(call.authorization, call.now).kind != "oauth":
        raise bad_request("Only an app that was installed with OAuth can be uninstalled")
    tokens.uninstall({})
    return None, 204


ROUTES: Routes = (
    ("GET", "oauth-page", "", Target(authorize, "open")),
    ("POST", "oauth", "token", Target(token, "open")),
    ("POST", "oauth", "token/introspect", Target(introspect, "open")),
    ("POST", "oauth", "token/revoke", Target(revoke, "open")),
    ("GET", "oauth", "access-tokens/{token}", Target(old_access_token, "open")),
    ("GET", "oauth", "refresh-tokens/{token}", Target(old_refresh_token, "open")),
    ("DELETE", "oauth", "refresh-tokens/{token}", Target(revoke_old, "open")),
    ("DELETE", "appinstalls", "external-install", Target(uninstall)),
)
