"""The functions of the formula language over numbers and over dates."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

from concord_sandbox.salesforce.rules.formulas.functions import Function, plain
from concord_sandbox.salesforce.rules.formulas.terms import (
    DATE,
    DATETIME,
    NULL,
    NUMBER,
    TEXTS,
    FormulaFailure,
    Frame,
    Term,
    wrong_kind,
)
from concord_sandbox.salesforce.values import read_time, wire_date

_MOST_DIGITS = 30


def _to(rounding: str) -> Callable[[Decimal], Decimal]:
    return lambda number: number.to_integral_value(rounding)


def _rounded(rounding: str) -> Callable[..., Decimal]:
    def made(number: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
        places = max(-_MOST_DIGITS, min(_MOST_DIGITS, int(digits)))
        step = Decimal(1).scaleb(-places)
        if places > 0 and number.adjusted() + places > 26:
            return number  # has no digits there
        return (number / step).to_integral_value(rounding) * step if places < 0 else number.quantize(step, rounding)

    return made


def _remainder(number: Decimal, by: Decimal) -> Decimal:
    if not by:
        raise FormulaFailure("MOD by nought")
    return number % by


def _root(number: Decimal) -> Decimal:
    if number < 0:
        raise FormulaFailure("the root of a negative number")
    return number.sqrt()


def _extreme(name: str, terms: list[Term], at: int) -> Term:
    for term in terms:
        if term.kind not in (NUMBER, NULL):
            raise wrong_kind(f"function '{name}()'", NUMBER, term)
    choose: Callable[[list[Decimal]], Decimal] = max if name == "MAX" else min

    def read(frame: Frame) -> Decimal | None:
        values = [term.read(frame) for term in terms]
        return None if None in values else choose(values)

    return Term(NUMBER, read, at)


# Dates


def _today(name: str, terms: list[Term], at: int) -> Term:
    return Term(DATE, lambda frame: frame.now.astimezone(UTC).date(), at)


def _now(name: str, terms: list[Term], at: int) -> Term:
    return Term(DATETIME, lambda frame: frame.now.astimezone(UTC).replace(microsecond=0), at)


def _date(year: Decimal, month: Decimal, day: Decimal) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise FormulaFailure(str(error)) from None


def _date_value(name: str, terms: list[Term], at: int) -> Term:
    (term,) = terms
    if term.kind not in TEXTS | {DATE, DATETIME, NULL}:
        raise wrong_kind(f"function '{name}()'", "Text, DateTime", term)

    def read(frame: Frame) -> date | None:
        value = term.read(frame)
        if isinstance(value, datetime):
            return value.date()
        return _read_date(value) if isinstance(value, str) else value

    return Term(DATE, read, at)


def _read_date(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(wire_date(text[:10]))
    except ValueError as error:
        raise FormulaFailure(str(error)) from None


def _datetime_value(name: str, terms: list[Term], at: int) -> Term:
    (term,) = terms
    if term.kind not in TEXTS | {DATE, DATETIME, NULL}:
        raise wrong_kind(f"function '{name}()'", "Text, Date", term)

    def read(frame: Frame) -> datetime | None:
        value = term.read(frame)
        if isinstance(value, datetime) or not value:
            return value or None
        if isinstance(value, date):
            return datetime.combine(value, time(), UTC)
        try:
            return read_time(value.replace(" ", "T", 1))
        except ValueError as error:
            raise FormulaFailure(str(error)) from None

    return Term(DATETIME, read, at)


def _add_months(name: str, terms: list[Term], at: int) -> Term:
    """The same day so many months on; the last day of a month leads to the last day of a month."""
    moment, count = terms
    if moment.kind not in (DATE, DATETIME):
        raise wrong_kind(f"function '{name}()'", "Date, DateTime", moment)
    if count.kind not in (NUMBER, NULL):
        raise wrong_kind(f"function '{name}()'", NUMBER, count)

    def read(frame: Frame) -> Any:
        start, months = moment.read(frame), count.read(frame)
        if start is None or months is None:
            return None
        place = start.year * 12 + start.month - 1 + int(months)
        year, month = place // 12, place % 12 + 1
        if not 1 <= year <= 9999:
            raise FormulaFailure("the date lies outside the calendar")
        last = monthrange(year, month)[1]
        ends = start.day == monthrange(start.year, start.month)[1]
        return start.replace(year=year, month=month, day=last if ends else min(start.day, last))

    return Term(moment.kind, read, at)


def _weekday(day: date) -> Decimal:
    """Sunday is 1."""
    return Decimal(day.isoweekday() % 7 + 1)


NUMBERS_AND_DATES: dict[str, Function] = {
    "ABS": plain(NUMBER, abs, NUMBER),
    "ROUND": plain(NUMBER, _rounded(ROUND_HALF_UP), NUMBER, NUMBER),
    "TRUNC": plain(NUMBER, _rounded(ROUND_DOWN), NUMBER, NUMBER, least=1),
    "CEILING": plain(NUMBER, _to(ROUND_UP), NUMBER),
    "FLOOR": plain(NUMBER, _to(ROUND_DOWN), NUMBER),
    "MCEILING": plain(NUMBER, _to(ROUND_CEILING), NUMBER),
    "MFLOOR": plain(NUMBER, _to(ROUND_FLOOR), NUMBER),
    "MAX": Function(1, None, _extreme),
    "MIN": Function(1, None, _extreme),
    "MOD": plain(NUMBER, _remainder, NUMBER, NUMBER),
    "SQRT": plain(NUMBER, _root, NUMBER),
    "EXP": plain(NUMBER, Decimal.exp, NUMBER),
    "LN": plain(NUMBER, Decimal.ln, NUMBER),
    "LOG": plain(NUMBER, Decimal.log10, NUMBER),
    "TODAY": Function(0, 0, _today),
    "NOW": Function(0, 0, _now),
    "DATE": plain(DATE, _date, NUMBER, NUMBER, NUMBER),
    "DATEVALUE": Function(1, 1, _date_value),
    "DATETIMEVALUE": Function(1, 1, _datetime_value),
    "YEAR": plain(NUMBER, lambda day: Decimal(day.year), DATE),
    "MONTH": plain(NUMBER, lambda day: Decimal(day.month), DATE),
    "DAY": plain(NUMBER, lambda day: Decimal(day.day), DATE),
    "WEEKDAY": plain(NUMBER, _weekday, DATE),
    "ADDMONTHS": Function(2, 2, _add_months),
}
