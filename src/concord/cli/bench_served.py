"""Benchmarks of Concord as it is served: `concord serve` as processes of its own, with its usual sweeps and both
systems' events; how it answers, how soon it applies, and how much memory each process has.

Measures at the sandboxes and at the intake only, as anybody outside could. Changes nothing in what it measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from concord.cli import verify
from concord.cli.bench_stage import (
    EDITS_A_CALL,
    PATIENCE_SECONDS,
    PAUSE_SECONDS,
    SIDES,
    Couple,
    Figure,
    Stage,
    Watch,
    edit_of,
    missing_of,
    quiet,
    rounded,
    titles,
)
from concord.cli.edits import Edit
from concord.cli.processes import CONCORD
from concord.cli.trial import TrialError
from concord.config import starting_text
from concord.config.secrets import (
    DATABASE_URL,
    HUBSPOT_CLIENT_SECRET,
    HUBSPOT_TOKEN,
    SALESFORCE_CLIENT_ID,
    SALESFORCE_CLIENT_SECRET,
)
from concord.core.model import Side
from concord.systems.hubspot.notices import sign
from concord.web.intake import HUBSPOT_PATH
from concord.web.serving import listening

#: HubSpot's own numbers: events in a delivery, deliveries at once (api/hubspot.md, 19.2).
_EVENTS: Final = 100
_AT_ONCE: Final = 10
#: Calls that ask what changed: they run beside the work, and nobody waits for them.
_SWEEP: Final = re.compile(r"ORDER(?:%20|\+| )BY(?:%20|\+| )SystemModstamp", re.IGNORECASE)


@dataclass(frozen=True)
class Served:
    """`concord serve`, running. url: where it takes in. process: the one that was started."""

    url: str
    process: asyncio.subprocess.Process

    def peaks_mb(self) -> list[float]:
        """The most memory that each of its processes had; nothing where the system does not tell."""
        return [peak for one in _tree(self.process.pid) if (peak := _status(one, "VmHWM")) is not None]

    def cpu_seconds(self) -> float | None:
        """Processor time of all of its processes so far."""
        told = [_ticks(one) for one in _tree(self.process.pid)]
        return round(sum(told) / os.sysconf("SC_CLK_TCK"), 2) if told else None


@asynccontextmanager
async def served(stage: Stage, processes: int) -> AsyncIterator[Served]:
    """`concord serve` on the stage's database while the block runs. Raises TrialError when it does not start."""
    with listening("127.0.0.1:0") as free:
        address = "{}:{}".format(*free.getsockname()[:2])
    config, errors = stage.folder / "concord.yaml", stage.folder / "serve.log"
    config.write_text(_config(stage, address), "utf-8")
    secrets = stage.sandboxes.secrets()
    environment = {
        **os.environ,
        DATABASE_URL: stage.concord.conninfo,
        SALESFORCE_CLIENT_ID: secrets.salesforce_client_id,
        SALESFORCE_CLIENT_SECRET: secrets.salesforce_client_secret,
        HUBSPOT_TOKEN: secrets.hubspot_token,
        HUBSPOT_CLIENT_SECRET: secrets.hubspot_client_secret or "",
    }
    with errors.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *CONCORD, "serve", "--config", str(config), "--processes", str(processes), "--log-level", "warning",
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    one = Served(f"http://{address}", child)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not await asyncio.to_thread(_answers, f"{one.url}/ready") or len(_tree(child.pid)) < processes:
            if child.returncode is not None or time.monotonic() > until:
                raise TrialError(f"concord serve did not start: {errors.read_text('utf-8')[-1000:]}")
            await asyncio.sleep(0.1)
        await asyncio.sleep(2 * PAUSE_SECONDS)  # the workers, and the feeds, have begun by then
        yield one
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()


def _config(stage: Stage, address: str) -> str:
    """The starting configuration for the stage's sandboxes; its sweeps are the usual ones."""
    keys, text = stage.sandboxes.keys, starting_text()
    for old, new in (
        ("listen: 127.0.0.1:8321", f"listen: {address}"),
        ("public_url: http://127.0.0.1:8321", f"public_url: http://{address}"),
        ("url: https://example.my.salesforce.com", f"url: {stage.sandboxes.salesforce.url}"),
        ("url: https://api.hubapi.com", f"url: {stage.sandboxes.hubspot.url}"),
        ('# app_id: "1234567"', f'app_id: "{keys["hubspot"]["app_id"]}"'),
        ("daily_share: 0.8  ", f"pubsub: {keys['salesforce']['pubsub']}\n  daily_share: 0.8  "),
    ):
        assert old in text, f"the starting configuration has no {old}"
        text = text.replace(old, new, 1)
    return text


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return int(answer.status) == 200
    except OSError:
        return False


# --- edits


