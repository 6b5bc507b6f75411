"""Campaigns, their members, and the statuses that the members of a campaign can have.

Data only, after the Object Reference and api/salesforce.md section 17; `campaign_rules` says how they behave.
"""

from __future__ import annotations

from concord_sandbox.salesforce.objects.columns import Given, audit_fields, field, master, picklist, system, to, views

_TYPES = (
    "Conference", "Webinar", "Trade Show", "Public Relations", "Partners", "Referral Program", "Advertisement",
    "Banner Ads", "Direct Mail", "Email", "Telemarketing", "Other",
)  # fmt: skip
#: The counts that Salesforce keeps on a campaign.
COUNTS = ("NumberOfLeads", "NumberOfContacts", "NumberOfResponses")


def _campaign() -> list[Given]:
    statuses = [
        {"value": name, "defaultValue": name == "Planned"}
        for name in ("Planned", "In Progress", "Completed", "Aborted")
    ]
    money: Given = {"precision": 18, "scale": 0}
    return [
        *audit_fields(),
        field("Name", "string", 80, nillable=False, nameField=True, permissionable=False),
        to("ParentId", "Campaign", childRelationshipName="ChildCampaigns", label="Parent Campaign ID"),
        picklist("Type", _TYPES, length=40),
        field("Status", "picklist", 40, picklistValues=statuses),
        field("StartDate", "date"),
        field("EndDate", "date"),
        field("ExpectedRevenue", "currency", **money),
        field("BudgetedCost", "currency", **money),
        field("ActualCost", "currency", **money),
        field("ExpectedResponse", "percent", precision=10, scale=2, label="Expected Response (%)"),
        field("NumberSent", "double", precision=18, scale=0, label="Num Sent"),
        field("IsActive", "boolean", label="Active"),
        field("Description", "textarea", 32000),
        *(system(name, "int", nillable=False, defaultedOnCreate=True, defaultValue=0) for name in COUNTS),
        system("LastActivityDate", "date", label="Last Activity"),
        *views(),
    ]


def _member() -> list[Given]:
    return [
        *audit_fields(owner=False),
        master("CampaignId", "Campaign", "CampaignMembers"),
        to("LeadId", "Lead", updateable=False, cascadeDelete=True, childRelationshipName="CampaignMembers"),
        to("ContactId", "Contact", updateable=False, cascadeDelete=True, childRelationshipName="CampaignMembers"),
        picklist("Status", ("Sent", "Responded"), length=40, defaultedOnCreate=True),
        system("HasResponded", "boolean", label="Responded"),
        system("FirstRespondedDate", "date"),
        system("Type", "picklist", length=40, picklistValues=["Lead", "Contact", "Account"]),
        system("LeadOrContactId", "reference", referenceTo=["Contact", "Lead"], label="Related Record ID"),
        system("Name", "string", length=255, nameField=True),
        system("FirstName", "string", length=40),
        system("LastName", "string", length=80),
        system("Title", "string", length=128),
        system("Phone", "phone", length=40),
        system("MobilePhone", "phone", length=40),
        system("Email", "email", length=80),
        system("CompanyOrAccount", "string", length=255, label="Company (Account)"),
        system("HasOptedOutOfEmail", "boolean", label="Email Opt Out"),
        system("DoNotCall", "boolean", label="Do Not Call"),
    ]


def _member_status() -> list[Given]:
    return [
        *audit_fields(owner=False),
        master("CampaignId", "Campaign", "CampaignMemberStatuses"),
        field("Label", "string", 765, nillable=False),
        field("SortOrder", "int", defaultedOnCreate=True),
        field("IsDefault", "boolean", label="Is Default"),
        field("HasResponded", "boolean", label="Responded"),
    ]


def campaign_objects() -> list[tuple[Given, list[Given]]]:
    plain: Given = {"undeletable": False}
    return [
        ({"name": "Campaign", "keyPrefix": "701", "history": "CampaignHistory"}, _campaign()),
        ({"name": "CampaignMember", "keyPrefix": "00v", "label": "Campaign Member", "flags": plain}, _member()),
        (
            {
                "name": "CampaignMemberStatus",
                "keyPrefix": "01Y",
                "label": "Campaign Member Status",
                "labelPlural": "Campaign Member Statuses",
                "flags": plain | {"searchable": False, "layoutable": False},
            },
            _member_status(),
        ),
    ]
