"""The section `breaker` of concord.yaml: how much may change at once before a person is asked (SPEC 9.4)."""
# ruff: noqa: RUF009 - `setting` is `dataclasses.field` with our metadata; it makes no shared mutable default

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from concord.config.kinds import Duration, Either, ListOf, Number, OneOf, Section, Text, is_section, setting
from concord.core import breaker
from concord.core.breaker import USUAL, Kind, Limits

_NAMES: Final = ListOf(Text(r"^[A-Za-z][A-Za-z0-9_]*$", "the API name of a field, such as OwnerId"), least=0)


@dataclass(frozen=True)
class AtMost:
    """How many records may change so within the window: a number or a share, whichever is more."""

    records: float | None = setting(
        Number(0, 100_000_000, "a number of records"), "So many records in any case.", default=None
    )
    share: float | None = setting(
        Number(0, 1, "a share from 0 to 1 (0.01 is 1 %)"),
        "This share of the linked records, where that is more.",
        default=None,
    )


_AT_MOST: Final = Either(OneOf({"off": None}), Section(AtMost), is_section)


@dataclass(frozen=True)
class Breaker:
    """What is let through at once, by what would be done to the records."""

    window: timedelta = setting(
        Duration(positive=True),
        "The time within which records are counted.",
        default=timedelta(minutes=15),
        shown="15m",
    )
    delete: AtMost | None = setting(
        _AT_MOST,
        "Links that end because a record is gone. Without limits written: 100 records, share 0.01.",
        default=AtMost(),
    )
    blank: AtMost | None = setting(
        _AT_MOST, "Values that are cleared. Without limits written: 100 records, share 0.01.", default=AtMost()
    )
    owner: AtMost | None = setting(
        _AT_MOST,
        "Records that get another owner. Without limits written: 100 records, share 0.01.",
        default=AtMost(),
    )
    lifecycle: AtMost | None = setting(
        _AT_MOST,
        "Records whose stage or status moves. Without limits written: 200 records, share 0.02.",
        default=AtMost(),
    )
    create: AtMost | None = setting(
        _AT_MOST, "Records that are made. Without limits written: 1000 records, share 0.1.", default=AtMost()
    )
    owner_fields: tuple[str, ...] = setting(
        _NAMES,
        "Fields of either system that say who owns a record, besides those that point to a user.",
        default=("OwnerId", "hubspot_owner_id"),
        shown=["OwnerId", "hubspot_owner_id"],
    )
    lifecycle_fields: tuple[str, ...] = setting(
        _NAMES,
        "Fields of either system that say at what stage a record is, besides those under rule forward_only.",
        default=(
            "Status",
            "StageName",
            "lifecyclestage",
            "hs_lead_status",
            "dealstage",
            "pipeline",
            "hs_pipeline_stage",
        ),
        shown=["Status", "StageName", "lifecyclestage", "hs_lead_status", "dealstage", "pipeline", "hs_pipeline_stage"],
    )

    def limits(self) -> Limits:
        """The same for core; a kind that is off is not there."""
        written = {
            Kind.DELETE: self.delete,
            Kind.BLANK: self.blank,
            Kind.OWNER: self.owner,
            Kind.LIFECYCLE: self.lifecycle,
            Kind.CREATE: self.create,
        }
        return Limits(
            self.window,
            {kind: _limit(kind, one) for kind, one in written.items() if one is not None},
            frozenset(self.owner_fields),
            frozenset(self.lifecycle_fields),
        )


def _limit(kind: Kind, written: AtMost) -> breaker.Limit:
    usual = USUAL[kind]
    return breaker.Limit(
        usual.records if written.records is None else int(written.records),
        usual.share if written.share is None else written.share,
    )
