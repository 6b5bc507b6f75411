"""Opportunities, their stages, contact roles and lines, and the products and prices that lines are of.

Data only, after the Object Reference and api/salesforce.md sections 4 and 17; `opportunity_rules` says how they behave.
"""

from __future__ import annotations

from typing import Any

from concord_sandbox.salesforce.objects.columns import (
    Given,
    audit_fields,
    field,
    master,
    picklist,
    setting_fields,
    system,
    to,
    views,
)

#: Stage: probability in per cent, forecast category as its name says it, closed, won.
STAGES: tuple[tuple[str, int, str, bool, bool], ...] = (
    ("Prospecting", 10, "Pipeline", False, False),
    ("Qualification", 10, "Pipeline", False, False),
    ("Needs Analysis", 20, "Pipeline", False, False),
    ("Value Proposition", 50, "Pipeline", False, False),
    ("Id. Decision Makers", 60, "Pipeline", False, False),
    ("Perception Analysis", 70, "Pipeline", False, False),
    ("Proposal/Price Quote", 75, "Pipeline", False, False),
    ("Negotiation/Review", 90, "Pipeline", False, False),
    ("Closed Won", 100, "Closed", True, True),
    ("Closed Lost", 0, "Omitted", True, False),
)
#: Name of a forecast category -> the value of Opportunity.ForecastCategory.
FORECASTS = {
    "Omitted": "Omitted",
    "Pipeline": "Pipeline",
    "Best Case": "BestCase",
    "Commit": "Forecast",
    "Closed": "Closed",
}
CONTACT_ROLES = (
    "Business User", "Decision Maker", "Economic Buyer", "Economic Decision Maker", "Evaluator", "Executive Sponsor",
    "Influencer", "Technical Buyer", "Other",
)  # fmt: skip
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_TYPES = ("Existing Customer - Upgrade", "Existing Customer - Replacement", "Existing Customer - Downgrade",
          "New Customer")  # fmt: skip
_PRICE: Given = {"precision": 18, "scale": 2}


def _opportunity() -> list[Given]:
    return [
        *audit_fields(),
        to("AccountId", "Account", cascadeDelete=True, childRelationshipName="Opportunities"),
        field("IsPrivate", "boolean", label="Private"),
        field("Name", "string", 120, nillable=False, nameField=True, permissionable=False),
        field("Description", "textarea", 32000),
        picklist("StageName", tuple(one[0] for one in STAGES), nillable=False, label="Stage", permissionable=False),
        field("Amount", "currency", **_PRICE),
        field("Probability", "percent", precision=3, scale=0, defaultedOnCreate=True, label="Probability (%)"),
        system("ExpectedRevenue", "currency", permissionable=True, label="Expected Amount", **_PRICE),
        field("TotalOpportunityQuantity", "double", precision=18, scale=2, label="Quantity"),
        field("CloseDate", "date", nillable=False, permissionable=False),
        picklist("Type", _TYPES, label="Opportunity Type"),
        field("NextStep", "string", 255),
        picklist("LeadSource", _SOURCES),
        system("IsClosed", "boolean", label="Closed"),
        system("IsWon", "boolean", label="Won"),
        system("ForecastCategory", "picklist", length=40, restrictedPicklist=True, nillable=False,
               picklistValues=list(FORECASTS.values())),
        picklist("ForecastCategoryName", tuple(FORECASTS), defaultedOnCreate=True, label="Forecast Category"),
        to("CampaignId", "Campaign", childRelationshipName="Opportunities"),
        system("HasOpportunityLineItem", "boolean", label="Has Line Item"),
        to("Pricebook2Id", "Pricebook2", childRelationshipName="Opportunities", label="Price Book ID"),
        system("LastActivityDate", "date", label="Last Activity"),
        system("LastStageChangeDate", "datetime"),
        system("PushCount", "int"),
        system("FiscalQuarter", "int"),
        system("FiscalYear", "int"),
        system("Fiscal", "string", length=6, label="Fiscal Period"),
        to("ContactId", "Contact", updateable=False, relationship=None),
        *views(),
        system("HasOpenActivity", "boolean"),
        system("HasOverdueTask", "boolean"),
    ]  # fmt: skip


def _stage() -> list[Given]:
    return setting_fields(
        field("IsActive", "boolean", label="Active"),
        field("IsClosed", "boolean", label="Closed"),
        field("IsWon", "boolean", label="Won"),
        picklist("ForecastCategory", tuple(FORECASTS.values()), length=40),
        picklist("ForecastCategoryName", tuple(FORECASTS)),
        field("DefaultProbability", "percent", precision=3, scale=0),
        field("Description", "textarea", 255),
    )


