"""Lists into the directory, in tests: listings with what matters to them, loaded under a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.directory import Listing, Skipped
from phr.sources import brandwords
from phr.sources.loading import Loaded, load
from phr.sources.models import Brand, Portal

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOST = "https://fhir.acme.org"


def listing(name: str, at: str = "/r4", **more: Any) -> Listing:
    """A name at an address of one host."""
    said: dict[str, Any] = {"published_url": f"{HOST}{at}", "vendor": "generic", **more}
    return Listing(base_url=f"{HOST}{at}", name=name, **said)


def put(*found: Listing | Skipped, name: str = "a list", now: datetime = NOW) -> Loaded:
    """Load what a list holds, and make it searchable."""
    loaded = load(name=name, found=found, vendor_names={"acme": "Acme", "generic": "Another"}, now=now)
    brandwords.refresh()
    return loaded


def counts(loaded: Loaded) -> tuple[int, ...]:
    """Portals and brands: made, updated, as they were."""
    return (
        *(loaded.portals_made, loaded.portals_updated, loaded.portals_unchanged),
        *(loaded.brands_made, loaded.brands_updated, loaded.brands_unchanged),
    )


def brands() -> set[tuple[str, str, str, str]]:
    """Name, city, state and postal code of everything that a list still names."""
    return set(Brand.objects.filter(unlisted_at=None).values_list("name", "city", "state", "postal_code"))


def portal(at: str = "/r4") -> Portal:
    return Portal.objects.get(base_url=f"{HOST}{at}")
