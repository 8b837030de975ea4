from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from connectors.errors import BadReply, Reauthorize, RetryLater
from connectors.sandbox import Fault
from connectors.scopes import ScopeSet, requested
from connectors.secret import Secret
from phr.sources.flows.from_tokens import from_tokens
from phr.sources.models import Portal, Source
from tests.sources.conftest import ANNA, PROFILES, House, OpenHouse


def given(there: House, *, refresh: bool = True, **changes: Any) -> tuple[Source, bool]:
    scope = requested(profile=PROFILES[there.running.profile_id])
    issued = there.running.issue_grant(patient_id=ANNA.patient_id, scope=scope)
    asked: dict[str, Any] = {
        "sight": there.sight,
        "profile_id": there.running.profile_id,
        "base_url": f"{there.running.base_url}/",
        "patient": ANNA.patient_id,
        "access_token": Secret(issued["access_token"]),
        "refresh_token": Secret(issued["refresh_token"]) if refresh else None,
        "egress": there.egress,
        "now": timezone.now(),
    }
    return from_tokens(**asked | changes)


def test_tokens_become_a_source_that_renews_itself(house: OpenHouse) -> None:
    there = house()
    source, created = given(there, expires_in=30)
    assert created
    assert there.works(there.token(source.pk))
    assert there.asked("/token") == 1  # thirty seconds are too few to set out with
    assert given(there)[1] is False


def test_without_a_scope_what_we_would_ask_for_is_assumed(house: OpenHouse) -> None:
    there = house()
    source, _ = given(there)
    assert ScopeSet.parse(there.grant(source.pk).scope).allows("Observation", "s")
    source, _ = given(there, scope="patient/Patient.rs")
    assert not ScopeSet.parse(there.grant(source.pk).scope).allows("Observation", "s")


def test_a_portal_that_is_new_is_put_into_the_directory(house: OpenHouse) -> None:
    there = house()
    there.registration.delete()
    there.portal.delete()
    source, _ = given(there, name="Mercy")
    portal = Portal.objects.get()
    assert (portal.name, portal.base_url) == ("Mercy", there.running.base_url)
    assert source.name == "Mercy"


def test_tokens_without_a_registration_are_used_to_their_end(house: OpenHouse) -> None:
    there = house()
    there.registration.delete()
    source, _ = given(there)
    token = there.token(source.pk)
    assert there.works(token)
    with pytest.raises(Reauthorize):
        there.token(source.pk, rejected=token)
    assert there.source(source.pk).state_reason == "not_registered"


def test_a_portal_that_describes_no_authorization_is_taken_without(house: OpenHouse) -> None:
    there = house()
    there.running.set_faults(Fault(kind="html", where="metadata", times=None))
    with pytest.raises(BadReply):
        given(there)
    source, _ = given(there, refresh=False)
    token = there.token(source.pk)
    with pytest.raises(Reauthorize):
        there.token(source.pk, rejected=token)
    assert there.source(source.pk).state_reason == "no_refresh_token"


def test_a_portal_that_does_not_answer_makes_no_source(house: OpenHouse) -> None:
    there = house()
    there.running.set_faults(Fault(kind="reset", where="metadata", times=None))
    with pytest.raises(RetryLater):
        given(there, refresh=False)
    with there.sight.open():
        assert not Source.objects.exists()
