"""How long a consent lives, and when it may be renewed (PURE).

A portal rarely says so itself: what is known stands in the vendor's profile. So the end that is computed here
is for a warning in time, never a reason to give a grant up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from connectors.profile import Refresh

# Long enough for one who looks in once a fortnight; of a short-lived consent, its last quarter.
WARNING: Final = timedelta(days=14)
_LAST_PART: Final = 4

Cause = Literal["lifetime", "idle", "access_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """When a consent ends, and why.

    `lifetime`: so many days after the person agreed, whatever we do; only they can agree again. `idle`: so
    many days without a refresh, so that the next sync moves it. `access_token`: nothing renews this one.
    """

    at: datetime
    cause: Cause
    # From when on the person is told; None where the end is too near for a warning to be of use.
    warn_at: datetime | None


def ending(
    *,
    refresh: Refresh,
    obtained_at: datetime,
    refreshed_at: datetime | None,
    access_expires_at: datetime | None,
    renewable: bool,
) -> Ending | None:
    """Return the earliest known end of a consent; None where nothing is known to end it.

    `obtained_at`: the consent; `refreshed_at`: the last refresh since, None before the first; `renewable`:
    whether there is a refresh token, or a key that takes its place.
    """
    if refresh.style == "none" or not renewable:
        if access_expires_at is None:
            return None
        return Ending(at=access_expires_at, cause="access_token", warn_at=None)
    used_at = refreshed_at or obtained_at
    ends: list[Ending] = []
    if refresh.lifetime_days is not None:
        ends.append(_after(obtained_at, refresh.lifetime_days, "lifetime"))
    if refresh.idle_days is not None:
        ends.append(_after(used_at, refresh.idle_days, "idle"))
    return min(ends, key=lambda end: end.at, default=None)


def earliest_refresh(
    *, refresh: Refresh, obtained_at: datetime, refreshed_at: datetime | None
) -> datetime | None:
    """Return the moment before which the portal would refuse another refresh; None where it sets none.

    The exchange of the code counts as one: the portal counts answers of its token endpoint.
    """
    if refresh.min_interval_seconds is None:
        return None
    return (refreshed_at or obtained_at) + timedelta(seconds=refresh.min_interval_seconds)


def _after(start: datetime, days: int, cause: Cause) -> Ending:
    whole = timedelta(days=days)
    at = start + whole
    return Ending(at=at, cause=cause, warn_at=at - min(WARNING, whole / _LAST_PART))
