"""Every operation of HubSpot's API that the sandbox has, and the parts that it lacks: for COVERAGE.md and errors.

Made from the table of paths itself (`urls.py`), so that it cannot say what is not so. Answers nothing.
"""

from __future__ import annotations

from concord_sandbox.hubspot.urls import Urls
from concord_sandbox.operations import Absent, Operation, absent_at, operation_of

SERVICE = "HubSpot"
_DATED = "2026-09"
_GROUPS = {
    "account-info": "Account",
    "app-webhooks": "Webhook settings",
    "appinstalls": "OAuth",
    "associations": "Associations",
    "communication-preferences": "Communication preferences",
    "crm-object-schemas": "Object schemas",
    "limits": "Limits",
    "lists": "Lists",
    "oauth": "OAuth",
    "oauth-page": "OAuth",
    "objects": "Objects",
    "owners": "Owners",
    "pipelines": "Pipelines",
    "properties": "Properties",
    "property-validations": "Property validations",
    "sequences": "Sequences",
    "webhooks-journal": "Webhooks journal",
}
#: What the vendor has and the sandbox has not. A path in none of them is unknown to the vendor as well.
ABSENT = (
    Absent("/analytics/", "Analytics"),
    Absent("/automation/actions/", "Custom workflow actions"),
    Absent(
        "/automation/sequences/2026-09/serviceaccounts/", "Sequences by user-level apps", "needs another kind of token"
    ),
    Absent("/automation/v2/", "Workflows (old)"),
    Absent("/automation/v3/", "Workflows (old)"),
    Absent("/automation/v4/actions/", "Custom workflow actions"),
    Absent("/automation/v4/flows", "Workflows", "workflows are declared in a world (`workflows`) and run"),
    Absent("/business-units/", "Business units"),
    Absent("/cms/", "Content"),
    Absent("/content/", "Content"),
    Absent("/contacts/v1/", "Contacts (v1)", "paths of v1 and v2 are going away"),
    Absent("/conversations/", "Conversations"),
    Absent("/crm/exports/", "Exports"),
    Absent("/crm/extensions/", "CRM extensions"),
    Absent("/crm/imports/", "Imports"),
    Absent("/crm/lists/2026-03/folders", "Folders of lists"),
    Absent("/crm/lists/2026-03/idmapping", "Ids of old lists", "a map to ids of the first version, which is gone"),
    Absent("/crm/lists/2026-09/folders", "Folders of lists"),
    Absent("/crm/lists/2026-09/idmapping", "Ids of old lists", "a map to ids of the first version, which is gone"),
    Absent("/crm/object-library/", "Object library"),
    Absent("/crm/timeline/", "Timeline events"),
    Absent("/crm/v3/associations/", "Associations (v3)", "use v4 or the dated paths: v3 has other shapes"),
    Absent("/crm/v3/exports", "Exports"),
    Absent("/crm/v3/extensions", "CRM extensions"),
    Absent("/crm/v3/imports", "Imports"),
    Absent("/crm/v3/lists/folders", "Folders of lists"),
    Absent("/crm/v3/lists/idmapping", "Ids of old lists", "a map to ids of the first version, which is gone"),
    Absent("/crm/v3/timeline", "Timeline events"),
    Absent("/deal-splits/", "Deal splits"),
    Absent("/email/", "E-mail (v1)"),
    Absent("/engagements/v1/", "Engagements (v1)", "engagements are CRM objects"),
    Absent("/events/", "Custom events"),
    Absent("/feature-flags/", "Feature flags"),
    Absent("/files/", "Files"),
    Absent("/filemanager/", "Files"),
    Absent("/forms/", "Forms"),
    Absent("/integrators/", "Timeline events"),
    Absent("/marketing/", "Marketing"),
    Absent("/media-bridge/", "Media bridge"),
    Absent("/meta/", "Network origins"),
    Absent("/oauth/v3/", "OAuth (v3)", "use the dated path"),
    Absent("/properties/v1/", "Properties (v1)", "paths of v1 and v2 are going away"),
    Absent("/properties/v2/", "Properties (v1)", "paths of v1 and v2 are going away"),
    Absent("/scheduler/", "Meeting links"),
    Absent("/settings/", "Settings"),
    Absent("/tax-rates/", "Tax rates"),
    Absent("/url-mappings/", "Content"),
    Absent("/visitor-identification/", "Visitor identification"),
)
#: What is known to differ from the vendor.
DIFFERENCES: tuple[str, ...] = (
    "Calculated properties keep their formula and cannot be written, but their values are not worked out.",
    "Labels stay English whatever `locale` asks for.",
    "Lifecycle stages are properties only; they are not served under the pipelines of contacts.",
    "The counters num_associated_… do not count.",
    "One burst limit holds for the app and all service keys together.",
    "A list's filter takes property filters and membership of other lists; ASSOCIATION, UNIFIED_EVENTS and NOT_… "
    "branches, form, event and subscription filters, and dates relative to a calendar are refused, and say so.",
    "List folders, the mapping of old list ids and scheduled conversions are not there.",
    "Sequences enrol and end enrolments, but send nothing; the day of a mailbox's limit is a rolling one.",
    "Workflows are declared in a world and know a property's value as trigger, and few actions.",
    "The words of sequence refusals, several sub-categories of errors and the names of some automatic sources are "
    "our reading: the vendor does not publish them.",
    "An unknown or expired offset of the journal is answered with 404; a page whose signature ran out is refused in "
    "JSON, where the store of the real ones answers in XML.",
    "A merge in the journal carries the survivor's id only, and uninstalling the app writes no entry.",
    "Webhooks that wait to be sent are not saved with a world; a receiver's five seconds are real ones.",
    "Limits without documentation are assumed: 200 calculated properties, 50 labels, 50,000 associations of a record.",
    "The older paths v3 and v4 answer by the same functions as the dated ones, without the validation of 2026-09.",
)


def operations() -> list[Operation]:
    """Every operation once, by its dated path; older versions of it are aliases of the same function."""
    made = [
        Operation(SERVICE, _GROUPS.get(area.split("/")[0], area), method, path)
        for method, area, path in Urls().listed(_DATED)
    ]
    return [*made, *(one.operation(SERVICE) for one in ABSENT)]


def operation_at(method: str, path: str, listed: list[Operation]) -> Operation | None:
    """The operation that a call means, whichever version of its path it took."""
    canonical = Urls().in_version(path, _DATED)
    return operation_of(listed, method, canonical) if canonical is not None else None


def absent(path: str) -> str | None:
    """What to say of a path in a part that the sandbox lacks; None for any other."""
    found = absent_at(path, ABSENT)
    if found is None:
        return None
    return f"The sandbox does not emulate this part of HubSpot's API: {found.title}" + (
        f" ({found.why})" if found.why else ""
    )
