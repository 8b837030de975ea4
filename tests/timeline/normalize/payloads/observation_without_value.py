from datetime import UTC, datetime

from phr.timeline.events import Coding, Event, Kind, When

expected = (
    Event(
        kind=Kind.LIFESTYLE,
        resource_type="Observation",
        title="72166-2",
        detail="No value: Asked But Declined",
        when=When(
            start=datetime(2019, 1, 1, 0, 0, tzinfo=UTC),
            end=datetime(2020, 1, 1, 0, 0, tzinfo=UTC),
            precision="year",
            text="2019",
        ),
        status="entered-in-error",
        exclusion="entered_in_error",
        category="social-history",
        codes=(Coding(code="72166-2"),),
        absent="Asked But Declined",
    ),
)
