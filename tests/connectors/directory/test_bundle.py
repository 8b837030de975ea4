from __future__ import annotations

from typing import Any

import pytest

from connectors.directory import Listing
from tests.connectors.directory.lists import bundle, endpoint, listings, of, organization, reasons

BRAND = "http://hl7.org/fhir/StructureDefinition/organization-brand"
PORTAL = "http://hl7.org/fhir/StructureDefinition/organization-portal"
VERSION = "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version"
ONE, TWO = "https://fhir.acme.org/r4/1", "https://fhir.acme.org/r4/2"


def refer(*ids: str) -> list[dict[str, str]]:
    return [{"reference": f"Endpoint/{each}"} for each in ids]


def names(found: list[Listing]) -> set[tuple[str, str]]:
    return {(each.name, each.base_url) for each in found}


def test_an_organization_names_its_endpoints() -> None:
    found = of(
        bundle(
            endpoint("e1", ONE, name="Production"),
            endpoint("e2", TWO),
            organization("o1", "Elm", endpoint=refer("e1", "e2")),
            organization("o2", "Oak", endpoint=refer("e1")),
        )
    )
    assert names(listings(found)) == {("Elm", ONE), ("Elm", TWO), ("Oak", ONE)}


def test_an_endpoint_names_its_organization() -> None:
    found = of(
        bundle(
            organization("o1", "Elm"),
            endpoint("e1", ONE, managingOrganization={"reference": "Organization/o1"}),
        )
    )
    assert names(listings(found)) == {("Elm", ONE)}


def test_an_endpoint_holds_its_organization() -> None:
    found = of(
        bundle(
            endpoint(
                "e1",
                ONE,
                name="not this",
                contained=[{"resourceType": "Organization", "id": "x=", "name": "Elm"}],
                managingOrganization={"reference": "x="},
            ),
            endpoint("e2", TWO, name="Its own"),
        )
    )
    assert names(listings(found)) == {("Elm", ONE), ("Its own", TWO)}


@pytest.mark.parametrize(
    "reference",
    [
        "Endpoint/e1",
        "https://list.acme.org/fhir/Endpoint/e1",
        "urn:uuid:00000000-0000-4000-8000-000000000000",
        "e1",
    ],
)
def test_references_of_every_kind_are_followed(reference: str) -> None:
    found = of(bundle(endpoint("e1", ONE), organization("o1", "Elm", endpoint=[{"reference": reference}])))
    assert names(listings(found)) == {("Elm", ONE)}


def brand(name: str = "Elm Health", **more: Any) -> dict[str, Any]:
    return organization(
        "brand",
        name,
        alias=["Old Elm"],
        address=[{"city": "Boston", "state": "Massachusetts", "postalCode": "02108-1"}],
        extension=[
            {"url": BRAND, "extension": [{"url": "brandLogo", "valueUrl": "https://acme.org/logo.svg"}]},
            {
                "url": PORTAL,
                "extension": [
                    {"url": "portalName", "valueString": "MyElm"},
                    {"url": "portalUrl", "valueUrl": "https://my.acme.org/"},
                    {"url": "portalEndpoint", "valueReference": {"reference": "Endpoint/e1"}},
                ],
            },
        ],
        **more,
    )


@pytest.mark.parametrize("brand_first", [True, False])
def test_a_place_of_a_brand_has_what_the_brand_has(brand_first: bool) -> None:  # noqa: FBT001
    """Endpoint, logo and portal come down the hierarchy, whichever comes first in the file."""
    parts = [
        organization("ward", "Elm Ward", partOf={"reference": "Organization/site"}),
        organization("site", "Elm North", partOf={"reference": "Organization/brand"}),
    ]
    order = [brand(), *parts] if brand_first else [*parts, brand()]
    found = {each.name: each for each in listings(of(bundle(*order, endpoint("e1", ONE))))}
    assert set(found) == {"Elm Health", "Elm North", "Elm Ward"}
    top, ward = found["Elm Health"], found["Elm Ward"]
    assert (top.parent, top.aliases, top.city, top.state) == ("", ("Old Elm",), "Boston", "MA")
    assert (ward.parent, ward.base_url, ward.city) == ("Elm Health", ONE, "")
    assert top.logo_url == ward.logo_url == "https://acme.org/logo.svg"
    assert (ward.portal_name, ward.portal_url) == ("MyElm", "https://my.acme.org/")


def test_a_circle_of_parts_ends() -> None:
    found = of(
        bundle(
            organization("a", "A", partOf={"reference": "Organization/b"}),
            organization("b", "B", partOf={"reference": "Organization/a"}, endpoint=refer("e1")),
            organization("c", "C", partOf={"reference": "Organization/c"}),
            endpoint("e1", ONE),
        )
    )
    assert reasons(found) == ["", "", "no_address"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"extension": [{"url": VERSION, "valueCode": "1.0.2"}]}, "wrong_version"),
        ({"status": "off"}, "not_active"),
        ({"connectionType": {"code": "ihe-xds"}}, "not_fhir"),
    ],
)
def test_an_endpoint_that_is_none_for_us_says_why(change: dict[str, Any], reason: str) -> None:
    found = of(bundle(endpoint("e1", ONE, **change), organization("o1", "Elm", endpoint=refer("e1"))))
    assert reasons(found) == [reason]


def test_an_organization_out_of_use_is_skipped() -> None:
    found = of(bundle(endpoint("e1", ONE), organization("o1", "Elm", active=False, endpoint=refer("e1"))))
    assert reasons(found) == ["not_active"]


def test_a_picture_in_the_bundle_is_no_address_of_one() -> None:
    extension = [
        {"url": BRAND, "extension": [{"url": "brandLogo", "valueUrl": "data:image/png;base64,AAAA"}]}
    ]
    (found,) = listings(
        of(bundle(endpoint("e1", ONE), organization("o1", "Elm", extension=extension, endpoint=refer("e1"))))
    )
    assert found.logo_url == ""


def test_a_practice_among_many_keeps_its_id() -> None:
    extension = [
        {
            "url": "https://fhir.shared.org/StructureDefinition/sh-practice",
            "valueReference": {"reference": "Organization/a-1.Practice-10"},
        }
    ]
    found = listings(
        of(
            bundle(
                endpoint("e1", "https://api.shared.org/fhir/r4"),
                organization("o1", "Elm", extension=extension, endpoint=refer("e1")),
            )
        )
    )
    assert [each.practice for each in found] == ["Organization/a-1.Practice-10"]


@pytest.mark.parametrize(
    "odd",
    [
        {"resource": None},
        {"resource": {"resourceType": "Organization"}},
        {"resource": {"resourceType": "Endpoint", "address": 5, "contained": {}, "extension": "x"}},
        {"resource": {"resourceType": "Location", "name": "Elm"}},
        5,
    ],
)
def test_an_odd_entry_does_not_end_the_reading(odd: object) -> None:
    good = bundle(endpoint("e1", ONE), organization("o1", "Elm", endpoint=refer("e1")))
    assert isinstance(good["entry"], list)
    good["entry"].insert(0, odd)
    assert [each.name for each in of(good) if isinstance(each, Listing)] == ["Elm"]
