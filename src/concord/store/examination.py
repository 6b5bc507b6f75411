"""What a database is like, for `concord doctor`: looks at it from outside, and brings nothing up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from concord.core.checks import Check, State
from concord.errors import StoreError
from concord.store import queries
from concord.store.health import SILENT
from concord.store.migrate import OUR_QUEUE_SCHEMA, known_migrations

SECTION: Final = "Database"
#: The oldest PostgreSQL that the work queue (procrastinate 3) is made for.
OLDEST: Final = 13
_NEXT: Final = "`concord reconcile` and `concord serve` do it at their start"


@dataclass(frozen=True)
class Looked:
    """What was seen. version: of the server, as 160004. applied: the migrations that it has; None: it has no tables of
    Concord. missing, strange: those that this Concord has and it has not, and the other way round. alive, silent: the
    workers that said something a moment ago, and those that did not. surveyed: the pairs that were read whole."""

    version: int
    applied: frozenset[str] | None
    missing: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    alive: int = 0
    silent: int = 0
    surveyed: tuple[str, ...] = ()


async def look(conninfo: str) -> Looked:
    """See `Looked`. Raises StoreError when the database cannot be reached or read."""
    sql = queries.load("examination")
    try:
        async with await psycopg.AsyncConnection.connect(conninfo, connect_timeout=5, autocommit=True) as connection:
            version = connection.info.server_version
            row = await (await connection.execute(sql["has_tables"])).fetchone()
            if row is None or not row[0]:
                return Looked(version, None)
            applied = frozenset(str(row[0]) for row in await (await connection.execute(sql["migrations"])).fetchall())
            wanted = known_migrations()
            missing = tuple(name for name in wanted if name not in applied)
            strange = tuple(sorted(one for one in applied - set(wanted) if not one.startswith("queue/")))
            if missing:
                return Looked(version, applied, missing, strange)
            cursor = await connection.execute(sql["workers"], {"silent": SILENT})
            alive, workers = await cursor.fetchone() or (0, 0)
            surveyed = tuple(str(row[0]) for row in await (await connection.execute(sql["surveyed"])).fetchall())
    except psycopg.Error as error:
        raise StoreError(f"the database does not answer: {' '.join(str(error).split())}") from error
    return Looked(version, applied, missing, strange, alive, workers - alive, surveyed)


def checks(looked: Looked, pair: str | None) -> list[Check]:
    """What was seen, in words. pair: the two accounts that are configured, where they are known."""
    number = f"{looked.version // 10_000}.{looked.version % 10_000}"
    if looked.version < OLDEST * 10_000:
        words = f"it is PostgreSQL {number}, and has to be {OLDEST} or newer"
        found = [Check(SECTION, "server", State.FAIL, words, "bring it up to date, or use another one")]
    else:
        found = [Check(SECTION, "server", State.OK, f"PostgreSQL {number} answers")]
    found.append(_tables(looked))
    if looked.applied is None or looked.missing:
        return found
    if looked.alive:
        words = "a worker is alive" if looked.alive == 1 else f"{looked.alive} workers are alive"
        found.append(Check(SECTION, "workers", State.OK, words))
    else:
        words = "no worker is alive, so that nothing is carried out"
        killed = f" ({looked.silent} ended without saying so)" if looked.silent else ""
        found.append(Check(SECTION, "workers", State.WARN, words + killed, "start `concord serve`"))
    if pair is not None and pair not in looked.surveyed:
        words = f"the two accounts ({pair}) were not read whole yet, so nobody is known"
        found.append(Check(SECTION, "survey", State.WARN, words, "run `concord reconcile`; it shows before it writes"))
    elif pair is not None:
        found.append(Check(SECTION, "survey", State.OK, "both accounts were read whole"))
    return found


def _tables(looked: Looked) -> Check:
    if looked.applied is None:
        return Check(SECTION, "tables", State.WARN, "there are none of Concord yet", _NEXT)
    if looked.strange:
        words = f"a newer Concord brought them up to date ({', '.join(looked.strange)})"
        return Check(SECTION, "tables", State.FAIL, words, "install that Concord here too")
    if looked.missing:
        ours = [one for one in looked.missing if one != OUR_QUEUE_SCHEMA]
        return Check(SECTION, "tables", State.WARN, f"they lack {', '.join(ours or looked.missing)}", _NEXT)
    return Check(SECTION, "tables", State.OK, f"up to date ({len(looked.applied)} migrations)")
