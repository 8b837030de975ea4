"""The guides of all vendors as one page of Markdown (PURE): the same words as on the operator's pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connectors.profile import Profile
from phr.sources import guide

PLACEHOLDER: Final = "https://phr.example.org"
INTRODUCTION: Final = f"""# Registering with vendors

Written by `manage.py vendors --guides` from the profiles, and held equal to them by a test. Where {PLACEHOLDER} stands,
put the address of your own server; `manage.py vendors --guide ID` and the page `/registrations/` show it filled in.
Nothing here was tried unless it says so. What says "not found" is a gap: tell us when you know.

"""


def guides(profiles: Iterable[Profile], *, base_url: str) -> str:
    """Return one guide after another, by the vendors' names, for a server at this address."""
    base = base_url.rstrip("/")
    return "\n".join(
        guide.markdown(
            profile=profile,
            sections=guide.guide(
                profile=profile,
                redirect_uri=f"{base}/callback/{profile.id}/",
                launch_url=f"{base}/launch/{profile.id}/",
                jwks_url=f"{base}/.well-known/jwks.json",
            ),
        )
        for profile in sorted(profiles, key=lambda each: each.name.casefold())
    )
