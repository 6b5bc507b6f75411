"""`concord errors` and `concord retry`: what failed, by cause, with the values that were refused; and trying it again
after the cause is gone (SPEC 9.1, 9.2, 9.5). Open the database only.

The one place that shows refused values and messages as they are, record by record, because whoever mends a cause has to
see them. The list of causes has no values, and messages without the values that they quote.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from concord.app import Inside, looked_into
from concord.cli.options import ConfigPath, Json, PairName, examples
from concord.cli.show import Look, span
from concord.config import USUAL_PATH, Settings, database_url, load
from concord.core.values import BLANK, MISSING, Ref, Scalar, Value
from concord.errors import ConfigError
from concord.store.health import Cause, masked
from concord.store.inbox import Stuck

_INDENT: Final = " " * 6


@dataclass(frozen=True)
class Failed:
    """A record that failed, with the cause that it shares with others."""

    stuck: Stuck
    cause: Cause


@dataclass(frozen=True)
class Asked:
    """What is to be shown. value: only records of which this value was refused."""

    record: Ref | None
    cause: str | None
    objects: Collection[str] | None
    value: str | None
    limit: int


CauseName = Annotated[
    str | None, typer.Option("--cause", metavar="NUMBER|TEXT", help="One cause: its number, or words that it contains.")
]
RefusedValue = Annotated[
    str | None,
    typer.Option("--value", metavar="VALUE", help="With --cause: only where this value, or option, was refused."),
]


def errors(
    record: Annotated[
        str | None, typer.Argument(metavar="[SYSTEM:OBJECT:ID]", help="All that is known of one record's failure.")
    ] = None,
    config: ConfigPath = USUAL_PATH,
    cause: CauseName = None,
    object_name: Annotated[
        str | None, typer.Option("--object", metavar="OBJECT", help="Only records of this object, as in concord.yaml.")
    ] = None,
    value: RefusedValue = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Records to show at most.")] = 20,
    pair: PairName = None,
    json: Json = False,
) -> None:
    """Show what failed, by cause: how many records, since when, the newest message, and what to do about it.

    With a cause: its records, the values that were refused and what is there instead, and when each is tried again.
    With a record: that one alone. When the cause is gone, `concord retry` tries them again. A cause keeps its number.
    What a code means is in docs/failures.md.
    """
    if record is not None and (cause is not None or object_name is not None):
        raise ConfigError("say either a record, or any of --cause and --object")
    if value is not None and cause is None:
        raise ConfigError("--value goes with --cause")
    look = Look.standard(json=json)
    objects = None if object_name is None else _objects(load(Path(config)), object_name)
    asked = Asked(None if record is None else _ref(record), cause, objects, value, limit)
    document = asyncio.run(_errors(look, asked, pair))
    if json:
        look.document(document)


def retry(
    everything: Annotated[bool, typer.Option("--all", help="Everything that waits for a person.")] = False,
    causes: Annotated[
        list[str] | None,
        typer.Option("--cause", metavar="NUMBER|TEXT", help="What failed for this cause; may be given several times."),
    ] = None,
    records: Annotated[
        list[str] | None,
        typer.Option("--record", metavar="SYSTEM:OBJECT:ID", help="This record; may be given several times."),
    ] = None,
    value: RefusedValue = None,
    pair: PairName = None,
    json: Json = False,
) -> None:
    """Try again what failed, once its cause is gone: all that waits for a person, by cause, or single records.

    The records go back into the line, and a running `concord serve` takes them up at once. With --cause and --record
    also what would be tried again by itself, but later; with --all that is left to its time.
    """
    if everything == bool(causes or records):
        raise ConfigError("say what is to be tried again: either --all, or any of --cause and --record")
    if value is not None and not causes:
        raise ConfigError("--value goes with --cause")
    look = Look.standard(json=json)
    refs = [_ref(record) for record in records or ()]
    document = asyncio.run(_retry(look, causes or (), refs, value, pair))
    if json:
        look.document(document)


def add_to(root: typer.Typer) -> None:
    """Hang these commands into the root."""
    root.command(
        epilog=examples(
            "concord errors",
            "concord errors --cause 4821",
            'concord errors --cause "picklist LeadSource" --value Webinar',
            "concord errors hubspot:contacts:51",
        )
    )(errors)
    root.command(
        epilog=examples(
            "concord retry --cause 4821",
            "concord retry --cause picklist --value Webinar",
            "concord retry --record salesforce:Contact:0035g00000XyZabAAF",
            "concord retry --all",
        )
    )(retry)


# --- what is meant


def _objects(settings: Settings, name: str) -> frozenset[str]:
    """The vendor's objects under a name of the configuration. Raises ConfigError for one that is not synced."""
    known: set[str] = set()
    for pair in settings.objects:
        own = {*pair.left_objects, pair.right_object}
        if name == pair.name:
            return frozenset(own)
        known |= own
    for one in known:
        if one.lower() == name.lower():
            return frozenset({one})
    raise ConfigError(f"no object {name!r} is synced; there are {', '.join(sorted(known))}")


