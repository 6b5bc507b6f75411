"""Puts together what `concord doctor` looks with: both systems, the database and the address of our own, each by
itself, so that a broken installation can be looked at too. Beside app.py, which gives only a Concord that works.

Takes time and randomness from `app.Parts`; changes nothing, and decides nothing about what is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from concord.app import Parts
from concord.config import Read, Secrets, Settings, diagnosis, read
from concord.core.checks import Check, State
from concord.core.model import Errand, Lane, Side
from concord.core.retry import Backoff
from concord.core.values import ObjectSpec
from concord.engine.doctor import Asking, examine
from concord.errors import StoreError
from concord.store import examination as database
from concord.store.embedded import EmbeddedPostgres
from concord.systems.http import Transport
from concord.systems.hubspot import HubSpot
from concord.systems.hubspot import doctor as hubspot_doctor
from concord.systems.reach import answers, on_this_machine, out_of_reach
from concord.systems.salesforce import Salesforce
from concord.systems.salesforce import doctor as salesforce_doctor

#: Salesforce is asked with fewer repeats than a worker makes: a doctor is asked again by hand.
_IMPATIENT: Final = Backoff(first=0.5, cap=2.0, tries=3)
#: Seconds for one try of a call.
_TIME: Final = 10.0
WEB: Final = "Web"


@dataclass(frozen=True)
class Hooks:
    """Below the public address, where each vendor sends to; and a transport to call that address over in tests."""

    salesforce: str
    hubspot: str
    transport: Transport | None = None


async def examined(file: Path, environment: Mapping[str, str], hooks: Hooks, parts: Parts | None = None) -> list[Check]:
    """Everything that `concord doctor` looks at, as checks: the configuration, both accounts, the database, the address
    of our own. Each by itself: what one of them meets, the others do not. Changes nothing."""
    parts = parts or Parts()
    found = read(file)
    secret, checks = diagnosis.secret_checks(environment)
    checks = [*diagnosis.file_checks(found), *checks]
    settings = diagnosis.usable(found)
    # First of all: starting a built-in database forks, which gRPC, once it runs, does not like.
    seen = await _database(secret, parts)
    pair = None
    if settings is None:
        words = "not asked: there is no configuration"
        checks.append(Check(diagnosis.MAPPING, "accounts", State.UNKNOWN, words, asked=False))
    else:
        async with AsyncExitStack() as stack:
            left, right = await asyncio.gather(
                _left(settings, secret, hooks, parts, stack), _right(settings, secret, hooks, parts, stack)
            )
            checks += [*left.checks, *right.checks]
            checks += _mapping(found, left.schemas, right.schemas)
            pair = f"{left.account}:{right.account}" if left.account and right.account else None
        checks += await _address(settings, secret, hooks, parts)
    return [*checks, *([seen] if isinstance(seen, Check) else database.checks(seen, pair))]


def _mapping(found: Read, left: Mapping[str, ObjectSpec], right: Mapping[str, ObjectSpec]) -> list[Check]:
    if found.settings is not None and left and right:
        return diagnosis.mapping_checks(found.settings, left, right)
    why = "the file has to be mended first" if found.settings is None else "a schema that it needs could not be read"
    return [Check(diagnosis.MAPPING, "schemas", State.UNKNOWN, f"not compared: {why}", asked=False)]


@dataclass(frozen=True)
class _Side:
    """What came of looking at one account. account: its id; "" where it is not known."""

    checks: list[Check]
    schemas: Mapping[str, ObjectSpec] = field(default_factory=dict)
    account: str = ""


async def _left(settings: Settings, secret: Secrets, hooks: Hooks, parts: Parts, stack: AsyncExitStack) -> _Side:
    there, section = settings.salesforce, salesforce_doctor.SECTION
    if not (there.url and secret.salesforce_client_id and secret.salesforce_client_secret):
        return _Side([_unasked(section)])
    salesforce = Salesforce(
        there.url,
        secret.salesforce_client_id,
        secret.salesforce_client_secret,
        api_version=there.api_version,
        consent_reserve=0.0,
        daily_share=1.0,  # looking at what is left has to work when little is
        clock=parts.clock,
        share=parts.share,
        transport=parts.salesforce_transport,
        backoff=_IMPATIENT,
        time_limit=_TIME,
    )
    stack.push_async_callback(salesforce.close)
    feed = None
    uses = diagnosis.uses(settings, Side.LEFT)
    if there.events != "off" and uses:
        feed = salesforce.change_events(
            [one.object for one in uses],
            address=there.pubsub,
            secure=not on_this_machine(there.pubsub),
            channel=there.channel or None,
        )
        stack.push_async_callback(feed.close)
    target = settings.web.public_url.rstrip("/") + hooks.salesforce
    told = salesforce_doctor.Told(
        there.daily_share,
        there.events,
        there.channel,
        secret.salesforce_hook is not None,
        target,
        out_of_reach(target, there.url),
    )
    examination = salesforce_doctor.Examination(salesforce, uses, told, feed)
    checks = await examine(examination, salesforce, _asked(settings, Side.LEFT))
    return _Side(checks, examination.schemas, examination.account)


async def _right(settings: Settings, secret: Secrets, hooks: Hooks, parts: Parts, stack: AsyncExitStack) -> _Side:
    there, section = settings.hubspot, hubspot_doctor.SECTION
    if not secret.hubspot_token:
        return _Side([_unasked(section)])
    hubspot = HubSpot(
        there.url,
        secret.hubspot_token,
        app_id=there.app_id,
        api_version=there.api_version,
        clock=parts.clock,
        share=parts.share,
        transport=parts.hubspot_transport,
        time_limit=_TIME,
    )
    stack.push_async_callback(hubspot.close)
    hubspot = hubspot.on(Errand(Lane.CONSENT))  # looking has to work when only what is kept for opt-outs is left
    feed = None
    if there.events == "journal" or (there.events == "auto" and secret.hubspot_client_id is not None):
        feed = hubspot.journal(
            Side.RIGHT,
            "0",  # of no account: it only says whether it could be read
            {},
            client_id=secret.hubspot_client_id or "",
            client_secret=secret.hubspot_client_secret or "",
        )
        stack.push_async_callback(feed.close)
    target = settings.web.public_url.rstrip("/") + hooks.hubspot
    told = hubspot_doctor.Told(
        there.daily_share,
        there.app_id,
        there.events,
        secret.hubspot_client_secret is not None,
        target,
        out_of_reach(target, there.url),
        diagnosis.mapped(settings, Side.RIGHT, written=False),
        diagnosis.mapped(settings, Side.RIGHT, written=True),
        bool(diagnosis.consents(settings, Side.RIGHT)),
    )
    uses = diagnosis.uses(settings, Side.RIGHT)
    examination = hubspot_doctor.Examination(hubspot, uses, told, feed, parts.clock.now)
    checks = await examine(examination, hubspot, _asked(settings, Side.RIGHT))
    return _Side(checks, examination.schemas, examination.account)


def _unasked(section: str) -> Check:
    words = "not asked: without its address and its secrets nobody is let in"
    return Check(section, "account", State.UNKNOWN, words, "see the configuration above", asked=False)


def _asked(settings: Settings, side: Side) -> Asking:
    every = settings.sync.sweep
    return Asking(
        [one.object for one in diagnosis.uses(settings, side)],
        diagnosis.consents(settings, side),
        every.salesforce if side is Side.LEFT else every.hubspot,
        every.consent,
        every.beside_events,
        timedelta() if side is Side.LEFT else hubspot_doctor.INDEX_LAG,
    )


async def _address(settings: Settings, secret: Secrets, hooks: Hooks, parts: Parts) -> list[Check]:
    """Whether a Concord answers where the vendors are told to send to; of no account when nothing is sent."""
    name, url = "public address", settings.web.public_url
    if secret.hubspot_client_secret is None and secret.salesforce_hook is None:
        return [Check(WEB, name, State.OK, "not needed: nothing is sent to this Concord")]
    why = await answers(url, parts.clock, parts.share, hooks.transport)
    if why:
        advice = "start `concord serve`, and let the address lead to web.listen; some networks cannot call themselves"
        return [Check(WEB, name, State.WARN, f"{url}/health, asked from this machine: {why}", advice)]
    words = f"a Concord answers at {url}, asked from this machine; from outside it has to be tried by hand"
    return [Check(WEB, name, State.OK, words)]


async def _database(secret: Secrets, parts: Parts) -> database.Looked | Check:
    """What the database is like, or why nobody can look at it."""
    name = "server"
    if secret.database_url is None and not parts.data_dir.is_dir():
        words = f"none yet: the first `concord reconcile` makes one in {parts.data_dir}"
        return Check(database.SECTION, name, State.OK, words)
    async with AsyncExitStack() as stack:
        try:
            conninfo = secret.database_url
            if conninfo is None:
                server = EmbeddedPostgres(parts.data_dir)
                conninfo = await server.share()
                stack.push_async_callback(server.stop)
            return await database.look(conninfo)
        except StoreError as error:
            advice = "see that PostgreSQL runs, and that CONCORD_DATABASE_URL leads to it"
            return Check(database.SECTION, name, State.FAIL, str(error), advice)
