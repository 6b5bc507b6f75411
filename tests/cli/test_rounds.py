"""A chase as the commands show it: one cause with both values and what to do; `concord retry` lets it go (SPEC 3.7)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.cli.seeing import Sync, contact, run

from concord.core.model import Failure, Link
from concord.core.plan import Done
from concord.core.values import Ref
from concord.errors import Category
from concord.store.store import PostgresStore

LEAD = Ref("salesforce", "Lead", "00Q1")
CHASE = Failure(
    Category.CHASE,
    "job_title: stopped since 2026-11-02 12:00 UTC: whatever Concord writes is changed again each time",
    fields=("Title", "jobtitle"),
    advice="Find the workflow.",
    system="salesforce",
)


@pytest.fixture
def chased(sync: Sync) -> Sync:
    sync.begun()
    made = Link(0, "people", LEAD, contact(1), 100.0, ("same",))
    sync.do(lambda store: store.record([Done("people", (), new_link=made)], sync.now))
    sync.do(lambda store: store.stop_fields([(1, "job_title")], sync.now))
    sync.refused(CHASE, contact(1), title="COUNTESS")
    return sync


def test_errors_shows_both_values_and_what_to_do(chased: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("errors") == 0
    shown = capsys.readouterr().out
    assert "chase: hubspot contacts, Title, jobtitle" in shown
    assert "1 waits for you" in shown
    assert "do: Find the workflow." in shown
    assert "COUNTESS" not in shown
    assert run("errors", "--cause", "chase") == 0
    shown = capsys.readouterr().out
    assert "salesforce Title (job_title): COUNTESS" in shown
    assert "it shows: Pigeon" in shown


def test_status_names_it_among_the_failures_by_cause(chased: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 1
    assert "chase: hubspot contacts Title, jobtitle" in capsys.readouterr().out


def test_retry_lets_it_go(chased: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("retry", "--cause", "chase", "--json") == 0
    assert json.loads(capsys.readouterr().out)["revived"] == 1

    async def look(store: PostgresStore) -> None:
        past = await store.rounds([(1, "job_title")], chased.now - timedelta(hours=1))
        assert past[1, "job_title"].stopped_at is None

    chased.do(look)
