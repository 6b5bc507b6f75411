"""`concord match`: two files in, who is who out, and nothing of it when anything is wrong."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.bulk.made import Books
from tests.cli.seeing import run

from concord import config
from concord.cli import main as console

LEFT = """Contact ID,First Name,Last Name,Email,Account Name,Phone,Title
003A,Ada,Lovelace,ada@lovelace-engines.com,Lovelace Engines Ltd,+44 20 7946 0001,Countess
003B,Charles,Babbage,,Lovelace Engines Ltd,+44 20 7946 0002,
003C,Mary,Somerville,info@somerville.org,,,
003D,Ada,Lovelace,ADA@lovelace-engines.com,,,
003E,Only,Here,only@here.example.net,,,
"""
RIGHT = """Record ID;First Name;Last Name;Email;Associated Company;Website URL;Phone Number
11;Ada;King;ada@lovelace-engines.com;;;
12;Charles;Babbage;c.babbage@lovelace-engines.com;Lovelace Engines;www.lovelace-engines.com;+442079460002
13;Maria;Somerville;info@somerville.org;;;
14;<b>Only</b>;There;there@elsewhere.net;;;
"""
COLUMNS = ["left_id", "right_id", "confidence", "rule", "explanation"]


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files."""
    monkeypatch.chdir(tmp_path)
    Path("left.csv").write_text(LEFT, "utf-8")
    Path("right.csv").write_text(RIGHT, "utf-8")
    return tmp_path


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_links_and_questions_are_written_with_their_reasons(two: Path) -> None:
    assert run("match", "left.csv", "right.csv", "--links", "links.csv", "--review", "review.csv") == 0
    links = rows("links.csv")
    assert [(one["left_id"], one["right_id"], one["rule"]) for one in links] == [
        ("003A", "11", "e-mail"),
        ("003B", "12", "name and telephone"),
    ]
    assert list(links[0]) == COLUMNS
    assert all(90 <= float(one["confidence"]) <= 100 for one in links)
    assert "e-mail: both have ada@lovelace-engines.com (+92)" in links[0]["explanation"]
    asked = rows("review.csv")
    assert [(one["left_id"], one["right_id"], one["rule"]) for one in asked] == [("003C", "13", "shared mailbox")]
    assert list(asked[0]) == COLUMNS


