"""Duplicate rules."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class DuplicateRules(Part[Org]):
    section = "duplicate_rules"
