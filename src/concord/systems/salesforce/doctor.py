"""What a Salesforce org tells of itself, for `concord doctor`: fills the engine's `Examined` by shape.

Asks, and says in words what was found; changes nothing. Sections: api/salesforce.md. That UserPermissionAccess,
ObjectPermissions and DuplicateRule can be queried, and PlatformEventChannelMember and ValidationRule over the Tooling
API, is in Salesforce's own object references; where an org does not show them, that is said and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from concord.core.checks import Check, Question, Quota, Rights, State, Use, quota_check, rights_check
from concord.core.values import ObjectSpec
from concord.systems.salesforce import Salesforce
from concord.systems.salesforce.client import HEADERS, Client, Row
from concord.systems.salesforce.events import ALL_CHANGES, RESERVE, ChangeEvents, event_name
from concord.systems.salesforce.schema import object_spec
from concord.systems.salesforce.wire import among, id18, quoted, select

SECTION: Final = "Salesforce"
#: Rights that a synchronisation has no use for (SPEC 11.2, section 19), by the name that Setup has for them.
TOO_MUCH: Final[Mapping[str, str]] = {
    "PermissionsModifyAllData": "Modify All Data",
    "PermissionsManageUsers": "Manage Users",
    "PermissionsCustomizeApplication": "Customize Application",
    "PermissionsAuthorApex": "Author Apex",
}
#: Editions without Change Data Capture (section 1), as Organization.OrganizationType names them.
_WITHOUT_EVENTS: Final = ("Professional Edition", "Team Edition", "Base Edition", "Essentials Edition")
#: Seconds in which a change event tells of a change, mostly.
_EVENT: Final = 2.0
#: From so much of the storage on an administrator is told.
_FULL: Final = 0.95
_RIGHT: Final = "give the integration user the right, best by a permission set of its own"
_SETUP: Final = "give the integration user View Setup and Configuration to have this checked, or look in Setup under "


@dataclass(frozen=True)
class Told:
    """What the configuration says about Salesforce.

    share: salesforce.daily_share. events: salesforce.events. channel: salesforce.channel. hook: whether
    CONCORD_SALESFORCE_HOOK is set. target: the address of Outbound Messages, without the secret. reachable: why
    Salesforce cannot send there; "" where nothing speaks against it.
    """

    share: float
    events: str
    channel: str
    hook: bool
    target: str
    reachable: str


class Examination:
    """One org's questions. uses: the synced objects. feed: its change events; None where they are not configured."""

    section = SECTION

    def __init__(self, salesforce: Salesforce, uses: Sequence[Use], told: Told, feed: ChangeEvents | None) -> None:
        self._client: Client = salesforce._client  # of this folder, as everything here
        self._uses = uses
        self._told = told
        self._feed = feed
        self._edition = ""
        self._limits: Mapping[str, Any] | None = None
        self.schemas: Mapping[str, ObjectSpec] = {}
        self.daily: Quota | None = None
        #: The account's id, once it was told.
        self.account = ""
        fail = State.FAIL
        access = "Check client id, secret and address; in the app's policies the client-credentials flow and its user"
        self.gates: Sequence[Question] = (
            Question(SECTION, "sign-in", self._signs_in, fail, access),
            Question(SECTION, "API version", self._version, fail, "Give the integration user API Enabled"),
            Question(SECTION, "account", self._account, fail, _RIGHT + ": View Setup and Configuration"),
        )
        self.questions: Sequence[Question] = (
            *(Question(SECTION, f"object {use.object}", self._object(use), fail, _RIGHT) for use in uses),
            Question(SECTION, "permissions", self._permissions, by_hand=_SETUP + "Users, Permission Sets"),
            Question(
                SECTION, "all records", self._all_records, by_hand=_SETUP + "Users: View All on the synced objects"
            ),
            Question(SECTION, "duplicate rules", self._duplicate_rules, by_hand=_SETUP + "Duplicate Rules"),
            Question(SECTION, "validation rules", self._validation_rules, by_hand=_SETUP + "Object Manager"),
            Question(SECTION, "assignment rules", self._assignment_rules),
            Question(SECTION, "daily calls", self._daily_calls, by_hand=_SETUP + "Company Information: API Requests"),
            Question(SECTION, "storage", self._storage, by_hand=_SETUP + "Storage Usage"),
            Question(SECTION, "event deliveries", self._deliveries, by_hand=_SETUP + "Event Manager"),
            Question(SECTION, "change events", self._events, by_hand=_SETUP + "Change Data Capture"),
            Question(SECTION, "outbound messages", self._outbound),
        )

    # --- the account

    async def _signs_in(self) -> list[Check]:
        await self._client.http.signature()
        words = f"signed in at {self._client.http.base_url}"
        if self._client.auth.user_id:
            words += f" as user {self._client.auth.user_id}"
        return [Check(SECTION, "sign-in", State.OK, words)]

    async def _version(self) -> list[Check]:
        answer = await self._client.call("GET", "/services/data/", kind="account")
        return [version_check(self._client.api_version, [f"v{one['version']}" for one in answer.body])]

    async def _account(self) -> list[Check]:
        soql = select("Organization", ["Id", "OrganizationType", "IsSandbox"], [])
        rows = await self._client.rows(soql, kind="account")
        if not rows:
            words = "the integration user may not see the Organization record"
            return [Check(SECTION, "account", State.FAIL, words, _RIGHT + ": View Setup and Configuration")]
        self._edition = str(rows[0].get("OrganizationType") or "")
        self.account = id18(str(rows[0]["Id"]))
        kind = "a sandbox" if rows[0].get("IsSandbox") else "production"
        if self._edition.startswith("Developer"):
            kind = "nobody's production"
        words = f"organisation {self.account}, {kind}, {self._edition or 'of an edition that is not told'}"
        return [Check(SECTION, "account", State.OK, words)]

    # --- rights

    def _object(self, use: Use) -> Any:
        async def ask() -> list[Check]:
            answer = await self._client.call(
                "GET", f"/sobjects/{quote(use.object, safe='')}/describe/", kind="describe"
            )
            self.schemas = {**self.schemas, use.object: object_spec(answer.body)}
            rights = Rights(
                bool(answer.body.get("queryable", True)),
                bool(answer.body.get("createable", True)),
                bool(answer.body.get("updateable", True)),
            )
            return [rights_check(SECTION, use, rights, _RIGHT)]

        return ask

    async def _permissions(self) -> list[Check]:
        rows = await self._client.rows(select("UserPermissionAccess", [*TOO_MUCH], []) + " LIMIT 1", kind="describe")
        return [permissions_check(rows)]

    async def _all_records(self) -> list[Check]:
        mine = select(
            "PermissionSetAssignment", ["PermissionSetId"], [f"AssigneeId = {quoted(self._client.auth.user_id)}"]
        )
        names = [use.object for use in self._uses]
        soql = select(
            "ObjectPermissions", ["SobjectType", "PermissionsViewAllRecords"],
            [among("SobjectType", names), f"ParentId IN ({mine})"],
        )  # fmt: skip
        rows = await self._client.rows(soql, kind="describe")
        everything = await self._client.rows(
            "SELECT PermissionsViewAllData FROM UserPermissionAccess LIMIT 1", kind="describe"
        )
        return [all_records_check(names, rows, any(row.get("PermissionsViewAllData") for row in everything))]

    # --- rules that may refuse what is written

    async def _duplicate_rules(self) -> list[Check]:
        written = [use.object for use in self._uses if use.creates or use.updates]
        soql = select(
            "DuplicateRule", ["DeveloperName", "SobjectType"], ["IsActive = true", among("SobjectType", written)]
        )
        rows = [(str(row["SobjectType"]), str(row["DeveloperName"])) for row in await self._rows(soql, written)]
        advice = (
            "let them report instead of block for the integration user, or expect records that wait under "
            "`concord errors` with the category duplicate rule"
        )
        return [rules_check("duplicate rules", rows, advice)]

    async def _validation_rules(self) -> list[Check]:
        written = [use.object for use in self._uses if use.creates or use.updates]
        condition = among("EntityDefinition.QualifiedApiName", written)
        soql = select(
            "ValidationRule", ["ValidationName", "EntityDefinition.QualifiedApiName"], ["Active = true", condition]
        )
        rows = await self._rows(soql, written, tooling=True)
        found = [(str(row["EntityDefinition"]["QualifiedApiName"]), str(row["ValidationName"])) for row in rows]
        advice = "make sure that they let through what marketing enters, or except the integration user in the formula"
        return [rules_check("validation rules", found, advice)]

    async def _rows(self, soql: str, about: Sequence[str], *, tooling: bool = False) -> Sequence[Row]:
        if not about:
            return ()
        if not tooling:
            return await self._client.rows(soql, kind="describe")
        answer = await self._client.call("GET", f"/tooling/query?q={quote(soql, safe='')}", kind="describe")
        rows: Sequence[Row] = answer.body["records"]
        return rows

    async def _assignment_rules(self) -> list[Check]:
        return [assignment_check(HEADERS)]

    # --- quotas

    async def _limit(self, name: str) -> Quota:
        """A line of `/limits`, which is asked for once; nothing (0 of 0) where the org does not tell it."""
        if self._limits is None:
            self._limits = (await self._client.call("GET", "/limits/", kind="limits")).body
        told = self._limits.get(name) or {}
        most = int(told.get("Max") or 0)
        return Quota(most - int(told.get("Remaining") or 0), most)

    async def _daily_calls(self) -> list[Check]:
        told = await self._limit("DailyApiRequests")
        self.daily = Quota(told.used, told.limit, self._told.share)
        advice = "find out who else uses them, buy more, or let Concord use more of them (salesforce.daily_share)"
        return [quota_check(SECTION, "daily calls", self.daily, advice)]

    async def _storage(self) -> list[Check]:
        told = await self._limit("DataStorageMB")
        if told.limit <= 0:
            return [Check(SECTION, "storage", State.UNKNOWN, "the org does not tell", "Look in Setup, Storage Usage")]
        words = f"{told.used:,} of {told.limit:,} MB used"
        if told.used < _FULL * told.limit:
            return [Check(SECTION, "storage", State.OK, words)]
        return [Check(SECTION, "storage", State.WARN, words, "without storage nothing can be created: make room")]

    async def _deliveries(self) -> list[Check]:
        if self._feed is None:
            return [Check(SECTION, "event deliveries", State.OK, "none used: change events are off")]
        if self._edition in _WITHOUT_EVENTS:
            return [Check(SECTION, "event deliveries", State.OK, f"none used: {self._edition} has no change events")]
        told = await self._limit("DailyDeliveredPlatformEvents")
        advice = "Concord asks instead until there is room; a custom channel with a filter saves events"
        return [quota_check(SECTION, "event deliveries", Quota(told.used, told.limit, 1 - RESERVE), advice)]

    # --- sources of events

    async def _events(self) -> list[Check]:
        if self._feed is None:
            return [Check(SECTION, "change events", State.OK, "not used: salesforce.events is off")]
        refusal = await self._feed.refusal()
        objects = [use.object for use in self._uses]
        channel = self._told.channel
        if refusal is None and channel and channel != ALL_CHANGES:
            return [await self._custom_channel(channel, objects)]
        forced = self._told.events == "change_events"
        return [events_check(objects, refusal, self._feed.reasons, self._edition, forced=forced)]

    async def _custom_channel(self, channel: str, objects: Sequence[str]) -> Check:
        """Which objects a custom channel carries; the Pub/Sub API does not say."""
        soql = select("PlatformEventChannelMember", ["SelectedEntity"], [f"EventChannel = {quoted(channel)}"])
        rows = await self._rows(soql, objects, tooling=True)
        return channel_check(channel, objects, [str(row.get("SelectedEntity") or "") for row in rows])

    async def _outbound(self) -> list[Check]:
        return [outbound_check(self._told)]


