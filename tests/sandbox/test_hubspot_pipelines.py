"""Pipelines and stages of the HubSpot sandbox, and what they do to deals, tickets, leads and custom objects."""

from __future__ import annotations

from typing import Any

import pytest

from .hubspot_world import OBJECTS, Hub, codes

PIPELINES = "/crm/pipelines/2026-09"
STAGES = [
    {"label": "Open", "displayOrder": 0, "metadata": {"probability": "0.3"}},
    {"label": "Won", "displayOrder": 1, "metadata": {"probability": 1}},
    {"label": "Lost", "displayOrder": 2, "metadata": {"probability": "0.0"}},
]


async def made(hub: Hub, kind: str = "deals", **more: Any) -> dict[str, Any]:
    body = {"label": "Renewals", "displayOrder": 1, "stages": STAGES, **more}
    pipeline: dict[str, Any] = await hub.good("POST", f"{PIPELINES}/{kind}", body)
    return pipeline


async def test_every_type_with_pipelines_starts_with_the_vendors_own() -> None:
    hub = Hub({"objects": {"cars": {}}})
    found = {}
    for kind in ("deals", "tickets", "leads", "cars"):
        results = (await hub.good("GET", f"{PIPELINES}/{kind}"))["results"]
        found[kind] = [(one["id"], [stage["id"] for stage in one["stages"]][:2]) for one in results]
    assert found == {
        "deals": [("default", ["appointmentscheduled", "qualifiedtobuy"])],
        "tickets": [("0", ["1", "2"])],
        "leads": [("lead-pipeline-id", ["new-stage-id", "attempting-stage-id"])],
        "cars": [],
    }
    await hub.refused(400, "GET", f"{PIPELINES}/notes")


async def test_a_pipeline_is_made_and_deals_go_through_its_stages() -> None:
    hub = Hub()
    pipeline = await made(hub)
    open_, won, lost = (stage["id"] for stage in pipeline["stages"])
    assert [stage["metadata"]["isClosed"] for stage in pipeline["stages"]] == ["false", "true", "true"]
    assert open_.isdecimal()
    deal = await hub.create(
        {"dealname": "D", "pipeline": pipeline["id"], "dealstage": open_, "amount": "100"}, kind="deals"
    )
    hub.clock.advance(60)
    await hub.good("PATCH", f"{OBJECTS}/deals/{deal}", {"properties": {"dealstage": won}})
    names = ("hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost", "hs_closed_amount", "amount_in_home_currency",
             f"hs_v2_date_entered_{won}", f"hs_v2_date_exited_{open_}")  # fmt: skip
    assert list((await hub.values(deal, *names, kind="deals")).values()) == [
        "true", "true", "false", "100", "100", "2026-11-23T09:01:00.000Z", "2026-11-23T09:01:00.000Z",
    ]  # fmt: skip
    await hub.good("PATCH", f"{OBJECTS}/deals/{deal}", {"properties": {"dealstage": lost}})
    assert (await hub.values(deal, "hs_is_closed_lost", kind="deals"))["hs_is_closed_lost"] == "true"


async def test_a_stage_that_is_not_in_the_pipeline_is_refused() -> None:
    hub = Hub()
    pipeline = await made(hub)
    body: dict[str, Any] = {"properties": {"dealname": "D", "dealstage": "nonsense", "pipeline": "default"}}
    assert codes(await hub.refused(400, "POST", f"{OBJECTS}/deals", body)) == {"dealstage": "INVALID_OPTION"}
    body["properties"] |= {"dealstage": pipeline["stages"][0]["id"]}
    assert codes(await hub.refused(400, "POST", f"{OBJECTS}/deals", body)) == {"dealstage": "INVALID_OPTION"}
    body["properties"] |= {"pipeline": "nonsense"}
    assert codes(await hub.refused(400, "POST", f"{OBJECTS}/deals", body)) == {"pipeline": "INVALID_OPTION"}


async def test_a_deal_needs_its_pipeline_as_soon_as_there_are_two() -> None:
    hub = Hub()
    deal = await hub.create({"dealname": "D", "dealstage": "closedwon"}, kind="deals")
    assert await hub.values(deal, "pipeline", kind="deals") == {"pipeline": "default"}
    await made(hub)
    body = {"properties": {"dealname": "D", "dealstage": "closedwon"}, "associations": []}
    assert codes(await hub.refused(400, "POST", f"{OBJECTS}/deals", body)) == {"pipeline": "REQUIRED_FIELD"}


