"""What a patient hands to whoever runs this server, so that a portal can be connected."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from phr.sources import registrations
from phr.sources.models import Portal
from phr.sources.profiles import UnknownProfile, profile_of

# The page of the operator's guide, below the address of this server: operators alone open it.
GUIDE: Final = "/registrations/{profile_id}/"


def request_text(*, portal_id: int) -> str:
    """Return a message to the operator: which portal, which vendor, where to register, and with what; "" where there
    is no such portal. It holds nothing about the patient.
    """
    portal = Portal.objects.filter(pk=portal_id).first()
    if portal is None:
        return ""
    base = settings.PHR_BASE_URL.rstrip("/")
    try:
        profile = profile_of(portal.profile_id)
    except UnknownProfile:
        return _(
            "Please add a vendor profile to phr, so that I can connect %(portal)s.\n\n"
            "Portal: %(portal)s\nFHIR address: %(address)s\nMissing: a profile called %(profile)s\n"
            "How: docs/adding-a-vendor.md"
        ) % {"portal": portal.name, "address": portal.base_url, "profile": portal.profile_id}
    own = registrations.registration_for(portal=portal)
    if own is None and registrations.awaits_confirmation(portal=portal):
        return _(
            "Please confirm that this portal is one of %(vendor)s, so that I can connect %(portal)s.\n\n"
            "Portal: %(portal)s\nFHIR address: %(address)s\nVendor: %(vendor)s\n"
            "Why: only the form of the address says so, and the secret of phr at %(vendor)s would be sent there\n"
            "How: manage.py add_portal --vendor %(profile)s --name … --url %(address)s"
        ) % {
            "portal": portal.name,
            "address": portal.base_url,
            "vendor": profile.name,
            "profile": profile.id,
        }
    slug = own.slug if own else registrations.vendor_slug(profile_id=profile.id)
    redirect_uri = (
        registrations.redirect_uri_of(registration=own) if own else registrations.callback_url(slug=slug)
    )
    where = profile.guide.registration_url or _("the vendor's developer pages")
    return _(
        "Please register phr with %(vendor)s, so that I can connect %(portal)s.\n\n"
        "Portal: %(portal)s\nFHIR address: %(address)s\nVendor: %(vendor)s\nWhere to register: %(where)s\n"
        "Redirect URI, to the letter: %(redirect)s\n"
        "How: %(guide)s, or docs/operating.md, “Registering with a vendor”"
    ) % {
        "portal": portal.name,
        "address": portal.base_url,
        "vendor": profile.name,
        "where": where,
        "redirect": redirect_uri,
        "guide": base + GUIDE.format(profile_id=profile.id),
    }
