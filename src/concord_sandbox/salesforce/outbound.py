"""Outbound Messages."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.models import Org


class OutboundMessages(Part[Org]):
    section = "outbound_messages"
