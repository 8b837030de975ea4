from datetime import UTC, date, datetime

from phr.timeline.events import Event, Kind, When

expected = (
    Event(
        kind=Kind.ORDER,
        resource_type="ServiceRequest",
        title="MRI of the brain",
        when=When(
            start=datetime(2024, 3, 1, 0, 0, tzinfo=UTC),
            end=datetime(2024, 3, 2, 0, 0, tzinfo=UTC),
            precision="day",
            text="2024-03-01",
            local_date=date(2024, 3, 1),
        ),
        status="active",
        exclusion="do_not_perform",
        text="MRI of the brain",
        attributes={"intent": "order"},
    ),
)
