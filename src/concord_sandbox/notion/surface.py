"""Every operation of Notion's API that the sandbox has, and the parts that it lacks: for COVERAGE.md and errors.

Made from the table of paths itself (`urls.py`), so that it cannot say what is not so. Answers nothing.
"""

from __future__ import annotations

from concord_sandbox.notion.urls import operations_listed
from concord_sandbox.operations import Absent, Operation, absent_at

SERVICE = "Notion"
_GROUPS = {
    "blocks": "Blocks",
    "data_sources": "Data sources",
    "databases": "Databases",
    "pages": "Pages",
    "users": "Users",
}
#: What the vendor has and the sandbox has not. A path in none of them is unknown to the vendor as well.
ABSENT = (
    Absent("/v1/agents", "Agents"),
    Absent("/v1/async_tasks/", "Async tasks", "every answer is the page itself"),
    Absent("/v1/blocks/meeting_notes/", "Meeting notes"),
    Absent("/v1/comments", "Comments"),
    Absent("/v1/custom_emojis", "Custom emojis"),
    Absent("/v1/file_uploads", "File uploads"),
    Absent("/v1/oauth/", "OAuth", "an internal connection's token is given in the world"),
    Absent("/v1/views", "Views"),
)
#: What is known to differ from the vendor.
DIFFERENCES: tuple[str, ...] = (
    "Formulas are not worked out: a world gives their values.",
    "Every answer is the thing itself: no call is answered with an asynchronous task.",
    "Rollups know counts, sums and the like; `date_range` and those for each group are not worked out.",
    "A deleted block is gone for good; pages can be restored.",
    "The plan's budget of calls is an assumed one, settable: the vendor does not publish its numbers.",
    "`position` is refused before version 2026-03-11.",
)


def operations() -> list[Operation]:
    """Every operation once, and the parts that are absent."""
    made = [
        Operation(SERVICE, _GROUPS.get(path.split("/")[2], "Workspace"), method, path)
        for method, path in operations_listed()
    ]
    return [*made, *(one.operation(SERVICE) for one in ABSENT)]


def absent(path: str) -> str | None:
    """What to say of a path in a part that the sandbox lacks; None for any other."""
    found = absent_at(path, ABSENT)
    if found is None:
        return None
    return f"The sandbox does not emulate this part of Notion's API: {found.title}" + (
        f" ({found.why})" if found.why else ""
    )
