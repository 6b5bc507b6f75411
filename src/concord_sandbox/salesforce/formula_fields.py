"""Custom formula fields."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class FormulaFields(Part[Org]):
    section = "formula_fields"
