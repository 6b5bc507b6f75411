"""The operations of the SOAP API, each from the element of a call to what stands inside its response element.

May not know HTTP. What the REST API answers too is asked of its resources, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from concord_sandbox.salesforce import replication, responses
from concord_sandbox.salesforce.calls import Answer, Api, Call
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_reference, malformed_id
from concord_sandbox.salesforce.ids import full_id, new_id
from concord_sandbox.salesforce.lifecycle.conversion import Wish, convert
from concord_sandbox.salesforce.lifecycle.merging import merge as merge_records
from concord_sandbox.salesforce.lifecycle.recycling import empty, undelete
from concord_sandbox.salesforce.oauth import Tokens
from concord_sandbox.salesforce.soap.records import error, page, record, shown, table_of
from concord_sandbox.salesforce.soap.xml import Dialect, Node, SoapFault, element, leaf, tree
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.writes import Actor, SeveralFound

MOST_RECORDS = 200
_MOST_RETRIEVED = 2000
_MOST_CONVERTED = 100
_MOST_DESCRIBED = 100
_ROLLED_BACK = Fail(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    (),
)
_LEAD_CONVERT = frozenset(
    {
        "accountId", "accountRecord", "bypassAccountDedupeCheck", "bypassContactDedupeCheck", "contactId",
        "contactRecord", "convertedStatus", "doNotCreateOpportunity", "leadId", "opportunityId", "opportunityName",
        "opportunityRecord", "overwriteLeadSource", "ownerId", "relatedPersonAccountId", "relatedPersonAccountRecord",
        "sendNotificationEmail",
    }
)  # fmt: skip
_MERGE_REQUEST = frozenset(("additionalInformationMap", "masterRecord", "recordToMergeIds"))


@dataclass(frozen=True)
class SoapCall:
    """One call whose session is good. version: `66.0`. node: the element of the operation."""

    api: Api
    tokens: Tokens
    dialect: Dialect
    version: str
    node: Node
    headers: Mapping[str, Node]
    actor: Actor
    session: str

    def rest(self, resource: Callable[..., Answer], *given: str, **query: str) -> Any:
        """What a resource of the REST API answers to the same user."""
        headers = {}
        options = self.headers.get("QueryOptions")
        if options is not None and (size := options.string("batchSize")) is not None:
            headers["sforce-query-options"] = f"batchSize={size}"
        path = self.actor.path
        version, user = f"v{self.version}", self.actor.user_id
        call = Call("GET", version, ("query",), query, headers, None, path, user_id=user)
        return resource(self.api, call, *given).value()


#: Does one item and gives the inside of its result.
One = Callable[[Any], str]


def _each(call: SoapCall, items: Iterable[Any], one: One, refused: Callable[[Any, str], str]) -> str:
    """A result for each item, in order, all in one transaction. Each is done whole or not at all; with AllOrNoneHeader
    so is the call.

    refused: the inside of the result of an item that was refused with those errors.
    """
    listed, results = list(items), list[str | tuple[Fail, ...]]()
    header = call.headers.get("AllOrNoneHeader")
    all_or_none = header is not None and header.flag("allOrNone")
    with call.api.org.transaction(call.actor) as whole:
        for item in listed:
            results.append(_tried(call, one, item))
        if all_or_none and any(isinstance(one, tuple) for one in results):
            whole.take_back()
            results = [one if isinstance(one, tuple) else (_ROLLED_BACK,) for one in results]
    return _shown(call, listed, results, refused)


def _by_itself(call: SoapCall, items: Iterable[Any], one: One, refused: Callable[[Any, str], str]) -> str:
    """The same with a transaction for each item, whatever becomes of the others."""
    listed = list(items)
    return _shown(call, listed, [_tried(call, one, item) for item in listed], refused)


def _shown(
    call: SoapCall, items: list[Any], results: list[str | tuple[Fail, ...]], refused: Callable[[Any, str], str]
) -> str:
    return "".join(
        element("result", refused(item, _errors(call, result)) if isinstance(result, tuple) else result)
        for item, result in zip(items, results, strict=True)
    )


def _errors(call: SoapCall, fails: tuple[Fail, ...]) -> str:
    return "".join(error(call.api.org, call.dialect, one) for one in fails)


def _tried(call: SoapCall, one: One, item: Any) -> str | tuple[Fail, ...]:
    try:
        with call.api.org.transaction(call.actor):
            return one(item)
    except SeveralFound as found:
        return (Fail("DUPLICATE_EXTERNAL_ID", str(found), (found.field.name,)),)
    except Refusal as refusal:
        # A plain call has 404 for an id that leads nowhere; here it is an error of the record.
        return bad_reference().fails if refusal.fails[0].code == "NOT_FOUND" else refusal.fails


def _good(record_id: str) -> str:
    return leaf("id", record_id) + leaf("success", True)


def _bad(_: Any, errors: str) -> str:
    return errors + leaf("id", None) + leaf("success", False)


def _check_count(count: int, most: int = MOST_RECORDS) -> None:
    if count > most:
        words = f"record limit reached. cannot submit more than {most} records into this call"
        raise SoapFault("EXCEEDED_ID_LIMIT", words)


# Lead conversion, merge, the recycle bin


def convert_lead(call: SoapCall) -> str:
    """Up to 100 leads, each converted or not by itself (api/salesforce.md section 12)."""
    asked = call.node.all("leadConverts")
    if len(asked) > _MOST_CONVERTED:
        words = f"a call converts at most {_MOST_CONVERTED} leads, not {len(asked)}"
        raise SoapFault("EXCEEDED_LEAD_CONVERT_LIMIT", words)
    for node in asked:
        node.allow(_LEAD_CONVERT)

    def one(node: Node) -> str:
        bypass = node.flag("bypassAccountDedupeCheck") or node.flag("bypassContactDedupeCheck")
        actor = replace(call.actor, save_duplicates=True) if bypass else call.actor
        made = convert(call.api.writer, _wish(call, node), actor)
        ids = leaf("accountId", made.account_id) + leaf("contactId", made.contact_id)
        return ids + leaf("leadId", made.lead_id) + leaf("opportunityId", made.opportunity_id) + leaf("success", True)

    def refused(node: Node, errors: str) -> str:
        lead = full_id(node.string("leadId"))
        before, after = leaf("accountId", None) + leaf("contactId", None), leaf("opportunityId", None)
        return before + errors + leaf("leadId", lead) + after + leaf("success", False)

    return _by_itself(call, asked, one, refused)


def _wish(call: SoapCall, node: Node) -> Wish:
    return Wish(
        node.string("leadId"),
        node.string("convertedStatus"),
        account_id=node.string("accountId"),
        contact_id=node.string("contactId"),
        opportunity_id=node.string("opportunityId"),
        opportunity_name=node.string("opportunityName"),
        owner_id=node.string("ownerId"),
        make_opportunity=not node.flag("doNotCreateOpportunity"),
        overwrite_source=node.flag("overwriteLeadSource"),
        account_record=_values(call, node, "accountRecord"),
        contact_record=_values(call, node, "contactRecord"),
        opportunity_record=_values(call, node, "opportunityRecord"),
    )


def _values(call: SoapCall, node: Node, name: str) -> dict[str, Any]:
    given = node.one(name)
    return {} if given is None else record(call.api.org, given)[2]


def merge(call: SoapCall) -> str:
    """Up to 200 merges, each a transaction of its own (api/salesforce.md section 13). The WSDL has them in elements
    called `request`; clients are about that call theirs `mergeRequests`."""
    asked = [*call.node.all("request"), *call.node.all("mergeRequests")]
    _check_count(len(asked))
    for node in asked:
        node.allow(_MERGE_REQUEST)

    def one(node: Node) -> str:
        given = node.one("masterRecord")
        if given is None:
            raise Refusal(400, Fail("MISSING_ARGUMENT", "masterRecord is required", ()))
        table, master, values = record(call.api.org, given)
        losers = node.strings("recordToMergeIds")
        made = merge_records(call.api.writer, table, master or "", losers, call.actor, values)
        merged = "".join(leaf("mergedRecordIds", one) for one in made.merged)
        moved = "".join(leaf("updatedRelatedIds", one) for one in made.moved)
        return leaf("id", made.id) + merged + leaf("success", True) + moved

    return _by_itself(call, asked, one, _bad)


def delete(call: SoapCall) -> str:
    def one(given: str) -> str:
        table, record_id = _addressed(call, given)
        call.api.writer.delete(table, record_id, call.actor)
        return _good(record_id)

    return _each(call, _ids(call), one, _bad)


def undelete_all(call: SoapCall) -> str:
    def one(given: str) -> str:
        undelete(call.api.writer, given, call.actor)
        return _good(full_id(given) or given)

    return _each(call, _ids(call), one, _bad)


def empty_recycle_bin(call: SoapCall) -> str:
    def one(given: str) -> str:
        empty(call.api.writer, given)
        return _good(full_id(given) or given)

    return _each(call, _ids(call), one, _bad)


def _ids(call: SoapCall) -> list[str]:
    ids = call.node.strings("ids")
    _check_count(len(ids))
    return ids


def _addressed(call: SoapCall, given: str) -> tuple[Table, str]:
    record_id = full_id(given)
    table = call.api.org.table_of(record_id) if record_id else None
    if record_id is None or table is None or table.kind.access == "none":
        raise malformed_id(given)
    return table, record_id


# Records


def _records(call: SoapCall) -> list[Node]:
    given = call.node.all("sObjects")
    _check_count(len(given))
    return given


def create(call: SoapCall) -> str:
    def one(node: Node) -> str:
        table, record_id, values = record(call.api.org, node)
        body = values if record_id is None else {**values, "Id": record_id}
        return _good(call.api.writer.insert(table, body, call.actor))

    return _each(call, _records(call), one, _bad)


def update(call: SoapCall) -> str:
    def one(node: Node) -> str:
        table, given, values = record(call.api.org, node)
        if given is None:
            raise Refusal(400, Fail("MISSING_ARGUMENT", "Id not specified in an update call", ("Id",)))
        record_id = call.api.writer.known_id(table, given)
        call.api.writer.update(table, record_id, values, call.actor)
        return _good(record_id)

    return _each(call, _records(call), one, _bad)


def upsert(call: SoapCall) -> str:
    name = call.node.string("externalIDFieldName") or "Id"
    writer, seen = call.api.writer, set[Any]()

    def one(node: Node) -> str:
        table, given, values = record(call.api.org, node)
        field = table.kind.visible(name)
        if field is None or not (field.indexed_key or field.name == "Id"):
            words = f"Field name provided, {name} is not an External ID or indexed field for {table.kind.name}"
            raise SoapFault("INVALID_FIELD", words)
        value = given if field.name == "Id" else values.pop(field.name, None)
        if value is None and field.name == "Id":
            return leaf("created", True) + _good(writer.insert(table, values, call.actor))
        if value is None:
            raise Refusal(400, Fail("MISSING_ARGUMENT", f"{field.name} not specified", ()))
        if field.fold(value) in seen:
            raise Refusal(400, Fail("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (field.name,)))
        seen.add(field.fold(value))
        record_id, made = writer.upsert(table, field, value, values, call.actor)
        return leaf("created", made) + _good(record_id)

    def refused(item: Any, errors: str) -> str:
        return leaf("created", False) + _bad(item, errors)

    return _each(call, _records(call), one, refused)


def retrieve(call: SoapCall) -> str:
    """Records by id in the order asked for, nil where there is none."""
    table = table_of(call.api.org, call.node.string("sObjectType"))
    ids = call.node.strings("ids")
    _check_count(len(ids), _MOST_RETRIEVED)
    fields = [one.strip() for one in (call.node.string("fieldList") or "").split(",") if one.strip()]
    version, org = f"v{call.version}", call.api.org
    responses.record_shown(table, {"Id": ""}, fields, version)  # an unknown field is refused even without any record
    rows = [table.live(call.api.writer.known_id(table, one)) for one in ids]
    made = [row and responses.record_shown(table, row, [*fields, "Id"], version) for row in rows]
    return "".join(shown(org, call.dialect, "result", one) if one else leaf("result", None) for one in made)


# Queries and replication


def query(call: SoapCall) -> str:
    return _page(call, call.rest(responses.query, q=call.node.string("queryString") or ""))


def query_all(call: SoapCall) -> str:
    return _page(call, call.rest(responses.query_all, q=call.node.string("queryString") or ""))


def query_more(call: SoapCall) -> str:
    return _page(call, call.rest(responses.query_more, call.node.string("queryLocator") or ""))


def _page(call: SoapCall, body: dict[str, Any]) -> str:
    return element("result", page(call.api.org, call.dialect, body), xsi_type="QueryResult")


def get_updated(call: SoapCall) -> str:
    return tree("result", _zulu(_replicated(call, replication.updated)))


def get_deleted(call: SoapCall) -> str:
    return tree("result", _zulu(_replicated(call, replication.deleted_ids)))


def _replicated(call: SoapCall, resource: Callable[..., Answer]) -> Any:
    window = {key: call.node.string(f"{key}Date") for key in ("start", "end")}
    name = table_of(call.api.org, call.node.string("sObjectType")).kind.name
    return call.rest(resource, name, **{key: value for key, value in window.items() if value})


def _zulu(body: Any) -> Any:
    """Times as XML Schema has them."""
    if isinstance(body, dict):
        return {key: _zulu(value) for key, value in body.items()}
    if isinstance(body, list):
        return [_zulu(value) for value in body]
    return body.replace("+0000", "Z") if isinstance(body, str) else body


# Describes and the session


def describe_global(call: SoapCall) -> str:
    body = call.rest(responses.global_describe)
    return tree("result", {**body, "sobjects": [_as_in_wsdl(one) for one in body["sobjects"]]})


def describe_sobject(call: SoapCall) -> str:
    return _described(call, call.node.string("sObjectType"))


def describe_sobjects(call: SoapCall) -> str:
    names = call.node.strings("sObjectType")
    if len(names) > _MOST_DESCRIBED:
        raise SoapFault("EXCEEDED_MAX_TYPES_LIMIT", f"a call describes at most {_MOST_DESCRIBED} objects")
    return "".join(_described(call, one) for one in names)


def _described(call: SoapCall, name: str | None) -> str:
    kind = table_of(call.api.org, name).kind
    return tree("result", _as_in_wsdl(call.rest(responses.describe, kind.name)))


def _as_in_wsdl(described: dict[str, Any]) -> dict[str, Any]:
    """An object's description with what the WSDL has of it: idEnabled is there, what only REST tells is not."""
    plain: dict[str, Any] = _without_urls({**described, "idEnabled": True})
    plain.pop("sobjectDescribeOption", None)
    return plain


