"""`concord errors` and `concord retry`: what failed, by cause, with the values that were refused; and trying it again
after the cause is gone (SPEC 9.1, 9.2, 9.5). Open the database only.

The one place that shows refused values and messages as they are, because whoever mends a cause has to see them.
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
from concord.core.model import Side
from concord.core.values import BLANK, MISSING, Ref, Scalar, Value
from concord.errors import ConfigError
from concord.store.health import Cause
from concord.store.inbox import Stuck
from concord.store.ledger import Entry

#: Lines of the ledger in which the values of a record's last try are looked for.
_LINES: Final = 100
_INDENT: Final = " " * 6


@dataclass(frozen=True)
class Refused:
    """A value that was to be written and was not."""

    system: str
    field: str
    value: Value


@dataclass(frozen=True)
class Failed:
    """A record that failed, with what was to be written to its partner."""

    stuck: Stuck
    cause: Cause
    values: tuple[Refused, ...]


CauseName = Annotated[
    str | None, typer.Option("--cause", metavar="NUMBER|TEXT", help="One cause: its number, or words that it contains.")
]


def errors(
    config: ConfigPath = USUAL_PATH,
    cause: CauseName = None,
    object_name: Annotated[
        str | None, typer.Option("--object", metavar="OBJECT", help="Only records of this object, as in concord.yaml.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Records to show at most.")] = 20,
    pair: PairName = None,
    json: Json = False,
) -> None:
    """Show what failed, by cause: how many records, since when, the newest message, and what to do about it.

    With a cause: its records, the values that were refused, and when each is tried again. When the cause is gone,
    `concord retry` tries them again. A cause keeps its number.
    """
    look = Look.standard(json=json)
    settings = load(Path(config))
    objects = None if object_name is None else _objects(settings, object_name)
    document = asyncio.run(_errors(look, settings, cause, objects, limit, pair))
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
    pair: PairName = None,
    json: Json = False,
) -> None:
    """Try again what failed for good, once its cause is gone: all of it, by cause, or single records.

    The records go back into the line, and a running `concord serve` takes them up at once. What is tried again by
    itself is left to its time.
    """
    if everything == bool(causes or records):
        raise ConfigError("say what is to be tried again: either --all, or any of --cause and --record")
    look = Look.standard(json=json)
    refs = [_ref(record) for record in records or ()]
    document = asyncio.run(_retry(look, causes or (), refs, pair))
    if json:
        look.document(document)


def add_to(root: typer.Typer) -> None:
    """Hang these commands into the root."""
    root.command(
        epilog=examples("concord errors", "concord errors --cause 4821", 'concord errors --cause "picklist LeadSource"')
    )(errors)
    root.command(
        epilog=examples(
            "concord retry --cause 4821",
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


async def _errors(
    look: Look, settings: Settings, name: str | None, objects: Collection[str] | None, limit: int, pair: str | None
) -> dict[str, Any]:
    async with looked_into(database_url(os.environ), pair) as inside:
        now = inside.clock.now()
        every = await inside.store.causes(now)
        causes = every if name is None else _named(every, name)
        if objects is not None:
            causes = [cause for cause in causes if cause.object in objects]
        failed = [] if name is None else await _failed(inside, settings, causes, limit)
    _show_causes(look, causes, now)
    for one in failed:
        _show_failed(look, one, now)
    _show_next(look, causes, failed if name is not None else None)
    document: dict[str, Any] = {"causes": [_cause_row(cause) for cause in causes]}
    if name is not None:
        document["records"] = [_failed_row(one) for one in failed]
    return document


async def _failed(inside: Inside, settings: Settings, causes: Sequence[Cause], limit: int) -> list[Failed]:
    by_key = {(c.category, c.code, c.system, c.object, c.fields): c for c in causes}
    found = []
    for stuck in await inside.store.failed_for(causes, limit):
        failure = stuck.failure
        cause = by_key[(failure.category, failure.code, stuck.ref.system, stuck.ref.object, failure.fields)]
        lines = await inside.store.ledger_of(stuck.ref, _LINES)
        found.append(Failed(stuck, cause, _values(settings, lines, failure.fields)))
    return found


def _values(settings: Settings, lines: Sequence[Entry], fields: Sequence[str]) -> tuple[Refused, ...]:
    """What the record's last try was to write and did not: of the fields that the refusal names, or, where it names
    none, of all."""
    last = next((line.at for line in lines if line.verdict is not None), None)
    found = []
    for line in lines:
        pair = settings.pair(line.object_pair)
        if line.at != last or line.verdict is None or line.wrote or pair is None:
            continue
        for one in pair.fields if line.left is None else pair.fields_of(line.left.object):
            for side in Side:
                value = line.verdict.write(side)
                name = one.api_name(side)
                if one.name == line.verdict.field and value is not MISSING and (not fields or name in fields):
                    found.append(Refused("salesforce" if side is Side.LEFT else "hubspot", name, value))
    return tuple(dict.fromkeys(found))


def _show_causes(look: Look, causes: Sequence[Cause], now: datetime) -> None:
    if not causes:
        look.line("nothing failed")
    for cause in causes:
        look.line(f"{cause.number}  {_title(cause)}")
        growing = f", {cause.recent} of them within the last hour" if cause.recent else ", none within the last hour"
        since = f"since {cause.since:%Y-%m-%d %H:%M} UTC ({span((now - cause.since).total_seconds())})"
        look.line(f"{_INDENT}{_how_many(cause)}, {since}{growing}")
        if cause.message:
            look.line(f"{_INDENT}newest: {cause.message}")
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


def _show_failed(look: Look, failed: Failed, now: datetime) -> None:
    stuck = failed.stuck
    look.line(f"{_text(stuck.ref)}  {_when(stuck, now)}")
    for one in failed.values:
        look.line(f"{_INDENT}{one.system} {one.field}: {_shown(one.value)}")
    if stuck.failure.message != failed.cause.message:
        look.line(f"{_INDENT}{stuck.failure.message}")


def _when(stuck: Stuck, now: datetime) -> str:
    tries = f"{stuck.attempts} {'try' if stuck.attempts == 1 else 'tries'}"
    if stuck.dead:
        return f"waits for you since {stuck.due_at:%Y-%m-%d %H:%M} UTC, {tries}"
    wait = (stuck.due_at - now).total_seconds()
    return f"{tries}, the next {'now' if wait <= 0 else f'in {span(wait)}'}"


def _show_next(look: Look, causes: Sequence[Cause], failed: Sequence[Failed] | None) -> None:
    if not causes:
        return
    if failed is None:
        look.line(f"the records of one: concord errors --cause {causes[0].number}")
        if any(cause.dead for cause in causes):
            look.line(f"when it is mended: concord retry --cause {causes[0].number}")
        return
    left = sum(cause.count for cause in causes) - len(failed)
    if left > 0:
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
        "message": cause.message,
        "advice": cause.advice,
    }


def _failed_row(failed: Failed) -> Mapping[str, object]:
    stuck = failed.stuck
    return {
        "record": _text(stuck.ref),
        "cause": failed.cause.number,
        "lane": stuck.lane.name.lower(),
        "dead": stuck.dead,
        "attempts": stuck.attempts,
        "first_seen_at": stuck.first_seen_at,
        "next_at": None if stuck.dead else stuck.due_at,
        "message": stuck.failure.message,
        "advice": stuck.failure.advice,
        "refused": [{"system": one.system, "field": one.field, "value": _plain(one.value)} for one in failed.values],
    }


# --- retry


async def _retry(look: Look, names: Sequence[str], refs: Sequence[Ref], pair: str | None) -> dict[str, Any]:
    """Without names and refs: everything."""
    async with looked_into(database_url(os.environ), pair) as inside:
        store, now = inside.store, inside.clock.now()
        if not names and not refs:
            later = sum(lane.later for lane in (await store.queued(now)).lanes.values())
            revived = await store.revive(now)
        else:
            causes = await _meant(inside, names, now)
            stuck = await _known(inside, refs)
            later = sum(cause.later for cause in causes) + sum(not one.dead for one in stuck)
            revived = await store.revive_causes(causes, now) if causes else 0
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
