"""Invented people's names by culture, and the ways in which a name changes from one address book to the next.

Plain data and plain functions over it; may not know of records or systems.
"""

from __future__ import annotations

import random
import unicodedata
from typing import NamedTuple


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


class Given(NamedTuple):
    """Given names of one culture."""

    female: tuple[str, ...]
    male: tuple[str, ...]


GIVEN: dict[str, Given] = {
    "en": Given(
        _split(
            "Alice Amelia Bethany Catherine Charlotte Christine Deborah Eleanor Elizabeth Emily Evelyn Fiona Georgia "
            "Grace Hannah Helen Imogen Isobel Jacqueline Jennifer Jessica Josephine Judith Katherine Laura Louise "
            "Lucy Margaret Megan Natalie Olivia Pamela Patricia Philippa Rachel Rebecca Samantha Sarah Susan Theresa "
            "Vanessa Victoria"
        ),
        _split(
            "Adam Alexander Andrew Anthony Benjamin Callum Charles Christopher Daniel David Dominic Edward Frederick "
            "George Gregory Harry Henry James Jonathan Joseph Kenneth Lawrence Leonard Matthew Michael Nathaniel "
            "Nicholas Oliver Patrick Peter Philip Rafe Richard Robert Ronald Samuel Stephen Stuart Thomas Timothy "
            "Vincent William Zachary"
        ),
    ),
    "de": Given(
        _split(
            "Anja Annette Birgit Brigitte Carola Claudia Dagmar Elke Franziska Gabriele Hannelore Heike Ingrid "
            "Johanna Jördis Julia Karin Katharina Kerstin Lena Maren Martina Monika Nadine Petra Renate Sabine Silke "
            "Susanne Svenja Ulrike Ute"
        ),
        _split(
            "Achim Andreas Björn Christian Detlef Dieter Eberhard Florian Friedrich Götz Günter Hans-Peter Heiko "
            "Holger Jens Jörg Jürgen Karl-Heinz Klaus Kai Lutz Manfred Markus Matthias Maximilian Norbert Rüdiger "
            "Sebastian Sönke Stefan Thorsten Uwe Volker Wolfgang"
        ),
    ),
    "pl": Given(
        ("Agnieszka", "Aleksandra", "Barbara", "Beata", "Ewa", "Joanna", "Katarzyna", "Małgorzata", "Żaneta"),
        ("Bartłomiej", "Grzegorz", "Jakub", "Krzysztof", "Łukasz", "Michał", "Paweł", "Stanisław", "Wojciech"),
    ),
    "fr": Given(
        ("Amélie", "Aurélie", "Céline", "Chloé", "Émilie", "Geneviève", "Hélène", "Noémie", "Solène"),
        ("André", "Benoît", "François", "Gaël", "Jérôme", "Loïc", "Rémi", "Sébastien", "Thibault"),
    ),
    "es": Given(
        ("Begoña", "Carmen", "Inés", "Lucía", "María José", "Montserrat", "Nuria", "Rocío"),
        ("Álvaro", "Andrés", "Íñigo", "Javier", "José Luis", "Martín", "Ramón", "Sergio"),
    ),
    "no": Given(
        ("Åse", "Astrid", "Bodil", "Gro", "Ingebjørg", "Kirsten", "Solveig", "Tuva"),
        ("Anders", "Bjørn", "Eirik", "Håkon", "Jørn", "Mårten", "Søren", "Torbjörn"),
    ),
    "in": Given(
        ("Anjali", "Deepika", "Kavitha", "Lakshmi", "Nandini", "Priyanka", "Shruti", "Swati"),
        ("Arjun", "Karthik", "Manish", "Nikhil", "Rohan", "Sanjay", "Venkatesh", "Vikram"),
    ),
}

