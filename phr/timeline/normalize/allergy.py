"""AllergyIntolerance. https://hl7.org/fhir/R4/allergyintolerance.html"""

from phr.timeline.events import Event, Exclusion, Kind
from phr.timeline.normalize import codes, dates, read, values
from phr.timeline.normalize.draft import Draft, joined, notes

_EXCLUSIONS: dict[str, Exclusion] = {"entered-in-error": "entered_in_error", "refuted": "refuted"}
# SNOMED CT "No known allergy" and its children in use (https://vsac.nlm.nih.gov/valueset/2.16.840.1.113762.1.4.1186.8).
_NONE_KNOWN = frozenset({"716186003", "409137002", "429625007", "428607008", "428197003", "160244002"})


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One allergy; attributes["none_known"] is "yes" where it says that there are none."""
    resource = draft.resource
    concept = resource.get("code") or resource.get("substance")
    reactions = read.objs(resource, "reaction")
    substances = [each.get("substance") for each in reactions if each.get("substance")]
    coded = codes.codings(concept)
    heading = ""
    if substances and not coded:
        # Some write "Drug allergy" where the substance belongs, and the substance into the reaction.
        heading = codes.words(concept)
        concept, coded = substances[0], codes.codings(substances[0])
    verification = codes.first_code(resource.get("verificationStatus"))
    clinical = codes.first_code(resource.get("clinicalStatus"))
    status = clinical or codes.first_code(resource.get("status")) or verification
    onset = dates.first(resource, "onsetDateTime", "onsetPeriod", "onset")
    recorded = dates.first(resource, "recordedDate", "assertedDate")
    draft.meet_all("recorder", "asserter", "reporter")
    manifestations = [
        codes.listed(each, "manifestation") or read.text(each, "description") for each in reactions
    ]
    severities = [read.text(each, "severity") for each in reactions]
    return (
        draft.event(
            Kind.ALLERGY,
            title=read.title(codes.words(concept), "Allergy without a name"),
            detail=joined(heading, *manifestations, read.text(resource, "criticality"), by=", "),
            when=onset if onset.start else recorded,
            until=dates.until(resource, "onsetPeriod"),
            recorded=recorded if recorded.start else None,
            status=status,
            exclusion=_EXCLUSIONS.get(verification) or _EXCLUSIONS.get(status, ""),
            category=next(iter(read.strings(resource, "category")), ""),
            codes=coded,
            text=read.text(concept, "text"),
            attributes={
                "dated_by": "onset" if onset.start else "recorded" if recorded.start else "",
                "reaction": joined(*manifestations, by=", "),
                "severity": joined(*severities, by=", "),
                "criticality": read.text(resource, "criticality"),
                "type": codes.words(resource.get("type")) or read.text(resource, "type"),
                "verification": verification,
                "onset": values.span_text(resource, "onset"),
                "last": read.text(resource, "lastOccurrence"),
                "none_known": "yes" if any(c.code in _NONE_KNOWN for c in coded) else "",
                "note": notes(resource),
            },
        ),
    )
