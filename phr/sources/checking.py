"""Looking at a portal without anybody's record: what it says of itself, and what is still missing to connect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors.directory.vendors import Vendors
from connectors.egress import Egress
from connectors.errors import SENTENCES, PortalError
from connectors.fhir.capability import Capability
from connectors.fhir.client import FhirClient
from connectors.profile import Profile
from connectors.smart.discovery import discover
from connectors.smart.examine import Finding, examine
from connectors.smart.probe import DryRun, dry_run, read_openid
from phr.sources import dynamic, guide, registrations
from phr.sources.models import Portal, Registration
from phr.sources.portals import bare_url
from phr.sources.profiles import all_profiles, profile_of

Tone = Literal["high", "warn", ""]

_SEVERITIES: Final = {
    "stops_connecting": gettext_lazy("stops connecting"),
    "differs": gettext_lazy("differs"),
    "note": gettext_lazy("for your information"),
}
_TONES: Final[dict[str, Tone]] = {"stops_connecting": "high", "differs": "warn", "note": ""}
_LACKS: Final = {
    "no_registration": gettext_lazy("This server is not registered there: the guide of the vendor says how."),
    "no_key": gettext_lazy("There is no key pair to sign with: register once more, and one is made."),
    "secret_expired": gettext_lazy("The client secret has run out: ask the vendor for a new one."),
    "no_profile": gettext_lazy("There is no profile of this vendor."),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One finding, ready for a page."""

    field: str
    sentence: str
    expected: str
    seen: str
    severity: str
    severity_text: str
    tone: Tone
    change: str


@dataclass(frozen=True, slots=True)
class Check:
    """What came of looking at one portal. ``missing``, ``advice``: sentences for an operator."""

    url: str
    profile_id: str
    profile_name: str
    connectable: bool
    verdict: str
    findings: tuple[Difference, ...]
    missing: tuple[str, ...]
    advice: tuple[str, ...]
    answered: str
    """What became of the authorization request: sign_in, refused, unclear, busy, unreachable, or "" for none."""
    registers_itself: bool
    """We are not registered there, and the portal offers to do that by itself."""


def check(*, url: str, profile_id: str | None, egress: Egress, now: datetime) -> Check:
    """Look at the portal at a FHIR base: discovery, CapabilityStatement, identity, and one authorization request.

    ``profile_id``: None tells the vendor from the directory, else from the address. Raises BadAddress,
    UnknownProfile, and the PortalErrors of discovery.
    """
    base_url = bare_url(url)
    portal = Portal.objects.filter(base_url=base_url).first()
    profile = profile_of(profile_id or _vendor_of(base_url, portal))
    registration = _registration(portal, profile)
    lack = registrations.lack_of(registration=registration, now=now)
    client_id = registration.client_id if registration is not None else ""
    published = portal.as_published() if portal is not None else url.strip()
    server = discover(egress=egress, base_url=base_url, profile=profile, client_id=client_id)
    found = examine(
        server=server,
        openid=read_openid(egress=egress, base_url=base_url, server=server),
        capability=_capability(egress, base_url, profile, client_id),
        profile=profile,
    )
    tried: DryRun | None = None
    if registration is not None and lack is None:
        tried = dry_run(
            egress=egress,
            server=server,
            profile=profile,
            client_id=client_id,
            redirect_uri=registrations.redirect_uri_of(registration=registration),
            base_url=published,
        )
    missing = _missing(lack, portal, tried, registration, profile)
    stops = any(each.severity == "stops_connecting" for each in found)
    connectable = not missing and not stops
    return Check(
        url=base_url,
        profile_id=profile.id,
        profile_name=profile.name,
        connectable=connectable,
        verdict=_verdict(connectable=connectable, stops=stops),
        findings=tuple(_difference(each) for each in found),
        missing=missing,
        advice=tried.sentences if tried is not None else (),
        answered=tried.outcome if tried is not None else "",
        registers_itself=lack in {"no_registration", "secret_expired"}
        and portal is not None
        and portal.profile_id == profile.id
        and dynamic.offers(profile=profile, server=server),
    )


def _vendor_of(base_url: str, portal: Portal | None) -> str:
    if portal is not None:
        return portal.profile_id
    return Vendors(all_profiles().values()).of_address(base_url).id


def _registration(portal: Portal | None, profile: Profile) -> Registration | None:
    if portal is not None and portal.profile_id == profile.id:
        return registrations.registration_for(portal=portal)
    return Registration.objects.filter(profile_id=profile.id, portal=None).first()


def _capability(egress: Egress, base_url: str, profile: Profile, client_id: str) -> Capability | None:
    client = FhirClient(
        egress=egress, base_url=base_url, profile=profile, bearer=lambda: None, client_id=client_id
    )
    try:
        return client.capability()
    except PortalError:
        return None


def _missing(
    lack: str | None,
    portal: Portal | None,
    tried: DryRun | None,
    registration: Registration | None,
    profile: Profile,
) -> tuple[str, ...]:
    said = [str(_LACKS[lack])] if lack else []
    if portal is None:
        said.append(
            _(
                "It is not in the directory, so people cannot find it: add_portal or load_directory puts it there."
            )
        )
    if tried is not None and registration is not None and tried.outcome == "refused":
        uri = registrations.redirect_uri_of(registration=registration)
        said.append(
            _("The portal refused the request. It was made with the redirect URI %(uri)s") % {"uri": uri}
        )
        said += guide.slips(profile=profile, redirect_uri=uri)
    elif tried is not None and tried.outcome in {"busy", "unreachable"}:
        said.append(_("Its sign-in page could not be asked just now."))
    return tuple(said)


def _verdict(*, connectable: bool, stops: bool) -> str:
    if connectable:
        return _("People can connect to this portal, as far as can be seen without signing in.")
    if stops:
        return _("What the portal says of itself does not go with the profile: connecting would fail.")
    return _("Something is still missing before people can connect.")


def _difference(finding: Finding) -> Difference:
    return Difference(
        field=finding.field,
        sentence=finding.sentence,
        expected=finding.expected,
        seen=finding.seen,
        severity=finding.severity,
        severity_text=str(_SEVERITIES[finding.severity]),
        tone=_TONES[finding.severity],
        change=finding.change,
    )


def why(error: PortalError) -> str:
    """Return what an error means as a sentence for an operator."""
    text = SENTENCES[error.code]
    return f"{text[:1].upper()}{text[1:]}."
