"""Validation rules: what the admin refuses to have stored (`FIELD_CUSTOM_VALIDATION_EXCEPTION`).

Key of the world: validation_rules, a list of
    {"object": "Contact", "name": "Needs_a_phone", "active": true, "formula": TEXT, "message": TEXT, "field": "Phone"}
A record for which the formula is true is refused with the message, at the field (left out: at the top of the page), on
create and on update, from the API and from the screens alike. All rules that fail are reported. A formula that is
unknown (blank numbers) or has no value (a division by nought) refuses nothing. `active` may be left out (true).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.loading import put_name
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.rules.declared import field_of, flag_of, formula_of, object_of, rules_of, text_of
from concord_sandbox.salesforce.rules.formulas import Formula, Frame
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Actor, Writer

_KEYS = ("object", "name", "active", "formula", "message", "field")
_NEEDED = ("object", "name", "formula", "message")


@dataclass(frozen=True)
class Rule:
    """One rule as declared, compiled."""

    object: str
    name: str
    active: bool
    message: str
    field: str | None
    formula: Formula

    def declared(self) -> dict[str, Any]:
        made = {"object": self.object, "name": self.name, "active": self.active, "formula": self.formula.text}
        return {**made, "message": self.message, **({"field": self.field} if self.field else {})}

    def fail(self) -> Fail:
        return Fail("FIELD_CUSTOM_VALIDATION_EXCEPTION", self.message, (self.field,) if self.field else ())


class ValidationRules(Part[Org]):
    """Takes part in every write."""

    section = "validation_rules"

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        self._rules = [_rule(owner, where, one) for where, one in rules_of(self.section, given, _KEYS, _NEEDED)]
        self._active: dict[str, list[Rule]] = {}
        for rule in self._rules:
            if rule.active:
                self._active.setdefault(rule.object, []).append(rule)

    def save(self) -> Any:
        return [rule.declared() for rule in self._rules] or None

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Rules derive nothing."""

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        rules = self._active.get(table.kind.name)
        if rules is None or actor.lenient:
            return
        shown = dict(row)
        put_name(table.kind, shown)
        frame = Frame(shown, old, actor.user_id, self.owner.controls.clock.now())
        fails = [rule.fail() for rule in rules if rule.formula.holds(frame)]
        if fails:
            raise Refusal(400, *fails)

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Nothing follows."""

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        """No rule judges a deletion."""


def _rule(org: Org, where: str, given: dict[str, Any]) -> Rule:
    table = object_of(org, where, given["object"])
    field = field_of(where, table, given["field"]).name if given.get("field") is not None else None
    formula = formula_of(org, where, table, given["formula"], of_write=True, truth=True)
    name, message = text_of(where, given, "name"), text_of(where, given, "message")
    return Rule(table.kind.name, name, flag_of(where, given, "active"), message, field, formula)
