"""Composite graphs and trees (api/salesforce.md section 6)."""

from __future__ import annotations

from collections.abc import Callable

from concord_sandbox.salesforce.calls import Answer, Api, Call, Resources
from concord_sandbox.salesforce.errors import not_found

RESOURCES: Resources = ()


def graphs(api: Api, call: Call, answered: Callable[[Api, Call], Answer]) -> Answer:
    """`POST /composite/graph`."""
    raise not_found()
