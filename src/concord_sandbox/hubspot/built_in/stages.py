"""The pipelines that every account starts with (API reference section 11). Data only."""

from __future__ import annotations

from typing import Any


def _stages(names: tuple[str, ...], rows: str) -> list[dict[str, Any]]:
    """`id | label | metadata value …`, one stage a line; names: the keys of the metadata."""
    stages = []
    for row in rows.splitlines():
        stage_id, label, *values = (part.strip() for part in row.split("|"))
        stages.append({"id": stage_id, "label": label, "metadata": dict(zip(names, values, strict=True))})
    return stages


DEFAULT_PIPELINES: dict[str, dict[str, Any]] = {
    "deals": {
        "id": "default",
        "label": "Sales Pipeline",
        "displayOrder": 0,
        "stages": _stages(
            ("probability", "isClosed"),
            """\
appointmentscheduled | Appointment Scheduled | 0.2 | false
qualifiedtobuy | Qualified To Buy | 0.4 | false
presentationscheduled | Presentation Scheduled | 0.6 | false
decisionmakerboughtin | Decision Maker Bought-In | 0.8 | false
contractsent | Contract Sent | 0.9 | false
closedwon | Closed Won | 1.0 | true
closedlost | Closed Lost | 0.0 | true""",
        ),
    },
    "tickets": {
        "id": "0",
        "label": "Support Pipeline",
        "displayOrder": 0,
        "stages": _stages(
            ("ticketState", "isClosed"),
            """\
1 | New | OPEN | false
2 | Waiting on contact | OPEN | false
3 | Waiting on us | OPEN | false
4 | Closed | CLOSED | true""",
        ),
    },
    "leads": {
        "id": "lead-pipeline-id",
        "label": "Lead pipeline",
        "displayOrder": 0,
        "stages": _stages(
            ("leadState",),
            """\
new-stage-id | New | NEW
attempting-stage-id | Attempting | IN_PROGRESS
connected-stage-id | Connected | IN_PROGRESS
qualified-stage-id | Qualified | QUALIFIED
unqualified-stage-id | Disqualified | UNQUALIFIED""",
        ),
    },
}
