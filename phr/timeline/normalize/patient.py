"""Patient: who the record is about. Supporting: it has no line of its own, the profile page shows it."""

from phr.timeline.events import Event, Kind
from phr.timeline.normalize import dates, names, read
from phr.timeline.normalize.draft import Draft, joined


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One supporting event: names, birth date, gender, addresses and telephone numbers as the portal has them."""
    resource = draft.resource
    said = names.human_names(resource)
    draft.point("care", resource.get("generalPractitioner"))
    draft.point("organization", resource.get("managingOrganization"))
    attributes = {
        "names": joined(*said, by="; "),
        "birth_date": read.text(resource, "birthDate"),
        "gender": read.text(resource, "gender"),
        "deceased": read.text(resource, "deceasedDateTime") or read.text(resource, "deceasedBoolean"),
        "telecom": joined(*(read.text(each, "value") for each in read.objs(resource, "telecom")), by="; "),
        "addresses": joined(*(names.address(each) for each in read.objs(resource, "address")), by="; "),
    }
    return (
        draft.event(
            Kind.PATIENT,
            title=read.title(*said, "Patient"),
            recorded=dates.when(resource.get("birthDate")),
            exclusion="supporting",
            attributes=attributes,
        ),
    )
