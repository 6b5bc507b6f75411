"""Sandboxes behind real ports, for clients that take no transport of ours; and running Node's clients."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from concord_sandbox.control import SandboxApp

CLIENTS = Path(__file__).parents[1] / "clients"


class Served:
    """An application behind a port of its own, until `stop`."""

    def __init__(self, app: SandboxApp) -> None:
        self.app = app
        config = uvicorn.Config(app, log_level="error", lifespan="off", date_header=False, server_header=False)
        self._server = uvicorn.Server(config)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64)  # a client that is faster than the server's start waits here
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    @property
    def credentials(self) -> dict[str, Any]:
        return self.app.service.credentials(self.url)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


def need_node() -> str:
    """Node's path; skips the test, and says why, where it or the clients are not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node 20 or newer is not on this machine: the JavaScript clients drive nothing")
    if not (CLIENTS / "node_modules").is_dir():
        pytest.skip("the JavaScript clients are not installed: `make clients` does it where npm reaches a registry")
    return node


def in_node(script: str, scenario: str, **given: Any) -> Any:
    """The outcome of one scenario of a client's script, which printed it as JSON."""
    command = [need_node(), str(CLIENTS / script), scenario, json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our script
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
