"""What a change costs Concord itself, in processor time: `make bench-line`.

Both sandboxes as a child process, so that their work is not counted; N linked people; one edit of one field of each of
them on one side, told as webhooks tell it; then the line takes all of it, from the first claim to the last record, in
this process. Prints, for each direction, the processor milliseconds a change of this process (Concord), of PostgreSQL
and of the sandboxes, by the line's steps, and the seconds it took. Compare the processor times: the seconds depend on
what else the machine does. Where it shares its cores, processor times grow too; so a fixed piece of work is timed
beside each round, and "units" says how many of it a change cost. `--profile` names the functions that the time went to
(and slows them all).
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from concord.app import Concord, Parts, opened
from concord.cli.processes import collect_seldom, run_long
from concord.cli.trial import Control, Trial, trial
from concord.core.model import Lane, Notice
from concord.core.values import Ref
from concord.engine.reconcile import bring_together, survey
from concord.engine.scope import Scope
from concord.engine.sync import run_batch

#: Edits in one call of the control API, and notices in one call of the store.
EDITS_A_CALL = 500
#: A record edited in the second it is read in is put back until that second is over: the edits are older than this.
SETTLED_SECONDS = 2.1
#: How long what was put back may take.
PATIENCE_SECONDS = 60.0
#: Clock ticks a second in /proc (USER_HZ).
TICKS = 100


@dataclass(frozen=True)
class Couple:
    """A person in both systems, by the world's truth."""

    object: str
    salesforce: str
    hubspot: str


@dataclass
class Steps:
    """Processor seconds of this process by the step of the line that has just ended (CRASH_POINTS of engine/sync.py);
    what lies between "recorded" and "claimed" is the claim's."""

    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    last: float = field(default_factory=time.process_time)

    def reach(self, point: str) -> None:
        now = time.process_time()
        self.spent[point] += now - self.last
        self.last = now


@dataclass(frozen=True)
class Cost:
    """One direction's figures. *_ms: processor milliseconds a change. unit_ms: those of the fixed work beside it."""

    into: str
    changes: int
    wrong: int
    seconds: float
    changes_per_second: float
    cpu_ms: float
    unit_ms: float
    steps_ms: Mapping[str, float]
    database_ms: float | None
    sandbox_ms: float | None
    calls: int
    rss_mb: float | None


async def run(people: int, into: Sequence[str], rounds: int, profile: str | None, costs: list[Cost]) -> None:
    """Add the figures of each direction; of several rounds the one that cost least: others were disturbed more."""
    with TemporaryDirectory(prefix="concord-bench-line-") as name:
        folder = Path(name)
        async with trial(f"bench:{people}", 1, folder) as sandboxes:
            settings = sandboxes.settings("127.0.0.1:8321", "sweep: {salesforce: 15s, hubspot: 60s}")
            parts = Parts(data_dir=folder / "data", run="bench")
            async with opened(settings, sandboxes.secrets(), parts) as concord:
                # HubSpot's burst limit of 190 calls in ten seconds is not what is measured here.
                await sandboxes.hubspot.call("PUT", "limits", {"burst_limit": 10**9, "daily_limit": 10**9})
                await _link_all(concord.scope)
                collect_seldom()  # as `concord serve` does
                couples = [
                    Couple(one["salesforce"][0], one["salesforce"][1], one["hubspot"])
                    for one in sandboxes.truth["pairs"]
                ]
                titles = (f"Line Director {number:07d}" for number in count(1))
                for system in into:
                    found = []
                    for _ in range(rounds):
                        wanted = {couple: next(titles) for couple in couples}
                        found.append(await _measured(sandboxes, concord, system, wanted, profile))
                    unit = min(cost.unit_ms for cost in found)
                    costs.append(replace(min(found, key=lambda cost: cost.cpu_ms), unit_ms=unit))


async def _link_all(scope: Scope) -> None:
    async def batch() -> int:
        one = await run_batch(scope)
        return len(one.works) if one else 0

    censuses = await survey(scope, _silent)
    await bring_together(scope, censuses, _silent, batch)


def _silent(what: str, done: int, total: int | None) -> None:
    """Progress that nobody looks at."""


async def _measured(
    sandboxes: Trial, concord: Concord, into: str, wanted: Mapping[Couple, str], profile: str | None
) -> Cost:
    """Edit everybody on one side, tell the inbox, and take it all down the line into the other."""
    edited = sandboxes.hubspot if into == "salesforce" else sandboxes.salesforce
    edits = [_edit(couple, into, title) for couple, title in wanted.items()]
    for start in range(0, len(edits), EDITS_A_CALL):
        await edited.call("POST", "edits", edits[start : start + EDITS_A_CALL])
    now, source = datetime.now(UTC), "hubspot" if into == "salesforce" else "salesforce"
    notices = [
        Notice(Ref(source, str(edit["object"]), str(edit["id"])), Lane.PEOPLE, now, "webhook", now) for edit in edits
    ]
    for start in range(0, len(notices), EDITS_A_CALL):
        await concord.store.take_in(notices[start : start + EDITS_A_CALL])
    await asyncio.sleep(SETTLED_SECONDS)
    unit = _fixed_work()
    steps, others = Steps(), (_cpu_of("concord_sandbox"), _cpu_of("postgres"))
    calls = concord.calls()
    begun, cpu = time.monotonic(), time.process_time()
    with _Profiled(profile):
        await _drained(replace(concord.scope, reach=steps.reach))
    cpu, seconds, calls = time.process_time() - cpu, time.monotonic() - begun, concord.calls() - calls
    unit = min(unit, _fixed_work())
    each = 1000 / len(wanted)
    sandbox, database = (
        None if before is None or after is None else round((after - before) * each, 3)
        for before, after in zip(others, (_cpu_of("concord_sandbox"), _cpu_of("postgres")), strict=True)
    )
    return Cost(
        into=into,
        changes=len(wanted),
        wrong=await _wrong(sandboxes, wanted),
        seconds=round(seconds, 2),
        changes_per_second=round(len(wanted) / seconds, 1),
        cpu_ms=round(cpu * each, 3),
        unit_ms=round(unit * 1000, 3),
        steps_ms={name: round(spent * each, 3) for name, spent in steps.spent.items()},
        database_ms=database,
        sandbox_ms=sandbox,
        calls=calls,
        rss_mb=_peak_mb(),
    )