SURNAMES: dict[str, tuple[str, ...]] = {
    "en": _split(
        "Abernathy Ashdown Atherton Barlow Beckett Blackwood Bramhall Brennan Burgess Caldwell Carrington Chadwick "
        "Clarke Coleman Corrigan Crawford Dawson Delaney Donnelly Eastwood Ellison Fairclough Fletcher Foster "
        "Gallagher Garner Gilchrist Goddard Graham Hadley Hargreaves Harrison Hartley Haywood Holloway Hughes "
        "Jefferson Johnson Kendrick Kirkpatrick Lambert Langley Lockwood MacDonald Mallory Marsden McAllister "
        "Merriweather Mitchell Montague Morrison Nightingale O'Brien O'Connell Osborne Parkinson Pemberton Prescott "
        "Radcliffe Ramsay Robinson Rutherford Sanderson Shepherd Sinclair Smith Stanhope Sutherland Taylor Thackeray "
        "Thompson Underwood Wainwright Walters Weatherby Whitfield Williams Winterbourne Wright Yardley"
    ),
    "de": _split(
        "Albrecht Bachmann Baumgärtner Behrendt Böhm Brüggemann Dietrich Ebersbach Eichhorn Fürst Gärtner Gebhardt "
        "Großmann Hässler Heinrichs Hoffmann Hübner Jäger Kästner Kirchhoff Köhler Krämer Kühn Lindemann Löffler "
        "Meyer Möller Müller Neumann Oberländer Pfeiffer Rademacher Rößler Sauerwein Schäfer Schmidt Schneider "
        "Schröder Schütz Seidel Steinbrück Strauß Thielemann Trautmann Vogelsang Wagner Weiß Westermann Wölfel "
        "Zimmermann"
    ),
    "pl": _split(
        "Błaszczyk Jabłonka Kaczmarek Kołodziej Kozioł Mazur Nowak Pająk Sobczak Stępień Wieczorek Wójcik Wróbel Żurek"
    ),
    "fr": _split("Béranger Chevalier Delacroix Fontaine Garnier Lefèvre Marchand Perrault Rousselet Thévenin"),
    "es": ("Castaño", "Domínguez", "García", "Ibáñez", "López Herrero", "Muñoz", "Núñez", "Sáez", "Vázquez"),
    "no": _split("Bjørklund Ødegaard Halvorsen Kjær Lindstrøm Møller Nygård Sjöberg Sørensen Åkesson"),
    "in": _split("Agarwal Banerjee Chatterjee Iyer Krishnan Mehta Narayanan Raghavan Subramaniam Venkataraman"),
}

#: (given, family) in Latin letters and as written at home; sex.
CJK = (
    ("Wei", "Zhang", "伟", "张", "m"),
    ("Fang", "Liu", "芳", "刘", "f"),
    ("Jianguo", "Chen", "建国", "陈", "m"),
    ("Hiroshi", "Tanaka", "浩", "田中", "m"),
    ("Yuki", "Nakamura", "由紀", "中村", "f"),
    ("Minji", "Park", "민지", "박", "f"),
    ("Sanghoon", "Choi", "상훈", "최", "m"),
    ("Xiaoling", "Huang", "晓玲", "黄", "f"),
    ("Kenji", "Yamamoto", "健二", "山本", "m"),
    ("Ayumi", "Sato", "歩美", "佐藤", "f"),
    ("Zhiming", "Lin", "志明", "林", "m"),
    ("Haruka", "Ito", "遥", "伊藤", "f"),
)

