"""The console script `concord`: the root command, and the one place where an error becomes a message and an exit code.

Exit codes: 0 done; 1 it failed; 2 the configuration or the command line is wrong and nothing was started or written;
130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version as installed_version
from typing import Annotated, Final

import typer

from concord.cli.options import examples
from concord.cli.show import Look
from concord.errors import ConcordError, ConfigError

#: Every command is a module here with `add_to`, of its own name; this is the order in which `--help` lists them.
_COMMANDS: Final = (
    "demo",
    "init",
    "config",
    "doctor",
    "match",
    "reconcile",
    "review",
    "serve",
    "status",
    "alerts",
    "failures",
    "breaker",
    "sandbox",
    "bench",
)


def _version(wanted: bool) -> None:
    if wanted:
        Look.standard().line(f"concord {installed_version('concord')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Concord keeps Salesforce and HubSpot in agreement, field by field, by rules anyone can read."""


def application(called: str = "") -> typer.Typer:
    """The root with every command, made anew for each call: nothing is shared. called: the command that is asked for;
    where it is one of these, the others are not loaded, which would take a second."""
    root = typer.Typer(
        no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False, add_completion=False
    )
    root.callback(epilog=examples("concord init", "concord config check"))(_root)
    for name in (called,) if called in _COMMANDS else _COMMANDS:
        import_module(f"concord.cli.{name}").add_to(root)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` in place of the process's own. The exit code, where Typer does not exit itself.

    A ConcordError becomes its message on standard error, without a traceback; anything else is a fault of ours and
    keeps its traceback.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        application(given[0] if given else "")(args=given, prog_name="concord")
    except ConcordError as error:
        Look.standard().error(f"concord: {error}")
        return 2 if isinstance(error, ConfigError) else 1
    return 0
