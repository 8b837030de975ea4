from datetime import UTC, date, datetime

from phr.timeline.events import Coding, Component, Event, Kind, Quantity, When

expected = (
    Event(
        kind=Kind.VITAL,
        resource_type="Observation",
        title="Blood pressure",
        when=When(
            start=datetime(2024, 3, 1, 8, 0, tzinfo=UTC),
            precision="minute",
            text="2024-03-01T08:00",
            local_date=date(2024, 3, 1),
            zoned=False,
        ),
        until=When(
            start=datetime(2024, 3, 1, 8, 5, tzinfo=UTC),
            precision="minute",
            text="2024-03-01T08:05",
            local_date=date(2024, 3, 1),
            zoned=False,
        ),
        status="final",
        category="vital-signs",
        codes=(Coding(system="http://loinc.org", code="85354-9", display="Blood pressure panel"),),
        text="Blood pressure",
        components=(
            Component(
                title="Systolic",
                codes=(Coding(system="http://loinc.org", code="8480-6"),),
                value=Quantity(value="128", unit="mmHg", code="mm[Hg]"),
            ),
            Component(
                title="Diastolic",
                codes=(Coding(system="http://loinc.org", code="8462-4"),),
                value=Quantity(value="79", unit="mmHg", code="mm[Hg]"),
            ),
        ),
    ),
)
