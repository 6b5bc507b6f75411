"""Assignment rules: who gets a new Lead or Case (api/salesforce.md section 3.1, `Sforce-Auto-Assign`).

Key of the world: assignment_rules, a list of
    {"object": "Lead", "name": "Standard", "active": true, "id": "01Q…",
     "entries": [{"formula": TEXT, "owner": id of a user or a queue}]}
The first entry whose formula is true (or that has none) gives the record its owner; an owner of null leaves it where it
is. At most one rule of an object is active. It runs when a client creates or updates a record, unless the call says
`Sforce-Auto-Assign: FALSE`; a rule's id there runs that rule instead, active or not, for records that are created. In
the screens nobody ticks the box, so people keep what they make. `active` and `id` may be left out (true; made).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_reference
from concord_sandbox.salesforce.ids import full_id, new_id
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.rules.declared import checked, flag_of, formula_of, object_of, rules_of, text_of
from concord_sandbox.salesforce.rules.formulas import Formula, Frame
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Actor, Writer
from concord_sandbox.service import ControlError

_OBJECTS = ("Lead", "Case", "Account")
_PREFIX = "01Q"
_KEYS = ("object", "name", "active", "id", "entries")
_NEEDED = ("object", "name", "entries")


@dataclass(frozen=True)
class Entry:
    """formula: None fits every record. owner: None leaves the record with whom it is."""

    formula: Formula | None
    owner: str | None

    def declared(self) -> dict[str, Any]:
        return {**({"formula": self.formula.text} if self.formula else {}), "owner": self.owner}


@dataclass(frozen=True)
class Rule:
    """One rule as declared, compiled."""

    id: str
    object: str
    name: str
    active: bool
    entries: tuple[Entry, ...]

    def declared(self) -> dict[str, Any]:
        made = {"object": self.object, "name": self.name, "active": self.active, "id": self.id}
        return {**made, "entries": [entry.declared() for entry in self.entries]}


class AssignmentRules(Part[Org]):
    """Takes part in every write."""

    section = "assignment_rules"

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        self._rules: dict[str, Rule] = {}
        self._active: dict[str, Rule] = {}
        for number, (where, one) in enumerate(rules_of(self.section, given, _KEYS, _NEEDED), 1):
            rule = _rule(owner, where, one, number)
            if rule.id in self._rules:
                raise ControlError(f"{where}: another rule has the id {rule.id}")
            self._rules[rule.id] = rule
            if rule.active:
                if rule.object in self._active:
                    raise ControlError(f"{where}: {rule.object} has another active rule, and may have only one")
                self._active[rule.object] = rule

    def save(self) -> Any:
        return [rule.declared() for rule in self._rules.values()] or None

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Assignment comes after all checks; but a header that names no rule is refused before them."""
        if table.kind.name in _OBJECTS and isinstance(actor.assign, str):
            self._named(table, actor.assign)

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Rules of assignment refuse nothing."""

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Give the stored record to whom the rule says, in the same transaction and with the same stamps."""
        if not self._rules or actor.person:
            return
        rule = self._running(table, actor.assign, old)
        if rule is None:
            return
        frame = Frame(row, old, actor.user_id, self.owner.controls.clock.now())
        entry = next((one for one in rule.entries if one.formula is None or one.formula.holds(frame)), None)
        if entry is not None and entry.owner is not None and entry.owner != row.get("OwnerId"):
            self.owner.put(table, row["Id"], {**row, "OwnerId": entry.owner})

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        """Nobody is assigned what is deleted."""

    def _running(self, table: Table, assign: bool | str, old: Row | None) -> Rule | None:
        if table.kind.name not in _OBJECTS or assign is False:
            return None
        if isinstance(assign, str):
            return self._named(table, assign) if old is None else None
        return self._active.get(table.kind.name)

    def _named(self, table: Table, assign: str) -> Rule:
        """The rule of that id. Raises Refusal."""
        known = full_id(assign)
        if known is None:
            raise Refusal(400, Fail("MALFORMED_ID", f"malformed id {assign}", ()))
        rule = self._rules.get(known)
        if rule is None or rule.object != table.kind.name:
            raise bad_reference()
        return rule


def _rule(org: Org, where: str, given: dict[str, Any], number: int) -> Rule:
    table = object_of(org, where, given["object"])
    if table.kind.name not in _OBJECTS:
        raise ControlError(f"{where}: assignment rules are for {', '.join(_OBJECTS)}, not for {table.kind.name}")
    rule_id = full_id(given.get("id", new_id(_PREFIX, number)))
    if rule_id is None or not rule_id.startswith(_PREFIX):
        raise ControlError(f"{where}: {given.get('id')!r} is no id of an assignment rule ({_PREFIX}…)")
    if not isinstance(given["entries"], list):
        raise ControlError(f"{where}: entries has to be a list")
    entries = tuple(_entry(org, f"{where}, entry {place}", table, one) for place, one in enumerate(given["entries"], 1))
    return Rule(rule_id, table.kind.name, text_of(where, given, "name"), flag_of(where, given, "active"), entries)


def _entry(org: Org, where: str, table: Table, given: Any) -> Entry:
    checked(where, given, ("formula", "owner"), ("owner",))
    text, owner = given.get("formula"), given["owner"]
    formula = formula_of(org, where, table, text, of_write=True, truth=True) if text is not None else None
    if owner is None:
        return Entry(formula, None)
    known = full_id(owner)
    found = org.row(known) if known is not None and known.startswith(("005", "00G")) else None
    if found is None:
        raise ControlError(f"{where}: {owner!r} is no user and no queue of this org")
    return Entry(formula, found["Id"])
