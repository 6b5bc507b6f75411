"""The world `empty`: both systems' schemas, users and owners, and nobody else."""

from __future__ import annotations

from typing import Any

from concord_sandbox.worlds.schema import bare


def build(seed: int = 1) -> dict[str, Any]:
    """The world; `seed` is only noted, for nothing in it is drawn."""
    return bare("empty", seed)
