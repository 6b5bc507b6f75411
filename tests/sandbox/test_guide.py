"""docs/sandbox.md: every command and every snippet in it is run, in its order, against one sandbox."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.served import CLIENTS, need_node
from tests.sandbox.test_server import started

GUIDE = Path(__file__).parents[2] / "docs" / "sandbox.md"
BLOCKS = re.findall(r"^```(sh|python|js)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
START = BLOCKS[0][1]
PORTS = {"8301": ("salesforce", "url"), "8302": ("hubspot", "url"), "8303": ("notion", "url")}


def named(place: int) -> str:
    language, text = BLOCKS[place]
    words = re.findall(r"[A-Za-z_]{4,}", text)
    return f"{place}-{language}-{'-'.join(words[:3])}"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder with the line of a sandbox that was started as the guide says, but on free ports."""
    command, waiting = START.strip().splitlines()
    arguments = command.removeprefix("python -m concord_sandbox ").removesuffix(" > sandbox.json &").split()
    assert "sandbox.json" in waiting
    folder = tmp_path_factory.mktemp("guide")
    (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
    # What a user would see as an answer with an error is a failure here.
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n", "utf-8")
    with started(*(re.sub(r"^\d+$", "0", one) for one in arguments)) as (_, line):
        (folder / "sandbox.json").write_text(json.dumps(line), "utf-8")
        yield folder, line


def with_its_ports(text: str, line: dict[str, Any]) -> str:
    for port, (service, key) in PORTS.items():
        text = text.replace(f"127.0.0.1:{port}", line[service][key].removeprefix("http://"))
    return text


def test_the_guide_starts_all_services_and_names_their_ports() -> None:
    for option, port in (("salesforce", "8301"), ("hubspot", "8302"), ("notion", "8303"), ("pubsub", "8304")):
        assert f"--{option} {port}" in START
    assert {language for language, _ in BLOCKS} == {"sh", "python", "js"}


@pytest.mark.parametrize("place", range(1, len(BLOCKS)), ids=named)
def test_a_snippet_of_the_guide_does_what_it_says(here: tuple[Path, dict[str, Any]], place: int) -> None:
    folder, line = here
    language, text = BLOCKS[place]
    if language == "python":
        command = [sys.executable, "-c", text]
    elif language == "js":
        (folder / "snippet.mjs").write_text(text, "utf-8")
        command = [need_node(), str(folder / "snippet.mjs")]
    else:
        shell = shutil.which("bash")
        if shell is None or shutil.which("curl") is None:
            pytest.skip("bash and curl are not on this machine")
        command = [shell, "-euc", with_its_ports(text, line)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    surroundings = {**os.environ, "PATH": path, "CURL_HOME": str(folder)}
    done = subprocess.run(  # noqa: S603 - the commands of our own guide
        command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_what_the_guide_saved_is_a_world_to_start_from(here: tuple[Path, dict[str, Any]]) -> None:
    folder, line = here
    subprocess.run(  # noqa: S603 - a fixed command
        [shutil.which("curl") or "curl", "-s", f"{line['hubspot']['url']}/_control/whole", "-o", "whole.json"],
        cwd=folder, check=True, timeout=60,
    )  # fmt: skip
    with started("--hubspot", "0", "--world", str(folder / "whole.json")) as (_, again):
        assert again["world"] == "agency"
        assert again["hubspot"]["portal_id"] == line["hubspot"]["portal_id"]
