"""What happens when records are written: values, histories, calculated followers, the search index, events.

Callers have checked the write (`checks.py`). Every function takes the account's state and the time from the clock;
nothing here knows of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from concord_sandbox.clock import SandboxClock
from concord_sandbox.hubspot import automation
from concord_sandbox.hubspot.errors import ApiError, bad_request
from concord_sandbox.hubspot.followers import followers, from_product
from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.models import Actor, ObjectTable, Portal, Record
from concord_sandbox.parts import Parts

CALCULATED = Actor("CALCULATED", None)
#: How long the recycle bin keeps a record.
RECYCLED_MS = 90 * 86_400_000
_ADDRESS_NAMES = frozenset({"email", "hs_additional_emails"})


class Event(NamedTuple):
    """Something that webhooks tell. verb: creation, deletion, propertyChange, associationChange, merge, restore,
    privacyDeletion; for the account's parts only: listMembership, and purge (of an object type). at: epoch ms. fields:
    what only this verb carries."""

    verb: str
    plural: str
    record_id: int
    at: int
    by: Actor
    fields: dict[str, Any]


class Crm:
    """The writes on one account. `listeners` hear of every event, in their order."""

    def __init__(self, portal: Portal, clock: SandboxClock) -> None:
        self.portal = portal
        self.clock = clock
        self.listeners: list[Callable[[Event], None]] = []
        #: The parts of the account that have modules of their own (`service.PARTS`).
        self.parts: Parts[Crm] = Parts()
        self._recycled_links: dict[End, list[tuple[End, frozenset[int]]]] = {}

    # Records.

    def create(self, table: ObjectTable, values: dict[str, str], by: Actor) -> Record:
        """A new record with checked values."""
        now = self.clock.epoch_ms()
        if table.kind.plural == "line_items":
            values = {**values, **from_product(self.portal, values)}
        company = values.pop("associatedcompanyid", "")
        stored = {name: value for name, value in values.items() if value}
        record = Record(self.portal.new_id(), stored, now, now, by)
        self._before(table, record.id, None)
        table.add(record)
        self._tell("creation", table, record.id, now, by)
        for name, value in stored.items():
            self._tell_change(table, record, name, value, now, by)
        self._follow(table, record, stored, {}, now)
        self._after(table, record.id, record, now)
        if company:
            self.set_primary_company(record, company, by)
        self._automate(table, record, stored)
        return record

    def update(self, table: ObjectTable, record: Record, values: dict[str, str], by: Actor) -> bool:
        """Store checked values; whether any was different. Equal values leave no trace at all."""
        changed = {name: value for name, value in values.items() if record.values.get(name, "") != value}
        if not changed:
            return False
        now = self.clock.epoch_ms()
        self._before(table, record.id, record)
        self._write(table, record, changed, now, by)
        table.touch(record, now)
        self._after(table, record.id, record, now)
        self._automate(table, record, changed)
        return True

    def _write(self, table: ObjectTable, record: Record, changed: dict[str, str], now: int, by: Actor) -> None:
        company = changed.pop("associatedcompanyid", None)
        claimed = [
            name for name in table.unique if name in changed or (name == "email" and _ADDRESS_NAMES & changed.keys())
        ]
        for name in claimed:
            table.release(record, name)
        before = {name: record.values.get(name, "") for name in changed}
        for name, value in changed.items():
            record.write(name, value, now, by)
            self._tell_change(table, record, name, value, now, by)
        for name in claimed:
            table.claim(record, name)
        self._follow(table, record, changed, before, now)
        if company is not None:
            self.set_primary_company(record, company, by)

    def _follow(
        self, table: ObjectTable, record: Record, changed: dict[str, str], before: dict[str, str], now: int
    ) -> None:
        """Properties that HubSpot itself sets after a write."""
        followed = followers(self.portal, table, record, changed, before, now)
        if table.kind.plural == "contacts" and "email" in changed:
            followed |= self._consent_of(record)
        for name, value in followed.items():
            if record.values.get(name, "") != value:
                record.write(name, value, now, CALCULATED)
                self._tell_change(table, record, name, value, now, CALCULATED)

    def _automate(self, table: ObjectTable, record: Record, changed: dict[str, str]) -> None:
        """What the account's settings do after a write."""
        domain = automation.company_domain(self.portal, table.kind.plural, record, changed)
        if domain:
            companies = self.portal.require_table("companies")
            company = automation.company_at(self.portal, domain)
            if company is None:
                named = {"domain": domain, "name": domain.partition(".")[0].title()}
                company = self.create(companies, named, automation.NEW_COMPANY)
            self.link(End("contacts", record.id), End("companies", company.id), (1,), automation.ASSOCIATING)
        self._advance(automation.after_change(self.portal, End(table.kind.plural, record.id), record, changed))

    def _advance(self, advances: Iterable[automation.Advance]) -> None:
        for one in advances:
            if automation.is_forward(self.portal, one):
                table = self.portal.require_table(one.end.plural)
                self.update(table, table.live[one.end.id], {"lifecyclestage": one.stage}, one.by)

    def archive(self, table: ObjectTable, record: Record, by: Actor) -> None:
        """Into the recycle bin."""
        now = self.clock.epoch_ms()
        self._before(table, record.id, record)
        table.remove(record)
        record.archived_at = now
        table.archived[record.id] = record
        self._recycled_links[End(table.kind.plural, record.id)] = self._drop_links(table, record, by)
        self._after(table, record.id, None, now)
        self._tell("deletion", table, record.id, now, by, changeFlag="DELETED")

    def restore(self, table: ObjectTable, record_id: int, by: Actor) -> Record:
        """Out of the recycle bin, with those of its links whose other end is still there. Raises ApiError."""
        record = table.archived.get(record_id)
        if record is None:
            raise bad_request(f"{table.kind.singular} {record_id} is not in the recycle bin")
        for name in table.unique:
            if any(key in table.unique[name] for key in table.claims(record.values, name)):
                raise bad_request(f"{table.kind.singular} {record_id} cannot be restored: its {name} is in use")
        now = self.clock.epoch_ms()
        del table.archived[record_id]
        record.archived_at = None
        self._before(table, record.id, None)
        record.updated = now
        table.add(record)
        here = End(table.kind.plural, record.id)
        for other, ids in self._recycled_links.pop(here, []):
            if other.id in self.portal.require_table(other.plural).live:
                self.link(here, other, ids, by)
        self._after(table, record.id, record, now)
        self._tell("restore", table, record.id, now, by)
        return record

    def purge(self) -> None:
        """Forget what has been in the recycle bin for its whole time (API reference section 5)."""
        now = self.clock.epoch_ms()
        for table in self.portal.tables():
            while table.archived:
                oldest = next(iter(table.archived.values()))  # they came in the order of their going
                if (oldest.archived_at or 0) + RECYCLED_MS > now:
                    break
                del table.archived[oldest.id]
                self._recycled_links.pop(End(table.kind.plural, oldest.id), None)

    def erase(self, table: ObjectTable, record: Record, by: Actor) -> None:
        """Delete for good (privacy)."""
        now = self.clock.epoch_ms()
        if record.id in table.live:
            self._before(table, record.id, record)
            table.remove(record)
            self._after(table, record.id, None, now)
        table.archived.pop(record.id, None)
        self._drop_links(table, record, by)
        self._tell("privacyDeletion", table, record.id, now, by)

    def forget_type(self, plural: str, by: Actor) -> None:
        """A custom object type is purged: nothing is left of it anywhere."""
        for here, links in list(self._recycled_links.items()):
            self._recycled_links[here] = [one for one in links if one[0].plural != plural]
        self._recycled_links = {here: links for here, links in self._recycled_links.items() if here.plural != plural}
        self.tell(Event("purge", plural, 0, self.clock.epoch_ms(), by, {}))
        self.portal.discard(plural)

    def _drop_links(self, table: ObjectTable, record: Record, by: Actor) -> list[tuple[End, frozenset[int]]]:
        gone = list(self.portal.links.drop(End(table.kind.plural, record.id)))
        if table.kind.plural == "companies":
            for other, _ in gone:
                self._follow_primary(other, by)
        return gone

    # Links.

    def link(self, one: End, other: End, type_ids: Iterable[int], by: Actor) -> None:
        """Add type ids to the link of two live records; a primary mark moves. Raises ApiError for a limit."""
        one, other, added = self._oriented(one, other, frozenset(type_ids))
        links = self.portal.links
        added |= {links.plain(one.plural, other.plural)}
        primary = links.primary(one.plural, other.plural)
        before = links.between(one, other)
        self._check_link_limits(one, other, added - before)
        if primary is not None and primary in added:
            for number, ids in list(links.of(one, other.plural).items()):
                if primary in ids and number != other.id:
                    links.put(one, End(other.plural, number), ids - {primary})
                    self._tell_link(one, End(other.plural, number), {primary}, by, removed=True)
        if added <= before:
            return
        links.put(one, other, before | added)
        self._tell_link(one, other, added - before, by, removed=False)
        self._follow_primary(one, by)
        if not before:
            self._advance(automation.after_link(self.portal, one, other))

    def unlink(self, one: End, other: End, by: Actor, type_ids: Iterable[int] | None = None) -> None:
        """Remove type ids (None: all) from a link; without the unlabelled one the link is gone."""
        one, other, asked = self._oriented(one, other, frozenset(type_ids or ()))
        links = self.portal.links
        before = links.between(one, other)
        gone = before if type_ids is None else before & asked
        if links.plain(one.plural, other.plural) in gone:
            gone = before
        if not gone:
            return
        links.put(one, other, before - gone)
        self._tell_link(one, other, gone, by, removed=True)
        self._follow_primary(one, by)

    def set_primary_company(self, contact: Record, company_id: str, by: Actor) -> None:
        """Move a contact's primary mark to that company, or take it away ("")."""
        here = End("contacts", contact.id)
        if company_id:
            company = self.portal.require_table("companies").find(company_id)
            if company is not None:
                self.link(here, End("companies", company.id), (1,), by)
            return
        for number, ids in list(self.portal.links.of(here, "companies").items()):
            if 1 in ids:
                self.unlink(here, End("companies", number), by, (1,))

    def follow_links(self, one: End, by: Actor) -> None:
        """After links were moved wholesale (merges): every contact concerned shows its primary company."""
        self._follow_primary(one, by)
        for number in self.portal.links.of(one, "contacts"):
            self._follow_primary(End("contacts", number), by)

    def _oriented(self, one: End, other: End, ids: frozenset[int]) -> tuple[End, End, frozenset[int]]:
        """The same link seen from the end that has one primary company, not from the company."""
        if one.plural != "companies" or other.plural == "companies":
            return one, other, ids
        kinds = self.portal.links.types(one.plural, other.plural)
        return other, one, frozenset(kinds[type_id].inverse for type_id in ids)

    def _check_link_limits(self, one: End, other: End, added: frozenset[int]) -> None:
        kinds = self.portal.links.types(one.plural, other.plural)
        for row in self.portal.association_limits:
            pair = tuple(self.portal.require_table(row[side]).kind.plural for side in ("from", "to"))
            for here, there, ids in (
                (one, other, added),
                (other, one, frozenset(kinds[type_id].inverse for type_id in added)),
            ):
                if pair != (here.plural, there.plural) or int(row["typeId"]) not in ids:
                    continue
                held = sum(int(row["typeId"]) in held for held in self.portal.links.of(here, there.plural).values())
                if held >= int(row["maxToObjectIds"]):
                    raise ApiError(
                        400,
                        "VALIDATION_ERROR",
                        f"{here.plural} {here.id} has the maximum of {row['maxToObjectIds']} associations of type "
                        f"{row['typeId']}",
                        sub_category="crm.associations.ASSOCIATION_LIMIT_EXCEEDED",
                    )

    def _follow_primary(self, one: End, by: Actor) -> None:
        """`associatedcompanyid` shows the primary company; that alone does not move the modification time."""
        if one.plural != "contacts":
            return
        table = self.portal.require_table("contacts")
        contact = table.live.get(one.id)
        if contact is None:
            return
        companies = self.portal.links.of(one, "companies")
        primary = next((str(number) for number, ids in companies.items() if 1 in ids), "")
        if contact.values.get("associatedcompanyid", "") == primary:
            return
        now = self.clock.epoch_ms()
        self._before(table, contact.id, contact)
        contact.write("associatedcompanyid", primary, now, by)
        self._after(table, contact.id, contact, now)
        self._tell_change(table, contact, "associatedcompanyid", primary, now, by)

    # Consent belongs to the address (API reference section 13); a contact only shows it.

    def set_opt_out(self, address: str, out: bool, by: Actor) -> bool:
        """Opt an address out of everything, or in again; whether that changed anything."""
        if out == (address in self.portal.unsubscribed):
            return False
        if out:
            self.portal.unsubscribed[address] = self.clock.epoch_ms()
        else:
            del self.portal.unsubscribed[address]
        self.show_consent(address, by)
        return True

    def show_consent(self, address: str, by: Actor) -> None:
        """Bring the opt-out properties of the contact with this primary address up to date."""
        table = self.portal.require_table("contacts")
        contact = table.find_by("email", address)
        if contact is not None and contact.values.get("email") == address:
            self.update(table, contact, self._consent_of(contact), by)

    def _consent_of(self, contact: Record) -> dict[str, str]:
        """The opt-out properties as the address now has them; one that was never set stays unset for "no"."""
        address = contact.values.get("email", "")
        states = {"hs_email_optout": address in self.portal.unsubscribed}
        for one in self.portal.subscriptions:
            status = self.portal.statuses.get((address, one["id"]), {}).get("status")
            states[f"hs_email_optout_{one['id']}"] = status == "UNSUBSCRIBED" or states["hs_email_optout"]
        return {name: "true" if out else "false" for name, out in states.items() if out or contact.values.get(name)}

    # The search index and events.

    def _before(self, table: ObjectTable, record_id: int, record: Record | None) -> None:
        if self.portal.settings["index_lag_ms"]:
            table.index.before(record_id, record)

    def _after(self, table: ObjectTable, record_id: int, record: Record | None, now: int) -> None:
        lag = self.portal.settings["index_lag_ms"]
        if lag:
            table.index.after(record_id, record, now + int(lag))

    def begin(self, table: ObjectTable, records: Iterable[tuple[int, Record | None]]) -> None:
        """For writes outside this class (merges): note what searches still see."""
        for record_id, record in records:
            self._before(table, record_id, record)

    def finish(self, table: ObjectTable, records: Iterable[tuple[int, Record | None]]) -> None:
        now = self.clock.epoch_ms()
        for record_id, record in records:
            self._after(table, record_id, record, now)

    def tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def _tell(self, verb: str, table: ObjectTable, record_id: int, at: int, by: Actor, **fields: Any) -> None:
        if verb == "creation":
            fields["changeFlag"] = "CREATED"
        self.tell(Event(verb, table.kind.plural, record_id, at, by, fields))

    def _tell_change(self, table: ObjectTable, record: Record, name: str, value: str, at: int, by: Actor) -> None:
        fields = {"propertyName": name, "propertyValue": value}
        self.tell(Event("propertyChange", table.kind.plural, record.id, at, by, fields))

    def _tell_link(self, one: End, other: End, ids: Iterable[int], by: Actor, *, removed: bool) -> None:
        now = self.clock.epoch_ms()
        kinds = self.portal.links.types(one.plural, other.plural)
        for type_id in sorted(ids):
            kind = kinds[type_id]
            self._tell_one_way(one, other, type_id, by, now, removed)
            if (one, type_id) != (other, kind.inverse):
                self._tell_one_way(other, one, kind.inverse, by, now, removed)

    def _tell_one_way(self, one: End, other: End, type_id: int, by: Actor, now: int, removed: bool) -> None:
        kind = self.portal.links.types(one.plural, other.plural)[type_id]
        singular = {end.plural: self.portal.require_table(end.plural).kind for end in (one, other)}
        fields = {
            "associationType": f"{singular[one.plural].singular}_TO_{singular[other.plural].singular}".upper(),
            "associationTypeId": type_id,
            "associationCategory": kind.category,
            "fromObjectId": one.id,
            "fromObjectTypeId": singular[one.plural].type_id,
            "toObjectId": other.id,
            "toObjectTypeId": singular[other.plural].type_id,
            "associationRemoved": removed,
            "isPrimaryAssociation": kind.label == "Primary",
        }
        self.tell(Event("associationChange", one.plural, one.id, now, by, fields))
