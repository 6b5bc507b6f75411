"""What tests of the commands that look at a running sync share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.seeing import Sync

from concord import config


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONCORD_DATABASE_URL", raising=False)
    Path("concord.yaml").write_text(config.starting_text(), "utf-8")
    return tmp_path


@pytest.fixture
def sync(folder: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Sync:
    monkeypatch.setenv("CONCORD_DATABASE_URL", database)
    return Sync(database)
