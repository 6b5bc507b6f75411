"""The parts of Salesforce's APIs that the sandbox lacks: for COVERAGE.md, and for the error that says so."""

from __future__ import annotations

from concord_sandbox.operations import Absent, Operation, absent_at

_SERVICE = "Salesforce"
_BASE = "/services/data/v{version}"
#: What the vendor has and the sandbox has not, by what follows the version in the path.
ABSENT = (
    Absent("actions/", "Actions", "flows and quick actions are not run"),
    Absent("analytics/", "Reports and dashboards"),
    Absent("appMenu", "App menu"),
    Absent("async/", "Bulk API 1.0", "use Bulk API 2.0"),
    Absent("async-queries/", "Async SOQL"),
    Absent("chatter/", "Chatter"),
    Absent("commerce/", "Commerce"),
    Absent("connect/", "Connect API"),
    Absent("consent/", "Consent API", "the fields HasOptedOutOfEmail, DoNotCall and Individual are there"),
    Absent("dedupe/", "Duplicate jobs"),
    Absent("einstein/", "Einstein"),
    Absent("event/", "Publishing platform events"),
    Absent("knowledgeManagement/", "Knowledge"),
    Absent("licensing/", "Licensing"),
    Absent("metadata/", "Metadata API", "objects, fields and rules are declared in a world"),
    Absent("process/", "Approvals and rules", "an approval lock can be set with /_control/locks"),
    Absent("quickActions", "Quick actions"),
    Absent("sobjects/{object}/describe/layouts", "Layouts"),
    Absent("support/", "Support"),
    Absent("tabs", "Tabs"),
    Absent("theme", "Theme"),
    Absent("tooling/", "Tooling API"),
    Absent("wave/", "CRM Analytics"),
)
#: The same beside /services/data/.
ABSENT_BESIDE = (
    Absent("/services/apexrest/", "Apex REST", "no Apex runs here"),
    Absent("/services/async/", "Bulk API 1.0", "use Bulk API 2.0"),
    Absent("/services/Soap/m/", "Metadata API (SOAP)", "objects, fields and rules are declared in a world"),
    Absent("/services/Soap/T/", "Tooling API (SOAP)"),
    Absent("/cometd/", "Streaming API", "use the Pub/Sub API"),
)


def lacking() -> list[Operation]:
    listed = [Absent(f"{_BASE}/{one.beginning}", one.title, one.why) for one in ABSENT]
    return [one.operation(_SERVICE) for one in (*listed, *ABSENT_BESIDE)]


def said_of(path: str) -> str | None:
    """What to say of a path (as called) in a part that the sandbox lacks; None for any other."""
    found = absent_at(path, ABSENT_BESIDE)
    parts = path.split("/", 4)
    if found is None and path.startswith("/services/data/") and len(parts) == 5:
        found = absent_at(parts[4].split("?")[0], ABSENT)
    if found is None:
        return None
    return f"The sandbox does not emulate this part of Salesforce's API: {found.title}" + (
        f" ({found.why})" if found.why else ""
    )
