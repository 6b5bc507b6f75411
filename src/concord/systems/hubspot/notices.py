"""HubSpot's webhooks: whether a call is believed, and which records it says to look at (SPEC 6.1, 11.1).

Pure. A notice carries no value that is trusted; the property values that events hold are not even looked at.
Section numbers are those of api/hubspot.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from concord.core.model import Lane, Notice
from concord.core.values import Ref
from concord.errors import WebhookRefused
from concord.systems.hubspot.errors import SYSTEM
from concord.systems.hubspot.schema import TYPE_IDS
from concord.systems.hubspot.wire import OPT_OUT, instant, is_ours, millis

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
    """What a webhook's body says.

    unknown: events of a kind that this version does not know, or without an id. erased: people whose data HubSpot was
    told to delete for good, and who are to be erased here too (SPEC 7.4); each has its notice as well.
    """

    notices: tuple[Notice, ...]
    unknown: int
    erased: tuple[Ref, ...]


#: Events whose own echo may be dropped: after each write of ours the record is read back with its histories, so an
#: edit of somebody else just before it is seen there. Merges, deletions and restores are always looked at.
_ECHOES: Final = frozenset({"creation", "propertyChange", "associationChange"})
_SINGULAR: Final[Mapping[str, str]] = {
    "contact": "contacts",
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "product": "products",
    "line_item": "line_items",
}
_BY_TYPE_ID: Final[Mapping[str, str]] = {type_id: name for name, type_id in TYPE_IDS.items()}


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
    except ValueError:
        raise WebhookRefused("malformed") from None
    if not isinstance(events, list):
        raise WebhookRefused("malformed")
    found: dict[tuple[Ref, Lane], Notice] = {}
    erased: dict[Ref, None] = {}
    unknown = 0
    for event in events:
        kind, refs = _about(event) if isinstance(event, Mapping) else ("", ())
        if not refs:
            unknown += 1
            continue
        if portal_id is not None and str(event.get("portalId", portal_id)) != portal_id:
            continue
        if kind in _ECHOES and is_ours(event.get("changeSource"), event.get("sourceId"), app_id):
            continue
        told = instant(event.get("occurredAt"))
        changed_at = told - ahead if told else None
        for ref in (ref for ref in refs if ref.object in objects):
            notice = Notice(ref, _lane(event), seen_at=now, source="webhook", changed_at=changed_at)
            before = found.get((ref, notice.lane))
            # The oldest change counts for the latency; the record is looked at once however many there were.
            if before is None or (changed_at and before.changed_at and changed_at < before.changed_at):
                found[ref, notice.lane] = notice
            if kind == "privacyDeletion":
                erased[ref] = None
    return Taken(tuple(found.values()), unknown, tuple(erased))


def _lane(event: Mapping[str, Any]) -> Lane:
    consent = str(event.get("propertyName") or "").startswith(OPT_OUT)
    return Lane.CONSENT if consent else Lane.PEOPLE


def _about(event: Mapping[str, Any]) -> tuple[str, tuple[Ref, ...]]:
    """The verb of an event and the records it is about; none for an event that is not known (19.1, 19.2)."""
    family, _, verb = str(event.get("subscriptionType") or event.get("eventType") or "").partition(".")
    if verb == "associationChange":
        return verb, tuple(_ends(event))
    name = _object_name(event.get("objectTypeId")) if family == "object" else _SINGULAR.get(family)
    if name is None:
        return verb, ()
    if verb == "merge":
        merged = event.get("mergedObjectIds")
        ids = [event.get("newObjectId"), event.get("primaryObjectId"), event.get("objectId")]
        ids += merged if isinstance(merged, list) else []
    elif verb in ("creation", "deletion", "propertyChange", "restore", "privacyDeletion"):
        ids = [event.get("objectId")]
    else:
        return verb, ()
    return verb, tuple(dict.fromkeys(Ref(SYSTEM, name, str(one)) for one in ids if _is_id(one)))


def _ends(event: Mapping[str, Any]) -> Iterator[Ref]:
    """Both ends of an association. The older family names the objects only in the type, "CONTACT_TO_COMPANY"."""
    source, _, target = str(event.get("associationType") or "").lower().partition("_to_")
    for end, word in (("from", source), ("to", target)):
        name = _object_name(event.get(f"{end}ObjectTypeId")) or _SINGULAR.get(word)
        if name is not None and _is_id(event.get(f"{end}ObjectId")):
            yield Ref(SYSTEM, name, str(event[f"{end}ObjectId"]))


def _object_name(type_id: object) -> str | None:
    return _BY_TYPE_ID.get(str(type_id), str(type_id)) if type_id else None


def _is_id(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and str(value).isdecimal()
