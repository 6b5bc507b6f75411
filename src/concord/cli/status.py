"""`concord status`: how the running sync is, in one page (SPEC 6.5, 10.9). Opens the database only; changes nothing.

Beside a message that a remote system wrote, which is shown without the values that it quotes, there is nothing of any
person here: it may go to a monitor.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import fill
from typing import Any, Final, TypeAlias

import typer

from concord.app import Inside, looked_into
from concord.cli import quotas
from concord.cli.alerts import untold_words
from concord.cli.options import ConfigPath, Json, PairName, examples
from concord.cli.show import Look, span
from concord.config import USUAL_PATH, Settings, database_url, load
from concord.core.budget import Quota
from concord.core.model import Lane, Side
from concord.engine.feeds import SILENT_AFTER, followed_name, swept_name
from concord.engine.presence import POSITION as PRESENCE
from concord.engine.presence import place_of
from concord.engine.trouble import troubles_in
from concord.store.alerts import Untold
from concord.store.breaker import OpenBreaker
from concord.store.health import Backlog, Cause, Day, Heartbeat, Spread, masked
from concord.store.ledger import LATENCIES_KEPT

#: An opt-out has to be applied within a minute (SPEC 7.1): one that waits for longer is an alarm.
CONSENT_WITHIN: Final = timedelta(seconds=60)
#: Lines of the table of causes; `concord errors` has them all.
_CAUSES: Final = 5
_LABEL: Final = 50
_Spreads: TypeAlias = Mapping[Lane | None, Spread]
_SPANS: Final = (("last hour", timedelta(hours=1)), ("last day", timedelta(days=1)))


@dataclass(frozen=True)
class Seen:
    """All that is shown. now: when it was read."""

    now: datetime
    pair: str
    heartbeat: Heartbeat
    backlog: Backlog
    causes: Sequence[Cause]
    spreads: Mapping[str, _Spreads]
    days: Sequence[Day]
    positions: Mapping[str, str]
    questions: int
    untold: Sequence[Untold] = ()
    breakers: Sequence[OpenBreaker] = ()
    quotas: Sequence[Quota] = ()

    @property
    def troubles(self) -> list[tuple[str, str]]:
        """What needs a person, and the command to type next."""
        found = []
        if not self.heartbeat.alive:
            last = self.heartbeat.last
            since = "" if last is None else f" (the last one was heard of {span(last)} ago)"
            found.append((f"no worker runs, so that nothing is carried out{since}", "concord serve"))
        oldest = self.backlog.lanes[Lane.CONSENT].oldest_at if Lane.CONSENT in self.backlog.lanes else None
        if oldest is not None and self.now - oldest > CONSENT_WITHIN:
            waits = span((self.now - oldest).total_seconds())
            found.append((f"an opt-out has been waiting for {waits}; a minute is the limit", "concord errors"))
        passed_over = {(one.side, one.object): one for one in reversed(troubles_in(self.positions))}  # the oldest each
        for (side, name), trouble in sorted(passed_over.items()):
            ago = span((self.now - trouble.since).total_seconds())
            why = f"changes of {name} in {_system(side)} are not found since {ago} ago: {masked(trouble.why)}"
            found.append((why, "concord doctor"))
        for breaker in self.breakers:
            ago = span((self.now - breaker.since).total_seconds())
            found.append((f"a flood of changes is held since {ago}: {breaker.name}", "concord breaker"))
        dead = sum(lane.dead for lane in self.backlog.lanes.values())
        if dead:
            found.append((f"{dead} {'record waits' if dead == 1 else 'records wait'} for you", "concord errors"))
        found += [(untold_words(one, self.now), "concord alerts") for one in self.untold]
        return found


def status(config: ConfigPath = USUAL_PATH, pair: PairName = None, json: Json = False) -> None:
    """Show how the running sync is: who works, which feeds are followed, what waits, how long changes take, and what
    failed.

    Reads the database only, beside `concord serve` or without it. The exit code is 0 when all is well and 1 when
    something needs a person: records that failed for good, no worker, or an opt-out that waits for over a minute. A
    quota that will not last its day is warned of, and is none of these.
    """
    look = Look.standard(json=json)
    settings = load(Path(config))
    seen = asyncio.run(_read(pair))
    _show(look, settings, seen)
    if json:
        look.document(_document(settings, seen))
    if seen.troubles:
        raise typer.Exit(1)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord status", "concord status --json"))(status)


async def _read(pair: str | None) -> Seen:
    async with looked_into(database_url(os.environ), pair) as inside:
        return await read(inside)


async def read(inside: Inside) -> Seen:
    """Everything that there is to show."""
    store, now = inside.store, inside.clock.now()
    return Seen(
        now=now,
        pair=inside.pair,
        heartbeat=await store.heartbeat(),
        backlog=await store.queued(now),
        causes=await store.causes(now),
        spreads={name: await store.spreads(now - back) for name, back in _SPANS},
        days=await store.days(now, 2),
        positions=await store.positions(),
        questions=await store.questions(),
        untold=await store.alerts.untold(now),
        breakers=await store.open_breakers(),
        quotas=await store.quotas(now),
    )


# --- for people


def _show(look: Look, settings: Settings, seen: Seen) -> None:
    for name, url, account in _accounts(settings, seen.pair):
        look.line(f"{name:<11} {url} ({account})")
    look.line(f"{'workers':<11} {_workers(seen.heartbeat)}")
    for name, words in _listening(seen):
        look.line(f"{name:<11} {words}")
    for words in quotas.lines(settings, seen.quotas, seen.now):
        look.line(f"{'quota':<11} {words}")
    look.line()
    _show_backlog(look, seen)
    for name, spreads in _different(seen.spreads).items():
        _show_spreads(look, name, spreads)
    if seen.causes:
        _show_causes(look, seen.causes)
    for name, day in zip(("today", "yesterday"), seen.days, strict=False):
        look.line(f"{name:<11} {day.written} fields written, {day.conflicts} conflicts")
    if seen.questions:
        look.line(f"{'to decide':<11} {seen.questions} pairs that may be one; next: concord review")
    look.line()
    troubles = seen.troubles
    for words, command in troubles:
        look.line(fill(f"! {words}", 80, subsequent_indent="  ") + f"\n  next: {command}")
    warned = list(quotas.warnings(settings, seen.quotas, seen.now))
    for words in warned:
        look.line(fill(f"~ {words}", 80, subsequent_indent="  "))
    if not troubles and not warned:
        look.line("all is well")


def _accounts(settings: Settings, pair: str) -> list[tuple[str, str, str]]:
    left, _, right = pair.partition(":")
    return [
        ("salesforce", settings.salesforce.url, f"organisation {left}"),
        ("hubspot", settings.hubspot.url, f"account {right}"),
    ]


def _workers(heartbeat: Heartbeat) -> str:
    if heartbeat.last is None:
        return "none"
    if not heartbeat.alive:
        return f"none since {span(heartbeat.last)} ago"
    return f"alive, heard of {span(heartbeat.last)} ago"


def _listening(seen: Seen) -> list[tuple[str, str]]:
    """A line for each feed that was ever followed and each side that was ever swept."""
    lines = []
    for feed, at in _noted(seen, followed_name("")).items():
        age = seen.now - at
        words = "followed" if age < SILENT_AFTER else f"not followed since {span(age.total_seconds())} ago"
        lines.append(("feed", f"{feed}: {words}"))
    for side, at in _noted(seen, swept_name("")).items():
        system = _system(Side(side))
        lines.append(("sweep", f"{system}: asked what changed {span((seen.now - at).total_seconds())} ago"))
    place = place_of(seen.positions.get(PRESENCE))
    if place is not None:
        ago = span((seen.now - datetime.fromisoformat(place.begun)).total_seconds())
        how = "every link was looked at" if place.over else "links are being looked at"
        lines.append(("presence", f"{how}, in a round that began {ago} ago"))
    return lines


def _system(side: Side) -> str:
    return "salesforce" if side is Side.LEFT else "hubspot"


def _noted(seen: Seen, prefix: str) -> dict[str, datetime]:
    """Times that are noted under names of this kind."""
    return {
        name.removeprefix(prefix): datetime.fromisoformat(position)
        for name, position in sorted(seen.positions.items())
        if name.startswith(prefix)
    }


def _show_backlog(look: Look, seen: Seen) -> None:
    lanes = {lane: one for lane, one in sorted(seen.backlog.lanes.items()) if one}
    if not lanes:
        look.line("nothing waits\n")
        return
    columns = ("lane", ">waiting", ">under way", ">tried later", ">dead", ">oldest")
    rows = [
        (
            lane.name.lower(),
            one.waiting,
            one.claimed,
            one.later,
            one.dead,
            "" if one.oldest_at is None else span((seen.now - one.oldest_at).total_seconds()),
        )
        for lane, one in lanes.items()
    ]
    look.table(columns, rows, title="Backlog: records, and how long the oldest waits")
    look.line()


def _different(spreads: Mapping[str, _Spreads]) -> dict[str, _Spreads]:
    """Without a span in which nothing more was applied than in the one before it."""
    found: dict[str, _Spreads] = {}
    for name, one in spreads.items():
        if found and one == list(found.values())[-1]:
            name = f"{found.popitem()[0]} and {name}"
        found[name] = one
    return found


def _show_spreads(look: Look, name: str, spreads: _Spreads) -> None:
    if not spreads:
        look.line(f"no change was applied in the {name}\n")
        return
    rows = [
        ("all" if lane is None else lane.name.lower(), one.count, *map(_seconds, (one.p50, one.p90, one.p99, one.most)))
        for lane, one in spreads.items()
        if lane is not None or len(spreads) > 2
    ]
    look.table(
        ("lane", ">applied", ">half within", ">90 %", ">99 %", ">slowest"),
        rows,
        title=f"From change to write, {name}",
    )
    if spreads[None].count >= LATENCIES_KEPT:
        look.line(f"of the newest {LATENCIES_KEPT} only, since {spreads[None].since:%Y-%m-%d %H:%M} UTC")
    look.line()


def _show_causes(look: Look, causes: Sequence[Cause]) -> None:
    look.table(
        ("cause", "what failed", ">dead", ">again"),
        [(cause.number, _short(cause), cause.dead, cause.later) for cause in causes[:_CAUSES]],
        title="Failures by cause",
    )
    if len(causes) > _CAUSES:
        look.line(f"and {len(causes) - _CAUSES} more; all of them: concord errors")
    look.line()


def _short(cause: Cause) -> str:
    """The cause in less than half a line."""
    text = f"{cause.category.value}: {cause.system} {cause.object} {', '.join(cause.fields)}".rstrip()
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else span(value) if value >= 60 else f"{value:.1f} s"


# --- for machines


def _round(seen: Seen) -> dict[str, Any] | None:
    """How far the round over all links is; None before the first."""
    place = place_of(seen.positions.get(PRESENCE))
    return None if place is None else {"began": datetime.fromisoformat(place.begun), "over": place.over}


def _document(settings: Settings, seen: Seen) -> dict[str, Any]:
    """The same for a machine. All ages and spreads in seconds; instants in ISO 8601."""
    accounts = {
        name: {"url": url, "account": account.split()[-1]} for name, url, account in _accounts(settings, seen.pair)
    }
    return {
        "well": not seen.troubles,
        "needs": [{"what": words, "next": command} for words, command in seen.troubles],
        "at": seen.now,
        "pair": seen.pair,
        **accounts,
        "workers": {"alive": seen.heartbeat.alive > 0, "heard_of_seconds_ago": seen.heartbeat.last},
        "feeds": {
            feed: {"followed": seen.now - at < SILENT_AFTER, "at": at}
            for feed, at in _noted(seen, followed_name("")).items()
        },
        "swept": {_system(Side(side)): at for side, at in _noted(seen, swept_name("")).items()},
        "presence": _round(seen),
        "passed_over": [
            {
                "system": _system(one.side),
                "object": one.object,
                "chore": one.chore.split(":")[0],
                "since": one.since,
                "why": masked(one.why),
            }
            for one in troubles_in(seen.positions)
        ],
        "backlog": {
            lane.name.lower(): {
                "waiting": one.waiting,
                "claimed": one.claimed,
                "later": one.later,
                "dead": one.dead,
                "oldest_seconds": None if one.oldest_at is None else (seen.now - one.oldest_at).total_seconds(),
            }
            for lane, one in seen.backlog.lanes.items()
        },
        "latency": {
            name.replace(" ", "_"): {
                "all" if lane is None else lane.name.lower(): {
                    "applied": one.count,
                    "p50": one.p50,
                    "p90": one.p90,
                    "p99": one.p99,
                    "max": one.most,
                    "since": one.since,
                }
                for lane, one in spreads.items()
            }
            for name, spreads in seen.spreads.items()
        },
        "failures": [
            {
                "cause": cause.number,
                "category": cause.category.value,
                "code": cause.code,
                "system": cause.system,
                "object": cause.object,
                "fields": list(cause.fields),
                "dead": cause.dead,
                "later": cause.later,
                "since": cause.since,
                "last_hour": cause.recent,
                "message": masked(cause.message),
                "advice": cause.advice,
            }
            for cause in seen.causes
        ],
        "days": [{"day": day.day, "written": day.written, "conflicts": day.conflicts} for day in seen.days],
        "to_decide": seen.questions,
        "quotas": quotas.documents(settings, seen.quotas, seen.now),
        "warnings": list(quotas.warnings(settings, seen.quotas, seen.now)),
        "breakers": [{"name": one.name, "since": one.since, "reason": one.reason} for one in seen.breakers],
    }
