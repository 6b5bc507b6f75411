"""`concord init`: write the configuration that a new installation starts from (SPEC 2.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concord.cli.options import examples
from concord.cli.show import Look
from concord.config import USUAL_PATH, starting_text
from concord.errors import ConfigError


def init(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help="Where to write it.")] = USUAL_PATH,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a configuration to start from, with every setting explained. An existing file is left as it is."""
    if output.is_dir():
        raise ConfigError(f"{output} cannot be written: it is a folder. Name a file in it")
    if output.exists() and not force:
        raise ConfigError(f"{output} exists already and was left as it is. Name another with --output, or add --force")
    try:
        _write(output, starting_text(), replace=force)
    except FileExistsError as fault:
        raise ConfigError(f"{output} exists already and was left as it is") from fault
    except OSError as fault:
        raise ConfigError(f"{output} cannot be written: {fault.strerror}") from fault
    look = Look.standard()
    look.line(f"{output} is written. Put your Salesforce address into it, then: concord config check --config {output}")


def _write(output: Path, text: str, *, replace: bool) -> None:
    """Raises FileExistsError rather than replace unasked, even a file that appeared a moment ago; when it replaces, a
    full disk leaves the old one."""
    if not replace:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
        return
    written = output.with_name(f".{output.name}.new")
    try:
        written.write_text(text, encoding="utf-8")
        written.replace(output)
    finally:
        written.unlink(missing_ok=True)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord init", "concord init --output acme.yaml"))(init)
