"""What a HubSpot account tells of itself, for `concord doctor`: fills the engine's `Examined` by shape.

Asks, and says in words what was found; changes nothing. HubSpot tells nobody which scopes a static token has, so each
is tried by the smallest call that needs it: writing by a batch of no records at all, opting out by an address that is
none. Sections: api/hubspot.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from concord.core.checks import Check, Question, Quota, Rights, State, Use, quota_check, rights_check
from concord.core.values import ObjectSpec
from concord.errors import Category, RemoteRefused
from concord.systems.hubspot import HubSpot
from concord.systems.hubspot.client import REFUSED_BATCH, SEARCHES_A_SECOND, SHARE_OF_BURST, Caller
from concord.systems.hubspot.journal import POLL, Journal
from concord.systems.hubspot.schema import TYPE_IDS

SECTION: Final = "HubSpot"
#: How late a change shows up in searches, mostly: "a few moments" (section 6).
INDEX_LAG: Final = timedelta(seconds=10)
#: How long HubSpot serves a dated version (section 1), and how long before the end an administrator is told.
SERVED_DAYS: Final = 548
SOON: Final = timedelta(days=120)
#: Properties that only an account with HubSpot's own Salesforce connector has (section 20).
CONNECTOR: Final = ("salesforcecontactid", "salesforceleadid", "salesforceaccountid")
#: The property on which a workflow ends a contact's sequences (section 14).
STOP: Final = "salesforce_sync_stop_sequences"
#: A limit of texts is known to the mapping, which cuts nothing and says so (schema.py); no other rule is.
_KNOWN_RULES: Final = ("MAX_LENGTH",)
#: Calls in ten seconds -> what account has them (section 3).
_TIERS: Final[Mapping[int, str]] = {
    100: "Free or Starter",
    110: "an app of the marketplace",
    190: "Professional or Enterprise",
    250: "with an API limit increase",
}
#: Seconds in which a webhook tells of a change, mostly.
_WEBHOOK: Final = 5.0
_NOBODY: Final = "concord-doctor"  # no address: there is no @ in it
_SCOPES: Final = "give the app the scopes, and install it again"


@dataclass(frozen=True)
class Told:
    """What the configuration says about HubSpot.

    share: how much of the daily calls Concord may see used. app_id: hubspot.app_id. events: hubspot.events. signed:
    whether CONCORD_HUBSPOT_CLIENT_SECRET is set. target: where webhooks are taken. reachable: why HubSpot cannot send
    there; "" where nothing speaks against it. mapped, written: the mapped properties, and those of them that are
    written, by object. consent: whether an opt-out is mapped.
    """

    share: float
    app_id: str
    events: str
    signed: bool
    target: str
    reachable: str
    mapped: Mapping[str, Collection[str]]
    written: Mapping[str, Collection[str]]
    consent: bool


class Examination:
    """One account's questions. uses: the synced objects. feed: the journal; None where it is not configured. now: on
    this machine's clock."""

    section = SECTION

    def __init__(
        self, hubspot: HubSpot, uses: Sequence[Use], told: Told, feed: Journal | None, now: Callable[[], datetime]
    ) -> None:
        self._hubspot = hubspot
        self._caller: Caller = hubspot._caller  # of this folder, as everything here
        self._uses = uses
        self._told = told
        self._feed = feed
        self._now = now
        self._headers: Mapping[str, str] = {}
        self.schemas: Mapping[str, ObjectSpec] = {}
        self.daily: Quota | None = None
        #: The account's id, once it was told.
        self.account = ""
        fail = State.FAIL
        access = "Check the token and hubspot.api_version; an OAuth app needs the scope oauth"
        limits = "Look in HubSpot's settings, under Integrations, for the app's or key's usage"
        self.gates: Sequence[Question] = (Question(SECTION, "sign-in", self._account, fail, access),)
        self.questions: Sequence[Question] = (
            Question(SECTION, "API version", self._version),
            *(Question(SECTION, f"object {use.object}", self._object(use), fail, _SCOPES) for use in uses),
            Question(SECTION, "communication preferences", self._preferences, fail, _SCOPES),
            Question(SECTION, "property rules", self._rules, by_hand="Look at the validation rules of the properties"),
            Question(SECTION, "other connector", self._connector),
            Question(SECTION, "sequences", self._sequences),
            Question(SECTION, "daily calls", self._daily_calls, by_hand=limits),
            Question(SECTION, "burst", self._burst, by_hand=limits),
            Question(SECTION, "journal", self._journal, by_hand="Look at the app's scopes"),
            Question(SECTION, "webhooks", self._webhooks, by_hand=_by_hand(told)),
        )

    # --- the account

    async def _account(self) -> list[Check]:
        await self._hubspot.account()  # as every start does; it also learns the account's midnight
        answer = await self._caller.get(self._caller.paths.account(), "account")
        self._headers = answer.headers
        self.account = str(answer.body["portalId"])
        kind = str(answer.body.get("accountType") or "")
        words = {"STANDARD": "production", "": "of a kind that is not told"}.get(kind, kind.lower().replace("_", " "))
        return [
            Check(SECTION, "sign-in", State.OK, "the token is accepted"),
            Check(SECTION, "account", State.OK, f"account {self.account}, {words}"),
        ]

    async def _version(self) -> list[Check]:
        return [version_check(self._caller.paths.version, self._now())]

    # --- rights

    def _object(self, use: Use) -> Any:
        async def ask() -> list[Check]:
            self.schemas = {**self.schemas, **await self._hubspot.describe([use.object])}
            paths = self._caller.paths
            reads, lacking = await _may(
                lambda: self._caller.get(paths.objects(use.object), "examine", {"limit": "1", "properties": ""})
            )
            writes, more = await _may(
                lambda: self._caller.post(
                    paths.objects(use.object, "/batch/update"), "examine", {"inputs": []}, accept=REFUSED_BATCH
                )
            )
            return [rights_check(SECTION, use, Rights(reads, writes, writes), lacking or more or _SCOPES)]

        return ask

    async def _preferences(self) -> list[Check]:
        """Whether opt-outs can be read and written: with another call than properties are (section 13)."""
        name, paths = "communication preferences", self._caller.paths
        if not self._told.consent:
            return [Check(SECTION, name, State.OK, "not needed: no opt-out is mapped")]
        reads, lacking = await _may(lambda: self._caller.get(paths.consent("/definitions"), "examine"))
        writes, more = await _may(
            lambda: self._caller.post(
                paths.consent(f"/statuses/{_NOBODY}/unsubscribe-all"), "examine", accept=REFUSED_BATCH
            )
        )
        if reads and writes:
            return [Check(SECTION, name, State.OK, "an address can be looked up, and opted out")]
        words = "an address cannot be opted out" if reads else "subscriptions cannot be read"
        return [Check(SECTION, name, State.FAIL, words, more or lacking or _SCOPES)]

    # --- what may refuse, or get in the way of, what is written

    async def _rules(self) -> list[Check]:
        found: dict[str, list[str]] = {}
        for name, written in self._told.written.items():
            answer = await self._caller.get(
                self._caller.paths.validations(TYPE_IDS.get(name, name)), "describe rules", none=True
            )
            for row in (answer.body.get("results") or []) if answer.status == 200 else []:
                kinds = [str(rule.get("ruleType")) for rule in row.get("propertyValidationRules") or []]
                kinds = [kind for kind in kinds if kind not in _KNOWN_RULES]
                if kinds and row.get("propertyName") in written:
                    found.setdefault(f"{name}.{row['propertyName']}", []).extend(kinds)
        return [rules_check(found)]

    async def _connector(self) -> list[Check]:
        return [connector_check(self.schemas)]

    async def _sequences(self) -> list[Check]:
        return [sequences_check(self._told.written)]

    # --- quotas

    async def _daily_calls(self) -> list[Check]:
        passed = 1.0 - self._hubspot._daily.until_midnight() / timedelta(days=1).total_seconds()
        told = usage_in(self._headers)
        if told is None:  # absent with OAuth tokens
            path = f"/account-info/{self._caller.paths.version}/api-usage/daily/private-apps"
            rows = (await self._caller.get(path, "account")).body.get("results") or [{}]
            told = int(rows[0].get("currentUsage") or 0), int(rows[0].get("usageLimit") or 0)
        self.daily = Quota(*told, self._told.share, passed)
        advice = "all apps of the account share them: find out which uses them, or buy an API limit increase"
        return [quota_check(SECTION, "daily calls", self.daily, advice)]

    async def _burst(self) -> list[Check]:
        return [burst_check(self._headers)]

    # --- sources of events

    async def _journal(self) -> list[Check]:
        refusal = None if self._feed is None else await self._feed.refusal()
        return [journal_check(self._told.events, refusal, configured=self._feed is not None)]

    async def _webhooks(self) -> list[Check]:
        early = webhooks_check(self._told)
        if early is not None:
            return [early]
        path = f"/app-webhooks/{self._caller.paths.version}/{self._told.app_id}"
        settings = await self._caller.get(f"{path}/settings", "examine", none=True)
        if settings.status == 404:
            words = f"signed ones are taken at {self._told.target}; whether any are sent, HubSpot does not tell"
            return [Check(SECTION, "webhooks", State.UNKNOWN, words, _by_hand(self._told))]
        rows = (await self._caller.get(f"{path}/subscriptions", "examine")).body.get("results") or []
        return [subscriptions_check(self._told, str(settings.body.get("targetUrl") or ""), rows)]


