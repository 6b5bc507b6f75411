"""Sequences (API reference section 14)."""

from __future__ import annotations

from concord_sandbox.hubspot.crm import Crm
from concord_sandbox.hubspot.targets import Routes
from concord_sandbox.parts import Part


class Sequences(Part[Crm]):
    section = "sequences"


ROUTES: Routes = ()
