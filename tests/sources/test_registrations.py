from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from connectors.directory import Listing
from connectors.secret import Secret
from phr.accounts.access import Sight
from phr.core.crypto import KeyringError
from phr.sources import directory, keys, registrations
from phr.sources.asking import request_text
from phr.sources.loading import load
from phr.sources.models import Portal, Registration
from phr.sources.portals import BadAddress, add_portal, bare_url
from phr.sources.profiles import UnknownProfile
from phr.sources.registrations import BadRegistration, NotRegistered, register
from tests.sources.conftest import PROFILES

pytestmark = pytest.mark.django_db

NAME = next(p.id for p in PROFILES.values() if {"public", "client_secret_basic"} <= set(p.auth.clients))
OTHER = next(p.id for p in PROFILES.values() if p.id != NAME and "public" in p.auth.clients)


def test_a_portals_own_registration_goes_before_its_vendors() -> None:
    portal, _ = add_portal(profile_id=NAME, name="Mercy", base_url="https://fhir.example.org/r4")
    assert registrations.registration_for(portal=portal) is None
    register(profile_id=OTHER, client_id="other")
    assert registrations.registration_for(portal=portal) is None
    vendors, _ = register(profile_id=NAME, client_id="vendor")
    assert registrations.registration_for(portal=portal) == vendors
    own, _ = register(profile_id=NAME, client_id="own", portal=portal)
    assert registrations.registration_for(portal=portal) == own
    assert own.slug != vendors.slug


def test_a_vendor_can_be_registered_with_though_a_portal_has_its_slug() -> None:
    portal, _ = add_portal(profile_id=NAME, name="Mercy", base_url="https://fhir.example.org/r4")
    bound, _ = register(profile_id=NAME, client_id="demo")
    Registration.objects.filter(pk=bound.pk).update(portal=portal)  # as the demo does

    told = registrations.vendor_slug(profile_id=NAME)
    general, created = register(profile_id=NAME, client_id="all")
    assert created
    assert general.slug == told != bound.slug
    assert registrations.registration_for(portal=portal) == bound
    # Once it is there, it stays what it is.
    assert register(profile_id=NAME, client_id="more")[0].slug == told


def test_a_second_registration_replaces_the_first_and_keeps_its_address() -> None:
    first, created = register(profile_id=NAME, client_id="one", secret=Secret("s3cret"))
    second, again = register(profile_id=NAME, client_id="two")
    assert (created, again) == (True, False)
    assert (first.pk, first.slug) == (second.pk, second.slug)
    client = registrations.client_of(registration=Registration.objects.get())
    assert (client.id, client.method, client.secret) == ("two", "public", None)


def test_a_secret_is_sealed_to_its_registration() -> None:
    row, _ = register(profile_id=NAME, client_id="one", secret=Secret("s3cret"))
    assert b"s3cret" not in bytes(row.secret or b"")
    assert registrations.client_of(registration=row).secret == Secret("s3cret")
    moved = Registration(secret=row.secret, client_id="x", method=row.method)
    with pytest.raises(KeyringError):
        registrations.client_of(registration=moved)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"algorithm": "ES384"}, "private_key_jwt alone"),
        ({"redirect_uri": "phr.invalid/callback"}, "whole address"),
        ({"redirect_uri": "https://phr.invalid/callback#x"}, "whole address"),
        ({"redirect_uri": "https://phr.invalid/callback?x=1"}, "whole address"),
        ({"method": "client_secret_basic"}, "needs a client secret"),
        ({"method": "public", "secret": Secret("s3cret")}, "takes no client secret"),
        ({"method": "carrier pigeon"}, "one of"),
        ({"client_id": ""}, "client id"),
        ({"client_id": "naïve"}, "client id"),
        ({"secret": Secret("pässword")}, "ASCII"),
    ],
)
def test_what_cannot_be_registered_is_said_in_a_sentence(changes: dict[str, object], word: str) -> None:
    with pytest.raises(BadRegistration, match=word) as caught:
        register(**({"profile_id": NAME, "client_id": "one"} | changes))  # type: ignore[arg-type]
    assert "s3cret" not in str(caught.value)
    assert not Registration.objects.exists()


