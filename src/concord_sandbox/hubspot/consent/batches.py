"""Communication preferences of many addresses in one call (API reference section 13), with scopes of their own.

An input that cannot be carried out is reported beside the others: reads answer 207 then; the descriptions of the two
writes know only 200, so that is what they answer, with `numErrors` and `errors`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.consent.preferences import (
    Answer,
    action,
    address_of,
    check_channel,
    opt_out,
    statuses_of,
    unit_of,
    wide_statuses_of,
    write,
)
from concord_sandbox.hubspot.errors import ApiError, bad_request
from concord_sandbox.hubspot.targets import Routes, Target

_READ, _WRITE = ("communication_preferences.statuses.batch.read",), ("communication_preferences.statuses.batch.write",)
_MOST = 100


def _each(call: Call, inputs: list[Any], carry_out: Callable[[Any], dict[str, Any]], failed: int) -> Answer:
    results, errors = [], []
    for one in inputs:
        try:
            results.append(carry_out(one))
        except ApiError as error:
            named = one.get("subscriberIdString", "") if isinstance(one, dict) else one
            errors.append(error.in_batch({"subscriberIdString": [str(named)[:80]]}))
    return action(call, results, errors), failed if errors else 200


def _addresses(call: Call) -> list[str]:
    check_channel(call.text("channel"))
    inputs = call.json().get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, str) for one in inputs):
        raise bad_request("Invalid input JSON: inputs must be a list of strings")
    if len(inputs) > _MOST:
        raise bad_request(
            f"The number of inputs in batch request: {len(inputs)} exceeds the maximum allowed limit: {_MOST}"
        )
    return list(dict.fromkeys(inputs))


def read(call: Call) -> Answer:
    inputs, unit = _addresses(call), unit_of(call)

    def one(given: str) -> dict[str, Any]:
        address = address_of(given)
        return {"subscriberIdString": address, "statuses": statuses_of(call, address, unit)}

    return _each(call, inputs, one, 207)


def write_many(call: Call) -> Answer:
    def one(given: dict[str, Any]) -> dict[str, Any]:
        return write(call, address_of(given.get("subscriberIdString")), given)

    return _each(call, call.inputs(_MOST), one, 200)


def unsubscribe_many(call: Call) -> Answer:
    inputs, unit = _addresses(call), unit_of(call)

    def one(given: str) -> dict[str, Any]:
        address = address_of(given)
        call.refuse_if_told(None, address)
        reason = opt_out(call, address, unit)
        shown: dict[str, Any] = {"subscriberIdString": address}
        if call.flag("verbose"):
            shown["statuses"] = statuses_of(call, address, unit, reason)
        return shown

    return _each(call, inputs, one, 200)


def read_unsubscribed(call: Call) -> Answer:
    inputs, unit = _addresses(call), unit_of(call)

    def one(given: str) -> dict[str, Any]:
        address = address_of(given)
        return {"subscriberIdString": address, "wideStatuses": wide_statuses_of(call, address, unit)}

    return _each(call, inputs, one, 207)


_AREA = "communication-preferences"
ROUTES: Routes = (
    ("POST", _AREA, "statuses/batch/read", Target(read, scopes=_READ)),
    ("POST", _AREA, "statuses/batch/write", Target(write_many, scopes=_WRITE)),
    ("POST", _AREA, "statuses/batch/unsubscribe-all", Target(unsubscribe_many, scopes=_WRITE)),
    ("POST", _AREA, "statuses/batch/unsubscribe-all/read", Target(read_unsubscribed, scopes=_READ)),
)
