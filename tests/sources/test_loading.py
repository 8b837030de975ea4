"""A list into the directory: all of it or nothing, the same twice, and beside what others say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.directory import BadList, Listing, Skipped
from phr.accounts.access import Sight
from phr.sources.loading import load
from phr.sources.models import Brand, BrandWord, EndpointList, ListedBrand, Portal, Source
from phr.sources.portals import add_portal, typed_portal
from phr.sources.search import find
from tests.sources.lists import HOST, NOW, brands, counts, listing, portal, put

pytestmark = pytest.mark.django_db


def test_portals_and_names_are_made_and_counted() -> None:
    loaded = put(
        listing("Elm", vendor="acme", city="Boston", state="MA", postal_code="02108", fhir_version="4.0.1"),
        listing("Oak", vendor="acme"),
        listing("Ash", "/other", published_url=f"{HOST}/other/", endpoint_name="Ash production"),
        Skipped("internal_host", "https://ehr.local/fhir"),
    )
    assert counts(loaded) == (2, 0, 0, 3, 0, 0)
    assert (loaded.rows, dict(loaded.skipped)) == (4, {"internal_host": 1})
    assert loaded.examples == {"internal_host": ["https://ehr.local/fhir"]}
    assert brands() == {("Elm", "Boston", "MA", "02108"), ("Oak", "", "", ""), ("Ash", "", "", "")}
    shared, own = portal(), portal("/other")
    assert (shared.name, shared.profile_id, shared.fhir_version) == ("Acme", "acme", "4.0.1")
    assert (own.name, own.as_published()) == ("Ash production", f"{HOST}/other/")
    assert {shared.origin, own.origin} == {Portal.Origin.DIRECTORY}


def test_the_same_list_again_changes_nothing() -> None:
    rows = [listing("Elm", city="Boston", state="MA"), listing("Elm"), listing("Oak", practice="7")]
    put(*rows)
    before = list(Brand.objects.order_by("pk").values())
    assert counts(put(*rows)) == (0, 0, 1, 0, 0, 2)
    assert list(Brand.objects.order_by("pk").values()) == before


def test_a_list_that_breaks_off_leaves_what_was() -> None:
    put(listing("Elm"))

    def breaking() -> Iterator[Listing]:
        yield listing("Oak")
        raise BadList("It breaks off.")

    with pytest.raises(BadList):
        load(name="a list", found=breaking(), vendor_names={}, now=NOW)
    assert brands() == {("Elm", "", "", "")}


def test_what_says_more_completes_what_says_less() -> None:
    put(listing("Elm"), name="poor")
    assert counts(put(listing("Elm", city="Boston", state="MA", postal_code="02108"), name="rich")) == (
        *(0, 0, 1),
        *(0, 1, 0),
    )
    assert brands() == {("Elm", "Boston", "MA", "02108")}
    # And the poor one is that one still, in either order.
    assert counts(put(listing("Elm"), name="poor")) == (0, 0, 1, 0, 0, 1)
    assert counts(put(listing("Elm"), name="poorer")) == (0, 0, 1, 0, 0, 1)
    assert Brand.objects.count() == 1


def test_two_places_of_one_name_are_two() -> None:
    put(listing("Elm"))
    loaded = put(listing("Elm", postal_code="02108"), listing("Elm", postal_code="94612"), name="another")
    assert (loaded.brands_made, loaded.brands_updated) == (1, 1)
    assert {code for *_rest, code in brands()} == {"02108", "94612"}


def test_one_list_alone_may_change_what_it_said() -> None:
    put(listing("Elm", postal_code="02108", city="Bostn", logo_url="https://a.org/1.svg"))
    put(listing("ELM", postal_code="02108", city="Boston", logo_url=""))
    assert brands() == {("ELM", "Boston", "", "02108")}
    assert Brand.objects.get().logo_url == ""
    assert [line.answer.brand.name for line in find(text="boston", most=5).lines] == ["ELM"]
    assert find(text="bostn", most=5).meant == (("bostn", "boston"),)


def test_what_two_lists_say_is_not_changed_by_one() -> None:
    put(listing("Elm", postal_code="02108", city="Boston"), name="one")
    put(listing("Elm", postal_code="02108", city="Cambridge", portal_name="MyElm"), name="two")
    assert brands() == {("Elm", "Boston", "", "02108")}
    assert Brand.objects.get().portal_name == "MyElm"
    for name, city in (("one", "Boston"), ("two", "Cambridge")):
        again = put(listing("Elm", postal_code="02108", city=city), name=name)
        assert (again.brands_updated, again.brands_unchanged) == (0, 1)


# ---- what a list no longer names


def test_what_vanishes_is_marked_and_found_no_more() -> None:
    put(listing("Elm"), listing("Oak", "/oak"))
    loaded = put(listing("Elm"))
    assert loaded.unlisted == 1
    gone = Brand.objects.get(name="Oak")
    assert gone.unlisted_at == portal("/oak").unlisted_at == NOW
    assert portal().unlisted_at is None
    assert find(text="oak", most=5).lines == ()
    assert put(listing("Elm")).unlisted == 0


def test_what_comes_back_is_found_again() -> None:
    put(listing("Oak", city="Boston"))
    put(listing("Elm", "/elm"))
    assert counts(put(listing("Oak", city="Boston"))) == (0, 1, 0, 0, 1, 0)
    assert Brand.objects.get(name="Oak").unlisted_at is None
    assert portal().unlisted_at is None
    assert [line.answer.brand.name for line in find(text="oak", most=5).lines] == ["Oak"]


def test_what_another_list_names_stays() -> None:
    put(listing("Elm"), name="one")
    put(listing("Elm"), name="two")
    assert put(listing("Oak", "/oak"), name="one").unlisted == 0
    assert put(name="two").unlisted == 1
    assert EndpointList.objects.count() == 2
    assert ListedBrand.objects.count() == 1


def test_a_source_keeps_its_portal_when_the_list_forgets_it(sight: Sight) -> None:
    put(listing("Elm"))
    with sight.open():
        source = Source.objects.create(
            person_id=sight.person_id,
            portal=portal(),
            profile_id="generic",
            name="Elm",
            base_url=f"{HOST}/r4",
            patient_fhir_id="pat",
        )
    put()
    with sight.open():
        assert Source.objects.get(pk=source.pk).portal == portal()
    assert portal().unlisted_at == NOW


# ---- what is in the directory already


def test_what_the_operator_set_is_not_changed_by_a_list() -> None:
    add_portal(profile_id="generic", name="Our Elm", base_url=f"{HOST}/r4/", place="Boston, MA")
    put(listing("Elm", vendor="acme", told="address"))
    kept = portal()
    assert (kept.origin, kept.name, kept.profile_id) == (Portal.Origin.OPERATOR, "Our Elm", "generic")
    assert {name for name, *_rest in brands()} == {"Our Elm", "Elm"}
    put()
    assert portal().unlisted_at is None
    assert {name for name, *_rest in brands()} >= {"Our Elm"}


def test_an_address_that_a_user_typed_becomes_one_of_the_directory() -> None:
    typed = typed_portal(url=f"{HOST}/r4")
    assert counts(put(listing("Elm", vendor="acme", told="list"))) == (0, 1, 0, 1, 0, 0)
    now = Portal.objects.get(pk=typed.pk)
    assert (now.origin, now.name, now.profile_id) == (Portal.Origin.DIRECTORY, "Elm", "acme")


@pytest.mark.parametrize(
    ("first", "second", "vendor"),
    [
        (("generic", ""), ("acme", "list"), "acme"),
        (("acme", "address"), ("generic", ""), "acme"),
        (("acme", "list"), ("other", "list"), "acme"),
        (("acme", "list"), ("other", "address"), "other"),
        (("acme", "address"), ("other", "given"), "other"),
    ],
)
def test_whoever_knows_better_tells_the_vendor(
    first: tuple[str, str], second: tuple[str, str], vendor: str
) -> None:
    for name, (says, told) in (("one", first), ("two", second)):
        put(listing("Elm", vendor=says, told=told), name=name)
    assert portal().profile_id == vendor


def test_the_published_address_keeps_the_slash_that_one_list_writes() -> None:
    put(listing("Elm"), name="one")
    put(listing("Elm", published_url=f"{HOST}/r4/"), name="two")
    put(listing("Elm"), name="one")
    assert portal().as_published() == f"{HOST}/r4/"


def test_patients_do_not_find_the_staffs_address() -> None:
    put(listing("Elm", staff=True), listing("Elm", "/patients"))
    assert portal().audience == Portal.Audience.STAFF
    found = [line.answer.brand.portal_id for line in find(text="elm", most=5).lines]
    assert found == [portal("/patients").pk]
    assert [line.answer.brand.portal_id for line in find(text="e", most=5).lines] == found


def test_the_vocabulary_follows_the_brands() -> None:
    put(listing("Elm Clinic"), listing("Oak Clinic"))
    words = dict(BrandWord.objects.values_list("word", "brands"))
    assert (words["clinic"], words["elm"]) == (2, 1)
    put(listing("Elm Hospital"))
    words = dict(BrandWord.objects.values_list("word", "brands"))
    assert "clinic" not in words
    assert words["hospital"] == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([("acme", "address", False)], ("acme", False)),
        ([("acme", "address", True)], ("acme", True)),
        ([("acme", "address", False), ("acme", "list", True)], ("acme", True)),
        ([("acme", "given", True), ("acme", "address", False)], ("acme", True)),
        # The path of an address, which anybody may choose, goes before nothing that is sure.
        ([("acme", "list", True), ("other", "address", False)], ("acme", True)),
        ([("acme", "list", True), ("other", "address", True)], ("other", True)),
        ([("acme", "address", False), ("other", "list", True)], ("acme", False)),
        ([("generic", "", False), ("acme", "address", False)], ("acme", False)),
        ([("generic", "", False), ("acme", "list", True)], ("acme", True)),
        ([("acme", "given", True), ("generic", "given", False)], ("generic", False)),
    ],
)
def test_it_is_kept_whether_the_vendor_is_sure(
    said: list[tuple[str, str, bool]], expected: tuple[str, bool]
) -> None:
    for number, (vendor, told, sure) in enumerate(said):
        put(listing("Elm", vendor=vendor, told=told, sure=sure), name=f"list {number}")
    now = portal()
    assert (now.profile_id, now.vendor_sure) == expected
