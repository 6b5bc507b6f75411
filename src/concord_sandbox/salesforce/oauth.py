"""The token endpoint and the tokens that are good (api/salesforce.md section 2.2). Client credentials only."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from concord_sandbox.salesforce.errors import TokenRefusal
from concord_sandbox.salesforce.models import Identity
from concord_sandbox.service import Controls

_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"


class Tokens:
    """The tokens of one org. A token dies when it was unused for the session's length, or by `expire`."""

    def __init__(self, identity: Identity, controls: Controls) -> None:
        self._identity, self._controls = identity, controls
        self._standing_is_good = True
        self._last_used: dict[str, int] = {}

    def expire(self) -> None:
        """Make every token bad, the standing one too."""
        self._standing_is_good = False
        self._last_used.clear()

    def is_good(self, authorization: str) -> bool:
        """Whether the Authorization header of a call carries a token that is good now; using it keeps it alive."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() not in ("bearer", "oauth"):
            return False
        if token == self._identity.standing_token and self._standing_is_good:
            return True
        now, used = self._controls.clock.epoch_ms(), self._last_used.get(token)
        if used is None or now - used > self._identity.session_minutes * 60_000:
            self._last_used.pop(token, None)
            return False
        self._last_used[token] = now
        return True

    def grant(self, body: bytes, headers: Mapping[str, str], instance_url: str) -> dict[str, Any]:
        """The answer to a token call. Raises TokenRefusal."""
        kind = headers.get("content-type", "application/x-www-form-urlencoded")
        if not kind.startswith("application/x-www-form-urlencoded"):
            raise TokenRefusal("unsupported_grant_type", "grant type not supported")
        try:
            given = {key: values[-1] for key, values in parse_qs(body.decode()).items()}
        except UnicodeDecodeError:
            given = {}
        if given.get("grant_type") != "client_credentials":
            raise TokenRefusal("unsupported_grant_type", "grant type not supported")
        client, secret = _credentials(given, headers.get("authorization", ""))
        identity = self._identity
        if not hmac.compare_digest(client.encode(), identity.client_id.encode()):
            raise TokenRefusal("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(secret.encode(), identity.client_secret.encode()):
            raise TokenRefusal("invalid_client", "invalid client credentials")
        issued = self._controls.clock.epoch_ms()
        token = f"{identity.organisation_id[:15]}!AQ{self._random(94)}"
        self._last_used[token] = issued
        owner = f"{identity.organisation_id}/{identity.integration_user_id}"
        return {
            "access_token": token,
            "signature": base64.b64encode(self._random(32).encode()).decode(),
            "scope": "api",
            "instance_url": identity.my_domain or instance_url,
            "id": f"https://login.salesforce.com/id/{owner}",
            "token_type": "Bearer",
            "issued_at": str(issued),
        }

    def _random(self, length: int) -> str:
        return "".join(self._controls.random.choices(_SIGNS, k=length))


def _credentials(given: Mapping[str, str], authorization: str) -> tuple[str, str]:
    """Id and secret of the client, from the form or from HTTP Basic."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return given.get("client_id", ""), given.get("client_secret", "")
    try:
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRefusal("invalid_client", "invalid client credentials") from None
    return unquote(client), unquote(secret)
