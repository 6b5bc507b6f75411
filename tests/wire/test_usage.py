"""What both systems' answers tell of the day's calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from concord.core.quota import Usage
from concord.systems.hubspot.client import Daily
from concord.systems.salesforce.client import Meter

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 3, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def test_salesforce_tells_it_with_most_answers_and_counts_the_last_24_hours() -> None:
    clock = Clock()
    meter = Meter(clock, 0.8)
    assert meter.usage is None
    meter.note({"sforce-limit-info": "api-usage=2500/100000"})
    clock.time += timedelta(minutes=1)
    meter.note({})
    assert meter.usage == Usage("salesforce", 2500, 100_000, 0.8, NOON)


def test_hubspot_tells_what_is_left_until_the_accounts_midnight() -> None:
    clock = Clock()
    daily = Daily(clock, 0.05)
    assert daily.usage() is None
    daily.learn({"x-hubspot-ratelimit-daily": "250000", "x-hubspot-ratelimit-daily-remaining": "240000"})
    assert daily.usage() == Usage("hubspot", 10_000, 250_000, 0.95, NOON, MIDNIGHT)
    clock.time = MIDNIGHT
    assert daily.usage() is None
