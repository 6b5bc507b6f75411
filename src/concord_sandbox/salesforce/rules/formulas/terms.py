"""What compiled formulas are made of: terms with a kind, and the frame in which they are read.

At run time a text is str, a number Decimal, a date `date`, a date-time an aware `datetime` in UTC, a time of
day `time`, a truth bool; None is null. Truth has three values: what is unknown is null, and counts as false where it is
decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from concord_sandbox.salesforce.rules.formulas.syntax import FormulaTrouble
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.tables import Row

TEXT, ID, NUMBER, TRUTH, DATE, DATETIME, TIME = "Text", "Id", "Number", "Boolean", "Date", "DateTime", "Time"
PICKLIST, MULTIPICKLIST, NULL = "Picklist", "Multi-Select Picklist", "Null"
TEXTS = frozenset((TEXT, ID))


class FormulaFailure(Exception):
    """A formula that has no value for this record: a division by nought, VALUE of what is no number (shown as
    `#Error!` in the screens)."""


@dataclass(frozen=True)
class Frame:
    """What a formula is read for. old: the record before the write, None when it is new. now: UTC."""

    row: Row
    old: Row | None
    user_id: str
    now: datetime


Read = Callable[[Frame], Any]


@dataclass(frozen=True)
class Term:
    """kind: one of this module's. field: set when the term is a field of the record itself, as ISCHANGED wants it.
    literal: set when it is one."""

    kind: str
    read: Read
    at: int
    field: Field | None = None
    literal: bool = False


def wrong_kind(what: str, wanted: str, given: Term) -> FormulaTrouble:
    """In Salesforce's words."""
    if given.kind in (PICKLIST, MULTIPICKLIST) and given.field is not None:
        name = given.field.name
        words = f"Field {name} is a picklist field. Picklist fields are only supported in certain functions."
        return FormulaTrouble(words, given.at)
    return FormulaTrouble(f"Incorrect parameter type for {what}. Expected {wanted}, received {given.kind}", given.at)


def common_kind(what: str, terms: list[Term]) -> str:
    """The kind that all have, nulls aside. Raises FormulaTrouble when they differ."""
    known = [term for term in terms if term.kind != NULL]
    if not known:
        return NULL
    for term in known[1:]:
        if term.kind != known[0].kind and not {term.kind, known[0].kind} <= TEXTS:
            raise wrong_kind(what, known[0].kind, term)
    return known[0].kind if all(term.kind == known[0].kind for term in known) else TEXT


def is_blank(value: Any) -> bool:
    return value is None or value == ""
