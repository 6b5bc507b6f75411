"""The accounts that facts are checked against: a sandbox behind a real port, or a real account; one code drives both.

A real account is opened only when it is one for tests (or production was allowed by name), is called gently, and is
left as it was found: whatever is made goes on a list, and the list is worked off at the end, also after a failure.
May not change a setting, and may not read or print a record that this run did not make.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest

T = TypeVar("T")

PRODUCTION = "CONCORD_VERIFY_PRODUCTION"
TRACES = "CONCORD_VERIFY_TRACES"
SALESFORCE = tuple(f"CONCORD_VERIFY_SALESFORCE_{name}" for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"))
HUBSPOT = ("CONCORD_VERIFY_HUBSPOT_TOKEN",)
NOTION = ("CONCORD_VERIFY_NOTION_TOKEN", "CONCORD_VERIFY_NOTION_DATA_SOURCE")
#: Other addresses than the vendors' own: to try the real run itself against a sandbox.
HUBSPOT_URL, NOTION_URL = "CONCORD_VERIFY_HUBSPOT_URL", "CONCORD_VERIFY_NOTION_URL"

#: Every name that is made in an account begins with this; what follows is one run's own.
PREFIX = "concordverify"
DATA = "/services/data/v66.0"
NOTION_VERSION = "2026-03-11"


class Keys(dict[str, str]):
    """Settings of the environment, that no failure's report shows."""

    def __repr__(self) -> str:
        return f"<{len(self)} settings>"


class Refused(Exception):
    """An account that this suite may not be run against; the text says why and what would allow it."""


@dataclass
class Step:
    """A call that takes back what was made, and the statuses that say there is nothing left to take back."""

    method: str
    path: str
    json: Any = None
    gone: tuple[int, ...] = (404,)


