"""Dates and times as Salesforce's REST API writes and reads them, and SOQL's named spans of time.

Stored values are the wire's own text, always UTC and of one form, so that comparing texts compares times.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?Z?", re.ASCII)


def wire_time(moment: datetime) -> str:
    """`2026-11-02T09:15:00.000+0000`: UTC, whole seconds (SPEC of the REST API, section 3)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000").rjust(28, "0")


def read_time(text: str) -> datetime:
    """An ISO-8601 date-time with `Z`, an offset, or neither (UTC). Raises ValueError for anything else."""
    found = _DATETIME.fullmatch(text)
    if not found:
        raise ValueError(f"not a date-time: {text}")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micros = int((found[7] or "0").ljust(6, "0")[:6])
    moment = datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC)
    zone = found[8]
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        try:
            moment -= offset if zone[0] == "+" else -offset
        except OverflowError as error:
            raise ValueError(f"out of range: {text}") from error
    return moment


def precise_time(text: str) -> str:
    """A SOQL date-time literal in the stored form, milliseconds kept, so that `>` means what it says."""
    moment = read_time(text)
    return wire_time(moment)[:20] + f"{moment.microsecond // 1000:03d}+0000"


def wire_date(text: str) -> str:
    """`YYYY-MM-DD` from a date, or from a date-time (its UTC day). Raises ValueError for anything else."""
    found = _DATE.fullmatch(text)
    if found:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    return read_time(text).date().isoformat()


def wire_clock(text: str) -> str:
    """`HH:MM:SS.mmmZ`, a time of day. Raises ValueError when it is none."""
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise ValueError(f"not a time of day: {text}")
    return f"{found[1]}:{found[2]}:{found[3] or '00'}.{(found[4] or '0').ljust(3, '0')}Z"


def _month_on(day: date, months: int) -> date:
    """The first day of the month that lies `months` after the month of `day`."""
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def _week_start(day: date) -> date:
    """Weeks run from Sunday, as in an org with a US locale."""
    return day - timedelta(days=(day.weekday() + 1) % 7)


def _unit_start(unit: str, today: date, steps: int) -> date:
    """The first day of the unit `steps` units from now."""
    if unit == "DAY":
        return today + timedelta(days=steps)
    if unit == "WEEK":
        return _week_start(today) + timedelta(weeks=steps)
    if unit == "MONTH":
        return _month_on(today, steps)
    if unit == "QUARTER":
        return _month_on(today, 3 * steps - (today.month - 1) % 3)
    return date(today.year + steps, 1, 1)


_NAMED = {"YESTERDAY": ("DAY", -1), "TODAY": ("DAY", 0), "TOMORROW": ("DAY", 1)}
_PLACES = {"LAST": -1, "THIS": 0, "NEXT": 1}
_PLAIN = re.compile(r"(LAST|THIS|NEXT)_(WEEK|MONTH|QUARTER|YEAR)")
_COUNTED = re.compile(
    r"(?:(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR)S|N_(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO):(\d{1,6})"
)


def span(name: str, now: datetime) -> tuple[date, date] | None:
    """The days [first, day after the last) that a SOQL date literal such as `LAST_N_DAYS:3` means; None for no literal.

    Days are UTC. Raises ValueError when the span leaves the calendar.
    """
    name, today = name.upper(), now.astimezone(UTC).date()
    try:
        if name in _NAMED:
            unit, step = _NAMED[name]
            return _unit_start(unit, today, step), _unit_start(unit, today, step + 1)
        if name in ("LAST_90_DAYS", "NEXT_90_DAYS"):
            return span(name.replace("90", "N") + ":90", now)
        if plain := _PLAIN.fullmatch(name):
            step = _PLACES[plain[1]]
            return _unit_start(plain[2], today, step), _unit_start(plain[2], today, step + 1)
        counted = _COUNTED.fullmatch(name)
        return _counted_span(counted, today) if counted else None
    except OverflowError as error:
        raise ValueError(f"out of range: {name}") from error


def _counted_span(counted: re.Match[str], today: date) -> tuple[date, date]:
    count = int(counted[4])
    if counted[3]:  # N_DAYS_AGO:n is that one unit
        return _unit_start(counted[3], today, -count), _unit_start(counted[3], today, 1 - count)
    unit, tomorrow = counted[2], today + timedelta(days=1)
    if counted[1] == "LAST":  # days up to and with today; of longer units the whole ones before this one
        return _unit_start(unit, today, -count), tomorrow if unit == "DAY" else _unit_start(unit, today, 0)
    return _unit_start(unit, today, 1), _unit_start(unit, today, count + 1)
