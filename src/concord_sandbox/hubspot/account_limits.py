"""How much of what the account may hold is in use (API reference section 21). Counts only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.models import ObjectTable
from concord_sandbox.hubspot.pipelines import MOST as MOST_PIPELINES
from concord_sandbox.hubspot.properties import MOST_OWN
from concord_sandbox.hubspot.schema import NOT_STAGED
from concord_sandbox.hubspot.schemas import MOST_TYPES
from concord_sandbox.hubspot.targets import Routes, Target

MOST_RECORDS, MOST_CALCULATED, MOST_LABELS = 15_000_000, 200, 50
#: How many records one record may be associated to where no administrator says less, and when that is near.
MOST_LINKS, NEAR = 50_000, 0.8
_SAMPLES = 10
Answer = tuple[Any, int]
Row = dict[str, Any]


def _labels(call: Call, table: ObjectTable) -> Row:
    own = call.portal.own_types.get(table.kind.plural, {}).get("labels", {})
    return {
        "objectTypeId": table.kind.type_id,
        "singularLabel": own.get("singular") or table.kind.singular.replace("_", " ").title(),
        "pluralLabel": own.get("plural") or table.kind.plural.replace("_", " ").title(),
    }


def _share(usage: int, most: int) -> float:
    return round(100 * usage / most, 4)


def _row(call: Call, table: ObjectTable, usage: int, most: int) -> Row:
    return {**_labels(call, table), "limit": most, "usage": usage, "percentage": _share(usage, most)}


def _overall(rows: list[Row], most: int) -> Row:
    usage = sum(int(row["usage"]) for row in rows)
    return {"overallLimit": most, "overallUsage": usage, "overallPercentage": _share(usage, most)}


def _tables(call: Call) -> list[ObjectTable]:
    """Every object type that can be used: HubSpot's own, then the account's."""
    portal = call.portal
    return [portal.kept(plural) for plural in portal.kinds if portal.table(plural) is not None]


def _by_kind(call: Call, rows: Iterable[tuple[ObjectTable, int]], most: int) -> Row:
    defined: list[Row] = []
    own: list[Row] = []
    for table, usage in rows:
        (own if table.kind.plural in call.portal.own_types else defined).append(_row(call, table, usage, most))
    by_type = [{name: value for name, value in row.items() if name != "limit"} for row in own]
    return {
        "hubspotDefinedObjectTypes": defined,
        "customObjectTypes": {"byObjectType": by_type, **_overall(own, most)},
    }


def records(call: Call) -> Answer:
    return _by_kind(call, ((table, len(table.live)) for table in _tables(call)), MOST_RECORDS), 200


def pipelines(call: Call) -> Answer:
    staged = [table for table in _tables(call) if table.kind.plural not in NOT_STAGED]
    counted = ((table, len(call.portal.pipelines_of(table.kind.plural))) for table in staged)
    return _by_kind(call, counted, MOST_PIPELINES), 200


def custom_properties(call: Call) -> Answer:
    rows = []
    for table in _tables(call):
        usage = sum(not one.hubspot_defined and not one.archived for one in table.definitions.values())
        rows.append(_row(call, table, usage, MOST_OWN))
    return {"byObjectType": rows, **_overall(rows, MOST_OWN * len(rows))}, 200


def calculated_properties(call: Call) -> Answer:
    rows = []
    for table in _tables(call):
        usage = sum(
            one.calculated and not one.hubspot_defined and not one.archived for one in table.definitions.values()
        )
        rows.append({**_labels(call, table), "usage": usage, "percentage": _share(usage, MOST_CALCULATED)})
    return {"byObjectType": rows, **_overall(rows, MOST_CALCULATED)}, 200


def custom_object_types(call: Call) -> Answer:
    usage = sum(not row.get("archived") for row in call.portal.own_types.values())
    return {"limit": MOST_TYPES, "usage": usage, "percentage": _share(usage, MOST_TYPES)}, 200


# Associations.


def labels(call: Call) -> Answer:
    """Of every pair that has labels of its own, or of those between the types in the query."""
    wanted = [call.table_of(name) if (name := call.text(part)) else None for part in ("fromObjectTypeId",
              "toObjectTypeId")]  # fmt: skip
    pairs = dict.fromkeys(
        pair
        for row in call.portal.links.own
        if row["label"] and row["category"] == "USER_DEFINED"
        for pair in ((str(row["from"]), str(row["to"])), (str(row["to"]), str(row["from"])))
    )
    rows = []
    for from_, to in pairs:
        ends = (call.portal.kept(from_), call.portal.kept(to))
        if any(asked is not None and asked is not end for asked, end in zip(wanted, ends, strict=True)):
            continue
        known = call.portal.links.known(from_, to).values()
        found = [str(one.label) for one in known if one.category == "USER_DEFINED" and one.label]
        rows.append(
            {
                "fromObjectType": _labels(call, ends[0]),
                "toObjectType": _labels(call, ends[1]),
                "allLabels": found,
                "limit": MOST_LABELS,
                "usage": len(found),
                "percentage": _share(len(found), MOST_LABELS),
            }
        )
    return {"results": rows}, 200


def _most(call: Call, from_: ObjectTable, to: ObjectTable) -> int:
    """What an administrator allows at most between two types, else the product's own limit."""
    least = MOST_LINKS
    for row in call.portal.association_limits:
        if (call.table_of(str(row["from"])), call.table_of(str(row["to"]))) == (from_, to):
            least = min(least, int(row["maxToObjectIds"]))
    return least


