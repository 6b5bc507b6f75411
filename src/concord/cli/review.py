"""`concord review`: the pairs that wait for a person, and the person's answers (SPEC 4.3, 4.7)."""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from concord.app import Concord, Parts, opened
from concord.cli import merging
from concord.cli.options import ConfigPath, Json, examples
from concord.cli.show import Look
from concord.config import USUAL_PATH, Settings, load, secrets
from concord.core.model import Review
from concord.engine import reviewing
from concord.engine.reviewing import APART, LINKED, SideBySide
from concord.errors import ConfigError

_Result = dict[str, Any]
#: The columns of the file that `export` writes and `import` reads; only these three are read.
_SALESFORCE, _HUBSPOT, _DECISION = "salesforce_id", "hubspot_id", "decision"
_COLUMNS: Final = (_SALESFORCE, _HUBSPOT, "score", _DECISION, "salesforce_object", "hubspot_object", "evidence")
_MANY: Final = 100_000


class Do(StrEnum):
    """What to do with the queue, or with one pair of it."""

    SHOW = "show"
    DUPLICATES = "duplicates"
    MERGE = "merge"
    LINK = "link"
    APART = "apart"
    UNDO = "undo"
    HISTORY = "history"
    EXPORT = "export"
    IMPORT = "import"


def review(
    what: Annotated[Do | None, typer.Argument(help="Without it the pairs that wait are listed.")] = None,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SALESFORCE_ID HUBSPOT_ID | ID... | FILE]", help="Which records, or which file."),
    ] = None,
    survivor: Annotated[
        str | None, typer.Option("--survivor", metavar="ID", help="With merge: which record is left.")
    ] = None,
    take: Annotated[
        list[str] | None,
        typer.Option("--take", metavar="FIELD=ID", help="With merge: whose value of a field is left; several times."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With merge: merge for good without asking.")] = False,
    config: ConfigPath = USUAL_PATH,
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MANY, help="Pairs to list.")] = 50,
    json: Json = False,
) -> None:
    """List the pairs that wait for a person, best score first, with the evidence; look at one, and answer.

    `show` puts both records side by side, read now. `link` says that two are one person (or one company): they are
    brought into agreement at once. `apart` says that they are two, also of two that are linked: it is remembered for
    ever, and each gets a partner of its own. `undo` takes an answer back. `history` lists the answers.

    `duplicates` lists records of one system that are one person or company. `merge ID` shows what merging such a group
    would leave (several ids: just those), which record survives and why, what is filled and what goes, and asks;
    `--yes` answers. A merge cannot be undone. `apart` and `undo` take two ids of one system, too.

    `export FILE` writes the queue as CSV; fill its column `decision` with link or apart, and `import FILE` carries out
    what it says. A file with a mistake changes nothing. `concord serve` may go on beside all of it.
    """
    look = Look.standard(json=json)
    given = tuple(names or ())
    _check(what, given, merging=bool(survivor or take or yes))
    wish = merging.Wish(given, survivor, take or (), yes)
    result = asyncio.run(_run(look, load(Path(config)), what, given, limit, wish))
    if json:
        look.document(result)
    if what is Do.MERGE and result["state"] in merging.FAILED:
        raise typer.Exit(1)


def _check(what: Do | None, given: Sequence[str], *, merging: bool) -> None:
    """Raises ConfigError for arguments that do not go together."""
    if merging and what is not Do.MERGE:
        raise ConfigError("--survivor, --take and --yes go with concord review merge")
    if what is Do.MERGE:
        if not given:
            raise ConfigError("concord review merge needs the id of a record, or several")
        return
    wanted = {None: 0, Do.HISTORY: 0, Do.DUPLICATES: 0, Do.EXPORT: 1, Do.IMPORT: 1}.get(what, 2)
    if len(given) != wanted:
        needs = {0: "no further argument", 1: "the name of a file", 2: "two ids: SALESFORCE_ID HUBSPOT_ID"}[wanted]
        raise ConfigError(f"concord review{f' {what}' if what else ''} needs {needs}")


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(
        epilog=examples(
            "concord review",
            "concord review show 00QQy000000d4QmMAI 28413913983",
            "concord review link 00QQy000000d4QmMAI 28413913983",
            "concord review duplicates",
            "concord review merge 00QQy000000d4QmMAI",
            "concord review merge 00QQy000000d4QmMAI 00QQy000000d4QnMAI --survivor 00QQy000000d4QnMAI --yes",
            "concord review export questions.csv",
            "concord review --json",
        )
    )(review)