async def idle(stage: Stage, count: int, processes: int) -> list[Figure]:
    """People edit one at a time, each when the one before has arrived and all is quiet, on either side in turn."""
    await _told(stage)
    async with served(stage, processes) as one:
        await _subscribe(stage, one)
        watch, cpu, edits = await Watch.start(stage), one.cpu_seconds(), []
        chance = random.Random(1)
        for couple, title, system in zip(stage.couples[:count], titles("Alone"), cycle(SIDES), strict=False):
            await asyncio.sleep(0.5 + chance.random())
            edits.append(Edit(time.time(), system, "job_title", title, conflict=False))
            await stage.control(system).call("POST", "edits", [edit_of(couple, system, title)])
            await _arrived(stage, couple, system, title)
        return await _figures(stage, "idle", one, edits, watch, cpu, missing=0)


async def pace(stage: Stage, rate: int, seconds: float, processes: int) -> list[Figure]:
    """People edit at this rate, on either side in turn, nobody twice."""
    await _told(stage)
    count = min(round(rate * seconds), len(stage.couples))
    plan = list(zip(stage.couples[:count], titles(f"Pace{rate}"), cycle(SIDES), strict=False))
    async with served(stage, processes) as one:
        await _subscribe(stage, one)
        watch, cpu, edits = await Watch.start(stage), one.cpu_seconds(), []
        for number, (couple, title, system) in enumerate(plan):
            await asyncio.sleep(max(0.0, number / rate - watch.seconds))
            edits.append(Edit(time.time(), system, "job_title", title, conflict=False))
            await stage.control(system).call("POST", "edits", [edit_of(couple, system, title)])
        lasted = watch.seconds
        missing = await quiet(stage, {couple: title for couple, title, _ in plan})
        return await _figures(stage, "pace", one, edits, watch, cpu, missing=missing, rate=round(count / lasted))


async def _told(stage: Stage) -> None:
    """Let Salesforce offer its change events."""
    await stage.sandboxes.select(stage.concord.settings.objects)


async def _subscribe(stage: Stage, one: Served) -> None:
    await stage.sandboxes.subscribe(one.url + HUBSPOT_PATH, stage.concord.settings.objects)


async def _arrived(stage: Stage, couple: Couple, edited: str, title: str) -> None:
    """Wait until the other side shows it, or the patience is used up."""
    until = time.monotonic() + PATIENCE_SECONDS
    seen = 0
    while time.monotonic() < until:
        other = next(system for system in SIDES if system != edited)
        for call in await stage.control(other).journal(seen):
            seen = max(seen, int(call["number"]))
            if title in call["request"] and call["status"] is not None:
                return
        await asyncio.sleep(0.05)


async def _figures(
    stage: Stage, bench: str, one: Served, edits: Sequence[Edit], watch: Watch, cpu: float | None, *,
    missing: int, rate: int | None = None,
) -> list[Figure]:  # fmt: skip
    """What came of these edits, by direction."""
    calls = await watch.calls()
    await stage.sandboxes.subscribe(one.url + HUBSPOT_PATH, ())
    journals = {system: await stage.control(system).journal() for system in SIDES}
    used = one.cpu_seconds()
    arrived = verify.arrivals(edits, journals)
    remote, waits = _remote(journals, stage.latency), await _waits(stage)
    peaks = one.peaks_mb()
    figures = []
    for system in SIDES:
        mine = [edit for edit in edits if edit.side == system]
        times = [max(0.0, arrived[edit] - edit.at * 1000) for edit in mine if edit in arrived]
        sent = {edit: edit.at * 1000 + waits[system] for edit in mine}
        own = [
            max(0.0, arrived[edit] - sent[edit] - remote(sent[edit], arrived[edit])) for edit in mine if edit in arrived
        ]
        alone = bench == "idle"
        figures.append(
            Figure(
                bench,
                stage.latency,
                calls_per_change=round(sum(calls.values()) / len(edits), 3),
                p50_ms=rounded(verify.percentile(times, 0.50)),
                p99_ms=rounded(verify.percentile(times, 0.99)),
                own_p50_ms=rounded(verify.percentile(own, 0.50)) if alone else None,
                own_p99_ms=rounded(verify.percentile(own, 0.99)) if alone else None,
                rss_mb=max(peaks, default=0.0),
                processes_mb=peaks,
                direction=f"{system} to {next(other for other in SIDES if other != system)}",
                edits_per_second=rate,
                records=len(mine),
                wrong=max(missing, len(mine) - len(times)),
                calls=calls,
                cpu_seconds=None if used is None or cpu is None else round(used - cpu, 2),
            )
        )
    return figures


async def _waits(stage: Stage) -> dict[str, float]:
    """For how many milliseconds each system keeps an event to itself before it sends it."""
    told = await stage.sandboxes.hubspot.call("GET", "webhooks")
    return {"salesforce": 0.0, "hubspot": float(told["delay_ms"])}


