from datetime import UTC, date, datetime

from phr.timeline.events import Event, Kind, Ref, When

expected = (
    Event(
        kind=Kind.VISIT,
        resource_type="Encounter",
        title="Pneumonia",
        detail="Dr. Amir Haddad · Lakeside Hospital",
        when=When(
            start=datetime(2022, 1, 10, 21, 30, tzinfo=UTC),
            precision="instant",
            text="2022-01-10T22:30:00+01:00",
            local_date=date(2022, 1, 10),
        ),
        until=When(
            start=datetime(2022, 1, 14, 0, 0, tzinfo=UTC),
            end=datetime(2022, 1, 15, 0, 0, tzinfo=UTC),
            precision="day",
            text="2022-01-14",
            local_date=date(2022, 1, 14),
        ),
        status="finished",
        category="imp",
        refs=(
            Ref(role="participant", display="Dr. Amir Haddad"),
            Ref(role="organization", target="#org", display="Lakeside Hospital"),
        ),
        participants=("npi:1234567893", "o:lakeside hospital", "p:amir haddad"),
        organization="Lakeside Hospital",
        attributes={"class": "Hospital stay", "reason": "Pneumonia", "people": "Dr. Amir Haddad"},
    ),
)