def _ref(text: str) -> Ref:
    system, _, rest = text.partition(":")
    name, _, record_id = rest.rpartition(":")
    if system not in ("salesforce", "hubspot") or not name or not record_id:
        raise ConfigError(
            f"{text!r} names no record; write system:object:id, such as salesforce:Contact:0035g00000XyZabAAF"
        )
    return Ref(system, name, record_id)


def _named(causes: Sequence[Cause], name: str) -> list[Cause]:
    """The cause of that number, or those that contain all of these words. Raises ConfigError when there is none."""
    found = [cause for cause in causes if str(cause.number) == name.strip()]
    if not found:
        words = name.lower().split()
        found = [cause for cause in causes if words and all(word in cause.label.lower() for word in words)]
    if not found:
        raise ConfigError(f"nothing failed for a cause {name!r}; `concord errors` lists the causes")
    return found


# --- errors


async def _errors(look: Look, asked: Asked, pair: str | None) -> dict[str, Any]:
    async with looked_into(database_url(os.environ), pair) as inside:
        now = inside.clock.now()
        every = await inside.store.causes(now)
        causes = every if asked.cause is None else _named(every, asked.cause)
        if asked.objects is not None:
            causes = [cause for cause in causes if cause.object in asked.objects]
        failed: list[Failed] | None = None
        if asked.record is not None:
            failed = _with_causes(every, await _known(inside, [asked.record]))
            causes = [one.cause for one in failed]
        elif asked.cause is not None:
            failed = _with_causes(causes, await inside.store.failed_for(causes, asked.limit, asked.value))
    if asked.record is None:
        _show_causes(look, causes, now)
    for one in failed or ():
        _show_failed(look, one, now, alone=asked.record is not None)
    _show_next(look, causes, failed, asked)
    document: dict[str, Any] = {"causes": [_cause_row(cause) for cause in causes]}
    if failed is not None:
        document["records"] = [_failed_row(one) for one in failed]
    return document


def _with_causes(causes: Sequence[Cause], stuck: Sequence[Stuck]) -> list[Failed]:
    by_key = {(one.category, one.code, one.system, one.object, one.fields): one for one in causes}
    return [
        Failed(one, by_key[one.failure.category, one.failure.code, one.ref.system, one.ref.object, one.failure.fields])
        for one in stuck
    ]


def _show_causes(look: Look, causes: Sequence[Cause], now: datetime) -> None:
    if not causes:
        look.line("nothing failed")
    for cause in causes:
        look.line(f"{cause.number}  {_title(cause)}")
        growing = f", {cause.recent} of them within the last hour" if cause.recent else ", none within the last hour"
        since = f"since {cause.since:%Y-%m-%d %H:%M} UTC ({span((now - cause.since).total_seconds())})"
        look.line(f"{_INDENT}{_how_many(cause)}, {since}{growing}")
        if cause.message:
            look.line(f"{_INDENT}newest: {masked(cause.message)}")
        if cause.advice:
            look.line(f"{_INDENT}do: {cause.advice}")
        look.line()


def _title(cause: Cause) -> str:
    code = f" ({cause.code})" if cause.code else ""
    fields = f", {', '.join(cause.fields)}" if cause.fields else ""
    return f"{cause.category.value}{code}: {cause.system} {cause.object}{fields}"


def _how_many(cause: Cause) -> str:
    parts = []
    if cause.dead:
        parts.append(f"{cause.dead} {'waits' if cause.dead == 1 else 'wait'} for you")
    if cause.later:
        parts.append(f"{cause.later} tried again by {'itself' if cause.later == 1 else 'themselves'}")
    return ", ".join(parts)


def _show_failed(look: Look, failed: Failed, now: datetime, *, alone: bool) -> None:
    stuck, failure = failed.stuck, failed.stuck.failure
    look.line(f"{_text(stuck.ref)}  {_when(stuck, now)}")
    if alone:
        look.line(f"{_INDENT}{_title(failed.cause)}")
    for one in failure.refused:
        look.line(f"{_INDENT}{one.system} {one.name} ({one.field}): {_shown(one.value)}")
        if one.shown is not MISSING:
            look.line(f"{_INDENT}  it shows: {_shown(one.shown)}")
    if alone or failure.message != failed.cause.message:
        look.line(f"{_INDENT}{failure.message}")
    if alone and failure.advice:
        look.line(f"{_INDENT}do: {failure.advice}")
    if alone and stuck.first_failed_at is not None and stuck.last_failed_at is not None:
        first, last = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (stuck.first_failed_at, stuck.last_failed_at))
        look.line(f"{_INDENT}failed first at {first}, last at {last}")


