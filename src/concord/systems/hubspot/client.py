"""HubSpot's calls: paths, pace, the daily limit, and what is asked of the seam. Knows no record and no field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from concord.core.budget import Limit, Told
from concord.core.model import Errand, Lane
from concord.core.quota import Usage
from concord.core.retry import Backoff
from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.http import Answer, Clock, Http, Pace, Send
from concord.systems.hubspot.auth import AppToken, Auth
from concord.systems.hubspot.errors import SYSTEM, reading
from concord.systems.pace import KEPT
from concord.systems.turns import NotSent, Turns, Words

#: The version of the API that this adapter was written for (api/hubspot.md, section 1).
API_VERSION: Final = "2026-09"
#: Of the burst that HubSpot allows, what we use, and what opt-outs may use: they find turns when all others are taken.
#: The rest is the slack of the network, in which calls catch up with one another (section 3).
SHARE_OF_BURST: Final = 0.9
CONSENTS_SHARE_OF_BURST: Final = 0.95
WINDOW_SECONDS: Final = 10.0
#: The part of that which goes at once (core/budget.py, Limit).
FREE: Final = 0.8
FREE_OF_BURST: Final[Mapping[Lane, float]] = {Lane.CONSENT: 1.0, Lane.BACKFILL: 0.5}
#: Of the 5 that all apps of the account have together; an opt-out's may be the fifth.
SEARCHES_A_SECOND: Final = 4
CONSENTS_SEARCHES_A_SECOND: Final = 5
#: Calls at once, opt-outs among them, and beside them searches, which are slow.
TOGETHER: Final = 10
SEARCHES_TOGETHER: Final = 2
#: How often the day's calls are asked for where the answers do not tell them (OAuth; section 3).
LOOK: Final = timedelta(minutes=15)
#: What people are told about the day's end.
WORDS: Final = Words("DAILY", "It goes on after the account's midnight; raise the limit or hubspot.daily_share")

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

    def usage(self) -> str:
        return f"/account-info/{self.version}/api-usage/daily/private-apps"

    def token(self) -> str:
        return f"/oauth/{self.version}/token"

    def journal(self, tail: str) -> str:
        return f"/webhooks-journal/journal/{self.version}{tail}"

    def subscriptions(self, tail: str = "") -> str:
        return f"/webhooks-journal/subscriptions/{self.version}{tail}"


class BurstPace(Pace):
    """The ten-secondly pace; it takes over what the answers say about the real limit, which depends on the account's
    tier (100, 190 or 250; section 3)."""

    def __init__(self, clock: Clock, burst: int, turns: Turns, together: int = TOGETHER) -> None:
        super().__init__(clock, burst, WINDOW_SECONDS, max(1, together - KEPT), turns=turns, name="burst")

    def learn(self, headers: Mapping[str, str]) -> None:
        told = headers.get("x-hubspot-ratelimit-max", "")
        if told.isdecimal() and int(told) > 0:
            self._limit = int(told)

    def limits(self, lane: Lane) -> tuple[Limit, ...]:
        """Opt-outs may use a little more of it than all others, and back-fill is spread before the rest is."""
        part = CONSENTS_SHARE_OF_BURST if lane is Lane.CONSENT else SHARE_OF_BURST
        return (Limit("burst", max(1, int(self._limit * part)), WINDOW_SECONDS, FREE_OF_BURST.get(lane, FREE)),)


class SearchPace(Pace):
    """The search's own limit of 5 a second, shared by all apps of the account; a search also takes an ordinary turn."""

    def __init__(self, clock: Clock, ordinary: Pace) -> None:
        super().__init__(clock, SEARCHES_A_SECOND, 1.0, SEARCHES_TOGETHER, turns=ordinary.turns, kept=1)
        self._ordinary = ordinary

    def limits(self, lane: Lane) -> tuple[Limit, ...]:
        most = CONSENTS_SEARCHES_A_SECOND if lane is Lane.CONSENT else SEARCHES_A_SECOND
        return (Limit("search", most, 1.0, free=1.0), *self._ordinary.limits(lane))