# --- what the answers mean


def version_check(wanted: str, listed: Sequence[str]) -> Check:
    """Whether the org speaks the pinned version, and whether it is near the end (section 1: three years)."""
    name, listed = "API version", sorted(listed, key=lambda one: float(one.lstrip("v")))
    if wanted not in listed:
        words = f"salesforce.api_version is {wanted}, which the org does not have"
        return Check(SECTION, name, State.FAIL, words, f"write one of {', '.join(listed[-5:]) or 'none'}")
    if listed.index(wanted) < min(3, len(listed) - 1):
        words = f"{wanted} is among the oldest that the org still speaks"
        return Check(SECTION, name, State.WARN, words, "update Concord before Salesforce takes it away")
    return Check(SECTION, name, State.OK, f"{wanted}; the org speaks {listed[0]} to {listed[-1]}")


def permissions_check(rows: Sequence[Row]) -> Check:
    """Whether the integration user may do more than it has to (SPEC 11.2)."""
    name = "permissions"
    if not rows:
        return Check(SECTION, name, State.UNKNOWN, "the org does not tell", _SETUP + "Users, Permission Sets")
    found = [label for field, label in TOO_MUCH.items() if rows[0].get(field)]
    if found:
        words = f"the integration user has {', '.join(found)}, which Concord has no use for"
        return Check(SECTION, name, State.WARN, words, "take them away, so that a stolen secret can do less")
    return Check(SECTION, name, State.OK, f"the integration user has none of {', '.join(TOO_MUCH.values())}")


