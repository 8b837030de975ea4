"""Whose chart a token opens, and whether somebody has to say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.egress import Egress
from connectors.errors import BadReply
from connectors.fhir.client import FhirClient
from connectors.profile import Profile
from connectors.smart import identity
from connectors.smart.token_reply import TokenReply


def patient_of(
    *, reply: TokenReply, profile: Profile, claims: Mapping[str, Any] | None, client: FhirClient
) -> str | None:
    """Return the id of the patient: as the answer has it, else as the portal says when it is asked.

    None when nobody is named, or more than one. Raises the PortalErrors of a search.
    """
    found = identity.patient_from(reply=reply, profile=profile, claims=claims)
    for source in profile.patient.sources:
        question = identity.patient_search(source=source)
        if found is not None or question is None:
            continue
        resource_type, parameters = question
        standing = identity.search_parameters(reply=reply, profile=profile)
        url = client.search_url(resource_type, (*parameters, *standing))
        page = client.page(url, resource_type=resource_type)
        resources = [msgspec.json.decode(entry.raw) for entry in page.entries if entry.fault is None]
        # A second page may name a second patient: then nobody is chosen.
        if page.next_url is None:
            found = identity.patient_in(source=source, resources=resources)
    return found


def is_themselves(*, claims: Mapping[str, Any] | None, reply: TokenReply, patient: str) -> bool:
    """Say whether the portal vouches that whoever signed in there is the patient.

    By the verified id_token alone where there is one; a name or an e-mail address never counts.
    """
    user = (claims or {}).get("fhirUser") if claims is not None else reply.fhir_user
    if not isinstance(user, str):
        return False
    path = user.partition("/_history/")[0]
    return path == f"Patient/{patient}" or path.endswith(f"/Patient/{patient}")


def patient_resource(*, patient: str, client: FhirClient) -> Mapping[str, Any]:
    """Read the Patient whom somebody must recognise. Raises the PortalErrors; BadReply for another one."""
    entry = client.read(f"Patient/{patient}")
    try:
        found = msgspec.json.decode(entry.raw) if entry.fault is None else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("resourceType") != "Patient" or found.get("id") != patient:
        raise BadReply("bad_response")
    return found


def client_for(
    *, egress: Egress, base_url: str, profile: Profile, reply: TokenReply, client_id: str
) -> FhirClient:
    """Return a client that asks with the token just granted."""
    return FhirClient(
        egress=egress,
        base_url=base_url,
        profile=profile,
        bearer=lambda: reply.access_token,
        client_id=client_id,
    )