class Daily:
    """The account's daily limit, which all its apps share (section 3), as the answers tell it.

    turns: whom it is passed on to. utc_offset: of the account, whose midnight starts a new count.
    """

    def __init__(self, clock: Clock, turns: Turns | None = None) -> None:
        self._clock = clock
        self._turns = turns or Turns(clock)
        self._untold = False
        self._looked_at: datetime | None = None
        self.utc_offset = timedelta()

    def learn(self, headers: Mapping[str, str], ticket: int = 0) -> None:
        """Take over the headers of an answer; those of the day are absent with OAuth tokens, all are on searches."""
        limit = headers.get("x-hubspot-ratelimit-daily", "")
        remaining = headers.get("x-hubspot-ratelimit-daily-remaining", "")
        if limit.isdecimal() and remaining.isdecimal() and int(limit) > 0:
            self._untold = False
            used = max(0, int(limit) - int(remaining))
            self._turns.told(Told(used, int(limit), self.midnight(), ticket))
        elif "x-hubspot-ratelimit-max" in headers:
            self._untold = True

    def look_due(self) -> bool:
        """Whether the day's calls should be asked for, because the answers do not tell them; true once in a while."""
        now = self._clock.now()
        if not self._untold or (self._looked_at is not None and now - self._looked_at < LOOK):
            return False
        self._looked_at = now
        return True

    def looked(self, body: Any) -> None:
        """What the account says of its day (`Paths.usage`). It counts static apps; what an OAuth app calls is counted
        by us, so the higher number of the two stands."""
        for row in (body.get("results") or []) if isinstance(body, Mapping) else []:
            used, limit = row.get("currentUsage"), row.get("usageLimit")
            if isinstance(used, int) and isinstance(limit, int) and limit > 0:
                known = self._turns.usage()
                used = used if known is None else max(used, known.used)
                self._turns.told(Told(used, limit, self.midnight(), self._turns.ticket))

    def spent(self) -> None:
        """HubSpot refused a call because nothing is left of the day."""
        self._turns.spent(self.midnight())

    def usage(self) -> Usage | None:
        """The account's calls of this day, as the newest answer told them; None: none has told them yet, or on another
        day."""
        return self._turns.usage()

    def until_midnight(self) -> float:
        """Seconds to the account's next midnight."""
        local = self._clock.now().astimezone(UTC) + self.utc_offset
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return (midnight - local).total_seconds()

    def midnight(self) -> datetime:
        """The account's next midnight."""
        return self._clock.now() + timedelta(seconds=self.until_midnight())


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
    """The calls of one account. All of them but merges may be repeated: reads, updates, upserts by a unique key,
    opt-outs and associations do no more the second time than the first. errand: on whose behalf they are made; those
    of the consent lane may use the daily reserve (SPEC 9.3)."""

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
        repeats: bool = True,
    ) -> Answer:
        """Send. accept: bad statuses that the caller reads himself. repeats: whether it may be sent again when no
        answer came."""
        return await self._call("POST", path, kind, body=body, params=params, accept=accept, repeats=repeats)

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
        repeats: bool = True,
    ) -> Answer:
        await self._auth.keep_fresh()
        if self._daily.look_due():
            await self._look()
        try:
            return await self._http.call(
                method,
                path,
                kind=kind,
                repeatable=repeats,
                body=body,
                params=params,
                accept=accept,
                pace=pace,
                errand=self._errand,
            )
        except RemoteBusy as busy:
            if busy.category is Category.QUOTA and not isinstance(busy, NotSent):
                self._daily.spent()
            raise

    async def _look(self) -> None:
        """Ask how much of the day is used."""
        try:
            answer = await self._http.call(
                "GET",
                self.paths.usage(),
                kind="account",
                repeatable=True,
                errand=replace(self._errand, lane=Lane.CONSENT),
            )
        except (RemoteBusy, RemoteUnknown, RemoteRefused):
            return  # what was counted goes on to be true
        self._daily.looked(answer.body)


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
