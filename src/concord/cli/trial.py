"""The two sandboxes as a child process, and what the demonstration and the benchmarks do to them by their control API.

The product and the sandbox share nothing: this talks to it as any program would, by its command line and by HTTP on
this machine. Not for real systems.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord.config import Secrets, Settings, starting
from concord.core.mapping import ObjectPair
from concord.errors import ConcordError, ConfigError

_SINGULAR = {"contacts": "contact", "companies": "company"}


class TrialError(ConcordError):
    """The sandboxes did not start, or did not do what they were asked."""


@dataclass(frozen=True)
class Control:
    """One sandboxed service's control API."""

    url: str

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call below `/_control/`; its JSON answer."""
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is one that the sandbox printed: http, this machine
            f"{self.url}/_control/{path}", data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                return json.loads(answer.read() or b"null")
        except OSError as error:
            raise TrialError(f"the sandbox at {self.url} refused {method} {path}: {error}") from error

    async def records(self, object_name: str) -> dict[str, dict[str, Any]]:
        """Every live record of an object, straight from the sandbox's state: its fields by id."""
        answer = await self.call("GET", f"records/{object_name}")
        return {str(one["id"]): one["fields"] for one in answer["records"]}

    async def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """The calls numbered above `since`, oldest first."""
        return list((await self.call("GET", f"journal?since={since}&limit=1000000"))["journal"])

    async def calls(self) -> int:
        """How many calls the service has received."""
        return int((await self.call("GET", "journal?summary=1"))["calls"])


@dataclass(frozen=True)
class Trial:
    """Both sandboxes, running. truth: what only the world's maker knows."""

    salesforce: Control
    hubspot: Control
    keys: Mapping[str, Any]
    truth: Mapping[str, Any]

    def settings(self, listen: str, sweep: str) -> Settings:
        """The starting configuration, pointed at the sandboxes. sweep: how often Salesforce is asked what changed."""
        from concord.config import read_text, starting_text

        text = starting_text()
        for old, new in (
            ("listen: 127.0.0.1:8321", f"listen: {listen}"),
            ("public_url: http://127.0.0.1:8321", f"public_url: http://{listen}"),
            ("sweep: {salesforce: 15s, hubspot: 60s, consent: 30s, beside_events: 2m, presence: 1d}", sweep),
        ):
            assert old in text, f"the starting configuration has no {old}"
            text = text.replace(old, new)
        settings = read_text(text, "the starting configuration").settings or starting()
        return settings.connected_to(
            salesforce=self.salesforce.url,
            hubspot=self.hubspot.url,
            app_id=str(self.keys["hubspot"]["app_id"]),
            pubsub=self.keys["salesforce"]["pubsub"],
        )

    def secrets(self) -> Secrets:
        salesforce, hubspot = self.keys["salesforce"], self.keys["hubspot"]
        return Secrets(
            salesforce["client_id"], salesforce["client_secret"], hubspot["access_token"], hubspot["client_secret"]
        )

    async def select(self, objects: tuple[ObjectPair, ...]) -> None:
        """Let Salesforce offer change events of every mapped object."""
        names = dict.fromkeys(name for pair in objects for name in pair.left_objects)
        await self.salesforce.call("PUT", "change_events", {"selected": list(names)})

    async def subscribe(self, url: str, objects: tuple[ObjectPair, ...]) -> None:
        """Let HubSpot send its webhooks there: creations, deletions, merges, and every mapped property."""
        wanted: list[dict[str, str]] = []
        for pair in objects:
            one = _SINGULAR[pair.right_object]
            wanted += [{"subscriptionType": f"{one}.{verb}"} for verb in ("creation", "deletion", "merge", "restore")]
            names = dict.fromkeys(field.right for field in pair.fields)
            wanted += [{"subscriptionType": f"{one}.propertyChange", "propertyName": name} for name in names]
        await self.hubspot.call("PUT", "webhooks", {"target_url": url, "subscriptions": wanted})


@asynccontextmanager
async def trial(world: str, seed: int, folder: Path) -> AsyncIterator[Trial]:
    """Start both sandboxes with a world; they end with the block. folder: for the world's file."""
    file = folder / "world.json"
    await asyncio.to_thread(_save, world, seed, file)
    truth = json.loads(file.read_text("utf-8")).get("truth", {})
    command = [sys.executable, "-m", "concord_sandbox", "--world", str(file)]
    command += ["--salesforce", "0", "--pubsub", "0", "--hubspot", "0"]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, limit=2**20)
    try:
        assert child.stdout is not None
        line = await child.stdout.readline()
        if not line:
            assert child.stderr is not None
            raise TrialError(f"the sandboxes did not start: {(await child.stderr.read()).decode().strip()}")
        keys = json.loads(line)
        yield Trial(Control(keys["salesforce"]["url"]), Control(keys["hubspot"]["url"]), keys, truth)
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()


def _save(world: str, seed: int, file: Path) -> None:
    command = [sys.executable, "-m", "concord_sandbox", "--world", world, "--seed", str(seed), "--save", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed program
    if done.returncode:  # only a world that is not to be had ends it so
        raise ConfigError(done.stderr.strip().removeprefix("concord_sandbox: "))
