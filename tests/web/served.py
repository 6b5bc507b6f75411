"""A served Concord that takes in, for tests that send it what nobody should: what it answers, what it stored, what it
logged, and how much memory it has."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from tests.conftest import TestServer

from concord.web.intake import HUBSPOT_PATH, SALESFORCE_PATH
from concord_sandbox.hubspot.events.webhooks import signature

ROOT = Path(__file__).parents[2]
#: Something personal that is part of what is sent: it may never be in the log.
CANARY = "ada.lovelace@canary.example"
#: An answer's first line; several where requests were sent one behind another.
STATUS = re.compile(rb"(?:^|\r\n|(?<=[^\r\n]))HTTP/1\.[01] ([0-9]{3}) ")
#: What an answer may be waited for before it counts as none.
PATIENCE = 20.0


@dataclass(frozen=True)
class Intake:
    """One process that takes in, and its database."""

    told: dict[str, Any]
    database: str
    log: Path

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def hook(self) -> str:
        from tests.web.intake_process import HOOK

        return f"{SALESFORCE_PATH}/{HOOK}"

    def signed(self, body: bytes, query: str = "", *, at: float | None = None) -> dict[str, str]:
        """The headers with which HubSpot would send this."""
        stamp = str(int((time.time() if at is None else at) * 1000))
        url = self.url + HUBSPOT_PATH + (f"?{query}" if query else "")
        made = signature(str(self.told["secret"]), "POST", url, body, stamp)
        return {"X-HubSpot-Request-Timestamp": stamp, "X-HubSpot-Signature-v3": made}

    # --- what it does

    def stored(self) -> dict[str, str]:
        """Every table with a digest of all that is in it."""
        with psycopg.connect(self.database) as connection:
            names = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
            ).fetchall()
            found = {}
            for schema, table in names:
                query = sql.SQL("SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), ''))"
                                " FROM {} t").format(sql.Identifier(schema, table))  # fmt: skip
                row = connection.execute(query).fetchone()
                assert row is not None
                found[table] = row[0]
        assert "inbox" in found
        return found

    def inbox(self) -> list[tuple[str, str, str]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute("SELECT system, object, record_id FROM inbox ORDER BY 1, 2, 3").fetchall()

    def clear(self) -> None:
        """Forget what was taken in."""
        with psycopg.connect(self.database) as connection:
            connection.execute("DELETE FROM inbox")
            connection.execute("DELETE FROM procrastinate_jobs")

    def memory_mb(self) -> float:
        """What is resident of it at this moment."""
        told = subprocess.run(  # noqa: S603 - a fixed command
            ["ps", "-o", "rss=", "-p", str(self.told["pid"])],  # noqa: S607 - wherever the system has it
            capture_output=True,
            text=True,
            check=True,
        )
        return int(told.stdout) / 1024

    def is_well(self, since: int = 0) -> None:
        """It answers, it has not failed on anything, and its log says nothing of anybody. since: where the log was
        read to."""
        with closing(socket.create_connection(self.address, timeout=PATIENCE)) as line:
            line.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: line.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer
        text = self.log.read_bytes()[since:].decode()
        assert CANARY not in text
        lines = [json.loads(line) for line in text.splitlines()]
        failed = [line for line in lines if "traceback" in line or line["level"] in ("error", "critical")]
        assert failed == [], failed[0].get("traceback", failed[0])[-2000:]


@contextmanager
def intake(postgres: TestServer, log: Path, seconds: float = 10.0) -> Iterator[Intake]:
    """A process of its own with a database of its own. seconds: how long a request may take to arrive."""
    name = postgres.create()
    database = postgres.conninfo_of(name)
    with log.open("w") as errors:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "tests.web.intake_process", database, str(seconds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line, log.read_text("utf-8")
        yield Intake(json.loads(line), database, log)
        child.communicate("", timeout=30)
    assert child.returncode == 0, log.read_text("utf-8")[-2000:]
    postgres.finish(name)


# --- bytes on the line


@dataclass(frozen=True)
class Sent:
    """What one connection sends, piece by piece, and what came back until the server or the patience ended it."""

    pieces: Sequence[bytes]
    answer: bytes

    @property
    def statuses(self) -> list[int]:
        return [int(found) for found in STATUS.findall(self.answer)]


async def send(address: tuple[str, int], pieces: Sequence[bytes], wait: float = 0.25) -> Sent:
    """Send these pieces; then wait so long for more of an answer, say that nothing follows, and read to the end."""
    reader, writer = await asyncio.open_connection(*address)
    found = bytearray()
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        try:
            async with asyncio.timeout(wait):
                while part := await reader.read(65536):
                    found += part
        except TimeoutError:
            writer.write_eof()
            async with asyncio.timeout(PATIENCE):
                while part := await reader.read(65536):
                    found += part
    except (ConnectionError, OSError):
        pass  # it has closed the line while we were still sending, as it may
    finally:
        writer.close()
    return Sent(pieces, bytes(found))


async def send_all(address: tuple[str, int], calls: Sequence[Sequence[bytes]], at_once: int = 50) -> list[Sent]:
    gate = asyncio.Semaphore(at_once)

    async def one(pieces: Sequence[bytes]) -> Sent:
        async with gate:
            return await send(address, pieces)

    return list(await asyncio.gather(*map(one, calls)))


def judge(sent: Sent) -> None:
    """No status of the server's fault. The one exception is the protocol's: a SOAP fault, which says that a message was
    none or not for us, has the status 500 (SOAP 1.1, section 6.2; api/salesforce.md 11.3)."""
    faults = sent.answer.count(b"<soapenv:Fault>")
    broken = [status for status in sent.statuses if status >= 500]
    assert len(broken) <= faults, (sent.pieces[0][:300], sent.answer[:400])
    assert set(broken) <= {500}
