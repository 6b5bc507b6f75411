"""Validation rules of the admin."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class ValidationRules(Part[Org]):
    section = "validation_rules"
