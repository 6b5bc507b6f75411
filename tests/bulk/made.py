"""Two made-up address books with everything in them that makes people hard to tell apart. Seeded; no real person.

.venv/bin/python tests/bulk/made.py 100000 100000 /tmp/made    # writes left.csv, right.csv and truth.csv there
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

COLUMNS = (
    "id",
    "first_name",
    "last_name",
    "email",
    "additional_emails",
    "company",
    "website",
    "phone",
    "mobile",
    "title",
)
Row = dict[str, str]


def _words(text: str) -> list[str]:
    return text.split()


GIVEN = _words(
    """
    james mary michael linda robert patricia william jennifer david elizabeth richard barbara joseph
    susan thomas jessica charles karen christopher sarah daniel lisa matthew nancy anthony betty
    mark sandra donald ashley steven emily andrew donna paul michelle joshua carol kenneth amanda
    kevin melissa brian deborah george stephanie timothy rebecca Jürgen Björn Søren Łukasz José
    François Zoë Anaïs Günther Jörg Heike Sabine Klaus Monika Wolfgang Petra Uwe Birgit Hans-Peter
    Anna-Maria Karl-Heinz Jean-Pierre Maria Mario Martin Martina Julia Julian Alexander Alexandra
    Katharina Giuseppe Giovanni Luca Chiara Carlos Lucía Álvaro Inés Иван Ольга Дмитрий Елена
    Γιώργος Μαρία 太郎 花子 伟 芳 민준 서연 Ingrid Lars Nils Freja Astrid Piotr Agnieszka Tomáš Zdeněk Réka
    Gábor Ayşe Mehmet Fatma Priya Rahul Anjali Wei Ming
    """
)
FAMILY = _words(
    """
    smith johnson williams brown jones miller davis garcia rodriguez wilson martinez anderson taylor
    moore jackson Müller Schmidt Schneider Fischer Meyer Weber Wagner Becker Schulz Hoffmann Schäfer
    Koch Bauer Richter Klein Wolf Huber O'Brien McDonald Fitzgerald Nguyen Rossi Bianchi Dubois
    Lefèvre Ångström Østergaard Kowalski Nowak Novák Horváth Yılmaz Петров Иванова Παπαδόπουλος 山田
    佐藤 王 李 김 이 Silva Santos Fernández Gutiérrez Sørensen Lindqvist Patel Sharma Khan
    """
)
SYLLABLES = _words(
    """
    ba be bo da de do fa fel gar gen hal hei hor ka ker kon la len lin lo mar mei mo na nel nor os
    pe per ra rei ro sa sel ster ta tin tor ul va ver win wol za zel
    """
)
PARTICLES = ("van der", "von", "de la", "van", "di", "zu", "al")
FORMS = (
    "GmbH",
    "Inc.",
    "Ltd",
    "AG",
    "LLC",
    "S.A.",
    "S.r.l.",
    "GmbH & Co. KG",
    "Corp.",
    "B.V.",
    "",
    "",
    "",
    "Group",
    "Holding",
)
ENDINGS = ("com", "com", "com", "de", "co.uk", "fr", "it", "io", "at", "ch", "nl")
FREE = (
    "gmail.com",
    "gmail.com",
    "googlemail.com",
    "yahoo.com",
    "gmx.de",
    "web.de",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
)
ROLES = ("info", "sales", "office", "kontakt", "support", "buchhaltung", "m.s")
TITLES = (
    "CEO",
    "Head of Sales",
    "Buyer",
    "Software Engineer",
    "Geschäftsführer",
    "Account Manager",
    "VP, Marketing",
    "CFO",
    "",
)
NICKS = {
    "william": "Bill",
    "robert": "Bob",
    "richard": "Dick",
    "elizabeth": "Liz",
    "Alexander": "Alex",
    "michael": "Mike",
    "thomas": "Tom",
    "jennifer": "Jenny",
    "Katharina": "Kathi",
    "daniel": "Dan",
    "patricia": "Pat",
    "josé": "Pepe",
}
PLAIN = str.maketrans(
    {"ü": "ue", "ö": "oe", "ä": "ae", "ø": "o", "ł": "l", "é": "e", "ñ": "n", "å": "a", "í": "i", "á": "a"}
)
LOWER = "abcdefghijklmnopqrstuvwxyz"


class Books:
    """overlap: the share of people who are in both. variety: less of it, and more people have a name or a company in
    common."""

    def __init__(self, lefts: int, rights: int, seed: int = 1, overlap: float = 0.7, variety: float = 1.0) -> None:
        self.random = random.Random(seed)
        self.lefts, self.rights, self.overlap = lefts, rights, overlap
        size = int((lefts + rights) * variety)
        self.given = GIVEN + [self._word(2, 3).title() for _ in range(int(200 * variety) + size // 500)]
        self.family = FAMILY + [self._word(2, 4).title() for _ in range(int(500 * variety) + size // 40)]
        self.firms = [self._firm() for _ in range(20 + size // 30)]

    def _word(self, least: int, most: int) -> str:
        return "".join(self.random.choice(SYLLABLES) for _ in range(self.random.randint(least, most)))

    def _firm(self) -> tuple[str, str, str]:
        draw = self.random
        words = [self._word(2, 3).title() for _ in range(draw.choice((1, 1, 2)))]
        if draw.random() < 0.08:
            words = [draw.choice(self.family), draw.choice(("Consulting", "Bau", "& Söhne", "Partners"))]
        name = " ".join((*words, draw.choice(FORMS))).strip()
        slug = "".join(
            letter for letter in "".join(words[:2]).lower().translate(PLAIN) if letter.isascii() and letter.isalnum()
        )
        switch = f"+49 {draw.randint(30, 999)} {draw.randint(100000, 9999999)}"
        return name, f"{slug or 'firma'}.{draw.choice(ENDINGS)}", switch

    def _pick(self, words: list[str]) -> str:
        """Few words often, many seldom, as names are."""
        return words[min(int(len(words) * self.random.random() ** 2.2), len(words) - 1)]

    def person(self) -> Row:
        draw = self.random
        first, last = self._pick(self.given), self._pick(self.family)
        if draw.random() < 0.04:
            last = f"{draw.choice(PARTICLES)} {last}"
        if draw.random() < 0.05:
            first = f"{first} {draw.choice((draw.choice(LOWER).upper() + '.', self._pick(self.given)))}"
        if draw.random() < 0.02:
            last = f"{last}{draw.choice(('-', ' '))}{self._pick(self.family)}"
        if draw.random() < 0.01:
            last = f"{last} {draw.choice(('Jr.', 'Sr.', 'III', 'II'))}"
        name, domain, switch = self.firms[min(int(len(self.firms) * draw.random() ** 1.5), len(self.firms) - 1)]
        free = draw.random() < 0.2
        host = draw.choice(FREE) if free else domain
        phone = draw.choice((self._number(), switch, f"{switch}-{draw.randint(10, 99)}", self._number(), ""))
        return {
            "first_name": first,
            "last_name": last,
            "email": f"{self._local(first, last, free)}@{host}" if draw.random() < 0.93 else "",
            "additional_emails": f"{self._local(first, last, True)}@{draw.choice(FREE)}"
            if draw.random() < 0.04
            else "",
            "company": name if draw.random() < 0.9 else "",
            "website": draw.choice((f"https://www.{domain}/", domain, f"www.{domain}", ""))
            if draw.random() < 0.5
            else "",
            "phone": phone,
            "mobile": self._mobile() if draw.random() < 0.3 else "",
            "title": draw.choice(TITLES),
        }

    def _number(self) -> str:
        draw = self.random
        return draw.choice(
            (
                f"+49 {draw.randint(30, 999)} {draw.randint(100000, 9999999)}",
                f"+1 ({draw.randint(201, 989)}) {draw.randint(200, 999)}-{draw.randint(1000, 9999)}",
                f"0{draw.randint(30, 999)}/{draw.randint(100000, 9999999)}",
                f"+44 20 {draw.randint(7000, 8999)} {draw.randint(1000, 9999)}",
                f"({draw.randint(201, 989)}) {draw.randint(200, 999)}-{draw.randint(1000, 9999)}",
            )
        )

    def _mobile(self) -> str:
        draw = self.random
        return draw.choice(
            (
                f"+49 17{draw.randint(0, 9)} {draw.randint(1000000, 9999999)}",
                f"+43 664 {draw.randint(1000000, 9999999)}",
            )
        )

    def _local(self, first: str, last: str, free: bool) -> str:
        draw = self.random
        one, other = (
            "".join(letter for letter in text.lower().translate(PLAIN) if letter.isascii() and letter.isalpha())
            or self._word(2, 2)
            for text in (first.split()[0], last)
        )
        if free and draw.random() < 0.3:
            return f"{self._word(2, 4)}{draw.randint(1, 99)}"
        usual = (
            f"{one}.{other}",
            f"{one[0]}{other}",
            f"{one}",
            f"{one}.{other}",
            f"{one[0]}.{other}",
            f"{other}",
            f"{one}_{other}",
        )
        return draw.choice(usual) + (str(draw.randint(1, 9999)) if free or draw.random() < 0.03 else "")

    # --- what goes wrong

    def kept_elsewhere(self, row: Row) -> Row:
        """The same person as another system has come to know them."""
        draw, kept = self.random, dict(row)
        for chance, change in (
            (0.06, self._slip_first), (0.06, self._slip_last), (0.06, self._nick), (0.04, self._initial),
            (0.03, self._swap), (0.03, self._married), (0.05, self._spelling), (0.02, self._one_field),
            (0.03, self._no_name), (0.10, self._no_email),
            (0.05, self._slip_email), (0.05, self._other_email), (0.02, self._shared_mailbox), (0.12, self._company),
            (0.10, self._no_company), (0.06, self._new_job), (0.15, self._phone), (0.3, self._no_phone),
            (0.1, self._title), (0.02, self._case), (0.03, self._second_email), (0.01, self._marked),
            (0.02, self._more_given), (0.01, self._junk),
        ):  # fmt: skip
            if draw.random() < chance:
                change(kept)
        return kept

    def _slip(self, text: str) -> str:
        draw = self.random
        if len(text) < 2:
            return text
        at = draw.randrange(len(text) - 1)
        kind = draw.randrange(4)
        if kind == 0:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        if kind == 1:
            return text[:at] + text[at + 1 :]
        if kind == 2:
            return text[:at] + draw.choice(LOWER) + text[at:]
        return text[:at] + draw.choice(LOWER) + text[at + 1 :]

    def _slip_first(self, row: Row) -> None:
        row["first_name"] = self._slip(row["first_name"])

    def _slip_last(self, row: Row) -> None:
        row["last_name"] = self._slip(row["last_name"])

    def _nick(self, row: Row) -> None:
        row["first_name"] = NICKS.get(row["first_name"], row["first_name"])

    def _initial(self, row: Row) -> None:
        row["first_name"] = row["first_name"][:1] + "."

    def _swap(self, row: Row) -> None:
        row["first_name"], row["last_name"] = row["last_name"], row["first_name"]

    def _married(self, row: Row) -> None:
        other = self._pick(self.family)
        row["last_name"] = self.random.choice((other, f"{row['last_name']}-{other}"))

    def _spelling(self, row: Row) -> None:
        row["first_name"], row["last_name"] = (row[one].translate(PLAIN) for one in ("first_name", "last_name"))

    def _one_field(self, row: Row) -> None:
        whole = self.random.choice(("{0} {1}", "{1}, {0}", "Dr. {0} {1}")).format(row["first_name"], row["last_name"])
        row["first_name"], row["last_name"] = self.random.choice(((whole, ""), ("", whole)))

    def _no_name(self, row: Row) -> None:
        row[self.random.choice(("first_name", "last_name"))] = self.random.choice(("", "", "unknown", "-", "n/a"))

    def _no_email(self, row: Row) -> None:
        row["email"] = ""

    def _slip_email(self, row: Row) -> None:
        local, _, host = row["email"].partition("@")
        row["email"] = self.random.choice(
            (f"{self._slip(local)}@{host}", f"{local}@{self._slip(host)}", f"{local}@{host.rpartition('.')[0]}.net")
        )

    def _other_email(self, row: Row) -> None:
        host = row["email"].partition("@")[2] if self.random.random() < 0.5 else self.random.choice(FREE)
        row["email"] = (
            f"{self._local(row['first_name'] or 'x', row['last_name'] or 'x', host in FREE)}@{host or 'web.de'}"
        )

    def _shared_mailbox(self, row: Row) -> None:
        host = row["email"].partition("@")[2] or "acme.com"
        row["email"] = f"{self.random.choice(ROLES)}@{host}"

    def _company(self, row: Row) -> None:
        bare = row["company"].rsplit(" ", 1)[0]
        row["company"] = self.random.choice(
            (bare, bare.upper(), f"{bare} {self.random.choice(FORMS)}", self._slip(bare), f"{bare} International")
        )

    def _no_company(self, row: Row) -> None:
        row["company"] = row["website"] = ""

    def _new_job(self, row: Row) -> None:
        row["company"], domain, row["phone"] = self.random.choice(self.firms)
        row["website"] = ""
        if self.random.random() < 0.7:
            row["email"] = f"{self._local(row['first_name'] or 'x', row['last_name'] or 'x', False)}@{domain}"

    def _phone(self, row: Row) -> None:
        bare = row["phone"].replace(" ", "").replace("-", "")
        row["phone"] = self.random.choice(
            (bare, bare.replace("+49", "0"), bare.replace("+", "00"), self._number(), f"{row['phone']} ext. 12")
        )

    def _no_phone(self, row: Row) -> None:
        row["phone"] = row["mobile"] = ""

    def _title(self, row: Row) -> None:
        row["title"] = self.random.choice(TITLES)

    def _case(self, row: Row) -> None:
        for name in ("first_name", "last_name", "email"):
            row[name] = row[name].upper()

    def _second_email(self, row: Row) -> None:
        row["additional_emails"] = row["email"]
        self._other_email(row)

    def _marked(self, row: Row) -> None:
        row["last_name"] = f"{row['last_name']} {self.random.choice(('Jr.', 'Sr', 'III'))}"

    def _more_given(self, row: Row) -> None:
        row["first_name"] = f"{row['first_name']} {self.random.choice(('A.', 'Maria', 'J'))}"

    def _junk(self, row: Row) -> None:
        row["email"] = self.random.choice(
            (
                "none",
                "noreply@acme.com",
                "a@b",
                "x@example.com",
                f"{row['email']}; {row['email']}",
                f"mailto:{row['email']}",
                f"{row['email']}.",
            )
        )

    def relative(self, row: Row) -> Row:
        """Somebody else who is easily taken for this one: of the household, father or son, a namesake at the firm."""
        draw, other = self.random, dict(row)
        kind = draw.randrange(4)
        if kind == 0:
            other["first_name"] = self._pick(self.given)
        elif kind == 1:
            other["last_name"] += draw.choice((" Jr.", " Sr."))
            other["email"] = ""
        elif kind == 2:
            local, _, host = row["email"].partition("@")
            other["email"] = f"{local}2@{host}" if host else ""
            other["phone"] = self._number()
        else:
            other["first_name"] = self._pick(self.given)
            other["email"] = f"{draw.choice(ROLES)}@{row['email'].partition('@')[2] or 'acme.com'}"
        return other

    def rows(self) -> Iterator[tuple[str, Row, int]]:
        """(book, row, whose) until both are full."""
        room, whose, draw = {"left": self.lefts, "right": self.rights}, 0, self.random
        before: Row | None = None
        number = 0
        while any(room.values()):
            one = self.relative(before) if before is not None and draw.random() < 0.05 else self.person()
            before, whose = one, whose + 1
            both = draw.random() < self.overlap
            books = ["left", "right"] if both else [draw.choice(("left", "right"))]
            for book in books:
                copies = 1 if draw.random() < 0.94 else draw.choice((2, 2, 3))
                for copy in range(copies):
                    if room[book]:
                        room[book] -= 1
                        number += 1
                        row = one if book == "left" and copy == 0 else self.kept_elsewhere(one)
                        yield book, {"id": f"{book[0].upper()}{number * 7919 % 100000007:09d}", **row}, whose


def write(folder: Path, lefts: int, rights: int, seed: int = 1) -> None:
    """left.csv, right.csv and truth.csv (id, whose) in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("left", "right", "truth")
    with ExitStack() as stack:
        left, right, truth = (
            stack.enter_context((folder / f"{name}.csv").open("w", newline="", encoding="utf-8")) for name in names
        )
        files = {"left": csv.DictWriter(left, COLUMNS), "right": csv.DictWriter(right, COLUMNS)}
        told = csv.writer(truth)
        told.writerow(("id", "whose"))
        for one in files.values():
            one.writeheader()
        for book, row, whose in Books(lefts, rights, seed).rows():
            files[book].writerow(row)
            told.writerow((row["id"], whose))


if __name__ == "__main__":
    write(Path(sys.argv[3]), int(sys.argv[1]), int(sys.argv[2]))
