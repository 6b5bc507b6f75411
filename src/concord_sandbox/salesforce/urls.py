"""Which resource answers which path behind `/services/data/vNN.0/`, for HTTP and for composite sub-requests alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from concord_sandbox.salesforce import absent, collections, graphs, org_limits, replication, responses, search, ui_api
from concord_sandbox.salesforce.bulk import calls as bulk_calls
from concord_sandbox.salesforce.calls import Answer, Api, Call, Resource, Resources
from concord_sandbox.salesforce.composite import composite
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_json, not_found

_OLDEST, _NEWEST, _NEWEST_YEAR = 31, 68, 27


def _release(version: int) -> str:
    """The release that a version was: three a year, 68 is Winter '27."""
    years, season = divmod(_NEWEST - version, 3)
    return f"{('Winter', 'Summer', 'Spring')[season]} '{_NEWEST_YEAR - years - (season > 0)}"


#: Every version that answers, and the release that it was. All answer alike: only the newest ones are documented here.
VERSIONS = {number: _release(number) for number in range(_OLDEST, _NEWEST + 1)}
_NAMES = frozenset(f"v{number}.0" for number in VERSIONS)


def versions() -> list[dict[str, str]]:
    """The answer of `GET /services/data/`."""
    return [
        {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number, label in VERSIONS.items()
    ]


def _composite(api: Api, call: Call) -> Answer:
    return composite(api, call, answered)


def _graphs(api: Api, call: Call) -> Answer:
    return graphs.graphs(api, call, answered)


def _batch(api: Api, call: Call) -> Answer:
    return graphs.batch(api, call, answered)


#: The first line that fits counts: fixed words before parts in braces.
RESOURCES: Resources = (
    ("", {"GET": responses.resources}),
    ("limits", {"GET": org_limits.limits}),
    ("query", {"GET": responses.query}),
    ("query/{locator}", {"GET": responses.query_more}),
    ("queryAll", {"GET": responses.query_all}),
    ("queryAll/{locator}", {"GET": responses.query_more}),
    ("recent", {"GET": responses.recent}),
    ("search", {"GET": search.search}),
    ("parameterizedSearch", {"GET": search.parameterized, "POST": search.parameterized}),
    ("sobjects", {"GET": responses.global_describe}),
    ("sobjects/{object}", {"GET": responses.basic_information, "POST": responses.create}),
    ("sobjects/{object}/describe", {"GET": responses.describe}),
    ("sobjects/{object}/updated", {"GET": replication.updated}),
    ("sobjects/{object}/deleted", {"GET": replication.deleted_ids}),
    ("sobjects/{object}/Id", {"POST": responses.create}),
    ("sobjects/{object}/{id}", {"GET": responses.read, "PATCH": responses.update, "DELETE": responses.delete}),
    (
        "sobjects/{object}/{field}/{value}",
        {"GET": responses.read_by_key, "PATCH": responses.upsert, "DELETE": responses.delete_by_key},
    ),
    ("composite", {"POST": _composite}),
    (
        "composite/sobjects",
        {"POST": collections.create_all, "PATCH": collections.update_all, "DELETE": collections.delete_all},
    ),
    ("composite/sobjects/{object}", {"GET": collections.read_all, "POST": collections.read_all}),
    ("composite/sobjects/{object}/{field}", {"PATCH": collections.upsert_all}),
    ("composite/graph", {"POST": _graphs}),
    ("composite/batch", {"POST": _batch}),
    *graphs.RESOURCES,
    *bulk_calls.RESOURCES,
    *ui_api.RESOURCES,
)


def _by_shape() -> dict[tuple[str, int], list[tuple[tuple[str, ...], dict[str, Resource]]]]:
    """The table by first word and number of parts, so that a call is compared with one or two lines only."""
    made: dict[tuple[str, int], list[tuple[tuple[str, ...], dict[str, Resource]]]] = {}
    for path, methods in RESOURCES:
        parts = tuple(part for part in path.split("/") if part)
        made.setdefault((parts[0] if parts else "", len(parts)), []).append((parts, methods))
    return made


_SHAPES = _by_shape()


def answered(api: Api, call: Call) -> Answer:
    """The answer to a call whose token is good. Refusals become answers."""
    try:
        return _dispatched(api, call)
    except Refusal as refusal:
        return Answer(refusal.status, refusal.body())
    except RecursionError:
        deep = bad_json("The body is nested too deep at [line:1, column:1]")
        return Answer(deep.status, deep.body())


def _dispatched(api: Api, call: Call) -> Answer:
    segments = call.segments
    if call.version not in _NAMES:
        raise not_found()
    for parts, methods in _SHAPES.get((segments[0] if segments else "", len(segments)), ()):
        given: list[Any] = []
        for part, segment in zip(parts, segments, strict=True):
            if part[0] == "{":
                given.append(segment)
            elif part != segment:
                break
        else:
            if call.method == "HEAD" and "GET" in methods:
                answer = methods["GET"](api, replace(call, method="GET"), *given)
                return replace(answer, body=None)
            resource = methods.get(call.method)
            if resource is None:
                allowed = ",".join(methods).replace("GET", "GET,HEAD")
                words = f"HTTP Method '{call.method}' not allowed. Allowed are {allowed}"
                raise Refusal(405, Fail("METHOD_NOT_ALLOWED", words))
            return resource(api, call, *given)
    lacking = absent.said_of(f"/services/data/{call.version}/{'/'.join(segments)}")
    if lacking is not None:
        raise Refusal(403, Fail("FUNCTIONALITY_NOT_ENABLED", lacking))
    raise not_found()
