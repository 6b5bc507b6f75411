"""The rows that say what the values of a status picklist mean: OpportunityStage, LeadStatus, TaskStatus, CaseStatus ….

A world may give the rows, or the picklist, or neither; here the one follows from the other. Also the rows that every
org has: itself, its standard price book, its currencies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.objects.activities import TASK_PRIORITIES, TASK_STATUSES
from concord_sandbox.salesforce.objects.cases import CASE_STATUSES
from concord_sandbox.salesforce.objects.features import currency_row
from concord_sandbox.salesforce.objects.selling import FORECASTS, STAGES
from concord_sandbox.salesforce.objects.standard import LEAD_STATUSES
from concord_sandbox.salesforce.schema import Given

#: Stores a record of that object.
Put = Callable[[str, Given], None]


def add_settings(org: Org, put: Put) -> None:
    """The rows that the world does not give."""
    if not org.tables["organization"].rows:
        given = {"Id": org.identity.organisation_id, "Name": "Sandbox Organisation", "InstanceName": "SBX1"}
        put("Organization", given | {"OrganizationType": "Developer Edition", "TimeZoneSidKey": "Etc/UTC"})
    if not any(row.get("IsStandard") for row in org.tables["pricebook2"].rows.values()):
        put("Pricebook2", {"Name": "Standard Price Book", "IsActive": True, "IsStandard": True})
    if org.currencies and not org.tables["currencytype"].rows:
        for one in org.currencies:
            put("CurrencyType", currency_row(one))
    _follow(org, put, "LeadStatus", "Lead", "Status", lambda value: {"IsConverted": value in _marked(LEAD_STATUSES)})
    _follow(org, put, "TaskStatus", "Task", "Status", lambda value: {"IsClosed": value in _marked(TASK_STATUSES)})
    _follow(
        org,
        put,
        "TaskPriority",
        "Task",
        "Priority",
        lambda value: {"IsHighPriority": value in _marked(TASK_PRIORITIES)},
    )
    _follow(org, put, "CaseStatus", "Case", "Status", lambda value: {"IsClosed": value in _marked(CASE_STATUSES)})
    _follow(org, put, "OpportunityStage", "Opportunity", "StageName", _stage)


def _marked(pairs: Iterable[tuple[str, bool]]) -> set[str]:
    return {value for value, mark in pairs if mark}


def _stage(value: str) -> Given:
    """What a stage means; of one that no org has from the start, as its name suggests."""
    known = {one[0]: one[1:] for one in STAGES}.get(value)
    if known is None:
        won, lost = "won" in value.lower(), "lost" in value.lower()
        category = "Closed" if won else "Omitted" if lost else "Pipeline"
        known = (100 if won else 0 if lost else 50, category, won or lost, won)
    probability, category, closed, won = known
    said: Given = {"DefaultProbability": float(probability), "IsActive": True, "IsClosed": closed, "IsWon": won}
    return said | {"ForecastCategoryName": category, "ForecastCategory": FORECASTS[category]}


def _follow(org: Org, put: Put, rows_name: str, name: str, field_name: str, marks: Callable[[str], Given]) -> None:
    """Make the rows after the picklist, or the picklist after the rows that the world gives."""
    table, kind = org.tables[rows_name.lower()], org.tables[name.lower()].kind
    field = kind.fields[field_name.lower()]
    if not table.rows:
        for place, one in enumerate(field.attributes["picklistValues"], start=1):
            row = {"MasterLabel": one["label"], "ApiName": one["value"], "SortOrder": place}
            default = {"IsDefault": one["defaultValue"]} if table.kind.field("IsDefault") else {}
            put(rows_name, row | default | marks(one["value"]))
        return
    rows = sorted(table.rows.values(), key=lambda row: row.get("SortOrder", 0))
    if {row["ApiName"] for row in rows} == set(field.all_values):
        return
    staged = table.kind.field("IsActive") is not None
    options = [
        {
            "active": bool(row.get("IsActive")) if staged else True,
            "defaultValue": bool(row.get("IsDefault")),
            "label": row.get("MasterLabel", row["ApiName"]),
            "validFor": None,
            "value": row["ApiName"],
        }
        for row in rows
    ]
    field.set_options(options)
    kind.note_defaults()
