"""Control verbs as data: the same table makes the routes, the list at `GET /_control/` and docs/sandbox_control.md.

Knows no service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.routing import Route


@dataclass(frozen=True)
class Verb:
    """One control verb. path: below `/_control/`. words: what it takes, does and answers. answered_by: the name of the
    method that answers it. of: the key of the world whose part it belongs to ("": the service itself)."""

    method: str
    path: str
    words: str
    answered_by: str
    of: str = ""

    def plain(self) -> dict[str, str]:
        return {"method": self.method, "path": f"/_control/{self.path}", "does": self.words}


def routes(owner: Any, verbs: Iterable[Verb]) -> list[Route]:
    """The routes of verbs that methods of `owner` answer, each taking the request and giving the response."""
    return [Route(f"/{one.path}", getattr(owner, one.answered_by), methods=[one.method]) for one in verbs]


def first_paragraph(documented: Any) -> str:
    """The first paragraph of a docstring on one line, without what it raises; "" without one."""
    words = " ".join((documented.__doc__ or "").strip().split("\n\n")[0].split())
    return re.sub(r" ?\bRaises [^.]*\.", "", words)
