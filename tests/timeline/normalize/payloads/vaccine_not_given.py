from datetime import UTC, date, datetime

from phr.timeline.events import Coding, Event, Kind, When

expected = (
    Event(
        kind=Kind.VACCINE,
        resource_type="Immunization",
        title="Hep B, adolescent or pediatric",
        when=When(
            start=datetime(2001, 11, 5, 0, 0, tzinfo=UTC),
            precision="instant",
            text="2001-11-05T00:00:00Z",
            local_date=date(2001, 11, 5),
        ),
        status="not-done",
        exclusion="not_done",
        codes=(
            Coding(system="http://hl7.org/fhir/sid/cvx", code="08", display="Hep B, adolescent or pediatric"),
        ),
        attributes={"reason_not_done": "Patient declined"},
    ),
)
