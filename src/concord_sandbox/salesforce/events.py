"""Change Data Capture."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class ChangeEvents(Part[Org]):
    section = "change_events"
