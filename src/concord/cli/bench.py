"""`concord bench`: how fast the line is, on two sandboxes on this machine, and how many remote calls a change costs.

Every figure is taken at the sandboxes: their journals say how many calls were made and when a value arrived, and their
state says whether all of it did. How to read the figures, and what they were on which machine: bench/README.md.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from typing import Annotated

import typer

from concord.cli import verify
from concord.cli.bench_served import flood, idle, pace
from concord.cli.bench_stage import (
    EDITS_A_CALL,
    PATIENCE_SECONDS,
    PAUSE_SECONDS,
    SIDES,
    Figure,
    Stage,
    Watch,
    edit_of,
    missing_of,
    peak_mb,
    quiet,
    rounded,
    staged,
    titles,
)
from concord.cli.edits import Edit
from concord.cli.options import Json, examples
from concord.cli.show import Look
from concord.core.model import Side
from concord.engine.reconcile import bring_together, survey
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch
from concord.web.intake import HUBSPOT_PATH
from concord.web.serving import running

#: What the sandboxes take for a call, in milliseconds: nothing, and about what the real ones do.
_CALL_LATENCIES = (0, 80)
_EDITS_A_SECOND = (1, 10)
#: A record that was edited in the second it is read in is not written, because Salesforce's guard has whole seconds:
#: the line would be measured waiting for the second to pass. The edits of a mass are this old when it begins.
_SETTLED_SECONDS = 2.1


@dataclass(frozen=True)
class Size:
    """How much is measured. people: in both systems. seconds: of edits at each rate. alone: edits one at a time.
    processes: of what is served."""

    people: int
    seconds: float
    alone: int
    processes: int = 1


_FULL = Size(people=2000, seconds=20.0, alone=40)
_QUICK = Size(people=200, seconds=4.0, alone=4)
#: Edits a second of a busy day, all of whose people are different ones.
_BUSY = 50


def bench(
    json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer people and edits: about two minutes.")] = False,
    people: Annotated[
        int | None, typer.Option(metavar="N", min=20, help="How many people are in both systems.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes `concord serve` has in idle, pace and flood.")
    ] = 1,
) -> None:
    """Measure changes a second, remote calls for a change, and latency, on two sandboxes on this machine.

    Once with sandboxes that answer at once and once with 80 ms a call; a database of its own, about five minutes. With
    --json one line for each measurement. Exit code 1 when a value did not arrive where it belongs.
    """
    look = Look.standard(json=json)
    size = _QUICK if quick else _FULL
    figures = asyncio.run(_all(look, replace(size, people=people or size.people, processes=processes)))
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
        for measured in (_measured, _flooded):
            async with staged(size.people, latency) as stage:
                async for figure in measured(look, stage, size):
                    figures.append(figure)
                    if look.json:
                        look.document(asdict(figure))
                        look.out.file.flush()  # a line is there as soon as it is measured
    return figures


async def _measured(look: Look, stage: Stage, size: Size) -> AsyncIterator[Figure]:
    """Every measurement but the flood, on one stage, each on what the one before left. What changes all comes late:
    for ten minutes after it the deep sweeps read all of it again, and are measured with what follows."""
    look.line("  linking them by a reconciliation")
    yield await _reconcile(stage)
    look.line("  served, one edit at a time")
    for figure in await idle(stage, size.alone, size.processes):
        yield figure
    for rate in _EDITS_A_SECOND:
        look.line(f"  live, {rate} edit{'s'[: rate - 1]} a second")
        for figure in await _live(stage, rate, size.seconds):
            yield figure
    look.line("  one edit of each of them, half on each side")
    yield await _changes(stage)
    look.line(f"  served, {_BUSY} edits a second")
    for figure in await pace(stage, _BUSY, size.seconds, size.processes):
        yield figure


async def _flooded(look: Look, stage: Stage, size: Size) -> AsyncIterator[Figure]:
    """The flood on a stage of its own: nothing else that changed is to be read again while it is measured."""
    look.line("  served, a flood of webhooks about all of them")
    await _reconcile(stage)
    yield await flood(stage, size.processes)


async def _reconcile(stage: Stage) -> Figure:
    """Read both sides whole, find who is who, and bring all of them to one base state."""
    concord, watch = stage.concord, await Watch.start(stage)

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
        rss_mb=peak_mb(),
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
    wanted = dict(zip(stage.couples, titles("Mass"), strict=False))
    sides = dict(zip(stage.couples, cycle(("salesforce", "salesforce", "hubspot", "hubspot")), strict=False))
    for system in SIDES:
        mine = [edit_of(one, system, wanted[one]) for one in stage.couples if sides[one] == system]
        for start in range(0, len(mine), EDITS_A_CALL):
            await stage.control(system).call("POST", "edits", mine[start : start + EDITS_A_CALL])
    edited = await Watch.start(stage)
    while (await store.backlog())["waiting"] < len(wanted) and edited.seconds < PATIENCE_SECONDS:
        for side in Side:
            await sweep(scope, side)
    await asyncio.sleep(max(0.0, _SETTLED_SECONDS - edited.seconds))
    watch = await Watch.start(stage)
    seconds = await _drained(stage, watch)
    cpu_seconds, calls = watch.cpu_seconds, await edited.calls()
    return Figure(
        "changes",
        stage.latency,
        changes_per_second=round(len(wanted) / seconds, 1),
        calls_per_change=round(sum(calls.values()) / len(wanted), 3),
        rss_mb=peak_mb(),
        records=len(wanted),
        wrong=await missing_of(stage, wanted),
        seconds=round(seconds, 2),
        calls=calls,
        cpu_seconds=cpu_seconds,
    )


async def _drained(stage: Stage, watch: Watch) -> float:
    """Take batches down the line until the inbox is empty, those put back for a moment included; seconds to the end of
    the last one."""
    last = watch.seconds
    while watch.seconds < PATIENCE_SECONDS:
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
    count = min(max(len(SIDES), round(rate * seconds)), len(stage.couples))
    plan = list(zip(stage.couples[:count], titles(f"Live{rate}"), cycle(SIDES), strict=False))
    chance = random.Random(rate)
    await sandboxes.select(concord.settings.objects)
    feeds, _ = await concord.followable()
    async with running(concord, sandboxes.secrets(), stage.listener.dup(), feeds):
        await asyncio.sleep(PAUSE_SECONDS)
        watch = await Watch.start(stage)
        edits = []
        for number, (couple, title, system) in enumerate(plan):
            # Somewhere within its turn: edits in step with the sweeps would all wait equally long for the next one.
            await asyncio.sleep(max(0.0, (number + chance.random()) / rate - watch.seconds))
            edits.append(Edit(time.time(), system, "job_title", title, conflict=False))
            await stage.control(system).call("POST", "edits", [edit_of(couple, system, title)])
        lost = await quiet(stage, {couple: title for couple, title, _ in plan})
        calls, cpu_seconds = await watch.calls(), watch.cpu_seconds
        await sandboxes.subscribe(concord.settings.web.public_url + HUBSPOT_PATH, ())
    journals = {system: await stage.control(system).journal() for system in SIDES}
    figures = []
    for system in SIDES:
        mine = [edit for edit in edits if edit.side == system]
        times = verify.latencies(mine, journals)
        other = next(one for one in SIDES if one != system)
        figures.append(
            Figure(
                "latency",
                stage.latency,
                calls_per_change=round(sum(calls.values()) / count, 3),
                p50_ms=rounded(verify.percentile(times, 0.50)),
                p99_ms=rounded(verify.percentile(times, 0.99)),
                rss_mb=peak_mb(),
                direction=f"{system} to {other}",
                edits_per_second=rate,
                records=len(mine),
                wrong=max(lost, len(mine) - len(times)),
                calls=calls,
                cpu_seconds=cpu_seconds,
            )
        )
    return figures


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
            figure.own_p99_ms,
            figure.acknowledged_p99_ms,
            " ".join(f"{one:.0f}" for one in figure.processes_mb) or f"{figure.rss_mb:.0f}",
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
        ">own p99",
        ">answered p99",
        ">MB",
        ">wrong",
    )
    look.table(columns, rows, title="Measured at the sandboxes")
