"""Options that several commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ConfigPath: TypeAlias = Annotated[Path, typer.Option("--config", "-c", metavar="PATH", help="The configuration file.")]
PairName: TypeAlias = Annotated[
    str | None,
    typer.Option("--pair", metavar="ORGANISATION:ACCOUNT", help="Which two accounts, if the database has several."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One line of JSON instead of text.")]


def examples(*lines: str) -> str:
    """The end of a command's help. Every command has at least one example (SPEC 10.1)."""
    return "\n\n".join(["Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])
