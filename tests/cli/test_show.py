"""The shared look: what stands in a pipe, on a terminal, and in JSON."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from concord.cli.show import Look, console, duration


def _look(*, json: bool = False, terminal: bool = False) -> tuple[Look, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    width = 60 if terminal else None
    look = Look(console(out, terminal=terminal, width=width), console(err, terminal=terminal, width=width), json)
    return look, out, err


def test_a_table_in_a_pipe_lines_up_cuts_nothing_and_has_no_blanks_at_the_end() -> None:
    look, out, _ = _look()
    long = "x" * 300
    look.table(("name", ">count", "note"), [("short", 5, long), ("a longer name", 1234, None)], title="Things")
    lines = out.getvalue().splitlines()
    assert lines[0] == "Things"
    assert long in lines[3]
    assert lines[3].index("   5") == lines[4].index("1234")
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in out.getvalue()


def test_a_table_on_a_narrow_terminal_folds_and_cuts_nothing() -> None:
    look, out, _ = _look(terminal=True)
    look.table(("name", "note"), [("HubSpot_Lifecycle_Stage__c", "abcdefghij" * 9)])
    assert "…" not in out.getvalue()
    assert out.getvalue().count("j") == 9


def test_square_brackets_in_a_value_are_text() -> None:
    look, out, err = _look()
    look.line("[not provided] [bold]x[/bold] :smile:")
    look.error("[red]no[/red]")
    assert out.getvalue() == "[not provided] [bold]x[/bold] :smile:\n"
    assert err.getvalue() == "[red]no[/red]\n"


def test_progress_in_a_pipe_is_a_line_at_each_quarter() -> None:
    look, out, _ = _look()
    with look.progress("reading", 100) as step:
        for _ in range(100):
            step()
    assert out.getvalue().splitlines() == [f"reading: {done} of 100" for done in (0, 25, 50, 75, 100)]


@pytest.mark.parametrize(("total", "steps", "last"), [(0, 0, "0 of 0"), (3, 3, "3 of 3"), (2, 3, "2 of 2")])
def test_progress_of_few_or_more_steps_than_foretold_ends(total: int, steps: int, last: str) -> None:
    look, out, _ = _look()
    with look.progress("reading", total) as step:
        for _ in range(steps):
            step()
    assert out.getvalue().splitlines()[-1] == f"reading: {last}"


def test_progress_on_a_terminal_is_a_bar() -> None:
    look, out, _ = _look(terminal=True)
    with look.progress("reading [all]", 4) as step:
        step(4)
    assert "4/4" in out.getvalue()
    assert "reading [all]" in out.getvalue()


def test_as_json_standard_output_has_the_document_and_nothing_else() -> None:
    look, out, err = _look(json=True)
    look.line("for people")
    look.table(("a",), [("b",)])
    with look.progress("reading", 1) as step:
        step()
    look.document({"when": datetime(2026, 11, 2, tzinfo=UTC), "name": "Zoë", "share": Decimal("0.5"), "n": Decimal(3)})
    assert json.loads(out.getvalue()) == {"when": "2026-11-02T00:00:00+00:00", "name": "Zoë", "share": 0.5, "n": 3}
    assert out.getvalue().count("\n") == 1
    assert "for people" in err.getvalue()
    assert "reading: 1 of 1" in err.getvalue()


def test_json_knows_days_durations_and_sets_and_refuses_the_rest() -> None:
    look, out, _ = _look(json=True)
    look.document({"day": date(2026, 1, 2), "took": timedelta(seconds=1.5), "of": frozenset({"b", "a"})})
    assert json.loads(out.getvalue()) == {"day": "2026-01-02", "took": 1.5, "of": ["a", "b"]}
    with pytest.raises(TypeError, match="object has no form in JSON"):
        look.document({"x": object()})


@pytest.mark.parametrize(
    ("time", "word"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=5), "5m"),
        (timedelta(hours=2), "2h"),
        (timedelta(days=1), "1d"),
    ],
)
def test_a_duration_reads_as_in_the_configuration(time: timedelta, word: str) -> None:
    assert duration(time) == word
