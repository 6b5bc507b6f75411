"""Runs a connected Concord: the work queue, and the web server that takes in webhooks, until the block ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn

from concord.app import Concord
from concord.config import Secrets
from concord.engine.ports import Feed
from concord.errors import ConfigError
from concord.web.intake import Intake
from concord.web.patience import Patient


def listening(address: str) -> socket.socket:
    """A socket that listens on "host:port" (port 0: any free one). Raises ConfigError when it cannot."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host.strip("[]"), int(port)))
    except OSError as error:
        made.close()
        raise ConfigError(f"web.listen is {address}, and nothing can listen there: {error.strerror}") from error
    made.listen(128)
    return made


@asynccontextmanager
async def running(
    concord: Concord,
    secrets: Secrets,
    listener: socket.socket | None,
    feeds: Sequence[Feed] = (),
    *,
    works: bool = True,
) -> AsyncIterator[asyncio.Task[None]]:
    """Work and listen while the block runs. Gives the task that works: it ends only with an error.

    secrets: with which HubSpot's webhooks and Salesforce's messages are believed. listener: where they are taken in;
    None: not in this process. feeds: those that are followed. works: False: what is taken in is left to the workers of
    other processes. At the end nothing new is taken in, and what is under way is finished.
    """
    concord.end(False)
    task = asyncio.create_task(_work(concord, feeds, works=works))
    try:
        async with taking_in(concord, secrets, listener):
            yield task
            concord.end(True)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        concord.end(False)


@asynccontextmanager
async def taking_in(concord: Concord, secrets: Secrets, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answer there while the block runs, and only that. listener: None: nowhere."""
    if listener is None:
        yield
        return
    intake = Intake(concord, secrets.hubspot_client_secret, secrets.salesforce_hook)
    config = uvicorn.Config(
        intake.app(),
        http=Patient,
        ws="none",  # nothing here speaks it
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    listens = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await listens


async def _work(concord: Concord, feeds: Sequence[Feed], *, works: bool) -> None:
    """Work, follow the feeds beside it, and watch how it goes; an unforeseen error of any ends all and goes up."""
    async with asyncio.TaskGroup() as group:
        group.create_task(concord.watch(feeds))
        group.create_task(concord.follow(feeds))
        if works:
            await concord.queue.run()


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals alone: ending is the caller's affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
