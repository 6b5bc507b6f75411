"""What HubSpot tells by webhook is believed only with a valid signature, and answered only when it is in the inbox
(SPEC 6.1, 11.1). What is refused leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.core.model import Lane, Notice
from concord.core.plan import Done
from concord.errors import StoreError
from concord.web.intake import HUBSPOT_PATH, Intake
from concord_sandbox.hubspot.events.webhooks import signature
from concord_sandbox.hubspot.models import Actor
from concord_sandbox.worlds.schema import APP_ID, PORTAL_ID


@dataclass
class Post:
    """A receiver that is called as HubSpot calls it, or as somebody else would."""

    play: Stage
    concord: Concord

    @property
    def url(self) -> str:
        return self.concord.settings.web.public_url + HUBSPOT_PATH

    @property
    def secret(self) -> str:
        assert self.play.secrets.hubspot_client_secret is not None
        return self.play.secrets.hubspot_client_secret

    def now(self) -> int:
        return int(self.play.clock.seconds * 1000)

    def headers(
        self, body: bytes, *, at: int | None = None, secret: str | None = None, url: str = ""
    ) -> dict[str, str]:
        stamp = str(self.now() if at is None else at)
        signed = signature(secret or self.secret, "POST", url or self.url, body, stamp)
        return {"X-HubSpot-Request-Timestamp": stamp, "X-HubSpot-Signature-v3": signed}

    async def send(
        self, body: bytes, headers: Mapping[str, str], *, to: Intake | None = None, url: str = ""
    ) -> httpx.Response:
        app = to.app() if to is not None else self.play.receiver
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            return await client.post(
                url or self.url, content=body, headers={"Content-Type": "application/json", **headers}
            )

    async def signed(self, body: bytes, **how: Any) -> httpx.Response:
        return await self.send(body, self.headers(body, **how))

    async def waiting(self) -> int:
        return (await self.concord.store.backlog())["waiting"]


@pytest.fixture
async def post(database: str) -> AsyncIterator[Post]:
    play = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        yield Post(play, concord)


def event(record_id: int = 4711, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 1,
        "subscriptionId": 7_562_680,
        "portalId": PORTAL_ID,
        "appId": APP_ID,
        "occurredAt": 1_793_610_000_000,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": record_id,
        "propertyName": "jobtitle",
        "propertyValue": "Countess",
        "changeSource": "CRM_UI",
        "sourceId": "userId:101",
        **more,
    }


def wire(*events: Any) -> bytes:
    return json.dumps(events).encode()


BODY = wire(event())


async def test_a_good_call_is_answered_when_its_notices_are_in_the_inbox(post: Post) -> None:
    answer = await post.signed(wire(event(1), event(2), event(2, propertyName="phone")))
    assert answer.status_code == 200
    assert await post.waiting() == 2, "two events about one record are one piece of work"


@pytest.mark.parametrize(
    "told",
    [
        event(),
        event(subscriptionType="object.propertyChange", objectTypeId="0-1"),
        {**event(), "eventType": "contact.propertyChange", "subscriptionType": None},
    ],
    ids=["by the name of the object", "by the type id of the object", "under the other name of the type"],
)
async def test_both_families_of_events_are_taken_for_the_same_record(post: Post, told: dict[str, Any]) -> None:
    assert (await post.signed(wire(told))).status_code == 200
    (work,) = await post.concord.store.claim(10, post.play.clock.now(), post.concord.scope.lease)
    assert (work.ref.object, work.ref.id, work.lane) == ("contacts", "4711", Lane.PEOPLE)


@pytest.mark.parametrize(
    "told",
    [event(propertyName="hs_email_optout"), event(subscriptionType="object.propertyChange", objectTypeId="0-1",
                                                  propertyName="hs_email_optout_1")],
)  # fmt: skip
async def test_an_opt_out_goes_to_the_lane_of_consent_in_both_families(post: Post, told: dict[str, Any]) -> None:
    await post.signed(wire(told))
    (work,) = await post.concord.store.claim(10, post.play.clock.now(), post.concord.scope.lease)
    assert work.lane is Lane.CONSENT


async def test_a_change_made_with_our_own_token_and_one_of_another_account_say_nothing(post: Post) -> None:
    own = event(changeSource="INTEGRATION", sourceId=str(APP_ID))
    answer = await post.signed(wire(own, event(portalId=1), event(subscriptionType="deal.propertyChange")))
    assert answer.status_code == 200
    assert await post.waiting() == 0


def forged(post: Post) -> tuple[bytes, dict[str, str]]:
    return BODY, post.headers(BODY, secret="another secret")


def altered(post: Post) -> tuple[bytes, dict[str, str]]:
    return wire(event(666)), post.headers(BODY)


def for_another_address(post: Post) -> tuple[bytes, dict[str, str]]:
    return BODY, post.headers(BODY, url="https://elsewhere.example.com" + HUBSPOT_PATH)


def unsigned(_: Post) -> tuple[bytes, dict[str, str]]:
    return BODY, {}


def without_time(post: Post) -> tuple[bytes, dict[str, str]]:
    given = post.headers(BODY)
    return BODY, {"X-HubSpot-Signature-v3": given["X-HubSpot-Signature-v3"]}


def with_a_time_that_is_none(post: Post) -> tuple[bytes, dict[str, str]]:
    return BODY, {**post.headers(BODY), "X-HubSpot-Request-Timestamp": "yesterday"}


def stale(post: Post) -> tuple[bytes, dict[str, str]]:
    return BODY, post.headers(BODY, at=post.now() - 300_001)


def from_the_future(post: Post) -> tuple[bytes, dict[str, str]]:
    return BODY, post.headers(BODY, at=post.now() + 300_001)


def no_json(post: Post) -> tuple[bytes, dict[str, str]]:
    return b"[{", post.headers(b"[{")


def no_list(post: Post) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(event()).encode()
    return body, post.headers(body)


BAD = {
    forged: "forged",
    altered: "forged",
    for_another_address: "forged",
    unsigned: "unsigned",
    without_time: "unsigned",
    with_a_time_that_is_none: "malformed",
    stale: "stale",
    from_the_future: "stale",
    no_json: "malformed",
    no_list: "malformed",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
async def test_a_call_that_is_not_to_be_believed_is_refused_and_leaves_nothing(post: Post, bad: Any) -> None:
    body, headers = bad(post)
    answer = await post.send(body, headers)
    assert (answer.status_code, answer.json()) == (401, {"error": BAD[bad]})
    assert await post.waiting() == 0


async def test_a_call_just_within_five_minutes_is_taken(post: Post) -> None:
    assert (await post.signed(BODY, at=post.now() - 300_000)).status_code == 200
    assert (await post.signed(BODY, at=post.now() + 300_000)).status_code == 200


async def test_a_call_that_is_too_large_is_refused_before_its_signature_is_looked_at(post: Post) -> None:
    body = wire(event(propertyValue="A" * 1_100_000))
    answer = await post.signed(body)
    assert (answer.status_code, answer.json()) == (413, {"error": "too large"})
    assert await post.waiting() == 0


async def test_a_replay_is_refused_and_hubspots_own_repeat_is_not(post: Post) -> None:
    headers = post.headers(BODY)
    assert (await post.send(BODY, headers)).status_code == 200
    works = await post.concord.store.claim(10, post.play.clock.now(), post.concord.scope.lease)
    assert len(works) == 1
    again = await post.send(BODY, headers)
    assert (again.status_code, again.json()) == (401, {"error": "replayed"})
    repeat = wire(event(attemptNumber=1))
    post.play.clock.pass_(seconds=20)
    assert (await post.signed(repeat)).status_code == 200


async def test_a_replay_is_refused_for_as_long_as_its_time_would_be_believed(post: Post) -> None:
    headers = post.headers(BODY, at=post.now() + 299_000)
    assert (await post.send(BODY, headers)).status_code == 200
    post.play.clock.pass_(seconds=598)
    assert (await post.send(BODY, headers)).json() == {"error": "replayed"}
    post.play.clock.pass_(seconds=2)
    assert (await post.send(BODY, headers)).json() == {"error": "stale"}


async def test_the_query_of_the_address_is_part_of_what_is_signed(post: Post) -> None:
    url = post.url + "?tenant=a%40b"
    good = post.headers(BODY, url=url)
    assert (await post.send(BODY, good, url=url)).status_code == 200
    assert (await post.send(BODY, post.headers(BODY, at=post.now() + 1), url=url)).json() == {"error": "forged"}


# --- the store is down


class Down:
    """A store whose database does not answer."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Notice]] = []

    async def take_in(self, notices: Sequence[Notice]) -> int:
        self.asked.append(notices)
        raise StoreError("The database does not answer")


