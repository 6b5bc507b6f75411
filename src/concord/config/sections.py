"""The shape of `concord.yaml`: each section as a frozen dataclass that declares its own settings.

In the file's words (Salesforce and HubSpot, not left and right). build.py makes core's mapping of it.
"""
# ruff: noqa: RUF009 - `setting` is `dataclasses.field` with our metadata; it makes no shared mutable default

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from concord.config.alerts import Alerts
from concord.config.breaker import Breaker
from concord.config.kinds import (
    Duration,
    Either,
    Exactly,
    Flag,
    ListOf,
    Literally,
    MapOf,
    Number,
    OneOf,
    Plain,
    Section,
    Text,
    Whole,
    is_flag,
    is_list,
    is_off,
    is_section,
    setting,
)
from concord.config.rounds import Rounds
from concord.config.words import BLANKS, OWNERS, RULES, SIDES
from concord.core.budget import Terms
from concord.core.mapping import BlankPolicy, Owner, SyncRule
from concord.core.model import Side
from concord.core.rounds import Bound

#: Tokens go to this address: in clear text only to this machine itself.
_URL = Text(
    r"^(https://[A-Za-z0-9.-]+(:[0-9]{1,5})?|http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]{1,5})?)/?$",
    "an address such as https://acme.my.salesforce.com (http:// only for this machine, as http://127.0.0.1:8080)",
)
_PUBLIC_URL = Text(
    r"^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$",
    "an address such as https://concord.acme.com",
)
_LISTEN = Text(r"^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$", "host:port, such as 127.0.0.1:8321")
_API_NAME = Text(r"^[A-Za-z][A-Za-z0-9_]*$", "the API name of an object or a field, such as MobilePhone or jobtitle")
_API_NAME_OR_NONE = Text(r"^([A-Za-z][A-Za-z0-9_]*)?$", 'the API name of a field, or "" for none')
_OBJECT: Final = r"^[A-Za-z][A-Za-z0-9_]*$"
_FOR_EACH_OBJECT = MapOf(_API_NAME, _OBJECT, "the API name of a Salesforce object, such as Lead")
_SIDE_NAMES = OneOf(SIDES)
_ENDPOINT = Text(r"^[A-Za-z0-9.-]+:[0-9]{1,5}$", "host:port, such as api.pubsub.salesforce.com:7443")
_SHARE = Number(0, 1, "a share, more than 0 and at most 1 (0.8 is 80 %)", above=True)
_RESERVE = Number(0, 0.5, "a share from 0 to 0.5 (0.02 is 2 %)")
_AT_ONCE = Whole(3, 100)
_CHANNEL = Text(r"^(ChangeEvents|[A-Za-z][A-Za-z0-9_]*__chn)?$", "ChangeEvents, or a custom channel's name, …__chn")


@dataclass(frozen=True)
class Salesforce:
    """The organisation to sync. daily_share, consent_reserve: see `Terms` (core/budget.py; SPEC 9.3)."""

    url: str = setting(_URL, "The organisation's own address (My Domain).")
    api_version: str = setting(
        Text(r"^v[0-9]{2,3}\.0$", "an API version such as v66.0"),
        "The version of the API that is spoken.",
        default="v66.0",
        shown="v66.0",
    )
    daily_share: float = setting(
        _SHARE,
        "The share of the organisation's daily API requests that Concord may spend; the rest is left to others.",
        default=0.8,
        shown=0.8,
    )
    consent_reserve: float = setting(
        _RESERVE,
        "The share of them that is kept for opt-outs, at the end of Concord's own; opt-outs go on beyond it.",
        default=0.02,
        shown=0.02,
    )
    calls_at_once: int = setting(
        _AT_ONCE,
        "How many calls one process has under way at once; two of them are for opt-outs alone. All processes together "
        "should stay below the 25 long calls that the organisation allows.",
        default=10,
        shown=10,
    )
    events: str = setting(
        OneOf({word: word for word in ("auto", "change_events", "off")}),
        "How Salesforce tells of changes: change_events (Change Data Capture), off (it is only asked), or auto: change "
        "events where the organisation offers them.",
        default="auto",
        shown="auto",
    )
    pubsub: str = setting(
        _ENDPOINT,
        "The address of the Pub/Sub API; without TLS only on this machine.",
        default="api.pubsub.salesforce.com:7443",
        shown="api.pubsub.salesforce.com:7443",
    )
    channel: str = setting(
        _CHANNEL,
        "The channel to subscribe to; without one, one topic for each object.",
        default="",
    )

    @property
    def terms(self) -> Terms:
        """How the day's requests are shared."""
        return Terms(self.daily_share, self.consent_reserve)


