"""Traces by OpenTelemetry, where it is set up (SPEC 10.9): a span for each batch on the line, for its steps, and for
each remote call. Spans carry ids, counts and names of steps, never a person's data.

Set up by OpenTelemetry's own environment variables (OTEL_EXPORTER_OTLP_ENDPOINT and the rest); without them nothing is
loaded, and a span costs next to nothing. Imports nothing of Concord.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version
from typing import ParamSpec, TypeVar

from opentelemetry import trace

P = ParamSpec("P")
T = TypeVar("T")

#: Any of these says where traces go to.
VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_tracer = trace.get_tracer("concord")


@contextmanager
def span(name: str, **attributes: str | int | float | bool) -> Iterator[trace.Span]:
    """A span for as long as the block lasts; an error that leaves it is noted by its kind, not by its words, which may
    name a record's values."""
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as one:
        try:
            yield one
        except BaseException as error:
            one.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def traced(name: str) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """A span for every run of an async function."""

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> T:
            with span(name):
                return await function(*args, **kwargs)

        return run

    return decorate


def start(environment: Mapping[str, str]) -> bool:
    """Send spans from now on, where the environment says where to; whether it does."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(environment.get(name) for name in VARIABLES):
        return False
    # Loaded only where it is used: it takes longer to import than most commands to run.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = environment.get("OTEL_SERVICE_NAME") or "concord"
    provider = TracerProvider(resource=Resource.create({"service.name": named, "service.version": version("concord")}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def finish() -> None:
    """Send what is left."""
    provider = trace.get_tracer_provider()
    flush = getattr(provider, "shutdown", None)
    if flush is not None:
        flush()
