"""Runs a connected Concord: the work queue, and the web server that takes in webhooks, until the block ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn

from concord.app import Concord
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
async def running(concord: Concord, secret: str | None, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Work and listen while the block runs. Gives the task that works: it ends only with an error.

    secret: what HubSpot signs its webhooks with; None takes no webhook. At the end nothing new is taken in, and what is
    under way is finished.
    """
    config = uvicorn.Config(
        Intake(concord, secret).app(), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5
    )
    server = _Server(config)
    listens = asyncio.create_task(server.serve(sockets=[listener]))
    works = asyncio.create_task(concord.queue.run())
    try:
        yield works
    finally:
        server.should_exit = True
        works.cancel()
        with suppress(asyncio.CancelledError):
            await works
        await listens


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals alone: ending is the caller's affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
