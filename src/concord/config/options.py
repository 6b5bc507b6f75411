"""Picklist options that stand for one another, where one Salesforce option may stand for several of HubSpot's.

HubSpot's eight lead statuses meet four of Salesforce's; a plain dictionary could name only one of the eight for each.
Holds pairs; decides nothing.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping

from concord.config.kinds import Reading
from concord.config.problems import Problem
from concord.config.sections import Field


class OptionPairs(Mapping[str, str]):
    """(left option, right option) pairs in the order of the file, as FieldPair.options takes them.

    A mapping in the manner of the standard library's e-mail headers: `get` answers with the first of a key, while
    iteration, `items` and `len` have every pair, a left option as often as it has right ones. What is written to the
    right is therefore the first right option of a left one; what is written to the left (core/mapping.py turns the
    items round) is the first left option that has the right one.
    """

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._pairs = pairs
        self._first = dict(reversed(pairs))

    def __getitem__(self, left: str) -> str:
        return self._first[left]

    def __iter__(self) -> Iterator[str]:
        return (left for left, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> ItemsView[str, str]:
        return _Pairs(self)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every pair, as written."""
        return self._pairs

    def __eq__(self, other: object) -> bool:
        return self._pairs == other._pairs if isinstance(other, OptionPairs) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"OptionPairs({self._pairs!r})"


class _Pairs(ItemsView[str, str]):
    """The items of OptionPairs: every pair, not only the first of each key."""

    def __init__(self, options: OptionPairs) -> None:
        super().__init__(options)
        self._pairs = options.pairs()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)


def option_pairs(field: Field) -> OptionPairs:
    """The pairs of a field as written: `Working: [IN_PROGRESS, CONNECTED]` is two."""
    return OptionPairs(
        tuple(
            (left, right)
            for left, written in (field.options or {}).items()
            for right in ((written,) if isinstance(written, str) else written)
        )
    )


def check_options(path: str, field: Field, reading: Reading) -> None:
    """For a field whose Salesforce side may be written: whether it is clear what a HubSpot option becomes there."""
    taken: dict[str, str] = {}
    written_by: dict[str, str] = {}
    for left, written in (field.options or {}).items():
        here = f"{path}.options.{left}"
        rights = (written,) if isinstance(written, str) else written
        for place, right in enumerate(rights):
            first = taken.setdefault(right, left)
            if place and first != left:
                text = f'"{right}" becomes "{first}" in Salesforce already, so it does nothing in the list of "{left}"'
                reading.problems.append(Problem(here, text, "remove it from one of the two", reading.at(here)))
        other = written_by.setdefault(rights[0], left)
        if other != left:
            text = (
                f'"{other}" and "{left}" both become "{rights[0]}" in HubSpot; an edit to "{rights[0]}" there becomes '
                f'"{taken[rights[0]]}" in Salesforce'
            )
            advice = "the one that is written first is meant; put the other first if that is not what you want"
            reading.warnings.append(Problem(here, text, advice, reading.at(here)))