def without_store(post: Post, down: Down) -> Intake:
    scope = replace(post.concord.scope, store=down)  # type: ignore[arg-type]  # it has the one method that is called
    return Intake(replace(post.concord, scope=scope), post.secret)


async def test_a_call_that_cannot_be_stored_is_not_acknowledged_and_may_be_sent_again_as_it_is(post: Post) -> None:
    down = Down()
    broken = without_store(post, down)
    headers = post.headers(BODY)
    assert (await post.send(BODY, headers, to=broken)).status_code == 503
    assert (await post.send(BODY, headers, to=broken)).status_code == 503, "not taken for a replay"
    assert len(down.asked) == 2


async def test_what_hubspot_could_not_deliver_while_the_store_was_down_arrives_when_it_is_up_again(post: Post) -> None:
    play = post.play
    contact = play.hs_contact(email="ada@engines.com", lastname="Lovelace")
    working, play.receiver.app = play.receiver.app, without_store(post, Down()).app()
    play.clock.pass_(seconds=1)
    assert await play.hubspot.service.deliver() > 0
    assert await post.waiting() == 0
    play.receiver.app = working
    play.clock.pass_(seconds=60)
    assert await play.hubspot.service.deliver() > 0, "it is sent again"
    await play.settle(post.concord, sweeps=False)
    assert [one["HubSpot_Contact_Id__c"] for one in play.sf("Lead").values()] == [contact]