def _used(call: Call, from_: ObjectTable, to: ObjectTable) -> list[tuple[int, int]]:
    """(record id, how many records of the other type it is associated to) of those that are near the limit."""
    most, links = _most(call, from_, to), call.portal.links
    counted = ((number, len(links.of(End(from_.kind.plural, number), to.kind.plural))) for number in from_.live)
    return [(number, count) for number, count in counted if count >= NEAR * most]


def _near(call: Call, table: ObjectTable, pairs: Iterable[tuple[ObjectTable, ObjectTable]]) -> Row | None:
    at = near = False
    for from_, to in pairs:
        most = _most(call, from_, to)
        counts = [count for _, count in _used(call, from_, to)]
        at, near = at or any(c >= most for c in counts), near or any(c < most for c in counts)
    return {**_labels(call, table), "hasRecordsAtLimit": at, "hasRecordsNearLimit": near} if at or near else None


def _linked_types(call: Call, from_: ObjectTable) -> list[ObjectTable]:
    return [to for to in _tables(call) if call.portal.links.known(from_.kind.plural, to.kind.plural)]


def from_types(call: Call) -> Answer:
    """The object types with records that are at or near a limit."""
    rows = (_near(call, one, ((one, to) for to in _linked_types(call, one))) for one in _tables(call) if one.live)
    return {"results": [row for row in rows if row is not None]}, 200


def to_types(call: Call) -> Answer:
    from_ = call.table()
    rows = (_near(call, to, [(from_, to)]) for to in _linked_types(call, from_))
    return {"results": [row for row in rows if row is not None]}, 200


def between_types(call: Call) -> Answer:
    from_, to = call.table(), call.table("to")
    most = _most(call, from_, to)
    used = _used(call, from_, to)
    full = [(number, count) for number, count in used if count >= most]
    close = [(number, count) for number, count in used if count < most]
    return {
        "limit": most,
        "totalRecordsAtLimit": len(full),
        "totalRecordsNearLimit": len(close),
        "atLimitFromRecordSamples": [{"objectId": one, "label": _name(from_, one)} for one, _ in full[:_SAMPLES]],
        "nearLimitFromRecordSamples": [
            {"objectId": one, "label": _name(from_, one), "usage": count, "percentage": _share(count, most)}
            for one, count in close[:_SAMPLES]
        ],
    }, 200


def _name(table: ObjectTable, record_id: int) -> str:
    values = table.live[record_id].values
    shown = (values.get(name, "") for name in table.kind.shown)
    return next((text for text in shown if text), str(record_id))


ROUTES: Routes = (
    ("GET", "limits", "records", Target(records)),
    ("GET", "limits", "custom-properties", Target(custom_properties)),
    ("GET", "limits", "calculated-properties", Target(calculated_properties)),
    ("GET", "limits", "custom-object-types", Target(custom_object_types)),
    ("GET", "limits", "pipelines", Target(pipelines)),
    ("GET", "limits", "associations/labels", Target(labels)),
    ("GET", "limits", "associations/records/from", Target(from_types)),
    ("GET", "limits", "associations/records/{type}/to", Target(to_types)),
    ("GET", "limits", "associations/records/{type}/{to}", Target(between_types)),
)
