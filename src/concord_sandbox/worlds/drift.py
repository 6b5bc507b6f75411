"""How two records of one person come apart over the years: fields left blank, mistyped, changed on one side only.

Which field drifts, how, and which side is the newer are drawn independently. May not know how anybody matches or
merges records; it only makes what address books look like.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from concord_sandbox.worlds.drafts import Draft, street
from concord_sandbox.worlds.people import Population
from concord_sandbox.worlds.phones import Phone
from concord_sandbox.worlds.schema import BASE, COLLEAGUES, LIFECYCLE

_KINDS = ("same", "written otherwise", "blank in salesforce", "blank in hubspot", "blank in both", "different")
#: field -> weights of the kinds above
_WEIGHTS = {
    "phone": (30, 30, 8, 14, 6, 12),
    "mobile": (16, 14, 13, 17, 33, 7),
    "title": (50, 6, 10, 15, 8, 11),
    "street": (24, 0, 12, 38, 22, 4),
    "city": (50, 0, 12, 22, 12, 4),
    "country": (52, 10, 12, 16, 10, 0),
    "salutation": (22, 0, 4, 46, 27, 1),
    "owner": (70, 0, 0, 12, 0, 18),
    "contacted": (8, 0, 13, 17, 8, 54),
    "stage": (22, 0, 55, 2, 2, 19),
    "status": (55, 0, 0, 18, 0, 27),
}
_COUNTRY_SHORT = {"United Kingdom": "UK", "Germany": "Deutschland", "United States": "USA", "France": "FR"}
_OTHER_TITLES = ("Marketing Director", "Interim Lead", "Head of Growth", "Consultant", "Team Lead", "Partner")


def drift_apart(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """Change both drafts, which held the same values, into what years of separate care made of them."""
    _blank(hubspot, "source")
    for name, weights in _WEIGHTS.items():
        if name not in salesforce.values or name not in hubspot.values:
            continue
        kind = rng.choices(_KINDS, weights)[0]
        if kind == "written otherwise":
            _write_otherwise(name, salesforce, hubspot, rng)
        elif kind == "different":
            _make_different(name, salesforce, hubspot, people, rng)
        if kind in ("blank in salesforce", "blank in both"):
            _blank(salesforce, name)
        if kind in ("blank in hubspot", "blank in both"):
            was = hubspot.values[name]
            _blank(hubspot, name)
            if rng.random() < 0.08:  # somebody emptied it, which is not the same as never filled
                hubspot.earlier[name] = (was, hubspot.created)
                hubspot.times[name] = hubspot.modified
    settle(hubspot)


def wear(draft: Draft, rng: random.Random) -> None:
    """Blank what nobody cared to fill in for somebody who is in one system only."""
    for name, share in (
        ("phone", 0.35),
        ("mobile", 0.6),
        ("title", 0.3),
        ("street", 0.6),
        ("city", 0.35),
        ("country", 0.25),
        ("salutation", 0.6),
        ("contacted", 0.4),
        ("company", 0.3),
    ):
        if name in draft.values and rng.random() < share:
            _blank(draft, name)
    if draft.side == "hubspot" and rng.random() < 0.35:
        _blank(draft, "owner")
    if draft.side == "hubspot" and rng.random() < 0.5:
        _blank(draft, "status")
    if draft.side == "salesforce" and rng.random() < 0.8:
        _blank(draft, "stage")
    if draft.side == "hubspot":
        _blank(draft, "source")
    for name in ("phone", "mobile"):
        if name in draft.values:
            draft.values[name] = _phone(name, draft).written(rng)
    settle(draft)


def settle(draft: Draft) -> None:
    """Make a HubSpot draft's own times follow from those of its fields."""
    if draft.side == "hubspot":
        latest = max([draft.created, *draft.times.values()])
        draft.modified = max(latest, draft.opted_out or latest)


def set_times(name: str, salesforce: Draft, hubspot: Draft, seconds: float) -> None:
    """Let HubSpot's field be `seconds` newer (negative: older) than Salesforce's record."""
    hubspot.times[name] = salesforce.modified + timedelta(seconds=seconds)
    if name in hubspot.earlier:
        value, at = hubspot.earlier[name]
        hubspot.earlier[name] = (value, min(at, hubspot.times[name] - timedelta(days=1)))
    settle(hubspot)


def _make_different(name: str, salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """Two values, one of them newer; now and then both set within minutes, as when two people leave one call."""
    old = salesforce.values[name]
    new = _another(name, old, salesforce, people, rng)
    newer = rng.choices(("salesforce", "hubspot", "near"), weights=(45, 45, 10))[0]
    if newer == "salesforce":
        salesforce.values[name] = new
        salesforce.earlier[name] = (old, salesforce.created)
        hubspot.times[name] = _before(hubspot.created, salesforce.modified, rng)
        return
    hubspot.values[name] = new
    hubspot.earlier[name] = (old, hubspot.created)
    if newer == "near":
        hubspot.times[name] = salesforce.modified + timedelta(seconds=rng.randint(-240, 240))
    else:
        rest = (BASE - timedelta(minutes=30) - salesforce.modified).total_seconds()
        hubspot.times[name] = salesforce.modified + timedelta(seconds=rng.uniform(min(900, rest / 2), rest))
    hubspot.times[name] = max(hubspot.times[name], hubspot.created)


def _before(earliest: datetime, moment: datetime, rng: random.Random) -> datetime:
    """Some instant a quarter of an hour or more before `moment`; `earliest` when that is earlier still."""
    span = (moment - earliest).total_seconds() - 900
    return earliest + timedelta(seconds=int(rng.uniform(0, span))) if span > 0 else earliest


def _another(name: str, old: str, draft: Draft, people: Population, rng: random.Random) -> str:
    if name in ("phone", "mobile"):
        return people.another_landline(draft.person.country).written(rng)
    if name == "contacted":
        moment = datetime.fromisoformat(old) - timedelta(days=rng.uniform(1, 120), minutes=rng.uniform(0, 600))
        return moment.isoformat()
    if name == "street":
        return street(draft.person.country, rng)
    choices = {
        "title": _OTHER_TITLES,
        "city": ("London", "Berlin", "Manchester", "Hamburg", "Chicago"),
        "salutation": ("Dr.", "Prof."),
        "owner": [str(place) for place in range(len(COLLEAGUES))],
        "stage": list(LIFECYCLE)[:6],
        "status": ("new", "working", "closed"),
    }[name]
    return rng.choice([one for one in choices if one != old])


def _write_otherwise(name: str, salesforce: Draft, hubspot: Draft, rng: random.Random) -> None:
    if name in ("phone", "mobile"):
        salesforce.values[name] = _phone(name, salesforce).written(rng)
        hubspot.values[name] = _phone(name, hubspot).written(rng)
    elif name == "title":
        side = rng.choice((salesforce, hubspot))
        side.values[name] = rng.choice((str.lower, str.upper, "{} ".format))(side.values[name])
    elif name == "country":
        side = rng.choice((salesforce, hubspot))
        side.values[name] = _COUNTRY_SHORT.get(side.values[name], side.values[name])


def _phone(name: str, draft: Draft) -> Phone:
    return draft.person.direct if name == "phone" else draft.person.mobile


def _blank(draft: Draft, name: str) -> None:
    draft.values.pop(name, None)
    draft.times.pop(name, None)
    draft.earlier.pop(name, None)
