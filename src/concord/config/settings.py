"""The settings Concord runs on, and how they are read: from one YAML file, all problems at once, or not at all.

Reads files; starts nothing, writes nothing, and asks no remote system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

from concord.config.alerts import Alerts
from concord.config.breaker import Breaker
from concord.config.build import object_pairs
from concord.config.kinds import WRONG, Reading, Section, nearest_position
from concord.config.problems import Position, Problem, error, in_order
from concord.config.sections import File, Hubspot, Salesforce, Sync, Web
from concord.config.source import parse
from concord.core.budget import Terms
from concord.core.mapping import ObjectPair

#: Where the configuration is looked for when no other place is named.
USUAL_PATH: Final = Path("concord.yaml")


@dataclass(frozen=True)
class Settings:
    """Everything that is configured, checked by itself (not yet against the vendors' schemas: see `check_against`).

    objects: core's mapping, left is Salesforce and right is HubSpot. file: where it is from, for messages.
    positions: where each setting stands, by its path.
    """

    salesforce: Salesforce
    hubspot: Hubspot
    web: Web
    sync: Sync
    objects: tuple[ObjectPair, ...]
    file: str
    positions: Mapping[str, Position]
    alerts: Alerts = field(default_factory=Alerts)
    breaker: Breaker = field(default_factory=Breaker)

    def pair(self, name: str) -> ObjectPair | None:
        """The object pair of that name ("people", "companies"), if it syncs."""
        return next((one for one in self.objects if one.name == name), None)

    def terms(self, system: str) -> Terms:
        """How the day's calls of a system are shared."""
        return self.salesforce.terms if system == "salesforce" else self.hubspot.terms

    def where(self, path: str) -> Position | None:
        """Where a setting stands in the file; of one that is not written, the nearest section above it."""
        return nearest_position(self.positions, path)

    def connected_to(self, *, salesforce: str, hubspot: str, app_id: str = "", pubsub: str = "") -> Settings:
        """The same settings for systems at other addresses (the demonstration, tests). pubsub: "": no change events."""
        there = self.salesforce
        events = "auto" if pubsub else "off"
        return replace(
            self,
            salesforce=replace(there, url=salesforce, events=events, pubsub=pubsub or there.pubsub),
            hubspot=replace(self.hubspot, url=hubspot, app_id=app_id),
        )


@dataclass(frozen=True)
class Read:
    """What came of reading a file: settings when it has no problem, and in any case all that is to be said about it."""

    file: str
    settings: Settings | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def load(path: Path | str = USUAL_PATH) -> Settings:
    """The settings in that file.

    Raises ConfigError with every problem of the file, each with line and column; also when there is no such file.
    """
    found = read(path)
    if found.settings is None:
        raise error(found.file, found.problems)
    return found.settings


def read(path: Path | str = USUAL_PATH) -> Read:
    """The same without raising: for those who show the problems themselves."""
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        advice = "write one with `concord init`, or name another with --config"
        return Read(name, None, (Problem("", "there is no such file", advice),))
    except UnicodeDecodeError as fault:
        return Read(name, None, (Problem("", f"the file is not UTF-8 text (byte {fault.start})", "save it as UTF-8"),))
    except OSError as fault:
        return Read(name, None, (Problem("", f"the file cannot be read: {fault.strerror}"),))
    return read_text(text, name)


def read_text(text: str, file: str) -> Read:
    """The settings in a text that is already at hand; `file` is what messages call it."""
    source = parse(text)
    reading = Reading()
    reading.problems.extend(source.problems)
    if source.root is None:
        return Read(file, None, in_order(reading.problems))
    values = Section(File).values(source.root, "", reading)
    if values is WRONG:
        return Read(file, None, in_order(reading.problems))
    # A file without its address is refused, but what is wrong further down is told in the same breath.
    settings = _settings(File(**{"version": 1, "salesforce": Salesforce(url=""), **values}), file, reading)
    problems, warnings = in_order(reading.problems), in_order(reading.warnings)
    return Read(file, None if problems else settings, problems, warnings)


def _settings(found: File, file: str, reading: Reading) -> Settings:
    objects = object_pairs(found, reading)
    if not reading.problems and found.people is None and found.companies is None:
        objects = starting(found.sync).objects
    return Settings(
        found.salesforce,
        found.hubspot,
        found.web,
        found.sync,
        objects,
        file,
        MappingProxyType(reading.positions),
        alerts=found.alerts,
        breaker=found.breaker,
    )


def starting_text() -> str:
    """The configuration that a new installation gets, with its comments (SPEC 2.1)."""
    return resources.files("concord.config").joinpath("default.yaml").read_text(encoding="utf-8")


def starting(sync: Sync | None = None) -> Settings:
    """The settings that a new installation gets; with other rules of conflict, when they are given."""
    text = starting_text()
    reading = Reading()
    source = parse(text)
    assert source.root is not None, "the packaged default.yaml is whole"
    found = Section(File).read(source.root, "", reading)
    assert found is not WRONG, "the packaged default.yaml is valid"
    settings = _settings(found if sync is None else replace(found, sync=sync), "the starting configuration", reading)
    if reading.problems:
        raise error("default.yaml", reading.problems)
    return settings
