"""How events of the account become entries of the Webhooks Journal (API reference section 18.2).

One write of several properties is one entry. An entry has no id and no change source. Keeps nothing but the write that
is still being told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.hubspot.crm import Event
from concord_sandbox.hubspot.events.subscriptions import LIFECYCLE, Subscription, Subscriptions
from concord_sandbox.hubspot.models import Portal
from concord_sandbox.hubspot.values import iso

_ACTION_OF = {"creation": "CREATE", "deletion": "DELETE", "merge": "MERGE", "restore": "RESTORE"}


@dataclass
class Write:
    """What happened to one record at one moment. changes: property -> new value."""

    action: str
    plural: str
    record_id: int
    at: int
    changes: dict[str, str] = field(default_factory=dict)

    def takes(self, event: Event) -> bool:
        """Whether that change belongs to this write: the same record and moment, and a property not yet told."""
        return (
            (self.plural, self.record_id, self.at) == (event.plural, event.record_id, event.at)
            and self.action in ("CREATE", "UPDATE")
            and event.fields["propertyName"] not in self.changes
        )


class Teller:
    """Turns events into entries and hands those that are subscribed to on to `put`, with their moment."""

    def __init__(
        self, portal: Portal, subscriptions: Subscriptions, put: Callable[[dict[str, Any], int], None]
    ) -> None:
        self._portal = portal
        self._subscriptions = subscriptions
        self._put = put
        self._write: Write | None = None

    def hear(self, event: Event) -> None:
        if event.verb == "propertyChange":
            if self._write is None or not self._write.takes(event):
                self.finish()
                self._write = Write("UPDATE", event.plural, event.record_id, event.at)
            self._write.changes[event.fields["propertyName"]] = event.fields["propertyValue"]
            return
        if event.verb == "creation":
            self.finish()
            self._write = Write("CREATE", event.plural, event.record_id, event.at)
            return
        if event.verb == "associationChange":
            # Told in the middle of a write that moves a primary company: the write goes on after it.
            self._tell_link(event)
            return
        self.finish()
        if event.verb in _ACTION_OF:
            self._tell_write(Write(_ACTION_OF[event.verb], event.plural, event.record_id, event.at))
        elif event.verb == "privacyDeletion":
            self._tell_privacy(event)
        elif event.verb == "listMembership":
            self._tell_membership(event)

    def finish(self) -> None:
        """Tell the write that is still open."""
        write, self._write = self._write, None
        if write is not None:
            self._tell_write(write)

    def lifecycle(self, action: str, at: int) -> bool:
        """The app was installed or uninstalled; whether that is subscribed to."""
        wanted = [one for one in self._subscriptions.of_type("APP_LIFECYCLE_EVENT") if action in one.actions]
        if not wanted:
            return False
        known = {
            "hs_app_id": str(self._portal.settings["app_id"]),
            "hs_app_install_level": "PORTAL",
            "hs_initiating_user_id": "1",
            "hs_user_id": "1",
        }
        names = {name for one in wanted for name in one.properties or known}
        entry = self._entry("app_lifecycle_event", action, at)
        properties = {name: value for name, value in known.items() if name in names}
        self._put({**entry, "eventTypeId": LIFECYCLE[action], "properties": properties}, at)
        return True

    def snapshot(self, plural: str, record_id: int, values: dict[str, str | None], at: int) -> None:
        entry = self._entry("crmObject", "SNAPSHOT", at)
        self._put({**entry, **self._named(plural, record_id), "propertyChanges": values}, at)

    # Each kind of entry.

    def _tell_write(self, write: Write) -> None:
        type_id = self._portal.kinds[write.plural].type_id
        wanted = [
            one
            for one in self._subscriptions.of_type("OBJECT")
            if one.wants(write.action, type_id, write.record_id)
            and (write.action != "UPDATE" or not one.properties or write.changes.keys() & set(one.properties))
        ]
        if not wanted:
            return
        values = self._values(write)
        wanted = [one for one in wanted if self._subscriptions.passes(one, values)]
        if not wanted:
            return
        names = set(_shown(wanted, write))
        changes = {name: value for name, value in write.changes.items() if name in names}
        entry = self._entry("crmObject", write.action, write.at)
        self._put({**entry, **self._named(write.plural, write.record_id), "propertyChanges": changes}, write.at)

    def _values(self, write: Write) -> dict[str, str]:
        table = self._portal.require_table(write.plural)
        record = table.live.get(write.record_id) or table.archived.get(write.record_id)
        return record.values if record is not None else {}

    def _tell_link(self, event: Event) -> None:
        fields = event.fields
        action = "ASSOCIATION_REMOVED" if fields["associationRemoved"] else "ASSOCIATION_ADDED"
        for one in self._subscriptions.of_type("ASSOCIATION"):
            if one.wants(action, fields["fromObjectTypeId"], fields["fromObjectId"]) and (
                not one.associated or fields["toObjectTypeId"] in one.associated
            ):
                names = ("fromObjectTypeId", "fromObjectId", "toObjectTypeId", "toObjectId", "associationTypeId")
                shown = {name: fields[name] for name in (*names, "associationCategory")}
                shown["isPrimary"] = fields["isPrimaryAssociation"]
                self._put({**self._entry("association", action, event.at), **shown}, event.at)
                return

    def _tell_privacy(self, event: Event) -> None:
        type_id = self._portal.kinds[event.plural].type_id
        if any(one.object_type_id == type_id for one in self._subscriptions.of_type("GDPR_PRIVACY_DELETION")):
            entry = self._entry("gdprPrivacyDeletion", "GDPR_DELETE", event.at)
            self._put({**entry, **self._named(event.plural, event.record_id)}, event.at)

    def _tell_membership(self, event: Event) -> None:
        list_id, action = int(event.fields["listId"]), str(event.fields["action"])
        for one in self._subscriptions.of_type("LIST_MEMBERSHIP"):
            if (
                action in one.actions
                and (not one.list_ids or list_id in one.list_ids)
                and (not one.object_ids or event.record_id in one.object_ids)
            ):
                entry = self._entry("listMembership", action, event.at)
                self._put({**entry, "listId": list_id, **self._named(event.plural, event.record_id)}, event.at)
                return

    def _entry(self, kind: str, action: str, at: int) -> dict[str, Any]:
        portal_id = int(self._portal.settings["portal_id"])
        return {"type": kind, "portalId": portal_id, "occurredAt": iso(at), "action": action}

    def _named(self, plural: str, record_id: int) -> dict[str, Any]:
        return {"objectTypeId": self._portal.kinds[plural].type_id, "objectId": record_id}


def _shown(wanted: list[Subscription], write: Write) -> Iterator[str]:
    """The names of the changed properties that the subscriptions ask for."""
    for one in wanted:
        yield from one.properties or write.changes
