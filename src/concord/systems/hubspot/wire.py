"""HubSpot's strings <-> typed values, and its rows -> records. Pure: no call, no decision.

All property values are strings on the wire; null and "" are both empty, and "" clears (api/hubspot.md, section 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

from concord.core.model import HistoryEntry, Record, Stamp
from concord.core.values import AS_TOLD, BLANK, NUMERIC, FieldSpec, FieldType, Nothing, ObjectSpec, Ref, Value
from concord.systems.hubspot.errors import SYSTEM

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_MILLIS: Final = re.compile(r"-?\d{1,15}")

#: The any-mail opt-out of a contact: read as a property, written for the address (section 13).
OPT_OUT: Final = "hs_email_optout"

#: Where a record keeps the ids that were merged into it.
MERGED_IDS: Final = ("hs_merged_object_ids", "hs_calculated_merged_vids", "hs_all_contact_vids")


class Unwritable(ValueError):
    """A value that its property cannot hold; the text says why."""


# --- values


def parse(text: object, spec: FieldSpec) -> Value:
    """A property's string as a typed value. What is not of the property's type comes back as the text it is: it differs
    from every typed value, so it is seen and reported, never silently taken for empty."""
    if text is None or text == "":
        # The opt-out has two states, and empty is the one of not having opted out (section 13). As BLANK it would look
        # like something to fill in, for every contact that never said a word.
        return False if spec.name == OPT_OUT and spec.type is FieldType.CHECKBOX else BLANK
    kind = spec.type
    if kind in AS_TOLD and isinstance(text, str):
        return text
    if isinstance(text, bool):
        text = "true" if text else "false"
    text = str(text)
    if kind is FieldType.CHECKBOX:
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if kind in NUMERIC:
        return Decimal(text.strip()) if _NUMBER.fullmatch(text.strip()) else text
    if kind is FieldType.DATE:
        moment = instant(text)
        return text if moment is None else moment.date()
    if kind is FieldType.DATETIME:
        moment = instant(text)
        return text if moment is None else moment
    if kind is FieldType.MULTI_PICKLIST:
        parts = frozenset(part for part in (piece.strip() for piece in text.split(";")) if part)
        return parts or BLANK
    if kind is FieldType.REFERENCE and spec.references:
        return Ref(SYSTEM, spec.references[0], text)
    return text


def format_value(value: Value, spec: FieldSpec) -> str:
    """A typed value as the string to write; BLANK is "", which clears.

    Raises Unwritable when the property cannot hold it (MISSING too: what was not read is never written).
    """
    if isinstance(value, Nothing):
        if value is BLANK:
            return ""
        raise Unwritable("the value was not read, so it cannot be written")
    if isinstance(value, bool):
        return _only(spec, "true" if value else "false", FieldType.CHECKBOX)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise Unwritable("the value is no number")
        return _only(spec, format(value, "f"), *NUMERIC)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        # Milliseconds are all that HubSpot keeps; a date property takes midnight and nothing else.
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        return _only(spec, text.rjust(24, "0"), FieldType.DATETIME)
    if isinstance(value, date):
        return _only(spec, value.isoformat(), FieldType.DATE)
    if isinstance(value, frozenset):
        if any(";" in option for option in value):
            raise Unwritable("an option holds a semicolon, which separates options in HubSpot")
        # No leading ";": that would add to what is there instead of replacing it.
        return _only(spec, ";".join(sorted(value)), FieldType.MULTI_PICKLIST)
    if isinstance(value, Ref):
        if value.system != SYSTEM or not value.id:
            raise Unwritable(f"a reference to {value.system} {value.object} cannot be written to HubSpot")
        return _only(spec, value.id, FieldType.REFERENCE)
    return value


def _only(spec: FieldSpec, text: str, *kinds: FieldType) -> str:
    if spec.type not in kinds:
        raise Unwritable(f"{spec.name} is a {spec.type} property and holds no {kinds[0]} value")
    return text


def instant(text: object) -> datetime | None:
    """An ISO time or day, or epoch milliseconds, as an instant in UTC; None when it is neither."""
    if isinstance(text, str) and text.endswith("Z") and text[10:11] == "T":  # as HubSpot writes nearly all of them
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return None
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        return None
    text = text.strip()
    try:
        if _MILLIS.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def millis(moment: datetime) -> int:
    """The instant as epoch milliseconds, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


# --- rows


def modified_name(object_name: str) -> str:
    """The property that says when a record last changed; contacts have a name of their own for it (section 5)."""
    return "lastmodifieddate" if object_name == "contacts" else "hs_lastmodifieddate"


def always(object_name: str) -> tuple[str, ...]:
    """The properties that every read asks for: when it changed, and which ids were merged into it."""
    merged = MERGED_IDS if object_name == "contacts" else MERGED_IDS[:1]
    return (modified_name(object_name), *merged)


