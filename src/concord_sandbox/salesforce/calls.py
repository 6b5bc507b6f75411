"""A call of the REST API and its answer, as data: the same whether it came by HTTP or inside a composite call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal, bad_json, not_found
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.query import Result
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.usage import Usage
from concord_sandbox.salesforce.writes import Actor, Writer
from concord_sandbox.service import Controls


@dataclass(frozen=True)
class Call:
    """segments: the decoded path behind the version. path: as called, for faults. headers: names in lower case."""

    method: str
    version: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    path: str
    #: Whether it stands inside a composite call.
    inside: bool = False

    def object_body(self) -> dict[str, Any]:
        """The body, which has to be a JSON object."""
        if not isinstance(self.body, dict):
            raise bad_json("The HTTP entity body is required, and it has to be a JSON object")
        return self.body


@dataclass(frozen=True)
class Answer:
    """body: what is sent as JSON, or JSON already made (bytes), or None for an answer without a body."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def value(self) -> Any:
        return json.loads(self.body) if isinstance(self.body, bytes) else self.body


@dataclass
class Cursor:
    """A query of which more pages can be read. made: Unix seconds."""

    result: Result
    size: int
    made: float


@dataclass
class Api:
    """What answers of the REST API are made from. One for each loaded world."""

    org: Org
    controls: Controls
    usage: Usage
    #: When this world was loaded: the date of all its describes, wire form.
    loaded_at: str
    cursors: dict[str, Cursor] = field(default_factory=dict)
    describes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.writer = Writer(self.org, self.controls)

    def actor(self, call: Call) -> Actor:
        return Actor(self.org.identity.integration_user_id, call.method, call.path)

    def table(self, name: str) -> Table:
        found = self.org.table(name)
        if found is None:
            raise not_found()
        return found


def as_json(value: Any) -> bytes:
    """JSON as it is sent. Half of a surrogate pair, which UTF-8 cannot carry, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def invalid_input(message: str, code: str = "INVALID_INPUT") -> Refusal:
    return Refusal(400, Fail(code, message))