async def _run(
    look: Look, settings: Settings, what: Do | None, names: Sequence[str], limit: int, wish: merging.Wish
) -> _Result:
    async with opened(settings, secrets(os.environ), Parts(beside=True)) as concord:
        if what is None:
            return await _list(look, concord, limit)
        if what is Do.HISTORY:
            return await _history(look, concord, limit)
        if what is Do.EXPORT:
            return await _export(look, concord, Path(names[0]))
        if what is Do.IMPORT:
            return await _import(look, concord, Path(names[0]))
        if what is Do.DUPLICATES:
            return await merging.list_groups(look, concord, limit)
        if what is Do.MERGE:
            return await merging.merge(look, concord, wish)
        beside = await _BESIDE[what](look, concord, names) if what in _BESIDE else None
        if beside is not None:
            return beside
        one = await reviewing.find(concord.scope, names[0], names[1])
        if what is Do.SHOW:
            return _side_by_side(look, await reviewing.shown(concord.scope, one))
        act, words = _ACTS[what]
        await act(concord, one)
        await concord.drain()
        look.line(f"{names[0]} and {names[1]} {words}; carried out")
        return {"salesforce": names[0], "hubspot": names[1], "said": what.value}


async def _link(concord: Concord, one: Review) -> None:
    await reviewing.answer(concord.scope, one, LINKED)


async def _apart(concord: Concord, one: Review) -> None:
    await reviewing.answer(concord.scope, one, APART)


async def _undo(concord: Concord, one: Review) -> None:
    await reviewing.take_back(concord.scope, one)


_ACTS: Final[dict[Do, tuple[Callable[[Concord, Review], Awaitable[None]], str]]] = {
    Do.LINK: (_link, "are one"),
    Do.APART: (_apart, "are two"),
    Do.UNDO: (_undo, "are a question again"),
}

#: What can be said of two records of one system as well.
_BESIDE: Final[Mapping[Do, Callable[[Look, Concord, Sequence[str]], Awaitable[_Result | None]]]] = {
    Do.APART: merging.say_apart,
    Do.UNDO: merging.take_back,
}


async def _list(look: Look, concord: Concord, limit: int) -> _Result:
    reviews = await concord.store.open_reviews(limit=limit)
    waiting = await concord.store.questions()
    for one in reviews:
        look.line(
            f"{one.score:5.1f}  salesforce {one.left.object} {one.left.id}  hubspot {one.right.object} {one.right.id}"
        )
        for line in one.evidence:
            look.line(f"         {line}")
    more = f"; {len(reviews)} shown (--limit)" if waiting > len(reviews) else ""
    look.line(f"\n{waiting} pairs wait{more}. Next: concord review show, link or apart, with the two ids")
    return {"waiting": waiting, "open": [_as_json(one) for one in reviews]}


async def _history(look: Look, concord: Concord, limit: int) -> _Result:
    decided = await concord.store.decided_reviews(limit=limit)
    merges = await concord.store.merges(limit)
    rows = [
        (at, "one" if one.state == LINKED else "two", str(one.left), str(one.right), f"{one.score}")
        for one, at in decided
    ]
    rows += [
        (one.approved_at, _MERGES[one.state], " ".join(map(str, one.losers)), str(one.survivor), "") for one in merges
    ]
    look.table(
        ("when", "answer", "of", "and", ">score"),
        [(f"{row[0]:%Y-%m-%d %H:%M} UTC", *row[1:]) for row in sorted(rows, reverse=True)],
    )
    return {
        "decided": [{**_as_json(one), "said": one.state, "at": at.isoformat()} for one, at in decided],
        "merges": [merging.merge_row(one) for one in merges],
    }


