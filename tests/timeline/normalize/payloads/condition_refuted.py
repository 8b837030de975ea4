from datetime import UTC, date, datetime

from phr.timeline.events import Coding, Event, Kind, When

expected = (
    Event(
        kind=Kind.CONDITION,
        resource_type="Condition",
        title="احتشاء عضلة القلب",
        when=When(
            start=datetime(2020, 2, 29, 0, 0, tzinfo=UTC),
            end=datetime(2020, 3, 1, 0, 0, tzinfo=UTC),
            precision="day",
            text="2020-02-29",
            local_date=date(2020, 2, 29),
        ),
        recorded=When(
            start=datetime(2020, 2, 29, 0, 0, tzinfo=UTC),
            end=datetime(2020, 3, 1, 0, 0, tzinfo=UTC),
            precision="day",
            text="2020-02-29",
            local_date=date(2020, 2, 29),
        ),
        status="inactive",
        exclusion="refuted",
        category="visit_diagnosis",
        codes=(
            Coding(
                system="http://snomed.info/sct", code="22298006", display="Myocardial infarction (disorder)"
            ),
        ),
        text="احتشاء عضلة القلب",
        visit_ref="Encounter/e2",
        attributes={
            "dated_by": "recorded",
            "clinical_status": "inactive",
            "verification": "refuted",
            "onset": "at 61 years",
        },
    ),
)
