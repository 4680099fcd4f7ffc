"""Hours of the hub's day: those in which something counts, and those in which nobody is told."""

from datetime import datetime, timedelta

from photohub.lib.pages.timezones import hub_timezone

DAY_MINUTES = 24 * 60


def is_within(since: int | None, until: int | None, at: datetime) -> bool:
    """Tell whether the moment lies between these minutes of the hub's day, which may go past midnight.

    Without both of them it does not.
    """
    if since is None or until is None:
        return False
    local = at.astimezone(hub_timezone())
    minute = local.hour * 60 + local.minute
    return since <= minute < until if since <= until else minute >= since or minute < until


def end_of_quiet(since: int | None, until: int | None, now: datetime) -> datetime | None:
    """Return when the quiet hours end in which the moment lies; None outside of them."""
    if until is None or not is_within(since, until, now):
        return None
    local = now.astimezone(hub_timezone())
    end = local.replace(hour=until // 60 % 24, minute=until % 60, second=0, microsecond=0)
    # By the clock on the wall, so that a night with a change of time ends when people get up.
    return end if end > local else end.replace(day=local.day) + timedelta(days=1)
