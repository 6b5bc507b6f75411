"""HubSpot's calls: paths, pace, the daily limit, and what is asked of the seam. Knows no record and no field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from concord.core.model import Errand, Lane
from concord.core.quota import Usage
from concord.core.retry import Backoff
from concord.errors import Category, RemoteBusy, RemoteError
from concord.systems.http import Answer, Clock, Http, Pace, Send
from concord.systems.hubspot.auth import AppToken, Auth
from concord.systems.hubspot.errors import SYSTEM, reading

#: The version of the API that this adapter was written for (api/hubspot.md, section 1).
API_VERSION: Final = "2026-09"
#: Of the burst that HubSpot allows, what we use; the rest is the slack of clocks and of other workers (section 3).
SHARE_OF_BURST: Final = 0.9
WINDOW_SECONDS: Final = 10.0
SEARCHES_A_SECOND: Final = 4
#: Calls at once, searches among them.
TOGETHER: Final = 10
SEARCHES_TOGETHER: Final = 2

#: Calls on the journal a second, and at once: they count against no account, and about 100 are borne (section 3).
JOURNAL_CALLS: Final = 50
JOURNAL_TOGETHER: Final = 5
#: The journal's calls are given up sooner than others: who reads it waits by himself, and says that he does.
JOURNAL_PATIENCE: Final = Backoff(first=0.5, cap=2.0, tries=3)
JOURNAL_LONGEST_WAIT: Final = 2.0

_NONE: Final = Errand()

#: Answers of batch calls that are data: the whole batch was refused because of some of its records.
REFUSED_BATCH: Final = (400, 404, 409)


@dataclass(frozen=True)
class Paths:
    """Every path, built from the one version (section 1). object_name: a plural name or a type id."""

    version: str = API_VERSION

    def objects(self, object_name: str, tail: str = "") -> str:
        return f"/crm/objects/{self.version}/{object_name}{tail}"

    def associations(self, source: str, target: str, tail: str) -> str:
        return f"/crm/associations/{self.version}/{source}/{target}{tail}"

    def properties(self, object_name: str) -> str:
        return f"/crm/properties/{self.version}/{object_name}"

    def validations(self, type_id: str) -> str:
        return f"/crm/property-validations/{self.version}/{type_id}"

    def consent(self, tail: str) -> str:
        return f"/communication-preferences/{self.version}{tail}"

    def account(self) -> str:
        return f"/account-info/{self.version}/details"

    def token(self) -> str:
        return f"/oauth/{self.version}/token"

    def journal(self, tail: str) -> str:
        return f"/webhooks-journal/journal/{self.version}{tail}"

    def subscriptions(self, tail: str = "") -> str:
        return f"/webhooks-journal/subscriptions/{self.version}{tail}"


class BurstPace(Pace):
    """The ten-secondly pace; it takes over what the answers say about the real limit, which depends on the account's
    tier (100, 190 or 250; section 3)."""

    def __init__(self, clock: Clock, burst: int) -> None:
        super().__init__(clock, _of_burst(burst), WINDOW_SECONDS, TOGETHER - SEARCHES_TOGETHER)

    def learn(self, headers: Mapping[str, str]) -> None:
        told = headers.get("x-hubspot-ratelimit-max", "")
        if told.isdecimal() and int(told) > 0:
            self._limit = _of_burst(int(told))


class SearchPace(Pace):
    """The search's own limit of 5 a second, shared by all apps of the account; a search also takes an ordinary turn."""

    def __init__(self, clock: Clock, ordinary: Pace) -> None:
        super().__init__(clock, SEARCHES_A_SECOND, 1.0, SEARCHES_TOGETHER)
        self._ordinary = ordinary

    async def turn(self) -> None:
        await super().turn()
        await self._ordinary.turn()


def _of_burst(burst: int) -> int:
    return max(1, int(burst * SHARE_OF_BURST))


class Daily:
    """The account's daily limit, which all its apps share (section 3).

    reserve: the share of it that is left to others; consent calls may use it (SPEC 9.3). utc_offset: of the account,
    whose midnight starts a new count.
    """

    def __init__(self, clock: Clock, reserve: float) -> None:
        self._clock = clock
        self._reserve = reserve
        self._remaining: int | None = None
        self._limit = 0
        self._told_at = clock.now()
        self._counts_until: datetime | None = None
        self.utc_offset = timedelta()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over the headers of an answer; they are absent with OAuth tokens and on searches."""
        limit = headers.get("x-hubspot-ratelimit-daily", "")
        remaining = headers.get("x-hubspot-ratelimit-daily-remaining", "")
        if limit.isdecimal() and remaining.isdecimal():
            self._limit, self._remaining = int(limit), int(remaining)
            self._told_at = self._clock.now()
            self._counts_until = self._told_at + timedelta(seconds=self.until_midnight())

    def usage(self) -> Usage | None:
        """The account's calls of this day, as the newest answer told them; None: none has told them yet, or on another
        day."""
        if self._remaining is None or self._counts_until is None or self._clock.now() >= self._counts_until:
            return None
        used, share = self._limit - self._remaining, 1.0 - self._reserve
        return Usage(SYSTEM, used, self._limit, share, self._told_at, self._counts_until)

    def until_midnight(self) -> float:
        """Seconds to the account's next midnight."""
        local = self._clock.now().astimezone(UTC) + self.utc_offset
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return (midnight - local).total_seconds()

    def check(self, urgent: bool) -> None:
        """Raise RemoteBusy when only the reserve is left, unless the call is urgent."""
        if urgent or self._remaining is None or self._counts_until is None:
            return
        if self._clock.now() < self._counts_until and self._remaining <= self._limit * self._reserve:
            raise RemoteBusy(
                SYSTEM,
                Category.QUOTA,
                f"{self._remaining} of the account's {self._limit} daily calls are left, which are kept for others",
                code="DAILY",
                advice="It goes on after the account's midnight; raise the limit or lower the reserve",
                after=self.until_midnight(),
            )