def all_records_check(objects: Sequence[str], rows: Iterable[Row], everything: bool) -> Check:
    """Whether no record is hidden by sharing: one that is hidden would be taken for deleted (section 7.1)."""
    seen = {str(row["SobjectType"]) for row in rows if row.get("PermissionsViewAllRecords")}
    lacking = [] if everything else [name for name in objects if name not in seen]
    if lacking:
        words = (
            f"the integration user has no View All on {', '.join(lacking)}: what is not shared with it is not synced"
        )
        return Check(SECTION, "all records", State.WARN, words, "give it View All on these objects")
    return Check(SECTION, "all records", State.OK, "View All on every synced object: no record is hidden")


def rules_check(name: str, found: Sequence[tuple[str, str]], advice: str) -> Check:
    """Rules that are active on objects that are written. found: object and name of each."""
    if not found:
        return Check(SECTION, name, State.OK, "none is active on what Concord writes")
    listed = ", ".join(f"{rule} ({where})" for where, rule in sorted(found)[:8])
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return Check(SECTION, name, State.WARN, f"active, and may refuse what Concord writes: {listed}{more}", advice)


def assignment_check(headers: Mapping[str, str]) -> Check:
    """Whether rules of assignment may re-own what Concord writes: every write says that they shall not run."""
    if headers.get("Sforce-Auto-Assign", "").upper() == "FALSE":
        words = "not run by what Concord writes, whatever rules there are (Sforce-Auto-Assign: FALSE)"
        return Check(SECTION, "assignment rules", State.OK, words)
    return Check(SECTION, "assignment rules", State.WARN, "may give what Concord writes to other owners")


