"""A process that only takes in, as `concord serve --only intake` does: the real server on a real socket, with both
sandboxes in the process itself. `python -m tests.web.intake_process DATABASE SECONDS` says in one line of JSON where it
is, and ends with its standard input. SECONDS: how long a request may take to arrive."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from datetime import timedelta

import httpx
from tests.stories.stage import stage

from concord import log
from concord.app import Parts, opened
from concord.core.model import Side
from concord.web import serving
from concord.web.patience import Patient

#: The secret part of the address for Outbound Messages.
HOOK = "a-hook-that-nobody-can-guess"


async def run(database: str, seconds: float) -> None:
    Patient.patience = timedelta(seconds=seconds)
    play = stage(database)
    play.clock.seconds = time.time()  # the sandboxes' and Concord's clocks agree
    listener = serving.listening("127.0.0.1:0")
    url = "http://{}:{}".format(*listener.getsockname()[:2])
    settings = replace(play.settings, web=replace(play.settings.web, public_url=url))
    secrets = replace(play.secrets, salesforce_hook=HOOK)
    parts = Parts(
        salesforce_transport=httpx.ASGITransport(app=play.salesforce),
        hubspot_transport=httpx.ASGITransport(app=play.hubspot),
        run="fuzzed",
    )
    async with (
        opened(settings, secrets, parts) as concord,
        serving.taking_in(concord, secrets, listener),
    ):
        told = {
            "url": url,
            "pid": os.getpid(),
            "secret": secrets.hubspot_client_secret,
            "organisation": concord.accounts[Side.LEFT].id,
            "portal": concord.accounts[Side.RIGHT].id,
        }
        print(json.dumps(told), flush=True)  # noqa: T201 - how the test learns of it
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    log.start("info")
    asyncio.run(run(sys.argv[1], float(sys.argv[2])))
