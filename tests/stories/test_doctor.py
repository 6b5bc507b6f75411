"""`concord doctor` on both sandboxes: a sound installation is found sound, and whatever single thing is broken, that
check says so and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.stories.stage import StageClock

from concord import config
from concord.app import Parts
from concord.checkup import Hooks, examined
from concord.core.checks import Check, State
from concord_sandbox.clock import SandboxClock
from concord_sandbox.control import SandboxApp
from concord_sandbox.faults import Fault
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.hubspot.scopes import ALL
from concord_sandbox.salesforce import SalesforceService
from concord_sandbox.salesforce.events.pubsub import PubSubServer
from concord_sandbox.service import Controls
from concord_sandbox.worlds import empty

#: What the sandbox has no objects for, as Salesforce's object references word it.
SOUND: Mapping[str, list[dict[str, Any]]] = {
    "FROM UserPermissionAccess": [{"PermissionsViewAllData": True}],
    "FROM ObjectPermissions": [],
    "FROM DuplicateRule": [],
    "FROM ValidationRule": [],
    "FROM PlatformEventChannelMember": [],
}
HOOK = "a-hook-of-more-than-24-letters"
FAIL, WARN, UNKNOWN = State.FAIL, State.WARN, State.UNKNOWN


class Setup(httpx.AsyncBaseTransport):
    """The sandbox, with answers to what is asked of an org's setup."""

    def __init__(self, app: SandboxApp) -> None:
        self.rows = dict(SOUND)
        self._through = httpx.ASGITransport(app=app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params.get("q", "")
        for words, rows in self.rows.items():
            if words in query:
                return httpx.Response(200, json={"done": True, "totalSize": len(rows), "records": rows})
        return await self._through.handle_async_request(request)


class Portal(httpx.AsyncBaseTransport):
    """The sandbox, with other headers."""

    def __init__(self, app: SandboxApp, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._through = httpx.ASGITransport(app=app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._through.handle_async_request(request)
        answer.headers.update(self._headers)
        return answer


class Clinic:
    """An installation in which everything is as it should be, until a test breaks something. apart: seconds by which
    the sandboxes' clocks are ahead of ours."""

    def __init__(self, folder: Path, database: str) -> None:
        self.clock = StageClock()
        self.file = folder / "concord.yaml"
        self.text = config.starting_text()
        self.apart = {"salesforce": 0.0, "hubspot": 0.0}
        world = deepcopy(empty.build(1))
        self.world: dict[str, Any] = {"salesforce": world["salesforce"], "hubspot": world["hubspot"]}
        self.health: Any = {"status": "ok"}
        self.after: list[Callable[[], object]] = []
        self.setup: dict[str, list[dict[str, Any]]] = {}
        self.headers: dict[str, str] = {}
        self.salesforce = SandboxApp(SalesforceService(self._controls("salesforce")))
        self.hubspot = SandboxApp(HubSpotService(self._controls("hubspot")))
        self.environment = {"CONCORD_DATABASE_URL": database}
        self.write("https://example.my.salesforce.com", "http://127.0.0.1:1")
        self.write("https://api.hubapi.com", "http://127.0.0.1:2")
        self.write('# app_id: "1234567"', 'app_id: "7204411"')
        self.write("events: auto                             # change_events", "events: off # change_events")
        self.write("hubspot: 60s", "hubspot: 20s")
        self.works(database)

    def _controls(self, name: str) -> Controls:
        return Controls(clock=SandboxClock(lambda: self.clock.seconds + self.apart[name]))

    def works(self, database: str) -> None:
        """A worker lives, and the two accounts were read."""
        pair = f"{self.world['salesforce']['organisation_id']}:{self.world['hubspot']['portal_id']}"
        with psycopg.connect(database) as connection:
            connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
            connection.execute("INSERT INTO cursor VALUES (%s, 'surveyed', 'then')", [pair])

    def write(self, old: str, new: str) -> None:
        """Edit the configuration."""
        assert old in self.text, old
        self.text = self.text.replace(old, new)

    def field(self, object_name: str, name: str) -> dict[str, Any]:
        """A declared field of Salesforce."""
        fields = self.world["salesforce"]["objects"][object_name]["fields"]
        found: dict[str, Any] = next(one for one in fields if one["name"] == name)
        return found

    def property(self, object_name: str, name: str) -> dict[str, Any]:
        """A declared property of HubSpot."""
        rows = self.world["hubspot"]["properties"][object_name]
        found: dict[str, Any] = next(one for one in rows if one["name"] == name)
        return found

    def access(self, **rights: Any) -> None:
        self.world["salesforce"]["access"] = rights

    def without_scopes(self, *names: str) -> None:
        self.world["hubspot"]["oauth"] = {"static_scopes": sorted({*ALL} - {*names})}

    def load(self) -> None:
        """Open both systems on the world as it is now."""
        self.salesforce.load(self.world["salesforce"])
        self.hubspot.load(self.world["hubspot"])

    async def look(self) -> list[Check]:
        self.load()
        return await self.look_again()

    async def look_again(self) -> list[Check]:
        keys, hub = (app.service.credentials("http://x") for app in (self.salesforce, self.hubspot))
        given = {
            "CONCORD_SALESFORCE_CLIENT_ID": keys["client_id"],
            "CONCORD_SALESFORCE_CLIENT_SECRET": keys["client_secret"],
            "CONCORD_HUBSPOT_TOKEN": hub["access_token"],
            **self.environment,
        }
        for act in self.after:
            act()
        self.file.write_text(self.text, "utf-8")
        setup = Setup(self.salesforce)
        setup.rows |= self.setup
        parts = Parts(
            clock=self.clock,
            share=lambda: 0.0,
            salesforce_transport=setup,
            hubspot_transport=Portal(self.hubspot, self.headers),
            data_dir=self.file.parent / ".concord",
        )
        ours = httpx.MockTransport(lambda request: httpx.Response(200, json=self.health))
        return await examined(self.file, given, Hooks("/hooks/salesforce", "/hooks/hubspot", ours), parts)


@pytest.fixture
def clinic(tmp_path: Path, database: str) -> Clinic:
    return Clinic(tmp_path, database)


def wrong(checks: list[Check]) -> dict[str, State]:
    """What is not all right, of what could be asked."""
    return {f"{one.section}: {one.name}": one.state for one in checks if one.asked and one.state is not State.OK}


def said(checks: list[Check], name: str) -> Check:
    return next(one for one in checks if f"{one.section}: {one.name}" == name)


async def test_a_sound_installation_is_found_sound(clinic: Clinic) -> None:
    checks = await clinic.look()
    assert wrong(checks) == {}
    assert all(one.asked for one in checks)
    assert "Developer Edition" in said(checks, "Salesforce: account").words
    assert "developer test" in said(checks, "HubSpot: account").words
    assert "10 s (Professional or Enterprise)" in said(checks, "HubSpot: burst").words


async def test_looking_changes_nothing_in_either_system(clinic: Clinic) -> None:
    clinic.world["hubspot"]["records"]["contacts"] = [{"id": "1", "properties": {"email": "ada@engines.example"}}]
    clinic.environment |= {
        "CONCORD_HUBSPOT_CLIENT_ID": clinic.world["hubspot"]["client_id"],
        "CONCORD_HUBSPOT_CLIENT_SECRET": clinic.world["hubspot"]["client_secret"],
    }
    clinic.load()
    services = (clinic.salesforce.service, clinic.hubspot.service)
    before = [deepcopy(_lasting(one.save())) for one in services]
    await clinic.look_again()
    assert [_lasting(one.save()) for one in services] == before


def _lasting(saved: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept, without counts of calls and tokens that a sign-in makes."""
    return {key: value for key, value in saved.items() if key not in ("daily_used", "oauth", "clock")}


def _spent(clinic: Clinic) -> None:
    clinic.world["salesforce"] |= {"daily_limit": 100_000, "daily_used": 90_000}


def _no_key(clinic: Clinic) -> None:
    clinic.field("Lead", "HubSpot_Contact_Id__c")["unique"] = False


def _no_property(clinic: Clinic) -> None:
    rows = clinic.world["hubspot"]["properties"]["contacts"]
    rows.remove(clinic.property("contacts", "last_contacted"))


def _no_worker(clinic: Clinic) -> None:
    with psycopg.connect(clinic.environment["CONCORD_DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM procrastinate_workers")


def _unread(clinic: Clinic) -> None:
    with psycopg.connect(clinic.environment["CONCORD_DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM cursor")


def _newer(clinic: Clinic) -> None:
    with psycopg.connect(clinic.environment["CONCORD_DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO migration (name) VALUES ('9999_later')")


def _older(clinic: Clinic) -> None:
    with psycopg.connect(clinic.environment["CONCORD_DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM migration WHERE name = '0002_seen'")


def _outage(clinic: Clinic) -> None:
    fault = Fault("status", path="/sobjects/Lead/describe", times=None)
    clinic.after.append(lambda: clinic.salesforce.service.controls.faults.add(fault))


def _sent_elsewhere(clinic: Clinic) -> None:
    _signed(clinic)
    clinic.world["hubspot"]["webhooks"] = {"target_url": "http://127.0.0.1:9/other", "subscriptions": []}


def _half_subscribed(clinic: Clinic) -> None:
    _signed(clinic)
    subscriptions = [{"subscriptionType": "contact.propertyChange", "propertyName": "email"}]
    target = "http://127.0.0.1:8321/hooks/hubspot"
    clinic.world["hubspot"]["webhooks"] = {"target_url": target, "subscriptions": subscriptions}


def _signed(clinic: Clinic) -> None:
    clinic.write("events: auto                             # journal", "events: off # journal")
    clinic.environment["CONCORD_HUBSPOT_CLIENT_SECRET"] = clinic.world["hubspot"]["client_secret"]


def _journal_refused(clinic: Clinic) -> None:
    clinic.environment |= {"CONCORD_HUBSPOT_CLIENT_ID": "nobodys", "CONCORD_HUBSPOT_CLIENT_SECRET": "wrong"}


def _journal_wanted(clinic: Clinic) -> None:
    clinic.write("events: auto                             # journal", "events: journal # journal")


def _rules(clinic: Clinic) -> None:
    rule = {"ruleType": "REGEX", "ruleArguments": [".*"]}
    clinic.world["hubspot"]["validations"] = {"contacts": {"phone": [rule]}}


def _nobody_home(clinic: Clinic) -> None:
    clinic.health = {"status": "not ours"}
    clinic.environment["CONCORD_SALESFORCE_HOOK"] = HOOK


BROKEN: Mapping[str, tuple[Callable[[Clinic], object], dict[str, State]]] = {
    "the client secret": (
        lambda it: it.environment.update(CONCORD_SALESFORCE_CLIENT_SECRET="wrong"), {"Salesforce: sign-in": FAIL}),
    "the HubSpot token": (
        lambda it: it.environment.update(CONCORD_HUBSPOT_TOKEN="wrong"), {"HubSpot: sign-in": FAIL}),
    "a secret is missing": (
        lambda it: it.environment.update(CONCORD_HUBSPOT_TOKEN=" "), {"Configuration: secrets": FAIL}),
    "the hook is too short": (
        lambda it: it.environment.update(CONCORD_SALESFORCE_HOOK="short"), {"Configuration: secrets": FAIL}),
    "the version of Salesforce's API": (
        lambda it: it.write("v66.0", "v99.0"), {"Salesforce: API version": FAIL}),
    "the version of HubSpot's API": (
        lambda it: it.write('"2026-09"', '"2031-03"'), {"HubSpot: sign-in": FAIL}),
    "the scope oauth": (lambda it: it.without_scopes("oauth"), {"HubSpot: sign-in": FAIL}),
    "a hidden field": (lambda it: it.access(hidden={"Lead": ["Title"]}), {"Salesforce: fields": FAIL}),
    "a field that is read only": (lambda it: it.access(read_only={"Contact": ["Title"]}), {"Salesforce: fields": FAIL}),
    "a hidden key": (
        lambda it: it.access(hidden={"Account": ["HubSpot_Company_Id__c"]}), {"Salesforce: keys": FAIL}),
    "a key that is not unique": (_no_key, {"Salesforce: keys": FAIL}),
    "a property that is not unique": (
        lambda it: it.property("contacts", "salesforce_lead_id").update(hasUniqueValue=False), {"HubSpot: keys": FAIL}),
    "a property that is missing": (_no_property, {"HubSpot: fields": FAIL}),
    "a hidden opt-out": (
        lambda it: it.access(hidden={"Contact": ["HasOptedOutOfEmail"]}), {"Salesforce: opt-out": FAIL}),
    "an object that may only be read": (
        lambda it: it.access(objects={"Lead": "read"}), {"Salesforce: object Lead": FAIL}),
    "an object that is hidden": (
        lambda it: it.access(objects={"Account": "none"}), {"Salesforce: object Account": FAIL}),
    "a field of another type": (
        lambda it: it.property("contacts", "last_contacted").update(type="bool", fieldType="booleancheckbox"),
        {"Mapping: people": FAIL}),
    "the scope to write contacts": (
        lambda it: it.without_scopes("crm.objects.contacts.write"), {"HubSpot: object contacts": FAIL}),
    "the scopes of consent": (
        lambda it: it.without_scopes("communication_preferences.write", "communication_preferences.read_write"),
        {"HubSpot: communication preferences": FAIL}),
    "the day's calls": (_spent, {"Salesforce: daily calls": FAIL}),
    "the day's calls of HubSpot": (
        lambda it: it.headers.update({"x-hubspot-ratelimit-daily-remaining": "30000"}), {"HubSpot: daily calls": FAIL}),
    "a clock that is off": (lambda it: it.apart.update(salesforce=100.0), {"Salesforce: clock": WARN}),
    "a clock that is far off": (lambda it: it.apart.update(hubspot=-300.0), {"HubSpot: clock": FAIL}),
    "an active duplicate rule": (
        lambda it: it.setup.update({"FROM DuplicateRule": [{"SobjectType": "Lead", "DeveloperName": "One"}]}),
        {"Salesforce: duplicate rules": WARN}),
    "an active validation rule": (
        lambda it: it.setup.update({"FROM ValidationRule": [
            {"EntityDefinition": {"QualifiedApiName": "Lead"}, "ValidationName": "Say_why"}]}),
        {"Salesforce: validation rules": WARN}),
    "too many rights": (
        lambda it: it.setup.update({"FROM UserPermissionAccess": [
            {"PermissionsViewAllData": True, "PermissionsModifyAllData": True}]}),
        {"Salesforce: permissions": WARN}),
    "records that are not shared": (
        lambda it: it.setup.update({"FROM UserPermissionAccess": [{"PermissionsViewAllData": False}]}),
        {"Salesforce: all records": WARN}),
    "an answer of a strange shape": (
        lambda it: it.setup.update({"FROM ValidationRule": [{"EntityDefinition": None}]}),
        {"Salesforce: validation rules": UNKNOWN}),
    "a part of Salesforce that does not answer": (_outage, {"Salesforce: object Lead": UNKNOWN}),
    "HubSpot's own connector": (
        lambda it: it.world["hubspot"]["properties"]["contacts"].append(
            {"name": "salesforcecontactid", "label": "x", "type": "string", "fieldType": "text",
             "groupName": "contactinformation"}),
        {"HubSpot: other connector": WARN}),
    "rules of properties": (_rules, {"HubSpot: property rules": WARN}),
    "asking too seldom": (lambda it: it.write("hubspot: 20s", "hubspot: 60s"), {"HubSpot: how late": WARN}),
    "asking so often that the day's calls do not last": (
        lambda it: it.world["salesforce"].update(daily_limit=9_000), {"Salesforce: asking": FAIL}),
    "a journal that is refused": (_journal_refused, {"HubSpot: journal": WARN, "HubSpot: webhooks": UNKNOWN}),
    "a journal that is wanted and not there": (_journal_wanted, {"HubSpot: journal": FAIL}),
    "webhooks that go elsewhere": (_sent_elsewhere, {"HubSpot: webhooks": FAIL}),
    "webhooks for one property only": (_half_subscribed, {"HubSpot: webhooks": WARN}),
    "somebody else at the public address": (
        _nobody_home, {"Web: public address": WARN, "Salesforce: outbound messages": UNKNOWN}),
    "no worker": (_no_worker, {"Database: workers": WARN}),
    "accounts that were never read": (_unread, {"Database: survey": WARN}),
    "a database of a newer Concord": (_newer, {"Database: tables": FAIL}),
    "a database of an older Concord": (_older, {"Database: tables": WARN}),
    "a database that is away": (
        lambda it: it.environment.update(CONCORD_DATABASE_URL="host=127.0.0.1 port=1"), {"Database: server": FAIL}),
    "a setting that is misspelt": (
        lambda it: it.write("  window: 5m  ", "  windo: 5m  "), {"Configuration: file": FAIL}),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
async def test_of_one_broken_thing_that_check_says_so_and_no_other(clinic: Clinic, what: str) -> None:
    breaks, expected = BROKEN[what]
    breaks(clinic)
    checks = await clinic.look()
    assert wrong(checks) == expected, [one for one in checks if one.state is not State.OK]
    for name in expected:
        assert said(checks, name).advice, "what is wrong is said with what to do about it"


# --- sources of events


@pytest.fixture
async def bus(clinic: Clinic) -> AsyncIterator[Clinic]:
    """The same with Salesforce's event bus, and the configuration as it is at first: whatever there is, is used."""
    service: Any = clinic.salesforce.service
    clinic.load()
    server = PubSubServer(service.bus, service.controls)
    port = server.listen(0)
    await server.start()
    clinic.write("events: off # change_events", "events: auto # change_events")
    clinic.write("  api_version: v66.0", f"  pubsub: 127.0.0.1:{port}\n  api_version: v66.0")
    yield clinic
    await server.stop(0)


async def test_with_change_events_a_change_is_learned_of_in_seconds(bus: Clinic) -> None:
    bus.world["salesforce"]["change_events"] = {"selected": ["Lead", "Contact", "Account"]}
    checks = await bus.look()
    assert wrong(checks) == {}
    assert said(checks, "Salesforce: change events").words == "followed, for Account, Contact, Lead"
    assert "within about 2 s (change events)" in said(checks, "Salesforce: how late").words
    assert said(checks, "Salesforce: event deliveries").words == "0 of 25,000 used (0%)"


async def test_objects_that_are_not_selected_are_named(bus: Clinic) -> None:
    bus.world["salesforce"]["change_events"] = {"selected": ["Lead"]}
    checks = await bus.look()
    assert wrong(checks) == {"Salesforce: change events": WARN}
    assert "not those of Account, Contact" in said(checks, "Salesforce: change events").words
    assert "by asking every 15 s" in said(checks, "Salesforce: how late").words, "a part of the events is not enough"


async def test_change_events_that_nobody_selected_are_a_failure_only_where_they_are_asked_for(bus: Clinic) -> None:
    checks = await bus.look()
    assert wrong(checks) == {"Salesforce: change events": WARN}
    told = said(checks, "Salesforce: change events").words
    assert told.count("select it under Setup") == 1, "said once for all three"
    bus.write("events: auto # change_events", "events: change_events # change_events")
    assert wrong(await bus.look()) == {"Salesforce: change events": FAIL}


async def test_what_a_custom_channel_carries_is_asked_of_the_setup(bus: Clinic) -> None:
    members = ["Lead", "Contact"]
    bus.world["salesforce"]["change_events"] = {"channels": {"Sync__chn": {"members": members}}}
    bus.write("  api_version: v66.0", "  channel: Sync__chn\n  api_version: v66.0")
    bus.setup["FROM PlatformEventChannelMember"] = [{"SelectedEntity": f"{name}ChangeEvent"} for name in members]
    checks = await bus.look()
    assert wrong(checks) == {"Salesforce: change events": WARN}
    assert "does not carry Account" in said(checks, "Salesforce: change events").words
    bus.setup["FROM PlatformEventChannelMember"].append({"SelectedEntity": "AccountChangeEvent"})
    assert wrong(await bus.look()) == {}


async def test_a_spent_allocation_of_events_is_seen(bus: Clinic) -> None:
    bus.world["salesforce"]["change_events"] = {"selected": ["Lead", "Contact", "Account"], "daily_allocation": 100}
    bus.load()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=bus.salesforce), base_url="http://x") as person:
        await person.post("/_control/change_events/exhaust", json={})
    assert wrong(await bus.look_again()) == {"Salesforce: event deliveries": FAIL}


async def test_with_the_journal_a_change_is_learned_of_in_seconds(clinic: Clinic) -> None:
    hub = clinic.world["hubspot"]
    clinic.environment |= {
        "CONCORD_HUBSPOT_CLIENT_ID": hub["client_id"],
        "CONCORD_HUBSPOT_CLIENT_SECRET": hub["client_secret"],
    }
    checks = await clinic.look()
    assert said(checks, "HubSpot: journal").state is State.OK
    assert "within about 10 s (journal)" in said(checks, "HubSpot: how late").words


async def test_webhooks_for_every_mapped_property_are_found_complete(clinic: Clinic) -> None:
    _signed(clinic)
    subscriptions = [
        {"subscriptionType": f"{kind}.propertyChange", "propertyName": one.right}
        for kind, pair in (("contact", "people"), ("company", "companies"))
        for one in config.starting().pair(pair).fields  # type: ignore[union-attr]
    ]
    target = "http://127.0.0.1:8321/hooks/hubspot"
    clinic.world["hubspot"]["webhooks"] = {"target_url": target, "subscriptions": subscriptions}
    checks = await clinic.look()
    assert wrong(checks) == {}
    assert "within about 5 s (webhooks)" in said(checks, "HubSpot: how late").words


# --- installations that are hardly there


async def test_without_a_configuration_the_rest_is_looked_at_all_the_same(clinic: Clinic) -> None:
    clinic.load()
    parts = Parts(clock=clinic.clock, data_dir=clinic.file.parent / ".concord")
    given = {"CONCORD_DATABASE_URL": clinic.environment["CONCORD_DATABASE_URL"]}
    checks = await examined(clinic.file.parent / "none.yaml", given, Hooks("/a", "/b"), parts)
    assert {one.section for one in checks} == {"Configuration", "Mapping", "Database"}
    assert said(checks, "Configuration: file").advice.startswith("write one with `concord init`")
    missing = [one.words for one in checks if one.name == "secrets"]
    assert len(missing) == 3
    assert all("is not set" in words for words in missing)
    assert said(checks, "Database: workers").state is State.OK


async def test_a_system_that_does_not_let_us_in_hides_nothing_of_the_other(clinic: Clinic) -> None:
    clinic.environment["CONCORD_SALESFORCE_CLIENT_SECRET"] = "wrong"
    clinic.without_scopes("crm.objects.companies.write")
    checks = await clinic.look()
    assert wrong(checks) == {"Salesforce: sign-in": FAIL, "HubSpot: object companies": FAIL}
    assert "crm.objects.companies.write" in said(checks, "HubSpot: object companies").advice
    unasked = [one for one in checks if not one.asked]
    assert unasked
    assert all(one.state is UNKNOWN and one.section in ("Salesforce", "Mapping") for one in unasked)


async def test_an_installation_without_a_database_is_no_failure(clinic: Clinic) -> None:
    del clinic.environment["CONCORD_DATABASE_URL"]
    checks = await clinic.look()
    assert wrong(checks) == {}
    assert said(checks, "Database: server").words.startswith("none yet")


async def test_a_database_without_tables_says_what_makes_them(clinic: Clinic, empty_database: str) -> None:
    clinic.environment["CONCORD_DATABASE_URL"] = empty_database
    assert wrong(await clinic.look()) == {"Database: tables": WARN}


async def test_no_secret_and_no_address_of_a_person_is_shown(clinic: Clinic) -> None:
    clinic.world["hubspot"]["records"]["contacts"] = [{"id": "1", "properties": {"email": "ada@engines.example"}}]
    clinic.environment |= {
        "CONCORD_HUBSPOT_CLIENT_SECRET": clinic.world["hubspot"]["client_secret"],
        "CONCORD_SALESFORCE_HOOK": HOOK,
    }
    shown = "\n".join(f"{one.words} {one.advice}" for one in await clinic.look())
    keys, hub = (app.service.credentials("http://x") for app in (clinic.salesforce, clinic.hubspot))
    secrets = (keys["client_secret"], hub["access_token"], hub["client_secret"], HOOK)
    assert [one for one in (*secrets, "ada@") if one in shown] == []
