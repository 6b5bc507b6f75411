"""Locked records and late commits."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class Locks(Part[Org]):
    section = "locks"
