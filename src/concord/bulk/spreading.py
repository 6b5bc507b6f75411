"""The same work for many values, spread over the processors.

The processes are there before anything is in memory (`workers`): they get what they work on through a pipe and send
back what comes of it, so what they are asked to do must be a function of a module. Decides nothing, and the answer does
not depend on the number of processors.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar, cast

import polars as pl

from concord.errors import ConcordError

T = TypeVar("T")
R = TypeVar("R")

#: Fewer values than this are quicker done than sent.
FEW: Final = 1_000
#: Into how many parts for each processor the values are dealt out, like cards: some take longer than others, and those
#: often stand together.
_PARTS: Final = 12
#: Parts that a process has before it: one to work on, one that waits for it.
_AHEAD: Final = 2

_ENDED: Final = (
    "a process that shared the work was ended from outside, most likely because memory ran out; "
    "try again with --threads 1"
)

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


class _Worker:
    """A process that waits for work."""

    def __init__(self, context: Any) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_waiting, args=(theirs, self.pipe), daemon=True)
        self.process.start()
        theirs.close()
        self.parts: list[int] = []

    def give(self, told: Callable[[Any], Any] | None, items: Sequence[Any]) -> None:
        """A new kind of work, or values for the one that it knows."""
        try:
            self.pipe.send((told, items))
        except OSError:
            raise ConcordError(_ENDED) from None

    def take(self) -> tuple[int, Any]:
        """The number of the part that it has been longest with, and what came of it; waits for it."""
        try:
            found = self.pipe.recv()
        except (EOFError, OSError):
            raise ConcordError(_ENDED) from None
        if isinstance(found, BaseException):
            raise found
        return self.parts.pop(0), found


def _waiting(pipe: Connection, parents: Connection) -> None:
    """The life of a process: a function before each new kind of work, then values for it, until the pipe is closed.
    What comes and what goes is moved by threads, so that neither side ever waits for the other to listen."""
    parents.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears of it, and closes the pipe
    come: SimpleQueue[Any] = SimpleQueue()
    gone: SimpleQueue[Any] = SimpleQueue()
    for work in (_receive, _send):
        Thread(target=work, args=(pipe, come if work is _receive else gone), daemon=True).start()
    told: Callable[[Any], Any] = repr
    while (given := come.get()) is not None:
        new, items = given
        if new is not None:
            told = new
            continue
        try:
            gone.put([told(one) for one in items])
        except Exception as error:  # noqa: BLE001 - it is raised again by the parent
            gone.put(error)


def _receive(pipe: Connection, come: SimpleQueue[Any]) -> None:
    try:
        while True:
            come.put(pipe.recv())
    except (EOFError, OSError):
        come.put(None)


def _send(pipe: Connection, gone: SimpleQueue[Any]) -> None:
    with suppress(OSError):
        while True:
            pipe.send(gone.get())


_workers: list[_Worker] = []


@contextmanager
def workers() -> Iterator[None]:
    """As many processes as there are processors beside this one, for as long as the block lasts. To be entered while
    little is in memory, and before threads run: what is there is shared with them."""
    if _workers or processors() < 2 or sys.platform != "linux":  # elsewhere a forked process cannot be relied upon
        yield
        return
    context = multiprocessing.get_context("fork")
    _workers.extend(_Worker(context) for _ in range(processors() - 1))
    try:
        yield
    finally:
        for one in _workers:
            one.pipe.close()
            one.process.terminate()
            one.process.join()
        _workers.clear()


def spread(told: Callable[[T], R], items: Sequence[T], few: int = FEW) -> list[R]:
    """`told`, a function of a module, of each item, in order."""
    if not _workers or len(items) < 2 * few:
        return [told(one) for one in items]
    many = min(len(items), _PARTS * (len(_workers) + 1))
    parts = iter(range(many))
    done: list[Any] = [None] * len(items)

    def hand_on(one: _Worker) -> None:
        while len(one.parts) < _AHEAD and (part := next(parts, None)) is not None:
            one.parts.append(part)
            one.give(None, items[part::many])

    for one in _workers:
        one.give(told, ())
        hand_on(one)
    while (part := next(parts, None)) is not None:
        done[part::many] = [told(item) for item in items[part::many]]
        for one in _workers:
            while one.parts and one.pipe.poll():
                number, found = one.take()
                done[number::many] = found
            hand_on(one)
    for one in _workers:
        while one.parts:
            number, found = one.take()
            done[number::many] = found
    return done


def once_each(
    table: pl.DataFrame,
    told: Callable[[Any], Any],
    dtype: type[pl.DataType],
    item: Callable[..., Any] | None = None,
) -> Any:
    """`told`, a function of a module, of each row, asked once for each that is different; as an array. item: what it is
    told of a row, where that is not the row itself."""
    asked = table.unique()
    rows = asked.rows() if item is None else [item(*row) for row in asked.iter_rows()]
    asked = asked.with_columns(told=pl.Series(spread(told, rows), dtype=dtype))
    return table.join(asked, on=table.columns, how="left", maintain_order="left")["told"].to_numpy()


def aside(work: Callable[[], R]) -> Callable[[], R]:
    """Begins work on arrays in a copy of this process; what it gives is asked for later. A copy is cheap as long as
    nothing but arrays is looked at; it must not use Polars, whose threads do not live on in it."""
    if processors() < 2 or sys.platform != "linux":
        return work
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_aside, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()

    def result() -> R:
        try:
            found = ours.recv()
        except EOFError:
            raise ConcordError(_ENDED) from None
        process.join()
        if isinstance(found, BaseException):
            raise found
        return cast(R, found)

    return result


def _aside(work: Callable[[], Any], pipe: Connection) -> None:
    try:
        found = work()
    except Exception as error:  # noqa: BLE001 - it is raised again by the parent
        found = error
    pipe.send(found)
    pipe.close()
