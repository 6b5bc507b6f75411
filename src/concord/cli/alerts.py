"""`concord alerts`: what administrators are told, as it stands now; and a test of whom it reaches (SPEC 9.7).

Opens the database only, or, for the test, only the targets. Nothing of any person is here: it may go to a monitor.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from concord.app import Inside, Parts, alert_targets, looked_into
from concord.cli.options import ConfigPath, Json, PairName, examples
from concord.cli.show import Look, span
from concord.config import USUAL_PATH, Settings, alert_secrets, database_url, load
from concord.core.alerts import Alert, Condition, State, Telling, standing
from concord.engine.alerts import facts_of
from concord.errors import ConcordError, ConfigError
from concord.store.alerts import Over, Untold

#: How far back it is shown what is over.
_LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Seen:
    """All that is shown. told: the alerts that stand by their condition's name."""

    now: datetime
    pair: str
    stands: Sequence[Condition]
    told: Mapping[str, Alert]
    over: Sequence[Over]
    untold: Sequence[Untold]


def alerts(
    test: Annotated[str | None, typer.Argument(metavar="[test]", help="Send a test alert to every target.")] = None,
    config: ConfigPath = USUAL_PATH,
    pair: PairName = None,
    json: Json = False,
) -> None:
    """Show what needs a person: every condition that stands, since when, and what to do; what is over since yesterday;
    and messages that did not arrive. `concord alerts test` sends a test alert to every target.

    Looks at the database only, beside `concord serve` or without it; docs/alerts.md says what is told and to whom. The
    exit code is 0 when nothing stands (of the test: when all targets took it), else 1.
    """
    if test not in (None, "test"):
        raise ConfigError(f"`concord alerts {test}` is nothing; it is `concord alerts` or `concord alerts test`")
    look, settings = Look.standard(json=json), load(Path(config))
    if test is not None:
        document, good = asyncio.run(_test(look, settings))
    else:
        seen = asyncio.run(_read(settings, pair))
        _show(look, seen)
        document, good = _document(seen), not seen.stands and not seen.untold
    if json:
        look.document(document)
    if not good:
        raise typer.Exit(1)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord alerts", "concord alerts --json", "concord alerts test"))(alerts)


# --- what stands


async def _read(settings: Settings, pair: str | None) -> Seen:
    async with looked_into(database_url(os.environ), pair) as inside:
        return await read(inside, settings)


async def read(inside: Inside, settings: Settings) -> Seen:
    """Everything that there is to show, judged now."""
    book, now = inside.store.alerts, inside.clock.now()
    told = {one.condition.name: one for one in await book.standing()}
    facts = await facts_of(book, now, dict.fromkeys(_feeds(settings)), inside.store.open_breakers)
    return Seen(
        now=now,
        pair=inside.pair,
        stands=standing(facts, settings.alerts.judged_by(), told),
        told=told,
        over=await book.over(now - _LATELY),
        untold=await book.untold(now),
    )


def _feeds(settings: Settings) -> list[str]:
    """The feeds that the configuration does not rule out; one that was never followed is not missed here."""
    found = {"salesforce change events": settings.salesforce.events, "hubspot journal": settings.hubspot.events}
    return [name for name, events in found.items() if events != "off"]


def _show(look: Look, seen: Seen) -> None:
    for one in seen.stands:
        told = seen.told.get(one.name)
        since = one.since if told is None else told.condition.since
        look.line(f"! {one.words}\n  since {_moment(since)} ({span((seen.now - since).total_seconds())}): {one.name}")
        look.line(f"  {one.advice}")
    if not seen.stands:
        look.line("nothing needs a person")
    if seen.over:
        look.line("\nover since yesterday:")
        for ended in seen.over:
            lasted = span((ended.mended_at - ended.condition.since).total_seconds())
            look.line(f"  {_moment(ended.mended_at)}, after {lasted}: {ended.condition.words}")
    for missing in seen.untold:
        look.line(f"! {untold_words(missing, seen.now)}\n  {missing.error}")


def untold_words(one: Untold, now: datetime) -> str:
    """Messages that did not arrive, in a line."""
    many = "1 alert" if one.count == 1 else f"{one.count} alerts"
    if one.next_at is None:
        return f"{many} to {one.target} did not arrive and {'was' if one.count == 1 else 'were'} given up"
    wait = span((one.next_at - now).total_seconds())
    tries = "1 try" if one.attempts == 1 else f"{one.attempts} tries"
    return f"{many} to {one.target} did not arrive, after {tries}; the next in {wait}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _document(seen: Seen) -> dict[str, Any]:
    """The same for a machine; instants in ISO 8601."""
    return {
        "at": seen.now,
        "pair": seen.pair,
        "standing": [
            {
                "condition": one.name,
                "since": one.since if one.name not in seen.told else seen.told[one.name].condition.since,
                "told_at": None if one.name not in seen.told else seen.told[one.name].told_at,
                "count": one.count,
                "words": one.words,
                "advice": one.advice,
            }
            for one in seen.stands
        ],
        "over": [
            {
                "condition": ended.condition.name,
                "since": ended.condition.since,
                "mended_at": ended.mended_at,
                "words": ended.condition.words,
            }
            for ended in seen.over
        ],
        "not_arrived": [
            {
                "target": missing.target,
                "count": missing.count,
                "since": missing.since,
                "attempts": missing.attempts,
                "next_at": missing.next_at,
                "error": missing.error,
            }
            for missing in seen.untold
        ],
    }


# --- the test


async def _test(look: Look, settings: Settings) -> tuple[dict[str, Any], bool]:
    """Every target is tried, whatever comes of the others."""
    parts = Parts()
    targets = alert_targets(settings, alert_secrets(os.environ), parts)
    if not targets:
        raise ConfigError(
            "there is nobody to tell: set alerts.webhook or alerts.mail in the configuration, or the environment "
            "variable CONCORD_ALERT_SLACK_URL"
        )
    now, results = parts.clock.now(), dict[str, str]()
    condition = Condition("test", now, "this is a test: alerts of Concord arrive here", "Nothing needs to be done.")
    telling = Telling(f"test.{int(now.timestamp())}", 0, State.TEST, now, "test", condition)
    for name, target in targets.items():
        try:
            remark = await target.tell(telling)
            results[name] = remark
            look.line(f"{name:<8} told{f'; {remark}' if remark else ''}")
        except ConcordError as error:
            results[name] = str(error)
            look.line(f"{name:<8} not told: {error}")
        finally:
            await target.close()
    good = not any(results.values())
    return {"targets": [{"target": name, "error": error or None} for name, error in results.items()]}, good
