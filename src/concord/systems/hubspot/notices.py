"""HubSpot's webhooks: whether a call is believed, and which records it says to look at (SPEC 6.1, 11.1).

Pure. A notice carries no value that is trusted; the property values that events hold are not even looked at. The
entries of the journal (journal.py) are read with the same words.
Section numbers are those of api/hubspot.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from concord.core.model import Notice
from concord.core.values import Ref
from concord.errors import WebhookRefused
from concord.systems.hubspot.errors import SYSTEM
from concord.systems.hubspot.lanes import lane_of
from concord.systems.hubspot.schema import TYPE_IDS
from concord.systems.hubspot.wire import instant, is_ours, millis

#: How old, or how far ahead, a call's time may be (19.3).
WINDOW_MILLIS: Final = 300_000
#: A hundred events are some 50 kB; a longer body is not read to its end.
BODY_BYTES: Final = 1024 * 1024

#: The only sequences that are decoded in the address before it is signed (19.3).
_DECODED: Final[Mapping[str, str]] = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_SEQUENCE: Final = re.compile("|".join(_DECODED), re.IGNORECASE)


def verify(
    secret: str,
    method: str,
    uri: str,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
    seen: Callable[[str], bool],
) -> None:
    """Return when the call is HubSpot's, fresh, and new; else raise WebhookRefused.

    secret: the app's client secret. uri: as HubSpot called it, built from the configured public address and never from
    the inner request. now: on our clock. seen: says whether a text was seen within the last ten minutes, and remembers
    it; a call that was seen is refused as replayed. HubSpot's own repeats are not taken for one: the number of the
    attempt is part of the body (19.2), so each is signed anew.
    """
    if len(body) > BODY_BYTES:
        raise WebhookRefused("too large")
    given = {name.lower(): value for name, value in headers.items()}
    signature = given.get("x-hubspot-signature-v3", "")
    sent = given.get("x-hubspot-request-timestamp", "")
    if not signature or not sent:
        raise WebhookRefused("unsigned")
    if not re.fullmatch(r"[0-9]{1,15}", sent):
        raise WebhookRefused("malformed")
    if abs(millis(now) - int(sent)) > WINDOW_MILLIS:
        raise WebhookRefused("stale")
    decoded = _SEQUENCE.sub(lambda match: _DECODED[match.group().upper()], uri)
    claimed = signature.encode("utf-8", "surrogateescape")
    # Both are compared, always and in constant time: whoever guesses learns nothing from how long it took.
    matches = [hmac.compare_digest(sign(secret, method, form, body, sent).encode(), claimed) for form in (uri, decoded)]
    if not any(matches):
        raise WebhookRefused("forged")
    if seen(f"{sent}:{signature}"):
        raise WebhookRefused("replayed")


def sign(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """The v3 signature of a call (19.3)."""
    source = method.encode() + uri.encode("utf-8", "surrogateescape") + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()


@dataclass(frozen=True)
class Taken:
    """What a webhook's body, or a page of the journal, says.

    unknown: events of a kind that this version does not know, or without an id. erased: people whose data HubSpot was
    told to delete for good, and who are to be erased here too (SPEC 7.4); each has its notice as well.
    """

    notices: tuple[Notice, ...]
    unknown: int
    erased: tuple[Ref, ...]


#: Events whose own echo may be dropped: after each write of ours the record is read back with its histories, so an
#: edit of somebody else just before it is seen there. Merges, deletions and restores are always looked at.
_ECHOES: Final = frozenset({"creation", "propertyChange", "associationChange"})
_OF_RECORD: Final = frozenset({"creation", "deletion", "propertyChange", "restore", "privacyDeletion"})
_SINGULAR: Final[Mapping[str, str]] = {
    "contact": "contacts",
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "product": "products",
    "line_item": "line_items",
}
_BY_TYPE_ID: Final[Mapping[str, str]] = {type_id: name for name, type_id in TYPE_IDS.items()}
#: The older family names an association's objects in its type only; a label's own words may stand around them.
_WORDS: Final = "|".join(_SINGULAR)
_ENDS: Final = re.compile(rf"(?:^|_)({_WORDS})_to_({_WORDS})(?:_|$)", re.IGNORECASE)
#: 64 bits (19.2).
_ID: Final = re.compile(r"[0-9]{1,19}")
#: Under which the ids of a merge are told (19.2): what is left, and what is not there any more.
_MERGED: Final = ("newObjectId", "primaryObjectId", "objectId", "mergedObjectIds")
#: A time further off than this is not the time of anything that is told now.
_LONG_AGO: Final = timedelta(days=366)
_AHEAD: Final = timedelta(days=1)


class Looks:
    """What events say to look at: one notice for each record, in the most urgent of its lanes, with its earliest time.

    objects: the synced ones by plural name (custom ones by type id); events about others are left out. now: on our
    clock. ahead: how far HubSpot's clock is ahead of ours.
    """

    def __init__(self, objects: Collection[str], *, source: str, now: datetime, ahead: timedelta) -> None:
        self._objects = objects
        self._source = source
        self._now = now
        self._ahead = ahead
        self._found: dict[Ref, Notice] = {}
        self._erased: dict[Ref, None] = {}

    def add(self, refs: Iterable[Ref], properties: Iterable[object], occurred_at: object, *, erased: bool) -> None:
        """An event about these records. properties: the names of those that changed."""
        changed = {text_of(name) for name in properties}
        at = self._moment(occurred_at)
        for ref in refs:
            if ref.object not in self._objects:
                continue
            lane = lane_of(ref.object, changed)
            before = self._found.get(ref)
            # The oldest change counts for the latency; the record is looked at once however many there were.
            times = [moment for moment in (at, before.changed_at if before else None) if moment is not None]
            urgency = min(lane, before.lane) if before else lane
            earliest = min(times, default=None)
            self._found[ref] = Notice(ref, urgency, self._now, self._source, changed_at=earliest)
            if erased:
                self._erased[ref] = None

    def taken(self, unknown: int) -> Taken:
        return Taken(tuple(self._found.values()), unknown, tuple(self._erased))

    def _moment(self, told: object) -> datetime | None:
        """The event's time on our clock; None when it tells none that can be."""
        try:
            at = instant(told)
            at = at - self._ahead if at is not None else None
        except OverflowError:  # at the ends of the calendar
            return None
        return at if at is not None and self._now - _LONG_AGO < at < self._now + _AHEAD else None


