"""Quick classes are frozen dataclasses like any other."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field, replace
from functools import cached_property

import pytest

from concord.core.quick import quick


@quick
@dataclass(frozen=True)
class Thing:
    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)

    @cached_property
    def twice(self) -> int:
        return 2 * self.size


@dataclass(frozen=True)
class Plain:
    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)


def test_fields_are_taken_by_place_and_by_name_and_defaults_stand_in() -> None:
    assert Thing("a", 4, ["b"]) == Thing(parts=["b"], size=4, name="a")
    assert (Thing("a").size, Thing("a").parts) == (3, [])
    assert Thing("a").parts is not Thing("a").parts


def test_what_is_lacking_too_much_or_not_known_is_refused_as_ever() -> None:
    for call in (lambda: Thing(), lambda: Thing("a", 1, [], 2), lambda: Thing("a", other=1)):  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="argument"):
            call()


def test_nothing_of_it_changes() -> None:
    thing = Thing("a")
    with pytest.raises(FrozenInstanceError):
        thing.name = "b"  # type: ignore[misc]
    assert replace(thing, size=4) == Thing("a", 4)
    assert thing.twice == 6


def test_it_shows_compares_and_hashes_as_a_plain_one_does() -> None:
    assert repr(Thing("a", 1)) == repr(Plain("a", 1)).replace("Plain", "Thing")
    assert Thing("a") != Plain("a")
    assert hash(Thing("a", 1, ())) == hash(Plain("a", 1, ()))  # type: ignore[arg-type]