_MERGES: Final = {"approved": "to be merged", "done": "merged", "dropped": "not merged"}


def _side_by_side(look: Look, seen: SideBySide) -> _Result:
    one = seen.review
    states = {LINKED: "linked", APART: "kept apart"}
    look.line(f"{one.score:.1f} of 100, {states.get(one.state, 'waits for an answer')}")
    for line in one.evidence:
        look.line(f"  {line}")
    for reason in seen.gone:
        look.line(f"  gone: {reason}")
    look.table(
        ("field", f"salesforce {one.left.object} {one.left.id}", f"hubspot {one.right.object} {one.right.id}", ""),
        [(row.field, row.left or "", row.right or "", "" if row.same else "differs") for row in seen.rows],
    )
    fields = {row.field: {"salesforce": row.left, "hubspot": row.right, "same": row.same} for row in seen.rows}
    return {**_as_json(one), "state": one.state, "gone": list(seen.gone), "fields": fields}


async def _export(look: Look, concord: Concord, path: Path) -> _Result:
    reviews = await concord.store.open_reviews(limit=_MANY)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for one in reviews:
                evidence = "; ".join(one.evidence)
                writer.writerow(
                    (one.left.id, one.right.id, f"{one.score:.1f}", "", one.left.object, one.right.object, evidence)
                )
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    look.line(f"{len(reviews)} pairs are in {path}; write link or apart into its column {_DECISION}, then import it")
    return {"file": str(path), "pairs": len(reviews)}


async def _import(look: Look, concord: Concord, path: Path) -> _Result:
    said = _read(path)
    reviews: list[tuple[Review, str]] = []
    problems = []
    for line, left_id, right_id, state in said:
        try:
            reviews.append((await reviewing.find(concord.scope, left_id, right_id), state))
        except ConfigError as error:
            problems.append(f"line {line}: {error}")
    if problems:
        raise ConfigError(f"{path}: nothing was carried out\n  " + "\n  ".join(problems))
    with look.progress("carrying out", len(reviews)) as step:
        for one, state in reviews:
            if one.state != state:
                await reviewing.answer(concord.scope, one, state)
            step()
    await concord.drain()
    counts = {state: sum(1 for _, _, _, other in said if other == state) for state in (LINKED, APART)}
    look.line(f"{counts[LINKED]} pairs are one, {counts[APART]} are two; carried out")
    return {"file": str(path), "linked": counts[LINKED], "apart": counts[APART]}


def _read(path: Path) -> list[tuple[int, str, str, str]]:
    """What a file says: line, Salesforce's id, HubSpot's, and the state. Raises ConfigError with every mistake."""
    words = {"link": LINKED, "apart": APART, "": None}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in (_SALESFORCE, _HUBSPOT, _DECISION) if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(
                    f"{path}, line 1: the column {missing[0]} is missing; `concord review export` writes it"
                )
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is no CSV file in UTF-8: {error}") from error
    said, problems = [], []
    for line, row in rows:
        word = (row[_DECISION] or "").strip().lower()
        ids = [(row[name] or "").strip() for name in (_SALESFORCE, _HUBSPOT)]
        if word not in words:
            problems.append(f"line {line}: {word!r} is not link or apart")
        elif not all(ids):
            problems.append(f"line {line}: an id is missing")
        elif (state := words[word]) is not None:
            said.append((line, ids[0], ids[1], state))
    if problems:
        raise ConfigError(f"{path}: nothing was carried out\n  " + "\n  ".join(problems))
    return said


def _as_json(one: Review) -> _Result:
    if one.left.system == one.right.system:
        return {"system": one.left.system, "records": [list(one.left[1:]), list(one.right[1:])]}
    return {
        "salesforce": [one.left.object, one.left.id],
        "hubspot": [one.right.object, one.right.id],
        "score": one.score,
        "evidence": list(one.evidence),
    }