def properties_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found = row.get("properties")
    return found if isinstance(found, dict) else {}


def changed_at(row: Mapping[str, Any], object_name: str) -> datetime | None:
    """When the row's record last changed: `updatedAt`, else its property."""
    return instant(row.get("updatedAt")) or instant(properties_of(row).get(modified_name(object_name)))


def version_of(moment: datetime) -> str:
    """The token of a state. Two edits within one millisecond would share it: the second of them is only found by the
    notice of a webhook (which carries no token and so is always looked at) or by reconciliation, never by the sweep
    alone. That takes our read and a person's edit after it, both within that millisecond."""
    return str(millis(moment))


def merged_ids(row: Mapping[str, Any]) -> frozenset[str]:
    """The ids that were merged into this record, and its own ones of before."""
    properties = properties_of(row)
    told = [text for name in MERGED_IDS if (text := properties.get(name))]
    if not told:
        return frozenset()
    pieces = (piece for text in told for piece in str(text).split(";"))
    # hs_calculated_merged_vids adds ":" and the time of the merge to each id.
    return frozenset(piece.split(":")[0].strip() for piece in pieces if piece.strip()) - {str(row.get("id"))}


def record_of(
    row: Mapping[str, Any],
    spec: ObjectSpec,
    fields: Iterable[str],
    *,
    at: datetime,
    app_id: str,
    histories: Sequence[str] = (),
    asked: str | None = None,
) -> Record:
    """One row of an answer as a record. at: the server's time of the answer. asked: the id it was asked for by.

    A field that the schema does not know stays out (MISSING); one that it knows and the row lacks is BLANK, because it
    was asked for by name.
    """
    properties = properties_of(row)
    own = str(row["id"])
    told = row.get("propertiesWithHistory")
    entries = told if isinstance(told, dict) else {}
    written: _Written = {}
    kept = {
        name: _history(entries.get(name), spec.fields[name], app_id, written)
        for name in histories
        if name in spec.fields
    }
    modified_at = changed_at(row, spec.name) or at
    by, ours = _by(kept, modified_at)
    return Record(
        ref=Ref(SYSTEM, spec.name, own),
        values={name: parse(properties.get(name), spec.fields[name]) for name in fields if name in spec.fields},
        modified_at=modified_at,
        read_at=at,
        modified_by=by,
        created_at=instant(row.get("createdAt")),
        version=version_of(modified_at),
        histories=kept,
        asked=asked if asked != own else None,
        ours=ours,
        formerly=tuple(sorted(merged_ids(row))),
    )


#: When and by whom the entries of one record's histories were written, and whether by us, by how HubSpot tells it: many
#: properties are written in one go. None: it does not say when.
_Written: TypeAlias = dict[tuple[object, ...], tuple[Stamp, bool] | None]


def _history(entries: object, spec: FieldSpec, app_id: str, written: _Written) -> tuple[HistoryEntry, ...]:
    """A property's history. written: of those read before; those of this one are added."""
    found: list[HistoryEntry] = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        get = entry.get
        told = (get("timestamp"), get("sourceType"), get("sourceId"), get("updatedByUserId"))
        if told not in written:
            written[told] = _write_of(entry, app_id)
        write = written[told]
        if write is not None:  # an entry without a time says nothing about when
            found.append(HistoryEntry(parse(get("value"), spec), *write))
    # HubSpot tells the newest first; sorting (stable) only guards against an answer that does not.
    if len(found) > 1:
        found.sort(key=lambda entry: entry.stamp.at, reverse=True)
    return tuple(found)


def _write_of(entry: Mapping[str, Any], app_id: str) -> tuple[Stamp, bool] | None:
    moment = instant(entry.get("timestamp"))
    if moment is None:
        return None
    stamp = Stamp(moment, certain=True, source="property history", by=_who(entry))
    return stamp, is_ours(entry.get("sourceType"), entry.get("sourceId"), app_id)


def is_ours(source: object, source_id: object, app_id: str) -> bool:
    """Whether a change was made with this installation's token (section 7: the app's id, in text)."""
    return bool(app_id) and source in ("INTEGRATION", "API") and str(source_id) == app_id


def _who(entry: Mapping[str, Any]) -> str | None:
    if entry.get("sourceId"):
        return str(entry["sourceId"])
    if entry.get("updatedByUserId"):
        return f"userId:{entry['updatedByUserId']}"
    return str(entry["sourceType"]) if entry.get("sourceType") else None


def _by(histories: Mapping[str, tuple[HistoryEntry, ...]], modified_at: datetime) -> tuple[str | None, bool]:
    """Who last changed the record, when a history that was read happens to tell, and whether that was us."""
    for entries in histories.values():
        if entries and entries[0].stamp.at == modified_at:
            return entries[0].stamp.by, entries[0].ours
    return None, False