async def _may(call: Callable[[], Awaitable[Any]]) -> tuple[bool, str]:
    """Whether the token has the scope for a call; and what to do where it has not."""
    try:
        await call()
    except RemoteRefused as error:
        if error.category is Category.PERMISSION:
            return False, error.advice
        raise
    return True, ""


def _by_hand(told: Told) -> str:
    return f"Look at the app's Webhooks tab in HubSpot: the target has to be {told.target}, with the mapped properties"


# --- what the answers mean


def version_check(version: str, now: datetime) -> Check:
    """For how long HubSpot serves the pinned version; that it does was shown by the sign-in."""
    name = "API version"
    year, month = map(int, version.split("-"))
    ends = datetime(year, month, 1, tzinfo=now.tzinfo) + timedelta(days=SERVED_DAYS)
    if now > ends:
        words = f"{version} is served; HubSpot has promised it until {ends:%B %Y} only"
        return Check(SECTION, name, State.WARN, words, "update Concord, and hubspot.api_version")
    if now > ends - SOON:
        words = f"{version} is served until about {ends:%B %Y}"
        return Check(SECTION, name, State.WARN, words, "update Concord before then, and hubspot.api_version")
    return Check(SECTION, name, State.OK, f"{version}, served until about {ends:%B %Y}")


