"""Dates and times as Salesforce's REST API writes and reads them.

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
