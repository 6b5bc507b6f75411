"""From the file's sections to core's mapping, with the checks that need several settings at once.

Left is Salesforce, right is HubSpot. Judges what can be judged without the vendors' schemas; against.py does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from concord.config.identity import identity_fields
from concord.config.kinds import Reading
from concord.config.options import check_options, option_pairs
from concord.config.problems import Problem, did_you_mean
from concord.config.sections import Field, File, Objects, Sync
from concord.config.words import label, owner_word, rule_word, word
from concord.core.lifecycle import ANY
from concord.core.mapping import FieldPair, ObjectPair, Owner, SyncRule
from concord.core.model import Side
from concord.core.values import MISSING

KINDS: Final[Mapping[str, str]] = MappingProxyType({"people": "person", "companies": "company"})

#: Rules that name a side: that side is the source of truth where the file names none.
_RULE_OWNERS: Final[Mapping[SyncRule, Owner]] = MappingProxyType(
    {
        SyncRule.ALWAYS_LEFT: Owner.LEFT,
        SyncRule.ALWAYS_RIGHT: Owner.RIGHT,
        SyncRule.PREFER_LEFT_UNLESS_BLANK: Owner.LEFT,
        SyncRule.PREFER_RIGHT_UNLESS_BLANK: Owner.RIGHT,
    }
)


def writes(rule: SyncRule, side: Side) -> bool:
    """Whether a rule may ever write that side."""
    never = {SyncRule.ALWAYS_LEFT: Side.LEFT, SyncRule.ALWAYS_RIGHT: Side.RIGHT}
    return rule is not SyncRule.OFF and never.get(rule) is not side


def object_pairs(file: File, reading: Reading) -> tuple[ObjectPair, ...]:
    """Core's mapping of every object section that the file has; what is wrong with it is noted in `reading`."""
    check_sync(file, reading)
    # Companies come first: people refer to them, and a reference waits for its company to be linked.
    named = {"companies": file.companies, "people": file.people}
    return tuple(
        _object_pair(name, section, file.sync, reading) for name, section in named.items() if section is not None
    )


def check_sync(file: File, reading: Reading) -> None:
    """What the sections outside the mapping must be together."""
    if file.sync.matching.ask > file.sync.matching.link:
        _problem(
            reading,
            "sync.matching.ask",
            f"a person would be asked from {file.sync.matching.ask:g} % on, but from {file.sync.matching.link:g} % on "
            "records are linked without asking",
            "write a number that is not above sync.matching.link",
        )
    mail = file.alerts.mail
    if mail is not None and mail.user and mail.security == "none":
        text = "the password would go over an unencrypted connection"
        _problem(reading, "alerts.mail.security", text, "write starttls or tls, or remove `user`")
    if mail is not None and int(mail.server.rpartition(":")[2]) > 65535:
        _problem(reading, "alerts.mail.server", f"there is no port {mail.server.rpartition(':')[2]}")
    if file.web.port > 65535:
        _problem(reading, "web.listen", f"there is no port {file.web.port}", "write a port from 0 to 65535")


def _problem(reading: Reading, path: str, text: str, advice: str = "") -> None:
    """Note a problem, unless the same setting is already known to be wrong."""
    if not reading.broken(path):
        reading.problems.append(Problem(path, text, advice, reading.at(path)))


def _warning(reading: Reading, path: str, text: str, advice: str = "") -> None:
    reading.warnings.append(Problem(path, text, advice, reading.at(path)))


def _object_pair(name: str, section: Objects, sync: Sync, reading: Reading) -> ObjectPair:
    objects = (section.salesforce,) if isinstance(section.salesforce, str) else section.salesforce
    pairs: list[FieldPair] = []
    for field_name, field in section.fields.items():
        _check_field(f"{name}.fields.{field_name}", field, reading)
        pairs.extend(_field_pairs(name, field_name, field, objects, sync, reading))
    create_left = _create_left(name, section, objects, reading)
    keys_right = _keys_right(name, section, objects, reading)
    _check_keys(name, section, keys_right, objects, create_left, reading)
    _check_mapped_once(name, pairs, objects, section, keys_right, reading)
    left_identity, right_identity = identity_fields(name, section, objects, reading)
    return ObjectPair(
        name=name,
        kind=KINDS[name],
        left_objects=objects,
        right_object=section.hubspot,
        fields=tuple(pairs),
        left_identity=left_identity,
        right_identity=right_identity,
        key_left=section.keys.salesforce,
        keys_right=keys_right,
        create_left=create_left,
        create_right=section.create.hubspot,
    )


