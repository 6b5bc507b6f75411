"""Which fields tell who a record is: the usual ones of the vendors' own objects, and what the file says otherwise.

Only names fields; how they are compared is core's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Final

from concord.config.kinds import Reading
from concord.config.problems import Problem, did_you_mean
from concord.config.sections import Objects, Who
from concord.core.mapping import IdentityFields

_SALESFORCE: Final[Mapping[str, IdentityFields]] = MappingProxyType(
    {
        "Contact": IdentityFields(
            email="Email",
            first_name="FirstName",
            last_name="LastName",
            phone="Phone",
            mobile="MobilePhone",
            title="Title",
            account="AccountId",
        ),
        "Lead": IdentityFields(
            email="Email",
            first_name="FirstName",
            last_name="LastName",
            company="Company",
            website="Website",
            phone="Phone",
            mobile="MobilePhone",
            title="Title",
        ),
        "Account": IdentityFields(company="Name", website="Website", phone="Phone"),
    }
)
_HUBSPOT: Final[Mapping[str, IdentityFields]] = MappingProxyType(
    {
        "contacts": IdentityFields(
            email="email",
            additional_emails="hs_additional_emails",
            first_name="firstname",
            last_name="lastname",
            company="company",
            website="website",
            phone="phone",
            mobile="mobilephone",
            title="jobtitle",
            account="associatedcompanyid",
        ),
        # A company's `domain` is what HubSpot itself tells companies apart by; `website` may be any page.
        "companies": IdentityFields(company="name", website="domain", phone="phone"),
    }
)


def identity_fields(
    name: str, section: Objects, objects: tuple[str, ...], reading: Reading
) -> tuple[Mapping[str, IdentityFields], IdentityFields]:
    """Salesforce's by object, and HubSpot's. An object of which nothing is known that could tell who it is, is a
    problem noted in `reading`."""
    path, written = f"{name}.identity", dict(section.identity.salesforce or {})
    for one in written:
        if one not in objects:
            text = f'"{one}" is not among the Salesforce objects that sync here ({", ".join(objects)})'
            here = f"{path}.salesforce.{one}"
            reading.problems.append(Problem(here, text, did_you_mean(one, objects), reading.at(here)))
    left = {one: _with(_SALESFORCE.get(one), written.get(one, Who())) for one in objects}
    right = _with(_HUBSPOT.get(section.hubspot), section.identity.hubspot)
    for one, found in left.items():
        _check(name, f"{path}.salesforce.{one}", one, found, reading)
    _check(name, f"{path}.hubspot", section.hubspot, right, reading)
    return MappingProxyType(left), right


def _with(usual: IdentityFields | None, written: Who) -> IdentityFields:
    told = {one.name: value for one in fields(written) if (value := getattr(written, one.name)) is not None}
    return replace(usual or IdentityFields(), **told)


def _check(name: str, path: str, object_name: str, found: IdentityFields, reading: Reading) -> None:
    enough = (found.email or found.last_name) if name == "people" else (found.company or found.website)
    if not enough and not reading.broken(path):
        needed = "email or last_name" if name == "people" else "website or company"
        text = f"nothing says which field of {object_name} tells who a record is, so no match could ever be found"
        reading.problems.append(Problem(path, text, f"name at least {needed} here", reading.at(path)))
