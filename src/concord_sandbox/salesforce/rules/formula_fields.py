"""Fields that no record holds: formulas, and roll-up summaries of child records.

They are declared among an object's `objects` fields, so this part has no key of its own:
    {"name": "Full__c", "type": "string", "calculated": true, "calculatedFormula": TEXT,
     "formulaTreatNullNumberAsZero": true}
    {"name": "Total__c", "type": "currency", "calculated": true,
     "rollup": {"object": "Deal__c", "field": "Account__c", "function": "SUM", "of": "Amount__c", "where": TEXT}}
`function` is COUNT (without `of`), SUM, MIN or MAX; `where`, a formula over the child, may be left out.

Values are worked out each time they are read, as the integration user sees them; one that cannot be (a division by
nought) is null. A formula's value changes without any stamp. A roll-up moves its parent's stamps when a child comes,
goes, or changes what it adds (api/salesforce.md section 7.1 exempts only roll-ups of formulas). No change event is made
of either. What a world gives as such a field's value is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.models import Change, Org
from concord_sandbox.salesforce.rules.declared import checked, field_of, formula_of, object_of
from concord_sandbox.salesforce.rules.formulas import Formula, FormulaFailure, Frame
from concord_sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.salesforce.writes import Actor, Writer
from concord_sandbox.service import ControlError

_FUNCTIONS = ("COUNT", "SUM", "MIN", "MAX")
_KINDS = {"Boolean": {"boolean"}, "Number": NUMBER_TYPES, "Date": {"date"}, "DateTime": {"datetime"}, "Time": {"time"}}
_STAMPS = ("LastModifiedDate", "SystemModstamp")
Place = tuple[str, str]


@dataclass(frozen=True)
class RollUp:
    """A summary of the records of `child` that point with `reference` at a record of `parent`."""

    parent: Table
    child: Table
    reference: Field
    function: str
    of: Field | None
    where: Formula | None


class FormulaFields(Part[Org]):
    """Puts what works the fields out where rows are read: `Table.computed`."""

    section = "formula_fields"

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        if given is not None:
            raise ControlError(
                "formula fields are declared among the fields of `objects`, not under a key of their own"
            )
        #: The fields of this part, by their object.
        self._names: dict[str, set[str]] = {}
        self._summed: dict[str, list[RollUp]] = {}
        uses: dict[Place, frozenset[Place]] = {}
        for table in owner.tables.values():
            for field in table.kind.fields.values():
                if field.given.get("rollup") is not None:
                    uses[table.kind.name, field.name] = self._add_roll_up(table, field)
                elif field.attributes["calculatedFormula"] is not None:
                    uses[table.kind.name, field.name] = self._add_formula(table, field)
            own = {place[1] for place in uses if place[0] == table.kind.name}
            if own:
                self._names[table.kind.name] = own
                _forget_given(table, own)
        _check_circles(uses)
        if self._summed:
            owner.listeners.append(self._restamp)

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Not even a person writes what is worked out."""
        names = self._names.get(table.kind.name)
        if names is None:
            return
        written = tuple(sorted(names & row.keys()))
        if written:
            words = f"Unable to create/update fields: {', '.join(written)}. They are calculated."
            raise Refusal(400, Fail("INVALID_FIELD_FOR_INSERT_UPDATE", words, written))

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Formulas of fields refuse nothing."""

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Roll-ups are told of the whole transaction (`_restamp`)."""

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        """Formulas of fields refuse nothing."""

    # Formulas

    def _add_formula(self, table: Table, field: Field) -> frozenset[Place]:
        where = f"field {table.kind.name}.{field.name}"
        _check_calculated(where, field)
        zeroes = bool(field.attributes["formulaTreatNullNumberAsZero"])
        formula = formula_of(self.owner, where, table, field.attributes["calculatedFormula"], zero_nulls=zeroes)
        if formula.kind != "Null" and field.type not in _KINDS.get(formula.kind, TEXT_TYPES):
            raise ControlError(
                f"{where}: the formula is of the kind {formula.kind}, the field of the type {field.type}"
            )
        if formula.kind in ("Picklist", "Multi-Select Picklist"):
            raise ControlError(f"{where}: a formula cannot be a picklist's value; use TEXT()")
        clock, user_id = self.owner.controls.clock, self.owner.identity.integration_user_id

        def read(row: Row) -> Any:
            try:
                return wire_value(field, formula.value(Frame(row, None, user_id, clock.now())))
            except FormulaFailure:
                return field.absent

        table.computed[field.name] = read
        return formula.uses

    # Roll-ups

    def _add_roll_up(self, table: Table, field: Field) -> frozenset[Place]:
        org, where, given = self.owner, f"field {table.kind.name}.{field.name}, rollup", field.given["rollup"]
        _check_calculated(where, field)
        checked(where, given, ("object", "field", "function", "of", "where"), ("object", "field", "function"))
        child = object_of(org, where, given["object"])
        reference = field_of(where, child, given["field"])
        if table.kind.name not in reference.reference_to:
            raise ControlError(f"{where}: {child.kind.name}.{reference.name} does not point at {table.kind.name}")
        function = given["function"]
        if function not in _FUNCTIONS or (function == "COUNT") != (given.get("of") is None):
            raise ControlError(f"{where}: function is COUNT without `of`, or SUM, MIN or MAX with it, not {function!r}")
        of = field_of(where, child, given["of"]) if function != "COUNT" else None
        if of is not None and of.type not in NUMBER_TYPES | ({"date", "datetime"} if function != "SUM" else set()):
            raise ControlError(f"{where}: {function} of a field of the type {of.type}")
        if field.type not in (NUMBER_TYPES if of is None or of.type in NUMBER_TYPES else {of.type}):
            raise ControlError(f"{where}: its values do not fit a field of the type {field.type}")
        test = given.get("where")
        formula = formula_of(org, where, child, test, truth=True) if test is not None else None
        roll_up = RollUp(table, child, reference, function, of, formula)
        self._summed.setdefault(child.kind.name, []).append(roll_up)
        table.computed[field.name] = self._summary(roll_up, field)
        calculated = {(child.kind.name, of.name)} if of is not None and of.attributes["calculated"] else set()
        return frozenset(calculated | (set(formula.uses) if formula else set()))

    def _summary(self, roll_up: RollUp, field: Field) -> Callable[[Row], Any]:
        child, reference = roll_up.child, roll_up.reference

        def read(row: Row) -> Any:
            if "Id" not in row:
                return 0 if roll_up.function in ("COUNT", "SUM") else None
            pointing = (child.live(one) for one in child.find(reference, row["Id"]))
            rows = [one for one in pointing if one is not None and self._counts(roll_up, one)]
            if roll_up.of is None:
                return len(rows)
            name = roll_up.of.name
            found = [value for one in rows if (value := child.shown(one)(name)) is not None]
            if roll_up.function == "SUM":
                return wire_value(field, sum((Decimal(str(value)) for value in found), Decimal(0)), whole=True)
            return (max if roll_up.function == "MAX" else min)(found, default=None)

        return read

    def _counts(self, roll_up: RollUp, row: Row) -> bool:
        frame = Frame(row, None, self.owner.identity.integration_user_id, self.owner.controls.clock.now())
        return roll_up.where is None or roll_up.where.holds(frame)

    def _share(self, roll_up: RollUp, row: Row | None) -> tuple[str, Any] | None:
        """What a child adds to which parent, as far as its own stored values say."""
        if row is None or row.get("IsDeleted") or roll_up.reference.name not in row or not self._counts(roll_up, row):
            return None
        return row[roll_up.reference.name], row.get(roll_up.of.name) if roll_up.of is not None else None

    def _restamp(self, actor: Actor | None, changes: list[Change]) -> None:
        """Move the stamps of the parents whose summaries a transaction changed."""
        now = wire_time(self.owner.controls.clock.now())
        for change in changes:
            for roll_up in self._summed.get(change.table.kind.name, ()):
                shares = self._share(roll_up, change.before), self._share(roll_up, change.after)
                if shares[0] == shares[1]:
                    continue
                for parent_id in {share[0]: None for share in shares if share is not None}:
                    parent = roll_up.parent.live(parent_id)
                    if parent is not None:
                        by = {} if actor is None else {"LastModifiedById": actor.user_id}
                        self.owner.put(roll_up.parent, parent_id, {**parent, **dict.fromkeys(_STAMPS, now), **by})


