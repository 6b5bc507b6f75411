"""What people do in Salesforce's own screens beyond editing a record: merge, undelete, convert a lead.

No REST resource does any of these; the control API does, so that a test can have them happen.
"""

from __future__ import annotations

from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal, not_found
from concord_sandbox.salesforce.standard import LEAD_STATUSES
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Actor, Writer

#: Lead field -> Contact field, for the fields that are called alike; addresses go to the mailing address.
_CARRIED = ("FirstName", "LastName", "Salutation", "Title", "Phone", "MobilePhone", "Fax", "Email", "LeadSource",
            "Description", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall")  # fmt: skip
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")


def merge(writer: Writer, table: Table, master: str, losers: list[str], actor: Actor) -> None:
    """Merge up to two records into a third (api/salesforce.md section 13): losers are deleted and point at the master,
    what pointed at them points at it, and its blanks are filled from them."""
    if not 1 <= len(losers) <= 2 or master in losers:
        raise Refusal(400, Fail("INVALID_INPUT", "a merge takes one master and one or two other records"))
    master_id = writer.known_id(table, master)
    with writer.org.transaction():
        filled: Row = {}
        for loser in (writer.known_id(table, one) for one in losers):
            gone = writer.there(table, loser)
            filled = {**gone, **filled}
            _repoint(writer, table, loser, master_id)
            writer.delete(table, loser, actor)
            writer.org.put(table, loser, {**table.rows[loser], "MasterRecordId": master_id})
        there = writer.there(table, master_id)
        blanks = {
            field.name: filled[field.name]
            for field in table.kind.shown
            if field.updateable and field.name in filled and there.get(field.name) is None
        }
        writer.update(table, master_id, blanks, actor)


def _repoint(writer: Writer, table: Table, old: str, new: str) -> None:
    for child, field in writer.org.children_of(table.kind.name):
        if field.name.startswith(("MasterRecord", "Converted")):
            continue
        for child_id in child.find(field, old):
            row = {**child.rows[child_id], field.name: new}
            if child.kind.writable:
                row["SystemModstamp"] = writer.now()
            writer.org.put(child, child_id, row)


def undelete(writer: Writer, table: Table, record_id: str, actor: Actor) -> None:
    """Take a record out of the recycle bin."""
    known = writer.known_id(table, record_id)
    row = table.rows.get(known)
    if row is None or not row.get("IsDeleted"):
        raise not_found("The record is not in the recycle bin")
    kept = {name: value for name, value in row.items() if name not in ("IsDeleted", "MasterRecordId")}
    now = writer.now()
    stamps = {"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": actor.user_id}
    writer.org.put(table, known, {**kept, **stamps})


def convert(
    writer: Writer, lead_id: str, actor: Actor, *, account_id: str | None = None, contact_id: str | None = None
) -> dict[str, Any]:
    """Convert a lead to a contact of an account, both made unless given (api/salesforce.md section 12).

    Of a given contact only blanks are filled. Custom fields of the same name on both objects are carried along.
    """
    org = writer.org
    leads, contacts, accounts = org.tables["lead"], org.tables["contact"], org.tables["account"]
    lead = writer.there(leads, writer.known_id(leads, lead_id))
    if lead.get("IsConverted"):
        raise Refusal(400, Fail("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ()))
    with org.transaction():
        if account_id is None:
            account_id = writer.insert(accounts, {"Name": lead["Company"]}, actor)
        carried = _carried(lead, contacts)
        if contact_id is None:
            contact_id = writer.insert(contacts, {**carried, "AccountId": account_id}, actor)
        else:
            contact = writer.there(contacts, writer.known_id(contacts, contact_id))
            blanks = {name: value for name, value in carried.items() if contact.get(name) is None}
            writer.update(contacts, contact["Id"], blanks, actor)
        made = {"ConvertedAccountId": account_id, "ConvertedContactId": contact_id}
        status = next(value for value, converted in LEAD_STATUSES if converted)
        done = {"IsConverted": True, "ConvertedDate": writer.now()[:10], "Status": status}
        writer.update(leads, lead["Id"], {**made, **done}, actor)
    return {"lead_id": lead["Id"], "account_id": account_id, "contact_id": contact_id}


def _carried(lead: Row, contacts: Table) -> Row:
    carried = {name: lead[name] for name in _CARRIED if name in lead}
    carried |= {f"Mailing{part}": lead[part] for part in _ADDRESS if part in lead}
    custom = [field.name for field in contacts.kind.shown if field.attributes["custom"] and field.createable]
    return carried | {name: lead[name] for name in custom if name in lead}
