"""HubSpot's own OpenAPI descriptions, where somebody has them: what they say of an operation's answers.

They are not part of this project and never committed. `HUBSPOT_OPENAPI` names the folder of a copy of HubSpot's public
collection (its files …/2026-09/*.json are read); without it the checks are skipped, and the skipped test says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from concord_sandbox.operations import fits

VARIABLE = "HUBSPOT_OPENAPI"
VERSION = "2026-09"
#: Said to be texts, and null all the same in what HubSpot answers and shows in its guides: the label of an association
#: without one.
NULL_IN_PRACTICE = ("label",)
_METHODS = ("get", "put", "post", "patch", "delete")


class Described:
    """One operation of one file."""

    def __init__(self, method: str, path: str, whole: dict[str, Any], about: dict[str, Any]) -> None:
        self.method, self.path = method, path
        self._whole, self._responses = whole, about.get("responses", {})

    def problems(self, status: int, body: Any) -> list[str]:
        """What the answer has that the description does not allow; [] when all is well."""
        response = self._responses.get(str(status)) or self._responses.get("default")
        if response is None:
            return [] if status >= 400 else [f"answers {status}, described are {', '.join(self._responses)}"]
        schema = next((one.get("schema") for one in response.get("content", {}).values()), None)
        if schema is None or status >= 400:
            return []
        # Everything is inside one document, so that references need no other.
        validator = _VALIDATOR({**self._whole["components"], "components": self._whole["components"], **schema})
        return [
            f"{'/'.join(map(str, one.absolute_path)) or 'answer'}: {one.message[:200]}"
            for one in validator.iter_errors(body)
            if not (one.instance is None and one.absolute_path[-1] in NULL_IN_PRACTICE)
        ]


def _type(validator: Any, types: Any, instance: Any, schema: dict[str, Any]) -> Iterator[Any]:
    """OpenAPI 3.0: `nullable` stands beside a type."""
    if instance is None and schema.get("nullable"):
        return
    yield from Draft202012Validator.VALIDATORS["type"](validator, types, instance, schema)


def _enum(validator: Any, enums: Any, instance: Any, schema: dict[str, Any]) -> Iterator[Any]:
    if instance is None and schema.get("nullable"):
        return
    yield from Draft202012Validator.VALIDATORS["enum"](validator, enums, instance, schema)


_VALIDATOR = extend(Draft202012Validator, {"type": _type, "enum": _enum})


@cache
def described() -> tuple[Described, ...]:
    """Every operation of the descriptions at hand; () where there are none."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return ()
    found = []
    for path in sorted(Path(folder).rglob(f"{VERSION}/*.json")):
        whole = json.loads(path.read_text("utf-8"))
        for route, methods in whole["paths"].items():
            for method, about in methods.items():
                if method in _METHODS:
                    found.append(Described(method.upper(), route, whole, about))
    return tuple(found)


def problems_of(method: str, path: str, status: int, body: bytes) -> list[str]:
    """What an answer has that no description of that operation allows; [] when one allows it or none is known."""
    candidates = [one for one in described() if one.method == method and fits(one.path, path)]
    if not candidates:
        return []
    fewest = min(one.path.count("{") for one in candidates)
    read = json.loads(body) if body else None
    worst: list[str] = []
    for one in candidates:
        if one.path.count("{") == fewest:
            worst = one.problems(status, read)
            if not worst:
                return []
    return [f"{method} {path} {status}: {words}" for words in worst]
