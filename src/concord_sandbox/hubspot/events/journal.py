"""The Webhooks Journal: its state, its routes, its control verbs (API reference section 18).

A world's key `journal`, every key of which may be left out:

    page_ms         a page is published this long after its first entry (1,000)
    page_events     … or when it has so many entries (10,000)
    url_ms          how long the address of a page works (3,600,000)
    snapshot_ms     how long a snapshot takes (1,000)
    drop, duplicate shares of the entries that never come or come twice (0.0); delay_ms: how much later they come (0)
    subscriptions   [{"subscriptionType", …}] as `POST /webhooks-journal/subscriptions` takes them, "id"? beside
    filters         [{"subscriptionId", "filter"}] as `POST …/filters` takes them, "id"? beside
    pages, open, opened_at, snapshots     the contents, as `save` gives them

Calls on it take an app's own token and do not count against the account's limits. Changes no record.
"""

from __future__ import annotations

import uuid
from bisect import insort
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, ClassVar

from concord_sandbox.hubspot.calls import Call, strings
from concord_sandbox.hubspot.crm import Crm, Event
from concord_sandbox.hubspot.errors import ApiError, bad_request
from concord_sandbox.hubspot.events.entries import Teller
from concord_sandbox.hubspot.events.pages import KEPT_MS, Page, Pages, check_signature, signed_url
from concord_sandbox.hubspot.events.snapshots import Snapshots
from concord_sandbox.hubspot.events.subscriptions import LIFECYCLE, Subscriptions, number
from concord_sandbox.hubspot.responses import batch
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import iso
from concord_sandbox.parts import Part
from concord_sandbox.service import ControlError

Answer = tuple[Any, int]

_SETTINGS: dict[str, int] = {"page_ms": 1_000, "page_events": 10_000, "url_ms": 3_600_000, "snapshot_ms": 1_000}
_DISTURB: dict[str, float] = {"drop": 0.0, "duplicate": 0.0, "delay_ms": 0}
_CONTENTS = ("subscriptions", "filters", "pages", "open", "opened_at", "snapshots")
_MOST_PAGES = 100


