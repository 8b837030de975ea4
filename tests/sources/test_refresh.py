"""One worker, one grant, and everything that a token endpoint or a death can do to them."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from connectors.errors import Denied, EgressRefused, PortalError, Reauthorize, RetryLater
from connectors.sandbox import Fault
from connectors.secret import Secret
from connectors.smart import tokens
from connectors.smart.discovery import Server
from phr.core.crypto import unseal
from phr.sources.flows.disconnect import disconnect
from phr.sources.flows.refresh import MARKER_LIFE, require_reconnect
from phr.sources.models import Grant, Source
from phr.sources.profiles import profile_of
from phr.sources.registrations import client_of
from tests.sources.conftest import PROFILES, House, OpenHouse

HOUR = timedelta(hours=1, minutes=1)
LATER = MARKER_LIFE + timedelta(seconds=5)


def rotate_behind_our_back(there: House, source: Any) -> None:
    """Let the portal rotate the refresh token, and lose its answer."""
    tokens.refresh(
        egress=there.egress,
        token_endpoint=Server.from_dict(there.grant(source).server).token_endpoint,
        client=client_of(registration=there.registration),
        profile=profile_of(there.running.profile_id),
        refresh_token=there.refresh_token(source),
        scope=there.grant(source).scope,
    )


def over(there: House, source: Any, **how: Any) -> str:
    """Ask for a token, be told that the grant is over, and return the reason that the person is shown."""
    with pytest.raises(Reauthorize):
        there.token(source, **how)
    found = there.source(source)
    assert found.state == Source.State.RECONNECT_NEEDED
    return found.state_reason


def test_a_good_token_is_not_renewed(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    assert there.token(source) == there.token(source)
    assert there.token(source, rejected=Secret("another")) == there.token(source)
    assert there.asked("/token") == 1
    assert there.replies(source) == 1


def test_a_token_that_ends_within_a_minute_is_renewed(house: OpenHouse) -> None:
    there = house(access_token_seconds=3600, refresh_rotates=True)
    source = there.connect().source_id
    first = there.token(source, late=timedelta(minutes=58))
    second = there.token(source, late=timedelta(minutes=59, seconds=1))
    assert first != second
    assert there.works(second)
    assert there.asked("/token") == 2


def test_a_rotated_token_is_stored_before_it_is_used(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    before = there.refresh_token(source)
    for _ in range(3):
        there.token(source, rejected=there.token(source))
    after = there.refresh_token(source)
    assert after != before
    assert there.grant(source).refresh_started_at is None
    assert there.grant(source).refreshed_at is not None
    assert there.replies(source) == 4


def test_a_reply_without_a_refresh_token_keeps_the_old_one(house: OpenHouse) -> None:
    profile = next(p for p in PROFILES.values() if p.refresh.style == "fixed")
    there = house(profile, refresh_rotates=False, refresh_returned=False)
    source = there.connect().source_id
    before = there.refresh_token(source)
    for _ in range(2):
        there.pass_interval()
        assert there.works(there.token(source, rejected=there.token(source)))
    assert there.refresh_token(source) == before


def test_a_vendor_that_wants_time_between_refreshes_is_not_asked_before(house: OpenHouse) -> None:
    profile = next(p for p in PROFILES.values() if p.refresh.min_interval_seconds)
    there = house(profile)
    source = there.connect().source_id
    asked = there.asked("/token")
    token = there.token(source)
    with pytest.raises(RetryLater) as caught:
        there.token(source, rejected=token)
    assert caught.value.code == "rate_limited"
    assert caught.value.after is not None
    assert 0 < caught.value.after <= (profile.refresh.min_interval_seconds or 0)
    assert there.asked("/token") == asked
    assert there.source(source).state == Source.State.ACTIVE
    there.pass_interval()
    assert there.token(source, rejected=token) != token


def test_a_grant_that_the_person_ended_at_the_portal_is_over(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.running.revoke_grants()
    assert over(there, source, late=HOUR) == "grant_over"
    sent = there.asked("/token")
    assert over(there, source, late=HOUR) == "grant_over"
    assert there.asked("/token") == sent  # nobody knocks at a closed door
    assert there.connect(reconnects=source).source_id == source
    assert there.works(there.token(source))


def test_invalid_grant_said_once_is_not_believed(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.running.set_faults(Fault(kind="invalid_grant", where="token"))
    assert there.works(there.token(source, late=HOUR))
    assert there.source(source).state == Source.State.ACTIVE


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(kind="html", where="token"), "html"),
        (Fault(kind="status", where="token", status=503), "server_error"),
        (Fault(kind="status", where="token", status=504), "server_error"),
        (Fault(kind="reset", where="token"), "connection_lost"),
        (Fault(kind="status", where="token", status=429, retry_after="7"), "rate_limited"),
    ],
    ids=["html", "503", "504", "reset", "429"],
)
def test_a_token_endpoint_that_fails_costs_nothing(house: OpenHouse, fault: Fault, code: str) -> None:
    there = house()
    source = there.connect().source_id
    before = there.refresh_token(source)
    there.running.set_faults(fault)
    with pytest.raises(RetryLater) as caught:
        there.token(source, late=HOUR)
    assert caught.value.code == code
    assert caught.value.after == (7.0 if code == "rate_limited" else None)
    assert there.source(source).state == Source.State.ACTIVE
    assert there.refresh_token(source) == before
    surely = code == "rate_limited" or fault.status == 503
    assert (there.grant(source).refresh_started_at is None) is surely
    assert there.works(there.token(source, late=HOUR + LATER))
    assert there.grant(source).refresh_started_at is None


def test_a_reply_lost_on_its_way_is_told_as_that(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.running.set_faults(Fault(kind="truncate", where="token"))
    with pytest.raises(RetryLater):
        there.token(source, late=HOUR)
    assert over(there, source, late=HOUR + LATER) == "refresh_interrupted"


def test_a_death_before_the_request_costs_nothing(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.mark(source, ago=LATER)
    assert there.works(there.token(source, rejected=there.token(source)))
    assert there.grant(source).refresh_started_at is None


def test_a_death_after_the_request_asks_the_person(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    rotate_behind_our_back(there, source)
    there.mark(source, ago=LATER)
    sent = there.asked("/token")
    assert over(there, source, late=HOUR) == "refresh_interrupted"
    assert there.asked("/token") == sent + 1  # the old token is tried once
    assert there.grant(source).refresh_started_at is None


def test_a_death_is_remembered_past_an_outage(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    rotate_behind_our_back(there, source)
    marker = there.mark(source, ago=LATER)
    there.running.set_faults(Fault(kind="status", where="token", status=503))
    with pytest.raises(RetryLater):
        there.token(source, late=HOUR)
    assert there.grant(source).refresh_started_at == marker
    assert over(there, source, late=HOUR) == "refresh_interrupted"


def test_a_young_marker_is_left_alone(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    token = there.token(source)
    marker = there.mark(source, ago=timedelta(seconds=20))
    with pytest.raises(RetryLater) as caught:
        there.token(source, rejected=token)
    assert caught.value.after is not None
    assert 50 < caught.value.after < 70
    assert there.asked("/token") == 1
    assert there.grant(source).refresh_started_at == marker
    assert there.token(source) == token  # the token at hand still works


def test_without_a_refresh_token_the_access_token_is_used_to_its_end(house: OpenHouse) -> None:
    there = house(access_token_seconds=3600)
    source = there.connect().source_id
    with there.sight.open():
        Grant.objects.update(refresh_token=None)
    assert there.works(there.token(source, late=timedelta(minutes=59, seconds=30)))
    assert over(there, source, late=HOUR) == "no_refresh_token"
    assert there.asked("/token") == 1


def test_a_lifetime_that_nobody_told_ends_with_the_first_refusal(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    with there.sight.open():
        Grant.objects.update(access_expires_at=None)
    token = there.token(source, late=timedelta(days=300))
    assert there.asked("/token") == 1
    assert there.token(source, rejected=token) != token


def test_a_registration_that_is_refused_leaves_the_grant(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.registration.client_id = "somebody else"
    there.registration.save()
    with pytest.raises(Denied) as caught:
        there.token(source, late=HOUR)
    assert caught.value.code == "client_refused"
    assert there.source(source).state == Source.State.ACTIVE
    assert there.grant(source).refresh_started_at is None


def test_an_address_that_we_do_not_contact_leaves_the_grant(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    server = there.grant(source).server | {"token_endpoint": "https://169.254.169.254/token"}
    with there.sight.open():
        Grant.objects.update(server=server)
    with pytest.raises(EgressRefused):
        there.token(source, late=HOUR)
    assert there.source(source).state == Source.State.ACTIVE
    assert there.grant(source).refresh_started_at is None


def test_a_reply_outlives_the_database_connection(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.running.set_faults(Fault(kind="hang", where="token", seconds=1.0))
    token = _terminated_meanwhile(there, source)
    assert there.works(token)
    assert there.token(source) == token
    assert there.replies(source) == 2
    assert there.grant(source).refresh_started_at is None
    assert there.works(there.token(source, rejected=token))


def _terminated_meanwhile(there: House, source: Any) -> Secret:
    """Refresh in another thread, and end its database session while it waits for the portal."""
    found: list[Secret] = []

    def ask() -> None:
        try:
            found.append(there.token(source, late=HOUR))
        finally:
            connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    ended = 0
    deadline = time.monotonic() + 5
    while not ended and time.monotonic() < deadline:
        time.sleep(0.05)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE state = 'idle in transaction' AND datname = current_database()"
                " AND state_change < clock_timestamp() - interval '200 milliseconds'"
            )
            ended = cursor.fetchone()[0]
    assert ended == 1
    thread.join(timeout=60)
    assert len(found) == 1
    return found[0]


def test_a_disconnected_source_has_no_token(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    disconnect(sight=there.sight, source_id=source, egress=there.egress, now=timezone.now())
    with pytest.raises(Reauthorize):
        there.token(source)
    assert there.source(source).state == Source.State.DISCONNECTED


def test_a_cause_found_elsewhere_ends_an_active_source_once(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    assert require_reconnect(sight=there.sight, source_id=source, reason="unauthorized")
    assert not require_reconnect(sight=there.sight, source_id=source, reason="grant_over")
    assert there.source(source).state_reason == "unauthorized"


def test_it_refuses_to_work_inside_a_transaction(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    with transaction.atomic(), pytest.raises(RuntimeError):
        there.token(source, late=HOUR)
    assert there.asked("/token") == 1


def test_nothing_secret_is_printed_or_stored_in_the_clear(
    house: OpenHouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    there = house()
    params = there.consent(there.begin())
    source = there.finish(params).source_id
    errors: list[PortalError] = []
    secrets = [
        Secret(params["code"]),
        Secret(params["state"]),
        there.token(source),
        there.refresh_token(source),
    ]
    secrets.append(there.token(source, rejected=secrets[2]))
    secrets.append(there.refresh_token(source))
    for fault in ("html", "reset", "truncate"):
        there.running.set_faults(Fault(kind=fault, where="token"))
        with pytest.raises(PortalError) as caught:
            there.token(source, late=HOUR + 2 * LATER * len(errors))
        errors.append(caught.value)
    # The sandbox runs in this process, and Authlib's server side logs what it issues.
    ours = [each for each in caplog.records if not each.name.startswith("authlib.oauth2.rfc6749.grants")]
    shown = "".join(each.getMessage() for each in ours)
    shown += "".join(f"{each!s} {each!r} {each.args}" for each in errors)
    shown += repr(there.grant(source)) + repr(there.source(source))
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET row_security = off")
        for table in connections["owner"].introspection.table_names(cursor):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" AS t")
            shown += str(cursor.fetchone()[0])
    assert str(source) in shown
    for secret in secrets:
        assert secret.reveal() not in shown
        assert secret.reveal().encode().hex() not in shown
    sealed = there.grant(source)
    assert unseal(sealed, "refresh_token") is not None
