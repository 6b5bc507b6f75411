"""Lead conversion (api/salesforce.md section 12): what becomes of a lead's fields and of what belongs to it.

May not know HTTP or SOAP; raises Refusal (errors.py). A conversion happens whole or not at all. Key `lead_mapping` of a
world, the admin's lead field mapping:

    Contact, Account, Opportunity   {"Lead_Field__c": "Contact_Field__c"}: custom fields that are carried along; all
                                    others are dropped, as in Salesforce
    validate                        whether validation rules judge the records of a conversion (true)
    permitted                       whether the integration user has the permission Convert Leads (true)

Of a lead without a company an org with person accounts makes one of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Fail, Refusal, deleted
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Actor, Org
from concord_sandbox.salesforce.objects.features import PERSON_FIELDS
from concord_sandbox.salesforce.soql.dates import calendar_of, span
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Writer

_ADDRESS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy",
            "StateCode", "CountryCode")  # fmt: skip
#: Lead field -> field of the other object: the standard mapping, which no admin can change.
STANDARD: dict[str, dict[str, str]] = {
    "Account": {
        "Company": "Name", "Phone": "Phone", "Fax": "Fax", "Website": "Website", "Industry": "Industry",
        "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees", "Rating": "Rating",
        "LeadSource": "AccountSource", "CurrencyIsoCode": "CurrencyIsoCode",
        **{part: f"Billing{part}" for part in _ADDRESS},
    },
    "Contact": {
        **{name: name for name in (
            "FirstName", "MiddleName", "LastName", "Suffix", "Salutation", "Title", "Phone", "MobilePhone", "Fax",
            "Email", "LeadSource", "Description", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall",
            "IndividualId", "CurrencyIsoCode")},
        **{part: f"Mailing{part}" for part in _ADDRESS},
    },
    "Opportunity": {"LeadSource": "LeadSource", "CurrencyIsoCode": "CurrencyIsoCode"},
}  # fmt: skip
_LONGEST_NAME = 120
#: What a campaign member says of itself that became a contact.
_OF_CONTACT = {"Type": "Contact"}
_QUEUE = "00G"


class LeadMapping(Part[Org]):
    section = "lead_mapping"

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        given = dict(given or {})
        self.validate, self.permitted = (given.pop(key, True) for key in ("validate", "permitted"))
        if not isinstance(self.validate, bool) or not isinstance(self.permitted, bool):
            raise ValueError("lead_mapping: validate and permitted are true or false")
        if unknown := given.keys() - STANDARD.keys():
            raise ValueError(f"lead_mapping has no key {', '.join(sorted(unknown))}")
        self._custom = {target: _custom(owner, target, pairs) for target, pairs in given.items()}

    def save(self) -> Any:
        if not self._custom and self.validate and self.permitted:
            return None
        return {**self._custom, "validate": self.validate, "permitted": self.permitted}

    def carried(self, lead: Row, table: Table) -> Row:
        """The values that a lead gives to a record of that object."""
        name = table.kind.name
        pairs = {**STANDARD.get(name, {}), **self._custom.get(name, {})}
        there = {one: field for one, to in pairs.items() if one in lead and (field := table.kind.field(to)) is not None}
        # What field-level security keeps from the user is left out: a write that named it would be refused.
        return {field.name: lead[one] for one, field in there.items() if field.createable and not field.hidden}

    def check_right(self, leads: Table, actor: Actor) -> None:
        """Raises Refusal when the user may not convert leads at all."""
        if not actor.person and not (self.permitted and leads.kind.may("updateable")):
            words = "insufficient access rights on object id"
            raise Refusal(400, Fail("INSUFFICIENT_ACCESS_OR_READONLY", words, ()))


def _custom(org: Org, target: str, pairs: Mapping[str, str]) -> dict[str, str]:
    """The admin's pairs with the names as the objects spell them. Raises ValueError for a field that is not there."""
    made = {}
    for one, to in pairs.items():
        places = [(org.table(name), text) for name, text in (("Lead", one), (target, to))]
        found = [table.kind.field(text) if table else None for table, text in places]
        if found[0] is None or found[1] is None:
            raise ValueError(f"lead_mapping: Lead.{one} -> {target}.{to}: there is no such field")
        made[found[0].name] = found[1].name
    return made