@dataclass(frozen=True)
class Hubspot:
    """The portal to sync. app_id: the id of our own app, which HubSpot notes as the source of our writes."""

    url: str = setting(_URL, "The API's address.", default="https://api.hubapi.com", shown="https://api.hubapi.com")
    api_version: str = setting(
        Text(r"^20[0-9]{2}-[0-9]{2}$", "an API version such as 2026-09"),
        "The dated version of the API that is spoken.",
        default="2026-09",
        shown="2026-09",
    )
    app_id: str = setting(
        Text(r"^[0-9]+$", "the app's number, digits only", numbers=True),
        "The number of your HubSpot app; its changes are recognised as Concord's own.",
        default="",
    )
    daily_share: float = setting(
        _SHARE,
        "The share of the account's daily calls that Concord may spend; the rest is left to other apps.",
        default=0.9,
        shown=0.9,
    )
    consent_reserve: float = setting(
        _RESERVE,
        "The share of them that is kept for opt-outs, at the end of Concord's own; opt-outs go on beyond it.",
        default=0.02,
        shown=0.02,
    )
    calls_at_once: int = setting(
        _AT_ONCE,
        "How many calls one process has under way at once, searches not counted; two of them are for opt-outs alone.",
        default=10,
        shown=10,
    )
    events: str = setting(
        OneOf({word: word for word in ("auto", "journal", "off")}),
        "Whether the Webhooks Journal is read: journal, off, or auto: where CONCORD_HUBSPOT_CLIENT_ID is set and the "
        "app may. Webhooks that HubSpot sends are taken in any case.",
        default="auto",
        shown="auto",
    )

    @property
    def terms(self) -> Terms:
        """How the day's calls are shared."""
        return Terms(self.daily_share, self.consent_reserve)


@dataclass(frozen=True)
class Web:
    """Where Concord listens, and the address under which the vendors reach it (HubSpot signs that address)."""

    listen: str = setting(
        _LISTEN, "The address and port that Concord listens on.", default="127.0.0.1:8321", shown="127.0.0.1:8321"
    )
    public_url: str = setting(
        _PUBLIC_URL,
        "The address at which HubSpot reaches Concord, as it stands in the app's webhook settings.",
        default="http://127.0.0.1:8321",
        shown="http://127.0.0.1:8321",
    )

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])


@dataclass(frozen=True)
class Sweep:
    """How often each system is asked what has changed (SPEC 6.3)."""

    salesforce: timedelta = setting(
        Duration(positive=True), "How often Salesforce is asked.", default=timedelta(seconds=15), shown="15s"
    )
    hubspot: timedelta = setting(
        Duration(positive=True), "How often HubSpot is asked.", default=timedelta(seconds=60), shown="60s"
    )
    consent: timedelta = setting(
        Duration(positive=True),
        "How often each is asked who withdrew consent (SPEC 6.3).",
        default=timedelta(seconds=30),
        shown="30s",
    )
    beside_events: timedelta = setting(
        Duration(positive=True),
        "How often a system is asked all the same whose events are followed.",
        default=timedelta(minutes=2),
        shown="2m",
    )
    presence: timedelta | None = setting(
        Either(Duration(positive=True), OneOf({"off": None}), is_off),
        "How long one round takes that looks at every linked record: whether it is there, and to which company it "
        "belongs. off: never; then deletions in HubSpot and new companies of a contact are learnt of by events alone.",
        default=timedelta(days=1),
        shown="1d",
    )


@dataclass(frozen=True)
class Matching:
    """The bounds of SPEC 4.3, in per cent: from `link` on two records are linked, from `ask` on a person is asked."""

    link: float = setting(
        Number(0, 100, "a percentage from 0 to 100"),
        "From this score on, two records are linked.",
        default=90.0,
        shown=90,
    )
    ask: float = setting(
        Number(0, 100, "a percentage from 0 to 100"), "From this score on, a person is asked.", default=70.0, shown=70
    )


