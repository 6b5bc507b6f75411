"""Many runs of the chaos, each from a seed of its own, on all processors; and one run alone. Judges nothing itself."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.util import Finalize

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from tests.chaos.run import Outcome, played
from tests.chaos.script import Script, drawn, shortened
from tests.conftest import TestServer, served


@dataclass
class Tally:
    """What all runs together were."""

    runs: int = 0
    calls: int = 0
    deaths: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    workers: Counter[int] = field(default_factory=Counter)
    wrong: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.runs += 1
        self.calls += outcome.calls
        self.deaths += outcome.deaths
        self.acts.update(outcome.happened)
        self.workers[outcome.script.workers] += 1
        if outcome.wrong:
            self.wrong.append(outcome)

    def table(self, seconds: float) -> Table:
        table = Table(title=f"chaos: {self.runs} runs in {seconds:.0f} s, {len(self.wrong)} ended wrong")
        table.add_column("what happened")
        table.add_column("times", justify="right")
        for what, times in sorted(self.acts.items()):
            table.add_row(what, f"{times:,}")
        table.add_section()
        for workers, runs in sorted(self.workers.items()):
            table.add_row(f"runs with {workers} worker{'s' * (workers > 1)}", f"{runs:,}")
        table.add_row("workers killed in a step of the line", f"{self.deaths:,}")
        table.add_row("remote calls", f"{self.calls:,}")
        return table


#: Of a process of the pool: where it makes its databases.
_server: TestServer | None = None


def _begin() -> None:
    """A PostgreSQL for this process, for as long as it lives."""
    global _server
    server = served(f"chaos_{os.getpid()}")
    _server = server.__enter__()
    # A process of a pool runs no `atexit`; without this its database would stay in memory.
    Finalize(None, server.__exit__, args=(None, None, None), exitpriority=10)


@contextmanager
def _database(server: TestServer) -> Iterator[str]:
    name = server.create()
    try:
        yield server.conninfo_of(name)
    finally:
        server.finish(name)


def _run(seed: int) -> Outcome:
    assert _server is not None
    with _database(_server) as conninfo:
        return asyncio.run(played(conninfo, drawn(seed)))


def many(first: int, runs: int, jobs: int, console: Console) -> Tally:
    """Runs of so many seeds."""
    tally = Tally()
    columns = (TextColumn("chaos"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[wrong]} wrong"))
    context = multiprocessing.get_context("spawn")
    with (
        Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress,
        ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin) as pool,
    ):
        task = progress.add_task("chaos", total=runs, wrong=0)
        for one in as_completed([pool.submit(_run, seed) for seed in range(first, first + runs)]):
            outcome = one.result()
            tally.add(outcome)
            progress.update(task, advance=1, wrong=len(tally.wrong))
            if outcome.wrong:
                progress.console.print(f"seed {outcome.script.seed}: {outcome.wrong[0][:300]}", markup=False)
    return tally


def one(seed: int, seconds: float, console: Console) -> bool:
    """The run of a seed; should it fail, a shorter one that fails too, looked for during so many seconds."""
    with served(f"chaos_{os.getpid()}") as server:

        async def fails(script: Script) -> bool:
            with _database(server) as conninfo:
                return bool((await played(conninfo, script)).wrong)

        async def again() -> Outcome:
            with _database(server) as conninfo:
                outcome = await played(conninfo, drawn(seed))
            if not outcome.wrong:
                return outcome
            console.print(str(outcome), markup=False)
            console.print(f"looking for a shorter script for {seconds:.0f} s", markup=False)
            ends = time.monotonic() + seconds
            script = await shortened(outcome.script, fails, lambda: time.monotonic() < ends)
            with _database(server) as conninfo:
                short = await played(conninfo, script)
            return short if short.wrong else Outcome(script, ["failed once; not again: it depends on who is first"])

        outcome = asyncio.run(again())
    console.print(str(outcome), markup=False)
    console.print("ended wrong" if outcome.wrong else "ended well", markup=False)
    return not outcome.wrong