async def test_without_a_secret_no_call_is_taken(post: Post) -> None:
    answer = await post.send(BODY, post.headers(BODY), to=Intake(post.concord, None))
    assert answer.status_code == 404
    assert await post.waiting() == 0


# --- as HubSpot itself sends them

VERBS = ("creation", "deletion", "merge", "restore", "associationChange")
PROPERTIES = ("jobtitle", "email", "hs_email_optout")
PRIVACY = {"subscriptionType": "contact.privacyDeletion"}
BY_NAME = [
    *({"subscriptionType": f"{one}.{verb}"} for one in ("contact", "company") for verb in VERBS),
    *({"subscriptionType": "contact.propertyChange", "propertyName": name} for name in PROPERTIES),
    PRIVACY,
]
BY_TYPE = [
    *({"subscriptionType": f"object.{verb}", "objectType": one} for one in ("contact", "company") for verb in VERBS),
    *(
        {"subscriptionType": "object.propertyChange", "objectType": "contact", "propertyName": name}
        for name in PROPERTIES
    ),
    PRIVACY,
]


async def told(post: Post) -> dict[str, Lane]:
    """What HubSpot's webhooks brought into the inbox since the last time: record -> lane."""
    post.play.clock.pass_(seconds=2)
    while await post.play.hubspot.service.deliver():
        post.play.clock.pass_(seconds=2)
    now = post.play.clock.now()
    works = await post.concord.store.claim(1000, now, post.concord.scope.lease)
    await post.concord.store.record([Done("people", (work,)) for work in works], now)
    return {f"{work.ref.object} {work.ref.id}": work.lane for work in works}


def subscribe(post: Post, rows: Sequence[Mapping[str, str]], **more: Any) -> None:
    post.play.portal.webhooks.set({"subscriptions": list(rows), **more})


async def over_the_api(post: Post, path: str, body: Any) -> Any:
    token = post.play.secrets.hubspot_token
    transport = httpx.ASGITransport(app=post.play.hubspot)
    async with httpx.AsyncClient(transport=transport, base_url="http://hubspot.test") as client:
        answer = await client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