def wire_value(field: Field, value: Any, *, whole: bool = False) -> Any:
    """A formula's value as it is answered. whole: a percentage is already one, not a share of one.

    Raises FormulaFailure for a number that is too long.
    """
    if value is None or value == "":
        return field.absent
    if isinstance(value, Decimal):
        if field.type == "percent" and not whole:
            value *= 100
        try:
            rounded = value.quantize(Decimal(1).scaleb(-(0 if field.type == "int" else field.scale)), ROUND_HALF_UP)
        except InvalidOperation as error:
            raise FormulaFailure("the number is too long") from error
        return int(rounded) if field.type == "int" else float(rounded)
    if isinstance(value, bool | str):
        return value
    if field.type == "datetime":
        return wire_time(value)
    return value.strftime("%H:%M:%S.000Z") if isinstance(value, time) else value.isoformat()


def _check_calculated(where: str, field: Field) -> None:
    if not field.attributes["calculated"]:
        raise ControlError(f'{where}: say "calculated": true')


def _forget_given(table: Table, names: set[str]) -> None:
    for record_id, row in list(table.rows.items()):
        if not names.isdisjoint(row):
            table.put(record_id, {name: value for name, value in row.items() if name not in names})


def _check_circles(uses: dict[Place, frozenset[Place]]) -> None:
    """Raises ControlError when a field needs itself to be worked out."""
    done: set[Place] = set()

    def visit(place: Place, above: tuple[Place, ...]) -> None:
        if place in above:
            circle = " -> ".join(".".join(one) for one in (*above[above.index(place) :], place))
            raise ControlError(f"field {place[0]}.{place[1]}: its formula needs itself: {circle}")
        if place not in done:
            for one in uses.get(place, ()):
                visit(one, (*above, place))
            done.add(place)

    for place in uses:
        visit(place, ())
