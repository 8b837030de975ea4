from __future__ import annotations

import gzip
import json

import pytest

from connectors.directory import BadList
from tests.connectors.directory.lists import lantern, listings, of, reasons


def test_lanterns_rows_are_read() -> None:
    found = of(
        lantern(
            ("https://fhir.acme.org/r4/1/", "Elm Clinic", "02139-1234"),
            ("https://fhir.acme.org/r4/2", "OR - Bend Memorial"),
            ("", "Nowhere"),
            ("https://fhir.acme.org/r4/3", ""),
            ("https://fhir.acme.org/r4/77", "77"),
            ("https://fhir.acme.org/r4/1", "ELM clinic", "2139"),
        )
    )
    assert reasons(found) == ["", "", "no_address", "blank_name", "blank_name", "duplicate"]
    first, second = listings(found[:2])
    assert (first.base_url, first.published_url) == (
        "https://fhir.acme.org/r4/1",
        "https://fhir.acme.org/r4/1/",
    )
    assert (first.name, first.postal_code, first.state) == ("Elm Clinic", "02139", "MA")
    assert (second.name, second.state, second.vendor) == ("Bend Memorial", "OR", "acme")


def test_an_array_of_a_vendor_is_read() -> None:
    (found,) = listings(
        of(
            [
                {
                    "id": "AACJ",
                    "name": "Elm  Clinic\u0007",
                    "url": "https://fhir.acme.org/r4/AACJ",
                    "managingOrganization": "Organization/AACJ",
                    "token": "https://auth.acme.org/token",
                }
            ]
        )
    )
    assert (found.name, found.base_url) == ("Elm Clinic", "https://fhir.acme.org/r4/AACJ")


def test_brand_items_are_read_with_each_endpoint() -> None:
    found = listings(
        of(
            {
                "items": [
                    {
                        "displayName": "Elm",
                        "state": "Wisconsin",
                        "city": None,
                        "endpoints": [
                            {"url": "https://fhir.acme.org/r4/1", "name": "One"},
                            {"url": "https://fhir.acme.org/r4/2", "name": "Two"},
                        ],
                    }
                ],
                "processedTimestamp": "2026-01-01",
            }
        )
    )
    assert [(each.name, each.state, each.endpoint_name) for each in found] == [
        ("Elm", "WI", "One"),
        ("Elm", "WI", "Two"),
    ]


def test_names_alone_stand_at_the_one_address_of_their_vendor() -> None:
    names = {"10": "Elm Clinic", "11": " Oak Clinic "}
    assert reasons(of(names)) == ["no_address", "no_address"]
    found = listings(of(names, given="shared"))
    assert [(each.base_url, each.practice, each.name) for each in found] == [
        ("https://api.shared.org/fhir/r4", "10", "Elm Clinic"),
        ("https://api.shared.org/fhir/r4", "11", "Oak Clinic"),
    ]


def test_a_table_is_read_by_its_headings() -> None:
    text = (
        "\ufeffOrganization Name,FHIR Base URL,City,State,Zip Code,Remark\r\n"
        '"Elm, Clinic",https://fhir.acme.org/r4/1,Boston,MA,02108,x\r\n'
        "\r\n"
        "Oak,https://fhir.acme.org/r4/2\r\n"
    )
    first, second = listings(of(text))
    assert (first.name, first.city, first.state, first.postal_code) == (
        "Elm, Clinic",
        "Boston",
        "MA",
        "02108",
    )
    assert (second.name, second.city) == ("Oak", "")


def test_a_packed_list_is_read_too() -> None:
    plain = json.dumps(lantern(("https://fhir.acme.org/r4/1", "Elm"))).encode()
    assert of(gzip.compress(plain)) == of(plain)
    with pytest.raises(BadList):
        of(gzip.compress(plain)[:-12])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"<!doctype html><title>Moved</title>",
        "name,place\nElm,Boston\n",
        {"resourceType": "Patient", "id": "pat"},
        {"error": "not found"},
        b"\xff\xfe[\x00]\x00",
    ],
    ids=["empty", "blank", "html", "no_address_column", "resource", "error", "utf16"],
)
def test_what_is_no_list_is_refused(content: object) -> None:
    with pytest.raises(BadList):
        of(content)


def test_an_empty_list_has_no_rows() -> None:
    assert of([]) == of({"Endpoints": []}) == []


@pytest.mark.parametrize("row", [None, 1, "text", ["nested"]])
def test_what_is_no_row_is_told(row: object) -> None:
    assert reasons(of([row])) == ["not_a_row"]


def test_control_characters_and_length_do_not_reach_the_directory() -> None:
    (found,) = listings(of([{"name": "Elm\u0000\n" + "x" * 900, "url": "https://fhir.acme.org/r4/1"}]))
    assert found.name.startswith("Elm x")
    assert len(found.name) == 300
    assert found.name.isprintable()
