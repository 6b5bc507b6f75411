"""Lists and their memberships (API reference section 15)."""

from __future__ import annotations

from concord_sandbox.hubspot.crm import Crm
from concord_sandbox.hubspot.targets import Routes
from concord_sandbox.parts import Part


class Lists(Part[Crm]):
    section = "lists"


ROUTES: Routes = ()
