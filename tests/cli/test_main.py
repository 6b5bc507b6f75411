"""The console script: its help, its errors as messages, its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from concord.cli import main as console
from concord.errors import ConcordError, ConfigError, StoreError


def _concord(
    *arguments: str, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`concord ...` as a process of its own."""
    code = "import sys; from concord.cli.main import main; sys.exit(main())"
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _commands(app: typer.Typer) -> Iterator[tuple[list[str], str]]:
    """Every command and group with the words that call it, and the end of its help."""
    for command in app.registered_commands:
        name = str(command.name or getattr(command.callback, "__name__", ""))
        yield [name.replace("_", "-")], str(command.epilog or "")
    for group in app.registered_groups:
        inner = group.typer_instance
        assert inner is not None
        assert isinstance(inner.info.name, str)
        yield [inner.info.name], str(inner.info.epilog or "")
        for words, epilog in _commands(inner):
            yield [inner.info.name, *words], epilog


COMMANDS = [([], "Example: concord"), *_commands(console.application())]


@pytest.mark.parametrize(("words", "epilog"), COMMANDS, ids=[" ".join(words) or "concord" for words, _ in COMMANDS])
def test_every_command_has_help_with_an_example(words: list[str], epilog: str) -> None:
    result = CliRunner().invoke(console.application(), [*words, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.output
    assert "Example" in result.output
    assert epilog.startswith("Example")
    assert "concord" in epilog


def test_the_version_is_the_installed_one(tmp_path: Path) -> None:
    done = _concord("--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"concord {version('concord')}\n")


def test_a_missing_configuration_is_one_message_on_standard_error_and_exit_code_2(tmp_path: Path) -> None:
    done = _concord("config", "check", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("concord: concord.yaml cannot be used: 1 problem\n")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_command_line_is_exit_code_2(tmp_path: Path) -> None:
    done = _concord("config", "chekc", folder=tmp_path)
    assert done.returncode == 2
    assert "check" in done.stderr


def test_output_in_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    code = "import sys; from concord.cli.main import main; sys.exit(main(['config', 'schema']))"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert "Traceback" not in done.stderr


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def application(called: str) -> typer.Typer:
        root = typer.Typer(pretty_exceptions_enable=False)

        @root.command()
        def fail() -> None:
            raise error

        return root

    monkeypatch.setattr(console, "application", application)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("wrong"), 2), (StoreError("gone"), 1), (ConcordError("[bold]odd[/bold]"), 1)],
)
def test_an_error_of_ours_is_its_message_and_its_exit_code(
    error: ConcordError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _failing(monkeypatch, error)
    assert console.main([]) == code
    assert capsys.readouterr().err == f"concord: {error}\n"


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        console.main([])


def test_ctrl_c_is_quiet_and_exit_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _failing(monkeypatch, KeyboardInterrupt())
    with pytest.raises(SystemExit) as stop:
        console.main([])
    assert stop.value.code == 130
    assert capsys.readouterr() == ("", "")


# --- concord sandbox ----------------------------------------------------------------------------------------------


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """An environment in which `concord_sandbox` is a program that shows how it was called."""
    package = tmp_path / "modules" / "concord_sandbox"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("import os, sys\nprint(os.getpid(), *sys.argv[1:], sep='|')\nsys.exit(7)\n")
    return {"PYTHONPATH": str(tmp_path / "modules")}


def test_sandbox_hands_on_its_options_and_the_exit_code(tmp_path: Path, stand_in: dict[str, str]) -> None:
    options = ["--salesforce", "0", "--hubspot", "8302", "--notion", "8303", "--world", "my world.json", "--seed", "9"]
    done = _concord("sandbox", *options, "--log-level", "info", folder=tmp_path, environment=stand_in)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.rstrip("\n").split("|")[1:] == [*options, "--log-level", "info"]


def test_sandbox_is_the_same_process_so_every_signal_reaches_it(tmp_path: Path, stand_in: dict[str, str]) -> None:
    code = "import sys; from concord.cli.main import main; sys.exit(main(['sandbox', '--hubspot', '0']))"
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", code], env={**os.environ, **stand_in}, stdout=subprocess.PIPE, text=True
    ) as child:
        shown, _ = child.communicate(timeout=60)
    assert shown.split("|")[0] == str(child.pid)


def test_sandbox_refuses_what_is_no_port(tmp_path: Path, stand_in: dict[str, str]) -> None:
    done = _concord("sandbox", "--salesforce", "70000", folder=tmp_path, environment=stand_in)
    assert (done.returncode, done.stdout) == (2, "")