class Hub:
    """What the seam asks of a vendor (`http.Vendor`): the meaning of errors, and the sign-in."""

    system = SYSTEM

    def __init__(self, auth: Auth, daily: Daily) -> None:
        self._auth = auth
        self._daily = daily

    def error(self, status: int, body: Any, headers: Mapping[str, str]) -> RemoteError:
        return reading(status, body, headers, self._daily.until_midnight()).error()

    def signed_out(self, status: int, body: Any) -> bool:
        # The token endpoint's own 401 ("error": "invalid_client") is a wrong configuration, not an old token.
        return status == 401 and not (isinstance(body, Mapping) and "error" in body)

    async def authorisation(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        return await self._auth.headers(send, renew=renew)


class Caller:
    """The calls of one account. All of them may be repeated: reads, updates, upserts by a unique key, opt-outs and
    associations do no more the second time than the first. errand: on whose behalf they are made; those of the consent
    lane may use the daily reserve (SPEC 9.3)."""

    def __init__(
        self,
        http: Http,
        paths: Paths,
        auth: Auth,
        daily: Daily,
        search_pace: SearchPace,
        errand: Errand = _NONE,
    ) -> None:
        self._http = http
        self._auth = auth
        self._daily = daily
        self._search_pace = search_pace
        self._errand = errand
        self.paths = paths

    def on(self, errand: Errand) -> Caller:
        """The same calls, made on that errand."""
        return Caller(self._http, self.paths, self._auth, self._daily, self._search_pace, errand)

    def hurried(self) -> Caller:
        """The same calls for an opt-out, whatever else they were made for."""
        return self.on(replace(self._errand, lane=Lane.CONSENT))

    async def get(self, path: str, kind: str, params: Mapping[str, str] | None = None, *, none: bool = False) -> Answer:
        """Read. none: a 404 is an answer too (look at its status)."""
        return await self._call("GET", path, kind, params=params, accept=(404,) if none else ())

    async def post(
        self,
        path: str,
        kind: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> Answer:
        """Send. accept: bad statuses that the caller reads himself."""
        return await self._call("POST", path, kind, body=body, params=params, accept=accept)

    async def search(self, object_name: str, body: Any) -> Answer:
        """Search, at the search's own pace."""
        path = self.paths.objects(object_name, "/search")
        return await self._call("POST", path, "search", body=body, pace=self._search_pace)

    async def _call(
        self,
        method: str,
        path: str,
        kind: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
        pace: Pace | None = None,
    ) -> Answer:
        self._daily.check(self._errand.lane is Lane.CONSENT)
        await self._auth.keep_fresh()
        return await self._http.call(
            method,
            path,
            kind=kind,
            repeatable=True,
            body=body,
            params=params,
            accept=accept,
            pace=pace,
            errand=self._errand,
        )


class AppCaller:
    """The calls of an app, signed with its own token: they belong to no account and count against no account's limits
    (section 18). All of them may be repeated."""

    def __init__(self, http: Http, paths: Paths, token: AppToken) -> None:
        self._http = http
        self._token = token
        self.paths = paths

    async def get(self, path: str, kind: str, *, accept: tuple[int, ...] = ()) -> Answer:
        """Read. accept: bad statuses that the caller reads himself."""
        return await self._call("GET", path, kind, accept=accept)

    async def post(self, path: str, kind: str, body: Any) -> Answer:
        return await self._call("POST", path, kind, body=body)

    async def delete(self, path: str, kind: str) -> Answer:
        """Remove; what is not there any more is removed."""
        return await self._call("DELETE", path, kind, accept=(404,))

    async def fetch(self, url: str, kind: str) -> Answer:
        """Read what stands at an address that is signed itself. The address is a secret: it goes into no log."""
        return await self._http.call("GET", url, kind=kind, repeatable=True, signed=False)

    async def _call(
        self, method: str, path: str, kind: str, *, body: Any = None, accept: tuple[int, ...] = ()
    ) -> Answer:
        await self._token.keep_fresh()
        return await self._http.call(method, path, kind=kind, repeatable=True, body=body, accept=accept)
