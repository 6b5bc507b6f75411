"""Parts of a service's state that look after themselves: each owns one key of the world's section.

A service keeps what its core is made of; everything beside it (lists, sequences, duplicate rules, change events …) is a
part: made from its key of the section when the section is loaded, and saved under the same key. Knows no vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from concord_sandbox.verbs import Verb, first_paragraph

Owner = TypeVar("Owner")
PartOf = TypeVar("PartOf", bound="Part[Any]")


class Part(Generic[Owner]):
    """One part of the state of an `Owner` (an org, a portal)."""

    #: The key of the section that this part is made from.
    section: ClassVar[str]
    #: Control verbs under `/_control/`: "POST webhooks/disturb" -> name of the method that answers it. The method takes
    #: the call's JSON body (or, for GET, its query) as a dict and gives what is answered as JSON; ControlError,
    #: ValueError, KeyError and TypeError become 400. The first paragraph of its docstring tells people what it does.
    verbs: ClassVar[Mapping[str, str]] = {}

    def __init__(self, owner: Owner, given: Any) -> None:
        """Make it from the value under its key, None when the section has no such key. Raises ControlError, ValueError,
        KeyError or TypeError when that is malformed. Must keep no reference into `given`."""
        self.owner = owner

    def save(self) -> Any:
        """What the constructor makes the same part from; None: nothing to save."""
        return None

    def tick(self) -> float | None:
        """Do what is due now; seconds until something is due again, None when nothing is."""
        return None

    async def deliver(self) -> int:
        """Send what is due to be sent; how many requests were sent."""
        return 0


class Parts(Generic[Owner]):
    """The parts of one owner, by their class."""

    def __init__(self) -> None:
        self._made: dict[type, Part[Owner]] = {}

    def make(self, owner: Owner, kinds: Iterable[type[Part[Owner]]], section: Mapping[str, Any]) -> None:
        """Make every part; its own errors go up."""
        for kind in kinds:
            self._made[kind] = kind(owner, section.get(kind.section))

    def of(self, kind: type[PartOf]) -> PartOf:
        """The part of that class; KeyError when it is in nobody's list of parts."""
        return cast(PartOf, self._made[kind])

    def all(self) -> tuple[Part[Owner], ...]:
        return tuple(self._made.values())

    def save(self) -> dict[str, Any]:
        saved = {part.section: part.save() for part in self._made.values()}
        return {key: value for key, value in saved.items() if value is not None}

    def tick(self) -> float | None:
        due = [wait for part in self._made.values() if (wait := part.tick()) is not None]
        return min(due, default=None)

    async def deliver(self) -> int:
        return sum([await part.deliver() for part in self._made.values()])


def control_verbs(kinds: Iterable[type[Part[Any]]]) -> list[Verb]:
    """The control verbs of those parts, with the words of the methods that answer them."""
    made = []
    for kind in kinds:
        for verb, name in kind.verbs.items():
            method, path = verb.split(" ")
            made.append(Verb(method, path, first_paragraph(getattr(kind, name)), name, of=kind.section))
    return made


def control_routes(kinds: Iterable[type[Part[Any]]], parts: Callable[[], Parts[Any]]) -> list[Route]:
    """The control verbs of those parts; `parts` gives the ones that are loaded now."""
    return [_route(kind, parts, verb, name) for kind in kinds for verb, name in kind.verbs.items()]


def _route(kind: type[Part[Any]], parts: Callable[[], Parts[Any]], verb: str, name: str) -> Route:
    method, path = verb.split(" ")

    async def answer(request: Request) -> Response:
        if request.method == "GET":
            asked: Any = dict(request.query_params)
        else:
            asked = await request.json() if await request.body() else {}
        return JSONResponse(getattr(parts().of(kind), name)(asked))

    return Route("/" + path, answer, methods=[method])
