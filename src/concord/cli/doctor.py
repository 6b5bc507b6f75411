"""`concord doctor`: what works, what does not, and what to do about it (SPEC 10.1, 11.2). Changes nothing.

Shows what `checkup.examined` found; nothing here judges.
"""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import typer

from concord.checkup import Hooks, examined
from concord.cli.options import ConfigPath, Json, examples
from concord.cli.show import Look
from concord.config import USUAL_PATH
from concord.core.checks import Check, State, arranged, worst
from concord.web.intake import HUBSPOT_PATH, SALESFORCE_PATH

EXIT_CODES: Final = {State.OK: 0, State.UNKNOWN: 0, State.WARN: 1, State.FAIL: 2}
_WIDTHS: Final = (60, 110)


def doctor(config: ConfigPath = USUAL_PATH, json: Json = False) -> None:
    """Look at the whole installation: the configuration, both accounts and what Concord may do there, quotas, the
    sources of events, the mapping against both schemas, and the database. Says for each thing that is wrong what to do.

    Works whatever is broken, and changes nothing. The exit code is 0 when nothing is wrong (things that cannot be found
    out do not count), 1 when there are warnings only, and 2 when something fails.
    """
    look = Look.standard(json=json)
    hooks = Hooks(SALESFORCE_PATH, HUBSPOT_PATH)
    checks = arranged(asyncio.run(examined(Path(config), os.environ, hooks)))
    show(look, checks)
    if json:
        look.document(document(checks))
    code = EXIT_CODES[worst(checks)]
    if code:
        raise typer.Exit(code)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord doctor", "concord doctor --json"))(doctor)


def show(look: Look, checks: Sequence[Check]) -> None:
    """Every check on a line, with its advice below; those that were not asked, together on one."""
    width = max((len(one.name) for one in checks if one.asked), default=0)
    for section, group in groupby(checks, key=lambda one: one.section):
        look.line(section)
        found = list(group)
        for one in found:
            if one.asked:
                _line(look, one.state.value, one.name, one.words, width)
                if one.advice and one.state is not State.OK:
                    _line(look, "", "", f"-> {one.advice}", width)
        silent = [one for one in found if not one.asked]
        if silent:
            names = ", ".join(one.name for one in silent)
            _line(look, State.UNKNOWN.value, f"{len(silent)} more", f"{silent[0].words}: {names}", width)
        look.line()
    counts = [(state, sum(one.state is state for one in checks)) for state in State]
    look.line(", ".join(f"{count} {state.value}" for state, count in counts if count))


def _line(look: Look, state: str, name: str, words: str, width: int) -> None:
    """One check; folded under its words on a terminal, and in a pipe on one line."""
    head = f"  {state:<7}  {name:<{width}}  "
    if not look.people.is_terminal:
        look.line(head + words)
        return
    room = min(max(look.people.width - len(head), _WIDTHS[0]), _WIDTHS[1])
    lines = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False) or [""]
    look.line(head + f"\n{' ' * len(head)}".join(lines))


def document(checks: Sequence[Check]) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "state": worst(checks).value,
        "counts": {state.value: sum(one.state is state for one in checks) for state in State},
        "checks": [
            {
                "section": one.section,
                "name": one.name,
                "state": one.state.value,
                "words": one.words,
                "advice": one.advice,
                "asked": one.asked,
                "tells_within_seconds": one.tells_within,
            }
            for one in checks
        ],
    }
