"""The few resources of the UI API that a sync reads."""

from __future__ import annotations

from concord_sandbox.salesforce.calls import Resources

RESOURCES: Resources = ()
