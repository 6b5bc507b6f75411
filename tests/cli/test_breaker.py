"""`concord breaker`: what is held, and a person's answer; and that `concord status` says so."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.cli.seeing import Sync, contact, run

from concord.core.breaker import Gauge, Kind, Limit, Limits, Mark
from concord.core.model import Base, Failure, Lane, Link, Notice
from concord.core.plan import Done
from concord.core.values import BLANK, Ref
from concord.errors import Category
from concord.store.store import PostgresStore

BLANKS = Gauge(Kind.BLANK, "people", "salesforce")
CREATES = Gauge(Kind.CREATE, "people", "salesforce")
FEW = Limits(by_kind={Kind.BLANK: Limit(3, 0), Kind.CREATE: Limit(3, 0)})


def lead(number: int) -> Ref:
    return Ref("salesforce", "Lead", f"00Q{number}")


def flood(sync: Sync, gauge: Gauge, count: int = 12, **age: float) -> None:
    """So many records were held so long ago."""
    at = sync.before(**age)

    async def hold(store: PostgresStore) -> None:
        refs = [contact(number) for number in range(count)]
        if gauge is BLANKS:
            links = [Link(0, "people", lead(n), contact(n), 100.0) for n in range(count)]
            await store.record([Done("people", (), new_link=one) for one in links], at)
            shown = Base("Carrier pigeon keeper", BLANK)
            marks = [Mark(gauge, lead(n), contact(n), "job_title", shown) for n in range(count)]
        else:
            marks = [Mark(gauge, ref) for ref in refs]
        await store.take_in([Notice(ref, Lane.PEOPLE, at, "webhook") for ref in refs])
        works = await store.claim(count, at, timedelta(minutes=2))
        await store.weigh(marks, FEW, at)
        held = Failure(Category.BREAKER, f"held by the breaker {gauge.name}", code=gauge.name)
        await store.record([Done("people", (work,), failure=held, dead=True) for work in works], at)

    sync.do(hold)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What the command answers a machine."""
    assert run("breaker", *arguments, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def test_nothing_is_held_where_nothing_was_stopped(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    assert run("breaker") == 0
    assert capsys.readouterr().out == "no breaker is open\n"
    assert told(capsys) == {"breakers": []}


def test_an_open_one_is_shown_with_its_reason_its_records_and_what_to_type(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun()
    flood(sync, BLANKS, minutes=10)
    assert run("breaker") == 0
    shown = capsys.readouterr().out
    assert "blank:people:salesforce\n" in shown
    assert "UTC (10 min): 12 people would lose a value in salesforce within 15 min; 3 is the most" in shown
    assert "12 records wait" in shown
    assert "hubspot:contacts:0\n" in shown
    assert "and 7 more; --samples shows more" in shown
    assert "concord breaker allow blank:people:salesforce" in shown
    assert "concord breaker refuse blank:people:salesforce" in shown
    assert "pigeon" not in shown, "ids only"


def test_a_machine_is_told_the_same(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    flood(sync, BLANKS, minutes=10)
    (one,) = told(capsys, "--samples", "2")["breakers"]
    assert one.pop("since").startswith(sync.before(minutes=10).isoformat()[:16])
    assert one == {
        "breaker": "blank:people:salesforce",
        "kind": "blank",
        "objects": "people",
        "system": "salesforce",
        "open": True,
        "reason": "12 people would lose a value in salesforce within 15 min; 3 is the most",
        "allowed_until": None,
        "refused_until": None,
        "waiting": 12,
        "refused": 0,
        "samples": ["hubspot:contacts:0", "hubspot:contacts:1"],
    }


def test_the_values_of_one_are_under_errors_by_its_name(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    flood(sync, BLANKS, minutes=10)
    assert run("errors", "--cause", "blank:people:salesforce") == 0
    assert "breaker (blank:people:salesforce): hubspot contacts" in capsys.readouterr().out


def test_allow_says_how_many_go_and_that_somebody_has_to_work(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    flood(sync, BLANKS, minutes=10)
    assert run("breaker", "allow", "blank:people:salesforce") == 0
    shown = capsys.readouterr().out
    assert "blank:people:salesforce lets the flood through, until no more than usual came for 15 min" in shown
    assert "12 records are looked at again" in shown
    assert "no worker runs; next: concord serve" in shown
    (one,) = told(capsys)["breakers"]
    assert (one["open"], one["waiting"]) == (False, 0)
    assert one["allowed_until"] is not None
    assert run("breaker") == 0
    assert "lets a flood through, until" in capsys.readouterr().out


def test_refuse_says_what_stays_different(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun().works()
    flood(sync, BLANKS, minutes=10)
    answered = told(capsys, "refuse", "blank:people:salesforce")
    assert answered == {
        "breaker": "blank:people:salesforce",
        "answer": "refuse",
        "looked_at_again": 12,
        "fields_that_differ": 12,
        "records_refused": 0,
        "worker_alive": True,
    }
    assert run("breaker") == 0
    assert "a flood was refused; what else comes of it before" in capsys.readouterr().out


def test_refused_records_are_shown_until_they_are_allowed(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    flood(sync, CREATES, minutes=10)
    assert run("breaker", "refuse", "create:people:salesforce") == 0
    shown = capsys.readouterr().out
    assert "12 records stay as they are until `allow create:people:salesforce`" in shown
    assert "what else comes of it within 15 min is held and asked about again" in shown
    assert run("breaker") == 0
    assert "12 records stay as refused, until allowed" in capsys.readouterr().out
    assert told(capsys, "allow", "create:people:salesforce")["looked_at_again"] == 12
    assert told(capsys)["breakers"][0]["refused"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("allow",), "say which breaker: concord breaker allow NAME; `concord breaker` lists them"),
        (("allow", "owner:people:hubspot"), "no breaker 'owner:people:hubspot' is open; there is: blank:people:"),
        (("mend", "blank:people:salesforce"), "'mend' is not one of"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun()
    flood(sync, BLANKS, minutes=10)
    assert run("breaker", *arguments) == 2
    assert sentence in capsys.readouterr().err


def test_what_was_answered_cannot_be_refused_again(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    flood(sync, BLANKS, minutes=10)
    assert run("breaker", "allow", "blank:people:salesforce") == 0
    assert run("breaker", "refuse", "blank:people:salesforce") == 2
    assert "holds nothing that could be refused" in capsys.readouterr().err


def test_status_asks_for_a_person_while_one_is_open(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun().works()
    flood(sync, BLANKS, minutes=10)
    assert run("status") == 1
    shown = capsys.readouterr().out
    assert "! a flood of changes is held since 10 min: blank:people:salesforce\n  next: concord breaker" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert run("status", "--json") == 1
    (one,) = json.loads(capsys.readouterr().out)["breakers"]
    assert one["name"] == "blank:people:salesforce"
