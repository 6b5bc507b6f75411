"""`concord bench`: its lines, and that its figures are of this world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

#: Both sandboxes, a database and a served Concord are started several times over.
pytestmark = pytest.mark.timeout(240)

KEYS = {"bench", "call_latency_ms", "changes_per_second", "calls_per_change", "p50_ms", "p99_ms", "rss_mb"}
PEOPLE = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A quick run as a process of its own, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("bench")
    code = "import sys; from concord.cli.main import main; sys.exit(main())"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code, "bench", "--quick", "--json", "--people", str(PEOPLE)],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    return done, folder


@pytest.fixture(scope="module")
def lines(run: tuple[subprocess.CompletedProcess[str], Path]) -> list[dict[str, Any]]:
    done, _ = run
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def of(lines: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["bench"] == name]


@pytest.mark.slow
def test_every_measurement_is_one_line_with_the_documented_keys(lines: list[dict[str, Any]]) -> None:
    assert all(line.keys() >= KEYS for line in lines)
    assert {(line["bench"], line["call_latency_ms"]) for line in lines} == {
        (bench, latency)
        for bench in ("reconcile", "idle", "latency", "changes", "pace", "flood")
        for latency in (0, 80)
    }
    assert all(30 < line["rss_mb"] < 1000 for line in lines)
    assert all(line["wrong"] == 0 for line in lines)


@pytest.mark.slow
def test_changes_are_counted_and_take_less_than_a_call_each(lines: list[dict[str, Any]]) -> None:
    for line in of(lines, "changes"):
        assert line["records"] == PEOPLE
        assert line["changes_per_second"] > 5
        assert line["changes_per_second"] == pytest.approx(line["records"] / line["seconds"], rel=0.05)
        assert 0 < line["calls_per_change"] < 1, "batches: a call serves many changes"
    assert all(line["records_per_second"] > 5 for line in of(lines, "reconcile"))


@pytest.mark.slow
def test_latency_is_told_for_each_direction_and_rate_and_calls_of_80_ms_show_in_it(lines: list[dict[str, Any]]) -> None:
    told = {
        (line["call_latency_ms"], line["edits_per_second"], line["direction"]): line for line in of(lines, "latency")
    }
    directions = ("salesforce to hubspot", "hubspot to salesforce")
    assert told.keys() == {(ms, rate, one) for ms in (0, 80) for rate in (1, 10) for one in directions}
    for (call_latency, _, _), line in told.items():
        # A value is read and written: two calls at least, whatever else the machine has to do.
        assert 2 * call_latency < line["p50_ms"] <= line["p99_ms"] < 30_000


@pytest.mark.slow
def test_what_is_served_is_measured_from_outside_and_every_process_by_itself(lines: list[dict[str, Any]]) -> None:
    for line in (*of(lines, "idle"), *of(lines, "pace"), *of(lines, "flood")):
        assert len(line["processes_mb"]) == 1, "one process was asked for"
        assert line["rss_mb"] == max(line["processes_mb"])
        assert line["cpu_seconds"] > 0
    for line in of(lines, "idle"):
        own, whole = line["own_p50_ms"], line["p50_ms"]
        assert 0 < own <= whole - 2 * line["call_latency_ms"] + 1, "a value is read and written: two calls are not ours"
    for line in of(lines, "pace"):
        assert line["records"] == PEOPLE / 2
        assert 0 < line["p50_ms"] <= line["p99_ms"]
    for line in of(lines, "flood"):
        assert line["records"] == PEOPLE
        assert 0 < line["acknowledged_p50_ms"] <= line["acknowledged_p99_ms"]
        assert line["changes_per_second"] == pytest.approx(PEOPLE / line["seconds"], rel=0.05)
        assert 0 < line["calls_per_change"] < 1


@pytest.mark.slow
def test_nothing_is_left_behind(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, folder = run
    assert list(folder.iterdir()) == []
