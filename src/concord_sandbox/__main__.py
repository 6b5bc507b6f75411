"""`python -m concord_sandbox`: reads the arguments, starts the services, and says in one sentence what is wrong."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from concord_sandbox.server import SERVICES, serve, set_up_logging
from concord_sandbox.service import ControlError
from concord_sandbox.world import load_world
from concord_sandbox.worlds import BUILT_IN, OF_ANY_SIZE
from concord_sandbox.worlds.rows import as_json


def _of_any_size() -> str:
    names = ", ".join(OF_ANY_SIZE)
    return f"{names} of any size: {next(iter(OF_ANY_SIZE))}:500"


_EXAMPLE = "python -m concord_sandbox --salesforce 8301 --hubspot 8302"
_EPILOGUE = f"""\
built-in worlds: {", ".join(BUILT_IN)}
  {_of_any_size()}

examples:
  {_EXAMPLE} --world agency --seed 7
  {_EXAMPLE} --pubsub 8303 --world bench:500
  python -m concord_sandbox --world agency --save mine.json
  {_EXAMPLE} --world mine.json

When all services are ready, one line of JSON on stdout names each one's url and credentials. They run until
interrupted (Ctrl-C) or terminated; everything is in memory. Then, from another terminal:

  curl http://127.0.0.1:8301/_control/                     what can be controlled: clock, faults, records, …
  curl http://127.0.0.1:8301/_control/whole > mine.json    the world as it stands, for --world mine.json

Exit codes: 0 when interrupted or terminated, or the world was saved; 2 when something asked for cannot be had (one
sentence on stderr says what). docs/sandbox.md is the guide.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the usage text; exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 (any free one) to 65535")
    return int(text)


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m concord_sandbox",
        description="Salesforce, HubSpot and Notion on 127.0.0.1, for trying and testing without an account.",
        epilog=_EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in SERVICES:
        parser.add_argument(f"--{name}", type=_port, metavar="PORT", help=f"serve {name} there (0: any free port)")
    parser.add_argument(
        "--pubsub",
        type=_port,
        metavar="PORT",
        help="serve Salesforce's Pub/Sub API (gRPC) there, and with TLS beside it",
    )
    parser.add_argument(
        "--pubsub-tls", type=_port, metavar="PORT", help="serve the Pub/Sub API with TLS there, and without beside it"
    )
    parser.add_argument("--world", default="agency", metavar="NAME|NAME:N|FILE", help="what they start from (agency)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="makes a built-in world anew (1)")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="write the world, with what only its maker knows, to FILE and end"
    )
    parser.add_argument(
        "--log-level",
        default="warning",
        choices=("critical", "error", "warning", "info", "debug"),
        help="how much to log on stderr (warning)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; the exit code: 0 when stopped by one, 2 when something asked for cannot be had."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.save is not None:
        return _save(parser, asked)
    ports = {name: port for name in SERVICES if (port := getattr(asked, name)) is not None}
    if not ports:
        parser.error(
            "no service asked for: give at least one of --salesforce PORT, --hubspot PORT, --notion PORT, as in "
            f"`{_EXAMPLE}`"
        )
    pubsub = None
    if asked.pubsub is not None or asked.pubsub_tls is not None:
        if "salesforce" not in ports:
            parser.error("the Pub/Sub API is a part of Salesforce: --pubsub PORT needs --salesforce PORT")
        pubsub = asked.pubsub or 0, asked.pubsub_tls or 0
    set_up_logging(asked.log_level)
    try:
        asyncio.run(serve(lambda: load_world(asked.world, asked.seed), ports, asked.log_level, pubsub))
    except ControlError as error:
        parser.error(str(error))
    return 0


def _save(parser: _Parser, asked: argparse.Namespace) -> int:
    """Write the world to a file; 2 when it cannot be had or written."""
    try:
        world = load_world(asked.world, asked.seed)
        asked.save.write_text(as_json(world), encoding="utf-8")
    except (ControlError, OSError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
