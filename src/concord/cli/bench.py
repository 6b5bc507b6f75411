"""`concord bench`: how fast the line is, on two sandboxes on this machine, and how many remote calls a change costs.

Every figure is taken at the sandboxes: their journals say how many calls were made and when a value arrived, and their
state says whether all of it did. How to read the figures, and what they were on which machine: bench/README.md.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from concord.app import Concord, Parts, opened
from concord.cli import verify
from concord.cli.edits import Edit
from concord.cli.options import Json, examples
from concord.cli.show import Look
from concord.cli.trial import Control, Trial, trial
from concord.core.model import Side
from concord.engine.reconcile import bring_together, survey
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch
from concord.web.intake import HUBSPOT_PATH
from concord.web.serving import listening, running

#: What the sandboxes take for a call, in milliseconds: nothing, and about what the real ones do.
_CALL_LATENCIES = (0, 80)
_EDITS_A_SECOND = (1, 10)
_SIDES = ("salesforce", "hubspot")
#: A record that was edited in the second it is read in is not written, because Salesforce's guard has whole seconds:
#: the line would be measured waiting for the second to pass. The edits of a mass are this old when it begins.
_SETTLED_SECONDS = 2.1
#: Longer than a sweep of Salesforce, so that what is to be found was found.
_PAUSE_SECONDS = 1.5
#: How long the last of the values may take to arrive before they count as lost.
_PATIENCE_SECONDS = 60.0
#: Edits in one call of the control API.
_EDITS_A_CALL = 500


@dataclass(frozen=True)
class Size:
    """How much is measured. people: in both systems. seconds: of edits at each rate."""

    people: int
    seconds: float


_FULL = Size(people=2000, seconds=20.0)
_QUICK = Size(people=200, seconds=4.0)


@dataclass(frozen=True)
class Figure:
    """One measurement; its field names are the keys of --json (bench/README.md). None: does not apply.

    records: how many records, changes or edits it is about. wrong: how many of them were not as they should be at the
    end, by the sandboxes' own state (for latency: never arrived). seconds: what was timed. calls: by system.
    cpu_seconds: of this process. rss_mb: its peak so far.
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
    latency: int
    couples: Sequence[Couple]

    def control(self, system: str) -> Control:
        return self.sandboxes.salesforce if system == "salesforce" else self.sandboxes.hubspot

    async def calls(self) -> dict[str, int]:
        """How many calls each sandbox has received."""
        return {system: await self.control(system).calls() for system in _SIDES}


def bench(
    json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer people and edits: under a minute.")] = False,
    people: Annotated[
        int | None, typer.Option(metavar="N", min=20, help="How many people are in both systems.")
    ] = None,
) -> None:
    """Measure changes a second, remote calls for a change, and latency, on two sandboxes on this machine.

    Once with sandboxes that answer at once and once with 80 ms a call; one process, a database of its own, about three
    minutes. With --json one line for each measurement. Exit code 1 when a value did not arrive where it belongs.
    """
    look = Look.standard(json=json)
    size = _QUICK if quick else _FULL
    figures = asyncio.run(_all(look, Size(people or size.people, size.seconds)))
    if not json:
        _show(look, figures)
    if any(figure.wrong for figure in figures):
        look.error("concord bench: not every value arrived where it belongs; see `wrong`")
        raise typer.Exit(1)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord bench", "concord bench --quick --json"))(bench)


async def _all(look: Look, size: Size) -> list[Figure]:
    figures = []
    for latency in _CALL_LATENCIES:
        look.line(f"{size.people} people in both sandboxes, {latency} ms a call")
        async with _stage(size.people, latency) as stage:
            async for figure in _measured(look, stage, size):
                figures.append(figure)
                if look.json:
                    look.document(asdict(figure))
                    look.out.file.flush()  # a line is there as soon as it is measured
    return figures


async def _measured(look: Look, stage: Stage, size: Size) -> AsyncIterator[Figure]:
    """Every measurement on one stage, each on what the one before left. The mass comes last: for ten minutes after it
    the deep sweeps would read all of it again, and be measured with the few edits of the others."""
    look.line("  linking them by a reconciliation")
    yield await _reconcile(stage)
    for rate in _EDITS_A_SECOND:
        look.line(f"  live, {rate} edit{'s'[: rate - 1]} a second")
        for figure in await _live(stage, rate, size.seconds):
            yield figure
    look.line("  one edit of each of them, half on each side")
    yield await _changes(stage)