@dataclass(frozen=True)
class Sync:
    """How conflicts are decided (SPEC 3.2), how often each side is asked, and what counts as the same person."""

    window: timedelta = setting(
        Duration(),
        "An edit that is newer by more than this wins a conflict; within it the source of truth decides.",
        default=timedelta(minutes=5),
        shown="5m",
    )
    tie: tuple[Side, ...] = setting(
        ListOf(_SIDE_NAMES, 2, 2),
        "Who wins where nothing else decides: the first of the two.",
        default=(Side.LEFT, Side.RIGHT),
        shown=["salesforce", "hubspot"],
    )
    workers: int = setting(
        Whole(1, 32),
        "How many batches one process has on the line at once; one more is kept for opt-outs.",
        default=3,
        shown=3,
    )
    rounds: Rounds | None = setting(
        Either(OneOf({"off": None}), Section(Rounds), is_section),
        "When two sets of rules that chase each other through a field are stopped; or off.",
        default=Rounds(),
    )
    sweep: Sweep = setting(Section(Sweep), "How often each system is asked what has changed.", default=Sweep())
    matching: Matching = setting(Section(Matching), "How sure a match has to be, in per cent.", default=Matching())

    def bound(self) -> Bound | None:
        """`rounds` for core; None: off."""
        turn = self.sweep.salesforce + self.sweep.hubspot
        return None if self.rounds is None else self.rounds.bound(turn)


@dataclass(frozen=True)
class Move:
    """A move of a stage that is allowed against the order."""

    origin: str = setting(Literally(), "The HubSpot stage it leaves, or `any`.", key="from")
    target: str = setting(Literally(), "The HubSpot stage it goes to, or `any`.", key="to")


@dataclass(frozen=True)
class Defaults:
    """What a new record gets where the other side has nothing and this one requires a value."""

    salesforce: str | Decimal | bool | None = setting(Plain(), "For a new Salesforce record.", default=None)
    hubspot: str | Decimal | bool | None = setting(Plain(), "For a new HubSpot record.", default=None)


@dataclass(frozen=True)
class Field:
    """One field of the mapping, as written; what each setting does is said in FieldPair (core/mapping.py)."""

    salesforce: str | Mapping[str, str] = setting(
        Either(_API_NAME, _FOR_EACH_OBJECT, is_section),
        "Salesforce's API name of the field; or one for each object, where they differ.",
    )
    hubspot: str = setting(_API_NAME, "HubSpot's internal name of the property.")
    owner: Owner | None = setting(
        OneOf(OWNERS),
        "The source of truth: who wins a conflict that time does not decide.",
        default=None,
        shown="latest",
    )
    rule: SyncRule = setting(OneOf(RULES), "How the field may move.", default=SyncRule.TWO_WAY, shown="two_way")
    blank: BlankPolicy = setting(
        OneOf(BLANKS),
        "What happens when one side clears the field.",
        default=BlankPolicy.FROM_OWNER,
        shown="from_owner",
    )
    only: tuple[str, ...] | None = setting(
        ListOf(_API_NAME), "The Salesforce objects that have the field, where not all have.", default=None
    )
    strict: bool = setting(
        Flag(), "The owner wins every conflict, however much newer the other edit is.", default=False, shown=False
    )
    window: timedelta | None = setting(Duration(), "In place of sync.window, for this field.", default=None)
    options: Mapping[str, str | tuple[str, ...]] | None = setting(
        MapOf(Either(Literally(), ListOf(Literally()), is_list), r"^[\s\S]+$", "an option of the Salesforce picklist"),
        "Salesforce option: HubSpot option, where the two sides' values differ; or a list of HubSpot options, of which "
        "the first is the one that is written.",
        default=None,
    )
    stages: tuple[str, ...] | None = setting(
        ListOf(Literally(), 2), "For rule forward_only: HubSpot's values in order, the first stage first.", default=None
    )
    exceptions: tuple[Move, ...] | None = setting(
        ListOf(Section(Move)), "For rule forward_only: moves that are allowed against the order.", default=None
    )
    default: Defaults = setting(
        Section(Defaults), "What a new record gets where the other side has nothing.", default=Defaults()
    )


#: The same of a field in JSON Schema, as far as it can say it: stages belong to forward_only and to nothing else.
FORWARD_ONLY_NEEDS_STAGES: Final = {
    "if": {"properties": {"rule": {"const": "forward_only"}}, "required": ["rule"]},
    "then": {"required": ["stages"]},
    "else": {"not": {"anyOf": [{"required": ["stages"]}, {"required": ["exceptions"]}]}},
}


