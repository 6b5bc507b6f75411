"""What the outside may call: HubSpot's webhooks, Salesforce's Outbound Messages, and the health of the program. Stores,
then answers; decides nothing.

A webhook is believed only with a valid signature, a message only at its secret address and of the configured
organisation (SPEC 11.1); both are answered only after their notices are in the inbox, so that nothing that was
acknowledged can be lost.
"""

from __future__ import annotations

import hmac
import logging
from collections import OrderedDict
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from concord.app import Concord
from concord.core.model import Side
from concord.errors import StoreError, WebhookRefused
from concord.systems.hubspot.notices import BODY_BYTES, notices_of, verify
from concord.systems.salesforce import outbound
from concord.web.metrics import Metrics

log = logging.getLogger("concord.web")

#: Where HubSpot's app sends its webhooks, below the public address.
HUBSPOT_PATH = "/hooks/hubspot"
#: Where Salesforce's Outbound Messages are sent to; the secret follows.
SALESFORCE_PATH = "/hooks/salesforce"
_REMEMBERED = timedelta(minutes=10)


class Seen:
    """Signatures seen within the last ten minutes. A replay that another process had seen is harmless: a notice carries
    no value, and a record that is looked at twice is written once."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    def before(self, text: str, now: datetime) -> bool:
        """Whether this text was seen; remembers it."""
        while self._seen and next(iter(self._seen.values())) < now - _REMEMBERED:
            self._seen.popitem(last=False)
        if text in self._seen:
            return True
        self._seen[text] = now
        return False

    def forget(self, text: str) -> None:
        """It was not taken after all: the same call may come again."""
        self._seen.pop(text, None)


class Intake:
    """The routes of one Concord. secret: the client secret that HubSpot signs with; None takes no webhook. hook: the
    secret part of the address that Outbound Messages are sent to; None takes none."""

    def __init__(self, concord: Concord, secret: str | None, hook: str | None = None) -> None:
        self._concord = concord
        self._secret = secret
        self._hook = hook
        self._seen = Seen()
        self._metrics = Metrics(concord)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(HUBSPOT_PATH, self.hubspot, methods=["POST"]),
                Route(SALESFORCE_PATH + "/{hook}", self.salesforce, methods=["POST"]),
                Route("/health", self.health),
                Route("/ready", self.ready),
                Route("/metrics", self._metrics.answer),
            ]
        )

    async def hubspot(self, request: Request) -> Response:
        if self._secret is None:
            return JSONResponse({"error": "webhooks are off: CONCORD_HUBSPOT_CLIENT_SECRET is not set"}, 404)
        scope, now = self._concord.scope, self._concord.scope.clock.now()
        told: bytes = request.scope["query_string"]  # as it was sent: Starlette's own reading fails on odd bytes
        query = f"?{told.decode('utf-8', 'surrogateescape')}" if told else ""
        uri = self._concord.settings.web.public_url.rstrip("/") + HUBSPOT_PATH + query
        remembered: list[str] = []

        def seen(text: str) -> bool:
            remembered.append(text)
            return self._seen.before(text, now)

        try:
            body = await _limited(request)
            verify(self._secret, "POST", uri, body, request.headers, now, seen)
            taken = notices_of(
                body,
                [pair.right_object for pair in scope.pairs],
                app_id=self._concord.settings.hubspot.app_id,
                now=now,
                ahead=scope.right.clock_ahead(),
                portal_id=self._concord.accounts[Side.RIGHT].id,
            )
        except WebhookRefused as refusal:
            log.warning("%s", refusal)
            return JSONResponse({"error": refusal.reason}, 413 if refusal.reason == "too large" else 401)
        try:
            await scope.store.take_in(taken.notices)
        except StoreError as error:
            # Nothing is in the inbox, so HubSpot is to send it again; a gateway may send the very same call.
            for text in remembered:
                self._seen.forget(text)
            log.error("a webhook could not be stored: %s", error)
            return JSONResponse({"error": "not stored; send it again"}, 503)
        return JSONResponse({"taken": len(taken.notices), "unknown": taken.unknown})

    async def salesforce(self, request: Request) -> Response:
        """An Outbound Message: acknowledged when it is stored, else sent again by Salesforce (SPEC 6.2)."""
        given = request.path_params["hook"].encode("utf-8", "replace")
        if self._hook is None or not hmac.compare_digest(given, self._hook.encode()):
            return Response(status_code=404)
        scope = self._concord.scope
        try:
            message = outbound.read(
                await _limited(request, outbound.BODY_BYTES), request.headers, self._concord.accounts[Side.LEFT].id
            )
        except WebhookRefused as refusal:
            log.warning("an outbound message was refused: %s", refusal.reason)
            status = 413 if refusal.reason == "too large" else 500  # what SOAP gives a fault
            return Response(outbound.fault(refusal.reason), status, media_type="text/xml")
        objects = [name for pair in scope.pairs for name in pair.left_objects]
        try:
            await scope.store.take_in(outbound.notices_of(message, objects, scope.clock.now()))
        except StoreError as error:
            log.error("an outbound message could not be stored: %s", error)
            return Response(outbound.acknowledgement(False), media_type="text/xml")
        return Response(outbound.acknowledgement(True), media_type="text/xml")

    async def health(self, _: Request) -> Response:
        """The process runs."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """The database answers; with the backlog."""
        try:
            return JSONResponse({"status": "ready", "backlog": dict(await self._concord.store.backlog())})
        except StoreError as error:
            return JSONResponse({"status": "not ready", "error": str(error)}, 503)


async def _limited(request: Request, most: int = BODY_BYTES) -> bytes:
    """The raw body; WebhookRefused when it is larger than any that the sender sends, or breaks off."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise WebhookRefused("too large")
    except ClientDisconnect:
        raise WebhookRefused("malformed") from None
    return bytes(body)