@asynccontextmanager
async def _stage(people: int, latency: int) -> AsyncIterator[Stage]:
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
                stage = Stage(sandboxes, concord, listener, latency, couples)
                for system in _SIDES:
                    await stage.control(system).call("POST", "latency", {"milliseconds": latency})
                yield stage


class _Watch:
    """Times a piece of work: on the clock, in this process's processor time, and in calls at the sandboxes."""

    def __init__(self, stage: Stage, calls: Mapping[str, int]) -> None:
        self._stage, self._calls = stage, calls
        self._at, self._cpu = time.monotonic(), time.process_time()

    @classmethod
    async def start(cls, stage: Stage) -> _Watch:
        return cls(stage, await stage.calls())

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._at

    @property
    def cpu_seconds(self) -> float:
        return round(time.process_time() - self._cpu, 2)

    async def calls(self) -> dict[str, int]:
        now = await self._stage.calls()
        return {system: now[system] - self._calls[system] for system in _SIDES}


async def _reconcile(stage: Stage) -> Figure:
    """Read both sides whole, find who is who, and bring all of them to one base state."""
    concord, watch = stage.concord, await _Watch.start(stage)

    async def batch() -> int:
        one = await run_batch(concord.scope)
        return len(one.works) if one else 0

    censuses = await survey(concord.scope, _silent)
    await bring_together(concord.scope, censuses, _silent, batch)
    seconds, cpu_seconds, calls = watch.seconds, watch.cpu_seconds, await watch.calls()
    linked = {(left.id, right.id) for left, right in await concord.store.active_links("people")}
    return Figure(
        "reconcile",
        stage.latency,
        rss_mb=_peak_mb(),
        records=len(stage.couples),
        records_per_second=round(len(stage.couples) / seconds, 1),
        wrong=len(linked ^ {(one.salesforce, one.hubspot) for one in stage.couples}),
        seconds=round(seconds, 2),
        calls=calls,
        cpu_seconds=cpu_seconds,
    )


def _silent(what: str, done: int, total: int | None) -> None:
    """Progress that nobody looks at."""


async def _changes(stage: Stage) -> Figure:
    """People edit a field of everybody; a sweep finds it all, and the line takes it from the first claim to the last
    record. The calls are those of the sweep too."""
    scope, store = stage.concord.scope, stage.concord.store
    wanted = dict(zip(stage.couples, _titles("Mass"), strict=False))
    sides = dict(zip(stage.couples, cycle(("salesforce", "salesforce", "hubspot", "hubspot")), strict=False))
    for system in _SIDES:
        mine = [_edit(one, system, wanted[one]) for one in stage.couples if sides[one] == system]
        for start in range(0, len(mine), _EDITS_A_CALL):
            await stage.control(system).call("POST", "edits", mine[start : start + _EDITS_A_CALL])
    edited = await _Watch.start(stage)
    while (await store.backlog())["waiting"] < len(wanted) and edited.seconds < _PATIENCE_SECONDS:
        for side in Side:
            await sweep(scope, side)
    await asyncio.sleep(max(0.0, _SETTLED_SECONDS - edited.seconds))
    watch = await _Watch.start(stage)
    seconds = await _drained(stage, watch)
    cpu_seconds, calls = watch.cpu_seconds, await edited.calls()
    return Figure(
        "changes",
        stage.latency,
        changes_per_second=round(len(wanted) / seconds, 1),
        calls_per_change=round(sum(calls.values()) / len(wanted), 3),
        rss_mb=_peak_mb(),
        records=len(wanted),
        wrong=await _missing(stage, wanted),
        seconds=round(seconds, 2),
        calls=calls,
        cpu_seconds=cpu_seconds,
    )


async def _drained(stage: Stage, watch: _Watch) -> float:
    """Take batches down the line until the inbox is empty, those put back for a moment included; seconds to the end of
    the last one."""
    last = watch.seconds
    while watch.seconds < _PATIENCE_SECONDS:
        if await run_batch(stage.concord.scope) is not None:
            last = watch.seconds
            continue
        backlog = await stage.concord.store.backlog()
        if not (backlog["waiting"] or backlog["due_later"]):
            break
        await asyncio.sleep(0.02)
    return last


