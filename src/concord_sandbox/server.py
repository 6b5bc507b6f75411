"""Puts sandboxed services together: in process for tests, or served on 127.0.0.1 until a signal ends them.

The only module of the sandbox that knows every service; no service may import it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import uvicorn

from concord_sandbox.clock import SandboxClock
from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot.service import HubSpotService
from concord_sandbox.notion.service import NotionService
from concord_sandbox.salesforce.events.pubsub import PubSubServer
from concord_sandbox.salesforce.service import SalesforceService
from concord_sandbox.service import ControlError, Controls, Service

SERVICES: Mapping[str, Callable[[Controls], Service]] = {
    "salesforce": SalesforceService,
    "hubspot": HubSpotService,
    "notion": NotionService,
}
_HOST = "127.0.0.1"
#: A service rings when something new is due; it is looked at now and then all the same, because the clock may be moved.
_LOOK_AGAIN_SECONDS = 0.5
#: What runs when the end comes may go on so long; then its connection is closed.
_GRACE_SECONDS = 0.3


def build(
    world: Mapping[str, Any],
    *,
    names: Sequence[str] = ("salesforce", "hubspot", "notion"),
    source: Callable[[], float] = time.time,
    again: Callable[[], Mapping[str, Any]] | None = None,
) -> dict[str, SandboxApp]:
    """The named services with their sections of `world` loaded (a missing section: an empty service). again: makes the
    same world anew for a reset; without it each service keeps a copy.

    Each has its own controls: a clock on `source` (Unix seconds), set to the world's clock where it has one, and
    randomness from the world's seed. Raises ControlError when a section or the clock is malformed.
    """
    moment, world_name = _clock_of(world), world.get("name")
    apps: dict[str, SandboxApp] = {}
    for name in names:
        controls = Controls(clock=SandboxClock(source), random=random.Random(world.get("seed") or 1))
        if moment is not None:
            controls.clock.set(moment)
        app = SandboxApp(SERVICES[name](controls))
        try:
            app.load(world.get(name) or {}, _section_of(again, name) if again else None)
        except (ControlError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ControlError(f"the world's section {name} is malformed: {error}") from error
        apps[name] = app
    for app in apps.values():
        app.whole = lambda: _whole(world_name, apps)
    return apps


def _whole(name: str | None, apps: Mapping[str, SandboxApp]) -> dict[str, Any]:
    """The world as it stands now. Its clock is the furthest of those that were moved, so that nothing in it lies in
    the future; null when none was."""
    clocks = [app.service.controls.clock for app in apps.values()]
    moved = [clock.now() for clock in clocks if clock.moved]
    world: dict[str, Any] = {"name": name, "clock": max(moved).isoformat() if moved else None}
    return world | {service: app.service.save() for service, app in apps.items()}


def _section_of(again: Callable[[], Mapping[str, Any]], name: str) -> Callable[[], dict[str, Any]]:
    return lambda: again().get(name) or {}


def _clock_of(world: Mapping[str, Any]) -> datetime | None:
    given = world.get("clock")
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except (TypeError, ValueError) as error:
        raise ControlError(f"the world's clock is no ISO-8601 time: {given!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def serve(
    make: Callable[[], Mapping[str, Any]],
    ports: Mapping[str, int],
    log_level: str = "warning",
    pubsub: tuple[int, int] | None = None,
) -> None:
    """Serve the services in `ports` (0: any free port) until SIGINT or SIGTERM. make: makes the world, each time the
    same. pubsub: ports, without and with TLS, of Salesforce's Pub/Sub API; None: it is not served.

    Prints one line of JSON on stdout when all of them are ready: the credentials of each, and the world's name.
    Raises ControlError when a port cannot be had or the world is malformed; nothing is printed then.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    world = make()
    apps = build(world, names=tuple(ports), again=make)
    title = world.get("name")
    del world  # what the services keep is theirs; a big world would be in memory twice
    sockets = {name: _listen(name, port) for name, port in ports.items()}
    events = _pubsub(apps["salesforce"].service, pubsub) if pubsub is not None else None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    servers = {name: _Server(_config(app, log_level)) for name, app in apps.items()}
    running = [asyncio.create_task(server.serve([sockets[name]])) for name, server in servers.items()]
    chores: list[asyncio.Task[None]] = []
    try:
        if events is not None:
            await events.start()
        await asyncio.gather(*(_started(server, task) for server, task in zip(servers.values(), running, strict=True)))
        chores += [asyncio.create_task(_keep_going(app.service)) for app in apps.values()]
        _announce(title, apps, sockets)
        await _until(stop, [*running, *chores])
    finally:
        for chore in chores:
            chore.cancel()
        for app in apps.values():
            app.closing.set()
        for server in servers.values():
            server.should_exit = True
        ends = [_closed(server, task) for server, task in zip(servers.values(), running, strict=True)]
        if events is not None:
            ends.append(events.stop(_GRACE_SECONDS))
        await asyncio.gather(*ends)


