"""The functions of one record: of dates, of currencies, of places, and those that make a value readable.

Functions over many records are in `aggregates`. Raises QueryRefusal in Salesforce's words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.objects.features import corporate_currency
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.soql.dates import DATE_FUNCTIONS, date_part
from concord_sandbox.salesforce.soql.literals import unescaped
from concord_sandbox.salesforce.soql.names import Path, Scope, path_over
from concord_sandbox.salesforce.soql.parsing import malformed
from concord_sandbox.salesforce.soql.tree import Literal, Operand
from concord_sandbox.salesforce.tables import Row

#: What may stand in WHERE, in SELECT without GROUP BY, and in ORDER BY without it.
FILTERING = DATE_FUNCTIONS | {"DISTANCE", "TOLABEL"}
SHOWING = frozenset(("CONVERTCURRENCY", "DISTANCE", "FORMAT", "TOLABEL"))
SORTING = frozenset(("DISTANCE",))
_RADIUS = {"km": 6371.0088, "mi": 3958.7613}

Convert = Callable[[Row, Any], Any]


def meaning(operand: Operand, scope: Scope, allowed: frozenset[str] = frozenset()) -> Path:
    """What a field, or one of the allowed functions of fields, means. Raises QueryRefusal."""
    if not operand.call:
        return scope.path(operand.name)
    name = operand.function
    if name not in allowed:
        raise malformed(f"unexpected token: '{operand.name.text}('", operand.name.at)
    if name == "DISTANCE":
        return _distance(operand, scope)
    if name in DATE_FUNCTIONS:
        return _date_function(operand, scope)
    return _readable(operand, scope)


def _only(operand: Operand) -> Operand:
    """The one argument of a function."""
    first = operand.arguments[0] if len(operand.arguments) == 1 else None
    if not isinstance(first, Operand):
        raise malformed(f"{operand.name.text} takes exactly one field", operand.name.at)
    return first


def _with(path: Path, scope: Scope, convert: Callable[[Any], Any], field: Field) -> Path:
    """The path to what `convert` makes of the values at its end; nulls stay."""
    read = path.read
    return Path(field, lambda row: None if (value := read(row)) is None else convert(value))


# Dates


def _date_function(operand: Operand, scope: Scope) -> Path:
    name, inner, calendar = operand.function, _only(operand), scope.calendar()
    converted = inner.function == "CONVERTTIMEZONE"
    path = scope.path(_only(inner).name) if converted else meaning(inner, scope)
    wanted = ("datetime",) if converted or name in ("DAY_ONLY", "HOUR_IN_DAY") else ("date", "datetime")
    if path.field.type not in wanted:
        raise malformed(f"{operand.name.text} can only be used with a {wanted[-1]} field", operand.name.at)
    part = date_part(name, calendar)
    field = Field({"name": operand.name.text, "type": "date" if name == "DAY_ONLY" else "int"})
    if converted:
        return _with(path, scope, lambda value: part(calendar.local(value)), field)
    return _with(path, scope, part, field)


# Places


def _distance(operand: Operand, scope: Scope) -> Path:
    """The way between two places along the earth, in miles or kilometres."""
    if len(operand.arguments) != 3:
        raise malformed("DISTANCE takes two locations and a unit", operand.name.at)
    first, second, unit = operand.arguments
    length = unescaped(unit).lower() if isinstance(unit, Literal) and unit.kind == "text" else ""
    if length not in _RADIUS:
        raise malformed("The unit of DISTANCE has to be 'mi' or 'km'", operand.name.at)
    start, end = _place(first, scope, operand), _place(second, scope, operand)

    def read(row: Row) -> float | None:
        one, other = start(row), end(row)
        return None if one is None or other is None else _apart(one, other) * _RADIUS[length]

    return Path(Field({"name": operand.name.text, "type": "double", "groupable": False}), read)


def _place(given: Operand | Literal, scope: Scope, whole: Operand) -> Callable[[Row], tuple[float, float] | None]:
    if isinstance(given, Operand) and given.function == "GEOLOCATION":
        numbers = [one.value for one in given.arguments if isinstance(one, Literal) and one.kind == "number"]
        if len(given.arguments) != 2 or len(numbers) != 2:
            raise malformed("GEOLOCATION takes a latitude and a longitude", given.name.at)
        fixed = (float(numbers[0]), float(numbers[1]))
        return lambda _: fixed
    if not isinstance(given, Operand) or given.call:
        raise malformed("DISTANCE takes two locations and a unit", whole.name.at)
    path = scope.path(given.name)
    if path.field.type not in ("address", "location"):
        raise malformed(f"DISTANCE can only be used with a location, not with '{path.field.name}'", given.name.at)
    read = path.read

    def place(row: Row) -> tuple[float, float] | None:
        value = read(row) or {}
        north, east = value.get("latitude"), value.get("longitude")
        return None if north is None or east is None else (float(north), float(east))

    return place


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The angle between two places, in radians."""
    (north, east), (far_north, far_east) = ((math.radians(a), math.radians(b)) for a, b in (one, other))
    height = math.sin((far_north - north) / 2) ** 2
    across = math.cos(north) * math.cos(far_north) * math.sin((far_east - east) / 2) ** 2
    return 2 * math.asin(min(1.0, math.sqrt(height + across)))