def rules_check(found: Mapping[str, Sequence[str]]) -> Check:
    """Rules that an administrator has made for properties that are written."""
    name = "property rules"
    if not found:
        return Check(SECTION, name, State.OK, "none on what Concord writes")
    listed = ", ".join(f"{where} ({', '.join(kinds)})" for where, kinds in sorted(found.items()))
    advice = "make sure that they let through what sales enters, or relax them"
    return Check(SECTION, name, State.WARN, f"may refuse what Concord writes: {listed}", advice)


def connector_check(schemas: Mapping[str, ObjectSpec]) -> Check:
    """Whether HubSpot's own Salesforce connector is there: two syncs would undo each other's work (section 20)."""
    name = "other connector"
    found = [one for spec in schemas.values() for one in CONNECTOR if one in spec.fields]
    if found:
        words = f"HubSpot's own Salesforce connector is or was installed: there is {', '.join(sorted(set(found)))}"
        return Check(SECTION, name, State.WARN, words, "disconnect it before Concord writes anything")
    return Check(SECTION, name, State.OK, "no trace of HubSpot's own Salesforce connector")


def sequences_check(written: Mapping[str, Collection[str]]) -> Check:
    """HubSpot has no call that ends a sequence; a workflow has to (SPEC 5.4), and no call shows workflows."""
    name = "sequences"
    if STOP not in written.get("contacts", ()):
        return Check(SECTION, name, State.OK, f"not ended by Concord: no {STOP} is mapped")
    words = f"Concord writes {STOP}; whether a workflow ends sequences by it, HubSpot does not tell"
    advice = f'Look in Automation, Workflows, for one on "{STOP} is true" with the action Unenroll from sequence'
    return Check(SECTION, name, State.UNKNOWN, words, advice)


