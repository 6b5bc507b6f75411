"""From the text of a formula to something that can be read for a record: names and functions are given their meaning.

Changes nothing. A formula that cannot be compiled raises FormulaTrouble, with the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, time
from decimal import Decimal
from typing import Any

from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.rules.formulas.calculations import NUMBERS_AND_DATES
from concord_sandbox.salesforce.rules.formulas.functions import LOGIC_AND_TEXT
from concord_sandbox.salesforce.rules.formulas.operators import chain
from concord_sandbox.salesforce.rules.formulas.syntax import (
    Application,
    Chain,
    Expression,
    FormulaTrouble,
    Literal,
    Reference,
    parse,
)
from concord_sandbox.salesforce.rules.formulas.terms import (
    DATE,
    DATETIME,
    ID,
    MULTIPICKLIST,
    NULL,
    NUMBER,
    PICKLIST,
    TEXT,
    TIME,
    TRUTH,
    FormulaFailure,
    Frame,
    Read,
    Term,
)
from concord_sandbox.salesforce.schema import COMPOUND_TYPES, NUMBER_TYPES, Field
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import read_time

_FUNCTIONS = LOGIC_AND_TEXT | NUMBERS_AND_DATES
_KINDS = {
    "boolean": TRUTH,
    "date": DATE,
    "datetime": DATETIME,
    "time": TIME,
    "picklist": PICKLIST,
    "multipicklist": MULTIPICKLIST,
    "reference": ID,
    "id": ID,
} | dict.fromkeys(NUMBER_TYPES, NUMBER)
#: Global variables that are records: name -> (object, which record).
_GLOBALS: dict[str, tuple[str, Callable[[Org, Frame], str]]] = {
    "$USER": ("User", lambda org, frame: frame.user_id),
    "$ORGANIZATION": ("Organization", lambda org, frame: org.identity.organisation_id),
}
_HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Formula:
    """A compiled formula. uses: (object, field) of every calculated field that it reads."""

    text: str
    kind: str
    term: Term
    uses: frozenset[tuple[str, str]]

    def value(self, frame: Frame) -> Any:
        """Its value, as `terms` says. Raises FormulaFailure when it has none."""
        try:
            return self.term.read(frame)
        except (ArithmeticError, ValueError, re.error) as error:
            raise FormulaFailure(f"{type(error).__name__}: {error}") from error

    def holds(self, frame: Frame) -> bool:
        """Whether it is true; what is unknown or fails is not."""
        try:
            return self.value(frame) is True
        except FormulaFailure:
            return False


def compile_formula(
    org: Org, table: Table, text: Any, *, zero_nulls: bool = False, of_write: bool = False, truth: bool = False
) -> Formula:
    """The formula over records of `table`.

    zero_nulls: blank numbers count as nought. of_write: it may ask what a write changes (ISNEW, ISCHANGED, PRIORVALUE).
    truth: it has to be true or false. Raises FormulaTrouble.
    """
    if not isinstance(text, str):
        raise FormulaTrouble("the formula has to be a text", 0)
    compiling = _Compiling(org, table, zero_nulls, of_write)
    term = compiling.term(parse(text))
    if truth and term.kind not in (TRUTH, NULL):
        raise FormulaTrouble(f"Formula result is data type ({term.kind}), incompatible with expected (Boolean)", 0)
    return Formula(text, term.kind, term, frozenset(compiling.uses))


class _Compiling:
    def __init__(self, org: Org, table: Table, zero_nulls: bool, of_write: bool) -> None:
        self._org, self._table = org, table
        self._zero_nulls, self._of_write = zero_nulls, of_write
        self.uses: set[tuple[str, str]] = set()

    def term(self, tree: Expression) -> Term:
        if isinstance(tree, Literal):
            return _literal(tree)
        if isinstance(tree, Reference):
            return self._reference(tree)
        if isinstance(tree, Chain):
            return chain(self.term(tree.first), [(operator, at, self.term(one)) for operator, at, one in tree.rest])
        return self._application(tree)

    def _application(self, tree: Application) -> Term:
        function = _FUNCTIONS.get(tree.name)
        if function is None:
            raise FormulaTrouble(f"Unknown function {tree.name}. Check spelling.", tree.at)
        if function.of_write and not self._of_write:
            raise FormulaTrouble(f"Function {tree.name} may not be used in this type of formula", tree.at)
        count = len(tree.arguments)
        if count < function.least or (function.most is not None and count > function.most):
            wanted = function.least if count < function.least else function.most
            words = f"Incorrect number of parameters for function '{tree.name}()'. Expected {wanted}, received {count}"
            raise FormulaTrouble(words, tree.at)
        return function.build(tree.name, [self.term(one) for one in tree.arguments], tree.at)

    # Names

    def _reference(self, tree: Reference) -> Term:
        parts = tree.path.split(".")
        table: Table | None = self._table
        start: Callable[[Frame], Row | None] = lambda frame: frame.row  # noqa: E731
        own = len(parts) == 1
        if parts[0].startswith("$"):
            known = _GLOBALS.get(parts[0].upper())
            if known is None or len(parts) == 1:
                raise _no_field(tree)
            table, start = self._org.table(known[0]), self._global(known[1])
            parts, own = parts[1:], False
        hops: list[tuple[str, Table | None]] = []
        for place, part in enumerate(parts[:-1]):
            bare, _, wanted = part.partition(":")
            field = _relationship(table, bare) if table else None
            table = self._target(field, wanted, parts[place + 1]) if field else None
            if field is None or table is None:
                raise _no_field(tree)
            hops.append((field.name, table if wanted else None))
        field = table.kind.field(parts[-1]) if table else None
        if table is None or field is None:
            raise _no_field(tree)
        if field.type in COMPOUND_TYPES or field.type in ("base64", "anyType"):
            raise FormulaTrouble(f"Field {tree.path} may not be used in this type of formula", tree.at)
        return self._field(tree, table, field, self._walk(start, hops), own=own)

    def _global(self, which: Callable[[Org, Frame], str]) -> Callable[[Frame], Row | None]:
        org = self._org
        return lambda frame: org.row(which(org, frame))

    def _target(self, field: Field, wanted: str, then: str) -> Table | None:
        """The object that a reference leads to: the one named behind a colon, else the one that has what comes next."""
        if wanted:
            name = {"queue": "Group"}.get(wanted.lower(), wanted)
            return self._org.table(name) if name.lower() in (one.lower() for one in field.reference_to) else None
        tables = [found for one in field.reference_to if (found := self._org.table(one)) is not None]
        bare = then.partition(":")[0].lower()
        fitting = [one for one in tables if one.kind.field(bare) or _relationship(one, bare)]
        best = fitting or tables
        return best[-1] if best else None

    def _walk(
        self, start: Callable[[Frame], Row | None], hops: list[tuple[str, Table | None]]
    ) -> Callable[[Frame], Row | None]:
        """From the frame to the record that has the field; None where a reference leads nowhere."""
        if not hops:
            return start
        org = self._org

        def walk(frame: Frame) -> Row | None:
            at = start(frame)
            for name, only in hops:
                record_id = at.get(name) if at is not None else None
                if record_id is None or (only is not None and not record_id.startswith(only.kind.prefix)):
                    return None
                at = org.row(record_id)
            return at

        return walk

    def _field(
        self, tree: Reference, table: Table, field: Field, record: Callable[[Frame], Row | None], *, own: bool
    ) -> Term:
        name, absent = field.name, field.absent
        convert = _conversion(field)
        if field.attributes["calculated"]:
            self.uses.add((table.kind.name, name))
        blank = Decimal(0) if self._zero_nulls and field.type in NUMBER_TYPES else None

        def read(frame: Frame) -> Any:
            row = record(frame)
            if row is None:
                return blank
            computed = table.computed.get(name)
            value = computed(row) if computed is not None else row.get(name, absent)
            return blank if value is None else convert(value)

        return Term(_KINDS.get(field.type, TEXT), read, tree.at, field if own else None)


def _literal(tree: Literal) -> Term:
    value = tree.value
    kind = NULL if value is None else TRUTH if isinstance(value, bool) else TEXT if isinstance(value, str) else NUMBER
    read: Read = lambda _: value  # noqa: E731
    return Term(kind, read, tree.at, literal=True)


def _relationship(table: Table, name: str) -> Field | None:
    """The reference that is called so, hidden from the integration user or not: formulas see all."""
    return next((one for one in table.kind.fields.values() if (one.relationship or "").lower() == name.lower()), None)


def _no_field(tree: Reference) -> FormulaTrouble:
    return FormulaTrouble(f"Field {tree.path} does not exist. Check spelling.", tree.at)


def _conversion(field: Field) -> Callable[[Any], Any]:
    """From a stored value to the formula's: ids have 15 characters there, a percentage is a share of one."""
    kind = field.type
    if kind == "percent":
        return lambda value: Decimal(str(value)) / _HUNDRED
    if kind in NUMBER_TYPES:
        return lambda value: Decimal(str(value))
    if kind in ("reference", "id"):
        return lambda value: value[:15]
    if kind == "date":
        return date.fromisoformat
    if kind == "datetime":
        return read_time
    if kind == "time":
        return lambda value: time.fromisoformat(value).replace(tzinfo=UTC)
    return lambda value: value
