"""How urgent a look at a record is, by what it is and which of its properties changed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from concord.core.model import Lane
from concord.systems.hubspot.wire import OPT_OUT

#: Objects that are not people or companies.
_LANES: Final[Mapping[str, Lane]] = {
    **dict.fromkeys(("deals", "line_items"), Lane.DEALS),
    **dict.fromkeys(("calls", "emails", "meetings", "notes", "tasks", "communications"), Lane.ACTIVITIES),
}
#: The property whose change hands a person over to sales, or back.
_STAGE: Final = "lifecyclestage"


def lane_of(object_name: str, properties: Collection[str] = ()) -> Lane:
    """The lane of a record. properties: those that changed, where that is known."""
    if any(name.startswith(OPT_OUT) for name in properties):
        return Lane.CONSENT
    if _STAGE in properties:
        return Lane.CONVERSION
    return _LANES.get(object_name, Lane.PEOPLE)
