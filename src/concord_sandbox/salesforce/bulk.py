"""Bulk API 2.0."""

from __future__ import annotations

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.calls import Resources
from concord_sandbox.salesforce.models import Org


class BulkJobs(Part[Org]):
    section = "bulk_jobs"


RESOURCES: Resources = ()
