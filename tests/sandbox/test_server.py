"""The sandbox as a program: its one line, its end, and what it says when it cannot start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from concord_sandbox.__main__ import main
from concord_sandbox.server import build
from concord_sandbox.service import ControlError
from concord_sandbox.world import load_world


def spawned(*arguments: str) -> subprocess.Popen[str]:
    """The program with these arguments, and with no input."""
    return subprocess.Popen(  # noqa: S603 - our own program with arguments of this file
        [sys.executable, "-m", "concord_sandbox", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The program, running, and its line; killed when the test is over."""
    program = spawned(*arguments)
    assert program.stdout is not None
    try:
        yield program, json.loads(program.stdout.readline())
    finally:
        program.kill()
        if not program.stdout.closed:
            program.communicate()


def refused(*arguments: str) -> str:
    """What the program says when it cannot start."""
    program = spawned(*arguments)
    output, errors = program.communicate(timeout=60)
    assert (program.returncode, output) == (2, ""), errors
    lines = errors.strip().splitlines()
    assert len(lines) == 1, errors
    return str(lines[0])


def test_three_services_say_in_one_line_how_to_reach_them_and_end_on_a_signal() -> None:
    with started("--salesforce", "0", "--hubspot", "0", "--notion", "0", "--world", "empty") as (program, line):
        assert line["world"] == "empty"
        assert list(line) == ["salesforce", "hubspot", "notion", "world"]
        for name in ("salesforce", "hubspot", "notion"):
            ready = httpx.get(f"{line[name]['url']}/_control/ready").json()
            assert ready == {"ready": True, "service": name}
            assert httpx.get(f"{line[name]['url']}/_control/credentials").json() == line[name]
        notion = {"Authorization": f"Bearer {line['notion']['token']}", "Notion-Version": "2026-03-11"}
        assert httpx.get(f"{line['notion']['url']}/v1/users/me", headers=notion).json()["type"] == "bot"
        hubspot = {"Authorization": f"Bearer {line['hubspot']['access_token']}"}
        owners = httpx.get(f"{line['hubspot']['url']}/crm/owners/2026-09", headers=hubspot).json()["results"]
        assert len(owners) == 6
        assert line["salesforce"]["client_secret"]
        program.send_signal(signal.SIGTERM)
        rest, errors = program.communicate(timeout=10)
    assert (program.returncode, rest, errors) == (0, "", "")


def test_an_interrupt_ends_it_well_even_while_a_call_hangs() -> None:
    with started("--notion", "0", "--world", "empty") as (program, line):
        url = line["notion"]["url"]
        httpx.post(f"{url}/_control/faults", json={"kind": "hang"})
        with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as hanging:
            hanging.sendall(b"GET /v1/users/me HTTP/1.1\r\nHost: x\r\n\r\n")
            assert httpx.get(f"{url}/_control/ready").status_code == 200
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=15)
    assert program.returncode == 0


def test_the_same_seed_serves_the_same_agency() -> None:
    with started("--salesforce", "0", "--seed", "7") as (_, line):
        served = httpx.get(f"{line['salesforce']['url']}/_control/records/Contact").json()["records"]
    made = load_world("agency", 7)["salesforce"]["records"]["Contact"]
    assert {one["id"] for one in served} == {one["Id"] for one in made}


def test_a_world_file_is_served_with_its_clock(tmp_path: Path) -> None:
    world = load_world("empty")
    world["name"], world["clock"] = "mine", "2026-11-02T09:00:00+00:00"
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(world), "utf-8")
    with started("--hubspot", "0", "--world", str(file)) as (_, line):
        now = httpx.get(f"{line['hubspot']['url']}/_control/clock").json()["now"]
    assert line["world"] == "mine"
    assert now.startswith("2026-11-02T09:00")


def test_a_webhook_is_sent_without_anybody_asking_for_it() -> None:
    got = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            got.set()

        def log_message(self, *_: Any) -> None: ...

    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    try:
        with started("--hubspot", "0", "--world", "empty") as (_, line):
            url = line["hubspot"]["url"]
            target = f"http://127.0.0.1:{receiver.server_port}/hook"
            wanted = {"target_url": target, "subscriptions": [{"subscriptionType": "contact.creation"}]}
            asked = httpx.put(f"{url}/_control/webhooks", json=wanted)
            assert asked.status_code == 200, asked.text
            made = httpx.post(f"{url}/_control/records/contacts", json={"fields": {"email": "a@example.com"}})
            assert made.status_code == 201
            assert got.wait(10)
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def test_a_port_in_use_is_named_with_the_option_that_changes_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused("--salesforce", "0", "--notion", str(port), "--world", "empty")
    assert f"port {port} for notion" in said
    assert "--notion PORT" in said


def test_no_service_asked_for_says_which_there_are() -> None:
    assert "at least one of --salesforce PORT, --hubspot PORT, --notion PORT" in refused()


def test_an_unknown_world_says_which_there_are() -> None:
    assert "agency, empty, bench" in refused("--hubspot", "0", "--world", "atlantis")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a world"),
        ('{"notion": {"pages": 7}}', "section notion is malformed"),
        ('{"notion": {"pagess": []}}', "no key pagess"),
        ('{"notion": [], "clock": "yesterday"}', "no ISO-8601 time"),
        ('{"notion": {"pages": [{"id": "nonsense"}]}}', "section notion is malformed"),
    ],
)
def test_a_malformed_world_file_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    file = tmp_path / "world.json"
    file.write_text(text, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--notion", "0", "--world", str(file)])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert expected in printed.err


@pytest.mark.parametrize("port", ["eighty", "70000", "-1"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([f"--hubspot={port}"])
    assert ended.value.code == 2
    assert "is no port" in capsys.readouterr().err


def test_the_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "python -m concord_sandbox --salesforce 8301 --hubspot 8302" in shown
    assert "agency, empty, bench" in shown


def test_services_built_in_process_have_clocks_of_their_own() -> None:
    apps = build(load_world("empty"), names=("salesforce", "notion"), source=lambda: 1_800_000_000.0)
    assert list(apps) == ["salesforce", "notion"]
    apps["notion"].service.controls.clock.advance(60)
    there, here = (apps[name].service.controls.clock.now() for name in ("notion", "salesforce"))
    assert (there - here).total_seconds() == 60


def test_a_world_without_the_section_gives_an_empty_service() -> None:
    apps = build({"name": "bare", "notion": {}}, names=("notion",))
    assert apps["notion"].service.credentials("http://x")["data_source_id"] is None


@pytest.mark.parametrize("name", ["agency", "empty", "bench"])
def test_every_built_in_world_loads_into_every_service(name: str) -> None:
    world = load_world(name)
    apps = build(world)
    contacts = apps["hubspot"].service.records("contacts")
    assert len(contacts) == len(world["hubspot"]["records"]["contacts"])
    people = [*apps["salesforce"].service.records("Lead"), *apps["salesforce"].service.records("Contact")]
    assert len(people) == sum(len(world["salesforce"]["records"][name]) for name in ("Lead", "Contact"))


def test_a_malformed_section_names_its_service() -> None:
    with pytest.raises(ControlError, match="section salesforce"):
        build({"salesforce": {"records": {"Nonsense": [{}]}}}, names=("salesforce",))
