"""Immunization. https://hl7.org/fhir/R4/immunization.html"""

from phr.timeline.events import Event, Exclusion, Kind
from phr.timeline.normalize import codes, dates, read, values
from phr.timeline.normalize.draft import Draft, joined, notes


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One vaccine given (or named as not given)."""
    resource = draft.resource
    concept = resource.get("vaccineCode")
    status = codes.first_code(resource.get("status"))
    exclusion: Exclusion = {"entered-in-error": "entered_in_error", "not-done": "not_done"}.get(status, "")  # type: ignore[assignment]
    if resource.get("notGiven") is True or resource.get("wasNotGiven") is True:
        exclusion = "not_done"
    draft.meet_all("performer", "requester")
    draft.meet("location", resource.get("location"))
    protocols = [*read.objs(resource, "protocolApplied"), *read.objs(resource, "vaccinationProtocol")]
    dose = next(
        (
            said
            for each in protocols
            for name in ("doseNumberPositiveInt", "doseNumberString", "doseNumber", "doseSequence")
            if (said := read.text(each, name))
        ),
        "",
    )
    maker = draft.point("manufacturer", resource.get("manufacturer"))
    return (
        draft.event(
            Kind.VACCINE,
            title=read.title(codes.words(concept), "Vaccine without a name"),
            detail=joined(f"dose {dose}" if dose else "", maker),
            when=dates.first(resource, "occurrenceDateTime", "date", "recorded"),
            recorded=dates.when(resource.get("recorded")) if resource.get("recorded") else None,
            status=status,
            exclusion=exclusion,
            codes=codes.codings(concept),
            text=read.text(concept, "text"),
            attributes={
                "occurrence": read.text(resource, "occurrenceString"),
                "lot": read.text(resource, "lotNumber"),
                "dose_number": dose,
                "dose_amount": values.quantity_text(resource.get("doseQuantity")),
                "manufacturer": maker,
                "site": codes.words(resource.get("site")),
                "route": codes.words(resource.get("route")),
                "reason_not_done": codes.words(resource.get("statusReason")) if exclusion else "",
                "primary_source": read.text(resource, "primarySource"),
                "note": notes(resource),
            },
        ),
    )
