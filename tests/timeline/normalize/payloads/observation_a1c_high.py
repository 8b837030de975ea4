from datetime import UTC, date, datetime

from phr.timeline.events import Coding, Event, Kind, Quantity, Ref, ReferenceRange, When

expected = (
    Event(
        kind=Kind.RESULT,
        resource_type="Observation",
        title="HEMOGLOBIN A1C",
        when=When(
            start=datetime(2024, 3, 1, 13, 0, tzinfo=UTC),
            precision="instant",
            text="2024-03-01T08:00:00-05:00",
            local_date=date(2024, 3, 1),
        ),
        recorded=When(
            start=datetime(2024, 3, 1, 15, 20, tzinfo=UTC),
            precision="instant",
            text="2024-03-01T15:20:00Z",
            local_date=date(2024, 3, 1),
        ),
        status="final",
        category="laboratory",
        codes=(
            Coding(
                system="http://loinc.org", code="4548-4", display="Hemoglobin A1c/Hemoglobin.total in Blood"
            ),
            Coding(system="urn:oid:1.2.840.114350.1.13.99.2.7.2.768282", code="1230", display="HGBA1C"),
        ),
        text="HEMOGLOBIN A1C",
        value=Quantity(value="13.20", unit="% of total Hgb", code="%"),
        interpretation="High",
        reference_range=ReferenceRange(text="4.0 - 5.6 %", low="4.0", high="5.6", unit="%"),
        flag="high",
        flag_basis="interpretation",
        flag_text="above 4.0\N{EN DASH}5.6",
        identifiers=(("urn:oid:1.2.840.114350.1.13.99.2.7.2.798268", "55012345"),),
        visit_ref="Encounter/e1",
        refs=(Ref(role="performer", target="Organization/lab", display="Mercy Laboratory"),),
        participants=("o:mercy laboratory",),
    ),
)
