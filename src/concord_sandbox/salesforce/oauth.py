"""The OAuth endpoints and the tokens that are good (api/salesforce.md section 2.2).

Client credentials, JWT bearer, the web-server flow with PKCE, refresh tokens, revocation and introspection. The
username-password flow is refused like login(), because it is being removed (section 2.1).

Salesforce takes client credentials only at the org's My Domain host. A sandbox serves one host, which counts as that
and as the login host alike, so a client that asks the wrong one is not found out here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from concord_sandbox.salesforce.client_app import ClientApp
from concord_sandbox.salesforce.errors import TokenRefusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.service import Controls

_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CODE_LIFE_MS = 15 * 60_000
#: So many access tokens, refresh tokens and codes are kept; of more, those that were unused for longest are forgotten.
_MOST_SESSIONS, _MOST_REFRESH, _MOST_CODES = 10_000, 2_000, 1_000
#: What `routes` answers.
ENDPOINTS = (
    "GET /services/oauth2/authorize",
    "POST /services/oauth2/authorize",
    "POST /services/oauth2/introspect",
    "GET /services/oauth2/revoke",
    "POST /services/oauth2/revoke",
    "POST /services/oauth2/token",
)
_FORM = "application/x-www-form-urlencoded"


@dataclass
class _Session:
    """An access token's user, scope, times in ms since 1970, and the refresh token that it came from."""

    user_id: str
    scope: str
    made: int
    used: int
    refresh: str | None = None


@dataclass(frozen=True)
class _Standing:
    """What a refresh token stands for. public: the client proved itself by PKCE and has no secret."""

    user_id: str
    scope: str
    public: bool


@dataclass(frozen=True)
class _Code:
    user_id: str
    scope: str
    redirect_uri: str
    challenge: str | None
    made: int


