"""Faults to inject: which calls and which events they hit, how often, and what happens to them.

Knows nothing of any vendor; a service words its own error bodies (`Service.fault_response`) and says what its events
are about (`Faults.fate`).
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

FaultKind = Literal[
    "status", "drop_before", "drop_after", "hang", "hang_after", "slow", "record_error",
    "event_drop", "event_double", "event_delay",
]  # fmt: skip
#: What each kind does.
KINDS: dict[str, str] = {
    "status": "the call is answered with that `status` and the vendor's own error body; nothing is done",
    "drop_before": "the connection breaks before anything is done",
    "drop_after": "the call is carried out, then the connection breaks: the client cannot know",
    "hang": "nothing is done, and no answer comes until the client gives up",
    "hang_after": "the call is carried out, and no answer comes until the client gives up",
    "slow": "the call takes so many `milliseconds` more; other faults may hit it as well",
    "record_error": "the matching records of an otherwise good call are refused with the vendor's `code`",
    "event_drop": "the event never comes",
    "event_double": "the event comes twice",
    "event_delay": "the event comes so many `milliseconds` later, and so after others",
}
#: What each field but `kind` means.
FIELDS: dict[str, str] = {
    "times": "how many matches are hit; null: all (1)",
    "after": "how many matches pass first (0)",
    "probability": "the share of the matches that is hit, by the seeded randomness (1.0)",
    "method": "of calls: regular expression that the whole method matches (.*)",
    "path": "of calls: regular expression, searched in path and query (.*)",
    "status": "of `status`: the HTTP status (503)",
    "code": "of `status` and `record_error`: the vendor's error code that words the body (null: by the status)",
    "headers": "of `status`: further headers, such as Retry-After ({})",
    "record": "of `record_error` and events: regular expression, searched in the record's id or unique value (.*)",
    "milliseconds": "of `slow` and `event_delay`: how long (1000)",
    "channel": "of events: regular expression that the whole channel matches: webhooks, journal, change_events, "
    "outbound (.*)",
    "object": "of events: regular expression that the object's whole name matches, such as Lead or contacts (.*)",
    "event": "of events: regular expression, searched in what happened: the subscription's type of a webhook, the "
    "action of a journal's entry, the change type of a change event, the name of an outbound message (.*)",
}
_PATTERNS = ("method", "path", "record", "channel", "object", "event")


@dataclass
class Fault:
    """One fault; `KINDS` and `FIELDS` say what its kinds and fields mean. Raises ValueError and TypeError."""

    kind: FaultKind
    method: str = ".*"
    path: str = ".*"
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    status: int = 503
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    record: str = ".*"
    milliseconds: float = 1000.0
    channel: str = ".*"
    object: str = ".*"
    event: str = ".*"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; one of {', '.join(KINDS)}")
        for name in _PATTERNS:
            self._check_pattern(name)
        _check_number("times", self.times if self.times is not None else 0, whole=True)
        _check_number("after", self.after, whole=True)
        _check_number("milliseconds", self.milliseconds, most=86_400_000)
        _check_number("probability", self.probability, most=1)
        _check_number("status", self.status, least=400, most=599, whole=True)
        if self.code is not None and not isinstance(self.code, str):
            raise ValueError("a fault's code is a text")
        if not isinstance(self.headers, dict) or not all(map(_sendable, (*self.headers, *self.headers.values()))):
            raise ValueError("a fault's headers are texts by name, each of one line")

    def _check_pattern(self, name: str) -> None:
        given = getattr(self, name)
        try:
            re.compile(given)
        except (re.error, TypeError) as error:
            raise ValueError(f"a fault's {name} is no regular expression: {given!r} ({error})") from error

    def meets(self, method: str, path: str) -> bool:
        return bool(re.fullmatch(self.method, method) and re.search(self.path, path))

    def meets_event(self, channel: str, object_name: str, event: str, record: str) -> bool:
        return bool(
            re.fullmatch(self.channel, channel)
            and re.fullmatch(self.object, object_name)
            and re.search(self.event, event)
            and re.search(self.record, record)
        )


#: Every field that a fault may be given.
FAULT_FIELDS = tuple(one.name for one in fields(Fault))


def _check_number(name: str, value: Any, *, least: float = 0, most: float = 1e15, whole: bool = False) -> None:
    good = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or not least <= value <= most:
        limits = f"not below {least:g}" if most == 1e15 else f"between {least:g} and {most:g}"
        raise ValueError(f"a fault's {name} is a {'whole ' if whole else ''}number, {limits}; not {value!r}")


def _sendable(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()


@dataclass(frozen=True)
class Fate:
    """What becomes of an event: how often it comes (0: never), and how many milliseconds later."""

    copies: int = 1
    delay_ms: int = 0


_UNTOUCHED = Fate()


class Faults:
    """The faults in force, in order; the first that applies wins."""

    def __init__(self, randomness: random.Random) -> None:
        self._random = randomness
        self._faults: list[Fault] = []
        self._hits: list[int] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)
        self._hits.append(0)

    def clear(self) -> None:
        self._faults.clear()
        self._hits.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Each as it stands (`times`, `after`: what is left of them), with `hits`: how often it hit."""
        return [{**asdict(fault), "hits": hits} for fault, hits in zip(self._faults, self._hits, strict=True)]

    def hit(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, if any; spends one of its times. Never one of records, of events, or slow."""
        for place, fault in enumerate(self._faults):
            if not fault.kind.startswith(("record_", "event_", "slow")) and fault.meets(method, path):  # noqa: SIM102
                if self._spend(place):
                    return fault
        return None

    def slowness(self, method: str, path: str) -> float:
        """How many milliseconds more this call takes; spends one of the times of each `slow` that it meets."""
        return sum(
            fault.milliseconds
            for place, fault in enumerate(self._faults)
            if fault.kind == "slow" and fault.meets(method, path) and self._spend(place)
        )

    def hit_record(self, method: str, path: str, key: str) -> Fault | None:
        """The `record_error` that this record (`key`: its id or unique value) of this call meets, if any."""
        for place, fault in enumerate(self._faults):
            if fault.kind != "record_error" or not fault.meets(method, path):
                continue
            if re.search(fault.record, key) and self._spend(place):
                return fault
        return None

    def fate(self, channel: str, object_name: str, event: str, record: str) -> Fate:
        """What becomes of an event: of each kind the first fault that it meets counts, and spends one of its times; one
        that is dropped meets no other. record: the id of what it is about (several: joined by commas)."""
        if not self._faults:
            return _UNTOUCHED
        met = {}
        for kind in ("event_drop", "event_double", "event_delay"):
            for place, fault in enumerate(self._faults):
                if fault.kind == kind and fault.meets_event(channel, object_name, event, record) and self._spend(place):
                    met[kind] = fault
                    break
            if kind == "event_drop" and met:
                return Fate(0)
        delay = met.get("event_delay")
        return Fate(2 if "event_double" in met else 1, int(delay.milliseconds) if delay is not None else 0)

    def _spend(self, place: int) -> bool:
        fault = self._faults[place]
        if fault.times == 0 or (fault.probability < 1.0 and self._random.random() >= fault.probability):
            return False
        if fault.after > 0:
            fault.after -= 1
            return False
        if fault.times is not None:
            fault.times -= 1
        self._hits[place] += 1
        return True
