"""The habits of DESIGN that no linter knows: sizes, docstrings, words, and that the docs say what is there."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
DOCS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_every_module_says_what_it_is_for() -> None:
    silent = [_named(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []


def test_no_module_has_more_than_600_lines() -> None:
    long = [_named(path) for path in SOURCES if len(path.read_text("utf-8").splitlines()) > 600]
    assert long == []


def test_functions_are_short_60_lines_in_core_and_80_elsewhere() -> None:
    long = [
        f"{_named(path)}:{one.lineno} {one.name}"
        for path in SOURCES
        for one in _functions(path)
        if one.end_lineno is not None
        and one.end_lineno - one.lineno + 1 > (60 if "concord/core" in _named(path) else 80)
    ]
    assert long == []


def test_words_that_mean_everything_name_nothing() -> None:
    unwanted = {"entity", "manager", "processor", "handler", "helper", "helpers", "util", "utils", "service", "payload"}
    found = [
        f"{_named(path)}: {name}"
        for path in (ROOT / "src" / "concord").rglob("*.py")
        for name in _names_defined(path)
        if unwanted & set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))
    ]
    assert found == []


def _names_defined(path: Path) -> list[str]:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [path.stem, *(node.name for node in ast.walk(tree) if isinstance(node, kinds))]


def test_tests_never_sleep() -> None:
    """A look every few milliseconds at a real process is no sleep; anything longer passes the clock instead."""
    slept = [
        f"{_named(path)}:{number}"
        for path in TESTS
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"\b(time|asyncio)\.sleep\((?!0\)|0\.0\d)", line) and "test_house_rules" not in path.name
    ]
    assert slept == []


def test_every_test_that_the_invariants_name_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "invariants.md").read_text("utf-8"))
    assert named
    missing = [f"{file}::{test}" for file, test in named if test not in {one.name for one in _functions(ROOT / file)}]
    assert missing == []


def test_every_law_of_the_laws_folder_is_among_the_invariants() -> None:
    text = (ROOT / "docs" / "invariants.md").read_text("utf-8")
    laws = sorted((ROOT / "tests" / "laws").glob("test_*.py"))
    assert [_named(path) for path in laws if _named(path) not in text] == []


@pytest.mark.parametrize("doc", DOCS, ids=_named)
def test_links_between_the_documents_lead_somewhere(doc: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", doc.read_text("utf-8"))
    assert [link for link in links if not (doc.parent / link).exists()] == []


def test_commands_that_the_documents_show_exist() -> None:
    from typer.main import get_command

    from concord.cli.main import application

    group = get_command(application())
    known = set(group.commands)  # type: ignore[attr-defined]
    shown = {
        word
        for doc in DOCS
        for word in re.findall(r"(?:^|`|bin/)concord ([a-z]+)", doc.read_text("utf-8"), re.MULTILINE)
    }
    assert shown - known == set()


def test_no_path_of_a_machine_and_no_registry_is_in_what_is_committed() -> None:
    # Assembled here so that this file does not find itself.
    patterns = [
        "/" + "work/",
        "bash" + "_jobs",
        "files.python" + "hosted.org",
        "pypi" + ".org/simple",
        "registry." + "npmjs",
    ]
    command = ["git", "grep", "-nIE", "|".join(re.escape(one) for one in patterns), "--", "."]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    assert found.returncode in (0, 1), found.stderr
    assert found.stdout == ""


def test_the_documents_that_are_made_from_the_program_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [name for name, made in generate.DOCUMENTS.items() if (ROOT / "docs" / name).read_text("utf-8") != made()]
    assert stale == [], "run `make docs`"
