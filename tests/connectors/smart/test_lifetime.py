from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.profile import Refresh
from connectors.smart.lifetime import Ending, earliest_refresh, ending

CONSENT = datetime(2026, 1, 1, tzinfo=UTC)
days = st.none() | st.integers(min_value=1, max_value=800)


def after(**span: float) -> datetime:
    return CONSENT + timedelta(**span)


def ends(refresh: Refresh, **changes: Any) -> Ending | None:
    return ending(
        refresh=refresh,
        **{
            "obtained_at": CONSENT,
            "refreshed_at": None,
            "access_expires_at": after(hours=1),
            "renewable": True,
            **changes,
        },
    )


def test_a_consent_ends_so_many_days_after_it_was_given_whatever_was_refreshed() -> None:
    found = ends(Refresh(style="rotating", lifetime_days=90), refreshed_at=after(days=80))

    assert found == Ending(at=after(days=90), cause="lifetime", warn_at=after(days=76))


def test_an_unused_consent_ends_and_every_refresh_moves_that() -> None:
    refresh = Refresh(style="fixed", idle_days=90)

    first, moved = ends(refresh), ends(refresh, refreshed_at=after(days=30))

    assert first is not None
    assert moved is not None
    assert (first.at, first.cause) == (after(days=90), "idle")
    assert moved.at == after(days=120)


def test_the_nearer_end_counts() -> None:
    refresh = Refresh(style="rotating", lifetime_days=365, idle_days=90)

    early, late = ends(refresh), ends(refresh, refreshed_at=after(days=300))

    assert early is not None
    assert late is not None
    assert (early.cause, late.cause) == ("idle", "lifetime")
    assert late.at == after(days=365)


@pytest.mark.parametrize(
    ("refresh", "renewable"),
    [(Refresh(style="none"), True), (Refresh(style="rotating", lifetime_days=90), False)],
)
def test_what_cannot_be_renewed_ends_with_its_access_token(refresh: Refresh, *, renewable: bool) -> None:
    assert ends(refresh, renewable=renewable) == Ending(at=after(hours=1), cause="access_token", warn_at=None)
    assert ends(refresh, renewable=renewable, access_expires_at=None) is None


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert ends(Refresh(style="rotating")) is None


def test_a_short_consent_is_warned_of_in_its_last_quarter() -> None:
    found = ends(Refresh(style="rotating", lifetime_days=8))

    assert found is not None
    assert found.warn_at == after(days=6)


@given(lifetime=days, idle=days, since=st.integers(min_value=0, max_value=400))
def test_the_end_is_never_beyond_the_lifetime_and_the_warning_never_after_the_end(
    lifetime: int | None, idle: int | None, since: int
) -> None:
    found = ends(
        Refresh(style="rotating", lifetime_days=lifetime, idle_days=idle), refreshed_at=after(days=since)
    )

    assert (found is None) == (lifetime is None and idle is None)
    if found is not None:
        assert lifetime is None or found.at <= after(days=lifetime)
        assert idle is None or found.at <= after(days=since + idle)
        assert found.warn_at is not None
        assert found.at - timedelta(days=14) <= found.warn_at < found.at


def test_a_refresh_waits_where_the_portal_counts() -> None:
    refresh = Refresh(style="fixed", min_interval_seconds=60)

    assert earliest_refresh(refresh=refresh, obtained_at=CONSENT, refreshed_at=None) == after(seconds=60)
    assert earliest_refresh(refresh=refresh, obtained_at=CONSENT, refreshed_at=after(days=1)) == after(
        days=1, seconds=60
    )


def test_a_refresh_waits_for_nothing_elsewhere() -> None:
    assert earliest_refresh(refresh=Refresh(style="fixed"), obtained_at=CONSENT, refreshed_at=None) is None
