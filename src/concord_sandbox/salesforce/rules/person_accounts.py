"""Accounts that are people, in an org whose feature `person_accounts` is on: an account and its contact move together.

The account shows the contact's fields as Person…; each side follows what is written to the other.
"""

from __future__ import annotations

from concord_sandbox.salesforce.objects.features import PERSON_FIELDS
from concord_sandbox.salesforce.rules.rule import Rule, Write, amend, missing, refusal
from concord_sandbox.salesforce.schema import ObjectType
from concord_sandbox.salesforce.tables import Row

_NAME_PARTS = ("FirstName", "LastName")


def _mirrored(account: ObjectType, contact: ObjectType) -> dict[str, str]:
    """Account field -> contact field, for all that both have."""
    custom = {
        field.name: field.name.removesuffix("__pc") + "__c"
        for field in account.fields.values()
        if field.name.endswith("__pc")
    }
    pairs = PERSON_FIELDS | custom
    return {ours: theirs for ours, theirs in pairs.items() if account.field(ours) and contact.field(theirs)}


def _full_name(row: Row) -> str:
    return " ".join(row[part] for part in _NAME_PARTS if row.get(part))


class PersonAccounts(Rule):
    """The rule of Account."""

    def __init__(self, account: ObjectType, contact: ObjectType) -> None:
        self._fields = _mirrored(account, contact)
        self._own = [name for name in self._fields if name not in ("Phone", "Fax")]

    def complete(self, write: Write) -> None:
        if write.row.get("IsPersonAccount"):
            write.row["Name"] = _full_name(write.row)
            if write.org.row(write.row.get("PersonContactId", "")) is None:
                self._make_contact(write)
                stored = write.table.rows[write.row["Id"]]
                write.row["PersonContactId"] = stored["PersonContactId"]

    def before(self, write: Write) -> None:
        row = write.row
        record_type = write.row_of("RecordTypeId") or {}
        person = bool(row.get("IsPersonAccount") or record_type.get("IsPersonType"))
        if write.creating:
            person = person or ("LastName" in row and "RecordTypeId" not in row)
        if not person:
            wrong = [name for name in self._own if name in row]
            if wrong:
                words = f"Account: bad field names on insert/update call: {', '.join(wrong)}"
                raise refusal("INVALID_FIELD_FOR_INSERT_UPDATE", words, *wrong)
            if "Name" not in row:
                raise missing("Name")
            return
        if "Name" in row and write.changed("Name"):
            words = "Account: bad field names on insert/update call: Name"
            raise refusal("INVALID_FIELD_FOR_INSERT_UPDATE", words, "Name")
        if "LastName" not in row:
            raise missing("LastName")
        row["IsPersonAccount"] = True
        row["Name"] = _full_name(row)

    def after(self, write: Write) -> None:
        if not write.row.get("IsPersonAccount"):
            return
        if write.creating:
            self._make_contact(write)
        elif write.changed(*self._fields, "OwnerId"):
            contacts, contact_id = write.org.tables["contact"], write.row["PersonContactId"]
            amend(write, contacts, contact_id, {**self._as_contact(write.row), "Name": write.row["Name"]})

    def _as_contact(self, row: Row) -> Row:
        return {theirs: row.get(ours) for ours, theirs in self._fields.items()} | {"OwnerId": row["OwnerId"]}

    def _make_contact(self, write: Write) -> None:
        contacts = write.org.tables["contact"]
        given = {name: value for name, value in self._as_contact(write.row).items() if value is not None}
        contact_id = write.writer.insert(contacts, {**given, "AccountId": write.row["Id"]}, write.system())
        amend(write, contacts, contact_id, {"IsPersonAccount": True}, stamp=False)
        amend(write, write.table, write.row["Id"], {"PersonContactId": contact_id}, stamp=False)


class PersonContacts(Rule):
    """The rule of Contact: one that is a person account's tells its account, and goes with it only."""

    def __init__(self, account: ObjectType, contact: ObjectType) -> None:
        self._fields = {theirs: ours for ours, theirs in _mirrored(account, contact).items()}

    def check(self, write: Write) -> None:
        if write.old is not None and write.old.get("IsPersonAccount") and write.changed("AccountId"):
            words = "The contact of a person account belongs to that account"
            raise refusal("FIELD_INTEGRITY_EXCEPTION", words, "AccountId")

    def after(self, write: Write) -> None:
        if write.old is not None and write.row.get("IsPersonAccount") and write.changed(*self._fields):
            values = {ours: write.row.get(theirs) for theirs, ours in self._fields.items()}
            account_id = write.row["AccountId"]
            amend(write, write.org.tables["account"], account_id, {**values, "Name": _full_name(write.row)})

    def on_delete(self, write: Write) -> None:
        if write.row.get("IsPersonAccount"):
            words = "The contact of a person account cannot be deleted; delete the account"
            raise refusal("DELETE_FAILED", words)
