"""`concord reconcile`: read both systems, show who is in both and what would be written, and on request do it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from concord.app import opened
from concord.cli.options import ConfigPath, Json, examples
from concord.cli.overlap import overlap, progress_on, show_overlap, show_preview
from concord.cli.show import Look
from concord.config import USUAL_PATH, Settings, load, secrets
from concord.engine.reconcile import bring_together, preview, survey
from concord.engine.sync import run_batch


def reconcile(
    config: ConfigPath = USUAL_PATH,
    apply: Annotated[bool, typer.Option("--apply", help="Carry the plan out.")] = False,
    json: Json = False,
) -> None:
    """Read both systems whole, find who is who, and show the overlap and the plan. Writes nothing without --apply.

    With --apply both are brought to one base state. It can be interrupted and started again at any time: what is done
    is not done twice. Run it once before `concord serve`.
    """
    look = Look.standard(json=json)
    result = asyncio.run(_reconcile(look, load(Path(config)), apply=apply))
    if json:
        look.document(result)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord reconcile", "concord reconcile --apply"))(reconcile)


async def _reconcile(look: Look, settings: Settings, *, apply: bool) -> dict[str, Any]:
    async with opened(settings, secrets(os.environ)) as concord:
        with progress_on(look) as progress:
            censuses = await survey(concord.scope, progress)
            planned = await preview(concord.scope, censuses, progress)
        for note in concord.warnings.warnings:
            place = f"{concord.settings.file}:{note.at.line}" if note.at else concord.settings.file
            look.line(f"note: {place} {note.path}: {note.text}" + (f"; {note.advice}" if note.advice else ""))
        look.line()
        show_overlap(look, censuses)
        show_preview(look, planned)
        handled = 0
        if apply:

            async def batch() -> int:
                one = await run_batch(concord.scope)
                return len(one.works) if one else 0

            with progress_on(look) as progress:
                handled = await bring_together(concord.scope, censuses, progress, batch)
            backlog = await concord.store.backlog()
            look.line(
                f"\n{handled} records went down the line; {backlog['dead']} wait for you, {concord.calls()} calls"
            )
            if beside := (await concord.store.counts()).duplicates:
                look.line(f"{beside} records stand beside another one of their system: concord review duplicates")
        else:
            look.line("\nNothing was written. To carry this out: concord reconcile --apply")
        return {
            "applied": apply,
            "overlap": {census.pair.name: overlap(census) for census in censuses},
            "writes": dict(planned.writes),
            "creates": dict(planned.creates),
            "decisions": dict(planned.rules),
            "records_handled": handled,
            "backlog": dict(await concord.store.backlog()),
        }
