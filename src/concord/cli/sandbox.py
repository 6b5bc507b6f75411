"""`concord sandbox`: start the sandboxes of Salesforce, HubSpot and Notion.

The product and the sandbox share nothing and may not import each other, so this process becomes
`python -m concord_sandbox`: same terminal, same signals, same exit code, because it is the same process.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from concord.cli.options import examples

_MODULE = "concord_sandbox"


def _port(system: str) -> Any:
    return typer.Option(metavar="PORT", min=0, max=65_535, help=f"Serve {system} there; 0: any free port.")


def sandbox(
    salesforce: Annotated[int | None, _port("Salesforce")] = None,
    hubspot: Annotated[int | None, _port("HubSpot")] = None,
    notion: Annotated[int | None, _port("Notion")] = None,
    pubsub: Annotated[int | None, _port("Salesforce's Pub/Sub API, without TLS,")] = None,
    pubsub_tls: Annotated[int | None, _port("Salesforce's Pub/Sub API, with TLS,")] = None,
    world: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="The world they start from.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Makes a built-in world anew.")] = None,
    log_level: Annotated[str | None, typer.Option(metavar="LEVEL", help="How much to log on standard error.")] = None,
) -> None:
    """Start Salesforce, HubSpot and Notion on this machine, for trying and testing without an account.

    When they are ready, one line of JSON says where they are and how to sign in. They run until Ctrl-C. What is not
    given is as in `python -m concord_sandbox --help`.
    """
    named = {
        "--salesforce": salesforce,
        "--hubspot": hubspot,
        "--notion": notion,
        "--pubsub": pubsub,
        "--pubsub-tls": pubsub_tls,
        "--world": world,
        "--seed": seed,
        "--log-level": log_level,
    }
    options = [part for name, value in named.items() if value is not None for part in (name, str(value))]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", _MODULE, *options])  # noqa: S606 - a fixed program, no shell meant


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord sandbox --salesforce 8301 --hubspot 8302 --world agency"))(sandbox)
