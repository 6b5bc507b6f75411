"""What Salesforce derives when records of the standard objects are written."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class Behaviours(Part[Org]):
    section = "behaviours"
