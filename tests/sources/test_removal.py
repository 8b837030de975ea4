"""Taking a registration out again by command: refused while anybody is connected by it."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from connectors.secret import Secret
from phr.accounts import access
from phr.accounts.models import User
from phr.exchange.models import SystemConnection
from phr.sources import registrations
from phr.sources.flows.disconnect import disconnect
from phr.sources.models import ConnectAttempt, Registration
from tests.sources.conftest import BEN, House, OpenHouse


def remove(*further: str, vendor: str) -> str:
    out = StringIO()
    call_command("register_client", f"--vendor={vendor}", "--remove", *further, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def refused(*further: str, vendor: str) -> str:
    with pytest.raises(CommandError) as caught:
        remove(*further, vendor=vendor)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def arguments(there: House) -> tuple[str, ...]:
    alone = there.registration.portal is not None
    return (f"--portal-url={there.portal.base_url}",) if alone else ()


def test_it_goes_once_nobody_is_connected_any_more(house: OpenHouse, other_user: User) -> None:
    there = house()
    vendor = there.registration.profile_id
    first = there.connect().source_id
    # Somebody else's, in a record that no one session sees beside the first.
    there.user, there.sight = other_user, access.create_person(user=other_user, name="Ben Berg")
    mine = there.sight
    second = there.connect(account=BEN).source_id

    said = refused(*arguments(there), vendor=vendor)
    assert "2 connections of people hold on to it" in said
    assert Registration.objects.filter(pk=there.registration.pk).exists()

    disconnect(sight=mine, source_id=second, egress=there.egress, now=there.clock())
    assert "1 connection of a person holds on to it" in refused(*arguments(there), vendor=vendor)

    [person] = access.people_of(user=User.objects.exclude(pk=other_user.pk).get(), now=there.clock())
    disconnect(sight=person, source_id=first, egress=there.egress, now=there.clock())
    assert remove(*arguments(there), vendor=vendor) == f"Removed {there.registration.slug}."
    assert not Registration.objects.exists()


def test_a_journey_under_way_ends_with_it(house: OpenHouse) -> None:
    there = house()
    there.begin()
    assert ConnectAttempt.objects.using("operator").count() == 1
    remove(*arguments(there), vendor=there.registration.profile_id)
    assert ConnectAttempt.objects.using("operator").count() == 0


def test_an_export_holds_on_to_it_too(house: OpenHouse) -> None:
    there = house()
    SystemConnection.objects.using("operator").create(
        name="Mercy", base_url=there.portal.base_url, portal=there.portal, registration=there.registration
    )
    said = refused(*arguments(there), vendor=there.registration.profile_id)
    assert "1 system connection holds on to it" in said


def test_of_a_vendor_and_of_its_portal_the_one_that_is_named_goes(house: OpenHouse) -> None:
    there = house()
    vendor = there.registration.profile_id
    Registration.objects.all().delete()
    registrations.register(profile_id=vendor, client_id="all", secret=Secret("s"))
    registrations.register(profile_id=vendor, client_id="one", portal=there.portal, secret=Secret("s"))
    remove(vendor=vendor)
    assert [each.client_id for each in Registration.objects.all()] == ["one"]
    remove(f"--portal-url={there.portal.base_url}", vendor=vendor)
    assert not Registration.objects.exists()


def test_what_cannot_be_removed_is_a_sentence(house: OpenHouse) -> None:
    there = house()
    vendor = there.registration.profile_id
    assert "no such registration" in refused(vendor="nobody")
    assert "no portal" in refused("--portal-url=https://nobody.example.org", vendor=vendor)
    for further in ("--client-id=x", "--dynamic", "--redirect-uri="):
        assert "alone" in refused(further, vendor=vendor)
    assert Registration.objects.count() == 1