def usage_in(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """How many of the day's calls are used, and how many there are; None where the answer did not say."""
    limit, left = headers.get("x-hubspot-ratelimit-daily", ""), headers.get("x-hubspot-ratelimit-daily-remaining", "")
    return (int(limit) - int(left), int(limit)) if limit.isdecimal() and left.isdecimal() else None


def burst_check(headers: Mapping[str, str]) -> Check:
    """How many calls ten seconds take. Of searches HubSpot tells nothing: the documents do (section 3)."""
    name, told = "burst", headers.get("x-hubspot-ratelimit-max", "")
    searches = f"of 5 searches a second, for all apps together, it makes {SEARCHES_A_SECOND} at most"
    if not told.isdecimal():
        return Check(SECTION, name, State.UNKNOWN, f"the account does not tell its limit; {searches}")
    tier = _TIERS.get(int(told), "a limit of its own")
    words = f"{told} calls in 10 s ({tier}), of which Concord makes {SHARE_OF_BURST:.0%} at most; {searches}"
    return Check(SECTION, name, State.OK, words)


def journal_check(events: str, refusal: str | None, *, configured: bool) -> Check:
    """Whether the Webhooks Journal is read. configured: whether there is anything to read it with."""
    name, instead = "journal", "changes are asked for instead"
    if not configured:
        why = "hubspot.events is off" if events == "off" else "CONCORD_HUBSPOT_CLIENT_ID is not set"
        return Check(SECTION, name, State.OK, f"not used: {why}")
    if refusal is None:
        return Check(SECTION, name, State.OK, f"followed, looked at every {POLL:.0f} s", tells_within=2 * POLL)
    if events == "journal":
        return Check(SECTION, name, State.FAIL, f"hubspot.events asks for it: {refusal}", "mend that, or write auto")
    advice = "mend that, or write `events: off`; webhooks do not need it"
    return Check(SECTION, name, State.WARN, f"not followed, and {instead}: {refusal}", advice)


def webhooks_check(told: Told) -> Check | None:
    """What is known of webhooks before HubSpot is asked; None: ask it."""
    name = "webhooks"
    if not told.signed:
        return Check(SECTION, name, State.OK, "not used: CONCORD_HUBSPOT_CLIENT_SECRET is not set")
    if told.reachable:
        advice = "set web.public_url to an https address that HubSpot reaches, or let the journal be read instead"
        return Check(SECTION, name, State.FAIL, f"cannot come to {told.target}: {told.reachable}", advice)
    if not told.app_id:
        words = f"signed ones are taken at {told.target}; which app sends them is not configured"
        return Check(SECTION, name, State.UNKNOWN, words, f"write hubspot.app_id. {_by_hand(told)}")
    return None


def subscriptions_check(told: Told, target: str, rows: Sequence[Mapping[str, Any]]) -> Check:
    """Whether the app sends what is mapped to where it is taken. rows: its subscriptions."""
    title = "webhooks"
    if target != told.target:
        words = f"the app sends them to {target or 'nowhere'}, and they are taken at {told.target}"
        return Check(SECTION, title, State.FAIL, words, "correct the app's target, or web.public_url")
    heard = {(_about(row), str(row.get("propertyName") or "")) for row in rows if row.get("active", True)}
    wanted = [(name, one) for name, names in told.mapped.items() for one in sorted(names)]
    lacking = [f"{name}.{one}" for name, one in wanted if (name, one) not in heard]
    if len(lacking) == len(wanted):
        return Check(SECTION, title, State.WARN, "the app has no subscription to what is mapped", _by_hand(told))
    if lacking:
        shown = ", ".join(lacking[:8]) + (f" and {len(lacking) - 8} more" if len(lacking) > 8 else "")
        words = f"sent to {target}, but not for {shown}: these changes are asked for"
        return Check(SECTION, title, State.WARN, words, "subscribe to them in the app's webhooks")
    return Check(SECTION, title, State.OK, f"sent to {target}, for every mapped property", tells_within=_WEBHOOK)


def _about(row: Mapping[str, Any]) -> str:
    """The object, by its plural name, whose property a subscription is about; "" for one about something else."""
    kind, _, verb = str(row.get("eventType") or row.get("subscriptionType") or "").partition(".")
    if verb != "propertyChange":
        return ""
    named = str(row.get("objectType") or row.get("objectTypeId") or "") if kind == "object" else kind
    plural = {type_id: name for name, type_id in TYPE_IDS.items()} | {_singular(name): name for name in TYPE_IDS}
    return plural.get(named, named)


def _singular(name: str) -> str:
    return {"companies": "company"}.get(name, name.removesuffix("s"))
