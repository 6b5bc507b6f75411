"""The operators of the formula language: what two kinds make of each other, and how.

Null follows Salesforce: a blank text is an empty one; any other null makes arithmetic and comparisons null.
"""

from __future__ import annotations

import operator as plain
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from concord_sandbox.salesforce.rules.formulas.terms import (
    DATE,
    DATETIME,
    ID,
    MULTIPICKLIST,
    NULL,
    NUMBER,
    PICKLIST,
    TEXT,
    TEXTS,
    TIME,
    TRUTH,
    Frame,
    Term,
    common_kind,
    wrong_kind,
)

Step = Callable[[Any, Any], Any]
_DAY = timedelta(days=1)
_ORDERED = frozenset((NUMBER, DATE, DATETIME, TIME, TEXT, ID, NULL))
_ARITHMETIC: dict[str, Step] = {
    "+": plain.add,
    "-": plain.sub,
    "*": plain.mul,
    "/": plain.truediv,
    "^": plain.pow,
}
_COMPARING: dict[str, Step] = {"<": plain.lt, "<=": plain.le, ">": plain.gt, ">=": plain.ge}


def chain(first: Term, rest: list[tuple[str, int, Term]]) -> Term:
    """first operator term operator term …, read from the left. Raises FormulaTrouble for kinds that do not fit."""
    steps: list[tuple[Step, Callable[[Frame], Any]]] = []
    left = first
    for operator, at, right in rest:
        kind, step = _step(operator, at, left, right)
        steps.append((step, right.read))
        left = Term(kind, first.read, at)
    begin = first.read

    def read(frame: Frame) -> Any:
        value = begin(frame)
        for step, of in steps:
            value = step(value, of(frame))
        return value

    return Term(left.kind, read, first.at)


def _step(operator: str, at: int, left: Term, right: Term) -> tuple[str, Step]:
    what = f"operator '{operator}'"
    if operator in ("=", "==", "<>", "!="):
        return TRUTH, equality(what, left, right, negated=operator in ("<>", "!="))
    if operator in _COMPARING:
        return TRUTH, _comparison(what, operator, left, right)
    kinds = {left.kind, right.kind}
    if operator in ("&", "+") and kinds <= TEXTS | {NULL} and kinds != {NULL}:
        return TEXT, lambda a, b: (a or "") + (b or "")
    if operator == "&":
        raise wrong_kind(what, TEXT, left if left.kind not in TEXTS else right)
    if operator in ("+", "-") and kinds & {DATE, DATETIME}:
        return _on_dates(what, operator, left, right)
    for term in (left, right):
        if term.kind not in (NUMBER, NULL):
            raise wrong_kind(what, NUMBER, term)
    return NUMBER, _known(_ARITHMETIC[operator])


def _known(step: Step) -> Step:
    """The same with null for what is done to null."""
    return lambda a, b: None if a is None or b is None else step(a, b)


def _on_dates(what: str, operator: str, left: Term, right: Term) -> tuple[str, Step]:
    """Days added to or taken from a moment; the days between two moments of one kind."""
    if left.kind == right.kind and operator == "-":
        return NUMBER, _known(lambda a, b: Decimal(str((a - b) / _DAY)))
    if operator == "+" and left.kind in (NUMBER, NULL):
        _, step = _on_dates(what, operator, right, left)
        return right.kind, lambda a, b: step(b, a)
    if right.kind not in (NUMBER, NULL) or left.kind not in (DATE, DATETIME):
        raise wrong_kind(what, NUMBER, right if right.kind not in (NUMBER, NULL) else left)
    sign = 1 if operator == "+" else -1

    def moved(moment: date | datetime, days: Decimal) -> date | datetime:
        if isinstance(moment, datetime):
            return moment + timedelta(days=float(sign * days))
        return moment + timedelta(days=int(sign * days))

    return left.kind, _known(moved)


def _comparison(what: str, operator: str, left: Term, right: Term) -> Step:
    common_kind(what, [left, right])
    for term in (left, right):
        if term.kind not in _ORDERED:
            raise wrong_kind(what, "Number, Date, DateTime", term)
    return _known(_COMPARING[operator])


def equality(what: str, left: Term, right: Term, *, negated: bool = False) -> Step:
    """Whether two values are equal; texts with their case, blank text like no text. Raises FormulaTrouble."""
    for term in (left, right):
        if term.kind in (PICKLIST, MULTIPICKLIST):
            raise wrong_kind(what, TEXT, term)
    kind = common_kind(what, [left, right])
    if kind in TEXTS:
        by_id = ID in (left.kind, right.kind)

        def texts(a: str | None, b: str | None) -> bool:
            a, b = a or "", b or ""
            same = a == b or (by_id and len(a) in (15, 18) and len(b) in (15, 18) and a[:15] == b[:15])
            return same != negated

        return texts
    return _known((lambda a, b: a != b) if negated else (lambda a, b: a == b))


def check_truth(what: str, term: Term) -> None:
    """Raises FormulaTrouble when the term is neither true nor false."""
    if term.kind not in (TRUTH, NULL):
        raise wrong_kind(what, TRUTH, term)
