"""Outbound Messages: SOAP notifications of changed records, sent until they are acknowledged (api/salesforce.md 11).

The key `outbound_messages` of the world is a list of definitions:

    name          of the message, unique
    object        whose records it tells of
    fields        the fields that are sent; Id is always among them
    url           where it is sent
    when          "create", "update" or "both" (both)
    filter        {"Rating": "Hot"}: only records with these values (all)
    active        whether it is sent (true)
    useDeadLetterQueue  whether what was not acknowledged in 24 hours is kept to be looked at (false)

`save` writes an object instead: {"messages": the list, "duplicate", "drop", "shuffle", "state"}, which is read as well.

A notification names a record and no values: they are read when it is sent. Changes no record.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar
from xml.etree.ElementTree import ParseError

import httpx
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.events.outbound_soap import envelope
from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.models import Actor, Change, Org
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.service import ControlError

_WHEN = ("create", "update", "both")
_DISTURB: dict[str, Any] = {"duplicate": 0.0, "drop": 0.0, "shuffle": False}
_MOST_IN_MESSAGE = 100
_CONCURRENT = 10
_ANSWER_WITHIN_SECONDS = 60.0
_FIRST_RETRY_MS = 15_000
_LONGEST_RETRY_MS = 2 * 3_600_000
#: So long after it was queued a message is given up.
_GIVEN_UP_MS = 24 * 3_600_000
_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"


@dataclass(frozen=True)
class Definition:
    """One outbound message of the org's settings."""

    name: str
    object: str
    fields: tuple[str, ...]
    url: str
    when: str = "both"
    filter: Mapping[str, Any] = field(default_factory=dict)
    active: bool = True
    useDeadLetterQueue: bool = False

    @property
    def action_id(self) -> str:
        """The id of the action, the same for the same name."""
        return new_id("04k", zlib.crc32(self.name.encode()))

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "fields": list(self.fields), "filter": dict(self.filter)}

    def meets(self, row: Row, *, made: bool, table: Table) -> bool:
        """Whether the change of a record into `row` triggers it."""
        if not self.active or self.when == ("update" if made else "create"):
            return False
        return all(_shown(table, row, name) == value for name, value in self.filter.items())


@dataclass
class Waiting:
    """One message that is not acknowledged. notifications: (notification id, record id), at most 100, all of the same
    definition. queued, due: epoch ms."""

    definition: str
    notifications: list[tuple[str, str]]
    queued: int
    due: int
    attempt: int = 0
    error: str | None = None


