"""The same work for many values, spread over the processors: pure Python in forked processes, array work in threads.

A child process sees the parent's memory as it was and sends back a list; it must not touch Polars, whose threads do not
live on in it. Decides nothing, and the answer does not depend on the number of processors.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

import polars as pl

T = TypeVar("T")
R = TypeVar("R")

#: Below so many values a process costs more than it saves.
FEW: Final = 4_000


#: How many processors may be used; 0: all there are.
_most = 0


def use(most: int) -> None:
    """Use at most so many processors from now on (0: all). Polars takes its own number from POLARS_MAX_THREADS."""
    global _most
    _most = most


def processors() -> int:
    """How many processors this work may be spread over."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, _most) if _most else there


def spread(told: Callable[[T], R], items: Sequence[T], few: int = FEW) -> list[R]:
    """`told` of each item, in order."""
    workers = min(processors(), len(items) // few)
    if workers < 2 or sys.platform != "linux":  # elsewhere a forked process is no copy that can be relied upon
        return [told(one) for one in items]
    context = multiprocessing.get_context("fork")
    size = -(-len(items) // workers)
    children: list[tuple[Any, Connection]] = []
    for at in range(size, len(items), size):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_part, args=(told, items, at, at + size, theirs), daemon=True)
        child.start()
        theirs.close()
        children.append((child, ours))
    found = [told(one) for one in items[:size]]
    for child, ours in children:
        answer = ours.recv()
        child.join()
        if isinstance(answer, BaseException):
            raise answer
        found += answer
    return found


def once_each(table: pl.DataFrame, told: Callable[..., Any], dtype: type[pl.DataType]) -> Any:
    """`told` of each row, asked once for each that is different; as an array."""
    asked = table.unique()
    answers = spread(lambda row: told(*row), asked.rows())
    asked = asked.with_columns(told=pl.Series(answers, dtype=dtype))
    return table.join(asked, on=table.columns, how="left", maintain_order="left")["told"].to_numpy()


def _part(told: Callable[[T], R], items: Sequence[T], start: int, end: int, pipe: Connection) -> None:
    try:
        pipe.send([told(one) for one in items[start:end]])
    except Exception as error:  # noqa: BLE001 - it is raised again by the parent
        pipe.send(error)
    finally:
        pipe.close()


def beside(works: Iterable[Callable[[], R]]) -> list[R]:
    """What each of these works gives, in order; they run in threads, which helps where they are array work."""
    with ThreadPoolExecutor(processors()) as pool:
        return list(pool.map(lambda work: work(), works))
