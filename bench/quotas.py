"""Whether two processes keep HubSpot's limits together: `python bench/quotas.py`.

The HubSpot sandbox with its burst limit on (190 calls in ten seconds for the app), and two processes of this program,
each with a client of its own that calls as fast as it gets turns, all through one PostgreSQL. Prints how many calls
were refused (429), which part of the allowed rate was used, and how long an opt-out's call took behind hundreds of
back-fill calls that wait. Exit code 1 when a call was refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from concord.app import RealClock
from concord.cli.trial import trial
from concord.core.model import Errand, Lane
from concord.store.budget import Budget
from concord.store.embedded import EmbeddedPostgres
from concord.store.migrate import migrate
from concord.systems.hubspot import HubSpot

#: Calls of back-fill that wait at any time in each process.
BEHIND = 500
#: What HubSpot allows in ten seconds, and the part of it that is ours to use.
BURST, PART = 190, 0.9


async def child(url: str, token: str, conninfo: str, seconds: float) -> None:
    """Call as fast as there are turns; prints the waits of the opt-outs' calls."""
    hubspot = HubSpot(url, token, clock=RealClock(), share=random.random)
    ends, waits = time.monotonic() + seconds, []

    async def hammer(errand: Errand) -> None:
        system = hubspot.on(errand)
        while time.monotonic() < ends:
            await system.account()

    async with Budget.open(conninfo) as budget:
        await hubspot.share_limits(budget, "1")
        tasks = [asyncio.create_task(hammer(Errand(Lane.BACKFILL))) for _ in range(BEHIND)]
        urgent = hubspot.on(Errand(Lane.CONSENT))
        while time.monotonic() < ends - 2:
            await asyncio.sleep(1.3)
            began = time.monotonic()
            await urgent.account()
            waits.append(time.monotonic() - began)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps({"waits": waits, "retries": hubspot.retries(), "cpu": time.process_time()}), flush=True)
    await hubspot.close()


async def parent(seconds: float) -> int:
    with TemporaryDirectory(prefix="concord-bench-quotas-") as name:
        folder = Path(name)
        server = EmbeddedPostgres(folder / "data")
        conninfo = await server.start()
        await migrate(conninfo)
        try:
            async with trial("bench:20", 1, folder) as sandboxes:
                secrets, control = sandboxes.secrets(), sandboxes.hubspot
                before = await control.calls()
                arguments = [control.url, secrets.hubspot_token or "", conninfo, str(seconds)]
                children = [
                    await asyncio.create_subprocess_exec(
                        sys.executable, __file__, "--child", *arguments, stdout=asyncio.subprocess.PIPE
                    )
                    for _ in range(2)
                ]
                told = [json.loads((await one.communicate())[0]) for one in children]
                summary = await control.call("GET", "journal?summary=1")
        finally:
            await server.remove()
    made, refused = summary["calls"] - before, summary["by_status"].get("429", 0)
    allowed = BURST * seconds / 10
    waits = sorted(wait for one in told for wait in one["waits"])
    print(f"{made} calls in {seconds:.0f} s by two processes, {refused} refused")
    print(f"{made / allowed:.0%} of HubSpot's limit, {made / (allowed * PART):.0%} of our part of it ({PART:.0%})")
    print(f"opt-outs behind {2 * BEHIND} waiting calls: {len(waits)}, slowest {waits[-1] * 1000:.0f} ms")
    cpu = sum(one["cpu"] for one in told)
    print(f"{cpu / made * 1000:.1f} ms of processor time a call in the two processes")
    return 1 if refused else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=32.0)
    parser.add_argument("--child", nargs=4, metavar=("URL", "TOKEN", "CONNINFO", "SECONDS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        asyncio.run(child(given.child[0], given.child[1], given.child[2], float(given.child[3])))
    else:
        sys.exit(asyncio.run(parent(given.seconds)))
