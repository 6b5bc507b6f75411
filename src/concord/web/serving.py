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
    concord: Concord, secrets: Secrets, listener: socket.socket, feeds: Sequence[Feed] = ()
) -> AsyncIterator[asyncio.Task[None]]:
    """Work and listen while the block runs. Gives the task that works: it ends only with an error.

    secrets: with which HubSpot's webhooks and Salesforce's messages are believed. feeds: those that are followed. At
    the end nothing new is taken in, and what is under way is finished.
    """
    intake = Intake(concord, secrets.hubspot_client_secret, secrets.salesforce_hook)
    config = uvicorn.Config(
        intake.app(), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5
    )
    server = _Server(config)
    listens = asyncio.create_task(server.serve(sockets=[listener]))
    works = asyncio.create_task(_work(concord, feeds))
    try:
        yield works
    finally:
        server.should_exit = True
        works.cancel()
        with suppress(asyncio.CancelledError):
            await works
        await listens


async def _work(concord: Concord, feeds: Sequence[Feed]) -> None:
    """Work, and follow the feeds beside it; an unforeseen error of either ends both and goes up."""
    async with asyncio.TaskGroup() as group:
        group.create_task(concord.follow(feeds))
        await concord.queue.run()


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals alone: ending is the caller's affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
