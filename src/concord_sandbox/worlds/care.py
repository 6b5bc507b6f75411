"""The few values in the world `agency` that need care, and who has opted out of mail on which side.

Works on finished drafts; each special value is put on a person whose two records are found by their address.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from concord_sandbox.worlds.cast import Cast, Pair
from concord_sandbox.worlds.drafts import Draft, moment_between
from concord_sandbox.worlds.drift import set_times, settle

#: 151 characters; Salesforce's Title holds 128.
LONG_TITLE = (
    "Head of Brand, Communications, Events, Sponsorship and Community Relations for Northern Europe, the Baltic "
    "States and Scotland (maternity cover until 2027)"
)
OPTED_OUT_ON_BOTH, OPTED_OUT_IN_SALESFORCE, OPTED_OUT_IN_HUBSPOT = 8, 6, 5


def add_care(cast: Cast, rng: random.Random) -> None:
    """Put the special values in."""
    plain = [pair for pair in cast.pairs if pair.kind == "exact" and pair.salesforce.person.firm is not None]
    plain = [pair for pair in plain if not any(other.hubspot is pair.hubspot for other in cast.never)]
    rng.shuffle(plain)
    chosen = iter(plain)
    _too_long(next(chosen))
    _extensions(next(chosen), next(chosen))
    _unusual_stages(next(chosen), next(chosen), next(chosen))
    _on_the_edge_of_the_window(next(chosen), next(chosen))
    for _ in range(OPTED_OUT_ON_BOTH):
        pair = next(chosen)
        _opt_out_salesforce(pair.salesforce, rng)
        _opt_out_hubspot(pair.hubspot, rng)
    for _ in range(OPTED_OUT_IN_SALESFORCE):
        _opt_out_salesforce(next(chosen).salesforce, rng)
    for _ in range(OPTED_OUT_IN_HUBSPOT):
        _opt_out_hubspot(next(chosen).hubspot, rng)
    _opt_out_others(cast, rng)


def _too_long(pair: Pair) -> None:
    """A job title in HubSpot that Salesforce cannot hold."""
    pair.salesforce.values.pop("title", None)
    pair.salesforce.earlier.pop("title", None)
    _in_hubspot(pair.hubspot, "title", LONG_TITLE)


def _extensions(one: Pair, other: Pair) -> None:
    """A desk telephone with an extension: on one side only, and on both sides in two spellings."""
    for pair in (one, other):
        pair.salesforce.earlier.pop("phone", None)
    desk = one.salesforce.person.direct
    one.salesforce.values["phone"] = desk.national()
    _in_hubspot(one.hubspot, "phone", f"{desk.international()} ext. 45")
    desk = other.salesforce.person.direct
    other.salesforce.values["phone"] = f"{desk.national()} x207"
    _in_hubspot(other.hubspot, "phone", f"{desk.international()} ext. 207")


def _unusual_stages(one: Pair, second: Pair, third: Pair) -> None:
    """Stages beside the funnel, and a customer whom marketing still counts as a subscriber."""
    one.salesforce.values["stage"] = "customer"
    _in_hubspot(one.hubspot, "stage", "evangelist")
    second.salesforce.values.pop("stage", None)
    _in_hubspot(second.hubspot, "stage", "other")
    third.salesforce.values["stage"] = "customer"
    _in_hubspot(third.hubspot, "stage", "subscriber")


def _on_the_edge_of_the_window(exactly: Pair, beyond: Pair) -> None:
    """Two different titles written exactly five minutes apart, and five minutes and a second apart."""
    for pair, seconds in ((exactly, 300), (beyond, 301)):
        pair.salesforce.values["title"] = "Regional Manager"
        _in_hubspot(pair.hubspot, "title", "Area Manager")
        latest_creation = pair.salesforce.modified - timedelta(days=2)
        pair.hubspot.created = min(pair.hubspot.created, latest_creation)
        set_times("title", pair.salesforce, pair.hubspot, seconds)


def _in_hubspot(draft: Draft, name: str, value: str) -> None:
    draft.values[name] = value
    draft.times.setdefault(name, draft.modified)
    draft.earlier.pop(name, None)


def _opt_out_salesforce(draft: Draft, rng: random.Random) -> None:
    draft.opted_out = _some_time_since(draft, rng)
    draft.do_not_call = rng.random() < 0.3
    draft.modified = max(draft.modified, draft.opted_out)


def _opt_out_hubspot(draft: Draft, rng: random.Random) -> None:
    draft.opted_out = _some_time_since(draft, rng)
    settle(draft)


def _some_time_since(draft: Draft, rng: random.Random) -> datetime:
    return moment_between(draft.created, draft.modified, rng).replace(microsecond=0)


def _opt_out_others(cast: Cast, rng: random.Random) -> None:
    """Some of those who are in one system only."""
    paired = {id(draft) for pair in cast.pairs for draft in (pair.salesforce, pair.hubspot)}
    for draft in cast.drafts:
        if id(draft) not in paired and "email" in draft.values and rng.random() < 0.06:
            (_opt_out_salesforce if draft.side == "salesforce" else _opt_out_hubspot)(draft, rng)
