"""Lists: what they are, who is in them, and how those that follow a filter keep up (API reference section 15).

The key `lists` of the world:

    [{"listId": "1", "name", "objectTypeId": "0-1", "processingType": "MANUAL" | "DYNAMIC" | "SNAPSHOT",
      "filterBranch"?, "members"?: ["101", {"id": "102", "at": time, "first"?: time}], "createdAt"?, "updatedAt"?,
      "filtersUpdatedAt"?, "listVersion"?, "deletedAt"?, "evaluateAt"?, "unfinished"?, "membershipSettings"?,
      "listPermissions"?, "customProperties"?}]

A DYNAMIC list follows the records: each event about a record it could concern is looked at `list_lag_ms` later (a
setting of the account), and a whole list that long after it was made or its filters were changed; until then it is
PROCESSING. Filters that move with time are looked at once an hour. A DYNAMIC or SNAPSHOT list of a world that has
filters and no `members` is filled in the same way. Every move in or out is told as an `Event` with the verb
`listMembership` and the fields `listId` (a number) and `action` (ADDED_TO_LIST or REMOVED_FROM_LIST).

Knows no HTTP; the calls are in `list_calls.py` and `memberships.py`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from concord_sandbox.hubspot.crm import Crm, Event
from concord_sandbox.hubspot.errors import ApiError, bad_request
from concord_sandbox.hubspot.lists import filters as list_filters
from concord_sandbox.hubspot.models import Actor, ObjectTable
from concord_sandbox.hubspot.values import epoch_ms, iso
from concord_sandbox.parts import Part

MANUAL, DYNAMIC, SNAPSHOT = "MANUAL", "DYNAMIC", "SNAPSHOT"
PROCESSING_TYPES = (MANUAL, DYNAMIC, SNAPSHOT)
RESTORABLE_MS = 90 * 86_400_000
_HOUR = 3_600_000
_EXTRAS = ("membershipSettings", "listPermissions", "customProperties")


class Membership(NamedTuple):
    """Since when a record is a member. first, last: when it was added for the first and the last time (epoch ms)."""

    first: int
    last: int


@dataclass
class ObjectList:
    """One list. Times are epoch ms; evaluate_at: when all records are looked at (again)."""

    id: int
    name: str
    table: ObjectTable
    processing: str
    created: int
    updated: int
    filters_updated: int
    branch: dict[str, Any] | None = None
    version: int = 1
    deleted_at: int | None = None
    evaluate_at: int | None = None
    #: Whether the outcome of its present filters is not there yet.
    unfinished: bool = False
    extras: dict[str, Any] = field(default_factory=dict)
    members: dict[int, Membership] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    meets: list_filters.Meets | None = None

    @property
    def plural(self) -> str:
        return self.table.kind.plural

    @property
    def status(self) -> str:
        return "PROCESSING" if self.unfinished else "COMPLETE"


class Lists(Part[Crm]):
    """The lists of one account."""

    section = "lists"

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        self.by_id: dict[int, ObjectList] = {}
        self._waiting: dict[tuple[str, int], int] = {}
        self._gone: deque[tuple[int, str, tuple[int, ...], int | None]] = deque()
        self._following: dict[str, list[ObjectList]] = {}
        self._watched: dict[str, set[str]] = {}
        self._asked_for: dict[int, list[ObjectList]] = {}
        if given is not None and not isinstance(given, list):
            raise ValueError("lists must be a list")
        for row in given or []:
            self._load(row)
        try:
            for one in self.by_id.values():
                if one.branch is not None:
                    self._set_branch(one, one.branch, stored=True)
        except ApiError as error:
            raise ValueError(f"lists: {error.message}") from error
        self._index()
        owner.listeners.append(self.hear)

    # Worlds.

    def _load(self, row: dict[str, Any]) -> None:
        now = self.owner.clock.epoch_ms()
        table = self.owner.portal.require_table(str(row["objectTypeId"]))
        processing = str(row.get("processingType", MANUAL))
        if processing not in PROCESSING_TYPES:
            raise ValueError(f"{processing!r} is no processing type of a list")
        created = _ms(row.get("createdAt", now))
        updated = _ms(row.get("updatedAt", created))
        one = ObjectList(
            id=int(row["listId"]),
            name=str(row["name"]),
            table=table,
            processing=processing,
            created=created,
            updated=updated,
            filters_updated=_ms(row.get("filtersUpdatedAt", created)),
            branch=deepcopy(row.get("filterBranch")),
            version=int(row.get("listVersion", 1)),
            deleted_at=_ms(row["deletedAt"]) if "deletedAt" in row else None,
            evaluate_at=_ms(row["evaluateAt"]) if "evaluateAt" in row else None,
            unfinished=bool(row.get("unfinished", False)),
            extras={name: deepcopy(row[name]) for name in _EXTRAS if name in row},
        )
        for member in row.get("members", []):
            shown = member if isinstance(member, dict) else {"id": member}
            last = _ms(shown.get("at", updated))
            one.members[int(shown["id"])] = Membership(_ms(shown.get("first", last)), last)
        if one.branch is not None and "members" not in row:
            one.evaluate_at, one.unfinished = now, True
        if one.id in self.by_id:
            raise ValueError(f"two lists have the id {one.id}")
        self.by_id[one.id] = one

    def save(self) -> Any:
        return [self._saved(one) for one in self.by_id.values()] or None

    def _saved(self, one: ObjectList) -> dict[str, Any]:
        pending = [due for (plural, _), due in self._waiting.items() if plural == one.plural]
        at = min([*pending, *([one.evaluate_at] if one.evaluate_at is not None else [])], default=None)
        saved: dict[str, Any] = {
            "listId": str(one.id),
            "name": one.name,
            "objectTypeId": one.table.kind.type_id,
            "processingType": one.processing,
            "listVersion": one.version,
            "createdAt": iso(one.created),
            "updatedAt": iso(one.updated),
            "filtersUpdatedAt": iso(one.filters_updated),
            "members": [
                {"id": str(number), "at": iso(since.last), "first": iso(since.first)}
                for number, since in one.members.items()
            ],
            **deepcopy(one.extras),
        }
        if one.branch is not None:
            saved["filterBranch"] = deepcopy(one.branch)
        if one.deleted_at is not None:
            saved["deletedAt"] = iso(one.deleted_at)
        if one.branch is not None and at is not None and (one.processing == DYNAMIC or one.unfinished):
            saved |= {"evaluateAt": iso(at), "unfinished": one.unfinished}
        return saved

    # Definitions.

    def live(self) -> list[ObjectList]:
        """The lists that are not deleted, by id."""
        return [one for _, one in sorted(self.by_id.items()) if one.deleted_at is None]

    def named(self, table: ObjectTable, name: str) -> ObjectList | None:
        """The list of that name and object type; case does not count."""
        sought = name.strip().lower()
        return next((one for one in self.live() if one.table is table and one.name.strip().lower() == sought), None)

    def create(
        self, name: str, table: ObjectTable, processing: str, branch: dict[str, Any] | None, extras: dict[str, Any]
    ) -> ObjectList:
        """A new list; its name is free. Raises ApiError for filters that ask for lists that are not there."""
        now = self.owner.clock.epoch_ms()
        one = ObjectList(max(self.by_id, default=0) + 1, name, table, processing, now, now, now, extras=extras)
        if branch is not None:
            self._set_branch(one, branch)
            self._evaluate_later(one, now)
        self.by_id[one.id] = one
        self._index()
        return one

    def change_filters(self, one: ObjectList, branch: dict[str, Any]) -> None:
        """Raises ApiError."""
        now = self.owner.clock.epoch_ms()
        self._set_branch(one, branch)
        one.updated = one.filters_updated = now
        one.version += 1
        self._evaluate_later(one, now)
        self._index()

    def rename(self, one: ObjectList, name: str) -> None:
        one.name, one.updated = name, self.owner.clock.epoch_ms()

    def delete(self, one: ObjectList) -> None:
        """Into the bin, from which it can come back for 90 days. Its members are not told to have left."""
        one.deleted_at = self.owner.clock.epoch_ms()
        self._index()

    def restore(self, one: ObjectList) -> None:
        """Out of the bin, with its members; one that follows a filter looks at all records again."""
        one.deleted_at = None
        one.updated = self.owner.clock.epoch_ms()
        if one.processing == DYNAMIC:
            self._evaluate_later(one, one.updated)
        self._index()

    def _evaluate_later(self, one: ObjectList, now: int) -> None:
        one.evaluate_at, one.unfinished = now + self._lag, True
        self.owner.portal.controls.ring()

    @property
    def _lag(self) -> int:
        return int(self.owner.portal.settings["list_lag_ms"])

    def _set_branch(self, one: ObjectList, given: Any, *, stored: bool = False) -> None:
        branch = list_filters.checked(one.table, given, stored=stored)
        self._check_references(one, branch, stored)
        one.branch = branch
        one.meets = list_filters.compiled(one.table, branch, self._is_member)

    def _check_references(self, one: ObjectList, branch: dict[str, Any], stored: bool) -> None:
        """IN_LIST filters name lists of the same object type (stored: deleted since, maybe), and no list that in the
        end asks for itself."""
        ahead, seen = list(list_filters.lists_in(branch)), set()
        for list_id in ahead:
            other = self.by_id.get(list_id)
            if other is None or (other.deleted_at is not None and not stored) or other.table is not one.table:
                raise bad_request(f"A filter names the list {list_id}, which does not exist for this object type")
        while ahead:
            list_id = ahead.pop()
            if list_id == one.id:
                raise bad_request("The filters of a list must not depend on the list itself", listId=str(one.id))
            other = self.by_id.get(list_id)
            if list_id not in seen and other is not None and other.branch is not None:
                seen.add(list_id)
                ahead.extend(list_filters.lists_in(other.branch))

    def _is_member(self, list_id: int, record_id: int) -> bool:
        one = self.by_id.get(list_id)
        return one is not None and one.deleted_at is None and record_id in one.members

    def _index(self) -> None:
        """Which lists follow which records."""
        following: dict[str, list[ObjectList]] = defaultdict(list)
        watched: dict[str, set[str]] = defaultdict(set)
        asked_for: dict[int, list[ObjectList]] = defaultdict(list)
        for one in self.live():
            if one.processing != DYNAMIC or one.branch is None:
                continue
            following[one.plural].append(one)
            watched[one.plural] |= list_filters.properties_in(one.branch)
            for list_id in list_filters.lists_in(one.branch):
                asked_for[list_id].append(one)
        self._following, self._watched, self._asked_for = dict(following), dict(watched), dict(asked_for)

    # Members.

    def add(self, one: ObjectList, record_id: int, at: int, by: Actor) -> bool:
        """Whether the record was not a member before."""
        if record_id in one.members:
            return False
        one.members[record_id] = Membership(one.left.pop(record_id, at), at)
        self._told(one, record_id, at, by, "ADDED_TO_LIST")
        return True

    def remove(self, one: ObjectList, record_id: int, at: int, by: Actor) -> bool:
        """Whether the record was a member before."""
        since = one.members.pop(record_id, None)
        if since is None:
            return False
        one.left[record_id] = since.first
        self._told(one, record_id, at, by, "REMOVED_FROM_LIST")
        return True

    def _told(self, one: ObjectList, record_id: int, at: int, by: Actor, action: str) -> None:
        one.updated = max(one.updated, at)
        if one.id in self._asked_for:
            self._look_at(one.plural, record_id, at + self._lag)
        self.owner.tell(Event("listMembership", one.plural, record_id, at, by, {"listId": one.id, "action": action}))

    def of_record(self, table: ObjectTable, record_id: int) -> list[tuple[ObjectList, Membership]]:
        """The lists that a record is in, by list id."""
        return [(one, one.members[record_id]) for one in self.live() if one.table is table and record_id in one.members]

    # What happens by itself.

    def hear(self, event: Event) -> None:
        """Note what an event can mean for lists; nothing is done before `settle`, so that what listens behind this
        hears of the record first."""
        if not self.by_id:
            return
        if event.verb in ("deletion", "privacyDeletion"):
            self._gone.append((event.at, event.plural, (event.record_id,), None))
        elif event.verb == "merge":
            old = (int(event.fields["primaryObjectId"]), *(int(one) for one in event.fields["mergedObjectIds"]))
            self._gone.append((event.at, event.plural, old, event.record_id))
            self._look_at(event.plural, event.record_id, event.at + self._lag)
        elif event.verb == "purge":
            self._purge(event.plural)
        elif event.plural in self._following and self._concerns(event):
            self._look_at(event.plural, event.record_id, event.at + self._lag)
        if self._gone:
            self.owner.portal.controls.ring()

    def _purge(self, plural: str) -> None:
        """The object type is gone for good, and its lists with it."""
        self.by_id = {number: one for number, one in self.by_id.items() if one.plural != plural}
        self._waiting = {key: due for key, due in self._waiting.items() if key[0] != plural}
        self._index()

    def _concerns(self, event: Event) -> bool:
        if event.verb != "propertyChange":
            return event.verb in ("creation", "restore")
        watched = self._watched[event.plural]
        table = self.owner.portal.require_table(event.plural)
        return event.fields["propertyName"] in watched or not watched.isdisjoint(table.system)

    def _look_at(self, plural: str, record_id: int, due: int) -> None:
        if plural in self._following and (plural, record_id) not in self._waiting:
            self._waiting[plural, record_id] = due
            self.owner.portal.controls.ring()

    def settle(self) -> None:
        """Bring every list up to the present."""
        now = self.owner.clock.epoch_ms()
        self._let_go()
        while True:
            due = sorted(((at, key) for key, at in self._waiting.items() if at <= now), key=lambda pair: pair[0])
            whole = [one for one in self.by_id.values() if one.evaluate_at is not None and one.evaluate_at <= now]
            if not due and not whole:
                return
            for one in whole:
                self._evaluate_all(one, now)
            for at, (plural, record_id) in due:
                del self._waiting[plural, record_id]
                for one in self._following.get(plural, ()):
                    self._evaluate(one, record_id, at)

    def _let_go(self) -> None:
        """Take out records that are gone; what they were merged into takes their place in lists kept by hand."""
        while self._gone:
            at, plural, old, new = self._gone.popleft()
            for one in self.live():
                if one.plural != plural:
                    continue
                since = [one.members[number] for number in old if number in one.members]
                for number in old:
                    self.remove(one, number, at, _by(one))
                    one.left.pop(number, None)
                if new is not None and since and one.processing != DYNAMIC and new in one.table.live:
                    one.left[new] = min(held.first for held in since)
                    self.add(one, new, at, _by(one))

    def _evaluate_all(self, one: ObjectList, now: int) -> None:
        at = one.evaluate_at if one.evaluate_at is not None else now
        one.evaluate_at, one.unfinished = None, False
        if one.deleted_at is not None or one.branch is None:
            return
        hourly = one.processing == DYNAMIC and list_filters.moves_with_time(one.branch)
        if hourly:
            at += (now - at) // _HOUR * _HOUR
            one.evaluate_at = at + _HOUR
        for record_id in [*(number for number in one.members if number not in one.table.live), *one.table.live]:
            self._evaluate(one, record_id, at)

    def _evaluate(self, one: ObjectList, record_id: int, at: int) -> None:
        record = one.table.live.get(record_id)
        if record is not None and one.meets is not None and one.meets(record, at):
            self.add(one, record_id, at, _by(one))
        else:
            self.remove(one, record_id, at, _by(one))

    def tick(self) -> float | None:
        self.settle()
        moments = [*self._waiting.values(), *(one.evaluate_at for one in self.live() if one.evaluate_at is not None)]
        if not moments:
            return None
        return max(0.0, (min(moments) - self.owner.clock.epoch_ms()) / 1000)


def _by(one: ObjectList) -> Actor:
    """Who moves records in and out of a list by itself."""
    return Actor("CONTACT_LISTS", str(one.id))


def _ms(given: Any) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) else epoch_ms(str(given))
