"""Answers of `/composite/graph`, `/composite/tree/{object}` and `/composite/batch` (api/salesforce.md section 6).

A graph is a composite call of its own that happens whole or not at all; a tree makes records with their children; a
batch is up to 25 calls that have nothing to do with each other.

Key `graphs` of a world: {"headers": "kept"}, or "ignored": the nodes of graphs do what they are asked whatever their
`httpHeaders` say. No document says that conditions there are kept to (api/salesforce.md section 6); without this key
they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from concord_sandbox.known_keys import only
from concord_sandbox.parts import Part
from concord_sandbox.salesforce.calls import Answer, Api, Call, Resources, invalid_input
from concord_sandbox.salesforce.composite import answered_in_turn, check_requests, failed, halted, references, shown
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_json, limit_exceeded
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.service import ControlError

Dispatch = Callable[[Api, Call], Answer]

_MOST_GRAPHS, _MOST_NODES, _DEEPEST, _MOST_KINDS = 75, 500, 15, 15
#: A graph that fails after so many is not the last straw; the next one is, and the rest are not tried.
_MOST_FAILURES = 14
_GRAPH_ID = re.compile(r"[A-Za-z0-9][^.]{0,39}")
_NODE = re.compile(r"/services/data/(v\d\d\.\d)/sobjects/(\w+)/?(?:[^/]+(?:/[^/]+)?/?)?")
_MOST_RECORDS, _MOST_TYPES, _MOST_LEVELS = 200, 5, 5
_MOST_IN_BATCH, _OLDEST_IN_BATCH = 25, "v34.0"
_BATCHED = ("limits", "parameterizedSearch", "query", "queryAll", "search", "sobjects", "ui-api")


# Graphs


class GraphHeaders(Part[Org]):
    """Whether the nodes of graphs keep to the conditions in their headers."""

    section = "graphs"

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        only("graphs", given or {}, ("headers",))
        self._said = (given or {}).get("headers")
        if self._said not in (None, "kept", "ignored"):
            raise ControlError(f"graphs: headers is kept or ignored, not {self._said!r}")
        self.ignored = self._said == "ignored"

    def save(self) -> Any:
        return None if self._said is None else {"headers": self._said}


def graphs(api: Api, call: Call, answered: Dispatch) -> Answer:
    """`POST /composite/graph`: independent graphs, each a transaction."""
    given = call.object_body().get("graphs")
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise bad_json("graphs has to be a list of graphs")
    _check_graphs(given)
    bare = api.org.parts.of(GraphHeaders).ignored
    results = []
    failures = 0
    for one in given:
        requests = [{**node, "httpHeaders": {}} if bare else node for node in one["compositeRequest"]]
        if failures > _MOST_FAILURES:
            words = f"Processing was halted: more than {_MOST_FAILURES} graphs of this request failed."
            answers = {request["referenceId"]: halted(words) for request in requests}
        else:
            answers = answered_in_turn(api, call, requests, answered, all_or_none=True)
        good = not any(failed(answer) for answer in answers.values())
        failures += not good
        response = {"compositeResponse": shown(answers)}
        results.append({"graphId": one["graphId"], "graphResponse": response, "isSuccessful": good})
    return Answer(200, {"graphs": results})


def _check_graphs(given: list[dict[str, Any]]) -> None:
    """Raises Refusal when the request as a whole is wrong."""
    if len(given) > _MOST_GRAPHS:
        raise invalid_input(f"Limit exceeded: at most {_MOST_GRAPHS} graphs in one request", "LIMIT_EXCEEDED")
    names: set[str] = set()
    nodes: list[dict[str, Any]] = []
    for one in given:
        name, requests = one.get("graphId"), one.get("compositeRequest")
        if not isinstance(name, str) or not _GRAPH_ID.fullmatch(name) or name in names:
            raise invalid_input(f"Provided graphId ('{name}') is not valid or was used before")
        names.add(name)
        if not isinstance(requests, list) or not requests or not all(isinstance(node, dict) for node in requests):
            raise bad_json(f"compositeRequest of graph {name} has to be a list of sub-requests")
        check_requests(requests)
        _check_depth(name, requests)
        nodes += requests
    if len(nodes) > _MOST_NODES:
        raise invalid_input(f"Limit exceeded: at most {_MOST_NODES} nodes in one request", "LIMIT_EXCEEDED")
    kinds = {_kind(node) for node in nodes}
    if len(kinds) > _MOST_KINDS:
        raise invalid_input(f"Limit exceeded: at most {_MOST_KINDS} different nodes in one request", "LIMIT_EXCEEDED")


def _kind(node: dict[str, Any]) -> tuple[str, str, str]:
    """What makes two nodes different: version, method, object. Raises Refusal for what no node may call."""
    found, method = _NODE.fullmatch(node["url"].split("?")[0]), node["method"].upper()
    if found is None or method not in ("GET", "POST", "PATCH", "DELETE"):
        words = f"{method} {node['url']} is not supported in a composite graph"
        raise invalid_input(words)
    return found[1], method, found[2].lower()


def _check_depth(name: str, requests: list[dict[str, Any]]) -> None:
    """A node lies one deeper than the deepest of those that it refers to."""
    depths: dict[str, int] = {}
    for node in requests:
        used = references([node["url"], node.get("body")])
        depths[node["referenceId"]] = depth = 1 + max((depths.get(one, 0) for one in used), default=0)
        if depth > _DEEPEST:
            raise invalid_input(f"Limit exceeded: graph {name} is deeper than {_DEEPEST}", "LIMIT_EXCEEDED")


# Trees


@dataclass(frozen=True)
class _Planned:
    """One record of a tree. parent: the reference field and the reference id of the record that it hangs on."""

    table: Table
    reference: str
    body: dict[str, Any]
    parent: tuple[Field, str] | None


def tree(api: Api, call: Call, name: str) -> Answer:
    """`POST /composite/tree/{object}`: up to 200 records with their children, all of them or none."""
    table = api.table(name)
    records = call.object_body().get("records")
    if not isinstance(records, list) or not records:
        raise bad_json("records has to be a list of records")
    planned = _planned(api, table, records)
    if len(planned) > _MOST_RECORDS:
        words = f"Request body contains too many records: at most {_MOST_RECORDS}"
        raise invalid_input(words, "LIMIT_EXCEEDED")
    wrong = _wrong_references(planned)
    if wrong:
        return _failed_tree(wrong)
    if len({one.table.kind.name for one in planned}) > _MOST_TYPES:
        raise invalid_input(f"Request body contains more than {_MOST_TYPES} object types", "LIMIT_EXCEEDED")
    return _planted(api, call, planned)


def _planted(api: Api, call: Call, planned: list[_Planned]) -> Answer:
    actor = api.actor(call)
    made: dict[str, str] = {}
    wrong: list[tuple[str, tuple[Fail, ...]]] = []
    with api.org.transaction(actor) as whole:
        for one in planned:
            if one.parent is not None and one.parent[1] not in made:
                continue  # its parent was refused, and only that is told
            above = {} if one.parent is None else {one.parent[0].name: made[one.parent[1]]}
            try:
                made[one.reference] = api.writer.insert(one.table, {**one.body, **above}, actor)
            except Refusal as refusal:
                wrong.append((one.reference, refusal.fails))
        if wrong:
            whole.take_back()
            return _failed_tree(wrong)
    results = [{"referenceId": reference, "id": record_id} for reference, record_id in made.items()]
    return Answer(201, {"hasErrors": False, "results": results})


def _planned(api: Api, table: Table, records: list[Any]) -> list[_Planned]:
    """All records of a tree, parents before their children, level by level. Raises Refusal."""
    planned: list[_Planned] = []
    level: list[tuple[Table, Any, tuple[Field, str] | None]] = [(table, one, None) for one in records]
    for depth in range(_MOST_LEVELS + 1):
        if not level:
            break
        if depth == _MOST_LEVELS:
            raise invalid_input(f"The tree is deeper than {_MOST_LEVELS} levels", "LIMIT_EXCEEDED")
        below: list[tuple[Table, Any, tuple[Field, str] | None]] = []
        for kind, record, parent in level:
            one, children = _taken_apart(api, kind, record, parent)
            planned.append(one)
            below += children
        level = below
    return planned


def _taken_apart(
    api: Api, table: Table, record: Any, parent: tuple[Field, str] | None
) -> tuple[_Planned, list[tuple[Table, Any, tuple[Field, str] | None]]]:
    """A record without its children, and the children with what each hangs on. Raises Refusal."""
    attributes = record.get("attributes") if isinstance(record, dict) else None
    if not isinstance(attributes, dict):
        raise bad_json("Each record of a tree is an object with attributes")
    kind, reference = attributes.get("type"), attributes.get("referenceId")
    if not isinstance(kind, str) or api.org.table(kind) is not table:
        raise invalid_input(f"The type of record {reference} has to be {table.kind.name}", "INVALID_TYPE")
    if reference is not None and not isinstance(reference, str):
        raise bad_json("referenceId has to be a text")
    children: list[tuple[Table, Any, tuple[Field, str] | None]] = []
    body: dict[str, Any] = {}
    relations = {
        (field.child_name or "").lower(): (child, field) for child, field in api.org.children_of(table.kind.name)
    }
    for key, value in record.items():
        inner = value.get("records") if isinstance(value, dict) else None
        if not isinstance(inner, list):
            body[key] = value
            continue
        found = relations.get(key.lower())
        if found is None:
            words = f"{key} is no child relationship of {table.kind.name}"
            raise Refusal(400, Fail("INVALID_FIELD", words))
        children += [(found[0], one, (found[1], reference or "")) for one in inner]
    return _Planned(table, reference or "", body, parent), children


def _wrong_references(planned: list[_Planned]) -> list[tuple[str, tuple[Fail, ...]]]:
    """Records whose reference id is missing or another's."""
    names = [one.reference for one in planned]
    missing = Fail("INVALID_INPUT", "Include a reference ID for each record in the request.", ())
    twice = Fail("INVALID_INPUT", "Duplicate ReferenceId provided in the request.", ())
    return [(name, (missing if not name else twice,)) for name in names if not name or names.count(name) > 1]