class JournalBook(Part[Crm]):
    """The journal of the account's app."""

    section = "journal"
    verbs: ClassVar[Mapping[str, str]] = {
        "GET journal/state": "shown",
        "POST journal/settings": "configure",
        "POST journal/disturb": "disturb",
        "POST journal/expire": "expire",
        "POST journal/lifecycle": "lifecycle",
    }

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        given = {} if given is None else given
        unknown = given.keys() - _SETTINGS.keys() - _DISTURB.keys() - set(_CONTENTS)
        if unknown:
            raise ControlError(f"a journal has no {', '.join(sorted(unknown))}")
        self._controls = owner.portal.controls
        self.settings = _numbers(_SETTINGS, given)
        self._disturbed = _shares(given)
        self.subscriptions = Subscriptions(owner.portal)
        self.pages = Pages(self.fresh_id)
        self.snapshots = Snapshots(owner.portal)
        self._late: list[tuple[int, dict[str, Any]]] = []
        self._teller = Teller(owner.portal, self.subscriptions, self._put)
        try:
            self.subscriptions.load(given.get("subscriptions", []), given.get("filters", []), self.now)
        except ApiError as error:
            raise ControlError(f"journal: {error.message}") from error
        self.pages.load(given, self.now)
        self.snapshots.load(given.get("snapshots", []))
        owner.listeners.append(self.hear)

    @property
    def now(self) -> int:
        return self.owner.clock.epoch_ms()

    def fresh_id(self) -> str:
        return str(uuid.UUID(int=self._controls.random.getrandbits(128), version=4))

    # Entries in.

    def hear(self, event: Event) -> None:
        """Write the event down, if anything is subscribed."""
        if event.verb == "purge":
            self.subscriptions.remove_type(self.owner.portal.kinds[event.plural].type_id)
        elif self.subscriptions.by_id:
            self._teller.hear(event)
            self._controls.ring()

    def _put(self, entry: dict[str, Any], at: int) -> None:
        random, disturbed = self._controls.random, self._disturbed
        fate = self._controls.faults.fate("journal", *self._about(entry))
        if not fate.copies:
            return
        if disturbed["drop"] and random.random() < disturbed["drop"]:
            return
        copies = 2 if disturbed["duplicate"] and random.random() < disturbed["duplicate"] else fate.copies
        delay = int(disturbed["delay_ms"]) + fate.delay_ms
        for _ in range(copies):
            if delay:
                insort(self._late, (at + delay, entry), key=itemgetter(0))
            else:
                self._add(entry, at)

    def _about(self, entry: dict[str, Any]) -> tuple[str, str, str]:
        """What an entry is about, for faults: the object's name, the action, the record's id."""
        type_id = entry.get("objectTypeId", entry.get("fromObjectTypeId"))
        named = (one.plural for one in self.owner.portal.kinds.values() if one.type_id == type_id)
        record = entry.get("objectId", entry.get("fromObjectId", ""))
        return next(named, ""), str(entry["action"]), str(record)

    def _add(self, entry: dict[str, Any], at: int) -> None:
        self.pages.add(entry, at, self.settings["page_events"], self.settings["page_ms"])

    def settle(self) -> None:
        """Do what is due by now: finish writes, snapshots, pages."""
        now = self.now
        self._teller.finish()
        for snapshot, values in self.snapshots.take(now):
            self._teller.snapshot(snapshot.plural, snapshot.object_id, values, snapshot.due)
        while self._late and self._late[0][0] <= now:
            due, entry = self._late.pop(0)
            self._add(entry, due)
        self.pages.close_if_over(now, self.settings["page_ms"])
        self.pages.expire(now - KEPT_MS)

    def tick(self) -> float | None:
        self.settle()
        due = [self.pages.closes_at(self.settings["page_ms"]), self.snapshots.next_due()]
        due.append(self._late[0][0] if self._late else None)
        moments = [one for one in due if one is not None]
        return max(0.0, (min(moments) - self.now) / 1000) if moments else None

    def save(self) -> Any:
        # What comes late is in the journal of the saved world at once: a world keeps no disturbance half done.
        self._teller.finish()
        while self._late:
            self._add(self._late.pop(0)[1], self.now)
        contents = {**self.subscriptions.save(), **self.pages.save(), "snapshots": self.snapshots.save()}
        saved = {name: value for name, value in contents.items() if value}
        saved |= {name: value for name, value in self.settings.items() if value != _SETTINGS[name]}
        saved |= {name: value for name, value in self._disturbed.items() if value}
        if "open" not in saved:
            saved.pop("opened_at", None)
        return saved or None

    # Control verbs.

    def shown(self, _: dict[str, Any]) -> dict[str, Any]:
        """The settings, the offsets of the pages, and how many entries wait."""
        self.settle()
        return {
            **self.settings,
            **self._disturbed,
            "offsets": self.pages.offsets,
            "waiting": self.pages.waiting + len(self._late),
            "subscriptions": len(self.subscriptions.by_id),
        }

    def configure(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"page_ms"?, "page_events"?, "url_ms"?, "snapshot_ms"?}: change settings."""
        if asked.keys() - _SETTINGS.keys():
            raise ControlError(f"the settings of the journal are {', '.join(_SETTINGS)}")
        self.settings = _numbers(self.settings, asked)
        self._controls.ring()
        return self.shown({})

    def disturb(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"drop"?: share, "duplicate"?: share, "delay_ms"?}: of all entries from now on; those not named are off. For
        single entries take faults."""
        if asked.keys() - _DISTURB.keys():
            raise ControlError(f"the disturbances of the journal are {', '.join(_DISTURB)}")
        self._teller.finish()
        self._disturbed = _shares(asked)
        return self.shown({})

    def expire(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"keep"?: how many of the newest pages stay (0)}: the rest is gone as after three days."""
        self.settle()
        keep = asked.get("keep", 0)
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:
            raise ControlError("keep is a number, not below 0")
        return {"expired": self.pages.forget(max(0, len(self.pages) - keep))}

    def lifecycle(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"action": "APP_INSTALL" or "APP_UNINSTALL"}: as if a person had done so; whether it was told."""
        action = asked.get("action")
        if action not in LIFECYCLE:
            raise ControlError(f"action is one of {', '.join(LIFECYCLE)}")
        self._teller.finish()
        told = self._teller.lifecycle(str(action), self.now)
        self._controls.ring()
        return {"told": told}

    # What the routes need.

    def wire(self, page: Page, origin: str) -> dict[str, Any]:
        """Where a page can be fetched."""
        expires = self.now + self.settings["url_ms"]
        secret = str(self.owner.portal.settings["client_secret"])
        url = signed_url(origin, page, expires, secret)
        return {"url": url, "expiresAt": iso(expires), "currentOffset": page.offset}