class Tokens:
    """The tokens of one org. A token dies when it was unused for the session's length, or by `expire`."""

    def __init__(self, org: Org, controls: Controls) -> None:
        self._org, self._identity, self._controls = org, org.identity, controls
        self._app = org.parts.of(ClientApp)
        self._standing_is_good = True
        self._sessions: dict[str, _Session] = {}
        self._refresh: dict[str, _Standing] = {}
        self._codes: dict[str, _Code] = {}

    def expire(self) -> None:
        """Make every access token bad, the standing one too."""
        self._standing_is_good = False
        self._sessions.clear()

    def forget(self, token: str) -> None:
        """Make one access token bad."""
        self._sessions.pop(token, None)
        if token == self._identity.standing_token:
            self._standing_is_good = False

    def is_good(self, authorization: str) -> bool:
        """Whether the Authorization header of a call carries a token that is good now; using it keeps it alive."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() not in ("bearer", "oauth"):
            return False
        token = token.strip()
        if token == self._identity.standing_token and self._standing_is_good:
            return True
        session = self._live(token)
        if session is not None:
            session.used = self._controls.clock.epoch_ms()
        return session is not None

    def user_of(self, authorization: str) -> str:
        """The id of the user behind a good token, which may stand behind a scheme."""
        session = self._sessions.get(authorization.rpartition(" ")[2].strip())
        return self._identity.integration_user_id if session is None else session.user_id

    def _live(self, token: str) -> _Session | None:
        session = self._sessions.get(token)
        if session is None:
            return None
        if self._controls.clock.epoch_ms() - session.used > self._identity.session_minutes * 60_000:
            del self._sessions[token]
            return None
        return session

    # The token endpoint

    def grant(self, body: bytes, headers: Mapping[str, str], instance_url: str) -> dict[str, Any]:
        """The answer to a token call. Raises TokenRefusal."""
        given = _form(body, headers)
        flows = {
            "client_credentials": self._by_credentials,
            _JWT: self._by_assertion,
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
        }
        flow = flows.get(given.get("grant_type", ""))
        if flow is None:
            raise TokenRefusal("unsupported_grant_type", "grant type not supported")
        url = self._identity.my_domain or instance_url
        return flow(given, headers.get("authorization", ""), url)

    def _by_credentials(self, given: Mapping[str, str], authorization: str, url: str) -> dict[str, Any]:
        self._check_client(given, authorization)
        return self._granted(self._identity.integration_user_id, "api", url)

    def _by_assertion(self, given: Mapping[str, str], _: str, url: str) -> dict[str, Any]:
        return self._granted(self._app.asserted(given.get("assertion", ""), url), "api", url)

    def _by_code(self, given: Mapping[str, str], authorization: str, url: str) -> dict[str, Any]:
        code = self._codes.pop(given.get("code", ""), None)
        if code is None:
            raise TokenRefusal("invalid_grant", "invalid authorization code")
        if self._controls.clock.epoch_ms() - code.made > _CODE_LIFE_MS:
            raise TokenRefusal("invalid_grant", "expired authorization code")
        public = code.challenge is not None and not _credentials(given, authorization)[1]
        self._check_client(given, authorization, public=public)
        if given.get("redirect_uri") != code.redirect_uri:
            raise TokenRefusal("redirect_uri_mismatch", "redirect_uri must match configuration")
        if code.challenge is not None and _challenge(given.get("code_verifier", "")) != code.challenge:
            raise TokenRefusal("invalid_grant", "invalid code verifier")
        if not {"refresh_token", "offline_access", "full"} & set(code.scope.split()):
            return self._granted(code.user_id, code.scope, url)
        refresh = self._new_refresh(_Standing(code.user_id, code.scope, public))
        return {**self._granted(code.user_id, code.scope, url, refresh), "refresh_token": refresh}

    def _by_refresh(self, given: Mapping[str, str], authorization: str, url: str) -> dict[str, Any]:
        refresh = given.get("refresh_token", "")
        standing = self._refresh.get(refresh)
        if standing is None:
            raise TokenRefusal("invalid_grant", "expired access/refresh token")
        self._check_client(given, authorization, public=standing.public)
        if not (self._org.row(standing.user_id) or {}).get("IsActive"):
            raise TokenRefusal("invalid_grant", "inactive user")
        if not self._app.rotates:
            return self._granted(standing.user_id, standing.scope, url, refresh)
        del self._refresh[refresh]
        fresh = self._new_refresh(standing)
        return {**self._granted(standing.user_id, standing.scope, url, fresh), "refresh_token": fresh}

    def _check_client(self, given: Mapping[str, str], authorization: str, *, public: bool = False) -> None:
        """Raises TokenRefusal when the call does not come from the app; a public client has no secret."""
        client, secret = _credentials(given, authorization)
        if not hmac.compare_digest(client.encode(), self._identity.client_id.encode()):
            raise TokenRefusal("invalid_client_id", "client identifier invalid")
        if not public and not hmac.compare_digest(secret.encode(), self._identity.client_secret.encode()):
            raise TokenRefusal("invalid_client", "invalid client credentials")

    def _new_refresh(self, standing: _Standing) -> str:
        made = f"5Aep861{self._random(80)}"
        while len(self._refresh) >= _MOST_REFRESH:
            self.revoke(next(iter(self._refresh)))
        self._refresh[made] = standing
        return made

    def _granted(self, user_id: str, scope: str, url: str, refresh: str | None = None) -> dict[str, Any]:
        identity, issued = self._identity, self._controls.clock.epoch_ms()
        token = f"{identity.organisation_id[:15]}!AQ{self._random(94)}"
        if len(self._sessions) >= _MOST_SESSIONS:
            for old in sorted(self._sessions, key=lambda one: self._sessions[one].used)[: _MOST_SESSIONS // 10]:
                del self._sessions[old]
        self._sessions[token] = _Session(user_id, scope, issued, issued, refresh)
        who = f"https://login.salesforce.com/id/{identity.organisation_id}/{user_id}"
        signed = hmac.digest(identity.client_secret.encode(), f"{who}{issued}".encode(), "sha256")
        return {
            "access_token": token,
            "signature": base64.b64encode(signed).decode(),
            "scope": scope,
            "instance_url": url,
            "id": who,
            "token_type": "Bearer",
            "issued_at": str(issued),
        }

    def _random(self, length: int) -> str:
        return "".join(self._controls.random.choices(_SIGNS, k=length))

    # Beside it

    def authorise(self, given: Mapping[str, str]) -> str:
        """Where a browser is sent that asks for a code: there is nobody to ask, so the user of `login_hint` (a
        username; the integration user when it is left out) is taken to agree. Raises TokenRefusal: no such client, or
        no such place to go back to."""
        if given.get("client_id") != self._identity.client_id:
            raise TokenRefusal("invalid_client_id", "client identifier invalid")
        uri = given.get("redirect_uri", "")
        if not uri or not self._app.redirects_to(uri):
            raise TokenRefusal("redirect_uri_mismatch", "redirect_uri must match configuration")
        answer = {"state": given["state"]} if "state" in given else {}
        hint = given.get("login_hint")
        user = self._app.user(hint) if hint else self._org.row(self._identity.integration_user_id)
        method = given.get("code_challenge_method", "S256")
        if given.get("response_type") != "code":
            answer |= {"error": "unsupported_response_type", "error_description": "response type must be code"}
        elif "code_challenge" in given and method != "S256":
            answer |= {"error": "invalid_request", "error_description": "code_challenge_method must be S256"}
        elif user is None or not user.get("IsActive"):
            answer |= {"error": "access_denied", "error_description": "end-user denied authorization"}
        else:
            code = f"aPrx{self._random(60)}"
            while len(self._codes) >= _MOST_CODES:
                del self._codes[next(iter(self._codes))]
            scope, made = given.get("scope") or "api refresh_token", self._controls.clock.epoch_ms()
            self._codes[code] = _Code(user["Id"], scope, uri, given.get("code_challenge"), made)
            answer["code"] = code
        return f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"

    def revoke(self, token: str) -> None:
        """Make a token bad; with a refresh token go the access tokens that it gave. Raises TokenRefusal."""
        if token in self._refresh:
            del self._refresh[token]
            self._sessions = {key: one for key, one in self._sessions.items() if one.refresh != token}
        elif self.is_good(f"Bearer {token}"):
            self.forget(token)
        else:
            raise TokenRefusal("invalid_token", "invalid token")

    def introspect(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """What the client may know of a token. Raises TokenRefusal."""
        given = _form(body, headers)
        self._check_client(given, headers.get("authorization", ""))
        token = given.get("token", "")
        session, standing = self._live(token), self._refresh.get(token)
        found = session or standing
        if found is None and not (token == self._identity.standing_token and self._standing_is_good):
            return {"active": False}
        user_id = found.user_id if found is not None else self._identity.integration_user_id
        said: dict[str, Any] = {
            "active": True,
            "scope": found.scope if found is not None else "api",
            "client_id": self._identity.client_id,
            "username": self._app.username(user_id),
            "sub": f"https://login.salesforce.com/id/{self._identity.organisation_id}/{user_id}",
            "token_type": "refresh_token" if standing is not None else "access_token",
        }
        if session is not None:
            end = session.used + int(self._identity.session_minutes * 60_000)
            said |= {"iat": session.made // 1000, "nbf": session.made // 1000, "exp": end // 1000}
        return said


def _form(body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    """The fields of a form. Raises TokenRefusal when the body is said to be something else."""
    if not headers.get("content-type", _FORM).startswith(_FORM):
        raise TokenRefusal("unsupported_grant_type", "grant type not supported")
    try:
        return {key: values[-1] for key, values in parse_qs(body.decode()).items()}
    except UnicodeDecodeError:
        return {}


def _credentials(given: Mapping[str, str], authorization: str) -> tuple[str, str]:
    """Id and secret of the client, from the form or from HTTP Basic."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return given.get("client_id", ""), given.get("client_secret", "")
    try:
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor, unpacked, UTF-8
        raise TokenRefusal("invalid_client", "invalid client credentials") from None
    return unquote(client), unquote(secret)


