"""Salesforce: fills the engine's `System` by shape. One class, `Salesforce`; the rest of the folder is its own affair.

Where things are: `auth` signs in, `client` calls, `schema` describes, `wire` translates values, `records` reads (by
ids through `reads`), `writes` writes (`batches` puts writes into calls, `graphs` sends many, `learnt` is what this
process has found out about the org), `merges` merges (through `soap`), `notices` sweeps, `presence` looks who is still
there, `errors` says what a refusal means; `pubsub` streams, `avro` reads what it brings, `events` makes a feed of it,
`outbound` reads what Salesforce sends, `doctor` checks the org. Facts and section numbers: api/salesforce.md.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from concord.core.model import Account, Change, Errand, Gone, Lane, Receipt, Record, Side, SweepPage
from concord.core.quota import Usage
from concord.core.retry import Backoff
from concord.core.values import ObjectSpec, Ref, Value
from concord.errors import Category, ConfigError, RemoteRefused
from concord.systems.budget import Budget
from concord.systems.http import Clock, Transport
from concord.systems.salesforce.client import TOGETHER, Client
from concord.systems.salesforce.events import ChangeEvents
from concord.systems.salesforce.lanes import lane_of
from concord.systems.salesforce.merges import WITHDRAWALS, WORDS, Merges
from concord.systems.salesforce.notices import Sweep
from concord.systems.salesforce.presence import Presence
from concord.systems.salesforce.pubsub import ADDRESS, PubSub
from concord.systems.salesforce.records import Records
from concord.systems.salesforce.schema import Schema
from concord.systems.salesforce.wire import SYSTEM, id18
from concord.systems.salesforce.writes import Writes

__all__ = ["Salesforce"]


class Salesforce:
    """One Salesforce org.

    url: the My Domain address. client_id, client_secret: of an External Client App with the client-credentials flow.
    api_version: pinned; `account` checks that the org lists it. clock, share: time, and a random number in [0, 1) for
    jitter. transport: instead of the network. daily_share: the share of the org's daily API requests that may be used,
    by whomever, before Concord stops and leaves the rest to others; consent_reserve: the part of them at its end that
    is for opt-outs alone, which go on to the last (SPEC 9.3). calls_at_once: of this process. token: a ready access
    token instead of signing in; user_id: whose it is (without it, Concord's own edits are not told from others').
    time_limit: seconds for one try of a call.
    """

    name: str = SYSTEM
    withdrawals: Collection[str] = WITHDRAWALS
    merge_fills: bool = False
    merge_words: Sequence[str] = WORDS

    def __init__(
        self,
        url: str,
        client_id: str = "",
        client_secret: str = "",
        *,
        clock: Clock,
        share: Callable[[], float],
        api_version: str = "v66.0",
        transport: Transport | None = None,
        daily_share: float = 0.8,
        consent_reserve: float = 0.02,
        calls_at_once: int = TOGETHER,
        token: str | None = None,
        user_id: str = "",
        backoff: Backoff | None = None,
        time_limit: float = 30.0,
    ) -> None:
        client = Client(
            url,
            client_id,
            client_secret,
            api_version=api_version,
            clock=clock,
            share=share,
            transport=transport,
            daily_share=daily_share,
            consent_reserve=consent_reserve,
            calls_at_once=calls_at_once,
            token=token,
            user_id=user_id,
            backoff=backoff,
            time_limit=time_limit,
        )
        # A schema that turns out to be needed on the way is needed by opt-outs, too.
        self._schema = Schema(client.on(Errand(Lane.CONSENT)))
        self._use(client)

    def _use(self, client: Client) -> None:
        self._client = client
        self._records = Records(client, self._schema)
        self._writes = Writes(client, self._schema, self._records)
        self._merges = Merges(client, self._schema)
        self._sweep = Sweep(client)
        self._presence = Presence(client, self._schema)

    def on(self, errand: Errand) -> Salesforce:
        """The same org, its calls made on that errand. Shares the sign-in, the pace, the schemas and the counters;
        closing either closes both."""
        other = copy.copy(self)
        other._use(self._client.on(errand))
        return other

    async def share_limits(self, budget: Budget, account_id: str) -> None:
        """From now on keep this org's limits together with all who lean on the same budget. Raises StoreError."""
        await self._client.turns.lean_on(budget, account_id)

    def crowded(self, lane: Lane) -> float:
        """See `System.crowded`."""
        return self._client.turns.crowded(lane)

    @property
    def user_id(self) -> str:
        """The integration user's id, 18 characters; "" before the first sign-in."""
        return self._client.auth.user_id

    async def account(self) -> Account:
        """Signs in, checks the pinned version, and says whose org it is.

        Raises RemoteRefused when the sign-in is refused, ConfigError when the org does not list the version.
        """
        versions = await self._client.call("GET", "/services/data/", kind="account")
        listed = [f"v{version['version']}" for version in versions.body]
        if self._client.api_version not in listed:
            raise ConfigError(
                f"salesforce.api_version is {self._client.api_version}, which the org does not have; "
                f"it has {', '.join(listed[-5:]) or 'none'}"
            )
        rows = await self._client.rows("SELECT Id, Name, OrganizationType, IsSandbox FROM Organization", kind="account")
        if not rows:
            raise RemoteRefused(
                SYSTEM,
                Category.PERMISSION,
                "the integration user may not see the Organization record",
                advice="Give it the permission View Setup and Configuration",
            )
        name = str(rows[0].get("Name") or "")
        return Account(
            id=id18(str(rows[0]["Id"])),
            name=f"{name} (sandbox)" if rows[0].get("IsSandbox") else name,
            user=self.user_id,
        )

    async def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSpec]:
        """See `System.describe`; always read anew."""
        return await self._schema.describe(objects, self._client)

    async def read(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], histories: Sequence[str] = ()
    ) -> Sequence[Record | Gone]:
        """See `System.read`. A converted lead comes back as its contact, with the fields that contacts have too."""
        return await self._records.read(object_name, ids, fields, histories)

    def scan(self, object_name: str, fields: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        """See `System.scan`. Converted leads are not among them."""
        return self._records.scan(object_name, fields)

    async def present(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """See `System.present`. About 2,000 a call; a converted lead is not present."""
        return await self._presence.present(object_name, ids, fields)

    async def origins(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Ref]:
        """See `System.origins`. Contacts that were leads."""
        return await self._records.origins(object_name, ids)

    async def changed(
        self,
        objects: Sequence[str],
        position: str | None,
        overlap: timedelta,
        ticked: Mapping[str, Collection[str]] | None = None,
    ) -> SweepPage:
        """See `System.changed`. Deleted, merged and converted records are among the rows."""
        return await self._sweep.changed(objects, position, overlap, ticked)

    async def find(
        self, object_name: str, field: str, texts: Collection[str], fields: Sequence[str]
    ) -> Sequence[Record]:
        """See `System.find`. Raises RemoteRefused (mapping) for a field that is not there."""
        return await self._records.find(object_name, field, texts, fields)

    async def update(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """See `System.update`."""
        return await self._writes.update(changes, show, histories)

    async def create(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """See `System.create`. Raises ValueError for a change without a key."""
        return await self._writes.create(changes, show, histories)

    async def merge(self, survivor: Ref, losers: Sequence[Ref], values: Mapping[str, Value]) -> Sequence[Receipt]:
        """See `System.merge`. Leads, contacts, accounts and cases, each with their like."""
        return await self._merges.merge(survivor, losers, values)

    async def departed(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """See `System.departed`."""
        return await self._merges.departed(object_name, ids, fields)

    def clock_ahead(self) -> timedelta:
        """See `System.clock_ahead`."""
        return self._client.http.ahead()

    def lane_of(self, object_name: str) -> Lane:
        """See `System.lane_of`."""
        return lane_of(object_name)

    def silent_until(self) -> datetime | None:
        """See `System.silent_until`."""
        return self._client.http.outage.probe_at

    def calls(self) -> int:
        """See `System.calls`."""
        return self._client.http.tally.calls

    def calls_by_kind(self) -> Mapping[str, int]:
        """See `System.calls_by_kind`."""
        return dict(self._client.http.tally.by_kind)

    def retries(self) -> int:
        """See `System.retries`."""
        return self._client.http.tally.retries

    def usage(self) -> Usage | None:
        """See `Metered.usage`."""
        return self._client.meter.usage

    def change_events(
        self,
        objects: Sequence[str],
        fields: Mapping[str, Collection[str]] | None = None,
        *,
        address: str = ADDRESS,
        secure: bool = True,
        root_certificates: bytes | None = None,
        channel: str | None = None,
        side: Side = Side.LEFT,
        consent: Mapping[str, Collection[str]] | None = None,
        backoff: Backoff | None = None,
    ) -> ChangeEvents:
        """This org's change events, with the same sign-in (see `PubSub` and `ChangeEvents`). Close it by itself."""
        return ChangeEvents(
            self._client,
            PubSub(self._client, address, secure=secure, root_certificates=root_certificates),
            objects,
            fields,
            self._client.clock,
            self._client.share,
            channel,
            backoff,
            side=side,
            consent=consent,
        )

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.close()