@dataclass(frozen=True)
class Create:
    """What is made of a record that has no partner (SPEC 4.1)."""

    salesforce: str | bool = setting(
        Either(_API_NAME, Flag(), is_flag),
        "The Salesforce object that a HubSpot record without partner becomes; false: none is made.",
        default=False,
        shown=False,
    )
    hubspot: bool = setting(
        Flag(), "Whether a Salesforce record without partner is made in HubSpot.", default=False, shown=False
    )


@dataclass(frozen=True)
class Keys:
    """The fields that hold the other side's record id, so that a repeated create cannot make a second record."""

    salesforce: str = setting(_API_NAME, "A unique external id field that holds the HubSpot record id.", default="")
    hubspot: str | Mapping[str, str] | None = setting(
        Either(_API_NAME, _FOR_EACH_OBJECT, is_section),
        "A unique property that holds the Salesforce id; one for each object, where there are several.",
        default=None,
    )


@dataclass(frozen=True)
class Who:
    """The fields of one object that tell who a record is (SPEC 4.2-4.5); what is not written is as usual for it."""

    email: str | None = setting(_API_NAME_OR_NONE, "The e-mail address.", default=None)
    additional_emails: str | None = setting(_API_NAME_OR_NONE, "Further addresses of the same person.", default=None)
    first_name: str | None = setting(_API_NAME_OR_NONE, "The first name.", default=None)
    last_name: str | None = setting(_API_NAME_OR_NONE, "The last name.", default=None)
    company: str | None = setting(_API_NAME_OR_NONE, "The company's name.", default=None)
    website: str | None = setting(_API_NAME_OR_NONE, "The company's website or domain.", default=None)
    phone: str | None = setting(_API_NAME_OR_NONE, "A telephone number.", default=None)
    mobile: str | None = setting(_API_NAME_OR_NONE, "A mobile telephone number.", default=None)
    title: str | None = setting(_API_NAME_OR_NONE, "The job title.", default=None)
    account: str | None = setting(_API_NAME_OR_NONE, "The reference to the company's record.", default=None)


@dataclass(frozen=True)
class Identity:
    """Which fields tell who a record is, on each side."""

    salesforce: Mapping[str, Who] | None = setting(
        MapOf(Section(Who), _OBJECT, "the API name of a Salesforce object"), "By Salesforce object.", default=None
    )
    hubspot: Who = setting(Section(Who), "Of the HubSpot object.", default=Who())


@dataclass(frozen=True)
class Objects:
    """What syncs with what: Salesforce objects with a HubSpot object, field by field."""

    salesforce: tuple[str, ...] | str = setting(
        Either(_API_NAME, ListOf(_API_NAME), is_list),
        "The Salesforce object; or several, the preferred partner first.",
    )
    hubspot: str = setting(_API_NAME, "The HubSpot object.")
    fields: Mapping[str, Field] = setting(
        MapOf(Section(Field, FORWARD_ONLY_NEEDS_STAGES), r"^[a-z][a-z0-9_]*$", "a name in small letters, as job_title"),
        "The fields that are kept in agreement, each under a name of your choice.",
    )
    create: Create = setting(
        Section(Create), "What is made of a record that has no partner on the other side.", default=Create()
    )
    keys: Keys = setting(Section(Keys), "The fields that hold the other side's record id.", default=Keys())
    identity: Identity = setting(
        Section(Identity), "Which fields tell who a record is, where not the usual ones.", default=Identity()
    )


@dataclass(frozen=True)
class File:
    """The whole file. A file that names neither people nor companies has the starting table (SPEC 2.1)."""

    version: int = setting(Exactly(1, "the version of this file's format"), "The version of this file's format.")
    salesforce: Salesforce = setting(Section(Salesforce), "The Salesforce organisation.")
    hubspot: Hubspot = setting(Section(Hubspot), "The HubSpot portal.", default=Hubspot())
    web: Web = setting(Section(Web), "Where Concord listens.", default=Web())
    sync: Sync = setting(Section(Sync), "How conflicts are decided and matches are made.", default=Sync())
    breaker: Breaker = setting(
        Section(Breaker), "How much may change at once before a person is asked.", default=Breaker()
    )
    alerts: Alerts = setting(Section(Alerts), "Who is told when something needs a person.", default=Alerts())
    people: Objects | None = setting(
        Section(Objects), "Leads and contacts. With neither people nor companies, both sync as usual.", default=None
    )
    companies: Objects | None = setting(
        Section(Objects), "Accounts. With neither people nor companies, both sync as usual.", default=None
    )
