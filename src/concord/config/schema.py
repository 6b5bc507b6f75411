"""The published JSON Schema of `concord.yaml`, made from the same declarations that the checker reads by (SPEC 10.8).

`concord config schema` prints it, and a test holds the packaged `concord.schema.json` to it.
"""

from __future__ import annotations

import json
from typing import Any

from concord.config.kinds import Section
from concord.config.sections import File


def schema() -> dict[str, Any]:
    """The schema as a document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:concord:configuration:1",
        "title": "Concord's configuration",
        "description": "One Salesforce organisation and one HubSpot portal, and how they are kept in agreement. "
        "`concord config check` says more than this schema can: what settings must be together.",
        **Section(File).schema(),
    }


def schema_text() -> str:
    """The schema as the text of the packaged file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