def test_a_portal_of_another_vendor_takes_no_registration() -> None:
    portal, _ = add_portal(profile_id=OTHER, name="Mercy", base_url="https://fhir.example.org/r4")
    with pytest.raises(BadRegistration):
        register(profile_id=NAME, client_id="one", portal=portal)
    with pytest.raises(UnknownProfile):
        register(profile_id="nobody", client_id="one")


def test_a_private_key_that_we_do_not_hold_is_no_client() -> None:
    row = Registration(
        profile_id=NAME,
        slug="x",
        client_id="x",
        method=Registration.Method.PRIVATE_KEY_JWT,
        algorithm="RS384",
    )
    with pytest.raises(NotRegistered) as caught:
        registrations.client_of(registration=row)
    assert caught.value.code == "no_key"


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_a_registration_with_a_key_signs_with_the_key_that_is_current(algorithm: str) -> None:
    name = next(p.id for p in PROFILES.values() if "private_key_jwt" in p.auth.clients)
    row, _ = register(profile_id=name, client_id="one", method="private_key_jwt", algorithm=algorithm)  # type: ignore[arg-type]
    assert row.secret is None
    client = registrations.client_of(registration=row)
    assert (client.method, client.algorithm) == ("private_key_jwt", algorithm)
    published = {key["kid"]: key for key in keys.published(now=timezone.now())["keys"]}
    assert published[client.key_id]["alg"] == algorithm
    # The next key signs without the registration being touched.
    began = timezone.now()
    keys.rotate(algorithm=algorithm, now=began)  # type: ignore[arg-type]
    rotated = keys.rotate(algorithm=algorithm, now=began + timedelta(days=1))  # type: ignore[arg-type]
    assert registrations.client_of(registration=row).key_id == rotated.key_id != client.key_id


def test_an_address_that_a_user_typed_never_gets_what_was_made_for_a_vendor() -> None:
    register(profile_id=NAME, client_id="vendor", secret=Secret("s3cret"))
    typed, _ = add_portal(profile_id=NAME, name="Typed", base_url="https://typed.example.org/r4")
    assert registrations.registration_for(portal=typed) is not None
    typed.origin = Portal.Origin.TYPED
    typed.save()
    assert registrations.registration_for(portal=typed) is None
    own, _ = register(profile_id=NAME, client_id="own", portal=typed)
    assert registrations.registration_for(portal=typed) == own


def test_the_address_registered_there_may_be_another_than_ours() -> None:
    row, _ = register(profile_id=NAME, client_id="one")
    ours = registrations.redirect_uri_of(registration=row)
    assert ours.endswith(f"/callback/{row.slug}/")
    assert registrations.comes_back_here(registration=row)
    row, _ = register(profile_id=NAME, client_id="two", redirect_uri="https://phr.invalid/callback/")
    assert registrations.redirect_uri_of(registration=row) == "https://phr.invalid/callback/"
    assert not registrations.comes_back_here(registration=row)
    row, _ = register(profile_id=NAME, client_id="three")  # says nothing of it
    assert registrations.redirect_uri_of(registration=row) == "https://phr.invalid/callback/"
    row, _ = register(profile_id=NAME, client_id="three", redirect_uri="")
    assert registrations.redirect_uri_of(registration=row) == ours


