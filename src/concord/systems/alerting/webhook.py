"""Alerts to a webhook: a JSON body, signed so that the receiver knows who sent it and when (docs/alerts.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Final

from concord.core.alerts import Telling
from concord.systems.http import Clock, Post, Transport

TIMESTAMP: Final = "Concord-Timestamp"
SIGNATURE: Final = "Concord-Signature"


def body(telling: Telling) -> bytes:
    """The message as it is sent: the same bytes at each try."""
    one = telling.condition
    content = {
        "id": f"{telling.pair}.{telling.id}",
        "alert": telling.alert,
        "condition": one.name,
        "state": telling.state.value,
        "at": telling.at.isoformat(),
        "since": one.since.isoformat(),
        "count": one.count,
        "headline": telling.headline,
        "words": one.words,
        "advice": one.advice,
        "pair": telling.pair,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, timestamp: str, content: bytes) -> str:
    """What the receiver computes too: v1 and the HMAC-SHA256 of "timestamp.body", in hexadecimal digits."""
    return "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + content, hashlib.sha256).hexdigest()


class Webhook:
    """A receiver of ours or of an alerting product. secret: the receiver has the same."""

    def __init__(self, url: str, secret: str, *, clock: Clock, transport: Transport | None = None) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._post = Post("webhook", transport=transport)

    async def tell(self, telling: Telling) -> str:
        """See `Target.tell`."""
        content, timestamp = body(telling), str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._secret, timestamp, content),
        }
        await self._post.send(self._url, content, headers)
        return ""

    async def close(self) -> None:
        await self._post.close()
