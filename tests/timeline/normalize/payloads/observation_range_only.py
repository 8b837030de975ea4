from datetime import UTC, datetime

from phr.timeline.events import Event, Kind, Quantity, ReferenceRange, When

expected = (
    Event(
        kind=Kind.RESULT,
        resource_type="Observation",
        title="Potassium",
        when=When(
            start=datetime(2024, 3, 1, 0, 0, tzinfo=UTC),
            end=datetime(2024, 4, 1, 0, 0, tzinfo=UTC),
            precision="month",
            text="2024-03",
        ),
        status="final",
        text="Potassium",
        value=Quantity(value="3.1", unit="mmol/l"),
        reference_range=ReferenceRange(text="3.5\N{EN DASH}5.1", low="3.5", high="5.1", unit="mmol/L"),
        flag="low",
        flag_basis="range",
        flag_text="below 3.5\N{EN DASH}5.1",
    ),
)