# --- fields ----------------------------------------------------------------------------------------------------------


def _field_pairs(
    section: str, name: str, field: Field, objects: tuple[str, ...], sync: Sync, reading: Reading
) -> Iterator[FieldPair]:
    """One pair; or, where the Salesforce objects call the field differently, one for each of its names there."""
    path = f"{section}.fields.{name}"
    only = _known_objects(f"{path}.only", field.only, objects, reading)
    if isinstance(field.salesforce, str):
        yield _field_pair(name, field, field.salesforce, frozenset(only) if field.only is not None else None, sync)
        return
    if field.only is not None:
        _problem(
            reading,
            f"{path}.only",
            "the objects are named twice: here and under `salesforce`",
            "remove `only`; the objects under `salesforce` are the ones that have the field",
        )
    places: dict[str, set[str]] = {}
    for one, api_name in field.salesforce.items():
        if one in objects:
            places.setdefault(api_name, set()).add(one)
        else:
            _unknown_object(f"{path}.salesforce.{one}", one, objects, reading)
    for api_name, having in places.items():
        yield _field_pair(name, field, api_name, frozenset(having), sync)


def _known_objects(
    path: str, named: tuple[str, ...] | None, objects: tuple[str, ...], reading: Reading
) -> tuple[str, ...]:
    for one in named or ():
        if one not in objects:
            _unknown_object(path, one, objects, reading)
    return tuple(one for one in named or () if one in objects)


def _unknown_object(path: str, one: str, objects: tuple[str, ...], reading: Reading) -> None:
    text = f'"{one}" is not among the Salesforce objects that sync here ({", ".join(objects)})'
    _problem(reading, path, text, did_you_mean(one, objects))


def _field_pair(name: str, field: Field, left: str, only: frozenset[str] | None, sync: Sync) -> FieldPair:
    defaults = field.default
    return FieldPair(
        name=name,
        left=left,
        right=field.hubspot,
        owner=field.owner or _RULE_OWNERS.get(field.rule, Owner.LATEST),
        rule=field.rule,
        blank=field.blank,
        only=only,
        strict=field.strict,
        window=_window(field, sync),
        tie=sync.tie[0],
        options=option_pairs(field),
        stages=field.stages or (),
        exceptions=frozenset((_stage(one.origin), _stage(one.target)) for one in field.exceptions or ()),
        default_left=MISSING if defaults.salesforce is None else defaults.salesforce,
        default_right=MISSING if defaults.hubspot is None else defaults.hubspot,
    )


def _window(field: Field, sync: Sync) -> timedelta:
    return sync.window if field.window is None else field.window


def _stage(written: str) -> str:
    return ANY if written == "any" else written


def _check_field(path: str, field: Field, reading: Reading) -> None:
    """What the settings of one field must be together."""
    if not reading.broken(f"{path}.rule"):
        _check_stages(path, field, reading)
        _check_owner(path, field, reading)
        if writes(field.rule, Side.LEFT) and not reading.broken(f"{path}.options"):
            check_options(path, field, reading)


def _check_stages(path: str, field: Field, reading: Reading) -> None:
    if field.rule is SyncRule.FORWARD_ONLY:
        if field.stages is None:
            _problem(
                reading,
                f"{path}.stages",
                "rule forward_only needs to know the order of the stages",
                "add `stages: [first, second, ...]` in HubSpot's values",
            )
        return
    for key, written in (("stages", field.stages), ("exceptions", field.exceptions)):
        if written is not None:
            text = f"{key} does nothing under rule {rule_word(field.rule)}"
            _problem(reading, f"{path}.{key}", text, "remove it, or write `rule: forward_only`")


