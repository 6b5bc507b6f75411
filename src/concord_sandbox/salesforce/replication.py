"""Answers of getUpdated and getDeleted: which records changed or went in a span of time (api/salesforce.md 7.2)."""

from __future__ import annotations

from datetime import datetime, timedelta

from concord_sandbox.salesforce.calls import Answer, Api, Call
from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.lifecycle.recycling import RecycleBin
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.values import read_time, wire_time

_UPDATED_DAYS, _DELETED_DAYS = 30, 15
_MOST_IDS = 600_000
_LEAST = timedelta(minutes=1)


def updated(api: Api, call: Call, name: str) -> Answer:
    """Ids of live records changed in a window of at most 30 days back."""
    table, start, end = _window(api, call, name, timedelta(days=_UPDATED_DAYS))
    rows = (row for row in table.by_stamp(start, end) if row["SystemModstamp"] < end and "IsDeleted" not in row)
    ids = [row["Id"] for row in rows]
    _check_count(len(ids))
    return Answer(200, {"ids": ids, "latestDateCovered": _covered(api, end)})


def deleted_ids(api: Api, call: Call, name: str) -> Answer:
    """Deletions in a window of at most 15 days back."""
    table, start, end = _window(api, call, name, timedelta(days=_DELETED_DAYS))
    rows = (row for row in table.by_stamp(start, end) if row["SystemModstamp"] < end and "IsDeleted" in row)
    binned = [(row["SystemModstamp"], row["Id"]) for row in rows]
    gone = sorted([*binned, *api.org.parts.of(RecycleBin).purged(table, start, end)])
    _check_count(len(gone))
    return Answer(
        200,
        {
            "deletedRecords": [{"id": record_id, "deletedDate": stamp} for stamp, record_id in gone],
            "earliestDateAvailable": wire_time(_earliest(api, timedelta(days=_DELETED_DAYS))),
            "latestDateCovered": _covered(api, end),
        },
    )


def _check_count(count: int) -> None:
    if count > _MOST_IDS:
        words = f"More than {_MOST_IDS} records changed in this span: ask for a shorter one"
        raise Refusal(400, Fail("EXCEEDED_ID_LIMIT", words))


def _earliest(api: Api, furthest: timedelta) -> datetime:
    return (api.controls.clock.now() - furthest).replace(second=0, microsecond=0)


def _window(api: Api, call: Call, name: str, furthest: timedelta) -> tuple[Table, str, str]:
    """The asked window in wire form; seconds are ignored, as documented. Raises Refusal."""
    table = api.table(name)
    if not table.kind.summary(call.version)["replicateable"]:
        words = f"object type {table.kind.name} is not replicatable"
        raise Refusal(400, Fail("INVALID_TYPE_FOR_OPERATION", words))
    try:
        # A plus sign that was not encoded arrives as a blank.
        start, end = (_minute(call.query[key]) for key in ("start", "end"))
    except KeyError as missing:
        raise Refusal(400, Fail("MISSING_ARGUMENT", f"missing required parameter {missing}")) from None
    except (ValueError, OverflowError) as error:
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", str(error))) from None
    now = api.controls.clock.now()
    if start < _earliest(api, furthest):
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", "startDate before org replication enabled date"))
    if start > now:
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", "startDate must not be in the future"))
    if end < start:
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", "startDate must be before endDate"))
    if end - start < _LEAST:
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", "endDate must be at least one minute after startDate"))
    return table, wire_time(start), wire_time(end)


def _minute(text: str) -> datetime:
    return read_time(text.replace(" ", "+")).replace(second=0, microsecond=0)


def _covered(api: Api, end: str) -> str:
    return min(end, wire_time(api.controls.clock.now().replace(second=0)))