def test_a_secret_that_has_run_out_is_not_sent() -> None:
    row, _ = register(profile_id=NAME, client_id="one", secret=Secret("s3cret"))
    row.secret_expires_at = timezone.now()
    row.save()
    with pytest.raises(NotRegistered) as caught:
        registrations.client_of(registration=row)
    assert caught.value.code == "secret_expired"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://FHIR.example.org/R4/", "https://fhir.example.org/R4"),
        (" https://fhir.example.org:443/r4 ", "https://fhir.example.org/r4"),
        ("http://[::1]:8001//", "http://[::1]:8001"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert bare_url(given) == kept
    portal, created = add_portal(profile_id=NAME, name="Mercy", base_url=given)
    again, new = add_portal(profile_id=NAME, name="Mercy General", base_url=kept)
    assert (created, new, portal.pk) == (True, False, again.pk)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fhir.example.org",
        "ftp://x/y",
        "https://",
        "https://a:b@x/y",
        "https://x/y?z=1",
        "https://x:99999/",
    ],
)
def test_what_is_no_base_address_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        bare_url(url)


def told_by_a_list(*, sure: bool, at: str = "https://fhir.example.org/r4") -> Portal:
    found = [Listing(base_url=at, published_url=at, name="Elm", vendor=NAME, told="address", sure=sure)]
    load(name="a list", found=found, vendor_names={NAME: NAME}, now=timezone.now())
    return Portal.objects.get(base_url=at)


def test_a_shared_secret_is_not_for_what_looks_like_the_vendors() -> None:
    portal = told_by_a_list(sure=False)
    general, _ = register(profile_id=NAME, client_id="vendor", secret=Secret("s3cret"))
    assert registrations.registration_for(portal=portal) is None
    assert not registrations.serves(registration=general, portal=portal)
    assert registrations.unconfirmed(registration=general, portal=portal)
    own, _ = register(profile_id=NAME, client_id="own", portal=portal, secret=Secret("0wn"))
    assert registrations.registration_for(portal=portal) == own
    assert registrations.serves(registration=own, portal=portal)


def test_a_shared_secret_is_for_what_the_operator_confirmed() -> None:
    portal = told_by_a_list(sure=False)
    general, _ = register(profile_id=NAME, client_id="vendor", secret=Secret("s3cret"))
    assert "add_portal" in request_text(portal_id=portal.pk)
    add_portal(profile_id=NAME, name="Elm", base_url=portal.base_url)
    portal = told_by_a_list(sure=False)
    assert registrations.registration_for(portal=portal) == general
    assert registrations.serves(registration=general, portal=portal)
    assert "add_portal" not in request_text(portal_id=portal.pk)


def test_a_shared_secret_is_for_what_is_the_vendors_for_sure() -> None:
    general, _ = register(profile_id=NAME, client_id="vendor", secret=Secret("s3cret"))
    portal = told_by_a_list(sure=True)
    assert registrations.registration_for(portal=portal) == general
    assert not registrations.unconfirmed(registration=general, portal=portal)


@pytest.mark.parametrize("method", ["public", "private_key_jwt"])
def test_what_sends_no_secret_is_for_all_that_look_like_the_vendors(method: str) -> None:
    name = next(p.id for p in PROFILES.values() if {"public", "private_key_jwt"} <= set(p.auth.clients))
    at = "https://fhir.example.org/r4"
    found = [Listing(base_url=at, published_url=at, name="Elm", vendor=name, told="address")]
    load(name="a list", found=found, vendor_names={name: name}, now=timezone.now())
    general, _ = register(profile_id=name, client_id="vendor", method=method)
    portal = Portal.objects.get()
    assert registrations.registration_for(portal=portal) == general
    assert registrations.serves(registration=general, portal=portal)


def test_the_page_says_that_the_operator_has_to_confirm_it(sight: Sight) -> None:
    portal = told_by_a_list(sure=False)
    register(profile_id=NAME, client_id="vendor", secret=Secret("s3cret"))
    with sight.open():
        shown = directory.choice(sight=sight, portal_id=portal.pk)
    assert shown is not None
    assert (shown.connectable, shown.lack) == (False, "no_registration")
    assert "has to confirm" in shown.why_not
    add_portal(profile_id=NAME, name="Elm", base_url=portal.base_url)
    with sight.open():
        shown = directory.choice(sight=sight, portal_id=portal.pk)
    assert shown is not None
    assert "has to confirm" not in shown.why_not
    assert shown.lack != "no_registration"
