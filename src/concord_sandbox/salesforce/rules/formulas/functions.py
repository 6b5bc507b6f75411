"""The functions of the formula language: of truths and choices, of texts, and of what a write changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.rules.formulas.operators import check_truth, equality
from concord_sandbox.salesforce.rules.formulas.syntax import FormulaTrouble
from concord_sandbox.salesforce.rules.formulas.terms import (
    DATE,
    DATETIME,
    MULTIPICKLIST,
    NULL,
    NUMBER,
    PICKLIST,
    TEXT,
    TEXTS,
    TIME,
    TRUTH,
    FormulaFailure,
    Frame,
    Read,
    Term,
    common_kind,
    is_blank,
    wrong_kind,
)

_TAKEN = {TEXT: TEXTS | {NULL}, NUMBER: {NUMBER, NULL}, DATE: {DATE, NULL}, DATETIME: {DATETIME, NULL}}
_LONGEST_TEXT = 100_000


@dataclass(frozen=True)
class Function:
    """A function by the number of its arguments and what makes a term of them: (its name, they, its place)."""

    least: int
    most: int | None
    build: Callable[[str, list[Term], int], Term]
    #: Whether it needs to know what a write changes, which a field's formula cannot.
    of_write: bool = False


def plain(gives: str, of: Callable[..., Any], *takes: str, least: int | None = None) -> Function:
    """A function of the values of its arguments alone. A blank text is given to `of` as ""; any other null among the
    arguments makes the result null."""

    def build(name: str, terms: list[Term], at: int) -> Term:
        for term, kind in zip(terms, takes, strict=False):
            if term.kind not in _TAKEN[kind]:
                raise wrong_kind(f"function '{name}()'", kind, term)
        reads = [(term.read, kind == TEXT) for term, kind in zip(terms, takes, strict=False)]

        def read(frame: Frame) -> Any:
            values = [(of_term(frame) or "") if text else of_term(frame) for of_term, text in reads]
            return None if None in values else of(*values)

        return Term(gives, read, at)

    return Function(len(takes) if least is None else least, len(takes), build)


# Truths and choices


def _all(name: str, terms: list[Term], at: int) -> Term:
    reads = _truths(name, terms)
    return Term(TRUTH, lambda frame: all(read(frame) for read in reads), at)


def _any(name: str, terms: list[Term], at: int) -> Term:
    reads = _truths(name, terms)
    return Term(TRUTH, lambda frame: any(read(frame) for read in reads), at)


def _not(name: str, terms: list[Term], at: int) -> Term:
    (read,) = _truths(name, terms)
    return Term(TRUTH, lambda frame: None if (value := read(frame)) is None else not value, at)


def _truths(name: str, terms: list[Term]) -> list[Read]:
    for term in terms:
        check_truth(f"function '{name}()'", term)
    return [term.read for term in terms]


def _if(name: str, terms: list[Term], at: int) -> Term:
    test, then, other = terms
    check_truth(f"function '{name}()'", test)
    kind = _result_kind(name, [then, other])
    return Term(kind, lambda frame: (then if test.read(frame) else other).read(frame), at)


def _result_kind(name: str, terms: list[Term]) -> str:
    for term in terms:
        if term.kind in (PICKLIST, MULTIPICKLIST):
            raise wrong_kind(f"function '{name}()'", TEXT, term)
    return common_kind(f"function '{name}()'", terms)


def _case(name: str, terms: list[Term], at: int) -> Term:
    if len(terms) % 2:
        raise FormulaTrouble("Incorrect number of parameters for function 'CASE()'", at)
    subject, other = terms[0], terms[-1]
    if subject.kind == PICKLIST:
        subject = changed(subject, kind=TEXT)
    pairs = list(zip(terms[1:-1:2], terms[2:-1:2], strict=True))
    what = f"function '{name}()'"
    tests = [(equality(what, subject, value), value.read, result.read) for value, result in pairs]
    kind = _result_kind(name, [*(result for _, result in pairs), other])

    def read(frame: Frame) -> Any:
        value = subject.read(frame)
        for equal, case, result in tests:
            if equal(value, case(frame)):
                return result(frame)
        return other.read(frame)

    return Term(kind, read, at)


def _is_blank(name: str, terms: list[Term], at: int) -> Term:
    read = terms[0].read
    return Term(TRUTH, lambda frame: is_blank(read(frame)), at)


def _is_null(name: str, terms: list[Term], at: int) -> Term:
    """A text is never null for ISNULL, not even a blank one."""
    read = terms[0].read
    if terms[0].kind in TEXTS:
        return Term(TRUTH, lambda _: False, at)
    return Term(TRUTH, lambda frame: read(frame) is None, at)


def _blank_value(name: str, terms: list[Term], at: int) -> Term:
    value, other = terms
    kind = _result_kind(name, terms)
    if name == "NULLVALUE" and kind in TEXTS:
        return Term(kind, value.read, at)
    return Term(kind, lambda frame: other.read(frame) if is_blank(found := value.read(frame)) else found, at)


def _is_picklist_value(name: str, terms: list[Term], at: int) -> Term:
    field, wanted = terms
    if field.kind != PICKLIST:
        raise wrong_kind(f"function '{name}()'", PICKLIST, field)
    if wanted.kind not in (TEXT, NULL) or not wanted.literal:
        raise FormulaTrouble(f"Function '{name}()' takes a text literal as its second parameter", wanted.at)
    return Term(TRUTH, lambda frame: (field.read(frame) or "") == (wanted.read(frame) or ""), at)


def _includes(name: str, terms: list[Term], at: int) -> Term:
    field, wanted = terms
    if field.kind != MULTIPICKLIST:
        raise wrong_kind(f"function '{name}()'", MULTIPICKLIST, field)
    if wanted.kind != TEXT or not wanted.literal:
        raise FormulaTrouble(f"Function '{name}()' takes a text literal as its second parameter", wanted.at)
    return Term(TRUTH, lambda frame: wanted.read(frame) in (field.read(frame) or "").split(";"), at)


# What a write changes


def _is_new(name: str, terms: list[Term], at: int) -> Term:
    return Term(TRUTH, lambda frame: frame.old is None, at)


def _own_field(name: str, term: Term) -> None:
    if term.field is None:
        raise FormulaTrouble(f"Function '{name}()' takes a field of the record itself", term.at)


def _is_changed(name: str, terms: list[Term], at: int) -> Term:
    (term,) = terms
    _own_field(name, term)

    def read(frame: Frame) -> bool:
        if frame.old is None:
            return False
        return bool(term.read(frame) != term.read(changed(frame, row=frame.old)))

    return Term(TRUTH, read, at)


def _prior_value(name: str, terms: list[Term], at: int) -> Term:
    """What the field held before; of a new record what it holds."""
    (term,) = terms
    _own_field(name, term)

    def read(frame: Frame) -> Any:
        return term.read(frame if frame.old is None else changed(frame, row=frame.old))

    return changed(term, read=read, at=at, literal=False)


# Texts


def _text(name: str, terms: list[Term], at: int) -> Term:
    (term,) = terms
    if term.kind not in (NUMBER, DATE, DATETIME, TIME, PICKLIST, NULL):
        raise wrong_kind(f"function '{name}()'", "Number, Date, DateTime, Picklist", term)
    return Term(TEXT, lambda frame: as_text(term.read(frame)), at)


def as_text(value: Any) -> str:
    """A value as TEXT() writes it."""
    if isinstance(value, Decimal):
        return format(value.normalize() if value else Decimal(0), "f")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _number(text: str) -> Decimal | None:
    if not text.strip():
        return None
    try:
        made = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        raise FormulaFailure(f"{text!r} is no number") from None
    if not made.is_finite():
        raise FormulaFailure(f"{text!r} is no number")
    return made


def _is_number(text: str) -> bool:
    try:
        return _number(text) is not None
    except FormulaFailure:
        return False


def _find(wanted: str, text: str, start: Decimal = Decimal(1)) -> Decimal:
    return Decimal(text.find(wanted, max(0, int(start) - 1)) + 1) if wanted else Decimal(0)


def _left(text: str, count: Decimal) -> str:
    return text[: max(0, int(count))]


def _right(text: str, count: Decimal) -> str:
    return text[max(0, len(text) - max(0, int(count))) :]


def _middle(text: str, start: Decimal, count: Decimal) -> str:
    begin = max(0, int(start) - 1)
    return text[begin : begin + max(0, int(count))]


def _contains(text: str, wanted: str) -> bool | None:
    """Of a blank text it is unknown what it contains, so that NOT(CONTAINS(…)) does not hold either."""
    return True if not wanted else wanted in text if text else None


def _begins(text: str, wanted: str) -> bool | None:
    return True if not wanted else text.startswith(wanted) if text else None


def _padded(text: str, length: Decimal, pad: str = " ", *, left: bool) -> str:
    wanted = min(int(length), _LONGEST_TEXT)
    if wanted <= len(text):
        return text[: max(0, wanted)]
    filling = (pad * wanted)[: wanted - len(text)]
    return filling + text if left else text + filling


def _matches(text: str, pattern: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error as error:
        raise FormulaFailure(f"{pattern!r} is no regular expression: {error}") from None


def _substituted(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


def _link(url: str, label: str, target: str = "_blank") -> str:
    return f'<a href="{url}" target="{target}">{label}</a>'


def _long_id(text: str) -> str:
    return full_id(text) or text


def _same_case(name: str, terms: list[Term], at: int) -> Term:
    """UPPER and LOWER; the locale that may be named second is not looked at."""
    change: Callable[[str], str] = str.upper if name == "UPPER" else str.lower
    return plain(TEXT, lambda text, _="": change(text), TEXT, TEXT, least=1).build(name, terms, at)


LOGIC_AND_TEXT: dict[str, Function] = {
    "AND": Function(1, None, _all),
    "OR": Function(1, None, _any),
    "NOT": Function(1, 1, _not),
    "IF": Function(3, 3, _if),
    "CASE": Function(4, None, _case),
    "ISBLANK": Function(1, 1, _is_blank),
    "ISNULL": Function(1, 1, _is_null),
    "BLANKVALUE": Function(2, 2, _blank_value),
    "NULLVALUE": Function(2, 2, _blank_value),
    "ISPICKVAL": Function(2, 2, _is_picklist_value),
    "INCLUDES": Function(2, 2, _includes),
    "ISNEW": Function(0, 0, _is_new, of_write=True),
    "ISCHANGED": Function(1, 1, _is_changed, of_write=True),
    "PRIORVALUE": Function(1, 1, _prior_value, of_write=True),
    "TEXT": Function(1, 1, _text),
    "VALUE": plain(NUMBER, _number, TEXT),
    "ISNUMBER": plain(TRUTH, _is_number, TEXT),
    "LEN": plain(NUMBER, lambda text: Decimal(len(text)), TEXT),
    "LEFT": plain(TEXT, _left, TEXT, NUMBER),
    "RIGHT": plain(TEXT, _right, TEXT, NUMBER),
    "MID": plain(TEXT, _middle, TEXT, NUMBER, NUMBER),
    "FIND": plain(NUMBER, _find, TEXT, TEXT, NUMBER, least=2),
    "CONTAINS": plain(TRUTH, _contains, TEXT, TEXT),
    "BEGINS": plain(TRUTH, _begins, TEXT, TEXT),
    "SUBSTITUTE": plain(TEXT, _substituted, TEXT, TEXT, TEXT),
    "TRIM": plain(TEXT, str.strip, TEXT),
    "UPPER": Function(1, 2, _same_case),
    "LOWER": Function(1, 2, _same_case),
    "LPAD": plain(TEXT, lambda *given: _padded(*given, left=True), TEXT, NUMBER, TEXT, least=2),
    "RPAD": plain(TEXT, lambda *given: _padded(*given, left=False), TEXT, NUMBER, TEXT, least=2),
    "REGEX": plain(TRUTH, _matches, TEXT, TEXT),
    "HYPERLINK": plain(TEXT, _link, TEXT, TEXT, TEXT, least=2),
    "CASESAFEID": plain(TEXT, _long_id, TEXT),
}
