"""How cases behave."""

from __future__ import annotations

from concord_sandbox.salesforce.rules.rule import Rule, Write, live_rows


class Cases(Rule):
    """Closed as CaseStatus says; of the account of its contact unless another is named."""

    def complete(self, write: Write) -> None:
        self.before(write)

    def before(self, write: Write) -> None:
        contact = write.row_of("ContactId") if write.changed("ContactId") else None
        if contact is not None and not write.row.get("AccountId"):
            write.set("AccountId", contact.get("AccountId"))
        if write.changed("Status"):
            status = next(live_rows(write.org, "CaseStatus", "ApiName", write.row.get("Status")), None)
            closed = bool(status and status.get("IsClosed"))
            write.set("IsClosed", closed)
            was = (write.old or {}).get("ClosedDate")
            write.set("ClosedDate", (was or write.writer.now()) if closed else None)
