"""The built-in worlds, by name: each is made anew from a seed and is the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concord_sandbox.worlds import agency, bench, empty, revenue

BUILT_IN: dict[str, Callable[[int], dict[str, Any]]] = {
    "agency": agency.build,
    "empty": empty.build,
    "bench": bench.build,
    "revenue": revenue.build,
}
#: Those that are made in any size: `NAME:PEOPLE`, as in revenue:500.
OF_ANY_SIZE: dict[str, Callable[[int, int], dict[str, Any]]] = {"bench": bench.build, "revenue": revenue.build}
