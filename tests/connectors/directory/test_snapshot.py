from __future__ import annotations

from importlib.resources import files

import pytest

from connectors.directory import BadList, Listing, Vendors, snapshot
from connectors.directory.addresses import Address, clean
from connectors.registry import load_registry
from tests.connectors.directory.lists import VENDORS, lantern, listings, of


def test_facts_come_back_as_they_were_packed() -> None:
    found = listings(
        of(
            lantern(
                ("https://fhir.acme.org/r4/1/", "Elm Clinic", "02139"),
                ("https://fhir.acme.org/r4/1", "OR - Oak"),
                ("https://staff.acme.org/r4/7", "Ash"),
                ("https://elsewhere.org/r4", "Ümlaut & Söhne"),
            )
        )
    )
    packed = snapshot.pack(found)
    assert snapshot.pack(reversed(found)) == packed
    back = listings(snapshot.unpack(packed, vendors=VENDORS))
    assert {(each.name, each.state, each.postal_code, each.base_url, each.vendor) for each in back} == {
        ("Elm Clinic", "MA", "02139", "https://fhir.acme.org/r4/1", "acme"),
        ("Oak", "OR", "", "https://fhir.acme.org/r4/1", "acme"),
        ("Ash", "", "", "https://fhir.acme.org/r4/7", "acme"),
        ("Ümlaut & Söhne", "", "", "https://elsewhere.org/r4", "generic"),
    }
    assert {each.published_url for each in back if each.name == "Elm Clinic"} == {
        "https://fhir.acme.org/r4/1/"
    }


def test_the_profiles_of_today_tell_the_vendor() -> None:
    packed = snapshot.pack(listings(of(lantern(("https://fhir.acme.org/r4/1", "Elm")))))
    (found,) = listings(snapshot.unpack(packed, vendors=Vendors([])))
    assert (found.vendor, found.told) == ("acme", "list")  # as it was written down


@pytest.mark.parametrize("packed", [b"text", snapshot.pack([])[:-4]])
def test_what_was_not_packed_so_is_refused(packed: bytes) -> None:
    with pytest.raises(BadList):
        list(snapshot.unpack(packed, vendors=VENDORS))


def test_what_ships_is_whole_clean_and_says_where_it_is_from() -> None:
    vendors = Vendors(load_registry().values())
    found = [
        each for each in snapshot.unpack(snapshot.shipped(), vendors=vendors) if isinstance(each, Listing)
    ]
    assert len(found) > 30_000
    assert {"Stanford Health Care", "Mayo Clinic"} <= {each.name for each in found}
    assert not any(each.staff for each in found)
    addresses = {each.published_url for each in found}
    assert all(isinstance(clean(address), Address) for address in addresses)
    assert len(snapshot.shipped()) < 600_000
    notice = files("connectors.directory.snapshot").joinpath("NOTICE").read_text(encoding="utf-8")
    assert "Apache License, Version 2.0" in notice
    assert "What was changed" in notice