# Readable values


def _readable(operand: Operand, scope: Scope) -> Path:
    """toLabel, convertCurrency, FORMAT, and FORMAT(convertCurrency(…)): the field itself with other values."""
    inner, name = _only(operand), operand.function
    converted = inner.function == "CONVERTCURRENCY"
    if inner.call and not (name == "FORMAT" and converted):
        raise malformed(f"unexpected token: '{inner.name.text}('", inner.name.at)
    path = scope.path(_only(inner).name if converted else inner.name)
    steps: list[Convert] = []
    if converted or name == "CONVERTCURRENCY":
        steps.append(_converting(path.field, scope, operand))
    if name == "TOLABEL":
        steps.append(_labelling(path.field))
    if name == "FORMAT":
        steps.append(formatting(path.field, scope, converted=converted))
    own, table = path.own, path.table
    assert own is not None
    assert table is not None

    def read(row: Row) -> Any:
        value = own(row)
        for step in steps:
            value = None if value is None else step(row, value)
        return value

    return path_over(scope.org, table, path.field, path.hops, read)


def _labelling(field: Field) -> Convert:
    labels = {one["value"]: one["label"] for one in field.attributes["picklistValues"]}
    if field.type == "multipicklist":
        return lambda _, value: ";".join(labels.get(one, one) for one in value.split(";"))
    return lambda _, value: labels.get(value, value)


def formatting(field: Field, scope: Scope, *, converted: bool = False) -> Convert:
    """How FORMAT writes the values of a field for a user in the United States."""
    kind, digits = field.type, field.scale
    if kind == "currency":
        own = _user_currency(scope) if scope.org.currencies else ""

        def money(row: Row, value: Any) -> str:
            if not own:
                return f"-${-value:,.{digits}f}" if value < 0 else f"${value:,.{digits}f}"
            return f"{own if converted else _currency_of(row, scope.org)} {value:,.{digits}f}"

        return money
    if kind == "date":
        return lambda _, value: _american(date.fromisoformat(value))
    if kind == "datetime":
        calendar = scope.calendar()

        def moment(_: Row, value: Any) -> str:
            local = datetime.fromisoformat(calendar.local(value))
            return f"{_american(local)}, {local.hour % 12 or 12}:{local.minute:02d} {'AM' if local.hour < 12 else 'PM'}"

        return moment
    if kind in ("int", "double", "percent"):
        return lambda _, value: f"{value:,.{digits}f}{'%' if kind == 'percent' else ''}"
    return lambda _, value: value


def _american(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


# Currencies


def _converting(field: Field, scope: Scope, operand: Operand) -> Convert:
    if field.type != "currency":
        raise malformed(f"convertCurrency can only be used with a currency field, not with '{field.name}'",
                        operand.name.at)  # fmt: skip
    if not scope.org.currencies:
        raise malformed("convertCurrency can only be used in an organization with multiple currencies", operand.name.at)
    corporate, rate = in_corporate(scope.org), rates(scope.org).get(_user_currency(scope), 1.0)
    return lambda row, value: round(corporate(row, value) * rate, 10)


def rates(org: Org) -> dict[str, float]:
    """Currency -> how much of it is one of the corporate currency."""
    table = org.table("CurrencyType")
    rows = table.rows.values() if table else ()
    return {row["IsoCode"]: float(row.get("ConversionRate") or 1.0) for row in rows}


def in_corporate(org: Org) -> Convert:
    """What turns an amount of a record into the corporate currency; in an org with one currency it stays."""
    if not org.currencies:
        return lambda _, value: value
    known = rates(org)
    return lambda row, value: value / known.get(_currency_of(row, org), 1.0)


def _currency_of(row: Row, org: Org) -> str:
    return str(row.get("CurrencyIsoCode") or corporate_currency(org.currencies))


def _user_currency(scope: Scope) -> str:
    org = scope.org
    user = org.row(scope.user_id or org.identity.integration_user_id) or {}
    own = user.get("DefaultCurrencyIsoCode") or user.get("CurrencyIsoCode")
    return str(own or corporate_currency(org.currencies))
