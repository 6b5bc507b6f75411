"""`concord review`: its arguments, and the file that it exports and imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from concord.cli.main import main
from concord.cli.review import _read
from concord.engine.reviewing import APART, LINKED
from concord.errors import ConfigError

HEAD = "salesforce_id,hubspot_id,score,decision,evidence\n"


def test_a_file_says_link_or_apart_or_nothing_in_any_order_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text(
        '\ufeffdecision,evidence,hubspot_id,salesforce_id\nLink,"a, b",1,00Q1\n,x,2,00Q2\n apart ,x,3,00Q3\n', "utf-8"
    )
    assert _read(path) == [(2, "00Q1", "1", LINKED), (4, "00Q3", "3", APART)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the column salesforce_id is missing"),
        ("salesforce_id,hubspot_id\n", "line 1: the column decision is missing"),
        (HEAD + "00Q1,1,90,maybe,\n", "line 2: 'maybe' is not link or apart"),
        (HEAD + "00Q1,1,90,link,\n00Q2,,90,apart,\n", "line 3: an id is missing"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "questions.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=words):
        _read(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_bytes(b"salesforce_id,hubspot_id,decision\n\xff\xfe,1,link\n")
    with pytest.raises(ConfigError, match="no CSV file in UTF-8"):
        _read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        _read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["link", "00Q1"], "concord review link needs two ids"),
        (["export"], "concord review export needs the name of a file"),
        (["history", "x"], "concord review history needs no further argument"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_opened(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
