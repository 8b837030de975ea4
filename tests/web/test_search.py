"""The page on which a hospital is found: with and without scripts, by name, and by an address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from phr.accounts import access
from phr.accounts.models import User
from phr.sources.models import Portal
from phr.sources.portals import add_portal
from tests.sources.lists import HOST, listing, portal, put


@pytest.fixture
def sight(db: None, owner: User) -> access.Sight:
    return access.create_person(user=owner, name="Rosa Marin")


@pytest.fixture
def ask(client: Client, owner: User, sight: access.Sight) -> Callable[..., str]:
    client.force_login(owner)

    def ask(text: str, **headers: str) -> str:
        reply = client.get(reverse("connect", args=[sight.person_id]), {"q": text}, headers=headers)
        assert reply.status_code == 200
        return reply.content.decode()

    return ask


def test_typing_is_answered_with_the_list_alone(ask: Callable[..., str]) -> None:
    put(listing("Elm Clinic", city="Boston", state="MA", postal_code="02108"))
    whole, part = ask("elm clin"), ask("elm clin", **{"hx-request": "true"})
    for page in (whole, part):
        assert "Elm Clinic" in page
        assert "Boston, MA 02108" in page
    assert "<h1" in whole
    assert "<h1" not in part
    assert part.lstrip().startswith('<section class="stack" id="portals"')


def test_what_was_read_otherwise_than_typed_is_said(ask: Callable[..., str]) -> None:
    put(listing("Elm Northern California", "/n"), listing("Oakwood <b>", "/o"))
    assert "These have <strong>oakwood</strong>" in ask("oakwodo")
    assert "Oakwood &lt;b&gt;" in ask("oakwood")
    assert "None of these says “oakland”. It is in California" in ask("elm oakland")
    assert "These leave out “zzyzx”" in ask("elm zzyzx")
    assert "Nothing of that name" in ask("zzyzx")
    assert "&lt;script&gt;" in ask("<script>")


def test_places_of_one_name_share_a_line(ask: Callable[..., str]) -> None:
    put(*(listing("Elm Clinic", postal_code=f"0210{number}", state="MA") for number in range(6)))
    page = ask("elm")
    assert page.count("<strong>Elm Clinic</strong>") == 1
    assert "and 2 more" in page


def test_lines_that_look_alike_are_told_apart(ask: Callable[..., str]) -> None:
    put(listing("Elm", "/r4/aaaaaaaa"), listing("Elm", "/r4/bbbbbbbb"))
    page = ask("elm")
    assert "fhir.acme.org …aaaaaa" in page
    assert "fhir.acme.org …bbbbbb" in page


def test_a_name_that_is_chosen_goes_along(
    ask: Callable[..., str], client: Client, sight: access.Sight
) -> None:
    put(listing("Elm"), listing("Oak"))
    brand = portal().brands.get(name="Oak")
    there = f"{reverse('connect_portal', args=[sight.person_id, portal().pk])}?brand={brand.pk}"
    assert there in ask("oak")
    page = client.get(there).content.decode()
    assert "Connect Oak" in page
    elsewhere = client.get(there.replace(f"brand={brand.pk}", f"brand={brand.pk + 1000}")).content.decode()
    assert "Connect Oak" not in elsewhere


def test_an_address_is_asked_about_before_anything_is_made_of_it(
    ask: Callable[..., str], client: Client, sight: access.Sight
) -> None:
    address = "https://fhir.example-clinic.org/r4"
    page = ask(address)
    assert "That is an address" in page
    assert "nobody vouches" in page
    assert not Portal.objects.exists()
    reply = client.post(reverse("connect_address", args=[sight.person_id]), {"address": address})
    made = Portal.objects.get(base_url=address)
    assert made.origin == Portal.Origin.TYPED
    assert reply["location"] == reverse("connect_portal", args=[sight.person_id, made.pk])
    assert "This address is not in the directory" in client.get(reply["location"]).content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "http://clinic.example-clinic.org/r4",
        "https://ehr.local/fhir",
        "elm",
        "https://fhir.example-clinic.org/r4\x00",
        "https://fh\u00efr.example-clinic.org/r4",
    ],
)
def test_an_address_that_will_not_do_says_why(
    ask: Callable[..., str], client: Client, sight: access.Sight, address: str
) -> None:
    ask("")  # signs in
    reply = client.post(reverse("connect_address", args=[sight.person_id]), {"address": address})
    assert reply.status_code == 400
    assert 'role="alert"' in reply.content.decode()
    assert not Portal.objects.exists()


def test_what_the_operator_set_up_is_there_before_anything_is_typed(ask: Callable[..., str]) -> None:
    assert "Type to search" in ask("")
    add_portal(profile_id="generic", name="Our Elm", base_url=f"{HOST}/ours")
    put(listing("Elm"))
    page = ask("")
    assert "Our Elm" in page
    assert "<strong>Elm</strong>" not in page
