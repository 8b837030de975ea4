from __future__ import annotations

import pytest

from connectors.directory import Vendors
from connectors.registry import load_registry
from tests.connectors.directory.lists import ACME, VENDORS, lantern, listings, of, profile, reasons


def told(address: str, *, given: str = "", of_list: str = "") -> tuple[str, str]:
    found = VENDORS.of_address(address, given=given, of_list=of_list)
    return found.id, found.told


def test_an_address_tells_its_vendor() -> None:
    assert told("https://fhir.acme.org/r4/7") == ("acme", "address")
    assert told("https://FHIR.acme.org/R4/7") == ("acme", "address")
    assert told("https://fhir.acme.org/r4/7/8") == ("generic", "")
    assert told("https://fhir.acme.org.evil.org/r4/7") == ("generic", "")


def test_a_hosts_own_path_tells_less_than_the_name_of_the_list() -> None:
    """Two vendors may build their paths alike; a host of the vendor's own is its own."""
    assert told("https://clinic.org/acme/r4") == ("acme", "address")
    assert told("https://clinic.org/acme/r4", of_list="shared") == ("shared", "list")
    assert told("https://fhir.acme.org/r4/7", of_list="shared") == ("acme", "address")


def test_whoever_loads_a_list_has_the_last_word() -> None:
    assert told("https://fhir.acme.org/r4/7", given="shared") == ("shared", "given")
    assert told("https://clinic.org/elsewhere", given="acme") == ("acme", "given")


def test_the_pattern_with_most_letters_is_meant() -> None:
    vendors = Vendors(
        [
            profile("wide", patterns=("https://{host}.acme.org/{path*}",)),
            profile("narrow", patterns=("https://{host}.acme.org/r4/{practice}",)),
        ]
    )
    assert vendors.of_address("https://a.acme.org/r4/7").id == "narrow"
    assert vendors.of_address("https://a.acme.org/r4/7/8").id == "wide"


def test_a_name_that_stands_twice_is_the_same_both_times() -> None:
    vendors = Vendors([profile("twice", patterns=("https://fhir.acme.org/{org}/{org}/r4",))])
    assert vendors.of_address("https://fhir.acme.org/a/a/r4").id == "twice"
    assert vendors.of_address("https://fhir.acme.org/a/b/r4").id == "generic"


def test_a_list_is_known_by_its_name() -> None:
    assert VENDORS.of_list("folder/Acme_Inc_1_EndpointSources.json") == "acme"
    assert VENDORS.of_list("https://list.example.org/acme-inc/") == "acme"
    assert VENDORS.of_list("Another.json") == ""


def test_the_staffs_address_brings_the_patients_with_it() -> None:
    found = listings(of(lantern(("https://staff.acme.org/r4/7", "Elm"))))
    assert [(each.base_url, each.staff, each.mended) for each in found] == [
        ("https://staff.acme.org/r4/7", True, ()),
        ("https://fhir.acme.org/r4/7", False, ("staff_address",)),
    ]


def test_a_replaced_address_is_skipped() -> None:
    assert reasons(of(lantern(("https://old.acme.org/7", "Elm")))) == ["replaced"]


def test_no_two_profiles_claim_one_address() -> None:
    """Each profile's own patterns, filled in, tell that profile: no other profile's pattern goes before it."""
    profiles = load_registry()
    vendors = Vendors(profiles.values())
    for each in profiles.values():
        for pattern in (*each.addresses.patterns, *each.addresses.staff):
            address = pattern.replace("*}", "}")
            while "{" in address:
                before, _, rest = address.partition("{")
                hole, _, after = rest.partition("}")
                address = (
                    before
                    + ("clinic.example-hospital.org" if hole == "host" and before.endswith("//") else "a1")
                    + after
                )
            assert vendors.of_address(address.rstrip("/")).id == each.id, pattern


def test_an_address_shared_by_all_is_known() -> None:
    assert VENDORS.only_address("shared") == "https://api.shared.org/fhir/r4"
    assert VENDORS.only_address(ACME.id) == VENDORS.only_address("unknown") == ""


@pytest.mark.parametrize(
    ("address", "given", "of_list", "sure"),
    [
        ("https://fhir.acme.org/r4/1", "", "", True),
        ("https://elsewhere.org/acme/r4", "", "", False),
        ("https://elsewhere.org/acme/r4", "acme", "", True),
        ("https://elsewhere.org/acme/r4", "", "acme", True),
        ("https://elsewhere.org/x", "", "acme", True),
        ("https://elsewhere.org/x", "acme", "", True),
        ("https://elsewhere.org/x", "", "", False),
        ("https://elsewhere.org/x", "generic", "", False),
        ("https://elsewhere.org/x", "", "generic", False),
    ],
)
def test_a_path_alone_makes_nobody_sure(address: str, given: str, of_list: str, sure: bool) -> None:  # noqa: FBT001
    assert VENDORS.of_address(address, given=given, of_list=of_list).sure is sure
    row = [{"url": address, "name": "Elm"}]
    if not of_list:
        assert [each.sure for each in listings(of(row, given=given))] == [sure]


def test_a_list_of_the_vendors_name_makes_sure() -> None:
    row = [{"url": "https://elsewhere.org/acme/r4", "name": "Elm"}]
    assert [each.sure for each in listings(of(row, list_name="Acme_Inc.json"))] == [True]
