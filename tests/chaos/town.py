"""Concord as it runs in earnest: both sandboxes on TCP, a PostgreSQL of its own, one process that takes in events and
as many that work as are wanted, each of which can be killed, stopped and let go on; and the database with them.

Knows nothing of what is played; it starts, ends, and looks.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from concord.app import LEASE_VARIABLE
from concord.cli.trial import Control, Trial, trial
from concord.config import starting_text
from concord.store.embedded import EmbeddedPostgres
from concord.web.intake import HUBSPOT_PATH

CONCORD: Final = (sys.executable, "-c", "from concord.cli.main import main; raise SystemExit(main())")
#: How long the programs may take to start on a machine that has other things to do.
PATIENCE: Final = 90.0
ASKED_AS_EVER: Final = "sweep: {salesforce: 15s, hubspot: 60s, consent: 30s, beside_events: 2m, presence: 1d}"


@dataclass
class Town:
    """Everything that runs. pace: how often the systems are asked what changed (of the configuration)."""

    trial: Trial
    server: EmbeddedPostgres
    conninfo: str
    folder: Path
    environment: Mapping[str, str]
    listen: str
    workers: list[asyncio.subprocess.Process] = field(default_factory=list)
    intake: asyncio.subprocess.Process | None = None
    deaths: int = 0

    @property
    def salesforce(self) -> Control:
        return self.trial.salesforce

    @property
    def hubspot(self) -> Control:
        return self.trial.hubspot

    def control(self, system: str) -> Control:
        return self.salesforce if system == "salesforce" else self.hubspot

    # --- processes

    async def _started(self, *arguments: str) -> asyncio.subprocess.Process:
        with (self.folder / "concord.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *CONCORD, *arguments, cwd=self.folder, env=dict(self.environment), stdout=log, stderr=log
            )

    async def run(self, *arguments: str) -> None:
        """A command, to its end."""
        process = await self._started(*arguments)
        code = await asyncio.wait_for(process.wait(), PATIENCE)
        assert code == 0, f"concord {arguments[0]} ended with {code}: {self.log()}"

    async def take_in(self) -> None:
        """Start the process that takes in events."""
        self.intake = await self._started("serve", "--only", "intake", "--log-level", "warning")

    async def hire(self) -> None:
        """Start one more that works."""
        self.workers.append(await self._started("serve", "--only", "work", "--log-level", "warning"))

    async def kill(self, number: int) -> None:
        """kill -9 for a worker; a supervisor starts it again."""
        worker = self.workers.pop(number % len(self.workers))
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()
        self.deaths += 1
        await self.hire()

    async def kill_intake(self) -> None:
        assert self.intake is not None
        with suppress(ProcessLookupError):
            self.intake.kill()
        await self.intake.wait()
        self.deaths += 1
        await self.take_in()

    async def kept(self) -> None:
        """A worker that ended by itself is started again, as a supervisor would; to be called now and then."""
        for worker in list(self.workers):
            if worker.returncode is not None:
                self.workers.remove(worker)
                self.deaths += 1
                await self.hire()
        if self.intake is not None and self.intake.returncode is not None:
            await self.take_in()

    def stop(self, number: int) -> asyncio.subprocess.Process:
        """Freeze a worker until somebody lets it go on."""
        worker = self.workers[number % len(self.workers)]
        with suppress(ProcessLookupError):
            worker.send_signal(signal.SIGSTOP)
        return worker

    def go_on(self, worker: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            worker.send_signal(signal.SIGCONT)

    async def restart_database(self) -> None:
        """As `pg_ctl restart -m immediate`: every connection breaks, nothing is written down in order."""
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGQUIT)
        await until("the database ends", lambda: self.server.pid is None, 30.0)
        await self.server.start()

    async def end(self) -> None:
        """Ask all to end; whoever does not is killed."""
        running = [one for one in (*self.workers, self.intake) if one is not None and one.returncode is None]
        for one in running:
            self.go_on(one)
            with suppress(ProcessLookupError):
                one.terminate()
        for one in running:
            try:
                await asyncio.wait_for(one.wait(), 30.0)
            except TimeoutError:
                one.kill()
                await one.wait()

    # --- looks

    def log(self) -> str:
        """The last of what the programs said."""
        path = self.folder / "concord.log"
        return path.read_text("utf-8")[-4000:] if path.exists() else ""

    async def listening(self) -> None:
        """Return when events are taken in."""
        host, _, port = self.listen.rpartition(":")

        async def open_() -> bool:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                return False
            writer.close()
            return True

        await until("events are taken in", open_, PATIENCE, lambda: self.log())


async def until(
    what: str,
    holds: Callable[[], bool | Awaitable[bool]],
    seconds: float,
    told: Callable[[], str] = lambda: "",
    beside: Callable[[], Awaitable[None]] | None = None,
) -> float:
    """Wait until it holds; how many seconds that took. Raises AssertionError when it takes longer. beside: what is
    done between two looks."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        answer = holds()
        if await answer if isinstance(answer, Awaitable) else answer:
            return loop.time() - began
        if loop.time() - began > seconds:
            raise AssertionError(f"{what}: not after {seconds:.0f} s; {told()}")
        if beside is not None:
            await beside()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def town(
    folder: Path,
    world: str,
    *,
    workers: int,
    lease: float | None = None,
    pace: str = "sweep: {salesforce: 2s, hubspot: 5s, consent: 5s, beside_events: 10s, presence: 1d}",
    events: bool = True,
) -> AsyncIterator[Town]:
    """Start it all on a world that is reconciled first. lease: seconds that a claim stands, where it is not two
    minutes. events: whether the systems tell of changes by themselves."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(trial(world, 1, folder))
        server = EmbeddedPostgres(folder, settings={"fsync": "off", "max_connections": "200"})
        conninfo = await server.start()
        stack.push_async_callback(server.remove)
        listen = f"127.0.0.1:{_free_port()}"
        (folder / "concord.yaml").write_text(_configuration(made, listen, pace, events=events), "utf-8")
        secrets = made.secrets()
        environment = {
            **os.environ,
            "CONCORD_SALESFORCE_CLIENT_ID": secrets.salesforce_client_id,
            "CONCORD_SALESFORCE_CLIENT_SECRET": secrets.salesforce_client_secret,
            "CONCORD_HUBSPOT_TOKEN": secrets.hubspot_token,
            "CONCORD_HUBSPOT_CLIENT_SECRET": secrets.hubspot_client_secret or "",
            "CONCORD_DATABASE_URL": conninfo,
            **({LEASE_VARIABLE: str(lease)} if lease else {}),
        }
        here = Town(made, server, conninfo, folder, environment, listen)
        stack.push_async_callback(here.end)
        settings = made.settings(listen, ASKED_AS_EVER)
        if events:
            await made.select(settings.objects)
            await made.subscribe(f"http://{listen}{HUBSPOT_PATH}", settings.objects)
        await here.run("reconcile", "--apply", "--json")
        await here.take_in()
        for _ in range(workers):
            await here.hire()
        await here.listening()
        yield here


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _configuration(made: Trial, listen: str, pace: str, *, events: bool) -> str:
    text = starting_text()
    salesforce, hubspot = made.keys["salesforce"], made.keys["hubspot"]
    how = f"events: auto\n  pubsub: {salesforce['pubsub']}" if events else "events: off"
    for old, new in (
        ("https://example.my.salesforce.com", salesforce["url"]),
        ("https://api.hubapi.com", hubspot["url"]),
        ('# app_id: "1234567"', f'app_id: "{hubspot["app_id"]}"'),
        ("listen: 127.0.0.1:8321", f"listen: {listen}"),
        ("public_url: http://127.0.0.1:8321", f"public_url: http://{listen}"),
        (ASKED_AS_EVER, pace),
        ("events: auto                             # change_events", how + "  # change_events"),
    ):
        assert old in text, f"the starting configuration has no {old}"
        text = text.replace(old, new)
    return text


def truth_of(made: Trial) -> list[dict[str, Any]]:
    """The couples of the world `bench`: {"object", "salesforce", "hubspot"}."""
    told: list[dict[str, Any]] = json.loads(json.dumps(made.truth["pairs"]))
    return [
        {"object": one["salesforce"][0], "salesforce": one["salesforce"][1], "hubspot": one["hubspot"]} for one in told
    ]