def _pubsub(service: Service, ports: tuple[int, int]) -> PubSubServer:
    """The server of the Pub/Sub API with its ports open, and its address among the credentials of Salesforce."""
    assert isinstance(service, SalesforceService)
    made = PubSubServer(service.bus, service.controls)
    plain = made.listen(ports[0])
    secure, certificate = made.listen_tls(ports[1])
    service.pubsub = {
        "pubsub": f"{_HOST}:{plain}",
        "pubsub_tls": f"{_HOST}:{secure}",
        "pubsub_certificate": certificate,
    }
    return made


def _listen(name: str, port: int) -> socket.socket:
    """A listening socket: bound before anything starts, so that a taken port stops everything at once."""
    # Named as TCP: asyncio turns Nagle's delay off only for sockets that say so, and head and body are two packets.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise ControlError(
            f"port {port} for {name} cannot be opened ({error.strerror}); choose another with --{name} PORT, or 0 for "
            f"any free one"
        ) from error
    return listener


def _config(app: SandboxApp, log_level: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level=log_level,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,  # the date is that of the service's own clock
        ws="none",
    )


class _Server(uvicorn.Server):
    """A server that leaves the signals alone: several run in one loop and stop together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _closed(server: _Server, task: asyncio.Task[None]) -> None:
    """Wait for the server's end. Calls that hang, and bodies that never come, are broken off after a moment."""
    await asyncio.wait([task], timeout=_GRACE_SECONDS)
    for connection in list(server.server_state.connections):
        connection.transport.close()
    await task


async def _started(server: _Server, task: asyncio.Task[None]) -> None:
    while not server.started:
        if task.done():
            await task
            raise ControlError("a server ended before it was ready; run again with --log-level debug to see why")
        await asyncio.sleep(0.005)


def _announce(title: str | None, apps: Mapping[str, SandboxApp], sockets: Mapping[str, socket.socket]) -> None:
    line: dict[str, Any] = {
        name: app.service.credentials(f"http://{_HOST}:{sockets[name].getsockname()[1]}") for name, app in apps.items()
    }
    line["world"] = title
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _keep_going(service: Service) -> None:
    """Let the service do what vendors do by themselves, and send what it has to send, as soon as it is due."""
    wake = service.controls.wake = asyncio.Event()
    while True:
        wake.clear()  # before the look: what becomes due from now on sets it again
        due = service.tick()
        if await service.deliver():
            continue
        patience = _LOOK_AGAIN_SECONDS if due is None else min(max(due, 0.001), _LOOK_AGAIN_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), patience)


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the stop; a task that ends before it was broken, and its error goes up."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    if stopped not in done:
        stopped.cancel()
        for task in done:
            await task


def set_up_logging(level: str) -> None:
    """Log lines go to stderr: stdout carries the one line of JSON and nothing else."""
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format="%(levelname)s %(name)s: %(message)s")
    # A client that asks for a WebSocket is told so; that this needs a library is no advice for the sandbox's users.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "WebSocket library" not in record.getMessage())