@dataclass(frozen=True)
class Wish:
    """What is asked of one conversion; ids of any length. *_record: values of the records that are made."""

    lead_id: str | None
    status: str | None
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_id: str | None = None
    opportunity_name: str | None = None
    owner_id: str | None = None
    make_opportunity: bool = True
    overwrite_source: bool = False
    account_record: Mapping[str, Any] = field(default_factory=dict)
    contact_record: Mapping[str, Any] = field(default_factory=dict)
    opportunity_record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Converted:
    lead_id: str
    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert(writer: Writer, wish: Wish, actor: Actor) -> Converted:
    """Convert a lead to a contact of an account, and to an opportunity unless that is not wanted; those that are given
    only have their blanks filled. Raises Refusal."""
    org = writer.org
    leads = _table(org, "Lead")
    lead = _named(leads, wish.lead_id, "leadId")
    mapping = org.parts.of(LeadMapping)
    mapping.check_right(leads, actor)
    _check(org, lead, wish)
    quiet = replace(actor, assign=False, lenient=actor.lenient or not mapping.validate)
    with org.transaction(actor):
        owner = full_id(wish.owner_id) or lead["OwnerId"]
        # No duplicate rule may find the lead itself beside the contact that it becomes.
        org.put(leads, lead["Id"], {**lead, "IsConverted": True})
        account_id = _account(writer, mapping, lead, wish, owner, quiet)
        contact_id = _contact(writer, mapping, lead, wish, (account_id, owner), quiet)
        opportunity_id = _opportunity(writer, mapping, lead, wish, (account_id, owner), quiet)
        if opportunity_id is not None:
            _give_role(writer, opportunity_id, contact_id, quiet)
        made = {"ConvertedAccountId": account_id, "ConvertedContactId": contact_id}
        if opportunity_id is not None and leads.kind.field("ConvertedOpportunityId"):
            made["ConvertedOpportunityId"] = opportunity_id
        done = {"IsConverted": True, "ConvertedDate": writer.now()[:10], "Status": wish.status}
        org.put(leads, lead["Id"], lead)
        # Only Salesforce itself writes these fields: no right of the caller is asked for.
        writer.update(leads, lead["Id"], {**made, **done}, replace(quiet, person=True, faultless=True))
        _move(writer, lead["Id"], Converted(lead["Id"], account_id, contact_id, opportunity_id), quiet)
    return Converted(lead["Id"], account_id, contact_id, opportunity_id)


def by_hand(org: Org, lead_id: str, asked: Mapping[str, Any]) -> Wish:
    """What a person at the screens asks for (`service.SalesforceService.control_routes`): the status that they offer
    first, the contact's own account, and an opportunity only when it is asked for."""
    contact = _table(org, "Contact").live(full_id(asked.get("contact_id")) or "") or {}
    statuses = sorted(_converted_statuses(org), key=lambda row: row.get("SortOrder", 0))
    opportunity = asked.get("opportunity", False)
    return Wish(
        lead_id,
        asked.get("status") or (statuses[0]["ApiName"] if statuses else None),
        account_id=asked.get("account_id") or contact.get("AccountId"),
        contact_id=asked.get("contact_id"),
        opportunity_name=opportunity if isinstance(opportunity, str) else None,
        make_opportunity=bool(opportunity),
    )


def _converted_statuses(org: Org) -> list[Row]:
    return [row for row in _table(org, "LeadStatus").rows.values() if row.get("IsConverted")]


def _bad_status(given: str | None) -> Refusal:
    return Refusal(400, Fail("INVALID_STATUS", f"invalid convertedStatus: {given}", ("Status",)))


