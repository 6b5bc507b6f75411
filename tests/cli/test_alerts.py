"""`concord alerts`: what stands, what is over, what did not arrive; and the test of every target."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.cli.seeing import PICKLIST, Sync, contact, run
from tests.wire.receivers import MailBox, mail_server

from concord.core.alerts import Changes, Condition
from concord.core.model import Lane
from concord.store.store import PostgresStore

WORKER = Condition("worker", Sync("").before(hours=3), "no worker runs, so that nothing is carried out", "Start one.")


def test_nothing_needs_a_person_when_all_is_well(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun().works()
    sync.do(lambda store: store.put_position("followed:salesforce change events", sync.now.isoformat()))
    assert run("alerts") == 0
    assert capsys.readouterr().out == "nothing needs a person\n"


def test_everything_that_stands_is_shown_with_its_name_and_what_to_do(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun().works()
    sync.refused(PICKLIST, contact(1), hours=3)
    sync.waits(contact(3), lane=Lane.CONSENT, minutes=3)
    assert run("alerts") == 1
    shown = capsys.readouterr().out
    assert "! an opt-out has been waiting for longer than 60 s\n" in shown
    assert ": opt-out waits\n" in shown
    assert "! the salesforce change events is not followed" in shown
    assert "! 1 record was given up: picklist INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST hubspot contacts Title" in shown
    assert 'concord retry --cause "picklist INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST hubspot contacts Title"' in shown
    assert "ada@example.org" not in shown


def test_the_command_that_it_names_for_a_cause_is_understood(sync: Sync) -> None:
    sync.begun().works()
    sync.refused(PICKLIST, contact(1), hours=3)
    cause = "picklist INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST hubspot contacts Title"
    assert run("retry", "--cause", cause) == 0


def test_a_machine_gets_the_same_with_what_was_told_and_what_is_over(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun()

    async def told(store: PostgresStore) -> None:
        book = store.alerts
        backlog = Condition("backlog", sync.before(hours=2), "many wait", "")
        at = sync.before(hours=1)
        await book.remember(Changes(begun=(WORKER, backlog)), ["slack"], at)
        alerts = {one.condition.name: one for one in await book.standing()}
        await book.remember(Changes(mended=(alerts["backlog"],)), ["slack"], sync.before(minutes=30))
        (due,) = await book.due(["slack"], at, timedelta(minutes=2))
        await book.not_told(due, sync.now + timedelta(minutes=5), "slack: no connection to hooks.slack.example")

    sync.do(told)
    assert run("alerts", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    worker = next(one for one in document["standing"] if one["condition"] == "worker")
    assert worker["since"] == WORKER.since.isoformat()
    assert worker["told_at"] == sync.before(hours=1).isoformat()
    assert [(one["condition"], one["words"]) for one in document["over"]] == [("backlog", "many wait")]
    (missing,) = document["not_arrived"]
    assert (missing["target"], missing["count"], missing["attempts"]) == ("slack", 3, 1)
    assert run("alerts") == 1
    shown = capsys.readouterr().out
    assert "! 3 alerts to slack did not arrive, after 1 try; the next in 5 min\n" in shown
    assert "after 90 min: many wait" in shown


def test_status_says_that_alerts_do_not_arrive(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun().works()

    async def lost(store: PostgresStore) -> None:
        book, at = store.alerts, sync.before(days=4)
        await book.remember(Changes(begun=(WORKER,)), ["mail"], at)
        (due,) = await book.due(["mail"], at, timedelta(minutes=2))
        await book.not_told(due, at, "mail: no connection")
        await book.tidy(sync.now)

    sync.do(lost)
    assert run("status") == 1
    assert "! 1 alert to mail did not arrive and was given up\n  next: concord alerts" in capsys.readouterr().out


def test_limits_are_those_of_the_configuration(sync: Sync) -> None:
    sync.begun().works()
    sync.waits(contact(3), lane=Lane.CONSENT, minutes=3)
    text = Path("concord.yaml").read_text("utf-8")
    Path("concord.yaml").write_text(
        text.replace("consent: 1m, oldest", "consent: 5m, oldest").replace("feed: 2m", "feed: off")
    )
    assert run("alerts") == 0


# --- the test


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[bytes]]]:
    """An address on this machine, and what came there."""
    came: list[bytes] = []

    class Taking(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", came
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def mailing(box: MailBox) -> Iterator[None]:
    """A mail server in a thread of its own."""
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with mail_server(box):
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    yield
    done.set()
    thread.join()


def configure(alerts: str) -> None:
    text = Path("concord.yaml").read_text("utf-8")
    Path("concord.yaml").write_text(text.replace("alerts:\n", f"alerts:\n{alerts}"), "utf-8")


def test_the_test_reaches_every_target_and_needs_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    box = MailBox()
    with receiver() as (hook, hooked), receiver() as (slack, slacked), mailing(box):
        monkeypatch.setenv("CONCORD_ALERT_WEBHOOK_SECRET", "a secret of twenty-four characters")
        monkeypatch.setenv("CONCORD_ALERT_SLACK_URL", f"{slack}/services/T0")
        mail = f"{{server: 'localhost:{box.port}', from: a@acme.example, to: [b@acme.example], security: none}}"
        configure(f"  webhook: {hook}/concord\n  mail: {mail}\n")
        assert run("alerts", "test", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "targets": [{"target": name, "error": None} for name in ("webhook", "slack", "mail")]
    }
    assert json.loads(hooked[0])["state"] == "test"
    assert "this is a test" in json.loads(slacked[0])["text"]
    assert box.received[0]["Subject"].startswith("[Concord] test: this is a test")


def test_a_target_that_refuses_hides_no_other_and_fails_the_test(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver(403) as (hook, _), receiver() as (slack, slacked):
        monkeypatch.setenv("CONCORD_ALERT_WEBHOOK_SECRET", "a secret of twenty-four characters")
        monkeypatch.setenv("CONCORD_ALERT_SLACK_URL", f"{slack}/services/verysecret")
        configure(f"  webhook: {hook}/concord\n")
        assert run("alerts", "test") == 1
    shown = capsys.readouterr().out
    assert "webhook  not told: webhook: 127.0.0.1 did not take it (403). Check the address and the secret" in shown
    assert "slack    told" in shown
    assert "verysecret" not in shown
    assert len(slacked) == 1


@pytest.mark.parametrize(
    ("variables", "alerts", "words"),
    [
        ({}, "", "nobody to tell"),
        ({}, "  webhook: https://a.example/x\n", "CONCORD_ALERT_WEBHOOK_SECRET is not"),
        ({"CONCORD_ALERT_WEBHOOK_SECRET": "short"}, "  webhook: https://a.example/x\n", "at least 24 characters"),
        ({"CONCORD_ALERT_SLACK_URL": "http://slack.example/verysecret"}, "", "incoming webhook"),
        (
            {},
            "  mail: {server: 'a.example:25', from: a@b.example, to: [c@d.example], user: concord}\n",
            "CONCORD_ALERT_MAIL_PASSWORD is not",
        ),
    ],
)
def test_what_is_missing_is_said_and_nothing_that_is_secret(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    alerts: str,
    words: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    configure(alerts)
    assert run("alerts", "test") == 2
    said = capsys.readouterr().err
    assert words in said
    assert "verysecret" not in said


def test_another_word_than_test_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("alerts", "tset") == 2
    assert "`concord alerts test`" in capsys.readouterr().err
