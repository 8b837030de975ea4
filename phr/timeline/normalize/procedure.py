"""Procedure. https://hl7.org/fhir/R4/procedure.html"""

from phr.timeline.events import Event, Exclusion, Kind
from phr.timeline.normalize import codes, dates, read, values
from phr.timeline.normalize.draft import Draft, joined, notes

_EXCLUSIONS: dict[str, Exclusion] = {
    "entered-in-error": "entered_in_error",
    "not-done": "not_done",
    "aborted": "",
    "suspended": "",
}


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One procedure; aborted ones are shown with that status, those not done are named and left out."""
    resource = draft.resource
    concept = resource.get("code")
    status = codes.first_code(resource.get("status"))
    exclusion = _EXCLUSIONS.get(status, "")
    if resource.get("notDone") is True or resource.get("notPerformed") is True:
        exclusion = "not_done"
    draft.meet_all("performer", "recorder", "asserter")
    draft.meet("location", resource.get("location"))
    draft.point("report", resource.get("report"))
    draft.point("reason", resource.get("reasonReference"))
    draft.point("order", resource.get("basedOn"))
    site = codes.listed(resource, "bodySite")
    reason = codes.listed(resource, "reasonCode")
    return (
        draft.event(
            Kind.PROCEDURE,
            title=read.title(
                codes.words(concept), codes.words(resource.get("category")), "Procedure without a name"
            ),
            detail=joined(site, reason),
            when=dates.first(
                resource, "performedDateTime", "performedPeriod", "occurrenceDateTime", "occurrencePeriod"
            ),
            until=dates.until(resource, "performedPeriod", "occurrencePeriod"),
            recorded=None,
            status=status,
            exclusion=exclusion,
            category=codes.first_code(resource.get("category")),
            codes=codes.codings(concept),
            text=read.text(concept, "text"),
            attributes={
                "site": site,
                "reason": reason,
                "outcome": codes.words(resource.get("outcome")),
                "complication": codes.listed(resource, "complication"),
                "follow_up": codes.listed(resource, "followUp"),
                "reason_not_done": codes.words(resource.get("statusReason")) if exclusion else "",
                "performed": values.span_text(resource, "performed"),
                "note": notes(resource),
            },
        ),
    )
