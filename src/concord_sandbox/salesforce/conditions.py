"""Conditional requests: whether the dates and tags in a call's headers are met (api/salesforce.md section 3.1).

Dates are compared in whole seconds. Tags count for accounts only, as documented.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from concord_sandbox.salesforce.calls import Answer, Call
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import read_time

_TAGGED = "Account"


def unmet(call: Call, stamp: str, tag: str | None = None) -> Answer | None:
    """The answer to a call whose conditions are not met by what was last changed at `stamp`: 412 when it is not the
    version that the caller means, 304 when a reader has it already. None: go on."""
    reading = call.method == "GET"
    changed = read_time(stamp)
    since = _header_time(call, "if-unmodified-since")
    if since is not None and changed > since:
        return Answer(412)
    wanted, known = call.headers.get("if-match"), call.headers.get("if-none-match")
    if tag is not None and wanted and not _listed(tag, wanted):
        return Answer(412)
    if tag is not None and known:
        if _listed(tag, known):
            return Answer(304 if reading else 412, None, {"ETag": tag})
        return None  # a tag that differs outweighs the date (RFC 9110, 13.1.3)
    since = _header_time(call, "if-modified-since") if reading else None
    return Answer(304) if since is not None and changed <= since else None


def unmet_by_record(call: Call, table: Table, row: Row | None) -> Answer | None:
    """The same for a record; one that is not there meets every condition, so that its own error is answered."""
    if row is None or row.get("IsDeleted"):
        return None
    return unmet(call, row["LastModifiedDate"], tag_of(table, row))


def tag_of(table: Table, row: Row) -> str | None:
    """The entity tag of a record; None for an object whose records have none."""
    if table.kind.name != _TAGGED:
        return None
    digest = hashlib.sha1(f"{row['Id']} {row['SystemModstamp']} {row['LastModifiedDate']}".encode()).digest()  # noqa: S324
    return f'"{base64.b64encode(digest).decode()}"'


def shown(table: Table, row: Row) -> dict[str, str]:
    """The headers by which a later call can state its conditions."""
    tag = tag_of(table, row)
    headers = {"Last-Modified": http_date(row["LastModifiedDate"])}
    return headers if tag is None else {"ETag": tag, **headers}


def http_date(stamp: str) -> str:
    return format_datetime(read_time(stamp), usegmt=True)


def _listed(tag: str, header: str) -> bool:
    names = {one.strip().removeprefix("W/").removesuffix("--gzip") for one in header.split(",")}
    bare = tag.strip('"')
    return "*" in names or tag in names or bare in names


def _header_time(call: Call, name: str) -> datetime | None:
    given = call.headers.get(name)
    if not given:
        return None
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None  # a date that cannot be read is as if it were not there (RFC 9110, 13.1.3)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
