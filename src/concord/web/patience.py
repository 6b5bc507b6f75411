"""How long, and for how much, the server waits on those who call it, whoever they are. Knows nothing of what is asked.

uvicorn waits for a request for ever and keeps as many headers as are sent, so that anybody could hold its connections
and fill its memory without being believed in anything. Here a request has to have arrived, whole, within a time; and
what is sent without being body (the line, the headers, what stands between the pieces of a body and behind them) is
limited in size.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes in a row that are no body; the headers of HubSpot and Salesforce have about a thousand.
HEAD_BYTES: Final = 32 * 1024

_TOO_SLOW: Final = b"408 Request Timeout"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"


class Patient(HttpToolsProtocol):
    """One connection."""

    #: How long a request may take to arrive, from its first byte (the first one: from the connection's beginning).
    patience: timedelta = timedelta(seconds=20)

    _deadline: asyncio.TimerHandle | None = None
    _begun = False  # a request has begun and is not here as a whole
    _head = True  # and its headers are not
    _moved = False  # something came that is no part of a head
    _loose = 0  # bytes since then

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._wait()
        self._moved = False
        super().data_received(data)
        self._loose = 0 if self._moved else self._loose + len(data)
        if self._loose > HEAD_BYTES:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._begun = self._head = True
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head, self._moved = False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._begun, self._head, self._moved = False, True, True
        self._stop()
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Somebody would rather speak something else; uvicorn writes two lines about each of them."""

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.patience.total_seconds(), self._refuse, _TOO_SLOW)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: bytes) -> None:
        """End the connection; with a word, unless an answer is under way or was given."""
        self._stop()
        if self.transport.is_closing():
            return
        if self.cycle is None or (self.cycle.response_complete if self._head else not self.cycle.response_started):
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
