"""Many workers, one grant: what is lost when nothing holds them apart, and nothing when the grant's lock does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone

from connectors.errors import PortalError, Reauthorize
from connectors.sandbox import Fault
from connectors.secret import Secret
from connectors.smart import tokens
from connectors.smart.discovery import Server
from phr.core.environment import DatabaseAddress
from phr.sources.flows.disconnect import disconnect
from phr.sources.flows.refresh import MARKER_LIFE
from phr.sources.models import Grant, Source
from phr.sources.profiles import profile_of
from phr.sources.registrations import client_of
from tests.conftest import ROOT
from tests.sources.conftest import House, OpenHouse

WORKERS = 20
LATER = MARKER_LIFE + timedelta(seconds=5)


def all_at_once(there: House, source: UUID, *, rejected: Secret) -> list[Secret | PortalError]:
    """Let every worker meet the same 401 at the same time, each with a database connection of its own."""
    barrier = Barrier(WORKERS)

    def worker(_number: int) -> Secret | PortalError:
        try:
            barrier.wait(timeout=30)
            return there.token(source, rejected=rejected)
        except PortalError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(worker, range(WORKERS)))


def test_the_portal_would_punish_a_race(house: OpenHouse) -> None:
    """The yardstick: without our lock, the second use of a rotated token ends the whole grant."""
    there = house()
    source = there.connect().source_id
    grant, refresh_token = there.grant(source), there.refresh_token(source)

    def careless(_number: int) -> bool:
        try:
            tokens.refresh(
                egress=there.egress,
                token_endpoint=Server.from_dict(grant.server).token_endpoint,
                client=client_of(registration=there.registration),
                profile=profile_of(there.running.profile_id),
                refresh_token=refresh_token,
                scope=grant.scope,
            )
        except Reauthorize:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(careless, range(2))) == [False, True]
    with pytest.raises(Reauthorize):
        there.token(source, rejected=there.token(source))


@pytest.mark.parametrize("rounds", [3, 50])
def test_twenty_workers_at_one_expired_token_refresh_once(house: OpenHouse, rounds: int) -> None:
    there = house()
    source = there.connect().source_id
    for number in range(rounds):
        old = there.token(source)
        found = all_at_once(there, source, rejected=old)
        assert {type(each) for each in found} == {Secret}
        assert len(set(found)) == 1
        assert old not in found
        assert there.asked("/token") == 2 + number
    assert there.works(there.token(source))
    assert there.replies(source) == 1 + rounds


def test_workers_wait_for_a_slow_portal(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    old = there.token(source)
    there.running.set_faults(Fault(kind="hang", where="token", seconds=1.5))
    found = all_at_once(there, source, rejected=old)
    assert len(set(found)) == 1
    assert there.asked("/token") == 2


def test_workers_at_a_grant_that_is_over_are_all_told(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    old = there.token(source)
    there.running.revoke_grants()
    found = all_at_once(there, source, rejected=old)
    assert {type(each) for each in found} == {Reauthorize}
    assert there.asked("/token") == 3  # asked, and asked once more
    assert there.source(source).state == Source.State.RECONNECT_NEEDED


def test_a_disconnect_waits_for_the_refresh_and_gives_its_tokens_back(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    old = there.token(source)
    there.running.set_faults(Fault(kind="hang", where="token", seconds=1.0))

    def refresh(_nothing: None) -> Secret:
        try:
            return there.token(source, rejected=old)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pending = pool.map(refresh, [None])
        _until(lambda: there.grant(source).refresh_started_at is not None)
        time.sleep(0.2)
        ended = disconnect(sight=there.sight, source_id=source, egress=there.egress, now=timezone.now())
        (renewed,) = pending
    assert ended.revoked == "revoked"
    assert not there.works(renewed)
    with there.sight.open():
        assert not Grant.objects.exists()


WORKER = """
import sys, django
django.setup()
from datetime import timedelta
from uuid import UUID
from django.utils import timezone
from connectors.egress import Egress
from phr.accounts import access
from phr.sources.flows.refresh import access_token
person, source, port = UUID(sys.argv[1]), UUID(sys.argv[2]), int(sys.argv[3])
access_token(sight=access.for_work(person_id=person), source_id=source,
             egress=Egress(allow=frozenset({("127.0.0.1", port)})), now=timezone.now() + timedelta(hours=2))
"""


def test_a_worker_killed_over_its_request_loses_no_record_and_says_so(
    house: OpenHouse, committed: DatabaseAddress
) -> None:
    there = house()
    source = there.connect().source_id
    old = there.token(source)
    there.running.set_faults(Fault(kind="hang", where="token", seconds=2.0))
    with _worker(there, source, committed) as process:
        _until(lambda: there.grant(source).refresh_started_at is not None)
        time.sleep(0.3)  # the second transaction, and the request
        assert process.poll() is None
        process.kill()
    _until(lambda: there.asked("/token") == 2)
    # The one window that no lock closes: the portal rotated, and nobody was there to keep what it said.
    with pytest.raises(Reauthorize):
        there.token(source, rejected=old, late=timedelta(hours=2) + LATER)
    assert there.source(source).state_reason == "refresh_interrupted"
    assert there.connect(reconnects=source).source_id == source


def test_a_worker_left_alone_does_what_the_killed_one_would_have(
    house: OpenHouse, committed: DatabaseAddress
) -> None:
    there = house()
    source = there.connect().source_id
    old = there.token(source)
    with _worker(there, source, committed) as process:
        assert process.wait(timeout=30) == 0
    assert there.token(source) != old
    assert there.works(there.token(source))


def _worker(there: House, source: UUID, database: DatabaseAddress) -> subprocess.Popen[bytes]:
    environment = os.environ | {"DATABASE_URL": database.url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    port = str(urlsplit(there.running.base_url).port)
    arguments = [sys.executable, "-c", WORKER, str(there.sight.person_id), str(source), port]
    return subprocess.Popen(arguments, env=environment, cwd=ROOT)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
