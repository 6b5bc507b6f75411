"""How many simple calls a second the sandboxes answer, and what a million records cost them: `make bench-sandbox`.

One process serves all services; this one asks over keep-alive connections, with no more work of its own than reading an
answer's length. Prints one line for each measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CONNECTIONS = 8


class Sandbox:
    """A running sandbox of all services."""

    def __init__(self, world: str) -> None:
        command = [sys.executable, "-m", "concord_sandbox", "--salesforce", "0", "--hubspot", "0", "--world", world]
        begun = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the sandbox did not start")
        self.start_seconds = time.monotonic() - begun
        self.line: dict[str, Any] = json.loads(line)

    def megabytes(self, which: str) -> int:
        """VmRSS or VmHWM of the process, where the system tells (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(which)).split()[1]) // 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Wire:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader, self._writer, self._token = reader, writer, token

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        sent = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        self._writer.write(head.encode() + sent)
        head_read = await self._reader.readuntil(b"\r\n\r\n")
        lowered = head_read.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0
        return int(head_read[9:12]), await self._reader.readexactly(length) if length else b""


async def opened(service: dict[str, Any]) -> Wire:
    host, _, port = service["url"].removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    return Wire(reader, writer, service["access_token"])


async def measured(sandbox: Sandbox, service: dict[str, Any], make: Any, seconds: float) -> tuple[float, float]:
    """(calls a second, milliseconds of the server's processor a call)."""
    done = 0
    ends = time.monotonic() + seconds
    begun, cpu = time.monotonic(), sandbox.cpu_seconds()

    async def one(number: int) -> None:
        nonlocal done
        wire, chance = await opened(service), random.Random(number)
        while time.monotonic() < ends:
            status, answer = await wire.call(*make(chance))
            if status >= 300:
                raise SystemExit(f"answered {status}: {answer[:300]!r}")
            done += 1

    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    took = time.monotonic() - begun
    return done / took, (sandbox.cpu_seconds() - cpu) * 1000 / done


async def ids(service: dict[str, Any], name: str) -> list[str]:
    wire = await opened(service)
    if name == "Contact":
        path = "/services/data/v66.0/query?q=SELECT+Id+FROM+Contact+LIMIT+2000"
        return [row["Id"] for row in json.loads((await wire.call("GET", path))[1])["records"]]
    path = f"/crm/objects/2026-09/{name}?limit=100"
    return [row["id"] for row in json.loads((await wire.call("GET", path))[1])["results"]]


async def run(world: str, seconds: float) -> None:
    sandbox = Sandbox(world)
    try:
        salesforce, hubspot = sandbox.line["salesforce"], sandbox.line["hubspot"]
        print(f"world {world}: ready in {sandbox.start_seconds:.1f} s, "
              f"{sandbox.megabytes('VmRSS')} MB now, {sandbox.megabytes('VmHWM')} MB at most")  # fmt: skip
        wire = await opened(hubspot)
        await wire.call("PUT", "/_control/limits", {"burst_limit": 10**9, "daily_limit": 10**9, "search_limit": 10**9})
        await (await opened(salesforce)).call("POST", "/_control/usage", {"daily_limit": 10**9})
        people, contacts = await ids(salesforce, "Contact"), await ids(hubspot, "contacts")
        rows, objects = "/services/data/v66.0/sobjects/Contact", "/crm/objects/2026-09/contacts"
        cases: list[tuple[str, dict[str, Any], Any]] = [
            ("Salesforce: read a record", salesforce, lambda c: ("GET", f"{rows}/{c.choice(people)}")),
            ("Salesforce: change a record", salesforce,
             lambda c: ("PATCH", f"{rows}/{c.choice(people)}", {"Title": f"Title {c.random()}"})),
            ("Salesforce: query one by id", salesforce,
             lambda c: ("GET", "/services/data/v66.0/query?q=SELECT+Id,Email,LastName+FROM+Contact+WHERE+Id="
                               f"'{c.choice(people)}'")),
            ("HubSpot: read a record", hubspot, lambda c: ("GET", f"{objects}/{c.choice(contacts)}")),
            ("HubSpot: change a record", hubspot,
             lambda c: ("PATCH", f"{objects}/{c.choice(contacts)}", {"properties": {"jobtitle": f"Job {c.random()}"}})),
            ("HubSpot: search by address", hubspot,
             lambda c: ("POST", f"{objects}/search", {"filterGroups": [{"filters": [
                 {"propertyName": "email", "operator": "EQ", "value": f"{c.random()}@example.com"}]}]})),
        ]  # fmt: skip
        for title, service, make in cases:
            rate, cost = await measured(sandbox, service, make, seconds)
            print(f"{title:30} {rate:7.0f} calls/s   {cost:5.2f} ms of the server's processor a call")
        print(f"afterwards {sandbox.megabytes('VmRSS')} MB, {sandbox.megabytes('VmHWM')} MB at most")
    finally:
        sandbox.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", default="bench:2000", help="what is served (bench:2000)")
    parser.add_argument("--seconds", type=float, default=5, help="how long each measurement takes (5)")
    asked = parser.parse_args()
    asyncio.run(run(asked.world, asked.seconds))


if __name__ == "__main__":
    main()
