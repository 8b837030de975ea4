from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from phr.accounts.access import Sight
from phr.sources import directory
from phr.sources.models import Brand, Portal, Source
from phr.sources.portals import BadAddress, add_portal, bare_url, typed_portal
from phr.sources.registrations import register
from tests.sources.conftest import PROFILES

NAME = next(p.id for p in PROFILES.values() if "public" in p.auth.clients)
OTHER = next(name for name in PROFILES if name != NAME)


def portal(name: str, *, place: str = "", vendor: str = NAME) -> Portal:
    host = name.lower().replace(" ", "-")
    return add_portal(profile_id=vendor, name=name, base_url=f"https://{host}.example.org/r4", place=place)[0]


def names(sight: Sight, text: str) -> list[str]:
    with sight.open():
        return [each.name for each in directory.search(sight=sight, text=text).portals]


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
        ("iowa", ["Lakeside Clinic"]),
        ("clinic IA", ["Lakeside Clinic"]),
        ("100%", []),
        ("'); drop", []),
    ],
)
def test_every_word_is_found_in_name_place_or_vendor(
    listed: None, sight: Sight, text: str, found: list[str]
) -> None:
    assert names(sight, text) == found


def test_what_nothing_has_is_left_out_and_named(listed: None, sight: Sight) -> None:
    with sight.open():
        found = directory.search(sight=sight, text="mercy joplin zzyzx")
    assert ([each.name for each in found.portals], found.left_out) == (["Mercy Hospital"], ("zzyzx",))


def test_a_slip_is_read_as_what_was_meant_and_named(listed: None, sight: Sight) -> None:
    with sight.open():
        found = directory.search(sight=sight, text="lakseide clinic")
    assert [each.name for each in found.portals] == ["Lakeside Clinic"]
    assert found.meant == (("lakseide", "lakeside"),)


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


@pytest.mark.parametrize(("text", "queries"), [("m", 4), ("mercy", 5), ("mercy hospital", 4)])
def test_a_search_takes_few_queries_however_many_it_finds(
    db: None, sight: Sight, django_assert_num_queries: DjangoAssertNumQueries, text: str, queries: int
) -> None:
    for number in range(12):
        portal(f"Mercy Hospital {number:02}")
    with sight.open(), django_assert_num_queries(queries):
        directory.search(sight=sight, text=text)


def test_a_name_chosen_in_the_directory_is_the_portals_name(listed: None, sight: Sight) -> None:
    with sight.open():
        (found,) = directory.search(sight=sight, text="joplin").portals
        chosen = directory.choice(sight=sight, portal_id=found.id, brand_id=found.brand_id)
        other = Brand.objects.exclude(portal_id=found.id).first()
        assert other is not None
        unfitting = directory.choice(sight=sight, portal_id=found.id, brand_id=other.pk)
    assert chosen is not None
    assert (chosen.name, chosen.place, chosen.brand_id) == ("Mercy Hospital", "Joplin, MO", found.brand_id)
    assert unfitting is not None
    assert unfitting.brand_id is None


def test_another_name_of_a_portal_takes_the_place_of_the_first(db: None, sight: Sight) -> None:
    first = portal("Mercy")
    again, created = add_portal(profile_id=OTHER, name="Grace", base_url=first.base_url)
    assert (again.pk, created) == (first.pk, False)
    assert names(sight, "mercy") == []
    assert names(sight, "grace") == ["Grace"]


# ---- an address in place of a name


@pytest.mark.parametrize(
    "text",
    [
        "https://new.example-clinic.org/fhir/R4/",
        "new.example-clinic.org/fhir/R4",
        "HTTPS://New.Example-Clinic.org/fhir/R4/metadata",
        "https://new.example-clinic.org/fhir/R4/.well-known/smart-configuration",
    ],
)
def test_an_address_becomes_a_portal_that_nobody_else_finds(db: None, sight: Sight, text: str) -> None:
    with sight.open():
        assert directory.search(sight=sight, text=text).address == text
    made = typed_portal(url=text)
    assert made.base_url == "https://new.example-clinic.org/fhir/R4"
    assert (made.origin, made.profile_id) == (Portal.Origin.TYPED, "generic")
    assert typed_portal(url=text).pk == made.pk
    assert names(sight, "example-clinic") == []
    with sight.open():
        assert directory.search(sight=sight, text=text).portals == ()


def test_an_address_of_the_directory_is_its_portal(listed: None, sight: Sight) -> None:
    mercy = portal("Mercy Hospital", place="Joplin, MO")
    with sight.open():
        found = directory.search(sight=sight, text=mercy.base_url + "/metadata")
    assert ([each.id for each in found.portals], found.address) == ([mercy.pk], "")
    assert typed_portal(url=mercy.base_url).origin == Portal.Origin.OPERATOR


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mercy hospital",
        "http://clinic.org/r4",
        "https://ehr.local/fhir",
        "https://192.168.0.1/fhir",
        "https://user:word@clinic.org/r4",
        "https://clinic.org/r4?next=1",
        "https://clinic.org/api/FHIR/DSTU2",
        "https://clinic.org/" + "r" * 600,
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_of_a_portal_makes_none(db: None, url: str) -> None:
    with pytest.raises(BadAddress):
        typed_portal(url=url)
    assert not Portal.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://clinic.org/r4\x00",
        "https://clinic.org/r4%00",
        "https://cli\tnic.org/r4",
        "https://clinic.org/r4\u202e",
        "https://clinic.org/r4\ud800",
        "https://cl\u00efnic.org/r4",
        "https://clinic.org/r4/../../x",
        "https://clinic.org/r4/%2e%2E/x",
        "https://clinic.org\\@elsewhere.org/r4",
        "https://./r4",
        "https://clinic.org../r4",
    ],
)
def test_what_is_not_plain_in_an_address_is_refused_by_whoever_reads_one(db: None, url: str) -> None:
    with pytest.raises(BadAddress):
        bare_url(url)
    with pytest.raises(BadAddress):
        typed_portal(url=url)


def test_the_full_stop_of_a_host_makes_no_second_portal(db: None) -> None:
    assert bare_url("https://clinic.org./r4") == "https://clinic.org/r4"
    assert typed_portal(url="https://clinic.org./r4") == typed_portal(url="https://clinic.org/r4")


def test_a_server_at_home_is_reached_where_its_operator_allows_it(db: None, settings: LazySettings) -> None:
    settings.PHR_EGRESS_ALLOW = frozenset({("127.0.0.1", 8080)})
    assert typed_portal(url="http://127.0.0.1:8080/fhir").base_url == "http://127.0.0.1:8080/fhir"
    with pytest.raises(BadAddress):
        typed_portal(url="http://127.0.0.1:8081/fhir")


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
        [found] = directory.search(sight=sight, text="mercy").portals
        assert found.connected
        Source.objects.update(state=Source.State.DISCONNECTED)
        [found] = directory.search(sight=sight, text="mercy").portals
        assert not found.connected