def _challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def routes(tokens: Callable[[], Tokens], headers: Mapping[str, str]) -> list[Route]:
    """The endpoints under /services/oauth2/ that need no session; `headers` go with each answer, `tokens` gives those
    that are loaded now."""
    sent = {**headers, "Cache-Control": "no-cache, no-store"}

    def lower(request: Request) -> dict[str, str]:
        return {key.lower(): value for key, value in request.headers.items()}

    async def token(request: Request) -> Response:
        own_url = str(request.base_url).rstrip("/")
        return JSONResponse(tokens().grant(await request.body(), lower(request), own_url), headers=sent)

    async def authorise(request: Request) -> Response:
        given = _form(await request.body(), lower(request)) if request.method == "POST" else request.query_params
        return RedirectResponse(tokens().authorise(given), 302, sent)

    async def revoke(request: Request) -> Response:
        given = _form(await request.body(), lower(request)) if request.method == "POST" else request.query_params
        tokens().revoke(given.get("token", ""))
        return Response(b"", 200, sent)

    async def introspect(request: Request) -> Response:
        return JSONResponse(tokens().introspect(await request.body(), lower(request)), headers=sent)

    def refusing(answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            try:
                found: Response = await answer(request)
            except TokenRefusal as refused:
                body = {"error": refused.error, "error_description": refused.description}
                return JSONResponse(body, refused.status, sent)
            return found

        return answered

    answers = {"token": token, "authorize": authorise, "revoke": revoke, "introspect": introspect}
    named = [one.split(" ") for one in ENDPOINTS]
    return [Route(path, refusing(answers[path.rpartition("/")[2]]), methods=[method]) for method, path in named]
