"""The Webhooks Journal (API reference section 18)."""

from __future__ import annotations

from concord_sandbox.hubspot.crm import Crm
from concord_sandbox.hubspot.targets import Routes
from concord_sandbox.parts import Part


class JournalBook(Part[Crm]):
    section = "journal"


ROUTES: Routes = ()