async def test_tickets_need_a_stage_and_close_with_it() -> None:
    hub = Hub()
    body = {"properties": {"subject": "Help"}, "associations": []}
    assert codes(await hub.refused(400, "POST", f"{OBJECTS}/tickets", body)) == {"hs_pipeline_stage": "REQUIRED_FIELD"}
    ticket = await hub.create({"subject": "Help", "hs_pipeline_stage": "1"}, kind="tickets")
    await hub.good("PATCH", f"{OBJECTS}/tickets/{ticket}", {"properties": {"hs_pipeline_stage": "4"}})
    assert await hub.values(ticket, "hs_pipeline", "hs_is_closed", "closed_date", kind="tickets") == {
        "hs_pipeline": "0",
        "hs_is_closed": "true",
        "closed_date": "2026-11-23T09:00:00.000Z",
    }
    stages = [{"label": "Begun", "metadata": {}}, {"label": "Done", "metadata": {"ticketState": "CLOSED"}}]
    pipeline = await made(hub, "tickets", stages=stages)
    states = [stage["metadata"]["ticketState"] for stage in pipeline["stages"]]
    assert states == ["OPEN", "CLOSED"]


async def test_custom_objects_have_pipelines_too() -> None:
    hub = Hub({"objects": {"cars": {}}})
    pipeline = await made(hub, "cars", stages=[{"label": "In the yard", "stageId": "yard", "metadata": {}}])
    car = await hub.create({"hs_pipeline": pipeline["id"], "hs_pipeline_stage": "yard"}, kind="cars")
    assert await hub.values(car, "hs_v2_date_entered_yard", kind="cars") == {
        "hs_v2_date_entered_yard": "2026-11-23T09:00:00.000Z"
    }
    body = {"properties": {"hs_pipeline_stage": "road"}}
    await hub.refused(400, "PATCH", f"{OBJECTS}/cars/{car}", body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": ""},
        {"label": "Sales Pipeline"},
        {"pipelineId": "default"},
        {"stages": []},
        {"stages": "Open"},
        {"stages": [{"label": "Open", "metadata": {}}]},
        {"stages": [{"label": "Open", "metadata": {"probability": "1.5"}}]},
        {"stages": [{"label": "Open", "metadata": {"probability": "0.25"}}]},
        {"stages": [{"label": "Open", "metadata": {"probability": []}}]},
        {"stages": [STAGES[0], STAGES[0]]},
        {"stages": [STAGES[0] | {"stageId": "closedwon"}]},
        {"displayOrder": "first"},
    ],
)
async def test_a_pipeline_that_is_not_sound_is_refused(wrong: dict[str, Any]) -> None:
    hub = Hub()
    answer = await hub.call("POST", f"{PIPELINES}/deals", {"label": "R", "displayOrder": 1, "stages": STAGES} | wrong)
    assert answer.status_code in (400, 409)
    assert len((await hub.good("GET", f"{PIPELINES}/deals"))["results"]) == 1


async def test_a_pipeline_in_use_can_be_kept_from_being_deleted() -> None:
    hub = Hub()
    pipeline = await made(hub)
    stage = pipeline["stages"][0]["id"]
    deal = await hub.create({"dealname": "D", "pipeline": pipeline["id"], "dealstage": stage}, kind="deals")
    path = f"{PIPELINES}/deals/{pipeline['id']}"
    for flag in ("validateReferencesBeforeDelete", "validateDealStageUsagesBeforeDelete"):
        body = await hub.refused(400, "DELETE", f"{path}?{flag}=true")
        assert body["context"]["id"] == [deal]
        await hub.refused(400, "DELETE", f"{path}/stages/{stage}?{flag}=true")
    assert (await hub.call("DELETE", path)).status_code == 204
    await hub.refused(404, "GET", path)
    await hub.refused(400, "DELETE", f"{PIPELINES}/deals/default")
    await hub.refused(400, "PATCH", path, {"archived": True})
    restored = await hub.good("PATCH", path, {"archived": False})
    assert [one["id"] for one in restored["stages"]] == [one["id"] for one in pipeline["stages"]]


