from __future__ import annotations

from pathlib import Path

import pytest

from connectors.profile import Profile
from connectors.registry import load_registry
from phr.ops.vendorguides import INTRODUCTION, PLACEHOLDER, guides
from phr.sources import guide

ROOT = Path(__file__).resolve().parents[2]
PROFILES = load_registry()


def test_the_guides_are_written_from_the_profiles() -> None:
    written = INTRODUCTION + guides(PROFILES.values(), base_url=PLACEHOLDER)

    assert (ROOT / "docs/vendors.md").read_text(encoding="utf-8") == written, (
        "manage.py vendors --guides > docs/vendors.md"
    )


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_nothing_that_an_operator_needs_is_left_out(profile: Profile) -> None:
    sections = guide.guide(
        profile=profile, redirect_uri="http://localhost:8000/callback/x/", launch_url="L", jwks_url="J"
    )
    text = guide.markdown(profile=profile, sections=sections)
    told = profile.guide

    for fact in (
        told.registration_url,
        *told.steps,
        told.redirect_uri,
        told.approval,
        told.cost,
        told.legal,
        told.bulk,
        told.everything,
        told.ehi_export,
        told.endpoint_list,
        told.cors,
        *told.notes,
        profile.addresses.sandbox,
        *(each.username for each in told.test_logins),
        *profile.documentation,
        "http://localhost:8000/callback/x/",
    ):
        assert fact in text
    assert ("takes no address on this machine" in text) == bool(told.redirect_refuses_localhost)
    assert ("`L`" in text) == bool({"ehr", "provider"} & set(profile.auth.flows))
    assert ("`J`" in text) == ("private_key_jwt" in profile.auth.clients)
