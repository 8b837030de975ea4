"""Types that support others and have no line of their own: a named exclusion in every count."""

from phr.timeline.events import Event, Kind
from phr.timeline.normalize import codes, dates, names, read
from phr.timeline.normalize.draft import Draft, joined, supporting_tokens

KINDS: dict[str, Kind] = {
    "Practitioner": Kind.PRACTITIONER,
    "PractitionerRole": Kind.PRACTITIONER,
    "RelatedPerson": Kind.PRACTITIONER,
    "Person": Kind.PATIENT,
    "Group": Kind.PATIENT,
    "Organization": Kind.ORGANIZATION,
    "OrganizationAffiliation": Kind.ORGANIZATION,
    "HealthcareService": Kind.ORGANIZATION,
    "InsurancePlan": Kind.ORGANIZATION,
    "Endpoint": Kind.ORGANIZATION,
    "Location": Kind.LOCATION,
    "Medication": Kind.SUBSTANCE,
    "MedicationKnowledge": Kind.SUBSTANCE,
    "Substance": Kind.SUBSTANCE,
    "Specimen": Kind.SPECIMEN,
    "BodyStructure": Kind.SPECIMEN,
    "Provenance": Kind.PROVENANCE,
    "AuditEvent": Kind.PROVENANCE,
    "Binary": Kind.CONTENT,
    "Bundle": Kind.CONTENT,
    "Parameters": Kind.CONTENT,
    "OperationOutcome": Kind.CONTENT,
    "DocumentManifest": Kind.CONTENT,
    "Library": Kind.DEFINITION,
    "Questionnaire": Kind.DEFINITION,
    "ValueSet": Kind.DEFINITION,
    "CodeSystem": Kind.DEFINITION,
    "ConceptMap": Kind.DEFINITION,
    "StructureDefinition": Kind.DEFINITION,
    "SearchParameter": Kind.DEFINITION,
    "OperationDefinition": Kind.DEFINITION,
    "CapabilityStatement": Kind.DEFINITION,
    "ImplementationGuide": Kind.DEFINITION,
    "PlanDefinition": Kind.DEFINITION,
    "ActivityDefinition": Kind.DEFINITION,
    "Measure": Kind.DEFINITION,
    "DeviceDefinition": Kind.DEFINITION,
    "DeviceMetric": Kind.DEFINITION,
    "Schedule": Kind.DEFINITION,
    "Slot": Kind.DEFINITION,
    "Subscription": Kind.DEFINITION,
}
# An answer of the server is no part of a record, whatever a portal puts into its bundles.
_NO_RECORDS = frozenset({"OperationOutcome", "Parameters", "Bundle", "CapabilityStatement"})
_POINTERS = (
    "practitioner",
    "organization",
    "managingOrganization",
    "partOf",
    "target",
    "location",
    "manufacturer",
)


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One supporting event: its name, numbers and address, by which others are named and joined."""
    resource, kind = draft.resource, KINDS[draft.resource_type]
    name = resource.get("name")
    said = read.string(name) if isinstance(name, str) else ""
    people = names.human_names(resource)
    for field in _POINTERS:
        draft.point(field, resource.get(field))
    draft.participants += supporting_tokens(resource, resource_type=draft.resource_type)
    concept = resource.get("code") if draft.resource_type != "PractitionerRole" else None
    pointed = next((ref.display for ref in draft.refs if ref.display), "")
    ingredients = joined(*(_ingredient(each) for each in read.objs(resource, "ingredient")), by=", ")
    return (
        draft.event(
            kind,
            title=read.title(
                said,
                read.text(resource, "title"),
                *people,
                codes.words(concept),
                codes.words(resource.get("type")),
                pointed,
                ingredients,
                draft.resource_type,
            ),
            exclusion="not_a_record" if draft.resource_type in _NO_RECORDS else "supporting",
            codes=codes.codings(concept) or codes.all_codings(resource, "type"),
            text=read.text(concept, "text"),
            recorded=dates.first(resource, "recorded", "receivedTime", "collection"),
            visit_ref="",
            attributes={
                "names": joined(*people, by="; "),
                "address": joined(*(names.address(each) for each in read.objs(resource, "address")), by="; "),
                "telecom": joined(
                    *(read.text(each, "value") for each in read.objs(resource, "telecom")), by="; "
                ),
                "specialty": codes.listed(resource, "specialty")
                or joined(
                    *(codes.words(each.get("code")) for each in read.objs(resource, "qualification")), by=", "
                ),
                "relationship": codes.listed(resource, "relationship"),
                "ingredients": ingredients,
            },
        ),
    )


def _ingredient(each: read.Json) -> str:
    return codes.words(each.get("itemCodeableConcept")) or read.text(each, "itemReference", "display")
