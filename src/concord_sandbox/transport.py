"""A call on its way in and out: its whole body, its answer kept, headed, packed and passed on, or broken off.

Knows ASGI and what of uvicorn breaks a connection; knows no vendor and no control verb.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from typing import Any

from starlette.types import Message, Receive, Scope, Send

_HANG_LIMIT_SECONDS = 120.0
#: Shorter answers cost more to pack than to send.
_ZIPPED_FROM_BYTES = 2048


class GoneError(Exception):
    """The client went away before its call was here."""


class TooLargeError(Exception):
    """The body is larger than the service takes."""


async def whole_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The body of a call, at most `limit` bytes. Raises TooLargeError as soon as it is known, and GoneError when the
    connection ends before the body does: half a call is none."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise GoneError
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= limit:
        return body
    if len(body) > limit or _announced(scope) > limit:
        raise TooLargeError
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise TooLargeError
    return b"".join(parts)


def _announced(scope: Scope) -> int:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(length) if length.isdigit() else 0


def replay(body: bytes) -> Receive:
    """A `receive` that hands on a body that is here already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def takes_gzip(scope: Scope) -> bool:
    """Whether the client takes a packed answer."""
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])


class Recorder:
    """Keeps an application's answer so that it can be journalled, headed and passed on, or thrown away."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.body = b""
        self._headers: list[tuple[bytes, bytes]] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def pass_on(self, send: Send, extra: dict[str, str], *, zipped: bool = False) -> None:
        """Send it on with more headers. zipped: the client takes gzip; a long answer is sent so, as vendors do."""
        if zipped and len(self.body) >= _ZIPPED_FROM_BYTES:
            self.body = gzip.compress(self.body, 1, mtime=0)
            kept = [(name, value) for name, value in self._headers if name.lower() != b"content-length"]
            length = str(len(self.body)).encode()
            self._headers = [*kept, (b"content-encoding", b"gzip"), (b"content-length", length)]
        given = {name.lower() for name, _ in self._headers}
        added = [(k.lower().encode(), v.encode("latin-1")) for k, v in extra.items() if k.lower().encode() not in given]
        # An empty value means: this answer does not carry the header at all.
        headers = [(k, v) for k, v in self._headers + added if v]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


async def break_off(scope: Scope, receive: Receive, send: Send, *, hang: bool) -> None:
    """End the call without an answer: at once, or when the client has given up waiting. In process, where there is no
    connection, TimeoutError (hang) or ConnectionResetError is raised instead."""
    if "spec_version" not in scope.get("asgi", {}):  # a client's in-process transport, not a server
        raise TimeoutError("the sandbox was told to hang") if hang else ConnectionResetError("told to drop this call")
    if hang:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HANG_LIMIT_SECONDS):
                await _gone(receive)
                return
    connection: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if hasattr(connection, "abort"):  # uvicorn: not a byte of an answer goes out
        connection.abort()
        await _gone(receive)
        return
    # Any other server closes the connection on an answer that was begun and never ended.
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