async def _live(stage: Stage, rate: int, seconds: float) -> list[Figure]:
    """People edit at this rate, on either side in turn, while everything runs as it does in service."""
    concord, sandboxes = stage.concord, stage.sandboxes
    await sandboxes.subscribe(concord.settings.web.public_url + HUBSPOT_PATH, concord.settings.objects)
    # Nobody twice: of two edits that follow one another closely the first may never have to arrive.
    count = min(max(len(_SIDES), round(rate * seconds)), len(stage.couples))
    plan = list(zip(stage.couples[:count], _titles(f"Live{rate}"), cycle(_SIDES), strict=False))
    chance = random.Random(rate)
    await sandboxes.select(concord.settings.objects)
    feeds, _ = await concord.followable()
    async with running(concord, sandboxes.secrets(), stage.listener.dup(), feeds):
        await asyncio.sleep(_PAUSE_SECONDS)
        watch = await _Watch.start(stage)
        edits = []
        for number, (couple, title, system) in enumerate(plan):
            # Somewhere within its turn: edits in step with the sweeps would all wait equally long for the next one.
            await asyncio.sleep(max(0.0, (number + chance.random()) / rate - watch.seconds))
            edits.append(Edit(time.time(), system, "job_title", title, conflict=False))
            await stage.control(system).call("POST", "edits", [_edit(couple, system, title)])
        lost = await _quiet(stage, {couple: title for couple, title, _ in plan})
        calls, cpu_seconds = await watch.calls(), watch.cpu_seconds
        await sandboxes.subscribe(concord.settings.web.public_url + HUBSPOT_PATH, ())
    journals = {system: await stage.control(system).journal() for system in _SIDES}
    figures = []
    for system in _SIDES:
        mine = [edit for edit in edits if edit.side == system]
        times = verify.latencies(mine, journals)
        other = next(one for one in _SIDES if one != system)
        figures.append(
            Figure(
                "latency",
                stage.latency,
                calls_per_change=round(sum(calls.values()) / count, 3),
                p50_ms=_rounded(verify.percentile(times, 0.50)),
                p99_ms=_rounded(verify.percentile(times, 0.99)),
                rss_mb=_peak_mb(),
                direction=f"{system} to {other}",
                edits_per_second=rate,
                records=len(mine),
                wrong=max(lost, len(mine) - len(times)),
                calls=calls,
                cpu_seconds=cpu_seconds,
            )
        )
    return figures


async def _quiet(stage: Stage, wanted: Mapping[Couple, str]) -> int:
    """Wait until all of these titles stand on both sides; how many do not when the patience is used up."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        await asyncio.sleep(_PAUSE_SECONDS)
        missing = await _missing(stage, wanted)
        if not missing or time.monotonic() > until:
            return missing


async def _missing(stage: Stage, wanted: Mapping[Couple, str]) -> int:
    """How many people have not this title on both sides, by the sandboxes' state."""
    salesforce = {**await stage.sandboxes.salesforce.records("Lead")}
    salesforce |= await stage.sandboxes.salesforce.records("Contact")
    hubspot = await stage.sandboxes.hubspot.records("contacts")
    return sum(
        1
        for couple, title in wanted.items()
        if salesforce[couple.salesforce].get("Title") != title or hubspot[couple.hubspot].get("jobtitle") != title
    )


def _titles(word: str) -> Iterator[str]:
    """Titles of which none is part of another."""
    return (f"{word} Director {number:06d}" for number in range(1, 1_000_000))


def _edit(couple: Couple, system: str, title: str) -> dict[str, object]:
    if system == "salesforce":
        return {"object": couple.object, "id": couple.salesforce, "fields": {"Title": title}}
    return {"object": "contacts", "id": couple.hubspot, "fields": {"jobtitle": title}}


def _peak_mb() -> float:
    """The most memory that was resident so far. Linux's own count where there is one: the other one begins with what
    the program had that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        told = next((line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:")), None)
        if told is not None:
            return round(int(told.split()[1]) / 1024, 1)
    told_in = 1024**2 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / told_in, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value)


def _show(look: Look, figures: Sequence[Figure]) -> None:
    rows = [
        (
            figure.bench,
            f"{figure.call_latency_ms} ms",
            figure.direction,
            figure.edits_per_second,
            figure.records,
            figure.records_per_second or figure.changes_per_second,
            figure.calls_per_change,
            figure.p50_ms,
            figure.p99_ms,
            f"{figure.rss_mb:.0f}",
            figure.wrong or "",
        )
        for figure in figures
    ]
    columns = (
        "",
        ">a call",
        "",
        ">edits/s",
        ">records",
        ">a second",
        ">calls each",
        ">p50 ms",
        ">p99 ms",
        ">MB",
        ">wrong",
    )
    look.table(columns, rows, title="Measured at the sandboxes")
