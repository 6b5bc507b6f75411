"""Files of people as they come: any system's columns, odd encodings, and what is broken is named with its line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from concord.bulk import files
from concord.bulk.files import Book, Source, check_places, read, write
from concord.errors import ConfigError

PLAIN = "id,first_name,email\n1,Ada,ada@example.org\n2,Bo,\n"


def book(folder: Path, content: str | bytes, named: dict[str, str] | None = None) -> Book:
    path = folder / "people.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, named)


def refused(folder: Path, content: str | bytes, named: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        book(folder, content, named)
    return str(caught.value)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (
            "Id,IsDeleted,FirstName,LastName,Email,Account.Name,Phone,MobilePhone,Title,LastModifiedDate",
            "id first_name last_name email company phone mobile title modified_at",
        ),
        (
            "Contact ID,First Name,Last Name,Email,Account Name,Phone,Mobile,Title",
            "id first_name last_name email company phone mobile title",
        ),
        ("Lead ID,First Name,Last Name,Company / Account,Website", "id first_name last_name company website"),
        (
            "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Job Title,Associated Company,"
            "Website URL,Additional email addresses,Last Modified Date,Salesforce Contact ID",
            "id first_name last_name email phone mobile title company website additional_emails modified_at other_id",
        ),
        (
            "id,first_name,last_name,email,company,website,phone,title,city,country",
            "id first_name last_name email company website phone title",
        ),
        ("Nr;Vorname;Nachname;E-Mail-Adresse;Firma;Telefon", "id first_name last_name email company phone"),
        ("id\tname\tmail", "id last_name email"),
    ],
)
def test_columns_are_recognised_by_the_names_that_systems_give_them(tmp_path: Path, header: str, columns: str) -> None:
    separator = max(",;\t", key=header.count)
    fields = len(header.split(separator))
    found = book(tmp_path, f"{header}\n{separator.join('x' * fields)}\n")
    assert set(found.columns) == set(columns.split())
    assert found.separator == separator


def test_a_column_can_be_named_where_it_is_not_recognised(tmp_path: Path) -> None:
    found = book(tmp_path, "Kundennr,wer,email\n7,Ada,a@b.co\n", {"id": "Kundennr", "last_name": "wer"})
    assert found.table.row(0, named=True) == {"id": "7", "last_name": "Ada", "email": "a@b.co"}


def test_a_name_that_is_no_column_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    assert 'no column "Emial"; did you mean "email"? It has: id, first_name, email' in refused(
        tmp_path, PLAIN, {"email": "Emial"}
    )
    assert 'there is no column "mail" to name; there are id, first_name' in refused(tmp_path, PLAIN, {"mail": "email"})


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_ends_of_lines_are_read_as_they_come(tmp_path: Path, encoding: str, found: str, end: str) -> None:
    text = f'id;name;email{end}1;Jürgen "Jü";j@b.co{end}2;"Ä; Ö";{end}'.replace('Jürgen "Jü"', '"Jürgen ""Jü"""')
    read_ = book(tmp_path, text.encode(encoding))
    assert (read_.encoding, read_.separator) == (found, ";")
    assert read_.table.rows() == [("1", 'Jürgen "Jü"', "j@b.co"), ("2", "Ä; Ö", None)]


def test_a_field_may_go_over_several_lines_and_blank_lines_are_nobody(tmp_path: Path) -> None:
    found = book(tmp_path, 'id,name,email\n1,"Ada\nLovelace",\n\n ,,  \n2,Bo,b@c.de')
    assert found.table["id"].to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \r\n \n", "is empty"),
        (b"PK\x03\x04rest", "is a workbook, not a CSV file"),
        (b"i\0d\0,\0", "zero bytes"),
        (b"\xff\xfei\0d", "begins as utf-16 and is not that"),
        ("name,email\nA,b@c.de\n", "no column is an id"),
        ("id,city\n1,Rome\n", "no column is a name or an e-mail address"),
        (",".join(f"c{number}" for number in range(1_000_000)) + "\n", "line 1: more than 5000 columns"),
        ("id,name,email\n1,a,b\n2,a\n3,a,b\n", "line 3: 2 fields where line 1 has 3"),
        ("id,name,email\n1,a,b,c\n", "line 2: 4 fields where line 1 has 3"),
        ("id,name,email\n1,a,b\n2,a", 'line 3: 2 fields where line 1 has 3 (separator ","): the file may be cut off'),
        ('id,name,email\n1,"a\nb",c\n2,"x\n3,y\n', "line 4: a quotation mark is opened and never closed"),
        ('id,name,email\n1,a,b\n2,5" pipe,c\n3,6" pipe,d\n', "line 3: a quotation mark inside a field"),
        ('id,name,email\n1,a,b\n2,"5" pipe,c\n', "line 3: a quotation mark inside a field"),
        ("id,name,email\n1,a,b\n\n,a,b\n", "line 4: no id (column 1)"),
        ("name,id,email\nx,1,b\nx,2,b\nx,1,b\n", "lines 2 and 4: the same id (column 2); 2 records share theirs"),
    ],
)
def test_what_is_broken_is_refused_with_its_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    told = refused(tmp_path, content)
    assert said in told
    assert "Nothing was written" in told


def test_the_line_is_right_wherever_the_file_is_parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f'{number},"a ""b""\n{number}",x' for number in range(40)]
    for size in (1, 2, 7, 64):
        monkeypatch.setattr(files, "_CHUNK", size)
        assert len(book(tmp_path, "\n".join(["id,name,email", *rows])).table) == 40
        assert "line 14:" in refused(tmp_path, "\n".join(["id,name,email", *rows[:6], "broken", *rows[6:]]))
        assert "lines 14 to 15 (" in refused(tmp_path, "\n".join(["id,name,email", *rows[:6], '1,"\n"', *rows[6:]]))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"people\.csv cannot be read: No such file"):
        read(tmp_path / "people.csv")


def test_a_source_says_how_the_file_was_read(tmp_path: Path) -> None:
    one = Source.of(book(tmp_path, "id\tname\n1\tAda\n"))
    assert (one.records, one.encoding, one.separator) == (1, "utf-8", "tab")


# --- results


def test_results_are_all_written_or_none(tmp_path: Path) -> None:
    good, blocked = tmp_path / "links.csv", tmp_path / "report.html"
    good.write_text("from before", "utf-8")
    blocked.mkdir()
    (blocked / "something").touch()
    with pytest.raises(ConfigError, match=r"report\.html cannot be written"):
        write({blocked: "page", good: pl.DataFrame({"a": [1]})})
    assert good.read_text("utf-8") == "from before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["links.csv", "report.html"]
    write({good: pl.DataFrame({"a": [1.25]}), tmp_path / "page.html": "ä"})
    assert good.read_text("utf-8") == "a\n1.2\n"
    assert (tmp_path / "page.html").read_text("utf-8") == "ä"


def test_places_where_results_cannot_be_put_are_refused_before_any_work(tmp_path: Path) -> None:
    there = tmp_path / "a.csv"
    for outputs, said in (
        ([there], "named twice"),
        ([tmp_path / "b.csv", tmp_path / "x" / ".." / "b.csv"], "named twice"),
        ([tmp_path], "is a folder"),
        ([tmp_path / "none" / "b.csv"], "there is no folder"),
    ):
        with pytest.raises(ConfigError, match=said):
            check_places(outputs, [there])
