from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from phr.accounts.access import Sight
from phr.sources import directory
from phr.sources.models import Portal, Source
from phr.sources.portals import add_portal
from phr.sources.registrations import register
from tests.sources.conftest import PROFILES

NAME = next(p.id for p in PROFILES.values() if "public" in p.auth.clients)
OTHER = next(name for name in PROFILES if name != NAME)


def portal(name: str, *, place: str = "", vendor: str = NAME) -> Portal:
    host = name.lower().replace(" ", "-")
    return add_portal(profile_id=vendor, name=name, base_url=f"https://{host}.example.org/r4", place=place)[0]


def names(sight: Sight, text: str) -> list[str]:
    with sight.open():
        return [each.name for each in directory.search(sight=sight, text=text)]


@pytest.fixture
def listed(db: None) -> None:
    portal("Mercy Hospital", place="Joplin, MO")
    portal("Our Lady of Mercy", place="Augusta, ME")
    portal("Lakeside Clinic", place="Mercy County, IA")
    portal("Lakeside Children's", vendor=OTHER)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mercy", ["Mercy Hospital", "Our Lady of Mercy", "Lakeside Clinic"]),
        ("MERCY joplin", ["Mercy Hospital"]),
        ("hospital  mercy", ["Mercy Hospital"]),
        ("children's", ["Lakeside Children's"]),
        ("100%", []),
        ("_", []),
        ("mercy nowhere", []),
    ],
)
def test_every_word_is_found_in_name_place_or_vendor(
    listed: None, sight: Sight, text: str, found: list[str]
) -> None:
    assert names(sight, text) == found


def test_a_vendors_name_finds_its_portals(listed: None, sight: Sight) -> None:
    assert "Lakeside Children's" in names(sight, PROFILES[OTHER].name.split()[0])


def test_an_empty_search_lists_by_name_and_stops(db: None, sight: Sight) -> None:
    for number in range(directory.SHOWN + 1):
        portal(f"Clinic {number:03}")
    assert names(sight, "  ") == [f"Clinic {number:03}" for number in range(directory.SHOWN)]


def test_a_page_of_portals_takes_three_queries(
    listed: None, sight: Sight, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with sight.open(), django_assert_num_queries(3):
        directory.search(sight=sight, text="")


def test_a_portal_says_why_it_cannot_be_connected(db: None, sight: Sight) -> None:
    mercy = portal("Mercy")
    with sight.open():
        before = directory.choice(sight=sight, portal_id=mercy.pk)
    assert before is not None
    assert not before.connectable
    assert before.why_not
    register(profile_id=NAME, client_id="x", portal=portal("Lakeside"))
    with sight.open():
        assert directory.choice(sight=sight, portal_id=mercy.pk) == before
    register(profile_id=NAME, client_id="x")
    with sight.open():
        after = directory.choice(sight=sight, portal_id=mercy.pk)
        assert after is not None
        assert after.connectable
        assert not after.why_not
        assert directory.choice(sight=sight, portal_id=mercy.pk + 1000) is None


def test_a_portal_of_a_vendor_that_is_gone_says_so(db: None, sight: Sight) -> None:
    mercy = portal("Mercy")
    Portal.objects.update(profile_id="gone")
    with sight.open():
        found = directory.choice(sight=sight, portal_id=mercy.pk)
    assert found is not None
    assert (found.connectable, found.vendor_name) == (False, "gone")


def test_a_connected_portal_says_so_to_its_person_alone(db: None, sight: Sight) -> None:
    mercy = portal("Mercy")
    with sight.open():
        Source.objects.create(
            person_id=sight.person_id,
            portal=mercy,
            profile_id=NAME,
            name="Mercy",
            base_url=mercy.base_url,
            patient_fhir_id="1",
            connected_at=timezone.now(),
        )
        [found] = directory.search(sight=sight, text="mercy")
        assert found.connected
        Source.objects.update(state=Source.State.DISCONNECTED)
        [found] = directory.search(sight=sight, text="mercy")
        assert not found.connected
