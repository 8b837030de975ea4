"""Lists as they are published, small, with invented names."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from connectors.directory import Listing, Skipped, Vendors, read
from connectors.profile import Addresses, Profile
from connectors.registry import load_registry

GENERIC = load_registry()["generic"]


def profile(identifier: str, **addresses: Any) -> Profile:
    """A profile that knows its addresses, and nothing else of its own."""
    return replace(GENERIC, id=identifier, addresses=Addresses(**addresses))


ACME = profile(
    "acme",
    patterns=("https://fhir.acme.org/r4/{practice}", "https://{host}/acme/r4"),
    staff={"https://staff.acme.org/r4/{practice}": "https://fhir.acme.org/r4/{practice}"},
    replaced=("https://old.acme.org/{practice}",),
    lists=("Acme_Inc",),
)
SHARED = profile("shared", patterns=("https://api.shared.org/fhir/r4",))
VENDORS = Vendors([ACME, SHARED, profile("generic")])


def of(
    content: object, *, given: str = "", list_name: str = "", vendors: Vendors = VENDORS
) -> list[Listing | Skipped]:
    """Everything that is read from bytes, text, or what is written as JSON."""
    if isinstance(content, str):
        content = content.encode()
    elif not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return list(read(io.BytesIO(content), vendors=vendors, given=given, list_name=list_name))


def listings(found: Iterable[Listing | Skipped]) -> list[Listing]:
    """Those that are listings; fails where one is not."""
    result = []
    for each in found:
        assert isinstance(each, Listing), each
        result.append(each)
    return result


def reasons(found: Iterable[Listing | Skipped]) -> list[str]:
    """Why the rows were skipped, in order; "" for those that were not."""
    return [each.reason if isinstance(each, Skipped) else "" for each in found]


def lantern(*rows: tuple[str, str] | tuple[str, str, str]) -> dict[str, object]:
    """Address, name and perhaps postal code, as Lantern writes them."""
    return {
        "Endpoints": [
            {
                "URL": row[0],
                "OrganizationName": row[1],
                "NPIID": "",
                "OrganizationZipCode": row[2] if len(row) == 3 else "",
            }
            for row in rows
        ]
    }


def bundle(*resources: dict[str, Any]) -> dict[str, object]:
    """A collection, each resource under an address of its own."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": "2026-01-01T00:00:00Z",
        "entry": [
            {"fullUrl": f"urn:uuid:{number:08}-0000-4000-8000-000000000000", "resource": resource}
            for number, resource in enumerate(resources)
        ],
    }


def endpoint(identifier: str, address: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Endpoint",
        "id": identifier,
        "status": "active",
        "connectionType": {"code": "hl7-fhir-rest"},
        "address": address,
        **more,
    }


def organization(identifier: str, name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", "id": identifier, "name": name, **more}
