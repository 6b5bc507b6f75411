"""Cases and their statuses; individuals, who are the people behind leads and contacts where privacy law is followed.

Data only, after the Object Reference and api/salesforce.md section 16; `case_rules` says how they behave.
"""

from __future__ import annotations

from concord_sandbox.salesforce.objects.columns import (
    SALUTATIONS,
    Given,
    audit_fields,
    field,
    picklist,
    setting_fields,
    system,
    to,
    views,
)

#: status, whether a case with it is closed
CASE_STATUSES = (("New", False), ("Working", False), ("Escalated", False), ("Closed", True))
#: Case field -> field of its contact, which it shows.
OF_CONTACT = {"ContactPhone": "Phone", "ContactMobile": "MobilePhone", "ContactEmail": "Email", "ContactFax": "Fax"}
CONSENTS = (
    "HasOptedOutTracking", "HasOptedOutProfiling", "HasOptedOutProcessing", "HasOptedOutSolicit", "ShouldForget",
    "SendIndividualData", "CanStorePiiElsewhere", "HasOptedOutGeoTracking",
)  # fmt: skip


def _case() -> list[Given]:
    statuses = [{"value": name, "defaultValue": place == 0} for place, (name, _) in enumerate(CASE_STATUSES)]
    priorities = [{"value": name, "defaultValue": name == "Medium"} for name in ("High", "Medium", "Low")]
    return [
        *audit_fields(queues=True),
        system("CaseNumber", "string", length=30, autoNumber=True, nillable=False, defaultedOnCreate=True,
               nameField=True, idLookup=True, displayFormat="{00000000}"),
        to("MasterRecordId", "Case", createable=False, updateable=False, relationship="MasterRecord"),
        to("ContactId", "Contact", childRelationshipName="Cases"),
        to("AccountId", "Account", childRelationshipName="Cases", restrictedDelete=True),
        to("ParentId", "Case", childRelationshipName="Cases"),
        field("SuppliedName", "string", 80, label="Name"),
        field("SuppliedEmail", "email", 80, label="Email Address"),
        field("SuppliedPhone", "string", 40, label="Phone"),
        field("SuppliedCompany", "string", 80, label="Company"),
        picklist("Type", ("Mechanical", "Electrical", "Electronic", "Structural", "Other"), label="Case Type"),
        field("Status", "picklist", 255, picklistValues=statuses, defaultedOnCreate=True),
        picklist("Reason", ("Installation", "Equipment Complexity", "Performance", "Breakdown", "Other"),
                 label="Case Reason"),
        picklist("Origin", ("Phone", "Email", "Web"), label="Case Origin"),
        field("Subject", "string", 255),
        field("Priority", "picklist", 255, picklistValues=priorities),
        field("Description", "textarea", 32000),
        system("IsClosed", "boolean", label="Closed"),
        system("ClosedDate", "datetime"),
        field("IsEscalated", "boolean", label="Escalated"),
        *(system(name, "email" if name == "ContactEmail" else "phone") for name in OF_CONTACT),
        system("LastActivityDate", "date", label="Last Activity"),
        *views(),
    ]  # fmt: skip


def _individual() -> list[Given]:
    return [
        *audit_fields(),
        field("LastName", "string", 80, nillable=False, compoundFieldName="Name"),
        field("FirstName", "string", 40, compoundFieldName="Name"),
        picklist("Salutation", SALUTATIONS, length=40, compoundFieldName="Name"),
        system("Name", "string", length=121, nillable=False, nameField=True, extraTypeInfo="personname"),
        *(field(name, "boolean") for name in CONSENTS),
        field("BirthDate", "date"),
        field("DeathDate", "date"),
        picklist("IndividualsAge", ("16 or older", "13 or older", "Under 13")),
        system("LastViewedDate", "datetime"),
        to("MasterRecordId", "Individual", createable=False, updateable=False, relationship="MasterRecord"),
    ]


def case_objects() -> list[tuple[Given, list[Given]]]:
    default = field("IsDefault", "boolean", label="Default")
    return [
        ({"name": "Case", "keyPrefix": "500", "history": "CaseHistory"}, _case()),
        (
            {"name": "CaseStatus", "keyPrefix": "01J", "label": "Case Status Value", "writable": False},
            setting_fields(default, field("IsClosed", "boolean", label="Closed")),
        ),
    ]


def individual_object() -> tuple[Given, list[Given]]:
    """Only in an org whose feature `data_protection` is on."""
    return {"name": "Individual", "keyPrefix": "0PK", "flags": {"mergeable": True}}, _individual()
