"""`concord review`: the pairs that wait for a person, and the person's answer (SPEC 4.3, 4.7)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from concord.app import Concord, Parts, opened
from concord.cli.options import ConfigPath, Json, examples
from concord.cli.show import Look
from concord.config import USUAL_PATH, Settings, load, secrets
from concord.core.model import Lane, Notice, Review
from concord.errors import ConfigError

_Pair = tuple[str, str]


def review(
    config: ConfigPath = USUAL_PATH,
    link: Annotated[
        _Pair | None, typer.Option("--link", metavar="SALESFORCE_ID HUBSPOT_ID", help="These two are one person.")
    ] = None,
    apart: Annotated[
        _Pair | None, typer.Option("--apart", metavar="SALESFORCE_ID HUBSPOT_ID", help="They are two; never ask again.")
    ] = None,
    json: Json = False,
) -> None:
    """List the pairs that wait for a person, best score first, with the evidence; or answer one of them.

    An answer is carried out at once: linked records are brought into agreement, and of two people each gets a partner
    of its own. "Apart" is remembered for ever. `concord serve` may go on beside it.
    """
    if link is not None and apart is not None:
        raise ConfigError("--link and --apart at once; answer one pair at a time")
    look = Look.standard(json=json)
    result = asyncio.run(_review(look, load(Path(config)), link, apart))
    if json:
        look.document(result)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(
        epilog=examples(
            "concord review", "concord review --link 00QQy000000d4QmMAI 28413913983", "concord review --json"
        )
    )(review)


async def _review(look: Look, settings: Settings, link: _Pair | None, apart: _Pair | None) -> dict[str, Any]:
    async with opened(settings, secrets(os.environ), Parts(beside=True)) as concord:
        reviews = await concord.store.open_reviews(limit=10_000)
        answered = link or apart
        if answered is not None:
            await _answer(concord, reviews, answered, "linked" if link else "apart")
            look.line(f"{answered[0]} and {answered[1]} are {'one' if link else 'two'}; carried out")
            reviews = await concord.store.open_reviews(limit=10_000)
        else:
            _show(look, reviews)
        return {
            "open": [
                {
                    "salesforce": [one.left.object, one.left.id],
                    "hubspot": [one.right.object, one.right.id],
                    "score": one.score,
                    "evidence": list(one.evidence),
                }
                for one in reviews
            ]
        }


async def _answer(concord: Concord, reviews: Sequence[Review], pair: _Pair, state: str) -> None:
    found = next((one for one in reviews if (one.left.id, one.right.id) == pair), None)
    if found is None:
        raise ConfigError(f"no open question about {pair[0]} and {pair[1]}; `concord review` lists them")
    now = concord.scope.clock.now()
    await concord.store.decide([replace(found, state=state)], now)
    notices = [Notice(ref, Lane.PEOPLE, now, "review") for ref in (found.left, found.right)]
    await concord.store.take_in(notices)
    await concord.drain()


def _show(look: Look, reviews: Sequence[Review]) -> None:
    for one in reviews:
        look.line(
            f"{one.score:5.1f}  salesforce {one.left.object} {one.left.id}  hubspot {one.right.object} {one.right.id}"
        )
        for line in one.evidence:
            look.line(f"         {line}")
    look.line(f"\n{len(reviews)} pairs wait. Answer with --link or --apart and the two ids")
