"""`make bench-live`: one new record against a million that are known, as the line matches it.

    python -m bench.live [--known N] [--newcomers N] [--json]

Makes N people (tests/bulk/made.py), has PostgreSQL know them with their keys as reconciliation would (the rows are
copied in and the index is made afterwards, so loading is not what is measured), and then asks for each newcomer what
the line asks: the known people who share a key with it, and core's answer about all of them. Newcomers are records of
another system, about half of them about somebody who is known. Milliseconds: of the question to PostgreSQL with the
way there and the rows' way into Python, of core's answer, and of both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg
from tests.bulk.made import Books

from concord.bulk.matching import prepared
from concord.bulk.spreading import spread, workers
from concord.bulk.telling import people_from
from concord.core import identity
from concord.core.identity import Bounds, Person
from concord.core.values import Ref
from concord.store.embedded import SETTINGS, EmbeddedPostgres
from concord.store.migrate import migrate
from concord.store.store import PostgresStore
from concord.suffixes import registrable_by_list

_PAIR, _PEOPLE, _BATCH = "bench", "people", 50_000
_COPY = "COPY known (pair, system, object, record_id, object_pair, traits, keys) FROM STDIN"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__.splitlines()[0])
    parser.add_argument("--known", type=int, default=1_000_000, help="people who are known")
    parser.add_argument("--newcomers", type=int, default=500, help="people who are looked for, one after the other")
    parser.add_argument("--json", action="store_true", help="one line on standard output")
    return parser.parse_args()


def _persons(rows: Sequence[dict[str, str]], system: str) -> list[Person]:
    table = pl.DataFrame(rows)
    people = people_from(prepared(table), len(rows), registrable_by_list())
    found = people.persons(np.arange(len(rows)))
    return [replace(one, ref=Ref(system, "person", one.ref.id)) for one in found]


def _row(person: Person) -> tuple[str, list[str]]:
    return json.dumps(identity.traits_of(person), ensure_ascii=False), sorted(identity.keys_of(person))


def _batches(rows: Iterable[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _load(conninfo: str, known: Iterable[dict[str, str]]) -> None:
    """Have these known, all in the left system."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("DROP INDEX known_keys")
        for batch in _batches(known):
            persons = _persons(batch, "left")
            told = spread(_row, persons)
            with connection.cursor().copy(_COPY) as copy:
                for person, (traits, keys) in zip(persons, told, strict=True):
                    copy.write_row((_PAIR, "left", "person", person.ref.id, _PEOPLE, traits, keys))
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("CREATE INDEX known_keys ON known USING gin (keys)")
        connection.execute("VACUUM ANALYZE known")


async def _asked(conninfo: str, newcomers: Sequence[Person]) -> list[tuple[float, float, int, int]]:
    """For each: milliseconds of the store, of core, how many people were looked at, how many links and questions."""
    figures = []
    async with PostgresStore.open(conninfo, pair=_PAIR) as store:
        for person in newcomers:
            began = time.perf_counter()
            found: list[Any] = []
            for system in ("left", "right"):
                found += await store.candidates(_PEOPLE, identity.keys_of(person), system)
            asked = time.perf_counter()
            lefts = [identity.person_from(one.ref, one.traits) for one in found]
            matching = identity.match(lefts, [person], Bounds(), frozenset(), {}, frozenset([person.ref]))
            ended = time.perf_counter()
            said = sum(1 for one in (*matching.links, *matching.asks) if person.ref in (one.left, one.right))
            figures.append((1000 * (asked - began), 1000 * (ended - asked), len(found), said))
    return figures


def _made(known: int, newcomers: int) -> tuple[Iterator[dict[str, str]], list[dict[str, str]]]:
    """Those who are known, one after the other; and those who are new, who are there when the others are through."""
    new: list[dict[str, str]] = []

    def rows() -> Iterator[dict[str, str]]:
        each = max(1, known // (2 * newcomers))
        for number, (book, row, _) in enumerate(Books(known, known, overlap=0.5).rows()):
            if book == "left":
                yield row
            elif len(new) < newcomers and number % each == 0:
                new.append(row)

    return rows(), new


async def measured(known: int, newcomers: int) -> dict[str, Any]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder, workers():
        server = EmbeddedPostgres(Path(folder) / "data", settings={**SETTINGS, "shared_buffers": "256MB"})
        conninfo = await server.start()
        try:
            await migrate(conninfo)
            began = time.perf_counter()
            rows, new = _made(known, newcomers)
            _load(conninfo, rows)
            loaded = time.perf_counter() - began
            persons = _persons(new, "right")
            await _asked(conninfo, persons[:50])  # until the index is in memory
            figures = np.array(await _asked(conninfo, persons[50:]))
        finally:
            await server.stop()
    both = figures[:, 0] + figures[:, 1]
    shares = {"p50": 50, "p90": 90, "p99": 99}
    return {
        "known": known,
        "newcomers": len(figures),
        "load_seconds": round(loaded, 1),
        **{
            f"{name}_{share}_ms": round(float(np.percentile(values, of)), 1)
            for name, values in (("store", figures[:, 0]), ("core", figures[:, 1]), ("both", both))
            for share, of in shares.items()
        },
        **{f"looked_at_{share}": int(np.percentile(figures[:, 2], of)) for share, of in shares.items()},
        "with_an_answer": int((figures[:, 3] > 0).sum()),
    }


def main(chosen: argparse.Namespace) -> None:
    found = asyncio.run(measured(chosen.known, chosen.newcomers))
    if chosen.json:
        print(json.dumps(found))
        return
    print(f"{found['newcomers']} newcomers against {found['known']:,} known people")
    for name in ("store", "core", "both"):
        print(
            f"{name:>6}: " + ", ".join(f"{share} {found[f'{name}_{share}_ms']} ms" for share in ("p50", "p90", "p99"))
        )
    print("people looked at: " + ", ".join(f"{share} {found[f'looked_at_{share}']}" for share in ("p50", "p90", "p99")))


if __name__ == "__main__":
    main(_arguments())
