"""A Salesforce org on localhost, as far as api/salesforce.md sections 2 to 7 and 14 describe it."""

from concord_sandbox.salesforce.service import SalesforceService

__all__ = ["SalesforceService"]
