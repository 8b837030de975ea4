from datetime import UTC, date, datetime

from phr.timeline.events import Coding, Event, Kind, Quantity, Ref, When

expected = (
    Event(
        kind=Kind.REPORT,
        resource_type="DiagnosticReport",
        title="Lipid panel",
        detail="Above target.",
        when=When(
            start=datetime(2024, 3, 1, 0, 0, tzinfo=UTC),
            end=datetime(2024, 3, 2, 0, 0, tzinfo=UTC),
            precision="day",
            text="2024-03-01",
            local_date=date(2024, 3, 1),
        ),
        status="final",
        text="Lipid panel",
        refs=(Ref(role="result", target="#ldl", display="LDL"),),
        attributes={"conclusion": "Above target."},
    ),
    Event(
        kind=Kind.RESULT,
        resource_type="Observation",
        ordinal=1,
        title="LDL",
        when=When(
            start=datetime(2024, 3, 1, 0, 0, tzinfo=UTC),
            end=datetime(2024, 3, 2, 0, 0, tzinfo=UTC),
            precision="day",
            text="2024-03-01",
            local_date=date(2024, 3, 1),
        ),
        status="final",
        codes=(Coding(system="http://loinc.org", code="13457-7"),),
        text="LDL",
        value=Quantity(value="161", unit="mg/dL"),
        interpretation="High",
        flag="high",
        flag_basis="interpretation",
    ),
)
