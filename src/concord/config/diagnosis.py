"""The installation's own side of `concord doctor`: the file, the environment, and the mapping against both schemas, as
checks. Reads the file and what it is given; asks nobody and starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from concord.config.against import check_against
from concord.config.build import writes
from concord.config.kinds import WRONG, Reading, Section
from concord.config.problems import Problem
from concord.config.secrets import (
    HUBSPOT_TOKEN,
    MEANINGS,
    SALESFORCE_CLIENT_ID,
    SALESFORCE_CLIENT_SECRET,
    SALESFORCE_HOOK,
    Secrets,
    secrets,
)
from concord.config.sections import File, Salesforce
from concord.config.settings import Read, Settings, starting
from concord.config.source import parse
from concord.config.words import SIDES, label
from concord.core.checks import Check, State, Use
from concord.core.mapping import FieldPair, ObjectPair, SyncRule
from concord.core.model import Side
from concord.core.values import ObjectSpec
from concord.errors import ConfigError

SECTION: Final = "Configuration"
MAPPING: Final = "Mapping"
#: How `core.values.loses` ends about a text that one side could not hold: so of every pair of systems, and no trouble
#: until somebody writes one. Told in one line.
HELD: Final = "longer texts wait, they are not cut"
_NEEDED: Final = (SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET, HUBSPOT_TOKEN)


# --- the file and the environment


def file_checks(found: Read) -> list[Check]:
    """Whether the file can be used; a check for each problem of it."""
    checks = [_of_problem(SECTION, "file", one, found.file, State.FAIL) for one in found.problems]
    checks += [_of_problem(SECTION, "file", one, found.file, State.WARN) for one in found.warnings]
    if found.settings is not None:
        mapped = ", ".join(f"{len(pair.fields)} for {pair.name}" for pair in found.settings.objects)
        checks.append(Check(SECTION, "file", State.OK, f"{found.file} can be used: field mappings: {mapped}"))
    return checks


def _of_problem(section: str, name: str, one: Problem, file: str, state: State) -> Check:
    place = f"{file}:{one.at.line}:{one.at.column}" if one.at else file
    return Check(
        section, name, state, " ".join(part for part in (place, one.path) if part) + f": {one.text}", one.advice
    )


def usable(found: Read) -> Settings | None:
    """The settings to look at the rest with: those of the file, or, where it has problems, as much of it as can be
    read, with the starting mapping. None where there is no file to read."""
    if found.settings is not None:
        return found.settings
    try:
        text = Path(found.file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    root, reading = parse(text).root, Reading()
    values: Any = WRONG if root is None else Section(File).values(root, "", reading)
    if values is WRONG:
        return None
    known = File(**{"version": 1, "salesforce": Salesforce(url=""), **values})
    usual = starting()
    return replace(
        usual, salesforce=known.salesforce, hubspot=known.hubspot, web=known.web, sync=known.sync, file=found.file
    )


def secret_checks(environment: Mapping[str, str]) -> tuple[Secrets, list[Check]]:
    """The secrets, with "" for each that is missing; and a check for each of these. Shows none of them."""
    name, given = "secrets", {one: environment.get(one, "").strip() for one in MEANINGS}
    checks = [
        Check(SECTION, name, State.FAIL, f"{one} is not set", f"set it in the environment to {MEANINGS[one]}")
        for one in _NEEDED
        if not given[one]
    ]
    filled = {one: text or "missing" for one, text in given.items() if text or one in _NEEDED}
    try:
        found = secrets(filled)
    except ConfigError as error:
        words, _, advice = str(error).rpartition(". ")
        checks.append(Check(SECTION, name, State.FAIL, words, advice))
        found = secrets({one: text for one, text in filled.items() if one != SALESFORCE_HOOK})
    if not checks:
        checks.append(Check(SECTION, name, State.OK, "every secret that is needed is set"))
    return replace(
        found,
        salesforce_client_id=given[SALESFORCE_CLIENT_ID],
        salesforce_client_secret=given[SALESFORCE_CLIENT_SECRET],
        hubspot_token=given[HUBSPOT_TOKEN],
    ), checks


# --- what the mapping wants of the accounts


def uses(settings: Settings, side: Side) -> list[Use]:
    """What is done with each synced object of a side."""
    found: dict[str, Use] = {}
    for pair in settings.objects:
        for name in pair.left_objects if side is Side.LEFT else (pair.right_object,):
            creates = pair.create_left == name if side is Side.LEFT else pair.create_right
            keyed = bool(pair.key_left) if side is Side.LEFT else bool(pair.keys_right)
            writing = keyed or any(writes(one.rule, side) for one in _of(pair, side, name))
            before = found.get(name, Use(name, False, False))
            found[name] = Use(name, before.creates or creates, before.updates or writing)
    return list(found.values())


def mapped(settings: Settings, side: Side, *, written: bool) -> dict[str, frozenset[str]]:
    """The fields of a side that are mapped and synced, by object; written: only those that are ever written."""
    found: dict[str, frozenset[str]] = {}
    for pair in settings.objects:
        for name in pair.left_objects if side is Side.LEFT else (pair.right_object,):
            live = [one for one in _of(pair, side, name) if one.rule is not SyncRule.OFF]
            names = {one.api_name(side) for one in live if not written or writes(one.rule, side)}
            found[name] = found.get(name, frozenset()) | names
    return found


def consents(settings: Settings, side: Side) -> dict[str, tuple[str, ...]]:
    """For each object of a side the mapped checkboxes whose tick withdraws consent (SPEC 3.6)."""
    found: dict[str, dict[str, None]] = {}
    for pair in settings.objects:
        for name in pair.left_objects if side is Side.LEFT else (pair.right_object,):
            for one in _of(pair, side, name):
                if one.rule is SyncRule.MOST_RESTRICTIVE:
                    found.setdefault(name, {})[one.api_name(side)] = None
    return {name: tuple(names) for name, names in found.items()}


def _of(pair: ObjectPair, side: Side, name: str) -> tuple[FieldPair, ...]:
    return pair.fields_of(name) if side is Side.LEFT else pair.fields


# --- the mapping against both schemas


def mapping_checks(settings: Settings, left: Mapping[str, ObjectSpec], right: Mapping[str, ObjectSpec]) -> list[Check]:
    """What both schemas say about the mapping (`check_against`), each at the system whose affair it is: a field that is
    hidden or cannot be written, a key that is not unique, an opt-out; and what both have to do with under Mapping.

    An object whose schema is not there was told of already, and nothing is said of pairs with it.
    """
    known = [
        pair
        for pair in settings.objects
        if pair.right_object in right and all(name in left for name in pair.left_objects)
    ]
    findings = check_against(settings, left, right)
    notes = [one for one in findings.warnings if not one.text.endswith(HELD)]
    checks = [
        _of_problem(
            *_place(one.path, settings.objects, {Side.LEFT: left, Side.RIGHT: right}), one, findings.file, state
        )
        for state, problems in ((State.FAIL, findings.problems), (State.WARN, notes))
        for one in problems
        if one.path.count(".") > 1  # else it is about an object that is not there
    ]
    long = dict.fromkeys(one.path for one in findings.warnings if one.text.endswith(HELD))
    for pair in known:
        names = [path.rpartition(".")[2] for path in long if path.startswith(f"{pair.name}.")]
        if names:
            words = f"texts that are too long for the other side wait, and are not cut: {', '.join(names)}"
            checks.append(Check(MAPPING, f"{pair.name}, lengths", State.OK, words))
    told = {(one.section, one.name) for one in checks if one.state is State.FAIL}
    opted = bool(consents(settings, Side.LEFT))
    return [*checks, *(one for one in _well(known, opted) if (one.section, one.name) not in told)]


def _place(path: str, pairs: Sequence[ObjectPair], schemas: Mapping[Side, Mapping[str, ObjectSpec]]) -> tuple[str, str]:
    """The section and the name of the check that a finding belongs to."""
    parts = path.split(".")
    pair = next(one for one in pairs if one.name == parts[0])
    if parts[1] in ("keys", "identity"):
        return label(SIDES[parts[2]]), parts[1].replace("identity", "fields")
    if parts[1] == "fields" and parts[-1] in SIDES and "default" not in parts:
        side = SIDES[parts[-1]]
        field = next(one for one in pair.fields if one.name == parts[2])
        if _lacking(field, pair, side, schemas[side]):
            return label(side), "opt-out" if field.rule is SyncRule.MOST_RESTRICTIVE else "fields"
    return MAPPING, pair.name


def _lacking(field: FieldPair, pair: ObjectPair, side: Side, known: Mapping[str, ObjectSpec]) -> bool:
    """Whether the field is hidden, or cannot be written, on an object of that side."""
    names = [one for one in pair.left_objects if field.applies_to(one)] if side is Side.LEFT else [pair.right_object]
    specs = [known[name].fields.get(field.api_name(side)) for name in names if name in known]
    return any(spec is None or not spec.updatable for spec in specs)


def _well(pairs: Sequence[ObjectPair], opted: bool) -> Iterator[Check]:
    """What there is to say where nothing was found. opted: whether an opt-out is mapped."""
    for pair in pairs:
        yield Check(MAPPING, pair.name, State.OK, f"its {len(pair.fields)} fields can be carried over")
    for side in Side if pairs else ():
        section = label(side)
        yield Check(section, "fields", State.OK, "every mapped field can be read, and written where the mapping does")
        keys = [
            f"{name}.{key}"
            for pair in pairs
            for name, key in (
                ((one, pair.key_left) for one in pair.left_objects)
                if side is Side.LEFT
                else ((pair.right_object, one) for one in pair.keys_right.values())
            )
            if key
        ]
        if keys:
            yield Check(section, "keys", State.OK, f"unique, and can be written: {', '.join(keys)}")
        if opted:
            yield Check(section, "opt-out", State.OK, "can be read and written")
    if not opted:
        words = "no field has the rule most_restrictive: an opt-out on one side does not reach the other"
        yield Check(MAPPING, "opt-out", State.WARN, words, "map HasOptedOutOfEmail and hs_email_optout with that rule")
