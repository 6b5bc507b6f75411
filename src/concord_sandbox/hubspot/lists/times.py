"""Operations of list filters on dates and times: the points in time that they name, and comparing with them.

Plain functions on definitions and texts; no state, no records. Every refusal is an ApiError.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from concord_sandbox.hubspot.errors import bad_request
from concord_sandbox.hubspot.values import epoch_ms

TIME_OPERATIONS: dict[str, tuple[str, ...]] = {
    "TIME_POINT": ("IS_BEFORE", "IS_AFTER"),
    "TIME_RANGED": ("IS_BETWEEN", "IS_NOT_BETWEEN"),
    "DATETIME": ("IS_BEFORE", "IS_AFTER"),
    "RANGED_DATE": ("IS_BETWEEN", "IS_NOT_BETWEEN"),
    "ROLLING_DATE_RANGE": (
        "IS_LESS_THAN_X_DAYS_AGO", "IS_MORE_THAN_X_DAYS_AGO", "IS_LESS_THAN_X_DAYS_FROM_NOW",
        "IS_MORE_THAN_X_DAYS_FROM_NOW",
    ),
    "ROLLING_PROPERTY_UPDATED": ("UPDATED_IN_LAST_X_DAYS", "NOT_UPDATED_IN_LAST_X_DAYS"),
}  # fmt: skip
_DAY = 86_400_000
_ANY_DAY = 20_000 * _DAY
_UNITS = {"days": _DAY, "hours": 3_600_000, "minutes": 60_000, "seconds": 1_000, "milliseconds": 1, "weeks": 7 * _DAY}
_MONTHS = {"months": 1, "quarters": 3, "years": 12}
#: A point in time, in epoch ms, as seen at a time.
Point = Callable[[int], int]


def is_relative(operation: dict[str, Any]) -> bool:
    """Whether an operation means another time tomorrow than today."""
    kind = operation["operationType"]
    if kind in ("ROLLING_DATE_RANGE", "ROLLING_PROPERTY_UPDATED"):
        return True
    points = (operation.get(name) for name in ("timePoint", "lowerBoundTimePoint", "upperBoundTimePoint"))
    return any(isinstance(point, dict) and point.get("timeType") == "INDEXED" for point in points)


def time_test(operation: dict[str, Any]) -> Callable[[str, int], bool]:
    """The test of a stored date or instant at a time (epoch ms). Raises ApiError."""
    compare = _BUILDERS[operation["operationType"]](operation)

    def accepts(text: str, now: int) -> bool:
        try:
            return compare(epoch_ms(text), now)
        except (ValueError, OverflowError):
            return False

    return accepts


def _time_point(operation: dict[str, Any]) -> Callable[[int, int], bool]:
    point = _point(operation.get("timePoint"), "timePoint")
    inclusive: bool = _inclusive(operation, "endpointBehavior")
    if operation["operator"] == "IS_BEFORE":
        return lambda value, now: value < point(now) or (inclusive and value == point(now))
    return lambda value, now: value > point(now) or (inclusive and value == point(now))


def _time_ranged(operation: dict[str, Any]) -> Callable[[int, int], bool]:
    low = _point(operation.get("lowerBoundTimePoint"), "lowerBoundTimePoint")
    high = _point(operation.get("upperBoundTimePoint"), "upperBoundTimePoint")
    with_low = _inclusive(operation, "lowerBoundEndpointBehavior", True)
    with_high = _inclusive(operation, "upperBoundEndpointBehavior", True)
    inside: bool = operation["operator"] == "IS_BETWEEN"

    def compare(value: int, now: int) -> bool:
        above = value > low(now) or (with_low and value == low(now))
        below = value < high(now) or (with_high and value == high(now))
        return (above and below) == inside

    return compare


def _inclusive(operation: dict[str, Any], name: str, default: bool = False) -> bool:
    given = operation.get(name)
    if given is None:
        return default
    if given not in ("INCLUSIVE", "EXCLUSIVE"):
        raise bad_request(f"{name} is INCLUSIVE or EXCLUSIVE", **{name: str(given)[:40]})
    return bool(given == "INCLUSIVE")


def _datetime(operation: dict[str, Any]) -> Callable[[int, int], bool]:
    wanted = _whole(operation, "timestamp")
    if operation["operator"] == "IS_BEFORE":
        return lambda value, _: value < wanted
    return lambda value, _: value > wanted


def _ranged_date(operation: dict[str, Any]) -> Callable[[int, int], bool]:
    low, high = _whole(operation, "lowerBound"), _whole(operation, "upperBound")
    inside = operation["operator"] == "IS_BETWEEN"
    return lambda value, _: (low <= value <= high) == inside


def _rolling(operation: dict[str, Any]) -> Callable[[int, int], bool]:
    span = _whole(operation, "numberOfDays") * _DAY
    compare: Callable[[int, int], bool] = {
        "IS_LESS_THAN_X_DAYS_AGO": lambda value, now: now - span < value <= now,
        "IS_MORE_THAN_X_DAYS_AGO": lambda value, now: value < now - span,
        "IS_LESS_THAN_X_DAYS_FROM_NOW": lambda value, now: now <= value < now + span,
        "IS_MORE_THAN_X_DAYS_FROM_NOW": lambda value, now: value > now + span,
    }[operation["operator"]]
    return compare


_BUILDERS: dict[str, Callable[[dict[str, Any]], Callable[[int, int], bool]]] = {
    "TIME_POINT": _time_point,
    "TIME_RANGED": _time_ranged,
    "DATETIME": _datetime,
    "RANGED_DATE": _ranged_date,
    "ROLLING_DATE_RANGE": _rolling,
}


def _whole(given: dict[str, Any], name: str, default: int | None = None) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 253_402_300_799_999:
        raise bad_request(f"Invalid input JSON: {name} must be a whole number")
    return value


def _point(given: Any, name: str) -> Point:
    if not isinstance(given, dict):
        raise bad_request(f"Invalid input JSON: {name} must be an object")
    zone = _zone(given.get("zoneId", "UTC"))
    kind = given.get("timeType")
    if kind == "DATE":
        moment = _instant(given, zone)
        return lambda _: moment
    if kind == "INDEXED":
        return _indexed(given, zone)
    if kind == "PROPERTY_REFERENCED":
        raise bad_request("The sandbox does not evaluate time points of the type PROPERTY_REFERENCED")
    raise bad_request(f"The timeType of {name} is DATE or INDEXED", timeType=str(kind)[:40])


def _zone(given: Any) -> ZoneInfo:
    try:
        return ZoneInfo(str(given))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise bad_request(f"{str(given)[:60]} is not a time zone", zoneId=str(given)[:60]) from error


def _clock(given: dict[str, Any], default: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    names = ("hour", "minute", "second", "millisecond")
    hour, minute, second, millisecond = (
        _whole(given, name, fallback) if given.get(name) is not None else fallback
        for name, fallback in zip(names, default, strict=True)
    )
    return hour, minute, second, millisecond


def _at(year: int, month: int, day: int, clock: tuple[int, int, int, int], zone: ZoneInfo) -> int:
    hour, minute, second, millisecond = clock
    try:
        moment = datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=zone)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"A time point of a filter is no date: {year}-{month}-{day}") from error


def _instant(given: dict[str, Any], zone: ZoneInfo) -> int:
    year, month, day = (_whole(given, name) for name in ("year", "month", "day"))
    return _at(year, month, day, _clock(given, (0, 0, 0, 0)), zone)


def _indexed(given: dict[str, Any], zone: ZoneInfo) -> Point:
    reference, offset = given.get("indexReference"), given.get("offset") or {}
    if not isinstance(reference, dict) or not isinstance(offset, dict):
        raise bad_request("Invalid input JSON: indexReference and offset must be objects")
    kind = reference.get("referenceType")
    if kind not in ("NOW", "TODAY"):
        raise bad_request(f"The sandbox does not evaluate the time reference {str(kind)[:40]}")
    clock = _clock(reference, (0, 0, 0, 0))
    shift = sum(_whole(offset, name) * size for name, size in _UNITS.items() if offset.get(name) is not None)
    months = sum(_whole(offset, name) * size for name, size in _MONTHS.items() if offset.get(name) is not None)
    if abs(shift) > 100 * 366 * _DAY or abs(months) > 1200:
        raise bad_request("The offset of a time point is more than a hundred years")

    def point(now: int) -> int:
        moment = _months_on(datetime.fromtimestamp(now / 1000, zone), months)
        if kind == "TODAY":
            base = _at(moment.year, moment.month, moment.day, clock, zone)
        else:
            base = int(moment.timestamp() * 1000)
        return base + shift

    point(_ANY_DAY)  # refuses an hour that no day has, now and not when the list is looked at
    return point


def _months_on(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    total = moment.year * 12 + moment.month - 1 + months
    year, month = total // 12, total % 12 + 1
    day = min(moment.day, monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)
