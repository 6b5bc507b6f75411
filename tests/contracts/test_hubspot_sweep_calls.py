"""How many of HubSpot's few searches a second a sweep of several objects takes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contracts.parties import NEVER, HubSpotParty

OBJECTS = ("contacts", "companies")


@pytest.fixture
async def hub() -> AsyncIterator[HubSpotParty]:
    made = HubSpotParty()
    yield made
    await made.system.close()


async def test_an_object_whose_round_is_done_is_not_searched_while_the_others_goes_on(
    hub: HubSpotParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.small_pages(monkeypatch, 4)
    position = (await hub.system.changed(OBJECTS, None, NEVER)).position
    hub.clock.pass_(seconds=3)
    hub.service.controls.journal.clear()
    people = set()
    for _ in range(10):
        people.add(hub.make())
        hub.clock.pass_(seconds=1)
    firm = hub.service.human_create("companies", {"name": "Engines"}, None)
    hub.clock.pass_(seconds=3)
    told: set[str] = set()
    more = True
    while more:
        page = await hub.system.changed(OBJECTS, position, NEVER)
        told |= {row.ref.id for row in page.rows}
        position, more = page.position, page.more
    assert told == people | {firm}
    searches = [call["path"] for call in hub.service.controls.journal.calls() if call["path"].endswith("/search")]
    assert sum("/companies/" in path for path in searches) == 1
    assert sum("/contacts/" in path for path in searches) > 2

    late = hub.service.human_create("companies", {"name": "Looms"}, None)
    hub.clock.pass_(seconds=3)
    page = await hub.system.changed(OBJECTS, position, NEVER)
    assert late in {row.ref.id for row in page.rows}, "the next round searches all of them again"
