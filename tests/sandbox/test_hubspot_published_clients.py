"""The HubSpot sandbox, served on a port, driven by clients that HubSpot publishes, unmodified.

`hubspot-sdk` speaks the dated paths, `hubspot-api-client` the v3 and v4 ones.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import hubspot
import hubspot_sdk
import pytest
import uvicorn
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchReadInputSimplePublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.pipelines import PipelineInput, PipelinePatchInput, PipelineStageInput
from hubspot.crm.properties import PropertyCreate, PropertyGroupCreate
from hubspot.crm.schemas import ObjectSchemaEgg, ObjectTypeDefinitionLabels, ObjectTypePropertyCreate

from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.service import Controls

WORLD: dict[str, Any] = {
    "index_lag_ms": 0,
    "records": {
        "contacts": [{"id": "101", "properties": {"email": "ann@example.com", "firstname": "Ann"}}],
        "companies": [{"id": "201", "properties": {"name": "Acme", "domain": "acme.example"}}],
    },
    "owners": [{"id": "9", "email": "o@example.com", "firstName": "O", "lastName": "P", "userId": 5}],
}


@pytest.fixture
def served() -> Iterator[tuple[str, str]]:
    """The URL and token of a sandbox that really listens."""
    service = HubSpotService(Controls())
    service.load(WORLD)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(SandboxApp(service), log_level="error", lifespan="off", date_header=False))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", service.credentials("")["access_token"]
    server.should_exit = True
    thread.join()


@pytest.fixture
def dated(served: tuple[str, str]) -> Iterator[hubspot_sdk.HubSpot]:
    with hubspot_sdk.HubSpot(base_url=served[0], access_token=served[1], max_retries=0) as client:
        yield client


@pytest.fixture
def older(served: tuple[str, str]) -> Any:
    return hubspot.Client.create(host=served[0], access_token=served[1])


def test_the_dated_client_makes_reads_finds_and_links(dated: hubspot_sdk.HubSpot) -> None:
    contacts = dated.crm.objects.contacts
    made = contacts.create(properties={"email": "Bob@example.com", "firstname": "Bob"}, associations=[])
    assert made.properties["email"] == "bob@example.com"
    contacts.update(contact_id=made.id, properties={"firstname": "Rob"})
    got = contacts.get(contact_id=made.id, properties=["firstname"], properties_with_history=["firstname"])
    assert got.properties_with_history is not None
    assert [entry.value for entry in got.properties_with_history["firstname"]] == ["Rob", "Bob"]
    assert got.properties_with_history["firstname"][0].source_type == "INTEGRATION"
    filters = [{"propertyName": "email", "operator": "EQ", "value": "bob@example.com"}]
    found = contacts.search(
        filter_groups=[{"filters": filters}],  # type: ignore[typeddict-item]
        properties=["email"],
        limit=10,
        after="0",
        sorts=[],
    )
    assert [row.id for row in found.results] == [made.id]
    inputs = [
        {"id": mail, "id_property": "email", "properties": {"city": "Bonn"}} for mail in ("bob@example.com", "c@d.org")
    ]
    upserted = contacts.batch.upsert(inputs=inputs)  # type: ignore[arg-type]
    assert [row.new for row in upserted.results] == [False, True]
    linked = dated.crm.associations.create(
        "201", from_object_type="contacts", from_object_id=made.id, to_object_type="companies"
    )
    assert {row.association_spec.association_type_id for row in linked.results} == {279, 280}
    page = dated.crm.associations.list("companies", object_type="contacts", object_id=made.id)
    assert [row.to_object_id for row in page.results] == ["201"]


def test_the_dated_client_reads_everything_page_by_page(dated: hubspot_sdk.HubSpot) -> None:
    for number in range(5):
        dated.crm.objects.contacts.create(properties={"firstname": str(number)}, associations=[])
    listed = list(dated.crm.objects.contacts.list(limit=2))
    assert len(listed) == 6
    read = dated.crm.objects.contacts.batch.get(
        inputs=[{"id": "101"}, {"id": "7"}], properties=["email"], properties_with_history=["email"]
    )
    assert [row.id for row in read.results] == ["101"]


def test_the_dated_client_understands_errors_and_the_rest_of_the_account(dated: hubspot_sdk.HubSpot) -> None:
    with pytest.raises(hubspot_sdk.ConflictError, match="Existing ID: 101"):
        dated.crm.objects.contacts.create(properties={"email": "ann@example.com"}, associations=[])
    with pytest.raises(hubspot_sdk.NotFoundError):
        dated.crm.objects.contacts.get(contact_id="999")
    with pytest.raises(hubspot_sdk.BadRequestError, match="READ_ONLY_VALUE"):
        dated.crm.objects.contacts.update(contact_id="101", properties={"hs_email_optout": "true"})
    names = {one.name for one in dated.crm.properties.list("contacts").results}
    assert {"email", "lifecyclestage"} <= names
    assert [owner.email for owner in dated.crm.owners.list()] == ["o@example.com"]
    preferences = dated.communication_preferences
    preferences.unsubscribe_all("ann@example.com", channel="EMAIL")
    status = preferences.get_unsubscribe_all_status("ann@example.com", channel="EMAIL")
    assert [row.wide_status_type for row in status.results] == ["PORTAL_WIDE"]
    merged_into = dated.crm.objects.contacts.create(properties={"firstname": "Twin"}, associations=[])
    survivor = dated.crm.objects.contacts.merge(primary_object_id="101", object_id_to_merge=merged_into.id)
    assert dated.crm.objects.contacts.get(contact_id="101").id == survivor.id


def test_the_older_client_makes_reads_finds_and_links(older: Any) -> None:
    contacts = older.crm.contacts
    new = SimplePublicObjectInputForCreate(properties={"email": "bob@example.com", "firstname": "Bob"}, associations=[])
    made = contacts.basic_api.create(simple_public_object_input_for_create=new)
    contacts.basic_api.update(made.id, SimplePublicObjectInput(properties={"firstname": "Rob"}))
    got = contacts.basic_api.get_by_id(made.id, properties=["firstname"], properties_with_history=["firstname"])
    assert [entry.value for entry in got.properties_with_history["firstname"]] == ["Rob", "Bob"]
    filters = [{"propertyName": "email", "operator": "EQ", "value": "bob@example.com"}]
    asked = PublicObjectSearchRequest(filter_groups=[{"filters": filters}], properties=["email"], limit=10)
    assert [row.id for row in contacts.search_api.do_search(asked).results] == [made.id]
    rows = [
        {"id": mail, "idProperty": "email", "properties": {"city": "Ulm"}} for mail in ("bob@example.com", "c@d.org")
    ]
    upserted = contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=rows))
    assert [row.new for row in upserted.results] == [False, True]
    older.crm.associations.v4.basic_api.create_default("contacts", made.id, "companies", "201")
    page = older.crm.associations.v4.basic_api.get_page("contacts", made.id, "companies")
    assert [row.to_object_id for row in page.results] == ["201"]
    read = older.crm.associations.v4.batch_api.get_page(
        "contacts", "companies", BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": made.id}])
    )
    assert [row.to_object_id for row in read.results[0].to] == ["201"]


def test_the_older_client_reads_everything_and_understands_errors(older: Any) -> None:
    assert [row.id for row in older.crm.contacts.get_all(properties=["email"])] == ["101"]
    asked = BatchReadInputSimplePublicObjectId(
        inputs=[{"id": "ann@example.com"}], properties=["email"], properties_with_history=["email"], id_property="email"
    )
    (found,) = older.crm.contacts.batch_api.read(asked).results
    assert found.properties_with_history["email"][0].source_type == "CRM_UI"
    with pytest.raises(ApiException) as caught:
        older.crm.contacts.basic_api.create(
            simple_public_object_input_for_create=SimplePublicObjectInputForCreate(
                properties={"email": "ann@example.com"}, associations=[]
            )
        )
    assert (caught.value.status, "Existing ID: 101" in caught.value.body) == (409, True)
    assert "email" in {one.name for one in older.crm.properties.core_api.get_all("contacts").results}
    assert [owner.id for owner in older.crm.owners.get_all()] == ["9"]
    assert older.crm.pipelines.pipelines_api.get_all("deals").results[0].id == "default"


def test_the_dated_client_declares_an_object_type_and_works_with_it(dated: hubspot_sdk.HubSpot) -> None:
    schemas = dated.crm.object_schemas
    made = schemas.create(
        name="car",
        labels={"singular": "Car", "plural": "Cars"},
        primary_display_property="plate",
        required_properties=["plate"],
        searchable_properties=["plate"],
        secondary_display_properties=[],
        associated_objects=["contacts"],
        allows_sensitive_properties=False,
        properties=[{"name": "plate", "label": "Plate", "type": "string", "field_type": "text"}],
    )
    assert (made.labels.plural, made.required_properties) == ("Cars", ["plate"])
    assert "plate" in {one.name for one in made.properties}
    assert {one.from_object_type_id for one in made.associations} == {made.object_type_id, "0-1"}
    changed = schemas.update(made.object_type_id, clear_description=True, labels={"plural": "Vehicles"})
    assert changed.labels.plural == "Vehicles"
    car = dated.crm.objects.custom.create(made.fully_qualified_name, properties={"plate": "B-1"}, associations=[])
    assert [one.id for one in dated.crm.objects.custom.list("car").results] == [car.id]
    assert [one.name for one in schemas.list().results] == ["car"]
    dated.crm.objects.custom.delete(car.id, object_type="car")
    schemas.delete("car")
    assert schemas.list().results == []


def test_the_dated_client_sets_up_properties_pipelines_and_rules(dated: hubspot_sdk.HubSpot) -> None:
    dated.crm.properties.groups.create("contacts", name="sync", label="Sync", display_order=1)
    made = dated.crm.properties.create(
        "contacts", name="sf_id", label="SF", type="string", field_type="text", group_name="sync", has_unique_value=True
    )
    assert (made.group_name, made.has_unique_value, made.data_sensitivity) == ("sync", True, "non_sensitive")
    rules = dated.crm.properties_validations
    rules.update_by_object_type_id_property_name_and_rule_type(
        "MAX_LENGTH", object_type_id="0-1", property_name="sf_id", rule_arguments=["18"]
    )
    (listed,) = rules.get_by_object_type_id("0-1").results
    assert (listed.property_name, listed.property_validation_rules[0].rule_arguments) == ("sf_id", ["18"])
    pipelines = dated.crm.pipelines
    stages: Any = [{"label": "Open", "display_order": 0, "metadata": {"probability": "0.5"}}]
    pipeline = pipelines.create("deals", label="Renewals", display_order=2, stages=stages)
    assert [stage.metadata["isClosed"] for stage in pipeline.stages] == ["false"]
    pipelines.create_stage(
        pipeline.id, object_type="deals", label="Won", display_order=1, metadata={"probability": "1.0"}
    )
    assert [one.label for one in pipelines.list_stages(pipeline.id, object_type="deals").results] == ["Open", "Won"]
    assert pipelines.update(pipeline.id, object_type="deals", label="Again").label == "Again"
    pipelines.delete(pipeline.id, object_type="deals", validate_references_before_delete=True)
    assert [one.id for one in pipelines.list("deals").results] == ["default"]


def test_the_dated_client_reads_what_is_in_use_of_the_limits(dated: hubspot_sdk.HubSpot) -> None:
    limits = dated.crm.limits
    assert limits.get_custom_object_type_limits().limit == 10
    records = {one.object_type_id: one.usage for one in limits.get_record_limits().hubspot_defined_object_types}
    assert (records["0-1"], records["0-2"]) == (1, 1)
    assert limits.get_custom_property_limits().overall_usage == 0
    assert limits.get_calculated_property_limits().overall_usage == 0
    assert limits.get_pipeline_limits().hubspot_defined_object_types
    assert limits.get_association_label_limits().results == []
    assert limits.get_association_records_limits_from_objects().results == []
    pair = limits.get_association_records_limits_by_object_type("0-2", from_object_type_id="0-1")
    assert pair.total_records_at_limit == 0


def test_the_older_client_declares_types_properties_and_pipelines(older: Any) -> None:
    labels = ObjectTypeDefinitionLabels(singular="Car", plural="Cars")
    plate = ObjectTypePropertyCreate(name="plate", label="Plate", type="string", field_type="text")
    made = older.crm.schemas.core_api.create(
        ObjectSchemaEgg(
            name="car",
            labels=labels,
            required_properties=["plate"],
            primary_display_property="plate",
            searchable_properties=["plate"],
            secondary_display_properties=[],
            associated_objects=["CONTACT"],
            properties=[plate],
        )
    )
    assert [one.name for one in older.crm.schemas.core_api.get_all().results] == ["car"]
    new = SimplePublicObjectInputForCreate(properties={"plate": "B-1"}, associations=[])
    car = older.crm.objects.basic_api.create(made.object_type_id, simple_public_object_input_for_create=new)
    assert older.crm.objects.basic_api.get_by_id("car", car.id, properties=["plate"]).properties["plate"] == "B-1"
    older.crm.properties.groups_api.create("contacts", PropertyGroupCreate(name="sync", label="Sync", display_order=1))
    one = PropertyCreate(name="sf_id", label="SF", type="string", field_type="text", group_name="sync")
    assert older.crm.properties.core_api.create("contacts", one).group_name == "sync"
    stage = PipelineStageInput(label="Begun", display_order=0, metadata={"ticketState": "OPEN"})
    pipeline = older.crm.pipelines.pipelines_api.create(
        "tickets", PipelineInput(label="Repairs", display_order=1, stages=[stage])
    )
    patch = PipelinePatchInput(label="Repair shop")
    assert older.crm.pipelines.pipelines_api.update("tickets", pipeline.id, patch).label == "Repair shop"
    stages = older.crm.pipelines.pipeline_stages_api.get_all("tickets", pipeline.id).results
    assert [(one.label, one.metadata["isClosed"]) for one in stages] == [("Begun", "false")]
    audit = older.crm.pipelines.pipeline_audits_api.get_audit("tickets", pipeline.id).results
    assert [one.action for one in audit] == ["UPDATE", "CREATE"]
    older.crm.objects.basic_api.archive("car", car.id)
    older.crm.schemas.core_api.archive("car")
    assert older.crm.schemas.core_api.get_all().results == []


def test_the_older_client_signs_in_by_refresh_token(older: Any) -> None:
    known = HubSpotService(Controls()).credentials("")
    tokens = older.oauth.tokens_api.create(
        grant_type="refresh_token",
        refresh_token=known["refresh_token"],
        client_id=known["client_id"],
        client_secret=known["client_secret"],
    )
    assert (tokens.token_type, tokens.expires_in) == ("bearer", 1800)
    about = older.oauth.access_tokens_api.get(tokens.access_token)
    assert (about.token_type, about.hub_id) == ("access", known["portal_id"])
