"""What the benchmarks share: two sandboxes with people in both, a Concord that is connected to them, and how a piece of
work is timed. Measures nothing by itself (bench.py, bench_served.py)."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import Final

from concord.app import Concord, Parts, opened
from concord.cli.trial import Control, Trial, trial
from concord.web.serving import listening

SIDES: Final = ("salesforce", "hubspot")
#: Longer than a sweep of Salesforce, so that what is to be found was found.
PAUSE_SECONDS: Final = 1.5
#: How long the last of the values may take to arrive before they count as lost.
PATIENCE_SECONDS: Final = 60.0
#: Edits in one call of the control API.
EDITS_A_CALL: Final = 500


@dataclass(frozen=True)
class Figure:
    """One measurement; its field names are the keys of --json (bench/README.md). None: does not apply.

    records: how many records, changes or edits it is about. wrong: how many of them were not as they should be at the
    end, by the sandboxes' own state (for latency: never arrived). seconds: what was timed. calls: by system.
    cpu_seconds: of this process; of what is served, of all of its processes. rss_mb: the peak so far, of the largest
    of them. own_*_ms: what was not spent in remote calls. acknowledged_*_ms: until a delivery was answered. processes:
    the peak of each, in MB.
    """

    bench: str
    call_latency_ms: int
    changes_per_second: float | None = None
    calls_per_change: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    rss_mb: float = 0.0
    direction: str | None = None
    edits_per_second: int | None = None
    records: int = 0
    records_per_second: float | None = None
    wrong: int = 0
    seconds: float | None = None
    calls: Mapping[str, int] = field(default_factory=dict)
    cpu_seconds: float | None = None
    own_p50_ms: float | None = None
    own_p99_ms: float | None = None
    acknowledged_p50_ms: float | None = None
    acknowledged_p99_ms: float | None = None
    processes_mb: Sequence[float] = ()


@dataclass(frozen=True)
class Couple:
    """A person in both systems, by the world's truth."""

    object: str
    salesforce: str
    hubspot: str


@dataclass(frozen=True)
class Stage:
    """Sandboxes that take `latency` milliseconds for a call, and a Concord connected to them."""

    sandboxes: Trial
    concord: Concord
    listener: socket
    folder: Path
    latency: int
    couples: Sequence[Couple]

    def control(self, system: str) -> Control:
        return self.sandboxes.salesforce if system == "salesforce" else self.sandboxes.hubspot

    async def calls(self) -> dict[str, int]:
        """How many calls each sandbox has received."""
        return {system: await self.control(system).calls() for system in SIDES}


@asynccontextmanager
async def staged(people: int, latency: int) -> AsyncIterator[Stage]:
    with TemporaryDirectory(prefix="concord-bench-") as name:
        folder = Path(name)
        async with trial(f"bench:{people}", 1, folder) as sandboxes:
            listener = listening("127.0.0.1:0")
            host, port = listener.getsockname()[:2]
            settings = sandboxes.settings(f"{host}:{port}", "sweep: {salesforce: 1s, hubspot: 10s}")
            parts = Parts(data_dir=folder / "data", run="bench")
            async with opened(settings, sandboxes.secrets(), parts) as concord:
                couples = [
                    Couple(one["salesforce"][0], one["salesforce"][1], one["hubspot"])
                    for one in sandboxes.truth["pairs"]
                ]
                stage = Stage(sandboxes, concord, listener, folder, latency, couples)
                for system in SIDES:
                    await stage.control(system).call("POST", "latency", {"milliseconds": latency})
                yield stage


class Watch:
    """Times a piece of work: on the clock, in this process's processor time, and in calls at the sandboxes."""

    def __init__(self, stage: Stage, calls: Mapping[str, int]) -> None:
        self._stage, self._calls = stage, calls
        self._at, self._cpu = time.monotonic(), time.process_time()

    @classmethod
    async def start(cls, stage: Stage) -> Watch:
        return cls(stage, await stage.calls())

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._at

    @property
    def cpu_seconds(self) -> float:
        return round(time.process_time() - self._cpu, 2)

    async def calls(self) -> dict[str, int]:
        now = await self._stage.calls()
        return {system: now[system] - self._calls[system] for system in SIDES}


async def quiet(stage: Stage, wanted: Mapping[Couple, str]) -> int:
    """Wait until all of these titles stand on both sides; how many do not when the patience is used up."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        missing = await missing_of(stage, wanted)
        if not missing or time.monotonic() > until:
            return missing


async def missing_of(stage: Stage, wanted: Mapping[Couple, str]) -> int:
    """How many people have not this title on both sides, by the sandboxes' state."""
    salesforce = {**await stage.sandboxes.salesforce.records("Lead")}
    salesforce |= await stage.sandboxes.salesforce.records("Contact")
    hubspot = await stage.sandboxes.hubspot.records("contacts")
    return sum(
        1
        for couple, title in wanted.items()
        if salesforce[couple.salesforce].get("Title") != title or hubspot[couple.hubspot].get("jobtitle") != title
    )


def titles(word: str) -> Iterator[str]:
    """Titles of which none is part of another."""
    return (f"{word} Director {number:06d}" for number in range(1, 1_000_000))


def edit_of(couple: Couple, system: str, title: str) -> dict[str, object]:
    if system == "salesforce":
        return {"object": couple.object, "id": couple.salesforce, "fields": {"Title": title}}
    return {"object": "contacts", "id": couple.hubspot, "fields": {"jobtitle": title}}


def peak_mb() -> float:
    """The most memory that was resident so far. Linux's own count where there is one: the other one begins with what
    the program had that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        told = next((line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:")), None)
        if told is not None:
            return round(int(told.split()[1]) / 1024, 1)
    told_in = 1024**2 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / told_in, 1)


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value)
