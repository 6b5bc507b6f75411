"""Field-level security of the integration user, and record types."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class Access(Part[Org]):
    section = "access"