def _numbers(known: dict[str, int], given: dict[str, Any]) -> dict[str, int]:
    chosen = {name: given.get(name, value) for name, value in known.items()}
    for name, value in chosen.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < (1 if name == "page_events" else 0):
            raise ControlError(f"journal: {name} must be a whole number, not below {int(name == 'page_events')}")
    return chosen


def _shares(given: dict[str, Any]) -> dict[str, float]:
    chosen = {name: given.get(name, value) for name, value in _DISTURB.items()}
    for name, value in chosen.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ControlError(f"journal: {name} must be a number, not below 0")
    return chosen


def _book(call: Call) -> JournalBook:
    book = call.crm.parts.of(JournalBook)
    book.settle()
    return book


# Reading.


def _of_portal(call: Call) -> bool:
    """Whether the call asks for all portals or for this one. Raises ApiError."""
    given = call.text("installPortalId")
    return not given or number(given, "installPortalId") == int(call.portal.settings["portal_id"])


def _one(choose: Callable[[Pages, Call], list[Page]]) -> Callable[[Call], Answer]:
    """A read of one page: 204 when there is none."""

    def read(call: Call) -> Answer:
        book = _book(call)
        here = _of_portal(call)
        found = choose(book.pages, call)
        return (book.wire(found[0], call.origin), 200) if found and here else (None, 204)

    return read


def _several(choose: Callable[[Pages, Call, int], list[Page]]) -> Callable[[Call], Answer]:
    """A read of up to so many pages as the path says."""

    def read(call: Call) -> Answer:
        book = _book(call)
        count = number(call.at["count"], "count")
        if not 1 <= count <= _MOST_PAGES:
            raise bad_request(f"count must be a number from 1 to {_MOST_PAGES}", count=call.at["count"][:40])
        here = _of_portal(call)
        found = choose(book.pages, call, count)
        return batch([book.wire(page, call.origin) for page in found if here], [], call.now)

    return read


def _offset(call: Call) -> str:
    given = call.at["offset"]
    try:
        return str(uuid.UUID(given))
    except ValueError as error:
        raise bad_request("offset must be a UUID", offset=given[:40]) from error


def _read_batch(call: Call) -> Answer:
    """The pages of the offsets in `inputs`; those that are not there are named in `errors`."""
    book = _book(call)
    offsets = strings(call.json(), "inputs")
    if not 1 <= len(offsets) <= _MOST_PAGES:
        raise bad_request(f"inputs must be a list of 1 to {_MOST_PAGES} offsets")
    here, results, errors = _of_portal(call), [], []
    for offset in offsets:
        try:
            page = book.pages.get(offset)
        except ApiError as error:
            errors.append(error.in_batch({"offset": [offset[:40]]}))
            continue
        if here:
            results.append(book.wire(page, call.origin))
    return batch(results, errors, call.now)


def _fetch(call: Call) -> Answer:
    """A page, at its signed address; like the vendor's store, not with a token beside the signature."""
    if call.authorization:
        raise ApiError(400, None, "InvalidArgument: Only one auth mechanism allowed")
    book = _book(call)
    secret = str(call.portal.settings["client_secret"])
    check_signature(call.at["offset"], call.text("X-Expires"), call.text("X-Signature"), call.now, secret)
    return book.pages.get(call.at["offset"]).body(), 200


def _status(call: Call) -> Answer:
    return _book(call).snapshots.get(call.at["id"]).status(call.now), 200


def _ask_snapshots(call: Call) -> Answer:
    book = _book(call)
    made = book.snapshots.ask(call.json(), call.now, book.settings["snapshot_ms"], book.fresh_id)
    call.portal.controls.ring()
    return {"snapshotResponses": [book.snapshots.wire(one) for one in made]}, 200


