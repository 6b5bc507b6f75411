"""What the features that an org has switched on, and its custom objects, add to the fields of its objects.

Data only. The world's `features` is a list of these words:

    person_accounts   accounts that are people: each has a contact of its own, whose fields it shows as Person…
    data_protection   the object Individual, and who it is behind leads and contacts

and `currencies` a list of {"IsoCode", "ConversionRate" (1), "IsCorporate", "DecimalPlaces" (2), "IsActive" (true)}.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from concord_sandbox.salesforce.objects.columns import SALUTATIONS, Given, address, field, picklist, system, to
from concord_sandbox.service import ControlError

FEATURES = frozenset(("person_accounts", "data_protection"))
#: Account field -> field of the person's contact.
PERSON_FIELDS = {
    "Salutation": "Salutation",
    "FirstName": "FirstName",
    "LastName": "LastName",
    "PersonEmail": "Email",
    "PersonTitle": "Title",
    "PersonDepartment": "Department",
    "PersonMobilePhone": "MobilePhone",
    "PersonHomePhone": "HomePhone",
    "PersonOtherPhone": "OtherPhone",
    "PersonAssistantPhone": "AssistantPhone",
    "PersonAssistantName": "AssistantName",
    "PersonBirthdate": "Birthdate",
    "PersonLeadSource": "LeadSource",
    "PersonHasOptedOutOfEmail": "HasOptedOutOfEmail",
    "PersonHasOptedOutOfFax": "HasOptedOutOfFax",
    "PersonDoNotCall": "DoNotCall",
    "PersonIndividualId": "IndividualId",
    "Phone": "Phone",
    "Fax": "Fax",
}
_PARTS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")
PERSON_FIELDS |= {f"Person{stem}{part}": f"{stem}{part}" for stem in ("Mailing", "Other") for part in _PARTS}
#: Objects that have a currency though no field of theirs is one.
_WITH_CURRENCY = frozenset(("Contact", "OpportunityContactRole", "Task", "Event", "Case", "Pricebook2", "Product2",
                            "CampaignMember"))  # fmt: skip
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")


def check_features(given: Collection[str]) -> frozenset[str]:
    """Raises ControlError for a word that is no feature."""
    unknown = set(given) - FEATURES
    if unknown:
        raise ControlError(f"features: an org has no {', '.join(sorted(unknown))}; only {', '.join(sorted(FEATURES))}")
    return frozenset(given)


def added_fields(
    name: str, own: list[Given], declared: Mapping[str, Given], features: frozenset[str], currencies: list[Given]
) -> list[Given]:
    """The fields that the standard ones of an object, or the given ones of a custom one, get besides.

    declared: the world's `objects`.
    """
    made: list[Given] = []
    if declared.get(name, {}).get("recordTypes"):
        made.append(to("RecordTypeId", "RecordType", label="Record Type ID", permissionable=False))
    if currencies and (name in _WITH_CURRENCY or any(one.get("type") == "currency" for one in own)):
        made.append(_currency_code(currencies, "CurrencyIsoCode"))
    if currencies and name == "User":
        made += [_currency_code(currencies, one) for one in ("CurrencyIsoCode", "DefaultCurrencyIsoCode")]
    if "data_protection" in features and name in ("Lead", "Contact"):
        made.append(to("IndividualId", "Individual", childRelationshipName=f"{name}s"))
    if "person_accounts" in features and name == "Contact":
        made.append(system("IsPersonAccount", "boolean", label="Is Person Account"))
    if "person_accounts" in features and name == "Account":
        custom = [one for one in declared.get("Contact", {}).get("fields", []) if one["name"].endswith("__c")]
        made += _person_fields(custom, "data_protection" in features)
    return made


def _currency_code(currencies: list[Given], name: str) -> Given:
    codes = [{"value": one["IsoCode"], "active": one.get("IsActive", True)} for one in currencies]
    more: Given = {"label": "Currency ISO Code", "permissionable": False, "defaultedOnCreate": True}
    return field(name, "picklist", 3, picklistValues=codes, restrictedPicklist=True, **more)


def corporate_currency(currencies: list[Given]) -> str:
    """The code of the corporate currency; the first one when none is marked."""
    marked = [one["IsoCode"] for one in currencies if one.get("IsCorporate")]
    return str((marked or [currencies[0]["IsoCode"]])[0])


def currency_row(given: Given) -> Given:
    """A CurrencyType from its declaration."""
    return {"ConversionRate": 1.0, "DecimalPlaces": 2, "IsActive": True, **given}


def _person_fields(custom: list[Given], data_protection: bool) -> list[Given]:
    """The fields of a contact that an account shows; custom ones `X__c` as `X__pc`."""
    mirrored = [
        {
            **one,
            "name": one["name"].removesuffix("__c") + "__pc",
            "custom": True,
            **(
                {"relationshipName": one["name"].removesuffix("__c") + "__pr"} if one.get("type") == "reference" else {}
            ),
        }
        for one in custom
    ]
    if data_protection:
        mirrored.append(to("PersonIndividualId", "Individual"))
    return [
        field("Name", nillable=False, defaultedOnCreate=True),
        field("LastName", "string", 80),
        field("FirstName", "string", 40),
        picklist("Salutation", SALUTATIONS, length=40),
        system("IsPersonAccount", "boolean", label="Is Person Account"),
        system("PersonContactId", "reference", referenceTo=["Contact"], relationshipName="PersonContact"),
        *address("PersonMailing"),
        *address("PersonOther"),
        field("PersonMobilePhone", "phone", 40, label="Mobile"),
        field("PersonHomePhone", "phone", 40, label="Home Phone"),
        field("PersonOtherPhone", "phone", 40, label="Other Phone"),
        field("PersonAssistantPhone", "phone", 40, label="Asst. Phone"),
        field("PersonAssistantName", "string", 40, label="Assistant"),
        field("PersonEmail", "email", 80, idLookup=True, label="Email"),
        field("PersonTitle", "string", 80, label="Title"),
        field("PersonDepartment", "string", 80, label="Department"),
        field("PersonBirthdate", "date", label="Birthdate"),
        picklist("PersonLeadSource", _SOURCES, label="Lead Source"),
        field("PersonHasOptedOutOfEmail", "boolean", label="Email Opt Out"),
        field("PersonHasOptedOutOfFax", "boolean", label="Fax Opt Out"),
        field("PersonDoNotCall", "boolean", label="Do Not Call"),
        *mirrored,
    ]