def events_check(
    objects: Sequence[str], refusal: str | None, reasons: Mapping[str, str], edition: str, *, forced: bool
) -> Check:
    """Whether change events are followed. refusal: why not one object's are; reasons: why not those of single ones.
    forced: the configuration asks for them by name, so that Concord does not start without."""
    name, instead = "change events", "changes are asked for instead"
    told = _together({one: reasons[one] for one in objects if one in reasons})
    if refusal is not None and forced:
        return Check(
            SECTION, name, State.FAIL, f"salesforce.events asks for them: {told or refusal}", "mend that, or write auto"
        )
    if refusal is not None and edition in _WITHOUT_EVENTS:
        return Check(SECTION, name, State.OK, f"not used: {edition} has none; {instead}")
    if refusal is not None:
        advice = "mend that, or write `events: off`"
        return Check(SECTION, name, State.WARN, f"not followed, and {instead}: {told or refusal}", advice)
    lost = [one for one in objects if one in reasons]
    if lost:
        words = f"followed, but not those of {', '.join(lost)}: {told}"
        return Check(SECTION, name, State.WARN, words, "until then these objects are asked for")
    return Check(SECTION, name, State.OK, f"followed, for {', '.join(objects)}", tells_within=_EVENT)


def _together(reasons: Mapping[str, str]) -> str:
    """The reasons of several objects in a sentence for those that are alike."""
    alike: dict[str, list[str]] = {}
    for name, why in reasons.items():
        alike.setdefault(re.sub(rf"\b{name}\b", "\0", why), []).append(name)
    return "; ".join(why.replace("\0", ", ".join(names)) for why, names in alike.items())


def channel_check(channel: str, objects: Sequence[str], entities: Sequence[str]) -> Check:
    """Whether a custom channel carries every synced object. entities: its members, as the org names them."""
    name = "change events"
    lacking = [one for one in objects if event_name(one) not in entities]
    if not lacking:
        return Check(SECTION, name, State.OK, f"followed on {channel}, for {', '.join(objects)}", tells_within=_EVENT)
    words = f"followed on {channel}, which does not carry {', '.join(lacking)}"
    return Check(SECTION, name, State.WARN, words, "add PlatformEventChannelMembers for them, or name another channel")


def outbound_check(told: Told) -> Check:
    """What can be known of Outbound Messages: whether Salesforce sends any cannot be asked for (section 11.1)."""
    name = "outbound messages"
    if not told.hook:
        return Check(SECTION, name, State.OK, "not used: CONCORD_SALESFORCE_HOOK is not set")
    if told.reachable:
        advice = "set web.public_url to an https address that Salesforce reaches"
        return Check(SECTION, name, State.FAIL, f"cannot come to {told.target}: {told.reachable}", advice)
    words = f"taken at {told.target}/…; whether Salesforce sends any, it does not tell"
    advice = "Look in Setup, Outbound Messages, for one of each synced object, and in Flows for what sends it"
    return Check(SECTION, name, State.UNKNOWN, words, advice)