def _remote(journals: Mapping[str, Sequence[Mapping[str, Any]]], latency: int) -> Callable[[float, float], float]:
    """For how long, between two moments, at least one remote call was under way that somebody waited for. Of a call the
    journal knows the end; what it took is the sandbox's latency, so that its own work counts as ours."""
    spans = sorted(
        (float(call["at"]) - latency, float(call["at"]))
        for calls in journals.values()
        for call in calls
        if call.get("direction", "in") == "in" and not call["path"].endswith("/search")
        and not _SWEEP.search(call["query"] + call["request"])
    )  # fmt: skip

    def between(start: float, end: float) -> float:
        total, reached = 0.0, start
        for began, ended in spans:
            begins, ends = max(began, reached), min(ended, end)
            if ends > begins:
                total, reached = total + ends - begins, ends
        return total

    return between


# --- a flood


async def flood(stage: Stage, processes: int) -> Figure:
    """Everybody's job title is edited in HubSpot, and HubSpot tells of it in deliveries of a hundred events, ten at a
    time. Timed from the first delivery to the end of the last call that wrote one of them."""
    wanted = dict(zip(stage.couples, titles("Flood"), strict=False))
    edits = [edit_of(one, "hubspot", title) for one, title in wanted.items()]
    portal, secret = stage.concord.accounts[Side.RIGHT].id, stage.sandboxes.secrets().hubspot_client_secret or ""
    async with served(stage, processes) as one:
        edited_at = time.time()
        for start in range(0, len(edits), EDITS_A_CALL):
            await stage.control("hubspot").call("POST", "edits", edits[start : start + EDITS_A_CALL])
        bodies = _deliveries([couple.hubspot for couple in stage.couples], portal)
        watch, cpu, at = await Watch.start(stage), one.cpu_seconds(), time.time()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            loop = asyncio.get_running_loop()
            answers = await asyncio.gather(
                *(loop.run_in_executor(pool, _deliver, one.url, secret, it) for it in bodies)
            )
        refused = [status for status, _ in answers if status != 200]
        if refused:
            raise TrialError(f"{len(refused)} of {len(bodies)} deliveries were answered with {refused[0]}")
        await _worked_off(stage)
        calls, used, peaks = await watch.calls(), one.cpu_seconds(), one.peaks_mb()
    told = [Edit(edited_at, "hubspot", "job_title", title, conflict=False) for title in wanted.values()]
    arrived = verify.arrivals(told, {"salesforce": await stage.control("salesforce").journal(), "hubspot": []})
    seconds = max((end / 1000 - at for end in arrived.values()), default=0.0)
    times = [taken for _, taken in answers]
    return Figure(
        "flood",
        stage.latency,
        changes_per_second=round(len(arrived) / seconds, 1) if seconds else None,
        calls_per_change=round(sum(calls.values()) / len(wanted), 3),
        acknowledged_p50_ms=rounded(verify.percentile(times, 0.50)),
        acknowledged_p99_ms=rounded(verify.percentile(times, 0.99)),
        rss_mb=max(peaks, default=0.0),
        processes_mb=peaks,
        records=len(wanted),
        wrong=max(await missing_of(stage, wanted), len(wanted) - len(arrived)),
        seconds=round(seconds, 2),
        calls=calls,
        cpu_seconds=None if used is None or cpu is None else round(used - cpu, 2),
    )


def _deliveries(contacts: Sequence[str], portal: str) -> list[bytes]:
    """What HubSpot sends about an edit of each of these contacts."""
    events = [
        {
            "eventId": number,
            "subscriptionId": 7_562_680,
            "portalId": int(portal),
            "occurredAt": round(time.time() * 1000),
            "subscriptionType": "contact.propertyChange",
            "attemptNumber": 0,
            "objectId": int(contact),
            "propertyName": "jobtitle",
            "propertyValue": "",
            "changeSource": "CRM_UI",
            "sourceId": "userId:101",
        }
        for number, contact in enumerate(contacts, 1)
    ]
    return [json.dumps(events[start : start + _EVENTS]).encode() for start in range(0, len(events), _EVENTS)]


def _deliver(url: str, secret: str, body: bytes) -> tuple[int, float]:
    """One delivery: its status, and after how many milliseconds it was answered."""
    stamp, address = str(round(time.time() * 1000)), url + HUBSPOT_PATH
    headers = {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": sign(secret, "POST", address, body, stamp),
    }
    request = urllib.request.Request(address, body, headers)  # noqa: S310 - our own address
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            answer.read()
            status = int(answer.status)
    except urllib.error.HTTPError as error:
        status = error.code
    return status, (time.monotonic() - began) * 1000


async def _worked_off(stage: Stage) -> None:
    """Wait until nothing waits and nothing is claimed, or the patience is used up."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        backlog = await stage.concord.store.backlog()
        if not any(count for state, count in backlog.items() if state != "dead"):
            return
        await asyncio.sleep(0.1)


# --- what the system tells of processes (Linux)


def _tree(pid: int) -> list[int]:
    """A process and those that it started, and so on."""
    found = [pid]
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text("ascii").split():
                found += _tree(int(child))
    return found


def _status(pid: int, key: str) -> float | None:
    """A size that the system tells of a process, in MB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith(f"{key}:"):
                return round(int(line.split()[1]) / 1024, 1)
    return None


def _ticks(pid: int) -> int:
    with suppress(OSError):
        told = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return int(told[11]) + int(told[12])
    return 0