def notices_of(
    body: bytes,
    objects: Collection[str],
    *,
    app_id: str,
    now: datetime,
    ahead: timedelta = timedelta(),
    portal_id: str | None = None,
) -> Taken:
    """The notices of a verified call, one for each record that it names; WebhookRefused when it is no list of events.

    objects: the synced ones by plural name (custom ones by type id); events about others are left out. ahead: how far
    HubSpot's clock is ahead of ours. portal_id: events of another account are left out.
    """
    try:
        events = json.loads(body)
    except (ValueError, RecursionError):
        raise WebhookRefused("malformed") from None
    if not isinstance(events, list):
        raise WebhookRefused("malformed")
    looks = Looks(objects, source="webhook", now=now, ahead=ahead)
    unknown = 0
    for event in events:
        kind, refs = _about(event) if isinstance(event, Mapping) else ("", ())
        if not refs:
            unknown += 1
        elif of_portal(event, portal_id) and not (
            kind in _ECHOES and is_ours(event.get("changeSource"), text_of(event.get("sourceId")), app_id)
        ):
            looks.add(refs, (event.get("propertyName"),), event.get("occurredAt"), erased=kind == "privacyDeletion")
    return looks.taken(unknown)


def of_portal(event: Mapping[str, Any], portal_id: str | None) -> bool:
    """Whether an event is of this account; one that names none is."""
    return portal_id is None or event.get("portalId") is None or text_of(event["portalId"]) == portal_id


def _about(event: Mapping[str, Any]) -> tuple[str, tuple[Ref, ...]]:
    """The verb of an event and the records it is about; none for an event that is not known (19.1, 19.2)."""
    family, _, verb = (text_of(event.get("subscriptionType")) or text_of(event.get("eventType"))).partition(".")
    if verb == "associationChange":
        return verb, ends_of(event, family)
    name = object_name(event.get("objectTypeId")) if family == "object" else _SINGULAR.get(family)
    if name is not None and verb == "merge":
        return verb, refs_of(name, event, _MERGED)
    if name is not None and verb in _OF_RECORD:
        return verb, refs_of(name, event)
    return verb, ()


def refs_of(name: str, event: Mapping[str, Any], fields: Sequence[str] = ("objectId",)) -> tuple[Ref, ...]:
    """The records of an object that these fields of an event name, each with one id or several."""
    return tuple(Ref(SYSTEM, name, one) for one in dict.fromkeys(one for field in fields for one in _ids(event, field)))


def merged_of(name: str, event: Mapping[str, Any]) -> tuple[Ref, ...]:
    """Every record that an event of a merge names."""
    return refs_of(name, event, _MERGED)


def ends_of(event: Mapping[str, Any], family: str = "") -> tuple[Ref, ...]:
    """Both ends of an association. The older family names the objects only in the type, "CONTACT_TO_COMPANY", and the
    end that was subscribed to in its own name."""
    words = _ENDS.search(text_of(event.get("associationType")))
    source, target = (words.group(1).lower(), words.group(2).lower()) if words else (family, "")
    refs: list[Ref] = []
    for end, word in (("from", source), ("to", target)):
        name = object_name(event.get(f"{end}ObjectTypeId")) or _SINGULAR.get(word)
        if name is not None:
            refs += refs_of(name, event, (f"{end}ObjectId",))
    return tuple(refs)


def object_name(type_id: object) -> str | None:
    """The plural name of a type id; a custom object's type id is its name here."""
    text = text_of(type_id)
    return _BY_TYPE_ID.get(text, text) or None


def text_of(value: object) -> str:
    """A text or a number as text; "" for everything else that JSON can hold."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _ids(event: Mapping[str, Any], field: str) -> Iterator[str]:
    told = event.get(field)
    for one in told if isinstance(told, list) else [told]:
        text = text_of(one)
        if _ID.fullmatch(text):
            yield str(int(text))
