"""Traces arrive at a collector as OpenTelemetry's own protocol has them, and nothing is loaded where none is set up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROGRAM = """
import asyncio, os, sys
from concord import trace
print(trace.start(os.environ), any(name.startswith("opentelemetry.sdk") for name in sys.modules))

@trace.traced("read")
async def read() -> None:
    raise ValueError("ada@engines.com is no number")

async def line() -> None:
    with trace.span("batch", lane="people", rows=2):
        await read()

try:
    asyncio.run(line())
except ValueError:
    trace.finish()
"""


class Collector(BaseHTTPRequestHandler):
    """Takes what is sent."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []
    server = HTTPServer(("127.0.0.1", 0), type("One", (Collector,), {"bodies": bodies}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()


def run(**environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_batch_and_its_steps_are_spans_without_a_persons_data(collector: tuple[str, list[bytes]]) -> None:
    address, bodies = collector
    assert run(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_EXPORTER_OTLP_COMPRESSION="none") == "True True"
    told = ExportTraceServiceRequest.FromString(bodies[0])
    (resource,) = told.resource_spans
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(spans) == {"batch", "read"}
    assert spans["read"].parent_span_id == spans["batch"].span_id
    assert {one.key: one.value.string_value or one.value.int_value for one in spans["batch"].attributes} == {
        "lane": "people",
        "rows": 2,
    }
    assert spans["read"].status.message == "ValueError"
    assert b"ada@engines.com" not in bodies[0]
    assert ("service.name", "concord") in {(one.key, one.value.string_value) for one in resource.resource.attributes}


def test_without_an_address_nothing_is_loaded_or_sent() -> None:
    assert run(OTEL_EXPORTER_OTLP_ENDPOINT="") == "False False"
