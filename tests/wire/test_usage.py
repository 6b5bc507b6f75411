"""What both systems' answers tell of the day's calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from concord.core.budget import Terms
from concord.core.quota import Usage
from concord.systems.hubspot.client import LOOK, Daily
from concord.systems.salesforce.client import Meter
from concord.systems.turns import Turns

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 3, tzinfo=UTC)
BURST = {"x-hubspot-ratelimit-max": "190"}


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def test_salesforce_tells_it_with_most_answers_and_counts_the_last_24_hours() -> None:
    clock = Clock()
    meter = Meter(Turns(clock, "salesforce", Terms(0.8, 0.02)))
    assert meter.usage is None
    meter.note({"sforce-limit-info": "api-usage=2500/100000"})
    clock.time += timedelta(minutes=1)
    meter.note({})
    assert meter.usage == Usage("salesforce", 2500, 100_000, 0.78, NOON)


def test_hubspot_tells_what_is_left_until_the_accounts_midnight() -> None:
    clock = Clock()
    daily = Daily(clock, Turns(clock, "hubspot", Terms(0.95)))
    assert daily.usage() is None
    daily.learn({"x-hubspot-ratelimit-daily": "250000", "x-hubspot-ratelimit-daily-remaining": "240000", **BURST})
    assert daily.usage() == Usage("hubspot", 10_000, 250_000, 0.95, NOON, MIDNIGHT)
    assert not daily.look_due()
    clock.time = MIDNIGHT
    assert daily.usage() is None


def test_an_answer_to_an_earlier_call_does_not_take_back_what_a_later_one_told() -> None:
    clock = Clock()
    daily = Daily(clock, Turns(clock, "hubspot"))
    told = {"x-hubspot-ratelimit-daily": "1000", "x-hubspot-ratelimit-daily-remaining": "900"}
    daily.learn(told, 7)
    daily.learn({**told, "x-hubspot-ratelimit-daily-remaining": "903"}, 4)
    usage = daily.usage()
    assert usage is not None
    assert usage.used == 100


def test_where_the_answers_do_not_tell_the_day_it_is_asked_for_once_in_a_while() -> None:
    clock = Clock()
    daily = Daily(clock, Turns(clock, "hubspot"))
    daily.learn({})
    assert not daily.look_due(), "searches tell nothing at all"
    daily.learn(BURST)
    assert daily.look_due()
    assert not daily.look_due()
    clock.time += LOOK
    assert daily.look_due()


def test_what_the_account_says_of_its_day_counts_unless_more_is_known() -> None:
    clock = Clock()
    daily = Daily(clock, Turns(clock, "hubspot"))
    daily.looked({"results": [{"name": "private-apps-api-calls-daily", "usageLimit": 1000, "currentUsage": 300}]})
    daily.looked({"results": [{"usageLimit": 1000, "currentUsage": 200}, {"usageLimit": None}]})
    daily.looked("<h1>Down</h1>")
    usage = daily.usage()
    assert usage is not None
    assert (usage.used, usage.limit, usage.resets_at) == (300, 1000, MIDNIGHT)
