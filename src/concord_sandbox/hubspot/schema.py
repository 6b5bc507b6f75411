"""Object types, and the properties that every portal has.

Data and its reading only: no records. Types, options and names follow sections 5, 8 and 11 of the API reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.hubspot.built_in.activities import ACTIVITIES
from concord_sandbox.hubspot.built_in.choices import STAGE_NAMES
from concord_sandbox.hubspot.built_in.people import COMPANIES, CONTACTS
from concord_sandbox.hubspot.built_in.sales import DEALS, LEADS, LINE_ITEMS, PRODUCTS, TICKETS, USERS


@dataclass(frozen=True)
class ObjectType:
    """One kind of record. `webhook`: its prefix in the legacy webhook family, None where it has none."""

    type_id: str
    plural: str
    singular: str
    webhook: str | None = None
    shown: tuple[str, ...] = ()
    """What a read gives when no properties are asked for."""
    searched: tuple[str, ...] = ()
    """Where the free-text `query` of a search looks."""


def _kind(row: str) -> ObjectType:
    type_id, plural, singular, webhook, shown, searched = (part.strip() for part in row.split("|"))
    return ObjectType(type_id, plural, singular, webhook or None, tuple(shown.split()), tuple(searched.split()))


OBJECT_TYPES: tuple[ObjectType, ...] = tuple(
    _kind(row)
    for row in """\
0-1 | contacts | contact | contact | firstname lastname email | firstname lastname email hs_additional_emails phone mobilephone company
0-2 | companies | company | company | name domain | name domain website phone
0-3 | deals | deal | deal | dealname amount closedate dealstage pipeline | dealname pipeline dealstage description dealtype
0-5 | tickets | ticket | ticket | subject content hs_pipeline hs_pipeline_stage | subject content
0-7 | products | product | product | name price | name description
0-8 | line_items | line_item | line_item | name quantity price |
0-18 | communications | communication | | |
0-27 | tasks | task | | |
0-46 | notes | note | | |
0-47 | meetings | meeting | | |
0-48 | calls | call | | |
0-49 | emails | email | | |
0-115 | users | user | | |
0-136 | leads | lead | | |
""".splitlines()  # noqa: E501 - one object type a line
)


#: Object types of HubSpot's that the sandbox has not: names and type ids.
NOT_EMULATED = frozenset(
    (  # noqa: SIM905 - as they are written in paths
        "quotes 0-14 goals goal_targets 0-74 feedback_submissions 0-19 invoices 0-53 subscriptions 0-69 payments 0-101"
        " commerce_payments discounts 0-84 fees 0-85 taxes 0-86 postal_mail 0-116 orders 0-123 carts 0-142 services"
        " 0-162 courses 0-410 listings 0-420 appointments 0-421 partner_clients 0-145 partner_services 0-146 contracts"
    ).split()
)


@dataclass
class Definition:
    """One property of an object type (API reference section 8)."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    options: list[dict[str, Any]] = field(default_factory=list)
    description: str = ""
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    external_options: bool = False
    hidden: bool = False
    form_field: bool = True
    display_order: int = -1
    hubspot_defined: bool = True
    referenced_object_type: str | None = None
    sensitivity: str = "non_sensitive"
    formula: str | None = None
    #: What callers send and get back, and nothing here acts on: numberDisplayHint, showCurrencySymbol and such.
    hints: dict[str, Any] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    archived: bool = False

    def __post_init__(self) -> None:
        self.set_options(self.options)

    def set_options(self, options: list[dict[str, Any]]) -> None:
        """Replace the options. Hidden ones stay writable (API reference section 8)."""
        self.options = [
            {
                "label": str(option.get("label", option["value"])),
                "value": str(option["value"]),
                "displayOrder": int(option.get("displayOrder", place)),
                "hidden": bool(option.get("hidden", False)),
            }
            | ({"description": str(option["description"])} if option.get("description") else {})
            for place, option in enumerate(options)
        ]
        ordered = sorted(self.options, key=lambda option: option["displayOrder"])
        self.option_values = {option["value"]: rank for rank, option in enumerate(ordered)}

    @property
    def writable(self) -> bool:
        """Whether the API takes values for it."""
        return not (self.calculated or self.read_only)

    @property
    def holds_addresses(self) -> bool:
        return self.name == "hs_additional_emails"