@dataclass(repr=False)
class Account:
    """One account. real: nobody may be let wait on the sandbox's clock, nor anything be made that cannot be removed.

    sleep: lets time pass, in seconds: moves a sandbox's clock, and waits for a real account, whose clock nobody moves.
    apart: the least time between two calls. run: what all names of this run hold.
    """

    client: httpx.Client
    real: bool
    sleep: Callable[[float], None]
    apart: float = 0.0
    traces: bool = True
    run: str = field(default_factory=lambda: PREFIX + secrets.token_hex(4))
    found_out: list[str] = field(default_factory=list)
    _made: list[Step] = field(default_factory=list)
    _names: int = 0
    _last: float = 0.0

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """One call, not sooner after the last one than is gentle; repeated once when the account says it is too fast.

        json: left out, there is no body."""
        if json is not None:
            options["json"] = json
        for attempt in (1, 2):
            if self.apart:
                self.sleep(max(0.0, self._last + self.apart - time.monotonic()))
                self._last = time.monotonic()
            answer = self.client.request(method, path, **options)
            if answer.status_code != 429 or attempt == 2:
                return answer
            self.sleep(min(float(answer.headers.get("retry-after", 10)), 60.0))
        raise AssertionError("unreachable")

    def good(self, method: str, path: str, json: Any = None, **options: Any) -> Any:
        """The body of an answer that has to be good."""
        answer = self.call(method, path, json, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def name(self) -> str:
        """A new name that only this run has."""
        self._names += 1
        return f"{self.run}n{self._names}"

    def address(self) -> str:
        """A new e-mail address that can belong to nobody (RFC 2606)."""
        return f"{self.name()}@example.com"

    def need(self, there: object, sentence: str) -> None:
        """A real account that lacks this skips the fact; a sandbox that does fails it."""
        if not there:
            assert self.real, f"the sandbox lacks what a real account may have: {sentence}"
            pytest.skip(sentence)

    def leaves_a_trace(self, what: str) -> None:
        """Skips on a real account, unless it was allowed, what cannot be taken back."""
        if not self.traces:
            pytest.skip(f"{what}; set {TRACES}=yes to check it here all the same")

    def falls_short(self, differs: object, sentence: str) -> None:
        """A sandbox that is known to differ from the fact is told so, until it does not differ any more."""
        if differs and not self.real:
            pytest.xfail(f"known to differ: {sentence}")

    def eventually(
        self, probe: Callable[[], T], enough: Callable[[T], object] = bool, *, within: float = 60.0, every: float = 1.0
    ) -> T:
        """What the probe tells as soon as it is enough, asked again after `every` seconds."""
        waited = 0.0
        while True:
            told = probe()
            if enough(told) or waited >= within:
                assert enough(told), f"not within {within:.0f} s"
                return told
            self.sleep(every)
            waited += every

    def note(self, sentence: str) -> None:
        """Something that only a real account knows, told at the end of the run."""
        if self.real:
            self.found_out.append(sentence)

    def remove_later(self, step: Step) -> None:
        self._made.append(step)

    def keep(self, path: str) -> None:
        """What was made at this path is gone already: nothing is left to remove."""
        self._made = [step for step in self._made if step.path != path]

    def remove_all(self) -> list[str]:
        """Take back everything, last things first; what could not be, with the reason."""
        left = []
        while self._made:
            left += self._remove([self._made.pop()])
        return left

    def _remove(self, steps: Sequence[Step]) -> list[str]:
        """Carry out steps one by one; those that failed."""
        left = []
        for step in steps:
            try:
                answer = self.call(step.method, step.path, step.json)
            except httpx.HTTPError as error:
                left.append(f"{step.method} {step.path}: {type(error).__name__}")
                continue
            if not answer.is_success and answer.status_code not in step.gone:
                left.append(f"{step.method} {step.path}: {answer.status_code}")
        return left

    def _take(self, prefix: str) -> list[str]:
        """The ids of the records to be deleted below a path, last ones first; their steps are no more on the list."""
        taken = [step for step in self._made if step.method == "DELETE" and step.path.startswith(prefix)]
        self._made = [step for step in self._made if step not in taken]
        return [step.path.removeprefix(prefix) for step in reversed(taken)]


@dataclass(repr=False)
class Salesforce(Account):
    """An org. token_answer: what the token endpoint said to this run; client_id, client_secret: of its app."""

    token_answer: dict[str, Any] = field(default_factory=dict)
    client_id: str = ""
    client_secret: str = ""
    _described: dict[str, Any] = field(default_factory=dict)

    @property
    def user_id(self) -> str:
        return str(self.token_answer["id"]).rsplit("/", 1)[1]

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """As for every account; a record that is made, also one that should have been refused, goes on the list."""
        answer = super().call(method, path, json, **options)
        found = re.match(rf"{DATA}/sobjects/(\w+)", path)
        if answer.status_code == 201 and found:
            self.made(found[1], str(answer.json()["id"]))
        return answer

    def rest(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """A call below the version's root."""
        return self.call(method, DATA + path, json, **options)

    def made(self, object_name: str, record_id: str) -> str:
        """A record that a call has made goes on the list; its id."""
        self.remove_later(Step("DELETE", f"{DATA}/sobjects/{object_name}/{record_id}"))
        return record_id

    def create(self, object_name: str = "Contact", **fields: Any) -> str:
        """The id of a new record, with a name of its own unless one is given."""
        named = {"LastName": self.name()} if object_name in ("Contact", "Lead") else {"Name": self.name()}
        if object_name == "Lead":
            named["Company"] = self.name()
        answer = self.rest("POST", f"/sobjects/{object_name}", {**named, **fields}, headers=QUIET)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def read(self, record_id: str, *fields: str, object_name: str = "Contact") -> dict[str, Any]:
        answer = self.rest("GET", f"/sobjects/{object_name}/{record_id}", params={"fields": ",".join(fields)})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def query(self, soql: str, *, everything: bool = False) -> list[dict[str, Any]]:
        """The rows of a query that has to succeed. It has to ask for records of this run, or for the org's own data."""
        answer = self.rest("GET", "/queryAll" if everything else "/query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["records"]
        return rows

    def fields(self, object_name: str = "Contact") -> dict[str, dict[str, Any]]:
        """Describe's fields by name, asked for once a run."""
        if object_name not in self._described:
            told = self.good("GET", f"{DATA}/sobjects/{object_name}/describe")
            self._described[object_name] = {one["name"]: one for one in told["fields"]}
        fields: dict[str, dict[str, Any]] = self._described[object_name]
        return fields

    def key(self, object_name: str = "Contact") -> str:
        """Concord's own unique field; skips where its package is not deployed."""
        name = "HubSpot_Contact_Id__c"
        fields = self.fields(object_name)
        self.need(
            name in fields and fields[name]["externalId"], f"{object_name} has no {name}: deploy Concord's package"
        )
        return name

    def remove_all(self) -> list[str]:
        """As for every account, but records two hundred at a call."""
        prefix, left = f"{DATA}/sobjects/", []
        records = list(dict.fromkeys(self._take(prefix)))
        for start in range(0, len(records), 200):
            part = records[start : start + 200]
            ids = ",".join(one.split("/")[1] for one in part)
            try:
                answer = self.rest("DELETE", "/composite/sobjects", params={"ids": ids, "allOrNone": "false"})
                results = answer.json() if answer.status_code == 200 else None
            except httpx.HTTPError:
                results = None
            if results is None:
                left += self._remove([Step("DELETE", prefix + one) for one in part])
                continue
            for one, result in zip(part, results, strict=True):
                codes = {error["statusCode"] for error in result["errors"]}
                if codes - {"ENTITY_IS_DELETED"}:
                    left.append(f"DELETE {prefix}{one}: {', '.join(sorted(codes))}")
        return left + super().remove_all()


#: Of everything that is made only to be looked at: no assignment rule, and no duplicate rule in the way.
QUIET: Mapping[str, str] = {"Sforce-Auto-Assign": "FALSE", "Sforce-Duplicate-Rule-Header": "allowSave=true"}


@dataclass(repr=False)
class HubSpot(Account):
    """An account of HubSpot."""

    _listed: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """As for every account; a record that is made, also one that should have been refused, goes on the list."""
        answer = super().call(method, path, json, **options)
        found = re.fullmatch(rf"{OBJECTS}/(\w+)(/batch/create|/batch/upsert|/merge)?", path)
        if method == "POST" and answer.is_success and found:
            told = answer.json()
            for row in told.get("results", [told]):
                self.made(found[1], str(row["id"]))
        return answer

    def create(self, kind: str = "contacts", **properties: str) -> str:
        """The id of a new record."""
        return str(self.good("POST", f"{OBJECTS}/{kind}", {"properties": properties, "associations": []})["id"])

    def made(self, kind: str, record_id: str) -> str:
        """A record that a call has made goes on the list; its id."""
        self.remove_later(Step("DELETE", f"{OBJECTS}/{kind}/{record_id}"))
        return record_id

    def contact(self, **properties: str) -> str:
        """The id of a new contact with a name of its own; without an address, unless one is given."""
        return self.create("contacts", **{"lastname": self.name(), **properties})

    def values(self, record_id: str, *names: str, kind: str = "contacts") -> dict[str, Any]:
        told = self.good("GET", f"{OBJECTS}/{kind}/{record_id}", params={"properties": ",".join(names)})
        return {name: told["properties"].get(name) for name in names}

    def patch(self, record_id: str, kind: str = "contacts", **properties: str) -> Any:
        return self.good("PATCH", f"{OBJECTS}/{kind}/{record_id}", {"properties": properties})

    def history(self, record_id: str, name: str) -> list[dict[str, Any]]:
        """The entries of a property's history."""
        told = self.good("GET", f"{OBJECTS}/contacts/{record_id}", params={"propertiesWithHistory": name})
        entries: list[dict[str, Any]] = told["propertiesWithHistory"][name]
        return entries

    def search(self, *filters: Mapping[str, Any], kind: str = "contacts", **more: Any) -> Any:
        """A search's whole answer. The filters have to keep it to records of this run."""
        body = {"filterGroups": [{"filters": list(filters)}], "properties": ["lastname"], "limit": 10, **more}
        return self.good("POST", f"{OBJECTS}/{kind}/search", body)

    def properties(self, kind: str = "contacts") -> dict[str, dict[str, Any]]:
        """The object's properties by name, asked for once a run."""
        if kind not in self._listed:
            told = self.good("GET", f"/crm/properties/2026-09/{kind}")
            self._listed[kind] = {one["name"]: one for one in told["results"]}
        found: dict[str, dict[str, Any]] = self._listed[kind]
        return found

    def unique(self) -> str:
        """Concord's own unique property; skips where the account does not have it."""
        name = "salesforce_contact_id"
        found = self.properties().get(name, {})
        self.need(
            found.get("hasUniqueValue"), f"contacts have no unique property {name}: let Concord set up the account"
        )
        return name

    def writable(self, kind: str, control: str = "") -> str:
        """A property of contacts of this type (and control) that may be written; skips where there is none."""
        for name, one in self.properties().items():
            free = not one.get("calculated") and not one["modificationMetadata"]["readOnlyValue"]
            if free and one["type"] == kind and control in ("", one["fieldType"]) and not one.get("externalOptions"):
                return name
        self.need(False, f"no property of contacts that may be written is of type {kind} {control}".rstrip())
        raise AssertionError("unreachable")

    def remove_all(self) -> list[str]:
        """As for every account, but records a hundred at a call."""
        prefix, left = f"{OBJECTS}/", []
        records = list(dict.fromkeys(self._take(prefix)))
        for kind in dict.fromkeys(one.split("/")[0] for one in records):
            ids = [one.split("/")[1] for one in records if one.startswith(f"{kind}/")]
            for start in range(0, len(ids), 100):
                part = ids[start : start + 100]
                step = Step("POST", f"{prefix}{kind}/batch/archive", {"inputs": [{"id": one} for one in part]})
                if self._remove([step]):
                    left += self._remove([Step("DELETE", f"{prefix}{kind}/{one}") for one in part])
        return left + super().remove_all()


OBJECTS = "/crm/objects/2026-09"


@dataclass(repr=False)
class Notion(Account):
    """A workspace as one connection sees it, and the one data source that rows are made in."""

    source: str = ""
    _schema: dict[str, Any] = field(default_factory=dict)

    def rows(self, kind: str) -> str:
        """The name of a property of this type; skips where the data source has none."""
        if not self._schema:
            told = self.good("GET", f"/v1/data_sources/{self.source}")
            self._schema.update({one["type"]: name for name, one in reversed(told["properties"].items())})
        self.need(kind in self._schema, f"the data source has no property of type {kind}")
        return str(self._schema[kind])

    def body(self, **more: Any) -> dict[str, Any]:
        """What makes a row; more: further properties by their type, as the API takes them."""
        properties = {self.rows("title"): {"title": text(self.name())}}
        properties |= {self.rows(kind): {kind: value} for kind, value in more.items()}
        return {"parent": {"type": "data_source_id", "data_source_id": self.source}, "properties": properties}

    def create(self, **more: Any) -> dict[str, Any]:
        """A new row, as the API shows it. more: as in `body`; `children` or `markdown` are the page's body."""
        outside = {name: more.pop(name) for name in ("children", "markdown") if name in more}
        page: dict[str, Any] = self.good("POST", "/v1/pages", {**self.body(**more), **outside})
        self.remove_later(Step("PATCH", f"/v1/pages/{page['id']}", {"in_trash": True}, gone=(404, 400)))
        return page


def text(content: str) -> list[dict[str, Any]]:
    """Notion's rich text."""
    return [{"text": {"content": content}}]


# --- real accounts


def lacking(names: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> str:
    """Why there is no real account to run against; "" when there is one."""
    absent = [name for name in names if not environment.get(name)]
    return f"no real account: set {' and '.join(absent)} (docs/verified.md)" if absent else ""


def open_salesforce(environment: Mapping[str, str]) -> Salesforce:
    """Sign in, and make sure that the org is one for tests. Raises Refused."""
    url, client_id, client_secret = (environment[name] for name in SALESFORCE)
    client = _client(url)
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    answer = client.post("/services/oauth2/token", data=form)
    if answer.status_code != 200:
        raise Refused(f"Salesforce does not let this app in: {answer.json().get('error')}")
    told = answer.json()
    client.headers["Authorization"] = f"Bearer {told['access_token']}"
    client.base_url = httpx.URL(_safe(told["instance_url"]))
    org = Salesforce(
        client,
        real=True,
        sleep=time.sleep,
        apart=0.1,
        traces=environment.get(TRACES) == "yes",
        token_answer=told,
        client_id=client_id,
        client_secret=client_secret,
    )
    (row,) = org.query("SELECT IsSandbox, OrganizationType FROM Organization")
    for_tests = row["IsSandbox"] is True or row["OrganizationType"] == "Developer Edition"
    _allow(for_tests, f"the org is no sandbox and its edition is {row['OrganizationType']}", environment, client)
    return org


def open_hubspot(environment: Mapping[str, str]) -> HubSpot:
    """Make sure that the account is one for tests. Raises Refused. Its pace is half of the smallest burst limit."""
    client = _client(environment.get(HUBSPOT_URL) or "https://api.hubapi.com")
    client.headers["Authorization"] = f"Bearer {environment[HUBSPOT[0]]}"
    account = HubSpot(client, real=True, sleep=time.sleep, apart=0.25, traces=environment.get(TRACES) == "yes")
    answer = account.call("GET", "/account-info/2026-09/details")
    if answer.status_code != 200:
        client.close()
        raise Refused(f"HubSpot does not tell what account this is: {answer.status_code}")
    kind = answer.json().get("accountType")
    _allow(kind in ("DEVELOPER_TEST", "SANDBOX", "APP_DEVELOPER"), f"the account is {kind}", environment, client)
    return account


def open_notion(environment: Mapping[str, str]) -> Notion:
    """There is no kind of workspace for tests: naming the data source is the consent. Paced at Notion's 3 a second."""
    client = _client(environment.get(NOTION_URL) or "https://api.notion.com")
    client.headers.update({"Authorization": f"Bearer {environment[NOTION[0]]}", "Notion-Version": NOTION_VERSION})
    return Notion(client, real=True, sleep=time.sleep, apart=0.4, source=environment[NOTION[1]])


def _allow(for_tests: bool, what: str, environment: Mapping[str, str], client: httpx.Client) -> None:
    if not for_tests and environment.get(PRODUCTION) != "yes":
        client.close()
        raise Refused(f"{what}: that may be somebody's production. Set {PRODUCTION}=yes if it is not")


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=_safe(url), timeout=60.0)


def _safe(url: str) -> str:
    """A secret goes over TLS, or nowhere but to this machine. Raises Refused."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise Refused(f"{url} is not https: a token is not sent there")
    return url
