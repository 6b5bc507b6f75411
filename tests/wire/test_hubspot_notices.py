"""HubSpot's webhooks: forged, stale, replayed and oversized calls are refused; the rest say where to look."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.model import Lane
from concord.core.values import Ref
from concord.errors import WebhookRefused
from concord.systems.hubspot.notices import BODY_BYTES, Taken, notices_of, sign, verify

SECRET = "11111111-2222-3333-4444-555555555555"
URI = "https://sync.example.com/hooks/hubspot?tenant=a@b"
RECEIVED = "https://sync.example.com/hooks/hubspot?tenant=a%40b"
BODY = b'[{"eventId":1,"subscriptionType":"object.propertyChange","objectId":42}]'
STAMP = "1790000000000"
SIGNATURE = "+2eC+4VnHtTCJCz5WXc5ivADrmIUC9PLA/1FwjiiB8Q="
SENT = datetime.fromtimestamp(1_790_000_000, UTC)


def check(
    *,
    uri: str = RECEIVED,
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    now: datetime = SENT,
    memory: set[str] | None = None,
) -> None:
    kept = set() if memory is None else memory

    def seen(text: str) -> bool:
        known = text in kept
        kept.add(text)
        return known

    given = {"X-HubSpot-Signature-v3": SIGNATURE, "X-HubSpot-Request-Timestamp": STAMP} if headers is None else headers
    verify(SECRET, "POST", uri, body, given, now, seen)


def reason_of(**changes: Any) -> str:
    with pytest.raises(WebhookRefused) as caught:
        check(**changes)
    return caught.value.reason


def test_the_published_vector_is_what_we_compute() -> None:
    assert sign(SECRET, "POST", URI, BODY, STAMP) == SIGNATURE


def test_a_signed_call_is_believed_with_the_address_raw_or_decoded() -> None:
    check(uri=RECEIVED)
    check(uri=URI)
    check(headers={"x-hubspot-signature-V3": SIGNATURE, "x-hubspot-request-timestamp": STAMP})


def test_only_the_listed_sequences_are_decoded() -> None:
    signature = sign(SECRET, "POST", "https://h/?a=%20:", BODY, STAMP)
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": STAMP}
    check(uri="https://h/?a=%20%3a", headers=headers)


def test_a_call_is_fresh_for_exactly_five_minutes_either_way() -> None:
    check(now=SENT + timedelta(minutes=5))
    check(now=SENT - timedelta(minutes=5))
    assert reason_of(now=SENT + timedelta(minutes=5, milliseconds=1)) == "stale"
    assert reason_of(now=SENT - timedelta(minutes=5, milliseconds=1)) == "stale"


def test_a_forged_call_is_refused_whatever_was_changed() -> None:
    assert reason_of(body=BODY + b" ") == "forged"
    assert reason_of(uri=RECEIVED + "&x") == "forged"
    headers = {"X-HubSpot-Signature-v3": SIGNATURE, "X-HubSpot-Request-Timestamp": "1790000000001"}
    assert reason_of(headers=headers) == "forged"
    assert reason_of(headers={**headers, "X-HubSpot-Signature-v3": "é\udcff"}) == "forged"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_guessed_signature_is_believed(guess: str) -> None:
    headers = {"X-HubSpot-Signature-v3": guess, "X-HubSpot-Request-Timestamp": STAMP}
    assert reason_of(headers=headers) in ("forged", "unsigned")


def test_a_call_without_signature_or_time_is_unsigned() -> None:
    assert reason_of(headers={}) == "unsigned"
    assert reason_of(headers={"X-HubSpot-Signature-v3": SIGNATURE}) == "unsigned"


@pytest.mark.parametrize("stamp", ["soon", "1.5", "-1790000000000", "9" * 40, "१७९"])
def test_a_time_that_is_no_time_is_malformed(stamp: str) -> None:
    headers = {"X-HubSpot-Signature-v3": SIGNATURE, "X-HubSpot-Request-Timestamp": stamp}
    assert reason_of(headers=headers) == "malformed"


def test_the_same_call_a_second_time_is_replayed() -> None:
    memory: set[str] = set()
    check(memory=memory)
    assert reason_of(memory=memory) == "replayed"


def test_a_forged_call_does_not_fill_the_memory_of_replays() -> None:
    memory: set[str] = set()
    assert reason_of(body=b"[]", memory=memory) == "forged"
    assert memory == set()


def test_a_body_beyond_its_limit_is_not_read() -> None:
    assert reason_of(body=b" " * (BODY_BYTES + 1)) == "too large"


# --- what the events say

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def take(*events: Any, app_id: str = "9", **more: Any) -> Taken:
    body = json.dumps(list(events)).encode()
    return notices_of(body, ("contacts", "companies"), app_id=app_id, now=NOW, **more)


def refs(taken: Taken) -> list[str]:
    return [str(notice.ref) for notice in taken.notices]


def contact(identifier: int) -> str:
    return f"hubspot contacts {identifier}"


@pytest.mark.parametrize("verb", ["creation", "deletion", "propertyChange", "restore", "privacyDeletion"])
def test_both_families_of_events_name_their_record(verb: str) -> None:
    old = {"subscriptionType": f"contact.{verb}", "objectId": 541935488729}
    new = {"subscriptionType": f"object.{verb}", "objectTypeId": "0-1", "objectId": 541935488729}
    other = {"eventType": f"company.{verb}", "objectId": 7}
    assert refs(take(old)) == refs(take(new)) == [contact(541935488729)]
    assert refs(take(other)) == ["hubspot companies 7"]


def test_a_merge_says_to_look_at_every_id_of_it() -> None:
    event = {
        "subscriptionType": "object.merge",
        "objectTypeId": "0-1",
        "primaryObjectId": 1,
        "mergedObjectIds": [1, 2],
        "newObjectId": 3,
    }
    assert sorted(refs(take(event))) == [contact(1), contact(2), contact(3)]


def test_an_association_says_to_look_at_both_ends() -> None:
    ends = {"fromObjectId": 1, "toObjectId": 2}
    new = {"subscriptionType": "object.associationChange", "fromObjectTypeId": "0-1", "toObjectTypeId": "0-2", **ends}
    old = {"subscriptionType": "contact.associationChange", "associationType": "CONTACT_TO_COMPANY", **ends}
    assert refs(take(new)) == refs(take(old)) == [contact(1), "hubspot companies 2"]


def test_an_opt_out_goes_by_the_consent_lane() -> None:
    event = {"subscriptionType": "contact.propertyChange", "objectId": 1}
    lanes = [
        notice.lane
        for name in ("hs_email_optout", "hs_email_optout_7", "email")
        for notice in take({**event, "propertyName": name}).notices
    ]
    assert lanes == [Lane.CONSENT, Lane.CONSENT, Lane.PEOPLE]


def test_our_own_echo_is_dropped_but_never_a_merge_or_a_deletion() -> None:
    ours = {"objectId": 1, "changeSource": "INTEGRATION", "sourceId": "9"}
    assert refs(take({"subscriptionType": "contact.propertyChange", **ours})) == []
    assert refs(take({"subscriptionType": "contact.creation", **ours})) == []
    assert refs(take({"subscriptionType": "contact.deletion", **ours})) == [contact(1)]
    assert refs(take({"subscriptionType": "contact.propertyChange", **ours, "sourceId": "99"})) == [contact(1)]
    assert refs(take({"subscriptionType": "contact.propertyChange", **ours}, app_id="")) == [contact(1)]


def test_events_about_one_record_are_one_notice_with_the_oldest_time() -> None:
    event = {"subscriptionType": "contact.propertyChange", "objectId": 1}
    later, earlier = ({**event, "occurredAt": stamp} for stamp in (1_790_000_005_000, 1_790_000_000_000))
    (notice,) = take(later, earlier, ahead=timedelta(seconds=2)).notices
    assert notice.changed_at == SENT - timedelta(seconds=2)
    assert (notice.seen_at, notice.source, notice.version) == (NOW, "webhook", None)


def test_what_is_not_known_is_counted_and_ignored() -> None:
    good = {"subscriptionType": "contact.creation", "objectId": 1}
    strange = [
        {"subscriptionType": "contact.dance", "objectId": 1},
        {"objectId": 1},
        "x",
        {"subscriptionType": "contact.creation"},
    ]
    taken = take(good, *strange)
    assert (refs(taken), taken.unknown) == ([contact(1)], 4)


def test_events_of_objects_and_accounts_that_are_not_synced_are_left_out() -> None:
    assert refs(take({"subscriptionType": "deal.creation", "objectId": 1})) == []
    event = {"subscriptionType": "contact.creation", "objectId": 1, "portalId": 5}
    assert refs(take(event, portal_id="6")) == []
    assert refs(take(event, portal_id="5")) == [contact(1)]


def test_a_privacy_deletion_names_who_is_to_be_erased() -> None:
    taken = take({"subscriptionType": "contact.privacyDeletion", "objectId": 1})
    assert taken.erased == (Ref("hubspot", "contacts", "1"),)
    assert refs(taken) == [contact(1)]


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b"\xff"])
def test_a_body_that_is_no_list_of_events_is_malformed(body: bytes) -> None:
    with pytest.raises(WebhookRefused, match="malformed"):
        notices_of(body, ("contacts",), app_id="9", now=NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
EVENT = st.fixed_dictionaries(
    {},
    optional={
        name: JSON
        | st.sampled_from(
            ["contact.merge", "object.associationChange", "contact.creation", "0-1", "CONTACT_TO_COMPANY"]
        )
        for name in (
            "subscriptionType",
            "objectId",
            "objectTypeId",
            "occurredAt",
            "mergedObjectIds",
            "fromObjectId",
            "fromObjectTypeId",
            "associationType",
            "propertyName",
        )
    },
)


@given(st.lists(EVENT | JSON, max_size=4))
def test_no_list_of_events_whatever_it_holds_is_an_error(events: list[Any]) -> None:
    assert take(*events).unknown <= len(events)
