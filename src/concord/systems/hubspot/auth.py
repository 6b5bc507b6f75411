"""Signing in to HubSpot: a static token, OAuth's refresh token, an app's own credentials (api/hubspot.md, section 2).

Stores no secret.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from concord.errors import Category, RemoteBusy, RemoteRefused, RemoteUnknown
from concord.systems.http import Clock, Send
from concord.systems.hubspot.errors import SYSTEM

#: An access token is renewed this long before it ends, so that no call of ours meets its end.
MARGIN: Final = timedelta(minutes=3)


class Auth(Protocol):
    """How calls are signed."""

    async def headers(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        """The headers that sign a call; `renew` after the last ones were refused. Raises RemoteRefused."""
        ...

    async def keep_fresh(self) -> None:
        """Renew what is about to end; called before every call, does nothing most of the time."""
        ...


class StaticToken:
    """A Service Key, or the token of an app with static auth. It does not end, and cannot be renewed by us."""

    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}

    async def headers(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        if renew:
            raise RemoteRefused(
                SYSTEM,
                Category.PERMISSION,
                "the token is not accepted",
                code="INVALID_AUTHENTICATION",
                advice="Check that it was copied whole and was not rotated or deleted in HubSpot's settings",
            )
        return self._headers

    async def keep_fresh(self) -> None:
        return None


class _Bearer(Mapping[str, str]):
    """Signing headers whose token can be renewed in place, so that a renewal ahead of time reaches every later call."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __getitem__(self, name: str) -> str:
        if name != "Authorization":
            raise KeyError(name)
        return f"Bearer {self.token}"

    def __iter__(self) -> Iterator[str]:
        return iter(("Authorization",))

    def __len__(self) -> int:
        return 1


class _Granted(ABC):
    """Access tokens that end, each from a form sent to the token endpoint (`url`). One renewal at a time, however many
    calls wait for it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._lock = asyncio.Lock()
        self._bearer: _Bearer | None = None
        self._due: datetime | None = None
        self._send: Send | None = None

    async def headers(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        async with self._lock:
            self._send = send
            if self._bearer is None or renew:
                # A new object, not the old one changed: the seam tells by it that somebody has renewed already.
                self._bearer = _Bearer(await self._renewed(send))
            return self._bearer

    async def keep_fresh(self) -> None:
        if not self._ending():
            return
        async with self._lock:
            if not self._ending() or self._send is None or self._bearer is None:
                return
            try:
                self._bearer.token = await self._renewed(self._send)
            except (RemoteBusy, RemoteUnknown):
                # The present token still has minutes to go; when it has ended, the seam's own renewal is in earnest.
                return

    @abstractmethod
    def _form(self) -> Mapping[str, str]:
        """What is sent for the next token."""

    def _take_over(self, body: Mapping[str, Any]) -> None:
        """What else came with a token; nothing that counts, as a rule."""
        return None

    def _ending(self) -> bool:
        return self._due is not None and self._clock.now() >= self._due

    async def _renewed(self, send: Send) -> str:
        answer = await send("POST", self._url, self._form())
        body = answer.body if isinstance(answer.body, Mapping) else {}
        token = body.get("access_token")
        if not isinstance(token, str) or not token:
            raise RemoteRefused(SYSTEM, Category.PERMISSION, "the sign-in answered without an access token")
        self._take_over(body)
        lasts = timedelta(seconds=float(body.get("expires_in") or 1800))
        self._due = self._clock.now() + max(lasts - MARGIN, lasts / 2)
        return token


class RefreshedToken(_Granted):
    """OAuth: access tokens of half an hour from a refresh token that does not end (section 2.3).

    A refresh token that HubSpot replaces is taken over for as long as the process lives; it does not invalidate the
    configured one.
    """

    def __init__(self, url: str, client_id: str, client_secret: str, refresh_token: str, clock: Clock) -> None:
        super().__init__(url, clock)
        self._client_id = client_id
        self._client_secret = client_secret
        self._refresh_token = refresh_token

    def _form(self) -> Mapping[str, str]:
        return {
            "grant_type": "refresh_token",
            "refresh_token": self._refresh_token,
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }

    def _take_over(self, body: Mapping[str, Any]) -> None:
        self._refresh_token = str(body.get("refresh_token") or self._refresh_token)


class AppToken(_Granted):
    """The app's own token, by its client credentials; of no account (section 2.3). scopes: those that it asks for."""

    def __init__(self, url: str, client_id: str, client_secret: str, scopes: Sequence[str], clock: Clock) -> None:
        super().__init__(url, clock)
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = tuple(scopes)

    def _form(self) -> Mapping[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "scope": " ".join(self._scopes),
        }
