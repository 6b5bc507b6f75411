"""Lists, sequences and communication preferences of the HubSpot sandbox, served on a port, driven by clients that
HubSpot publishes, unmodified: `hubspot-sdk` speaks the dated paths, `hubspot-api-client` the v3 ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import hubspot
import hubspot_sdk
import pytest
from hubspot.communication_preferences import PublicUpdateSubscriptionStatusRequest
from hubspot.communication_preferences.exceptions import ApiException as PreferencesError
from hubspot.crm.lists import ListCreateRequest, ListFilterUpdateRequest, ListSearchRequest, MembershipChangeRequest
from hubspot.crm.lists.exceptions import ApiException as ListsError

from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.service import Controls

from .served import Served

WORLD: dict[str, Any] = {
    "index_lag_ms": 0,
    "list_lag_ms": 0,
    "records": {
        "contacts": [
            {"id": "101", "properties": {"email": "ann@example.com", "firstname": "Ann", "city": "Bonn"}},
            {"id": "102", "properties": {"email": "bob@example.com", "firstname": "Bob"}},
        ]
    },
    "sequences": {
        "sequences": [
            {"id": "7", "name": "Welcome", "userId": "5", "settings": {},
             "steps": [{"actionType": "EMAIL", "delayMillis": 0}, {"actionType": "TASK", "delayMillis": 1000}]}
        ],
        "mailboxes": [{"userId": "5", "email": "sales@example.com"}],
    },
}  # fmt: skip
IN_BONN: dict[str, Any] = {
    "filterBranchType": "OR",
    "filterBranchOperator": "OR",
    "filters": [],
    "filterBranches": [
        {
            "filterBranchType": "AND",
            "filterBranchOperator": "AND",
            "filterBranches": [],
            "filters": [
                {
                    "filterType": "PROPERTY",
                    "property": "city",
                    "operation": {
                        "operationType": "MULTISTRING",
                        "operator": "IS_EQUAL_TO",
                        "values": ["bonn"],
                        "includeObjectsWithNoValueSet": False,
                    },
                }
            ],
        }
    ],
}


@pytest.fixture
def served() -> Iterator[tuple[str, str]]:
    """The URL and token of a sandbox that really listens."""
    service = HubSpotService(Controls())
    service.load(WORLD)
    running = Served(SandboxApp(service))
    yield running.url, running.credentials["access_token"]
    running.stop()


@pytest.fixture
def dated(served: tuple[str, str]) -> Iterator[hubspot_sdk.HubSpot]:
    with hubspot_sdk.HubSpot(
        base_url=served[0], access_token=served[1], max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
def older(served: tuple[str, str]) -> Any:
    return hubspot.Client.create(host=served[0], access_token=served[1])


@pytest.mark.foreign("hubspot-sdk")
def test_the_dated_client_works_with_a_list_kept_by_hand(dated: hubspot_sdk.HubSpot) -> None:
    lists = dated.crm.lists
    made = lists.create(name="Do not mail", object_type_id="0-1", processing_type="MANUAL").list
    changed = lists.add_memberships(made.list_id, body=["101", "102", "9"])
    assert (changed.records_ids_added, changed.record_ids_missing) == (["101", "102"], ["9"])
    changed = lists.add_and_remove_memberships(made.list_id, record_ids_to_add=[], record_ids_to_remove=["102"])
    assert changed.record_ids_removed == ["102"]
    assert lists.get_by_object_type_and_name("Do not mail", object_type_id="0-1").list.size == 1
    lists.add_memberships(made.list_id, body=["102"])
    paged = [row.record_id for row in lists.list_memberships(made.list_id, limit=1)]
    assert paged == ["101", "102"]
    assert [row.record_id for row in lists.get_memberships_join_order(made.list_id)] == ["101", "102"]
    of_record = lists.get_record_memberships("101", object_type_id="0-1")
    assert [row.list_id for row in of_record.results] == [made.list_id]
    batch = lists.batch_read_memberships(inputs=[{"object_type_id": "0-1", "record_id": "102"}])
    assert [row.list_id for row in batch.results[0].record_list_memberships] == [made.list_id]
    other = lists.create(name="Copy", object_type_id="0-1", processing_type="SNAPSHOT").list
    lists.add_memberships_from(made.list_id, list_id=other.list_id)
    assert lists.get(other.list_id).list.size == 2
    lists.delete_memberships(other.list_id)
    lists.delete(other.list_id)
    with pytest.raises(hubspot_sdk.NotFoundError):
        lists.get(other.list_id)
    lists.restore(other.list_id)
    assert [one.list_id for one in lists.list(list_ids=[made.list_id, other.list_id]).lists] == [
        made.list_id,
        other.list_id,
    ]


@pytest.mark.foreign("hubspot-sdk")
def test_the_dated_client_works_with_a_list_that_follows_a_filter(dated: hubspot_sdk.HubSpot) -> None:
    lists = dated.crm.lists
    made = lists.create(
        name="Bonn",
        object_type_id="0-1",
        processing_type="DYNAMIC",
        filter_branch=IN_BONN,  # type: ignore[arg-type]
    ).list
    assert made.filter_branch is not None
    assert made.filter_branch.filter_branch_type == "OR"
    assert [row.record_id for row in lists.list_memberships(made.list_id)] == ["101"]
    with pytest.raises(hubspot_sdk.BadRequestError, match="MANUAL or SNAPSHOT"):
        lists.add_memberships(made.list_id, body=["102"])
    with pytest.raises(hubspot_sdk.BadRequestError, match="DUPLICATE_LIST_NAMES"):
        lists.create(name="Bonn", object_type_id="0-1", processing_type="MANUAL")
    updated = lists.update_list_name(made.list_id, list_name="Town").updated_list
    assert updated is not None
    assert updated.name == "Town"
    changed = lists.update_list_filters(made.list_id, filter_branch=IN_BONN).updated_list  # type: ignore[arg-type]
    assert changed is not None
    assert changed.list_version == 2
    found = lists.list_by_search(list_ids=[], offset=0, processing_types=["DYNAMIC"], query="tow")
    assert ([one.list_id for one in found.lists], found.has_more) == ([made.list_id], False)


@pytest.mark.foreign("hubspot-api-client")
def test_the_older_client_works_with_lists(older: Any) -> None:
    lists = older.crm.lists
    made = lists.lists_api.create(ListCreateRequest(name="Old", object_type_id="0-1", processing_type="MANUAL")).list
    changed = lists.memberships_api.add(made.list_id, ["101", "7"])
    assert (changed.records_ids_added, changed.record_ids_missing) == (["101"], ["7"])
    changed = lists.memberships_api.add_and_remove(
        made.list_id, MembershipChangeRequest(record_ids_to_add=["102"], record_ids_to_remove=["101"])
    )
    assert (changed.records_ids_added, changed.record_ids_removed) == (["102"], ["101"])
    page = lists.memberships_api.get_page(made.list_id)
    assert [row.record_id for row in page.results] == ["102"]
    assert lists.memberships_api.get_lists("0-1", "102").results[0].list_id == made.list_id
    dynamic = lists.lists_api.create(
        ListCreateRequest(name="Bonn", object_type_id="0-1", processing_type="DYNAMIC", filter_branch=IN_BONN)
    ).list
    lists.lists_api.update_list_filters(dynamic.list_id, ListFilterUpdateRequest(filter_branch=IN_BONN))
    assert lists.lists_api.get_by_id(dynamic.list_id).list.size == 1
    found = lists.lists_api.do_search(
        ListSearchRequest(query="", offset=0, count=10, additional_properties=[], list_ids=[], processing_types=[])
    )
    assert [one.additional_properties["hs_list_size"] for one in found.lists] == ["1", "1"]
    with pytest.raises(ListsError) as refused:
        lists.memberships_api.add(dynamic.list_id, ["102"])
    assert refused.value.status == 400


@pytest.mark.foreign("hubspot-sdk")
def test_the_dated_client_enrols_a_contact_in_a_sequence(dated: hubspot_sdk.HubSpot) -> None:
    sequences = dated.automation.sequences
    listed = sequences.list(user_id="5")
    assert [one.id for one in listed.results] == ["7"]
    got = sequences.get("7", user_id="5")
    assert [step.action_type for step in got.steps] == ["EMAIL", "TASK"]
    made = sequences.create_enrollment(user_id="5", contact_id="101", sequence_id="7", sender_email="sales@example.com")
    assert made.to_email == "ann@example.com"
    with pytest.raises(hubspot_sdk.BadRequestError, match="already enrolled"):
        sequences.create_enrollment(user_id="5", contact_id="101", sequence_id="7", sender_email="sales@example.com")


@pytest.mark.foreign("hubspot-sdk")
def test_the_dated_client_reads_and_sets_what_an_address_may_be_sent(dated: hubspot_sdk.HubSpot) -> None:
    preferences = dated.communication_preferences
    types = preferences.definitions.list().results
    number = int(types[0].id)
    updated = preferences.update_status(
        "ann@example.com", channel="EMAIL", status_state="UNSUBSCRIBED", subscription_id=number
    )
    assert updated.results[0].set_status_success_reason == "REQUESTED_CHANGE_OCCURRED"
    read = preferences.get_statuses("ann@example.com", channel="EMAIL")
    assert {row.subscription_id: row.status for row in read.results}[number] == "UNSUBSCRIBED"
    before = datetime.now(UTC)
    preferences.unsubscribe_all("ann@example.com", channel="EMAIL", verbose=True)
    wide = preferences.get_unsubscribe_all_status("ann@example.com", channel="EMAIL").results
    assert [row.wide_status_type for row in wide] == ["PORTAL_WIDE"]
    assert abs((wide[0].timestamp - before).total_seconds()) < 60
    links = preferences.generate_links(channel="EMAIL", subscriber_id_string="ann@example.com")
    assert links.unsubscribe_single_url is None


@pytest.mark.foreign("hubspot-sdk")
def test_the_dated_client_reads_and_sets_many_addresses(dated: hubspot_sdk.HubSpot) -> None:
    batch = dated.communication_preferences.statuses.batch
    wrote = batch.update_statuses(
        inputs=[
            {
                "channel": "EMAIL",
                "subscriber_id_string": address,
                "subscription_id": 1,
                "status_state": "SUBSCRIBED",
            }
            for address in ("ann@example.com", "nobody")
        ]
    )
    assert ([row.status for row in wrote.results], wrote.num_errors) == (["SUBSCRIBED"], 1)
    opted = batch.unsubscribe_all(channel="EMAIL", inputs=["bob@example.com"])
    assert [row.subscriber_id_string for row in opted.results] == ["bob@example.com"]
    wide = batch.get_unsubscribe_all_statuses(channel="EMAIL", inputs=["ann@example.com", "bob@example.com"])
    assert [len(row.wide_statuses) for row in wide.results] == [0, 1]
    read = batch.read(channel="EMAIL", inputs=["bob@example.com"])
    assert {row.status for row in read.results[0].statuses} == {"UNSUBSCRIBED"}


@pytest.mark.foreign("hubspot-api-client")
def test_the_older_client_subscribes_and_unsubscribes(older: Any) -> None:
    api = older.communication_preferences
    types = api.definition_api.get_page().subscription_definitions
    body = PublicUpdateSubscriptionStatusRequest(email_address="ann@example.com", subscription_id=types[0].id)
    assert api.status_api.subscribe(body).status == "SUBSCRIBED"
    assert api.status_api.unsubscribe(body).status == "NOT_SUBSCRIBED"
    shown = api.status_api.get_email_status("ann@example.com").subscription_statuses
    assert {one.source_of_status for one in shown} == {"SUBSCRIPTION_STATUS"}
    with pytest.raises(PreferencesError, match="cannot be resubscribed"):
        api.status_api.subscribe(body)
