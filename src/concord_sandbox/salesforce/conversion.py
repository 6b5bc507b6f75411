"""Lead conversion."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class LeadMapping(Part[Org]):
    section = "lead_mapping"
