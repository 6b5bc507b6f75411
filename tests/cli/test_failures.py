"""`concord errors` and `concord retry`: causes, refused values, and what is tried again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cli.seeing import BUSY, PICKLIST, Sync, contact, run

from concord.core.model import Failure
from concord.core.values import BLANK, Ref
from concord.errors import Category

PERMISSION = Failure(Category.PERMISSION, "insufficient access", code="INSUFFICIENT_ACCESS")


@pytest.fixture
def troubled(sync: Sync) -> Sync:
    """Two causes for people to mend, and one that passes by itself."""
    sync.begun()
    sync.refused(PICKLIST, contact(1), contact(2), title="Carrier pigeon", hours=30)
    sync.refused(PERMISSION, contact(3), title=BLANK, minutes=10)
    sync.held_up(BUSY, Ref("salesforce", "Lead", "00Q1"), until=timedelta(minutes=30))
    return sync


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command answers a machine."""
    assert run(*arguments, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def due(sync: Sync) -> dict[str, str]:
    """The state of every row of the inbox."""
    with psycopg.connect(sync.database) as connection:
        rows = connection.execute("SELECT record_id, state FROM inbox ORDER BY 1").fetchall()
    return dict(rows)


def jobs(sync: Sync) -> Sequence[Any]:
    with psycopg.connect(sync.database) as connection:
        return connection.execute("SELECT task_name FROM procrastinate_jobs WHERE status = 'todo'").fetchall()


class TestErrors:
    def test_nothing_failed_in_a_sync_that_has_just_begun(self, sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        sync.begun()
        assert run("errors") == 0
        assert capsys.readouterr().out == "nothing failed\n"
        assert told(capsys, "errors") == {"causes": []}

    def test_what_failed_alike_is_one_cause_with_its_message_and_advice(
        self, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("errors") == 0
        shown = capsys.readouterr().out
        assert "picklist (INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST): hubspot contacts, Title" in shown
        assert "2 wait for you, since " in shown
        assert "(30 h), none within the last hour" in shown
        assert "1 waits for you" in shown
        assert "1 of them within the last hour" in shown
        assert "1 tried again by itself" in shown
        assert "newest: bad value for restricted picklist field: Carrier pigeon of […]" in shown
        assert "do: Map the value, or add it to the picklist." in shown
        assert "when it is mended: concord retry --cause" in shown

    def test_the_list_of_causes_has_no_value_and_quotes_nobody(
        self, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("errors") == 0
        assert run("errors", "--json") == 0
        shown = capsys.readouterr().out
        assert "ada@example.org" not in shown
        assert "Pigeon" not in shown
        assert "records" not in told(capsys, "errors")

    def test_a_cause_shows_its_records_and_the_values_that_were_refused(
        self, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        number = told(capsys, "errors")["causes"][0]["cause"]
        assert run("errors", "--cause", str(number)) == 0
        shown = capsys.readouterr().out
        assert "hubspot:contacts:1  waits for you since" in shown
        assert "salesforce Title (job_title): Carrier pigeon" in shown
        assert "it shows: Pigeon" in shown
        assert "hubspot:contacts:3" not in shown
        assert shown.count("concord retry --cause") == 1

    def test_where_a_refusal_names_no_field_all_that_was_to_be_written_is_shown(
        self, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = told(capsys, "errors", "--cause", "permission")
        (record,) = answer["records"]
        assert record["record"] == "hubspot:contacts:3"
        assert record["refused"] == [
            {"system": "salesforce", "field": "Title", "name": "job_title", "value": None, "shown": "Pigeon"}
        ]
        assert run("errors", "--cause", "permission") == 0
        assert "salesforce Title (job_title): (blank)" in capsys.readouterr().out

    def test_one_record_is_shown_with_all_that_is_known_of_its_failure(
        self, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("errors", "hubspot:contacts:1") == 0
        shown = capsys.readouterr().out
        for line in (
            "hubspot:contacts:1  waits for you since",
            "picklist (INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST): hubspot contacts, Title",
            "salesforce Title (job_title): Carrier pigeon",
            "it shows: Pigeon",
            "bad value for restricted picklist field: Carrier pigeon of ada@example.org",
            "do: Map the value, or add it to the picklist.",
            "failed first at ",
            "concord retry --cause",
        ):
            assert line in shown
        assert "hubspot:contacts:2" not in shown
        (record,) = told(capsys, "errors", "hubspot:contacts:1")["records"]
        assert (record["category"], record["code"]) == ("picklist", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        assert record["first_failed_at"] == record["last_failed_at"] is not None
        assert (record["attempts"], record["dead"]) == (1, True)

    def test_the_records_of_a_cause_with_one_value_are_shown_and_tried_again_by_themselves(
        self, sync: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sync.begun()
        sync.refused(PICKLIST, contact(1), contact(2), title="Pigeon post", hours=3)
        sync.refused(PICKLIST, contact(3), title=frozenset({"Owl post", "Telex"}), hours=2)
        found = told(capsys, "errors", "--cause", "picklist", "--value", "Telex")["records"]
        assert [one["record"] for one in found] == ["hubspot:contacts:3"]
        assert told(capsys, "retry", "--cause", "picklist", "--value", "Pigeon post")["revived"] == 2
        assert due(sync) == {"1": "waiting", "2": "waiting", "3": "dead"}

    def test_what_is_tried_again_by_itself_says_when(self, troubled: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("errors", "--cause", "record lock") == 0
        shown = capsys.readouterr().out
        assert "salesforce:Lead:00Q1  1 try, the next in 30 min" in shown
        assert "concord retry" not in shown

    def test_words_of_a_cause_will_do_in_any_case(self, troubled: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        answer = told(capsys, "errors", "--cause", "TITLE picklist")
        assert [cause["dead"] for cause in answer["causes"]] == [2]

    @pytest.mark.parametrize("name", ["contacts", "Contacts", "people"])
    def test_only_one_objects_records(self, name: str, troubled: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        answer = told(capsys, "errors", "--object", name)
        objects = {cause["object"] for cause in answer["causes"]}
        assert objects == ({"contacts", "Lead"} if name == "people" else {"contacts"})

    def test_no_more_records_than_asked_for(self, troubled: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("errors", "--cause", "picklist", "--limit", "1") == 0
        assert "and 1 more; --limit shows more" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--cause", "4"), "nothing failed for a cause '4'; `concord errors` lists the causes"),
            (("--cause", "  "), "nothing failed for a cause"),
            (("--value", "x"), "--value goes with --cause"),
            (("hubspot:contacts:9",), "no failed record: hubspot:contacts:9"),
            (("hubspot:contacts:1", "--cause", "picklist"), "say either a record, or any of --cause and --object"),
            (("--object", "Opportunity"), "no object 'Opportunity' is synced; there are Account, Contact"),
        ],
    )
    def test_what_is_not_there_is_one_sentence(
        self, arguments: tuple[str, ...], sentence: str, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("errors", *arguments) == 2
        captured = capsys.readouterr()
        assert sentence in captured.err
        assert captured.out == ""

    def test_a_thousand_failures_are_a_page(self, sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        sync.begun()
        for start in range(0, 1000, 200):
            sync.refused(PICKLIST, *(contact(start + number) for number in range(200)), title="x", hours=2)
        assert run("errors") == 0
        shown = capsys.readouterr().out
        assert "1000 wait for you" in shown
        assert len(shown.splitlines()) < 12
        assert len(told(capsys, "errors", "--cause", "picklist", "--limit", "30")["records"]) == 30


class TestRetry:
    def test_a_cause_is_tried_again_and_the_worker_is_woken(
        self, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        number = told(capsys, "errors")["causes"][0]["cause"]
        assert run("retry", "--cause", str(number)) == 0
        shown = capsys.readouterr().out
        assert "2 records are tried again" in shown
        assert "no worker runs; next: concord serve" in shown
        assert due(troubled) == {"00Q1": "waiting", "1": "waiting", "2": "waiting", "3": "dead"}
        assert jobs(troubled) == [("work",)]

    def test_everything_is_tried_again(self, troubled: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        assert told(capsys, "retry", "--all") == {"revived": 3, "later": 1, "worker_alive": False}
        assert told(capsys, "retry", "--all")["revived"] == 0
        assert set(due(troubled).values()) == {"waiting"}

    def test_single_records_and_causes_together(self, troubled: Sync, capsys: pytest.CaptureFixture[str]) -> None:
        troubled.works()
        answer = told(
            capsys,
            "retry",
            "--record",
            "hubspot:contacts:1",
            "--record",
            "salesforce:Lead:00Q1",
            "--cause",
            "permission",
        )
        assert answer == {"revived": 3, "later": 0, "worker_alive": True}
        assert due(troubled) == {"00Q1": "waiting", "1": "waiting", "2": "dead", "3": "waiting"}

    def test_what_would_be_tried_again_later_is_tried_now_where_it_is_named(
        self, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert told(capsys, "errors", "--cause", "record lock")["causes"][0]["next_at"] > troubled.now.isoformat()
        assert told(capsys, "retry", "--cause", "record lock")["revived"] == 1
        assert all(one["category"] != "record lock" for one in told(capsys, "errors")["causes"])
        assert jobs(troubled) == [("work",)]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ((), "say what is to be tried again"),
            (("--all", "--cause", "picklist"), "say what is to be tried again"),
            (("--cause", "4711"), "nothing failed for a cause '4711'"),
            (("--all", "--value", "x"), "--value goes with --cause"),
            (("--record", "contacts:1"), "'contacts:1' names no record; write system:object:id"),
            (("--record", "hubspot:contacts:"), "names no record"),
            (
                ("--record", "hubspot:contacts:1", "--record", "hubspot:contacts:99"),
                "no failed record: hubspot:contacts:99",
            ),
        ],
    )
    def test_a_wrong_reference_is_one_sentence_and_nothing_is_tried(
        self, arguments: tuple[str, ...], sentence: str, troubled: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = due(troubled)
        assert run("retry", *arguments) == 2
        assert sentence in capsys.readouterr().err
        assert due(troubled) == before


@pytest.mark.parametrize("arguments", [("errors",), ("retry", "--all")])
class TestWithoutADatabase:
    def test_an_empty_database_says_what_to_run_first(
        self, arguments: tuple[str, ...], sync: Sync, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*arguments) == 1
        assert "Run `concord reconcile` first" in capsys.readouterr().err

    def test_one_that_is_not_migrated_says_what_to_run_first(
        self,
        arguments: tuple[str, ...],
        folder: Path,
        empty_database: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("CONCORD_DATABASE_URL", empty_database)
        assert run(*arguments) == 1
        assert "no tables of Concord yet" in capsys.readouterr().err

    def test_one_that_is_not_there_says_so(
        self,
        arguments: tuple[str, ...],
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("CONCORD_DATABASE_URL", "postgresql://127.0.0.1:1/nothing")
        assert run(*arguments) == 1
        assert "The database does not answer" in capsys.readouterr().err
        monkeypatch.delenv("CONCORD_DATABASE_URL")
        assert run(*arguments) == 1
        assert "There is no database yet" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["errors", "retry"])
def test_its_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    assert f"concord {command} --cause 4821" in capsys.readouterr().out