def test_every_record_is_counted_once(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("match", "left.csv", "right.csv", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    parts = ("exact", "probable", "asked", "duplicates", "only_here")
    assert [told["left"][one] for one in parts] == [1, 1, 1, 1, 1]
    assert [told["right"][one] for one in parts] == [1, 1, 1, 0, 1]
    for side in ("left", "right"):
        assert sum(told[side][one] for one in parts) == told[side]["records"]
    assert (told["links"], told["review"], told["written"]) == (2, 1, {})
    assert told["bounds"] == {"link": 90, "ask": 70}
    assert told["right"]["separator"] == ";"
    assert told["left"]["columns"]["company"] == "Account Name"


def test_duplicates_and_those_without_a_partner_can_be_had_as_files(two: Path) -> None:
    assert run("match", "left.csv", "right.csv", "--duplicates", "double.csv", "--alone", "alone.csv") == 0
    assert [(one["system"], one["id"], one["active_id"]) for one in rows("double.csv")] == [("left", "003D", "003A")]
    assert [(one["system"], one["id"]) for one in rows("alone.csv")] == [("left", "003E"), ("right", "14")]


def test_the_same_is_said_in_words_with_progress(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("match", "left.csv", "right.csv") == 0
    shown = capsys.readouterr().out
    for part in ("left.csv ...", "who goes with whom ...", "only here", "2 links (from 90), 1 question (from 70)"):
        assert part in shown
    assert "nothing was written" in shown


class _Page(HTMLParser):
    """What a page asks to be loaded, and whether its elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_page_that_loads_nothing(two: Path) -> None:
    Path("right.csv").write_text(RIGHT.replace("Maria", "<script>Maria"), "utf-8")
    assert run("match", "left.csv", "right.csv", "--report", "report.html") == 0
    text = Path("report.html").read_text("utf-8")
    page = _Page()
    page.feed(text)
    assert (page.loaded, page.open) == ([], [])
    assert "svg" in page.seen
    assert not page.seen & {"script", "link", "img", "iframe", "b"}
    assert "url(" not in text
    for part in ("prefers-color-scheme: dark", "width=device-width", "&lt;script&gt;Maria", "shared mailbox", "003D"):
        assert part in text
    for counted in ("only here", "duplicates inside the file", "a person decides", "all records"):
        assert counted in text


def test_a_report_of_files_with_nothing_in_common_is_whole(two: Path) -> None:
    Path("left.csv").write_text("id,email\n1,a@b.de\n", "utf-8")
    Path("right.csv").write_text("id,email\n", "utf-8")
    assert run("match", "left.csv", "right.csv", "--report", "report.html", "--links", "links.csv") == 0
    assert "Every record is in one row. 0 links, 0 questions" in Path("report.html").read_text("utf-8")
    assert Path("links.csv").read_text("utf-8") == ",".join(COLUMNS) + "\n"


def test_a_broken_file_is_refused_with_its_line_and_nothing_is_written(
    two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("right.csv").write_text(RIGHT + "15;too;few\n", "utf-8")
    Path("links.csv").write_text("from before", "utf-8")
    assert run("match", "left.csv", "right.csv", "--links", "links.csv", "--report", "report.html") == 2
    assert 'right.csv, line 6: 3 fields where line 1 has 7 (separator ";")' in capsys.readouterr().err
    assert Path("links.csv").read_text("utf-8") == "from before"
    assert sorted(one.name for one in two.iterdir()) == ["left.csv", "links.csv", "right.csv"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--links", "left.csv"], "left.csv is named twice"),
        (["--links", "out.csv", "--review", "out.csv"], "out.csv is named twice"),
        (["--links", "no/links.csv"], "there is no folder no"),
        (["--map", "left.mail"], "--map left.mail: write it as left.email=E-Mail"),
        (["--map", "middle.email=Email"], "write it as left.email=E-Mail"),
        (["--map", "left.email=Emial"], 'left.csv has no column "Emial"; did you mean "Email"?'),
        (["--config", "none.yaml"], "none.yaml"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    two: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert run("match", "left.csv", "right.csv", *options) == 2
    assert said in capsys.readouterr().err
    assert sorted(one.name for one in two.iterdir()) == ["left.csv", "right.csv"]


def test_columns_are_named_for_each_file(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("left.csv").write_text(LEFT.replace("Contact ID", "Kundennummer").replace("Email", "Post"), "utf-8")
    assert run("match", "left.csv", "right.csv") == 2
    assert "left.csv: no column is an id. Name it (--map left.id=... or right.id=...)" in capsys.readouterr().err
    assert run("match", "left.csv", "right.csv", "--map", "left.id=Kundennummer", "--map", "left.email=Post") == 0
    assert "2 links" in capsys.readouterr().out


def test_the_bounds_of_a_configuration_hold(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = config.starting_text().replace("matching: {link: 90, ask: 70}", "matching: {link: 99, ask: 60}")
    Path("concord.yaml").write_text(text, "utf-8")
    Path("left.csv").write_text(LEFT.replace("+44 20 7946 0002", ""), "utf-8")
    assert run("match", "left.csv", "right.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["left"]["probable"] == 1
    assert run("match", "left.csv", "right.csv", "--config", "concord.yaml", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bounds"] == {"link": 99, "ask": 60}
    assert (told["left"]["probable"], told["left"]["asked"]) == (0, 2)


def test_the_answer_does_not_depend_on_the_number_of_processors(tmp_path: Path) -> None:
    names = ("id", "first_name", "last_name", "email", "company", "website", "phone")
    files = {side: (tmp_path / f"{side}.csv").open("w", encoding="utf-8", newline="") for side in ("left", "right")}
    writers = {side: csv.DictWriter(file, names, extrasaction="ignore") for side, file in files.items()}
    for one in writers.values():
        one.writeheader()
    for side, row, _ in Books(1500, 1500, 9, variety=0.2).rows():
        writers[side].writerow(row)
    for file in files.values():
        file.close()
    found = []
    for threads in ("1", "2"):
        code = "import sys; from concord.cli.main import main; sys.exit(main())"
        given = ["match", "left.csv", "right.csv", "--links", f"links{threads}.csv", "--review", f"review{threads}.csv"]
        environment = {name: value for name, value in os.environ.items() if name != "POLARS_MAX_THREADS"}
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", code, *given, "--threads", threads],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            timeout=100,
        )
        found.append([(tmp_path / f"{name}{threads}.csv").read_bytes() for name in ("links", "review")])
    assert found[0] == found[1]
    assert len(found[0][0]) > 10_000


def test_a_command_that_is_called_is_found_without_loading_the_others() -> None:
    code = (
        "import sys; from concord.cli.main import application; application('match'); "
        "sys.exit('concord.app' in sys.modules or 'polars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0  # noqa: S603
    for name in console._COMMANDS:
        assert console.application(name).registered_commands or console.application(name).registered_groups