def _failed_tree(wrong: list[tuple[str, tuple[Fail, ...]]]) -> Answer:
    results = [{"referenceId": name, "errors": [fail.in_result() for fail in fails]} for name, fails in wrong]
    return Answer(400, {"hasErrors": True, "results": results})


# Batches


def batch(api: Api, call: Call, answered: Dispatch) -> Answer:
    """`POST /composite/batch`: calls in turn, each committed for itself; unlike those of a composite call, each counts
    as a call of the day."""
    body = call.object_body()
    requests, halt = body.get("batchRequests"), body.get("haltOnError") is True
    if not isinstance(requests, list) or not requests or not all(isinstance(one, dict) for one in requests):
        raise bad_json("batchRequests has to be a list of sub-requests")
    if len(requests) > _MOST_IN_BATCH:
        raise invalid_input(f"Limit exceeded: at most {_MOST_IN_BATCH} sub-requests", "LIMIT_EXCEEDED")
    calls = [_batched(call, one) for one in requests]
    results: list[dict[str, Any]] = []
    bad = False
    for place, one in enumerate(calls):
        if bad and halt:
            fail = Fail("BATCH_PROCESSING_HALTED", "Batch processing halted per request")
            results.append({"statusCode": 412, "result": [fail.plain()]})
            continue
        if place and not api.usage.spend(api.controls.clock.epoch_ms()):  # the batch itself was counted when it came
            answer = Answer(403, limit_exceeded().body())
        else:
            with api.org.transaction() as own:
                answer = answered(api, one)
                if failed(answer):
                    own.take_back()
        bad = bad or answer.status >= 400
        results.append({"statusCode": answer.status, "result": answer.value()})
    return Answer(200, {"hasErrors": bad, "results": results})


def _batched(outer: Call, one: dict[str, Any]) -> Call:
    """The call that a sub-request of a batch is. Raises Refusal for one that cannot be in a batch."""
    url, method = one.get("url"), one.get("method")
    if not isinstance(url, str) or not isinstance(method, str):
        raise bad_json("Each sub-request needs a method and a url")
    target = urlsplit("/" + url.lstrip("/").removeprefix("services/data/"))
    version, *segments = [unquote(part) for part in target.path.split("/") if part] or [""]
    if not segments or segments[0] not in _BATCHED:
        raise invalid_input(f"The url of a sub-request is not supported in a batch: {url}")
    if not _OLDEST_IN_BATCH <= version <= outer.version:
        words = f"The version of a sub-request cannot be newer than that of the batch, nor older than v34.0: {version}"
        raise invalid_input(words)
    arguments = dict(parse_qsl(target.query, keep_blank_values=True))
    path = f"{outer.path} {url}"
    return Call(
        method.upper(),
        version,
        tuple(segments),
        arguments,
        outer.headers,
        one.get("richInput"),
        path,
        inside=True,
        user_id=outer.user_id,
    )


RESOURCES: Resources = (("composite/tree/{object}", {"POST": tree}),)