def _without_urls(body: Any) -> Any:
    """A describe without the addresses of REST resources, which the SOAP API does not have."""
    if isinstance(body, dict):
        return {key: _without_urls(value) for key, value in sorted(body.items()) if key != "urls"}
    return [_without_urls(one) for one in body] if isinstance(body, list) else body


def get_server_timestamp(call: SoapCall) -> str:
    now = call.api.controls.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return element("result", leaf("timestamp", now))


def get_user_info(call: SoapCall) -> str:
    org = call.api.org
    user, organisation = org.row(call.actor.user_id) or {}, org.row(org.identity.organisation_id) or {}
    currency = user.get("DefaultCurrencyIsoCode") or organisation.get("DefaultCurrencyIsoCode") or "USD"
    many = org.table("CurrencyType") is not None and bool(user.get("DefaultCurrencyIsoCode"))
    accounts = org.table("Account")
    info: dict[str, Any] = {
        "accessibilityMode": False,
        "chatterExternal": False,
        "currencySymbol": "$" if currency == "USD" else currency,
        "orgAttachmentFileSizeLimit": 26_214_400,
        "orgDefaultCurrencyIsoCode": currency,
        "orgDefaultCurrencyLocale": "en_US",
        "orgDisallowHtmlAttachments": False,
        "orgHasPersonAccounts": accounts is not None and accounts.kind.field("IsPersonAccount") is not None,
        "organizationId": org.identity.organisation_id,
        "organizationMultiCurrency": many,
        "organizationName": organisation.get("Name", ""),
        "profileId": user.get("ProfileId") or new_id("00e", 1),
        "roleId": user.get("UserRoleId"),
        "sessionSecondsValid": int(org.identity.session_minutes * 60),
        "userDefaultCurrencyIsoCode": user.get("DefaultCurrencyIsoCode"),
        "userEmail": user.get("Email", ""),
        "userFullName": user.get("Name", ""),
        "userId": call.actor.user_id,
        "userLanguage": "en_US",
        "userLocale": user.get("LocaleSidKey", "en_US"),
        "userName": user.get("Username", ""),
        "userTimeZone": user.get("TimeZoneSidKey", "Etc/UTC"),
        "userType": user.get("UserType", "Standard"),
        "userUiSkin": "Theme3",
    }
    return element("result", "".join(leaf(key, value) for key, value in info.items()))


