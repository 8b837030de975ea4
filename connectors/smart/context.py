"""The launch context of a token response (PURE): SMART App Launch 2.2, "Launch context arrives with your
access_token".
"""

from dataclasses import dataclass
from typing import Any, Final

from connectors.smart.token_reply import TokenReply

# A response names a handful; hundreds are a mistake, and nothing here needs them.
_MAX_FHIR_CONTEXT: Final = 64
_LONGEST_TEXT: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirContext:
    """One further thing that was open at the launch: by `reference` ("ImagingStudy/1"), `canonical` or
    `identifier` ("system|value"), of the FHIR `type`, with its `role` ("launch" when none is named).
    """

    reference: str = ""
    canonical: str = ""
    identifier: str = ""
    type: str = ""
    role: str = "launch"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LaunchContext:
    """What stood open at the portal when the app was launched. It prints without anybody's identity.

    * `patient`: used, as one of the places from which the id of the patient comes (`identity.patient_from`).
    * `need_patient_banner`: used by whoever shows pages: ours always name the person on top, which is all
      that True asks for, so False changes nothing.
    * `tenant`: kept with the source, for the operator: which of several organisations behind one address
      this is. No request of ours depends on it.
    * `encounter`: kept for the page that a launch opens on: the visit that the clinician has open.
    * `fhir_context`, `intent`, `smart_style_url`: parsed and unused. We open the same record whatever was
      open there, know no vendor's intents, and load no style of others (our pages allow none).
    """

    patient: str | None = None
    encounter: str | None = None
    fhir_context: tuple[FhirContext, ...] = ()
    need_patient_banner: bool = True
    intent: str = ""
    smart_style_url: str = ""
    tenant: str = ""

    def __repr__(self) -> str:
        """Say what is there, and none of it."""
        names = [name for name in ("patient", "encounter", "intent", "tenant") if getattr(self, name)]
        return f"LaunchContext({', '.join(names)})"


def launch_context(*, reply: TokenReply) -> LaunchContext:
    """Read the context of a token response. What has another form than the specification's is left out.

    A banner is due unless the portal says that it shows one: to name the person twice harms nobody.
    """
    members = reply.context
    return LaunchContext(
        patient=reply.patient,
        encounter=_text(members.get("encounter")) or None,
        fhir_context=tuple(_fhir_context(members.get("fhirContext"))),
        need_patient_banner=members.get("need_patient_banner") is not False,
        intent=_text(members.get("intent")),
        smart_style_url=_https(members.get("smart_style_url")),
        tenant=_text(members.get("tenant")),
    )


def _fhir_context(value: object) -> list[FhirContext]:
    found = []
    for item in value[:_MAX_FHIR_CONTEXT] if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        each = FhirContext(
            reference=_text(item.get("reference")),
            canonical=_text(item.get("canonical")),
            identifier=_identifier(item.get("identifier")),
            type=_text(item.get("type")),
            role=_text(item.get("role")) or "launch",
        )
        if each.reference or each.canonical or each.identifier:
            found.append(each)
    return found


def _identifier(value: object) -> str:
    """Return "system|value" of a FHIR Identifier, as a search for it is written."""
    if not isinstance(value, dict):
        return ""
    known: dict[str, Any] = value
    found = _text(known.get("value"))
    return f"{_text(known.get('system'))}|{found}" if found else ""


def _https(value: object) -> str:
    text = _text(value)
    return text if text.startswith("https://") else ""


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # some servers number what they have
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.isprintable() else ""