#: Parts of a property that only tell screens how to show it.
HINTS = ("numberDisplayHint", "textDisplayHint", "showCurrencySymbol", "currencyPropertyName", "optionSortStrategy",
         "searchableInGlobalSearch", "externalOptionsReferenceType")  # fmt: skip
SENSITIVITIES = ("non_sensitive", "sensitive", "highly_sensitive")
_TYPES: dict[str, frozenset[str]] = {
    "string": frozenset({"text", "textarea", "html", "file", "phonenumber", "calculation_equation"}),
    "phone_number": frozenset({"phonenumber"}),
    "number": frozenset({"number", "calculation_equation"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": frozenset({"select", "radio", "checkbox", "booleancheckbox", "calculation_equation"}),
    "bool": frozenset({"booleancheckbox", "calculation_equation"}),
}


def _sensitivity(name: str, given: Any) -> str:
    if given not in (None, *SENSITIVITIES):
        raise ValueError(f"{name}: dataSensitivity is one of {', '.join(SENSITIVITIES)}")
    return str(given or "non_sensitive")


def allowed_field_types(kind: str) -> frozenset[str]:
    """The field types of a property type; empty for an unknown one (API reference section 8)."""
    return _TYPES.get(kind, frozenset())


def definition(asked: dict[str, Any], now_ms: int) -> Definition:
    """A property as an administrator or the API defines it. Raises ValueError with what is wrong."""
    name, kind = asked.get("name"), asked.get("type", "string")
    if not isinstance(name, str) or not name or name != name.lower() or not name.replace("_", "a").isalnum():
        raise ValueError(f"{name!r} is not a property name: lower-case letters, digits and underscores only")
    if kind not in _TYPES:
        raise ValueError(f"{name}: {kind!r} is not a property type; one of {', '.join(_TYPES)}")
    field_type = asked.get("fieldType") or {
        "string": "text",
        "phone_number": "phonenumber",
        "number": "number",
        "enumeration": "select",
        "bool": "booleancheckbox",
    }.get(kind, "date")
    if field_type not in _TYPES[kind]:
        raise ValueError(f"{name}: {field_type!r} is not a field type of {kind}")
    options = asked.get("options") or []
    if not isinstance(options, list) or not all(isinstance(o, dict) and "value" in o for o in options):
        raise ValueError(f"{name}: options must be a list of objects, each with a value")
    if kind == "bool" and not options:
        options = [{"label": "Yes", "value": "true"}, {"label": "No", "value": "false"}]
    metadata = asked.get("modificationMetadata") or {}
    calculated = bool(asked.get("calculated", False)) or field_type == "calculation_equation"
    return Definition(
        name=name,
        label=str(asked.get("label") or name),
        type=kind,
        field_type=field_type,
        group=str(asked.get("groupName") or "custom_properties"),
        options=options,
        description=str(asked.get("description") or ""),
        unique=bool(asked.get("hasUniqueValue", False)),
        read_only=bool(metadata.get("readOnlyValue", False)) if isinstance(metadata, dict) else False,
        calculated=calculated,
        external_options=bool(asked.get("externalOptions", False)),
        hidden=bool(asked.get("hidden", False)),
        form_field=bool(asked.get("formField", True)),
        display_order=int(asked["displayOrder"]) if asked.get("displayOrder") is not None else -1,
        hubspot_defined=bool(asked.get("hubspotDefined", False)),
        referenced_object_type=asked.get("referencedObjectType"),
        sensitivity=_sensitivity(name, asked.get("dataSensitivity")),
        formula=str(asked["calculationFormula"]) if asked.get("calculationFormula") else None,
        hints={hint: asked[hint] for hint in HINTS if asked.get(hint) is not None},
        created=now_ms,
        updated=now_ms,
        archived=bool(asked.get("archived", False)),
    )


_FIELD_TYPES = {"string": "text", "number": "number", "enumeration": "select", "bool": "booleancheckbox"}


def _row(row: str, group: str) -> Definition:
    """`name | label | type[/fieldType] | flags | options`; flags: r read-only, c calculated, x external options."""
    name, label, kind, flags, options = (*(part.strip() for part in row.split("|")), "", "")[:5]
    kind, _, field_type = kind.partition("/")
    listed = [part.partition("=") for part in options.split(",") if part]
    if kind == "bool":
        listed = [("true", "", "Yes"), ("false", "", "No")]
    return Definition(
        name=name,
        label=label,
        type=kind,
        field_type=field_type or _FIELD_TYPES.get(kind, "date"),
        group=group,
        options=[{"value": value.strip(), "label": text or value.strip()} for value, _, text in listed],
        read_only="r" in flags or "c" in flags,
        calculated="c" in flags,
        external_options="x" in flags,
        referenced_object_type="OWNER" if name == "hubspot_owner_id" else None,
    )


_EVERYWHERE = """\
hs_object_id | Record ID | number | r
hs_object_source | Record creation source | string | r
hs_object_source_id | Record creation source ID | string | r
hs_object_source_label | Record source | string | r
hs_merged_object_ids | Merged record IDs | enumeration/checkbox | rx
hubspot_owner_id | Owner | enumeration/select | x
hubspot_team_id | Team | enumeration/select | rx
hubspot_owner_assigneddate | Owner assigned date | datetime | r
hs_created_by_user_id | Created by user ID | number | r
hs_updated_by_user_id | Updated by user ID | number | r
"""

_ROWS = {
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "deals": DEALS,
    "tickets": TICKETS,
    "leads": LEADS,
    "products": PRODUCTS,
    "line_items": LINE_ITEMS,
    "users": USERS,
    **ACTIVITIES,
}
_OWN_TYPE = """\
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
hs_pipeline | Pipeline | enumeration/select | x
hs_pipeline_stage | Pipeline stage | enumeration/select | x
"""
#: Object types whose records go through the stages of pipelines; custom objects do as well.
_STAGED = {"deals": ("pipeline", "dealstage")}
NOT_STAGED = frozenset(_ROWS) - {"deals", "tickets", "leads"}


def stage_names(plural: str) -> tuple[str, str]:
    """The properties for the pipeline and the stage of an object type."""
    return _STAGED.get(plural, ("hs_pipeline", "hs_pipeline_stage"))


def _lifecycle_dates() -> str:
    """The dates at which a record entered each lifecycle stage, in both spellings (API reference section 11)."""
    return "".join(
        f"hs_v2_date_entered_{stage} | Date entered {stage} | datetime | r\n"
        f"hs_lifecyclestage_{stage}_date | Became a {stage} date | datetime | r\n"
        for stage in STAGE_NAMES
    )


def built_in(plural: str) -> dict[str, Definition]:
    """The properties that HubSpot itself gives an object type, by name; fresh objects on each call."""
    rows = _ROWS.get(plural, _OWN_TYPE)
    if plural in ("contacts", "companies"):
        rows += _lifecycle_dates()
    group = {
        "contacts": "contactinformation",
        "companies": "companyinformation",
        "deals": "dealinformation",
        "tickets": "ticketinformation",
        "products": "productinformation",
        "line_items": "lineiteminformation",
        "calls": "call",
        "emails": "email",
        "meetings": "meeting",
        "notes": "note",
        "tasks": "task",
    }.get(plural, f"{plural}_information")
    made = [_row(row, group) for row in (rows + _EVERYWHERE).splitlines() if row]
    return {one.name: one for one in made}


def stage_dates(stage_id: str, label: str) -> list[Definition]:
    """The read-only properties that tell when a record entered and left a pipeline stage (API reference section 11)."""
    key = re.sub(r"[^a-z0-9]+", "_", stage_id.lower())
    return [
        Definition(
            name=f"hs_v2_date_{verb}_{key}",
            label=f"Date {verb} {label!r}",
            type="datetime",
            field_type="date",
            group="stage_dates",
            calculated=True,
            read_only=True,
        )
        for verb in ("entered", "exited")
    ]


def opt_out_property(subscription_id: str, name: str) -> Definition:
    """The read-only contact property that mirrors one subscription type's opt-out."""
    return Definition(
        name=f"hs_email_optout_{subscription_id}",
        label=f"Opted out of email: {name}",
        type="enumeration",
        field_type="booleancheckbox",
        group="email_information",
        options=[{"value": "true", "label": "Yes"}, {"value": "false", "label": "No"}],
        read_only=True,
    )


def groups_of(definitions: Iterable[Definition]) -> dict[str, dict[str, Any]]:
    """The property groups that a set of definitions implies."""
    return {
        one.group: {"name": one.group, "label": one.group.replace("_", " ").title(), "displayOrder": -1}
        for one in definitions
    }
