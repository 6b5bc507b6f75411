"""HubSpot as a system (the engine's `System` protocol, filled by shape). It reads and writes; it decides nothing.

May not know the engine, the store or Salesforce. The facts are in api/hubspot.md; section numbers refer to it.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from concord.core.budget import Terms
from concord.core.model import Account, Change, Errand, Gone, Lane, Receipt, Record, Side, SweepPage
from concord.core.quota import Usage
from concord.core.values import ObjectSpec, Ref, Value
from concord.errors import Category, RemoteRefused
from concord.systems.budget import Budget
from concord.systems.http import Clock, Http, Transport
from concord.systems.hubspot import merges, schema, sweep
from concord.systems.hubspot.auth import Auth, RefreshedToken, StaticToken
from concord.systems.hubspot.client import (
    API_VERSION,
    TOGETHER,
    WORDS,
    BurstPace,
    Caller,
    Daily,
    Hub,
    Paths,
    SearchPace,
)
from concord.systems.hubspot.errors import SYSTEM
from concord.systems.hubspot.journal import POLL, Journal
from concord.systems.hubspot.lanes import lane_of
from concord.systems.hubspot.records import Reader
from concord.systems.hubspot.wire import OPT_OUT
from concord.systems.hubspot.writes import Writer
from concord.systems.turns import Turns

__all__ = ["API_VERSION", "HubSpot", "Journal"]


class HubSpot:
    """One HubSpot account.

    url: of the API, "https://api.hubapi.com" outside tests. Signed with `token` (a Service Key, or the token of a
    static app), or with `client_id`, `client_secret` and `refresh_token` of an OAuth app; ValueError when neither is
    complete. app_id: the app's or key's id as property histories show it, by which our own writes are told apart; ""
    when it is not known: then no history entry counts as ours. share: random number in [0, 1) for jitter.
    burst: calls in 10 s until HubSpot tells the real limit (section 3). daily_share: the share of the account's daily
    calls that may be used, by whomever, before Concord stops; consent_reserve: the part of them at its end that is for
    opt-outs alone, which go on to the last call (SPEC 9.3). calls_at_once: of this process.
    """

    name = SYSTEM
    #: An opt-out from all mail; the others of a contact belong to its address as well, and a merge combines them.
    withdrawals: Collection[str] = frozenset({OPT_OUT})
    merge_fills: bool = True
    merge_words: Sequence[str] = merges.WORDS

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        clock: Clock,
        share: Callable[[], float],
        app_id: str = "",
        api_version: str = API_VERSION,
        client_id: str = "",
        client_secret: str = "",
        refresh_token: str = "",
        burst: int = 190,
        daily_share: float = 0.9,
        consent_reserve: float = 0.02,
        calls_at_once: int = TOGETHER,
        time_limit: float = 30.0,
        transport: Transport | None = None,
    ) -> None:
        paths = Paths(api_version)
        auth: Auth
        if token:
            auth = StaticToken(token)
        elif client_id and client_secret and refresh_token:
            auth = RefreshedToken(url.rstrip("/") + paths.token(), client_id, client_secret, refresh_token, clock)
        else:
            raise ValueError("HubSpot needs a token, or a client id with its secret and a refresh token")
        self._app_id = app_id
        self._clock = clock
        self._journal = partial(
            Journal, url, clock=clock, share=share, api_version=api_version, time_limit=time_limit, transport=transport
        )
        self._turns = Turns(clock, SYSTEM, Terms(daily_share, consent_reserve), WORDS)
        self._daily = Daily(clock, self._turns)
        pace = BurstPace(clock, burst, self._turns, calls_at_once)

        def learn(headers: Mapping[str, str], ticket: int) -> None:
            pace.learn(headers)
            self._daily.learn(headers, ticket)

        self._http = Http(
            Hub(auth, self._daily),
            url,
            clock=clock,
            pace=pace,
            share=share,
            transport=transport,
            time_limit=time_limit,
            on_answer=learn,
        )
        self._specs: dict[str, ObjectSpec] = {}
        self._describing = asyncio.Lock()
        self._use(Caller(self._http, paths, auth, self._daily, SearchPace(clock, pace)))

    def _use(self, caller: Caller) -> None:
        self._caller = caller
        self._reader = Reader(caller, self._spec, self._app_id)
        hurried = caller.hurried()
        self._writer = Writer(
            caller,
            self._reader,
            (hurried, Reader(hurried, self._spec, self._app_id)),
            self._spec,
            self._server_now,
        )

    def on(self, errand: Errand) -> HubSpot:
        """The same account, its calls made on that errand: those of the consent lane may use the daily reserve (SPEC
        7.1, 9.3). Shares the sign-in, the pace, the schemas and the counters; closing either closes both."""
        other = copy.copy(self)
        other._use(self._caller.on(errand))
        return other

    def journal(
        self,
        side: Side,
        portal_id: str,
        properties: Mapping[str, Collection[str]],
        *,
        client_id: str,
        client_secret: str,
        poll: float = POLL,
    ) -> Journal:
        """The app's Webhooks Journal as a feed of this account (`Account.id`), with a sign-in, a pace and a counter of
        its own; whoever asks for it closes it. properties: the mapped ones of each synced object, none meaning all of
        them; the opt-outs that `describe` has seen are added. client_id, client_secret: of the app, "" where there is
        none. poll: seconds between two looks."""
        wanted = {
            name: {*names, *(field for field in self._fields(name) if field.startswith(OPT_OUT))} if names else ()
            for name, names in properties.items()
        }
        return self._journal(client_id, client_secret, side=side, portal_id=portal_id, properties=wanted, poll=poll)

    async def share_limits(self, budget: Budget, account_id: str) -> None:
        """From now on keep this account's limits together with all who lean on the same budget. Raises StoreError."""
        await self._turns.lean_on(budget, account_id)

    def crowded(self, lane: Lane) -> float:
        """See `System.crowded`."""
        return self._turns.crowded(lane)

    async def account(self) -> Account:
        """Sign in and say whose account it is: the portal's id, a name for people, and the app's id.

        Raises RemoteRefused when the token is not accepted.
        """
        answer = await self._caller.get(self._caller.paths.account(), "account")
        if not isinstance(answer.body, Mapping) or not answer.body.get("portalId"):
            raise RemoteRefused(
                SYSTEM, Category.INTERNAL, "the account details name no portal", advice="Check the configured address"
            )
        portal = str(answer.body["portalId"])
        self._daily.utc_offset = timedelta(milliseconds=int(answer.body.get("utcOffsetMilliseconds") or 0))
        kind = str(answer.body.get("accountType") or "STANDARD").lower().replace("_", " ")
        return Account(id=portal, name=f"HubSpot account {portal} ({kind})", user=self._app_id)

    async def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSpec]:
        """The schemas of these objects, read anew. Raises ConfigError, naming it, for one not there or not shown.

        `hs_email_optout` and `associatedcompanyid` of contacts are told as writable: `update` and `create` write them
        by calls of their own.
        """
        specs = await schema.describe(self._caller, objects)
        self._specs |= specs
        return specs

    async def read(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], histories: Sequence[str] = ()
    ) -> Sequence[Record | Gone]:
        """These records, fresh, in the order asked. A record that was merged away comes back under its new id, with
        `asked` set. A field that the account has no property for stays MISSING."""
        return await self._reader.read(object_name, ids, fields, histories)

    def scan(self, object_name: str, fields: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        """Every live record, page by page, without histories."""
        return self._reader.scan(object_name, fields)

    async def present(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """Those of these records that are live under the very id asked for. 100 a call."""
        return await self._reader.present(object_name, ids, fields)

    async def origins(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Ref]:
        """See `System.origins`. HubSpot converts nothing."""
        return {}

    async def changed(
        self,
        objects: Sequence[str],
        position: str | None,
        overlap: timedelta,
        ticked: Mapping[str, Collection[str]] | None = None,
    ) -> SweepPage:
        """One page for each object of what changed since the position; None: from the server's present time on.

        The search index lags "a few moments" behind, so an overlap of two minutes at least is needed (section 6).
        Deleted records are never found here, nor those merged away: `present` misses them, and the survivor of a merge,
        which is found, tells their ids (`Record.formerly`). An object that the search refuses is told in `failed`.
        """
        return await sweep.changed(self._caller, objects, position, overlap, ticked)

    async def find(
        self, object_name: str, field: str, texts: Collection[str], fields: Sequence[str]
    ) -> Sequence[Record]:
        """Live records whose field has one of these values. For a unique property, and for contacts' `email` (where
        additional addresses count), it sees what was written a moment ago; for another one (a company's `domain`) it
        goes by the search index, which lags a few moments behind, and then reads what it found."""
        return await self._reader.find(object_name, field, texts, fields)

    async def update(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """Write existing records in batches and read them back with their histories. HubSpot has no conditional write:
        `Change.guard` has no meaning here, and an edit that a write covers is seen in the history read back (SPEC 3.8).

        A value that cannot be written is a failure that names its field, and the other fields are written; a record
        that HubSpot refuses is a failure and none of its properties are written, but its opt-out is.
        """
        return await self._writer.update(changes, show, histories)

    async def create(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """Make records under their unique keys (`Change.key`; ValueError without one), and read them back. A repeat
        finds the first one: then `created` is False. Where another contact has the address: DUPLICATE_RULE with
        `holder`."""
        return await self._writer.create(changes, show, histories)

    async def merge(self, survivor: Ref, losers: Sequence[Ref], values: Mapping[str, Value]) -> Sequence[Receipt]:
        """See `System.merge`. One call a loser. `values` are written before, so that they stand also where a kill comes
        between."""
        return await merges.merge(
            self._caller, lambda changes: self._writer.update(changes, {}, {}), survivor, losers, values
        )

    async def departed(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """See `System.departed`: HubSpot shows nothing of a record that was merged away. Its opt-outs belonged to its
        address, which the survivor has now."""
        return {}

    def clock_ahead(self) -> timedelta:
        """How far HubSpot's clock is ahead of ours; zero before the first answer."""
        return self._http.ahead()

    def lane_of(self, object_name: str) -> Lane:
        """See `System.lane_of`."""
        return lane_of(object_name)

    def silent_until(self) -> datetime | None:
        """See `System.silent_until`."""
        return self._http.outage.probe_at

    def calls(self) -> int:
        """How many calls were sent since the start, retries included."""
        return self._http.tally.calls

    def calls_by_kind(self) -> Mapping[str, int]:
        """The same by what they were for."""
        return dict(self._http.tally.by_kind)

    def retries(self) -> int:
        """How many of those calls were repeats of one that had failed."""
        return self._http.tally.retries

    def usage(self) -> Usage | None:
        """The day's calls of the account, as the newest answer told them; None: none has told them yet."""
        return self._daily.usage()

    async def close(self) -> None:
        await self._http.close()

    async def _spec(self, object_name: str) -> ObjectSpec:
        """The schema of an object, asked for once."""
        if object_name not in self._specs:
            async with self._describing:
                if object_name not in self._specs:
                    await self.describe([object_name])
        return self._specs[object_name]

    def _fields(self, object_name: str) -> Collection[str]:
        spec = self._specs.get(object_name)
        return spec.fields if spec is not None else ()

    def _server_now(self) -> datetime:
        return self._clock.now() + self._http.ahead()