NICKNAMES: dict[str, tuple[str, ...]] = {
    "Alexander": ("Alex", "Sandy"),
    "Andrew": ("Andy", "Drew"),
    "Anthony": ("Tony",),
    "Benjamin": ("Ben",),
    "Catherine": ("Cathy", "Kate"),
    "Charles": ("Charlie", "Chuck"),
    "Charlotte": ("Lottie",),
    "Christine": ("Chris", "Tina"),
    "Christopher": ("Chris", "Kit"),
    "Daniel": ("Dan", "Danny"),
    "David": ("Dave",),
    "Deborah": ("Debbie",),
    "Edward": ("Ted", "Ed"),
    "Eleanor": ("Nell", "Ellie"),
    "Elizabeth": ("Liz", "Beth", "Betty"),
    "Frederick": ("Fred",),
    "Gregory": ("Greg",),
    "Henry": ("Harry", "Hal"),
    "Jacqueline": ("Jackie",),
    "James": ("Jim", "Jamie"),
    "Jennifer": ("Jen", "Jenny"),
    "Jonathan": ("Jon",),
    "Joseph": ("Joe",),
    "Josephine": ("Jo", "Josie"),
    "Katherine": ("Kate", "Kathy"),
    "Kenneth": ("Ken",),
    "Lawrence": ("Larry",),
    "Leonard": ("Len",),
    "Margaret": ("Peggy", "Maggie"),
    "Matthew": ("Matt",),
    "Michael": ("Mike", "Mick"),
    "Nathaniel": ("Nate",),
    "Nicholas": ("Nick",),
    "Pamela": ("Pam",),
    "Patricia": ("Pat", "Trish"),
    "Philip": ("Phil",),
    "Philippa": ("Pippa",),
    "Rebecca": ("Becky",),
    "Richard": ("Dick", "Rick"),
    "Robert": ("Bob", "Rob"),
    "Ronald": ("Ron",),
    "Samantha": ("Sam",),
    "Samuel": ("Sam",),
    "Stephen": ("Steve",),
    "Susan": ("Sue",),
    "Theresa": ("Terry", "Tess"),
    "Thomas": ("Tom",),
    "Timothy": ("Tim",),
    "Victoria": ("Vicky", "Tori"),
    "Vincent": ("Vince",),
    "William": ("Bill", "Will"),
    "Zachary": ("Zach",),
    "Franziska": ("Franzi",),
    "Gabriele": ("Gabi",),
    "Hannelore": ("Hanne",),
    "Johanna": ("Hanna",),
    "Katharina": ("Kathi",),
    "Susanne": ("Susi",),
    "Friedrich": ("Fritz",),
    "Klaus": ("Claus",),
    "Matthias": ("Matze",),
    "Maximilian": ("Max",),
    "Sebastian": ("Basti",),
    "Wolfgang": ("Wolf",),
    "Aleksandra": ("Ola",),
    "Katarzyna": ("Kasia",),
    "Małgorzata": ("Gosia",),
    "Grzegorz": ("Grzesiek",),
    "Jakub": ("Kuba",),
    "Krzysztof": ("Krzysiek",),
    "María José": ("Marijo",),
    "José Luis": ("Pepe",),
}

_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"},
)
_STROKES = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "đ": "d", "ß": "ss", "å": "a", "Å": "A"},
)
_NEIGHBOURS = {"a": "s", "e": "r", "i": "o", "o": "i", "n": "m", "m": "n", "r": "t", "t": "r", "s": "a", "l": "k"}


def to_ascii(text: str, culture: str = "en") -> str:
    """`text` as someone types it who has no such letters on the keyboard (Jürgen -> Juergen, Łukasz -> Lukasz)."""
    if culture == "de":
        text = text.translate(_GERMAN)
    text = unicodedata.normalize("NFKD", text.translate(_STROKES))
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def mistyped(name: str, rng: random.Random) -> str:
    """`name` with one slip of the fingers behind its first letter; never `name` itself."""
    while True:
        place = rng.randrange(1, len(name) - 1)
        here, following = name[place], name[place + 1]
        kind = rng.choice(("swap", "drop", "double", "neighbour"))
        if kind == "swap":
            slipped = name[:place] + following + here + name[place + 2 :]
        elif kind == "drop":
            slipped = name[:place] + name[place + 1 :]
        elif kind == "double":
            slipped = name[:place] + here + name[place:]
        else:
            slipped = name[:place] + _NEIGHBOURS.get(here, here) + name[place + 1 :]
        if slipped != name and slipped.replace("'", "").replace("-", "").isalpha():
            return slipped
