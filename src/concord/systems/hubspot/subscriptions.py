"""What the app has subscribed to in the Webhooks Journal, kept in line with what is mapped (api/hubspot.md, 18.1).

Changes nothing of other accounts, of objects that are not mapped, and of other kinds: others may use the same app.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from concord.errors import Category, RemoteRefused
from concord.systems.hubspot.client import AppCaller
from concord.systems.hubspot.errors import SYSTEM
from concord.systems.hubspot.notices import text_of
from concord.systems.hubspot.schema import TYPE_IDS
from concord.systems.hubspot.wire import OPT_OUT

log = logging.getLogger("concord.hubspot")

_SCOPE: Final = "developer.webhooks_journal."
#: What reading the journal and subscribing to it needs (section 2.4).
SCOPES: Final = (_SCOPE + "read", _SCOPE + "subscriptions.read", _SCOPE + "subscriptions.write")
#: Of one app, over all accounts (18.1).
MOST: Final = 50

_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "OBJECT": ("CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"),
    "ASSOCIATION": ("ASSOCIATION_ADDED", "ASSOCIATION_REMOVED"),
    "GDPR_PRIVACY_DELETION": ("GDPR_DELETE",),
}
_CONTACTS: Final = "contacts"

NO_CLIENT: Final = (
    "the Webhooks Journal is read by an app: it needs the client id and the client secret of a HubSpot app, and a "
    "Service Key has none"
)
_NO_TOKEN: Final = (
    "HubSpot gives this app no token of its own, as it does not to an app with static auth: the Webhooks Journal needs "
    "a project app with OAuth"
)
#: What the token endpoint says to an app that may not have a token of its own, and to one that may not have the scopes.
_NOT_THIS_APP: Final = ("BAD_GRANT_TYPE", "unsupported_grant_type", "unauthorized_client")
_NOT_THESE_SCOPES: Final = ("BAD_SCOPES", "invalid_scope")


@dataclass(frozen=True)
class Subscription:
    """One subscription. Empty lists of properties, objects and associated types mean all of them."""

    kind: str
    portal_id: str
    type_id: str
    actions: frozenset[str]
    properties: frozenset[str] = frozenset()
    associated: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.kind} {self.type_id}"

    def replaces(self, other: Subscription) -> bool:
        """Whether the other one stands for the same thing, and looks as if we had made it for another mapping."""
        same = (self.kind, self.portal_id, self.type_id) == (other.kind, other.portal_id, other.type_id)
        return same and not other.objects and self.actions == other.actions

    def wire(self) -> Mapping[str, Any]:
        body: dict[str, Any] = {
            "subscriptionType": self.kind,
            "portalId": int(self.portal_id),
            "objectTypeId": self.type_id,
            "actions": [action for action in _ACTIONS[self.kind] if action in self.actions],
        }
        if self.kind == "OBJECT":
            body |= {"properties": sorted(self.properties), "objectIds": []}
        if self.kind == "ASSOCIATION":
            body |= {"associatedObjectTypeIds": sorted(self.associated), "objectIds": []}
        return body


def wanted(objects: Collection[str], properties: Mapping[str, Collection[str]], portal_id: str) -> list[Subscription]:
    """What is to be subscribed to. objects: by plural name, custom ones by type id. properties: the mapped ones of
    each; none: all of them."""
    type_ids = {name: TYPE_IDS.get(name, name) for name in dict.fromkeys(objects)}
    made: list[Subscription] = []
    for name, type_id in type_ids.items():
        mapped = frozenset(properties.get(name, ()))
        # A list of properties shuts out all others; the opt-out is wanted whatever is mapped (SPEC 7.1).
        listed = mapped | {OPT_OUT} if mapped and name == _CONTACTS else mapped
        made.append(_of("OBJECT", portal_id, type_id, properties=listed))
    for type_id in type_ids.values():
        others = frozenset(type_ids.values()) - {type_id}
        if others:
            made.append(_of("ASSOCIATION", portal_id, type_id, associated=others))
    if _CONTACTS in type_ids:
        made.append(_of("GDPR_PRIVACY_DELETION", portal_id, type_ids[_CONTACTS]))
    return made


def _of(kind: str, portal_id: str, type_id: str, **lists: frozenset[str]) -> Subscription:
    return Subscription(kind, portal_id, type_id, frozenset(_ACTIONS[kind]), **lists)


class Subscriptions:
    """The subscriptions of one app. has_client: whether a client id and its secret are configured."""

    def __init__(self, caller: AppCaller, *, has_client: bool) -> None:
        self._caller = caller
        self._has_client = has_client
        #: Made or changed, and not told of yet: a call without an answer may have done it, too.
        self._made: list[str] = []

    async def refusal(self) -> str | None:
        """Why the journal cannot be read, in words for an administrator; None: it can. Changes nothing.

        Raises RemoteBusy or RemoteUnknown when that could not be found out now.
        """
        if not self._has_client:
            return NO_CLIENT
        try:
            await self._all()
            await self._caller.get(self._caller.paths.journal("/latest"), "journal", accept=(404,))
        except RemoteRefused as error:
            return explained(error)
        return None

    async def ensure(
        self, objects: Collection[str], properties: Mapping[str, Collection[str]], portal_id: str
    ) -> Sequence[str]:
        """Subscribe to what is mapped; the names of what was made or changed (none: all of it was there already).

        Raises RemoteRefused, RemoteBusy, RemoteUnknown. Subscriptions to associations and to privacy deletions may be
        refused without harm: associations are compared as sets, and a record that was deleted is found gone.
        """
        if not self._has_client:
            raise RemoteRefused(SYSTEM, Category.PERMISSION, NO_CLIENT)
        standing = await self._all()
        asked = wanted(objects, properties, portal_id)
        missing = [one for one in asked if one not in standing.values()]
        fresh = [one for one in missing if not any(one.replaces(other) for other in standing.values())]
        if len(standing) + len(fresh) > MOST:
            raise RemoteRefused(
                SYSTEM,
                Category.QUOTA,
                f"the app has {len(standing)} subscriptions to the Webhooks Journal and needs {len(fresh)} more, of "
                f"{MOST} that it may have",
                advice="Remove those that are not used, or give Concord an app of its own",
            )
        for one in missing:
            await self._subscribe(one, standing)
        made, self._made = list(dict.fromkeys(self._made)), []
        if made:
            log.info("subscribed in the Webhooks Journal: %s", ", ".join(made))
        return made

    async def _subscribe(self, one: Subscription, standing: Mapping[str, Subscription]) -> None:
        """Make it, or change the one that stands in its place."""
        paths = self._caller.paths
        self._made.append(one.name)
        try:
            answer = await self._caller.post(paths.subscriptions(), "journal subscriptions", one.wire())
        except RemoteRefused as error:
            self._made.remove(one.name)
            if one.kind == "OBJECT":
                raise
            log.warning("%s is not subscribed to in the Webhooks Journal: %s", one.name, error)
            return
        made = text_of(answer.body.get("id")) if isinstance(answer.body, Mapping) else ""
        # "Upsert" changes the standing one; where it made another beside it, the old one has no use any more.
        for identifier, other in standing.items():
            if made not in ("", identifier) and one.replaces(other):
                await self._caller.delete(paths.subscriptions(f"/{identifier}"), "journal subscriptions")

    async def _all(self) -> dict[str, Subscription]:
        """The app's subscriptions in all accounts, by their ids."""
        answer = await self._caller.get(self._caller.paths.subscriptions(), "journal subscriptions")
        rows = answer.body.get("results") if isinstance(answer.body, Mapping) else None
        return {
            text_of(row["id"]): _read(row)
            for row in rows or []
            if isinstance(row, Mapping) and text_of(row.get("id")) and not row.get("deletedAt")
        }


def explained(error: RemoteRefused) -> str:
    """Why the app may not, in a sentence for an administrator."""
    if error.code in _NOT_THIS_APP:
        return f"{_NO_TOKEN} ({error.code})"
    if error.code in _NOT_THESE_SCOPES:
        return f"the app may not have the scopes {', '.join(SCOPES)} ({error.code})"
    return str(error)


def _read(row: Mapping[str, Any]) -> Subscription:
    def texts(name: str) -> frozenset[str]:
        told = row.get(name)
        return frozenset(text_of(one) for one in told) if isinstance(told, list) else frozenset()

    kind = text_of(row.get("subscriptionType"))
    return Subscription(
        kind,
        text_of(row.get("portalId")),
        text_of(row.get("objectTypeId")),
        texts("actions"),
        texts("properties") if kind == "OBJECT" else frozenset(),
        texts("associatedObjectTypeIds") if kind == "ASSOCIATION" else frozenset(),
        texts("objectIds"),
    )