class OutboundMessages(Part[Org]):
    """The outbound messages of an org. client: sends the requests; None: one of its own."""

    section = "outbound_messages"
    verbs: ClassVar[Mapping[str, str]] = {
        "GET outbound": "shown",
        "PUT outbound": "set",
        "POST outbound/disturb": "disturb",
    }

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        kept: dict[str, Any] = {"messages": given or []} if given is None or isinstance(given, list) else dict(given)
        state = kept.get("state") or {}
        unknown = kept.keys() - _DISTURB.keys() - {"messages", "state"}
        if unknown:
            raise ControlError(f"outbound_messages has no {', '.join(sorted(unknown))}")
        self.client: httpx.AsyncClient | None = None
        self._own_client: httpx.AsyncClient | None = None
        self._controls = owner.controls
        self._disturb = {name: kept.get(name, value) for name, value in _DISTURB.items()}
        self._waiting = [_read(one) for one in state.get("waiting", ())]
        self._dead = [_read(one) for one in state.get("dead_letters", ())]
        self._next = int(state.get("next", 0))
        self.counts: Counter[str] = Counter(state.get("counts", {}))
        self._use(kept.get("messages") or [])
        self._forget_undefined()

    def save(self) -> Any:
        if not self._definitions and not self._waiting and not self._dead:
            return None
        state = {"waiting": [asdict(one) for one in self._waiting], "dead_letters": [asdict(one) for one in self._dead]}
        messages = [one.plain() for one in self._definitions.values()]
        return {"messages": messages, **self._disturb, "state": {**state, "next": self._next, "counts": self.counts}}

    # Control verbs.

    def shown(self, _: dict[str, Any]) -> dict[str, Any]:
        """The definitions, what waits with its last error, what was given up, and counts."""
        return {
            "messages": [{**one.plain(), "ActionId": one.action_id} for one in self._definitions.values()],
            **self._disturb,
            "waiting": [asdict(one) for one in self._waiting],
            "dead_letters": [asdict(one) for one in self._dead],
            "counts": dict(self.counts),
        }

    def set(self, asked: Any) -> dict[str, Any]:
        """Other definitions: a list, or {"messages": [...]}. What waits of one that is gone is dropped."""
        self._use(asked["messages"] if isinstance(asked, dict) else asked)
        self._forget_undefined()
        self._controls.ring()
        return self.shown({})

    def _forget_undefined(self) -> None:
        self._waiting = [one for one in self._waiting if one.definition in self._definitions]

    def disturb(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"duplicate", "drop": shares of the messages that are sent twice, or of the notifications that never come,
        "shuffle": send what is due in random order}; those not named are off."""
        unknown = asked.keys() - _DISTURB.keys()
        if unknown:
            raise ControlError(f"unknown disturbances {', '.join(sorted(unknown))}; one of {', '.join(_DISTURB)}")
        for name in ("duplicate", "drop"):
            if not 0 <= float(asked.get(name, 0)) <= 1:
                raise ControlError(f"{name} is a share between 0 and 1")
        self._disturb = {name: type(off)(asked.get(name, off)) for name, off in _DISTURB.items()}
        return self.shown({})

    def _use(self, given: Any) -> None:
        """Take these definitions into use. Raises ControlError."""
        if not isinstance(given, list):
            raise ControlError("outbound messages come as a list")
        made = [_definition(self.owner, one) for one in given]
        self._definitions = {one.name: one for one in made}
        if len(self._definitions) < len(made):
            raise ControlError("two outbound messages have the same name")
        self._by_object: dict[str, list[Definition]] = {}
        for one in made:
            self._by_object.setdefault(one.object, []).append(one)
        if made and self._hear not in self.owner.listeners:
            self.owner.listeners.append(self._hear)

    # Changes in.

    def _hear(self, _: Actor | None, changes: list[Change]) -> None:
        met: dict[str, list[str]] = {}
        for change in changes:
            definitions = self._by_object.get(change.table.kind.name)
            row = change.after
            if not definitions or row is None or row.get("IsDeleted"):
                continue
            made = change.before is None
            if not made and not _saved(change.before, row):
                continue
            for one in definitions:
                if one.meets(row, made=made, table=change.table):
                    met.setdefault(one.name, []).append(change.record_id)
        for name, ids in met.items():
            self._queue(self._definitions[name], ids)

    def _queue(self, one: Definition, ids: list[str]) -> None:
        now, random, faults = self._controls.clock.epoch_ms(), self._controls.random, self._controls.faults
        #: (due, whether it is a second time) -> (notification id, record id)
        by_due: dict[tuple[int, bool], list[tuple[str, str]]] = {}
        for record_id in ids:
            self._next += 1
            self.counts["queued"] += 1
            fate = faults.fate("outbound", one.object, one.name, record_id)
            if not fate.copies or (self._disturb["drop"] and random.random() < self._disturb["drop"]):
                self.counts["dropped"] += 1
            else:
                notification = new_id("04l", self._next), record_id
                for again in (False, True)[: fate.copies]:
                    by_due.setdefault((now + fate.delay_ms, again), []).append(notification)
        for (due, _), notifications in by_due.items():
            for start in range(0, len(notifications), _MOST_IN_MESSAGE):
                self._waiting.append(Waiting(one.name, notifications[start : start + _MOST_IN_MESSAGE], now, due))
        self._controls.ring()

    # Messages out.

    def tick(self) -> float | None:
        """Give up what is too old; seconds until something is to be sent or given up."""
        now = self._controls.clock.epoch_ms()
        for one in [one for one in self._waiting if now - one.queued >= _GIVEN_UP_MS]:
            self._waiting.remove(one)
            self.counts["given_up"] += len(one.notifications)
            if self._definitions[one.definition].useDeadLetterQueue:
                self._dead.append(one)
        if not self._waiting:
            return None
        return max(0.0, (min(one.due for one in self._waiting) - now) / 1000)

    async def deliver(self) -> int:
        """Send what is due, at most ten messages at a time; how many requests were sent."""
        self.tick()
        due = self._take_due()
        gate = asyncio.Semaphore(_CONCURRENT)
        sent = await asyncio.gather(*(self._send(one, gate) for one in due))
        return sum(sent)

    def _take_due(self) -> list[Waiting]:
        now = self._controls.clock.epoch_ms()
        due = [one for one in self._waiting if one.due <= now]
        self._waiting = [one for one in self._waiting if one.due > now]
        if self._disturb["shuffle"]:
            self._controls.random.shuffle(due)
            for one in due:
                self._controls.random.shuffle(one.notifications)
        return due

    async def _send(self, one: Waiting, gate: asyncio.Semaphore) -> int:
        """Send a message, perhaps twice, and queue it anew unless it was acknowledged; how many requests were sent."""
        share = self._disturb["duplicate"]
        copies = 2 if share and self._controls.random.random() < share else 1
        async with gate:
            definition = self._definitions.get(one.definition)
            if definition is None:  # taken out of the settings meanwhile
                return 0
            for _ in range(copies):
                one.error = await self._error_of_sending(definition, one)
        if one.error is None:
            self.counts["acknowledged"] += len(one.notifications)
            return copies
        self.counts["failed"] += 1
        wait = min(_FIRST_RETRY_MS * 2**one.attempt, _LONGEST_RETRY_MS)
        one.attempt += 1
        one.due = min(self._controls.clock.epoch_ms() + wait, one.queued + _GIVEN_UP_MS)
        self._waiting.append(one)
        self._forget_undefined()
        return copies

    async def _error_of_sending(self, definition: Definition, one: Waiting) -> str | None:
        """Send the message as its records are now; what went wrong, None when it was acknowledged."""
        org = self.owner
        table = org.tables[definition.object.lower()]
        read = [(notification, table.live(record_id)) for notification, record_id in one.notifications]
        body = envelope(org.identity, definition.action_id, table, definition.fields, read)
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Accept": "text/xml"}
        self.counts["requests"] += 1
        status: int | None = None
        try:
            answer = await self._http().post(
                definition.url, content=body, headers=headers, timeout=_ANSWER_WITHIN_SECONDS
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            wrong: str | None = f"{type(error).__name__}: {error}"
            said = str(wrong).encode()
        else:
            status, said, wrong = answer.status_code, answer.content, _refusal(answer)
        now = self._controls.clock.epoch_ms()
        self._controls.journal.note_sent(
            at=now, method="POST", url=definition.url, request=body, status=status, response=said
        )
        return wrong

    def _http(self) -> httpx.AsyncClient:
        if self.client is not None:
            return self.client
        if self._own_client is None:
            self._own_client = httpx.AsyncClient(limits=httpx.Limits(max_connections=_CONCURRENT))
        return self._own_client


def _refusal(answer: httpx.Response) -> str | None:
    """Why an answer is no acknowledgement; None when it is one (api/salesforce.md section 11.3)."""
    if answer.status_code != 200:
        return f"status {answer.status_code}"
    try:
        root = ElementTree.fromstring(answer.content)
    except (ParseError, DefusedXmlException) as error:
        return f"the answer is no XML: {error}"
    ack = root.find(f".//{_OUTBOUND}notificationsResponse/{_OUTBOUND}Ack")
    if ack is None:
        return "the answer holds no Ack"
    return None if (ack.text or "").strip().lower() in ("true", "1") else "Ack is false"


def _definition(org: Org, given: Mapping[str, Any]) -> Definition:
    """Raises ControlError when it is malformed."""
    unknown = given.keys() - Definition.__dataclass_fields__.keys()
    if unknown:
        raise ControlError(f"an outbound message has no {', '.join(sorted(unknown))}")
    table = org.table(str(given["object"]))
    if table is None:
        raise ControlError(f"outbound message {given['name']!r}: this org has no object {given['object']!r}")
    names = []
    for name in given["fields"]:
        one = table.kind.field(str(name))
        if one is None or one.name in table.kind.compounds:
            raise ControlError(f"outbound message {given['name']!r}: {table.kind.name} has no field {name!r} to send")
        names.append(one.name)
    if "Id" not in names:
        raise ControlError(f"outbound message {given['name']!r}: Id must be among the fields")
    when, condition = given.get("when", "both"), given.get("filter") or {}
    if when not in _WHEN:
        raise ControlError(f"outbound message {given['name']!r}: when is one of {', '.join(_WHEN)}")
    for name in condition:
        if table.kind.field(name) is None:
            raise ControlError(f"outbound message {given['name']!r}: {table.kind.name} has no field {name!r}")
    flags = bool(given.get("active", True)), bool(given.get("useDeadLetterQueue", False))
    what = str(given["name"]), table.kind.name, tuple(names), str(given["url"])
    return Definition(*what, when, dict(condition), *flags)


def _read(kept: Mapping[str, Any]) -> Waiting:
    pairs = [(str(notification), str(record_id)) for notification, record_id in kept["notifications"]]
    times = int(kept["queued"]), int(kept["due"]), int(kept["attempt"])
    return Waiting(str(kept["definition"]), pairs, *times, kept.get("error"))


def _shown(table: Table, row: Row, name: str) -> Any:
    found = table.kind.field(name)
    return None if found is None else table.shown(row)(found.name)


def _saved(before: Row | None, after: Row) -> bool:
    """Whether somebody saved the record: more than its SystemModstamp is new."""
    was = before or {}
    differing = {name for name in was.keys() | after.keys() if was.get(name) != after.get(name)}
    return differing != {"SystemModstamp"}
