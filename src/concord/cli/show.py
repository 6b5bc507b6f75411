"""How everything on the command line looks: tables that line up, progress, and JSON for a machine.

Text goes to standard output as it is: no square bracket in a value is ever taken for a colour. On a terminal there are
bars and colours; in a pipe there are plain lines, as wide as they need to be. Decides nothing about what is shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import IO, Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

#: Columns of a table in a pipe: nothing is cut or folded there, because nobody can widen it.
_PIPED_WIDTH = 10_000


class Step(Protocol):
    """Says that some of the work is done."""

    def __call__(self, done: int = 1) -> None: ...


@dataclass(frozen=True)
class Look:
    """Where a command shows things. json: only `document` reaches standard output; the rest goes to standard error."""

    out: Console
    err: Console
    json: bool = False

    @classmethod
    def standard(cls, *, json: bool = False) -> Look:
        """On this process's own standard output and standard error."""
        return cls(console(sys.stdout), console(sys.stderr), json)

    @property
    def people(self) -> Console:
        """Where text for people goes."""
        return self.err if self.json else self.out

    def line(self, text: str = "") -> None:
        """One line (or several) of text, not folded in a pipe."""
        self.people.print(text, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
        """A table that lines up. Columns whose name begins with ">" are for numbers and stand at the right."""
        shown = Table(
            title=title or None,
            title_justify="left",
            title_style="bold",
            box=SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
        )
        for column in columns:
            shown.add_column(
                column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
            )
        for row in rows:
            shown.add_row(*("" if cell is None else str(cell) for cell in row))
        if self.people.is_terminal:
            self.people.print(shown)
            return
        with self.people.capture() as captured:
            self.people.print(shown)
        for line in captured.get().splitlines():
            self.line(line.rstrip())

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Step]:
        """Progress of `total` pieces of work: a bar on a terminal, in a pipe a line at each quarter and at the end."""
        if not self.people.is_terminal:
            yield _Lines(self, what, total)
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.people) as bars:
            task = bars.add_task(what, total=total)
            yield lambda done=1: bars.advance(task, done)

    def document(self, content: Mapping[str, object]) -> None:
        """One line of JSON on standard output."""
        self.out.file.write(json.dumps(content, ensure_ascii=False, default=_plain) + "\n")

    def error(self, text: str) -> None:
        """A message to standard error."""
        self.err.print(text, soft_wrap=True)


class _Lines:
    """Progress in a pipe: a line at the start and at each quarter, however many steps there are."""

    def __init__(self, look: Look, what: str, total: int) -> None:
        self._look, self._what, self._total = look, what, total
        self._done, self._said = 0, 0
        self._say()

    def __call__(self, done: int = 1) -> None:
        self._done += done
        quarter = 4 if self._total <= 0 else min(4, 4 * self._done // self._total)
        if quarter > self._said:
            self._said = quarter
            self._say()

    def _say(self) -> None:
        self._look.line(f"{self._what}: {self._done} of {self._total}")


def console(file: IO[str], *, terminal: bool | None = None, width: int | None = None) -> Console:
    """A console on a file, without mark-up; wide where it is no terminal."""
    made = Console(
        file=file,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=terminal,
        width=width,
        legacy_windows=False,
    )
    if width is None and not made.is_terminal:
        made.width = _PIPED_WIDTH
    return made


def duration(time: timedelta) -> str:
    """A duration as the configuration writes it: 5m, 90s."""
    seconds = int(time.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def span(seconds: float) -> str:
    """A span in words, as exact as a person needs it: 4 s, 12 min, 3 h, 5 days."""
    for size, unit in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / (size / 2):.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _plain(value: object) -> object:
    """What JSON has no type for."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
