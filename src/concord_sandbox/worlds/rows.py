"""Rows of a world that are made when they are looked at: a world of a million records needs no memory itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

Key = TypeVar("Key")


class Made(Sequence[Any]):
    """`count` rows; the one at a place is made by `make(place)` each time anew, and has to be the same each time."""

    def __init__(self, count: int, make: Callable[[int], Any]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return (self._make(place) for place in range(self._count))

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self._make(one) for one in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(place)
        return self._make(place % self._count)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(
            one == there for one, there in zip(self, other, strict=True)
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]


def made_of(numbers: Sequence[Key], make: Callable[[Key], Any]) -> Made:
    """A row for each of those numbers, or whatever else tells what a row is of."""
    return Made(len(numbers), lambda place: make(numbers[place]))


def as_json(world: Any) -> str:
    """A world, or a part of one, as JSON."""
    return json.dumps(world, ensure_ascii=False, default=_listed)


def _listed(value: Any) -> Any:
    if isinstance(value, Made):
        return list(value)
    raise TypeError(f"a world has no place for {type(value).__name__}")