def _when(stuck: Stuck, now: datetime) -> str:
    tries = f"{stuck.attempts} {'try' if stuck.attempts == 1 else 'tries'}"
    if stuck.dead:
        return f"waits for you since {stuck.due_at:%Y-%m-%d %H:%M} UTC, {tries}"
    wait = (stuck.due_at - now).total_seconds()
    return f"{tries}, the next {'now' if wait <= 0 else f'in {span(wait)}'}"


def _show_next(look: Look, causes: Sequence[Cause], failed: Sequence[Failed] | None, asked: Asked) -> None:
    if not causes:
        return
    if failed is None:
        look.line(f"the records of one: concord errors --cause {causes[0].number}")
        if any(cause.dead for cause in causes):
            look.line(f"when it is mended: concord retry --cause {causes[0].number}")
        return
    left = sum(cause.count for cause in causes) - len(failed)
    if left > 0 and asked.record is None and asked.value is None:
        look.line(f"and {left} more; --limit shows more")
    for cause in causes:
        if cause.dead:
            look.line(f"when it is mended: concord retry --cause {cause.number}")


def _text(ref: Ref) -> str:
    """A record as `concord retry --record` takes it."""
    return f"{ref.system}:{ref.object}:{ref.id}"


def _shown(value: Value) -> str:
    return "(blank)" if value is BLANK else str(_plain(value))


def _plain(value: Value) -> object:
    """A value as JSON has it."""
    if value is BLANK or value is MISSING:
        return None
    plain: Scalar = value
    if isinstance(plain, frozenset):
        return sorted(plain)
    return _text(plain) if isinstance(plain, Ref) else plain


def _cause_row(cause: Cause) -> Mapping[str, object]:
    return {
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
        "next_at": cause.next_at,
        "message": masked(cause.message),
        "advice": cause.advice,
    }


def _failed_row(failed: Failed) -> Mapping[str, object]:
    stuck, failure = failed.stuck, failed.stuck.failure
    return {
        "record": _text(stuck.ref),
        "cause": failed.cause.number,
        "category": failure.category.value,
        "code": failure.code,
        "lane": stuck.lane.name.lower(),
        "dead": stuck.dead,
        "attempts": stuck.attempts,
        "first_seen_at": stuck.first_seen_at,
        "first_failed_at": stuck.first_failed_at,
        "last_failed_at": stuck.last_failed_at,
        "next_at": None if stuck.dead else stuck.due_at,
        "message": failure.message,
        "advice": failure.advice,
        "refused": [
            {
                "system": one.system,
                "field": one.name,
                "name": one.field,
                "value": _plain(one.value),
                "shown": _plain(one.shown),
            }
            for one in failure.refused
        ],
    }


# --- retry


async def _retry(
    look: Look, names: Sequence[str], refs: Sequence[Ref], value: str | None, pair: str | None
) -> dict[str, Any]:
    """Without names and refs: everything that waits for a person."""
    async with looked_into(database_url(os.environ), pair) as inside:
        store, now = inside.store, inside.clock.now()
        if not names and not refs:
            revived = await store.revive(now)
            later = sum(lane.later for lane in (await store.queued(now)).lanes.values())
        else:
            causes, later = await _meant(inside, names, now), 0
            await _known(inside, refs)
            revived = await store.revive_causes(causes, now, value) if causes else 0
            revived += await store.revive(now, refs) if refs else 0
        alive = (await store.heartbeat()).alive > 0
    look.line(f"{revived} {'record is' if revived == 1 else 'records are'} tried again")
    if later:
        look.line(f"{later} {'is' if later == 1 else 'are'} tried again by {'itself' if later == 1 else 'themselves'}")
    if revived and not alive:
        look.line("no worker runs; next: concord serve")
    return {"revived": revived, "later": later, "worker_alive": alive}


async def _meant(inside: Inside, names: Sequence[str], now: datetime) -> list[Cause]:
    if not names:
        return []
    every = await inside.store.causes(now)
    return list({cause.number: cause for name in names for cause in _named(every, name)}.values())


async def _known(inside: Inside, refs: Sequence[Ref]) -> Sequence[Stuck]:
    """These records' failures. Raises ConfigError when one did not fail: nothing is tried again then."""
    if not refs:
        return []
    stuck = await inside.store.failed_of(refs)
    strangers = [_text(ref) for ref in refs if ref not in {one.ref for one in stuck}]
    if strangers:
        raise ConfigError(f"no failed record: {', '.join(strangers)}; `concord errors --cause NUMBER` lists those")
    return stuck
