"""The answer of `POST /composite`: up to 25 calls in one, which may refer to each other's results.

Each sub-request goes through the same table of resources as a call of its own (api/salesforce.md section 6).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from concord_sandbox.salesforce.calls import Answer, Api, Call, invalid_input
from concord_sandbox.salesforce.errors import Fail, Refusal

_MOST, _MOST_HEAVY = 25, 5
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_REFERENCE_ID = re.compile(r"[A-Za-z]\w*")
_URL = re.compile(r"/services/data/(v\d\d\.\d)/")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."
_SHOWN_HEADERS = frozenset(("Location", "ETag", "Last-Modified"))

#: Answers one call, refusals turned into answers.
Dispatch = Callable[[Api, Call], Answer]


def composite(api: Api, call: Call, dispatch: Dispatch) -> Answer:
    body = call.object_body()
    requests = body.get("compositeRequest")
    if not isinstance(requests, list) or not requests or not all(isinstance(one, dict) for one in requests):
        raise invalid_input("compositeRequest has to be a list of sub-requests", "JSON_PARSER_ERROR")
    if len(requests) > _MOST:
        raise invalid_input(f"Limit exceeded: at most {_MOST} sub-requests", "LIMIT_EXCEEDED")
    check_requests(requests)
    _check_heavy(requests)
    answers = answered_in_turn(api, call, requests, dispatch, all_or_none=body.get("allOrNone") is True)
    return Answer(200, {"compositeResponse": shown(answers)})


def answered_in_turn(
    api: Api, call: Call, requests: list[dict[str, Any]], dispatch: Dispatch, *, all_or_none: bool
) -> dict[str, Answer]:
    """Reference id -> answer of sub-requests that `check_requests` let pass, each carried out after the one before."""
    answers: dict[str, Answer] = {}
    with api.org.transaction() as whole:
        for one in requests:
            answers[one["referenceId"]] = _answer(api, call, one, answers, dispatch)
        if all_or_none and any(failed(answer) for answer in answers.values()):
            whole.take_back()
            answers = {ref: one if failed(one) else halted(_HALTED) for ref, one in answers.items()}
    return answers


def shown(answers: dict[str, Answer]) -> list[dict[str, Any]]:
    """Answers as `compositeResponse` lists them."""
    return [
        {
            "body": answer.value(),
            "httpHeaders": {key: value for key, value in answer.headers.items() if key in _SHOWN_HEADERS},
            "httpStatusCode": answer.status,
            "referenceId": reference,
        }
        for reference, answer in answers.items()
    ]


def check_requests(requests: list[dict[str, Any]]) -> None:
    """Raises Refusal when one of them has not what every sub-request has, or the reference id of another."""
    seen = set()
    for one in requests:
        reference, url, method = (one.get(key) for key in ("referenceId", "url", "method"))
        if not (isinstance(reference, str) and isinstance(url, str) and isinstance(method, str)):
            raise invalid_input("Each sub-request needs method, url and referenceId")
        if not _REFERENCE_ID.fullmatch(reference) or reference in seen:
            raise invalid_input(f"Provided referenceId ('{reference}') is not valid or was used before")
        if not _URL.match(url) or not isinstance(one.get("httpHeaders") or {}, dict):
            raise invalid_input(f"The url of sub-request {reference} has to begin with /services/data/vXX.X/")
        seen.add(reference)


def _check_heavy(requests: list[dict[str, Any]]) -> None:
    resources = (one["url"].split("?")[0].split("/", 4)[4] for one in requests)
    if sum(one.startswith(("query", "composite/sobjects")) for one in resources) > _MOST_HEAVY:
        words = f"Limit exceeded: at most {_MOST_HEAVY} sub-requests may be queries or collections"
        raise invalid_input(words, "LIMIT_EXCEEDED")


def _answer(api: Api, outer: Call, one: dict[str, Any], answers: dict[str, Answer], dispatch: Dispatch) -> Answer:
    try:
        url, body = _filled(one["url"], answers), _filled(one.get("body"), answers)
    except _Unanswered as trouble:
        return halted(str(trouble))
    target = urlsplit(str(url))
    parts = [unquote(part) for part in target.path.split("/")[3:] if part]
    headers = {str(key).lower(): str(value) for key, value in (one.get("httpHeaders") or {}).items()}
    call = Call(
        one["method"].upper(),
        parts[0],
        tuple(parts[1:]),
        dict(parse_qsl(target.query, keep_blank_values=True)),
        headers,
        body,
        f"{outer.path} {url}",
        inside=True,
        user_id=outer.user_id,
    )
    if call.segments[:1] == ("composite",) and call.segments[:2] != ("composite", "sobjects"):
        fail = Fail("INVALID_INPUT", "A composite call cannot hold another")
        return Answer(400, [fail.plain()])
    with api.org.transaction() as own:
        answer = dispatch(api, call)
        if failed(answer):
            own.take_back()
    return answer


def failed(answer: Answer) -> bool:
    """Whether a sub-request counts as failed."""
    return answer.status >= 400 or answer.status == 300


def halted(message: str) -> Answer:
    """The answer to a sub-request that was not carried out, or taken back."""
    return Answer(400, Refusal(400, Fail("PROCESSING_HALTED", message)).body())


class _Unanswered(Exception):
    """A reference to a result that there is not."""


def _filled(value: Any, answers: dict[str, Answer]) -> Any:
    """The value with every `@{ref.path}` in its texts replaced by what the earlier call answered."""
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return _referred(whole, answers)
        return _REFERENCE.sub(lambda found: str(_referred(found, answers)), value)
    if isinstance(value, list):
        return [_filled(one, answers) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, answers) for key, one in value.items()}
    return value


def references(value: Any) -> set[str]:
    """The reference ids that the texts of a value refer to."""
    if isinstance(value, str):
        return {found[1] for found in _REFERENCE.finditer(value)}
    if isinstance(value, dict):
        value = list(value.values())
    return {name for one in value for name in references(one)} if isinstance(value, list) else set()


def _referred(found: re.Match[str], answers: dict[str, Answer]) -> Any:
    answer = answers.get(found[1])
    if answer is None:
        raise _Unanswered(f"Invalid reference specified. No earlier sub-request is called {found[1]}.")
    if failed(answer):
        raise _Unanswered(f"Sub-request {found[1]}, which this one refers to, failed.")
    at = answer.value()
    for key, place in _STEP.findall(found[2]):
        try:
            at = at[int(place)] if place else at[key]
        except (KeyError, IndexError, TypeError):
            words = f"Invalid reference specified. No value for {found[1]}{found[2]} found in {found[1]}."
            raise _Unanswered(words) from None
    return at