def logout(call: SoapCall) -> str:
    call.tokens.forget(call.session)
    return ""


Operation = Callable[[SoapCall], str]
#: Every operation that the sandbox has, by the name of its element.
OPERATIONS: Mapping[str, Operation] = {
    "convertLead": convert_lead,
    "create": create,
    "delete": delete,
    "describeGlobal": describe_global,
    "describeSObject": describe_sobject,
    "describeSObjects": describe_sobjects,
    "emptyRecycleBin": empty_recycle_bin,
    "getDeleted": get_deleted,
    "getServerTimestamp": get_server_timestamp,
    "getUpdated": get_updated,
    "getUserInfo": get_user_info,
    "logout": logout,
    "merge": merge,
    "query": query,
    "queryAll": query_all,
    "queryMore": query_more,
    "retrieve": retrieve,
    "undelete": undelete_all,
    "update": update,
    "upsert": upsert,
}
#: What the WSDL has and the sandbox has not.
ABSENT = frozenset(
    {
        "changeOwnPassword", "deleteByExample", "describeAllTabs", "describeAppMenu", "describeApprovalLayout",
        "describeAvailableQuickActions", "describeCompactLayouts", "describeDataCategoryGroupStructures",
        "describeDataCategoryGroups", "describeDataCategoryMappings", "describeGlobalTheme",
        "describeKnowledgeSettings", "describeLayout", "describeNouns", "describePathAssistants",
        "describePrimaryCompactLayouts", "describeQuickActions", "describeQuickActionsForRecordType",
        "describeSearchLayouts", "describeSearchScopeOrder", "describeSearchableEntities", "describeSoftphoneLayout",
        "describeSoqlListViews", "describeTabs", "describeTheme", "describeVisualForce", "executeListView",
        "findDuplicates", "findDuplicatesByIds", "invalidateSessions", "performQuickActions", "process", "queryAllRows",
        "renderEmailTemplate", "renderStoredEmailTemplate", "resetPassword", "retrieveMassQuickActionTemplates",
        "retrieveQuickActionTemplates", "search", "sendEmail", "sendEmailMessage", "setPassword",
    }
)  # fmt: skip
