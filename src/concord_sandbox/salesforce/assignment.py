"""Assignment rules."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class AssignmentRules(Part[Org]):
    section = "assignment_rules"
