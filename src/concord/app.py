"""The one place that puts Concord together: systems, store, queue, engine. The only place with a clock and randomness.

`opened` gives a running Concord for as long as a block lasts; faces (cli, web) and tests go through it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from concord.config import AlertSecrets, Findings, Secrets, Settings, check_against
from concord.core.identity import Bounds
from concord.core.model import Account, Errand, Lane, Side
from concord.core.values import ObjectSpec
from concord.engine.alerts import Desk, Watch
from concord.engine.feeds import Refused, followable, listen
from concord.engine.ports import Feed, Target
from concord.engine.presence import EVERY as PRESENCE_EVERY
from concord.engine.scope import LEASE, Reach, Scope
from concord.engine.sync import ALL_POINTS, drain
from concord.engine.worker import Chores
from concord.errors import ConfigError, StoreError
from concord.store.alone import alone
from concord.store.budget import Budget
from concord.store.embedded import EmbeddedPostgres
from concord.store.health import pairs
from concord.store.migrate import migrate
from concord.store.queue import Bell, Chore, Queue
from concord.store.store import PostgresStore
from concord.suffixes import registrable_by_list
from concord.systems.alerting import Mail, MailServer, Slack, Webhook
from concord.systems.http import Clock, Transport
from concord.systems.hubspot import HubSpot
from concord.systems.hubspot.journal import Journal
from concord.systems.salesforce import Salesforce
from concord.systems.salesforce.events import ChangeEvents

log = logging.getLogger("concord")

#: Where Concord keeps its own database, when it runs one.
DATA_DIR = Path(".concord")
#: Set by crash tests: the point of the line at which the program kills itself, as a power cut would.
CRASH_VARIABLE = "CONCORD_CRASH_AT"
#: Set by tests with real processes: for how many seconds a claim stands, so that the dead and the frozen are soon
#: followed by others.
LEASE_VARIABLE = "CONCORD_LEASE_SECONDS"


class RealClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Concord:
    """A Concord that is connected and ready. warnings: what the schemas say about the mapping that is not fatal.

    feeds: the ways in which the systems may tell of changes by themselves, as configured; `followable` asks which of
    them this installation really has.
    """

    settings: Settings
    scope: Scope
    store: PostgresStore
    accounts: Mapping[Side, Account]
    warnings: Findings
    queue: Queue
    feeds: Sequence[Feed] = ()
    #: Does something under a name as soon as no other process does it.
    alone: Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]] | None = None
    #: True: no batch is begun from now on, and those under way are finished; False: they are begun again.
    end: Callable[[bool], None] = lambda ending: None
    #: With what administrators are told.
    desk: Desk | None = None
    #: The database that it works on.
    conninfo: str = ""

    async def followable(self) -> tuple[list[Feed], list[Refused]]:
        """Which feeds can be followed, and why not the others. Raises ConfigError for one that was asked for by name
        and cannot be: to be swept only would be slower than what was asked for."""
        good, refused = await followable(self.feeds)
        wanted = {"salesforce change events": self.settings.salesforce.events == "change_events",
                  "hubspot journal": self.settings.hubspot.events == "journal"}  # fmt: skip
        for one in refused:
            if wanted.get(one.feed):
                raise ConfigError(
                    f"the configuration asks for the {one.feed}, which cannot be followed: {one.reason}. Mend that, or "
                    "set events to auto, and changes are asked for instead"
                )
        return good, refused

    async def follow(self, feeds: Sequence[Feed]) -> None:
        """Read these feeds, each by one process of the pair at a time, for as long as they can be followed."""
        assert self.alone is not None
        async with asyncio.TaskGroup() as group:
            for feed in feeds:
                name = f"{self.accounts[Side.LEFT].id}:{self.accounts[Side.RIGHT].id} {feed.name}"
                group.create_task(_alone(self.alone, name, self.scope, feed))

    async def watch(self, feeds: Sequence[Feed] = ()) -> None:
        """Look at how it goes and tell administrators what has changed (SPEC 9.7), until cancelled. feeds: those that
        are followed."""
        assert self.desk is not None
        await Watch(self.desk, [feed.name for feed in feeds]).run()

    async def drain(self) -> int:
        """Take everything that is due down the line, in this task; how many rows."""
        return await drain(self.scope)

    def calls(self) -> int:
        """Remote calls since the start."""
        return self.scope.left.calls() + self.scope.right.calls()


async def _alone(
    alone: Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]], name: str, scope: Scope, feed: Feed
) -> None:
    await alone(name, lambda: listen(scope, feed))


@dataclass(frozen=True)
class Parts:
    """What a test or the demonstration may replace: time, randomness, the transports, where the database is; and
    whether it is removed at the end (`passing`), or may be that of a Concord that is running (`beside`)."""

    clock: Clock = field(default_factory=RealClock)
    share: Callable[[], float] = random.random
    salesforce_transport: Transport | None = None
    hubspot_transport: Transport | None = None
    alert_transport: Transport | None = None
    data_dir: Path = DATA_DIR
    passing: bool = False
    beside: bool = False
    run: str = ""


@asynccontextmanager
async def opened(settings: Settings, secrets: Secrets, parts: Parts | None = None) -> AsyncIterator[Concord]:
    """Connect, check, and give a ready Concord; everything is closed again at the block's end.

    Raises ConfigError when the mapping names what the systems do not have (nothing was written then), RemoteError when
    an account cannot be reached, StoreError when the database cannot.
    """
    parts = parts or Parts()
    async with AsyncExitStack() as stack:
        left, right = _systems(settings, secrets, parts)
        stack.push_async_callback(left.close)
        stack.push_async_callback(right.close)
        # A start is no less urgent than an opt-out, which needs it: it goes on when the day's other calls are spent.
        urgent = Errand(Lane.CONSENT)
        accounts = {Side.LEFT: await left.on(urgent).account(), Side.RIGHT: await right.on(urgent).account()}
        schemas, findings = await _checked(settings, left.on(urgent), right.on(urgent))
        conninfo = await _database(secrets, parts, stack)
        await migrate(conninfo)
        budget = await stack.enter_async_context(Budget.open(conninfo, _told_time(parts.clock)))
        await left.share_limits(budget, accounts[Side.LEFT].id)
        await right.share_limits(budget, accounts[Side.RIGHT].id)
        pair = f"{accounts[Side.LEFT].id}:{accounts[Side.RIGHT].id}"
        chores = Chores()
        run = parts.run or _run_name(parts.clock)
        store = await stack.enter_async_context(PostgresStore.open(conninfo, pair=pair, wake=Bell(pair).ring, run=run))
        queue = Queue(
            conninfo,
            pair,
            work=chores.work,
            urgent=chores.work_urgent,
            at_once=settings.sync.workers,
            chores=_schedule(settings, chores),
            alone=secrets.database_url is None,
        )
        scope = _scope(settings, parts, (left, right), schemas, store, chores)
        feeds = _feeds(settings, secrets, left, right, accounts, scope)
        for feed in feeds:
            stack.push_async_callback(feed.close)
        chores.of(scope, feeds, settings.sync.sweep.beside_events)
        stack.callback(chores.stop)
        targets = alert_targets(settings, secrets.alerts, parts)
        for target in targets.values():
            stack.push_async_callback(target.close)
        desk = Desk(
            store.alerts,
            parts.clock,
            parts.share,
            pair,
            settings.alerts.judged_by(),
            targets,
            feeds=[feed.name for feed in feeds],
            systems=[left, right],
            breakers=store.open_breakers,
        )
        yield Concord(
            settings,
            scope,
            store,
            accounts,
            findings,
            queue,
            feeds,
            partial(alone, conninfo),
            chores.end,
            desk,
            conninfo,
        )


def _scope(
    settings: Settings,
    parts: Parts,
    systems: tuple[Salesforce, HubSpot],
    schemas: Mapping[str, ObjectSpec],
    store: PostgresStore,
    chores: Chores,
) -> Scope:
    """What the engine works with, by the configuration."""
    return Scope(
        left=systems[0],
        right=systems[1],
        store=store,
        clock=parts.clock,
        pairs=settings.objects,
        schemas=schemas,
        bounds=Bounds(settings.sync.matching.link, settings.sync.matching.ask),
        registrable=registrable_by_list(),
        share=parts.share,
        reach=_reach(os.environ.get(CRASH_VARIABLE)),
        stopping=chores.ending,
        lease=timedelta(seconds=float(os.environ.get(LEASE_VARIABLE, LEASE.total_seconds()))),
        limits=settings.breaker.limits(),
        rounds=settings.sync.bound(),
    )


def alert_targets(settings: Settings, secrets: AlertSecrets, parts: Parts | None = None) -> dict[str, Target]:
    """Where administrators are told, by name; opens no connection. Raises ConfigError where a secret is missing."""
    parts, alerts = parts or Parts(), settings.alerts
    targets: dict[str, Target] = {}
    if alerts.webhook:
        if secrets.webhook is None:
            raise ConfigError("alerts.webhook is set, and CONCORD_ALERT_WEBHOOK_SECRET is not: messages must be signed")
        targets["webhook"] = Webhook(
            alerts.webhook, secrets.webhook, clock=parts.clock, transport=parts.alert_transport
        )
    if secrets.slack_url is not None:
        targets["slack"] = Slack(secrets.slack_url, transport=parts.alert_transport)
    mail = alerts.mail
    if mail is not None:
        if mail.user and secrets.mail_password is None:
            raise ConfigError("alerts.mail.user is set, and CONCORD_ALERT_MAIL_PASSWORD is not")
        host, _, port = mail.server.rpartition(":")
        server = MailServer(host, int(port), mail.security, mail.user, secrets.mail_password or "")
        targets["mail"] = Mail(server, mail.sender, mail.to)
    return targets


def _feeds(
    settings: Settings,
    secrets: Secrets,
    left: Salesforce,
    right: HubSpot,
    accounts: Mapping[Side, Account],
    scope: Scope,
) -> list[ChangeEvents | Journal]:
    """The feeds that are configured; opens no connection yet."""
    feeds: list[ChangeEvents | Journal] = []
    if settings.salesforce.events != "off":
        objects = list(dict.fromkeys(name for pair in settings.objects for name in pair.left_objects))
        mapped = {name: scope.fields(pair, Side.LEFT, name) for pair in settings.objects for name in pair.left_objects}
        feeds.append(
            left.change_events(
                objects,
                mapped,
                address=settings.salesforce.pubsub,
                secure=not _local(settings.salesforce.pubsub),
                channel=settings.salesforce.channel or None,
                consent=scope.consents(Side.LEFT),
            )
        )
    journal = settings.hubspot.events
    if journal == "journal" or (journal == "auto" and secrets.hubspot_client_id is not None):
        feeds.append(
            right.journal(
                Side.RIGHT,
                accounts[Side.RIGHT].id,
                {pair.right_object: scope.fields(pair, Side.RIGHT, pair.right_object) for pair in settings.objects},
                client_id=secrets.hubspot_client_id or "",
                client_secret=secrets.hubspot_client_secret or "",
            )
        )
    return feeds


def _local(address: str) -> bool:
    """Whether an address is on this machine, where nothing has to be encrypted."""
    host = address.rpartition(":")[0]
    return host == "localhost" or host.startswith("127.")


def _systems(settings: Settings, secrets: Secrets, parts: Parts) -> tuple[Salesforce, HubSpot]:
    left = Salesforce(
        settings.salesforce.url,
        secrets.salesforce_client_id,
        secrets.salesforce_client_secret,
        api_version=settings.salesforce.api_version,
        daily_share=settings.salesforce.daily_share,
        consent_reserve=settings.salesforce.consent_reserve,
        calls_at_once=settings.salesforce.calls_at_once,
        clock=parts.clock,
        share=parts.share,
        transport=parts.salesforce_transport,
    )
    right = HubSpot(
        settings.hubspot.url,
        secrets.hubspot_token,
        app_id=settings.hubspot.app_id,
        api_version=settings.hubspot.api_version,
        daily_share=settings.hubspot.daily_share,
        consent_reserve=settings.hubspot.consent_reserve,
        calls_at_once=settings.hubspot.calls_at_once,
        clock=parts.clock,
        share=parts.share,
        transport=parts.hubspot_transport,
    )
    return left, right


async def _checked(settings: Settings, left: Salesforce, right: HubSpot) -> tuple[dict[str, ObjectSpec], Findings]:
    left_names = list(dict.fromkeys(name for pair in settings.objects for name in pair.left_objects))
    right_names = list(dict.fromkeys(pair.right_object for pair in settings.objects))
    left_specs, right_specs = await asyncio.gather(left.describe(left_names), right.describe(right_names))
    findings = check_against(settings, left_specs, right_specs)
    findings.refuse()
    return {**left_specs, **right_specs}, findings


async def _database(secrets: Secrets, parts: Parts, stack: AsyncExitStack) -> str:
    if secrets.database_url is not None:
        return secrets.database_url
    server = EmbeddedPostgres(parts.data_dir)
    conninfo = await (server.share() if parts.beside else server.start())
    stack.push_async_callback(server.remove if parts.passing else server.stop)
    keeping = asyncio.create_task(_kept(server))
    stack.callback(keeping.cancel)
    return conninfo


async def _kept(server: EmbeddedPostgres) -> None:
    """Start the built-in database again whenever it dies by itself."""
    try:
        await server.keep()
    except StoreError as error:
        log.error("the built-in database is gone: %s", error)


@dataclass(frozen=True)
class Inside:
    """The store of a pair, opened by itself: to look at it, and to try again what failed."""

    pair: str
    store: PostgresStore
    clock: Clock


@asynccontextmanager
async def looked_into(
    database_url: str | None, pair: str | None = None, parts: Parts | None = None
) -> AsyncIterator[Inside]:
    """Only the database, beside a Concord that runs or not: no account is signed in to, and nothing is migrated.

    database_url: None: the built-in database. pair: needed only where the database has several.
    Raises StoreError when there is no database, it cannot be reached, or nobody was read into it yet; ConfigError for a
    pair that it does not have, and when it has several and none is named.
    """
    parts = parts or Parts()
    async with AsyncExitStack() as stack:
        conninfo = database_url
        if conninfo is None:
            if not parts.data_dir.is_dir():
                raise StoreError(
                    f"There is no database yet: {parts.data_dir} is not in this folder and CONCORD_DATABASE_URL is not "
                    "set. Go to the folder in which Concord runs, or run `concord reconcile` first."
                )
            server = EmbeddedPostgres(parts.data_dir)
            conninfo = await server.share()
            stack.push_async_callback(server.stop)
        chosen = _chosen(await pairs(conninfo), pair)
        store = await stack.enter_async_context(
            PostgresStore.open(conninfo, pair=chosen, wake=Bell(chosen).ring, connections=2)
        )
        yield Inside(chosen, store, parts.clock)


def _chosen(found: Sequence[str], pair: str | None) -> str:
    if not found:
        raise StoreError("The database is empty: the two systems were not read yet. Run `concord reconcile` first.")
    if pair is None and len(found) == 1:
        return found[0]
    if pair is not None and pair in found:
        return pair
    known = ", ".join(found)
    if pair is None:
        raise ConfigError(f"the database has several pairs of accounts; name one with --pair: {known}")
    raise ConfigError(f"the database has no pair {pair}; it has {known}")


def _reach(point: str | None) -> Reach:
    if point is None:
        return lambda reached: None
    if point not in ALL_POINTS:
        raise ConfigError(f"{CRASH_VARIABLE} is {point!r}; the points are {', '.join(ALL_POINTS)}")

    def reach(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach


def _schedule(settings: Settings, chores: Chores) -> list[Chore]:
    """Every chore with how often it is done."""
    every = settings.sync.sweep
    whole = every.presence
    bound = settings.sync.bound()
    rounds = [] if bound is None else [Chore("let go", timedelta(minutes=5), lambda: chores.let_go(bound))]
    presence = [] if whole is None else [Chore("presence", PRESENCE_EVERY, lambda: chores.look(whole))]
    return [
        Chore("sweep salesforce", _round(every.salesforce), lambda: chores.sweep(Side.LEFT)),
        Chore("sweep hubspot", _round(every.hubspot), lambda: chores.sweep(Side.RIGHT)),
        Chore("sweep consent", _round(every.consent), chores.sweep_consent),
        Chore("sweep deep", timedelta(minutes=2), chores.sweep_deep),
        *presence,
        *rounds,
    ]


def _round(span: timedelta) -> timedelta:
    """The longest span not above this one that divides a minute, an hour or a day, as the queue's schedules need."""
    seconds = max(1, int(span.total_seconds()))
    for unit, whole in ((1, 60), (60, 3600), (3600, 86400)):
        if seconds < whole:
            return timedelta(seconds=max(step for step in range(unit, seconds + 1, unit) if whole % step == 0))
    return timedelta(days=1)


def _told_time(clock: Clock) -> Callable[[], datetime] | None:
    """A clock that is not the machine's, for what several processes share; else the database's serves all of them."""
    return None if isinstance(clock, RealClock) else clock.now


def _run_name(clock: Clock) -> str:
    return f"{clock.now():%Y-%m-%dT%H:%M:%SZ} pid {os.getpid()}"
