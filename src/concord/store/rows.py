"""Core's data as JSON for the database, and back. Pure; knows no SQL.

JSON in PostgreSQL cannot hold a NUL character or half a surrogate pair, and a CRM's text may. Such characters are
escaped with a private-use character on the way in and restored on the way out, so that a base stays exactly what the
side showed: a base that is not would look like a change for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import orjson

from concord.core.model import Base, Failure, Known, Notice, Origin, Refused, Review, Seen, Side, Stamp, Work
from concord.core.plan import Outcome, Rule, Verdict
from concord.core.values import MISSING, Ref, Value, from_json, to_json
from concord.errors import Category

Row = dict[str, Any]

#: Where `Known.told` is kept: among the traits, so that an older Concord, which does not know it, drops it.
TOLD: Final = "told"

_ESCAPE: Final = "\ue000"
_ESCAPE_BYTES: Final = _ESCAPE.encode()
#: As JSON tells it; where it only looks so, escaping changes nothing.
_NUL: Final = b"\\u0000"
#: Only what is plain data: what has no JSON of its own is turned into it here, never by the way.
_STRICTLY: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff\ue000]")
_ESCAPED: Final = re.compile("\ue000([0-9a-f]{4})")


def dumps(data: object) -> str:
    """JSON that PostgreSQL can hold. Whole numbers of 64 bits at most."""
    try:
        text = orjson.dumps(data, option=_STRICTLY)
    except TypeError:  # half a surrogate pair, which escaping mends; nothing else
        text = orjson.dumps(_each_text(data, _escape), option=_STRICTLY)
    else:
        if _NUL in text or _ESCAPE_BYTES in text:
            text = orjson.dumps(_each_text(data, _escape), option=_STRICTLY)
    return text.decode()


def loads(text: str | bytes) -> Any:
    """What `dumps` was given; from `dumps` itself, or as PostgreSQL writes it."""
    told = text.encode() if isinstance(text, str) else text
    data = orjson.loads(told)
    return _each_text(data, _restore) if _ESCAPE_BYTES in told else data


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
    data = row.get(name, MISSING)
    return data if data is MISSING or isinstance(data, str) else from_json(data)  # a text is the text that it is


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
    origin, left_seen, right_seen = row.get("o"), row.get("ls"), row.get("rs")
    return Base(
        value_in(row, "l"),
        value_in(row, "r"),
        None if origin is None else Origin(Side(origin["side"]), stamp_in(origin)),
        None if left_seen is None else datetime.fromisoformat(left_seen),
        None if right_seen is None else datetime.fromisoformat(right_seen),
    )


class Bases(Mapping[str, Base]):
    """The bases of one link, made of the database's JSON when they are first looked at: links are also read for what
    they link alone."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _bases(self) -> dict[str, Base]:
        return {name: base_in(row) for name, row in loads(self._text).items()}

    def __getitem__(self, name: str) -> Base:
        return self._bases[name]

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict: what every field of every record is looked up by."""
        return self._bases.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._bases)

    def __len__(self) -> int:
        return len(self._bases)

    def __repr__(self) -> str:
        return repr(self._bases)


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


#: What the database adds to a failure: when the row first failed since it was last in order, and when it last did.
FAILED_AT: Final = ("first_at", "last_at")
_FAILURE: Final = tuple(one.name for one in fields(Failure) if one.name != "refused")


def failure_out(failure: Failure | None) -> Row | None:
    if failure is None:
        return None
    row: Row = {name: getattr(failure, name) for name in _FAILURE}
    if failure.refused:
        row["refused"] = [_refused_out(one) for one in failure.refused]
    return row


def _refused_out(refused: Refused) -> Row:
    row: Row = {"system": refused.system, "field": refused.field, "name": refused.name}
    value_out(row, "v", refused.value)
    value_out(row, "s", refused.shown)
    return row


def failed_at(row: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """When a row first and last failed; None of one that another version of Concord wrote."""
    first, last = (_moment_in(row.get(name)) for name in FAILED_AT)
    return first, last


def failure_in(row: Mapping[str, Any] | None) -> Failure | None:
    """What another version of Concord put there, and this one does not know, is passed over."""
    if row is None:
        return None
    given = {name: row[name] for name in _FAILURE if name in row}
    refused = tuple(
        Refused(one["system"], one["field"], one["name"], value_in(one, "v"), value_in(one, "s"))
        for one in row.get("refused", ())
    )
    return Failure(
        **{**given, "category": Category(row["category"]), "fields": tuple(row.get("fields", ())), "refused": refused}
    )


# --- rows for jsonb_to_recordset --------------------------------------------------------------------------------------


def ref_row(ref: Ref) -> Row:
    return {"system": ref.system, "object": ref.object, "record_id": ref.id}


def side_rows(left: Ref | None, right: Ref | None) -> Row:
    row: Row = {}
    if left is not None:
        row["left_system"], row["left_object"], row["left_id"] = left
    if right is not None:
        row["right_system"], row["right_object"], row["right_id"] = right
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
        "traits": dict(known.traits) if known.told is None else {**known.traits, TOLD: known.told},
        "keys": sorted(known.keys),
        "version": known.version,
        "duplicate_object": duplicate.object if duplicate else None,
        "duplicate_id": duplicate.id if duplicate else None,
    }


def seen_row(seen: Seen) -> Row:
    duplicate = seen.duplicate_of
    return {
        **ref_row(seen.ref),
        "told": seen.told,
        "traits": dict(seen.traits),
        "version": seen.version,
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