# Subscriptions.


def _app(call: Call) -> int:
    return int(call.portal.settings["app_id"])


def _upsert(call: Call) -> Answer:
    return _book(call).subscriptions.upsert(call.json(), call.now).wire(_app(call)), 200


def _list(call: Call) -> Answer:
    found = _book(call).subscriptions.by_id.values()
    return {"results": [one.wire(_app(call)) for one in found]}, 200


def _get(call: Call) -> Answer:
    return _book(call).subscriptions.get(call.at["id"]).wire(_app(call)), 200


def _delete(call: Call) -> Answer:
    subscriptions = _book(call).subscriptions
    subscriptions.remove(subscriptions.get(call.at["id"]))
    return None, 204


def _delete_portal(call: Call) -> Answer:
    _book(call).subscriptions.remove_portal(number(call.at["portalId"], "portalId"))
    return None, 204


def _add_filter(call: Call) -> Answer:
    return {"filterId": _book(call).subscriptions.add_filter(call.json(), call.now).id}, 200


def _get_filter(call: Call) -> Answer:
    return _book(call).subscriptions.get_filter(call.at["id"]).wire(), 200


def _filters_of(call: Call) -> Answer:
    subscriptions = _book(call).subscriptions
    return [one.wire() for one in subscriptions.filters_of(subscriptions.get(call.at["id"]))], 200


def _delete_filter(call: Call) -> Answer:
    subscriptions = _book(call).subscriptions
    del subscriptions.filters[subscriptions.get_filter(call.at["id"]).id]
    return None, 204


_SCOPE = "developer.webhooks_journal."


def _target(handler: Callable[[Call], Answer], scope: str) -> Target:
    return Target(handler, "app", (_SCOPE + scope,))


def _reads(area: str) -> Routes:
    rows: tuple[tuple[str, str, Callable[[Call], Answer]], ...] = (
        ("GET", "earliest", _one(lambda pages, _: pages.earliest(1))),
        ("GET", "latest", _one(lambda pages, _: pages.latest(1))),
        ("GET", "offset/{offset}/next", _one(lambda pages, call: pages.after(_offset(call), 1))),
        ("GET", "batch/earliest/{count}", _several(lambda pages, _, count: pages.earliest(count))),
        ("GET", "batch/latest/{count}", _several(lambda pages, _, count: pages.latest(count))),
        ("GET", "batch/{offset}/next/{count}", _several(lambda pages, call, n: pages.after(_offset(call), n))),
        ("POST", "batch/read", _read_batch),
    )
    reads = tuple((method, area, path, _target(handler, "read")) for method, path, handler in rows)
    return (*reads, ("GET", area, "status/{id}", _target(_status, "snapshots.read")))


_SUBSCRIPTIONS = "webhooks-journal/subscriptions"

ROUTES: Routes = (
    *_reads("webhooks-journal/journal"),
    *_reads("webhooks-journal/journal-local"),
    ("GET", "webhooks-journal/pages", "{offset}", Target(_fetch, "open")),
    ("POST", "webhooks-journal/snapshots", "crm", _target(_ask_snapshots, "snapshots.write")),
    ("POST", _SUBSCRIPTIONS, "", _target(_upsert, "subscriptions.write")),
    ("GET", _SUBSCRIPTIONS, "", _target(_list, "subscriptions.read")),
    ("POST", _SUBSCRIPTIONS, "filters", _target(_add_filter, "subscriptions.write")),
    ("GET", _SUBSCRIPTIONS, "filters/subscription/{id}", _target(_filters_of, "subscriptions.read")),
    ("GET", _SUBSCRIPTIONS, "filters/{id}", _target(_get_filter, "subscriptions.read")),
    ("DELETE", _SUBSCRIPTIONS, "filters/{id}", _target(_delete_filter, "subscriptions.write")),
    ("DELETE", _SUBSCRIPTIONS, "portals/{portalId}", _target(_delete_portal, "subscriptions.write")),
    ("GET", _SUBSCRIPTIONS, "{id}", _target(_get, "subscriptions.read")),
    ("DELETE", _SUBSCRIPTIONS, "{id}", _target(_delete, "subscriptions.write")),
)
