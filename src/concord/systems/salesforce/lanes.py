"""How urgent a look at a record is, by what it is and which of its fields changed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from concord.core.model import Lane

#: Objects that are not people or accounts.
_LANES: Final[Mapping[str, Lane]] = {
    **dict.fromkeys(("Opportunity", "OpportunityLineItem", "OpportunityContactRole"), Lane.DEALS),
    **dict.fromkeys(("Task", "Event", "EmailMessage"), Lane.ACTIVITIES),
}
#: Fields of a lead that say that it was converted.
_CONVERTED: Final = frozenset({"IsConverted", "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId"})


def lane_of(object_name: str, changed: Collection[str] = (), *, said_no: bool = False) -> Lane:
    """The lane of a record. changed: its fields that did, where that is known. said_no: a consent among them was, or
    may have been, withdrawn."""
    if said_no:
        return Lane.CONSENT
    if object_name == "Lead" and not _CONVERTED.isdisjoint(changed):
        return Lane.CONVERSION
    return _LANES.get(object_name, Lane.PEOPLE)
