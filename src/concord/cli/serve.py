"""`concord serve`: keep both systems in agreement until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from concord import log, trace
from concord.app import Concord, Parts, opened
from concord.cli.options import ConfigPath, examples
from concord.cli.processes import CONCORD, collect_seldom, kept, parent_gone, run_long
from concord.cli.show import Look
from concord.config import USUAL_PATH, Secrets, Settings, load, secrets
from concord.core.model import Side
from concord.engine import reconcile, sweep
from concord.engine.feeds import Refused
from concord.engine.ports import Feed
from concord.errors import ConfigError
from concord.web.intake import HUBSPOT_PATH, SALESFORCE_PATH
from concord.web.serving import listening, running


def serve(
    config: ConfigPath = USUAL_PATH,
    log_level: Annotated[str, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = "info",
    only: Annotated[
        str,
        typer.Option(metavar="PART", help="intake (take in events, leave the work to others) or work (nothing else)."),
    ] = "",
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes work; the others are started, and kept, by this one.")
    ] = 1,
) -> None:
    """Keep Salesforce and HubSpot in agreement until Ctrl-C or a termination signal.

    Follows what both systems tell by themselves, takes in HubSpot's webhooks and Salesforce's Outbound Messages, asks
    both what changed, and works. Run `concord reconcile` once before: without
    it Concord does not know who is who. What is under way when it is stopped is finished; what is waiting stays in the
    database.

    Any number of processes may work on one database, on any number of machines (CONCORD_DATABASE_URL): start one with
    `--only intake`, or several behind a load balancer, and as many with `--only work` as are wanted. On one machine
    `--processes` does it.
    """
    if only not in ("", "intake", "work"):
        raise ConfigError(f"--only is {only!r}; it is intake or work")
    if only == "intake" and processes > 1:
        raise ConfigError("--only intake does not work, so --processes has no meaning beside it")
    if log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError(f"--log-level is {log_level!r}; it is one of debug, info, warning, error")
    log.start(log_level)
    part = Part(Path(config), log_level, only, processes)
    run_long(_serve(Look.standard(), load(Path(config)), secrets(os.environ), part))


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(
        epilog=examples(
            "concord serve",
            "concord serve --config acme.yaml --log-level debug",
            "concord serve --processes 4",
            "concord serve --only work",
        )
    )(serve)


@dataclass(frozen=True)
class Part:
    """What this process was told to do. only: "intake", "work", or "" for both."""

    config: Path
    log_level: str
    only: str
    processes: int


async def _serve(look: Look, settings: Settings, secret: Secrets, part: Part) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if trace.start(os.environ):
        look.line("traces: sent as OTEL_EXPORTER_OTLP_ENDPOINT says")
    async with opened(settings, secret, Parts(beside=bool(part.only))) as concord:
        if not await reconcile.was_surveyed(concord.scope):
            raise ConfigError(
                "the two systems were not read yet, so nobody is known and people could be created twice. "
                "Run `concord reconcile` first; it shows everything before it writes"
            )
        await sweep.start(concord.scope)
        collect_seldom()
        feeds, refused = ([], []) if part.only == "work" else await concord.followable()
        listener = None if part.only == "work" else listening(settings.web.listen)
        _say(look, concord, secret, feeds, refused, part)
        async with (
            running(concord, secret, listener, feeds, works=part.only != "intake") as works,
            kept(part.processes - 1, _worker(part), concord.conninfo),
        ):
            stopped = [asyncio.create_task(one) for one in (stop.wait(), parent_gone())]
            await asyncio.wait({*stopped, works}, return_when=asyncio.FIRST_COMPLETED)
            for one in stopped:
                one.cancel()
            if works.done():
                works.result()
            concord.end(True)  # before the others are asked to finish, which takes as long as what they are at
            look.line("stopping; what is under way is finished")
    trace.finish()


def _worker(part: Part) -> list[str]:
    """The command line of a process that only works."""
    return [*CONCORD, "serve", "--only", "work", "--config", str(part.config), "--log-level", part.log_level]


def _say(
    look: Look, concord: Concord, secret: Secrets, feeds: Sequence[Feed], refused: Sequence[Refused], part: Part
) -> None:
    settings = concord.settings
    for side in Side:
        account = concord.accounts[side]
        look.line(f"{concord.scope.system(side).name}: {account.name} ({account.id})")
    if part.only == "work":
        look.line("works only; events are taken in by another process")
        return
    if part.only == "intake":
        look.line("takes in events only; another process has to work (concord serve --only work)")
    elif part.processes > 1:
        look.line(f"workers: {part.processes} processes of {settings.sync.workers} batches each")
    if secret.hubspot_client_secret is None:
        look.line("webhooks: none taken (CONCORD_HUBSPOT_CLIENT_SECRET is not set); HubSpot is asked what changed")
    else:
        look.line(f"webhooks: {settings.web.public_url}{HUBSPOT_PATH}")
    for feed in feeds:
        look.line(f"{feed.name}: followed")
    for one in refused:
        look.line(f"{one.feed}: not followed, so that changes are asked for; {one.reason}")
    if secret.salesforce_hook is not None:
        look.line(f"outbound messages: {settings.web.public_url}{SALESFORCE_PATH}/…")
    if concord.warnings.warnings:
        count = len(concord.warnings.warnings)
        look.line(f"notes on the mapping: {count}; `concord reconcile` shows them")
    look.line("in agreement from here on; Ctrl-C stops")
