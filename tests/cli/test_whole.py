"""The commands as a new user runs them, in processes of their own: demo; sandbox, init, reconcile, serve."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONCORD = [sys.executable, "-c", "from concord.cli.main import main; raise SystemExit(main())"]

pytestmark = pytest.mark.slow


def run(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*CONCORD, *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_demonstration_brings_two_systems_into_agreement_and_says_so_for_a_machine(tmp_path: Path) -> None:
    done = run("demo", "--json", "--seed", "11", "--edits", "12", "--seconds", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    summary = json.loads(line)
    assert summary["linked"] > 100
    assert summary["review"] > 0
    assert summary["created"] > 100
    assert summary["duplicates_created"] == 0
    assert summary["wrong_links"] == 0
    assert summary["agreement_percent"] == 100.0
    assert set(summary["latency_ms"]) == {"p50", "p99"}
    assert summary["calls_per_change"] > 0
    assert isinstance(summary["conflicts"], dict)
    assert summary["seed"] == 11


def test_a_world_that_is_not_there_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    done = run("demo", "--json", "--world", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no world 'nowhere'" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def sandboxes(tmp_path: Path) -> Iterator[dict[str, Any]]:
    command = [*CONCORD, "sandbox", "--salesforce", "0", "--hubspot", "0", "--world", "agency"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    assert child.stdout is not None
    yield json.loads(child.stdout.readline())
    child.terminate()
    assert child.wait(10) == 0


def control(url: str, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the sandbox on this machine
        f"{url}/_control/{path}", json.dumps(body).encode() if body else None, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_a_new_user_reads_first_then_applies_then_serves(tmp_path: Path, sandboxes: dict[str, Any]) -> None:
    salesforce, hubspot = sandboxes["salesforce"], sandboxes["hubspot"]
    secrets = {
        "CONCORD_SALESFORCE_CLIENT_ID": salesforce["client_id"],
        "CONCORD_SALESFORCE_CLIENT_SECRET": salesforce["client_secret"],
        "CONCORD_HUBSPOT_TOKEN": hubspot["access_token"],
    }
    assert run("init", cwd=tmp_path).returncode == 0
    written = tmp_path / "concord.yaml"
    text = written.read_text("utf-8")
    for old, new in (
        ("https://example.my.salesforce.com", salesforce["url"]),
        ("https://api.hubapi.com", hubspot["url"]),
        ('# app_id: "1234567"', f'app_id: "{hubspot["app_id"]}"'),
        ("salesforce: 15s, hubspot: 60s", "salesforce: 1s, hubspot: 1s"),
        ("listen: 127.0.0.1:8321", "listen: 127.0.0.1:0"),
    ):
        assert old in text
        text = text.replace(old, new)
    written.write_text(text, "utf-8")

    unread = run("serve", cwd=tmp_path, environment=secrets)
    assert unread.returncode == 2
    assert "concord reconcile" in unread.stderr

    before = control(hubspot["url"], "GET", "records/contacts")
    shown = run("reconcile", "--json", cwd=tmp_path, environment=secrets)
    assert shown.returncode == 0, shown.stderr
    plan = json.loads(shown.stdout)
    assert plan["applied"] is False
    assert plan["creates"]["salesforce Lead"] > 0
    assert control(hubspot["url"], "GET", "records/contacts") == before, "nothing is written before --apply"

    applied = run("reconcile", "--apply", "--json", cwd=tmp_path, environment=secrets)
    assert applied.returncode == 0, applied.stderr
    assert json.loads(applied.stdout)["backlog"]["waiting"] == 0
    again = json.loads(run("reconcile", "--json", cwd=tmp_path, environment=secrets).stdout)
    assert again["writes"] == again["creates"] == {}, "the second time there is nothing left to do"

    _answers_questions(tmp_path, secrets)
    _merges_duplicates(tmp_path, secrets)
    assert _serves_an_edit(tmp_path, secrets, salesforce["url"], hubspot["url"])


def _answers_questions(cwd: Path, secrets: dict[str, str]) -> None:
    """A person looks at the queue, answers one pair, takes it back, and answers the rest in a file."""
    listed = json.loads(run("review", "--limit", "1000", "--json", cwd=cwd, environment=secrets).stdout)
    assert listed["waiting"] == len(listed["open"]) > 2
    first = listed["open"][0]
    pair = (first["salesforce"][1], first["hubspot"][1])
    shown = run("review", "show", *pair, cwd=cwd, environment=secrets)
    assert "last_name" in shown.stdout
    assert run("review", "link", *pair, cwd=cwd, environment=secrets).returncode == 0
    said = json.loads(run("review", "history", "--json", cwd=cwd, environment=secrets).stdout)
    assert [one["said"] for one in said["decided"]] == ["linked"]
    assert run("review", "undo", *pair, cwd=cwd, environment=secrets).returncode == 0
    again = run("review", "--limit", "1000", "--json", cwd=cwd, environment=secrets)
    assert json.loads(again.stdout)["waiting"] == listed["waiting"]

    assert run("review", "export", "questions.csv", cwd=cwd, environment=secrets).returncode == 0
    head, *rows = (cwd / "questions.csv").read_text("utf-8-sig").splitlines()
    assert len(rows) == listed["waiting"]
    first_row = rows[0].split(",", 4)
    assert (first_row[:2], first_row[3]) == (list(pair), "")
    (cwd / "questions.csv").write_text("\n".join([head, ",".join([*first_row[:3], "link", first_row[4]])]), "utf-8")
    imported = run("review", "import", "questions.csv", "--json", cwd=cwd, environment=secrets)
    assert json.loads(imported.stdout) == {"file": "questions.csv", "linked": 1, "apart": 0}
    left = json.loads(run("review", "--limit", "1000", "--json", cwd=cwd, environment=secrets).stdout)["open"]
    assert pair not in {(one["salesforce"][1], one["hubspot"][1]) for one in left}


def _merges_duplicates(cwd: Path, secrets: dict[str, str]) -> None:
    """A person looks at the duplicates of both systems, at what merging some would leave, and merges them."""
    listed = json.loads(run("review", "duplicates", "--limit", "1000", "--json", cwd=cwd, environment=secrets).stdout)
    for object_name in ("Lead", "contacts"):
        chosen = next(
            group["active"]
            for group in listed["groups"]
            if group["object"] == object_name and any(one["object"] == object_name for one in group["others"])
        )
        seen = run("review", "merge", chosen, "--json", cwd=cwd, environment=secrets)
        assert json.loads(seen.stdout)["state"] == "proposed", seen.stderr
        done = run("review", "merge", chosen, "--yes", "--json", cwd=cwd, environment=secrets)
        assert json.loads(done.stdout)["state"] == "done", done.stderr
    again = json.loads(run("review", "duplicates", "--limit", "1000", "--json", cwd=cwd, environment=secrets).stdout)
    assert len(again["groups"]) < len(listed["groups"])
    said = json.loads(run("review", "history", "--json", cwd=cwd, environment=secrets).stdout)
    assert [one["state"] for one in said["merges"]] == ["done", "done"]


def _serves_an_edit(cwd: Path, secrets: dict[str, str], salesforce: str, hubspot: str) -> bool:
    served = subprocess.Popen(  # noqa: S603 - our own command
        [*CONCORD, "serve"], cwd=cwd, env={**os.environ, **secrets}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert served.stdout is not None
        for line in served.stdout:
            if "in agreement from here on" in line:
                break
        made = control(hubspot, "GET", "records/contacts")["records"]
        contact = next(one for one in made if one["fields"].get("salesforce_lead_id"))
        control(hubspot, "PATCH", f"records/contacts/{contact['id']}", {"fields": {"jobtitle": "Chief of Everything"}})
        lead, until = contact["fields"]["salesforce_lead_id"], time.monotonic() + 60
        while time.monotonic() < until:
            leads = {one["id"]: one["fields"] for one in control(salesforce, "GET", "records/Lead")["records"]}
            if leads[lead]["Title"] == "Chief of Everything":
                return True
            time.sleep(0.05)
        return False
    finally:
        served.send_signal(signal.SIGINT)
        assert served.wait(30) == 0


def test_a_field_that_one_side_lacks_is_named_with_its_line_and_nothing_is_started(
    tmp_path: Path, sandboxes: dict[str, Any]
) -> None:
    salesforce, hubspot = sandboxes["salesforce"], sandboxes["hubspot"]
    run("init", cwd=tmp_path)
    written = tmp_path / "concord.yaml"
    text = written.read_text("utf-8").replace("https://example.my.salesforce.com", salesforce["url"])
    text = text.replace("https://api.hubapi.com", hubspot["url"]).replace(
        "{salesforce: Phone,", "{salesforce: Fone__c,"
    )
    written.write_text(text, "utf-8")
    secrets = {
        "CONCORD_SALESFORCE_CLIENT_ID": salesforce["client_id"],
        "CONCORD_SALESFORCE_CLIENT_SECRET": salesforce["client_secret"],
        "CONCORD_HUBSPOT_TOKEN": hubspot["access_token"],
    }
    done = run("reconcile", "--apply", cwd=tmp_path, environment=secrets)
    assert done.returncode == 2
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "Fone__c" in one)
    assert f"concord.yaml:{line}:" in done.stderr
    assert "Fone__c" in done.stderr
    assert not (tmp_path / ".concord").exists(), "no database was started"
