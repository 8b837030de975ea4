from datetime import UTC, date, datetime

from phr.timeline.events import Event, Kind, Ref, When

expected = (
    Event(
        kind=Kind.MEDICATION,
        resource_type="MedicationRequest",
        title="Medication without a name",
        detail="Take 1 tablet by mouth daily",
        when=When(
            start=datetime(2021, 5, 3, 0, 0, tzinfo=UTC),
            end=datetime(2021, 5, 4, 0, 0, tzinfo=UTC),
            precision="day",
            text="2021-05-03",
            local_date=date(2021, 5, 3),
        ),
        status="stopped",
        category="order",
        refs=(
            Ref(role="medication", target="Medication/m1"),
            Ref(role="requester", target="Practitioner/d1", display="Keeley Yundt, MD"),
        ),
        participants=("p:keeley yundt",),
        attributes={
            "event": "order",
            "intent": "order",
            "dose": "Take 1 tablet by mouth daily",
            "dose_amount": "1 tablet",
            "route": "Oral",
            "quantity": "90 tablet",
            "refills": "3",
            "reason": "High blood pressure",
        },
    ),
)
