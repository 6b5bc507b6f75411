"""What a monitor asks for at /metrics, in Prometheus' form (SPEC 6.5, 10.9). Counts and times only: no id, no value, no
message. Decides nothing.

What is asked of the database is the same in every process of a pair (take the maximum over them); what counts remote
calls is this process's own (add them up). A large backlog is estimated, so that asking costs a few milliseconds however
much waits, and an answer serves everybody for FRESH.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import inf
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from concord.app import Concord
from concord.core.budget import Outlook, Quota, outlook
from concord.core.model import Lane
from concord.engine.feeds import SILENT_AFTER, followed_name
from concord.errors import StoreError
from concord.store.health import Backlog, Bar, Heartbeat, Look

log = logging.getLogger("concord.metrics")

#: How long an answer of the database is handed out again.
FRESH: Final = timedelta(seconds=5)
#: Seconds; the upper ends of the histogram's buckets.
BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


@dataclass(frozen=True)
class Reading:
    """What the database said. followed: by feed. quotas: of the day, with what becomes of them."""

    at: datetime
    backlog: Backlog
    heartbeat: Heartbeat
    followed: Mapping[str, bool]
    quotas: Sequence[tuple[Quota, Outlook]] = ()


class Latencies:
    """The histogram of each lane, which only grows."""

    def __init__(self) -> None:
        self._counts: dict[Lane, list[int]] = {}
        self._seconds: dict[Lane, float] = {}

    def add(self, bars: Sequence[Bar]) -> None:
        for bar in bars:
            counts = self._counts.setdefault(bar.lane, [0] * (len(BOUNDS) + 1))
            counts[len(BOUNDS) - bar.buckets] += bar.count
            self._seconds[bar.lane] = self._seconds.get(bar.lane, 0.0) + bar.seconds

    def metric(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "concord_latency_seconds", "From the change to the applied write.", labels=["lane"]
        )
        ends = [*map(str, BOUNDS), "+Inf"]
        for lane, counts in sorted(self._counts.items()):
            buckets = list(zip(ends, map(float, accumulate(counts)), strict=True))
            family.add_metric([lane.name.lower()], buckets, self._seconds[lane])
        return family


class Metrics(Collector):
    """The metrics of one Concord, from its construction on."""

    def __init__(self, concord: Concord) -> None:
        self._concord = concord
        self._started = concord.scope.clock.now()
        self._reading: Reading | None = None
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()
        self._look = Look()
        self._latencies = Latencies()
        self._conflicts = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    async def answer(self, request: Request) -> Response:
        """The route. Answers without the database too: that it is away is a metric."""
        async with self._asking:
            now = self._concord.scope.clock.now()
            if self._asked_at is None or now - self._asked_at >= FRESH:
                await self._ask(now)
                self._asked_at = now
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # it asks for a version that is no number
            encode, content_type = choose_encoder("")
        return Response(encode(self._registry), headers={"Content-Type": content_type})

    async def _ask(self, now: datetime) -> None:
        store = self._concord.store
        try:
            backlog, heartbeat = await store.queued(now, exact=False), await store.heartbeat()
            positions = await store.positions()
            quotas = await store.quotas(now)
            news = await store.news(self._look, self._started, BOUNDS)
        except StoreError as error:
            log.warning("nothing to measure: %s", error)
            self._reading = None
            return
        feeds = {name: at for name, at in positions.items() if name.startswith(followed_name(""))}
        self._reading = Reading(
            now,
            backlog,
            heartbeat,
            {
                name.removeprefix(followed_name("")): now - datetime.fromisoformat(at) < SILENT_AFTER
                for name, at in feeds.items()
            },
            [(one, outlook(one, self._concord.settings.terms(one.system), now)) for one in quotas],
        )
        self._latencies.add(news.bars)
        self._conflicts += news.conflicts
        self._look = news.look

    def collect(self) -> Iterator[Metric]:
        """Every metric as it stands; called by the registry."""
        up = GaugeMetricFamily("concord_database_up", "1 while the database answers.")
        up.add_metric([], float(self._reading is not None))
        yield up
        if self._reading is not None:
            yield from _of_reading(self._reading)
        yield self._latencies.metric()
        yield CounterMetricFamily("concord_conflicts", "Fields that both sides had changed.", value=self._conflicts)
        yield from self._remote()

    def _remote(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            "concord_remote_calls", "Remote calls, retries included.", labels=["system", "kind"]
        )
        retries = CounterMetricFamily("concord_remote_retries", "Repeats among the calls.", labels=["system"])
        for system in (self._concord.scope.left, self._concord.scope.right):
            for kind, count in sorted(system.calls_by_kind().items()):
                calls.add_metric([system.name, kind], count)
            retries.add_metric([system.name], system.retries())
        yield from (calls, retries)


def _of_reading(reading: Reading) -> Iterator[Metric]:
    rows = GaugeMetricFamily("concord_backlog", "Records that wait, by lane and state.", labels=["lane", "state"])
    oldest = GaugeMetricFamily("concord_oldest_seconds", "For how long the oldest waits.", labels=["lane"])
    for lane in Lane:
        queued, name = reading.backlog.lanes.get(lane), lane.name.lower()
        for state in ("waiting", "claimed", "later", "dead"):
            rows.add_metric([name, state], getattr(queued, state) if queued else 0)
        since = queued.oldest_at if queued else None
        oldest.add_metric([name], 0.0 if since is None else max(0.0, (reading.at - since).total_seconds()))
    estimated = GaugeMetricFamily("concord_backlog_estimated", "1 while the backlog is so large that it is estimated.")
    estimated.add_metric([], float(reading.backlog.estimated))
    failures = GaugeMetricFamily(
        "concord_failures", "Records that failed: dead ones wait for a person.", labels=["category", "state"]
    )
    for (category, state), count in sorted(reading.backlog.failures.items()):
        failures.add_metric([category, state], count)
    workers = GaugeMetricFamily("concord_worker_alive", "1 while a worker says that it lives.")
    workers.add_metric([], float(reading.heartbeat.alive > 0))
    followed = GaugeMetricFamily("concord_feed_followed", "1 while a feed of events is followed.", labels=["feed"])
    for feed, one in sorted(reading.followed.items()):
        followed.add_metric([feed], float(one))
    yield from (rows, oldest, estimated, failures, workers, followed)
    yield from _of_quotas(reading)


def _of_quotas(reading: Reading) -> Iterator[Metric]:
    labels = ["system", "quota"]
    used = GaugeMetricFamily("concord_quota_used", "What is used of a day's allowance, by whomever.", labels=labels)
    most = GaugeMetricFamily("concord_quota_limit", "A day's allowance.", labels=labels)
    bound = GaugeMetricFamily("concord_quota_bound", "Where all but opt-outs stop.", labels=labels)
    ahead = GaugeMetricFamily(
        "concord_quota_forecast", "What will be used at the reset (or in a day) at the last hour's rate.", labels=labels
    )
    ends = GaugeMetricFamily(
        "concord_quota_runs_out_seconds", "Until the bound is reached at that rate; +Inf: not before.", labels=labels
    )
    for quota, view in reading.quotas:
        names = [quota.system, quota.name]
        used.add_metric(names, quota.day.used)
        most.add_metric(names, quota.day.most)
        bound.add_metric(names, view.bound)
        ahead.add_metric(names, view.ahead.used)
        left = view.runs_out_at
        ends.add_metric(names, inf if left is None else max(0.0, (left - reading.at).total_seconds()))
    yield from (used, most, bound, ahead, ends)
