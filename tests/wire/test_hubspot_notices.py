"""HubSpot's webhooks: forged, stale, replayed and oversized calls are refused; the rest say where to look."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.model import Lane
from concord.core.values import Ref
from concord.errors import WebhookRefused
from concord.systems.hubspot.lanes import lane_of
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


@pytest.mark.parametrize(
    ("word", "type_id", "name"),
    [("contact", "0-1", "contacts"), ("company", "0-2", "companies"), ("deal", "0-3", "deals"),
     ("ticket", "0-5", "tickets"), ("product", "0-7", "products"), ("line_item", "0-8", "line_items")],
)  # fmt: skip
@pytest.mark.parametrize("field", ["subscriptionType", "eventType"])
def test_every_object_is_known_by_its_name_and_by_its_type_id(word: str, type_id: str, name: str, field: str) -> None:
    told = [
        {field: f"{word}.creation", "objectId": 7},
        {field: "object.creation", "objectTypeId": type_id, "objectId": 7},
    ]
    for one in told:
        (notice,) = notices_of(json.dumps([one]).encode(), (name,), app_id="", now=NOW).notices
        assert notice.ref == Ref("hubspot", name, "7")


def test_custom_objects_go_by_their_type_id() -> None:
    told = [{"subscriptionType": "object.propertyChange", "objectTypeId": f"2-{one}", "objectId": 5} for one in (7, 8)]
    taken = notices_of(json.dumps(told).encode(), ("2-7",), app_id="", now=NOW)
    assert (refs(taken), taken.unknown) == (["hubspot 2-7 5"], 0)


@pytest.mark.parametrize("merged", [[1, 2], ["1", "2"], [2], 2, "2"])
def test_a_merge_may_name_its_ids_one_by_one_or_in_a_list(merged: Any) -> None:
    event = {"subscriptionType": "contact.merge", "primaryObjectId": 1, "mergedObjectIds": merged, "newObjectId": "3",
             "numberOfPropertiesMoved": 4}  # fmt: skip
    assert sorted(refs(take(event))) == [contact(1), contact(2), contact(3)]


@pytest.mark.parametrize("kind", ["CONTACT_TO_COMPANY", "contact_to_company", "CONTACT_TO_COMPANY_UNLABELED",
                                  "PRIMARY_CONTACT_TO_COMPANY"])  # fmt: skip
def test_an_association_of_the_older_family_is_read_whatever_its_label(kind: str) -> None:
    event = {"subscriptionType": "contact.associationChange", "associationType": kind, "associationRemoved": False,
             "isPrimaryAssociation": True, "fromObjectId": 1, "toObjectId": 2}  # fmt: skip
    assert refs(take(event)) == [contact(1), "hubspot companies 2"]


def test_of_an_association_under_a_name_of_its_own_the_end_that_was_subscribed_to_is_looked_at() -> None:
    event = {"subscriptionType": "contact.associationChange", "associationType": "mentor", "fromObjectId": 1,
             "toObjectId": 2}  # fmt: skip
    assert refs(take(event)) == [contact(1)]
    labelled = {**event, "fromObjectTypeId": "0-1", "toObjectTypeId": "0-2", "associationCategory": "USER_DEFINED",
                "associationTypeId": 44}  # fmt: skip
    assert refs(take(labelled)) == [contact(1), "hubspot companies 2"]


def test_many_events_of_one_record_are_one_notice_in_the_most_urgent_lane_with_the_earliest_time() -> None:
    event = {"subscriptionType": "contact.propertyChange", "objectId": 1, "propertyName": "city"}
    stamps = [1_793_610_003_000, 1_793_610_001_000, None, 1_793_610_002_000]
    names = ["city", "email", "hs_email_optout", "phone"]
    told = [{**event, "occurredAt": at, "propertyName": name} for at, name in zip(stamps, names, strict=True)]
    (notice,) = take(*told).notices
    assert (notice.lane, notice.changed_at) == (Lane.CONSENT, datetime.fromtimestamp(1_793_610_001, UTC))


def test_a_call_may_hold_more_events_than_are_announced() -> None:
    told = [{"subscriptionType": "contact.creation", "objectId": number} for number in range(1, 2001)]
    assert len(take(*told).notices) == 2000


@pytest.mark.parametrize("portal", [5, "5", None])
def test_the_account_may_be_a_number_or_a_text_or_missing(portal: Any) -> None:
    event = {"subscriptionType": "contact.creation", "objectId": 1, "portalId": portal}
    assert refs(take(event, portal_id="5")) == [contact(1)]


@pytest.mark.parametrize("identifier", [0.5, True, -1, "", "१", "1" * 20, "1a", {"id": 1}, None, [], [None]])
def test_what_is_no_id_names_nothing(identifier: Any) -> None:
    taken = take({"subscriptionType": "contact.creation", "objectId": identifier})
    assert (taken.notices, taken.unknown) == ((), 1)


def test_one_record_has_one_id_however_it_is_written() -> None:
    event = {"subscriptionType": "contact.creation"}
    assert refs(take({**event, "objectId": 7}, {**event, "objectId": "7"}, {**event, "objectId": "007"})) == [
        contact(7)
    ]


@pytest.mark.parametrize(
    "told",
    [None, "soon", True, 1.5, [1], -62_135_596_800_000, 253_402_300_799_999, 10**30, 0, "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-14:00", "1999-01-01"],
)  # fmt: skip
@pytest.mark.parametrize("ahead", [-9, 0, 9])
def test_a_time_that_cannot_be_is_none(told: Any, ahead: int) -> None:
    event = {"subscriptionType": "contact.creation", "objectId": 1, "occurredAt": told}
    (notice,) = take(event, ahead=timedelta(seconds=ahead)).notices
    assert notice.changed_at is None


def test_a_body_that_is_nested_beyond_all_reason_is_malformed() -> None:
    with pytest.raises(WebhookRefused, match="malformed"):
        notices_of(b"[" * 500_000, ("contacts",), app_id="9", now=NOW)


@pytest.mark.parametrize(
    "field", ["subscriptionType", "objectTypeId", "associationType", "propertyName", "portalId", "sourceId", "objectId",
              "fromObjectTypeId", "changeSource", "occurredAt"],
)  # fmt: skip
def test_nor_is_a_value_that_is_nested_as_deep_as_can_be_read_an_error(field: str) -> None:
    event = {"subscriptionType": "object.creation", "objectTypeId": "0-1", "objectId": 1, "changeSource": "API"}
    for depth in range(700, 1000, 3):
        body = json.dumps([{**event, field: "?"}]).replace('"?"', "[" * depth + "]" * depth)
        try:
            notices_of(body.encode(), ("contacts",), app_id="9", now=NOW, portal_id="5")
        except WebhookRefused:
            break


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["contact.merge", "object.merge", "object.associationChange", "contact.creation", "contact.privacyDeletion",
     "object.propertyChange", "0-1", "2-7", "CONTACT_TO_COMPANY", 7, "7", [1, "2"], "hs_email_optout", "INTEGRATION",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", -62_135_596_800_000, 253_402_300_799_999]
)  # fmt: skip
NAMES = (
    "subscriptionType", "eventType", "objectId", "objectTypeId", "occurredAt", "mergedObjectIds", "primaryObjectId",
    "newObjectId", "fromObjectId", "fromObjectTypeId", "toObjectId", "toObjectTypeId", "associationType",
    "propertyName", "portalId", "changeSource", "sourceId",
)  # fmt: skip
EVENT = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, WORDS | JSON))


@given(st.lists(EVENT | JSON, max_size=4), st.sampled_from([-9, 0, 9]))
def test_no_list_of_events_whatever_it_holds_is_an_error(events: list[Any], ahead: int) -> None:
    taken = take(*events, ahead=timedelta(seconds=ahead), portal_id="7")
    assert taken.unknown <= len(events)
    assert len({notice.ref for notice in taken.notices}) == len(taken.notices)
    assert set(taken.erased) <= {notice.ref for notice in taken.notices}
    assert all(notice.ref.id.isdecimal() and notice.ref.id.isascii() for notice in taken.notices)


@given(JSON.map(lambda told: json.dumps(told).encode()) | st.binary(max_size=40) | st.text(max_size=40).map(
    lambda text: text.encode("utf-16", "surrogatepass")))  # fmt: skip
def test_any_body_is_taken_or_refused(body: bytes) -> None:
    with suppress(WebhookRefused):
        assert notices_of(body, ("contacts",), app_id="9", now=NOW).notices == ()


def test_a_deal_an_activity_and_a_stage_have_lanes_of_their_own() -> None:
    assert lane_of("contacts", {"firstname"}) is Lane.PEOPLE
    assert lane_of("deals") is Lane.DEALS
    assert lane_of("meetings", {"hs_timestamp"}) is Lane.ACTIVITIES
    assert lane_of("contacts", {"firstname", "lifecyclestage"}) is Lane.CONVERSION
    assert lane_of("contacts", {"lifecyclestage", "hs_email_optout"}) is Lane.CONSENT
