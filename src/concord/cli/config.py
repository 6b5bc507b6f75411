"""`concord config`: check the configuration file, print its JSON Schema, show the mapping it comes to.

Reads files; connects to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import typer

from concord.cli.options import ConfigPath, Json, examples
from concord.cli.show import Look, duration
from concord.config import USUAL_PATH, Settings, load, read, schema_text
from concord.config.problems import error
from concord.config.words import blank_word, label, owner_word, rule_word, word
from concord.core.mapping import BlankPolicy, FieldPair, ObjectPair, SyncRule, describe
from concord.core.model import Side
from concord.core.values import MISSING

app = typer.Typer(
    name="config",
    help="Check, show and describe the configuration file.",
    no_args_is_help=True,
    epilog=examples("concord config check", "concord config show --config acme.yaml"),
)


@app.command(epilog=examples("concord config check", "concord config check --config acme.yaml --json"))
def check(config: ConfigPath = USUAL_PATH, json: Json = False) -> None:
    """Check the configuration file as a whole: every problem at once, each with its line.

    Exit code 0 when it can be used, 2 when not. Connects to nothing: what the two systems say about the mapping is
    checked when Concord starts.
    """
    found, look = read(config), Look.standard(json=json)
    if json:
        look.document(
            {
                "file": found.file,
                "ok": found.settings is not None,
                "problems": [one.as_json(found.file) for one in found.problems],
                "warnings": [one.as_json(found.file) for one in found.warnings],
            }
        )
        raise typer.Exit(0 if found.settings else 2)
    if found.settings is None:
        raise error(found.file, found.problems)
    for one in found.warnings:
        look.line(f"{one.show(found.file)}\n")
    mapped = ", ".join(f"{len(pair.fields)} for {pair.name}" for pair in found.settings.objects)
    noted = f"; {_count(len(found.warnings), 'warning')}" if found.warnings else ""
    look.line(f"{found.file} can be used: field mappings: {mapped}{noted}")


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


@app.command(epilog=examples("concord config schema > concord.schema.json"))
def schema() -> None:
    """Print the JSON Schema of the configuration file, for completion and checking in an editor."""
    Look.standard().out.file.write(schema_text())


@app.command(epilog=examples("concord config show", "concord config show --json"))
def show(config: ConfigPath = USUAL_PATH, json: Json = False) -> None:
    """Show the mapping that the configuration comes to, with everything that is not written filled in."""
    settings, look = load(config), Look.standard(json=json)
    if json:
        look.document(_document(settings))
        return
    look.line(f"Salesforce  {settings.salesforce.url}  {settings.salesforce.api_version}")
    look.line(f"HubSpot     {settings.hubspot.url}  {settings.hubspot.api_version}")
    matching = settings.sync.matching
    look.line(
        f"An edit that is newer by more than {duration(settings.sync.window)} wins a conflict. "
        f"Linked from {matching.link:g} %, asked from {matching.ask:g} %; on a tie {label(settings.sync.tie[0])} wins."
    )
    for pair in settings.objects:
        look.line()
        columns = ("field", "Salesforce", "HubSpot", "owner", "rule", "more")
        look.table(columns, list(_rows(pair, settings.sync.window)), title=_title(pair))


def _title(pair: ObjectPair) -> str:
    made = [f"new in Salesforce: {pair.create_left}" if pair.create_left else "none made in Salesforce"]
    made.append("new in HubSpot: yes" if pair.create_right else "none made in HubSpot")
    return f"{pair.name}: {', '.join(pair.left_objects)} <-> {pair.right_object} ({'; '.join(made)})"


def _rows(pair: ObjectPair, window: timedelta) -> Iterator[tuple[str, ...]]:
    for field in pair.fields:
        objects = f" ({', '.join(sorted(field.only))})" if field.only is not None else ""
        yield (
            field.name,
            field.left + objects,
            field.right,
            owner_word(field.owner),
            rule_word(field.rule),
            "; ".join(_more(field, window)),
        )


def _more(field: FieldPair, window: timedelta) -> Iterator[str]:
    if field.rule is SyncRule.OFF:
        return
    if field.strict:
        yield "strict"
    if field.blank is not BlankPolicy.FROM_OWNER:
        yield f"blank: {blank_word(field.blank)}"
    if field.window != window:
        yield f"window: {duration(field.window)}"
    if field.options:
        yield f"{_count(len(field.options), 'option')} mapped"
    if field.stages:
        yield f"{_count(len(field.stages), 'stage')} from {field.stages[0]} to {field.stages[-1]}"
    for side in Side:
        if field.default(side) is not MISSING:
            yield f"new in {label(side)}: {describe(field.default(side))}"


def _document(settings: Settings) -> dict[str, Any]:
    return {
        "file": settings.file,
        "salesforce": {"url": settings.salesforce.url, "api_version": settings.salesforce.api_version},
        "hubspot": {"url": settings.hubspot.url, "api_version": settings.hubspot.api_version},
        "window": duration(settings.sync.window),
        "tie": [word(side) for side in settings.sync.tie],
        "matching": {"link": settings.sync.matching.link, "ask": settings.sync.matching.ask},
        "objects": {
            pair.name: {
                "salesforce": list(pair.left_objects),
                "hubspot": pair.right_object,
                "create": {"salesforce": pair.create_left or False, "hubspot": pair.create_right},
                "fields": [_field(field, pair) for field in pair.fields],
            }
            for pair in settings.objects
        },
    }


def _field(field: FieldPair, pair: ObjectPair) -> dict[str, Any]:
    return {
        "name": field.name,
        "salesforce": field.left,
        "hubspot": field.right,
        "objects": [one for one in pair.left_objects if field.applies_to(one)],
        "owner": owner_word(field.owner),
        "rule": rule_word(field.rule),
        "blank": blank_word(field.blank),
        "window": duration(field.window),
        "strict": field.strict,
        "options": [list(one) for one in field.options],
        "stages": list(field.stages),
        "default": {word(side): field.default(side) for side in Side if field.default(side) is not MISSING},
    }


def add_to(root: typer.Typer) -> None:
    """Hang these commands into the root."""
    root.add_typer(app)
