"""Every published list on disk into the directory, and what is then found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from django.utils import timezone

from connectors.directory import BadList
from connectors.egress import Egress
from phr.sources import brandwords, lists
from phr.sources.loading import Loaded
from phr.sources.models import Brand, EndpointList, Portal
from phr.sources.search import Found, find

pytestmark = [pytest.mark.corpus, pytest.mark.django_db]
# One list has names alone: whoever loads it says whose they are.
NAMES_ALONE = "Organizations.json"


def load(path: Path, egress: Egress) -> Loaded | None:
    vendor = ""
    if path.name == NAMES_ALONE:
        vendor = max(
            lists.vendors().of_list(each.name) for each in path.parents[2].glob("lantern/athena*.json")
        )
    return lists.load_list(where=str(path), vendor=vendor, egress=egress, now=timezone.now())


def names(found: Found) -> list[str]:
    return [line.answer.brand.name for line in found.lines]


def test_every_list_loads_and_is_found(corpus: Path) -> None:
    paths = sorted((corpus / "endpoints").rglob("*.json"))
    assert len(paths) > 165
    total: Counter[str] = Counter()
    unreadable: list[str] = []
    with Egress() as egress:
        for path in paths:
            try:
                loaded = load(path, egress)
            except BadList:
                unreadable.append(path.name)
                continue
            assert loaded is not None
            total["rows"] += loaded.rows
            total["listings"] += loaded.listings
            total["skipped"] += sum(loaded.skipped.values())
            total.update(loaded.skipped)
            total.update(loaded.mended)
        # Read once more, whatever its digest says: nothing moves.
        EndpointList.objects.update(digest=None)
        for path in paths[-12:]:
            again = load(path, egress)
            assert again is not None
            assert (again.portals_made, again.portals_updated) == (0, 0), path.name
            assert (again.brands_made, again.brands_updated, again.unlisted) == (0, 0, 0), path.name
    assert unreadable == ["LanternEndpointSources.json"]  # it has no byte
    assert total["rows"] > 100_000
    # Every row is a listing or says why not; the staff's address may bring the patients' with it.
    assert total["rows"] == total["listings"] + total["skipped"] - total["staff_address"]
    for reason in (
        "wrong_version",
        "internal_host",
        "test_host",
        "blank_name",
        "plain_http",
        "duplicate",
        "not_web",
    ):
        assert total[reason], reason
    # Of those that stay; as many stand before an address that was replaced.
    assert total["default_port"] > 500
    assert Portal.objects.filter(audience=Portal.Audience.PATIENTS).count() > 15_000
    assert Brand.objects.count() > 60_000
    assert not Portal.objects.exclude(base_url__startswith="https://").exists()

    brandwords.refresh()
    assert names(find(text="mayo", most=20))[0] == "Mayo Clinic"
    slip = find(text="stanfrod", most=20)
    assert slip.meant == (("stanfrod", "stanford"),)
    assert all("stanford" in name.lower() for name in names(slip)[:5])
    kaiser = find(text="kaiser permanente oakland", most=20)
    assert kaiser.by_state == (("oakland", "CA"),)
    assert names(kaiser)
    assert all("Kaiser Permanente" in name and "California" in name for name in names(kaiser))
    assert not any(
        "oakland" in f"{each.answer.brand.name} {each.answer.brand.city}".lower() for each in kaiser.lines
    )
    first = find(text="02139", most=20).lines[0].answer.brand
    assert first.postal_code == "02139"
    assert (first.city, first.state) == ("Cambridge", "MA")
