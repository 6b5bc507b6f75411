"""Push webhooks: who subscribed to what, the queue, signing, sending, retries (API reference section 19).

Settings, by a world's `webhooks` or `PUT /_control/webhooks` (all but `target_url` and `subscriptions` optional):

    target_url          where to send; null sends nothing
    subscriptions       [{"subscriptionType": "contact.propertyChange" | "object.propertyChange" | …,
                        "propertyName"?, "objectType"?, "active"?, "id"?, "createdAt"?, "updatedAt"?}]
                        An app uses one family; kinds of which nothing ever happens here (conversation.…,
                        event.completed) may be subscribed to
    max_concurrent      how many requests are under way at once (10; at least 5)
    delay_ms            from the event to its sending (50)
    batch_ms            events that happen within this time of a batch's first go out together (0)
    batch_size          most events in one request (100)
    retry_ms            before the first retry of a failed request; grows threefold and varies at random (20,000)
    retries             how often a failed request is tried again (10)
    duplicate, drop     shares of the events that are sent twice or never (0.0)
    shuffle             send what is due in random order (false)
    type_field          what names the kind of event: "subscriptionType" (default) or "eventType"
    change_flag         what a creation carries: "CREATED" (default, as real accounts send) or "NEW" (as documented)
    signatures          which versions sign a request: any of "v1" or "v2", and "v3" (["v3"])
    created_at, updated_at   of the settings API's settings, epoch ms (none)
    cache_ms            how long a change over the settings API stays without effect (0; the vendor: up to 300,000)

Times are the sandbox's clock; randomness is the sandbox's seeded one. Changes no record.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import math
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import httpx

from concord_sandbox.hubspot.crm import Event
from concord_sandbox.hubspot.models import Portal
from concord_sandbox.hubspot.responses import wire_bytes
from concord_sandbox.service import ControlError, Controls

VERBS = ("creation", "deletion", "propertyChange", "associationChange", "merge", "restore", "privacyDeletion")
_DEFAULTS: dict[str, Any] = {
    "target_url": None,
    "subscriptions": [],
    "max_concurrent": 10,
    "type_field": "subscriptionType",
    "change_flag": "CREATED",
    "signatures": ["v3"],
    "cache_ms": 0,
    "created_at": None,
    "updated_at": None,
    "delay_ms": 50,
    "batch_ms": 0,
    "batch_size": 100,
    "retry_ms": 20_000,
    "retries": 10,
    "duplicate": 0.0,
    "drop": 0.0,
    "shuffle": False,
}
_DISTURB = ("duplicate", "drop", "shuffle")
_CHOICES = {"type_field": ("subscriptionType", "eventType"), "change_flag": ("CREATED", "NEW")}
_LEAST_CONCURRENT = 5
_MOST_SUBSCRIPTIONS = 1_000
#: Kinds of events that an app may subscribe to and that this sandbox has nothing to tell of.
SILENT = (
    "conversation.creation", "conversation.deletion", "conversation.newMessage", "conversation.privacyDeletion",
    "conversation.propertyChange", "event.completed",
)  # fmt: skip
_ANSWER_WITHIN_SECONDS = 5.0
_FIRST_SUBSCRIPTION_ID, _FIRST_EVENT_ID = 7_562_680, 4_101_286_121
#: Sequences of a URI that are decoded before it is signed, and no others (section 19.3, step 2).
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def signature(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """The value of `X-HubSpot-Signature-v3`."""
    for encoded, plain in _DECODED.items():
        uri = re.sub(encoded, lambda _, plain=plain: plain, uri, flags=re.IGNORECASE)  # type: ignore[misc]
    source = method.encode() + uri.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()


def old_signature(version: str, secret: str, method: str, uri: str, body: bytes) -> str:
    """The value of `X-HubSpot-Signature` for version "v1" or "v2" (section 19.3, at the end)."""
    before = secret if version == "v1" else secret + method + uri
    return hashlib.sha256(before.encode() + body).hexdigest()


@dataclass(frozen=True)
class Subscription:
    """One subscription. prefix: `object`, or a legacy one such as `contact`."""

    id: int
    type: str
    prefix: str
    plural: str
    property_name: str | None


@dataclass
class Waiting:
    """Events to send in one request (at most a batch) at `due` (epoch ms)."""

    due: int
    attempt: int
    events: list[dict[str, Any]] = field(default_factory=list)


class Webhooks:
    """The webhooks of one account."""

    def __init__(self, controls: Controls, client: httpx.AsyncClient | None) -> None:
        self._controls = controls
        self._client = client
        self._own_client: httpx.AsyncClient | None = None
        self.counts: Counter[str] = Counter()
        self.use(Portal())

    def use(self, portal: Portal) -> None:
        """Work for this account, with its settings and an empty queue. Raises ControlError for bad settings."""
        settings, subscriptions = _checked(portal, portal.webhooks)
        self._portal = portal
        self._planned: tuple[int, dict[str, Any]] | None = None
        self.settings = settings
        self._by_verb = subscriptions
        self._fresh: deque[tuple[int, dict[str, Any]]] = deque()
        self._retries: list[Waiting] = []
        self._next_event = _FIRST_EVENT_ID
        self._batch_closes = 0
        self.counts.clear()

    def set(self, asked: dict[str, Any]) -> None:
        """Change settings; what is queued stays queued. Raises ControlError."""
        merged = {**self._portal.webhooks, **asked}
        self.settings, self._by_verb = _checked(self._portal, merged)
        self._portal.webhooks = merged
        self._planned = None

    def plan(self, asked: dict[str, Any]) -> None:
        """Change settings as an app does over the API: known at once, at work when the vendor's cache is over.
        Raises ControlError."""
        merged = {**self._portal.webhooks, **asked}
        _checked(self._portal, merged)
        self._portal.webhooks = merged
        self._planned = (self._controls.clock.epoch_ms() + int(self.settings["cache_ms"]), merged)
        self._take_plan()

    @property
    def planned(self) -> dict[str, Any]:
        """The settings as the API shows them, every subscription with its id; some may not be at work yet."""
        settings = {**_DEFAULTS, **self._portal.webhooks}
        return {**settings, "subscriptions": numbered(settings["subscriptions"])}

    def _take_plan(self) -> None:
        if self._planned is not None and self._planned[0] <= self._controls.clock.epoch_ms():
            self.settings, self._by_verb = _checked(self._portal, self._planned[1])
            self._planned = None

    def check(self, rows: list[dict[str, Any]]) -> None:
        """Raises ControlError for subscriptions that no app could have."""
        _checked(self._portal, {"subscriptions": rows})

    def disturb(self, asked: dict[str, Any]) -> None:
        """Set `duplicate`, `drop` and `shuffle`; those not named are off. Raises ControlError."""
        unknown = asked.keys() - set(_DISTURB)
        if unknown:
            raise ControlError(f"unknown disturbances {', '.join(sorted(unknown))}; one of {', '.join(_DISTURB)}")
        self.set({name: asked.get(name, _DEFAULTS[name]) for name in _DISTURB})

    def shown(self) -> dict[str, Any]:
        """The settings, what waits, and counts since the account was loaded."""
        waiting = len(self._fresh) + sum(len(one.events) for one in self._retries)
        return {**self.settings, "waiting": waiting, "counts": dict(self.counts)}

    # Events in.

    def hear(self, event: Event) -> None:
        """Queue an event for every subscription that it meets."""
        self._take_plan()
        if event.verb == "purge":
            self._drop_type(event.plural)
        subscriptions = self._by_verb.get((event.verb, event.plural))
        if not subscriptions or not self.settings["target_url"]:
            return
        name = event.fields.get("propertyName")
        for subscription in subscriptions:
            if subscription.property_name is None or subscription.property_name == name:
                self._queue(self._wire(subscription, event), event)

    def _drop_type(self, plural: str) -> None:
        """The object type is gone for good, and the subscriptions to its events with it."""
        rows = self._portal.webhooks.get("subscriptions", [])
        gone = self._portal.kept(plural)
        kept = [row for row in rows if self._portal.table(str(row.get("objectType", ""))) is not gone]
        if len(kept) < len(rows):
            self.set({"subscriptions": kept})

    def _wire(self, subscription: Subscription, event: Event) -> dict[str, Any]:
        self._next_event += 1
        shown: dict[str, Any] = {
            "eventId": self._next_event,
            "subscriptionId": subscription.id,
            "portalId": int(self._portal.settings["portal_id"]),
            "appId": int(self._portal.settings["app_id"]),
            "occurredAt": event.at,
            str(self.settings["type_field"]): subscription.type,
            "attemptNumber": 0,
        }
        if event.verb not in ("merge", "associationChange"):
            shown["objectId"] = event.record_id
        if subscription.prefix == "object":
            shown["objectTypeId"] = self._portal.kinds[event.plural].type_id
        shown |= event.fields
        if event.verb == "creation":
            shown["changeFlag"] = self.settings["change_flag"]
        shown["changeSource"] = event.by.source_type
        if event.by.source_id is not None:
            shown["sourceId"] = event.by.source_id
        return shown

    def _queue(self, shown: dict[str, Any], event: Event) -> None:
        settings, random = self.settings, self._controls.random
        kind = str(shown[settings["type_field"]])
        fate = self._controls.faults.fate("webhooks", event.plural, kind, str(event.record_id))
        if not fate.copies:
            self.counts["dropped"] += 1
            return
        if settings["drop"] and random.random() < settings["drop"]:
            self.counts["dropped"] += 1
            return
        copies = 2 if settings["duplicate"] and random.random() < settings["duplicate"] else fate.copies
        now = self._controls.clock.epoch_ms()
        due = now + int(settings["delay_ms"])
        if settings["batch_ms"]:
            if not now <= self._batch_closes - int(settings["delay_ms"]) <= now + int(settings["batch_ms"]):
                self._batch_closes = due + int(settings["batch_ms"])
            due = self._batch_closes
        self._fresh.extend([(due + fate.delay_ms, shown)] * copies)
        self.counts["queued"] += copies
        self._controls.ring()

    # Requests out.

    def seconds_until_due(self) -> float | None:
        """How long until something is to be sent (0.0: now); None when nothing waits."""
        moments = [one.due for one in self._retries]
        moments += [due for due, _ in self._fresh]
        if not moments or not self.settings["target_url"]:
            return None
        return max(0.0, (min(moments) - self._controls.clock.epoch_ms()) / 1000)

    async def deliver(self) -> int:
        """Send what is due, at most `max_concurrent` requests at a time; how many requests were sent."""
        self._take_plan()
        requests = self._take_due()
        gate = asyncio.Semaphore(int(self.settings["max_concurrent"]))
        await asyncio.gather(*(self._send(one, gate) for one in requests))
        return len(requests)

    def _take_due(self) -> list[Waiting]:
        now = self._controls.clock.epoch_ms()
        if not self.settings["target_url"]:
            return []
        events = [event for due, event in self._fresh if due <= now]
        self._fresh = deque((due, event) for due, event in self._fresh if due > now)
        retries = [one for one in self._retries if one.due <= now]
        self._retries = [one for one in self._retries if one.due > now]
        if self.settings["shuffle"]:
            self._controls.random.shuffle(events)
        size = int(self.settings["batch_size"])
        fresh = [Waiting(now, 0, events[start : start + size]) for start in range(0, len(events), size)]
        return [*retries, *fresh]

    async def _send(self, one: Waiting, gate: asyncio.Semaphore) -> None:
        url = str(self.settings["target_url"])
        body = wire_bytes([{**event, "attemptNumber": one.attempt} for event in one.events])
        status: int | None = None
        async with gate:
            headers = self._headers(url, body)
            try:
                answer = await self._http().post(url, content=body, headers=headers, timeout=_ANSWER_WITHIN_SECONDS)
                status, said, good = answer.status_code, answer.content, answer.is_success
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                said, good = f"{type(error).__name__}: {error}".encode(), False  # the vendor, too, sees no more
        now = self._controls.clock.epoch_ms()
        self._controls.journal.note_sent(at=now, method="POST", url=url, request=body, status=status, response=said)
        self.counts["requests"] += 1
        if good:
            self.counts["delivered"] += len(one.events)
        else:
            self._try_again(one)

    def _headers(self, url: str, body: bytes) -> dict[str, str]:
        timestamp = str(self._controls.clock.epoch_ms())
        secret = str(self._portal.settings["client_secret"])
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/) - WebhookTracking",
        }
        for version in self.settings["signatures"]:
            if version == "v3":
                headers["X-HubSpot-Request-Timestamp"] = timestamp
                headers["X-HubSpot-Signature-v3"] = signature(secret, "POST", url, body, timestamp)
            else:
                headers["X-HubSpot-Signature"] = old_signature(version, secret, "POST", url, body)
                headers["X-HubSpot-Signature-Version"] = version
        return headers

    def _try_again(self, one: Waiting) -> None:
        if one.attempt >= int(self.settings["retries"]):
            self.counts["given_up"] += len(one.events)
            return
        # Threefold from 20 s: the tenth retry would come after days, so later ones are held at four hours,
        # which spreads all ten over about a day as documented.
        wait = min(float(self.settings["retry_ms"]) * 3**one.attempt, 14_400_000.0)
        wait *= self._controls.random.uniform(0.7, 1.3)
        self._retries.append(Waiting(self._controls.clock.epoch_ms() + math.ceil(wait), one.attempt + 1, one.events))
        self.counts["failed"] += 1

    def _http(self) -> httpx.AsyncClient:
        if self._client is not None:
            return self._client
        if self._own_client is None:
            self._own_client = httpx.AsyncClient()
        return self._own_client


def _checked(portal: Portal, asked: dict[str, Any]) -> tuple[dict[str, Any], dict[tuple[str, str], list[Subscription]]]:
    unknown = asked.keys() - _DEFAULTS.keys()
    if unknown:
        raise ControlError(f"unknown webhook settings: {', '.join(sorted(unknown))}")
    settings = {**_DEFAULTS, **asked}
    _check_numbers(settings)
    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            raise ControlError(f"webhooks: {name} is one of {', '.join(choices)}")
    if sorted(settings["signatures"]) not in (["v1"], ["v2"], ["v3"], ["v1", "v3"], ["v2", "v3"]):
        raise ControlError("webhooks: signatures has v1 or v2, and v3, or one of them")
    rows = numbered(settings["subscriptions"])
    if len(rows) > _MOST_SUBSCRIPTIONS:
        raise ControlError(f"webhooks: an app has at most {_MOST_SUBSCRIPTIONS} subscriptions")
    by_verb: dict[tuple[str, str], list[Subscription]] = {}
    for row in rows:
        if row.get("active", True) and row.get("subscriptionType") not in SILENT:
            verb, one = _subscription(portal, row)
            by_verb.setdefault((verb, one.plural), []).append(one)
    return settings, by_verb


def _check_numbers(settings: dict[str, Any]) -> None:
    names = ("delay_ms", "batch_ms", "batch_size", "retry_ms", "retries", "duplicate", "drop", "cache_ms")
    for name in (*names, "max_concurrent"):
        if isinstance(settings[name], bool) or not isinstance(settings[name], int | float) or settings[name] < 0:
            raise ControlError(f"webhooks: {name} must be a number, not below 0")
    if not 1 <= settings["batch_size"] <= 100:
        raise ControlError("webhooks: batch_size lies between 1 and 100")
    if settings["max_concurrent"] < _LEAST_CONCURRENT:
        raise ControlError(f"webhooks: max_concurrent is at least {_LEAST_CONCURRENT}")


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Subscriptions with an id each: their own, or one by their place."""
    return [{**row, "id": int(row.get("id", _FIRST_SUBSCRIPTION_ID + place))} for place, row in enumerate(rows)]


def _subscription(portal: Portal, row: dict[str, Any]) -> tuple[str, Subscription]:
    kind = str(row.get("subscriptionType", ""))
    prefix, _, verb = kind.partition(".")
    if verb not in VERBS:
        raise ControlError(f"{kind!r} is not a webhook subscription type; the verbs are {', '.join(VERBS)}")
    if prefix == "object":
        table = portal.table(str(row.get("objectType", "")))
        plural = table.kind.plural if table is not None else None
    else:
        plural = next((one.plural for one in portal.kinds.values() if one.webhook == prefix), None)
    if plural is None:
        raise ControlError(f"the webhook subscription {kind!r} names no object type of this account")
    if verb == "privacyDeletion" and kind != "contact.privacyDeletion":
        raise ControlError(f"{kind!r} is not a webhook subscription type; privacy deletions are told of contacts only")
    if kind == "product.associationChange":
        raise ControlError(f"{kind!r} is not a webhook subscription type; products have no associations of their own")
    name = row.get("propertyName")
    if verb == "propertyChange" and not name:
        raise ControlError(f"the webhook subscription {kind!r} needs a propertyName")
    return verb, Subscription(row["id"], kind, prefix, plural, name if verb == "propertyChange" else None)
