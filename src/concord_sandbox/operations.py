"""What a sandboxed service answers and what it does not, as data: for COVERAGE.md and for the error that says so.

Knows no vendor; each service lists its own operations in its `surface.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """One operation of a vendor's API. group: what the vendor calls that part of it. path: with {…} for what varies.

    emulated: whether the sandbox carries it out. remark: what is known to differ from the vendor, or why it is absent.
    """

    service: str
    group: str
    method: str
    path: str
    emulated: bool = True
    remark: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Absent:
    """A part of a vendor's API that the sandbox does not have: every path that begins so. title: what it is called."""

    beginning: str
    title: str
    why: str = ""

    def operation(self, service: str) -> Operation:
        return Operation(service, self.title, "*", f"{self.beginning}…", emulated=False, remark=self.why)


def absent_at(path: str, parts: Iterable[Absent]) -> Absent | None:
    """The absent part that a path lies in; the longest beginning counts."""
    found = [one for one in parts if path == one.beginning.rstrip("/") or path.startswith(one.beginning)]
    return max(found, key=lambda one: len(one.beginning), default=None)


def fits(pattern: str, path: str) -> bool:
    """Whether a path is one that the pattern means: {…} stands for one part, {…*} for the rest."""
    wanted, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    if wanted and wanted[-1].endswith("*}"):
        wanted, given = wanted[:-1], given[: len(wanted) - 1]
    return len(wanted) == len(given) and all(
        part == there or ("{" in part and bool(there) and _fits_part(part, there))
        for part, there in zip(wanted, given, strict=True)
    )


def _fits_part(part: str, there: str) -> bool:
    """`v{version}` means any text after a v."""
    before, _, rest = part.partition("{")
    after = rest.partition("}")[2]
    return len(there) > len(before) + len(after) and there.startswith(before) and there.endswith(after)


def operation_of(operations: Iterable[Operation], method: str, path: str) -> Operation | None:
    """The operation that a call means: the one with the most fixed words among those that fit."""
    found = [one for one in operations if one.emulated and one.method == method and fits(one.path, path)]
    return min(found, key=lambda one: one.path.count("{"), default=None)
