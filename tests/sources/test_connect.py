from __future__ import annotations

import dataclasses
import hashlib
from base64 import urlsafe_b64encode
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from connectors.errors import Reauthorize
from connectors.sandbox import SandboxClient
from phr.accounts.access import NotVisible, Role
from phr.core.crypto import KeyringError, unseal
from phr.core.tenant import tenant
from phr.sources.flows.begin import UnknownPortal
from phr.sources.flows.grants import standing_parameters
from phr.sources.models import ConnectAttempt, Grant, Source
from phr.sources.registrations import NotRegistered
from tests.sources.conftest import ANNA, PROFILES, OpenHouse

every_profile = pytest.mark.parametrize(
    "name", sorted(p.id for p in PROFILES.values() if "standalone" in p.auth.flows)
)


@every_profile
def test_a_portal_of_each_vendor_connects(house: OpenHouse, name: str) -> None:
    there = house(PROFILES[name], access_token_seconds=3600)
    finished = there.connect()
    assert finished.created
    assert not finished.difference.missing
    source = there.source(finished.source_id)
    assert (source.state, source.patient_fhir_id) == (Source.State.ACTIVE, ANNA.patient_id)
    assert (source.base_url, source.profile_id) == (there.running.base_url, name)
    token = there.token(finished.source_id)
    assert there.works(token)
    assert there.asked("/token") == 1
    there.pass_interval()
    if PROFILES[name].refresh.style == "none":
        with pytest.raises(Reauthorize):
            there.token(finished.source_id, rejected=token)
        assert there.source(finished.source_id).state_reason == "no_refresh_token"
        return
    renewed = there.token(finished.source_id, rejected=token)
    assert renewed != token
    assert there.works(renewed)


def test_the_request_carries_pkce_and_the_verifier_stays_sealed(house: OpenHouse) -> None:
    there = house()
    url = there.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["aud"] == there.running.base_url
    assert asked["redirect_uri"] == there.callback
    assert len(asked["state"]) >= 22  # 122 bits and more in base64url
    with tenant(user_id=there.user.pk):
        attempt = ConnectAttempt.objects.get()
    verifier = unseal(attempt, "code_verifier")
    assert verifier is not None
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    assert urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert verifier.reveal() not in url
    assert asked["state"].encode() not in bytes(attempt.state_digest)
    moved = ConnectAttempt(code_verifier=attempt.code_verifier)
    with pytest.raises(KeyringError):
        unseal(moved, "code_verifier")


def test_the_verifier_goes_with_the_state(house: OpenHouse) -> None:
    there = house()
    there.connect()
    with tenant(user_id=there.user.pk):
        attempt = ConnectAttempt.objects.get()
    assert attempt.used_at is not None
    assert attempt.code_verifier is None


def test_attempts_of_the_day_before_yesterday_are_swept(house: OpenHouse) -> None:
    there = house()
    there.begin(now=timezone.now() - timedelta(days=2))
    there.begin()
    with tenant(user_id=there.user.pk):
        assert ConnectAttempt.objects.count() == 1


def test_the_same_chart_comes_back_to_the_same_source(house: OpenHouse) -> None:
    there = house()
    first = there.connect()
    second = there.connect()
    assert (second.source_id, second.created) == (first.source_id, False)
    assert there.works(there.token(first.source_id))
    with there.sight.open():
        assert Grant.objects.count() == 1


def test_a_reconnect_wakes_a_source_that_waits(house: OpenHouse) -> None:
    there = house()
    first = there.connect()
    with there.sight.open():
        Source.objects.update(state=Source.State.RECONNECT_NEEDED, state_reason="grant_over")
    again = there.connect(reconnects=first.source_id)
    assert (again.source_id, again.created) == (first.source_id, False)
    source = there.source(first.source_id)
    assert (source.state, source.state_reason) == (Source.State.ACTIVE, "")


def test_scopes_that_the_portal_holds_back_are_told(house: OpenHouse) -> None:
    there = house(
        client=SandboxClient(
            scope="launch/patient openid fhirUser offline_access patient/Patient.rs patient/Condition.rs"
        ),
        scopes_granted="registration",
    )
    finished = there.connect()
    lost = {*finished.difference.missing, *finished.difference.reduced}
    assert lost
    assert not lost & {"Patient", "Condition"}


def test_a_portal_that_names_nobody_is_asked_which_patient_it_shows(house: OpenHouse) -> None:
    profile = next(p for p in PROFILES.values() if "search" in p.patient.sources)
    there = house(profile, patient_in_token=False, id_token=False)
    finished = there.connect()
    assert there.source(finished.source_id).patient_fhir_id == ANNA.patient_id


def test_what_the_token_says_of_every_search_is_kept(house: OpenHouse) -> None:
    profile = next(p for p in PROFILES.values() if p.search.from_claims)
    there = house(profile)
    finished = there.connect()
    there.token(finished.source_id, rejected=there.token(finished.source_id))
    with there.sight.open():
        found = standing_parameters(source_id=finished.source_id)
    (name,) = profile.search.from_claims
    assert [key for key, _ in found] == [name]
    assert "{" not in found[0][1]


def test_without_a_registration_nothing_is_sent(house: OpenHouse) -> None:
    there = house()
    there.registration.delete()
    with pytest.raises(NotRegistered) as caught:
        there.begin()
    assert caught.value.code == "no_registration"
    assert there.running.requests() == []


def test_a_portal_that_starts_apps_from_its_own_page_alone_is_not_gone_to(house: OpenHouse) -> None:
    there = house(next(p for p in PROFILES.values() if p.auth.flows and "standalone" not in p.auth.flows))
    with pytest.raises(NotRegistered) as caught:
        there.begin()
    assert caught.value.code == "only_from_there"
    assert there.running.requests() == []


def test_a_profile_that_is_gone_is_named(house: OpenHouse) -> None:
    there = house()
    there.portal.profile_id = "gone"
    there.portal.save()
    with pytest.raises(NotRegistered) as caught:
        there.begin()
    assert caught.value.code == "no_profile"


def test_a_viewer_connects_nothing(house: OpenHouse) -> None:
    there = house()
    there.sight = dataclasses.replace(there.sight, role=Role.VIEWER)
    with pytest.raises(NotVisible):
        there.begin()
    assert there.running.requests() == []


def test_a_reconnect_stays_at_its_portal(house: OpenHouse) -> None:
    there, elsewhere = house(), house(slug="lakeside")
    finished = there.connect()
    with pytest.raises(UnknownPortal):
        elsewhere.begin(reconnects=finished.source_id)
    assert elsewhere.running.requests() == []
