"""Signing in to Salesforce with the OAuth client-credentials flow (api/salesforce.md, section 2), and who we are there.

Fills `http.Vendor`: the seam asks for headers and tells when they were refused; it also sees to it that only one
sign-in runs at a time. Keeps the token in memory only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from concord.errors import Category, RemoteError, RemoteRefused
from concord.systems.http import Answer, Send
from concord.systems.salesforce import errors
from concord.systems.salesforce.wire import SYSTEM, id18


class Auth:
    """The account's sign-in.

    url: the My Domain address. token: a ready access token, used until it is refused; then, or without one, client_id
    and client_secret get a new one. moved: called with the address that calls go to (`instance_url`) after a sign-in.
    org_id and user_id (18 characters) are known after the first sign-in; "" before, and with a ready token alone
    (`user_id` may then be given).
    """

    system = SYSTEM

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        token: str | None,
        user_id: str,
        moved: Callable[[str], None],
    ) -> None:
        self._url = url.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._token = token
        self._moved = moved
        self.org_id = ""
        self.user_id = id18(user_id)

    def error(self, status: int, body: Any, headers: Mapping[str, str]) -> RemoteError:
        return errors.call_error(status, body, headers)

    def signed_out(self, status: int, body: Any) -> bool:
        return errors.signed_out(status, body)

    async def authorisation(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        """See `http.Vendor`. Raises RemoteRefused when the app, its secret or its user is refused."""
        if self._token is None or renew:
            self._token = await self._fresh(send)
        return {"Authorization": f"Bearer {self._token}"}

    async def _fresh(self, send: Send) -> str:
        if not self._client_id:
            raise RemoteRefused(
                SYSTEM,
                Category.PERMISSION,
                "sign in: the access token was refused and there is no client id to get another one with",
                advice="Configure the client id and secret of an External Client App",
            )
        answer = await send(
            "POST",
            f"{self._url}/services/oauth2/token",
            {
                "grant_type": "client_credentials",
                "client_id": self._client_id,
                "client_secret": self._client_secret,
            },
        )
        return self._signed_in(answer)

    def _signed_in(self, answer: Answer) -> str:
        """Take what a token's answer tells: the token, where calls go, and who we are."""
        body = answer.body if isinstance(answer.body, Mapping) else {}
        token, identity = body.get("access_token"), str(body.get("id") or "").rstrip("/").split("/")
        if not isinstance(token, str) or len(identity) < 2:
            raise RemoteRefused(
                SYSTEM,
                Category.INTERNAL,
                "sign in: the answer holds no token or no identity",
                advice="Check that the configured address is the org's My Domain address",
            )
        self.org_id, self.user_id = id18(identity[-2]), id18(identity[-1])
        self._moved(str(body.get("instance_url") or self._url))
        return token
