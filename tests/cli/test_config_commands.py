"""`concord config ...` and `concord init`: what they print, their exit codes, and that nothing is written unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from concord import config
from concord.cli.main import main


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(*arguments: str) -> int:
    """The exit code of `concord ...`."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def test_init_writes_a_configuration_that_check_accepts(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("init") == 0
    assert "concord.yaml is written" in capsys.readouterr().out
    assert _run("config", "check") == 0
    assert capsys.readouterr().out.startswith("concord.yaml can be used: ")


def test_init_leaves_an_existing_file_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Path("concord.yaml").write_text("mine")
    assert _run("init") == 2
    assert "exists already and was left as it is" in capsys.readouterr().err
    assert Path("concord.yaml").read_text() == "mine"


def test_init_replaces_a_file_when_told_to_and_leaves_nothing_beside_it() -> None:
    Path("acme.yaml").write_text("mine")
    assert _run("init", "--output", "acme.yaml", "--force") == 0
    assert Path("acme.yaml").read_text(encoding="utf-8") == config.starting_text()
    assert [one.name for one in Path().iterdir()] == ["acme.yaml"]


def test_init_never_writes_through_a_dangling_link(capsys: pytest.CaptureFixture[str]) -> None:
    Path("concord.yaml").symlink_to("elsewhere.yaml")
    assert _run("init") == 2
    assert "exists already" in capsys.readouterr().err
    assert not Path("elsewhere.yaml").exists()


@pytest.mark.parametrize("arguments", [["--output", "no/such/folder.yaml"], ["--output", ".", "--force"]])
def test_init_says_why_it_cannot_write(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("init", *arguments) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, "there is no such file"),
        ("version: 1\nsalesforce: {url: https://a.b}\nextra: 1\n", "concord.yaml:3:1  extra"),
        ("version: 1\nsalesforce: {url: 5}\n", "concord.yaml:2:19  salesforce.url"),
        ("version: [\n", "this is not YAML"),
    ],
)
@pytest.mark.parametrize("command", ["check", "show"])
def test_a_configuration_that_cannot_be_used_exits_with_2_and_writes_nothing(
    command: str, text: str | None, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("concord.yaml").write_text(text)
    before = sorted(Path().iterdir())
    assert _run("config", command) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert part in shown.err
    assert "Traceback" not in shown.err
    assert sorted(Path().iterdir()) == before


def test_check_as_json_is_one_line_with_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    Path("acme.yaml").write_text("version: 2\nsalesforce: {}\n")
    assert _run("config", "check", "--config", "acme.yaml", "--json") == 2
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1
    told = json.loads(shown.out)
    assert (told["ok"], told["warnings"]) == (False, [])
    assert [(one["path"], one["line"]) for one in told["problems"]] == [("version", 1), ("salesforce.url", 2)]


def test_check_as_json_of_a_good_file_is_ok(capsys: pytest.CaptureFixture[str]) -> None:
    _run("init")
    capsys.readouterr()
    assert _run("config", "check", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"file": "concord.yaml", "ok": True, "problems": [], "warnings": []}


def test_check_shows_warnings_and_still_says_that_the_file_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    text = config.starting_text().replace("[NEW, OPEN]", "NEW").replace("[UNQUALIFIED, BAD_TIMING]", "NEW")
    Path("concord.yaml").write_text(text, encoding="utf-8")
    assert _run("config", "check") == 0
    shown = capsys.readouterr().out
    assert "both become" in shown
    assert shown.endswith("; 1 warning\n")


def test_schema_prints_the_packaged_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("config", "schema") == 0
    assert capsys.readouterr().out == config.schema_text()


def test_show_lists_every_field_of_the_mapping_in_lines_that_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    _run("init")
    capsys.readouterr()
    assert _run("config", "show") == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert "people: Contact, Lead <-> contacts (new in Salesforce: Lead; new in HubSpot: yes)" in lines
    owners = {
        line.index("hubspot") for line in lines if line.startswith(("email ", "lifecycle_stage ", "email_opt_out "))
    }
    assert len(owners) == 1
    assert "new in Salesforce: [not provided]" in shown
    assert "7 stages from subscriber to evangelist" in shown
    assert not any(line.endswith(" ") for line in lines)


def test_show_as_json_has_the_vendors_words(capsys: pytest.CaptureFixture[str]) -> None:
    _run("init")
    capsys.readouterr()
    assert _run("config", "show", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    fields = told["objects"]["people"]["fields"]
    phone = next(one for one in fields if one["name"] == "phone")
    assert phone == {
        "name": "phone",
        "salesforce": "Phone",
        "hubspot": "phone",
        "objects": ["Contact", "Lead"],
        "owner": "salesforce",
        "rule": "two_way",
        "blank": "from_owner",
        "window": "5m",
        "strict": False,
        "options": [],
        "stages": [],
        "default": {},
    }
    assert told["objects"]["companies"]["create"] == {"salesforce": False, "hubspot": False}


def test_show_names_what_is_not_as_usual(capsys: pytest.CaptureFixture[str]) -> None:
    text = config.starting_text().replace(
        "phone: {salesforce: Phone, hubspot: phone, owner: salesforce}",
        "phone: {salesforce: Phone, hubspot: phone, owner: salesforce, strict: true, blank: carry, window: 90s}",
    )
    Path("concord.yaml").write_text(text, encoding="utf-8")
    assert _run("config", "show") == 0
    assert "strict; blank: carry; window: 90s" in capsys.readouterr().out
