"""Days as SOQL counts them: date literals such as LAST_N_DAYS:3, and the functions that take a date apart.

Knows no query and no record. Weeks run from Sunday, as in an org with a US locale.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.values import read_time, wire_time


def _month_on(day: date, months: int) -> date:
    """The first day of the month that lies `months` after the month of `day`."""
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def _week_start(day: date) -> date:
    return day - timedelta(days=(day.weekday() + 1) % 7)


def _unit_start(unit: str, today: date, steps: int, fiscal_start: int) -> date:
    """The first day of the unit `steps` units from now."""
    if unit == "DAY":
        return today + timedelta(days=steps)
    if unit == "WEEK":
        return _week_start(today) + timedelta(weeks=steps)
    if unit == "MONTH":
        return _month_on(today, steps)
    first = fiscal_start if unit.startswith("FISCAL") else 1
    length = 3 if unit.endswith("QUARTER") else 12
    return _month_on(today, length * steps - (today.month - first) % length)


_NAMED = {"YESTERDAY": ("DAY", -1), "TODAY": ("DAY", 0), "TOMORROW": ("DAY", 1)}
_PLACES = {"LAST": -1, "THIS": 0, "NEXT": 1}
_LONG = "WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR"
_PLAIN = re.compile(rf"(LAST|THIS|NEXT)_({_LONG})")
_COUNTED = re.compile(rf"(?:(LAST|NEXT)_N_(DAY|{_LONG})S|N_(DAY|{_LONG})S_AGO):(\d{{1,6}})")
_BACK_FROM_TODAY = re.compile(r"LAST_(?:N_DAYS:\d+|90_DAYS)", re.IGNORECASE)


def span(name: str, today: date, fiscal_start: int = 1) -> tuple[date, date] | None:
    """The days [first, day after the last) that a date literal such as `LAST_N_DAYS:3` means; None for no literal.

    fiscal_start: the month that the fiscal year begins with. Raises ValueError when the span leaves the calendar.
    """
    name = name.upper()
    try:
        if name in _NAMED:
            unit, step = _NAMED[name]
            return _unit_start(unit, today, step, 1), _unit_start(unit, today, step + 1, 1)
        if name in ("LAST_90_DAYS", "NEXT_90_DAYS"):
            return span(name.replace("90", "N") + ":90", today)
        if plain := _PLAIN.fullmatch(name):
            unit, step = plain[2], _PLACES[plain[1]]
            return _unit_start(unit, today, step, fiscal_start), _unit_start(unit, today, step + 1, fiscal_start)
        counted = _COUNTED.fullmatch(name)
        return _counted_span(counted, today, fiscal_start) if counted else None
    except OverflowError as error:
        raise ValueError(f"out of range: {name}") from error


def _counted_span(counted: re.Match[str], today: date, fiscal_start: int) -> tuple[date, date]:
    count = int(counted[4])
    unit = counted[2] or counted[3]

    def start(steps: int) -> date:
        return _unit_start(unit, today, steps, fiscal_start)

    if counted[3]:  # N_DAYS_AGO:n is that one unit
        return start(-count), start(1 - count)
    if counted[1] == "LAST":  # days up to and with today; of longer units the whole ones before this one
        return start(-count), start(1 if unit == "DAY" else 0)
    return start(1), start(count + 1)


def reaches_back(name: str) -> bool:
    """Whether a literal counts days back from today: `>` then means after its first moment, not after its end."""
    return _BACK_FROM_TODAY.fullmatch(name) is not None


@dataclass(frozen=True)
class Calendar:
    """Where the user's days begin, and the org's fiscal years.

    fiscal_start: a month, 1 to 12. named_by_start: whether a fiscal year has the number of the year it begins in.
    """

    zone: tzinfo = UTC
    fiscal_start: int = 1
    named_by_start: bool = False

    def today(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    def midnight(self, day: date) -> str:
        """The first moment of a day, wire form. Raises ValueError at the ends of time."""
        try:
            return wire_time(datetime(day.year, day.month, day.day, tzinfo=self.zone))
        except OverflowError as error:
            raise ValueError(f"out of range: {day}") from error

    def local(self, value: str) -> str:
        """A stored date-time as a clock of the zone shows it: `2026-11-23T09:00:00`."""
        return read_time(value).astimezone(self.zone).replace(tzinfo=None).isoformat(timespec="seconds")

    def fiscal_month(self, day: date) -> int:
        return (day.month - self.fiscal_start) % 12 + 1

    def fiscal_year(self, day: date) -> int:
        began = day.year - (day.month < self.fiscal_start)
        return began if self.named_by_start or self.fiscal_start == 1 else began + 1


def calendar_of(org: Org, user_id: str | None = None) -> Calendar:
    """The calendar of a user (None: the integration user): their time zone, else the organisation's."""
    organisation = next(iter(org.tables["organization"].rows.values()), {})
    user = org.row(user_id or org.identity.integration_user_id) or {}
    zone: tzinfo = UTC
    for given in (user.get("TimeZoneSidKey"), organisation.get("TimeZoneSidKey")):
        if isinstance(given, str):
            try:
                zone = ZoneInfo(given)
            except (ZoneInfoNotFoundError, ValueError):
                continue  # a zone that this machine does not know: the next best one
            break
    month = organisation.get("FiscalYearStartMonth")
    start = int(month) if isinstance(month, int | float) and 1 <= month <= 12 else 1
    return Calendar(zone, start, bool(organisation.get("UsesStartDateAsFiscalYearName")))


#: Function -> what it makes of a day.
DAY_FUNCTIONS: dict[str, Callable[[Calendar, date], int]] = {
    "CALENDAR_MONTH": lambda _, day: day.month,
    "CALENDAR_QUARTER": lambda _, day: (day.month + 2) // 3,
    "CALENDAR_YEAR": lambda _, day: day.year,
    "DAY_IN_MONTH": lambda _, day: day.day,
    "DAY_IN_WEEK": lambda _, day: (day.weekday() + 1) % 7 + 1,
    "DAY_IN_YEAR": lambda _, day: day.timetuple().tm_yday,
    "FISCAL_MONTH": lambda calendar, day: calendar.fiscal_month(day),
    "FISCAL_QUARTER": lambda calendar, day: (calendar.fiscal_month(day) + 2) // 3,
    "FISCAL_YEAR": lambda calendar, day: calendar.fiscal_year(day),
    "WEEK_IN_MONTH": lambda _, day: (day.day + 6) // 7,
    "WEEK_IN_YEAR": lambda _, day: (day.timetuple().tm_yday + 6) // 7,
}
#: All date functions; the last two only of a date-time.
DATE_FUNCTIONS = frozenset((*DAY_FUNCTIONS, "DAY_ONLY", "HOUR_IN_DAY"))


def date_part(function: str, calendar: Calendar) -> Callable[[str], Any]:
    """What a date function makes of a stored date or date-time, or of a clock's (`Calendar.local`)."""
    if function == "DAY_ONLY":
        return lambda value: value[:10]
    if function == "HOUR_IN_DAY":
        return lambda value: int(value[11:13])
    part = DAY_FUNCTIONS[function]
    return lambda value: part(calendar, date.fromisoformat(value[:10]))