@pytest.mark.parametrize("field", ["subscriptionType", "eventType"])
@pytest.mark.parametrize("rows", [BY_NAME, BY_TYPE], ids=["the older family", "the newer family"])
async def test_everything_that_people_do_is_told_by_both_families_of_events(
    post: Post, rows: list[dict[str, str]], field: str
) -> None:
    subscribe(post, rows, type_field=field, change_flag="NEW" if field == "eventType" else "CREATED")
    play = post.play
    one, other = play.hs_contact(email="ada@engines.com", lastname="L"), play.hs_contact(lastname="B")
    company = play.company(name="Engines")
    assert (await told(post)).keys() == {f"contacts {one}", f"contacts {other}", f"companies {company}"}
    play.edit_hs(one, jobtitle="Countess")
    assert await told(post) == {f"contacts {one}": Lane.PEOPLE}
    play.edit_hs(one, jobtitle="Baroness", hs_email_optout="true")
    assert await told(post) == {f"contacts {one}": Lane.CONSENT}
    play.portal.human_link(("contacts", one), ("companies", company), None)
    assert (await told(post)).keys() == {f"contacts {one}", f"companies {company}"}
    play.hubspot.service.human_delete("contacts", other, None)
    assert await told(post) == {f"contacts {other}": Lane.PEOPLE}
    play.portal.crm.restore(play.portal.portal.require_table("contacts"), int(other), Actor("CRM_UI", "userId:1"))
    assert await told(post) == {f"contacts {other}": Lane.PEOPLE}
    left = await over_the_api(
        post, "/crm/objects/2026-09/contacts/merge", {"primaryObjectId": one, "objectIdToMerge": other}
    )
    assert {f"contacts {number}" for number in (one, other, left["id"])} <= (await told(post)).keys()
    await over_the_api(post, "/crm/objects/2026-09/contacts/gdpr-delete", {"objectId": left["id"]})
    assert f"contacts {left['id']}" in await told(post)


@pytest.mark.parametrize(
    "disturbance",
    [{"duplicate": 1.0}, {"shuffle": True}, {"drop": 0.4}, {"duplicate": 0.5, "drop": 0.3, "shuffle": True}],
    ids=lambda disturbance: ", ".join(disturbance),
)
@pytest.mark.parametrize("rows", [BY_NAME, BY_TYPE], ids=["the older family", "the newer family"])
async def test_doubled_disordered_and_lost_webhooks_end_in_agreement(
    post: Post, rows: list[dict[str, str]], disturbance: dict[str, Any]
) -> None:
    play = post.play
    subscribe(post, rows, batch_size=7)
    people = [play.hs_contact(email=f"p{number}@engines.com", lastname=f"Person{number}") for number in range(12)]
    await play.settle(post.concord)
    play.portal.webhooks.disturb(disturbance)
    for title in ("Clerk", "Countess", "Baroness"):
        for person in people:
            play.edit_hs(person, jobtitle=title)
        play.clock.pass_(seconds=1)
    play.hubspot.service.human_delete("contacts", people.pop(), None)
    await play.settle(post.concord)
    titles = {row["Email"]: row["Title"] for row in play.sf("Lead").values() if row["HubSpot_Contact_Id__c"] in people}
    assert titles == {f"p{number}@engines.com": "Baroness" for number in range(11)}
    assert len(play.sf("Lead")) == 12, "nobody twice"


async def test_a_call_of_a_thousand_events_is_taken_whole(post: Post) -> None:
    answer = await post.signed(wire(*(event(number) for number in range(1, 1001))))
    assert (answer.status_code, answer.json()) == (200, {"taken": 1000, "unknown": 0})
    assert await post.waiting() == 1000


async def test_events_of_kinds_that_are_not_known_are_counted_and_the_others_taken(post: Post) -> None:
    strange = [event(subscriptionType="conversation.creation"), event(objectId="x"), "no event", None, 7]
    answer = await post.signed(wire(event(1), *strange, event(2)))
    assert (answer.status_code, answer.json()) == (200, {"taken": 2, "unknown": 5})


async def test_a_signed_body_that_is_nested_beyond_all_reason_is_refused(post: Post) -> None:
    answer = await post.signed(b"[" * 900_000)
    assert (answer.status_code, answer.json()) == (401, {"error": "malformed"})
