"""Condition: a problem or diagnosis. https://hl7.org/fhir/R4/condition.html"""

from phr.timeline.events import Event, Exclusion, Kind
from phr.timeline.normalize import codes, dates, read, values
from phr.timeline.normalize.draft import Draft, joined, notes

_EXCLUSIONS: dict[str, Exclusion] = {"entered-in-error": "entered_in_error", "refuted": "refuted"}
_DOUBTS = {
    "unconfirmed": "not confirmed",
    "provisional": "provisional",
    "differential": "one of several possible",
}
_LISTS = {
    "problem-list-item": "problem_list",
    "problem": "problem_list",
    "diagnosis": "visit_diagnosis",
    "encounter-diagnosis": "visit_diagnosis",
    "health-concern": "health_concern",
}


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One condition. `when` is the onset, else the day it was recorded; attributes["dated_by"] says which."""
    resource = draft.resource
    concept = resource.get("code")
    clinical = codes.first_code(resource.get("clinicalStatus"))
    verification = codes.first_code(resource.get("verificationStatus"))
    onset = dates.first(resource, "onsetDateTime", "onsetPeriod", "onsetDate")
    recorded = dates.first(resource, "recordedDate", "assertedDate", "dateRecorded", "dateAsserted")
    draft.meet_all("asserter", "recorder")
    evidence = [codes.words(each.get("code")) for each in read.objs(resource, "evidence")]
    sites = codes.listed(resource, "bodySite")
    categories = [codes.first_code(each) for each in read.objs(resource, "category")]
    doubt = _DOUBTS.get(verification, "")
    return (
        draft.event(
            Kind.CONDITION,
            title=read.title(codes.words(concept), sites, *evidence, "Condition without a name"),
            detail=joined(doubt, sites if codes.words(concept) else ""),
            when=onset if onset.start else recorded,
            until=dates.until(
                resource, "abatementDateTime", "abatementPeriod", "abatementDate", "onsetPeriod"
            ),
            recorded=recorded if recorded.start else None,
            status=clinical or verification,
            exclusion=_EXCLUSIONS.get(verification, ""),
            category=next(
                (_LISTS[code] for code in categories if code in _LISTS), next(iter(categories), "")
            ),
            codes=codes.codings(concept),
            text=read.text(concept, "text"),
            attributes={
                "dated_by": "onset" if onset.start else "recorded" if recorded.start else "",
                "clinical_status": clinical,
                "verification": verification,
                "severity": codes.words(resource.get("severity")),
                "stage": joined(*(codes.words(each.get("summary")) for each in read.objs(resource, "stage"))),
                "site": sites,
                "onset": values.span_text(resource, "onset"),
                "abatement": values.span_text(resource, "abatement"),
                "note": notes(resource),
            },
        ),
    )
