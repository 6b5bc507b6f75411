"""Object types, and the properties that every portal has.

Data and its reading only: no records. Types, options and names follow sections 5, 8 and 11 of the API reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


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


_TYPES: dict[str, frozenset[str]] = {
    "string": frozenset({"text", "textarea", "html", "file", "phonenumber", "calculation_equation"}),
    "phone_number": frozenset({"phonenumber"}),
    "number": frozenset({"number", "calculation_equation"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": frozenset({"select", "radio", "checkbox", "booleancheckbox", "calculation_equation"}),
    "bool": frozenset({"booleancheckbox", "calculation_equation"}),
}


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
        display_order=int(asked.get("displayOrder") or -1),
        hubspot_defined=bool(asked.get("hubspotDefined", False)),
        referenced_object_type=asked.get("referencedObjectType"),
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


_STAGES = (
    "subscriber=Subscriber,lead=Lead,marketingqualifiedlead=Marketing Qualified Lead,"
    "salesqualifiedlead=Sales Qualified Lead,opportunity=Opportunity,customer=Customer,evangelist=Evangelist,"
    "other=Other"
)
STAGE_NAMES = tuple(part.partition("=")[0] for part in _STAGES.split(","))
_LEAD_STATUS = (
    "NEW=New,OPEN=Open,IN_PROGRESS=In Progress,OPEN_DEAL=Open Deal,UNQUALIFIED=Unqualified,"
    "ATTEMPTED_TO_CONTACT=Attempted to Contact,CONNECTED=Connected,BAD_TIMING=Bad Timing"
)
_INDUSTRIES = ",".join(
    f"{name}={name.replace('_', ' ').title()}"
    for name in (  # noqa: SIM905 - ninety quotes and commas would hide the names
        "ACCOUNTING AIRLINES_AVIATION APPAREL_FASHION AUTOMOTIVE BANKING BIOTECHNOLOGY BUILDING_MATERIALS CHEMICALS"
        " CIVIL_ENGINEERING COMPUTER_GAMES COMPUTER_HARDWARE COMPUTER_NETWORKING COMPUTER_SOFTWARE CONSTRUCTION"
        " CONSUMER_ELECTRONICS CONSUMER_GOODS CONSUMER_SERVICES COSMETICS DEFENSE_SPACE DESIGN E_LEARNING"
        " EDUCATION_MANAGEMENT ENTERTAINMENT ENVIRONMENTAL_SERVICES EVENTS_SERVICES FARMING FINANCIAL_SERVICES"
        " FOOD_BEVERAGES FOOD_PRODUCTION FURNITURE GOVERNMENT_ADMINISTRATION GRAPHIC_DESIGN"
        " HEALTH_WELLNESS_AND_FITNESS HIGHER_EDUCATION HOSPITAL_HEALTH_CARE HOSPITALITY HUMAN_RESOURCES"
        " INFORMATION_TECHNOLOGY_AND_SERVICES INSURANCE INTERNET LAW_PRACTICE LEGAL_SERVICES"
        " LEISURE_TRAVEL_TOURISM LOGISTICS_AND_SUPPLY_CHAIN LUXURY_GOODS_JEWELRY MACHINERY MANAGEMENT_CONSULTING"
        " MARITIME MARKET_RESEARCH MARKETING_AND_ADVERTISING MECHANICAL_OR_INDUSTRIAL_ENGINEERING"
        " MEDIA_PRODUCTION MEDICAL_DEVICES MEDICAL_PRACTICE MINING_METALS NONPROFIT_ORGANIZATION_MANAGEMENT"
        " OIL_ENERGY ONLINE_MEDIA OUTSOURCING_OFFSHORING PACKAGE_FREIGHT_DELIVERY PHARMACEUTICALS PHOTOGRAPHY"
        " PLASTICS PRINTING PROFESSIONAL_TRAINING_COACHING PUBLIC_RELATIONS_AND_COMMUNICATIONS PUBLISHING"
        " REAL_ESTATE RECREATIONAL_FACILITIES_AND_SERVICES RENEWABLES_ENVIRONMENT RESEARCH RESTAURANTS RETAIL"
        " SECURITY_AND_INVESTIGATIONS SEMICONDUCTORS SPORTS STAFFING_AND_RECRUITING TELECOMMUNICATIONS TEXTILES"
        " TRANSPORTATION_TRUCKING_RAILROAD UTILITIES VENTURE_CAPITAL_PRIVATE_EQUITY WAREHOUSING WHOLESALE"
        " WINE_AND_SPIRITS WIRELESS WRITING_AND_EDITING"
    ).split()
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

_CONTACTS = f"""\
createdate | Create Date | datetime | r
lastmodifieddate | Last Modified Date | datetime | r
email | Email | string
hs_additional_emails | Additional email addresses | enumeration/checkbox | x
hs_email_domain | Email Domain | string | c
firstname | First Name | string
lastname | Last Name | string
salutation | Salutation | string
jobtitle | Job Title | string
company | Company Name | string
website | Website URL | string
phone | Phone Number | string/phonenumber
mobilephone | Mobile Phone Number | string/phonenumber
fax | Fax Number | string/phonenumber
address | Street Address | string
city | City | string
state | State/Region | string
zip | Postal Code | string
country | Country/Region | string
industry | Industry | string
numemployees | Number of Employees | enumeration/select | | 1-5,5-25,25-50,50-100,100-500,500-1000,1000+
annualrevenue | Annual Revenue | string
message | Message | string/textarea
date_of_birth | Date of birth | string
gender | Gender | string
degree | Degree | string
seniority | Seniority | string
hs_language | Preferred language | enumeration/select | | en=English,de=German,fr=French,es=Spanish,it=Italian,nl=Dutch
hs_timezone | Time Zone | enumeration/select | x
hs_lead_status | Lead Status | enumeration/radio | | {_LEAD_STATUS}
lifecyclestage | Lifecycle Stage | enumeration/radio | | {_STAGES}
hs_analytics_source | Original Traffic Source | enumeration/select | r | ORGANIC_SEARCH=Organic Search,PAID_SEARCH=Paid Search,EMAIL_MARKETING=Email Marketing,SOCIAL_MEDIA=Organic Social,REFERRALS=Referrals,OTHER_CAMPAIGNS=Other Campaigns,DIRECT_TRAFFIC=Direct Traffic,OFFLINE=Offline Sources,PAID_SOCIAL=Paid Social
hs_persona | Persona | enumeration/radio | x
hs_legal_basis | Legal basis for processing contact's data | enumeration/checkbox | | Legitimate interest – prospect/lead,Legitimate interest – existing customer,Legitimate interest - other,Performance of a contract,Freely given consent from contact,Not applicable
hs_marketable_status | Marketing contact status | enumeration/booleancheckbox | r | true=Marketing contact,false=Non-marketing contact
hs_email_optout | Unsubscribed from all email | bool | r
hs_email_bounce | Marketing emails bounced | number | r
hs_email_hard_bounce_reason | Email hard bounce reason | string | r
hs_email_quarantined | Email address quarantined | bool | r
hs_all_contact_vids | Merged vids of a contact | enumeration/checkbox | rx
hs_calculated_merged_vids | Merged vids with timestamps | enumeration/checkbox | cx
associatedcompanyid | Primary Associated Company ID | number | x
num_associated_deals | Number of Associated Deals | number | r
notes_last_contacted | Last Contacted | datetime | r
notes_last_updated | Last Activity Date | datetime | r
notes_next_activity_date | Next Activity Date | datetime | r
num_contacted_notes | Number of times contacted | number | r
num_notes | Number of Sales Activities | number | r
hs_sequences_is_enrolled | Currently in Sequence | bool | r
hs_linkedin_url | LinkedIn URL | string
twitterhandle | Twitter Username | string
closedate | Close Date | datetime
"""  # noqa: E501, S608 - one property a line; no SQL

_COMPANIES = f"""\
createdate | Create Date | datetime | r
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
name | Company name | string
domain | Company Domain Name | string
hs_additional_domains | Additional Domains | enumeration/checkbox | x
website | Website URL | string
phone | Phone Number | string/phonenumber
address | Street Address | string
address2 | Street Address 2 | string
city | City | string
state | State/Region | string
zip | Postal Code | string
country | Country/Region | string
timezone | Time Zone | string
industry | Industry | enumeration/select | | {_INDUSTRIES}
type | Type | enumeration/select | | PROSPECT=Prospect,PARTNER=Partner,RESELLER=Reseller,VENDOR=Vendor,OTHER=Other
description | Description | string/textarea
about_us | About Us | string/textarea
founded_year | Year Founded | string
is_public | Is Public | bool
numberofemployees | Number of Employees | number
annualrevenue | Annual Revenue | number
lifecyclestage | Lifecycle Stage | enumeration/radio | | {_STAGES}
hs_lead_status | Lead Status | enumeration/radio | | {_LEAD_STATUS}
hs_parent_company_id | Parent Company | number | r
num_associated_contacts | Number of Associated Contacts | number | r
num_associated_deals | Number of Associated Deals | number | r
notes_last_contacted | Last Contacted | datetime | r
notes_last_updated | Last Activity Date | datetime | r
notes_next_activity_date | Next Activity Date | datetime | r
num_contacted_notes | Number of times contacted | number | r
num_notes | Number of Sales Activities | number | r
hs_analytics_source | Original Traffic Source | enumeration/select | r | ORGANIC_SEARCH=Organic Search,DIRECT_TRAFFIC=Direct Traffic,OFFLINE=Offline Sources
linkedin_company_page | LinkedIn Company Page | string
facebook_company_page | Facebook Company Page | string
twitterhandle | Twitter Handle | string
total_money_raised | Total Money Raised | string
web_technologies | Web Technologies | enumeration/checkbox | x
closedate | Close Date | datetime
"""  # noqa: E501

_DEALS = """\
createdate | Create Date | datetime | r
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
dealname | Deal Name | string
amount | Amount | number
deal_currency_code | Currency | enumeration/select | x
closedate | Close Date | datetime
pipeline | Pipeline | enumeration/select | x
dealstage | Deal Stage | enumeration/radio | x
dealtype | Deal Type | enumeration/radio | | newbusiness=New Business,existingbusiness=Existing Business
description | Deal Description | string/textarea
hs_priority | Priority | enumeration/select | | low=Low,medium=Medium,high=High
closed_lost_reason | Closed Lost Reason | string/textarea
closed_won_reason | Closed Won Reason | string/textarea
hs_is_closed | Is Deal Closed? | bool | c
hs_is_closed_won | Is Closed Won | bool | c
hs_deal_stage_probability | Deal probability | number | c
num_associated_contacts | Number of Associated Contacts | number | r
notes_last_contacted | Last Contacted | datetime | r
"""

_OTHERS = {
    "tickets": "subject | Ticket name | string\ncontent | Ticket description | string/textarea\n"
    "hs_pipeline | Pipeline | enumeration/select | x\nhs_pipeline_stage | Ticket status | enumeration/select | x\n"
    "hs_ticket_priority | Priority | enumeration/select | | LOW=Low,MEDIUM=Medium,HIGH=High",
    "products": "name | Name | string\ndescription | Description | string/textarea\nprice | Unit price | number\n"
    "hs_sku | SKU | string",
    "line_items": "name | Name | string\nquantity | Quantity | number\nprice | Unit price | number\n"
    "amount | Net price | number | c\nhs_product_id | Product ID | number\nhs_sku | SKU | string",
    "communications": "hs_timestamp | Activity date | datetime\nhs_communication_body | Body | string/html\n"
    "hs_communication_channel_type | Channel | enumeration/select | x",
    "tasks": "hs_timestamp | Due date | datetime\nhs_task_subject | Task Title | string\n"
    "hs_task_body | Notes | string/html\nhs_task_status | Task Status | enumeration/select | | "
    "NOT_STARTED,IN_PROGRESS,WAITING,COMPLETED,DEFERRED\nhs_task_priority | Priority | enumeration/select | | "
    "NONE,LOW,MEDIUM,HIGH\nhs_task_type | Task Type | enumeration/select | | EMAIL,CALL,TODO",
    "notes": "hs_timestamp | Activity date | datetime\nhs_note_body | Note body | string/html\n"
    "hs_attachment_ids | Attachment IDs | enumeration/checkbox | x",
    "meetings": "hs_timestamp | Activity date | datetime\nhs_meeting_title | Meeting name | string\n"
    "hs_meeting_body | Meeting description | string/html\nhs_meeting_start_time | Start | datetime\n"
    "hs_meeting_end_time | End | datetime\nhs_meeting_location | Location | string\n"
    "hs_meeting_outcome | Outcome | enumeration/select | | SCHEDULED,COMPLETED,RESCHEDULED,NO_SHOW,CANCELED\n"
    "hs_internal_meeting_notes | Internal notes | string/html",
    "calls": "hs_timestamp | Activity date | datetime\nhs_call_title | Call Title | string\n"
    "hs_call_body | Call notes | string/html\nhs_call_direction | Direction | enumeration/select | | "
    "INBOUND,OUTBOUND\nhs_call_duration | Duration | number\nhs_call_status | Status | enumeration/select | x\n"
    "hs_call_disposition | Outcome | enumeration/select | x\nhs_call_from_number | From | string\n"
    "hs_call_to_number | To | string\nhs_call_recording_url | Recording | string",
    "emails": "hs_timestamp | Activity date | datetime\nhs_email_subject | Subject | string\n"
    "hs_email_text | Text | string/textarea\nhs_email_html | HTML | string/html\nhs_email_direction | Direction | "
    "enumeration/select | | EMAIL,INCOMING_EMAIL,FORWARDED_EMAIL\nhs_email_status | Status | enumeration/select | x\n"
    "hs_email_headers | Headers | string/textarea\nhs_email_from_email | From | string | r\n"
    "hs_email_to_email | To | string | r\nhs_email_thread_id | Thread | string | r\n"
    "hs_email_message_id | Message ID | string | r",
    "users": "hs_email | Email | string | r\nhs_given_name | First name | string\nhs_family_name | Last name | string",
    "leads": "hs_lead_name | Lead Name | string\nhs_pipeline | Pipeline | enumeration/select | x\n"
    "hs_pipeline_stage | Stage | enumeration/select | x\nhs_lead_type | Type | enumeration/select | x\n"
    "hs_lead_label | Label | enumeration/select | | HOT,WARM,COLD",
}
_PLAIN_TIMES = (
    "createdate | Create date | datetime | r\nhs_createdate | Object create date/time | datetime | r\n"
    "hs_lastmodifieddate | Last Modified Date | datetime | r\n"
)


def _stage_dates() -> str:
    """The dates at which a record entered each lifecycle stage, in both spellings (API reference section 11)."""
    return "".join(
        f"hs_v2_date_entered_{stage} | Date entered {stage} | datetime | r\n"
        f"hs_lifecyclestage_{stage}_date | Became a {stage} date | datetime | r\n"
        for stage in STAGE_NAMES
    )


def built_in(plural: str) -> dict[str, Definition]:
    """The properties that HubSpot itself gives an object type, by name; fresh objects on each call."""
    rows = {
        "contacts": _CONTACTS + _stage_dates(),
        "companies": _COMPANIES + _stage_dates(),
        "deals": _DEALS,
    }.get(plural, _PLAIN_TIMES + _OTHERS.get(plural, ""))
    group = {
        "contacts": "contactinformation",
        "companies": "companyinformation",
        "deals": "dealinformation",
    }.get(plural, f"{plural}_information")
    made = [_row(row, group) for row in (rows.rstrip("\n") + "\n" + _EVERYWHERE).splitlines() if row]
    return {one.name: one for one in made}


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


DEAL_PIPELINE: dict[str, Any] = {
    "id": "default",
    "label": "Sales Pipeline",
    "displayOrder": 0,
    "stages": [
        {"id": stage_id, "label": label, "metadata": {"probability": probability, "isClosed": closed}}
        for stage_id, label, probability, closed in (
            ("appointmentscheduled", "Appointment Scheduled", "0.2", "false"),
            ("qualifiedtobuy", "Qualified To Buy", "0.4", "false"),
            ("presentationscheduled", "Presentation Scheduled", "0.6", "false"),
            ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", "false"),
            ("contractsent", "Contract Sent", "0.9", "false"),
            ("closedwon", "Closed Won", "1.0", "true"),
            ("closedlost", "Closed Lost", "0.0", "true"),
        )
    ],
}


def groups_of(definitions: Iterable[Definition]) -> dict[str, dict[str, Any]]:
    """The property groups that a set of definitions implies."""
    return {
        one.group: {"name": one.group, "label": one.group.replace("_", " ").title(), "displayOrder": -1}
        for one in definitions
    }
