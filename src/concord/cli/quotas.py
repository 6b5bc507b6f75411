"""What `concord status` says of the days' allowances (SPEC 9.3): used, shared, forecast. Counts only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from concord.config import Settings
from concord.core.budget import CALLS, Outlook, Quota, outlook


def lines(settings: Settings, quotas: Sequence[Quota], now: datetime) -> Iterator[str]:
    """A line for each allowance that was ever told."""
    for quota, view in _seen(settings, quotas, now):
        day = quota.day
        part = f"{day.used / day.most:.0%}"
        yield f"{quota.system}: {day.used} of {day.most} {quota.name} used ({part}); {_ahead(view, now)}"


def warnings(settings: Settings, quotas: Sequence[Quota], now: datetime) -> Iterator[str]:
    """What runs out before its day is over, at the rate of the last hour, and what to do."""
    for quota, view in _seen(settings, quotas, now):
        if view.runs_out_at is None:
            continue
        when = "are used up" if view.runs_out_at <= now else f"run out at {_moment(view.runs_out_at, now)}"
        if quota.name == CALLS:
            yield (
                f"the daily calls of {quota.system} {when}: see what else uses them, or raise "
                f"{quota.system}.daily_share; opt-outs go on (docs/quotas.md)"
            )
        else:
            yield f"the change events of {quota.system} {when}: it is asked for changes then (docs/quotas.md)"


def documents(settings: Settings, quotas: Sequence[Quota], now: datetime) -> list[dict[str, Any]]:
    """The same for a machine; `bound`: where all but opt-outs stop."""
    return [
        {
            "system": quota.system,
            "quota": quota.name,
            "used": quota.day.used,
            "limit": quota.day.most,
            "bound": view.bound,
            "told_at": quota.day.at,
            "resets_at": quota.day.resets_at,
            "an_hour": view.ahead.an_hour,
            "forecast": view.ahead.used,
            "forecast_for": view.ahead.then,
            "runs_out_at": view.runs_out_at,
        }
        for quota, view in _seen(settings, quotas, now)
    ]


def _seen(settings: Settings, quotas: Sequence[Quota], now: datetime) -> list[tuple[Quota, Outlook]]:
    return [(quota, outlook(quota, settings.terms(quota.system), now)) for quota in quotas]


def _ahead(view: Outlook, now: datetime) -> str:
    if view.runs_out_at is not None:
        return f"{view.bound} is the bound"
    if view.ahead.an_hour is None:
        return "no rate yet"
    return f"{view.ahead.used} by {_moment(view.ahead.then, now)}"


def _moment(at: datetime, now: datetime) -> str:
    """A moment, with its date only where that is not today's."""
    return f"{at:%H:%M}" if at.date() == now.date() and at - now < timedelta(days=1) else f"{at:%b %d %H:%M}"
