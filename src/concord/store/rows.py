"""Core's data as JSON for the database, and back. Pure; knows no SQL.

JSON in PostgreSQL cannot hold a NUL character or half a surrogate pair, and a CRM's text may. Such characters are
escaped with a private-use character on the way in and restored on the way out, so that a base stays exactly what the
side showed: a base that is not would look like a change for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from concord.core.model import Base, Failure, Known, Notice, Origin, Review, Side, Stamp, Work
from concord.core.plan import Outcome, Rule, Verdict
from concord.core.values import MISSING, Ref, Value, from_json, to_json
from concord.errors import Category

Row = dict[str, Any]

_ESCAPE: Final = "\ue000"
_SUSPECT: Final = re.compile(r"\\u(?:0000|d[89a-f]|e000)")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff\ue000]")
_ESCAPED: Final = re.compile("\ue000([0-9a-f]{4})")


def dumps(data: object) -> str:
    """JSON that PostgreSQL can hold."""
    text = json.dumps(data)
    return json.dumps(_each_text(data, _escape)) if _SUSPECT.search(text) else text


def loads(text: str | bytes) -> Any:
    """What `dumps` was given; from `dumps` itself, or as PostgreSQL writes it."""
    plain = text if isinstance(text, str) else text.decode("utf-8")
    data = json.loads(plain)
    return _each_text(data, _restore) if _ESCAPE in plain or "\\ue000" in plain else data


def _escape(text: str) -> str:
    return _UNSTORABLE.sub(lambda found: f"{_ESCAPE}{ord(found.group()):04x}", text)


def _restore(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text)


def _each_text(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, dict):
        return {change(key): _each_text(value, change) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_each_text(value, change) for value in data]
    return data


# --- values, bases, verdicts ------------------------------------------------------------------------------------------


def value_out(row: Row, name: str, value: Value) -> None:
    """Put a value under `name`; MISSING is left out."""
    if value is not MISSING:
        row[name] = to_json(value)


def value_in(row: Mapping[str, Any], name: str) -> Value:
    return from_json(row[name]) if name in row else MISSING


def moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment_in(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def stamp_out(stamp: Stamp | None) -> Row | None:
    if stamp is None:
        return None
    return {"at": stamp.at.isoformat(), "certain": stamp.certain, "source": stamp.source, "by": stamp.by}


def stamp_in(row: Mapping[str, Any] | None) -> Stamp | None:
    if row is None or row.get("at") is None:
        return None
    return Stamp(datetime.fromisoformat(row["at"]), row["certain"], row["source"], row["by"])


def base_out(base: Base) -> Row:
    """{"l", "r": what each side showed; "o": the edit it stands for; "ls", "rs": the newest history entry seen}"""
    row: Row = {}
    value_out(row, "l", base.left)
    value_out(row, "r", base.right)
    if base.origin is not None:
        row["o"] = {"side": base.origin.side.value, **(stamp_out(base.origin.stamp) or {})}
    if base.left_seen is not None:
        row["ls"] = base.left_seen.isoformat()
    if base.right_seen is not None:
        row["rs"] = base.right_seen.isoformat()
    return row


def base_in(row: Mapping[str, Any]) -> Base:
    origin = row.get("o")
    return Base(
        value_in(row, "l"),
        value_in(row, "r"),
        None if origin is None else Origin(Side(origin["side"]), stamp_in(origin)),
        _moment_in(row.get("ls")),
        _moment_in(row.get("rs")),
    )


def verdict_out(verdict: Verdict) -> Row:
    """What the ledger keeps in `values`; the rest of a verdict has columns of its own."""
    row: Row = {}
    value_out(row, "l", verdict.left)
    value_out(row, "r", verdict.right)
    value_out(row, "wl", verdict.write_left)
    value_out(row, "wr", verdict.write_right)
    for name, stamp in (("ls", verdict.left_stamp), ("rs", verdict.right_stamp)):
        if stamp is not None:
            row[name] = stamp_out(stamp)
    if verdict.base is not None:
        row["b"] = base_out(verdict.base)
    if verdict.winner is not None:
        row["winner"] = verdict.winner.value
    return row


def verdict_in(
    field: str, outcome: str, rule: str, reason: str, conflict: bool, first_link: bool, row: Mapping[str, Any]
) -> Verdict:
    return Verdict(
        field=field,
        outcome=Outcome(outcome),
        rule=Rule(rule),
        reason=reason,
        left=value_in(row, "l"),
        right=value_in(row, "r"),
        base=base_in(row["b"]) if "b" in row else None,
        write_left=value_in(row, "wl"),
        write_right=value_in(row, "wr"),
        winner=Side(row["winner"]) if "winner" in row else None,
        conflict=conflict,
        first_link=first_link,
        left_stamp=stamp_in(row.get("ls")),
        right_stamp=stamp_in(row.get("rs")),
    )


def failure_out(failure: Failure | None) -> Row | None:
    return None if failure is None else asdict(failure)


def failure_in(row: Mapping[str, Any] | None) -> Failure | None:
    if row is None:
        return None
    return Failure(**{**row, "category": Category(row["category"]), "fields": tuple(row["fields"])})


# --- rows for jsonb_to_recordset --------------------------------------------------------------------------------------


def ref_row(ref: Ref) -> Row:
    return {"system": ref.system, "object": ref.object, "record_id": ref.id}


def side_rows(left: Ref | None, right: Ref | None) -> Row:
    row: Row = {}
    for side, ref in (("left", left), ("right", right)):
        if ref is not None:
            row |= {f"{side}_system": ref.system, f"{side}_object": ref.object, f"{side}_id": ref.id}
    return row


def ref_rows(refs: Iterable[Ref]) -> str:
    return dumps([ref_row(ref) for ref in sorted(set(refs))])


def notice_row(notice: Notice) -> Row:
    return {
        **ref_row(notice.ref),
        "lane": int(notice.lane),
        "seen_at": moment(notice.seen_at),
        "changed_at": moment(notice.changed_at),
        "version": notice.version,
    }


def work_row(work: Work) -> Row:
    return {**ref_row(work.ref), "ticket": work.ticket}


def known_row(known: Known) -> Row:
    duplicate = known.duplicate_of
    return {
        **ref_row(known.ref),
        "object_pair": known.object_pair,
        "traits": dict(known.traits),
        "keys": sorted(known.keys),
        "version": known.version,
        "duplicate_object": duplicate.object if duplicate else None,
        "duplicate_id": duplicate.id if duplicate else None,
    }


def review_row(review: Review) -> Row:
    return {
        **side_rows(review.left, review.right),
        "object_pair": review.object_pair,
        "score": review.score,
        "evidence": list(review.evidence),
        "state": review.state,
    }
