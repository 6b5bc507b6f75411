"""What Salesforce derives when records of the standard objects are written: the part that asks the rules of objects.

The world's key `behaviours` holds {"numbers": {"Case.CaseNumber": 1041}}: the last number that an autonumber field has
given; left out, the highest that a record has. What records of a world came without (Opportunity.IsClosed,
Case.CaseNumber, the contact of a person account …) is derived when the world is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Refusal
from concord_sandbox.salesforce.models import Actor, Org
from concord_sandbox.salesforce.objects.cases import OF_CONTACT
from concord_sandbox.salesforce.objects.features import corporate_currency
from concord_sandbox.salesforce.rules.activities import EmailMessages, EmailRelations, Events, Tasks
from concord_sandbox.salesforce.rules.campaigns import CampaignMembers, CampaignPeople, Campaigns, MemberStatuses
from concord_sandbox.salesforce.rules.cases import Cases
from concord_sandbox.salesforce.rules.opportunities import (
    ContactRoles,
    LineItems,
    Opportunities,
    PriceBooks,
    Prices,
)
from concord_sandbox.salesforce.rules.person_accounts import PersonAccounts, PersonContacts
from concord_sandbox.salesforce.rules.rule import Rule, Write, name_of, refusal
from concord_sandbox.salesforce.schema import Field, ObjectType
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Writer
from concord_sandbox.service import ControlError

_DIGITS = re.compile(r"\{(0+)\}")
_TAIL = re.compile(r"(\d+)\D*$")
#: CampaignMember field -> field of the lead or contact, which it shows.
_OF_PERSON = ("Name", "FirstName", "LastName", "Title", "Phone", "MobilePhone", "Email", "HasOptedOutOfEmail",
              "DoNotCall")  # fmt: skip
#: Object name -> its rules.
Rules = dict[str, tuple[Rule, ...]]


class Behaviours(Part[Org]):
    section = "behaviours"

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        self._numbers: dict[str, int] = {key: int(value) for key, value in ((given or {}).get("numbers") or {}).items()}
        rules = {
            table.kind.name: [*_general_rules(owner, table.kind, self), *_rules_of(owner, table.kind)]
            for table in owner.tables.values()
        }
        opportunities = Opportunities()
        rules["Opportunity"].append(opportunities)
        rules["OpportunityLineItem"].append(LineItems(opportunities))
        self._before = _having("before", rules)
        self._check = _having("check", rules)
        self._after = _having("after", rules)
        self._on_delete = _having("on_delete", rules)
        self._resettled = _having("resettled", rules)
        _show_through(owner)
        self._complete(_having("complete", rules))

    def save(self) -> Any:
        return {"numbers": dict(self._numbers)} if self._numbers else None

    # Taking part in writes

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        rules = self._before.get(table.kind.name)
        if rules is not None:
            write = Write(writer, table, row, old, actor)
            for rule in rules:
                rule.before(write)

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        rules = self._check.get(table.kind.name)
        if rules is not None:
            write = Write(writer, table, row, old, actor)
            for rule in rules:
                rule.check(write)

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        rules = self._after.get(table.kind.name)
        if rules is not None:
            write = Write(writer, table, row, old, actor)
            for rule in rules:
                rule.after(write)

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        rules = self._on_delete.get(table.kind.name)
        if rules is not None:
            write = Write(writer, table, row, row, actor)
            for rule in rules:
                rule.on_delete(write)

    def resettled(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        """Derive what follows from a record that has come back from the recycle bin, or belongs to another after a
        merge. Raises Refusal."""
        for rule in self._resettled.get(table.kind.name, ()):
            rule.resettled(Write(writer, table, row, row, actor))

    # Autonumbers

    def next_number(self, table: Table, field: Field) -> str:
        """The next text of an autonumber field; numbers are used up even by writes that fail."""
        key = f"{table.kind.name}.{field.name}"
        number = self._numbers.get(key)
        if number is None:
            given = (_TAIL.search(str(row.get(field.name, ""))) for row in table.rows.values())
            number = max((int(found[1]) for found in given if found), default=0)
        self._numbers[key] = number = number + 1
        now = self.owner.controls.clock.now()
        text = field.display_format
        for mark, form in (("{YYYY}", "%Y"), ("{YY}", "%y"), ("{MM}", "%m"), ("{DD}", "%d")):
            text = text.replace(mark, now.strftime(form))
        return _DIGITS.sub(lambda found: str(number).zfill(len(found[1])), text)

    # Worlds

    def _complete(self, rules: Rules) -> None:
        """Derive what the loaded records came without."""
        org = self.owner
        writer = Writer(org, org.controls, (self,))
        actor = Actor(org.ordinary_user_id, person=True, faultless=True)
        for name in sorted(rules, key=lambda name: name != "OpportunityLineItem"):  # amounts are sums of lines
            table = org.tables[name.lower()]
            for record_id, stored in list(table.rows.items()):
                if stored.get("IsDeleted"):
                    continue
                write = Write(writer, table, dict(stored), None, actor)
                try:
                    for rule in rules[name]:
                        rule.complete(write)
                except Refusal as refused:
                    raise ControlError(f"records of {name}: {record_id}: {refused}") from refused
                completed = {**write.row, **table.rows[record_id]}
                if completed != table.rows[record_id]:
                    table.put(record_id, completed)


def _having(phase: str, rules: Mapping[str, list[Rule]]) -> Rules:
    """Of each object the rules that have something to do in that phase; objects without such are left out, so that
    writing their records costs nothing here."""
    made: Rules = {}
    for name, listed in rules.items():
        found = tuple(rule for rule in listed if getattr(type(rule), phase) is not getattr(Rule, phase))
        if found:
            made[name] = found
    return made


class Numbered(Rule):
    """Fields that Salesforce numbers by itself."""

    def __init__(self, part: Behaviours, fields: list[Field]) -> None:
        self._part, self._fields = part, fields

    def before(self, write: Write) -> None:
        if write.creating and all(field.name in write.row for field in write.table.kind.required):
            for field in self._fields:
                write.row[field.name] = self._part.next_number(write.table, field)

    def complete(self, write: Write) -> None:
        for field in self._fields:
            if field.name not in write.row:
                write.row[field.name] = self._part.next_number(write.table, field)


class WithCurrency(Rule):
    """The currency of a record: the user's unless one is named; the codes that there are stand in the picklist."""

    def before(self, write: Write) -> None:
        if write.creating:
            self.complete(write)

    def complete(self, write: Write) -> None:
        if "CurrencyIsoCode" not in write.row:
            users = write.org.tables["user"].rows
            user = users.get(write.row.get("OwnerId", "")) or users.get(write.actor.user_id) or {}
            own = user.get("DefaultCurrencyIsoCode")
            write.row["CurrencyIsoCode"] = own or corporate_currency(write.org.currencies)