async def test_a_pipeline_is_replaced_keeping_the_stages_that_are_named() -> None:
    hub = Hub()
    pipeline = await made(hub)
    kept = pipeline["stages"][0]["id"]
    path = f"{PIPELINES}/deals/{pipeline['id']}"
    stages = [{"stageId": kept, "label": "Begun", "displayOrder": 0, "metadata": {"probability": "0.5"}},
              {"label": "Paid", "displayOrder": 1, "metadata": {"probability": "1.0"}}]  # fmt: skip
    new = await hub.good("PUT", path, {"label": "Renewed", "displayOrder": 5, "stages": stages})
    assert (new["label"], new["displayOrder"], [one["label"] for one in new["stages"]]) == (
        "Renewed",
        5,
        ["Begun", "Paid"],
    )
    assert new["stages"][0]["id"] == kept
    await hub.refused(400, "PUT", path, {"label": "Renewed", "displayOrder": 5, "stages": []})
    assert len((await hub.good("GET", path))["stages"]) == 2
    await hub.good("PATCH", path, {"label": "Again"})
    audit = (await hub.good("GET", f"{path}/audit"))["results"]
    assert [one["action"] for one in audit] == ["UPDATE", "UPDATE", "CREATE"]
    assert audit[0]["identifier"] == pipeline["id"]


async def test_stages_are_made_changed_and_removed() -> None:
    hub = Hub()
    path = f"{PIPELINES}/deals/default/stages"
    stage = await hub.good("POST", path, {"label": "Demo", "displayOrder": 2, "metadata": {"probability": "0.7"}})
    one = f"{path}/{stage['id']}"
    await hub.refused(409, "POST", path, {"label": "Demo", "metadata": {"probability": "0.7"}})
    changed = await hub.good("PATCH", one, {"metadata": {"probability": "1.0"}})
    assert (changed["label"], changed["metadata"]) == ("Demo", {"probability": "1.0", "isClosed": "true"})
    new = await hub.good("PUT", one, {"label": "Shown", "displayOrder": 0, "metadata": {"probability": "0.1"}})
    assert (await hub.good("GET", one))["label"] == new["label"] == "Shown"
    assert [row["action"] for row in (await hub.good("GET", f"{one}/audit"))["results"]] == [
        "UPDATE",
        "UPDATE",
        "CREATE",
    ]
    assert (await hub.call("DELETE", one)).status_code == 204
    await hub.refused(404, "GET", one)
    body = {"properties": {"dealname": "D", "dealstage": stage["id"]}, "associations": []}
    await hub.refused(400, "POST", f"{OBJECTS}/deals", body)
    await hub.good("PATCH", one, {"archived": False, "metadata": {}})
    assert len((await hub.good("GET", path))["results"]) == 8


async def test_a_world_keeps_pipelines_as_they_were_changed() -> None:
    hub = Hub()
    pipeline = await made(hub)
    await hub.good("PATCH", f"{PIPELINES}/deals/default", {"label": "Main", "displayOrder": 9})
    other = Hub(hub.service.save())
    listed = (await other.good("GET", "/crm/v3/pipelines/deals"))["results"]
    assert [(one["label"], one["displayOrder"]) for one in listed] == [("Renewals", 1), ("Main", 9)]
    assert listed[0] == {**pipeline}


async def test_amounts_are_told_in_the_currency_of_the_account() -> None:
    hub = Hub({"currency": "EUR", "currencies": {"USD": 0.5}})
    values = {"dealname": "D", "dealstage": "contractsent", "amount": "100", "deal_currency_code": "USD"}
    deal = await hub.create(values, kind="deals")
    assert await hub.values(deal, "amount_in_home_currency", "hs_projected_amount", kind="deals") == {
        "amount_in_home_currency": "50",
        "hs_projected_amount": "90",
    }
    wrong = {"properties": {"deal_currency_code": "CHF"}}
    assert codes(await hub.refused(400, "PATCH", f"{OBJECTS}/deals/{deal}", wrong)) == {
        "deal_currency_code": "INVALID_OPTION"
    }
    assert (await hub.good("GET", "/account-info/2026-09/details"))["additionalCurrencies"] == ["USD"]
