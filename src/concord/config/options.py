"""Picklist options that stand for one another, where one Salesforce option may stand for several of HubSpot's.

HubSpot's eight lead statuses meet four of Salesforce's; a plain dictionary could name only one of the eight for each.
Holds pairs; decides nothing.
"""

from __future__ import annotations

from concord.config.kinds import Reading
from concord.config.problems import Problem
from concord.config.sections import Field


def option_pairs(field: Field) -> tuple[tuple[str, str], ...]:
    """The pairs of a field as written: `Working: [IN_PROGRESS, CONNECTED]` is two."""
    return tuple(
        (left, right)
        for left, written in (field.options or {}).items()
        for right in ((written,) if isinstance(written, str) else written)
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