class Restricted(Rule):
    """A record cannot go while others point at it with fields that forbid it."""

    def __init__(self, pointing: list[tuple[Table, Field]]) -> None:
        self._pointing = pointing

    def on_delete(self, write: Write) -> None:
        for table, field in self._pointing:
            for record_id in table.find(field, write.row["Id"]):
                other = table.live(record_id)
                if other is not None:
                    named, blocking = name_of(write.org, write.row), name_of(write.org, other)
                    words = (
                        f"Your attempt to delete {named} could not be completed because it is associated with the "
                        f"following {table.kind.plural.lower()}.: {blocking}\n"
                    )
                    raise refusal("DELETE_FAILED", words)


def _general_rules(org: Org, kind: ObjectType, part: Behaviours) -> list[Rule]:
    """The rules that follow from the fields of an object, whatever object it is."""
    made: list[Rule] = []
    numbered = [field for field in kind.fields.values() if field.attributes["autoNumber"]]
    if numbered:
        made.append(Numbered(part, numbered))
    if org.currencies and kind.field("CurrencyIsoCode") and kind.writable:
        made.append(WithCurrency())
    pointing = [(table, field) for table, field in org.children_of(kind.name) if field.attributes["restrictedDelete"]]
    if pointing:
        made.append(Restricted(pointing))
    return made


def _rules_of(org: Org, kind: ObjectType) -> list[Rule]:
    """The rules of an object by its name."""
    if kind.name in ("Account", "Contact") and "person_accounts" in org.features:
        account, contact = org.tables["account"].kind, org.tables["contact"].kind
        if kind is account:
            return [PersonAccounts(account, contact)]
        return [CampaignPeople("ContactId"), PersonContacts(account, contact)]
    plain: dict[str, type[Rule]] = {
        "OpportunityContactRole": ContactRoles,
        "PricebookEntry": Prices,
        "Pricebook2": PriceBooks,
        "Task": Tasks,
        "Event": Events,
        "EmailMessage": EmailMessages,
        "EmailMessageRelation": EmailRelations,
        "Case": Cases,
        "Campaign": Campaigns,
        "CampaignMember": CampaignMembers,
        "CampaignMemberStatus": MemberStatuses,
    }
    if kind.name in ("Lead", "Contact"):
        return [CampaignPeople(f"{kind.name}Id")]
    made = plain.get(kind.name)
    return [made()] if made else []


# Fields that show what another record holds


def _show_through(org: Org) -> None:
    """Campaign members show their person, cases their contact, and `Name` whatever a reference leads to."""
    members, cases, names = org.tables["campaignmember"], org.tables["case"], org.tables["name"]
    for name in _OF_PERSON:
        members.computed[name] = _through(org, "LeadOrContactId", name, members.kind.fields[name.lower()].absent)
    members.computed["CompanyOrAccount"] = _company(org)
    for name, source in OF_CONTACT.items():
        cases.computed[name] = _through(org, "ContactId", source, None)
    for field in names.kind.fields.values():
        names.computed[field.name] = _named(org, field.name)


def _through(org: Org, reference: str, name: str, absent: Any) -> Callable[[Row], Any]:
    def read(row: Row) -> Any:
        found = org.row(row.get(reference) or "")
        return found.get(name, absent) if found else absent

    return read


def _company(org: Org) -> Callable[[Row], Any]:
    def read(row: Row) -> Any:
        person = org.row(row.get("LeadOrContactId") or "") or {}
        account = org.row(person.get("AccountId") or "") or {}
        return person.get("Company") or account.get("Name")

    return read


def _named(org: Org, name: str) -> Callable[[Row], Any]:
    """Reads a field of `Name` from the record that is meant, which may lack it."""

    def read(row: Row) -> Any:
        table = org.table_of(row["Id"])
        if table is None:
            return None
        if name == "Type":
            return table.kind.name
        if name in ("Name", "NameOrAlias"):
            return name_of(org, row)
        field = table.kind.visible(name)
        return None if field is None else row.get(field.name, field.absent)

    return read