def _check(org: Org, lead: Row, wish: Wish) -> None:
    """Refuse what cannot be converted at all, before anything is written."""
    if lead.get("IsConverted"):
        raise Refusal(400, Fail("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ()))
    if wish.status not in {row["ApiName"] for row in _converted_statuses(org)}:
        raise _bad_status(wish.status)
    if not wish.make_opportunity and (wish.opportunity_name or wish.opportunity_id):
        words = (
            "One or more leads couldn't be converted. If doNotCreateOpportunity is true, opportunityName and "
            "opportunityId must be null."
        )
        raise Refusal(400, Fail("INVALID_FIELD", words, ("Id",)))
    if wish.contact_id and not wish.account_id:
        raise _missing("accountId is required when contactId is specified", "accountId")
    if wish.owner_id:
        owner = _named(_table(org, "User"), wish.owner_id, "ownerId")
        if not owner.get("IsActive"):
            words = f"operation performed with inactive user [{owner['Id']}] as owner of the converted records"
            raise Refusal(400, Fail("INACTIVE_OWNER_OR_USER", words, ("ownerId",)))
    elif lead["OwnerId"].startswith(_QUEUE):
        raise _missing("ownerId is required: the lead is owned by a queue", "ownerId")


def _account(writer: Writer, mapping: LeadMapping, lead: Row, wish: Wish, owner: str, actor: Actor) -> str:
    accounts = _table(writer.org, "Account")
    carried = {**mapping.carried(lead, accounts), **_values(wish.account_record)}
    if wish.account_id is None and "Company" not in lead and "person_accounts" in writer.org.features:
        contact = mapping.carried(lead, _table(writer.org, "Contact"))
        person = {ours: contact[theirs] for ours, theirs in PERSON_FIELDS.items() if theirs in contact}
        return writer.insert(accounts, {"OwnerId": owner, **carried, **person}, actor)
    if wish.account_id is None:
        return writer.insert(accounts, {"OwnerId": owner, **carried}, actor)
    account = _named(accounts, wish.account_id, "accountId")
    _fill(writer, accounts, account, carried, actor)
    return str(account["Id"])


def _contact(writer: Writer, mapping: LeadMapping, lead: Row, wish: Wish, given: tuple[str, str], actor: Actor) -> str:
    contacts, (account_id, owner) = _table(writer.org, "Contact"), given
    carried = {**mapping.carried(lead, contacts), **_values(wish.contact_record)}
    own = _table(writer.org, "Account").rows[account_id].get("PersonContactId")
    if wish.contact_id is None and own is None:
        return writer.insert(contacts, {"OwnerId": owner, **carried, "AccountId": account_id}, actor)
    contact = _named(contacts, wish.contact_id or own, "contactId")
    if contact.get("AccountId") != account_id:
        words = "the contact of a conversion has to belong to its account"
        raise Refusal(400, Fail("INVALID_CROSS_REFERENCE_KEY", words, ("contactId",)))
    source = {"LeadSource": lead["LeadSource"]} if wish.overwrite_source and "LeadSource" in lead else {}
    _fill(writer, contacts, contact, carried, actor, over=source)
    return str(contact["Id"])


def _opportunity(
    writer: Writer, mapping: LeadMapping, lead: Row, wish: Wish, given: tuple[str, str], actor: Actor
) -> str | None:
    """The opportunity of a conversion; None when none is wanted, or when the org has no such object."""
    opportunities, (account_id, owner) = writer.org.table("Opportunity"), given
    if opportunities is None or not wish.make_opportunity:
        return None
    if wish.opportunity_id is not None:
        there = _named(opportunities, wish.opportunity_id, "opportunityId")
        if there.get("AccountId") not in (None, account_id):
            words = "the opportunity of a conversion has to belong to its account"
            raise Refusal(400, Fail("INVALID_CROSS_REFERENCE_KEY", words, ("opportunityId",)))
        _fill(writer, opportunities, there, {"AccountId": account_id}, actor)
        return str(there["Id"])
    name = wish.opportunity_name or lead.get("Company") or lead["LastName"]
    body: Row = {
        "Name": name[:_LONGEST_NAME],
        "AccountId": account_id,
        "OwnerId": owner,
        "StageName": _first_stage(writer.org, opportunities),
        "CloseDate": _quarter_end(writer),
    }
    campaign = _last_campaign(writer.org, lead["Id"])
    if campaign is not None:
        body["CampaignId"] = campaign
    known = {key: value for key, value in body.items() if opportunities.kind.field(key) is not None}
    return writer.insert(
        opportunities, {**known, **mapping.carried(lead, opportunities), **_values(wish.opportunity_record)}, actor
    )


def _first_stage(org: Org, opportunities: Table) -> str | None:
    stages = org.table("OpportunityStage")
    if stages is not None and stages.rows:
        listed = sorted(stages.rows.values(), key=lambda row: row.get("SortOrder", 0))
        found = (row for row in listed if row.get("IsActive", True) and not row.get("IsClosed"))
        first = next(found, listed[0])
        return str(first.get("ApiName") or first["MasterLabel"])
    stage = opportunities.kind.field("StageName")
    return stage.values[0] if stage is not None and stage.values else None


def _quarter_end(writer: Writer) -> str:
    quarter = span("THIS_QUARTER", calendar_of(writer.org).today(writer.org.controls.clock.now()))
    assert quarter is not None
    return (quarter[1] - timedelta(days=1)).isoformat()


def _last_campaign(org: Org, lead_id: str) -> str | None:
    """The campaign that the lead joined last: the primary campaign source of its opportunity."""
    rows = [row for _, row in _memberships(org, "LeadId", lead_id)]
    last = max(rows, key=lambda row: (row["CreatedDate"], row["Id"]), default=None)
    return None if last is None else last.get("CampaignId")


def _memberships(org: Org, key: str, person: str) -> list[tuple[Table, Row]]:
    members = org.table("CampaignMember")
    reference = members.kind.field(key) if members else None
    if members is None or reference is None:
        return []
    return [(members, row) for one in members.find(reference, person) if (row := members.live(one)) is not None]


def _give_role(writer: Writer, opportunity_id: str, contact_id: str, actor: Actor) -> None:
    """Make the contact a contact role of the opportunity, the primary one when there is none."""
    roles = writer.org.table("OpportunityContactRole")
    parent = roles.kind.field("OpportunityId") if roles else None
    if roles is None or parent is None:
        return
    there = [row for one in roles.find(parent, opportunity_id) if (row := roles.live(one)) is not None]
    if any(row.get("ContactId") == contact_id for row in there):
        return
    primary = not any(row.get("IsPrimary") for row in there)
    writer.insert(
        roles, {"OpportunityId": opportunity_id, "ContactId": contact_id, "IsPrimary": primary}, _system(actor)
    )


def _move(writer: Writer, lead_id: str, made: Converted, actor: Actor) -> None:
    """Activities and campaign memberships of the lead become the contact's."""
    org, silent = writer.org, _system(actor)
    for members, row in _memberships(org, "LeadId", lead_id):
        theirs = {other.get("CampaignId") for _, other in _memberships(org, "ContactId", made.contact_id)}
        if row.get("CampaignId") in theirs:
            writer.delete(members, row["Id"], silent)
        else:
            writer.update(
                members,
                row["Id"],
                _OF_CONTACT | dict.fromkeys(("ContactId", "LeadOrContactId"), made.contact_id),
                silent,
            )
    for child, reference in org.children_of("Lead"):
        if not child.kind.writable or "Contact" not in reference.reference_to or child.kind.name == "CampaignMember":
            continue
        for child_id in child.find(reference, lead_id):
            if child.live(child_id) is not None:
                # A lead's activity was about nothing else; the contact's is about its opportunity or account.
                about = {"WhatId": made.opportunity_id or made.account_id} if child.kind.field("WhatId") else {}
                writer.update(child, child_id, {reference.name: made.contact_id, **about}, silent)


def _fill(writer: Writer, table: Table, there: Row, values: Row, actor: Actor, over: Row | None = None) -> None:
    """Fill the blanks of a record, and only those, but for what `over` names."""
    blanks = {name: value for name, value in values.items() if there.get(name) is None} | (over or {})
    if blanks:
        writer.update(table, there["Id"], blanks, actor)


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name.lower() not in ("id", "attributes")}


def _system(actor: Actor) -> Actor:
    """The same user, but the write is Salesforce's own: no right is asked for, no rule judges it, no fault meets it."""
    return replace(actor, person=True, faultless=True, lenient=True)


def _table(org: Org, name: str) -> Table:
    found = org.table(name)
    assert found is not None  # every org has it
    return found


def _named(table: Table, given: str | None, argument: str) -> Row:
    """The live record that an argument names. Raises Refusal."""
    known = full_id(given)
    if known is None or not known.startswith(table.kind.prefix):
        raise Refusal(400, Fail("MALFORMED_ID", f"bad id {given}", (argument,)))
    row = table.rows.get(known)
    if row is None:
        raise Refusal(400, Fail("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (argument,)))
    if row.get("IsDeleted"):
        raise deleted()
    return row


def _missing(words: str, argument: str) -> Refusal:
    return Refusal(400, Fail("REQUIRED_FIELD_MISSING", words, (argument,)))
