"""How a reconciliation looks before anything is written: who is in both systems, and what would be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from concord.cli.show import Look
from concord.config.words import in_vendors_words
from concord.core.mapping import describe
from concord.core.plan import Outcome
from concord.core.values import Ref
from concord.engine.reconcile import Census, Preview, Progress


def show_overlap(look: Look, censuses: Sequence[Census]) -> None:
    """The overlap, with arithmetic that adds up: every record of each side is in one row."""
    rows: list[tuple[object, ...]] = []
    for census in censuses:
        counted = overlap(census)
        for label in counted["left"]:
            rows.append((census.pair.name, label, counted["left"][label], counted["right"][label]))
    look.table(("", "", ">Salesforce", ">HubSpot"), rows, title="Who is in both systems")


def overlap(census: Census) -> dict[str, dict[str, int]]:
    """For each side: in all, linked before, matched now, for a person to decide, duplicates, in this system only."""
    matching = census.matching
    asked = {ref for one in matching.asks for ref in (one.left, one.right)}
    duplicates = [one.ref for one in matching.duplicates]
    return {
        side: {
            "in all": total,
            "linked before": census.linked_before,
            "matched": len(matching.links),
            "a person decides": _on(asked, census, side),
            "duplicates in their system": _on(duplicates, census, side),
            "only in this system": _on(census.unmatched, census, side),
            "their partner was deleted": _on(census.closed, census, side),
        }
        for side, total in (("left", census.left_count), ("right", census.right_count))
    }


def _on(refs: Iterable[Ref], census: Census, side: str) -> int:
    return sum(1 for ref in refs if (ref.object in census.pair.left_objects) == (side == "left"))


def show_preview(look: Look, preview: Preview) -> None:
    """What would be written, field by field, and a few decisions in full."""
    fields = sorted({name for name, _ in preview.outcomes})
    shown = (Outcome.AGREED, Outcome.CARRIED, Outcome.DECIDED, Outcome.HELD, Outcome.ASKED)
    rows = [
        (name, *(preview.outcomes[name, outcome] or "" for outcome in shown))
        for name in fields
        if any(preview.outcomes[name, outcome] for outcome in shown)
    ]
    columns = ("field", ">agree", ">filled", ">decided", ">held", ">ask")
    look.table(columns, rows, title="The plan, before anything is written")
    for label, counter in (
        ("values to write", preview.writes),
        ("records to create", preview.creates),
        ("differences decided by", preview.rules),
        ("left alone", preview.waits),
    ):
        if sum(counter.values()):
            look.line(f"{label}: {in_vendors_words(in_words(counter))}")
    for plan in preview.samples:
        for verdict in plan.verdicts:
            if verdict.outcome is Outcome.DECIDED:
                left, right = describe(verdict.left), describe(verdict.right)
                look.line(f"  {plan.left} {verdict.field}: {left!r} / {right!r} -> {in_vendors_words(verdict.reason)}")
                break


def in_words(counter: Counter[str]) -> str:
    """ "3 salesforce, 2 hubspot"."""
    return ", ".join(f"{count} {name}" for name, count in counter.most_common() if count)


@contextmanager
def progress_on(look: Look) -> Iterator[Progress]:
    """A progress that draws a bar on a terminal and plain lines in a pipe."""
    shown: dict[str, Callable[[int], None]] = {}
    with _Bars(look) as bars:

        def progress(what: str, done: int, total: int | None) -> None:
            if what not in shown:
                shown[what] = bars.of(what, total)
            shown[what](done)

        yield progress


class _Bars:
    """Bars that stay on the screen; in a pipe a line when each piece of work is done."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._waiting: tuple[str, int] | None = None

    def __enter__(self) -> _Bars:
        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._look.people,
            disable=not self._look.people.is_terminal,
        )
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        self._say()

    def of(self, what: str, total: int | None) -> Callable[[int], None]:
        """A bar for a new piece of work; what it gives is told how much is done."""
        self._say()
        task = self._bars.add_task(what, total=total)

        def done(count: int) -> None:
            self._bars.update(task, completed=count, total=total if total is not None else max(count, 1))
            self._waiting = (what, count)
            if total is not None and count >= total:
                self._say()

        return done

    def _say(self) -> None:
        """Say the piece of work that is at its end, in a pipe."""
        if self._waiting is not None and not self._look.people.is_terminal:
            what, count = self._waiting
            self._look.line(f"{what}: {count}")
        self._waiting = None