def _contact_role() -> list[Given]:
    return [
        *audit_fields(owner=False),
        master("OpportunityId", "Opportunity", "OpportunityContactRoles"),
        to("ContactId", "Contact", nillable=False, cascadeDelete=True, permissionable=False,
           childRelationshipName="OpportunityContactRoles"),
        picklist("Role", CONTACT_ROLES),
        field("IsPrimary", "boolean", label="Primary"),
    ]  # fmt: skip


def _line_item() -> list[Given]:
    return [
        *audit_fields(owner=False),
        master("OpportunityId", "Opportunity", "OpportunityLineItems"),
        field("SortOrder", "int"),
        to("PricebookEntryId", "PricebookEntry", updateable=False, childRelationshipName="OpportunityLineItems"),
        to("Product2Id", "Product2", updateable=False, childRelationshipName="OpportunityLineItems"),
        system("ProductCode", "string", length=255),
        system("Name", "string", length=376, nameField=True, label="Opportunity Product Name"),
        field("Quantity", "double", precision=12, scale=2, nillable=False, permissionable=False),
        field("Discount", "percent", precision=5, scale=2),
        system("Subtotal", "currency", **_PRICE),
        field("TotalPrice", "currency", **_PRICE),
        field("UnitPrice", "currency", label="Sales Price", **_PRICE),
        system("ListPrice", "currency", **_PRICE),
        field("ServiceDate", "date", label="Date"),
        field("Description", "string", 255, label="Line Description"),
    ]


def _product() -> list[Given]:
    return [
        *audit_fields(owner=False),
        field("Name", "string", 255, nillable=False, nameField=True, label="Product Name"),
        field("ProductCode", "string", 255),
        field("Description", "textarea", 4000, label="Product Description"),
        field("IsActive", "boolean", label="Active"),
        picklist("Family", ("None",), label="Product Family"),
        field("ExternalId", "string", 255),
        field("DisplayUrl", "url", 1000),
        picklist("QuantityUnitOfMeasure", ("Each",)),
        field("StockKeepingUnit", "string", 180, label="Product SKU"),
        system("IsArchived", "boolean", label="Archived"),
        *views(),
    ]


def _pricebook() -> list[Given]:
    return [
        *audit_fields(owner=False),
        field("Name", "string", 255, nillable=False, nameField=True, label="Price Book Name"),
        field("IsActive", "boolean", label="Active"),
        system("IsArchived", "boolean", label="Archived"),
        field("Description", "string", 255),
        system("IsStandard", "boolean", label="Is Standard Price Book"),
        *views(),
    ]


def _pricebook_entry() -> list[Given]:
    return [
        *audit_fields(owner=False),
        system("Name", "string", length=255, nameField=True, label="Product Name"),
        master("Pricebook2Id", "Pricebook2", "PricebookEntries", label="Price Book ID"),
        master("Product2Id", "Product2", "PricebookEntries", label="Product ID"),
        field("UnitPrice", "currency", nillable=False, label="List Price", **_PRICE),
        field("IsActive", "boolean", label="Active"),
        field("UseStandardPrice", "boolean"),
        system("ProductCode", "string", length=255),
        system("IsArchived", "boolean", label="Archived"),
    ]


def selling_objects() -> list[tuple[Given, list[Given]]]:
    no_undelete: dict[str, Any] = {"flags": {"undeletable": False}}
    return [
        (
            {
                "name": "Opportunity",
                "keyPrefix": "006",
                "labelPlural": "Opportunities",
                "history": "OpportunityFieldHistory",
            },
            _opportunity(),
        ),
        (
            {
                "name": "OpportunityContactRole",
                "keyPrefix": "00K",
                "label": "Opportunity Contact Role",
                "flags": {"searchable": False},
            },
            _contact_role(),
        ),
        (
            {
                "name": "OpportunityLineItem",
                "keyPrefix": "00k",
                "label": "Opportunity Product",
                "flags": {"searchable": False},
            },
            _line_item(),
        ),
        (
            {"name": "OpportunityStage", "keyPrefix": "01J", "label": "Opportunity Stage", "writable": False},
            _stage(),
        ),
        ({"name": "Product2", "keyPrefix": "01t", "label": "Product"}, _product()),
        ({"name": "Pricebook2", "keyPrefix": "01s", "label": "Price Book"}, _pricebook()),
        (
            {
                "name": "PricebookEntry",
                "keyPrefix": "01u",
                "label": "Price Book Entry",
                "labelPlural": "Price Book Entries",
                **no_undelete,
            },
            _pricebook_entry(),
        ),
    ]