def _check_owner(path: str, field: Field, reading: Reading) -> None:
    always = _RULE_OWNERS.get(field.rule)
    if always is not None and field.owner is not None and field.owner is not always:
        _problem(
            reading,
            f"{path}.owner",
            f"owner {owner_word(field.owner)} and rule {rule_word(field.rule)} contradict each other",
            f"remove `owner`, or write `owner: {owner_word(always)}`",
        )
    owner = field.owner or always
    if field.strict and owner in (None, Owner.LATEST):
        _problem(
            reading,
            f"{path}.strict",
            "strict says that the owner wins every conflict, and this field has no owner",
            "write `owner: salesforce` or `owner: hubspot`, or remove `strict`",
        )
    if field.rule is SyncRule.MOST_RESTRICTIVE and owner in (None, Owner.LATEST):
        _warning(
            reading,
            f"{path}.owner" if field.owner else path,
            "without an owner nobody can opt a person in again: only the owner's side may",
            "write `owner: hubspot` or `owner: salesforce`",
        )


# --- create, keys, and no field twice ---------------------------------------------------------------------------------


def _create_left(name: str, section: Objects, objects: tuple[str, ...], reading: Reading) -> str | None:
    wanted, path = section.create.salesforce, f"{name}.create.salesforce"
    if wanted is False:
        return None
    if wanted is True:
        text = "say which Salesforce object is made"
        _problem(reading, path, text, f"write one of {', '.join(objects)}; or false for none")
        return None
    if wanted not in objects:
        _unknown_object(path, wanted, objects, reading)
        return None
    return wanted


def _keys_right(name: str, section: Objects, objects: tuple[str, ...], reading: Reading) -> Mapping[str, str]:
    """HubSpot's key property for each Salesforce object. Each needs its own: one property cannot say of which object
    the id in it is."""
    written, path = section.keys.hubspot, f"{name}.keys.hubspot"
    if written is None:
        return MappingProxyType({})
    if isinstance(written, str):
        if len(objects) > 1:
            shape = ", ".join(f"{one}: ..." for one in objects)
            text = f"each of {', '.join(objects)} needs a property of its own"
            _problem(reading, path, text, f"write {{{shape}}}")
        return MappingProxyType(dict.fromkeys(objects, written))
    first: dict[str, str] = {}
    for one, prop in written.items():
        if one not in objects:
            _unknown_object(f"{path}.{one}", one, objects, reading)
        elif prop in first:
            text = f"{prop} already holds the ids of {first[prop]}"
            _problem(reading, f"{path}.{one}", text, "give each Salesforce object a property of its own")
        else:
            first[prop] = one
    return MappingProxyType({one: prop for one, prop in written.items() if one in objects})


def _check_keys(
    name: str,
    section: Objects,
    keys_right: Mapping[str, str],
    objects: tuple[str, ...],
    create_left: str | None,
    reading: Reading,
) -> None:
    """A create goes by a unique key on the side where it is made, or a repeat would make a second record (SPEC 9.6)."""
    if create_left is not None and not section.keys.salesforce:
        _problem(
            reading,
            f"{name}.keys.salesforce",
            f"{create_left} records are made in Salesforce, and no field holds the HubSpot id they are made for",
            "name a unique external id field here, or write `create: {salesforce: false}`",
        )
    lacking = [one for one in objects if one not in keys_right]
    if section.create.hubspot and lacking and not reading.broken(f"{name}.keys.hubspot"):
        _problem(
            reading,
            f"{name}.keys.hubspot",
            f"records are made in HubSpot, and no property holds the Salesforce id of {', '.join(lacking)}",
            "name a unique property for each, or write `create: {hubspot: false}`",
        )


def _check_mapped_once(
    name: str,
    pairs: list[FieldPair],
    objects: tuple[str, ...],
    section: Objects,
    keys_right: Mapping[str, str],
    reading: Reading,
) -> None:
    """No vendor's field is in two live fields of one object, or in a field and a key: they would undo each other."""
    for one in objects:
        taken: dict[tuple[Side, str], str] = {}
        if section.keys.salesforce:
            taken[Side.LEFT, section.keys.salesforce] = f"{name}.keys.salesforce"
        if one in keys_right:
            taken[Side.RIGHT, keys_right[one]] = f"{name}.keys.hubspot"
        for pair in pairs:
            if not pair.applies_to(one) or pair.rule is SyncRule.OFF:
                continue
            for side in Side:
                api_name, path = pair.api_name(side), f"{name}.fields.{pair.name}.{word(side)}"
                first = taken.setdefault((side, api_name), path)
                if first != path:
                    at = reading.at(first)
                    place = f" (line {at.line})" if at else ""
                    text = f"{label(side)}'s {api_name} is mapped already, by {first}{place}"
                    _problem(reading, path, text, "map it once; remove one of the two, or write `rule: off` for one")
