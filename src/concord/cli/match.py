"""`concord match`: who is who in two files, without any account, database or configuration.

Reads two CSV files and writes files; connects to nothing. What it says is what the sync itself would say of the same
records, because both ask core.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from concord.cli.options import Json, examples
from concord.cli.show import Look
from concord.core.assignment import Bounds
from concord.errors import ConfigError

if TYPE_CHECKING:
    from concord.bulk.answers import Answer
    from concord.bulk.files import Source

_Named = tuple[dict[str, str], dict[str, str]]


def _result(name: str, what: str) -> Any:
    return typer.Option(f"--{name}", metavar="FILE", help=what)


def match(
    left: Annotated[Path, typer.Argument(help="A CSV file of people.", show_default=False)],
    right: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    links: Annotated[Path | None, _result("links", "Where pairs go that are one person (CSV).")] = None,
    review: Annotated[Path | None, _result("review", "Where pairs go that a person decides about (CSV).")] = None,
    report: Annotated[Path | None, _result("report", "Where a page with counts and examples goes (HTML).")] = None,
    duplicates: Annotated[
        Path | None, _result("duplicates", "Where records go that stand beside another of their own file (CSV).")
    ] = None,
    alone: Annotated[Path | None, _result("alone", "Where records without a partner go (CSV).")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="SIDE.COLUMN=NAME", help="Which column of a file is what: left.email=E-Mail. Repeatable."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="PATH", help="Take the bounds from this configuration (else 90 and 70)."
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=1024, help="Processors to use; all when not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Find out who is who in two CSV files of people, without any account.

    A pair from 90 on is linked, one from 70 to 90 is for a person to decide, both with the reasons. Duplicates inside
    each file are found as well. The files may be exports of Salesforce or HubSpot, or plain ones with columns like id,
    first_name, last_name, email, company, website, phone, mobile, title; an id and a name or an address are needed.

    Nothing is written unless everything can be. docs/matching.md says more.
    """
    look, began = Look.standard(json=json), time.monotonic()
    named, bounds = _names(map_ or ()), _bounds(config)
    if threads:
        os.environ.setdefault("POLARS_MAX_THREADS", str(threads))  # read when Polars is loaded
    with _uncollected():
        # Only here: they take a third of a second to load, which no other command should wait for.
        from concord.bulk import spreading
        from concord.bulk.matching import STAGES, Results, match_files
        from concord.suffixes import registrable_by_list

        spreading.use(threads or 0)
        results = Results(links=links, review=review, duplicates=duplicates, alone=alone, report=report)
        with _progress(look, STAGES) as at:
            sources, found = match_files((left, right), results, registrable_by_list(), bounds, named, at)
    if json:
        written = {name: str(path) for name, path in results.wanted.items()}
        look.document(_document(sources, found, bounds, written, time.monotonic() - began))
    else:
        _show(look, sources, found, bounds, results.wanted)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for cycles, of which this work makes none worth finding; it takes a sixth of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(
        epilog=examples(
            "concord match salesforce.csv hubspot.csv --links links.csv --review review.csv --report report.html",
            "concord match a.csv b.csv --map left.id=Nr --map right.email=E-Mail --json",
        )
    )(match)


def _names(given: Sequence[str]) -> _Named:
    """What `--map` says, for each side."""
    named: _Named = ({}, {})
    for one in given:
        what, separator, theirs = one.partition("=")
        side, dot, ours = what.partition(".")
        if not separator or not dot or side not in ("left", "right") or not theirs:
            raise ConfigError(f"--map {one}: write it as left.email=E-Mail or right.id=Nr")
        named[("left", "right").index(side)][ours] = theirs
    return named


def _bounds(config: Path | None) -> Bounds:
    if config is None:
        return Bounds()
    from concord.config import load

    matching = load(config).sync.matching
    return Bounds(link=matching.link, ask=matching.ask)


@contextmanager
def _progress(look: Look, stages: int) -> Iterator[Callable[[str], None]]:
    """What is being done: a bar on a terminal, lines in a pipe. Drawn at each stage and by no thread: processes are
    forked meanwhile."""
    if not look.people.is_terminal:
        yield lambda stage: look.line(f"{stage} ...")
        return
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=look.people, auto_refresh=False, transient=True) as bars:
        task = bars.add_task("", total=stages + 1)

        def at(stage: str) -> None:
            bars.update(task, advance=1, description=stage, refresh=True)

        yield at


def _show(look: Look, sources: tuple[Source, Source], found: Answer, bounds: Bounds, written: dict[str, Path]) -> None:
    for one in sources:
        columns = ", ".join(f"{ours} ({theirs})" for ours, theirs in one.columns.items())
        look.line(f'{one.path}: {one.encoding}, separated by "{one.separator}"; columns: {columns}')
    left, right = found.tallies
    look.table(
        ("", f">{sources[0].path.name}", f">{sources[1].path.name}"),
        [
            ("linked by an address or a stored id", left.exact, right.exact),
            ("linked by name and what supports it", left.probable, right.probable),
            ("a person decides", left.asked, right.asked),
            ("duplicates inside the file", left.duplicates, right.duplicates),
            ("only here", left.alone, right.alone),
            ("in all", left.all, right.all),
        ],
        title="Who is who",
    )
    look.line(
        f"{_count(len(found.links), 'link')} (from {bounds.link:g}), "
        f"{_count(len(found.asks), 'question')} (from {bounds.ask:g})"
    )
    for name, path in written.items():
        look.line(f"{name}: {path}")
    if not written:
        look.line("nothing was written: name files with --links, --review, --report, --duplicates or --alone")


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


def _document(
    sources: tuple[Source, Source], found: Answer, bounds: Bounds, written: dict[str, str], seconds: float
) -> dict[str, object]:
    sides = {
        name: {
            "file": str(source.path),
            "encoding": source.encoding,
            "separator": source.separator,
            "columns": dict(source.columns),
            "records": tally.all,
            "exact": tally.exact,
            "probable": tally.probable,
            "asked": tally.asked,
            "duplicates": tally.duplicates,
            "only_here": tally.alone,
        }
        for name, source, tally in zip(("left", "right"), sources, found.tallies, strict=True)
    }
    return {
        **sides,
        "links": len(found.links),
        "review": len(found.asks),
        "bounds": {"link": bounds.link, "ask": bounds.ask},
        "written": written,
        "seconds": round(seconds, 3),
    }
