"""The state of one Salesforce org: who it is, its objects, its records, and the undo log of a transaction.

May not know HTTP. The section of a world that `loading.load` reads and `loading.save` writes:

    organisation_id        18 or 15 characters; default made up
    my_domain              the URL to answer as `instance_url`; default: the URL that was called
    integration_user_id    the user behind every token; made as a User when the records have none of that id
    client_id, client_secret, access_token
                           what the token call wants; a token that is good from the start
    session_minutes        a token that was unused for so long is dead (120); the standing one only when expired by hand
    daily_limit            calls a rolling day (15000)
    daily_used             calls already made when the world begins (0)
    objects                {"Lead": {"fields": [...]}, "Subscription__c": {"label", "labelPlural", "keyPrefix",
                           "fields": [...]}}: fields to add to an object or to lay over its own, each with any attribute
                           of describe and the sandbox's own `truncates` (cut too long texts silently), `trackHistory`,
                           `childRelationshipName`, `rollup`, `displayFormat` (an autonumber: "INV-{0000}"), in a custom
                           object, `masterDetail`; picklistValues may be bare texts, and the `validFor` of a value
                           whose field has a `controllerName` a list of controlling values. Fields of "Activity" are
                           those of Task and Event. Beside the fields: `recordTypes` (`access`), `activities` (whether
                           tasks and events may be about a custom object), `flags` of describe
    features, currencies   `features`
    records                {"Contact": [{"Id", "LastName", ...}]}: any field by its wire value. Left out: Id (made),
                           CreatedDate, LastModifiedDate, SystemModstamp (now), CreatedById, LastModifiedById, OwnerId
                           (an ordinary user). IsDeleted and MasterRecordId are possible
    history                [{"object": "LeadHistory", "LeadId", "Field", "OldValue", "NewValue", "CreatedDate",
                           "CreatedById"}]; `object` may be left out for leads, contacts and accounts

Every other key belongs to a part with a module of its own, whose text says what it takes (`service.PARTS`).

Every key may be left out: {} is an org with two users and no other record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from concord_sandbox.parts import Parts
from concord_sandbox.salesforce.ids import full_id, new_id
from concord_sandbox.salesforce.schema import Field, Given, ObjectType, child_relationship
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.service import Controls

ORGANISATION_ID = new_id("00D", 1)
INTEGRATION_USER_ID = new_id("005", 1)
ORDINARY_USER_ID = new_id("005", 2)


@dataclass
class Identity:
    """Who the org is and what lets a client in. Times in minutes, limits in calls a day."""

    organisation_id: str = ORGANISATION_ID
    my_domain: str | None = None
    integration_user_id: str = INTEGRATION_USER_ID
    client_id: str = "3MVG9sandbox.client.id"
    client_secret: str = "sandbox-client-secret"
    access_token: str | None = None
    session_minutes: float = 120
    daily_limit: int = 15_000
    daily_used: int = 0

    @property
    def standing_token(self) -> str:
        """The token that is good without a token call."""
        return self.access_token or f"{self.organisation_id[:15]}!AQ.StandingTokenOfTheSandbox"


@dataclass(frozen=True)
class Actor:
    """Who writes, in which call. person: at work in the screens, so that no API right stops them. faultless: no fault
    of the controls does. client: the label of Sforce-Call-Options. api: `rest`, `soap`, `bulkapi` with the version, as
    change events name it ("rest/66.0"); empty for a person. save_duplicates, duplicate_details, assign: what the
    headers Sforce-Duplicate-Rule-Header and Sforce-Auto-Assign say (duplicate_details: whether doubles are shown with
    their fields; assign: an id of a rule, or whether the active rule runs).
    lenient: no validation rule judges the write (a lead conversion in an org that does not want it).
    """

    user_id: str
    method: str = ""
    path: str = ""
    person: bool = False
    faultless: bool = False
    client: str | None = None
    api: str = ""
    save_duplicates: bool = False
    duplicate_details: bool = False
    assign: bool | str = True
    lenient: bool = False


@dataclass(frozen=True)
class Change:
    """What one transaction did to one record: its row before (None: there was none) and after (None: it is gone)."""

    table: Table
    record_id: str
    before: Row | None
    after: Row | None


#: Hears of every transaction that changed something, once, after its end: who (None: the sandbox itself), and what in
#: the order of each record's first change.
Listener = Callable[[Actor | None, list[Change]], None]


@dataclass
class Org:
    """An org's objects and records. Every change of a record goes through `put`, so that it can be undone."""

    identity: Identity = field(default_factory=Identity)
    tables: dict[str, Table] = field(default_factory=dict)
    #: The world's own `objects` part, kept so that it can be saved.
    declared: Given = field(default_factory=dict)
    #: What is switched on (`features`), and the currencies as declared: none in an org that has but one.
    features: frozenset[str] = frozenset()
    currencies: list[Given] = field(default_factory=list)
    #: How often and when (wire form) the describes changed after the world was loaded.
    described_anew: int = 0
    described_at: str | None = None
    ordinary_user_id: str = ORDINARY_USER_ID
    controls: Controls = field(default_factory=Controls)
    #: The parts of the state that have modules of their own (`service.PARTS`).
    parts: Parts[Org] = field(default_factory=Parts)
    listeners: list[Listener] = field(default_factory=list)
    #: Ids of records that are made but not committed yet.
    reserved: set[str] = field(default_factory=set)
    _by_prefix: dict[str, Table] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _children: dict[str, list[tuple[Table, Field]]] = field(default_factory=dict)
    _undo: list[tuple[Table, str, Row | None]] | None = None
    _actor: Actor | None = None

    def add(self, kind: ObjectType) -> Table:
        table = self.tables[kind.name.lower()] = Table(kind)
        if kind.prefix:
            self._by_prefix.setdefault(kind.prefix, table)
        self._children.clear()
        return table

    def table(self, name: str) -> Table | None:
        return self.tables.get(name.lower())

    def visible(self, name: str) -> Table | None:
        """The table of that object unless the integration user may not know of it."""
        found = self.tables.get(name.lower())
        return None if found is None or found.kind.access == "none" else found

    def table_of(self, record_id: str) -> Table | None:
        """The table that a record of that id would be in."""
        return self._by_prefix.get(record_id[:3])

    def row(self, record_id: str) -> Row | None:
        """Any object's record by its 18-character id, deleted ones included."""
        table = self._by_prefix.get(record_id[:3])
        return table.rows.get(record_id) if table else None

    def fresh_id(self, table: Table) -> str:
        """An id of that object which no record has."""
        prefix = table.kind.prefix
        number = self._numbers.get(prefix, 0)
        while True:
            number += 1
            made = new_id(prefix, number)
            if made not in table.rows and made not in self.reserved:
                self._numbers[prefix] = number
                return made

    def put(self, table: Table, record_id: str, row: Row | None) -> None:
        before = table.put(record_id, row)
        if self._undo is not None:
            self._undo.append((table, record_id, before))

    @contextmanager
    def transaction(self, actor: Actor | None = None) -> Iterator[Transaction]:
        """Changes inside can be taken back, by hand or because an exception leaves the block. May be nested: the
        outermost one commits, and the first actor that is named is its actor."""
        outermost = self._undo is None
        if self._undo is None:
            self._undo = []
        if self._actor is None:
            self._actor = actor
        mark = Transaction(self._undo)
        try:
            yield mark
        except BaseException:
            mark.take_back()
            raise
        finally:
            if outermost:
                who, self._undo, self._actor = self._actor, None, None
                changes = mark.changes() if self.listeners else []
                if changes:
                    for listener in self.listeners:
                        listener(who, changes)

    def children_of(self, target: str) -> list[tuple[Table, Field]]:
        """(table, field) for every reference field that points at that object, hidden ones included."""
        known = self._children.get(target)
        if known is None:
            known = self._children[target] = [
                (table, one)
                for table in self.tables.values()
                for one in table.kind.fields.values()
                if target in one.reference_to
            ]
        return known

    def visible_children_of(self, target: str) -> list[tuple[Table, Field]]:
        """Those of `children_of` that the integration user may know of."""
        return [
            (table, one) for table, one in self.children_of(target) if not one.hidden and table.kind.access != "none"
        ]

    def describe(self, table: Table, version: str) -> Given:
        children = [child_relationship(child.kind, one) for child, one in self.visible_children_of(table.kind.name)]
        return table.kind.describe(version, children)

    def user_id(self, given: str | None) -> str:
        """The user that a person's edit is made by: the one named, or an ordinary one. KeyError: there is none such."""
        if given is None:
            return self.ordinary_user_id
        known = full_id(given)
        if known is None or self.row(known) is None:
            raise KeyError(f"no user has the id {given!r}")
        return known


class Transaction:
    """A mark in the undo log."""

    def __init__(self, log: list[tuple[Table, str, Row | None]]) -> None:
        self._log = log
        self._start = len(log)

    def changes(self) -> list[Change]:
        """What was done since the mark."""
        first: dict[tuple[int, str], tuple[Table, Row | None]] = {}
        for table, record_id, before in self._log[self._start :]:
            first.setdefault((id(table), record_id), (table, before))
        return [Change(table, key[1], before, table.rows.get(key[1])) for key, (table, before) in first.items()]

    def take_back(self) -> None:
        """Undo everything that was done since the mark."""
        while len(self._log) > self._start:
            table, record_id, before = self._log.pop()
            table.put(record_id, before)