def _fixed_work() -> float:
    """Processor seconds, at this moment, for a fixed piece of work of the kind that the line does."""
    begun = time.process_time()
    for number in range(200):
        rows = [{"id": str(one), "title": f"{one} of {number}", "at": one} for one in range(100)]
        found = {
            row["id"]: replace(Couple("", "", ""), salesforce=row["title"]) for row in json.loads(json.dumps(rows))
        }
        sorted(found.values(), key=lambda couple: couple.salesforce)
    return (time.process_time() - begun) / 200


async def _drained(scope: Scope) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if await run_batch(scope) is not None:
            continue
        backlog = await scope.store.backlog()
        if not (backlog["waiting"] or backlog["due_later"]):
            return
        await asyncio.sleep(0.02)


def _edit(couple: Couple, into: str, title: str) -> dict[str, object]:
    if into == "hubspot":
        return {"object": couple.object, "id": couple.salesforce, "fields": {"Title": title}}
    return {"object": "contacts", "id": couple.hubspot, "fields": {"jobtitle": title}}


async def _wrong(sandboxes: Trial, wanted: Mapping[Couple, str]) -> int:
    """How many people have not this title on both sides, by the sandboxes' own state."""
    salesforce = await _records(sandboxes.salesforce, "Lead", "Contact")
    hubspot = await _records(sandboxes.hubspot, "contacts")
    return sum(
        salesforce[couple.salesforce].get("Title") != title or hubspot[couple.hubspot].get("jobtitle") != title
        for couple, title in wanted.items()
    )


async def _records(control: Control, *objects: str) -> dict[str, Mapping[str, object]]:
    found: dict[str, Mapping[str, object]] = {}
    for name in objects:
        found |= await control.records(name)
    return found


class _Profiled:
    """Profiles its block and prints the functions that it spent most in, when asked to (by "tottime" or "cumtime")."""

    def __init__(self, order: str | None) -> None:
        self._order = order
        self._profile = cProfile.Profile(time.process_time) if order else None

    def __enter__(self) -> None:
        if self._profile is not None:
            self._profile.enable()

    def __exit__(self, *_: object) -> None:
        if self._profile is not None and self._order is not None:
            self._profile.disable()
            pstats.Stats(self._profile, stream=sys.stderr).strip_dirs().sort_stats(self._order).print_stats(60)


def _cpu_of(word: str) -> float | None:
    """Processor seconds so far of this process's descendants with this word in their command; None where /proc does not
    tell. PostgreSQL's ended children are counted by their parent."""
    if not Path("/proc/self/stat").exists():
        return None
    ours, total = _descendants(), 0
    for process in ours:
        try:
            command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if word in command:
            total += sum(int(ticks) for ticks in fields[11:15])
    return total / TICKS


def _descendants() -> set[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(path.parent.name))
    found: set[int] = set()
    waiting = list(children[_self()])
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting += children[one]
    return found


def _self() -> int:
    return int(Path("/proc/self").resolve().name)


def _peak_mb() -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    told = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
    return round(int(told.split()[1]) / 1024, 1)


def _say(costs: Sequence[Cost], show: Callable[[str], None]) -> None:
    for cost in costs:
        steps = "  ".join(f"{name} {spent:.3f}" for name, spent in cost.steps_ms.items())
        show(
            f"into {cost.into}, {cost.changes} changes\n"
            f"  Concord     {cost.cpu_ms:.3f} ms each ({steps}); {cost.cpu_ms / cost.unit_ms:.2f} units\n"
            f"  PostgreSQL  {cost.database_ms} ms each\n"
            f"  sandboxes   {cost.sandbox_ms} ms each\n"
            f"  {cost.seconds} s, {cost.changes_per_second:.0f} a second, one process; {cost.calls} calls; "
            f"{cost.rss_mb} MB at most; wrong: {cost.wrong}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1000, help="linked people, each edited once (1000)")
    parser.add_argument("--into", choices=("salesforce", "hubspot", "both"), default="both", help="direction (both)")
    parser.add_argument("--rounds", type=int, default=3, help="of how many rounds the cheapest is told (3)")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each direction")
    parser.add_argument("--profile", choices=("tottime", "cumtime"), help="name the dearest functions, in this order")
    asked = parser.parse_args()
    into = ("salesforce", "hubspot") if asked.into == "both" else (asked.into,)
    costs: list[Cost] = []
    run_long(run(asked.people, into, asked.rounds, asked.profile, costs))
    if asked.json:
        for cost in costs:
            print(json.dumps(vars(cost)))
    else:
        _say(costs, print)
    raise SystemExit(any(cost.wrong for cost in costs))


if __name__ == "__main__":
    main()
