"""`concord breaker`: the floods of changes that were stopped, and a person's answer (SPEC 9.4). Opens the database.

Shows records by id, never a value of theirs: the values are with the records, under `concord errors`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from concord.app import looked_into
from concord.cli.options import ConfigPath, Json, PairName, examples
from concord.cli.show import Look, span
from concord.config import USUAL_PATH, Settings, database_url, load
from concord.core.values import Ref
from concord.errors import ConfigError
from concord.store.breaker import Stand

_INDENT = " " * 6


class Answer(StrEnum):
    """What a person says to a flood."""

    ALLOW = "allow"
    REFUSE = "refuse"


def breaker(
    answer: Annotated[Answer | None, typer.Argument(help="What to do with the flood that NAME holds.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which one, as the list shows it.")] = None,
    config: ConfigPath = USUAL_PATH,
    samples: Annotated[int, typer.Option("--samples", min=0, max=1000, help="Records to show of each.")] = 5,
    pair: PairName = None,
    json: Json = False,
) -> None:
    """List the breakers that are open: how many records wait, which for instance, since when and why; or answer one.

    `allow NAME` lets through what it holds, and what still comes of the same flood, until no more than usual came for a
    while. `refuse NAME` leaves both systems as they are: a field that was held is written again when somebody edits it;
    a record that would have been made is not, and a link that would have ended goes on, until `allow NAME`.
    """
    look = Look.standard(json=json)
    settings = load(Path(config))
    if answer is None:
        document = asyncio.run(_list(look, pair, samples))
    elif name is None:
        raise ConfigError(f"say which breaker: concord breaker {answer} NAME; `concord breaker` lists them")
    else:
        document = asyncio.run(_answer(look, settings, answer, name, pair))
    if json:
        look.document(document)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(
        epilog=examples(
            "concord breaker",
            "concord breaker allow lifecycle:people:salesforce",
            "concord breaker refuse blank:people:hubspot --json",
        )
    )(breaker)


async def _list(look: Look, pair: str | None, samples: int) -> dict[str, Any]:
    async with looked_into(database_url(os.environ), pair) as inside:
        now = inside.clock.now()
        found = await inside.store.breakers(now, samples)
    for one in found:
        _show(look, one, now)
    if not found:
        look.line("no breaker is open")
    waiting = next((one for one in found if one.since is not None or one.waiting), None)
    if waiting is not None:
        look.line(f"the values: concord errors --cause {waiting.name}")
        look.line(f"let it through: concord breaker {Answer.ALLOW} {waiting.name}")
        look.line(f"or leave both systems as they are: concord breaker {Answer.REFUSE} {waiting.name}")
    return {"breakers": [_row(one, now) for one in found]}


async def _answer(look: Look, settings: Settings, answer: Answer, name: str, pair: str | None) -> dict[str, Any]:
    async with looked_into(database_url(os.environ), pair) as inside:
        store, now, window = inside.store, inside.clock.now(), settings.breaker.window
        _known(await store.breakers(now, 0), name, answer)
        give = store.allow_flood if answer is Answer.ALLOW else store.refuse_flood
        answered = await give(name, now, window)
        alive = (await store.heartbeat()).alive > 0
    if answer is Answer.ALLOW:
        look.line(f"{name} lets the flood through, until no more than usual came for {span(window.total_seconds())}")
    else:
        look.line(
            f"{name} is refused: {_many(answered.differing, 'field differs', 'fields differ')} from now on",
        )
        if answered.refused:
            look.line(f"{_many(answered.refused, 'record stays', 'records stay')} as they are until `allow {name}`")
        look.line(f"what else comes of it within {span(window.total_seconds())} is held and asked about again")
    look.line(f"{_many(answered.again, 'record is', 'records are')} looked at again")
    if answered.again and not alive:
        look.line("no worker runs; next: concord serve")
    return {
        "breaker": name,
        "answer": answer.value,
        "looked_at_again": answered.again,
        "fields_that_differ": answered.differing,
        "records_refused": answered.refused,
        "worker_alive": alive,
    }


def _known(found: Sequence[Stand], name: str, answer: Answer) -> None:
    """Raises ConfigError where there is nothing to answer."""
    one = next((one for one in found if one.name == name), None)
    if one is None:
        names = ", ".join(one.name for one in found) or "none"
        raise ConfigError(f"no breaker {name!r} is open; there is: {names}")
    if answer is Answer.REFUSE and one.since is None and not one.waiting:
        raise ConfigError(f"the breaker {name} holds nothing that could be refused")


def _show(look: Look, one: Stand, now: datetime) -> None:
    look.line(one.name)
    if one.since is not None:
        since = f"since {one.since:%Y-%m-%d %H:%M} UTC ({span((now - one.since).total_seconds())})"
        look.line(f"{_INDENT}open {since}: {one.reason}")
    elif one.allowed_until is not None and one.allowed_until > now:
        look.line(
            f"{_INDENT}lets a flood through, until {one.allowed_until:%Y-%m-%d %H:%M} UTC or longer if it goes on"
        )
    elif one.refused_until is not None and one.refused_until > now:
        look.line(f"{_INDENT}a flood was refused; what else comes of it before {one.refused_until:%H:%M} UTC is held")
    if one.waiting:
        look.line(f"{_INDENT}{_many(one.waiting, 'record waits', 'records wait')}")
    if one.refused:
        look.line(f"{_INDENT}{_many(one.refused, 'record stays', 'records stay')} as refused, until allowed")
    for ref in one.samples:
        look.line(f"{_INDENT}{_text(ref)}")
    if one.samples and one.waiting > len(one.samples):
        look.line(f"{_INDENT}and {one.waiting - len(one.samples)} more; --samples shows more")
    look.line()


def _many(count: int, single: str, several: str) -> str:
    return f"{count} {single if count == 1 else several}"


def _text(ref: Ref) -> str:
    """A record as `concord retry --record` takes it."""
    return f"{ref.system}:{ref.object}:{ref.id}"


def _row(one: Stand, now: datetime) -> Mapping[str, object]:
    kind, object_pair, system = one.name.split(":")
    return {
        "breaker": one.name,
        "kind": kind,
        "objects": object_pair,
        "system": system,
        "open": one.since is not None,
        "since": one.since,
        "reason": one.reason or None,
        "allowed_until": one.allowed_until if one.allowed_until is not None and one.allowed_until > now else None,
        "refused_until": one.refused_until if one.refused_until is not None and one.refused_until > now else None,
        "waiting": one.waiting,
        "refused": one.refused,
        "samples": [_text(ref) for ref in one.samples],
    }
