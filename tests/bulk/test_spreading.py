"""Work that is shared with other processes comes back whole, in order, or as the error that it was."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys

import polars as pl
import pytest

from concord.bulk import spreading
from concord.bulk.spreading import once_each, processors, spread, use, workers
from concord.errors import ConcordError

shared = pytest.mark.skipif(sys.platform != "linux", reason="processes are shared with on Linux only")


@pytest.fixture(autouse=True)
def _two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "processors", lambda: 2)


def squared(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def refused(number: int) -> int:
    raise ValueError(f"no {number}")


def killed(number: int) -> int:
    """The end of a process that is not the first one."""
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def long(number: int) -> str:
    return str(number) * 2_000


@shared
@pytest.mark.parametrize("many", [0, 1, 19, 20, 24, 25, 1000])
def test_everything_is_done_once_and_comes_back_in_order(many: int) -> None:
    with workers():
        found = spread(squared, range(many), 10)
    assert [square for square, _ in found] == [number * number for number in range(many)]
    assert len({process for _, process in found}) == (2 if many >= 20 else min(1, many))


@shared
def test_answers_that_no_pipe_holds_keep_nobody_waiting() -> None:
    with workers():
        assert spread(long, range(2_000), 10) == [str(number) * 2_000 for number in range(2_000)]
        assert spread(len, ["x" * 3_000] * 3_000, 10) == [3_000] * 3_000


@shared
def test_an_error_is_raised_wherever_it_happened() -> None:
    with pytest.raises(ValueError, match="no "), workers():
        spread(refused, range(100), 10)
    with workers():
        assert spread(abs, [-1] * 100, 10) == [1] * 100


@shared
def test_a_process_that_is_killed_is_told_of() -> None:
    with workers():
        os.kill(spreading._workers[0].process.pid or 0, signal.SIGKILL)
        spreading._workers[0].process.join()
        with pytest.raises(ConcordError, match="most likely because memory ran out; try again with --threads 1"):
            spread(squared, range(1000), 10)
    with workers(), pytest.raises(ConcordError, match="ended from outside"):
        spread(killed, range(1000), 10)


def test_without_workers_it_is_done_here() -> None:
    assert spread(squared, range(5), 1) == [(number * number, os.getpid()) for number in range(5)]


def test_each_row_that_is_different_is_asked_about_once() -> None:
    asked: list[object] = []

    def told(item: object) -> int:
        asked.append(item)
        return len(str(item))

    table = pl.DataFrame({"a": ["x", "yy", "x"], "b": [1, 2, 1]})
    assert once_each(table, told, pl.Int64, lambda a, b: a * b).tolist() == [1, 4, 1]
    assert sorted(map(str, asked)) == ["x", "yyyy"]


def test_no_more_processors_are_used_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "processors", processors)
    there = processors()
    use(1)
    assert processors() == 1
    use(there + 5)
    assert processors() == there
    use(0)
    assert processors() == there
