"""A database as a running sync leaves it, for the commands that look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg

from concord.cli.main import main
from concord.core.model import Failure, Lane, Notice, Refused
from concord.core.plan import Done, Outcome, Rule, Verdict
from concord.core.values import MISSING, Ref, Value
from concord.errors import Category
from concord.store.store import PostgresStore

PAIR = "00D000000000001EAA:1234567"
PICKLIST = Failure(
    Category.PICKLIST,
    "bad value for restricted picklist field: Carrier pigeon of ada@example.org",
    code="INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    fields=("Title",),
    advice="Map the value, or add it to the picklist.",
)
BUSY = Failure(Category.RECORD_LOCK, "unable to obtain exclusive access", code="UNABLE_TO_LOCK_ROW", transient=True)


def run(*arguments: str) -> int:
    """The exit code of `concord ...`."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def contact(number: int) -> Ref:
    return Ref("hubspot", "contacts", str(number))


class Sync:
    """A database in which somebody syncs, as the commands of an administrator in a folder find it."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.now = datetime.now(UTC)

    def before(self, **span: float) -> datetime:
        return self.now - timedelta(**span)

    def do(self, work: Callable[[PostgresStore], Awaitable[object]], pair: str = PAIR) -> None:
        async def within() -> None:
            async with PostgresStore.open(self.database, pair=pair, run="a run") as store:
                await work(store)

        asyncio.run(within())

    def begun(self, pair: str = PAIR) -> Sync:
        """Both systems were read, and a side was just swept."""

        async def swept(store: PostgresStore) -> None:
            await store.put_position("swept:left", self.before(seconds=12).isoformat())
            await store.put_position("followed:hubspot journal", self.before(seconds=4).isoformat())
            await store.put_position("followed:salesforce change events", self.before(hours=3).isoformat())

        self.do(swept, pair)
        return self

    def works(self) -> Sync:
        with psycopg.connect(self.database) as connection:
            connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        return self

    def waits(self, *refs: Ref, lane: Lane = Lane.PEOPLE, **age: float) -> None:
        self.do(lambda store: store.take_in([Notice(ref, lane, self.before(**age), "webhook") for ref in refs]))

    def refused(self, failure: Failure, *refs: Ref, title: Value = MISSING, **age: float) -> None:
        """These failed so long ago, for good; `title` was to be written, where Salesforce shows "Pigeon"."""
        at = self.before(**age)
        verdict = Verdict("job_title", Outcome.CARRIED, Rule.ONE_SIDE, "changed", "a", title, None, write_left=title)
        if title is not MISSING:
            failure = replace(failure, refused=(Refused("salesforce", "job_title", "Title", title, "Pigeon"),))

        async def fail(store: PostgresStore) -> None:
            await store.take_in([Notice(ref, Lane.PEOPLE, at, "webhook") for ref in refs])
            works = await store.claim(len(refs), at, timedelta(minutes=2))
            await store.record(
                [
                    Done("people", [work], right=work.ref, failure=failure, dead=True, verdicts=(verdict,))
                    for work in works
                ],
                at,
            )

        self.do(fail)

    def held_up(self, failure: Failure, *refs: Ref, until: timedelta) -> None:
        """These failed just now, and are tried again by themselves."""

        async def fail(store: PostgresStore) -> None:
            await store.take_in([Notice(ref, Lane.PEOPLE, self.now, "webhook") for ref in refs])
            works = await store.claim(len(refs), self.now, timedelta(minutes=2))
            await store.release(works, self.now, self.now + until, failure)

        self.do(fail)

    def applied(self, ref: Ref, seconds: float, **age: float) -> None:
        """A change that took so long, so long ago."""
        at = self.before(**age)

        async def apply(store: PostgresStore) -> None:
            await store.take_in([Notice(ref, Lane.PEOPLE, at - timedelta(seconds=seconds), "webhook")])
            works = await store.claim(1, at, timedelta(minutes=2))
            await store.record([Done("people", works, applied_at=at)], at)

        self.do(apply)
