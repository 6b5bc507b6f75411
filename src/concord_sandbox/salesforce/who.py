"""The identity URL and `/services/oauth2/userinfo`: whose token it is. Raises nothing; refusals are answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord_sandbox.salesforce.calls import Api
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.oauth import Tokens

#: Status and body; a text is a refusal, in Salesforce's own form.
Said = tuple[int, dict[str, Any] | str]


def identity(api: Api, tokens: Tokens, token: str, own_url: str, organisation: str, user: str) -> Said:
    """`GET /id/{organisation}/{user}`."""
    refused = _refused(tokens, token)
    if refused is not None:
        return refused
    if full_id(organisation) != api.org.identity.organisation_id:
        return 403, "Wrong_Org"
    row = api.org.row(full_id(user) or "")
    if row is None or not row["Id"].startswith("005"):
        return 403, "Bad_Id"
    if row["Id"] != tokens.user_of(token):
        return 403, "No_Access"
    return 200, _person(api, row, own_url)


def userinfo(api: Api, tokens: Tokens, token: str, own_url: str) -> Said:
    """`GET` and `POST /services/oauth2/userinfo`: the same in the words of OpenID Connect."""
    refused = _refused(tokens, token)
    if refused is not None:
        return refused
    org = api.org
    row = org.row(tokens.user_of(token)) or {}
    known = _person(api, row, own_url)
    made = {
        "sub": known["id"],
        "user_id": known["user_id"],
        "organization_id": known["organization_id"],
        "preferred_username": known["username"],
        "nickname": known["nick_name"],
        "name": known["display_name"],
        "email": known["email"],
        "email_verified": True,
        "given_name": known["first_name"],
        "family_name": known["last_name"],
        "zoneinfo": known["timezone"],
        "photos": known["photos"],
        "profile": known["urls"]["profile"],
        "picture": known["photos"]["picture"],
        "urls": known["urls"],
        "active": known["active"],
        "user_type": known["user_type"],
        "language": known["language"],
        "locale": known["locale"],
        "utcOffset": known["utcOffset"],
        "updated_at": row.get("SystemModstamp"),
    }
    return 200, made


def authorization(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The token of a call in the form of the header; clients of old send it in the query."""
    given = query.get("oauth_token") or query.get("access_token")
    return headers.get("authorization") or (f"Bearer {given}" if given else "")


def _refused(tokens: Tokens, token: str) -> Said | None:
    if not token:
        return 403, "Missing_OAuth_Token"
    return None if tokens.is_good(token) else (403, "Bad_OAuth_Token")


def _person(api: Api, row: Mapping[str, Any], own_url: str) -> dict[str, Any]:
    about, user = api.org.identity, row.get("Id", "")
    base = about.my_domain or own_url
    data = f"{base}/services/data/v{{version}}/"
    soap = f"{base}/services/Soap"
    organisation = about.organisation_id
    username = row.get("Username", "")
    return {
        "id": f"https://login.salesforce.com/id/{organisation}/{user}",
        "asserted_user": True,
        "user_id": user,
        "organization_id": organisation,
        "username": username,
        "nick_name": row.get("Alias") or username.partition("@")[0],
        "display_name": row.get("Name"),
        "email": row.get("Email") or username,
        "email_verified": True,
        "first_name": row.get("FirstName"),
        "last_name": row.get("LastName"),
        "timezone": row.get("TimeZoneSidKey") or "Etc/UTC",
        "photos": {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"},
        "addr_street": None,
        "addr_city": None,
        "addr_state": None,
        "addr_country": None,
        "addr_zip": None,
        "mobile_phone": row.get("MobilePhone"),
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "urls": {
            "enterprise": f"{soap}/c/{{version}}/{organisation[:15]}",
            "metadata": f"{soap}/m/{{version}}/{organisation[:15]}",
            "partner": f"{soap}/u/{{version}}/{organisation[:15]}",
            "rest": data,
            "sobjects": data + "sobjects/",
            "search": data + "search/",
            "query": data + "query/",
            "recent": data + "recent/",
            "tooling_soap": f"{soap}/T/{{version}}/{organisation[:15]}",
            "tooling_rest": data + "tooling/",
            "profile": f"{base}/{user}",
            "custom_domain": base,
        },
        "active": bool(row.get("IsActive")),
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": row.get("LocaleSidKey") or "en_US",
        "utcOffset": 0,
        "last_modified_date": row.get("LastModifiedDate"),
    }
