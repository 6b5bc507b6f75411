"""`concord doctor` as it is seen: every check on a line, what to do below it, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.seeing import run

from concord.cli import doctor
from concord.core.checks import Check, State

Found = Callable[..., None]


@pytest.fixture
def found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """What the looking comes to, instead of looking."""

    def give(*checks: Check) -> None:
        async def examined(*_: Any) -> list[Check]:
            return list(checks)

        monkeypatch.setattr(doctor, "examined", examined)

    return give


SIGNED_IN = Check("Salesforce", "sign-in", State.OK, "signed in")
HIDDEN = Check("Salesforce", "fields", State.FAIL, "Lead has no field Title, or hides it", "give it the right")
SLOW = Check("HubSpot", "how late", State.WARN, "within about 70 s", "ask more often")
SILENT = Check("HubSpot", "webhooks", State.UNKNOWN, "HubSpot does not tell", "look there")


@pytest.mark.parametrize(
    ("checks", "code"),
    [((SIGNED_IN,), 0), ((SIGNED_IN, SILENT), 0), ((SILENT, SLOW), 1), ((SIGNED_IN, SLOW, HIDDEN), 2)],
)
def test_the_exit_code_is_0_all_well_1_warnings_2_failures(found: Found, checks: tuple[Check, ...], code: int) -> None:
    found(*checks)
    assert run("doctor") == code


def test_every_check_is_on_a_line_the_worst_first_and_says_what_to_do(
    found: Found, capsys: pytest.CaptureFixture[str]
) -> None:
    found(SIGNED_IN, HIDDEN, SILENT, SLOW)
    run("doctor")
    assert capsys.readouterr().out.splitlines() == [
        "Salesforce",
        "  fail     fields    Lead has no field Title, or hides it",
        "                     -> give it the right",
        "  ok       sign-in   signed in",
        "",
        "HubSpot",
        "  warn     how late  within about 70 s",
        "                     -> ask more often",
        "  unknown  webhooks  HubSpot does not tell",
        "                     -> look there",
        "",
        "1 fail, 1 warn, 1 unknown, 1 ok",
    ]


def test_what_was_not_asked_is_one_line(found: Found, capsys: pytest.CaptureFixture[str]) -> None:
    because = "not asked, because of: sign-in"
    found(*(Check("HubSpot", name, State.UNKNOWN, because, asked=False) for name in ("burst", "journal")))
    run("doctor")
    assert "  unknown  2 more  not asked, because of: sign-in: burst, journal\n" in capsys.readouterr().out


def test_a_machine_gets_the_same_in_one_line(found: Found, capsys: pytest.CaptureFixture[str]) -> None:
    found(SIGNED_IN, HIDDEN)
    assert run("doctor", "--json") == 2
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["state"], told["counts"]) == ("fail", {"fail": 1, "warn": 0, "unknown": 0, "ok": 1})
    assert told["checks"][0] == {
        "section": "Salesforce",
        "name": "fields",
        "state": "fail",
        "words": "Lead has no field Title, or hides it",
        "advice": "give it the right",
        "asked": True,
        "tells_within_seconds": None,
    }


def test_in_an_empty_folder_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET", "HUBSPOT_TOKEN", "DATABASE_URL"):
        monkeypatch.delenv(f"CONCORD_{name}", raising=False)
    assert run("doctor") == 2
    shown = capsys.readouterr().out
    assert "concord.yaml: there is no such file" in shown
    assert "-> write one with `concord init`" in shown
    assert "CONCORD_HUBSPOT_TOKEN is not set" in shown
    assert "none yet: the first `concord reconcile` makes one in .concord" in shown
