"""`concord serve`: keep both systems in agreement until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from concord import log
from concord.app import Concord, opened
from concord.cli.options import ConfigPath, examples
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
) -> None:
    """Keep Salesforce and HubSpot in agreement until Ctrl-C or a termination signal.

    Follows what both systems tell by themselves, takes in HubSpot's webhooks and Salesforce's Outbound Messages, asks
    both what changed, and works. Run `concord reconcile` once before: without
    it Concord does not know who is who. What is under way when it is stopped is finished; what is waiting stays in the
    database.
    """
    if log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError(f"--log-level is {log_level!r}; it is one of debug, info, warning, error")
    log.start(log_level)
    asyncio.run(_serve(Look.standard(), load(Path(config)), secrets(os.environ)))


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord serve", "concord serve --config acme.yaml --log-level debug"))(serve)


async def _serve(look: Look, settings: Settings, secret: Secrets) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with opened(settings, secret) as concord:
        if not await reconcile.was_surveyed(concord.scope):
            raise ConfigError(
                "the two systems were not read yet, so nobody is known and people could be created twice. "
                "Run `concord reconcile` first; it shows everything before it writes"
            )
        await sweep.start(concord.scope)
        feeds, refused = await concord.followable()
        listener = listening(settings.web.listen)
        _say(look, concord, secret, feeds, refused)
        async with running(concord, secret, listener, feeds) as works:
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({stopped, works}, return_when=asyncio.FIRST_COMPLETED)
            if works.done():
                works.result()
            look.line("stopping; what is under way is finished")


def _say(look: Look, concord: Concord, secret: Secrets, feeds: Sequence[Feed], refused: Sequence[Refused]) -> None:
    settings = concord.settings
    for side in Side:
        account = concord.accounts[side]
        look.line(f"{concord.scope.system(side).name}: {account.name} ({account.id})")
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
