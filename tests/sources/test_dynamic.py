"""Registrations that portals make: for an address somebody typed, by command, and one for each consent."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from connectors.errors import Denied
from connectors.secret import Secret
from connectors.smart.discovery import discover
from phr.core.crypto import unseal
from phr.sources import dynamic, keys, registrations
from phr.sources.flows.disconnect import disconnect
from phr.sources.models import Portal, Registration
from phr.sources.registrations import NotRegistered
from tests.sources.conftest import ANNA, PROFILES, House, OpenHouse

REGISTERING = next(p for p in PROFILES.values() if p.auth.dynamic_registration == "rfc7591")
PER_CONSENT = next(p for p in PROFILES.values() if p.auth.dynamic_registration == "software_id")


def typed(there: House) -> House:
    """Forget what was registered, and let the portal be an address that somebody typed."""
    there.registration.delete()
    Portal.objects.update(origin=Portal.Origin.TYPED)
    there.portal.refresh_from_db()
    return there


def found(there: House) -> Registration:
    return Registration.objects.get(portal=there.portal)


def test_an_address_that_a_user_typed_is_registered_with_on_the_way(house: OpenHouse) -> None:
    there = typed(house(REGISTERING))
    url = there.begin()
    there.registration = found(there)
    assert (there.registration.origin, there.registration.portal) == (
        Registration.Origin.DYNAMIC,
        there.portal,
    )
    assert there.registration.client_id in url
    assert there.registration.registration_client_uri.startswith(there.origin)
    token = unseal(there.registration, "registration_access_token")
    assert token is not None
    assert token.reveal().encode() not in bytes(there.registration.registration_access_token or b"")
    finished = there.finish(there.consent(url))
    assert there.source(finished.source_id).patient_fhir_id == ANNA.patient_id
    # The second journey registers nothing more.
    asked = there.asked("/register")
    there.begin()
    assert there.asked("/register") == asked == 1


def test_what_was_made_for_the_vendor_is_never_sent_to_a_typed_address(house: OpenHouse) -> None:
    there = typed(house(REGISTERING))
    registrations.register(
        profile_id=REGISTERING.id, client_id="of-the-vendor", secret=Secret("s3cret-of-the-vendor")
    )
    url = there.begin()
    assert "of-the-vendor" not in url
    assert all("of-the-vendor" not in each.query for each in there.running.requests())
    assert found(there).client_id != "of-the-vendor"


def test_a_typed_address_that_registers_nobody_is_said_to_need_the_operator(house: OpenHouse) -> None:
    there = typed(house())
    with pytest.raises(NotRegistered) as caught:
        there.begin()
    assert caught.value.code == "no_registration"
    assert not Registration.objects.exists()


def test_a_portal_of_the_directory_is_registered_with_by_its_operator_alone(house: OpenHouse) -> None:
    there = house(REGISTERING)
    there.registration.delete()
    with pytest.raises(NotRegistered):
        there.begin()
    assert there.running.requests() == []


def test_a_secret_that_ran_out_is_asked_for_anew_where_nobody_has_to_do_it(house: OpenHouse) -> None:
    there = typed(house(REGISTERING))
    there.begin()
    first = found(there)
    Registration.objects.update(secret_expires_at=there.clock() + timedelta(days=1))
    there.begin()
    assert there.asked("/register") == 1
    there.clock.ahead += timedelta(days=2)
    there.begin()
    second = found(there)
    assert there.asked("/register") == 2
    assert (second.pk, second.slug) == (first.pk, first.slug)
    assert second.client_id != first.client_id


def test_a_portal_that_declines_leaves_nothing_behind(house: OpenHouse) -> None:
    there = typed(house(REGISTERING))
    # Plain http off this machine is no redirect URI there.
    with override_settings(PHR_BASE_URL="http://health.example.org"), pytest.raises(Denied) as caught:
        there.begin()
    assert caught.value.code == "redirect_uri_refused"
    assert not Registration.objects.exists()


def test_with_a_key_it_is_the_key_of_this_installation(house: OpenHouse) -> None:
    there = typed(house(REGISTERING, client_auth=("private_key_jwt",)))
    url = there.begin()
    there.registration = found(there)
    assert there.registration.method == "private_key_jwt"
    client = registrations.client_of(registration=there.registration)
    assert client.key_id in {key["kid"] for key in keys.published(now=there.clock())["keys"]}
    finished = there.finish(there.consent(url))
    assert there.works(there.token(finished.source_id))


def test_each_consent_gets_a_client_of_its_own_where_there_is_no_refresh_token(house: OpenHouse) -> None:
    there = house(PER_CONSENT, refresh_given=False)
    finished = there.connect()
    grant = there.grant(finished.source_id)
    assert grant.refresh_token is None
    assert grant.own_client is not None
    assert b"PRIVATE" not in bytes(grant.own_client)
    first = there.token(finished.source_id)
    renewed = there.token(finished.source_id, rejected=first)
    assert renewed != first
    assert there.works(renewed)
    # Another consent, another client.
    before = bytes(grant.own_client)
    there.connect()
    assert bytes(there.grant(finished.source_id).own_client or b"") != before


def test_what_a_client_of_its_own_was_given_it_gives_back(house: OpenHouse) -> None:
    there = house(PER_CONSENT, refresh_given=False)
    source = there.connect().source_id
    # The first token is the consent's; what its own client renewed is that client's.
    token = there.token(source, rejected=there.token(source))
    assert there.works(token)
    ended = disconnect(sight=there.sight, source_id=source, egress=there.egress, now=there.clock())
    assert ended.revoked == "revoked"
    assert not there.works(token)


def test_a_house_that_makes_no_clients_is_connected_for_as_long_as_its_token_lasts(
    house: OpenHouse,
) -> None:
    there = house(PER_CONSENT, refresh_given=False, dynamic_registration="none")
    finished = there.connect()
    assert there.grant(finished.source_id).own_client is None
    assert there.works(there.token(finished.source_id))


def test_such_a_vendor_is_not_registered_with_by_command(house: OpenHouse) -> None:
    there = house(PER_CONSENT)
    server = discover(egress=there.egress, base_url=there.portal.base_url, profile=PER_CONSENT)
    with pytest.raises(NotRegistered):
        dynamic.register_at(portal=there.portal, server=server, egress=there.egress, now=there.clock())


def test_the_command_registers_and_prints_the_way_back(
    house: OpenHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = house(REGISTERING)
    there.registration.delete()
    monkeypatch.setattr("phr.ops.management.commands.register_client.egress", lambda: there.egress)
    file = tmp_path / "token"
    file.write_text("an-initial-token\n")
    out = StringIO()
    call_command(
        "register_client",
        f"--vendor={REGISTERING.id}",
        f"--portal-url={there.portal.base_url}",
        "--dynamic",
        f"--initial-access-token-file={file}",
        stdout=out,
        stderr=StringIO(),
    )
    made = found(there)
    assert made.origin == Registration.Origin.DYNAMIC
    assert out.getvalue().strip() == registrations.redirect_uri_of(registration=made)
    for words in (["--dynamic", "--client-id=x"], ["--dynamic"], []):
        with pytest.raises(CommandError):
            call_command(
                "register_client", f"--vendor={REGISTERING.id}", *words, stdout=out, stderr=StringIO()
            )
