"""A call of the REST API and its answer, as data: the same whether it came by HTTP or inside a composite call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal, bad_json, not_found
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.soql.query import Result
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.usage import Usage
from concord_sandbox.salesforce.writes import Actor, Step, Writer
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
    #: The body as it came, where a resource takes other things than JSON (`body` is None then).
    raw: bytes | None = None
    #: The user behind its token; None: the integration user.
    user_id: str | None = None

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
    #: When this world was loaded, wire form.
    loaded_at: str
    cursors: dict[str, Cursor] = field(default_factory=dict)
    #: By object, version, and how often the describes have changed.
    describes: dict[tuple[str, str, int], bytes] = field(default_factory=dict)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        steps = tuple(part for part in self.org.parts.all() if isinstance(part, Step))
        self.writer = Writer(self.org, self.controls, steps)

    @property
    def described_at(self) -> str:
        """The date of the describes, wire form."""
        return self.org.described_at or self.loaded_at

    def actor(self, call: Call) -> Actor:
        """The user of the token, with what the call's headers ask of a write (api/salesforce.md section 3.1)."""
        given = call.headers
        options = _options(given.get("sforce-call-options", ""))
        duplicates = _options(given.get("sforce-duplicate-rule-header", "").lower())
        assign = given.get("sforce-auto-assign", "TRUE").strip()
        return Actor(
            call.user_id or self.org.identity.integration_user_id,
            call.method,
            call.path,
            client=options.get("client"),
            api=f"rest/{call.version.removeprefix('v')}",
            save_duplicates=duplicates.get("allowsave") == "true",
            duplicate_details=duplicates.get("includerecorddetails") == "true",
            assign={"TRUE": True, "FALSE": False}.get(assign.upper(), assign),
        )

    def table(self, name: str) -> Table:
        found = self.org.visible(name)
        if found is None:
            raise not_found()
        return found


def _options(header: str) -> dict[str, str]:
    """The `name=value` parts of a header, names in lower case."""
    found = (part.partition("=") for part in header.replace(";", ",").split(","))
    return {name.strip().lower(): value.strip() for name, _, value in found if name.strip()}


#: Called with the Api, the Call, and the text of each part of the path in braces.
Resource = Callable[..., Answer]
#: Path behind the version -> method -> resource.
Resources = tuple[tuple[str, dict[str, Resource]], ...]


def as_json(value: Any) -> bytes:
    """JSON as it is sent. Half of a surrogate pair, which UTF-8 cannot carry, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def invalid_input(message: str, code: str = "INVALID_INPUT") -> Refusal:
    return Refusal(400, Fail(code, message))
