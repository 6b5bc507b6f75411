"""Faults to inject: which calls they hit, how often, and what happens to them.

Knows nothing of any vendor; a service words its own error bodies (`Service.fault_response`).
"""

from __future__ import annotations

import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

#: status         answer with that HTTP status and the vendor's own error body; nothing is done
#: drop_before    the connection breaks before anything is done
#: drop_after     the call is carried out, then the connection breaks: the client cannot know
#: hang           nothing is done and no answer comes until the client gives up
#: hang_after     the call is carried out and no answer comes until the client gives up
#: record_error   the service refuses the matching records of an otherwise good call with the vendor's `code`
FaultKind = Literal["status", "drop_before", "drop_after", "hang", "hang_after", "record_error"]
_KINDS = ("status", "drop_before", "drop_after", "hang", "hang_after", "record_error")


@dataclass
class Fault:
    """One fault. `method` and `path` are regular expressions, searched in the call's method and path+query.

    times: how many matching calls are hit (None: all). after: how many matching calls pass first.
    probability: share of the matching calls that is hit, drawn from the sandbox's seeded randomness.
    status, headers: for kind `status`. code: the vendor's error code to word the body with (both `status` and
    `record_error`). record: regular expression on a record's id or key, for `record_error`.
    """

    kind: FaultKind
    method: str = ".*"
    path: str = ".*"
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    status: int = 503
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    record: str = ".*"

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; one of {', '.join(_KINDS)}")
        re.compile(self.method), re.compile(self.path), re.compile(self.record)

    def meets(self, method: str, path: str) -> bool:
        return bool(re.fullmatch(self.method, method) and re.search(self.path, path))


class Faults:
    """The faults in force, in order; the first that applies wins."""

    def __init__(self, randomness: random.Random) -> None:
        self._random = randomness
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]

    def hit(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, if any; spends one of its times. Never a `record_error`."""
        for fault in self._faults:
            if fault.kind != "record_error" and fault.meets(method, path) and self._spend(fault):
                return fault
        return None

    def hit_record(self, method: str, path: str, key: str) -> Fault | None:
        """The `record_error` that this record (`key`: its id or unique value) of this call meets, if any."""
        for fault in self._faults:
            if fault.kind != "record_error" or not fault.meets(method, path):
                continue
            if re.search(fault.record, key) and self._spend(fault):
                return fault
        return None

    def _spend(self, fault: Fault) -> bool:
        if fault.times == 0 or (fault.probability < 1.0 and self._random.random() >= fault.probability):
            return False
        if fault.after > 0:
            fault.after -= 1
            return False
        if fault.times is not None:
            fault.times -= 1
        return True
